// SPDX-License-Identifier: MIT
/* The capability table: by hand for what each refusal leaves behind, by model for the rest. */
#include "catch_assert.h"

#include "cap_table_model.h"

#define SLOTS 4u

static uint64_t storage[SLOTS * 5];

static struct cap_hold hold_of(uintptr_t n)
{
    return (struct cap_hold){.object = (struct cap_object *)(n * 16),
                             .interface_id = n,
                             .badge = n + 100,
                             .transferable = true};
}

static struct cap_table new_table(void)
{
    struct cap_table table;

    assert_int_equal(cap_table_init(&table, storage, cap_table_storage_bytes(SLOTS)), ST_OK);
    assert_int_equal(table.count, SLOTS);
    return table;
}

static uint64_t insert(struct cap_table *table, uintptr_t n)
{
    struct cap_hold hold = hold_of(n);
    uint64_t id = 0;

    assert_int_equal(cap_table_insert(table, &hold, &id), ST_OK);
    assert_true(cap_table_check(table));
    return id;
}

static void test_storage_bytes(void **state)
{
    (void)state;
    assert_int_equal(cap_table_storage_bytes(0), 0);
    assert_int_equal(cap_table_storage_bytes(8), 8 * 33);
    for (uint32_t n = 1; n < 100; n++) {
        size_t bytes = cap_table_storage_bytes(n);

        assert_true(bytes % 8 == 0 && bytes / 33 == n);
    }
    expect_assert_failure(cap_table_storage_bytes(CAP_SLOTS_MAX + 1));
}

static void test_init_refuses_no_room(void **state)
{
    struct cap_table table;

    (void)state;
    assert_int_equal(cap_table_init(&table, storage, 32), ST_INVALID);
    assert_int_equal(cap_table_init(&table, storage, 33), ST_OK);
    assert_int_equal(table.count, 1);
}

static void test_largest_table(void **state)
{
    size_t bytes = cap_table_storage_bytes(CAP_SLOTS_MAX);
    void *room = malloc(bytes + 4096);
    struct cap_hold hold = hold_of(1);
    struct cap_table table;
    uint64_t id = 0;

    (void)state;
    assert_non_null(room);
    assert_int_equal(cap_table_init(&table, room, bytes + 4096), ST_OK);
    assert_int_equal(table.count, CAP_SLOTS_MAX);
    for (uint32_t i = 0; i < CAP_SLOTS_MAX; i++) {
        assert_int_equal(cap_table_insert(&table, &hold, &id), ST_OK);
        assert_int_equal(id, 1ull << CAP_ID_INDEX_BITS | i);
    }
    assert_int_equal(cap_table_insert(&table, &hold, &id), ST_FULL);
    assert_true(cap_table_check(&table));
    free(room);
}

/* No id but the current one is found, around every boundary of its two parts. */
static void test_forged_ids(void **state)
{
    struct cap_table table = new_table();
    uint64_t id = insert(&table, 1);
    struct cap_hold hold;

    (void)state;
    assert_int_equal(id, 1ull << CAP_ID_INDEX_BITS);
    assert_int_equal(cap_table_remove(&table, id, &hold), ST_OK);
    assert_int_equal(insert(&table, 2), 2ull << CAP_ID_INDEX_BITS);
    for (uint64_t index = 0; index <= CAP_ID_INDEX_MASK; index++) {
        const uint64_t generations[] = {0, 1, 2, 3, CAP_ID_GENERATION_MAX};

        for (size_t g = 0; g < sizeof(generations) / sizeof(generations[0]); g++) {
            bool valid = index == 0 && generations[g] == 2;
            uint64_t forged = generations[g] << CAP_ID_INDEX_BITS | index;

            if ((cap_table_lookup(&table, forged) != NULL) != valid) {
                fail_msg("id %llx", (unsigned long long)forged);
            }
        }
    }
}

static void test_nothing_is_found_in_an_empty_table(void **state)
{
    struct cap_table table = new_table();
    struct cap_hold hold;
    uint32_t cursor = 0;

    (void)state;
    assert_null(cap_table_lookup(&table, CAP_ID_NONE));
    assert_null(cap_table_lookup(&table, CAP_SLOT_EMPTY));
    assert_null(cap_table_next(&table, &cursor));
    assert_int_equal(cap_table_remove(&table, CAP_ID_NONE, &hold), ST_STALE);
    assert_int_equal(cap_table_move_begin(&table, CAP_ID_NONE), ST_STALE);
}

/* A reservation given up leaves every bit as it was, at every fill and size. */
static void test_cancel_restores_every_bit(void **state)
{
    (void)state;
    for (uint32_t used = 0; used <= SLOTS; used++) {
        struct cap_table table = new_table();

        for (uint32_t i = 0; i < used; i++) {
            insert(&table, i + 1);
        }
        for (uint32_t n = 0; n <= SLOTS; n++) {
            struct cap_table table_before = table;
            uint64_t ids[SLOTS] = {0};
            uint8_t before[sizeof(storage)];
            enum status expected = n <= SLOTS - used ? ST_OK : ST_FULL;

            memcpy(before, storage, sizeof(storage));
            assert_int_equal(cap_table_reserve(&table, n, ids), expected);
            assert_true(cap_table_check(&table));
            if (expected == ST_OK) {
                cap_table_cancel(&table, n, ids);
            }
            assert_memory_equal(before, storage, sizeof(storage));
            assert_memory_equal(&table_before, &table, sizeof(table));
        }
    }
}

static void test_reserved_ids_are_not_valid_before_commit(void **state)
{
    struct cap_table table = new_table();
    struct cap_hold hold = hold_of(7);
    uint64_t ids[2];

    (void)state;
    assert_int_equal(cap_table_reserve(&table, 2, ids), ST_OK);
    assert_null(cap_table_lookup(&table, ids[0]));
    assert_int_equal(cap_table_remove(&table, ids[0], &hold), ST_STALE);
    assert_int_equal(cap_table_free(&table), SLOTS - 2);
    cap_table_commit(&table, ids[0], &hold);
    assert_ptr_equal(cap_table_lookup(&table, ids[0])->object, hold.object);
    assert_null(cap_table_lookup(&table, ids[1]));
    cap_table_cancel(&table, 1, &ids[1]);
    assert_true(cap_table_check(&table));
    assert_int_equal(cap_table_used(&table), 1);
}

static void test_moving_slot_is_locked(void **state)
{
    struct cap_table table = new_table();
    struct cap_hold kept = hold_of(9);
    uint64_t id = insert(&table, 1);
    uint64_t kept_id;
    struct cap_hold hold;

    (void)state;
    kept.transferable = false;
    assert_int_equal(cap_table_insert(&table, &kept, &kept_id), ST_OK);
    assert_int_equal(cap_table_move_begin(&table, kept_id), ST_DENIED);
    assert_int_equal(cap_table_move_begin(&table, id), ST_OK);
    assert_int_equal(cap_table_move_begin(&table, id), ST_DENIED);
    assert_int_equal(cap_table_remove(&table, id, &hold), ST_DENIED);
    assert_non_null(cap_table_lookup(&table, id));
    assert_true(cap_table_check(&table));
    cap_table_move_cancel(&table, id);
    assert_int_equal(cap_table_move_begin(&table, id), ST_OK);
    cap_table_move_commit(&table, id, &hold);
    assert_ptr_equal(hold.object, hold_of(1).object);
    assert_true(hold.transferable);
    assert_int_equal(cap_table_move_begin(&table, id), ST_STALE);
    assert_true(cap_table_check(&table));
}

static void test_bugs_of_the_caller_are_asserted(void **state)
{
    struct cap_table table = new_table();
    uint64_t id = insert(&table, 1);
    uint64_t beyond = id + SLOTS;
    struct cap_hold hold = hold_of(1);
    uint64_t ids[1];

    (void)state;
    expect_assert_failure(cap_table_commit(&table, id, &hold));
    expect_assert_failure(cap_table_commit(&table, beyond, &hold));
    expect_assert_failure(cap_table_cancel(&table, 1, &id));
    expect_assert_failure(cap_table_move_cancel(&table, id));
    expect_assert_failure(cap_table_move_commit(&table, beyond, &hold));
    assert_int_equal(cap_table_reserve(&table, 1, ids), ST_OK);
    ids[0] += 1ull << CAP_ID_INDEX_BITS;
    expect_assert_failure(cap_table_commit(&table, ids[0], &hold));
    hold.object = NULL;
    expect_assert_failure((void)!cap_table_insert(&table, &hold, ids));
}

/* Every sort of damage is seen by the check. */
static void test_check_sees_damage(void **state)
{
    struct cap_table table = new_table();
    uint64_t id = insert(&table, 1);
    uint64_t reserved;
    struct cap_slot *free_slot = &table.slots[2];
    struct cap_slot *used_slot = &table.slots[0];
    struct cap_slot saved;

    (void)state;
    assert_int_equal(cap_table_reserve(&table, 1, &reserved), ST_OK);
    assert_true(cap_table_check(&table));

#define SEES(place, value)                                                                         \
    do {                                                                                           \
        __typeof__(place) was = (place);                                                           \
        (place) = (value);                                                                         \
        assert_false(cap_table_check(&table));                                                     \
        (place) = was;                                                                             \
        assert_true(cap_table_check(&table));                                                      \
    } while (0)
    SEES(table.used, 2);
    SEES(table.reserved, 0);
    SEES(table.retired, 1);
    SEES(table.free_first, 0);
    SEES(table.free_first, SLOTS);
    SEES(used_slot->id, id + 1);
    SEES(used_slot->id, 0);
    SEES(used_slot->object, NULL);
    SEES(table.flags[0], CAP_SLOT_F_MOVING);
    SEES(table.flags[0], CAP_SLOT_F_RETIRED);
    SEES(table.flags[1], CAP_SLOT_F_RETIRED);
    SEES(table.flags[2], CAP_SLOT_F_MOVING);
    SEES(free_slot->object, used_slot->object);
    SEES(free_slot->badge, 0);
    SEES(free_slot->badge, CAP_ID_GENERATION_MAX + 1);
    SEES(free_slot->interface_id, 2);
    SEES(free_slot->interface_id, UINT32_MAX);
#undef SEES
    saved = *free_slot;
    *free_slot = *used_slot;
    assert_false(cap_table_check(&table));
    *free_slot = saved;
}

static void test_program_by_hand(void **state)
{
    const uint8_t program[] = {
        MODEL_INSERT,      0, 0, MODEL_INSERT,     0, MODEL_VARIANTS,
        MODEL_RESERVE,     3, 0, MODEL_INSERT,     0, 0,
        MODEL_RESERVE,     1, 0, MODEL_GROW,       2, 0,
        MODEL_COMMIT,      0, 0, MODEL_CANCEL,     0, 0,
        MODEL_GROW,        0, 0, MODEL_MOVE_BEGIN, 0, 0,
        MODEL_MOVE_BEGIN,  1, 0, MODEL_REMOVE,     0, 0,
        MODEL_MOVE_COMMIT, 0, 0, MODEL_REMOVE,     0, 1,
        MODEL_REMOVE,      1, 0, MODEL_INSERT,     0, 0,
        MODEL_MOVE_CANCEL, 0, 0, MODEL_REMOVE,     1, MODEL_ID_ZERO,
    };

    (void)state;
    model_run(program, sizeof(program));
}

static void test_random_programs(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        uint8_t program[300];

        for (size_t i = 0; i < sizeof(program); i++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            program[i] = (uint8_t)(seed >> 56);
            /* Ids that are valid must be frequent for anything to happen. */
            if (i % 3 == 2 && (seed >> 40) % 4 != 0) {
                program[i] = (uint8_t)(program[i] % 2 * MODEL_VARIANTS);
            }
        }
        model_run(program, sizeof(program));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_storage_bytes),
        cmocka_unit_test(test_init_refuses_no_room),
        cmocka_unit_test(test_largest_table),
        cmocka_unit_test(test_forged_ids),
        cmocka_unit_test(test_nothing_is_found_in_an_empty_table),
        cmocka_unit_test(test_cancel_restores_every_bit),
        cmocka_unit_test(test_reserved_ids_are_not_valid_before_commit),
        cmocka_unit_test(test_moving_slot_is_locked),
        cmocka_unit_test(test_bugs_of_the_caller_are_asserted),
        cmocka_unit_test(test_check_sees_damage),
        cmocka_unit_test(test_program_by_hand),
        cmocka_unit_test(test_random_programs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
