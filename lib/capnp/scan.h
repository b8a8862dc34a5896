// SPDX-License-Identifier: MIT
/*
 * JSON, character by character: what json_parse.c and json_object.c are written with.
 *
 * Functions move behind what they take, and return false where it is not there; the
 * first reason is kept as the complaint. Where none says otherwise, blanks before it
 * are passed over. Nothing here knows of schemas.
 */
#pragma once

#include <capnp/text.h>

/* A place in the input. A copy of it looks ahead. */
struct capnp_scan {
    struct capnp_text input;
    uint32_t at;
    unsigned depth; /* of the arrays and objects around it */
    struct capnp_complaint *complaint;
};

/* Keeps the sentence, if it is the first; false. */
bool capnp_scan_refuse(struct capnp_scan *p, const char *sentence);

/* The next byte, be it a blank; NUL at the end. */
char capnp_scan_peek(const struct capnp_scan *p);

void capnp_scan_skip_blanks(struct capnp_scan *p);

/* Passes this byte; refuses with the sentence where there is another. */
bool capnp_scan_expect(struct capnp_scan *p, char c, const char *sentence);

/* Whether the word stands right here; if so, moves behind it. */
bool capnp_scan_word(struct capnp_scan *p, const char *word);

/* The value of a hexadecimal digit, or -1. */
int capnp_scan_hex_value(char c);

/* ---------------------------------------------------------------------------
 * Strings */

/* One character of a string, as the bytes it is. */
struct capnp_scan_character {
    uint8_t bytes[4];
    uint32_t len;
};

/* The next character of a string; one of length 0 at its closing quote, which is passed. */
bool capnp_scan_character(struct capnp_scan *p, struct capnp_scan_character *c);

/* A string, from right behind its opening quote; puts its bytes into a list, if given. */
bool capnp_scan_string(struct capnp_scan *p, const struct capnp_list_builder *to, uint32_t *len);

/* Whether the string, from right behind its opening quote, is this name. Moves nowhere. */
bool capnp_scan_string_is(const struct capnp_scan *p, const char *name);

/* ---------------------------------------------------------------------------
 * Numbers */

/* A number as it stands there, or as it stands in a string. */
struct capnp_scan_number {
    bool negative;
    struct capnp_text text; /* without its sign; of a string, anything */
};

/* A number that stands right here, or a string. */
bool capnp_scan_number(struct capnp_scan *p, struct capnp_scan_number *n);

/* ---------------------------------------------------------------------------
 * Arrays and objects */

/* Into an array or object; false when they are nested too deeply. Who leaves counts down. */
bool capnp_scan_enter(struct capnp_scan *p);

/* Passes the opening bracket; *more is whether a member follows, else the closing one is passed. */
bool capnp_scan_open(struct capnp_scan *p, char open, char close, const char *sentence, bool *more);

/* What stands between members: a comma, or the closing bracket, which is passed. */
bool capnp_scan_comma(struct capnp_scan *p, char close, bool *more);

/* Counts the elements of the array that stands here, enters it and passes its bracket. */
bool capnp_scan_open_array(struct capnp_scan *p, uint32_t *count);

/* Any value, which nobody wants. */
bool capnp_scan_skip_value(struct capnp_scan *p);
