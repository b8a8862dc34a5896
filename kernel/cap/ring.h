// SPDX-License-Identifier: MIT
/*
 * Ring entries: what each opcode does. The indices and queues themselves are
 * lib/ring.h's.
 */
#pragma once

#include <stdint.h>

struct thread;

enum drain {
    DRAIN_EMPTY,   /* no submission is left */
    DRAIN_NO_ROOM, /* some are left, and there is no room for their completions */
    DRAIN_MORE,    /* some are left, and the budget is spent */
    DRAIN_CORRUPT, /* a count was out of range; it has been put back */
};

/*
 * Takes up to `budget` submissions of the thread's ring, applies them, posts
 * their completions and publishes both. The thread must be loaded: buffers
 * outside the message area are reached through its address space.
 */
enum drain ring_drain(struct thread *t, uint32_t budget);

/* Gives this CPU's scratch back, for the recount at the end of a run. */
void ring_scratch_drop(void);
