// SPDX-License-Identifier: MIT
#include "json.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAMES_ROOM  256u
#define QUOTE_MAX   40u
#define QUOTED_ROOM (QUOTE_MAX + 8u)
#define VALUE_ROOM  (QUOTED_ROOM + 32u)

bool json_parse(struct report *report, const void *bytes, size_t len, json_t **out)
{
    json_error_t error;

    *out = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &error);
    if (*out == NULL) {
        return report_invalid(report, NULL, "line %d, column %d: %s", error.line, error.column,
                              error.text);
    }
    return true;
}

/* A string from the document in quotes, fit for one line of a terminal. */
static const char *quote(const char *string, char text[QUOTED_ROOM])
{
    size_t used = 0;

    text[used++] = '"';
    for (size_t i = 0; i < QUOTE_MAX && string[i] != '\0'; i++) {
        char c = string[i];
        if (c < ' ' || c > '~') {
            c = '?';
        }
        text[used++] = c;
    }
    snprintf(text + used, QUOTED_ROOM - used, "%s\"", strlen(string) > QUOTE_MAX ? "..." : "");
    return text;
}

/* What a value is, as a person would say it. */
static const char *describe(json_t *value, char text[VALUE_ROOM])
{
    char quoted[QUOTED_ROOM];

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        snprintf(text, VALUE_ROOM, "the string %s", quote(json_string_value(value), quoted));
        return text;
    case JSON_INTEGER:
        snprintf(text, VALUE_ROOM, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return text;
    case JSON_REAL:
        snprintf(text, VALUE_ROOM, "%g, not an integer", json_real_value(value));
        return text;
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        return "null";
    }
    return "nothing";
}

static bool wrong_type(struct report *report, const struct place *at, json_t *value,
                       const char *expected)
{
    char text[VALUE_ROOM];

    return report_invalid(report, at, "found %s; expected %s", describe(value, text), expected);
}

static void list_names(struct json_names accepted, char *text, size_t room)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < accepted.count && used < room; i++) {
        used += (size_t)snprintf(text + used, room - used, "%s%s", i == 0 ? "" : ", ",
                                 accepted.names[i]);
    }
}

static bool find_name(struct json_names accepted, const char *name, size_t *index)
{
    for (size_t i = 0; i < accepted.count; i++) {
        if (strcmp(accepted.names[i], name) == 0) {
            *index = i;
            return true;
        }
    }
    return false;
}

bool json_check_fields(struct report *report, const struct place *at, json_t *value,
                       struct json_names accepted)
{
    if (!json_is_object(value)) {
        return wrong_type(report, at, value, "an object");
    }
    for (void *it = json_object_iter(value); it != NULL; it = json_object_iter_next(value, it)) {
        const char *field = json_object_iter_key(it);
        size_t index;
        if (!find_name(accepted, field, &index)) {
            char names[NAMES_ROOM];
            char quoted[QUOTED_ROOM];
            list_names(accepted, names, sizeof names);
            return report_invalid(report, at, "unknown field %s; the %s are: %s",
                                  quote(field, quoted), accepted.what, names);
        }
    }
    return true;
}

bool json_check_choice(struct report *report, const struct place *at, json_t *value,
                       struct json_names accepted, size_t *out)
{
    if (!json_check_fields(report, at, value, accepted)) {
        return false;
    }
    if (json_object_size(value) != 1) {
        char names[NAMES_ROOM];
        list_names(accepted, names, sizeof names);
        return report_invalid(report, at, "found %zu fields; expected exactly one of: %s",
                              json_object_size(value), names);
    }
    return find_name(accepted, json_object_iter_key(json_object_iter(value)), out);
}

/* The field's value, or NULL with the report written. */
static json_t *required(struct report *report, const struct place *at, json_t *object,
                        const char *field)
{
    json_t *value = json_object_get(object, field);

    if (value == NULL) {
        report_invalid(report, at, "the field \"%s\" is missing", field);
    }
    return value;
}

bool json_read_text(struct report *report, const struct place *at, json_t *object,
                    const char *field, const char **out)
{
    json_t *value = required(report, at, object, field);
    struct place here = place_field(at, field);

    if (value == NULL) {
        return false;
    }
    if (!json_is_string(value)) {
        return wrong_type(report, &here, value, "a string");
    }
    *out = json_string_value(value);
    return true;
}

bool json_read_array(struct report *report, const struct place *at, json_t *object,
                     const char *field, json_t **out)
{
    json_t *value = required(report, at, object, field);
    struct place here = place_field(at, field);

    if (value == NULL) {
        return false;
    }
    if (!json_is_array(value)) {
        return wrong_type(report, &here, value, "a list");
    }
    *out = value;
    return true;
}

bool json_read_bool(struct report *report, const struct place *at, json_t *object,
                    const char *field, bool *out)
{
    json_t *value = required(report, at, object, field);
    struct place here = place_field(at, field);

    if (value == NULL) {
        return false;
    }
    if (!json_is_boolean(value)) {
        return wrong_type(report, &here, value, "true or false");
    }
    *out = json_is_true(value);
    return true;
}

static bool read_integer(struct report *report, const struct place *at, json_t *object,
                         const char *field, int64_t least, int64_t most, int64_t *out)
{
    json_t *value = required(report, at, object, field);
    struct place here = place_field(at, field);

    if (value == NULL) {
        return false;
    }
    if (!json_is_integer(value) || json_integer_value(value) < least ||
        json_integer_value(value) > most) {
        char expected[VALUE_ROOM];
        snprintf(expected, sizeof expected, "an integer from %" PRId64 " to %" PRId64, least, most);
        return wrong_type(report, &here, value, expected);
    }
    *out = json_integer_value(value);
    return true;
}

bool json_read_u32(struct report *report, const struct place *at, json_t *object, const char *field,
                   uint32_t *out)
{
    int64_t value = 0;

    if (!read_integer(report, at, object, field, 0, UINT32_MAX, &value)) {
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

bool json_read_u8(struct report *report, const struct place *at, json_t *object, const char *field,
                  uint8_t *out)
{
    int64_t value = 0;

    if (!read_integer(report, at, object, field, 0, UINT8_MAX, &value)) {
        return false;
    }
    *out = (uint8_t)value;
    return true;
}

bool json_read_i64(struct report *report, const struct place *at, json_t *object, const char *field,
                   int64_t *out)
{
    return read_integer(report, at, object, field, INT64_MIN, INT64_MAX, out);
}

/* Reads "0x…" of 1 to 16 hexadecimal digits and nothing else. */
static bool parse_hex(const char *text, uint64_t *out)
{
    uint64_t value = 0;

    if (strncmp(text, "0x", 2) != 0 || text[2] == '\0' || strlen(text) > 18) {
        return false;
    }
    for (const char *c = text + 2; *c != '\0'; c++) {
        if (!isxdigit((unsigned char)*c)) {
            return false;
        }
        int digit = isdigit((unsigned char)*c) ? *c - '0' : tolower((unsigned char)*c) - 'a' + 10;
        value = value << 4 | (uint64_t)digit;
    }
    *out = value;
    return true;
}

bool json_read_hex(struct report *report, const struct place *at, json_t *object, const char *field,
                   uint64_t *out)
{
    struct place here = place_field(at, field);
    const char *text = "";

    if (!json_read_text(report, at, object, field, &text)) {
        return false;
    }
    if (!parse_hex(text, out)) {
        return wrong_type(report, &here, json_object_get(object, field),
                          "\"0x\" and 1 to 16 hexadecimal digits");
    }
    return true;
}

bool json_read_u64(struct report *report, const struct place *at, json_t *object, const char *field,
                   uint64_t *out)
{
    json_t *value = required(report, at, object, field);
    struct place here = place_field(at, field);

    if (value == NULL) {
        return false;
    }
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *out = (uint64_t)json_integer_value(value);
        return true;
    }
    if (json_is_string(value) && parse_hex(json_string_value(value), out)) {
        return true;
    }
    return wrong_type(report, &here, value,
                      "an integer from 0, or a string of \"0x\" and 1 to 16 hexadecimal digits");
}

bool json_read_name(struct report *report, const struct place *at, json_t *object,
                    const char *field, struct json_names accepted, size_t *out)
{
    struct place here = place_field(at, field);
    const char *name = "";

    if (!json_read_text(report, at, object, field, &name)) {
        return false;
    }
    if (!find_name(accepted, name, out)) {
        char names[NAMES_ROOM];
        char quoted[QUOTED_ROOM];
        list_names(accepted, names, sizeof names);
        return report_invalid(report, &here, "found %s; the %s are: %s", quote(name, quoted),
                              accepted.what, names);
    }
    return true;
}
