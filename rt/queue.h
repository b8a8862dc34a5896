// SPDX-License-Identifier: MIT
/*
 * What the server's loop needs of the ring client beyond its header: entries of a
 * struct rt_call that complete as raw ones, since those come in the order in which
 * they completed and calls are to be served in the order in which they came.
 */
#pragma once

#include <rt/ring.h>

/* As rt_call_receive and rt_call_return_refusal, but for the user data. */
struct rt_status rt_queue_receive(struct rt_call *call, uint64_t endpoint, uint64_t user_data);
struct rt_status rt_queue_refusal(struct rt_call *call, uint64_t call_id, enum cap_exc exception,
                                  const char *reason, bool again, uint64_t user_data);

/* As rt_call_return, but for the user data. */
struct rt_status rt_queue_return(struct rt_call *call, uint64_t call_id, uint32_t bytes, bool again,
                                 uint64_t user_data);

/* Gives up the entry of this user data. */
struct rt_status rt_queue_cancel(struct rt_ring *ring, uint64_t user_data);
