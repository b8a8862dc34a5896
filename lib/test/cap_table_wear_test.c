// SPDX-License-Identifier: MIT
/*
 * What happens when a slot's generations are spent. The table is compiled here
 * with generations of four bits, so that it happens after fifteen holds (T-07).
 */
#define CAP_ID_GENERATION_BITS 4u

#include "catch_assert.h"

#include "../cap_table.c"

#include "cap_table_model.h"

#define SLOTS 3u

static void test_each_id_is_used_once(void **state)
{
    static uint64_t storage[SLOTS * 5];
    struct cap_hold hold = {.object = (struct cap_object *)storage, .transferable = true};
    bool seen[(CAP_ID_GENERATION_MAX + 1) * SLOTS] = {false};
    struct cap_table table;
    uint64_t holds = 0;
    uint64_t id = 0;

    (void)state;
    assert_int_equal(cap_table_init(&table, storage, cap_table_storage_bytes(SLOTS)), ST_OK);
    while (cap_table_insert(&table, &hold, &id) == ST_OK) {
        uint64_t number = (id >> CAP_ID_INDEX_BITS) * SLOTS + (id & CAP_ID_INDEX_MASK);
        struct cap_hold out;

        assert_true(number >= SLOTS && number < sizeof(seen));
        assert_false(seen[number]);
        seen[number] = true;
        holds++;
        if (holds % 2 == 0) {
            assert_int_equal(cap_table_move_begin(&table, id), ST_OK);
            cap_table_move_commit(&table, id, &out);
        } else {
            assert_int_equal(cap_table_remove(&table, id, &out), ST_OK);
        }
        assert_null(cap_table_lookup(&table, id));
        assert_true(cap_table_check(&table));
    }
    assert_int_equal(holds, CAP_ID_GENERATION_MAX * SLOTS);
    assert_int_equal(table.retired, SLOTS);
    assert_int_equal(cap_table_free(&table), 0);
    assert_int_equal(cap_table_reserve(&table, 1, &id), ST_FULL);
    for (uint64_t old = 0; old <= (CAP_ID_GENERATION_MAX + 1) << CAP_ID_INDEX_BITS; old++) {
        if (cap_table_lookup(&table, old) != NULL) {
            fail_msg("id %llx", (unsigned long long)old);
        }
    }
}

static void test_growth_makes_up_for_retired_slots(void **state)
{
    uint8_t program[3 * (2 * 15 * MODEL_SLOTS_FIRST + 3)];
    size_t at = 0;

    (void)state;
    memset(program, 0, sizeof(program));
    for (uint8_t slot = 0; slot < MODEL_SLOTS_FIRST; slot++) {
        for (unsigned i = 0; i < CAP_ID_GENERATION_MAX; i++) {
            program[at] = MODEL_INSERT;
            program[at + 3] = MODEL_REMOVE;
            program[at + 4] = slot;
            at += 6;
        }
    }
    program[at] = MODEL_INSERT;
    program[at + 3] = MODEL_GROW;
    program[at + 4] = 2;
    program[at + 6] = MODEL_INSERT;
    model_run(program, sizeof(program));
}

static void test_random_programs(void **state)
{
    uint64_t seed = 7;

    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        uint8_t program[3000];

        for (size_t i = 0; i < sizeof(program); i++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            program[i] = (uint8_t)(seed >> 56);
            if (i % 3 == 0) {
                program[i] %= MODEL_GROW;
            }
            if (i % 3 == 2) {
                program[i] = 0;
            }
        }
        model_run(program, sizeof(program));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_id_is_used_once),
        cmocka_unit_test(test_growth_makes_up_for_retired_slots),
        cmocka_unit_test(test_random_programs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
