// SPDX-License-Identifier: MIT
/* Regions: every refusal, every way to cut and join, and random programs beside the model. */
#include "catch_assert.h"

#include <lib/region.h>
#include <string.h>

#include "region_model.h"

#define LOW      100u
#define PAGES    64u
#define END      (LOW + PAGES)
#define ROOM     48u
#define MEMORIES 4u

/* Holds on each memory, by the table's own account. */
static int holds[MEMORIES];

static void hold(void *memory)
{
    (*(int *)memory)++;
}

static void drop(void *memory)
{
    assert_true(*(int *)memory > 0);
    (*(int *)memory)--;
}

static const struct region_rules rules = {.hold = hold, .drop = drop};

static struct region storage[ROOM];

static struct region_table table_of(uint32_t room)
{
    struct region_table t;

    memset(holds, 0, sizeof(holds));
    memset(storage, 0, sizeof(storage));
    region_table_init(&t, LOW, END, &rules);
    assert_null(region_table_grow(&t, storage, room));
    return t;
}

static enum status insert(struct region_table *t, uint64_t first, uint64_t pages, void *memory,
                          uint64_t offset)
{
    const struct region r = {.first = first, .pages = pages, .memory = memory, .offset = offset};

    return region_insert(t, &r);
}

/* Takes out a row that is mapped, if it is and there is storage. */
static enum status take_out(struct region_table *t, uint64_t first, uint64_t pages)
{
    uint32_t at = region_covering(t, first, pages);

    if (at == REGION_NONE) {
        return ST_NOT_FOUND;
    }
    if (region_splits(t, at, first, pages)) {
        return ST_FULL;
    }
    region_remove(t, at, first, pages);
    return ST_OK;
}

static bool covers(const struct region_table *t, uint64_t first, uint64_t pages)
{
    return region_covering(t, first, pages) != REGION_NONE;
}

static void expect_region(const struct region_table *t, uint32_t i, uint64_t first, uint64_t pages,
                          const void *memory, uint64_t offset)
{
    assert_true(i < t->count);
    assert_int_equal(t->regions[i].first, first);
    assert_int_equal(t->regions[i].pages, pages);
    assert_ptr_equal(t->regions[i].memory, memory);
    assert_int_equal(t->regions[i].offset, offset);
}

static void test_without_storage(void **state)
{
    struct region_table t;
    uint64_t first;

    (void)state;
    region_table_init(&t, LOW, END, &rules);
    assert_true(region_table_check(&t));
    assert_false(covers(&t, LOW, 1));
    assert_int_equal(region_find_gap(&t, PAGES, &first), ST_OK);
    assert_int_equal(first, LOW);
    assert_int_equal(insert(&t, LOW, 1, NULL, 0), ST_FULL);
    assert_int_equal(take_out(&t, LOW, 1), ST_NOT_FOUND);
    assert_false(region_remove_last(&t));
}

static void test_bounds(void **state)
{
    static const struct {
        uint64_t first;
        uint64_t pages;
        bool fits;
    } rows[] = {
        {LOW, 1, true},
        {END - 1, 1, true},
        {LOW, PAGES, true},
        {LOW, 0, false},
        {LOW - 1, 1, false},
        {LOW - 1, 2, false},
        {LOW, PAGES + 1, false},
        {END, 1, false},
        {END - 1, 2, false},
        {0, 1, false},
        {0, UINT64_MAX, false},
        {LOW, UINT64_MAX, false},
        {LOW, UINT64_MAX - LOW, false},
        {LOW + 1, UINT64_MAX - LOW, false},
        {UINT64_MAX, 1, false},
        {UINT64_MAX, UINT64_MAX, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct region_table t = table_of(ROOM);

        assert_int_equal(insert(&t, rows[i].first, rows[i].pages, NULL, 0),
                         rows[i].fits ? ST_OK : ST_EXISTS);
        assert_int_equal(covers(&t, rows[i].first, rows[i].pages), rows[i].fits);
        assert_int_equal(take_out(&t, rows[i].first, rows[i].pages),
                         rows[i].fits ? ST_OK : ST_NOT_FOUND);
        assert_int_equal(t.count, 0);
    }
}

static void test_overlap_is_refused(void **state)
{
    struct region_table t = table_of(ROOM);

    (void)state;
    assert_int_equal(insert(&t, LOW + 10, 10, NULL, 0), ST_OK);
    assert_int_equal(insert(&t, LOW + 10, 10, NULL, 0), ST_EXISTS);
    assert_int_equal(insert(&t, LOW + 5, 6, NULL, 0), ST_EXISTS);
    assert_int_equal(insert(&t, LOW + 19, 1, &holds[0], 0), ST_EXISTS);
    assert_int_equal(insert(&t, LOW, PAGES, NULL, 0), ST_EXISTS);
    assert_int_equal(insert(&t, LOW + 12, 2, &holds[0], 0), ST_EXISTS);
    assert_int_equal(holds[0], 0);
    assert_int_equal(t.count, 1);
}

static void test_anonymous_regions_join(void **state)
{
    struct region_table t = table_of(3);

    (void)state;
    assert_int_equal(insert(&t, LOW + 10, 2, NULL, 0), ST_OK);
    assert_int_equal(insert(&t, LOW + 12, 2, NULL, 0), ST_OK);
    expect_region(&t, 0, LOW + 10, 4, NULL, 0);
    assert_int_equal(insert(&t, LOW + 8, 2, NULL, 0), ST_OK);
    expect_region(&t, 0, LOW + 8, 6, NULL, 0);
    assert_int_equal(insert(&t, LOW + 16, 2, NULL, 0), ST_OK);
    assert_int_equal(insert(&t, LOW + 18, 2, &holds[0], 7), ST_OK);
    assert_int_equal(t.count, 3);
    /* The table is full, yet what joins needs no entry, and undoing it none either. */
    assert_int_equal(insert(&t, LOW + 30, 1, NULL, 0), ST_FULL);
    assert_int_equal(insert(&t, LOW + 14, 2, NULL, 0), ST_OK);
    assert_int_equal(t.count, 2);
    expect_region(&t, 0, LOW + 8, 10, NULL, 0);
    assert_int_equal(take_out(&t, LOW + 14, 2), ST_OK);
    expect_region(&t, 0, LOW + 8, 6, NULL, 0);
    expect_region(&t, 1, LOW + 16, 2, NULL, 0);
    expect_region(&t, 2, LOW + 18, 2, &holds[0], 7);
    assert_true(region_table_check(&t));
}

static void test_objects_do_not_join(void **state)
{
    struct region_table t = table_of(ROOM);

    (void)state;
    assert_int_equal(insert(&t, LOW, 2, &holds[0], 0), ST_OK);
    assert_int_equal(insert(&t, LOW + 2, 2, &holds[0], 2), ST_OK);
    assert_int_equal(insert(&t, LOW + 4, 2, NULL, 0), ST_OK);
    assert_int_equal(t.count, 3);
    assert_int_equal(holds[0], 2);
    /* One removal across all three, with a rest at either end. */
    assert_int_equal(take_out(&t, LOW + 1, 4), ST_OK);
    assert_int_equal(t.count, 2);
    assert_int_equal(holds[0], 1);
    expect_region(&t, 0, LOW, 1, &holds[0], 0);
    expect_region(&t, 1, LOW + 5, 1, NULL, 0);
}

static void test_every_cut_of_a_region(void **state)
{
    (void)state;
    for (uint64_t from = 0; from < 6; from++) {
        for (uint64_t to = from + 1; to <= 6; to++) {
            struct region_table t = table_of(ROOM);
            uint32_t i = 0;

            assert_int_equal(insert(&t, LOW + 8, 6, &holds[1], 20), ST_OK);
            assert_int_equal(take_out(&t, LOW + 8 + from, to - from), ST_OK);
            if (from > 0) {
                expect_region(&t, i++, LOW + 8, from, &holds[1], 20);
            }
            if (to < 6) {
                expect_region(&t, i++, LOW + 8 + to, 6 - to, &holds[1], 20 + to);
            }
            assert_int_equal(t.count, i);
            assert_int_equal(holds[1], i);
            assert_true(region_table_check(&t));
        }
    }
}

static void test_a_split_needs_room(void **state)
{
    struct region_table t = table_of(1);
    struct region more[2];

    (void)state;
    assert_int_equal(insert(&t, LOW, 3, &holds[0], 0), ST_OK);
    assert_true(region_splits(&t, 0, LOW + 1, 1));
    assert_false(region_splits(&t, 0, LOW, 1));
    assert_false(region_splits(&t, 0, LOW + 1, 2));
    assert_false(region_splits(&t, 0, LOW, 3));
    expect_assert_failure(region_remove(&t, 0, LOW + 1, 1));
    expect_assert_failure(region_remove(&t, 0, LOW + 3, 1));
    expect_assert_failure(region_remove(&t, 0, LOW - 1, 1));
    expect_assert_failure(region_remove(&t, 1, LOW, 1));
    assert_int_equal(take_out(&t, LOW + 1, 1), ST_FULL);
    expect_region(&t, 0, LOW, 3, &holds[0], 0);
    assert_int_equal(holds[0], 1);
    assert_ptr_equal(region_table_grow(&t, more, 2), storage);
    assert_false(region_splits(&t, 0, LOW + 1, 1));
    assert_int_equal(take_out(&t, LOW + 1, 1), ST_OK);
    expect_region(&t, 0, LOW, 1, &holds[0], 0);
    expect_region(&t, 1, LOW + 2, 1, &holds[0], 2);
    assert_int_equal(holds[0], 2);
    expect_assert_failure(region_table_grow(&t, storage, 1));
    assert_true(region_remove_last(&t));
    expect_region(&t, 0, LOW, 1, &holds[0], 0);
    assert_true(region_remove_last(&t));
    assert_false(region_remove_last(&t));
    assert_int_equal(holds[0], 0);
}

static void test_holes_are_not_removed(void **state)
{
    struct region_table t = table_of(ROOM);

    (void)state;
    assert_int_equal(insert(&t, LOW + 2, 2, NULL, 0), ST_OK);
    assert_int_equal(insert(&t, LOW + 5, 2, NULL, 0), ST_OK);
    assert_int_equal(take_out(&t, LOW + 1, 2), ST_NOT_FOUND);
    assert_int_equal(take_out(&t, LOW + 3, 2), ST_NOT_FOUND);
    assert_int_equal(take_out(&t, LOW + 2, 5), ST_NOT_FOUND);
    assert_int_equal(take_out(&t, LOW + 6, 2), ST_NOT_FOUND);
    assert_int_equal(take_out(&t, LOW, PAGES), ST_NOT_FOUND);
    expect_region(&t, 0, LOW + 2, 2, NULL, 0);
    expect_region(&t, 1, LOW + 5, 2, NULL, 0);
}

static void test_gaps(void **state)
{
    struct region_table t = table_of(ROOM);
    uint64_t first = 0;

    (void)state;
    assert_int_equal(region_find_gap(&t, 0, &first), ST_NOT_FOUND);
    assert_int_equal(region_find_gap(&t, PAGES + 1, &first), ST_NOT_FOUND);
    assert_int_equal(region_find_gap(&t, UINT64_MAX, &first), ST_NOT_FOUND);
    assert_int_equal(insert(&t, LOW + 3, 2, NULL, 0), ST_OK);
    assert_int_equal(insert(&t, LOW + 9, 50, NULL, 0), ST_OK);
    assert_int_equal(region_find_gap(&t, 3, &first), ST_OK);
    assert_int_equal(first, LOW);
    assert_int_equal(region_find_gap(&t, 4, &first), ST_OK);
    assert_int_equal(first, LOW + 5);
    assert_int_equal(region_find_gap(&t, 5, &first), ST_OK);
    assert_int_equal(first, LOW + 59);
    assert_int_equal(region_find_gap(&t, 6, &first), ST_NOT_FOUND);
}

/* Random programs for the model. */
static void test_random_programs(void **state)
{
    uint64_t seed = 7;

    (void)state;
    for (unsigned run = 0; run < 200; run++) {
        uint8_t program[1 + 4 * 400];

        for (size_t i = 0; i < sizeof(program); i++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            program[i] = (uint8_t)(seed >> 40);
        }
        region_model_run(program, sizeof(program));
    }
}

static void test_check_sees_damage(void **state)
{
    struct region_table t = table_of(ROOM);

    (void)state;
    assert_int_equal(insert(&t, LOW, 4, NULL, 0), ST_OK);
    assert_int_equal(insert(&t, LOW + 4, 4, &holds[0], 0), ST_OK);
    assert_true(region_table_check(&t));
    t.regions[1].memory = NULL;
    assert_false(region_table_check(&t));
    t.regions[1].first++;
    assert_true(region_table_check(&t));
    t.regions[1].offset = 1;
    assert_false(region_table_check(&t));
    t.regions[1].offset = 0;
    t.regions[1].first = LOW + 3;
    assert_false(region_table_check(&t));
    t.regions[1].first = LOW + 5;
    t.regions[1].pages = 0;
    assert_false(region_table_check(&t));
    t.regions[1].pages = PAGES;
    assert_false(region_table_check(&t));
    t.regions[1].pages = 1;
    t.regions[0].first = LOW - 1;
    assert_false(region_table_check(&t));
    t.regions[0].first = LOW;
    t.room = 1;
    assert_false(region_table_check(&t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_storage),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_overlap_is_refused),
        cmocka_unit_test(test_anonymous_regions_join),
        cmocka_unit_test(test_objects_do_not_join),
        cmocka_unit_test(test_every_cut_of_a_region),
        cmocka_unit_test(test_a_split_needs_room),
        cmocka_unit_test(test_holes_are_not_removed),
        cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_random_programs),
        cmocka_unit_test(test_check_sees_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
