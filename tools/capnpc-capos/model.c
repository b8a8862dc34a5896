// SPDX-License-Identifier: MIT
#include "model.h"

#include "out.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The annotations of schema/c.capnp. */
#define ANNOTATION_PREFIX 0xb2a6e1d47c90f385u
#define ANNOTATION_NAME   0xe4c87a1f5d3b6092u

/* Levels of declarations inside declarations. */
#define SCOPES_MAX 32u

/* ---------------------------------------------------------------------------
 * Names */

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *text_string(struct capnp_text text)
{
    return out_string("%.*s", (int)text.len, text.ptr);
}

static const char *in_capitals(const char *name)
{
    char *copy = out_alloc(strlen(name) + 1u);

    for (size_t i = 0; name[i] != '\0'; i++) {
        copy[i] = is_lower(name[i]) ? (char)(name[i] - 'a' + 'A') : name[i];
    }
    return copy;
}

/* camelCase to snake_case; a run of capitals is one word, with the last beginning the next. */
static const char *in_snake_case(const char *name)
{
    char *copy = out_alloc(strlen(name) * 2u + 1u);
    size_t n = 0;

    for (size_t i = 0; name[i] != '\0'; i++) {
        char c = name[i];
        bool after_word = i > 0 && (is_lower(name[i - 1u]) || is_digit(name[i - 1u]));
        bool before_word = i > 0 && is_upper(name[i - 1u]) && is_lower(name[i + 1u]);
        if (is_upper(c) && (after_word || before_word)) {
            copy[n++] = '_';
        }
        copy[n++] = is_upper(c) ? (char)(c - 'A' + 'a') : c;
    }
    return copy;
}

/* Whether the name can be part of a C identifier. */
static bool is_name(const char *name)
{
    if (!is_upper(name[0]) && !is_lower(name[0])) {
        return false;
    }
    for (size_t i = 0; name[i] != '\0'; i++) {
        if (!is_upper(name[i]) && !is_lower(name[i]) && !is_digit(name[i]) && name[i] != '_') {
            return false;
        }
    }
    return true;
}

const char *model_identifier(const char *name)
{
    static const char *const keywords[] = {
        "auto",     "break",  "case",   "char",     "const",    "continue", "default",  "do",
        "double",   "else",   "enum",   "extern",   "float",    "for",      "goto",     "if",
        "inline",   "int",    "long",   "register", "restrict", "return",   "short",    "signed",
        "sizeof",   "static", "struct", "switch",   "typedef",  "union",    "unsigned", "void",
        "volatile", "while",  "bool",   "true",     "false",    "asm",      "typeof",
    };

    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        if (strcmp(name, keywords[i]) == 0) {
            return out_string("%s_", name);
        }
    }
    return name;
}

/* The text of an annotation, or NULL. */
static const char *annotation(struct schema_annotation_list list, uint64_t id)
{
    for (uint32_t i = 0; i < schema_annotation_list_len(list); i++) {
        struct schema_annotation a = schema_annotation_list_at(list, i);
        if (schema_annotation_get_id(a) == id) {
            return text_string(schema_value_get_text(schema_annotation_get_value(a)));
        }
    }
    return NULL;
}

/* The C name of a member: what its annotation says, or its own in snake_case. */
static const char *member_name(const char *label, struct capnp_text text,
                               struct schema_annotation_list annotations)
{
    const char *given = annotation(annotations, ANNOTATION_NAME);
    const char *name = given != NULL ? given : text_string(text);

    if (!is_name(name)) {
        out_refuse(label, "the name %s cannot be one in C; give another with $C.name",
                   out_literal(name, strlen(name)));
    }
    return given != NULL ? given : in_snake_case(name);
}

/* ---------------------------------------------------------------------------
 * Declarations */

static struct decl *find(const struct model *model, uint64_t id)
{
    for (size_t i = 0; i < model->count; i++) {
        if (model->decls[i].id == id) {
            return &model->decls[i];
        }
    }
    return NULL;
}

static struct decl *find_kind(const struct model *model, uint64_t id, enum decl_kind kind,
                              const char *label)
{
    struct decl *decl = find(model, id);

    if (decl == NULL || decl->kind != kind) {
        out_refuse(label, "refers to 0x%016" PRIx64 ", which the request does not declare as such",
                   id);
    }
    return decl;
}

static enum decl_kind node_kind(struct schema_node node, const char *label)
{
    switch (schema_node_which(node)) {
    case SCHEMA_NODE_FILE:
        return DECL_FILE;
    case SCHEMA_NODE_STRUCT:
        return DECL_STRUCT;
    case SCHEMA_NODE_ENUM:
        return DECL_ENUM;
    case SCHEMA_NODE_INTERFACE:
        return DECL_INTERFACE;
    case SCHEMA_NODE_CONST:
        return DECL_CONST;
    case SCHEMA_NODE_ANNOTATION:
        return DECL_ANNOTATION;
    }
    out_refuse(label, "is a kind of declaration that capnpc-capos does not know");
}

static void read_node(struct decl *decl, struct schema_node node)
{
    uint32_t prefix = schema_node_get_display_name_prefix_length(node);

    decl->node = node;
    decl->id = schema_node_get_id(node);
    decl->label = text_string(schema_node_get_display_name(node));
    decl->kind = node_kind(node, decl->label);
    decl->schema_name = prefix < strlen(decl->label) ? decl->label + prefix : decl->label;
    if (decl->kind == DECL_STRUCT) {
        decl->s = schema_node_get_struct(node);
        decl->is_group = schema_node_struct_get_is_group(decl->s);
        decl->data_words = schema_node_struct_get_data_word_count(decl->s);
        decl->pointer_count = schema_node_struct_get_pointer_count(decl->s);
    }
}

/* What a declaration is declared in: its scope or, for a method's own structs, the interface. */
static void link_scopes(struct model *model)
{
    for (size_t i = 0; i < model->count; i++) {
        struct decl *decl = &model->decls[i];
        uint64_t scope = schema_node_get_scope_id(decl->node);
        if (decl->kind == DECL_FILE) {
            decl->file = decl;
        } else if (scope != 0) {
            decl->parent = find(model, scope);
        }
        if (decl->kind != DECL_INTERFACE) {
            continue;
        }
        struct schema_method_list methods =
            schema_node_interface_get_methods(schema_node_get_interface(decl->node));
        for (uint32_t k = 0; k < schema_method_list_len(methods); k++) {
            struct schema_method m = schema_method_list_at(methods, k);
            const char *name = member_name(decl->label, schema_method_get_name(m),
                                           schema_method_get_annotations(m));
            uint64_t ids[] = {schema_method_get_param_struct_type(m),
                              schema_method_get_result_struct_type(m)};
            for (size_t side = 0; side < 2; side++) {
                struct decl *message = find_kind(model, ids[side], DECL_STRUCT, decl->label);
                if (schema_node_get_scope_id(message->node) == 0) {
                    message->parent = decl;
                    message->is_message = true;
                    message->name = out_string("%s_%s", name, side == 0 ? "params" : "results");
                }
            }
        }
    }
}

/* The declaration's name without its file's prefix. */
static const char *scoped_name(struct decl *decl, unsigned depth)
{
    const char *given = annotation(schema_node_get_annotations(decl->node), ANNOTATION_NAME);

    if (depth > SCOPES_MAX) {
        out_refuse(decl->label, "is declared inside itself");
    }
    if (given != NULL) {
        return given;
    }
    if (decl->parent == NULL) {
        out_refuse(decl->label, "is declared in nothing that the request contains");
    }
    const char *own = decl->is_message ? decl->name : in_snake_case(decl->schema_name);
    if (decl->parent->kind == DECL_FILE) {
        return own;
    }
    return out_string("%s_%s", scoped_name(decl->parent, depth + 1u), own);
}

/* A file's prefix: what its annotation says, or its name up to the first dot. */
static const char *file_prefix(const struct decl *file)
{
    const char *given = annotation(schema_node_get_annotations(file->node), ANNOTATION_PREFIX);
    const char *slash = strrchr(file->label, '/');
    const char *base = slash != NULL ? slash + 1 : file->label;

    if (given != NULL) {
        return given;
    }
    char *prefix = out_alloc(strlen(base) + 1u);
    for (size_t i = 0; base[i] != '\0' && base[i] != '.'; i++) {
        bool plain = is_lower(base[i]) || is_digit(base[i]);
        prefix[i] = is_upper(base[i]) ? (char)(base[i] - 'A' + 'a') : plain ? base[i] : '_';
    }
    return prefix;
}

static bool ends_in(const char *name, const char *end)
{
    size_t n = strlen(name);
    size_t k = strlen(end);

    return n >= k && strcmp(name + n - k, end) == 0;
}

static void name_decl(struct decl *decl)
{
    if (decl->kind == DECL_FILE) {
        decl->name = file_prefix(decl);
        decl->keeps_docs =
            annotation(schema_node_get_annotations(decl->node), ANNOTATION_PREFIX) != NULL;
    } else {
        const char *own = scoped_name(decl, 0);
        struct decl *file = decl->parent;
        for (unsigned depth = 0; file != NULL && file->kind != DECL_FILE; depth++) {
            file = depth < SCOPES_MAX ? file->parent : NULL;
        }
        if (file == NULL) {
            out_refuse(decl->label, "is declared in no file of the request");
        }
        decl->file = file;
        decl->name = out_string("%s_%s", file_prefix(file), own);
        /* A type may have a list and builders by its name; they come first. */
        if (decl->kind == DECL_STRUCT &&
            (ends_in(decl->name, "_list") || ends_in(decl->name, "_builder"))) {
            decl->name = out_string("%s_%s", decl->name, decl->is_group ? "group" : "type");
        }
    }
    if (!is_name(decl->name)) {
        out_refuse(decl->label, "its name cannot be one in C; give another with $C.name");
    }
    decl->upper = in_capitals(decl->name);
}

static int compare_names(const void *a, const void *b)
{
    const struct decl *const *left = a;
    const struct decl *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

static void refuse_equal_names(const struct model *model)
{
    const struct decl **sorted = out_alloc((model->count + 1u) * sizeof *sorted);

    for (size_t i = 0; i < model->count; i++) {
        sorted[i] = &model->decls[i];
    }
    qsort(sorted, model->count, sizeof *sorted, compare_names);
    for (size_t i = 1; i < model->count; i++) {
        if (strcmp(sorted[i - 1u]->name, sorted[i]->name) == 0) {
            out_refuse(sorted[i]->label,
                       "has the C name %s, and so has %s; rename one with $C.name", sorted[i]->name,
                       sorted[i - 1u]->label);
        }
    }
}

/* ---------------------------------------------------------------------------
 * Types */

static struct type int_type(unsigned bits, bool is_signed)
{
    return (struct type){.kind = TYPE_INT, .bits = bits, .is_signed = is_signed};
}

static void refuse_brand(struct schema_brand brand, const char *label)
{
    if (schema_brand_scope_list_len(schema_brand_get_scopes(brand)) != 0) {
        out_refuse(label, "uses a generic type; generics are not generated");
    }
}

static struct type any_type(struct schema_type_any_pointer any, const char *label)
{
    struct schema_type_any_pointer_unconstrained plain =
        schema_type_any_pointer_get_unconstrained(any);

    if (schema_type_any_pointer_which(any) != SCHEMA_TYPE_ANY_POINTER_UNCONSTRAINED) {
        out_refuse(label, "has a generic parameter as its type; generics are not generated");
    }
    if (schema_type_any_pointer_unconstrained_which(plain) ==
        SCHEMA_TYPE_ANY_POINTER_UNCONSTRAINED_CAPABILITY) {
        out_refuse(label, "is a capability; capabilities in fields are not generated");
    }
    return (struct type){.kind = TYPE_ANY};
}

struct type model_type(const struct model *model, struct schema_type type, const char *label)
{
    struct type *element;

    switch (schema_type_which(type)) {
    case SCHEMA_TYPE_VOID:
        return (struct type){.kind = TYPE_VOID};
    case SCHEMA_TYPE_BOOL:
        return (struct type){.kind = TYPE_BOOL, .bits = 1};
    case SCHEMA_TYPE_INT8:
        return int_type(8, true);
    case SCHEMA_TYPE_INT16:
        return int_type(16, true);
    case SCHEMA_TYPE_INT32:
        return int_type(32, true);
    case SCHEMA_TYPE_INT64:
        return int_type(64, true);
    case SCHEMA_TYPE_UINT8:
        return int_type(8, false);
    case SCHEMA_TYPE_UINT16:
        return int_type(16, false);
    case SCHEMA_TYPE_UINT32:
        return int_type(32, false);
    case SCHEMA_TYPE_UINT64:
        return int_type(64, false);
    case SCHEMA_TYPE_FLOAT32:
        return (struct type){.kind = TYPE_FLOAT, .bits = 32};
    case SCHEMA_TYPE_FLOAT64:
        return (struct type){.kind = TYPE_FLOAT, .bits = 64};
    case SCHEMA_TYPE_TEXT:
        return (struct type){.kind = TYPE_TEXT};
    case SCHEMA_TYPE_DATA:
        return (struct type){.kind = TYPE_DATA};
    case SCHEMA_TYPE_LIST:
        element = out_alloc(sizeof *element);
        *element = model_type(
            model, schema_type_list_group_get_element_type(schema_type_get_list(type)), label);
        return (struct type){.kind = TYPE_LIST, .element = element};
    case SCHEMA_TYPE_ENUM:
        return (struct type){
            .kind = TYPE_ENUM,
            .bits = 16,
            .decl = find_kind(model, schema_type_enum_get_type_id(schema_type_get_enum(type)),
                              DECL_ENUM, label),
        };
    case SCHEMA_TYPE_STRUCT:
        refuse_brand(schema_type_struct_get_brand(schema_type_get_struct(type)), label);
        return (struct type){
            .kind = TYPE_STRUCT,
            .decl = find_kind(model, schema_type_struct_get_type_id(schema_type_get_struct(type)),
                              DECL_STRUCT, label),
        };
    case SCHEMA_TYPE_INTERFACE:
        out_refuse(label, "is a capability; capabilities in fields are not generated");
    case SCHEMA_TYPE_ANY_POINTER:
        return any_type(schema_type_get_any_pointer(type), label);
    }
    out_refuse(label, "has a type that capnpc-capos does not know");
}

bool model_is_pointer(const struct type *type)
{
    switch (type->kind) {
    case TYPE_TEXT:
    case TYPE_DATA:
    case TYPE_LIST:
    case TYPE_STRUCT:
    case TYPE_ANY:
        return true;
    case TYPE_VOID:
    case TYPE_BOOL:
    case TYPE_INT:
    case TYPE_FLOAT:
    case TYPE_ENUM:
        return false;
    }
    return false;
}

/* ---------------------------------------------------------------------------
 * Members */

const char *model_doc(const struct decl *decl)
{
    return decl->file->keeps_docs ? text_string(schema_node_source_info_get_doc_comment(decl->info))
                                  : "";
}

const char *model_member_doc(const struct decl *decl, uint32_t i)
{
    struct schema_node_source_info_member_list members =
        schema_node_source_info_get_members(decl->info);

    if (!decl->file->keeps_docs || i >= schema_node_source_info_member_list_len(members)) {
        return "";
    }
    return text_string(schema_node_source_info_member_get_doc_comment(
        schema_node_source_info_member_list_at(members, i)));
}

uint32_t model_field_count(const struct decl *decl)
{
    return schema_field_list_len(schema_node_struct_get_fields(decl->s));
}

bool model_is_nothing(const struct decl *decl)
{
    return decl->is_message && model_field_count(decl) == 0;
}

bool model_has_union(const struct decl *decl)
{
    return schema_node_struct_get_discriminant_count(decl->s) != 0;
}

struct field model_field(const struct model *model, const struct decl *decl, uint32_t i)
{
    struct schema_field f = schema_field_list_at(schema_node_struct_get_fields(decl->s), i);
    const char *label = out_string("%s.%s", decl->label, text_string(schema_field_get_name(f)));
    struct field field = {
        .owner = decl,
        .field = f,
        .index = i,
        .name = member_name(label, schema_field_get_name(f), schema_field_get_annotations(f)),
        .doc = model_member_doc(decl, i),
        .discriminant = schema_field_get_discriminant_value(f),
    };

    field.upper = in_capitals(field.name);
    field.in_union = field.discriminant != SCHEMA_FIELD_NO_DISCRIMINANT;
    switch (schema_field_which(f)) {
    case SCHEMA_FIELD_SLOT:
        field.type = model_type(model, schema_field_slot_get_type(schema_field_get_slot(f)), label);
        field.offset = schema_field_slot_get_offset(schema_field_get_slot(f));
        return field;
    case SCHEMA_FIELD_GROUP:
        field.group = find_kind(model, schema_field_group_get_type_id(schema_field_get_group(f)),
                                DECL_STRUCT, label);
        return field;
    }
    out_refuse(label, "is a kind of field that capnpc-capos does not know");
}

uint32_t model_method_count(const struct decl *decl)
{
    return schema_method_list_len(
        schema_node_interface_get_methods(schema_node_get_interface(decl->node)));
}

struct method model_method(const struct model *model, const struct decl *decl, uint32_t i)
{
    struct schema_method m = schema_method_list_at(
        schema_node_interface_get_methods(schema_node_get_interface(decl->node)), i);
    const char *schema_name = text_string(schema_method_get_name(m));
    const char *label = out_string("%s.%s", decl->label, schema_name);
    const char *name =
        member_name(label, schema_method_get_name(m), schema_method_get_annotations(m));

    return (struct method){
        .name = name,
        .upper = in_capitals(name),
        .schema_name = schema_name,
        .doc = model_member_doc(decl, i),
        .params = find_kind(model, schema_method_get_param_struct_type(m), DECL_STRUCT, label),
        .results = find_kind(model, schema_method_get_result_struct_type(m), DECL_STRUCT, label),
    };
}

const char *model_enumerant(const struct model *model, const struct decl *decl, uint32_t i)
{
    struct schema_enumerant e = schema_enumerant_list_at(
        schema_node_enum_get_enumerants(schema_node_get_enum(decl->node)), i);

    (void)model;
    return member_name(decl->label, schema_enumerant_get_name(e),
                       schema_enumerant_get_annotations(e));
}

/* ---------------------------------------------------------------------------
 * Refusals */

static void refuse_bad_field(const struct field *field, const char *label)
{
    const struct decl *decl = field->owner;
    uint64_t bits = field->type.bits;

    if (field->group != NULL) {
        if (!field->group->is_group || field->group->parent != decl) {
            out_refuse(label, "is a group that belongs to another struct");
        }
        if (field->group->data_words != decl->data_words ||
            field->group->pointer_count != decl->pointer_count) {
            out_refuse(label, "is a group that does not have the shape of its struct");
        }
        return;
    }
    if (model_is_pointer(&field->type) && field->offset >= decl->pointer_count) {
        out_refuse(label, "lies outside of its struct's pointers");
    }
    if (!model_is_pointer(&field->type) &&
        (field->offset + 1u) * bits > (uint64_t)decl->data_words * 64u) {
        out_refuse(label, "lies outside of its struct's data");
    }
}

static void refuse_bad_struct(const struct model *model, const struct decl *decl)
{
    uint64_t tag_end = schema_node_struct_get_discriminant_offset(decl->s) * 16ull + 16u;
    uint32_t count = model_field_count(decl);

    if (model_has_union(decl) && tag_end > (uint64_t)decl->data_words * 64u) {
        out_refuse(decl->label, "has a union whose tag lies outside of its data");
    }
    const char **names = out_alloc((count + 1u) * sizeof *names);
    for (uint32_t i = 0; i < count; i++) {
        struct field field = model_field(model, decl, i);
        const char *label = out_string("%s.%s", decl->label, field.name);
        if (field.in_union && !model_has_union(decl)) {
            out_refuse(label, "is in a union that its struct does not have");
        }
        refuse_bad_field(&field, label);
        names[i] = field.name;
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(names[k], names[i]) == 0) {
                out_refuse(label, "has the C name of another field; rename one with $C.name");
            }
        }
    }
}

static void refuse_bad_enum(const struct model *model, const struct decl *decl)
{
    uint32_t count = schema_enumerant_list_len(
        schema_node_enum_get_enumerants(schema_node_get_enum(decl->node)));
    const char **names = out_alloc((count + 1u) * sizeof *names);

    if (count > UINT16_MAX) {
        out_refuse(decl->label, "has too many values");
    }
    for (uint32_t i = 0; i < count; i++) {
        names[i] = model_enumerant(model, decl, i);
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(names[k], names[i]) == 0) {
                out_refuse(decl->label, "has two values with the C name %s", names[i]);
            }
        }
    }
}

static void refuse_bad_interface(const struct model *model, const struct decl *decl)
{
    struct schema_node_interface node = schema_node_get_interface(decl->node);
    struct schema_method_list methods = schema_node_interface_get_methods(node);

    if (schema_superclass_list_len(schema_node_interface_get_superclasses(node)) != 0) {
        out_refuse(decl->label, "extends another interface; inheritance is not generated");
    }
    if (schema_method_list_len(methods) > UINT16_MAX) {
        out_refuse(decl->label, "has too many methods");
    }
    for (uint32_t i = 0; i < schema_method_list_len(methods); i++) {
        struct schema_method m = schema_method_list_at(methods, i);
        const char *label =
            out_string("%s.%s", decl->label, text_string(schema_method_get_name(m)));
        if (schema_node_parameter_list_len(schema_method_get_implicit_parameters(m)) != 0) {
            out_refuse(label, "is a generic method; generics are not generated");
        }
        refuse_brand(schema_method_get_param_brand(m), label);
        refuse_brand(schema_method_get_result_brand(m), label);
        struct method method = model_method(model, decl, i);
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(model_method(model, decl, k).name, method.name) == 0) {
                out_refuse(label, "has the C name of another method; rename one with $C.name");
            }
        }
    }
}

static void refuse_bad_decl(const struct model *model, const struct decl *decl)
{
    if (schema_node_get_is_generic(decl->node)) {
        out_refuse(decl->label, "is generic; generics are not generated");
    }
    switch (decl->kind) {
    case DECL_STRUCT:
        refuse_bad_struct(model, decl);
        return;
    case DECL_ENUM:
        refuse_bad_enum(model, decl);
        return;
    case DECL_INTERFACE:
        refuse_bad_interface(model, decl);
        return;
    case DECL_FILE:
    case DECL_CONST:
    case DECL_ANNOTATION:
        return;
    }
}

/* ---------------------------------------------------------------------------
 * Files */

static void place(const struct model *model, struct model_file *file, struct decl *decl);

/* Places what is declared in `parent`; scopes are at most SCOPES_MAX deep, and so is this. */
static void place_id(const struct model *model, struct model_file *file, const struct decl *parent,
                     uint64_t id)
{
    struct decl *decl = find(model, id);

    if (decl != NULL && decl->parent == parent) {
        place(model, file, decl);
    }
}

/* A declaration, and behind it what it is made of; each is placed once. */
static void place(const struct model *model, struct model_file *file, struct decl *decl)
{
    if (decl->placed) {
        return;
    }
    decl->placed = true;
    if (decl->kind != DECL_FILE) {
        file->order[file->count++] = decl;
        refuse_bad_decl(model, decl);
    }
    struct schema_node_nested_node_list nested = schema_node_get_nested_nodes(decl->node);
    for (uint32_t i = 0; i < schema_node_nested_node_list_len(nested); i++) {
        place_id(model, file, decl,
                 schema_node_nested_node_get_id(schema_node_nested_node_list_at(nested, i)));
    }
    if (decl->kind == DECL_STRUCT) {
        for (uint32_t i = 0; i < model_field_count(decl); i++) {
            struct field field = model_field(model, decl, i);
            if (field.group != NULL) {
                place_id(model, file, decl, field.group->id);
            }
        }
    }
    if (decl->kind == DECL_INTERFACE) {
        for (uint32_t i = 0; i < model_method_count(decl); i++) {
            struct method method = model_method(model, decl, i);
            place_id(model, file, decl, method.params->id);
            place_id(model, file, decl, method.results->id);
        }
    }
}

/* A path inside the current directory, whose name does not disturb a comment or an #include. */
static void refuse_bad_path(const char *path)
{
    bool plain = path[0] != '\0' && path[0] != '/';

    for (size_t i = 0; path[i] != '\0'; i++) {
        bool name = is_lower(path[i]) || is_upper(path[i]) || is_digit(path[i]);
        bool dots = path[i] == '.' && path[i + 1u] == '.';
        plain = plain && !dots && (name || strchr("._-+/", path[i]) != NULL);
    }
    if (!plain || ends_in(path, "/")) {
        out_refuse(path, "is not a path inside the output directory; use --src-prefix");
    }
}

/* Whether every pointer of the struct leads to bytes, and it has no groups. */
static bool is_leaf(const struct model *model, const struct decl *decl)
{
    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        struct field field = model_field(model, decl, i);
        bool bytes = field.type.kind == TYPE_TEXT || field.type.kind == TYPE_DATA;
        if (field.group != NULL || (model_is_pointer(&field.type) && !bytes)) {
            return false;
        }
    }
    return true;
}

bool model_has_check(const struct model *model, const struct decl *decl)
{
    if (!decl->is_group) {
        return decl->pointer_count != 0;
    }
    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        struct field field = model_field(model, decl, i);
        if (field.group != NULL ? model_has_check(model, field.group)
                                : model_is_pointer(&field.type)) {
            return true;
        }
    }
    return false;
}

void model_init(struct model *model, struct schema_code_generator_request request)
{
    struct schema_node_list nodes = schema_code_generator_request_get_nodes(request);
    struct schema_node_source_info_list infos =
        schema_code_generator_request_get_source_info(request);
    struct schema_code_generator_request_requested_file_list files =
        schema_code_generator_request_get_requested_files(request);

    *model = (struct model){.count = schema_node_list_len(nodes)};
    model->decls = out_alloc((model->count + 1u) * sizeof *model->decls);
    for (uint32_t i = 0; i < model->count; i++) {
        read_node(&model->decls[i], schema_node_list_at(nodes, i));
    }
    for (uint32_t i = 0; i < schema_node_source_info_list_len(infos); i++) {
        struct schema_node_source_info info = schema_node_source_info_list_at(infos, i);
        struct decl *decl = find(model, schema_node_source_info_get_id(info));
        if (decl != NULL) {
            decl->info = info;
        }
    }
    link_scopes(model);
    for (size_t i = 0; i < model->count; i++) {
        name_decl(&model->decls[i]);
    }
    refuse_equal_names(model);

    model->file_count = schema_code_generator_request_requested_file_list_len(files);
    if (model->file_count == 0) {
        out_refuse("capnpc-capos", "the request names no file");
    }
    model->files = out_alloc(model->file_count * sizeof *model->files);
    for (uint32_t i = 0; i < model->file_count; i++) {
        struct schema_code_generator_request_requested_file requested =
            schema_code_generator_request_requested_file_list_at(files, i);
        struct model_file *file = &model->files[i];
        file->path =
            text_string(schema_code_generator_request_requested_file_get_filename(requested));
        refuse_bad_path(file->path);
        struct decl *decl =
            find_kind(model, schema_code_generator_request_requested_file_get_id(requested),
                      DECL_FILE, file->path);
        file->decl = decl;
        file->prefix = decl->name;
        file->order = out_alloc((model->count + 1u) * sizeof *file->order);
        place(model, file, decl);
    }
    for (size_t i = 0; i < model->count; i++) {
        struct decl *decl = &model->decls[i];
        if (decl->kind == DECL_STRUCT && decl->placed) {
            decl->is_leaf = is_leaf(model, decl);
        }
    }
}
