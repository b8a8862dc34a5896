// SPDX-License-Identifier: MIT
/*
 * Written with string instructions where it matters: the compiler cannot mistake
 * them for the functions they are part of.
 */
#include "string.h"

#include <stdint.h>

#include "sanitize.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    void *to = dst;
    size_t words = n / 8;
    size_t rest = n % 8;

    sanitize_check((uint64_t)dst, n);
    sanitize_check((uint64_t)src, n);
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(src), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(src), "+c"(rest) : : "memory");
    return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
    if ((uintptr_t)dst - (uintptr_t)src >= n) {
        return memcpy(dst, src, n);
    }

    /* The destination begins inside the source: from the end to the start. */
    char *to = (char *)dst + n - 1;
    const char *from = (const char *)src + n - 1;
    sanitize_check((uint64_t)dst, n);
    sanitize_check((uint64_t)src, n);
    __asm__ volatile("std; rep movsb; cld" : "+D"(to), "+S"(from), "+c"(n) : : "memory", "cc");
    return dst;
}

void *memset(void *dst, int byte, size_t n)
{
    void *to = dst;
    size_t words = n / 8;
    size_t rest = n % 8;
    uint64_t pattern = (uint8_t)byte * 0x0101010101010101ull;

    sanitize_check((uint64_t)dst, n);
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(pattern) : "memory");
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a;
    const uint8_t *y = b;

    for (size_t i = 0; i < n; i++) {
        if (x[i] != y[i]) {
            return x[i] < y[i] ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char *s)
{
    const char *end = s;

    while (*end != '\0') {
        __asm__ volatile("" : "+r"(end)); /* or the compiler sees strlen here */
        end++;
    }
    return (size_t)(end - s);
}
