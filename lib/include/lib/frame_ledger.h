// SPDX-License-Identifier: MIT
/*
 * The frame ledger: which frames have been handed out as memory objects and not been
 * given back, and who pays for each.
 *
 * A grant is a row of adjacent frames with the charge for it, which lasts as long as
 * the memory does, whatever becomes of the process that asked for it (lib/account.h).
 * The charge comes first, so that nothing is taken that nobody can pay for:
 *
 *   frame_ledger_open ──► the frames are taken ──► frame_ledger_add
 *           │                                              │
 *           └─────────────► frame_ledger_close ◄───────────┘
 *
 * Frames are numbers, as in lib/frame_bitmap.h.
 *
 * Invariants, checked by frame_ledger_check():
 *   1  no frame is in two grants
 *   2  each grant has an account that is charged for as many frames as the grant has
 *   3  `frames` is the sum of all grants
 */
#pragma once

#include <lib/account.h>
#include <lib/list.h>
#include <lib/status.h>
#include <stdbool.h>
#include <stdint.h>

struct frame_grant {
    struct list_node node; /* in the ledger */
    uint64_t first;        /* frame; meaningful from frame_ledger_add on */
    uint64_t count;
    struct charge charge;
};

struct frame_ledger {
    struct list_node grants;
    uint64_t frames;
};

void frame_ledger_init(struct frame_ledger *ledger);

/*
 * Charges `count` frames, and the heap bytes that the object takes, for a grant to be.
 * ST_OVER_BUDGET.
 */
enum status frame_ledger_open(struct frame_grant *grant, struct account *payer, uint64_t count,
                              uint64_t heap_bytes);

/* Enters the grant: these are its frames, from `first` on. Keeps `grant`. */
void frame_ledger_add(struct frame_ledger *ledger, struct frame_grant *grant, uint64_t first);

/*
 * Ends a grant, entered or not: its frames, if it has any, have been given back, and
 * nobody pays for it any more.
 */
void frame_ledger_close(struct frame_ledger *ledger, struct frame_grant *grant);

/* Whether all invariants hold. Compares every two grants. */
bool frame_ledger_check(const struct frame_ledger *ledger);
