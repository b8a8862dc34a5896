// SPDX-License-Identifier: MIT
/*
 * The four memory functions of the C library, which a freestanding compiler may
 * call on its own anyway. Kernel and runtime each bring theirs; a host build
 * has those of its C library.
 */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict, const void *restrict, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
