// SPDX-License-Identifier: MIT
#include "cap/ipc.h"

#include <abi/error.h>
#include <abi/limits.h>

#include "cap/buffer.h"
#include "cap/deliver.h"
#include "cap/endpoint.h"
#include "cap/entry.h"
#include "cap/in_flight.h"
#include "cap/matching.h"
#include "cap/ring.h"
#include "cap/transfer.h"
#include "panic.h"
#include "process.h"

static const char too_many[] = "as many entries are in flight as the ring can complete";

void ipc_call(struct thread *t, const struct cap_slot *slot, const struct cap_sqe *sqe)
{
    struct endpoint *e = &endpoint_of_client(slot->object)->endpoint;
    uint32_t descriptors = sqe->cap_count * (uint32_t)sizeof(struct cap_transfer);
    struct call_buffer result;
    struct call_message message = {
        .interface_id = sqe->interface_id, .badge = slot->badge, .method_id = sqe->method_id};

    if (!ring_decode_call(t, sqe, descriptors, &message.params, &result)) {
        return;
    }
    if (endpoint_is_closed(e)) {
        ring_refuse(t, sqe->user_data, CAPNP_EXC_DISCONNECTED, matching_closed, result);
        return;
    }
    if (sqe->cap_count != 0 &&
        !ring_read_transfer(t, sqe, &message.params, result, &message.transfer)) {
        return;
    }
    message.params.len = sqe->params_len;
    struct call *caller = entry_begin(t, sqe->user_data);
    if (caller == NULL) {
        if (message.transfer != NULL) {
            transfer_abandon(message.transfer, t->process);
        }
        ring_refuse(t, sqe->user_data, CAPNP_EXC_OVERLOADED, too_many, result);
        return;
    }
    caller->result = result;
    caller->cap_room = sqe->cap_room;
    matching_send(e, caller, &message);
}

bool ipc_recv(struct thread *t, const struct cap_sqe *sqe)
{
    struct call_buffer buffer;

    if ((sqe->cap_count | sqe->flags | sqe->method_id | sqe->pointer_index | sqe->interface_id |
         sqe->params_addr | sqe->params_len | sqe->reserved) != 0 ||
        sqe->cap_room > CAP_TRANSFER_MAX) {
        ring_fail(t, sqe->user_data, CAP_ERR_INVALID_REQUEST);
        return false;
    }
    const struct cap_slot *slot = cap_table_lookup(&t->process->caps, sqe->cap_id);
    if (slot == NULL) {
        ring_fail(t, sqe->user_data, CAP_ERR_INVOKE_FAILED);
        return false;
    }
    if (slot->object->type != &endpoint_type) {
        ring_fail(t, sqe->user_data, CAP_ERR_WRONG_INTERFACE);
        return false;
    }
    if (!buffer_decode_room(t, sqe->result_addr, sqe->result_len, &buffer) ||
        buffer.len < sizeof(struct cap_message_header) || !buffer_is_writable(t, &buffer)) {
        ring_fail(t, sqe->user_data, CAP_ERR_BAD_RESULT);
        return false;
    }
    struct call *receiver = entry_begin(t, sqe->user_data);
    if (receiver == NULL) {
        ring_refuse(t, sqe->user_data, CAPNP_EXC_OVERLOADED, too_many, buffer);
        return false;
    }
    struct endpoint_object *o = endpoint_of_owner(slot->object);
    receiver->result = buffer;
    receiver->cap_room = sqe->cap_room;
    receiver->endpoint = &o->endpoint;
    cap_hold(&o->client);
    return matching_receive(&o->endpoint, receiver);
}

/* A call that was being served is over: its receiver's record is free, and owes nothing. */
static void stop_serving(struct call *receiver)
{
    matching_leave(receiver);
    call_put(&receiver->thread->pool, receiver);
}

/* Whether the fields make sense together. */
static bool return_is_valid(const struct cap_sqe *sqe)
{
    bool exception = (sqe->flags & CAP_SQE_F_EXCEPTION) != 0;

    return (sqe->flags & ~(CAP_SQE_F_EXCEPTION | CAP_SQE_F_AGAIN)) == 0 &&
           (sqe->pointer_index | sqe->cap_id | sqe->result_addr | sqe->result_len | sqe->cap_room |
            sqe->reserved) == 0 &&
           (exception ? sqe->method_id <= CAP_EXC_INVALID_ARGUMENT && sqe->cap_count == 0
                      : sqe->method_id == 0);
}

bool ipc_return(struct thread *t, const struct cap_sqe *sqe)
{
    uint32_t descriptors = sqe->cap_count * (uint32_t)sizeof(struct cap_transfer);
    struct call_buffer message;
    struct transfer *transfer = NULL;

    if (!return_is_valid(sqe)) {
        ring_fail(t, sqe->user_data, CAP_ERR_INVALID_REQUEST);
        return false;
    }
    struct call *receiver = call_find(&t->pool, sqe->interface_id);
    if (receiver == NULL) {
        ring_fail(t, sqe->user_data, CAP_ERR_NOT_FOUND);
        return false;
    }
    if (!buffer_decode_message(t, sqe->params_addr, sqe->params_len, descriptors, &message)) {
        ring_fail(t, sqe->user_data, CAP_ERR_BAD_PARAMS);
        return false;
    }
    if (sqe->cap_count != 0 &&
        !ring_read_transfer(t, sqe, &message, (struct call_buffer){0}, &transfer)) {
        return false;
    }
    message.len = sqe->params_len;
    struct call *caller = receiver->peer;
    enum delivery delivery = TARGET_FAILED; /* if it has gone */
    if (caller != NULL && (sqe->flags & CAP_SQE_F_EXCEPTION) != 0) {
        delivery = deliver_exception(t, sqe->method_id, &message, caller);
    } else if (caller != NULL) {
        delivery = deliver_answer(t, &message, transfer, caller);
    }
    if (__builtin_expect(delivery != DELIVERED, 0)) {
        if (transfer != NULL) {
            transfer_abandon(transfer, t->process);
        }
        if (delivery == SENDER_FAILED) {
            ring_fail(t, sqe->user_data, CAP_ERR_BAD_PARAMS);
            return false;
        }
        stop_serving(receiver);
        ring_fail(t, sqe->user_data, CAP_ERR_NOT_DELIVERED);
        return false;
    }
    if ((sqe->flags & CAP_SQE_F_AGAIN) == 0) {
        stop_serving(receiver);
        ring_post(&t->ring, sqe->user_data, 0, 0, 0, 0);
        return false;
    }
    ring_reserve(&t->ring);
    receiver->user_data = sqe->user_data;
    return matching_receive(receiver->endpoint, receiver);
}

void ipc_cancel(struct thread *t, const struct cap_sqe *sqe)
{
    if ((sqe->cap_count | sqe->flags | sqe->method_id | sqe->pointer_index | sqe->cap_id |
         sqe->interface_id | sqe->result_addr | sqe->params_len | sqe->result_len | sqe->cap_room |
         sqe->reserved) != 0) {
        ring_fail(t, sqe->user_data, CAP_ERR_INVALID_REQUEST);
        return;
    }
    struct call *call = call_find_entry(&t->pool, sqe->params_addr);
    if (call == NULL) {
        ring_fail(t, sqe->user_data, CAP_ERR_NOT_FOUND);
        return;
    }
    in_flight_withdraw(call);
    entry_fail(call, CAP_ERR_CANCELED);
    ring_post(&t->ring, sqe->user_data, 0, 0, 0, 0);
}
