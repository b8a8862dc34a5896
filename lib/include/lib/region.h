// SPDX-License-Identifier: MIT
/*
 * Regions: which stretches of an address space are mapped, and of what.
 *
 * A region is a row of pages that lie side by side and show either fresh memory of
 * the address space's own (anonymous) or a part of some memory object. The table keeps
 * them in order of address, so that looking one up halves the rest and finding room
 * walks them once. Anonymous regions that touch are one region; those of an object are
 * not joined, since each is a hold on it of its own.
 *
 * Addresses are page numbers. Storage is the caller's and can be replaced by larger.
 *
 * Invariants, checked by region_table_check():
 *   1  regions are not empty, lie between low and end, in order and without overlap
 *   2  two anonymous regions do not touch
 *   3  each region that has a memory is one hold on it
 */
#pragma once

#include <lib/assert.h>
#include <lib/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct region {
    uint64_t first;  /* page */
    uint64_t pages;  /* not 0 */
    void *memory;    /* NULL: anonymous */
    uint64_t offset; /* page of the memory that `first` shows; anonymous: 0 */
};

/* How holds on memories are taken and given back. */
struct region_rules {
    void (*hold)(void *memory);
    void (*drop)(void *memory);
};

struct region_table {
    struct region *regions; /* in the storage */
    uint32_t count;
    uint32_t room; /* regions that the storage holds */
    uint64_t low;  /* [I] first page that can be mapped */
    uint64_t end;  /* [I] the page behind the last one */
    const struct region_rules *rules;
};

/* An empty table of the pages low…end − 1 that has no storage yet. Keeps `rules`. */
void region_table_init(struct region_table *t, uint64_t low, uint64_t end,
                       const struct region_rules *rules);

/* Moves the table into storage for more regions. Keeps it, and returns the old one. */
struct region *region_table_grow(struct region_table *t, struct region *storage, uint32_t room);

/* The index of no region. */
#define REGION_NONE UINT32_MAX

/*
 * The index of the first of the regions that show the row, until the table changes.
 * REGION_NONE: the row is empty, or not every page of it is mapped.
 */
uint32_t region_covering(const struct region_table *t, uint64_t first, uint64_t pages);

/* The lowest place for so many pages. ST_NOT_FOUND: there is none. */
enum status region_find_gap(const struct region_table *t, uint64_t pages, uint64_t *first);

/*
 * Adds a region, with a hold on its memory. ST_EXISTS: the row does not lie between low and
 * end, or something is mapped there. ST_FULL: it needs more storage.
 */
enum status region_insert(struct region_table *t, const struct region *region);

/* Whether a row that begins in a region touches neither of its ends. */
static inline bool region_has_inside(const struct region *r, uint64_t first, uint64_t pages)
{
    return r->first < first && r->first + r->pages > first + pages;
}

/*
 * Whether taking out a row that region_covering has found at `at` would make two regions of
 * one, for which the table has no storage; never so if the row was the last that was inserted.
 */
static inline bool region_splits(const struct region_table *t, uint32_t at, uint64_t first,
                                 uint64_t pages)
{
    return t->count == t->room && region_has_inside(&t->regions[at], first, pages);
}

/* The part of region_remove where the row is more than the end of one region. */
void region_remove_any(struct region_table *t, uint32_t at, uint64_t first, uint64_t pages);

/*
 * Takes such a row out of whatever regions show its pages; what is left of those at either
 * end stays. That it needs no more storage is asserted.
 */
static inline void region_remove(struct region_table *t, uint32_t at, uint64_t first,
                                 uint64_t pages)
{
    struct region *r = &t->regions[at];

    LIB_ASSERT(at < t->count && r->first <= first && first < r->first + r->pages,
               "a row is taken out of the region that it was found in");
    if (r->first < first && r->first + r->pages == first + pages) {
        r->pages -= pages;
    } else {
        region_remove_any(t, at, first, pages);
    }
}

/* Takes the last region out. False: the table is empty. */
bool region_remove_last(struct region_table *t);

/* Whether invariants 1 and 2 hold. */
bool region_table_check(const struct region_table *t);
