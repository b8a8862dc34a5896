// SPDX-License-Identifier: MIT
/*
 * Parameters and results that programs get as values and not through a reader: scalars,
 * and Text or Data among them.
 */
#include "emit.h"

bool emit_is_values(const struct model *model, const struct decl *decl)
{
    uint32_t texts;

    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        struct field field = model_field(model, decl, i);
        if (field.group != NULL || field.in_union || field.type.kind == TYPE_FLOAT ||
            (model_is_pointer(&field.type) && emit_has_default(&field))) {
            return false;
        }
    }
    return model_is_bytes(model, decl, &texts);
}

void emit_open_values(const struct model *model, const struct decl *decl, const char *message,
                      const char *otherwise, struct out *out)
{
    uint32_t texts;
    bool scalars = false;

    (void)model_is_bytes(model, decl, &texts);
    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        struct field field = model_field(model, decl, i);
        scalars = scalars || (field.type.kind != TYPE_VOID && !model_is_pointer(&field.type));
    }
    out_print(out, "    struct capnp_data bytes_[%u];\n", decl->pointer_count);
    /* One word at least: where it lies says that the message is good. */
    out_print(out, "    uint64_t scratch[%u];\n", decl->data_words != 0 ? decl->data_words : 1u);
    out_line(out, "    const uint8_t *data_ = capnp_bytes_root(%s, %u, %u, 0x%x, scratch, bytes_);",
             message, decl->data_words, decl->pointer_count, texts);
    out_print(out, "\n    if (CAPNP_UNLIKELY(data_ == NULL)) {\n        return %s;\n    }\n",
              otherwise);
    if (scalars) {
        out_line(out, "    struct %s values = {capnp_plain_struct(data_, %u)};", decl->name,
                 decl->data_words);
    }
}

const char *emit_value_of(const struct decl *decl, const struct field *field)
{
    if (field->type.kind == TYPE_TEXT) {
        return out_string("capnp_field_text(bytes_[%u])", field->offset);
    }
    return field->type.kind == TYPE_DATA ? out_string("bytes_[%u]", field->offset)
                                         : out_string("%s_get_%s(values)", decl->name, field->name);
}
