// SPDX-License-Identifier: MIT
/*
 * x.capnp.c: checks that walk, names, defaults, and what there is to know of the
 * interfaces at run time.
 */
#include "emit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The most words a default value may take. */
#define DEFAULT_WORDS_MAX 8192u

static void emit_enum_names(const struct model *model, const struct decl *decl, struct out *out)
{
    struct schema_enumerant_list values =
        schema_node_enum_get_enumerants(schema_node_get_enum(decl->node));
    uint32_t count = schema_enumerant_list_len(values);

    (void)model;
    out_print(out, "const char *%s_name(uint16_t value)\n{\n", decl->name);
    if (count == 0) {
        out_print(out, "    (void)value;\n    return NULL;\n}\n\n");
        return;
    }
    out_print(out, "    static const char *const names[] = {\n");
    for (uint32_t i = 0; i < count; i++) {
        struct capnp_text name = schema_enumerant_get_name(schema_enumerant_list_at(values, i));
        out_print(out, "        %s,\n", out_literal(name.ptr, name.len));
    }
    out_print(out, "    };\n\n    return value < %s_COUNT ? names[value] : NULL;\n}\n\n",
              decl->upper);
}

/* ---------------------------------------------------------------------------
 * Defaults */

static struct capnp_any default_of(const struct field *field)
{
    struct schema_value value =
        schema_field_slot_get_default_value(schema_field_get_slot(field->field));

    switch (field->type.kind) {
    case TYPE_LIST:
        return schema_value_get_list(value);
    case TYPE_STRUCT:
        return schema_value_get_struct(value);
    default:
        return schema_value_get_any_pointer(value);
    }
}

static void emit_default(const struct field *field, struct out *out)
{
    const char *name = out_string("%s_%s", field->owner->name, field->name);
    struct capnp_arena arena;
    uint8_t *words = out_alloc(DEFAULT_WORDS_MAX * 8u);

    /* A message of which only the root pointer is taken: a struct of one pointer, behind it. */
    capnp_arena_init(&arena, words, DEFAULT_WORDS_MAX * 8u);
    struct capnp_struct_builder root = capnp_build_root(&arena, 0, 1);
    if (!capnp_any_copy(capnp_slot(root, 0), default_of(field))) {
        out_refuse(out_string("%s.%s", field->owner->label, field->name),
                   "has a default that is malformed, holds a capability or is too large");
    }
    uint32_t count = capnp_arena_bytes(&arena) / 8u;
    out_print(out, "static const uint64_t %s_words[] = {\n", name);
    for (uint32_t i = 1; i < count; i++) {
        out_print(out, "    0x%016" PRIx64 "ull,\n", capnp_load_u64(words + i * 8u));
    }
    out_print(out,
              "};\n\nconst struct capnp_segment %s_default = {\n"
              "    .base = (const uint8_t *)%s_words,\n    .bytes = %u,\n};\n\n",
              name, name, (count - 1u) * 8u);
}

static void emit_defaults(const struct model *model, const struct decl *decl, struct out *out)
{
    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        struct field field = model_field(model, decl, i);
        bool bytes = field.type.kind == TYPE_TEXT || field.type.kind == TYPE_DATA;
        if (field.group == NULL && !bytes && emit_has_default(&field)) {
            emit_default(&field, out);
        }
    }
}

/* ---------------------------------------------------------------------------
 * Checks */

static const char *check_name(const struct decl *decl)
{
    return decl->is_group ? out_string("check_%s", decl->name) : out_string("%s_check", decl->name);
}

/* How a list of pointers is walked: by the getter of its elements, or as it comes. */
static void emit_list_check(const struct model *model, const struct field *field, struct out *out)
{
    const struct type *element = field->type.element;
    const char *list = emit_list_name(element);
    const char *getter = out_string("%s_get_%s", field->owner->name, field->name);
    const char *each = NULL;

    switch (element->kind) {
    case TYPE_STRUCT:
        if (model_has_check(model, element->decl)) {
            each = out_string("        if (!%s(%s_at(list, i))) {\n            return false;\n"
                              "        }\n",
                              check_name(element->decl), list);
        }
        break;
    case TYPE_TEXT:
    case TYPE_DATA:
        each = out_string("        (void)%s_at(list, i);\n", list);
        break;
    case TYPE_LIST:
    case TYPE_ANY:
        each = out_string("        if (!capnp_any_check(%s_at(list, i))) {\n"
                          "            return false;\n        }\n",
                          list);
        break;
    case TYPE_VOID:
    case TYPE_BOOL:
    case TYPE_INT:
    case TYPE_FLOAT:
    case TYPE_ENUM:
        break;
    }
    if (each == NULL) {
        out_print(out, "    (void)%s(r);\n", getter);
        return;
    }
    out_print(out,
              "    if (%s_has_%s(r)) {\n        struct %s list = %s(r);\n"
              "        for (uint32_t i = 0; i < %s_len(list); i++) {\n",
              field->owner->name, field->name, list, getter, list);
    for (const char *line = each; *line != '\0';) {
        const char *stop = strchr(line, '\n') + 1;
        out_print(out, "    %.*s", (int)(stop - line), line);
        line = stop;
    }
    out_print(out, "        }\n    }\n");
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
        emit_refusal(out_string("!capnp_any_check(%s_get_%s(r))", owner, field->name), out);
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

/* ---------------------------------------------------------------------------
 * Interfaces */

/* How much of the text is its first line, with the line's end. */
static size_t first_line(const char *text)
{
    const char *stop = strchr(text, '\n');

    return stop != NULL ? (size_t)(stop - text) + 1u : strlen(text);
}

/* A comment as a string: one literal a line, those behind the first indented by `indent`. */
static const char *doc_literal(const char *doc, int indent)
{
    size_t len = first_line(doc);
    const char *result = out_literal(doc, len);

    while (doc[len] != '\0') {
        doc += len;
        len = first_line(doc);
        result = out_string("%s\n%*s%s", result, indent, "", out_literal(doc, len));
    }
    return result;
}

static void emit_interface(const struct model *model, const struct decl *decl, struct out *out)
{
    uint32_t count = model_method_count(decl);

    if (count == 0) {
        return;
    }
    out_print(out, "static const struct capnp_method_info %s_methods[] = {\n", decl->name);
    for (uint32_t i = 0; i < count; i++) {
        struct method method = model_method(model, decl, i);
        out_print(out,
                  "    {\n        .name = %s,\n        .doc = %s,\n"
                  "        .params_id = 0x%016" PRIx64 "ull,\n"
                  "        .results_id = 0x%016" PRIx64 "ull,\n    },\n",
                  out_literal(method.schema_name, strlen(method.schema_name)),
                  doc_literal(method.doc, 15), method.params->id, method.results->id);
    }
    out_print(out, "};\n\n");
}

static void emit_interface_row(const struct decl *decl, struct out *out)
{
    const char *doc = model_doc(decl);
    uint32_t count = model_method_count(decl);

    out_print(out,
              "    {\n        .name = %s,\n        .doc = %s,\n        .id = %s_ID,\n"
              "        .methods = %s,\n        .method_count = %s_METHOD_COUNT,\n    },\n",
              out_literal(decl->schema_name, strlen(decl->schema_name)), doc_literal(doc, 15),
              decl->upper, count != 0 ? out_string("%s_methods", decl->name) : "NULL", decl->upper);
}

void emit_source(const struct model *model, const struct model_file *file, struct out *out)
{
    const char *slash = strrchr(file->path, '/');
    bool interfaces = false;

    emit_top(file, " * What the header declares and does not define.\n", out);
    out_print(out, "#include \"%s.h\"\n\n", slash != NULL ? slash + 1 : file->path);
    for (size_t i = 0; i < file->count; i++) {
        if (file->order[i]->kind == DECL_ENUM) {
            emit_enum_names(model, file->order[i], out);
        }
    }
    for (size_t i = 0; i < file->count; i++) {
        if (file->order[i]->kind == DECL_STRUCT) {
            emit_defaults(model, file->order[i], out);
        }
    }
    emit_group_checks(model, file, out);
    for (size_t i = 0; i < file->count; i++) {
        const struct decl *decl = file->order[i];
        if (decl->kind == DECL_STRUCT && !decl->is_group && !decl->is_leaf) {
            emit_check(model, decl, out);
        }
        if (decl->kind == DECL_INTERFACE) {
            emit_interface(model, decl, out);
            interfaces = true;
        }
    }
    if (interfaces) {
        out_print(out, "const struct capnp_interface_info %s_interfaces[] = {\n", file->prefix);
        for (size_t i = 0; i < file->count; i++) {
            if (file->order[i]->kind == DECL_INTERFACE) {
                emit_interface_row(file->order[i], out);
            }
        }
        out_print(out,
                  "};\n\nconst size_t %s_interfaces_count = sizeof %s_interfaces / sizeof "
                  "*%s_interfaces;\n\n",
                  file->prefix, file->prefix, file->prefix);
    }
    out->len--; /* the blank line at the end */
}
