// SPDX-License-Identifier: MIT
/*
 * A thread: what is scheduled, owns one ring and may wait. A process is the
 * authority boundary around it (process.h); it has one thread in this release.
 *
 *            sched_ready            sched_switch
 *   NEW ─────────────────► READY ───────────────► RUNNING
 *                           ▲ ▲                    │ │ │
 *                           │ └── sched_preempt ───┘ │ │
 *            sched_completed│                        │ │
 *               or time-out └─────────── WAITING ◄───┘ │ sched_cap_enter
 *   any ── sched_forget ─► DEAD ◄──────────────────────┘ exit, fault, kill
 *
 * Invariants:
 *   1  a READY thread is in the ready queue or is its CPU's `next`, and no other is
 *   2  a TIMED thread has its time-out pending, and no other
 *   3  at most one thread per CPU is RUNNING, and it is that CPU's `current`
 */
#pragma once

#include <lib/call.h>
#include <lib/list.h>
#include <lib/ring.h>
#include <lib/timer_wheel.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/x86_64/context.h"
#include "arch/x86_64/fpu.h"

struct process;

enum thread_state {
    THREAD_NEW,
    THREAD_READY,
    THREAD_RUNNING,
    THREAD_WAITING, /* for as long as it takes */
    THREAD_TIMED,   /* likewise WAITING, with a time-out */
    THREAD_DEAD
};

/* Whether it is in one of the two states of waiting. */
static inline bool thread_state_waits(enum thread_state state)
{
    return state == THREAD_WAITING || state == THREAD_TIMED;
}

/* [o] used by the thread's own CPU, [s] scheduler's; interrupts are off for both. */
struct thread {
    struct ring_view ring;   /* [o] the kernel's own copy of counts; first: what is used most */
    struct context context;  /* [o] entry.S finds it here */
    struct process *process; /* [I] */
    uint64_t cq_entries;     /* [I] of the ring */
    enum thread_state state; /* [s] */
    bool draining;           /* [s] its drain goes on before it returns to user mode */
    uint32_t wanted;         /* [o] WAITING: completions that it still waits for */
    uint64_t timeout_ns;     /* [o] draining: of the cap_enter in progress */
    struct list_node ready;  /* [s] */
    struct timer timeout;    /* [s] */
    uint64_t fs_base;        /* [I] */
    struct fpu_area control; /* [o] clean; valid while not loaded and not context.full */
    struct fpu_area fpu;     /* [o] valid while not loaded and context.full */
    uint64_t calls_taken;    /* [o] CALL entries, for the summary */
    struct call_pool pool;   /* [o] entries in flight */
    uint32_t reap_cursor;    /* [o] in the pool */
};

_Static_assert(offsetof(struct thread, context) == 64, "entry.S");

/*
 * A NEW thread of this process, with clean vector state and without thread-local
 * storage. Context, ring and FS base are set by whoever builds the process.
 */
void thread_init(struct thread *t, struct process *process);

/*
 * Makes address space, FS base and vector registers those of `t`, saving what the
 * thread loaded before needs kept. Nothing of one thread is left for another to see.
 */
void thread_load(struct thread *t);

/* If `t` is loaded, leaves it for good: its address space may go now. */
void thread_unload_dead(const struct thread *t);
