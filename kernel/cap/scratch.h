// SPDX-License-Identifier: MIT
/*
 * A CPU's scratch memory (arch/x86_64/cpu.h): from the kernel's heap, charged to nobody,
 * and there once it was needed.
 */
#pragma once

#include <lib/lazy_buffer.h>

/* As lazy_buffer_get and lazy_buffer_drop. */
enum status scratch_get(struct lazy_buffer *buffer, size_t bytes, void **memory);
void scratch_drop(struct lazy_buffer *buffer);
