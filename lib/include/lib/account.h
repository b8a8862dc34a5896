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
 * Invariants, checked by account_check():
 *   1  used ≤ max and peak ≥ used, for every kind
 *   2  the part of a parent's `used` that is lent to children is the sum of
 *      their `max`
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
 * longer lent but the parent's own. The child must have no open children.
 */
void account_close(struct account *child);

/* Charges n, or ST_OVER_BUDGET and nothing changed. */
enum status account_charge(struct account *a, enum account_kind kind, uint64_t n);

/* Takes back a charge of n. Charging less than was used is our own bug: asserted. */
void account_release(struct account *a, enum account_kind kind, uint64_t n);

/* Whether invariant 1 holds. */
bool account_check(const struct account *a);
