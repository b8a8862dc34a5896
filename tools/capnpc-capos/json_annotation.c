// SPDX-License-Identifier: MIT
#include "json_annotation.h"

#define ANNOTATION_NAME          0xfa5b1fd61c2e7c3dull
#define ANNOTATION_FLATTEN       0x82d3e852af0336bfull
#define ANNOTATION_DISCRIMINATOR 0xcfa794e8d19a0162ull
#define ANNOTATION_BASE64        0xd7d879450a253e4bull
#define ANNOTATION_HEX           0xf061e22f0ae5c7b5ull

/* The options are structs of one text and of two. */
static struct capnp_text option(struct schema_value value, uint16_t index, bool *is_there)
{
    struct capnp_struct options = capnp_any_struct(schema_value_get_struct(value));

    *is_there = capnp_has(options, index);
    return capnp_any_text(capnp_get_any(options, index));
}

struct json_annotations json_annotations_of(struct schema_annotation_list list)
{
    struct json_annotations a = {.data = CAPNP_JSON_BYTES};
    bool is_there;

    for (uint32_t i = 0; i < schema_annotation_list_len(list); i++) {
        struct schema_annotation one = schema_annotation_list_at(list, i);
        struct schema_value value = schema_annotation_get_value(one);
        switch (schema_annotation_get_id(one)) {
        case ANNOTATION_NAME:
            a.has_name = true;
            a.name = schema_value_get_text(value);
            break;
        case ANNOTATION_FLATTEN:
            a.is_flattened = true;
            a.prefix = option(value, 0, &is_there);
            break;
        case ANNOTATION_DISCRIMINATOR:
            a.is_union = true;
            a.tag = option(value, 0, &a.has_tag);
            a.value = option(value, 1, &a.has_value);
            break;
        case ANNOTATION_BASE64:
            a.data = CAPNP_JSON_BASE64;
            break;
        case ANNOTATION_HEX:
            a.data = CAPNP_JSON_HEX;
            break;
        default:
            continue;
        }
        a.is_any = true;
    }
    return a;
}
