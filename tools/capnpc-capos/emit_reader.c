// SPDX-License-Identifier: MIT
/*
 * Readers: the accessors of one struct.
 */
#include "emit.h"

#include <inttypes.h>
#include <string.h>

/* static inline RESULT STRUCT_VERB_FIELD(struct STRUCT r), and the brace. */
static void open_getter(struct out *out, const struct decl *decl, const char *result,
                        const char *verb)
{
    const char *args[] = {out_string("struct %s r", decl->name)};

    out_function(out, out_string("static inline %s", result), out_string("%s_%s", decl->name, verb),
                 args, 1, 0);
    out_print(out, "\n{\n");
}

/* What a scalar field reads as: the loaded bits, XORed with the default, in its type. */
static const char *scalar_expression(const struct field *field)
{
    const struct type *type = &field->type;
    uint64_t bits = emit_default_bits(field);
    const char *load = out_string("capnp_get_%s(r.s, %u)", emit_scalar(type), emit_offset(field));

    if (type->kind == TYPE_BOOL) {
        return bits != 0 ? out_string("!%s", load) : load;
    }
    if (bits != 0) {
        load = out_string("(%s ^ 0x%" PRIx64 "u%s)", load, bits, type->bits == 64 ? "ll" : "");
    }
    if (type->kind == TYPE_FLOAT) {
        return out_string("capnp_f%u_from_bits(%s)", type->bits, load);
    }
    if (type->kind == TYPE_ENUM || type->is_signed || (bits != 0 && type->bits < 32)) {
        const char *c_type = emit_value_type(type);
        return out_string("(%.*s)%s", (int)strlen(c_type) - 1, c_type, load);
    }
    return load;
}

static const char *bytes_expression(const struct field *field)
{
    struct schema_value value = emit_default_value(field);
    bool is_text = field->type.kind == TYPE_TEXT;
    const char *load =
        out_string("capnp_get_%s(r.s, %u)", is_text ? "text" : "data", field->offset);

    if (!emit_has_default(field)) {
        return load;
    }
    struct capnp_text text = schema_value_get_text(value);
    struct capnp_data data = schema_value_get_data(value);
    const char *fallback =
        is_text ? out_string("CAPNP_TEXT(%s)", out_literal(text.ptr, text.len))
                : out_string("(struct capnp_data){.ptr = (const uint8_t *)%s, .len = %u}",
                             out_literal(data.ptr, data.len), data.len);
    return out_string("capnp_has(r.s, %u) ? %s : %s", field->offset, load, fallback);
}

/* The pointer itself, or that of its default. */
static const char *pointer_expression(const struct field *field)
{
    const char *load = out_string("capnp_get_any(r.s, %u)", field->offset);

    if (!emit_has_default(field)) {
        return load;
    }
    return out_string("capnp_any_or_default(%s, &%s_%s_default)", load, field->owner->base->name,
                      field->name);
}

static const char *capability_expression(const struct field *field)
{
    const char *load = out_string("capnp_get_capability(r.s, %u)", field->offset);

    if (field->type.decl == NULL) {
        return load;
    }
    return out_string("(struct %s){%s}", emit_capability(&field->type), load);
}

static const char *field_expression(const struct field *field)
{
    const struct type *type = &field->type;

    switch (type->kind) {
    case TYPE_BOOL:
    case TYPE_INT:
    case TYPE_FLOAT:
    case TYPE_ENUM:
        return scalar_expression(field);
    case TYPE_TEXT:
    case TYPE_DATA:
        return bytes_expression(field);
    case TYPE_STRUCT:
        return out_string("(struct %s){capnp_any_struct(%s)}", type->decl->name,
                          pointer_expression(field));
    case TYPE_LIST:
        return out_string("(struct %s){capnp_any_list(%s, %s)}", emit_list_name(type->element),
                          pointer_expression(field), emit_element(type->element));
    case TYPE_CAP:
        return capability_expression(field);
    case TYPE_ANY:
    case TYPE_ANY_STRUCT:
    case TYPE_ANY_LIST:
        return pointer_expression(field);
    case TYPE_VOID:
        break;
    }
    return "";
}

/* What a member of a union reads as while another is set: nothing. */
static const char *nothing(const struct field *field)
{
    switch (field->type.kind) {
    case TYPE_BOOL:
        return "false";
    case TYPE_INT:
    case TYPE_FLOAT:
        return "0";
    case TYPE_ENUM:
        return out_string("(enum %s)0", field->type.decl->name);
    case TYPE_TEXT:
        return "CAPNP_TEXT(\"\")";
    case TYPE_DATA:
        return "(struct capnp_data){.ptr = NULL, .len = 0}";
    case TYPE_STRUCT:
        return out_string("(struct %s){capnp_any_struct(capnp_no_any(r.s))}",
                          field->type.decl->name);
    case TYPE_LIST:
        return out_string("(struct %s){capnp_any_list(capnp_no_any(r.s), CAPNP_ELEMENT_VOID)}",
                          emit_list_name(field->type.element));
    case TYPE_CAP:
        return out_string("(struct %s){%s.index = 0, .there = false%s}",
                          emit_capability(&field->type), field->type.decl != NULL ? "{" : "",
                          field->type.decl != NULL ? "}" : "");
    case TYPE_ANY:
    case TYPE_ANY_STRUCT:
    case TYPE_ANY_LIST:
        return "capnp_no_any(r.s)";
    case TYPE_VOID:
        break;
    }
    return "";
}

/* Returns `otherwise` unless the member is the one that is set. */
static void emit_union_guard(const struct field *field, const char *otherwise, struct out *out)
{
    out_line(out, "    if (%s_which(r) != %s) {", field->owner->name, field->tag);
    out_line(out, "        return %s;", otherwise);
    out_print(out, "    }\n");
}

static void emit_group_getter(const struct field *field, struct out *out)
{
    const struct decl *decl = field->owner;

    out_comment(out, 0, field->doc);
    open_getter(out, decl, out_string("struct %s ", field->group->name),
                out_string("get_%s", field->name));
    if (field->in_union) {
        const char *empty =
            out_string("(struct %s){capnp_any_struct(capnp_no_any(r.s))}", field->group->name);
        emit_union_guard(field, empty, out);
    }
    out_print(out, "    return (struct %s){r.s};\n}\n\n", field->group->name);
}

static void emit_getter(const struct field *field, struct out *out)
{
    const struct decl *decl = field->owner;
    bool is_float = field->type.kind == TYPE_FLOAT;

    out_print(out, "%s", is_float ? "#ifdef __SSE2__\n" : "");
    out_comment(out, 0, field->doc);
    open_getter(out, decl, emit_reader_type(&field->type), out_string("get_%s", field->name));
    if (field->in_union) {
        emit_union_guard(field, nothing(field), out);
    }
    out_line(out, "    return %s;", field_expression(field));
    out_print(out, "}\n%s\n", is_float ? "#endif\n" : "");

    if (!model_is_pointer(&field->type)) {
        return;
    }
    open_getter(out, decl, "bool ", out_string("has_%s", field->name));
    if (field->in_union) {
        out_line(out, "    return %s_which(r) == %s && capnp_has(r.s, %u);", decl->name, field->tag,
                 field->offset);
        out_print(out, "}\n\n");
    } else {
        out_print(out, "    return capnp_has(r.s, %u);\n}\n\n", field->offset);
    }
}

/* The values of a union's tag, and the getter of it. */
static void emit_which(const struct model *model, const struct decl *decl, struct out *out)
{
    uint32_t offset = schema_node_struct_get_discriminant_offset(decl->s) * 2u;

    out_print(out, "enum %s_which {\n", decl->name);
    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        struct field field = model_field(model, decl, i);
        if (field.in_union) {
            out_print(out, "    %s = %u,\n", field.tag, field.discriminant);
        }
    }
    out_print(out, "};\n#define %s_WHICH_COUNT %uu\n\n", decl->upper,
              schema_node_struct_get_discriminant_count(decl->s));
    out_print(out,
              "/* Which member is set; a newer sender may have set one that is not listed. */\n");
    open_getter(out, decl, out_string("enum %s_which ", decl->name), "which");
    out_print(out, "    return (enum %s_which)capnp_get_u16(r.s, %u);\n}\n\n", decl->name, offset);
}

static void emit_root_and_list(const struct decl *decl, struct out *out)
{
    const char *name = decl->name;
    const char *root[] = {"struct capnp_message *m"};
    const char *len[] = {out_string("struct %s_list list", name)};
    const char *at[] = {len[0], "uint32_t i"};

    out_function(out, out_string("static inline struct %s ", name),
                 out_string("%s_read_root", name), root, 1, 0);
    out_print(out, "\n{\n    return (struct %s){capnp_root(m, %u, %u)};\n}\n\n", name,
              decl->data_words, decl->pointer_count);
    if (decl->is_message) {
        return;
    }
    out_function(out, "static inline uint32_t ", out_string("%s_list_len", name), len, 1, 0);
    out_print(out, "\n{\n    return list.l.len;\n}\n\n");
    out_function(out, out_string("static inline struct %s ", name), out_string("%s_list_at", name),
                 at, 2, 0);
    out_print(out, "\n{\n    return (struct %s){capnp_list_struct(list.l, i)};\n}\n\n", name);
}

static void emit_check_head(const struct model *model, const struct decl *decl, struct out *out)
{
    const char *args[] = {out_string("struct %s r", decl->name)};

    out_print(out,
              "/* Whether everything behind r is well-formed; if so, no getter can fail. */\n");
    if (!decl->is_leaf) {
        out_function(out, "bool ", out_string("%s_check", decl->name), args, 1, 1);
        out_print(out, ";\n\n");
        return;
    }
    open_getter(out, decl, "bool ", "check");
    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        struct field field = model_field(model, decl, i);
        if (model_is_pointer(&field.type)) {
            out_print(out, "    (void)%s_get_%s(r);\n", decl->name, field.name);
        }
    }
    out_print(out, "    return capnp_check_passed(r.s);\n}\n\n");
}

void emit_reader(const struct model *model, const struct decl *decl, struct out *out)
{
    if (!decl->is_group) {
        emit_root_and_list(decl, out);
    }
    if (model_has_union(decl)) {
        emit_which(model, decl, out);
    }
    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        struct field field = model_field(model, decl, i);
        if (field.group != NULL) {
            emit_group_getter(&field, out);
        } else if (field.type.kind != TYPE_VOID) {
            emit_getter(&field, out);
            emit_nested_at(&field, out);
        }
    }
    if (!decl->is_group) {
        emit_check_head(model, decl, out);
    }
}
