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

/* The general part of rt_queue_return: capabilities came with the call, or go with the answer. */
struct rt_status rt_queue_return_with(struct rt_call *call, uint64_t call_id, uint32_t bytes,
                                      bool again, uint64_t user_data);

/* As rt_call_return, but for the user data. */
static inline struct rt_status rt_queue_return(struct rt_call *call, uint64_t call_id,
                                               uint32_t bytes, bool again, uint64_t user_data)
{
    if (__builtin_expect(call->given != 0 || (call->done && call->cqe.cap_count != 0), 0)) {
        return rt_queue_return_with(call, call_id, bytes, again, user_data);
    }
    struct cap_sqe *sqe = rt_ring_entry(call->ring);
    if (__builtin_expect(sqe == 0, 0)) {
        return (struct rt_status){.code = RT_ERR_RING};
    }
    *sqe = (struct cap_sqe){
        .opcode = CAP_OP_RETURN,
        .flags = again ? CAP_SQE_F_AGAIN : CAP_SQE_F_NONE,
        .interface_id = call_id,
        .params_addr = (uintptr_t)call->params,
        .params_len = bytes,
        .user_data = user_data,
    };
    call->done = false;
    return (struct rt_status){.code = RT_OK};
}

/* Gives up the entry of this user data. */
struct rt_status rt_queue_cancel(struct rt_ring *ring, uint64_t user_data);
