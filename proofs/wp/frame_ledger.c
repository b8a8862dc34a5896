// SPDX-License-Identifier: MIT
/*
 * The frame ledger, for any number of grants: `frames` grows by what is entered, and a grant is
 * charged for exactly the frames that it has. Closing one is left to lib/test/frame_ledger_test.c.
 */
/* WP: functions frame_ledger_init frame_ledger_open frame_ledger_add */
/* WP: goals 43 */
#include "account.h"

#include <lib/frame_ledger.h>

/* clang-format off */
/*@ requires \valid(ledger);
    assigns *ledger;
    ensures ledger->frames == 0;
    ensures ledger->grants.next == &ledger->grants && ledger->grants.prev == &ledger->grants; */
void frame_ledger_init(struct frame_ledger *ledger);

/*@ requires \valid(grant) && \valid(payer) && sums_sound(payer) && \valid(payer->charges.prev);
    requires \base_addr(payer) != \base_addr(grant);
    requires payer->charges.prev->next == &payer->charges;
    requires payer->charges.prev == &payer->charges ||
             \base_addr(payer->charges.prev) != \base_addr(payer);
    requires \base_addr(payer->charges.prev) != \base_addr(grant);
    assigns payer->used[0 .. ACCOUNT_KINDS - 1], payer->peak[0 .. ACCOUNT_KINDS - 1], *grant,
            payer->charges.prev, payer->charges.prev->next;
    ensures sums_sound(payer);
    ensures \result == ST_OK || \result == ST_OVER_BUDGET;
    ensures \result == ST_OK ==> grant->count == count && grant->charge.account == payer &&
        grant->charge.amount[ACCOUNT_FRAMES] == count && !grant->charge.lends &&
        grant->node.next == &grant->node &&
        payer->used[ACCOUNT_FRAMES] == \old(payer->used[ACCOUNT_FRAMES]) + count &&
        payer->used[ACCOUNT_HEAP_BYTES] == \old(payer->used[ACCOUNT_HEAP_BYTES]) + heap_bytes;
    ensures \result == ST_OVER_BUDGET ==>
        (\forall integer k; 0 <= k < ACCOUNT_KINDS ==>
            payer->used[k] == \old(payer->used[k])); */
enum status frame_ledger_open(struct frame_grant *grant, struct account *payer, uint64_t count,
                              uint64_t heap_bytes);

/*@ requires \valid(ledger) && \valid(grant) && \base_addr(ledger) != \base_addr(grant);
    requires \valid(ledger->grants.prev) && ledger->grants.prev->next == &ledger->grants;
    requires ledger->grants.prev == &ledger->grants ||
             \base_addr(ledger->grants.prev) != \base_addr(ledger);
    requires \base_addr(ledger->grants.prev) != \base_addr(grant);
    requires ledger->frames + grant->count <= UINT64_MAX;
    assigns grant->first, grant->node, ledger->grants.prev, ledger->grants.prev->next,
            ledger->frames;
    ensures grant->first == first && grant->node.next == &ledger->grants;
    ensures ledger->frames == \old(ledger->frames) + grant->count; */
void frame_ledger_add(struct frame_ledger *ledger, struct frame_grant *grant, uint64_t first);
/* clang-format on */

#include "../../lib/frame_ledger.c"
