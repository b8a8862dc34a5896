// SPDX-License-Identifier: MIT
/*
 * The memory and string functions of ISO C and POSIX that a small program needs,
 * with their standard names and meanings. The compiler calls the first four by
 * itself. There is no locale: letters are those of ASCII.
 */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *at, int byte, size_t n);

size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *part);

/*
 * base is 0 (by prefix: 0x hexadecimal, 0 octal, else decimal) or 2 to 36. A number that does not
 * fit is ULONG_MAX. *end, unless NULL, is where reading stopped: s itself if no digit was found or
 * the base is not one of these.
 */
unsigned long strtoul(const char *restrict s, char **restrict end, int base);
