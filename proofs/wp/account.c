// SPDX-License-Identifier: MIT
/*
 * Accounts: the contracts of account.h, by those of the functions inside.
 */
/* WP: functions list_init list_insert_after list_push_back list_unlink list_remove account_charge
       account_release account_left account_refused account_add has_left list_charge account_take
       unlist account_drop */
/* WP: goals 230 */
#include "account.h"

/* clang-format off */
/*@ requires \valid_read(a) && sums_sound(a) && kind < ACCOUNT_KINDS;
    assigns \nothing;
    ensures \result == a->budget.amount[kind] - a->used[kind]; */
static inline uint64_t account_left(const struct account *a, enum account_kind kind);

/*@ assigns \nothing;
    ensures \result == ST_OVER_BUDGET; */
enum status account_refused(void);

/*@ requires \valid(a) && sums_sound(a) && kind < ACCOUNT_KINDS;
    requires n <= a->budget.amount[kind] - a->used[kind];
    assigns a->used[kind], a->peak[kind];
    ensures sums_sound(a);
    ensures a->used[kind] == \old(a->used[kind]) + n; */
static inline void account_add(struct account *a, enum account_kind kind, uint64_t n);

/*@ requires \valid_read(a) && sums_sound(a) && \valid_read(amount + (0 .. ACCOUNT_KINDS - 1));
    assigns \nothing;
    ensures \result <==> (\forall integer k; 0 <= k < ACCOUNT_KINDS ==>
                              amount[k] <= a->budget.amount[k] - a->used[k]); */
static bool has_left(const struct account *a, const uint64_t amount[ACCOUNT_KINDS]);

/*@ requires \valid(a) && \valid(charge) && \valid(a->charges.prev);
    requires \base_addr(a) != \base_addr(charge);
    requires a->charges.prev->next == &a->charges;
    requires a->charges.prev == &a->charges || \base_addr(a->charges.prev) != \base_addr(a);
    requires \base_addr(a->charges.prev) != \base_addr(charge);
    assigns charge->account, charge->node, a->charges.prev, a->charges.prev->next;
    ensures charge->account == a && a->charges.prev == &charge->node; */
static void list_charge(struct account *a, struct charge *charge);

/*@ requires \valid(charge) && can_drop(charge, charge->account);
    requires keep == \null || \valid_read(keep + (0 .. ACCOUNT_KINDS - 1));
    requires \base_addr(keep) != \base_addr(charge) &&
             \base_addr(keep) != \base_addr(charge->account);
    requires keep != \null ==> (\forall integer k; 0 <= k < ACCOUNT_KINDS ==>
                                    keep[k] <= charge->amount[k]);
    assigns charge->account->used[0 .. ACCOUNT_KINDS - 1],
            charge->account->lent[0 .. ACCOUNT_KINDS - 1],
            charge->amount[0 .. ACCOUNT_KINDS - 1], charge->node, charge->account,
            charge->node.prev->next, charge->node.next->prev;
    ensures sums_sound(\old(charge->account));
    ensures charge->account == \null;
    ensures \forall integer k; 0 <= k < ACCOUNT_KINDS ==> charge->amount[k] == 0;
    ensures \forall integer k; 0 <= k < ACCOUNT_KINDS ==>
        \old(charge->account)->used[k] ==
            \old(charge->account->used[k]) - \old(charge->amount[k]) +
            (keep != \null ? keep[k] : 0); */
static void unlist(struct charge *charge, const uint64_t *keep);
/* clang-format on */

#include "../../lib/account.c"
