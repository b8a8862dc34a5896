// SPDX-License-Identifier: MIT
/*
 * A scratch buffer that costs nothing until it is used, and never more than its
 * limit.
 *
 *   empty ──lazy_buffer_get──► held ──lazy_buffer_get, larger──► held
 *     ▲                          │
 *     └──────lazy_buffer_drop────┘
 *
 * Memory comes from the owner's allocator, so it is charged to whoever the owner
 * says. The contents do not survive a lazy_buffer_get: this is scratch.
 */
#pragma once

#include <lib/status.h>
#include <stdbool.h>
#include <stddef.h>

/* Where the memory comes from: the same for every call on one buffer. */
struct lazy_buffer_source {
    void *(*alloc)(void *context, size_t bytes); /* NULL: there is none */
    void (*free)(void *context, void *memory, size_t bytes);
    void *context;
};

struct lazy_buffer {
    void *memory;       /* owned; NULL: empty */
    size_t bytes;       /* of `memory` */
    size_t limit_bytes; /* [I] */
};

/* Starts empty. */
void lazy_buffer_init(struct lazy_buffer *buffer, size_t limit_bytes);

/*
 * Lends memory for at least so many bytes, until the next get or drop. Allocates
 * only when what is held is too small; the larger piece is there before the
 * smaller one is given back. ST_INVALID: bytes is 0. ST_FULL: above the limit.
 * ST_NO_MEMORY: the source has none.
 */
enum status lazy_buffer_get(struct lazy_buffer *buffer, const struct lazy_buffer_source *source,
                            size_t bytes, void **memory);

/* Gives the memory back to the source it came from. An empty buffer stays empty. */
void lazy_buffer_drop(struct lazy_buffer *buffer, const struct lazy_buffer_source *source);

/* Whether memory and size agree with each other and with the limit. */
bool lazy_buffer_check(const struct lazy_buffer *buffer);
