// SPDX-License-Identifier: MIT
#include "cap/deliver.h"

#include <abi/error.h>
#include <abi/limits.h>
#include <abi/ring.h>

#include "cap/buffer.h"
#include "cap/entry.h"
#include "cap/transfer.h"
#include "process.h"

#define HEADER_BYTES ((uint32_t)sizeof(struct cap_message_header))
#define RECORD_BYTES ((uint32_t)sizeof(struct cap_record))

static uint32_t count_of(const struct transfer *transfer)
{
    return transfer == NULL ? 0 : transfer->count;
}

/*
 * Hands the capabilities over and writes their records behind the message, if both tables
 * and the buffer allow it; nothing else, once that is certain, can fail.
 */
static enum delivery hand_over(struct transfer *transfer, struct thread *from, struct thread *to,
                               const struct call_buffer *buffer, uint32_t offset)
{
    struct cap_record records[CAP_TRANSFER_MAX];
    uint32_t n = transfer->count;

    if (!transfer_records_fit(to, buffer, offset, n)) {
        return TARGET_FAILED;
    }
    if (process_make_room(to->process, n) != ST_OK) {
        return TARGET_OVERLOADED;
    }
    transfer_deliver(transfer, from->process, to->process, records);
    transfer_write_records(to, buffer, offset, n, records);
    return DELIVERED;
}

/*
 * Copies message and capabilities to the target's buffer, behind `header` bytes that
 * are there already.
 */
static enum delivery deliver_message(struct thread *from, const struct call_buffer *message,
                                     struct transfer *transfer, const struct call *target,
                                     uint32_t header)
{
    struct thread *to = target->thread;
    struct call_buffer body = buffer_from(&target->result, header);

    switch (buffer_copy(from, message, to, &body, message->len)) {
    case BUFFER_BAD_SOURCE:
        return SENDER_FAILED;
    case BUFFER_BAD_TARGET:
        return TARGET_FAILED;
    case BUFFER_COPIED:
        break;
    }
    return transfer == NULL ? DELIVERED : hand_over(transfer, from, to, &body, message->len);
}

static inline bool has_room(const struct call *target, uint32_t header, uint32_t bytes, uint32_t n)
{
    return header + bytes + n * RECORD_BYTES <= target->result.len && n <= target->cap_room;
}

enum delivery deliver_call(struct call *caller, const struct call_message *message,
                           struct call *receiver)
{
    uint32_t n = count_of(message->transfer);

    if (!has_room(receiver, HEADER_BYTES, message->params.len, n)) {
        return TARGET_TOO_SMALL;
    }
    struct cap_message_header header = {.interface_id = message->interface_id,
                                        .badge = message->badge,
                                        .method_id = message->method_id,
                                        .cap_count = (uint16_t)n,
                                        .params_len = message->params.len};
    if (!buffer_copy_out(receiver->thread, &receiver->result, &header, HEADER_BYTES)) {
        return TARGET_FAILED;
    }
    uint32_t bytes = message->params.len;
    enum delivery delivery = deliver_message(caller->thread, &message->params, message->transfer,
                                             receiver, HEADER_BYTES);
    if (delivery == DELIVERED) {
        call_unlist(caller);
        call_unlist(receiver);
        uint64_t id = call_pair(caller, receiver);
        entry_post(receiver, (int32_t)(HEADER_BYTES + bytes), 0, (uint16_t)n, id);
    }
    return delivery;
}

/* Completes the caller of a call whose answer could not be delivered. */
static void answer_failed(struct call *caller, enum delivery delivery)
{
    if (delivery == TARGET_OVERLOADED) {
        entry_refuse(caller, CAPNP_EXC_OVERLOADED, "there is no room for the capabilities");
    } else {
        entry_fail(caller, CAP_ERR_BAD_RESULT);
    }
}

enum delivery deliver_answer(struct thread *from, const struct call_buffer *message,
                             struct transfer *transfer, struct call *caller)
{
    uint32_t n = count_of(transfer);
    uint32_t bytes = message->len;
    enum delivery delivery = has_room(caller, 0, bytes, n)
                                 ? deliver_message(from, message, transfer, caller, 0)
                                 : TARGET_TOO_SMALL;

    if (delivery == SENDER_FAILED) {
        return delivery;
    }
    (void)call_part(caller);
    if (delivery == DELIVERED) {
        entry_complete(caller, (int32_t)bytes, 0, (uint16_t)n, 0);
    } else {
        answer_failed(caller, delivery);
    }
    return delivery;
}

enum delivery deliver_exception(struct thread *from, uint16_t type,
                                const struct call_buffer *message, struct call *caller)
{
    uint16_t flags = type;
    uint32_t bytes = message->len;
    enum buffer_copied copied = BUFFER_BAD_TARGET;

    if (bytes <= caller->result.len) {
        copied = buffer_copy(from, message, caller->thread, &caller->result, bytes);
    }
    if (copied == BUFFER_BAD_SOURCE) {
        return SENDER_FAILED;
    }
    if (copied == BUFFER_BAD_TARGET) {
        flags |= CAP_CQE_F_TRUNCATED;
        bytes = 0;
    }
    (void)call_part(caller);
    entry_complete(caller, CAP_ERR_EXCEPTION, flags, 0, bytes);
    return DELIVERED;
}
