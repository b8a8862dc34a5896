// SPDX-License-Identifier: MIT
/*
 * Builders: the setters of one struct.
 */
#include "emit.h"

#include <inttypes.h>

/* static inline RESULT STRUCT_VERB(struct STRUCT_builder b[, value]), and the brace. */
static void open_setter(struct out *out, const struct decl *decl, const char *result,
                        const char *verb, const char *value)
{
    const char *args[] = {out_string("struct %s_builder b", decl->name), value};

    out_function(out, out_string("static inline %s", result), out_string("%s_%s", decl->name, verb),
                 args, value == NULL ? 1 : 2, 0);
    out_print(out, "\n{\n");
}

static void emit_tag(const struct field *field, struct out *out)
{
    if (field->in_union) {
        out_line(out, "    capnp_set_u16(b.b, %u, %s);",
                 schema_node_struct_get_discriminant_offset(field->owner->s) * 2u, field->tag);
    }
}

/* The slot of a pointer field. */
static const char *slot(const struct field *field)
{
    uint32_t byte = (field->owner->data_words + field->offset) * 8u;

    return out_string("capnp_slot(b.b, %u)", byte);
}

static void emit_scalar_setter(const struct field *field, struct out *out)
{
    const struct type *type = &field->type;
    uint64_t bits = emit_default_bits(field);
    const char *value = "value";

    out_print(out, "%s", type->kind == TYPE_FLOAT ? "#ifdef __SSE2__\n" : "");
    open_setter(out, field->owner, "void ", out_string("set_%s", field->name),
                out_string("%svalue", emit_value_type(type)));
    emit_tag(field, out);
    if (type->kind == TYPE_FLOAT) {
        value = out_string("capnp_f%u_bits(value)", type->bits);
    } else if (type->kind == TYPE_ENUM || type->is_signed) {
        value = out_string("(uint%u_t)value", type->bits);
    }
    if (bits != 0 && type->kind == TYPE_BOOL) {
        value = "!value";
    } else if (bits != 0) {
        value = out_string("(uint%u_t)(%s ^ 0x%" PRIx64 "u%s)", type->bits, value, bits,
                           type->bits == 64 ? "ll" : "");
    }
    out_print(out, "    capnp_set_%s(b.b, %u, %s);\n}\n%s\n", emit_scalar(type), emit_offset(field),
              value, type->kind == TYPE_FLOAT ? "#endif\n" : "");
}

static void emit_bytes_setter(const struct field *field, struct out *out)
{
    const char *what = field->type.kind == TYPE_TEXT ? "text" : "data";

    open_setter(out, field->owner, "void ", out_string("set_%s", field->name),
                out_string("struct capnp_%s %s", what, what));
    emit_tag(field, out);
    out_print(out, "    capnp_any_set_%s(%s, %s);\n}\n\n", what, slot(field), what);
    out_print(out,
              "/* Room for so many bytes of it, which holds anything until they are written. */\n");
    open_setter(out, field->owner, field->type.kind == TYPE_TEXT ? "char *" : "uint8_t *",
                out_string("room_%s", field->name), "uint32_t len");
    emit_tag(field, out);
    out_print(out, "    return capnp_any_room_%s(%s, len);\n}\n\n", what, slot(field));
}

static void emit_capability_setter(const struct field *field, struct out *out)
{
    const char *member = field->type.decl != NULL ? "value.c" : "value";

    open_setter(out, field->owner, "void ", out_string("set_%s", field->name),
                out_string("%svalue", emit_value_type(&field->type)));
    emit_tag(field, out);
    out_print(out,
              "    if (%s.there) {\n        capnp_any_set_capability(%s, %s.index);\n"
              "    } else {\n        capnp_any_set_null(%s);\n    }\n}\n\n",
              member, slot(field), member, slot(field));
}

static void emit_struct_init(const struct field *field, struct out *out)
{
    const struct decl *of = field->type.decl;

    open_setter(out, field->owner, out_string("struct %s_builder ", of->name),
                out_string("init_%s", field->name), NULL);
    emit_tag(field, out);
    out_line(out, "    return (struct %s_builder){capnp_any_init_struct(%s, %u, %u)};", of->name,
             slot(field), of->data_words, of->pointer_count);
    out_print(out, "}\n\n");
}

static void emit_list_init(const struct field *field, struct out *out)
{
    const struct type *element = field->type.element;

    open_setter(out, field->owner, out_string("struct %s ", emit_list_builder_name(element)),
                out_string("init_%s", field->name), "uint32_t len");
    emit_tag(field, out);
    out_line(out, "    return %s;", emit_list_builder(element, slot(field)));
    out_print(out, "}\n\n");
}

/* Zeroes what a group lies on, which another member of the union may have used. */
static void emit_clear(const struct model *model, const struct decl *group, struct out *out)
{
    if (model_has_union(group)) {
        out_print(out, "    capnp_set_u16(b.b, %u, 0);\n",
                  schema_node_struct_get_discriminant_offset(group->s) * 2u);
    }
    for (uint32_t i = 0; i < model_field_count(group); i++) {
        struct field field = model_field(model, group, i);
        if (field.group != NULL) {
            emit_clear(model, field.group, out);
        } else if (model_is_pointer(&field.type)) {
            out_print(out, "    capnp_any_set_null(%s);\n", slot(&field));
        } else if (field.type.kind == TYPE_BOOL) {
            out_print(out, "    capnp_set_bool(b.b, %u, false);\n", emit_offset(&field));
        } else if (field.type.kind != TYPE_VOID) {
            out_print(out, "    capnp_set_u%u(b.b, %u, 0);\n", field.type.bits,
                      emit_offset(&field));
        }
    }
}

static void emit_group_init(const struct model *model, const struct field *field, struct out *out)
{
    open_setter(out, field->owner, out_string("struct %s_builder ", field->group->name),
                out_string("init_%s", field->name), NULL);
    emit_tag(field, out);
    if (field->in_union) {
        emit_clear(model, field->group, out);
    }
    out_print(out, "    return (struct %s_builder){b.b};\n}\n\n", field->group->name);
}

static void emit_setter(const struct model *model, const struct field *field, struct out *out)
{
    if (field->group != NULL) {
        emit_group_init(model, field, out);
        return;
    }
    switch (field->type.kind) {
    case TYPE_VOID:
        if (field->in_union) {
            open_setter(out, field->owner, "void ", out_string("set_%s", field->name), NULL);
            emit_tag(field, out);
            out_print(out, "}\n\n");
        }
        return;
    case TYPE_BOOL:
    case TYPE_INT:
    case TYPE_FLOAT:
    case TYPE_ENUM:
        emit_scalar_setter(field, out);
        return;
    case TYPE_TEXT:
    case TYPE_DATA:
        emit_bytes_setter(field, out);
        return;
    case TYPE_STRUCT:
        emit_struct_init(field, out);
        return;
    case TYPE_LIST:
        emit_list_init(field, out);
        return;
    case TYPE_CAP:
        emit_capability_setter(field, out);
        return;
    case TYPE_ANY:
    case TYPE_ANY_STRUCT:
    case TYPE_ANY_LIST:
        open_setter(out, field->owner, "struct capnp_any_builder ",
                    out_string("init_%s", field->name), NULL);
        emit_tag(field, out);
        out_print(out, "    return %s;\n}\n\n", slot(field));
        return;
    }
}

void emit_builder(const struct model *model, const struct decl *decl, struct out *out)
{
    const char *name = decl->name;
    const char *root[] = {"struct capnp_arena *arena"};
    const char *at[] = {out_string("struct %s_list_builder list", name), "uint32_t i"};

    const char *result = out_string("static inline struct %s_builder ", name);
    if (!decl->is_group) {
        out_function(out, result, out_string("%s_build_root", name), root, 1, 0);
        out_print(out, "\n{\n");
        out_line(out, "    return (struct %s_builder){capnp_build_root(arena, %u, %u)};", name,
                 decl->data_words, decl->pointer_count);
        out_print(out, "}\n\n");
    }
    if (!decl->is_group && !decl->is_message) {
        out_function(out, result, out_string("%s_list_builder_at", name), at, 2, 0);
        out_print(out, "\n{\n");
        out_line(out, "    return (struct %s_builder){capnp_list_builder_struct(list.l, i)};",
                 name);
        out_print(out, "}\n\n");
    }
    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        struct field field = model_field(model, decl, i);
        emit_setter(model, &field, out);
        emit_nested_init(&field, out);
    }
}
