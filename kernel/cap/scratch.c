// SPDX-License-Identifier: MIT
#include "cap/scratch.h"

#include "mem/heap.h"

static void *take(void *context, size_t bytes)
{
    (void)context;
    return heap_alloc(NULL, bytes);
}

static void give_back(void *context, void *memory, size_t bytes)
{
    (void)context;
    (void)bytes;
    heap_free(NULL, memory);
}

static const struct lazy_buffer_source source = {.alloc = take, .free = give_back};

enum status scratch_take(struct lazy_buffer *buffer, size_t bytes, void **memory)
{
    return lazy_buffer_get(buffer, &source, bytes, memory);
}

void scratch_drop(struct lazy_buffer *buffer)
{
    lazy_buffer_drop(buffer, &source);
}
