// SPDX-License-Identifier: MIT
/* In place of kernel/words.h: the same, in a form that sanitizers and observers see. */
#pragma once

#include <stddef.h>

void host_copy_words(void *to, const void *from, size_t bytes);

static inline void memcpy_words(void *to, const void *from, size_t bytes)
{
    host_copy_words(to, from, bytes);
}
