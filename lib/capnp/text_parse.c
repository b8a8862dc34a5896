// SPDX-License-Identifier: MIT
/*
 * Parsing text into messages.
 *
 * A lexer gives tokens one at a time; each value is built where it belongs as soon
 * as it is read, since its type is known before. Only a list must be looked at
 * twice: its length is wanted first, so its tokens are counted and then read again,
 * which happens once for each of at most CAPNP_NESTING_MAX levels.
 */
#include <capnp/text.h>

enum token {
    TOKEN_END,
    TOKEN_NAME,
    TOKEN_STRING, /* between the quotes, escapes as they were written */
    TOKEN_BINARY, /* 0x"..." */
    TOKEN_INTEGER,
    TOKEN_FLOAT,
    TOKEN_OPERATOR,
    TOKEN_MARK, /* one of ( ) [ ] , */
    TOKEN_BAD,
};

struct parser {
    struct capnp_text input;
    uint32_t next;  /* behind the token */
    uint32_t start; /* of the token */
    uint32_t end;   /* of what the token consists of */
    enum token token;
    uint64_t integer; /* INTEGER */
    unsigned depth;
    const char *problem; /* what is wrong with a bad token */
    struct capnp_complaint *complaint;
};

static bool parse_value(struct parser *p, const struct capnp_target *target);

static bool refuse(struct parser *p, const char *sentence)
{
    if (p->complaint->sentence == NULL) {
        *p->complaint = (struct capnp_complaint){.sentence = sentence, .offset = p->start};
    }
    return false;
}

/* ---------------------------------------------------------------------------
 * Tokens */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_one_of(char c, const char *set)
{
    for (; *set != '\0'; set++) {
        if (c == *set) {
            return true;
        }
    }
    return false;
}

/* The value of a hexadecimal digit, or -1. */
static int hex_value(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
        return (c | 0x20) - 'a' + 10;
    }
    return -1;
}

/* The byte at a place, or NUL behind the end. */
static char byte_at(const struct parser *p, uint32_t at)
{
    return at < p->input.len ? p->input.ptr[at] : '\0';
}

static uint32_t skip_blanks(const struct parser *p, uint32_t at)
{
    for (;;) {
        char c = byte_at(p, at);
        if (at < p->input.len && is_one_of(c, " \f\n\r\t\v")) {
            at++;
        } else if (c == '#') {
            while (at < p->input.len && p->input.ptr[at] != '\n') {
                at++;
            }
        } else if (c == '\xef' && byte_at(p, at + 1u) == '\xbb' && byte_at(p, at + 2u) == '\xbf') {
            at += 3;
        } else {
            return at;
        }
    }
}

static enum token bad(struct parser *p, const char *problem)
{
    p->problem = problem;
    return TOKEN_BAD;
}

/* A quoted token, from behind its opening quote. */
static enum token take_quoted(struct parser *p, enum token token)
{
    for (p->end = p->next; p->end < p->input.len; p->end++) {
        char c = p->input.ptr[p->end];
        if (c == '"') {
            p->start = p->next;
            p->next = p->end + 1u;
            return token;
        }
        if (c == '\n') {
            break;
        }
        if (c == '\\') {
            p->end++;
        }
    }
    return bad(p, "a string has no end");
}

/* The digits from `at` on as a number of that base; false if they are something else. */
static bool take_digits(struct parser *p, uint32_t at, uint64_t base, bool *fits)
{
    p->integer = 0;
    *fits = true;
    for (; at < p->end; at++) {
        int digit = hex_value(p->input.ptr[at]);
        if (digit < 0 || (uint64_t)digit >= base) {
            return false;
        }
        if (p->integer > (UINT64_MAX - (uint64_t)digit) / base) {
            *fits = false;
        }
        p->integer = p->integer * base + (uint64_t)digit;
    }
    return true;
}

static enum token take_number(struct parser *p)
{
    const char *s = p->input.ptr + p->start;
    bool hex = s[0] == '0' && byte_at(p, p->start + 1u) == 'x';
    bool floating = false;
    bool fits;

    if (hex && byte_at(p, p->start + 2u) == '"') {
        p->next = p->start + 3u;
        return take_quoted(p, TOKEN_BINARY);
    }
    for (p->end = p->start; p->end < p->input.len; p->end++) {
        char c = p->input.ptr[p->end];
        bool exponent = !hex && p->end > p->start && (p->input.ptr[p->end - 1u] | 0x20) == 'e';
        if (!is_name(c) && c != '.' && !(exponent && (c == '+' || c == '-'))) {
            break;
        }
        floating = floating || (!hex && (c == '.' || (c | 0x20) == 'e'));
    }
    p->next = p->end;
    if (floating) {
        return TOKEN_FLOAT;
    }
    uint32_t len = p->end - p->start;
    uint32_t skip = hex ? 2 : 0;
    if ((hex && len == 2u) || !take_digits(p, p->start + skip,
                                           hex           ? 16
                                           : s[0] == '0' ? 8
                                                         : 10,
                                           &fits)) {
        return bad(p, "this is no number");
    }
    return fits ? TOKEN_INTEGER : bad(p, "the number does not fit in 64 bits");
}

/* Goes on to the next token. */
static void advance(struct parser *p)
{
    static const char operators[] = "!$%&*+-./:<=>?@^|~";

    p->start = skip_blanks(p, p->next);
    p->next = p->start;
    p->end = p->start;
    if (p->start == p->input.len) {
        p->token = TOKEN_END;
        return;
    }
    char c = p->input.ptr[p->start];
    if (is_digit(c)) {
        p->token = take_number(p);
        return;
    }
    if (c == '"') {
        p->next++;
        p->token = take_quoted(p, TOKEN_STRING);
        return;
    }
    if (is_name(c)) {
        while (is_name(byte_at(p, p->end))) {
            p->end++;
        }
        p->token = TOKEN_NAME;
    } else if (c != '\0' && is_one_of(c, operators)) {
        while (byte_at(p, p->end) != '\0' && is_one_of(p->input.ptr[p->end], operators)) {
            p->end++;
        }
        p->token = TOKEN_OPERATOR;
    } else if (c != '\0' && is_one_of(c, "()[],")) {
        p->end++;
        p->token = TOKEN_MARK;
    } else {
        p->token = bad(p, "this character has no meaning here");
        return;
    }
    p->next = p->end;
}

static struct capnp_text token_text(const struct parser *p)
{
    return (struct capnp_text){.ptr = p->input.ptr + p->start, .len = p->end - p->start};
}

static bool at_word(const struct parser *p, enum token token, const char *word)
{
    return p->token == token && capnp_text_equal(token_text(p), capnp_text_from(word));
}

static bool at_mark(const struct parser *p, char mark)
{
    return p->token == TOKEN_MARK && p->input.ptr[p->start] == mark;
}

/* Refuses the token for what it is, or for not being what the type takes. */
static bool refuse_token(struct parser *p, const char *sentence)
{
    if (p->token == TOKEN_BAD) {
        return refuse(p, p->problem);
    }
    return refuse(p, p->token == TOKEN_END ? "the text ends too early" : sentence);
}

static bool expect_mark(struct parser *p, char mark, const char *sentence)
{
    if (!at_mark(p, mark)) {
        return refuse_token(p, sentence);
    }
    advance(p);
    return true;
}

/* ---------------------------------------------------------------------------
 * Strings */

/* The byte that the escape behind a backslash at `at` means; -1: none. Moves behind it. */
static int take_escape(const struct parser *p, uint32_t *at)
{
    static const char names[] = "abfnrtv'\"\\?";
    static const char values[] = "\a\b\f\n\r\t\v'\"\\?";
    char c = byte_at(p, *at);

    for (uint32_t i = 0; names[i] != '\0'; i++) {
        if (c == names[i]) {
            (*at)++;
            return values[i];
        }
    }
    if (c == 'x') {
        int high = hex_value(byte_at(p, *at + 1u));
        int low = hex_value(byte_at(p, *at + 2u));
        *at += 3;
        return high < 0 || low < 0 ? -1 : high * 16 + low;
    }
    int value = c >= '0' && c <= '7' ? 0 : -1;
    for (uint32_t i = 0; i < 3u && byte_at(p, *at) >= '0' && byte_at(p, *at) <= '7'; i++) {
        value = (value * 8 + (byte_at(p, *at) - '0')) & 0xff;
        (*at)++;
    }
    return value;
}

/* Decodes a STRING or BINARY token into the list from element *len on, or counts only. */
static bool decode(struct parser *p, const struct capnp_list_builder *to, uint32_t *len)
{
    uint32_t at = p->start;

    while (at < p->end) {
        int byte = (uint8_t)p->input.ptr[at++];
        if (p->token == TOKEN_STRING && byte == '\\') {
            byte = take_escape(p, &at);
        } else if (p->token == TOKEN_BINARY && is_one_of((char)byte, " \f\n\r\t\v")) {
            continue;
        } else if (p->token == TOKEN_BINARY) {
            int high = hex_value((char)byte);
            int low = at < p->end ? hex_value(p->input.ptr[at++]) : -1;
            byte = high < 0 || low < 0 ? -1 : high * 16 + low;
        }
        if (byte < 0 || at > p->end) {
            return refuse(p, "a string has an escape or digit that means nothing");
        }
        if (to != NULL) {
            capnp_list_builder_set_u8(*to, *len, (uint8_t)byte);
        }
        (*len)++;
    }
    return true;
}

/* Goes through strings that stand one behind the other, which are one. */
static bool decode_all(struct parser *p, const struct capnp_list_builder *to, uint32_t *len)
{
    bool binary = p->token == TOKEN_BINARY;

    *len = 0;
    do {
        if (!decode(p, to, len)) {
            return false;
        }
        advance(p);
    } while (p->token == TOKEN_STRING && !binary);
    return true;
}

static bool parse_string(struct parser *p, const struct capnp_target *target, bool is_data)
{
    uint32_t nul = is_data ? 0 : 1;
    struct parser counting = *p;
    uint32_t len;

    if (p->token != TOKEN_STRING && !(is_data && p->token == TOKEN_BINARY)) {
        return refuse_token(p, is_data ? "Data is wanted here" : "Text is wanted here");
    }
    if (!decode_all(&counting, NULL, &len)) {
        return false;
    }
    struct capnp_list_builder to =
        capnp_any_init_list(capnp_target_pointer(target), CAPNP_ELEMENT_BYTE, len + nul);
    return decode_all(p, &to, &len);
}

/* ---------------------------------------------------------------------------
 * Numbers */

static bool parse_integer(struct parser *p, const struct capnp_target *target, bool negative)
{
    enum capnp_type_kind kind = target->type.info->kind;
    bool is_signed = kind <= CAPNP_TYPE_INT64;
    unsigned bits = capnp_type_bits(kind) - is_signed;
    uint64_t max = UINT64_MAX >> (64u - bits);
    uint64_t v = p->integer;

    if (p->token != TOKEN_INTEGER) {
        return refuse_token(p, "a whole number is wanted here");
    }
    if (v > max + (is_signed && negative) || (!is_signed && negative && v != 0)) {
        return refuse(p, "the number does not fit in its field");
    }
    capnp_target_set_bits(target, negative ? -v : v);
    advance(p);
    return true;
}

static bool parse_float(struct parser *p, const struct capnp_target *target, bool negative)
{
    bool wide = target->type.info->kind == CAPNP_TYPE_FLOAT64;
    uint64_t sign = negative ? CAPNP_F64_SIGN : 0;
    uint64_t v;

    if (p->token == TOKEN_INTEGER) {
        /* It is taken as the whole number that it is, of which a negative one has 63 bits. */
        uint32_t narrow = capnp_f32_from_unsigned(p->integer);
        v = wide ? capnp_f64_from_unsigned(p->integer) : capnp_f64_from_f32(narrow);
        if (negative && p->integer > (uint64_t)1 << 63) {
            return refuse(p, "the number does not fit in 64 bits");
        }
        sign = v == 0 ? 0 : sign;
    } else if (at_word(p, TOKEN_NAME, "inf")) {
        v = CAPNP_F64_INF;
    } else if (at_word(p, TOKEN_NAME, "nan") && !negative) {
        v = CAPNP_F64_NAN;
    } else if (p->token != TOKEN_FLOAT || !capnp_parse_f64(token_text(p), &v)) {
        return refuse_token(p, "a number is wanted here");
    }
    v |= sign;
    capnp_target_set_bits(target, wide ? v : capnp_f32_from_f64(v));
    advance(p);
    return true;
}

static bool parse_number(struct parser *p, const struct capnp_target *target)
{
    bool negative = at_word(p, TOKEN_OPERATOR, "-");
    enum capnp_type_kind kind = target->type.info->kind;

    if (negative) {
        advance(p);
    }
    if (kind == CAPNP_TYPE_FLOAT32 || kind == CAPNP_TYPE_FLOAT64) {
        return parse_float(p, target, negative);
    }
    return parse_integer(p, target, negative);
}

/* ---------------------------------------------------------------------------
 * Names, structs and lists */

static bool parse_name(struct parser *p, const struct capnp_target *target)
{
    const struct capnp_type_info *type = target->type.info;
    int32_t v = -1;

    if (p->token != TOKEN_NAME) {
        return refuse_token(p, "a name is wanted here");
    }
    if (type->kind == CAPNP_TYPE_ENUM) {
        v = capnp_node_enumerant(type->node, token_text(p));
    } else if (type->kind == CAPNP_TYPE_VOID) {
        v = at_word(p, TOKEN_NAME, "void") ? 0 : -1;
    } else {
        v = at_word(p, TOKEN_NAME, "true") ? 1 : at_word(p, TOKEN_NAME, "false") ? 0 : -1;
    }
    if (v < 0) {
        return refuse(p, "the type has no value of this name");
    }
    capnp_target_set_bits(target, (uint64_t)v);
    advance(p);
    return true;
}

/* A comma, or the end of a list in brackets; *more is whether an item follows. */
static bool parse_comma(struct parser *p, char close, bool *more)
{
    if (at_mark(p, ',')) {
        advance(p);
        *more = !at_mark(p, close);
        return true;
    }
    *more = false;
    return at_mark(p, close) || refuse_token(p, "a comma or the closing bracket is wanted here");
}

/* name = value, ... ) from behind the opening bracket. */
static bool parse_fields(struct parser *p, const struct capnp_draft *d)
{
    bool more = !at_mark(p, ')');

    while (more) {
        if (p->token != TOKEN_NAME) {
            return refuse_token(p, "the name of a field is wanted here");
        }
        const struct capnp_field_info *field = capnp_node_field(d->node, token_text(p));
        if (field == NULL) {
            return refuse(p, "the struct has no field of this name");
        }
        advance(p);
        if (!at_word(p, TOKEN_OPERATOR, "=")) {
            return refuse_token(p, "a field needs a value: name = value");
        }
        advance(p);
        struct capnp_target target = capnp_draft_target(d, field);
        if (!parse_value(p, &target) || !parse_comma(p, ')', &more)) {
            return false;
        }
    }
    return expect_mark(p, ')', "a closing bracket is wanted here");
}

/* How many items a list has, from behind its opening bracket. */
static bool count_items(const struct parser *p, uint32_t *count)
{
    struct parser ahead = *p;
    uint32_t depth = 0;

    *count = 0;
    for (bool fresh = true;; advance(&ahead)) {
        if (ahead.token == TOKEN_END || ahead.token == TOKEN_BAD) {
            return refuse_token(&ahead, "");
        }
        if (depth == 0 && at_mark(&ahead, ']')) {
            return true;
        }
        if (fresh) {
            (*count)++;
        }
        fresh = depth == 0 && at_mark(&ahead, ',');
        depth += at_mark(&ahead, '(') || at_mark(&ahead, '[');
        if (at_mark(&ahead, ')') || at_mark(&ahead, ']')) {
            if (depth == 0) {
                return refuse(&ahead, "a bracket closes what is not open");
            }
            depth--;
        }
    }
}

static bool parse_list(struct parser *p, const struct capnp_target *target)
{
    uint32_t count;

    if (!expect_mark(p, '[', "a list is wanted here") || !count_items(p, &count)) {
        return false;
    }
    struct capnp_list_draft l = capnp_target_list(target, count);
    bool more = count != 0;
    for (uint32_t i = 0; more; i++) {
        struct capnp_target element = capnp_list_draft_target(&l, i);
        if (!parse_value(p, &element) || !parse_comma(p, ']', &more)) {
            return false;
        }
    }
    return expect_mark(p, ']', "a closing bracket is wanted here");
}

/* Whether an opening bracket begins a struct: what follows is `name =` or its end. */
static bool begins_struct(const struct parser *p)
{
    struct parser ahead = *p;

    advance(&ahead);
    if (at_mark(&ahead, ')')) {
        return true;
    }
    if (ahead.token != TOKEN_NAME) {
        return false;
    }
    advance(&ahead);
    return at_word(&ahead, TOKEN_OPERATOR, "=");
}

/* A struct, or a value of any type in brackets of its own. */
static bool parse_bracket(struct parser *p, const struct capnp_target *target)
{
    bool more;

    if (!begins_struct(p)) {
        advance(p);
        if (!parse_value(p, target) || !parse_comma(p, ')', &more)) {
            return false;
        }
        return !more ? expect_mark(p, ')', "") : refuse(p, "a closing bracket is wanted here");
    }
    if (target->type.info->kind != CAPNP_TYPE_STRUCT) {
        return refuse(p, "the type is no struct");
    }
    advance(p);
    struct capnp_draft d = capnp_target_struct(target);
    return parse_fields(p, &d);
}

static bool parse_plain(struct parser *p, const struct capnp_target *target)
{
    switch (target->type.info->kind) {
    case CAPNP_TYPE_VOID:
    case CAPNP_TYPE_BOOL:
    case CAPNP_TYPE_ENUM:
        return parse_name(p, target);
    case CAPNP_TYPE_INT8:
    case CAPNP_TYPE_INT16:
    case CAPNP_TYPE_INT32:
    case CAPNP_TYPE_INT64:
    case CAPNP_TYPE_UINT8:
    case CAPNP_TYPE_UINT16:
    case CAPNP_TYPE_UINT32:
    case CAPNP_TYPE_UINT64:
    case CAPNP_TYPE_FLOAT32:
    case CAPNP_TYPE_FLOAT64:
        return parse_number(p, target);
    case CAPNP_TYPE_TEXT:
        return parse_string(p, target, false);
    case CAPNP_TYPE_DATA:
        return parse_string(p, target, true);
    case CAPNP_TYPE_LIST:
        return parse_list(p, target);
    case CAPNP_TYPE_STRUCT:
        return refuse_token(p, "a struct is wanted here");
    case CAPNP_TYPE_INTERFACE:
    case CAPNP_TYPE_ANY:
    case CAPNP_TYPE_PARAMETER:
        break;
    }
    return refuse(p, "values of this type cannot be written");
}

/* Calls itself through structs and lists, CAPNP_NESTING_MAX deep. */
static bool parse_value(struct parser *p, const struct capnp_target *target)
{
    if (p->depth == CAPNP_NESTING_MAX) {
        return refuse(p, "values are nested too deeply");
    }
    p->depth++;
    bool ok = at_mark(p, '(') ? parse_bracket(p, target) : parse_plain(p, target);
    p->depth--;
    return ok;
}

bool capnp_text_parse(struct capnp_text *input, const struct capnp_node_info *node,
                      struct capnp_arena *arena, struct capnp_complaint *complaint)
{
    struct parser p = {.input = *input, .complaint = complaint};

    *complaint = (struct capnp_complaint){.sentence = NULL};
    advance(&p);
    if (!at_mark(&p, '(')) {
        return refuse_token(&p, "a struct in brackets is wanted here");
    }
    advance(&p);
    struct capnp_draft root = capnp_draft_root(node, arena);
    /* The token behind the struct belongs to whatever follows. */
    if (!parse_fields(&p, &root)) {
        return false;
    }
    if (!capnp_arena_ok(arena)) {
        return refuse(&p, "there is no room for the message");
    }
    input->ptr += p.start;
    input->len -= p.start;
    return true;
}
