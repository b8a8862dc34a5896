// SPDX-License-Identifier: MIT
#include <rt/format.h>

#include <rt/string.h>
#include <stdbool.h>
#include <stdint.h>

/* Where text goes: all of it is counted, what fits is kept. */
struct sink {
    char *to;
    size_t room;
    size_t length;
};

/* One conversion, as its format says. */
struct spec {
    bool left, plus, space, zero, prefix;
    bool has_precision;
    size_t width;
    size_t precision;
    char length; /* 'H' for hh, 'L' for ll, else h l z t j, or 0 */
    char conversion;
};

/* Width and precision are kept below this, whatever the format says. */
#define FIELD_MAX 4096u

static void put(struct sink *out, char c)
{
    if (out->length + 1 < out->room) {
        out->to[out->length] = c;
    }
    out->length++;
}

static void put_many(struct sink *out, char c, size_t n)
{
    while (n-- > 0) {
        put(out, c);
    }
}

static void put_text(struct sink *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        put(out, text[i]);
    }
}

/* Text in a field: spaces before or behind. */
static void put_field(struct sink *out, const struct spec *spec, const char *text, size_t n)
{
    size_t padding = spec->width > n ? spec->width - n : 0;

    put_many(out, ' ', spec->left ? 0 : padding);
    put_text(out, text, n);
    put_many(out, ' ', spec->left ? padding : 0);
}

/* A number in a field: sign or prefix, zeros, digits. */
static void put_number(struct sink *out, const struct spec *spec, const char *sign, uint64_t value,
                       unsigned base)
{
    const char *digits = spec->conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    char reversed[64];
    size_t n = 0;

    for (uint64_t rest = value; rest != 0; rest /= base) {
        reversed[n++] = digits[rest % base];
    }
    size_t sign_length = strlen(sign);
    size_t least = spec->has_precision ? spec->precision : 1;
    if (!spec->has_precision && spec->zero && !spec->left && spec->width > sign_length) {
        least = spec->width - sign_length;
    }
    size_t zeros = least > n ? least - n : 0;
    size_t total = sign_length + zeros + n;
    size_t padding = spec->width > total ? spec->width - total : 0;

    put_many(out, ' ', spec->left ? 0 : padding);
    put_text(out, sign, sign_length);
    put_many(out, '0', zeros);
    while (n > 0) {
        put(out, reversed[--n]);
    }
    put_many(out, ' ', spec->left ? padding : 0);
}

/* The next argument as its length says. An array in a struct, as va_list passes by reference. */
struct arguments {
    va_list list;
};

static int64_t next_signed(struct arguments *arguments, char length)
{
    switch (length) {
    case 'H':
        return (signed char)va_arg(arguments->list, int);
    case 'h':
        return (short)va_arg(arguments->list, int);
    case 'l':
        return va_arg(arguments->list, long);
    case 'L':
        return va_arg(arguments->list, long long);
    case 'z':
    case 't':
        return va_arg(arguments->list, ptrdiff_t);
    case 'j':
        return va_arg(arguments->list, intmax_t);
    default:
        return va_arg(arguments->list, int);
    }
}

static uint64_t next_unsigned(struct arguments *arguments, char length)
{
    switch (length) {
    case 'H':
        return (unsigned char)va_arg(arguments->list, unsigned);
    case 'h':
        return (unsigned short)va_arg(arguments->list, unsigned);
    case 'l':
        return va_arg(arguments->list, unsigned long);
    case 'L':
        return va_arg(arguments->list, unsigned long long);
    case 'z':
    case 't':
        return va_arg(arguments->list, size_t);
    case 'j':
        return va_arg(arguments->list, uintmax_t);
    default:
        return va_arg(arguments->list, unsigned);
    }
}

static void convert_signed(struct sink *out, const struct spec *spec, struct arguments *arguments)
{
    int64_t value = next_signed(arguments, spec->length);
    uint64_t magnitude = value < 0 ? 0u - (uint64_t)value : (uint64_t)value;
    const char *sign = value < 0 ? "-" : spec->plus ? "+" : spec->space ? " " : "";

    put_number(out, spec, sign, magnitude, 10);
}

static void convert_unsigned(struct sink *out, const struct spec *spec, struct arguments *arguments)
{
    uint64_t value = next_unsigned(arguments, spec->length);

    switch (spec->conversion) {
    case 'o':
        put_number(out, spec, spec->prefix && value != 0 ? "0" : "", value, 8);
        return;
    case 'x':
        put_number(out, spec, spec->prefix && value != 0 ? "0x" : "", value, 16);
        return;
    case 'X':
        put_number(out, spec, spec->prefix && value != 0 ? "0X" : "", value, 16);
        return;
    default:
        put_number(out, spec, "", value, 10);
        return;
    }
}

static void convert_text(struct sink *out, const struct spec *spec, struct arguments *arguments)
{
    const char *text = va_arg(arguments->list, const char *);

    if (text == NULL) {
        text = "(null)";
    }
    put_field(out, spec, text, spec->has_precision ? strnlen(text, spec->precision) : strlen(text));
}

static void convert_pointer(struct sink *out, const struct spec *spec, struct arguments *arguments)
{
    const void *p = va_arg(arguments->list, const void *);
    struct spec plain = {.left = spec->left, .width = spec->width, .conversion = 'x'};

    put_number(out, &plain, "0x", (uintptr_t)p, 16);
}

/* Reads digits, or an argument for '*'. A negative argument is told by *minus. */
static const char *read_count(const char *at, struct arguments *arguments, size_t *count,
                              bool *minus)
{
    *minus = false;
    if (*at == '*') {
        int64_t value = va_arg(arguments->list, int);
        *minus = value < 0;
        value = value < 0 ? -value : value;
        *count = value > FIELD_MAX ? FIELD_MAX : (size_t)value;
        return at + 1;
    }
    size_t value = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        value = value * 10u + (size_t)(*at - '0');
        value = value > FIELD_MAX ? FIELD_MAX : value;
    }
    *count = value;
    return at;
}

static const char *read_flags(const char *at, struct spec *spec)
{
    for (;; at++) {
        switch (*at) {
        case '-':
            spec->left = true;
            break;
        case '+':
            spec->plus = true;
            break;
        case ' ':
            spec->space = true;
            break;
        case '0':
            spec->zero = true;
            break;
        case '#':
            spec->prefix = true;
            break;
        default:
            return at;
        }
    }
}

static const char *read_length(const char *at, struct spec *spec)
{
    if (*at == '\0' || strchr("hlztj", *at) == NULL) {
        return at;
    }
    spec->length = *at++;
    if (*at == spec->length && (spec->length == 'h' || spec->length == 'l')) {
        spec->length = spec->length == 'h' ? 'H' : 'L';
        at++;
    }
    return at;
}

/* Reads what follows a '%'. Returns where the format goes on. */
static const char *read_spec(const char *at, struct spec *spec, struct arguments *arguments)
{
    bool minus;

    *spec = (struct spec){0};
    at = read_flags(at, spec);
    at = read_count(at, arguments, &spec->width, &minus);
    spec->left |= minus;
    if (*at == '.') {
        at = read_count(at + 1, arguments, &spec->precision, &minus);
        spec->has_precision = !minus;
    }
    at = read_length(at, spec);
    spec->conversion = *at;
    return *at == '\0' ? at : at + 1;
}

/* False: the conversion is not one of ours, and how its argument looks is unknown. */
static bool convert(struct sink *out, const struct spec *spec, struct arguments *arguments)
{
    switch (spec->conversion) {
    case 'd':
    case 'i':
        convert_signed(out, spec, arguments);
        return true;
    case 'u':
    case 'o':
    case 'x':
    case 'X':
        convert_unsigned(out, spec, arguments);
        return true;
    case 'c': {
        char c = (char)va_arg(arguments->list, int);
        put_field(out, spec, &c, 1);
        return true;
    }
    case 's':
        convert_text(out, spec, arguments);
        return true;
    case 'p':
        convert_pointer(out, spec, arguments);
        return true;
    case '%':
        put(out, '%');
        return true;
    default:
        put_text(out, "%?", 2);
        return false;
    }
}

size_t rt_vsnprintf(char *to, size_t room, const char *format, va_list list)
{
    struct sink out = {.to = to, .room = room};
    struct arguments arguments;

    va_copy(arguments.list, list);
    while (*format != '\0') {
        struct spec spec;
        if (*format != '%') {
            put(&out, *format++);
            continue;
        }
        format = read_spec(format + 1, &spec, &arguments);
        if (!convert(&out, &spec, &arguments)) {
            break;
        }
    }
    va_end(arguments.list);
    if (room > 0) {
        to[out.length < room ? out.length : room - 1] = '\0';
    }
    return out.length;
}

size_t rt_snprintf(char *to, size_t room, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    size_t length = rt_vsnprintf(to, room, format, list);
    va_end(list);
    return length;
}
