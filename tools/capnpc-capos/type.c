// SPDX-License-Identifier: MIT
/*
 * The types of fields, and instances of generic structs.
 *
 * How deep the functions here call each other is bounded by the request's own
 * nesting, which the runtime bounds, and by NESTING_MAX: a struct that contains
 * ever larger bindings of itself reads as the plain generic one from there on.
 */
#include "model.h"
#include "out.h"

#include <string.h>

/* Instances inside of instances. */
#define NESTING_MAX 4u

static struct type int_type(unsigned bits, bool is_signed)
{
    return (struct type){.kind = TYPE_INT, .bits = bits, .is_signed = is_signed};
}

/* ---------------------------------------------------------------------------
 * Bindings */

static struct type bound_type(const struct bindings *bound, uint64_t scope, uint32_t index)
{
    for (size_t i = 0; i < bound->count; i++) {
        if (bound->list[i].scope == scope && bound->list[i].index == index) {
            return bound->list[i].type;
        }
    }
    return (struct type){.kind = TYPE_ANY};
}

static void bind(struct bindings *bindings, struct binding binding)
{
    struct binding *list = out_alloc((bindings->count + 1u) * sizeof *list);

    if (bindings->count != 0) {
        memcpy(list, bindings->list, bindings->count * sizeof *list);
    }
    list[bindings->count++] = binding;
    bindings->list = list;
}

struct bindings model_bindings(const struct model *model, const struct decl *file,
                               const struct bindings *bound, struct schema_brand brand,
                               const char *label)
{
    struct schema_brand_scope_list scopes = schema_brand_get_scopes(brand);
    struct bindings result = {.list = NULL, .count = 0};

    for (uint32_t i = 0; i < schema_brand_scope_list_len(scopes); i++) {
        struct schema_brand_scope scope = schema_brand_scope_list_at(scopes, i);
        uint64_t id = schema_brand_scope_get_scope_id(scope);
        if (schema_brand_scope_which(scope) == SCHEMA_BRAND_SCOPE_INHERIT) {
            for (size_t k = 0; k < bound->count; k++) {
                if (bound->list[k].scope == id) {
                    bind(&result, bound->list[k]);
                }
            }
            continue;
        }
        struct schema_brand_binding_list list = schema_brand_scope_get_bind(scope);
        for (uint32_t k = 0; k < schema_brand_binding_list_len(list); k++) {
            struct schema_brand_binding b = schema_brand_binding_list_at(list, k);
            struct binding binding = {.scope = id, .index = k, .type = {.kind = TYPE_ANY}};
            if (schema_brand_binding_which(b) == SCHEMA_BRAND_BINDING_TYPE) {
                binding.type =
                    model_type(model, file, bound, schema_brand_binding_get_type(b), label);
            }
            if (!model_is_pointer(&binding.type)) {
                out_refuse(label, "binds a generic parameter to a type that is no pointer");
            }
            bind(&result, binding);
        }
    }
    return result;
}

/* ---------------------------------------------------------------------------
 * Instances */

/* A type as a word of a name. */
static const char *type_word(const struct type *type, const struct decl *file)
{
    switch (type->kind) {
    case TYPE_VOID:
        return "void";
    case TYPE_BOOL:
        return "bool";
    case TYPE_INT:
        return out_string("%c%u", type->is_signed ? 'i' : 'u', type->bits);
    case TYPE_FLOAT:
        return out_string("f%u", type->bits);
    case TYPE_ENUM:
    case TYPE_STRUCT:
        return name_inside(type->decl, file);
    case TYPE_TEXT:
        return "text";
    case TYPE_DATA:
        return "data";
    case TYPE_LIST:
        return out_string("list_of_%s", type_word(type->element, file));
    case TYPE_CAP:
        return type->decl != NULL ? name_inside(type->decl, file) : "capability";
    case TYPE_ANY:
        return "any";
    case TYPE_ANY_STRUCT:
        return "any_struct";
    case TYPE_ANY_LIST:
        return "any_list";
    }
    return "";
}

static bool same_type(const struct type *a, const struct type *b)
{
    if (a->kind != b->kind || a->decl != b->decl || a->bits != b->bits ||
        a->is_signed != b->is_signed) {
        return false;
    }
    return a->kind != TYPE_LIST || same_type(a->element, b->element);
}

static bool same_bindings(const struct bindings *a, const struct bindings *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        const struct binding *left = &a->list[i];
        const struct binding *right = &b->list[i];
        if (left->scope != right->scope || left->index != right->index ||
            !same_type(&left->type, &right->type)) {
            return false;
        }
    }
    return true;
}

static struct decl *find_instance(const struct model *model, const struct decl *base,
                                  const struct decl *file, const struct bindings *bound)
{
    for (size_t i = 0; i < model->instances->count; i++) {
        struct decl *decl = model->instances->list[i];
        if (decl->base == base && decl->file == file && same_bindings(&decl->bound, bound)) {
            return decl;
        }
    }
    return NULL;
}

static struct decl *add_instance(const struct model *model, const struct decl *base,
                                 const struct decl *file, const struct bindings *bound,
                                 const char *name)
{
    struct decl *decl = out_alloc(sizeof *decl);

    if (model->instances->count == INSTANCES_MAX) {
        out_refuse(base->label, "is generic, and has more than %u instances", INSTANCES_MAX);
    }
    *decl = *base;
    decl->base = base;
    decl->file = model_find(model, file->id);
    decl->bound = *bound;
    decl->placed = false;
    model->instances->list[model->instances->count++] = decl;
    name_instance(model, decl, name);
    return decl;
}

const struct decl *model_branded(const struct model *model, const struct decl *file,
                                 const struct bindings *bound, uint64_t id,
                                 struct schema_brand brand, const char *label)
{
    const struct decl *base = model_find_kind(model, id, DECL_STRUCT, label);
    struct bindings inner = model_bindings(model, file, bound, brand, label);
    const char *words = "";
    unsigned nesting = 0;
    bool binds = false;

    for (size_t i = 0; i < inner.count; i++) {
        const struct type *type = &inner.list[i].type;
        nesting = type->nesting > nesting ? type->nesting : nesting;
        binds = binds || type->kind != TYPE_ANY;
        words = out_string("%s%s%s", words, i == 0 ? "" : "_and_", type_word(type, file));
    }
    if (!binds || nesting >= NESTING_MAX || base->is_group) {
        return base;
    }
    struct decl *decl = find_instance(model, base, file, &inner);
    if (decl == NULL) {
        const char *name = out_string("%s_%s_of_%s", file->name, name_inside(base, file), words);
        decl = add_instance(model, base, file, &inner, name);
        decl->nesting = nesting + 1u;
    }
    return decl;
}

const struct decl *model_group(const struct model *model, const struct decl *owner,
                               const struct decl *group, const char *name)
{
    if (owner->base == owner) {
        return group;
    }
    struct decl *decl = find_instance(model, group, owner->file, &owner->bound);
    if (decl == NULL) {
        decl = add_instance(model, group, owner->file, &owner->bound,
                            out_string("%s_%s", owner->name, name));
        decl->nesting = owner->nesting;
    }
    return decl;
}

/* ---------------------------------------------------------------------------
 * Types */

static struct type any_type(const struct bindings *bound, struct schema_type_any_pointer any,
                            const char *label)
{
    switch (schema_type_any_pointer_which(any)) {
    case SCHEMA_TYPE_ANY_POINTER_PARAMETER: {
        struct schema_type_any_pointer_parameter p = schema_type_any_pointer_get_parameter(any);
        return bound_type(bound, schema_type_any_pointer_parameter_get_scope_id(p),
                          schema_type_any_pointer_parameter_get_parameter_index(p));
    }
    case SCHEMA_TYPE_ANY_POINTER_IMPLICIT_METHOD_PARAMETER:
        return (struct type){.kind = TYPE_ANY};
    case SCHEMA_TYPE_ANY_POINTER_UNCONSTRAINED:
        break;
    }
    switch (schema_type_any_pointer_unconstrained_which(
        schema_type_any_pointer_get_unconstrained(any))) {
    case SCHEMA_TYPE_ANY_POINTER_UNCONSTRAINED_ANY_KIND:
        return (struct type){.kind = TYPE_ANY};
    case SCHEMA_TYPE_ANY_POINTER_UNCONSTRAINED_STRUCT:
        return (struct type){.kind = TYPE_ANY_STRUCT};
    case SCHEMA_TYPE_ANY_POINTER_UNCONSTRAINED_LIST:
        return (struct type){.kind = TYPE_ANY_LIST};
    case SCHEMA_TYPE_ANY_POINTER_UNCONSTRAINED_CAPABILITY:
        return (struct type){.kind = TYPE_CAP};
    }
    out_refuse(label, "has a kind of AnyPointer as its type that capnpc-capos does not know");
}

static struct type struct_type(const struct decl *decl)
{
    return (struct type){.kind = TYPE_STRUCT, .decl = decl, .nesting = decl->nesting};
}

/* A list; one of what may be anything may be any list, since structs lie in theirs inline. */
static struct type list_type(struct type of)
{
    struct type *element = out_alloc(sizeof *element);

    if (of.kind == TYPE_ANY || of.kind == TYPE_ANY_STRUCT) {
        return (struct type){.kind = TYPE_ANY_LIST};
    }
    *element = of;
    return (struct type){.kind = TYPE_LIST, .element = element, .nesting = of.nesting};
}

struct type model_type(const struct model *model, const struct decl *file,
                       const struct bindings *bound, struct schema_type type, const char *label)
{
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
    case SCHEMA_TYPE_LIST: {
        struct schema_type_list_group list = schema_type_get_list(type);
        return list_type(
            model_type(model, file, bound, schema_type_list_group_get_element_type(list), label));
    }
    case SCHEMA_TYPE_ENUM: {
        uint64_t id = schema_type_enum_get_type_id(schema_type_get_enum(type));
        return (struct type){
            .kind = TYPE_ENUM, .bits = 16, .decl = model_find_kind(model, id, DECL_ENUM, label)};
    }
    case SCHEMA_TYPE_STRUCT: {
        struct schema_type_struct s = schema_type_get_struct(type);
        return struct_type(model_branded(model, file, bound, schema_type_struct_get_type_id(s),
                                         schema_type_struct_get_brand(s), label));
    }
    case SCHEMA_TYPE_INTERFACE: {
        uint64_t id = schema_type_interface_get_type_id(schema_type_get_interface(type));
        return (struct type){.kind = TYPE_CAP,
                             .decl = model_find_kind(model, id, DECL_INTERFACE, label)};
    }
    case SCHEMA_TYPE_ANY_POINTER:
        return any_type(bound, schema_type_get_any_pointer(type), label);
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
    case TYPE_CAP:
    case TYPE_ANY:
    case TYPE_ANY_STRUCT:
    case TYPE_ANY_LIST:
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
