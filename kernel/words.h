// SPDX-License-Identifier: MIT
/* Copies of whole words, inline: for messages on the hot path. */
#pragma once

#include <stddef.h>

#include "sanitize.h"

/*
 * Copies `bytes`, a multiple of 8, upwards, at any alignment. Areas can overlap only if both
 * are one program's, which then finds there what it finds.
 */
static inline void memcpy_words(void *to, const void *from, size_t bytes)
{
    size_t words = bytes / 8u;

    sanitize_check((uint64_t)to, bytes);
    sanitize_check((uint64_t)from, bytes);
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}
