// SPDX-License-Identifier: MIT
/*
 * The scheduler: preemptive round robin, O(1), one CPU.
 *
 * There is a queue of ready threads and a wheel of time-outs. A thread runs until
 * it waits, ends, spends its drain budget or is interrupted by a tick while another
 * is ready. A thread that waits hands the CPU over to the first that it made ready,
 * whoever else is, until the next tick. Between threads one slice of kernel work (work.h) is done.
 * With nothing to run the kernel halts the processor.
 *
 * The timer ticks only while somebody needs it: another thread is ready, a
 * time-out is pending, or work is left. It starts when the need arises and stops
 * at the first tick that finds none.
 *
 * Everything here runs with interrupts off; see thread.h for the states.
 */
#pragma once

#include <abi/syscall.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/x86_64/cpu.h"
#include "thread.h"

/*
 * What the scheduler cannot decide. Both are called between threads and may end
 * processes.
 */
struct sched_events {
    void (*stalled)(void);  /* every thread waits, and nothing can wake any */
    void (*deadline)(void); /* the run has lasted as long as it may */
};

/*
 * Sets the tick rate and, in milliseconds, how long the run may last; 0: for ever.
 * Keeps `events`.
 */
void sched_init(uint32_t tick_hz, uint32_t deadline_ms, const struct sched_events *events);

/* NEW, WAITING or TIMED → READY. */
void sched_ready(struct thread *t);

/* A thread has as many completions as it waited for, if it waits still. */
void sched_enough(struct thread *t);

/*
 * A completion was posted to the thread's ring: if it waits, and that was the last it
 * waits for, it becomes ready. The first that the current thread makes ready runs next
 * if that waits then: a call and its answer are handed over directly. (For one that does not
 * wait the count means nothing.)
 */
static inline void sched_completed(struct thread *t)
{
    if (--t->wanted == 0) {
        sched_enough(t);
    }
}

/*
 * Where the first thread that the current one makes ready is kept: in cpu->next, or, while a
 * single entry is taken, in a variable, `next` pointing to that instead of being NULL. What
 * is out of line knows of cpu->next alone: the variable is put there before it, and fetched
 * behind it.
 */
static inline struct thread **next_place(struct thread **next)
{
    return next != NULL ? next : &cpu_self()->next;
}

static inline void next_put(struct thread **next)
{
    if (next != NULL) {
        cpu_self()->next = *next;
    }
}

static inline void next_fetch(struct thread **next)
{
    if (next != NULL) {
        *next = cpu_self()->next;
        cpu_self()->next = NULL;
    }
}

/* sched_completed while some thread is current, in line where the other runs next. */
static inline __attribute__((always_inline)) void sched_completed_by_current(struct thread *t,
                                                                             struct thread **next)
{
    if (--t->wanted != 0) {
        return;
    }
    struct thread **first = next_place(next);
    if (__builtin_expect(t->state != THREAD_WAITING || *first != NULL, 0)) {
        next_put(next);
        sched_enough(t);
        next_fetch(next);
        return;
    }
    t->state = THREAD_READY;
    *first = t;
}

/* Takes the thread out of whatever it is in, for good. */
void sched_forget(struct thread *t);

/* What becomes of a thread that has entered the kernel. */
enum went {
    WENT_ON,    /* it goes on in user mode, with the result in its context */
    WENT_WAIT,  /* it is WAITING */
    WENT_OTHER, /* it has been put off, or is dead */
};

/*
 * The system call cap_enter (abi/syscall.h), for the current thread, of which none is left
 * unless it goes on.
 */
enum went sched_cap_enter(struct thread *t, uint64_t min_complete, uint64_t timeout_ns);

/*
 * The rarer parts of that (cap_enter.h). The current thread has spent its budget: RUNNING
 * → READY, behind all others, and its drain goes on when its turn comes. It begins to wait
 * with a time-out. It goes on, so what it made ready takes its turn like any other.
 */
void sched_put_off(struct thread *t, uint64_t timeout_ns);
void sched_set_timeout(struct thread *t, uint64_t timeout_ns);
void sched_queue_next(void);

/* The current thread has been interrupted: gives the CPU to another if one is ready. */
void sched_preempt(void);

/* Makes the next ready thread current, waiting for one if there is none. */
void sched_switch(void);

/* A timer interrupt. */
void sched_tick(void);

/* Starts running threads, on the kernel's one stack. Does not return. */
_Noreturn void sched_run(void);

/* Whether who waits for a turn is ready, and the time-outs are in their places. */
bool sched_check(void);
