// SPDX-License-Identifier: MIT
/*
 * The delivery of a message from one process to another: a call to who receives it, an
 * answer or an exception to who called.
 *
 * A message is delivered in one step, all or nothing: header and message into the
 * target's buffer, if there is room; then, if room for records and slots is certain, the
 * capabilities into its table and their records behind the message. What is the sender's
 * fault leaves the target as it was, and the other way round.
 */
#pragma once

#include <lib/call.h>
#include <lib/transfer.h>
#include <stdint.h>

/* What became of an attempt. */
enum delivery {
    DELIVERED,
    SENDER_FAILED,     /* its message: BAD_PARAMS */
    TARGET_FAILED,     /* its buffer: BAD_RESULT */
    TARGET_TOO_SMALL,  /* its buffer or the number of capabilities it takes */
    TARGET_OVERLOADED, /* its table or budget */
};

/*
 * Hands a call, whose record is in no list but perhaps the queue, to a receiver's
 * record. DELIVERED: the two are a pair, and the receiver's entry is complete.
 */
enum delivery deliver_call(struct call *caller, const struct call_message *message,
                           struct call *receiver);

/*
 * Hands an answer to the caller, whose entry is complete then, with the answer or with
 * what failed; unless the sender failed. `transfer` NULL: no capabilities.
 */
enum delivery deliver_answer(struct thread *from, const struct call_buffer *message,
                             struct transfer *transfer, struct call *caller);

/*
 * The same for an exception of this type, which arrives without its text where there is
 * no room for that.
 */
enum delivery deliver_exception(struct thread *from, uint16_t type,
                                const struct call_buffer *message, struct call *caller);
