// SPDX-License-Identifier: MIT
/*
 * Segments behind the first, and pointers that lead from one into another.
 *
 * What is taken always lies in the newest segment, the one that the arena has in
 * its own base, room and used. A slot may lie in any. So a landing pad is only ever
 * wanted in the newest segment or in one that is newer still.
 */
#include <capnp/grow.h>

/* The low bits of far pointers: to a landing pad of one word, and of two. */
enum { FAR_ONE = 2u, FAR_TWO = 6u };

/* Begins the next segment. False: there is no room in the table, or no more memory. */
static bool next_segment(struct capnp_arena *a, uint64_t at_least)
{
    struct capnp_growth *g = a->growth;
    uint32_t bytes = 0;

    /* A first segment too small for the root is as if it had never been. */
    if (a->used == 0) {
        g->count = 0;
    }
    if (g->count == g->segments_max || at_least > (UINT32_MAX & ~7u)) {
        return false;
    }
    uint8_t *base = g->next == NULL ? NULL : g->next(g->context, (uint32_t)at_least, &bytes);
    if (base == NULL || bytes < at_least) {
        return false;
    }
    if (g->count != 0) {
        g->segments[g->count - 1u].bytes = a->used;
    }
    g->segments[g->count] = (struct capnp_segment){.base = base, .bytes = 0};
    g->count++;
    a->base = base;
    a->room = bytes & ~7u;
    a->used = 0;
    return true;
}

void capnp_arena_init_growing(struct capnp_arena *a, void *buffer, size_t bytes,
                              struct capnp_growth *growth)
{
    capnp_arena_init(a, buffer, bytes);
    a->growth = growth;
    growth->count = 0;
    if (buffer != NULL) {
        growth->segments[0] = (struct capnp_segment){.base = buffer, .bytes = 0};
        growth->count = 1;
    } else {
        a->room = 0;
    }
}

uint32_t capnp_arena_segments(const struct capnp_arena *a)
{
    struct capnp_growth *g = a->growth;

    if (g->count != 0) {
        g->segments[g->count - 1u].bytes = a->used;
    }
    return a->used == 0 ? 0 : g->count;
}

uint8_t *capnp_arena_take_more(struct capnp_arena *a, uint64_t words)
{
    /* A word more, for the landing pad of the pointer that will lead there. */
    if (a->full || words > CAPNP_LIST_MAX + UINT64_C(1) || !next_segment(a, (words + 1u) * 8u)) {
        a->full = true;
        a->room = a->used;
        return NULL;
    }
    a->used = (uint32_t)words * 8u;
    return a->base;
}

/* Whether the address lies in memory from `base` on that has `bytes` bytes. */
static bool inside(const uint8_t *p, const uint8_t *base, uint64_t bytes)
{
    return (uintptr_t)p - (uintptr_t)base < bytes;
}

static uint64_t far_word(uint32_t segment, uint64_t byte, uint32_t kind)
{
    /* A product: clang 14's analyzer takes the shift for one of a negative number. */
    return segment * (UINT64_C(1) << 32) | byte | kind;
}

void capnp_arena_link(struct capnp_arena *a, uint8_t *slot, const uint8_t *to, uint64_t word)
{
    uint32_t target = a->growth->count - 1u;

    if (inside(slot, a->base, a->used)) {
        capnp_store_pointer(slot, to, word);
        return;
    }
    uint64_t start = (uint64_t)(to - a->base);
    uint64_t pad_at = a->used;
    uint8_t *pad = (a->room - a->used) / 8u != 0 ? capnp_arena_take(a, 1) : NULL;
    if (pad != NULL) {
        capnp_store_pointer(pad, to, word);
        capnp_store_u64(slot, far_word(target, pad_at, FAR_ONE));
        return;
    }
    pad = capnp_arena_take(a, 2);
    if (pad != NULL) {
        capnp_store_u64(pad, far_word(target, start, FAR_ONE));
        capnp_store_u64(pad + 8, word);
        pad_at = (uint64_t)(pad - a->base);
        capnp_store_u64(slot, far_word(a->growth->count - 1u, pad_at, FAR_TWO));
    }
}
