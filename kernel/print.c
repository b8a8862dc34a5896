// SPDX-License-Identifier: MIT
#include "print.h"

#include <stdbool.h>
#include <stdint.h>

#include "serial.h"
#include "string.h"

/* Text gathers here, so that the port is not asked for every byte. */
#define BUFFER_BYTES 128u

/* The longest number: 64 bits in decimal. */
#define DIGITS_MAX 20u

struct output {
    void (*sink)(const char *text, size_t len);
    size_t used;
    char buffer[BUFFER_BYTES];
};

/* One conversion, between the % and its letter. */
struct spec {
    bool left;
    bool zeros;
    bool has_precision;
    size_t width;
    size_t precision;
    unsigned longs; /* 0: int, 1 and more: 64 bits */
};

static void flush(struct output *out)
{
    if (out->used != 0) {
        out->sink(out->buffer, out->used);
        out->used = 0;
    }
}

static void put(struct output *out, char c)
{
    if (out->used == BUFFER_BYTES) {
        flush(out);
    }
    out->buffer[out->used++] = c;
}

static void put_many(struct output *out, char c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        put(out, c);
    }
}

/* Prefix (sign, 0x) and body, filled up to the width on the side that the spec says. */
static void put_padded(struct output *out, const struct spec *spec, const char *prefix,
                       const char *body, size_t body_len)
{
    size_t prefix_len = strlen(prefix);
    size_t len = prefix_len + body_len;
    size_t fill = spec->width > len ? spec->width - len : 0;

    if (!spec->left && !spec->zeros) {
        put_many(out, ' ', fill);
    }
    for (size_t i = 0; i < prefix_len; i++) {
        put(out, prefix[i]);
    }
    if (!spec->left && spec->zeros) {
        put_many(out, '0', fill);
    }
    for (size_t i = 0; i < body_len; i++) {
        put(out, body[i]);
    }
    if (spec->left) {
        put_many(out, ' ', fill);
    }
}

static void put_number(struct output *out, const struct spec *spec, const char *prefix,
                       uint64_t value, unsigned base, const char *digits)
{
    char text[DIGITS_MAX];
    size_t at = DIGITS_MAX;

    do {
        text[--at] = digits[value % base];
        value /= base;
    } while (value != 0);
    put_padded(out, spec, prefix, text + at, DIGITS_MAX - at);
}

static void put_string(struct output *out, const struct spec *spec, const char *text)
{
    size_t len = 0;

    if (text == NULL) {
        text = "(null)";
    }
    while ((!spec->has_precision || len < spec->precision) && text[len] != '\0') {
        len++;
    }
    put_padded(out, spec, "", text, len);
}

static const char *parse_number(const char *fmt, size_t *out)
{
    while (*fmt >= '0' && *fmt <= '9') {
        *out = *out * 10 + (size_t)(*fmt++ - '0');
    }
    return fmt;
}

/* A va_list that can be handed on by address, whatever the ABI makes of it. */
struct arguments {
    va_list list;
};

static const char *parse_spec(const char *fmt, struct spec *spec, struct arguments *args)
{
    for (; *fmt == '-' || *fmt == '0'; fmt++) {
        spec->left |= *fmt == '-';
        spec->zeros |= *fmt == '0';
    }
    fmt = parse_number(fmt, &spec->width);
    if (*fmt == '.') {
        spec->has_precision = true;
        fmt++;
        if (*fmt == '*') {
            int precision = va_arg(args->list, int);
            spec->precision = precision < 0 ? 0 : (size_t)precision;
            fmt++;
        } else {
            fmt = parse_number(fmt, &spec->precision);
        }
    }
    for (; *fmt == 'l' || *fmt == 'z'; fmt++) {
        spec->longs++;
    }
    return fmt;
}

static void put_signed(struct output *out, const struct spec *spec, int64_t value)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    put_number(out, spec, value < 0 ? "-" : "", magnitude, 10, "0123456789");
}

static uint64_t take_unsigned(const struct spec *spec, struct arguments *args)
{
    return spec->longs != 0 ? va_arg(args->list, uint64_t) : va_arg(args->list, unsigned);
}

/* Prints the conversion that *fmt names. */
static void convert(struct output *out, const struct spec *spec, char letter,
                    struct arguments *args)
{
    switch (letter) {
    case 'd':
    case 'i':
        put_signed(out, spec,
                   spec->longs != 0 ? va_arg(args->list, int64_t) : va_arg(args->list, int));
        return;
    case 'u':
        put_number(out, spec, "", take_unsigned(spec, args), 10, "0123456789");
        return;
    case 'x':
        put_number(out, spec, "", take_unsigned(spec, args), 16, "0123456789abcdef");
        return;
    case 'X':
        put_number(out, spec, "", take_unsigned(spec, args), 16, "0123456789ABCDEF");
        return;
    case 'p':
        put_number(out, spec, "0x", (uint64_t)va_arg(args->list, void *), 16, "0123456789abcdef");
        return;
    case 's':
        put_string(out, spec, va_arg(args->list, const char *));
        return;
    case 'c': {
        char c = (char)va_arg(args->list, int);
        put_padded(out, spec, "", &c, 1);
        return;
    }
    default:
        put(out, '%');
        if (letter != '%') {
            put(out, letter);
        }
        return;
    }
}

void kprint_to(void (*sink)(const char *text, size_t len), const char *fmt, va_list list)
{
    struct output out = {.sink = sink};
    struct arguments args;

    va_copy(args.list, list);
    while (*fmt != '\0') {
        struct spec spec = {0};
        if (*fmt != '%') {
            put(&out, *fmt++);
            continue;
        }
        fmt = parse_spec(fmt + 1, &spec, &args);
        if (*fmt == '\0') {
            break;
        }
        convert(&out, &spec, *fmt++, &args);
    }
    va_end(args.list);
    flush(&out);
}

void kprint(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    kprint_to(serial_write, fmt, args);
    va_end(args);
}
