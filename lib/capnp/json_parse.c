// SPDX-License-Identifier: MIT
/*
 * Parsing JSON into messages: values. Objects are in json_object.c.
 *
 * Each value is built where it belongs as soon as it is read, since the schema says
 * its type. Only an array must be looked at twice: its length is wanted first, so it
 * is skipped and counted and then read, which happens once for each of at most
 * CAPNP_NESTING_MAX levels.
 */
#include "json_parse.h"

static bool parse_text(struct capnp_scan *p, const struct capnp_target *target)
{
    uint32_t len;

    if (!capnp_scan_expect(p, '"', "a string is wanted here")) {
        return false;
    }
    struct capnp_scan ahead = *p;
    if (!capnp_scan_string(&ahead, NULL, &len)) {
        return false;
    }
    struct capnp_list_builder to =
        capnp_any_init_list(capnp_target_pointer(target), CAPNP_ELEMENT_BYTE, len + 1u);
    return capnp_scan_string(p, &to, &len);
}

/* The whole number that a number is, if it is one of at most 64 bits. */
static bool whole_of(const struct capnp_scan_number *n, bool quoted, uint64_t *magnitude)
{
    bool hex =
        quoted && n->text.len > 2u && n->text.ptr[0] == '0' && (n->text.ptr[1] | 0x20) == 'x';
    uint64_t base = hex ? 16 : 10;
    uint64_t v = 0;
    uint64_t bits;

    for (uint32_t i = hex ? 2 : 0; i < n->text.len; i++) {
        int digit = capnp_scan_hex_value(n->text.ptr[i]);
        if (digit < 0 || (uint64_t)digit >= base) {
            return !quoted && capnp_parse_f64(n->text, &bits) && capnp_f64_whole(bits, magnitude);
        }
        if (v > (UINT64_MAX - (uint64_t)digit) / base) {
            return false;
        }
        v = v * base + (uint64_t)digit;
    }
    *magnitude = v;
    return n->text.len != 0;
}

static bool parse_integer(struct capnp_scan *p, const struct capnp_target *target)
{
    enum capnp_type_kind kind = target->type.info->kind;
    bool is_signed = kind >= CAPNP_TYPE_INT8 && kind <= CAPNP_TYPE_INT64;
    uint64_t max = UINT64_MAX >> (64u - (capnp_type_bits(kind) - is_signed));
    bool quoted = capnp_scan_peek(p) == '"';
    struct capnp_scan_number n;
    uint64_t v;

    if (!capnp_scan_number(p, &n)) {
        return false;
    }
    if (!whole_of(&n, quoted, &v)) {
        return capnp_scan_refuse(p, "this is no whole number of 64 bits");
    }
    if (v > max + (is_signed && n.negative) || (!is_signed && n.negative && v != 0)) {
        return capnp_scan_refuse(p, "the number does not fit in its field");
    }
    capnp_target_set_bits(target, n.negative ? -v : v);
    return true;
}

/* The names of what is no finite number, without their sign. */
static bool named_float(struct capnp_text text, uint64_t *bits)
{
    if (capnp_text_equal(text, CAPNP_TEXT("Infinity")) ||
        capnp_text_equal(text, CAPNP_TEXT("inf"))) {
        *bits = CAPNP_F64_INF;
        return true;
    }
    *bits = CAPNP_F64_NAN;
    return capnp_text_equal(text, CAPNP_TEXT("NaN")) || capnp_text_equal(text, CAPNP_TEXT("nan"));
}

static bool parse_float(struct capnp_scan *p, const struct capnp_target *target)
{
    bool wide = target->type.info->kind == CAPNP_TYPE_FLOAT64;
    struct capnp_scan_number n = {.text = CAPNP_TEXT("NaN")};
    uint64_t bits;

    bool quoted = capnp_scan_peek(p) == '"';
    bool named = capnp_scan_word(p, "null");
    if (!named && !capnp_scan_number(p, &n)) {
        return false;
    }
    if (!((named || quoted) && named_float(n.text, &bits)) && !capnp_parse_f64(n.text, &bits)) {
        return capnp_scan_refuse(p, "this is no number");
    }
    bits |= n.negative ? CAPNP_F64_SIGN : 0;
    capnp_target_set_bits(target, wide ? bits : capnp_f32_from_f64(bits));
    return true;
}

static bool parse_bool(struct capnp_scan *p, const struct capnp_target *target)
{
    bool v = capnp_scan_word(p, "true");

    if (!v && !capnp_scan_word(p, "false")) {
        return capnp_scan_refuse(p, "true or false is wanted here");
    }
    capnp_target_set_bits(target, v);
    return true;
}

static bool parse_enum(struct capnp_scan *p, const struct capnp_target *target)
{
    const struct capnp_node_info *node = target->type.info->node;

    if (capnp_scan_peek(p) != '"') {
        return parse_integer(p, target);
    }
    p->at++;
    for (uint32_t i = 0; i < node->enumerant_count; i++) {
        uint32_t len;
        if (capnp_scan_string_is(p, capnp_json_enumerant_name(&node->enumerants[i]))) {
            capnp_target_set_bits(target, i);
            return capnp_scan_string(p, NULL, &len);
        }
    }
    return capnp_scan_refuse(p, "the enum has no value of this name");
}

/* ---------------------------------------------------------------------------
 * Arrays and objects */

static bool parse_list(struct capnp_scan *p, const struct capnp_target *target)
{
    uint32_t count;

    if (!capnp_scan_open_array(p, &count)) {
        return false;
    }
    struct capnp_list_draft l = capnp_target_list(target, count);
    bool more = count != 0;
    for (uint32_t i = 0; more; i++) {
        struct capnp_target element = capnp_list_draft_target(&l, i);
        if (!capnp_json_parse_value(p, &element) || !capnp_scan_comma(p, ']', &more)) {
            return false;
        }
    }
    p->depth--;
    return true;
}

static bool parse_bytes(struct capnp_scan *p, const struct capnp_target *target)
{
    static const struct capnp_type_info byte = {.kind = CAPNP_TYPE_UINT8};
    uint32_t count;

    if (!capnp_scan_open_array(p, &count)) {
        return false;
    }
    struct capnp_list_draft l = {
        .element = {.info = &byte},
        .list = capnp_any_init_list(capnp_target_pointer(target), CAPNP_ELEMENT_BYTE, count),
    };
    bool more = count != 0;
    for (uint32_t i = 0; more; i++) {
        struct capnp_target element = capnp_list_draft_target(&l, i);
        capnp_scan_skip_blanks(p);
        if (capnp_scan_peek(p) == '"') {
            return capnp_scan_refuse(p, "a byte is wanted here, from 0 to 255");
        }
        if (!parse_integer(p, &element) || !capnp_scan_comma(p, ']', &more)) {
            return false;
        }
    }
    p->depth--;
    return true;
}

/* Bytes that a string spells, as its characters come. */
struct spelling {
    const struct capnp_list_builder *to; /* NULL: they are counted only */
    uint32_t len;
    uint32_t bits;  /* what was spelled of the next byte, in the lowest `count` bits */
    uint32_t count; /* hexadecimal: 0 or 4; Base64: 0 to 6 */
    bool ended;     /* by the = of Base64 */
};

static void spell(struct spelling *s, uint32_t digit, uint32_t bits)
{
    s->bits = s->bits << bits | digit;
    s->count += bits;
    if (s->count >= 8u) {
        s->count -= 8u;
        if (s->to != NULL) {
            capnp_list_builder_set_u8(*s->to, s->len, (uint8_t)(s->bits >> s->count));
        }
        s->len++;
    }
}

static bool spell_hex(struct spelling *s, char c)
{
    int digit = capnp_scan_hex_value(c);

    if (digit >= 0) {
        spell(s, (uint32_t)digit, 4);
    }
    return digit >= 0;
}

/* Blanks may stand anywhere, and = at the end, where it says nothing. */
static bool spell_base64(struct spelling *s, char c)
{
    static const char symbols[] = CAPNP_JSON_BASE64_SYMBOLS;
    uint32_t digit = 0;

    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
        return true;
    }
    s->ended = s->ended || c == '=';
    while (digit < 64u && symbols[digit] != c) {
        digit++;
    }
    if (!s->ended && digit < 64u) {
        spell(s, digit, 6);
    }
    return c == '=' || (!s->ended && digit < 64u);
}

/* The whole string, from behind its opening quote. */
static bool take_spelling(struct capnp_scan *p, enum capnp_json_data form, struct spelling *s)
{
    struct capnp_scan_character c;

    for (;;) {
        if (!capnp_scan_character(p, &c)) {
            return false;
        }
        if (c.len == 0) {
            /* A last digit of Base64 says less than it could, but never nothing. */
            bool whole = s->count < (form == CAPNP_JSON_HEX ? 4u : 6u);
            return whole || capnp_scan_refuse(p, "a string ends within a byte");
        }
        char one = c.len == 1u ? (char)c.bytes[0] : '\0';
        if (!(form == CAPNP_JSON_HEX ? spell_hex(s, one) : spell_base64(s, one))) {
            return capnp_scan_refuse(p, form == CAPNP_JSON_HEX ? "this is no hexadecimal digit"
                                                               : "this is no symbol of Base64");
        }
    }
}

static bool parse_spelled(struct capnp_scan *p, const struct capnp_target *target,
                          enum capnp_json_data form)
{
    struct spelling s = {.to = NULL};

    if (!capnp_scan_expect(p, '"', "a string is wanted here")) {
        return false;
    }
    struct capnp_scan ahead = *p;
    if (!take_spelling(&ahead, form, &s)) {
        return false;
    }
    struct capnp_list_builder to =
        capnp_any_init_list(capnp_target_pointer(target), CAPNP_ELEMENT_BYTE, s.len);
    s = (struct spelling){.to = &to};
    return take_spelling(p, form, &s);
}

static bool parse_data(struct capnp_scan *p, const struct capnp_target *target)
{
    enum capnp_json_data form = capnp_json_data_of(target->in_list ? NULL : target->field);

    return form == CAPNP_JSON_BYTES ? parse_bytes(p, target) : parse_spelled(p, target, form);
}

static bool parse_struct(struct capnp_scan *p, const struct capnp_target *target)
{
    if (capnp_scan_peek(p) != '{') {
        return capnp_scan_refuse(p, "an object is wanted here");
    }
    struct capnp_draft d = capnp_target_struct(target);
    if (!capnp_json_parse_members(p, &d)) {
        return false;
    }
    if (!target->in_list && target->field->is_group) {
        capnp_json_fill_unions(&d);
    }
    return true;
}

/* Calls itself through arrays and objects, CAPNP_NESTING_MAX deep. */
bool capnp_json_parse_value(struct capnp_scan *p, const struct capnp_target *target)
{
    capnp_scan_skip_blanks(p);
    switch (target->type.info->kind) {
    case CAPNP_TYPE_VOID:
        return capnp_scan_skip_value(p);
    case CAPNP_TYPE_BOOL:
        return parse_bool(p, target);
    case CAPNP_TYPE_INT8:
    case CAPNP_TYPE_INT16:
    case CAPNP_TYPE_INT32:
    case CAPNP_TYPE_INT64:
    case CAPNP_TYPE_UINT8:
    case CAPNP_TYPE_UINT16:
    case CAPNP_TYPE_UINT32:
    case CAPNP_TYPE_UINT64:
        return parse_integer(p, target);
    case CAPNP_TYPE_FLOAT32:
    case CAPNP_TYPE_FLOAT64:
        return parse_float(p, target);
    case CAPNP_TYPE_TEXT:
        return parse_text(p, target);
    case CAPNP_TYPE_DATA:
        return parse_data(p, target);
    case CAPNP_TYPE_LIST:
        return parse_list(p, target);
    case CAPNP_TYPE_ENUM:
        return parse_enum(p, target);
    case CAPNP_TYPE_STRUCT:
        return parse_struct(p, target);
    case CAPNP_TYPE_INTERFACE:
    case CAPNP_TYPE_ANY:
    case CAPNP_TYPE_PARAMETER:
        break;
    }
    return capnp_scan_refuse(p, "JSON has no form for values of this type");
}

bool capnp_json_parse(struct capnp_text *input, const struct capnp_node_info *node,
                      struct capnp_arena *arena, struct capnp_complaint *complaint)
{
    struct capnp_scan p = {.input = *input, .complaint = complaint};

    *complaint = (struct capnp_complaint){.sentence = NULL};
    struct capnp_draft root = capnp_draft_root(node, arena);
    if (!capnp_json_parse_members(&p, &root)) {
        return false;
    }
    if (!capnp_arena_ok(arena)) {
        return capnp_scan_refuse(&p, "there is no room for the message");
    }
    capnp_scan_skip_blanks(&p);
    input->ptr += p.at;
    input->len -= p.at;
    return true;
}
