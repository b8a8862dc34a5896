// SPDX-License-Identifier: MIT
/*
 * Constants: macros for numbers, texts and data; words and a function that reads
 * them for lists and structs. And the words of defaults, which are made alike.
 */
#include "emit.h"

#include <inttypes.h>
#include <math.h>

/* The most words that a value may take. */
#define VALUE_WORDS_MAX 65536u

/* A float as it is written in C: exact, and with no library. */
static const char *float_literal(double value, const char *suffix)
{
    if (isnan(value)) {
        return out_string("__builtin_nan%s(\"\")", suffix);
    }
    if (isinf(value)) {
        return out_string("(%s__builtin_inf%s())", value < 0 ? "-" : "", suffix);
    }
    return out_string("(%a%s)", value, suffix);
}

/* Whether a constant of the type is a segment of words. */
static bool is_words(const struct type *type)
{
    return model_is_pointer(type) && type->kind != TYPE_TEXT && type->kind != TYPE_DATA;
}

static struct type const_type(const struct model *model, const struct decl *decl)
{
    struct schema_type type = schema_node_const_get_type(schema_node_get_const(decl->node));

    return model_type(model, decl->file, &decl->bound, type, decl->label);
}

bool emit_const_is_words(const struct model *model, const struct decl *decl)
{
    struct type type = const_type(model, decl);

    return is_words(&type);
}

/* The function that opens a constant's words. */
static void emit_const_reader(const struct decl *decl, const struct type *type, struct out *out)
{
    const char *args[] = {"struct capnp_message *m"};
    const char *any = out_string("capnp_constant(m, &%s_value)", decl->name);
    const char *value = any;

    if (type->kind == TYPE_STRUCT) {
        value = out_string("(struct %s){capnp_any_struct(%s)}", type->decl->name, any);
    } else if (type->kind == TYPE_LIST) {
        value = out_string("(struct %s){capnp_any_list(%s, %s)}", emit_list_name(type->element),
                           any, emit_element(type->element));
    }
    out_print(out, "extern const struct capnp_segment %s_value;\n\n", decl->name);
    out_print(out, "/* Reads %s, whose message it opens in m. */\n", decl->label);
    out_function(out, out_string("static inline %s", emit_reader_type(type)), decl->name, args, 1,
                 0);
    out_print(out, "\n{\n");
    out_line(out, "    return %s;", value);
    out_print(out, "}\n\n");
}

void emit_const(const struct model *model, const struct decl *decl, struct out *out)
{
    struct schema_node_const node = schema_node_get_const(decl->node);
    struct type type = const_type(model, decl);
    struct schema_value v = schema_node_const_get_value(node);

    if (type.kind == TYPE_VOID) {
        return; /* says nothing */
    }
    out_comment(out, 0, model_doc(decl));
    if (is_words(&type)) {
        emit_const_reader(decl, &type, out);
        return;
    }
    out_print(out, "#define %s ", decl->upper);
    switch (schema_value_which(v)) {
    case SCHEMA_VALUE_BOOL:
        out_print(out, "%s\n\n", schema_value_get_bool(v) ? "true" : "false");
        return;
    case SCHEMA_VALUE_INT8:
        out_print(out, "(%d)\n\n", schema_value_get_int8(v));
        return;
    case SCHEMA_VALUE_INT16:
        out_print(out, "(%d)\n\n", schema_value_get_int16(v));
        return;
    case SCHEMA_VALUE_INT32:
        out_print(out, "((int32_t)0x%" PRIx32 "u)\n\n", (uint32_t)schema_value_get_int32(v));
        return;
    case SCHEMA_VALUE_INT64:
        out_print(out, "((int64_t)0x%" PRIx64 "ull)\n\n", (uint64_t)schema_value_get_int64(v));
        return;
    case SCHEMA_VALUE_UINT8:
        out_print(out, "%uu\n\n", schema_value_get_uint8(v));
        return;
    case SCHEMA_VALUE_UINT16:
        out_print(out, "%uu\n\n", schema_value_get_uint16(v));
        return;
    case SCHEMA_VALUE_UINT32:
        out_print(out, "%" PRIu32 "u\n\n", schema_value_get_uint32(v));
        return;
    case SCHEMA_VALUE_UINT64:
        out_print(out, "%" PRIu64 "ull\n\n", schema_value_get_uint64(v));
        return;
    case SCHEMA_VALUE_ENUM:
        out_print(out, "((enum %s)%u)\n\n", type.decl->name, schema_value_get_enum(v));
        return;
    case SCHEMA_VALUE_TEXT: {
        struct capnp_text text = schema_value_get_text(v);
        out_print(out, "CAPNP_TEXT(%s)\n\n", out_literal(text.ptr, text.len));
        return;
    }
    case SCHEMA_VALUE_DATA: {
        struct capnp_data data = schema_value_get_data(v);
        out_print(out, "((struct capnp_data){.ptr = (const uint8_t *)%s, .len = %u})\n\n",
                  out_literal(data.ptr, data.len), data.len);
        return;
    }
    case SCHEMA_VALUE_FLOAT32:
        out_print(out, "%s\n\n", float_literal((double)schema_value_get_float32(v), "f"));
        return;
    case SCHEMA_VALUE_FLOAT64:
        out_print(out, "%s\n\n", float_literal(schema_value_get_float64(v), ""));
        return;
    case SCHEMA_VALUE_VOID:
    case SCHEMA_VALUE_LIST:
    case SCHEMA_VALUE_STRUCT:
    case SCHEMA_VALUE_INTERFACE:
    case SCHEMA_VALUE_ANY_POINTER:
        break;
    }
}

uint32_t emit_words(const char *name, struct capnp_any value, const char *label, struct out *out)
{
    struct capnp_arena arena;
    uint8_t *words = out_alloc(VALUE_WORDS_MAX * 8u);

    /* A message of which only the root pointer is taken: a struct of one pointer, behind it. */
    capnp_arena_init(&arena, words, VALUE_WORDS_MAX * 8u);
    struct capnp_struct_builder root = capnp_build_root(&arena, 0, 1);
    if (!capnp_any_copy(capnp_slot(root, 0), value)) {
        out_refuse(label, "has a value that is malformed, holds a capability or is too large");
    }
    uint32_t count = capnp_arena_bytes(&arena) / 8u;
    out_print(out, "static const uint64_t %s[] = {\n", name);
    for (uint32_t i = 1; i < count; i++) {
        out_print(out, "    0x%016" PRIx64 "ull,\n", capnp_load_u64(words + i * 8u));
    }
    out_print(out, "};\n\n");
    return (count - 1u) * 8u;
}

void emit_segment(const char *name, const char *suffix, struct capnp_any value, const char *label,
                  struct out *out)
{
    const char *words = out_string("%s_words", name);
    uint32_t bytes = emit_words(words, value, label, out);

    out_print(out,
              "const struct capnp_segment %s%s = {\n"
              "    .base = (const uint8_t *)%s,\n    .bytes = %u,\n};\n\n",
              name, suffix, words, bytes);
}

void emit_const_words(const struct model *model, const struct decl *decl, struct out *out)
{
    struct schema_node_const node = schema_node_get_const(decl->node);
    struct type type = const_type(model, decl);

    if (is_words(&type)) {
        emit_segment(decl->name, "_value", emit_value_pointer(schema_node_const_get_value(node)),
                     decl->label, out);
    }
}
