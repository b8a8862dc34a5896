// SPDX-License-Identifier: MIT
/*
 * JSON with errors that say where: which file, which field by its full path, what
 * was found there and what is accepted.
 *
 * A value is read by naming its object, the object's place and the field. Strings
 * are borrowed from the document.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report.h"

/* A document, bytes: far more than a manifest of the largest lists needs. */
#define JSON_BYTES_MAX (16u << 20)

/* Names that are accepted at some place. */
struct json_names {
    const char *what; /* "fields", "kernel objects" */
    const char *const *names;
    size_t count;
};

#define JSON_NAMES(what_, array)                                                                   \
    ((struct json_names){                                                                          \
        .what = (what_), .names = (array), .count = sizeof(array) / sizeof((array)[0])})

/*
 * Parses a document. Duplicate keys, text after its end and numbers beyond 64 bits
 * are errors, told by line and column. The caller gives it back by json_decref.
 */
bool json_parse(struct report *report, const void *bytes, size_t len, json_t **out);

/* Whether the value is an object, and each of its fields is among the accepted. */
bool json_check_fields(struct report *report, const struct place *at, json_t *value,
                       struct json_names accepted);

/* The same for an object that must have exactly one of the fields, whose index is *out. */
bool json_check_choice(struct report *report, const struct place *at, json_t *value,
                       struct json_names accepted, size_t *out);

/* Whether an optional field is there. */
static inline bool json_has(json_t *object, const char *field)
{
    return json_object_get(object, field) != NULL;
}

/* Each reads one field, which must be there and of the type. */
bool json_read_text(struct report *report, const struct place *at, json_t *object,
                    const char *field, const char **out);
bool json_read_array(struct report *report, const struct place *at, json_t *object,
                     const char *field, json_t **out);
bool json_read_bool(struct report *report, const struct place *at, json_t *object,
                    const char *field, bool *out);
bool json_read_u32(struct report *report, const struct place *at, json_t *object, const char *field,
                   uint32_t *out);
bool json_read_u8(struct report *report, const struct place *at, json_t *object, const char *field,
                  uint8_t *out);
bool json_read_i64(struct report *report, const struct place *at, json_t *object, const char *field,
                   int64_t *out);

/* A string "0x…" of 1 to 16 hexadecimal digits. */
bool json_read_hex(struct report *report, const struct place *at, json_t *object, const char *field,
                   uint64_t *out);

/* A number, or such a string. */
bool json_read_u64(struct report *report, const struct place *at, json_t *object, const char *field,
                   uint64_t *out);

/* One of the accepted strings, by its index. */
bool json_read_name(struct report *report, const struct place *at, json_t *object,
                    const char *field, struct json_names accepted, size_t *out);
