// SPDX-License-Identifier: MIT
/*
 * Time-outs: a hierarchical wheel of lists. Adding and cancelling a timer cost
 * the same however many are pending.
 *
 * Level k has 64 slots of 64^k ticks each. A timer lies in the lowest level in
 * which its deadline and the present differ only in that level's digit (base 64),
 * in the slot of that digit. When the present enters a slot of a higher level, its
 * timers move down; a timer moves at most TIMER_WHEEL_LEVELS − 1 times. A word
 * per level says which slots are occupied, so empty ticks are jumped over and the
 * kernel may stop its tick while nothing waits.
 *
 *            timer_wheel_add                 timer_wheel_expire
 *   idle ───────────────────────► pending ───────────────────────► idle
 *     ▲                              │
 *     └───────timer_wheel_cancel─────┘
 *
 * The timer is the caller's storage and must outlive its pending time.
 *
 * Invariants, checked by timer_wheel_check():
 *   1  a pending timer's deadline is later than `now`, or it is in `due`
 *   2  each timer is in the slot that its deadline and `now` name
 *   3  a slot's occupied bit is set exactly when its list is not empty
 *   4  `count` is the number of timers in slots and in `due`
 */
#pragma once

#include <lib/list.h>
#include <stdbool.h>
#include <stdint.h>

#define TIMER_WHEEL_LEVELS     6u
#define TIMER_WHEEL_SLOTS_BITS 6u
#define TIMER_WHEEL_SLOTS      64u

/*
 * The longest delay, in ticks: half a turn of the highest level, so that no
 * deadline falls into the slot that is passing. At 1,000 ticks a second it is more
 * than CAP_TIMEOUT_MAX_NS.
 */
#define TIMER_WHEEL_DELAY_MAX (1ull << (TIMER_WHEEL_LEVELS * TIMER_WHEEL_SLOTS_BITS - 1))

struct timer {
    struct list_node node; /* in a slot or in `due`; unlisted: idle */
    uint64_t deadline;     /* tick */
    uint8_t level;         /* while pending; TIMER_WHEEL_LEVELS: in `due` */
    uint8_t slot;
};

struct timer_wheel {
    uint64_t now; /* tick up to which timers have been sorted out */
    uint64_t count;
    uint64_t occupied[TIMER_WHEEL_LEVELS];
    struct list_node due; /* expired, not taken yet; earliest first */
    struct list_node slots[TIMER_WHEEL_LEVELS][TIMER_WHEEL_SLOTS];
};

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now);

/* Makes an idle timer. */
void timer_init(struct timer *timer);

static inline bool timer_is_pending(const struct timer *timer)
{
    return list_is_linked(&timer->node);
}

/*
 * Makes an idle timer pending until `deadline`; one that is not later than the
 * present is due at once, behind those that are due already. Keeps `timer`. The
 * deadline is at most TIMER_WHEEL_DELAY_MAX ticks away: asserted.
 */
void timer_wheel_add(struct timer_wheel *wheel, struct timer *timer, uint64_t deadline);

/* Makes the timer idle. One that is idle already stays so. */
void timer_wheel_cancel(struct timer_wheel *wheel, struct timer *timer);

/*
 * Moves the present to `now`, which never goes back, and takes out one timer
 * whose deadline has come, in the order of deadlines; it is idle again. NULL: no more.
 * Call until then. One call takes at most a step per level and one per timer that
 * moves down.
 */
struct timer *timer_wheel_expire(struct timer_wheel *wheel, uint64_t now);

static inline bool timer_wheel_is_empty(const struct timer_wheel *wheel)
{
    return wheel->count == 0;
}

/* Whether all invariants hold. Walks every list. */
bool timer_wheel_check(const struct timer_wheel *wheel);
