// SPDX-License-Identifier: MIT
/*
 * What declarations consist of: fields, enumerants, methods, and their comments.
 */
#include "model.h"
#include "out.h"

#include <string.h>

/* ---------------------------------------------------------------------------
 * Comments */

const char *model_doc(const struct decl *decl)
{
    return decl->base->file->keeps_docs
               ? name_string(schema_node_source_info_get_doc_comment(decl->info))
               : "";
}

const char *model_member_doc(const struct decl *decl, uint32_t i)
{
    struct schema_node_source_info_member_list members =
        schema_node_source_info_get_members(decl->info);

    if (!decl->base->file->keeps_docs || i >= schema_node_source_info_member_list_len(members)) {
        return "";
    }
    return name_string(schema_node_source_info_member_get_doc_comment(
        schema_node_source_info_member_list_at(members, i)));
}

/* ---------------------------------------------------------------------------
 * Fields */

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
    const char *label = out_string("%s.%s", decl->label, name_string(schema_field_get_name(f)));
    struct field field = {
        .owner = decl,
        .field = f,
        .index = i,
        .name = decl->members[i],
        .doc = model_member_doc(decl, i),
        .discriminant = schema_field_get_discriminant_value(f),
    };

    field.tag = name_constant(decl, field.name);
    field.in_union = field.discriminant != SCHEMA_FIELD_NO_DISCRIMINANT;
    switch (schema_field_which(f)) {
    case SCHEMA_FIELD_SLOT:
        field.type = model_type(model, decl->file, &decl->bound,
                                schema_field_slot_get_type(schema_field_get_slot(f)), label);
        field.offset = schema_field_slot_get_offset(schema_field_get_slot(f));
        return field;
    case SCHEMA_FIELD_GROUP: {
        uint64_t id = schema_field_group_get_type_id(schema_field_get_group(f));
        field.group = model_find_kind(model, id, DECL_STRUCT, label);
        if (!field.group->is_group || field.group->parent != model_find(model, decl->id)) {
            out_refuse(label, "is a group that belongs to another struct");
        }
        field.group = model_group(model, decl, field.group, field.name);
        return field;
    }
    }
    out_refuse(label, "is a kind of field that capnpc-capos does not know");
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

/* Structs inside of each other that are looked through for capabilities. */
#define HOLDS_DEPTH 8u

static bool holds(const struct model *model, const struct decl *decl, unsigned depth)
{
    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        struct field field = model_field(model, decl, i);
        const struct type *type = &field.type;
        while (field.group == NULL && type->kind == TYPE_LIST) {
            type = type->element;
        }
        const struct decl *inner = field.group != NULL ? field.group : type->decl;
        switch (field.group != NULL ? TYPE_STRUCT : type->kind) {
        case TYPE_STRUCT:
            if (depth == HOLDS_DEPTH || (inner != decl && holds(model, inner, depth + 1u))) {
                return true;
            }
            break;
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
        case TYPE_TEXT:
        case TYPE_DATA:
        case TYPE_LIST:
            break;
        }
    }
    return false;
}

bool model_holds_capabilities(const struct model *model, const struct decl *decl)
{
    return holds(model, decl, 0);
}

/* ---------------------------------------------------------------------------
 * Names of fields and enumerants */

static struct schema_enumerant_list enumerants(const struct decl *decl)
{
    return schema_node_enum_get_enumerants(schema_node_get_enum(decl->node));
}

static uint32_t member_count(const struct decl *decl)
{
    return decl->kind == DECL_STRUCT ? model_field_count(decl)
           : decl->kind == DECL_ENUM ? model_enumerant_count(decl)
                                     : 0;
}

/* What the i-th member wants to be called. */
static const char *wanted_name(const struct decl *decl, uint32_t i)
{
    struct capnp_text text;
    struct schema_annotation_list annotations;

    if (decl->kind == DECL_STRUCT) {
        struct schema_field f = schema_field_list_at(schema_node_struct_get_fields(decl->s), i);
        text = schema_field_get_name(f);
        annotations = schema_field_get_annotations(f);
    } else {
        struct schema_enumerant e = schema_enumerant_list_at(enumerants(decl), i);
        text = schema_enumerant_get_name(e);
        annotations = schema_enumerant_get_annotations(e);
    }
    return name_member(out_string("%s.%s", decl->label, name_string(text)), text, annotations);
}

void model_name_members(struct decl *decl)
{
    uint32_t count = member_count(decl);
    const char **wanted = out_alloc((count + 1u) * sizeof *wanted);

    decl->members = out_alloc((count + 1u) * sizeof *decl->members);
    for (uint32_t i = 0; i < count; i++) {
        unsigned number = 1;
        wanted[i] = wanted_name(decl, i);
        for (uint32_t k = 0; k < i; k++) {
            number += strcmp(wanted[k], wanted[i]) == 0;
        }
        decl->members[i] = number == 1 ? wanted[i] : out_string("%s_%u", wanted[i], number);
    }
}

uint32_t model_enumerant_count(const struct decl *decl)
{
    return schema_enumerant_list_len(enumerants(decl));
}

const char *model_enumerant(const struct decl *decl, uint32_t i)
{
    return name_constant(decl, decl->members[i]);
}

/* ---------------------------------------------------------------------------
 * Methods */

static struct schema_method_list methods_of(const struct decl *decl)
{
    return schema_node_interface_get_methods(schema_node_get_interface(decl->node));
}

static bool has_method(const struct methods *methods, const char *name)
{
    for (uint32_t i = 0; i < methods->count; i++) {
        if (strcmp(methods->list[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether `name` is what a generated function of another method is called. */
static bool is_part(const struct methods *methods, const char *name)
{
    static const char *const parts[] = {"_send", "_call", "_take", "_begin", "_submit", "_build"};
    static const char *const whole[] = {"as", "need", "serve", "serves", "service"};

    if (strncmp(name, "dispatch", 8) == 0 || strncmp(name, "as_", 3) == 0) {
        return true;
    }
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        if (strcmp(name, whole[i]) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t len = strlen(name) - strlen(parts[i]);
        if (strlen(name) > strlen(parts[i]) && strcmp(name + len, parts[i]) == 0 &&
            has_method(methods, out_string("%.*s", (int)len, name))) {
            return true;
        }
    }
    return false;
}

/* The first free name: the method's own, that with the interface's before it, a numbered one. */
static const char *method_name(const struct methods *methods, const struct decl *decl,
                               const struct decl *interface, const char *wanted)
{
    const char *name = is_part(methods, wanted) ? out_string("%s_2", wanted) : wanted;

    if (has_method(methods, name) && interface != decl) {
        wanted = out_string("%s_%s", name_inside(interface, decl->file), wanted);
        name = wanted;
    }
    for (unsigned number = 2; has_method(methods, name); number++) {
        name = out_string("%s_%u", wanted, number);
    }
    return name;
}

/* Adds an interface's methods to those of `decl`, for which `bound` says what parameters are. */
static void add_methods(const struct model *model, const struct decl *decl,
                        const struct decl *interface, const struct bindings *bound,
                        struct methods *methods)
{
    struct schema_method_list list = methods_of(interface);
    uint32_t count = schema_method_list_len(list);
    struct method *longer = out_alloc((methods->count + count + 1u) * sizeof *longer);

    if (methods->count != 0) {
        memcpy(longer, methods->list, methods->count * sizeof *longer);
    }
    methods->list = longer;
    for (uint32_t i = 0; i < count; i++) {
        struct schema_method m = schema_method_list_at(list, i);
        const char *schema_name = name_string(schema_method_get_name(m));
        const char *label = out_string("%s.%s", interface->label, schema_name);
        const char *name =
            name_member(label, schema_method_get_name(m), schema_method_get_annotations(m));
        unsigned number = 1;
        for (uint32_t k = 0; k < i; k++) {
            struct schema_method before = schema_method_list_at(list, k);
            number += strcmp(name, name_member(label, schema_method_get_name(before),
                                               schema_method_get_annotations(before))) == 0;
        }
        const char *own = number == 1 ? name : out_string("%s_%u", name, number);
        longer[methods->count] = (struct method){
            .interface = interface,
            .name = method_name(methods, decl, interface, own),
            .number = name_constant(interface, own),
            .schema_name = schema_name,
            .doc = model_member_doc(interface, i),
            .params =
                model_branded(model, decl->file, bound, schema_method_get_param_struct_type(m),
                              schema_method_get_param_brand(m), label),
            .results =
                model_branded(model, decl->file, bound, schema_method_get_result_struct_type(m),
                              schema_method_get_result_brand(m), label),
        };
        methods->count++;
    }
}

/* Interfaces seen on the way up, each with its methods added. */
struct ascent {
    const struct model *model;
    const struct decl *decl;
    struct methods methods;
    const struct decl **seen;
    size_t count;
    size_t room;
};

static void ascend(struct ascent *ascent, const struct decl *interface,
                   const struct bindings *bound, unsigned depth)
{
    for (size_t i = 0; i < ascent->count; i++) {
        if (ascent->seen[i] == interface) {
            return;
        }
    }
    if (depth > SCOPES_MAX || ascent->count == ascent->room) {
        out_refuse(ascent->decl->label, "inherits from too many interfaces");
    }
    ascent->seen[ascent->count++] = interface;
    add_methods(ascent->model, ascent->decl, interface, bound, &ascent->methods);
    if (depth == 0) {
        ascent->methods.own_count = ascent->methods.count;
    }
    struct schema_superclass_list list =
        schema_node_interface_get_superclasses(schema_node_get_interface(interface->node));
    for (uint32_t i = 0; i < schema_superclass_list_len(list); i++) {
        struct schema_superclass super = schema_superclass_list_at(list, i);
        const struct decl *above = model_find_kind(ascent->model, schema_superclass_get_id(super),
                                                   DECL_INTERFACE, interface->label);
        struct bindings inner =
            model_bindings(ascent->model, ascent->decl->file, bound,
                           schema_superclass_get_brand(super), interface->label);
        ascend(ascent, above, &inner, depth + 1u);
    }
}

struct methods model_methods(const struct model *model, const struct decl *decl)
{
    const struct decl *seen[ANCESTORS_MAX];
    struct ascent ascent = {.model = model, .decl = decl, .seen = seen, .room = ANCESTORS_MAX};

    ascend(&ascent, decl, &decl->bound, 0);
    return ascent.methods;
}

size_t model_ancestors(const struct model *model, const struct decl *decl, const struct decl **list,
                       size_t room)
{
    struct ascent ascent = {.model = model, .decl = decl, .seen = list, .room = room};

    ascend(&ascent, decl, &decl->bound, 0);
    return ascent.count;
}
