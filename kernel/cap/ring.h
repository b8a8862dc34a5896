// SPDX-License-Identifier: MIT
/*
 * Ring entries: what each opcode does, by all the rules. The indices and queues are
 * lib/ring.h's; the loop that takes entries, and the short ones among them, are
 * cap/drain.h's.
 */
#pragma once

#include <abi/error.h>
#include <abi/ring.h>
#include <capnp/call.h>
#include <lib/call.h>
#include <lib/cap_table.h>
#include <lib/ring.h>
#include <lib/transfer.h>
#include <stdbool.h>
#include <stdint.h>

#include "cap/buffer.h"
#include "thread.h"

/* Whether an entry is followed by the next, or the drain stops behind it for a while. */
enum go_on { GO_ON, STOP };

/*
 * A CALL or RETURN that is not short. It goes by its words: as a struct it would be built
 * in memory before the two paths part.
 */
enum go_on ring_op_any(struct thread *t, uint64_t first, uint64_t cap_id, uint64_t interface_id,
                       uint64_t params_addr, uint64_t result_addr, uint64_t lengths,
                       uint64_t user_data, uint64_t last);

/*
 * The short CALL of an object of the kernel that is not plain, which is_short_call
 * (cap/short_call.h) has looked at: its buffers are where the kernel reaches them.
 */
enum go_on ring_call_full(struct thread *t, const struct cap_slot *slot, uint64_t first,
                          const uint8_t *params, uint8_t *result, uint64_t user_data,
                          uint64_t lengths);

/* Any other entry, of which the first word has been read. */
enum go_on ring_op_other(struct thread *t, const struct cap_sqe *from, uint64_t first);

/* Completes an entry with a transport error. */
__attribute__((cold)) void ring_fail(struct thread *t, uint64_t user_data, enum cap_err error);

/* Completes a call that the object refused: the type in flags, the text in the buffer. */
__attribute__((cold)) void ring_refuse(struct thread *t, uint64_t user_data,
                                       enum capnp_exception exception, const char *reason,
                                       struct call_buffer result);

/*
 * Decodes the buffers of a CALL, with so many bytes of descriptors behind the
 * parameters, in the order of docs/abi.md. False: the entry has been completed.
 */
static inline bool ring_decode_call(struct thread *t, const struct cap_sqe *sqe,
                                    uint32_t descriptors, struct call_buffer *params,
                                    struct call_buffer *result)
{
    if (!buffer_decode_message(t, sqe->params_addr, sqe->params_len, descriptors, params)) {
        ring_fail(t, sqe->user_data, CAP_ERR_BAD_PARAMS);
        return false;
    }
    if (!buffer_decode_room(t, sqe->result_addr, sqe->result_len, result) ||
        !buffer_is_writable(t, result)) {
        ring_fail(t, sqe->user_data, CAP_ERR_BAD_RESULT);
        return false;
    }
    return true;
}

/*
 * Reads the descriptors, of which there are some, behind the parameters. False: the entry
 * has been completed.
 */
bool ring_read_transfer(struct thread *t, const struct cap_sqe *sqe,
                        const struct call_buffer *params, struct call_buffer result,
                        struct transfer **out);

/* Completes an entry that worked, with so many bytes of result. */
static inline __attribute__((always_inline)) void ring_complete(struct thread *t,
                                                                uint64_t user_data, uint32_t bytes)
{
    ring_post(&t->ring, user_data, (int32_t)bytes, 0, 0, 0);
}

/* Gives this CPU's scratch back, for the recount at the end of a run. */
void ring_scratch_drop(void);
