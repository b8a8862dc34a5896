// SPDX-License-Identifier: MIT
/*
 * x.capnp.c: names, defaults, constants, checks, and what there is to know of the
 * interfaces.
 */
#include "emit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void emit_enum_names(const struct decl *decl, struct out *out)
{
    struct schema_enumerant_list values =
        schema_node_enum_get_enumerants(schema_node_get_enum(decl->node));
    uint32_t count = schema_enumerant_list_len(values);

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

/* The defaults of pointers that are more than bytes. */
static void emit_defaults(const struct model *model, const struct decl *decl, struct out *out)
{
    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        struct field field = model_field(model, decl, i);
        if (emit_has_default_words(&field)) {
            emit_segment(out_string("%s_%s", decl->name, field.name), "_default",
                         emit_value_pointer(emit_default_value(&field)),
                         out_string("%s.%s", decl->label, field.name), out);
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

const char *emit_doc_literal(const char *doc, int indent)
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
    struct methods methods = model_methods(model, decl);

    if (methods.own_count == 0) {
        return;
    }
    out_print(out, "static const struct capnp_method_info %s_methods[] = {\n", decl->name);
    for (uint32_t i = 0; i < methods.own_count; i++) {
        struct method method = methods.list[i];
        out_print(out,
                  "    {\n        .name = %s,\n        .doc = %s,\n"
                  "        .params_id = 0x%016" PRIx64 "ull,\n"
                  "        .results_id = 0x%016" PRIx64 "ull,\n    },\n",
                  out_literal(method.schema_name, strlen(method.schema_name)),
                  emit_doc_literal(method.doc, 15), method.params->id, method.results->id);
    }
    out_print(out, "};\n\n");
}

static void emit_interface_row(const struct model *model, const struct decl *decl, struct out *out)
{
    const char *doc = model_doc(decl);
    uint32_t count = model_methods(model, decl).own_count;

    out_print(out,
              "    {\n        .name = %s,\n        .doc = %s,\n        .id = %s_ID,\n"
              "        .methods = %s,\n        .method_count = %s_METHOD_COUNT,\n    },\n",
              out_literal(decl->schema_name, strlen(decl->schema_name)), emit_doc_literal(doc, 15),
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
            emit_enum_names(file->order[i], out);
        }
    }
    for (size_t i = 0; i < file->count; i++) {
        const struct decl *decl = file->order[i];
        if (decl->kind == DECL_STRUCT && decl->base == decl) {
            emit_defaults(model, decl, out);
        } else if (decl->kind == DECL_CONST) {
            emit_const_words(model, decl, out);
        }
    }
    emit_checks(model, file, out);
    for (size_t i = 0; i < file->count; i++) {
        if (file->order[i]->kind == DECL_INTERFACE) {
            emit_interface(model, file->order[i], out);
            interfaces = true;
        }
    }
    if (interfaces) {
        out_print(out, "const struct capnp_interface_info %s_interfaces[] = {\n", file->prefix);
        for (size_t i = 0; i < file->count; i++) {
            if (file->order[i]->kind == DECL_INTERFACE) {
                emit_interface_row(model, file->order[i], out);
            }
        }
        out_print(out,
                  "};\n\nconst size_t %s_interfaces_count = sizeof %s_interfaces / sizeof "
                  "*%s_interfaces;\n\n",
                  file->prefix, file->prefix, file->prefix);
    }
    out->len--; /* the blank line at the end */
}
