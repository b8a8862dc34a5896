// SPDX-License-Identifier: MIT
/*
 * Parsing JSON into messages.
 *
 * Each value is built where it belongs as soon as it is read, since the schema says
 * its type. Only an array must be looked at twice: its length is wanted first, so it
 * is skipped and counted and then read, which happens once for each of at most
 * CAPNP_NESTING_MAX levels.
 */
#include <capnp/json.h>

struct parser {
    struct capnp_text input;
    uint32_t at;
    unsigned depth;
    struct capnp_complaint *complaint;
};

static bool parse_value(struct parser *p, const struct capnp_target *target);
static bool skip_value(struct parser *p);

static bool refuse(struct parser *p, const char *sentence)
{
    if (p->complaint->sentence == NULL) {
        *p->complaint = (struct capnp_complaint){.sentence = sentence, .offset = p->at};
    }
    return false;
}

/* ---------------------------------------------------------------------------
 * Characters */

/* The next byte, or NUL at the end. */
static char peek(const struct parser *p)
{
    return p->at < p->input.len ? p->input.ptr[p->at] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex_value(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static void skip_blanks(struct parser *p)
{
    while (peek(p) == ' ' || peek(p) == '\n' || peek(p) == '\r' || peek(p) == '\t') {
        p->at++;
    }
}

static bool expect(struct parser *p, char c, const char *sentence)
{
    skip_blanks(p);
    if (peek(p) != c) {
        return refuse(p, p->at == p->input.len ? "the text ends too early" : sentence);
    }
    p->at++;
    return true;
}

/* Whether the word stands here; if so, moves behind it. */
static bool take_word(struct parser *p, const char *word)
{
    struct capnp_text w = capnp_text_from(word);
    struct capnp_text here = {.ptr = p->input.ptr + p->at, .len = w.len};

    if (p->input.len - p->at < w.len || !capnp_text_equal(here, w)) {
        return false;
    }
    p->at += w.len;
    return true;
}

static bool enter(struct parser *p)
{
    if (p->depth == CAPNP_NESTING_MAX) {
        return refuse(p, "values are nested too deeply");
    }
    p->depth++;
    return true;
}

/* ---------------------------------------------------------------------------
 * Strings */

/* One character of a string, as the bytes it is. */
struct character {
    uint8_t bytes[4];
    uint32_t len;
};

/* Four hexadecimal digits; -1: they are none. */
static int32_t take_code(struct parser *p)
{
    int32_t code = 0;

    for (unsigned i = 0; i < 4u; i++) {
        int digit = hex_value(peek(p));
        if (digit < 0) {
            return -1;
        }
        code = code * 16 + digit;
        p->at++;
    }
    return code;
}

/* What stands behind \u: one code, or the two that a character above 0xffff takes. */
static bool take_unicode(struct parser *p, struct character *c)
{
    int32_t code = take_code(p);

    if (code >= 0xd800 && code < 0xdc00 && take_word(p, "\\u")) {
        int32_t low = take_code(p);
        code =
            low >= 0xdc00 && low < 0xe000 ? 0x10000 + (code - 0xd800) * 0x400 + (low - 0xdc00) : -1;
    }
    if (code < 0 || (code >= 0xd800 && code < 0xe000)) {
        return refuse(p, "\\u is followed by what is no character");
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

/* The next character of a string; none of length 0 at its closing quote, which is passed. */
static bool take_character(struct parser *p, struct character *c)
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";

    if (p->at == p->input.len) {
        return refuse(p, "a string has no end");
    }
    char next = p->input.ptr[p->at++];
    *c = (struct character){.bytes = {(uint8_t)next}, .len = next != '"'};
    if (next != '\\') {
        return true;
    }
    char name = peek(p);
    for (unsigned i = 0; names[i] != '\0'; i++) {
        if (name == names[i]) {
            p->at++;
            c->bytes[0] = (uint8_t)values[i];
            return true;
        }
    }
    if (name != 'u') {
        return refuse(p, "a string has an escape that means nothing");
    }
    p->at++;
    return take_unicode(p, c);
}

/* Goes through a string, from behind its opening quote; puts its bytes into a list, if given. */
static bool take_string(struct parser *p, const struct capnp_list_builder *to, uint32_t *len)
{
    struct character c = {.len = 0};

    *len = 0;
    do {
        if (!take_character(p, &c)) {
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

/* Whether the string from here on, behind its opening quote, is this name. */
static bool string_is(const struct parser *p, const char *name)
{
    struct parser ahead = *p;
    struct character c = {.len = 0};

    while (take_character(&ahead, &c)) {
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

static bool skip_string(struct parser *p)
{
    uint32_t len;

    return expect(p, '"', "a string is wanted here") && take_string(p, NULL, &len);
}

static bool parse_text(struct parser *p, const struct capnp_target *target)
{
    uint32_t len;

    if (!expect(p, '"', "a string is wanted here")) {
        return false;
    }
    struct parser ahead = *p;
    if (!take_string(&ahead, NULL, &len)) {
        return false;
    }
    struct capnp_list_builder to =
        capnp_any_init_list(capnp_target_pointer(target), CAPNP_ELEMENT_BYTE, len + 1u);
    return take_string(p, &to, &len);
}

/* ---------------------------------------------------------------------------
 * Numbers */

/* A number as it stands there, or as it stands in a string. */
struct number {
    bool negative;
    struct capnp_text text; /* without its sign */
};

static uint32_t skip_digits(struct parser *p)
{
    uint32_t from = p->at;

    while (is_digit(peek(p))) {
        p->at++;
    }
    return p->at - from;
}

static bool take_number(struct parser *p, struct number *n)
{
    n->negative = peek(p) == '-';
    p->at += n->negative;
    uint32_t from = p->at;
    bool zero = peek(p) == '0';
    if (zero) {
        p->at++;
    } else if (skip_digits(p) == 0) {
        return refuse(p, "this is no value");
    }
    if (peek(p) == '.') {
        p->at++;
        skip_digits(p);
    }
    if ((peek(p) | 0x20) == 'e') {
        p->at++;
        p->at += peek(p) == '+' || peek(p) == '-';
        if (skip_digits(p) == 0) {
            return refuse(p, "an exponent has no digits");
        }
    }
    n->text = (struct capnp_text){.ptr = p->input.ptr + from, .len = p->at - from};
    return true;
}

/* A string that holds a number, which is written without escapes. */
static bool take_quoted_number(struct parser *p, struct number *n)
{
    if (!expect(p, '"', "a number is wanted here")) {
        return false;
    }
    n->negative = peek(p) == '-';
    p->at += n->negative;
    uint32_t from = p->at;
    while (p->at < p->input.len && peek(p) != '"') {
        p->at++;
    }
    n->text = (struct capnp_text){.ptr = p->input.ptr + from, .len = p->at - from};
    return expect(p, '"', "a string has no end");
}

static bool take_any_number(struct parser *p, struct number *n)
{
    return peek(p) == '"' ? take_quoted_number(p, n) : take_number(p, n);
}

/* The whole number that a number is, if it is one of at most 64 bits. */
static bool whole_of(const struct number *n, bool quoted, uint64_t *magnitude)
{
    bool hex =
        quoted && n->text.len > 2u && n->text.ptr[0] == '0' && (n->text.ptr[1] | 0x20) == 'x';
    uint64_t base = hex ? 16 : 10;
    uint64_t v = 0;
    uint64_t bits;

    for (uint32_t i = hex ? 2 : 0; i < n->text.len; i++) {
        int digit = hex_value(n->text.ptr[i]);
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

static bool parse_integer(struct parser *p, const struct capnp_target *target)
{
    enum capnp_type_kind kind = target->type.info->kind;
    bool is_signed = kind >= CAPNP_TYPE_INT8 && kind <= CAPNP_TYPE_INT64;
    uint64_t max = UINT64_MAX >> (64u - (capnp_type_bits(kind) - is_signed));
    bool quoted = peek(p) == '"';
    struct number n;
    uint64_t v;

    if (!take_any_number(p, &n)) {
        return false;
    }
    if (!whole_of(&n, quoted, &v)) {
        return refuse(p, "this is no whole number of 64 bits");
    }
    if (v > max + (is_signed && n.negative) || (!is_signed && n.negative && v != 0)) {
        return refuse(p, "the number does not fit in its field");
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

static bool parse_float(struct parser *p, const struct capnp_target *target)
{
    bool wide = target->type.info->kind == CAPNP_TYPE_FLOAT64;
    struct number n = {.text = CAPNP_TEXT("NaN")};
    uint64_t bits;

    bool quoted = peek(p) == '"';
    bool named = take_word(p, "null");
    if (!named && !take_any_number(p, &n)) {
        return false;
    }
    if (!((named || quoted) && named_float(n.text, &bits)) && !capnp_parse_f64(n.text, &bits)) {
        return refuse(p, "this is no number");
    }
    bits |= n.negative ? CAPNP_F64_SIGN : 0;
    capnp_target_set_bits(target, wide ? bits : capnp_f32_from_f64(bits));
    return true;
}

static bool parse_bool(struct parser *p, const struct capnp_target *target)
{
    bool v = take_word(p, "true");

    if (!v && !take_word(p, "false")) {
        return refuse(p, "true or false is wanted here");
    }
    capnp_target_set_bits(target, v);
    return true;
}

static bool parse_enum(struct parser *p, const struct capnp_target *target)
{
    const struct capnp_node_info *node = target->type.info->node;

    if (peek(p) != '"') {
        return parse_integer(p, target);
    }
    p->at++;
    for (uint32_t i = 0; i < node->enumerant_count; i++) {
        uint32_t len;
        if (string_is(p, node->enumerants[i].name)) {
            capnp_target_set_bits(target, i);
            return take_string(p, NULL, &len);
        }
    }
    return refuse(p, "the enum has no value of this name");
}

/* ---------------------------------------------------------------------------
 * Arrays and objects */

/* What stands between members: a comma, or the closing bracket, which is passed. */
static bool take_comma(struct parser *p, char close, bool *more)
{
    skip_blanks(p);
    *more = peek(p) == ',';
    if (!*more && peek(p) != close) {
        return refuse(p, p->at == p->input.len ? "the text ends too early"
                                               : "a comma or the closing bracket is wanted here");
    }
    p->at++;
    return true;
}

/* Passes an opening bracket; *more is whether a member follows, else the closing one is passed. */
static bool take_open(struct parser *p, char open, char close, const char *sentence, bool *more)
{
    if (!expect(p, open, sentence)) {
        return false;
    }
    skip_blanks(p);
    *more = peek(p) != close;
    p->at += !*more;
    return true;
}

static bool skip_array(struct parser *p, uint32_t *count)
{
    bool more;

    *count = 0;
    if (!enter(p) || !take_open(p, '[', ']', "an array is wanted here", &more)) {
        return false;
    }
    while (more) {
        if (!skip_value(p) || !take_comma(p, ']', &more)) {
            return false;
        }
        ++*count;
    }
    p->depth--;
    return true;
}

static bool skip_object(struct parser *p)
{
    bool more;

    if (!enter(p) || !take_open(p, '{', '}', "an object is wanted here", &more)) {
        return false;
    }
    while (more) {
        if (!skip_string(p) || !expect(p, ':', "a colon is wanted here") || !skip_value(p) ||
            !take_comma(p, '}', &more)) {
            return false;
        }
    }
    p->depth--;
    return true;
}

/* Any value, which nobody wants. Calls itself through arrays and objects. */
static bool skip_value(struct parser *p)
{
    struct number n;
    uint32_t count;

    skip_blanks(p);
    switch (peek(p)) {
    case '"':
        return skip_string(p);
    case '[':
        return skip_array(p, &count);
    case '{':
        return skip_object(p);
    default:
        return take_word(p, "null") || take_word(p, "true") || take_word(p, "false") ||
               take_number(p, &n);
    }
}

/* Counts the elements of the array that stands here, and passes its opening bracket. */
static bool open_array(struct parser *p, uint32_t *count)
{
    struct parser ahead = *p;
    bool more;

    return skip_array(&ahead, count) && enter(p) && take_open(p, '[', ']', "", &more);
}

static bool parse_list(struct parser *p, const struct capnp_target *target)
{
    uint32_t count;

    if (!open_array(p, &count)) {
        return false;
    }
    struct capnp_list_draft l = capnp_target_list(target, count);
    bool more = count != 0;
    for (uint32_t i = 0; more; i++) {
        struct capnp_target element = capnp_list_draft_target(&l, i);
        if (!parse_value(p, &element) || !take_comma(p, ']', &more)) {
            return false;
        }
    }
    p->depth--;
    return true;
}

static bool parse_data(struct parser *p, const struct capnp_target *target)
{
    static const struct capnp_type_info byte = {.kind = CAPNP_TYPE_UINT8};
    uint32_t count;

    if (!open_array(p, &count)) {
        return false;
    }
    struct capnp_list_draft l = {
        .element = {.info = &byte},
        .list = capnp_any_init_list(capnp_target_pointer(target), CAPNP_ELEMENT_BYTE, count),
    };
    bool more = count != 0;
    for (uint32_t i = 0; more; i++) {
        struct capnp_target element = capnp_list_draft_target(&l, i);
        skip_blanks(p);
        if (peek(p) == '"') {
            return refuse(p, "a byte is wanted here, from 0 to 255");
        }
        if (!parse_integer(p, &element) || !take_comma(p, ']', &more)) {
            return false;
        }
    }
    p->depth--;
    return true;
}

/* The field that the string from here on names, or NULL. */
static const struct capnp_field_info *find_field(const struct parser *p,
                                                 const struct capnp_node_info *node)
{
    for (uint32_t i = 0; i < node->field_count; i++) {
        if (string_is(p, node->fields[i].name)) {
            return &node->fields[i];
        }
    }
    return NULL;
}

static bool parse_member(struct parser *p, const struct capnp_draft *d)
{
    uint32_t len;

    if (!expect(p, '"', "the name of a member is wanted here")) {
        return false;
    }
    const struct capnp_field_info *field = find_field(p, d->node);
    if (!take_string(p, NULL, &len) || !expect(p, ':', "a colon is wanted here")) {
        return false;
    }
    if (field == NULL) {
        return skip_value(p);
    }
    struct capnp_target target = capnp_draft_target(d, field);
    return parse_value(p, &target);
}

static bool parse_members(struct parser *p, const struct capnp_draft *d)
{
    bool more;

    if (!enter(p) || !take_open(p, '{', '}', "an object is wanted here", &more)) {
        return false;
    }
    while (more) {
        if (!parse_member(p, d) || !take_comma(p, '}', &more)) {
            return false;
        }
    }
    p->depth--;
    return true;
}

static bool parse_struct(struct parser *p, const struct capnp_target *target)
{
    if (peek(p) != '{') {
        return refuse(p, "an object is wanted here");
    }
    struct capnp_draft d = capnp_target_struct(target);
    return parse_members(p, &d);
}

/* Calls itself through arrays and objects, CAPNP_NESTING_MAX deep. */
static bool parse_value(struct parser *p, const struct capnp_target *target)
{
    skip_blanks(p);
    switch (target->type.info->kind) {
    case CAPNP_TYPE_VOID:
        return skip_value(p);
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
    return refuse(p, "JSON has no form for values of this type");
}

bool capnp_json_parse(struct capnp_text *input, const struct capnp_node_info *node,
                      struct capnp_arena *arena, struct capnp_complaint *complaint)
{
    struct parser p = {.input = *input, .complaint = complaint};

    *complaint = (struct capnp_complaint){.sentence = NULL};
    struct capnp_draft root = capnp_draft_root(node, arena);
    if (!parse_members(&p, &root)) {
        return false;
    }
    if (!capnp_arena_ok(arena)) {
        return refuse(&p, "there is no room for the message");
    }
    skip_blanks(&p);
    input->ptr += p.at;
    input->len -= p.at;
    return true;
}
