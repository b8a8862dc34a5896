// SPDX-License-Identifier: MIT
/*
 * Ring entries: what each opcode does. The indices and queues themselves are
 * lib/ring.h's.
 */
#pragma once

#include <lib/ring.h>
#include <stdint.h>

#include "thread.h"

enum drain {
    DRAIN_EMPTY,   /* no submission is left */
    DRAIN_NO_ROOM, /* some are left, and there is no room for their completions */
    DRAIN_MORE,    /* some are left, and this was enough to keep interrupts out for */
    DRAIN_CORRUPT, /* a count was out of range; it has been put back */
    DRAIN_DEAD,    /* the thread has ended its own process by a call */
};

/* The part of ring_drain that has something to do; pending and budget are not 0. */
enum drain ring_drain_some(struct thread *t, uint32_t pending, uint32_t budget);

/*
 * Takes up to `budget` submissions of the thread's ring, none behind one whose
 * message is not short, applies them, posts their completions and publishes both. The thread must
 * be loaded: buffers outside the message area are reached through its address space.
 */
static inline enum drain ring_drain(struct thread *t, uint32_t budget)
{
    uint32_t pending;

    if (ring_pending(&t->ring, &pending) != ST_OK) {
        return DRAIN_CORRUPT;
    }
    return pending == 0 ? DRAIN_EMPTY : ring_drain_some(t, pending, budget);
}

/* Gives this CPU's scratch back, for the recount at the end of a run. */
void ring_scratch_drop(void);
