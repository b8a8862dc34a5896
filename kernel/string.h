// SPDX-License-Identifier: MIT
/*
 * The memory functions that compilers call on their own, and the one string
 * function the kernel needs. Stands in for the C library's <string.h> in
 * everything compiled for the kernel.
 */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
