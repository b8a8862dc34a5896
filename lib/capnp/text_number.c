// SPDX-License-Identifier: MIT
/*
 * Numbers from and to decimal, exactly.
 *
 * A float is a whole number times a power of two, and so a finite decimal. It is
 * written out in full with large integers and then rounded; the other way, the two
 * large integers whose quotient a decimal is are divided bit by bit. Nothing is
 * estimated, so that every result is the nearest there is, ties to even.
 *
 * Sizes: 2^-1074 has 767 significant digits, and times 10^1074 is a number of
 * 2,549 bits. Parsing looks at 800 digits, which leaves a denominator of at most
 * 10^1150, 3,821 bits, and shifts no further than the longer of the two.
 */
#include <capnp/text.h>

#define LARGE_WORDS  160u
#define DIGITS_MAX   800u
#define DECIMALS_MAX 1120u

/* Decimal exponents behind which a Float64 is infinite, or zero. */
#define EXPONENT_HIGH 310
#define EXPONENT_LOW  (-345)

struct large {
    uint32_t count; /* words in use; the highest is not 0 */
    uint32_t words[LARGE_WORDS];
};

static void large_set(struct large *n, uint64_t v)
{
    n->words[0] = (uint32_t)v;
    n->words[1] = (uint32_t)(v >> 32);
    n->count = n->words[1] != 0 ? 2 : n->words[0] != 0 ? 1 : 0;
}

/* n = n * factor + add */
static void large_multiply(struct large *n, uint32_t factor, uint32_t add)
{
    uint64_t carry = add;

    for (uint32_t i = 0; i < n->count; i++) {
        carry += (uint64_t)n->words[i] * factor;
        n->words[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0 && n->count < LARGE_WORDS) {
        n->words[n->count++] = (uint32_t)carry;
    }
}

/* n = n / divisor; returns the remainder. */
static uint32_t large_divide(struct large *n, uint32_t divisor)
{
    uint64_t rest = 0;

    for (uint32_t i = n->count; i-- > 0;) {
        rest = rest << 32 | n->words[i];
        n->words[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    while (n->count != 0 && n->words[n->count - 1u] == 0) {
        n->count--;
    }
    return (uint32_t)rest;
}

static uint32_t large_bits(const struct large *n)
{
    return n->count == 0 ? 0 : n->count * 32u - (uint32_t)__builtin_clz(n->words[n->count - 1u]);
}

static void large_shift(struct large *n, uint32_t by)
{
    uint32_t whole = by / 32u;
    uint32_t count = n->count + whole + 1u;

    if (n->count == 0 || count > LARGE_WORDS) {
        return;
    }
    for (uint32_t i = count; i-- > 0;) {
        uint64_t high = i >= whole && i - whole < n->count ? n->words[i - whole] : 0;
        uint64_t low = i > whole && i - whole - 1u < n->count ? n->words[i - whole - 1u] : 0;
        n->words[i] = (uint32_t)((high << 32 | low) << by % 32u >> 32);
    }
    n->count = n->words[count - 1u] != 0 ? count : count - 1u;
}

static bool large_at_least(const struct large *a, const struct large *b)
{
    if (a->count != b->count) {
        return a->count > b->count;
    }
    for (uint32_t i = a->count; i-- > 0;) {
        if (a->words[i] != b->words[i]) {
            return a->words[i] > b->words[i];
        }
    }
    return true;
}

/* a = a - b, where a is at least b */
static void large_subtract(struct large *a, const struct large *b)
{
    uint64_t borrow = 0;

    for (uint32_t i = 0; i < a->count; i++) {
        uint64_t difference = (uint64_t)a->words[i] - (i < b->count ? b->words[i] : 0) - borrow;
        a->words[i] = (uint32_t)difference;
        borrow = difference >> 63;
    }
    while (a->count != 0 && a->words[a->count - 1u] == 0) {
        a->count--;
    }
}

/* ---------------------------------------------------------------------------
 * Formatting */

uint32_t capnp_format_unsigned(uint64_t v, char out[static CAPNP_NUMBER_MAX])
{
    uint32_t len = 1;

    for (uint64_t rest = v; rest > 9u; rest /= 10u) {
        len++;
    }
    for (uint32_t i = len; i-- > 0; v /= 10u) {
        out[i] = (char)('0' + v % 10u);
    }
    return len;
}

uint32_t capnp_format_signed(int64_t v, char out[static CAPNP_NUMBER_MAX])
{
    char digits[CAPNP_NUMBER_MAX];

    if (v >= 0) {
        return capnp_format_unsigned((uint64_t)v, out);
    }
    uint32_t len = capnp_format_unsigned(-(uint64_t)v, digits);
    out[0] = '-';
    __builtin_memcpy(out + 1, digits, len);
    return len + 1u;
}

/* A decimal number: 0.d0 d1 d2 ... times 10^point; no digits are zero. */
struct decimal {
    uint32_t count;
    int32_t point;
    uint8_t digits[DECIMALS_MAX];
};

/* The decimal that mantissa * 2^exponent is. */
static void expand(struct decimal *d, uint64_t mantissa, int32_t exponent)
{
    struct large n = {.count = 0};
    uint8_t reversed[DECIMALS_MAX];
    uint32_t count = 0;

    large_set(&n, mantissa);
    for (int32_t i = exponent; i < 0; i++) {
        large_multiply(&n, 5, 0);
    }
    if (exponent > 0) {
        large_shift(&n, (uint32_t)exponent);
    }
    while (n.count != 0) {
        uint32_t nine = large_divide(&n, 1000000000u);
        for (uint32_t k = 0; k < 9u && count < DECIMALS_MAX; k++, nine /= 10u) {
            reversed[count++] = (uint8_t)(nine % 10u);
        }
    }
    while (count != 0 && reversed[count - 1u] == 0) {
        count--;
    }
    for (uint32_t i = 0; i < count; i++) {
        d->digits[i] = reversed[count - 1u - i];
    }
    d->count = count;
    d->point = (int32_t)count + (exponent < 0 ? exponent : 0);
}

/* Rounds to `places` digits, without zeros at the end. */
static void round_to(struct decimal *d, uint32_t places)
{
    if (d->count > places) {
        bool more = false;
        for (uint32_t i = places + 1u; i < d->count; i++) {
            more = more || d->digits[i] != 0;
        }
        uint8_t next = d->digits[places];
        bool odd = (d->digits[places - 1u] & 1u) != 0;
        d->count = places;
        if (next > 5u || (next == 5u && (more || odd))) {
            uint32_t i = places;
            while (i > 0 && d->digits[i - 1u] == 9u) {
                d->digits[--i] = 0;
            }
            if (i != 0) {
                d->digits[i - 1u]++;
            } else {
                d->digits[0] = 1;
                d->point++;
            }
        }
    }
    while (d->count > 1u && d->digits[d->count - 1u] == 0) {
        d->count--;
    }
}

/* As printf's %g with that many places, without a plus sign in the exponent. */
static uint32_t write_decimal(const struct decimal *d, bool negative, uint32_t places, char *out)
{
    int32_t exponent = d->point - 1;
    bool scientific = exponent < -4 || exponent >= (int32_t)places;
    int32_t point = scientific ? 1 : d->point;
    uint32_t len = 0;

    if (negative) {
        out[len++] = '-';
    }
    if (point <= 0) {
        out[len++] = '0';
        out[len++] = '.';
        for (int32_t i = point; i < 0; i++) {
            out[len++] = '0';
        }
    }
    for (int32_t i = 0; i < (int32_t)d->count || i < point; i++) {
        if (i == point && i != 0) {
            out[len++] = '.';
        }
        out[len++] = (char)('0' + (i < (int32_t)d->count ? d->digits[i] : 0));
    }
    if (scientific) {
        uint32_t size = (uint32_t)(exponent < 0 ? -exponent : exponent);
        out[len++] = 'e';
        if (exponent < 0) {
            out[len++] = '-';
        }
        if (size >= 100u) {
            out[len++] = (char)('0' + size / 100u);
        }
        out[len++] = (char)('0' + size / 10u % 10u);
        out[len++] = (char)('0' + size % 10u);
    }
    return len;
}

static uint32_t write_word(const char *word, char *out)
{
    uint32_t len = 0;

    for (; word[len] != '\0'; len++) {
        out[len] = word[len];
    }
    return len;
}

/* The text of a Float64 rounded to so many places. */
static uint32_t format_rounded(uint64_t bits, uint32_t places, char *out)
{
    uint64_t mantissa = bits & (((uint64_t)1 << 52) - 1u);
    int32_t biased = (int32_t)(bits >> 52 & 0x7ffu);
    bool negative = bits >> 63 != 0;
    struct decimal d;

    if (biased == 0x7ff) {
        return write_word(mantissa != 0 ? "nan" : negative ? "-inf" : "inf", out);
    }
    if (biased == 0 && mantissa == 0) {
        return write_word(negative ? "-0" : "0", out);
    }
    if (biased != 0) {
        mantissa |= (uint64_t)1 << 52;
    }
    expand(&d, mantissa, (biased == 0 ? 1 : biased) - 1075);
    round_to(&d, places);
    return write_decimal(&d, negative, places, out);
}

/* The Float64 that a text written here is, but for its sign. */
static uint64_t read_back(const char *text, uint32_t len)
{
    uint32_t skip = text[0] == '-';
    uint64_t bits = 0;

    capnp_parse_f64((struct capnp_text){.ptr = text + skip, .len = len - skip}, &bits);
    return bits;
}

uint32_t capnp_format_f64(uint64_t bits, char out[static CAPNP_NUMBER_MAX])
{
    uint32_t len = format_rounded(bits, 15, out);

    if ((bits & CAPNP_F64_INF) == CAPNP_F64_INF ||
        read_back(out, len) == (bits & ~CAPNP_F64_SIGN)) {
        return len;
    }
    return format_rounded(bits, 17, out);
}

uint32_t capnp_format_f32(uint32_t bits, char out[static CAPNP_NUMBER_MAX])
{
    uint64_t wide = capnp_f64_from_f32(bits);
    uint32_t magnitude = bits & 0x7fffffffu;
    uint32_t len = format_rounded(wide, 6, out);

    /* The stock tool trusts no few digits of a number below the normal ones. */
    bool subnormal = magnitude != 0 && magnitude < 0x800000u;
    if ((wide & CAPNP_F64_INF) == CAPNP_F64_INF ||
        (!subnormal && capnp_f32_from_f64(read_back(out, len)) == magnitude)) {
        return len;
    }
    return format_rounded(wide, 8, out);
}

/* ---------------------------------------------------------------------------
 * Parsing */

/* A number rounded to a float's format: where its parts lie, and how far it reaches. */
struct format {
    uint32_t mantissa_bits; /* without the leading one */
    int32_t bias;
};

static const struct format format_f64 = {.mantissa_bits = 52, .bias = 1023};
static const struct format format_f32 = {.mantissa_bits = 23, .bias = 127};

/*
 * The float nearest to q * 2^(exponent - 63), where the highest bit of q is set;
 * `more` says that the number is a little larger.
 */
static uint64_t round_float(struct format f, uint64_t q, int32_t exponent, bool more)
{
    int32_t biased = exponent + f.bias;
    uint64_t infinity = ((uint64_t)f.bias * 2u + 1u) << f.mantissa_bits;
    uint32_t drop = 63u - f.mantissa_bits;

    if (biased > 2 * f.bias) {
        return infinity;
    }
    if (biased < 1) {
        /* Below the normal numbers there are fewer bits, down to none. */
        uint32_t extra = (uint32_t)(1 - biased);
        if (drop + extra > 64u) {
            return 0;
        }
        drop += extra;
        biased = 1;
    }
    uint64_t kept = drop == 64u ? 0 : q >> drop;
    uint64_t half = (uint64_t)1 << (drop - 1u);
    uint64_t rest = q & (half | (half - 1u));
    if (rest > half || (rest == half && (more || (kept & 1u) != 0))) {
        kept++;
    }
    /* The leading one, where there is one, adds itself to the exponent; so does a carry. */
    return ((uint64_t)(biased - 1) << f.mantissa_bits) + kept;
}

/* The Float64 nearest to the quotient of two large numbers that are not zero. */
static uint64_t divide(struct large *a, struct large *b)
{
    int32_t exponent = (int32_t)large_bits(a) - (int32_t)large_bits(b);
    uint64_t q = 0;

    large_shift(exponent < 0 ? a : b, (uint32_t)(exponent < 0 ? -exponent : exponent));
    if (!large_at_least(a, b)) {
        large_shift(a, 1);
        exponent--;
    }
    for (uint32_t i = 64; i-- > 0;) {
        if (large_at_least(a, b)) {
            large_subtract(a, b);
            q |= (uint64_t)1 << i;
        }
        large_shift(a, 1);
    }
    return round_float(format_f64, q, exponent, a->count != 0);
}

/* Takes digits from the front of what is left of a text into a number of at most DIGITS_MAX. */
struct digits {
    struct large n;
    uint32_t count;   /* of significant digits taken */
    int64_t exponent; /* of the number that they are */
    bool more;        /* digits other than 0 were dropped */
};

static uint32_t take_digits(struct digits *d, struct capnp_text text, uint32_t at, bool fraction)
{
    for (; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++) {
        uint32_t digit = (uint32_t)(text.ptr[at] - '0');
        d->exponent -= fraction;
        if (d->n.count == 0 && digit == 0) {
            continue;
        }
        if (d->count == DIGITS_MAX) {
            d->more = d->more || digit != 0;
            d->exponent++;
            continue;
        }
        if (d->n.count == 0) {
            large_set(&d->n, digit);
        } else {
            large_multiply(&d->n, 10, digit);
        }
        d->count++;
    }
    return at;
}

/* The exponent from behind its e to the end of the text, held to what makes a difference. */
static bool take_exponent(struct capnp_text text, uint32_t at, int64_t *exponent)
{
    const int64_t enough = (int64_t)1 << 40;
    bool negative = at < text.len && text.ptr[at] == '-';
    int64_t v = 0;

    if (at < text.len && (text.ptr[at] == '-' || text.ptr[at] == '+')) {
        at++;
    }
    if (at == text.len) {
        return false;
    }
    for (; at < text.len; at++) {
        if (text.ptr[at] < '0' || text.ptr[at] > '9') {
            return false;
        }
        v = v < enough ? v * 10 + (text.ptr[at] - '0') : v;
    }
    *exponent += negative ? -v : v;
    return true;
}

bool capnp_parse_f64(struct capnp_text text, uint64_t *bits)
{
    struct digits d = {.count = 0};
    uint32_t start = 0;

    uint32_t at = take_digits(&d, text, 0, false);
    if (at < text.len && text.ptr[at] == '.') {
        start = at + 1u;
        at = take_digits(&d, text, start, true);
    }
    if (at == start && (start < 2u)) {
        return false;
    }
    if (at < text.len && (text.ptr[at] | 0x20) == 'e') {
        if (!take_exponent(text, at + 1u, &d.exponent)) {
            return false;
        }
        at = text.len;
    }
    if (at != text.len) {
        return false;
    }
    int64_t magnitude = d.count + d.exponent;
    if (d.n.count == 0 || magnitude < EXPONENT_LOW) {
        *bits = 0;
        return true;
    }
    if (magnitude > EXPONENT_HIGH) {
        *bits = CAPNP_F64_INF;
        return true;
    }
    if (d.more) {
        large_multiply(&d.n, 10, 1);
        d.exponent--;
    }
    struct large divisor = {.count = 0};
    large_set(&divisor, 1);
    for (int64_t i = d.exponent; i < 0; i++) {
        large_multiply(&divisor, 10, 0);
    }
    for (int64_t i = d.exponent; i > 0; i--) {
        large_multiply(&d.n, 10, 0);
    }
    *bits = divide(&d.n, &divisor);
    return true;
}

/* ---------------------------------------------------------------------------
 * Conversions */

/* A number q * 2^exponent in a format, q not zero. */
static uint64_t float_of(struct format f, uint64_t q, int32_t exponent)
{
    uint32_t zeros = (uint32_t)__builtin_clzll(q);

    return round_float(f, q << zeros, exponent + 63 - (int32_t)zeros, false);
}

uint64_t capnp_f64_from_unsigned(uint64_t v)
{
    return v == 0 ? 0 : float_of(format_f64, v, 0);
}

uint32_t capnp_f32_from_unsigned(uint64_t v)
{
    return v == 0 ? 0 : (uint32_t)float_of(format_f32, v, 0);
}

uint32_t capnp_f32_from_f64(uint64_t bits)
{
    uint32_t sign = (uint32_t)(bits >> 32) & 0x80000000u;
    uint64_t mantissa = bits & (((uint64_t)1 << 52) - 1u);
    int32_t biased = (int32_t)(bits >> 52 & 0x7ffu);

    if (biased == 0x7ff) {
        uint32_t quiet = mantissa != 0 ? 0x400000u | (uint32_t)(mantissa >> 29) : 0;
        return sign | 0x7f800000u | quiet;
    }
    if (biased == 0) {
        return sign; /* far below the least Float32 */
    }
    mantissa |= (uint64_t)1 << 52;
    return sign | (uint32_t)float_of(format_f32, mantissa, biased - 1075);
}

uint64_t capnp_f64_from_f32(uint32_t bits)
{
    uint64_t sign = (uint64_t)(bits & 0x80000000u) << 32;
    uint64_t mantissa = bits & 0x7fffffu;
    int32_t biased = (int32_t)(bits >> 23 & 0xffu);

    if (biased == 0xff) {
        return sign | CAPNP_F64_INF | mantissa << 29;
    }
    if (biased == 0) {
        return mantissa == 0 ? sign : sign | float_of(format_f64, mantissa, -149);
    }
    return sign | float_of(format_f64, mantissa | 0x800000u, biased - 150);
}

bool capnp_f64_whole(uint64_t bits, uint64_t *magnitude)
{
    uint64_t mantissa = (bits & (((uint64_t)1 << 52) - 1u)) | (uint64_t)1 << 52;
    int32_t exponent = (int32_t)(bits >> 52 & 0x7ffu) - 1075;

    if ((bits & ~CAPNP_F64_SIGN) == 0) {
        *magnitude = 0;
        return true;
    }
    if (exponent > 11 || exponent < -52) {
        return false;
    }
    if (exponent >= 0) {
        *magnitude = mantissa << exponent;
        return true;
    }
    *magnitude = mantissa >> -exponent;
    return *magnitude << -exponent == mantissa;
}
