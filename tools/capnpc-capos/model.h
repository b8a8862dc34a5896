// SPDX-License-Identifier: MIT
/*
 * The schema as the generator sees it: every declaration of the request, with
 * its C name, checked.
 *
 * The request comes from the schema compiler, but is read as if it came from
 * anybody. model_init refuses, with the declaration's name, whatever the emitters
 * could stumble over, so that they need not look again:
 *   1  every id that is referred to is there and is of the right kind
 *   2  every name is an identifier, and every type has a name of its own
 *   3  every field lies inside its struct
 *   4  scopes, superclasses and bindings of generic types end
 *
 * A generic struct is a declaration like any other, whose parameters read as
 * AnyPointer. Where a file binds them (Box(Text)), the file gets an instance: a
 * declaration with the same node, a name of its own (box_of_text) and the bound
 * types in place of the parameters. Capabilities of a generic interface are of the
 * plain one; an interface that extends it has methods with the bound types.
 *
 *   model.c     declarations and files: what the request consists of
 *   name.c      what C calls things
 *   type.c      types, and instances of generic structs
 *   member.c    fields, enumerants, methods
 *   verify.c    refusals
 */
#pragma once

#include "gen/schema.capnp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Levels of declarations inside declarations, and of interfaces above interfaces. */
#define SCOPES_MAX 32u

/* Interfaces that one interface inherits from, with itself. */
#define ANCESTORS_MAX 256u

/* Instances of generic structs in all files together. */
#define INSTANCES_MAX 1024u

enum decl_kind { DECL_FILE, DECL_STRUCT, DECL_ENUM, DECL_INTERFACE, DECL_CONST, DECL_ANNOTATION };

enum type_kind {
    TYPE_VOID,
    TYPE_BOOL,
    TYPE_INT,
    TYPE_FLOAT,
    TYPE_ENUM,
    TYPE_TEXT,
    TYPE_DATA,
    TYPE_LIST,
    TYPE_STRUCT,
    TYPE_CAP,
    TYPE_ANY,
    TYPE_ANY_STRUCT,
    TYPE_ANY_LIST,
};

struct type {
    enum type_kind kind;
    unsigned bits;              /* BOOL, INT, FLOAT, ENUM */
    bool is_signed;             /* INT */
    unsigned nesting;           /* levels of instances inside each other */
    const struct decl *decl;    /* ENUM, STRUCT; CAP: its interface, or NULL for any */
    const struct type *element; /* LIST */
};

/* What the parameters of generic declarations stand for; one that is missing is AnyPointer. */
struct binding {
    uint64_t scope; /* the generic declaration */
    uint32_t index;
    struct type type;
};

struct bindings {
    struct binding *list;
    size_t count;
};

struct decl {
    enum decl_kind kind;
    uint64_t id;
    struct schema_node node;
    struct schema_node_source_info info; /* of defaults when there is none */
    const char *label;                   /* for messages: file and declaration */
    const char *name;                    /* in C: snake_case with the prefix */
    const char *upper;                   /* the same in capitals */
    const char *schema_name;             /* the declaration's own name in the schema */
    const char **members;                /* the names of fields or enumerants, without its own */
    struct decl *file;       /* itself, for a file; an instance's is that which uses it */
    struct decl *parent;     /* what it is declared in; NULL for a file */
    const struct decl *base; /* what this is an instance of, or itself */
    struct bindings bound;   /* of an instance */
    unsigned nesting;        /* of an instance: see struct type */
    bool is_group;
    bool is_message; /* parameters or results, declared by a method */
    bool keeps_docs; /* file: carries $C.prefix, so its comments are taken over */
    bool is_leaf;    /* struct: its check is a few loads, and inline */
    bool placed;     /* is in the order of its file */

    struct schema_node_struct s;
    uint16_t data_words;
    uint16_t pointer_count;
};

struct field {
    const struct decl *owner;
    struct schema_field field;
    uint32_t index;   /* in the owner's list, for its comment */
    const char *name; /* snake_case, without the owner's */
    const char *tag;  /* of a member of a union: the value's whole name in C */
    const char *doc;
    bool in_union;
    uint16_t discriminant;
    const struct decl *group; /* NULL for a slot */
    struct type type;         /* of a slot */
    uint32_t offset;          /* of a slot, in units of its size */
};

/* A method as one interface has it: its own, or one that it inherits. */
struct method {
    const struct decl *interface; /* that declares it, whose id calls carry */
    const char *name;             /* unique among all methods of the interface that has it */
    const char *number;           /* the whole name in C of the method's number */
    const char *schema_name;
    const char *doc;
    const struct decl *params;
    const struct decl *results;
};

struct methods {
    struct method *list; /* the interface's own first, by number */
    uint32_t count;
    uint32_t own_count;
};

/* The declarations of one file, in the order in which they stand in it; instances behind them. */
struct model_file {
    const struct decl *decl;
    const char *path;   /* as the compiler names it */
    const char *prefix; /* of C names, without the underscore */
    struct decl **order;
    size_t count;
};

/* The instances found so far; they are looked for while members are read. */
struct instances {
    struct decl *list[INSTANCES_MAX];
    size_t count;
};

struct names;

struct model {
    struct decl *decls;
    size_t count;
    struct instances *instances;
    struct names *names;
    struct model_file *files; /* the requested ones */
    size_t file_count;
};

/* Takes the request apart. Keeps it; does not return if it refuses. */
void model_init(struct model *model, struct schema_code_generator_request request);

/* ---------------------------------------------------------------------------
 * Declarations */

/* The declaration of this id, or NULL. */
struct decl *model_find(const struct model *model, uint64_t id);

/* The same, of this kind; does not return when there is none. `label` refers to it. */
struct decl *model_find_kind(const struct model *model, uint64_t id, enum decl_kind kind,
                             const char *label);

/* The comment of a declaration, and of its i-th member; empty if there is none. */
const char *model_doc(const struct decl *decl);
const char *model_member_doc(const struct decl *decl, uint32_t i);

/* ---------------------------------------------------------------------------
 * Members */

/*
 * Gives fields and enumerants their names: a number goes behind one that another
 * before it has.
 */
void model_name_members(struct decl *decl);

uint32_t model_field_count(const struct decl *decl);
struct field model_field(const struct model *model, const struct decl *decl, uint32_t i);

/* All methods of an interface. */
struct methods model_methods(const struct model *model, const struct decl *decl);

/*
 * The interfaces whose methods an interface has: itself, and all that it inherits
 * from, each once. The array is the caller's.
 */
size_t model_ancestors(const struct model *model, const struct decl *decl, const struct decl **list,
                       size_t room);

uint32_t model_enumerant_count(const struct decl *decl);

/* The whole C name of the i-th enumerant. */
const char *model_enumerant(const struct decl *decl, uint32_t i);

/* Whether these are the parameters or results of a method that has none. */
bool model_is_nothing(const struct decl *decl);

/*
 * Whether there may be something behind pointers to check: in the struct, or in
 * that part of it which is the group.
 */
bool model_has_check(const struct model *model, const struct decl *decl);

/*
 * Whether the struct has pointers, at most 8, and each is a field of Text or Data; bit i of
 * *texts is then set for each that is a Text.
 */
bool model_is_bytes(const struct model *model, const struct decl *decl, uint32_t *texts);

/* Whether a message of the struct may hold capabilities; true for one that is deep. */
bool model_holds_capabilities(const struct model *model, const struct decl *decl);

/* Whether the struct has a union, named or not. */
bool model_has_union(const struct decl *decl);

/* ---------------------------------------------------------------------------
 * Types */

/*
 * A type of the schema as it reads in `file`, where `bound` says what parameters
 * stand for. Does not return if there is no such type.
 */
struct type model_type(const struct model *model, const struct decl *file,
                       const struct bindings *bound, struct schema_type type, const char *label);

/* The struct of this id under a brand; an instance, where that binds something. */
const struct decl *model_branded(const struct model *model, const struct decl *file,
                                 const struct bindings *bound, uint64_t id,
                                 struct schema_brand brand, const char *label);

/* What a brand says of parameters, inside of what `bound` says. */
struct bindings model_bindings(const struct model *model, const struct decl *file,
                               const struct bindings *bound, struct schema_brand brand,
                               const char *label);

/* The group of an instance, which is an instance too; `name` is the field's. */
const struct decl *model_group(const struct model *model, const struct decl *owner,
                               const struct decl *group, const char *name);

/* Whether a value of the type is a pointer. */
bool model_is_pointer(const struct type *type);

/* ---------------------------------------------------------------------------
 * Names */

/* A text of the request as a string. */
const char *name_string(struct capnp_text text);

/* Gives a declaration its name; its scopes have been linked. */
void name_decl(const struct model *model, struct decl *decl);

/* Gives an instance a name that is not taken. */
void name_instance(const struct model *model, struct decl *decl, const char *wanted);

/* A declaration's name without its file's prefix, seen from `file`: for use inside of a name. */
const char *name_inside(const struct decl *decl, const struct decl *file);

/* The C name of a member: what its annotation says, or its own in snake_case. */
const char *name_member(const char *label, struct capnp_text text,
                        struct schema_annotation_list annotations);

/* PREFIX_NAME in capitals; with a number behind it where a generated macro has that name. */
const char *name_constant(const struct decl *scope, const char *name);

/* The name that `name` would have in C as a variable or member: no keyword. */
const char *name_identifier(const char *name);

bool name_is_plain_char(char c);

struct names *names_create(void);

/* ---------------------------------------------------------------------------
 * Refusals */

/* Does not return if the declaration is one that the emitters could stumble over. */
void verify_decl(const struct model *model, const struct decl *decl);

/* Does not return if the path leads out of the current directory or spoils an #include. */
void verify_path(const char *path);
