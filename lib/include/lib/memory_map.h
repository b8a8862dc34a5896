// SPDX-License-Identifier: MIT
/*
 * The memory map of a boot loader, and what can be relied on.
 *
 * What a loader says comes in any order, with overlaps, odd sizes and now and
 * then nonsense. It is collected in a raw map by memory_map_add(), to which the
 * kernel adds what it knows itself (its image, the module); then
 * memory_map_normalise() makes a second map, of which memory_map_check() holds:
 *
 *   1  regions ascend and no two overlap
 *   2  base and size are multiples of the page size, and no region is empty
 *   3  neighbours that touch are of different kinds
 *
 * Where entries overlap, the kind that comes later in enum memory_kind wins. A
 * page that is free only in part counts as not free.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MEMORY_MAP_PAGE 4096u

/* Entries of a raw map, after merging those that touch. */
#define MEMORY_MAP_RAW_MAX 512u

/* Twice as many boundaries, hence at most as many regions between them. */
#define MEMORY_MAP_MAX (2u * MEMORY_MAP_RAW_MAX)

enum memory_kind {
    MEMORY_USABLE,
    MEMORY_RECLAIMABLE, /* the boot loader's; free once nothing of it is needed */
    MEMORY_MODULE,
    MEMORY_RESERVED, /* everything else that was listed */
    MEMORY_KERNEL,
    MEMORY_KINDS
};

struct memory_region {
    uint64_t base;
    uint64_t bytes;
    enum memory_kind kind;
};

struct memory_map {
    uint32_t count;
    struct memory_region region[MEMORY_MAP_MAX];
};

/*
 * Adds one entry as the loader says it, cut at `limit`, beyond which no memory
 * matters. What is free for us shrinks to whole pages, everything else grows. A
 * free range that wraps around the end of the address space is nonsense and left
 * out; a taken one that does ends at `limit`. False: the map is full.
 */
bool memory_map_add(struct memory_map *raw, uint64_t base, uint64_t bytes, enum memory_kind kind,
                    uint64_t limit);

/* Makes `out` from what was added to `raw`. Takes at most 4 × count² steps. */
void memory_map_normalise(const struct memory_map *raw, struct memory_map *out);

/* Whether every byte of a range, which must not wrap, is of this kind. For normalised maps. */
bool memory_map_covers(const struct memory_map *map, uint64_t base, uint64_t bytes,
                       enum memory_kind kind);

/* The sum of all regions of a kind. For normalised maps. */
uint64_t memory_map_bytes(const struct memory_map *map, enum memory_kind kind);

/* Whether a normalised map is what it should be. */
bool memory_map_check(const struct memory_map *map);
