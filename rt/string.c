// SPDX-License-Identifier: MIT
/*
 * Copies use the processor's string instructions, by words and then the rest: few
 * instructions at every length. -ffreestanding keeps the compiler from turning a
 * loop here into a call to the very function it is in.
 */
#include <rt/string.h>

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    void *start = to;
    size_t words = n / 8u;
    size_t rest = n % 8u;

    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
    return start;
}

void *memmove(void *to, const void *from, size_t n)
{
    if ((uintptr_t)to - (uintptr_t)from >= n) {
        return memcpy(to, from, n);
    }
    unsigned char *last_to = (unsigned char *)to + n - 1;
    const unsigned char *last_from = (const unsigned char *)from + n - 1;

    __asm__ volatile("std\n\trep movsb\n\tcld"
                     : "+D"(last_to), "+S"(last_from), "+c"(n)
                     :
                     : "memory", "cc");
    return to;
}

void *memset(void *to, int byte, size_t n)
{
    void *start = to;
    uint64_t pattern = (unsigned char)byte * 0x0101010101010101ull;
    size_t words = n / 8u;
    size_t rest = n % 8u;

    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(pattern) : "memory");
    return start;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a;
    const unsigned char *y = b;
    size_t i = 0;

    /* Whole words while they are equal; the bytes of the first that differs say the order. */
    for (uint64_t u, v; n - i >= sizeof u; i += sizeof u) {
        __builtin_memcpy(&u, x + i, sizeof u);
        __builtin_memcpy(&v, y + i, sizeof v);
        if (u != v) {
            break;
        }
    }
    for (; i < n; i++) {
        if (x[i] != y[i]) {
            return x[i] - y[i];
        }
    }
    return 0;
}

void *memchr(const void *at, int byte, size_t n)
{
    const unsigned char *p = at;

    for (size_t i = 0; i < n; i++) {
        if (p[i] == (unsigned char)byte) {
            return (void *)(uintptr_t)(p + i);
        }
    }
    return NULL;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n] != '\0') {
        n++;
    }
    return n;
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;

    while (n < max && s[n] != '\0') {
        n++;
    }
    return n;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char x = (unsigned char)a[i];
        unsigned char y = (unsigned char)b[i];
        if (x != y || x == '\0') {
            return x - y;
        }
    }
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c) {
            return (char *)(uintptr_t)s;
        }
        if (*s == '\0') {
            return NULL;
        }
    }
}

char *strrchr(const char *s, int c)
{
    const char *found = NULL;

    for (;; s++) {
        if (*s == (char)c) {
            found = s;
        }
        if (*s == '\0') {
            return (char *)(uintptr_t)found;
        }
    }
}

char *strstr(const char *s, const char *part)
{
    size_t n = strlen(part);

    for (;; s++) {
        if (strncmp(s, part, n) == 0) {
            return (char *)(uintptr_t)s;
        }
        if (*s == '\0') {
            return NULL;
        }
    }
}

/* The value of a digit in any base up to 36; 36 for what is no digit. */
static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    if (c >= 'a' && c <= 'z') {
        return (unsigned)(c - 'a') + 10u;
    }
    if (c >= 'A' && c <= 'Z') {
        return (unsigned)(c - 'A') + 10u;
    }
    return 36u;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

unsigned long strtoul(const char *restrict s, char **restrict end, int base)
{
    const char *at = s;
    const char *stopped = s;
    unsigned long value = 0;
    bool too_big = false;
    bool minus = false;

    while (is_space(*at)) {
        at++;
    }
    if (*at == '+' || *at == '-') {
        minus = *at == '-';
        at++;
    }
    bool hex_prefix = at[0] == '0' && (at[1] == 'x' || at[1] == 'X') && digit_value(at[2]) < 16u;
    if (base == 0) {
        base = hex_prefix ? 16 : *at == '0' ? 8 : 10;
    }
    if (base == 16 && hex_prefix) {
        at += 2;
    }
    if (base >= 2 && base <= 36) {
        for (unsigned d; (d = digit_value(*at)) < (unsigned)base; at++) {
            too_big |= __builtin_mul_overflow(value, (unsigned long)base, &value);
            too_big |= __builtin_add_overflow(value, (unsigned long)d, &value);
            stopped = at + 1;
        }
    }
    if (end != NULL) {
        *end = (char *)(uintptr_t)stopped;
    }
    if (too_big) {
        return ULONG_MAX;
    }
    return minus ? 0ul - value : value;
}
