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

/* The region that shows this page, until the table changes. NULL: none does. */
const struct region *region_find(const struct region_table *t, uint64_t page);

/* Whether the row, which is not empty, lies between low and end and nothing is mapped there. */
bool region_is_free(const struct region_table *t, uint64_t first, uint64_t pages);

/* Whether every page of the row, which is not empty, is mapped. */
bool region_covers(const struct region_table *t, uint64_t first, uint64_t pages);

/* The lowest place for so many pages. ST_NOT_FOUND: there is none. */
enum status region_find_gap(const struct region_table *t, uint64_t pages, uint64_t *first);

/*
 * Adds a region, with a hold on its memory. ST_EXISTS: region_is_free says no.
 * ST_FULL: it needs more storage.
 */
enum status region_insert(struct region_table *t, const struct region *region);

/*
 * Takes a row of pages out of whatever regions show them; what is left of those at
 * either end stays. ST_NOT_FOUND: region_covers says no. ST_FULL: a region would be two,
 * and that needs more storage; never so if the row was the last that was inserted.
 */
enum status region_remove(struct region_table *t, uint64_t first, uint64_t pages);

/*
 * Whether taking out a row that is mapped would make two regions of one, for which the
 * table has no storage.
 */
bool region_splits(const struct region_table *t, uint64_t first, uint64_t pages);

/* Takes the last region out. False: the table is empty. */
bool region_remove_last(struct region_table *t);

/* Whether invariants 1 and 2 hold. */
bool region_table_check(const struct region_table *t);
