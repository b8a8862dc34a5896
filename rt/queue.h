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

/*
 * Queues an entry that answers with its parameters and what was given. What comes next is
 * written over what came, so that goes first.
 */
static inline struct rt_status rt_queue_answer(struct rt_call *call, struct cap_sqe sqe)
{
    rt_call_drop(call);
    if (__builtin_expect(call->given > call->give_room, 0)) {
        return (struct rt_status){.code = RT_ERR_BUILD};
    }
    if (__builtin_expect(!rt_ring_has_room(call->ring), 0)) {
        return (struct rt_status){.code = RT_ERR_RING};
    }
    if (call->given != 0 && sqe.params_len != call->params_room) {
        rt_call_move_given(call, sqe.params_len);
    }
    sqe.params_addr = (uintptr_t)call->params;
    sqe.cap_count = call->given;
    rt_ring_write(call->ring, sqe);
    call->cqe.result = RT_PENDING;
    call->given = 0;
    return (struct rt_status){.code = RT_OK};
}

/* As rt_call_return, but for the user data. */
static inline struct rt_status rt_queue_return(struct rt_call *call, uint64_t call_id,
                                               uint32_t bytes, bool again, uint64_t user_data)
{
    return rt_queue_answer(call, (struct cap_sqe){
                                     .opcode = CAP_OP_RETURN,
                                     .flags = again ? CAP_SQE_F_AGAIN : CAP_SQE_F_NONE,
                                     .interface_id = call_id,
                                     .params_len = bytes,
                                     .user_data = user_data,
                                 });
}

/* Gives up the entry of this user data. */
struct rt_status rt_queue_cancel(struct rt_ring *ring, uint64_t user_data);
