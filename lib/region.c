// SPDX-License-Identifier: MIT
#include <lib/region.h>

#include <lib/assert.h>
#include <lib/mem.h>

static uint64_t region_end(const struct region *r)
{
    return r->first + r->pages;
}

/* The index of the first region that ends behind this page; count, if none does. */
static inline uint32_t index_at(const struct region_table *t, uint64_t page)
{
    uint32_t low = 0;
    uint32_t high = t->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (region_end(&t->regions[middle]) <= page) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void take_hold(const struct region_table *t, void *memory)
{
    if (memory != NULL) {
        t->rules->hold(memory);
    }
}

static void drop_hold(const struct region_table *t, void *memory)
{
    if (memory != NULL) {
        t->rules->drop(memory);
    }
}

/* Makes room at index i for one more, which the storage has; what was there stays for now. */
static void open_at(struct region_table *t, uint32_t i)
{
    for (uint32_t k = t->count; k > i; k--) {
        t->regions[k] = t->regions[k - 1];
    }
    t->count++;
}

/* Takes n entries out, from index i on. */
static void close_at(struct region_table *t, uint32_t i, uint32_t n)
{
    t->count -= n;
    for (uint32_t k = i; k < t->count; k++) {
        t->regions[k] = t->regions[k + n];
    }
}

void region_table_init(struct region_table *t, uint64_t low, uint64_t end,
                       const struct region_rules *rules)
{
    *t = (struct region_table){.low = low, .end = end, .rules = rules};
}

struct region *region_table_grow(struct region_table *t, struct region *storage, uint32_t room)
{
    struct region *old = t->regions;

    LIB_ASSERT(room >= t->count, "a table is moved into storage that holds it");
    if (t->count != 0) {
        memcpy(storage, old, t->count * sizeof(*storage));
    }
    t->regions = storage;
    t->room = room;
    return old;
}

/* Whether the row lies between low and end. */
static bool row_is_valid(const struct region_table *t, uint64_t first, uint64_t pages)
{
    uint64_t before = first - t->low; /* huge for what lies before low */
    uint64_t all = t->end - t->low;

    return before < all && pages - 1 < all - before;
}

uint32_t region_covering(const struct region_table *t, uint64_t first, uint64_t pages)
{
    if (!row_is_valid(t, first, pages)) {
        return REGION_NONE;
    }
    uint32_t at = index_at(t, first);
    if (at == t->count || t->regions[at].first > first) {
        return REGION_NONE;
    }
    uint64_t next = region_end(&t->regions[at]);
    for (uint32_t i = at + 1; next < first + pages; i++) {
        if (i == t->count || t->regions[i].first != next) {
            return REGION_NONE;
        }
        next = region_end(&t->regions[i]);
    }
    return at;
}

enum status region_find_gap(const struct region_table *t, uint64_t pages, uint64_t *first)
{
    uint64_t at = t->low;

    if (pages == 0) {
        return ST_NOT_FOUND;
    }
    for (uint32_t i = 0; i < t->count && t->regions[i].first - at < pages; i++) {
        at = region_end(&t->regions[i]);
    }
    if (t->end - at < pages) {
        return ST_NOT_FOUND;
    }
    *first = at;
    return ST_OK;
}

/* Enters a region that joins no other at index i. ST_FULL. */
static __attribute__((noinline)) enum status enter_at(struct region_table *t, uint32_t i,
                                                      const struct region *region)
{
    if (t->count == t->room) {
        return ST_FULL;
    }
    open_at(t, i);
    t->regions[i] = *region;
    take_hold(t, region->memory);
    return ST_OK;
}

/* Enters one between region i and the one before, which all become one. */
static __attribute__((noinline)) enum status join_both(struct region_table *t, uint32_t i,
                                                       uint64_t pages)
{
    t->regions[i - 1].pages += pages + t->regions[i].pages;
    close_at(t, i, 1);
    return ST_OK;
}

enum status region_insert(struct region_table *t, const struct region *region)
{
    if (!row_is_valid(t, region->first, region->pages)) {
        return ST_EXISTS;
    }
    uint64_t end = region_end(region);
    uint32_t i = index_at(t, region->first);
    struct region *left = i > 0 ? &t->regions[i - 1] : NULL;
    struct region *right = i < t->count ? &t->regions[i] : NULL;
    if (right != NULL && right->first < end) {
        return ST_EXISTS;
    }
    bool anonymous = region->memory == NULL;
    bool joins_left =
        anonymous && left != NULL && left->memory == NULL && region_end(left) == region->first;
    bool joins_right = anonymous && right != NULL && right->memory == NULL && right->first == end;

    if (joins_left && joins_right) {
        return join_both(t, i, region->pages);
    }
    if (joins_left) {
        left->pages += region->pages;
        return ST_OK;
    }
    if (joins_right) {
        right->first = region->first;
        right->pages += region->pages;
        return ST_OK;
    }
    return enter_at(t, i, region);
}

/* Cuts off what lies before `page`, which is in the region. */
static void cut_front(struct region *r, uint64_t page)
{
    uint64_t n = page - r->first;

    r->first = page;
    r->pages -= n;
    r->offset += r->memory != NULL ? n : 0;
}

/* Takes a row out of the middle of region i, which becomes two. */
static void split(struct region_table *t, uint32_t i, uint64_t first, uint64_t pages)
{
    struct region *left = &t->regions[i];

    open_at(t, i);
    take_hold(t, left->memory);
    left->pages = first - left->first;
    cut_front(&t->regions[i + 1], first + pages);
}

void region_remove_any(struct region_table *t, uint32_t at, uint64_t first, uint64_t pages)
{
    uint64_t end = first + pages;
    uint32_t i = at;
    struct region *r = &t->regions[i];

    if (region_has_inside(r, first, pages)) {
        LIB_ASSERT(t->count < t->room, "there is storage for a region more");
        split(t, i, first, pages);
        return;
    }
    if (r->first < first) {
        r->pages = first - r->first;
        i++;
    }
    uint32_t wholly = 0;
    while (i + wholly < t->count && region_end(&t->regions[i + wholly]) <= end) {
        drop_hold(t, t->regions[i + wholly].memory);
        wholly++;
    }
    if (i + wholly < t->count && t->regions[i + wholly].first < end) {
        cut_front(&t->regions[i + wholly], end);
    }
    close_at(t, i, wholly);
}

bool region_remove_last(struct region_table *t)
{
    if (t->count == 0) {
        return false;
    }
    t->count--;
    drop_hold(t, t->regions[t->count].memory);
    return true;
}

bool region_table_check(const struct region_table *t)
{
    uint64_t next = t->low;

    if (t->count > t->room) {
        return false;
    }
    for (uint32_t i = 0; i < t->count; i++) {
        const struct region *r = &t->regions[i];
        bool anonymous = r->memory == NULL;

        if (r->first < next || !row_is_valid(t, r->first, r->pages) ||
            (anonymous && r->offset != 0)) {
            return false;
        }
        if (i > 0 && anonymous && r[-1].memory == NULL && region_end(&r[-1]) == r->first) {
            return false;
        }
        next = region_end(r);
    }
    return true;
}
