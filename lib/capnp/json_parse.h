// SPDX-License-Identifier: MIT
/*
 * What the files that make up <capnp/json.h> know of each other.
 */
#pragma once

#include "scan.h"

#include <capnp/json.h>

#define CAPNP_JSON_BASE64_SYMBOLS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

/* The names that JSON has for a field and for an enum's value. */
static inline const char *capnp_json_field_name(const struct capnp_field_info *field)
{
    return field->json != NULL && field->json->name != NULL ? field->json->name : field->name;
}

static inline const char *capnp_json_enumerant_name(const struct capnp_enumerant_info *enumerant)
{
    return enumerant->json_name != NULL ? enumerant->json_name : enumerant->name;
}

/* How the bytes of a field of Data are said; field is NULL for an element of a list. */
static inline enum capnp_json_data capnp_json_data_of(const struct capnp_field_info *field)
{
    return field != NULL && field->json != NULL ? field->json->data : CAPNP_JSON_BYTES;
}

/* Whether the members of a field's struct are members of the object that it stands in. */
static inline bool capnp_json_is_flattened(const struct capnp_field_info *field,
                                           const struct capnp_scope *scope)
{
    return field->json != NULL && field->json->prefix != NULL &&
           capnp_type_in(&field->type, scope).info->kind == CAPNP_TYPE_STRUCT;
}

/* Parses the value that stands here into its place. */
bool capnp_json_parse_value(struct capnp_scan *p, const struct capnp_target *target);

/* Parses the object that stands here into a struct of defaults. */
bool capnp_json_parse_members(struct capnp_scan *p, const struct capnp_draft *d);

/*
 * Ends an object of a group: where the member of a union that is set is a null pointer,
 * what it stands for is laid down, as the stock tool does.
 */
void capnp_json_fill_unions(const struct capnp_draft *group);
