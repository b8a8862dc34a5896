// SPDX-License-Identifier: MIT
/*
 * The recount: what the machine holds, counted from the ground (the frame bitmap,
 * the heap's pages, the lists of objects and processes, the slots of every table),
 * not from the counters that the kernel keeps as it goes; those, the accounts above
 * all, must agree with the start as well.
 */
#pragma once

#include <lib/account.h>
#include <stdint.h>

#include "cap/cap.h"

struct recount {
    uint64_t frames_free;
    uint64_t frames_lent; /* as memory objects */
    uint64_t heap_blocks;
    uint64_t heap_bytes;
    uint64_t objects;
    uint64_t slots; /* used, in the kernel's own table */
    uint64_t processes;
    uint64_t charged[ACCOUNT_KINDS]; /* to the root account, and lent by it */
};

void recount_take(struct recount *out, const struct account *root);

/*
 * Counts the holds on every object (A1, A3), at any time between threads: the slots of all
 * tables, entries in flight, mappings, what objects have of each other, and what
 * `each_other`, unless it is NULL, calls its argument with. Prints a line for each object
 * that says otherwise and returns their number.
 */
uint32_t recount_holds(void (*each_other)(void (*visit)(struct cap_object *held)));

/* The same of what the account of each process says: frames, slots, calls and itself. */
uint32_t recount_accounts(void);

/*
 * At the end of a run: recounts and compares with the start; also checks that the kernel's
 * counters agree with what they count. Prints a line for each difference and returns their
 * number.
 */
uint32_t recount_compare(const struct recount *start, const struct account *root);
