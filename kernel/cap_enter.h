// SPDX-License-Identifier: MIT
/*
 * The system call cap_enter, up to the point where another thread must run: takes the
 * thread's submissions (cap/drain.h), and waits for completions if there are not enough.
 *
 * It is one piece of code with the drain, and a header because it is compiled twice: into
 * enter.c for an entry alone, where the system call goes on with the switch, and into sched.c
 * for all others, and for a drain that was put off.
 *
 *   min_complete_is_valid ─► submissions? ─► cap_enter_drain ─► settle: goes on, or waits
 *                              └── none ───────────────────────┘
 */
#pragma once

#include <abi/error.h>
#include <abi/limits.h>
#include <abi/syscall.h>
#include <lib/ring.h>

#include "arch/x86_64/cpu.h"
#include "cap/drain.h"
#include "kcheck.h"
#include "sched.h"
#include "thread.h"

static inline enum went go_on_with(struct thread *t, int64_t value)
{
    t->context.rax = (uint64_t)value;
    return WENT_ON;
}

/* There is less than it waits for, and it says for how long: not at all, or with a time-out. */
static __attribute__((noinline)) enum went wait_for(struct thread *t, uint64_t timeout_ns,
                                                    uint32_t available)
{
    if (timeout_ns == CAP_TIMEOUT_POLL) {
        return go_on_with(t, available);
    }
    sched_set_timeout(t, timeout_ns);
    return WENT_WAIT;
}

/*
 * No submission is left, or there is no room to complete it: the thread goes on, or RUNNING →
 * WAITING until there are as many completions as it wants. The system call's result, in its
 * context, is that number until now: which is so where it waits.
 */
static inline __attribute__((always_inline)) enum went settle(struct thread *t, uint64_t timeout_ns)
{
    uint32_t min_complete = (uint32_t)t->context.rax;
    uint32_t available;

    if (__builtin_expect(ring_available(&t->ring, &available) != ST_OK, 0)) {
        return go_on_with(t, SYS_ERR_RING_CORRUPT);
    }
    if (min_complete <= available) {
        return go_on_with(t, available);
    }
    t->wanted = min_complete - available;
    if (__builtin_expect(timeout_ns != CAP_TIMEOUT_FOREVER, 0)) {
        return wait_for(t, timeout_ns, available);
    }
    t->state = THREAD_WAITING;
    return WENT_WAIT;
}

static inline bool min_complete_is_valid(const struct thread *t, uint64_t min_complete)
{
    return min_complete <= t->cq_entries;
}

static inline bool timeout_is_valid(uint64_t ns)
{
    return ns <= CAP_TIMEOUT_MAX_NS || ns == CAP_TIMEOUT_FOREVER;
}

/*
 * Takes so many submissions, of which there are no fewer; `then` says whether there are
 * more, and `next` is sched.h's. The thread is current, and loaded.
 */
static inline __attribute__((always_inline)) enum went cap_enter_drain(struct thread *t,
                                                                       uint64_t timeout_ns,
                                                                       uint32_t n, enum drain then,
                                                                       struct thread **next)
{
    enum went went = WENT_OTHER;

    kcheck_count(n);
    switch (ring_drain(t, n, then, next)) {
    case DRAIN_EMPTY:
    case DRAIN_NO_ROOM:
        went = settle(t, timeout_ns);
        break;
    case DRAIN_CORRUPT:
        went = go_on_with(t, SYS_ERR_RING_CORRUPT);
        break;
    case DRAIN_MORE:
        sched_put_off(t, timeout_ns);
        break;
    case DRAIN_DEAD:
        break;
    }
    if (went == WENT_ON && __builtin_expect(*next_place(next) != NULL, 0)) {
        next_put(next);
        sched_queue_next();
    }
    return went;
}
