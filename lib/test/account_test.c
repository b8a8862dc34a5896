// SPDX-License-Identifier: MIT
/* Accounts: every refusal, every limit, passing on, and a tree of them beside its own sums. */
#include "catch_assert.h"

#include <lib/account.h>
#include <string.h>

#define TREE   12u
#define THINGS 16u

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

static void test_take_all_or_nothing(void **state)
{
    struct account a, before;
    struct charge charge = {.account = NULL};
    const struct charge untouched = charge;
    uint64_t amount[ACCOUNT_KINDS];

    (void)state;
    account_init(&a, hundred);
    assert_int_equal(account_charge(&a, ACCOUNT_HEAP_BYTES, 70), ST_OK);
    before = a;
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        memcpy(amount, nothing, sizeof(amount));
        amount[kind] = kind == ACCOUNT_HEAP_BYTES ? 31 : 101;
        assert_int_equal(account_take(&a, &charge, amount), ST_OVER_BUDGET);
        amount[kind] = UINT64_MAX;
        assert_int_equal(account_take(&a, &charge, amount), ST_OVER_BUDGET);
        assert_memory_equal(&a, &before, sizeof(a));
        assert_memory_equal(&charge, &untouched, sizeof(charge));
        account_drop(&charge);
        assert_memory_equal(&a, &before, sizeof(a));
    }
    memcpy(amount, hundred, sizeof(amount));
    amount[ACCOUNT_HEAP_BYTES] = 30;
    assert_int_equal(account_take(&a, &charge, amount), ST_OK);
    assert_ptr_equal(charge.account, &a);
    assert_memory_equal(charge.amount, amount, sizeof(amount));
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        assert_int_equal(a.used[kind], 100);
        assert_int_equal(a.lent[kind], 0);
        assert_int_equal(account_charge(&a, (enum account_kind)kind, 1), ST_OVER_BUDGET);
    }
    assert_true(account_check(&a));
    account_drop(&charge);
    assert_null(charge.account);
    assert_int_equal(a.used[ACCOUNT_FRAMES], 0);
    assert_int_equal(a.used[ACCOUNT_HEAP_BYTES], 70);
    assert_int_equal(a.peak[ACCOUNT_FRAMES], 100);
    account_drop(&charge);
    assert_int_equal(a.used[ACCOUNT_HEAP_BYTES], 70);
    assert_true(account_check(&a));
}

static void test_what_is_passed_on_takes_its_budget_along(void **state)
{
    const uint64_t ten[ACCOUNT_KINDS] = {10, 10, 10, 10, 10};
    struct account root, dying;
    struct charge first, second;

    (void)state;
    account_init(&root, hundred);
    assert_int_equal(account_open(&dying, &root, forty), ST_OK);
    assert_false(account_pass_on(&dying));
    assert_int_equal(account_take(&dying, &first, ten), ST_OK);
    assert_int_equal(account_take(&dying, &second, ten), ST_OK);
    assert_int_equal(account_charge(&dying, ACCOUNT_FRAMES, 20), ST_OK);
    /* The parent itself has nothing left: passing on does not depend on that. */
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        assert_int_equal(account_charge(&root, (enum account_kind)kind, 60), ST_OK);
    }

    assert_true(account_pass_on(&dying));
    assert_ptr_equal(first.account, &root);
    assert_ptr_equal(second.account, &dying);
    assert_int_equal(root.used[ACCOUNT_FRAMES], 100);
    assert_int_equal(root.lent[ACCOUNT_FRAMES], 30);
    assert_int_equal(dying.used[ACCOUNT_FRAMES], 30);
    assert_int_equal(dying.budget.amount[ACCOUNT_FRAMES], 30);
    assert_int_equal(dying.max[ACCOUNT_FRAMES], 40);
    assert_int_equal(account_charge(&dying, ACCOUNT_FRAMES, 1), ST_OVER_BUDGET);
    assert_true(account_check(&root) && account_check(&dying));

    account_drop(&second); /* its holder lets go just now */
    assert_false(account_pass_on(&dying));
    account_release(&dying, ACCOUNT_FRAMES, 20);
    account_close(&dying);
    assert_null(account_parent(&dying));
    assert_int_equal(dying.peak[ACCOUNT_FRAMES], 40);
    assert_int_equal(root.used[ACCOUNT_FRAMES], 70);
    assert_int_equal(root.lent[ACCOUNT_FRAMES], 0);
    account_drop(&first);
    assert_int_equal(root.used[ACCOUNT_FRAMES], 60);
    assert_true(account_check(&root));
}

static void test_a_child_is_passed_on_with_what_it_owns(void **state)
{
    const uint64_t ten[ACCOUNT_KINDS] = {10, 10, 10, 10, 10};
    struct account root, dying, child;
    struct charge charge;

    (void)state;
    account_init(&root, hundred);
    assert_int_equal(account_open(&dying, &root, hundred), ST_OK);
    assert_int_equal(account_open(&child, &dying, forty), ST_OK);
    assert_int_equal(account_take(&child, &charge, ten), ST_OK);
    assert_true(account_pass_on(&dying));
    assert_ptr_equal(account_parent(&child), &root);
    assert_ptr_equal(charge.account, &child);
    assert_int_equal(root.used[ACCOUNT_CALLS], 100);
    assert_int_equal(root.lent[ACCOUNT_CALLS], 100);
    assert_int_equal(dying.used[ACCOUNT_CALLS], 0);
    assert_int_equal(dying.lent[ACCOUNT_CALLS], 0);
    assert_true(account_check(&root) && account_check(&dying) && account_check(&child));
    account_close(&dying);
    assert_int_equal(root.used[ACCOUNT_CALLS], 40);
    assert_int_equal(account_charge(&child, ACCOUNT_CALLS, 30), ST_OK);
    account_release(&child, ACCOUNT_CALLS, 30);
    assert_true(account_pass_on(&child));
    account_close(&child);
    assert_int_equal(root.used[ACCOUNT_CALLS], 10);
    account_drop(&charge);
    assert_int_equal(root.used[ACCOUNT_CALLS], 0);
    assert_true(account_check(&root));
}

static void test_bugs_of_the_caller_are_asserted(void **state)
{
    struct account root, child, grandchild;
    struct charge charge;

    (void)state;
    account_init(&root, hundred);
    assert_int_equal(account_open(&child, &root, forty), ST_OK);
    assert_int_equal(account_open(&grandchild, &child, nothing), ST_OK);
    account_close(&grandchild);
    assert_int_equal(account_open(&grandchild, &child, forty), ST_OK);
    expect_assert_failure(account_close(&root));
    expect_assert_failure(account_close(&child));
    expect_assert_failure(account_release(&child, ACCOUNT_CALLS, 1));
    expect_assert_failure(account_release(&root, ACCOUNT_CALLS, 1));
    assert_int_equal(account_charge(&root, ACCOUNT_CALLS, 5), ST_OK);
    expect_assert_failure(account_release(&root, ACCOUNT_CALLS, 6));
    account_close(&grandchild);
    expect_assert_failure(account_close(&grandchild));
    assert_int_equal(account_take(&child, &charge, forty), ST_OK);
    expect_assert_failure(account_close(&child));
    child.used[ACCOUNT_FRAMES] = 39;
    expect_assert_failure(account_drop(&charge));
    assert_int_equal(account_take(&root, &charge, nothing), ST_OK);
    list_remove(&child.budget.node);
    expect_assert_failure(account_pass_on(&root));
}

/* ------------------------------------------------------------------------- */
/* A random tree of accounts and charges beside sums made anew after each step. */

static struct account tree[TREE];
static bool is_open[TREE];
static struct charge things[THINGS];
static uint64_t sums[TREE][ACCOUNT_KINDS]; /* what account_charge charged */
static uint64_t seed;

static unsigned chance(unsigned below)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(seed >> 33) % below;
}

/* A dying account ends, in one go or with other things happening in between. */
static bool dying[TREE];

static void end_a_bit(unsigned i)
{
    dying[i] = true;
    if (account_pass_on(&tree[i])) {
        return;
    }
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        account_release(&tree[i], (enum account_kind)kind, sums[i][kind]);
        sums[i][kind] = 0;
    }
    account_close(&tree[i]);
    is_open[i] = false;
    dying[i] = false;
}

static void tree_step(void)
{
    unsigned i = chance(TREE);
    unsigned kind = chance(ACCOUNT_KINDS);
    struct charge *thing = &things[chance(THINGS)];
    const uint64_t amount[ACCOUNT_KINDS] = {chance(30), chance(9), chance(30), chance(3), 0};

    if (!is_open[i]) {
        unsigned of = chance(TREE);
        is_open[i] =
            is_open[of] && !dying[of] && account_open(&tree[i], &tree[of], amount) == ST_OK;
        return;
    }
    if (i != 0 && (dying[i] || chance(12) == 0)) {
        end_a_bit(i);
        return;
    }
    switch (chance(4)) {
    case 0:
        account_drop(thing);
        break;
    case 1:
        if (thing->account == NULL) {
            (void)!account_take(&tree[i], thing, amount);
        }
        break;
    case 2:
        if (account_charge(&tree[i], (enum account_kind)kind, amount[0]) == ST_OK) {
            sums[i][kind] += amount[0];
        }
        break;
    default:
        account_release(&tree[i], (enum account_kind)kind, sums[i][kind] / 2);
        sums[i][kind] -= sums[i][kind] / 2;
        break;
    }
}

static void check_one(unsigned i)
{
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        uint64_t lent = 0;
        uint64_t used = sums[i][kind];

        for (unsigned c = 1; c < TREE; c++) {
            lent += is_open[c] && account_parent(&tree[c]) == &tree[i] ? tree[c].budget.amount[kind]
                                                                       : 0;
        }
        for (unsigned t = 0; t < THINGS; t++) {
            used += things[t].account == &tree[i] ? things[t].amount[kind] : 0;
        }
        assert_int_equal(tree[i].lent[kind], lent);
        assert_int_equal(tree[i].used[kind], used + lent);
    }
}

static void test_random_tree(void **state)
{
    (void)state;
    for (unsigned run = 0; run < 8; run++) {
        seed = run;
        memset(is_open, 0, sizeof(is_open));
        memset(dying, 0, sizeof(dying));
        memset(things, 0, sizeof(things));
        memset(sums, 0, sizeof(sums));
        account_init(&tree[0], hundred);
        is_open[0] = true;
        for (unsigned step = 0; step < 5000; step++) {
            tree_step();
            for (unsigned i = 0; i < TREE; i++) {
                if (is_open[i]) {
                    assert_true(account_check(&tree[i]));
                    check_one(i);
                }
            }
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
        a.budget.amount[kind] = 9;
        assert_false(account_check(&a));
        a.budget.amount[kind] = 101;
        assert_false(account_check(&a));
    }
}

static void test_check_sees_damaged_charges(void **state)
{
    struct account a, child;
    struct charge charge;

    (void)state;
    account_init(&a, hundred);
    assert_int_equal(account_open(&child, &a, forty), ST_OK);
    assert_int_equal(account_take(&a, &charge, forty), ST_OK);
    assert_true(account_check(&a));
    charge.account = &child;
    assert_false(account_check(&a));
    charge.account = &a;
    charge.amount[ACCOUNT_SLOTS] = 41;
    assert_false(account_check(&a));
    charge.amount[ACCOUNT_SLOTS] = 40;
    child.budget.amount[ACCOUNT_CALLS] = 39;
    assert_false(account_check(&a));
    child.budget.amount[ACCOUNT_CALLS] = 40;
    charge.lends = true;
    assert_false(account_check(&a));
    charge.lends = false;
    assert_true(account_check(&a));
    charge.node.prev = &charge.node;
    assert_false(account_check(&a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_charge_to_the_limit),
        cmocka_unit_test(test_largest_budget),
        cmocka_unit_test(test_open_takes_all_or_nothing),
        cmocka_unit_test(test_close_leaves_the_rest_to_the_parent),
        cmocka_unit_test(test_take_all_or_nothing),
        cmocka_unit_test(test_what_is_passed_on_takes_its_budget_along),
        cmocka_unit_test(test_a_child_is_passed_on_with_what_it_owns),
        cmocka_unit_test(test_bugs_of_the_caller_are_asserted),
        cmocka_unit_test(test_random_tree),
        cmocka_unit_test(test_check_sees_damage),
        cmocka_unit_test(test_check_sees_damaged_charges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
