// SPDX-License-Identifier: MIT
#include "scan.h"

bool capnp_scan_refuse(struct capnp_scan *p, const char *sentence)
{
    if (p->complaint->sentence == NULL) {
        *p->complaint = (struct capnp_complaint){.sentence = sentence, .offset = p->at};
    }
    return false;
}

/* ---------------------------------------------------------------------------
 * Characters */

char capnp_scan_peek(const struct capnp_scan *p)
{
    return p->at < p->input.len ? p->input.ptr[p->at] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int capnp_scan_hex_value(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

void capnp_scan_skip_blanks(struct capnp_scan *p)
{
    while (capnp_scan_peek(p) == ' ' || capnp_scan_peek(p) == '\n' || capnp_scan_peek(p) == '\r' ||
           capnp_scan_peek(p) == '\t') {
        p->at++;
    }
}

bool capnp_scan_expect(struct capnp_scan *p, char c, const char *sentence)
{
    capnp_scan_skip_blanks(p);
    if (capnp_scan_peek(p) != c) {
        return capnp_scan_refuse(p, p->at == p->input.len ? "the text ends too early" : sentence);
    }
    p->at++;
    return true;
}

bool capnp_scan_word(struct capnp_scan *p, const char *word)
{
    struct capnp_text w = capnp_text_from(word);
    struct capnp_text here = {.ptr = p->input.ptr + p->at, .len = w.len};

    if (p->input.len - p->at < w.len || !capnp_text_equal(here, w)) {
        return false;
    }
    p->at += w.len;
    return true;
}

bool capnp_scan_enter(struct capnp_scan *p)
{
    if (p->depth == CAPNP_NESTING_MAX) {
        return capnp_scan_refuse(p, "values are nested too deeply");
    }
    p->depth++;
    return true;
}

/* ---------------------------------------------------------------------------
 * Strings */

/* Four hexadecimal digits; -1: they are none. */
static int32_t take_code(struct capnp_scan *p)
{
    int32_t code = 0;

    for (unsigned i = 0; i < 4u; i++) {
        int digit = capnp_scan_hex_value(capnp_scan_peek(p));
        if (digit < 0) {
            return -1;
        }
        code = code * 16 + digit;
        p->at++;
    }
    return code;
}

/* What stands behind \u: one code, or the two that a character above 0xffff takes. */
static bool take_unicode(struct capnp_scan *p, struct capnp_scan_character *c)
{
    int32_t code = take_code(p);

    if (code >= 0xd800 && code < 0xdc00 && capnp_scan_word(p, "\\u")) {
        int32_t low = take_code(p);
        code =
            low >= 0xdc00 && low < 0xe000 ? 0x10000 + (code - 0xd800) * 0x400 + (low - 0xdc00) : -1;
    }
    if (code < 0 || (code >= 0xd800 && code < 0xe000)) {
        return capnp_scan_refuse(p, "\\u is followed by what is no character");
    }
    uint32_t u = (uint32_t)code;
    c->len = u < 0x80u ? 1 : u < 0x800u ? 2 : u < 0x10000u ? 3 : 4;
    for (uint32_t i = c->len; i-- > 1u; u >>= 6) {
        c->bytes[i] = (uint8_t)(0x80u | (u & 0x3fu));
    }
    static const uint8_t lead[] = {0, 0, 0xc0u, 0xe0u, 0xf0u};
    c->bytes[0] = (uint8_t)(lead[c->len] | u);
    return true;
}

bool capnp_scan_character(struct capnp_scan *p, struct capnp_scan_character *c)
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";

    if (p->at == p->input.len) {
        return capnp_scan_refuse(p, "a string has no end");
    }
    char next = p->input.ptr[p->at++];
    *c = (struct capnp_scan_character){.bytes = {(uint8_t)next}, .len = next != '"'};
    if (next != '\\') {
        return true;
    }
    char name = capnp_scan_peek(p);
    for (unsigned i = 0; names[i] != '\0'; i++) {
        if (name == names[i]) {
            p->at++;
            c->bytes[0] = (uint8_t)values[i];
            return true;
        }
    }
    if (name != 'u') {
        return capnp_scan_refuse(p, "a string has an escape that means nothing");
    }
    p->at++;
    return take_unicode(p, c);
}

bool capnp_scan_string(struct capnp_scan *p, const struct capnp_list_builder *to, uint32_t *len)
{
    struct capnp_scan_character c = {.len = 0};

    *len = 0;
    do {
        if (!capnp_scan_character(p, &c)) {
            return false;
        }
        for (uint32_t i = 0; i < c.len; i++, ++*len) {
            if (to != NULL) {
                capnp_list_builder_set_u8(*to, *len, c.bytes[i]);
            }
        }
    } while (c.len != 0);
    return true;
}

bool capnp_scan_string_is(const struct capnp_scan *p, const char *name)
{
    struct capnp_scan ahead = *p;
    struct capnp_scan_character c = {.len = 0};

    while (capnp_scan_character(&ahead, &c)) {
        for (uint32_t i = 0; i < c.len; i++, name++) {
            if (*name == '\0' || (uint8_t)*name != c.bytes[i]) {
                return false;
            }
        }
        if (c.len == 0) {
            return *name == '\0';
        }
    }
    return false;
}

static bool skip_string(struct capnp_scan *p)
{
    uint32_t len;

    return capnp_scan_expect(p, '"', "a string is wanted here") && capnp_scan_string(p, NULL, &len);
}

/* ---------------------------------------------------------------------------
 * Numbers */

static uint32_t skip_digits(struct capnp_scan *p)
{
    uint32_t from = p->at;

    while (is_digit(capnp_scan_peek(p))) {
        p->at++;
    }
    return p->at - from;
}

static bool take_number(struct capnp_scan *p, struct capnp_scan_number *n)
{
    n->negative = capnp_scan_peek(p) == '-';
    p->at += n->negative;
    uint32_t from = p->at;
    bool zero = capnp_scan_peek(p) == '0';
    if (zero) {
        p->at++;
    } else if (skip_digits(p) == 0) {
        return capnp_scan_refuse(p, "this is no value");
    }
    if (capnp_scan_peek(p) == '.') {
        p->at++;
        skip_digits(p);
    }
    if ((capnp_scan_peek(p) | 0x20) == 'e') {
        p->at++;
        p->at += capnp_scan_peek(p) == '+' || capnp_scan_peek(p) == '-';
        if (skip_digits(p) == 0) {
            return capnp_scan_refuse(p, "an exponent has no digits");
        }
    }
    n->text = (struct capnp_text){.ptr = p->input.ptr + from, .len = p->at - from};
    return true;
}

/* A string that holds a number, which is written without escapes. */
static bool take_quoted_number(struct capnp_scan *p, struct capnp_scan_number *n)
{
    if (!capnp_scan_expect(p, '"', "a number is wanted here")) {
        return false;
    }
    n->negative = capnp_scan_peek(p) == '-';
    p->at += n->negative;
    uint32_t from = p->at;
    while (p->at < p->input.len && capnp_scan_peek(p) != '"') {
        p->at++;
    }
    n->text = (struct capnp_text){.ptr = p->input.ptr + from, .len = p->at - from};
    return capnp_scan_expect(p, '"', "a string has no end");
}

bool capnp_scan_number(struct capnp_scan *p, struct capnp_scan_number *n)
{
    return capnp_scan_peek(p) == '"' ? take_quoted_number(p, n) : take_number(p, n);
}

/* ---------------------------------------------------------------------------
 * Arrays and objects */

bool capnp_scan_comma(struct capnp_scan *p, char close, bool *more)
{
    capnp_scan_skip_blanks(p);
    *more = capnp_scan_peek(p) == ',';
    if (!*more && capnp_scan_peek(p) != close) {
        return capnp_scan_refuse(p, p->at == p->input.len
                                        ? "the text ends too early"
                                        : "a comma or the closing bracket is wanted here");
    }
    p->at++;
    return true;
}

bool capnp_scan_open(struct capnp_scan *p, char open, char close, const char *sentence, bool *more)
{
    if (!capnp_scan_expect(p, open, sentence)) {
        return false;
    }
    capnp_scan_skip_blanks(p);
    *more = capnp_scan_peek(p) != close;
    p->at += !*more;
    return true;
}

static bool skip_array(struct capnp_scan *p, uint32_t *count)
{
    bool more;

    *count = 0;
    if (!capnp_scan_enter(p) || !capnp_scan_open(p, '[', ']', "an array is wanted here", &more)) {
        return false;
    }
    while (more) {
        if (!capnp_scan_skip_value(p) || !capnp_scan_comma(p, ']', &more)) {
            return false;
        }
        ++*count;
    }
    p->depth--;
    return true;
}

static bool skip_object(struct capnp_scan *p)
{
    bool more;

    if (!capnp_scan_enter(p) || !capnp_scan_open(p, '{', '}', "an object is wanted here", &more)) {
        return false;
    }
    while (more) {
        if (!skip_string(p) || !capnp_scan_expect(p, ':', "a colon is wanted here") ||
            !capnp_scan_skip_value(p) || !capnp_scan_comma(p, '}', &more)) {
            return false;
        }
    }
    p->depth--;
    return true;
}

/* Calls itself through arrays and objects, CAPNP_NESTING_MAX deep. */
bool capnp_scan_skip_value(struct capnp_scan *p)
{
    struct capnp_scan_number n;
    uint32_t count;

    capnp_scan_skip_blanks(p);
    switch (capnp_scan_peek(p)) {
    case '"':
        return skip_string(p);
    case '[':
        return skip_array(p, &count);
    case '{':
        return skip_object(p);
    default:
        return capnp_scan_word(p, "null") || capnp_scan_word(p, "true") ||
               capnp_scan_word(p, "false") || take_number(p, &n);
    }
}

bool capnp_scan_open_array(struct capnp_scan *p, uint32_t *count)
{
    struct capnp_scan ahead = *p;
    bool more;

    return skip_array(&ahead, count) && capnp_scan_enter(p) &&
           capnp_scan_open(p, '[', ']', "", &more);
}
