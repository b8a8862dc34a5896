// SPDX-License-Identifier: MIT
/*
 * Schemas at run time: tables that say what a message means, and reading and
 * building by them where no generated code is at hand.
 *
 * A declaration of a schema is a struct capnp_node_info. Nodes point to each
 * other directly, so a program that holds one has all that belongs to it. The
 * tables are plain data with no pointers to code: a generator can write them as
 * constants, and a tool can fill them in from a CodeGeneratorRequest.
 *
 *   struct capnp_record r = capnp_record_root(node, &m);
 *   for (uint32_t i = 0; i < node->field_count; i++) {
 *       const struct capnp_field_info *f = &node->fields[i];
 *       if (capnp_record_is_set(&r, f)) {
 *           struct capnp_value v = capnp_record_get(&r, f);
 *           switch (v.type.info->kind) ...
 *
 * Always true of tables, and relied on by every reader of them:
 *   1  a slot of type t lies inside its struct: (offset + 1) * size of t is at most
 *      data_words * 64 bits, or offset < pointer_count
 *   2  a type of kind LIST has an element; ENUM, STRUCT and INTERFACE have a node of
 *      that kind
 *   3  a group has the size of the struct that it is part of, and no group contains
 *      itself
 *   4  values are numbers of their field's width; default_value, where it is not
 *      empty, is a message whose root is the default
 *   5  a union's discriminant lies inside its struct, and a member's is below
 *      union_count
 *   6  what is flattened does not flatten itself, and the names of all members of one
 *      object of JSON differ, but for members of one union
 *
 * The messages are anybody's: what is read by a table is as bounded as what is
 * read by generated code, since the same functions read it.
 */
#pragma once

#include <capnp/build.h>

/* The types of the schema language, by the numbers that schema.capnp gives them. */
enum capnp_type_kind {
    CAPNP_TYPE_VOID = 0,
    CAPNP_TYPE_BOOL = 1,
    CAPNP_TYPE_INT8 = 2,
    CAPNP_TYPE_INT16 = 3,
    CAPNP_TYPE_INT32 = 4,
    CAPNP_TYPE_INT64 = 5,
    CAPNP_TYPE_UINT8 = 6,
    CAPNP_TYPE_UINT16 = 7,
    CAPNP_TYPE_UINT32 = 8,
    CAPNP_TYPE_UINT64 = 9,
    CAPNP_TYPE_FLOAT32 = 10,
    CAPNP_TYPE_FLOAT64 = 11,
    CAPNP_TYPE_TEXT = 12,
    CAPNP_TYPE_DATA = 13,
    CAPNP_TYPE_LIST = 14,
    CAPNP_TYPE_ENUM = 15,
    CAPNP_TYPE_STRUCT = 16,
    CAPNP_TYPE_INTERFACE = 17,
    CAPNP_TYPE_ANY = 18,       /* AnyPointer and its kin; a method's own parameter */
    CAPNP_TYPE_PARAMETER = 19, /* a generic declaration's parameter */
};

struct capnp_node_info;
struct capnp_type_info;

/* What one generic declaration's parameters stand for. */
struct capnp_binding_info {
    uint64_t scope_id;                    /* the declaration */
    const struct capnp_type_info *params; /* by index; kind ANY where unbound */
    uint16_t param_count;
    bool inherits; /* they are what they are where the type is named */
};

/* The parameters of a type that is an instance of generic declarations. */
struct capnp_brand_info {
    const struct capnp_binding_info *bindings;
    uint16_t binding_count;
};

struct capnp_type_info {
    enum capnp_type_kind kind;
    uint16_t parameter;                    /* PARAMETER: its index */
    uint64_t scope_id;                     /* PARAMETER: whose */
    const struct capnp_type_info *element; /* LIST */
    const struct capnp_node_info *node;    /* ENUM, STRUCT, INTERFACE */
    const struct capnp_brand_info *brand;  /* STRUCT, INTERFACE; NULL: nothing bound */
};

/* What ordinal and discriminant are for a field that has none. */
#define CAPNP_NO_ORDINAL      0xffffffffu
#define CAPNP_NO_DISCRIMINANT 0xffffu

/* How JSON says the bytes of a field of Data. */
enum capnp_json_data {
    CAPNP_JSON_BYTES, /* an array of numbers */
    CAPNP_JSON_BASE64,
    CAPNP_JSON_HEX,
};

/* What annotations of json.capnp say of a field; <capnp/json.h> says what they do. */
struct capnp_json_field {
    const char *name;   /* NULL: its own */
    const char *prefix; /* its struct is flattened, with this before names; NULL: it is not */
    enum capnp_json_data data;
};

/* What its discriminator says of a union. */
struct capnp_json_union {
    const char *tag;   /* the member that names the one which is set; NULL: there is none */
    const char *value; /* the name of all members that are not flattened; NULL: their own */
};

struct capnp_field_info {
    const char *name; /* all names are as in the schema; never NULL */
    const char *doc;  /* all comments: never NULL, empty if there is none */
    struct capnp_type_info type;
    uint32_t ordinal; /* the @n; CAPNP_NO_ORDINAL for most groups */
    uint16_t code_order;
    uint16_t discriminant; /* which member of the union it is */
    bool is_group;         /* type is the group's struct; offset and default are nothing */
    bool has_default;      /* the schema says one */
    uint32_t offset;       /* in units of the type's size, for pointers in pointers */
    uint64_t default_bits; /* XORed with what is in the message */
    struct capnp_segment default_value;  /* of a pointer; base is NULL if there is none */
    const struct capnp_json_field *json; /* NULL: no annotation */
};

struct capnp_enumerant_info {
    const char *name;
    const char *doc;
    uint16_t code_order;
    const char *json_name; /* NULL: its own */
};

struct capnp_method_node {
    const char *name;
    const char *doc;
    const struct capnp_node_info *params; /* STRUCT */
    const struct capnp_node_info *results;
    const struct capnp_brand_info *params_brand;
    const struct capnp_brand_info *results_brand;
    const char *const *implicit_names; /* its own type parameters */
    uint16_t implicit_count;
    uint16_t code_order;
};

enum capnp_node_kind {
    CAPNP_NODE_FILE = 0, /* by the numbers of schema.capnp too */
    CAPNP_NODE_STRUCT = 1,
    CAPNP_NODE_ENUM = 2,
    CAPNP_NODE_INTERFACE = 3,
    CAPNP_NODE_CONST = 4,
    CAPNP_NODE_ANNOTATION = 5,
};

struct capnp_node_info {
    enum capnp_node_kind kind;
    uint64_t id;
    uint64_t scope_id;        /* of what it is declared in; 0 for a file, a method's struct */
    const char *name;         /* its own */
    const char *display_name; /* with its file's and its scopes' */
    const char *doc;
    const char *const *param_names; /* of a generic declaration */
    uint16_t param_count;

    /* STRUCT. Members in the order of their ordinals, as the encoding has them. */
    uint16_t data_words;
    uint16_t pointer_count;
    bool is_group;
    uint16_t union_count;  /* members that share a discriminant; 0: no union */
    uint32_t union_offset; /* of the discriminant, in units of 16 bits */
    uint32_t field_count;
    const struct capnp_field_info *fields;
    const struct capnp_json_union *json_union; /* NULL: no discriminator */

    /* ENUM, by value. */
    uint32_t enumerant_count;
    const struct capnp_enumerant_info *enumerants;

    /* INTERFACE. Methods by number. */
    uint32_t method_count;
    uint32_t superclass_count;
    const struct capnp_method_node *methods;
    const struct capnp_type_info *superclasses; /* kind INTERFACE */

    /* CONST. */
    struct capnp_type_info type;
    uint64_t value_bits;
    struct capnp_segment value; /* of a pointer type: a message whose root is the value */
};

/* All declarations of some files. */
struct capnp_schema_info {
    const struct capnp_node_info *const *nodes; /* sorted by id */
    size_t node_count;
};

/* The declaration with this id, or NULL. */
const struct capnp_node_info *capnp_schema_find(const struct capnp_schema_info *schema,
                                                uint64_t id);

/* The member of this name, or NULL. Members of an unnamed union are found, of groups not. */
const struct capnp_field_info *capnp_node_field(const struct capnp_node_info *node,
                                                struct capnp_text name);

/* The value that has this name, or -1. */
int32_t capnp_node_enumerant(const struct capnp_node_info *node, struct capnp_text name);

/* ---------------------------------------------------------------------------
 * Types in a place. What a parameter stands for depends on the way by which the
 * declaration that has it was reached, which is a chain of scopes, innermost first.
 * The chain lives in the records that were stepped through. */

struct capnp_scope {
    const struct capnp_brand_info *brand; /* may be NULL */
    const struct capnp_scope *outer;      /* where the brand was named; may be NULL */
};

struct capnp_type {
    const struct capnp_type_info *info; /* never of kind PARAMETER */
    const struct capnp_scope *scope;
};

/* The type itself, with its parameter replaced if it is one; ANY if nothing binds it. */
struct capnp_type capnp_type_in(const struct capnp_type_info *info,
                                const struct capnp_scope *scope);

/* The type of the elements of a list type. */
struct capnp_type capnp_type_element(struct capnp_type type);

/* Whether values of the kind are pointers. */
bool capnp_type_is_pointer(enum capnp_type_kind kind);

/* The size of a value of the kind: 0 for Void, 64 for pointers. */
unsigned capnp_type_bits(enum capnp_type_kind kind);

/* How a list of such elements is laid out. */
enum capnp_element capnp_type_layout(struct capnp_type type);

/* ---------------------------------------------------------------------------
 * Reading */

/* A struct of a message with its schema. Values read from it point to it. */
struct capnp_record {
    const struct capnp_node_info *node;
    struct capnp_struct s;
    struct capnp_scope scope;
};

struct capnp_value {
    struct capnp_type type;
    uint64_t bits;            /* numbers, zero-extended; floats as their bits */
    struct capnp_any pointer; /* for a field without a value, its default's */
    struct capnp_struct s;    /* STRUCT */
};

/* A list with its type. */
struct capnp_sequence {
    struct capnp_type element;
    struct capnp_list list;
};

/* The root of a message whose type is this struct, which is not generic. */
struct capnp_record capnp_record_root(const struct capnp_node_info *node,
                                      struct capnp_message *message);

/* Whether the field has its turn: it is no member of a union, or the one that is set. */
bool capnp_record_has_turn(const struct capnp_record *r, const struct capnp_field_info *field);

/* Whether there is a value: it has its turn and is, if it is a pointer, not null. */
bool capnp_record_is_set(const struct capnp_record *r, const struct capnp_field_info *field);

/* The member of the union that is set; NULL: there is no union, or it is none we know. */
const struct capnp_field_info *capnp_record_which(const struct capnp_record *r);

/* The field's value; the default where the field is not set. */
struct capnp_value capnp_record_get(const struct capnp_record *r,
                                    const struct capnp_field_info *field);

/* A value of kind STRUCT as a record. The value's own scope must outlive it. */
struct capnp_record capnp_value_record(const struct capnp_value *v);

/* A value of kind LIST, TEXT and DATA. */
struct capnp_sequence capnp_value_sequence(const struct capnp_value *v);
struct capnp_text capnp_value_text(const struct capnp_value *v);
struct capnp_data capnp_value_data(const struct capnp_value *v);

/* Element i of a list, i < list.len. */
struct capnp_value capnp_sequence_at(const struct capnp_sequence *sequence, uint32_t i);

/*
 * Walks all that is set and that the schema knows of, as deep as it goes. True if
 * nothing of it is malformed; it can then be read however often.
 */
bool capnp_record_check(const struct capnp_record *r);

/* A number of a signed kind with its sign. */
int64_t capnp_value_signed(const struct capnp_value *v);

/* ---------------------------------------------------------------------------
 * Building */

/* A struct being built, with its schema. */
struct capnp_draft {
    const struct capnp_node_info *node;
    struct capnp_struct_builder b;
    struct capnp_scope scope;
};

/* Where a value goes: a field of a draft, or an element of a list. */
struct capnp_target {
    struct capnp_type type;
    bool in_list; /* element `index` of `list`; else ... */
    struct capnp_list_builder list;
    uint32_t index;
    struct capnp_struct_builder b;       /* ... a field of this struct */
    const struct capnp_node_info *owner; /* with this schema */
    const struct capnp_field_info *field;
};

/* A list being built, with its type. */
struct capnp_list_draft {
    struct capnp_type element;
    struct capnp_list_builder list;
};

/* The root of a message that is yet empty. */
struct capnp_draft capnp_draft_root(const struct capnp_node_info *node, struct capnp_arena *arena);

/* The place of a field; selects it, if it is a member of a union. */
struct capnp_target capnp_draft_target(const struct capnp_draft *d,
                                       const struct capnp_field_info *field);

/* The place of element i of a list. */
struct capnp_target capnp_list_draft_target(const struct capnp_list_draft *l, uint32_t i);

/* Sets a number; the bits above the type's width are dropped. */
void capnp_target_set_bits(const struct capnp_target *t, uint64_t bits);

/* Where the pointer of a value of a pointer type goes; not for structs in lists and groups. */
struct capnp_any_builder capnp_target_pointer(const struct capnp_target *t);

/* Starts a struct of defaults: lays it down, clears the group, or takes the element as it is. */
struct capnp_draft capnp_target_struct(const struct capnp_target *t);

/* A struct that was laid down before, and lies there; of a group, the struct it is part of. */
struct capnp_draft capnp_target_resume(const struct capnp_target *t, struct capnp_struct_builder b);

/* Lays down a list of `len` elements. */
struct capnp_list_draft capnp_target_list(const struct capnp_target *t, uint32_t len);
