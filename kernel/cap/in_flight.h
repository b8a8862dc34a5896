// SPDX-License-Identifier: MIT
/*
 * What a thread has in flight, and how it ends before its time: by CANCEL, or since the
 * thread dies.
 *
 * Every party may die at every point. A dying process is first marked, and what it has
 * in flight is ended later, in slices, before its tables go: until then it is called and
 * answered as before.
 */
#pragma once

#include <lib/call.h>
#include <stdbool.h>
#include <stdint.h>

#include "cap/cap.h"
#include "thread.h"

/*
 * Takes a record out of whatever it is in. What is left is a record that owes a
 * completion, or was SERVING and owes none.
 */
void in_flight_withdraw(struct call *call);

/*
 * Ends what a dying thread has in flight, at most `budget` records of it. True: nothing
 * is left.
 */
bool in_flight_reap(struct thread *t, uint32_t budget);

/* For the recount: calls `visit` for each hold that a thread's entries in flight are. */
void in_flight_each_hold(const struct thread *t, void (*visit)(struct cap_object *held));
