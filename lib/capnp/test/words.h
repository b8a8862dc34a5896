// SPDX-License-Identifier: MIT
/*
 * Messages made by hand, a word at a time, for what no honest encoder writes.
 */
#pragma once

#include <capnp/build.h>
#include <stdlib.h>
#include <string.h>

/* Pointers, by the encoding's own names. Offsets count words from the pointer's end. */
#define STRUCT_AT(offset, data_words, pointers)                                                    \
    ((uint64_t)(uint32_t)((offset)*4) | CAPNP_STRUCT_WORD(data_words, pointers))
#define LIST_AT(offset, element, count)                                                            \
    ((uint64_t)(uint32_t)((offset)*4) | 1u | (uint64_t)(element) << 32 | (uint64_t)(count) << 35)
#define TAG(count, data_words, pointers)                                                           \
    ((uint64_t)(uint32_t)((uint32_t)(count) << 2) | CAPNP_STRUCT_WORD(data_words, pointers))
#define FAR(segment, word)     ((uint64_t)(segment) << 32 | (uint64_t)(word) << 3 | 2u)
#define FAR_FAR(segment, word) (FAR(segment, word) | 4u)
#define CAPABILITY(index)      ((uint64_t)(index) << 32 | 3u)

/*
 * A message in a heap block of its own, so that a read outside of it is found by
 * the address sanitizer.
 */
struct fixture {
    uint8_t *bytes;
    struct capnp_message m;
    struct capnp_segment segments[4];
};

static inline void fixture_flat(struct fixture *f, const void *bytes, size_t len)
{
    f->bytes = malloc(len == 0 ? 1 : len);
    memcpy(f->bytes, bytes, len);
    capnp_message_open_flat(&f->m, f->bytes, len);
}

/* Segments of these words, one behind the other in `words`. */
static inline void fixture_segments(struct fixture *f, const uint64_t *words, const uint32_t *sizes,
                                    uint32_t count)
{
    size_t total = 0;

    for (uint32_t i = 0; i < count; i++) {
        total += sizes[i];
    }
    f->bytes = malloc(total * 8u);
    memcpy(f->bytes, words, total * 8u);
    capnp_message_open_flat(&f->m, f->bytes, total * 8u);
    size_t start = 0;
    for (uint32_t i = 0; i < count; i++) {
        f->segments[i] =
            (struct capnp_segment){.base = f->bytes + start * 8u, .bytes = sizes[i] * 8u};
        start += sizes[i];
    }
    f->m.segments = f->segments;
    f->m.segment_count = count;
}

static inline void fixture_free(struct fixture *f)
{
    free(f->bytes);
}
