// SPDX-License-Identifier: MIT
/*
 * Parameters and results that programs get as values and not through a reader: scalars,
 * and Text or Data among them.
 */
#include "emit.h"

#include <string.h>

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

void emit_open_plain(const struct model *model, const struct decl *decl, const char *form,
                     const char *message, const char *otherwise, struct out *out)
{
    uint32_t texts;
    bool scalars = false;
    bool values = emit_is_values(model, decl);
    /* One word at least: where it lies says that the message is good. */
    uint32_t scratch_words = decl->data_words != 0 ? decl->data_words : 1u;
    const char *scratch = strcmp(form, "_as_built") == 0 ? "" : ", scratch";

    (void)model_is_bytes(model, decl, &texts);
    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        struct field field = model_field(model, decl, i);
        scalars = scalars || (field.type.kind != TYPE_VOID && !model_is_pointer(&field.type));
    }
    if (values) {
        out_print(out, "    struct capnp_data bytes_[%u];\n", decl->pointer_count);
    }
    if (*scratch != '\0') {
        out_print(out, "    uint64_t scratch[%u];\n", scratch_words);
    }
    if (values) {
        out_line(out, "    const uint8_t *data_ = capnp_bytes_root%s(%s, %u, %u, 0x%x%s, bytes_);",
                 form, message, decl->data_words, decl->pointer_count, texts, scratch);
    } else {
        out_line(out, "    const uint8_t *data_ = capnp_plain_root%s(%s, %u%s);", form, message,
                 decl->data_words, scratch);
    }
    out_print(out, "\n    if (CAPNP_UNLIKELY(data_ == NULL)) {\n");
    out_line(out, "        return %s;", otherwise);
    out_print(out, "    }\n");
    if (scalars || (!values && model_field_count(decl) != 0)) {
        out_line(out, "    struct %s %s = {capnp_plain_struct(data_, %u)};", decl->name,
                 values ? "values" : "params", decl->data_words);
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
