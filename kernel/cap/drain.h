// SPDX-License-Identifier: MIT
/*
 * The drain: takes submissions, applies them and posts their completions. It is the
 * kernel's hottest loop, and so one piece of code with cap_enter around it (cap_enter.h,
 * which alone includes this) and the short calls inside.
 *
 *   entry ─► NOP, short CALL, short RETURN with F_AGAIN; alone, a long one too ─► here
 *        └─► anything else ─► cap/ring.c
 */
#pragma once

#include <abi/ring.h>
#include <lib/ring.h>
#include <lib/shm.h>

#include "cap/ring.h"
#include "cap/short_call.h"

enum drain {
    DRAIN_EMPTY,   /* no submission is left */
    DRAIN_NO_ROOM, /* some are left, and there is no room for their completions */
    DRAIN_MORE,    /* some are left, and this was enough to keep interrupts out for */
    DRAIN_CORRUPT, /* a count was out of range; it has been put back */
    DRAIN_DEAD,    /* the thread has ended its own process by a call */
};

/* A CALL or RETURN that is not taken here. */
static inline __attribute__((always_inline)) enum go_on
op_any(struct thread *t, uint64_t first, const struct ring_words *w, struct thread **next)
{
    enum go_on go_on = ring_op_any(t, first, w->cap_id, w->interface_id, w->params_addr,
                                   w->result_addr, w->lengths, w->user_data, w->last);

    next_fetch(next);
    return go_on;
}

/* The short CALL of an object of the kernel that is not plain. */
static inline __attribute__((always_inline)) enum go_on
op_full(struct thread *t, const struct cap_slot *slot, uint64_t first, const struct ring_words *w,
        struct thread **next)
{
    enum go_on go_on =
        ring_call_full(t, slot, first, in_area(thread_process(t), w->params_addr),
                       in_area(thread_process(t), w->result_addr), w->user_data, w->lengths);

    next_fetch(next);
    return go_on;
}

/*
 * CALL: the short one here, and, where it comes alone, one between processes that would be
 * short but for its length; whatever else it may be by op_any. So too RETURN.
 */
static inline __attribute__((always_inline)) enum go_on
op_call(struct thread *t, const struct cap_sqe *from, uint64_t first, struct thread **next)
{
    struct ring_words w = ring_words_but_late(from);
    const struct cap_slot *slot = cap_table_lookup(&thread_process(t)->caps, w.cap_id);

    t->calls_taken++;
    if (__builtin_expect((first & FIRST_WORD_EXTRAS) == 0 && slot != NULL && w.last == 0, 1)) {
        enum cap_kind kind = slot->object->kind;

        if (kind == CAP_CLIENT) {
            if (short_call(t, slot, first, &w, from, REACH_SHORT, 0, 0, next)) {
                return GO_ON;
            }
            if (next != NULL && short_call(t, slot, first, &w, from, REACH_LONG, 0, 0, next)) {
                return STOP;
            }
        }
        ring_words_late(from, &w);
        if (kind == CAP_PLAIN && is_short_call(thread_process(t), slot, &w)) {
            short_plain_call(t, slot, first, &w);
            return GO_ON;
        }
        if (kind == CAP_FULL && is_short_call(thread_process(t), slot, &w)) {
            return op_full(t, slot, first, &w, next);
        }
        w.cap_id = slot->id; /* as they are: so no register keeps them until here */
        w.last = 0;
    } else {
        ring_words_late(from, &w);
    }
    return op_any(t, first, &w, next);
}

static inline __attribute__((always_inline)) enum go_on
op_return(struct thread *t, const struct cap_sqe *from, uint64_t first, struct thread **next)
{
    struct ring_words w = ring_words(from);
    bool took_long;

    if (__builtin_expect(
            first == FIRST_WORD_RETURN_AGAIN && (w.cap_id | w.result_addr | w.last) == 0, 1)) {
        if (short_return(t, &w, REACH_SHORT, 0, &took_long, next)) {
            return __builtin_expect(took_long, 0) ? STOP : GO_ON;
        }
        if (next != NULL && short_return(t, &w, REACH_LONG, 0, &took_long, next)) {
            return STOP;
        }
        first = FIRST_WORD_RETURN_AGAIN;
        w.cap_id = w.result_addr = w.last = 0;
    }
    return op_any(t, first, &w, next);
}

/* Nothing but its user data may be set. */
static inline __attribute__((always_inline)) void op_nop(struct thread *t,
                                                         const struct cap_sqe *from, uint64_t first)
{
    uint64_t user_data = shm_load64(&from->user_data);

    if (__builtin_expect(ring_or_rest(from, first) != 0, 0)) {
        ring_fail(t, user_data, CAP_ERR_INVALID_REQUEST);
        return;
    }
    ring_complete(t, user_data, 0);
}

static inline __attribute__((always_inline)) enum go_on
dispatch(struct thread *t, const struct cap_sqe *from, struct thread **next)
{
    uint64_t first = ring_first_word(from);
    enum go_on go_on;

    switch ((uint8_t)first) {
    case CAP_OP_CALL:
        return op_call(t, from, first, next);
    case CAP_OP_RETURN:
        return op_return(t, from, first, next);
    case CAP_OP_NOP:
        op_nop(t, from, first);
        return GO_ON;
    default:
        go_on = ring_op_other(t, from, first);
        next_fetch(next);
        return go_on;
    }
}

_Static_assert(CAP_OP_COUNT == 8, "a new opcode needs its case");
_Static_assert(CAP_OP_NOP == 0, "op_nop takes any other bit for a stray one");

/*
 * Takes n submissions of the thread's ring, 1 ≤ n ≤ CAP_DRAIN_BUDGET, of which there are no
 * fewer, but none behind one that took long; applies them, posts their completions and
 * publishes both. `then` is what is said when all n were taken. The thread must be loaded:
 * buffers outside the message area are reached through its address space. `next` is NULL
 * unless n is 1.
 */
static inline __attribute__((always_inline)) enum drain
ring_drain(struct thread *t, uint32_t n, enum drain then, struct thread **next)
{
    struct ring_view *ring = &t->ring;

    do {
        uint32_t some = n;

        if (__builtin_expect(ring->cq_room < n, 0)) {
            if (ring_cq_room(ring, &some) != ST_OK) {
                then = DRAIN_CORRUPT;
                goto stopped;
            }
            if (some == 0) {
                then = DRAIN_NO_ROOM;
                goto stopped;
            }
            some = some < n ? some : n;
        }
        n -= some; /* no entry takes more than one place, so there is room for all of them */
        do {
            uint32_t head = ring->sq_head;

            ring->sq_head = head + 1;
            some--;
            if (__builtin_expect(dispatch(t, ring_at(ring, head), next) == STOP, 0)) {
                if (t->state == THREAD_DEAD) {
                    then = DRAIN_DEAD;
                    goto stopped;
                }
                if ((some | n) != 0) {
                    then = DRAIN_MORE;
                    goto stopped;
                }
            }
        } while (some != 0);
    } while (n != 0);
    ring_publish(ring);
    return then;

stopped: /* apart, so that `then` is known where all were taken */
    ring_publish(ring);
    return then;
}
