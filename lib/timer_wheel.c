// SPDX-License-Identifier: MIT
/*
 * The timer wheel.
 *
 * Why a timer never lies in a slot that `now` is in, but for level 0: a slot of
 * level k holds deadlines that differ from `now` in digit k and agree above it, and
 * when `now` comes to agree in digit k too, the slot is emptied downwards. On the
 * highest level digits wrap, and TIMER_WHEEL_DELAY_MAX, half a turn, keeps a digit
 * from meaning the next turn. Therefore the first occupied slot from `now` on, in
 * the lowest occupied level, is the earliest.
 */
#include <lib/timer_wheel.h>

#include <lib/assert.h>
#include <stddef.h>

#define SLOT_MASK (TIMER_WHEEL_SLOTS - 1u)
#define LEVEL_DUE TIMER_WHEEL_LEVELS

_Static_assert(TIMER_WHEEL_SLOTS == 1u << TIMER_WHEEL_SLOTS_BITS, "a slot is one digit");
_Static_assert(TIMER_WHEEL_SLOTS == 64, "the occupied slots of a level are one word");

static unsigned level_shift(unsigned level)
{
    return level * TIMER_WHEEL_SLOTS_BITS;
}

/* The level of the highest digit in which two ticks differ. */
static unsigned level_of(uint64_t now, uint64_t deadline)
{
    unsigned bit = 63u - (unsigned)__builtin_clzll((now ^ deadline) | 1u);
    unsigned level = bit / TIMER_WHEEL_SLOTS_BITS;

    return level < TIMER_WHEEL_LEVELS ? level : TIMER_WHEEL_LEVELS - 1u;
}

static unsigned slot_of(uint64_t deadline, unsigned level)
{
    return (unsigned)(deadline >> level_shift(level)) & SLOT_MASK;
}

/* Puts a timer where its deadline and the present say. Does not count it. */
static void sort_in(struct timer_wheel *wheel, struct timer *timer)
{
    unsigned level;
    unsigned slot;

    if (timer->deadline <= wheel->now) {
        timer->level = LEVEL_DUE;
        list_push_back(&wheel->due, &timer->node);
        return;
    }
    level = level_of(wheel->now, timer->deadline);
    slot = slot_of(timer->deadline, level);
    timer->level = (uint8_t)level;
    timer->slot = (uint8_t)slot;
    wheel->occupied[level] |= 1ull << slot;
    list_push_back(&wheel->slots[level][slot], &timer->node);
}

/* The tick at which the present enters the first occupied slot of a level; it has one. */
static uint64_t level_next(const struct timer_wheel *wheel, unsigned level)
{
    unsigned shift = level_shift(level);
    unsigned here = slot_of(wheel->now, level);
    uint64_t occupied = wheel->occupied[level];
    uint64_t from_here = occupied >> here | occupied << ((TIMER_WHEEL_SLOTS - here) & SLOT_MASK);
    uint64_t ahead = (uint64_t)__builtin_ctzll(from_here);

    return ((wheel->now >> shift) + ahead) << shift;
}

/* The lowest level with a timer. False: all are empty. */
static bool lowest_level(const struct timer_wheel *wheel, unsigned *level)
{
    for (*level = 0; *level < TIMER_WHEEL_LEVELS; (*level)++) {
        if (wheel->occupied[*level] != 0) {
            return true;
        }
    }
    return false;
}

/* Moves the present to the beginning of a slot, and the slot's timers down. */
static void enter_slot(struct timer_wheel *wheel, unsigned level, uint64_t tick)
{
    unsigned slot = slot_of(tick, level);
    struct list_node *node;

    wheel->now = tick;
    wheel->occupied[level] &= ~(1ull << slot);
    while ((node = list_pop_front(&wheel->slots[level][slot])) != NULL) {
        sort_in(wheel, LIST_OWNER(node, struct timer, node));
    }
}

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now)
{
    wheel->now = now;
    wheel->count = 0;
    list_init(&wheel->due);
    for (unsigned level = 0; level < TIMER_WHEEL_LEVELS; level++) {
        wheel->occupied[level] = 0;
        for (unsigned slot = 0; slot < TIMER_WHEEL_SLOTS; slot++) {
            list_init(&wheel->slots[level][slot]);
        }
    }
}

void timer_init(struct timer *timer)
{
    *timer = (struct timer){.deadline = 0};
    list_init(&timer->node);
}

void timer_wheel_add(struct timer_wheel *wheel, struct timer *timer, uint64_t deadline)
{
    LIB_ASSERT(!timer_is_pending(timer), "a timer is added once");
    LIB_ASSERT(deadline <= wheel->now || deadline - wheel->now <= TIMER_WHEEL_DELAY_MAX,
               "a deadline is at most TIMER_WHEEL_DELAY_MAX ticks away");
    timer->deadline = deadline;
    sort_in(wheel, timer);
    wheel->count++;
}

void timer_wheel_cancel(struct timer_wheel *wheel, struct timer *timer)
{
    if (!timer_is_pending(timer)) {
        return;
    }
    list_remove(&timer->node);
    wheel->count--;
    if (timer->level != LEVEL_DUE && list_is_empty(&wheel->slots[timer->level][timer->slot])) {
        wheel->occupied[timer->level] &= ~(1ull << timer->slot);
    }
}

struct timer *timer_wheel_expire(struct timer_wheel *wheel, uint64_t now)
{
    struct list_node *node;
    unsigned level;

    LIB_ASSERT(now >= wheel->now, "the present does not go back");
    while (list_is_empty(&wheel->due) && lowest_level(wheel, &level)) {
        uint64_t tick = level_next(wheel, level);

        if (tick > now) {
            break;
        }
        enter_slot(wheel, level, tick);
    }
    node = list_pop_front(&wheel->due);
    if (node == NULL) {
        wheel->now = now;
        return NULL;
    }
    wheel->count--;
    return LIST_OWNER(node, struct timer, node);
}

/* Counts the timers of one list, each of which must belong there. False: one does not. */
static bool list_agrees(const struct timer_wheel *wheel, const struct list_node *head,
                        unsigned level, unsigned slot, uint64_t *count)
{
    if (!list_check(head, wheel->count)) {
        return false;
    }
    for (struct list_node *n = list_first(head); n != NULL; n = list_next(head, n)) {
        const struct timer *timer = LIST_OWNER(n, struct timer, node);
        bool due = timer->deadline <= wheel->now;

        if (timer->level != level || due != (level == LEVEL_DUE)) {
            return false;
        }
        if (!due && (timer->slot != slot || slot != slot_of(timer->deadline, level) ||
                     level != level_of(wheel->now, timer->deadline))) {
            return false;
        }
        (*count)++;
    }
    return true;
}

bool timer_wheel_check(const struct timer_wheel *wheel)
{
    uint64_t count = 0;

    if (!list_agrees(wheel, &wheel->due, LEVEL_DUE, 0, &count)) {
        return false;
    }
    for (unsigned level = 0; level < TIMER_WHEEL_LEVELS; level++) {
        for (unsigned slot = 0; slot < TIMER_WHEEL_SLOTS; slot++) {
            const struct list_node *head = &wheel->slots[level][slot];
            bool occupied = (wheel->occupied[level] >> slot & 1) != 0;

            if (occupied == list_is_empty(head) || !list_agrees(wheel, head, level, slot, &count)) {
                return false;
            }
        }
    }
    return count == wheel->count;
}
