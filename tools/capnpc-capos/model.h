// SPDX-License-Identifier: MIT
/*
 * The schema as the generator sees it: every declaration of the request, with
 * its C name, checked.
 *
 * The request comes from the schema compiler, but is read as if it came from
 * anybody. model_init refuses, with the declaration's name, whatever the emitters
 * could stumble over, so that they need not look again:
 *   1  every id that is referred to is there and is of the right kind
 *   2  every name is an identifier, and every generated name is unique
 *   3  every field lies inside its struct
 *   4  nothing uses a feature that is not generated: generics, capabilities in
 *      fields, inheritance
 */
#pragma once

#include "gen/schema.capnp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum decl_kind { DECL_FILE, DECL_STRUCT, DECL_ENUM, DECL_INTERFACE, DECL_CONST, DECL_ANNOTATION };

struct decl {
    enum decl_kind kind;
    uint64_t id;
    struct schema_node node;
    struct schema_node_source_info info; /* of defaults when there is none */
    const char *label;                   /* for messages: file and declaration */
    const char *name;                    /* in C: snake_case with the prefix */
    const char *upper;                   /* the same in capitals */
    const char *schema_name;             /* the declaration's own name in the schema */
    struct decl *file;                   /* itself, for a file */
    struct decl *parent;                 /* what it is declared in; NULL for a file */
    bool is_group;
    bool is_message; /* parameters or results, declared by a method */
    bool keeps_docs; /* file: carries $C.prefix, so its comments are taken over */
    bool is_leaf;    /* struct: its check is a few loads, and inline */
    bool placed;     /* is in the order of its file */

    struct schema_node_struct s;
    uint16_t data_words;
    uint16_t pointer_count;
};

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
    TYPE_ANY,
};

struct type {
    enum type_kind kind;
    unsigned bits;              /* BOOL, INT, FLOAT, ENUM */
    bool is_signed;             /* INT */
    const struct decl *decl;    /* ENUM, STRUCT */
    const struct type *element; /* LIST */
};

struct field {
    const struct decl *owner;
    struct schema_field field;
    uint32_t index;   /* in the owner's list, for its comment */
    const char *name; /* snake_case, without the owner's */
    const char *upper;
    const char *doc;
    bool in_union;
    uint16_t discriminant;
    const struct decl *group; /* NULL for a slot */
    struct type type;         /* of a slot */
    uint32_t offset;          /* of a slot, in units of its size */
};

struct method {
    const char *name;
    const char *upper;
    const char *schema_name;
    const char *doc;
    const struct decl *params;
    const struct decl *results;
};

/* The declarations of one file, in the order in which they stand in it. */
struct model_file {
    const struct decl *decl;
    const char *path;   /* as the compiler names it */
    const char *prefix; /* of C names, without the underscore */
    const struct decl **order;
    size_t count;
};

struct model {
    struct decl *decls;
    size_t count;
    struct model_file *files; /* the requested ones */
    size_t file_count;
};

/* Takes the request apart. Keeps it; does not return if it refuses. */
void model_init(struct model *model, struct schema_code_generator_request request);

uint32_t model_field_count(const struct decl *decl);
struct field model_field(const struct model *model, const struct decl *decl, uint32_t i);

uint32_t model_method_count(const struct decl *decl);
struct method model_method(const struct model *model, const struct decl *decl, uint32_t i);

/* The comment of a declaration, and of its i-th member; empty if there is none. */
const char *model_doc(const struct decl *decl);
const char *model_member_doc(const struct decl *decl, uint32_t i);

/* The C name of the i-th enumerant, without the enum's. */
const char *model_enumerant(const struct model *model, const struct decl *decl, uint32_t i);

/* Whether these are the parameters or results of a method that has none. */
bool model_is_nothing(const struct decl *decl);

/*
 * Whether there may be something behind pointers to check: in the struct, or in
 * that part of it which is the group.
 */
bool model_has_check(const struct model *model, const struct decl *decl);

/* Whether the struct has a union, named or not. */
bool model_has_union(const struct decl *decl);

/* A type of the schema; does not return if it is one that is not generated. */
struct type model_type(const struct model *model, struct schema_type type, const char *label);

/* Whether a value of the type is a pointer. */
bool model_is_pointer(const struct type *type);

/* The name that `name` would have in C as a variable or member: no keyword. */
const char *model_identifier(const char *name);
