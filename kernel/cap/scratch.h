// SPDX-License-Identifier: MIT
/*
 * A CPU's scratch memory (arch/x86_64/cpu.h): from the kernel's heap, charged to nobody,
 * and there once it was needed.
 */
#pragma once

#include <lib/lazy_buffer.h>

/* The slow part of scratch_get. */
enum status scratch_take(struct lazy_buffer *buffer, size_t bytes, void **memory);

/* As lazy_buffer_get and lazy_buffer_drop. */
static inline enum status scratch_get(struct lazy_buffer *buffer, size_t bytes, void **memory)
{
    if (__builtin_expect(bytes <= buffer->bytes, 1)) {
        *memory = buffer->memory;
        return ST_OK;
    }
    return scratch_take(buffer, bytes, memory);
}

void scratch_drop(struct lazy_buffer *buffer);
