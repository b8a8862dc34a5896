// SPDX-License-Identifier: MIT
/*
 * Every heap page begins with a struct heap_page. A small page belongs to one size
 * class and is cut into slots of that size; a large block is a page whose header is
 * followed by the block, over as many adjacent frames as it takes. So the header
 * of any block is at the start of the frame that the block begins in.
 *
 * Free slots are chained through their first word; slots behind `fresh` have never
 * been used and are not in the chain, so making a page costs no walk.
 *
 * Small pages with room are listed in their class, all other pages in `full`: the
 * two together are every page there is, which is what the counts walk.
 *
 * Invariants:
 *   1  a page in a class's list has 0 < used < slots
 *   2  a page in `full` is large, or has used = slots
 */
#include "mem/heap.h"

#include <lib/bits.h>
#include <lib/list.h>
#include <stdbool.h>

#include "arch/x86_64/clear.h"
#include "mem/addr.h"
#include "mem/fault.h"
#include "mem/frame.h"
#include "panic.h"
#include "sanitize.h"
#include "string.h"

#define HEADER_BYTES 64u

/* Multiples of 16; from 512 on, what divides the rest of a page best. */
static const uint16_t class_bytes[] = {16,  32,  48,  64,  96,  128,  192,
                                       256, 384, 512, 672, 800, 1344, 2016};

#define CLASSES (sizeof(class_bytes) / sizeof(class_bytes[0]))
#define LARGE   CLASSES

struct heap_page {
    struct list_node node; /* in its class's list or in `full` */
    uint32_t class_index;  /* LARGE: one block over several frames */
    uint32_t frames;
    uint16_t used;  /* slots handed out */
    uint16_t slots; /* in all */
    uint16_t fresh; /* slots never handed out are those from here on */
    uint16_t reserved;
    void *free; /* chain of slots given back */
};

_Static_assert(sizeof(struct heap_page) <= HEADER_BYTES, "the header must fit");
_Static_assert(HEADER_BYTES % 16 == 0, "blocks are aligned to 16");

static struct list_node partial[CLASSES];
static struct list_node full;

/* Zeroed list heads are not lists; the first allocation makes them. */
static bool ready;

static void make_lists(void)
{
    for (size_t i = 0; i < CLASSES; i++) {
        list_init(&partial[i]);
    }
    list_init(&full);
    ready = true;
}

static size_t class_for(size_t bytes)
{
    size_t i = 0;

    while (i < CLASSES && class_bytes[i] < bytes) {
        i++;
    }
    return i;
}

static uint64_t large_frames(size_t bytes)
{
    return bits_round_up(bytes + HEADER_BYTES, FRAME_BYTES) >> FRAME_SHIFT;
}

size_t heap_charge(size_t bytes)
{
    size_t class_index = class_for(bytes);

    return class_index == LARGE ? large_frames(bytes) << FRAME_SHIFT : class_bytes[class_index];
}

static struct heap_page *page_of(const void *p)
{
    return (struct heap_page *)((uint64_t)p & ~(uint64_t)(FRAME_BYTES - 1));
}

/* From one slot to the next. */
static size_t stride_of(size_t class_index)
{
    return class_bytes[class_index] + SANITIZE_REDZONE;
}

static void *slot_at(struct heap_page *page, size_t i)
{
    return (char *)page + HEADER_BYTES + i * stride_of(page->class_index);
}

/* What one block of this page was charged. */
static uint64_t page_charge(const struct heap_page *page)
{
    return page->class_index == LARGE ? (uint64_t)page->frames << FRAME_SHIFT
                                      : class_bytes[page->class_index];
}

static struct heap_page *make_page(size_t class_index)
{
    struct paddr frame;

    if (frame_alloc(NULL, &frame) != ST_OK) {
        return NULL;
    }
    struct heap_page *page = phys_to_virt(frame);
    *page = (struct heap_page){
        .class_index = (uint32_t)class_index,
        .frames = 1,
        .slots = (uint16_t)((FRAME_BYTES - HEADER_BYTES) / stride_of(class_index)),
    };
    list_init(&page->node);
    list_push_front(&partial[class_index], &page->node);
    sanitize_mark((char *)page + HEADER_BYTES, FRAME_BYTES - HEADER_BYTES, SANITIZE_FREE_BLOCK);
    return page;
}

static void *alloc_small(size_t class_index)
{
    struct list_node *first = list_first(&partial[class_index]);
    struct heap_page *page =
        first != NULL ? LIST_OWNER(first, struct heap_page, node) : make_page(class_index);
    void *slot;

    if (page == NULL) {
        return NULL;
    }
    if (page->free != NULL) {
        slot = page->free;
        sanitize_mark(slot, class_bytes[class_index], SANITIZE_NOTHING);
        memcpy(&page->free, slot, sizeof(page->free));
    } else {
        slot = slot_at(page, page->fresh++);
        sanitize_mark(slot, class_bytes[class_index], SANITIZE_NOTHING);
    }
    page->used++;
    if (page->used == page->slots) {
        list_remove(&page->node);
        list_push_front(&full, &page->node);
    }
    memset(slot, 0, class_bytes[class_index]);
    sanitize_mark(slot, class_bytes[class_index], SANITIZE_BEHIND_BLOCK);
    return slot;
}

static void *alloc_large(size_t bytes)
{
    struct paddr first;
    uint64_t frames = large_frames(bytes);

    if (frame_alloc_contiguous(NULL, frames, &first) != ST_OK) {
        return NULL;
    }
    struct heap_page *page = phys_to_virt(first);
    for (uint64_t i = 0; i < frames; i++) {
        clear_page((char *)page + i * FRAME_BYTES);
    }
    *page = (struct heap_page){
        .class_index = (uint32_t)LARGE, .frames = (uint32_t)frames, .used = 1, .slots = 1};
    list_init(&page->node);
    list_push_front(&full, &page->node);
    sanitize_mark((char *)page + HEADER_BYTES, (frames << FRAME_SHIFT) - HEADER_BYTES,
                  SANITIZE_BEHIND_BLOCK);
    return (char *)page + HEADER_BYTES;
}

void *heap_alloc(struct account *payer, size_t bytes)
{
    if (!ready) {
        make_lists();
    }
    if (bytes == 0 || bytes > PHYS_LIMIT || alloc_fails(__builtin_return_address(0))) {
        return NULL;
    }
    if (payer != NULL && account_charge(payer, ACCOUNT_HEAP_BYTES, heap_charge(bytes)) != ST_OK) {
        return NULL;
    }
    size_t class_index = class_for(bytes);
    void *block = class_index == LARGE ? alloc_large(bytes) : alloc_small(class_index);
    if (block == NULL && payer != NULL) {
        account_release(payer, ACCOUNT_HEAP_BYTES, heap_charge(bytes));
    }
    if (block != NULL) {
        sanitize_open(block, bytes);
    }
    return block;
}

static void free_page(struct heap_page *page)
{
    list_remove(&page->node);
    frame_free_contiguous(NULL, virt_to_phys(page), page->frames);
}

static void free_small(struct heap_page *page, void *slot)
{
    ASSERT(((uint64_t)slot - (uint64_t)page - HEADER_BYTES) % stride_of(page->class_index) == 0,
           "%p is not the start of a heap block", slot);

    if (page->used == page->slots) {
        list_remove(&page->node);
        list_push_front(&partial[page->class_index], &page->node);
    }
    memcpy(slot, &page->free, sizeof(page->free));
    page->free = slot;
    sanitize_mark(slot, class_bytes[page->class_index], SANITIZE_FREE_BLOCK);
    page->used--;
    if (page->used == 0) {
        free_page(page);
    }
}

void heap_free(struct account *payer, void *p)
{
    if (p == NULL) {
        return;
    }
    struct heap_page *page = page_of(p);
    ASSERT(page->class_index <= LARGE && page->used > 0 && page->used <= page->slots,
           "%p is not in a heap page", p);

    uint64_t charge = page_charge(page);
    if (page->class_index == LARGE) {
        free_page(page);
    } else {
        free_small(page, p);
    }
    if (payer != NULL) {
        account_release(payer, ACCOUNT_HEAP_BYTES, charge);
    }
}

struct heap_count {
    uint64_t bytes;
    uint64_t blocks;
    uint64_t frames;
};

static void count_list(const struct list_node *head, struct heap_count *count)
{
    for (struct list_node *n = list_first(head); n != NULL; n = list_next(head, n)) {
        const struct heap_page *page = LIST_OWNER(n, struct heap_page, node);
        count->bytes += page->used * page_charge(page);
        count->blocks += page->used;
        count->frames += page->frames;
    }
}

static struct heap_count count_all(void)
{
    struct heap_count count = {0};

    if (!ready) {
        return count;
    }
    for (size_t i = 0; i < CLASSES; i++) {
        count_list(&partial[i], &count);
    }
    count_list(&full, &count);
    return count;
}

uint64_t heap_live_bytes(void)
{
    return count_all().bytes;
}

uint64_t heap_live_blocks(void)
{
    return count_all().blocks;
}

uint64_t heap_live_frames(void)
{
    return count_all().frames;
}

/* Invariant 1 of the pages of a class, or 2 of the others. */
static bool list_is_sound(const struct list_node *head, bool is_full)
{
    if (!list_check(head, frame_total())) {
        return false;
    }
    for (struct list_node *n = list_first(head); n != NULL; n = list_next(head, n)) {
        const struct heap_page *page = LIST_OWNER(n, struct heap_page, node);
        bool sound = is_full ? page->class_index == LARGE || page->used == page->slots
                             : page->used > 0 && page->used < page->slots &&
                                   head == &partial[page->class_index];
        if (!sound) {
            return false;
        }
    }
    return true;
}

bool heap_check(void)
{
    bool sound = true;

    for (size_t i = 0; ready && i < CLASSES; i++) {
        sound = sound && list_is_sound(&partial[i], false);
    }
    return sound && (!ready || list_is_sound(&full, true));
}
