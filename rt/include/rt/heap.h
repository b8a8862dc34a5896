// SPDX-License-Identifier: MIT
/*
 * A heap in memory that somebody hands over: malloc and free are one of these
 * over a fixed piece of .bss (rt/alloc.c).
 *
 * The memory is a row of blocks without gaps; each begins with a head of 16 bytes
 * that says how long it and the block before it are, so that free finds both
 * neighbours and merges with those that are free. Free blocks are also in a
 * doubly linked list, kept in their own payload.
 *
 *   | head | payload … | head | payload … | head | payload … |
 *
 * Invariants, checked by rt_heap_check():
 *   1  the lengths of all blocks add up to the heap, and each block's
 *      `before_bytes` is the length of the one before it
 *   2  no two free blocks are neighbours
 *   3  the list holds exactly the free blocks
 *   4  every head carries the mark of its state, made from its own address; so a
 *      pointer that never came from here, a second free and a payload written
 *      past its end are told apart from an honest free
 *
 * Allocation takes the first free block that is long enough: its cost grows with
 * the number of free blocks, which a heap of a small program keeps low. Freeing
 * takes constant time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RT_HEAP_ALIGN 16u

/* Bytes of a heap, at least (one block) and at most. */
#define RT_HEAP_BYTES_MIN 64u
#define RT_HEAP_BYTES_MAX (1u << 30)

struct rt_heap_block;

struct rt_heap {
    uint8_t *base;
    uint32_t bytes;
    uint32_t live_blocks;             /* handed out and not freed */
    uint32_t live_bytes;              /* their lengths, heads included */
    struct rt_heap_block *first_free; /* list, in no order */
};

enum rt_heap_fault {
    RT_HEAP_OK,
    RT_HEAP_NOT_OURS,    /* the pointer did not come from this heap, or its head was overwritten */
    RT_HEAP_FREED_TWICE, /* the block is free already */
    RT_HEAP_OVERRUN,     /* the head of the block behind it was overwritten */
};

/*
 * Makes a heap of `memory`, which it keeps. The memory need not be aligned: what
 * does not fit the alignment is left out. `bytes` beyond RT_HEAP_BYTES_MAX is not
 * used. False: too small for one block.
 */
bool rt_heap_init(struct rt_heap *heap, void *memory, size_t bytes);

/*
 * At least n bytes (n = 0 counts as 1), aligned to RT_HEAP_ALIGN, with whatever
 * content. NULL: no free block is that long; nothing changed.
 */
void *rt_heap_alloc(struct rt_heap *heap, size_t n);

/* Takes a block back. p must not be NULL. On a fault nothing changed. */
enum rt_heap_fault rt_heap_free(struct rt_heap *heap, void *p);

/* Bytes that can be used at p, which must be live; 0 if it is not. */
size_t rt_heap_usable(const struct rt_heap *heap, const void *p);

/* Whether the invariants hold. Walks everything. */
bool rt_heap_check(const struct rt_heap *heap);

/* One sentence for a fault. Never NULL; static. */
const char *rt_heap_fault_text(enum rt_heap_fault fault);
