// SPDX-License-Identifier: MIT
/* Accounts: every refusal, every limit, and a tree of them beside its own sums. */
#include "catch_assert.h"

#include <lib/account.h>
#include <string.h>

#define TREE 12u

static const uint64_t hundred[ACCOUNT_KINDS] = {100, 100, 100, 100, 100};
static const uint64_t forty[ACCOUNT_KINDS] = {40, 40, 40, 40, 40};
static const uint64_t nothing[ACCOUNT_KINDS] = {0};

static void test_charge_to_the_limit(void **state)
{
    struct account a;

    (void)state;
    account_init(&a, hundred);
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        enum account_kind k = (enum account_kind)kind;

        assert_int_equal(account_charge(&a, k, 0), ST_OK);
        assert_int_equal(account_charge(&a, k, 101), ST_OVER_BUDGET);
        assert_int_equal(account_charge(&a, k, 99), ST_OK);
        assert_int_equal(account_charge(&a, k, 2), ST_OVER_BUDGET);
        assert_int_equal(account_charge(&a, k, UINT64_MAX), ST_OVER_BUDGET);
        assert_int_equal(a.used[kind], 99);
        assert_int_equal(account_charge(&a, k, 1), ST_OK);
        assert_int_equal(account_charge(&a, k, 1), ST_OVER_BUDGET);
        assert_true(account_check(&a));
        account_release(&a, k, 60);
        assert_int_equal(a.used[kind], 40);
        assert_int_equal(a.peak[kind], 100);
        assert_true(account_check(&a));
    }
}

static void test_largest_budget(void **state)
{
    const uint64_t all[ACCOUNT_KINDS] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
                                         UINT64_MAX};
    struct account a;

    (void)state;
    account_init(&a, all);
    assert_int_equal(account_charge(&a, ACCOUNT_FRAMES, UINT64_MAX), ST_OK);
    assert_int_equal(account_charge(&a, ACCOUNT_FRAMES, 1), ST_OVER_BUDGET);
    account_release(&a, ACCOUNT_FRAMES, UINT64_MAX);
    assert_int_equal(a.used[ACCOUNT_FRAMES], 0);
}

static void test_open_takes_all_or_nothing(void **state)
{
    struct account parent, child, before;
    uint64_t too_much[ACCOUNT_KINDS];

    (void)state;
    account_init(&parent, hundred);
    assert_int_equal(account_charge(&parent, ACCOUNT_SLOTS, 60), ST_OK);
    before = parent;
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        memcpy(too_much, forty, sizeof(too_much));
        too_much[kind] = kind == ACCOUNT_SLOTS ? 41 : 101;
        assert_int_equal(account_open(&child, &parent, too_much), ST_OVER_BUDGET);
        assert_memory_equal(&parent, &before, sizeof(parent));
    }
    assert_int_equal(account_open(&child, &parent, forty), ST_OK);
    assert_int_equal(parent.used[ACCOUNT_SLOTS], 100);
    assert_int_equal(parent.peak[ACCOUNT_SLOTS], 100);
    assert_int_equal(parent.lent[ACCOUNT_SLOTS], 40);
    assert_int_equal(account_charge(&parent, ACCOUNT_SLOTS, 1), ST_OVER_BUDGET);
    assert_int_equal(account_charge(&child, ACCOUNT_SLOTS, 40), ST_OK);
    assert_int_equal(account_charge(&child, ACCOUNT_SLOTS, 1), ST_OVER_BUDGET);
    assert_true(account_check(&parent) && account_check(&child));
}

static void test_close_leaves_the_rest_to_the_parent(void **state)
{
    struct account parent, child;

    (void)state;
    account_init(&parent, hundred);
    assert_int_equal(account_open(&child, &parent, forty), ST_OK);
    assert_int_equal(account_charge(&child, ACCOUNT_FRAMES, 30), ST_OK);
    account_release(&child, ACCOUNT_FRAMES, 27);
    account_close(&child);
    assert_int_equal(parent.used[ACCOUNT_FRAMES], 3);
    assert_int_equal(parent.lent[ACCOUNT_FRAMES], 0);
    assert_int_equal(parent.used[ACCOUNT_SLOTS], 0);
    assert_int_equal(child.peak[ACCOUNT_FRAMES], 30);
    assert_int_equal(account_charge(&child, ACCOUNT_FRAMES, 1), ST_OVER_BUDGET);
    account_release(&parent, ACCOUNT_FRAMES, 3);
    assert_true(account_check(&parent));
}

static void test_bugs_of_the_caller_are_asserted(void **state)
{
    struct account root, child, grandchild;

    (void)state;
    account_init(&root, hundred);
    assert_int_equal(account_open(&child, &root, forty), ST_OK);
    assert_int_equal(account_open(&grandchild, &child, nothing), ST_OK);
    account_close(&grandchild);
    assert_int_equal(account_open(&grandchild, &child, forty), ST_OK);
    expect_assert_failure(account_close(&root));
    expect_assert_failure(account_close(&child));
    expect_assert_failure(account_release(&root, ACCOUNT_CALLS, 1));
    assert_int_equal(account_charge(&root, ACCOUNT_CALLS, 5), ST_OK);
    expect_assert_failure(account_release(&root, ACCOUNT_CALLS, 6));
    account_close(&grandchild);
    root.lent[ACCOUNT_FRAMES] = 39;
    expect_assert_failure(account_close(&child));
}

/* Invariant 2 and the check over random trees: accounts open, charge, close. */
static void test_random_tree(void **state)
{
    static struct account tree[TREE];
    bool open[TREE] = {true};
    uint64_t seed = 5;

    (void)state;
    account_init(&tree[0], hundred);
    for (unsigned step = 0; step < 20000; step++) {
        struct account *a;
        uint64_t n;
        unsigned i, kind;
        bool parent_of_some = false;

        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        i = (unsigned)(seed >> 33) % TREE;
        kind = (unsigned)(seed >> 40) % ACCOUNT_KINDS;
        n = seed >> 58;
        a = &tree[i];
        for (unsigned k = 1; k < TREE; k++) {
            parent_of_some = parent_of_some || (open[k] && tree[k].parent == a);
        }
        if (!open[i]) {
            uint64_t max[ACCOUNT_KINDS] = {n, n / 2, n, n / 3, n};
            unsigned of = (unsigned)(seed >> 50) % TREE;

            open[i] = open[of] && account_open(a, &tree[of], max) == ST_OK;
        } else if (seed >> 62 == 0 && i > 0 && !parent_of_some) {
            account_close(a);
            open[i] = false;
        } else if (seed >> 61 & 1) {
            (void)!account_charge(a, (enum account_kind)kind, n);
        } else if (n <= a->used[kind] - a->lent[kind]) {
            account_release(a, (enum account_kind)kind, n);
        }
        for (unsigned k = 0; k < TREE; k++) {
            uint64_t lent = 0;

            for (unsigned c = 1; c < TREE; c++) {
                lent += open[c] && tree[c].parent == &tree[k] ? tree[c].max[kind] : 0;
            }
            assert_true(!open[k] || (account_check(&tree[k]) && tree[k].lent[kind] == lent));
        }
    }
}

static void test_check_sees_damage(void **state)
{
    struct account a;

    (void)state;
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        account_init(&a, hundred);
        assert_int_equal(account_charge(&a, (enum account_kind)kind, 10), ST_OK);
        assert_true(account_check(&a));
        a.peak[kind] = 9;
        assert_false(account_check(&a));
        a.peak[kind] = 101;
        assert_false(account_check(&a));
        a.peak[kind] = 10;
        a.lent[kind] = 11;
        assert_false(account_check(&a));
        a.lent[kind] = 0;
        a.max[kind] = 9;
        assert_false(account_check(&a));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_charge_to_the_limit),
        cmocka_unit_test(test_largest_budget),
        cmocka_unit_test(test_open_takes_all_or_nothing),
        cmocka_unit_test(test_close_leaves_the_rest_to_the_parent),
        cmocka_unit_test(test_bugs_of_the_caller_are_asserted),
        cmocka_unit_test(test_random_tree),
        cmocka_unit_test(test_check_sees_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
