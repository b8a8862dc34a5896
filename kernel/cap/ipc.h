// SPDX-License-Identifier: MIT
/*
 * The opcodes that go through endpoints: CALL of a client facet, RECV, RETURN, CANCEL.
 *
 * Each checks all of its entry and completes it, now or later. Fields that the ring has
 * checked for a CALL: flags, the slot, reserved fields.
 */
#pragma once

#include <abi/ring.h>
#include <lib/cap_table.h>
#include <stdbool.h>

#include "thread.h"

void ipc_call(struct thread *t, const struct cap_slot *slot, const struct cap_sqe *sqe);
void ipc_cancel(struct thread *t, const struct cap_sqe *sqe);

/* Those that receive. True: that kept interrupts out for a while. */
bool ipc_recv(struct thread *t, const struct cap_sqe *sqe);
bool ipc_return(struct thread *t, const struct cap_sqe *sqe);
