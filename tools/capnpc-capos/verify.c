// SPDX-License-Identifier: MIT
/*
 * Refusals: what would make the emitters stumble, or their output wrong.
 */
#include "model.h"
#include "out.h"

#include <string.h>

static void verify_field(const struct field *field, const char *label)
{
    const struct decl *decl = field->owner;
    uint64_t bits = field->type.bits;

    if (field->group != NULL) {
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
        (field->offset + UINT64_C(1)) * bits > (uint64_t)decl->data_words * 64u) {
        out_refuse(label, "lies outside of its struct's data");
    }
}

static void verify_struct(const struct model *model, const struct decl *decl)
{
    uint64_t tag_end = schema_node_struct_get_discriminant_offset(decl->s) * 16ull + 16u;

    if (model_has_union(decl) && tag_end > (uint64_t)decl->data_words * 64u) {
        out_refuse(decl->label, "has a union whose tag lies outside of its data");
    }
    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        struct field field = model_field(model, decl, i);
        const char *label = out_string("%s.%s", decl->label, field.name);
        if (field.in_union && !model_has_union(decl)) {
            out_refuse(label, "is in a union that its struct does not have");
        }
        verify_field(&field, label);
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(decl->members[k], field.name) == 0) {
                out_refuse(label, "has the C name of another field; rename one with $C.name");
            }
        }
    }
}

static void verify_enum(const struct decl *decl)
{
    uint32_t count = model_enumerant_count(decl);

    if (count > UINT16_MAX) {
        out_refuse(decl->label, "has too many values");
    }
    const char **names = out_alloc((count + 1u) * sizeof *names);
    for (uint32_t i = 0; i < count; i++) {
        names[i] = model_enumerant(decl, i);
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(names[k], names[i]) == 0) {
                out_refuse(decl->label, "has two values with the C name %s", names[i]);
            }
        }
    }
}

static void verify_interface(const struct model *model, const struct decl *decl)
{
    struct methods methods = model_methods(model, decl);

    if (methods.count > UINT16_MAX) {
        out_refuse(decl->label, "has too many methods");
    }
    for (uint32_t i = 0; i < methods.own_count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(methods.list[k].number, methods.list[i].number) == 0) {
                out_refuse(decl->label, "has two methods with the C name %s",
                           methods.list[i].number);
            }
        }
    }
}

static void verify_const(const struct model *model, const struct decl *decl)
{
    struct schema_node_const node = schema_node_get_const(decl->node);
    struct schema_value value = schema_node_const_get_value(node);
    struct type type =
        model_type(model, decl->file, &decl->bound, schema_node_const_get_type(node), decl->label);
    bool same = false;

    switch (type.kind) {
    case TYPE_VOID:
        same = schema_value_which(value) == SCHEMA_VALUE_VOID;
        break;
    case TYPE_BOOL:
        same = schema_value_which(value) == SCHEMA_VALUE_BOOL;
        break;
    case TYPE_INT: {
        unsigned which = schema_value_which(value);
        same = which >= SCHEMA_VALUE_INT8 && which <= SCHEMA_VALUE_UINT64;
        break;
    }
    case TYPE_FLOAT:
        same = schema_value_which(value) ==
               (type.bits == 32 ? SCHEMA_VALUE_FLOAT32 : SCHEMA_VALUE_FLOAT64);
        break;
    case TYPE_ENUM:
        same = schema_value_which(value) == SCHEMA_VALUE_ENUM;
        break;
    case TYPE_TEXT:
        same = schema_value_which(value) == SCHEMA_VALUE_TEXT;
        break;
    case TYPE_DATA:
        same = schema_value_which(value) == SCHEMA_VALUE_DATA;
        break;
    case TYPE_LIST:
        same = schema_value_which(value) == SCHEMA_VALUE_LIST;
        break;
    case TYPE_STRUCT:
        same = schema_value_which(value) == SCHEMA_VALUE_STRUCT;
        break;
    case TYPE_ANY:
    case TYPE_ANY_STRUCT:
    case TYPE_ANY_LIST:
        same = schema_value_which(value) == SCHEMA_VALUE_ANY_POINTER;
        break;
    case TYPE_CAP:
        out_refuse(decl->label, "is a constant capability, which there cannot be");
    }
    if (!same) {
        out_refuse(decl->label, "is a constant whose value is not of its type");
    }
}

void verify_decl(const struct model *model, const struct decl *decl)
{
    switch (decl->kind) {
    case DECL_STRUCT:
        verify_struct(model, decl);
        return;
    case DECL_ENUM:
        verify_enum(decl);
        return;
    case DECL_INTERFACE:
        verify_interface(model, decl);
        return;
    case DECL_CONST:
        verify_const(model, decl);
        return;
    case DECL_FILE:
    case DECL_ANNOTATION:
        return;
    }
}

void verify_path(const char *path)
{
    size_t len = strlen(path);
    bool plain = len != 0 && path[0] != '/' && path[len - 1u] != '/';

    for (size_t i = 0; i < len; i++) {
        bool dots = path[i] == '.' && path[i + 1u] == '.';
        plain = plain && !dots && (name_is_plain_char(path[i]) || strchr("._-+/", path[i]) != NULL);
    }
    if (!plain) {
        out_refuse(path, "is not a path inside the output directory; use --src-prefix");
    }
}
