// SPDX-License-Identifier: MIT
/*
 * Checks: the functions that walk everything behind a struct once, by its schema.
 */
#include "emit.h"

#include <string.h>

static const char *check_name(const struct decl *decl)
{
    return decl->is_group ? out_string("check_%s", decl->name) : out_string("%s_check", decl->name);
}

/* How deep a list of lists is walked: `list` and `i` of the first level, list2... of others. */
struct level {
    const char *list;
    const char *i;
};

static struct level level_of(unsigned depth)
{
    if (depth == 0) {
        return (struct level){"list", "i"};
    }
    return (struct level){out_string("list%u", depth + 1u), out_string("i%u", depth + 1u)};
}

/* Whether there is something to look at behind each element of the list. */
static bool has_walk(const struct model *model, const struct type *list)
{
    switch (list->element->kind) {
    case TYPE_STRUCT:
        return model_has_check(model, list->element->decl);
    case TYPE_TEXT:
    case TYPE_DATA:
    case TYPE_CAP:
    case TYPE_LIST:
    case TYPE_ANY:
    case TYPE_ANY_STRUCT:
    case TYPE_ANY_LIST:
        return true;
    case TYPE_VOID:
    case TYPE_BOOL:
    case TYPE_INT:
    case TYPE_FLOAT:
    case TYPE_ENUM:
        break;
    }
    return false;
}

/* Walks a list of the field that `getter` gives: its own, or one so deep inside of it. */
static void emit_walk(const struct model *model, const struct field *field, const struct type *type,
                      const char *getter, unsigned depth, struct out *out)
{
    const struct type *element = type->element;
    const char *list = emit_list_name(element);
    struct level at = level_of(depth);
    const char *each = out_string("%s_at(%s, %s)", list, at.list, at.i);
    int indent = 8 + 4 * (int)depth;

    out_line(out, "%*sstruct %s %s = %s;", indent, "", list, at.list, getter);
    out_line(out, "%*sfor (uint32_t %s = 0; %s < %s_len(%s); %s++) {", indent, "", at.i, at.i, list,
             at.list, at.i);
    indent += 4;
    switch (element->kind) {
    case TYPE_STRUCT:
        each = out_string("%s(%s)", check_name(element->decl), each);
        out_line(out, "%*sif (!%s) {", indent, "", each);
        out_print(out, "%*s    return false;\n%*s}\n", indent, "", indent, "");
        break;
    case TYPE_LIST: {
        const char *nested = emit_nested_name(field->owner, "at", depth + 1u, field->name);
        const char *inner = out_string("%s(%s, %s)", nested, at.list, at.i);
        if (has_walk(model, element)) {
            emit_walk(model, field, element, inner, depth + 1u, out);
        } else {
            out_line(out, "%*s(void)%s;", indent, "", inner);
        }
        break;
    }
    case TYPE_ANY:
    case TYPE_ANY_STRUCT:
    case TYPE_ANY_LIST:
        out_line(out, "%*sif (!capnp_any_check(%s)) {", indent, "", each);
        out_print(out, "%*s    return false;\n%*s}\n", indent, "", indent, "");
        break;
    case TYPE_VOID:
    case TYPE_BOOL:
    case TYPE_INT:
    case TYPE_FLOAT:
    case TYPE_ENUM:
    case TYPE_TEXT:
    case TYPE_DATA:
    case TYPE_CAP:
        out_line(out, "%*s(void)%s;", indent, "", each);
        break;
    }
    indent -= 4;
    out_print(out, "%*s}\n", indent, "");
}

static void emit_list_check(const struct model *model, const struct field *field, struct out *out)
{
    const char *owner = field->owner->name;
    const char *getter = out_string("%s_get_%s(r)", owner, field->name);

    if (!has_walk(model, &field->type)) {
        out_print(out, "    (void)%s;\n", getter);
        return;
    }
    out_print(out, "    if (%s_has_%s(r)) {\n", owner, field->name);
    emit_walk(model, field, &field->type, getter, 0, out);
    out_print(out, "    }\n");
}

/* Ends a check when the condition says that something is malformed. */
static void emit_refusal(const char *condition, struct out *out)
{
    out_line(out, "    if (%s) {", condition);
    out_print(out, "        return false;\n    }\n");
}

static void emit_field_check(const struct model *model, const struct field *field, struct out *out)
{
    const char *owner = field->owner->name;

    if (field->group != NULL) {
        if (model_has_check(model, field->group)) {
            emit_refusal(
                out_string("!%s(%s_get_%s(r))", check_name(field->group), owner, field->name), out);
        }
        return;
    }
    switch (field->type.kind) {
    case TYPE_TEXT:
    case TYPE_DATA:
    case TYPE_CAP:
        out_print(out, "    (void)%s_get_%s(r);\n", owner, field->name);
        return;
    case TYPE_STRUCT:
        if (model_has_check(model, field->type.decl)) {
            emit_refusal(out_string("%s_has_%s(r) && !%s(%s_get_%s(r))", owner, field->name,
                                    check_name(field->type.decl), owner, field->name),
                         out);
        } else {
            out_print(out, "    (void)%s_get_%s(r);\n", owner, field->name);
        }
        return;
    case TYPE_ANY:
    case TYPE_ANY_STRUCT:
    case TYPE_ANY_LIST:
        emit_refusal(out_string("!capnp_any_check(%s_get_%s(r))", owner, field->name), out);
        if (field->type.kind == TYPE_ANY_STRUCT) {
            out_print(out, "    (void)capnp_any_struct(%s_get_%s(r));\n", owner, field->name);
        } else if (field->type.kind == TYPE_ANY_LIST) {
            out_line(out, "    (void)capnp_any_list(%s_get_%s(r), CAPNP_ELEMENT_VOID);", owner,
                     field->name);
        }
        return;
    case TYPE_LIST:
        emit_list_check(model, field, out);
        return;
    case TYPE_VOID:
    case TYPE_BOOL:
    case TYPE_INT:
    case TYPE_FLOAT:
    case TYPE_ENUM:
        return;
    }
}

static void emit_check(const struct model *model, const struct decl *decl, struct out *out)
{
    const char *args[] = {out_string("struct %s r", decl->name)};

    out_function(out, decl->is_group ? "static bool " : "bool ", check_name(decl), args, 1, 0);
    out_print(out, "\n{\n");
    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        struct field field = model_field(model, decl, i);
        emit_field_check(model, &field, out);
    }
    if (decl->is_group) {
        out_print(out, "    return r.s.message->error == CAPNP_ERROR_NONE;\n}\n\n");
    } else {
        out_print(out, "    return capnp_check_passed(r.s);\n}\n\n");
    }
}

/* Groups are checked as parts of their struct, by functions of this file. */
static void emit_group_checks(const struct model *model, const struct model_file *file,
                              struct out *out)
{
    for (size_t i = 0; i < file->count; i++) {
        const struct decl *decl = file->order[i];
        if (decl->kind == DECL_STRUCT && decl->is_group && model_has_check(model, decl)) {
            const char *args[] = {out_string("struct %s r", decl->name)};
            out_function(out, "static bool ", check_name(decl), args, 1, 1);
            out_print(out, ";\n\n");
        }
    }
    for (size_t i = 0; i < file->count; i++) {
        const struct decl *decl = file->order[i];
        if (decl->kind == DECL_STRUCT && decl->is_group && model_has_check(model, decl)) {
            emit_check(model, decl, out);
        }
    }
}

void emit_checks(const struct model *model, const struct model_file *file, struct out *out)
{
    emit_group_checks(model, file, out);
    for (size_t i = 0; i < file->count; i++) {
        const struct decl *decl = file->order[i];
        if (decl->kind == DECL_STRUCT && !decl->is_group && !decl->is_leaf) {
            emit_check(model, decl, out);
        }
    }
}
