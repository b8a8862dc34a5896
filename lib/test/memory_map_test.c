// SPDX-License-Identifier: MIT
/* Memory maps as loaders hand them over, and as nobody should (T-33). */
#include "catch_assert.h"

#include <lib/memory_map.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT (64ull << 30)
#define PAGE  ((uint64_t)MEMORY_MAP_PAGE)

/* Pages of the model: small enough to ask about each. */
#define MODEL_PAGES 64u

struct entry {
    uint64_t base;
    uint64_t bytes;
    enum memory_kind kind;
};

/* Large, and a test has only one of each. */
static struct memory_map raw;
static struct memory_map map;

static void begin(void)
{
    memset(&raw, 0, sizeof(raw));
    memset(&map, 0xa5, sizeof(map));
}

static void add_all(const struct entry *entries, size_t count)
{
    begin();
    for (size_t i = 0; i < count; i++) {
        assert_true(
            memory_map_add(&raw, entries[i].base, entries[i].bytes, entries[i].kind, LIMIT));
    }
    memory_map_normalise(&raw, &map);
    assert_true(memory_map_check(&map));
}

#define ADD(...)                                                                                   \
    do {                                                                                           \
        static const struct entry entries[] = {__VA_ARGS__};                                       \
        add_all(entries, sizeof(entries) / sizeof(entries[0]));                                    \
    } while (0)

static void expect(uint32_t i, uint64_t base, uint64_t bytes, enum memory_kind kind)
{
    assert_true(i < map.count);
    assert_int_equal(map.region[i].base, base);
    assert_int_equal(map.region[i].bytes, bytes);
    assert_int_equal(map.region[i].kind, kind);
}

static void nothing_gives_nothing(void **state)
{
    (void)state;
    begin();
    memory_map_normalise(&raw, &map);
    assert_int_equal(map.count, 0);
    assert_true(memory_map_check(&map));
}

static void unsorted_neighbours_are_sorted_and_merged(void **state)
{
    (void)state;
    ADD({8 * PAGE, 8 * PAGE, MEMORY_USABLE}, {32 * PAGE, PAGE, MEMORY_RESERVED},
        {0, 8 * PAGE, MEMORY_USABLE});
    assert_int_equal(map.count, 2);
    expect(0, 0, 16 * PAGE, MEMORY_USABLE);
    expect(1, 32 * PAGE, PAGE, MEMORY_RESERVED);
}

static void free_shrinks_and_taken_grows(void **state)
{
    (void)state;
    ADD({1, 4 * PAGE, MEMORY_USABLE}, {10 * PAGE + 1, 1, MEMORY_RESERVED},
        {20 * PAGE + 1, PAGE, MEMORY_RECLAIMABLE}, {30 * PAGE - 1, 2, MEMORY_MODULE},
        {40 * PAGE, 0, MEMORY_RESERVED});
    assert_int_equal(map.count, 3);
    expect(0, PAGE, 3 * PAGE, MEMORY_USABLE);
    expect(1, 10 * PAGE, PAGE, MEMORY_RESERVED);
    expect(2, 29 * PAGE, 2 * PAGE, MEMORY_MODULE);
}

static void later_kinds_win(void **state)
{
    (void)state;
    ADD({0, 100 * PAGE, MEMORY_USABLE}, {20 * PAGE, 20 * PAGE, MEMORY_RESERVED},
        {10 * PAGE, 15 * PAGE, MEMORY_MODULE}, {38 * PAGE, 4 * PAGE, MEMORY_KERNEL},
        {0, 100 * PAGE, MEMORY_USABLE});
    assert_int_equal(map.count, 5);
    expect(0, 0, 10 * PAGE, MEMORY_USABLE);
    expect(1, 10 * PAGE, 10 * PAGE, MEMORY_MODULE);
    expect(2, 20 * PAGE, 18 * PAGE, MEMORY_RESERVED);
    expect(3, 38 * PAGE, 4 * PAGE, MEMORY_KERNEL);
    expect(4, 42 * PAGE, 58 * PAGE, MEMORY_USABLE);
}

static void what_wraps_is_cut_or_left_out(void **state)
{
    (void)state;
    ADD({LIMIT - PAGE, UINT64_MAX, MEMORY_USABLE}, {LIMIT - 2 * PAGE, UINT64_MAX, MEMORY_RESERVED},
        {UINT64_MAX, UINT64_MAX, MEMORY_RESERVED}, {0, UINT64_MAX, MEMORY_RECLAIMABLE});
    assert_int_equal(map.count, 2);
    expect(0, 0, LIMIT - 2 * PAGE, MEMORY_RECLAIMABLE);
    expect(1, LIMIT - 2 * PAGE, 2 * PAGE, MEMORY_RESERVED);
}

static void what_lies_beyond_the_limit_does_not_count(void **state)
{
    (void)state;
    ADD({LIMIT - PAGE, 2 * PAGE, MEMORY_USABLE}, {LIMIT, PAGE, MEMORY_USABLE});
    assert_int_equal(map.count, 1);
    expect(0, LIMIT - PAGE, PAGE, MEMORY_USABLE);
}

static void a_full_map_says_so(void **state)
{
    (void)state;
    begin();
    for (uint64_t i = 0; i < MEMORY_MAP_RAW_MAX; i++) {
        assert_true(memory_map_add(&raw, 2 * i * PAGE, PAGE, MEMORY_USABLE, LIMIT));
    }
    uint64_t last = 2 * (MEMORY_MAP_RAW_MAX - 1) * PAGE;
    assert_false(memory_map_add(&raw, last + 2 * PAGE, PAGE, MEMORY_USABLE, LIMIT));
    assert_true(memory_map_add(&raw, last + PAGE, PAGE, MEMORY_USABLE, LIMIT)); /* merged */
    assert_true(memory_map_add(&raw, LIMIT, PAGE, MEMORY_USABLE, LIMIT));       /* beyond */

    memory_map_normalise(&raw, &map);
    assert_true(memory_map_check(&map));
    assert_int_equal(map.count, MEMORY_MAP_RAW_MAX);
}

/* One long entry, cut by all the others: the most regions there can be. */
static void the_most_regions_fit(void **state)
{
    (void)state;
    begin();
    assert_true(memory_map_add(&raw, 0, 4 * MEMORY_MAP_RAW_MAX * PAGE, MEMORY_USABLE, LIMIT));
    for (uint64_t i = 1; i < MEMORY_MAP_RAW_MAX; i++) {
        assert_true(memory_map_add(&raw, 2 * i * PAGE, PAGE, MEMORY_RESERVED, LIMIT));
    }
    memory_map_normalise(&raw, &map);
    assert_true(memory_map_check(&map));
    assert_int_equal(map.count, 2 * MEMORY_MAP_RAW_MAX - 1);
}

static void coverage_is_by_kind_and_without_gaps(void **state)
{
    (void)state;
    ADD({0, 4 * PAGE, MEMORY_USABLE}, {4 * PAGE, 4 * PAGE, MEMORY_MODULE},
        {10 * PAGE, 4 * PAGE, MEMORY_MODULE});
    assert_true(memory_map_covers(&map, 4 * PAGE, 4 * PAGE, MEMORY_MODULE));
    assert_true(memory_map_covers(&map, 5 * PAGE + 1, 7, MEMORY_MODULE));
    assert_true(memory_map_covers(&map, 100 * PAGE, 0, MEMORY_MODULE));
    assert_false(memory_map_covers(&map, 4 * PAGE - 1, 2, MEMORY_MODULE));
    assert_false(memory_map_covers(&map, 7 * PAGE, 5 * PAGE, MEMORY_MODULE));
    assert_false(memory_map_covers(&map, 13 * PAGE, 2 * PAGE, MEMORY_MODULE));
    assert_int_equal(memory_map_bytes(&map, MEMORY_MODULE), 8 * PAGE);
    assert_int_equal(memory_map_bytes(&map, MEMORY_KERNEL), 0);
}

static void damaged_maps_are_noticed(void **state)
{
    static const struct entry good[] = {{0, 4 * PAGE, MEMORY_USABLE},
                                        {4 * PAGE, 4 * PAGE, MEMORY_MODULE}};

    (void)state;
    add_all(good, 2);
    map.region[1].base -= PAGE;
    assert_false(memory_map_check(&map));
    add_all(good, 2);
    map.region[1].kind = MEMORY_USABLE;
    assert_false(memory_map_check(&map));
    add_all(good, 2);
    map.region[0].bytes -= 1;
    assert_false(memory_map_check(&map));
    add_all(good, 2);
    map.region[1].bytes = 0;
    assert_false(memory_map_check(&map));
    add_all(good, 2);
    map.region[1].kind = MEMORY_KINDS;
    assert_false(memory_map_check(&map));
}

/* What the highest entry says about each page; MEMORY_KINDS: none does. */
static void model_add(enum memory_kind *pages, const struct entry *e)
{
    for (uint64_t i = 0; i < MODEL_PAGES; i++) {
        uint64_t start = i * PAGE;
        bool touched = e->bytes != 0 && e->base < start + PAGE && e->base + e->bytes > start;
        bool whole = e->base <= start && e->base + e->bytes >= start + PAGE;
        bool counts = e->kind == MEMORY_USABLE || e->kind == MEMORY_RECLAIMABLE ? whole : touched;
        if (counts && (pages[i] == MEMORY_KINDS || e->kind > pages[i])) {
            pages[i] = e->kind;
        }
    }
}

static void random_maps_agree_with_a_page_array(void **state)
{
    (void)state;
    srand(1);
    for (int round = 0; round < 2000; round++) {
        enum memory_kind pages[MODEL_PAGES];
        begin();
        for (uint64_t i = 0; i < MODEL_PAGES; i++) {
            pages[i] = MEMORY_KINDS;
        }
        for (int n = rand() % 12; n > 0; n--) {
            uint64_t base = (uint64_t)rand() % (MODEL_PAGES * PAGE);
            struct entry e = {base, (uint64_t)rand() % (MODEL_PAGES * PAGE - base),
                              (enum memory_kind)(rand() % MEMORY_KINDS)};
            if (rand() % 2 == 0) {
                e.base -= e.base % PAGE;
                e.bytes -= e.bytes % PAGE;
            }
            assert_true(memory_map_add(&raw, e.base, e.bytes, e.kind, MODEL_PAGES * PAGE));
            model_add(pages, &e);
        }
        memory_map_normalise(&raw, &map);
        assert_true(memory_map_check(&map));
        for (uint64_t i = 0; i < MODEL_PAGES; i++) {
            for (int kind = 0; kind < MEMORY_KINDS; kind++) {
                assert_int_equal(memory_map_covers(&map, i * PAGE, PAGE, (enum memory_kind)kind),
                                 pages[i] == (enum memory_kind)kind);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_gives_nothing),
        cmocka_unit_test(unsorted_neighbours_are_sorted_and_merged),
        cmocka_unit_test(free_shrinks_and_taken_grows),
        cmocka_unit_test(later_kinds_win),
        cmocka_unit_test(what_wraps_is_cut_or_left_out),
        cmocka_unit_test(what_lies_beyond_the_limit_does_not_count),
        cmocka_unit_test(a_full_map_says_so),
        cmocka_unit_test(the_most_regions_fit),
        cmocka_unit_test(coverage_is_by_kind_and_without_gaps),
        cmocka_unit_test(damaged_maps_are_noticed),
        cmocka_unit_test(random_maps_agree_with_a_page_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
