// SPDX-License-Identifier: MIT
/* The frame ledger: charges before frames, grants that outlive accounts, random programs. */
#include "catch_assert.h"

#include <lib/frame_ledger.h>
#include <string.h>

#define GRANTS 24u
#define FRAMES 200u

static const uint64_t budget[ACCOUNT_KINDS] = {FRAMES, 4096, 0, 0, 0};
static const uint64_t half[ACCOUNT_KINDS] = {FRAMES / 2, 2048, 0, 0, 0};

static void test_charged_before_it_is_entered(void **state)
{
    struct account a;
    struct frame_ledger ledger;
    struct frame_grant grant = {.count = 0};

    (void)state;
    account_init(&a, budget);
    frame_ledger_init(&ledger);
    assert_int_equal(frame_ledger_open(&grant, &a, FRAMES + 1, 0), ST_OVER_BUDGET);
    assert_int_equal(frame_ledger_open(&grant, &a, 1, 4097), ST_OVER_BUDGET);
    assert_int_equal(frame_ledger_open(&grant, &a, UINT64_MAX, 0), ST_OVER_BUDGET);
    assert_int_equal(a.used[ACCOUNT_FRAMES], 0);

    assert_int_equal(frame_ledger_open(&grant, &a, FRAMES, 200), ST_OK);
    assert_int_equal(a.used[ACCOUNT_FRAMES], FRAMES);
    assert_int_equal(a.used[ACCOUNT_HEAP_BYTES], 200);
    assert_int_equal(ledger.frames, 0);
    frame_ledger_close(&ledger, &grant); /* there were no frames */
    assert_int_equal(a.used[ACCOUNT_FRAMES], 0);
    assert_int_equal(a.used[ACCOUNT_HEAP_BYTES], 0);

    assert_int_equal(frame_ledger_open(&grant, &a, 3, 200), ST_OK);
    frame_ledger_add(&ledger, &grant, 17);
    assert_int_equal(ledger.frames, 3);
    assert_true(frame_ledger_check(&ledger));
    frame_ledger_close(&ledger, &grant);
    assert_int_equal(ledger.frames, 0);
    assert_int_equal(a.used[ACCOUNT_FRAMES], 0);
    assert_true(frame_ledger_check(&ledger));
    assert_true(account_check(&a));
}

static void test_a_grant_outlives_its_account(void **state)
{
    struct account parent, child;
    struct frame_ledger ledger;
    struct frame_grant grant;

    (void)state;
    account_init(&parent, budget);
    assert_int_equal(account_open(&child, &parent, half), ST_OK);
    frame_ledger_init(&ledger);
    assert_int_equal(frame_ledger_open(&grant, &child, 5, 100), ST_OK);
    frame_ledger_add(&ledger, &grant, 0);
    assert_true(account_pass_on(&child));
    account_close(&child);
    assert_true(frame_ledger_check(&ledger));
    assert_int_equal(parent.used[ACCOUNT_FRAMES], 5);
    frame_ledger_close(&ledger, &grant);
    assert_int_equal(parent.used[ACCOUNT_FRAMES], 0);
}

static void test_check_sees_damage(void **state)
{
    struct account a;
    struct frame_ledger ledger;
    struct frame_grant first, second;

    (void)state;
    account_init(&a, budget);
    frame_ledger_init(&ledger);
    assert_int_equal(frame_ledger_open(&first, &a, 4, 0), ST_OK);
    assert_int_equal(frame_ledger_open(&second, &a, 4, 0), ST_OK);
    frame_ledger_add(&ledger, &first, 10);
    frame_ledger_add(&ledger, &second, 14);
    assert_true(frame_ledger_check(&ledger));
    second.first = 13;
    assert_false(frame_ledger_check(&ledger));
    second.first = 6;
    assert_true(frame_ledger_check(&ledger));
    second.first = 7;
    assert_false(frame_ledger_check(&ledger));
    second.first = 14;
    ledger.frames = 9;
    assert_false(frame_ledger_check(&ledger));
    ledger.frames = 8;
    second.charge.amount[ACCOUNT_FRAMES] = 3;
    assert_false(frame_ledger_check(&ledger));
    second.charge.amount[ACCOUNT_FRAMES] = 4;
    account_drop(&first.charge);
    assert_false(frame_ledger_check(&ledger));
    list_remove(&first.node);
    ledger.frames = 4;
    assert_true(frame_ledger_check(&ledger));
    second.node.prev = &second.node;
    assert_false(frame_ledger_check(&ledger));
}

static void test_random_programs(void **state)
{
    static struct frame_grant grants[GRANTS];
    static bool taken[FRAMES];
    struct account a;
    struct frame_ledger ledger;
    uint64_t seed = 3;

    (void)state;
    account_init(&a, budget);
    frame_ledger_init(&ledger);
    for (unsigned step = 0; step < 20000; step++) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        struct frame_grant *g = &grants[(seed >> 33) % GRANTS];
        uint64_t first = (seed >> 40) % FRAMES;
        uint64_t count = 1 + (seed >> 50) % 12;
        uint64_t used = 0;

        if (g->charge.account != NULL) {
            memset(&taken[g->first], 0, g->count);
            frame_ledger_close(&ledger, g);
            assert_null(g->charge.account);
        } else if (first + count <= FRAMES && memchr(&taken[first], 1, count) == NULL) {
            assert_int_equal(frame_ledger_open(g, &a, count, 0), ST_OK);
            frame_ledger_add(&ledger, g, first);
            memset(&taken[first], 1, count);
        }
        for (unsigned i = 0; i < FRAMES; i++) {
            used += taken[i] ? 1 : 0;
        }
        assert_int_equal(ledger.frames, used);
        assert_int_equal(a.used[ACCOUNT_FRAMES], used);
        assert_true(frame_ledger_check(&ledger) && account_check(&a));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_charged_before_it_is_entered),
        cmocka_unit_test(test_a_grant_outlives_its_account),
        cmocka_unit_test(test_check_sees_damage),
        cmocka_unit_test(test_random_programs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
