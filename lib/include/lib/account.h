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
 * Invariants, for every kind; account_check() checks the first, and a recount that
 * knows all accounts the second:
 *   1  lent ≤ used ≤ peak ≤ max
 *   2  what a parent has lent is the sum of its open children's `max`
 *
 * Accounts outlive processes: what a dead process still has charged (an object
 * that others hold) passes to its parent with account_close().
 */
#pragma once

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

/* Zero-initialised storage is not an account; use account_init or account_open. */
struct account {
    struct account *parent;       /* borrowed; NULL for the root */
    uint64_t used[ACCOUNT_KINDS]; /* charged here, and lent to children */
    uint64_t lent[ACCOUNT_KINDS]; /* of `used`: budgets of open children */
    uint64_t max[ACCOUNT_KINDS];
    uint64_t peak[ACCOUNT_KINDS]; /* highest `used` so far */
};

/* Makes a root account with these budgets. Keeps nothing. */
void account_init(struct account *a, const uint64_t max[ACCOUNT_KINDS]);

/*
 * Opens a child whose budget is taken out of the parent's. Keeps `parent`, which
 * must outlive the child. ST_OVER_BUDGET: the parent has less left than `max`.
 */
enum status account_open(struct account *child, struct account *parent,
                         const uint64_t max[ACCOUNT_KINDS]);

/*
 * Gives the budget back to the parent. What is still charged here stays charged
 * there: the parent's `used` shrinks by max − used, and the remainder is no
 * longer lent but the parent's own. The child must have no open children. A closed
 * account has no budget and no parent; its peak can still be read.
 */
void account_close(struct account *child);

/* Charges n, or ST_OVER_BUDGET and nothing changed. */
enum status account_charge(struct account *a, enum account_kind kind, uint64_t n);

/* Takes back a charge of n. That no more is released than was charged is asserted. */
void account_release(struct account *a, enum account_kind kind, uint64_t n);

/* Whether invariant 1 holds. */
bool account_check(const struct account *a);
