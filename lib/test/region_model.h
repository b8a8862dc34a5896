// SPDX-License-Identifier: MIT
/*
 * What each page shows, as an obvious array, and an interpreter that drives it and the
 * real table of regions side by side. The unit test gives it random programs, the fuzz
 * target bytes.
 *
 * The first byte says how many regions there is storage for. An instruction is four
 * bytes: operation with memory, first page, pages, offset. Rows may lie outside the table on
 * either side. After each instruction every page must show what the model says, and each
 * memory must be held once for each region of it.
 */
#pragma once

#include <lib/region.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODEL_LOW      100u
#define MODEL_PAGES    64u
#define MODEL_MEMORIES 4u
#define MODEL_ROOM     48u

#define MODEL_REQUIRE(condition)                                                                   \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum model_op {
    MODEL_INSERT,
    MODEL_REMOVE,
    MODEL_FIND_GAP,
    MODEL_GROW,
    MODEL_REMOVE_LAST,
    MODEL_OPS
};

struct model_page {
    bool mapped;
    void *memory;
    uint64_t offset;
};

struct region_model {
    struct region_table table;
    struct model_page pages[MODEL_PAGES];
    struct region storage[2][MODEL_ROOM]; /* the table moves from one to the other */
    uint32_t current;                     /* storage */
    uint32_t holds[MODEL_MEMORIES];       /* as the table took and dropped them */
};

static inline void model_hold(void *memory)
{
    (*(uint32_t *)memory)++;
}

static inline void model_drop(void *memory)
{
    MODEL_REQUIRE(*(uint32_t *)memory > 0);
    (*(uint32_t *)memory)--;
}

static const struct region_rules model_rules = {.hold = model_hold, .drop = model_drop};

/* Whether the row lies in the table and each page of it is mapped, or is not. */
static inline bool model_row_is(const struct region_model *m, uint64_t first, uint64_t pages,
                                bool mapped)
{
    if (pages == 0 || first < MODEL_LOW || first + pages > MODEL_LOW + MODEL_PAGES) {
        return false;
    }
    for (uint64_t i = first; i < first + pages; i++) {
        if (m->pages[i - MODEL_LOW].mapped != mapped) {
            return false;
        }
    }
    return true;
}

static inline void model_insert(struct region_model *m, const struct region *r)
{
    bool is_free = model_row_is(m, r->first, r->pages, false);

    enum status status = region_insert(&m->table, r);
    if (status == ST_FULL) {
        MODEL_REQUIRE(is_free && m->table.count == m->table.room);
        return;
    }
    MODEL_REQUIRE(status == (is_free ? ST_OK : ST_EXISTS));
    for (uint64_t i = 0; status == ST_OK && i < r->pages; i++) {
        m->pages[r->first - MODEL_LOW + i] = (struct model_page){
            .mapped = true,
            .memory = r->memory,
            .offset = r->memory != NULL ? r->offset + i : 0,
        };
    }
}

static inline void model_remove(struct region_model *m, uint64_t first, uint64_t pages)
{
    bool is_mapped = model_row_is(m, first, pages, true);
    uint32_t at = region_covering(&m->table, first, pages);

    MODEL_REQUIRE((at != REGION_NONE) == is_mapped);
    if (!is_mapped || region_splits(&m->table, at, first, pages)) {
        MODEL_REQUIRE(!is_mapped || m->table.count == m->table.room);
        return;
    }
    region_remove(&m->table, at, first, pages);
    for (uint64_t i = 0; i < pages; i++) {
        m->pages[first - MODEL_LOW + i] = (struct model_page){.mapped = false};
    }
}

static inline void model_find_gap(const struct region_model *m, uint64_t pages)
{
    uint64_t expected = MODEL_LOW;
    uint64_t found = 0;

    while (expected < MODEL_LOW + MODEL_PAGES && !model_row_is(m, expected, pages, false)) {
        expected++;
    }
    enum status status = region_find_gap(&m->table, pages, &found);
    MODEL_REQUIRE(status == (expected < MODEL_LOW + MODEL_PAGES ? ST_OK : ST_NOT_FOUND));
    MODEL_REQUIRE(status != ST_OK || found == expected);
}

static inline void model_grow(struct region_model *m)
{
    if (m->table.room < MODEL_ROOM) {
        struct region *old = m->storage[m->current];
        m->current ^= 1u;
        MODEL_REQUIRE(region_table_grow(&m->table, m->storage[m->current], m->table.room + 1) ==
                      old);
        memset(old, 0xa5, sizeof(m->storage[0]));
    }
}

static inline void model_remove_last(struct region_model *m)
{
    if (m->table.count == 0) {
        MODEL_REQUIRE(!region_remove_last(&m->table));
        return;
    }
    const struct region last = m->table.regions[m->table.count - 1];
    MODEL_REQUIRE(region_remove_last(&m->table));
    memset(&m->pages[last.first - MODEL_LOW], 0, last.pages * sizeof(m->pages[0]));
}

static inline void model_compare(const struct region_model *m)
{
    uint32_t counted[MODEL_MEMORIES] = {0};

    MODEL_REQUIRE(region_table_check(&m->table));
    for (uint64_t i = 0; i < MODEL_PAGES; i++) {
        const struct model_page *page = &m->pages[i];
        uint32_t at = region_covering(&m->table, MODEL_LOW + i, 1);

        MODEL_REQUIRE((at != REGION_NONE) == page->mapped);
        if (page->mapped) {
            const struct region *r = &m->table.regions[at];
            uint64_t inside = r->memory != NULL ? MODEL_LOW + i - r->first : 0;
            MODEL_REQUIRE(r->memory == page->memory && r->offset + inside == page->offset);
        }
    }
    for (uint32_t i = 0; i < m->table.count; i++) {
        if (m->table.regions[i].memory != NULL) {
            counted[(uint32_t *)m->table.regions[i].memory - m->holds]++;
        }
    }
    MODEL_REQUIRE(memcmp(counted, m->holds, sizeof(counted)) == 0);
}

/* Runs a program, comparing after each instruction, and empties the table. */
static inline void region_model_run(const uint8_t *program, size_t bytes)
{
    static struct region_model m;

    if (bytes == 0) {
        return;
    }
    memset(&m, 0, sizeof(m));
    region_table_init(&m.table, MODEL_LOW, MODEL_LOW + MODEL_PAGES, &model_rules);
    (void)region_table_grow(&m.table, m.storage[0], program[0] % MODEL_ROOM);
    for (size_t at = 1; at + 4 <= bytes; at += 4) {
        uint32_t which = program[at] / MODEL_OPS % (2 * MODEL_MEMORIES);
        const struct region r = {
            .first = MODEL_LOW - 4 + program[at + 1] % (MODEL_PAGES + 8),
            .pages = program[at + 2] % (program[at + 3] % 8 == 0 ? MODEL_PAGES + 4 : 7),
            .memory = which < MODEL_MEMORIES ? &m.holds[which] : NULL,
            .offset = which < MODEL_MEMORIES ? program[at + 3] : 0,
        };

        switch ((enum model_op)(program[at] % MODEL_OPS)) {
        case MODEL_INSERT:
            model_insert(&m, &r);
            break;
        case MODEL_REMOVE:
            model_remove(&m, r.first, r.pages);
            break;
        case MODEL_FIND_GAP:
            model_find_gap(&m, r.pages);
            break;
        case MODEL_GROW:
            model_grow(&m);
            break;
        case MODEL_REMOVE_LAST:
        case MODEL_OPS:
            model_remove_last(&m);
            break;
        }
        model_compare(&m);
    }
    while (region_remove_last(&m.table)) {
    }
    memset(m.pages, 0, sizeof(m.pages));
    model_compare(&m);
}
