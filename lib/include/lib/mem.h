// SPDX-License-Identifier: MIT
/*
 * The four memory functions of the C library, which a freestanding compiler may
 * call on its own anyway. Kernel and runtime each bring theirs; a host build
 * has those of its C library.
 */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
