// SPDX-License-Identifier: MIT
/*
 * Accounts, beside their inline charges. Sums cannot overflow: everything that is added to
 * `used` was first found to be at most budget − used.
 */
#include <lib/account.h>

#include <lib/assert.h>
#include <stddef.h>

__attribute__((cold, noinline)) enum status account_refused(void)
{
    return ST_OVER_BUDGET;
}

void account_init(struct account *a, const uint64_t max[ACCOUNT_KINDS])
{
    *a = (struct account){.budget.lends = true};
    list_init(&a->charges);
    list_init(&a->budget.node);
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        a->budget.amount[kind] = max[kind];
        a->max[kind] = max[kind];
    }
}

static bool has_left(const struct account *a, const uint64_t amount[ACCOUNT_KINDS])
{
    /*@ loop invariant 0 <= kind <= ACCOUNT_KINDS;
        loop invariant \forall integer k; 0 <= k < kind ==>
                           amount[k] <= a->budget.amount[k] - a->used[k];
        loop assigns kind; */
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        if (amount[kind] > account_left(a, kind)) {
            return false;
        }
    }
    return true;
}

static void list_charge(struct account *a, struct charge *charge)
{
    charge->account = a;
    list_push_back(&a->charges, &charge->node);
}

enum status account_take(struct account *a, struct charge *charge,
                         const uint64_t amount[ACCOUNT_KINDS])
{
    if (!has_left(a, amount)) {
        return account_refused();
    }
    /*@ loop invariant 0 <= kind <= ACCOUNT_KINDS && sums_sound(a);
        loop invariant \forall integer k; 0 <= k < kind ==>
            a->used[k] == \at(a->used[k], Pre) + amount[k];
        loop invariant \forall integer k; 0 <= k < kind ==> charge->amount[k] == amount[k];
        loop invariant \forall integer k; kind <= k < ACCOUNT_KINDS ==>
            a->used[k] == \at(a->used[k], Pre);
        loop assigns kind, a->used[0 .. ACCOUNT_KINDS - 1], a->peak[0 .. ACCOUNT_KINDS - 1],
                     charge->amount[0 .. ACCOUNT_KINDS - 1]; */
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        account_add(a, kind, amount[kind]);
        charge->amount[kind] = amount[kind];
    }
    charge->lends = false;
    list_charge(a, charge);
    return ST_OK;
}

enum status account_open(struct account *child, struct account *parent,
                         const uint64_t max[ACCOUNT_KINDS])
{
    if (!has_left(parent, max)) {
        return account_refused();
    }
    account_init(child, max);
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        account_add(parent, kind, max[kind]);
        parent->lent[kind] += max[kind];
    }
    list_charge(parent, &child->budget);
    return ST_OK;
}

/* Takes a charge off an account's list and sums, but for `keep` of it, which may be NULL. */
static void unlist(struct charge *charge, const uint64_t *keep)
{
    struct account *a = charge->account;

    /*@ loop invariant 0 <= kind <= ACCOUNT_KINDS && sums_sound(a);
        loop invariant \forall integer k; 0 <= k < kind ==> charge->amount[k] == 0;
        loop invariant \forall integer k; 0 <= k < kind ==>
            a->used[k] == \at(a->used[k] - charge->amount[k], LoopEntry) +
                              (keep != \null ? keep[k] : 0);
        loop invariant \forall integer k; kind <= k < ACCOUNT_KINDS ==>
            charge->amount[k] == \at(charge->amount[k], LoopEntry) &&
            a->used[k] == \at(a->used[k], LoopEntry) && a->lent[k] == \at(a->lent[k], LoopEntry);
        loop assigns kind, a->used[0 .. ACCOUNT_KINDS - 1], a->lent[0 .. ACCOUNT_KINDS - 1],
                     charge->amount[0 .. ACCOUNT_KINDS - 1]; */
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        uint64_t n = charge->amount[kind];
        LIB_ASSERT(n <= (charge->lends ? a->lent[kind] : a->used[kind] - a->lent[kind]),
                   "a charge is part of what its account has used");
        a->used[kind] -= n - (keep != NULL ? keep[kind] : 0);
        a->lent[kind] -= charge->lends ? n : 0;
        charge->amount[kind] = 0;
    }
    list_remove(&charge->node);
    charge->account = NULL;
}

void account_drop(struct charge *charge)
{
    if (charge->account != NULL) {
        unlist(charge, NULL);
    }
}

bool account_pass_on(struct account *dying)
{
    struct account *parent = account_parent(dying);
    struct list_node *node = list_pop_front(&dying->charges);

    if (node == NULL) {
        return false;
    }
    struct charge *charge = LIST_OWNER(node, struct charge, node);
    LIB_ASSERT(parent != NULL, "the root account passes nothing on");
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        uint64_t n = charge->amount[kind];
        dying->used[kind] -= n;
        dying->budget.amount[kind] -= n;
        if (charge->lends) {
            dying->lent[kind] -= n; /* and the parent lends it to the child instead */
        } else {
            parent->lent[kind] -= n;
        }
    }
    list_charge(parent, charge);
    return true;
}

void account_close(struct account *child)
{
    LIB_ASSERT(account_parent(child) != NULL, "only an account that was opened is closed");
    LIB_ASSERT(list_is_empty(&child->charges), "an account is closed when it has passed on");
    unlist(&child->budget, child->used);
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        child->used[kind] = 0;
    }
}

/* Adds the listed charges up, those that lend apart. False: one is not the account's. */
static bool sum_charges(const struct account *a, uint64_t lent[ACCOUNT_KINDS],
                        uint64_t own[ACCOUNT_KINDS])
{
    for (struct list_node *n = list_first(&a->charges); n != NULL; n = list_next(&a->charges, n)) {
        const struct charge *charge = LIST_OWNER(n, struct charge, node);

        if (charge->account != a) {
            return false;
        }
        for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
            *(charge->lends ? &lent[kind] : &own[kind]) += charge->amount[kind];
        }
    }
    return true;
}

bool account_check(const struct account *a)
{
    uint64_t lent[ACCOUNT_KINDS] = {0};
    uint64_t own[ACCOUNT_KINDS] = {0};

    if (!list_check(&a->charges, SIZE_MAX) || !sum_charges(a, lent, own)) {
        return false;
    }
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        if (a->lent[kind] > a->used[kind] || a->used[kind] > a->budget.amount[kind] ||
            a->budget.amount[kind] > a->max[kind] || a->used[kind] > a->peak[kind] ||
            a->peak[kind] > a->max[kind] || lent[kind] != a->lent[kind] ||
            own[kind] > a->used[kind] - a->lent[kind]) {
            return false;
        }
    }
    return true;
}
