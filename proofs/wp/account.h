// SPDX-License-Identifier: MIT
/*
 * What is proven of accounts, for any budgets: nothing is charged that is not left, a refusal
 * changes nothing, and a charge that is dropped gives back exactly what was taken.
 */
#pragma once

#include <lib/account.h>

#include "list.h"

/* clang-format off */
/*@
  predicate sums_sound(struct account *a) =
      \forall integer k; 0 <= k < ACCOUNT_KINDS ==>
          a->lent[k] <= a->used[k] <= a->budget.amount[k] <= a->max[k] &&
          a->used[k] <= a->peak[k] <= a->max[k];
*/

/*@
  predicate can_drop(struct charge *charge, struct account *a) =
      \valid(a) && sums_sound(a) && \valid(charge->node.prev) && \valid(charge->node.next) &&
      \base_addr(charge) != \base_addr(a) &&
      (\forall integer k; 0 <= k < ACCOUNT_KINDS ==>
          charge->amount[k] <= (charge->lends ? a->lent[k] : a->used[k] - a->lent[k]));
*/

/*@ requires \false;
    assigns \nothing;
    ensures \false; */
_Noreturn void lib_assert_failed(const char *sentence, const char *file, int line);

/*@ requires \valid(a) && sums_sound(a) && 0 <= kind < ACCOUNT_KINDS;
    assigns a->used[kind], a->peak[kind];
    ensures sums_sound(a);
    behavior refused:
      assumes n > a->budget.amount[kind] - a->used[kind];
      ensures \result == ST_OVER_BUDGET;
      ensures a->used[kind] == \old(a->used[kind]) && a->peak[kind] == \old(a->peak[kind]);
    behavior charged:
      assumes n <= a->budget.amount[kind] - a->used[kind];
      ensures \result == ST_OK;
      ensures a->used[kind] == \old(a->used[kind]) + n; */
static inline enum status account_charge(struct account *a, enum account_kind kind, uint64_t n);

/*@ requires \valid(a) && sums_sound(a) && 0 <= kind < ACCOUNT_KINDS;
    requires n <= a->used[kind] - a->lent[kind];
    assigns a->used[kind];
    ensures sums_sound(a);
    ensures a->used[kind] == \old(a->used[kind]) - n; */
static inline void account_release(struct account *a, enum account_kind kind, uint64_t n);

/*@ requires \valid(a) && sums_sound(a) && \valid(charge) && \valid(a->charges.prev);
    requires \valid_read(amount + (0 .. ACCOUNT_KINDS - 1));
    requires \base_addr(a) != \base_addr(charge) && \base_addr(amount) != \base_addr(charge);
    requires \base_addr(amount) != \base_addr(a);
    requires a->charges.prev->next == &a->charges;
    requires a->charges.prev == &a->charges || \base_addr(a->charges.prev) != \base_addr(a);
    requires \base_addr(a->charges.prev) != \base_addr(charge);
    assigns a->used[0 .. ACCOUNT_KINDS - 1], a->peak[0 .. ACCOUNT_KINDS - 1], *charge,
            a->charges.prev, a->charges.prev->next;
    ensures sums_sound(a);
    behavior refused:
      assumes \exists integer k; 0 <= k < ACCOUNT_KINDS &&
                  amount[k] > a->budget.amount[k] - a->used[k];
      ensures \result == ST_OVER_BUDGET;
      ensures \forall integer k; 0 <= k < ACCOUNT_KINDS ==> a->used[k] == \old(a->used[k]);
      ensures charge->account == \old(charge->account);
    behavior taken:
      assumes \forall integer k; 0 <= k < ACCOUNT_KINDS ==>
                  amount[k] <= a->budget.amount[k] - a->used[k];
      ensures \result == ST_OK;
      ensures \forall integer k; 0 <= k < ACCOUNT_KINDS ==>
                  a->used[k] == \old(a->used[k]) + amount[k] && charge->amount[k] == amount[k];
      ensures charge->account == a && !charge->lends; */
enum status account_take(struct account *a, struct charge *charge,
                         const uint64_t amount[ACCOUNT_KINDS]);

/*@ requires \valid(charge);
    requires charge->account != \null ==> can_drop(charge, charge->account);
    assigns charge->account->used[0 .. ACCOUNT_KINDS - 1],
            charge->account->lent[0 .. ACCOUNT_KINDS - 1],
            charge->amount[0 .. ACCOUNT_KINDS - 1], charge->node, charge->account,
            charge->node.prev->next, charge->node.next->prev;
    ensures charge->account == \null;
    ensures \old(charge->account) != \null ==> sums_sound(\old(charge->account));
    ensures \old(charge->account) != \null ==>
        (\forall integer k; 0 <= k < ACCOUNT_KINDS ==> charge->amount[k] == 0);
    ensures \old(charge->account) != \null ==>
        (\forall integer k; 0 <= k < ACCOUNT_KINDS ==>
            \old(charge->account)->used[k] ==
                \old(charge->account->used[k]) - \old(charge->amount[k])); */
void account_drop(struct charge *charge);
/* clang-format on */
