// SPDX-License-Identifier: MIT
/*
 * Accounts: who pays for what.
 *
 * Every frame, heap byte, capability slot, outstanding call and process is
 * charged to one account before it is taken. Budgets are hierarchical by
 * construction: a child's budget is taken out of its parent's when the child is
 * opened, and given back when it is closed, so a charge touches one account
 * only, whatever the depth.
 *
 * What certainly dies with the owner of an account, a process, is charged by
 * account_charge: a sum. What may outlive it, an object that others hold or a child
 * account, is a struct charge, which knows its account and is listed there. When
 * the owner dies, its charges pass to the parent, one at a time and together with the
 * part of the budget that they use up, so nobody has to be asked whether there is room:
 *
 *   account_open ──► charges come and go ──► account_pass_on … ──► account_close
 *
 * Invariants, for every kind. account_check() checks the first three, and a recount
 * that knows all accounts the last:
 *   1  lent ≤ used ≤ budget ≤ max, and used ≤ peak ≤ max
 *   2  lent is the sum of the listed charges that are budgets of children
 *   3  used − lent is at least the sum of the other listed charges
 *   4  a child's budget is a charge of its parent's, and of its parent's alone
 */
#pragma once

#include <lib/assert.h>
#include <lib/list.h>
#include <lib/status.h>
#include <stdbool.h>
#include <stdint.h>

enum account_kind {
    ACCOUNT_FRAMES,     /* frames of 4 KiB, whatever for */
    ACCOUNT_HEAP_BYTES, /* kernel heap, by the size really taken */
    ACCOUNT_SLOTS,      /* capability slots in use */
    ACCOUNT_CALLS,      /* calls queued or in flight */
    ACCOUNT_PROCESSES,
    ACCOUNT_KINDS
};

/* What one thing costs the account that it is charged to. Zeroed: nothing, to nobody. */
struct charge {
    struct list_node node;   /* among the account's charges */
    struct account *account; /* NULL: nobody */
    uint64_t amount[ACCOUNT_KINDS];
    bool lends; /* it is the budget of a child account */
};

/* Zero-initialised storage is not an account; use account_init or account_open. */
struct account {
    struct charge budget;         /* of the parent's, unless this is the root */
    struct list_node charges;     /* struct charge */
    uint64_t used[ACCOUNT_KINDS]; /* charged here, and lent to children */
    uint64_t lent[ACCOUNT_KINDS]; /* of `used`: budgets of open children */
    uint64_t max[ACCOUNT_KINDS];  /* [I] the budget as it was given */
    uint64_t peak[ACCOUNT_KINDS]; /* highest `used` so far */
};

/* Makes a root account with these budgets. It must stay where it is. */
void account_init(struct account *a, const uint64_t max[ACCOUNT_KINDS]);

/*
 * Opens a child whose budget is taken out of the parent's; it must stay where it is.
 * Its parent is `parent` until that passes it on. ST_OVER_BUDGET: the parent has
 * less left than `max`.
 */
enum status account_open(struct account *child, struct account *parent,
                         const uint64_t max[ACCOUNT_KINDS]);

/* Whose budget this one's is taken out of. NULL: it is the root, or closed. */
static inline struct account *account_parent(const struct account *a)
{
    return a->budget.account;
}

/*
 * Moves one charge of an account that is to be closed to its parent, with that part
 * of the budget. Takes the same time whatever there is. False: there is none left.
 */
bool account_pass_on(struct account *dying);

/*
 * Gives the budget back to the parent, when no charge is listed any more: asserted. A
 * sum that is still charged here stays charged there. A closed account has no budget
 * and no parent; max and peak can still be read.
 */
void account_close(struct account *child);

/* How much more can be charged. */
static inline uint64_t account_left(const struct account *a, enum account_kind kind)
{
    return a->budget.amount[kind] - a->used[kind];
}

/* Charges n, which account_left has said is left. */
static inline void account_add(struct account *a, enum account_kind kind, uint64_t n)
{
    uint64_t used = a->used[kind] + n;

    a->used[kind] = used;
    if (used > a->peak[kind]) {
        a->peak[kind] = used;
    }
}

/*
 * ST_OVER_BUDGET. Out of line, and so a call in what is linked at each place where a charge
 * may be refused: tests/alloc_sites.py finds them by it.
 */
enum status account_refused(void);

/* Charges n, or ST_OVER_BUDGET and nothing changed. */
static inline enum status account_charge(struct account *a, enum account_kind kind, uint64_t n)
{
    if (__builtin_expect(n > account_left(a, kind), 0)) {
        return account_refused();
    }
    account_add(a, kind, n);
    return ST_OK;
}

/* Takes back a charge of n. That no more is released than was charged is asserted. */
static inline void account_release(struct account *a, enum account_kind kind, uint64_t n)
{
    uint64_t used = a->used[kind];

    LIB_ASSERT(n <= used - a->lent[kind], "no more is released than was charged");
    a->used[kind] = used - n;
}

/*
 * Charges these amounts, all or none, for a thing that may outlive the account. Keeps
 * `charge`, which is nobody's before. ST_OVER_BUDGET: nothing changed.
 */
enum status account_take(struct account *a, struct charge *charge,
                         const uint64_t amount[ACCOUNT_KINDS]);

/* Takes a charge back from whichever account has it now; from nobody: does nothing. */
void account_drop(struct charge *charge);

/* Whether invariants 1 to 3 hold. Walks the charges. */
bool account_check(const struct account *a);
