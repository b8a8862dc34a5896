// SPDX-License-Identifier: MIT
/*
 * Accounts. Sums cannot overflow: everything that is added to `used` was first
 * found to be at most max − used.
 */
#include <lib/account.h>

#include <lib/assert.h>
#include <stddef.h>

static void raise_peak(struct account *a, enum account_kind kind)
{
    if (a->used[kind] > a->peak[kind]) {
        a->peak[kind] = a->used[kind];
    }
}

void account_init(struct account *a, const uint64_t max[ACCOUNT_KINDS])
{
    *a = (struct account){.parent = NULL};
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        a->max[kind] = max[kind];
    }
}

enum status account_open(struct account *child, struct account *parent,
                         const uint64_t max[ACCOUNT_KINDS])
{
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        if (max[kind] > parent->max[kind] - parent->used[kind]) {
            return ST_OVER_BUDGET;
        }
    }
    account_init(child, max);
    child->parent = parent;
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        parent->used[kind] += max[kind];
        parent->lent[kind] += max[kind];
        raise_peak(parent, kind);
    }
    return ST_OK;
}

void account_close(struct account *child)
{
    struct account *parent = child->parent;

    LIB_ASSERT(parent != NULL, "only an account that was opened is closed");
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        LIB_ASSERT(child->lent[kind] == 0, "an account is closed after its children");
        LIB_ASSERT(parent->lent[kind] >= child->max[kind],
                   "a child's budget is lent by its parent");
    }
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        parent->lent[kind] -= child->max[kind];
        parent->used[kind] -= child->max[kind] - child->used[kind];
        child->max[kind] = 0;
        child->used[kind] = 0;
    }
    child->parent = NULL;
}

enum status account_charge(struct account *a, enum account_kind kind, uint64_t n)
{
    if (n > a->max[kind] - a->used[kind]) {
        return ST_OVER_BUDGET;
    }
    a->used[kind] += n;
    raise_peak(a, kind);
    return ST_OK;
}

void account_release(struct account *a, enum account_kind kind, uint64_t n)
{
    LIB_ASSERT(n <= a->used[kind] - a->lent[kind], "no more is released than was charged");
    a->used[kind] -= n;
}

bool account_check(const struct account *a)
{
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        if (a->lent[kind] > a->used[kind] || a->used[kind] > a->peak[kind] ||
            a->peak[kind] > a->max[kind]) {
            return false;
        }
    }
    return true;
}
