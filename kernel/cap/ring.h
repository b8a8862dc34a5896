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

/*
 * Takes up to `budget` of the `pending` submissions of the thread's ring, neither 0, but
 * none behind one that took long; applies them, posts their completions and publishes
 * both. The thread must be loaded: buffers outside the message area are reached
 * through its address space.
 */
enum drain ring_drain(struct thread *t, uint32_t pending, uint32_t budget);

/* Gives this CPU's scratch back, for the recount at the end of a run. */
void ring_scratch_drop(void);
