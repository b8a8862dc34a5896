// SPDX-License-Identifier: MIT
/*
 * The parts of a message whose size is known only when they are asked for.
 */
#include <capnp/build.h>

/* Room for `words` words of zeros. */
static uint8_t *take_zeroed(struct capnp_arena *a, uint64_t words)
{
    uint8_t *p = capnp_arena_take(a, words);

    if (p != NULL) {
        __builtin_memset(p, 0, words * 8u);
    }
    return p;
}

struct capnp_arena capnp_arena_set_bytes(struct capnp_arena a, uint8_t *slot, const void *bytes,
                                         uint32_t len, uint32_t pad)
{
    uint64_t total = (uint64_t)len + pad;
    uint64_t words = (total + 7u) / 8u;
    uint8_t *to = capnp_arena_take(&a, total <= CAPNP_LIST_MAX ? words : UINT64_MAX);

    if (to != NULL) {
        capnp_lay_down(to, bytes, len, (uint32_t)words * 8u);
        capnp_arena_point(&a, slot, to, capnp_bytes_word(total));
    }
    return a;
}

struct capnp_arena capnp_arena_room_bytes(struct capnp_arena a, uint8_t *slot, uint32_t len,
                                          uint32_t pad, uint8_t **room)
{
    uint64_t total = (uint64_t)len + pad;
    uint64_t words = (total + 7u) / 8u;
    uint8_t *to = capnp_arena_take(&a, total <= CAPNP_LIST_MAX ? words : UINT64_MAX);

    if (to != NULL) {
        if (words != 0) {
            capnp_store_u64(to + (words - 1u) * 8u, 0);
        }
        capnp_arena_point(&a, slot, to, capnp_bytes_word(total));
    }
    *room = to;
    return a;
}

struct capnp_struct_builder capnp_any_init_struct(struct capnp_any_builder p, uint16_t data_words,
                                                  uint16_t pointer_count)
{
    struct capnp_struct_builder b = {.arena = p.arena, .data = NULL};
    uint64_t words = (uint64_t)data_words + pointer_count;

    if (p.slot == NULL) {
        return b;
    }
    if (words == 0) {
        /* A struct of nothing lies at its own pointer, since a word of zeros is null. */
        capnp_store_pointer(p.slot, p.slot, 0);
        b.data = p.slot;
        return b;
    }
    b.data = take_zeroed(p.arena, words);
    if (b.data != NULL) {
        capnp_arena_point(p.arena, p.slot, b.data, CAPNP_STRUCT_WORD(data_words, pointer_count));
    }
    return b;
}

struct capnp_list_builder capnp_any_init_list(struct capnp_any_builder p,
                                              enum capnp_element element, uint32_t len)
{
    static const uint8_t bits[] = {0, 1, 8, 16, 32, 64, 64};
    struct capnp_list_builder l = {.arena = p.arena, .data = NULL};

    if (p.slot == NULL) {
        return l;
    }
    uint64_t words = ((uint64_t)len * bits[element] + 63u) / 64u;
    l.data = take_zeroed(p.arena, len <= CAPNP_LIST_MAX ? words : UINT64_MAX);
    if (l.data != NULL) {
        l.len = len;
        l.step = bits[element] / 8u;
        capnp_arena_point(p.arena, p.slot, l.data,
                          (uint64_t)len << 35 | (uint64_t)element << 32 | 1u);
    }
    return l;
}

struct capnp_list_builder capnp_any_init_struct_list(struct capnp_any_builder p,
                                                     uint16_t data_words, uint16_t pointer_count,
                                                     uint32_t len)
{
    struct capnp_list_builder l = {.arena = p.arena, .data = NULL};
    uint64_t step = (uint64_t)data_words + pointer_count;
    uint64_t words = len * step;

    if (p.slot == NULL) {
        return l;
    }
    bool possible = len <= CAPNP_LIST_MAX && words <= CAPNP_LIST_MAX;
    uint8_t *tag = take_zeroed(p.arena, possible ? words + 1u : UINT64_MAX);
    if (tag != NULL) {
        capnp_store_u64(tag, CAPNP_STRUCT_WORD(data_words, pointer_count) | (uint64_t)len << 2);
        capnp_arena_point(p.arena, p.slot, tag,
                          words << 35 | (uint64_t)CAPNP_ELEMENT_STRUCT << 32 | 1u);
        l.data = tag + 8;
        l.len = len;
        l.step = (uint32_t)step * 8u;
    }
    return l;
}
