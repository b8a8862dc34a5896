// SPDX-License-Identifier: MIT
#include <rt/heap.h>

/* The head of a block. The payload follows; a free block keeps its links there. */
struct rt_heap_block {
    uint64_t mark;         /* first, so that the shortest overrun from below breaks it */
    uint32_t bytes;        /* of this block, head included; a multiple of RT_HEAP_ALIGN */
    uint32_t before_bytes; /* of the block before it; 0 for the first */
    struct rt_heap_block *next_free;
    struct rt_heap_block *prev_free;
};

#define HEAD_BYTES  16u
#define BLOCK_BYTES ((uint32_t)sizeof(struct rt_heap_block)) /* the shortest block */

_Static_assert(offsetof(struct rt_heap_block, next_free) == HEAD_BYTES, "links lie in the payload");
_Static_assert(BLOCK_BYTES % RT_HEAP_ALIGN == 0, "blocks keep the alignment");
_Static_assert(RT_HEAP_BYTES_MIN >= BLOCK_BYTES + RT_HEAP_ALIGN, "the least heap holds a block");

#define MARK_FREE 0x6672656562796e6full
#define MARK_LIVE 0x6c69766562796e6full

static uint64_t mark_of(const struct rt_heap_block *b, uint64_t state)
{
    return state ^ (uint64_t)(uintptr_t)b;
}

static bool is_free(const struct rt_heap_block *b)
{
    return b->mark == mark_of(b, MARK_FREE);
}

static bool is_live(const struct rt_heap_block *b)
{
    return b->mark == mark_of(b, MARK_LIVE);
}

static struct rt_heap_block *block_at(const struct rt_heap *heap, uint64_t offset)
{
    return (struct rt_heap_block *)(void *)(heap->base + offset);
}

static uint64_t offset_of(const struct rt_heap *heap, const struct rt_heap_block *b)
{
    return (uint64_t)((const uint8_t *)b - heap->base);
}

/* The neighbours; NULL at the ends of the heap. */
static struct rt_heap_block *block_behind(const struct rt_heap *heap, const struct rt_heap_block *b)
{
    uint64_t offset = offset_of(heap, b) + b->bytes;
    return offset < heap->bytes ? block_at(heap, offset) : NULL;
}

static struct rt_heap_block *block_before(const struct rt_heap *heap, const struct rt_heap_block *b)
{
    return b->before_bytes != 0 ? block_at(heap, offset_of(heap, b) - b->before_bytes) : NULL;
}

static void list_insert(struct rt_heap *heap, struct rt_heap_block *b)
{
    b->prev_free = NULL;
    b->next_free = heap->first_free;
    if (b->next_free != NULL) {
        b->next_free->prev_free = b;
    }
    heap->first_free = b;
}

static void list_remove(struct rt_heap *heap, struct rt_heap_block *b)
{
    if (b->prev_free != NULL) {
        b->prev_free->next_free = b->next_free;
    } else {
        heap->first_free = b->next_free;
    }
    if (b->next_free != NULL) {
        b->next_free->prev_free = b->prev_free;
    }
}

/* Gives a block its length and tells the one behind it. */
static void set_length(const struct rt_heap *heap, struct rt_heap_block *b, uint32_t bytes)
{
    b->bytes = bytes;
    struct rt_heap_block *behind = block_behind(heap, b);
    if (behind != NULL) {
        behind->before_bytes = bytes;
    }
}

bool rt_heap_init(struct rt_heap *heap, void *memory, size_t bytes)
{
    uintptr_t start = (uintptr_t)memory;
    size_t skip = (RT_HEAP_ALIGN - start % RT_HEAP_ALIGN) % RT_HEAP_ALIGN;

    if (bytes < RT_HEAP_BYTES_MIN) {
        return false;
    }
    bytes -= skip;
    if (bytes > RT_HEAP_BYTES_MAX) {
        bytes = RT_HEAP_BYTES_MAX;
    }
    *heap = (struct rt_heap){
        .base = (uint8_t *)memory + skip,
        .bytes = (uint32_t)(bytes - bytes % RT_HEAP_ALIGN),
    };
    struct rt_heap_block *all = block_at(heap, 0);
    all->bytes = heap->bytes;
    all->before_bytes = 0;
    all->mark = mark_of(all, MARK_FREE);
    list_insert(heap, all);
    return true;
}

/* Cuts a free block that is in no list down to `bytes`; what is left becomes free. */
static void split(struct rt_heap *heap, struct rt_heap_block *b, uint32_t bytes)
{
    uint32_t rest_bytes = b->bytes - bytes;

    if (rest_bytes < BLOCK_BYTES) {
        return;
    }
    struct rt_heap_block *rest = block_at(heap, offset_of(heap, b) + bytes);
    rest->mark = mark_of(rest, MARK_FREE);
    set_length(heap, rest, rest_bytes);
    set_length(heap, b, bytes);
    list_insert(heap, rest);
}

void *rt_heap_alloc(struct rt_heap *heap, size_t n)
{
    if (n > heap->bytes) {
        return NULL;
    }
    uint32_t bytes = ((uint32_t)n + HEAD_BYTES + RT_HEAP_ALIGN - 1u) & ~(RT_HEAP_ALIGN - 1u);
    if (bytes < BLOCK_BYTES) {
        bytes = BLOCK_BYTES;
    }
    for (struct rt_heap_block *b = heap->first_free; b != NULL; b = b->next_free) {
        if (b->bytes < bytes) {
            continue;
        }
        list_remove(heap, b);
        split(heap, b, bytes);
        b->mark = mark_of(b, MARK_LIVE);
        heap->live_blocks++;
        heap->live_bytes += b->bytes;
        return (uint8_t *)b + HEAD_BYTES;
    }
    return NULL;
}

/* The block whose payload is p, or NULL when p cannot be a payload here. */
static struct rt_heap_block *block_of(const struct rt_heap *heap, const void *p)
{
    uintptr_t offset = (uintptr_t)p - (uintptr_t)heap->base;

    if (offset < HEAD_BYTES || offset > heap->bytes - (BLOCK_BYTES - HEAD_BYTES) ||
        offset % RT_HEAP_ALIGN != 0) {
        return NULL;
    }
    return block_at(heap, offset - HEAD_BYTES);
}

/* What, if anything, is wrong with freeing b. */
static enum rt_heap_fault examine(const struct rt_heap *heap, const struct rt_heap_block *b)
{
    if (b == NULL) {
        return RT_HEAP_NOT_OURS;
    }
    if (is_free(b)) {
        return RT_HEAP_FREED_TWICE;
    }
    if (!is_live(b)) {
        return RT_HEAP_NOT_OURS;
    }
    if (b->bytes > heap->bytes - offset_of(heap, b)) {
        return RT_HEAP_NOT_OURS;
    }
    const struct rt_heap_block *behind = block_behind(heap, b);
    if (behind != NULL &&
        ((!is_free(behind) && !is_live(behind)) || behind->before_bytes != b->bytes)) {
        return RT_HEAP_OVERRUN;
    }
    return RT_HEAP_OK;
}

/*
 * Makes one block of two neighbours. The upper one's head stays where it is, with
 * the mark of a free block: a second free through it is still recognised.
 */
static struct rt_heap_block *merge(struct rt_heap *heap, struct rt_heap_block *low,
                                   const struct rt_heap_block *high)
{
    set_length(heap, low, low->bytes + high->bytes);
    return low;
}

enum rt_heap_fault rt_heap_free(struct rt_heap *heap, void *p)
{
    struct rt_heap_block *b = block_of(heap, p);
    enum rt_heap_fault fault = examine(heap, b);

    if (fault != RT_HEAP_OK) {
        return fault;
    }
    heap->live_blocks--;
    heap->live_bytes -= b->bytes;
    b->mark = mark_of(b, MARK_FREE);

    struct rt_heap_block *behind = block_behind(heap, b);
    if (behind != NULL && is_free(behind)) {
        list_remove(heap, behind);
        b = merge(heap, b, behind);
    }
    struct rt_heap_block *before = block_before(heap, b);
    if (before != NULL && is_free(before)) {
        list_remove(heap, before);
        b = merge(heap, before, b);
    }
    list_insert(heap, b);
    return RT_HEAP_OK;
}

size_t rt_heap_usable(const struct rt_heap *heap, const void *p)
{
    const struct rt_heap_block *b = block_of(heap, p);
    return b != NULL && is_live(b) ? b->bytes - HEAD_BYTES : 0;
}

/* Whether b is in the list; the list is bounded by the number of blocks there can be. */
static bool in_list(const struct rt_heap *heap, const struct rt_heap_block *b)
{
    const struct rt_heap_block *at = heap->first_free;

    for (uint32_t i = 0; at != NULL && i <= heap->bytes / BLOCK_BYTES; i++) {
        if (at == b) {
            return true;
        }
        at = at->next_free;
    }
    return false;
}

bool rt_heap_check(const struct rt_heap *heap)
{
    uint32_t before_bytes = 0;
    uint32_t live_blocks = 0;
    uint32_t live_bytes = 0;
    uint32_t free_blocks = 0;
    bool before_free = false;

    for (uint64_t offset = 0; offset < heap->bytes;) {
        const struct rt_heap_block *b = block_at(heap, offset);
        bool free_here = is_free(b);
        if (b->bytes < BLOCK_BYTES || b->bytes % RT_HEAP_ALIGN != 0 ||
            b->bytes > heap->bytes - offset || b->before_bytes != before_bytes ||
            free_here == is_live(b)) {
            return false;
        }
        if (free_here && (before_free || !in_list(heap, b))) {
            return false;
        }
        free_blocks += free_here;
        live_blocks += !free_here;
        live_bytes += free_here ? 0 : b->bytes;
        before_bytes = b->bytes;
        before_free = free_here;
        offset += b->bytes;
    }
    uint32_t listed = 0;
    for (const struct rt_heap_block *b = heap->first_free; b != NULL; b = b->next_free) {
        if (++listed > free_blocks || (b->next_free != NULL && b->next_free->prev_free != b)) {
            return false;
        }
    }
    return listed == free_blocks && live_blocks == heap->live_blocks &&
           live_bytes == heap->live_bytes;
}

const char *rt_heap_fault_text(enum rt_heap_fault fault)
{
    switch (fault) {
    case RT_HEAP_OK:
        return "nothing is wrong";
    case RT_HEAP_NOT_OURS:
        return "the pointer is not a block of the heap, or what lies before it was overwritten";
    case RT_HEAP_FREED_TWICE:
        return "the block is free already";
    case RT_HEAP_OVERRUN:
        return "the block was written past its end";
    }
    return "a fault that is in no list";
}
