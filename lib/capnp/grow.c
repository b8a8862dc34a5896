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

    if (g->count == g->segments_max || at_least > (UINT32_MAX & ~7u)) {
        return false;
    }
    uint8_t *base = g->next == NULL ? NULL : g->next(g->context, (uint32_t)at_least, &bytes);
    if (base == NULL || bytes < at_least) {
        return false;
    }
    g->segments[g->count - 1u].bytes = a->used;
    g->segments[g->count] = (struct capnp_segment){.base = base, .bytes = 0};
    g->count++;
    g->room = bytes & ~7u;
    a->base = base;
    a->room = 0;
    a->used = 0;
    return true;
}

void capnp_arena_init_growing(struct capnp_arena *a, void *buffer, size_t bytes,
                              struct capnp_growth *growth)
{
    capnp_arena_init(a, buffer, bytes);
    a->growth = growth;
    growth->segments[0] = (struct capnp_segment){.base = buffer, .bytes = 0};
    growth->count = 1;
    growth->room = 0;
}

uint32_t capnp_arena_segments(const struct capnp_arena *a)
{
    struct capnp_growth *g = a->growth;

    g->segments[g->count - 1u].bytes = a->used;
    return a->used == 0 ? 0 : g->count;
}

/* How many words the newest segment still has. */
static uint64_t words_left(const struct capnp_arena *a)
{
    if (a->growth == NULL || a->full) {
        return 0;
    }
    uint32_t room = a->growth->count == 1 ? a->room : a->growth->room;
    return (room - a->used) / 8u;
}

static uint8_t *now_full(struct capnp_arena *a)
{
    a->full = true;
    a->room = a->used;
    return NULL;
}

uint8_t *capnp_arena_take_more(struct capnp_arena *a, uint64_t words)
{
    if (a->growth == NULL || a->full || words > CAPNP_LIST_MAX + UINT64_C(1)) {
        return now_full(a);
    }
    /* A word more, for the landing pad of the pointer that will lead there. */
    if (words > words_left(a) && !next_segment(a, (words + 1u) * 8u)) {
        return now_full(a);
    }
    uint8_t *p = a->base + a->used;
    a->used += (uint32_t)words * 8u;
    a->room = a->used;
    return p;
}

/* Whether the address lies in memory from `base` on that has `bytes` bytes. */
static bool inside(const uint8_t *p, const uint8_t *base, uint64_t bytes)
{
    return (uintptr_t)p - (uintptr_t)base < bytes;
}

/* Makes a slot point to a byte of a segment, where a landing pad or content lies. */
static void store_far(uint8_t *slot, uint32_t kind, uint32_t segment, uint32_t byte)
{
    capnp_store_u32(slot, byte | kind);
    capnp_store_u32(slot + 4, segment);
}

void capnp_arena_point(struct capnp_arena *a, uint8_t *slot, const uint8_t *to, uint64_t word)
{
    if (a->growth == NULL || inside(slot, a->base, a->used)) {
        capnp_store_pointer(slot, to, word);
        return;
    }
    uint32_t newest = a->growth->count - 1u;
    uint32_t end = a->used;
    if (words_left(a) != 0) {
        capnp_store_pointer(capnp_arena_take(a, 1), to, word);
        store_far(slot, FAR_ONE, newest, end);
        return;
    }
    uint32_t start = (uint32_t)(to - a->base);
    uint8_t *pad = capnp_arena_take(a, 2);
    if (pad != NULL) {
        store_far(pad, FAR_ONE, newest, start);
        capnp_store_u64(pad + 8, word);
        store_far(slot, FAR_TWO, newest + 1u, (uint32_t)(pad - a->base));
    }
}
