// SPDX-License-Identifier: MIT
#include "cap/endpoint.h"

#include <abi/error.h>
#include <abi/limits.h>
#include <capos.capnp.h>

#include "arch/x86_64/cpu.h"
#include "cap/buffer.h"
#include "cap/call.h"
#include "cap/entry.h"
#include "cap/exception.h"
#include "cap/table.h"
#include "cap/transfer.h"
#include "mem/heap.h"
#include "panic.h"
#include "process.h"
#include "sched.h"

/* Calls and receivers that one entry, or one slice of matching, looks at. */
#define MATCH_TRIES  16u

#define HEADER_BYTES ((uint32_t)sizeof(struct cap_message_header))
#define RECORD_BYTES ((uint32_t)sizeof(struct cap_record))

static const char gone[] = "the endpoint's owner is gone";

static struct endpoint_object *object_of(struct endpoint *e)
{
    return LIST_OWNER(e, struct endpoint_object, endpoint);
}

static struct endpoint_object *of_client(struct cap_object *client)
{
    return LIST_OWNER(client, struct endpoint_object, client);
}

static struct endpoint_object *of_owner(struct cap_object *owner)
{
    return LIST_OWNER(owner, struct endpoint_object, owner);
}

/* Completes an entry that never had a record. */
static void fail_now(struct thread *t, const struct cap_sqe *sqe, enum cap_err error)
{
    ring_post(&t->ring, sqe->user_data, error, 0, 0, 0);
}

static void refuse_now(struct thread *t, const struct cap_sqe *sqe,
                       const struct call_buffer *result, enum capnp_exception exception,
                       const char *reason)
{
    struct exception_words words = exception_write(t, result, exception, reason);

    ring_post(&t->ring, sqe->user_data, CAP_ERR_EXCEPTION, words.flags, 0, words.bytes);
}

static const char in_flight[] = "as many entries are in flight as the ring can complete";

/* A record that leaves its endpoint's list, or stops serving, lets go of the endpoint. */
static void leave_endpoint(struct call *call)
{
    struct endpoint *e = call->endpoint;

    call->endpoint = NULL;
    list_remove(&call->node);
    cap_drop(&object_of(e)->client);
}

/* ---------------------------------------------------------------------------
 * Delivery */

static uint32_t count_of(const struct transfer *transfer)
{
    return transfer == NULL ? 0 : transfer->count;
}

static void list_records(const struct transfer *transfer, const uint64_t ids[],
                         struct cap_record records[])
{
    for (uint32_t i = 0; i < transfer->count; i++) {
        records[i] = (struct cap_record){.cap_id = ids[i],
                                         .interface_id = transfer->items[i].hold.interface_id};
    }
}

/*
 * Writes the records and then hands the capabilities over, to slots that are reserved.
 * False: the buffer is not writable; nothing was handed over.
 */
static bool hand_over(struct transfer *transfer, struct thread *from, struct thread *to,
                      const struct call_buffer *buffer, uint32_t offset, const uint64_t ids[])
{
    struct cap_record records[CAP_TRANSFER_MAX];

    list_records(transfer, ids, records);
    if (!transfer_write_records(to, buffer, offset, transfer->count, records)) {
        return false;
    }
    transfer_deliver(transfer, from->process, to->process, ids);
    return true;
}

/* What became of an attempt to hand a call to a receiver, or an answer to a caller. */
enum delivery {
    DELIVERED,
    SENDER_FAILED,     /* its message: BAD_PARAMS */
    TARGET_FAILED,     /* its buffer: BAD_RESULT */
    TARGET_TOO_SMALL,  /* its buffer or the number of capabilities it takes */
    TARGET_OVERLOADED, /* its table or budget */
};

/*
 * Copies message and capabilities to the target's buffer, behind `header` bytes that
 * are there already.
 */
static enum delivery deliver_message(struct thread *from, const struct call_buffer *message,
                                     struct transfer *transfer, const struct call *target,
                                     uint32_t header)
{
    uint32_t n = count_of(transfer);
    uint64_t ids[CAP_TRANSFER_MAX];
    struct thread *to = target->thread;

    if (__builtin_expect(n != 0, 0) && process_reserve_caps(to->process, n, ids) != ST_OK) {
        return TARGET_OVERLOADED;
    }
    struct call_buffer body = buffer_from(&target->result, header);
    enum delivery delivery = DELIVERED;
    switch (buffer_copy(from, message, to, &body, message->len)) {
    case BUFFER_BAD_SOURCE:
        delivery = SENDER_FAILED;
        break;
    case BUFFER_BAD_TARGET:
        delivery = TARGET_FAILED;
        break;
    case BUFFER_COPIED:
        if (__builtin_expect(n != 0, 0) &&
            !hand_over(transfer, from, to, &body, message->len, ids)) {
            delivery = TARGET_FAILED;
        }
        break;
    }
    if (__builtin_expect(delivery != DELIVERED && n != 0, 0)) {
        process_cancel_caps(to->process, n, ids);
    }
    return delivery;
}

static inline bool has_room(const struct call *target, uint32_t header, uint32_t bytes, uint32_t n)
{
    return header + bytes + n * RECORD_BYTES <= target->result.len && n <= target->cap_room;
}

/* Hands a call, whose record is in no list but perhaps the queue, to a receiver's record. */
static enum delivery deliver_call(struct call *caller, const struct call_message *message,
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
        uint64_t id = call_pair(caller, receiver);
        entry_post(receiver, (int32_t)(HEADER_BYTES + bytes), 0, (uint16_t)n, id);
    }
    return delivery;
}

/* Completes a call that could not be handed over, for a reason that is not the receiver's. */
static void caller_failed(struct call *caller, enum delivery delivery)
{
    switch (delivery) {
    case SENDER_FAILED:
        entry_fail(caller, CAP_ERR_BAD_PARAMS);
        return;
    case TARGET_TOO_SMALL:
        entry_fail(caller, CAP_ERR_TOO_LARGE);
        return;
    case TARGET_OVERLOADED:
        entry_refuse(caller, CAPNP_EXC_OVERLOADED, "the receiver has no room for the capabilities");
        return;
    case DELIVERED:
    case TARGET_FAILED:
        break;
    }
    panic("a call failed for no reason of its own");
}

/* ---------------------------------------------------------------------------
 * Meeting */

/* Takes a call out of the queue, with what it carries. */
static void unqueue(struct call *caller)
{
    if (caller->queued.transfer != NULL) {
        transfer_abandon(caller->queued.transfer, caller->thread->process);
        caller->queued.transfer = NULL;
    }
    leave_endpoint(caller);
}

/*
 * Hands the oldest call to a receiver that is in no list, or is the first that waits. If
 * it is not delivered, the receiver is as it was; where that was not the receiver's
 * fault, the call has been completed.
 */
static enum delivery meet(struct call *caller, struct call *receiver)
{
    enum delivery delivery = deliver_call(caller, &caller->queued, receiver);

    switch (delivery) {
    case DELIVERED: {
        struct endpoint *e = caller->endpoint;
        caller->endpoint = NULL; /* it has left the list already */
        caller->queued.transfer = NULL;
        cap_drop(&object_of(e)->client);
        return delivery;
    }
    case TARGET_FAILED:
        return delivery;
    case SENDER_FAILED:
    case TARGET_TOO_SMALL:
    case TARGET_OVERLOADED:
        break;
    }
    unqueue(caller);
    caller_failed(caller, delivery);
    return delivery;
}

/* Ends a receiver whose buffer has gone. */
static void receiver_failed(struct call *receiver)
{
    leave_endpoint(receiver);
    entry_fail(receiver, CAP_ERR_BAD_RESULT);
}

/* One of the two that wait in a closed endpoint, or one pair of an open one. */
static bool match_one(struct endpoint *e)
{
    struct call *caller = endpoint_first_call(e);
    struct call *receiver = endpoint_first_receiver(e);

    if (endpoint_is_closed(e)) {
        if (caller != NULL) {
            unqueue(caller);
            entry_refuse(caller, CAPNP_EXC_DISCONNECTED, gone);
        } else if (receiver != NULL) {
            leave_endpoint(receiver);
            entry_refuse(receiver, CAPNP_EXC_DISCONNECTED, gone);
        }
        return caller != NULL || receiver != NULL;
    }
    if (caller == NULL || receiver == NULL) {
        return false;
    }
    if (meet(caller, receiver) == TARGET_FAILED) {
        receiver_failed(receiver);
    }
    return true;
}

static bool matching_step(struct work *work)
{
    struct endpoint_object *o = LIST_OWNER(work, struct endpoint_object, matching);

    for (uint32_t i = 0; i < MATCH_TRIES; i++) {
        if (!match_one(&o->endpoint)) {
            o->is_matching = false;
            cap_drop(&o->client);
            return true;
        }
    }
    return false;
}

/* Undertakes to match, or end, what waits. */
static void match_later(struct endpoint_object *o)
{
    if (!o->is_matching) {
        o->is_matching = true;
        cap_hold(&o->client);
        work_add(&o->matching, matching_step);
    }
}

/* Whether handing a call over keeps interrupts out for a while. */
static inline bool is_long(const struct call_message *message)
{
    return message->params.len > SHORT_MESSAGE_BYTES || message->transfer != NULL;
}

bool endpoint_receive(struct endpoint *e, struct call *receiver)
{
    bool took_long = false;

    /* A call that fails may have carried the last owner facet. */
    for (uint32_t i = 0; __builtin_expect(!endpoint_is_closed(e), 1); i++) {
        struct call *caller = endpoint_first_call(e);
        if (caller == NULL || i == MATCH_TRIES) {
            if (caller != NULL) {
                match_later(object_of(e));
            }
            endpoint_arm(e, receiver);
            return took_long;
        }
        took_long = took_long || i != 0 || is_long(&caller->queued);
        switch (meet(caller, receiver)) {
        case DELIVERED:
            return took_long;
        case TARGET_FAILED:
            receiver_failed(receiver);
            return took_long;
        case SENDER_FAILED:
        case TARGET_TOO_SMALL:
        case TARGET_OVERLOADED:
            break;
        }
    }
    leave_endpoint(receiver);
    entry_refuse(receiver, CAPNP_EXC_DISCONNECTED, gone);
    return took_long;
}

/* ---------------------------------------------------------------------------
 * CALL */

/* What a call in service or in the queue carries is kept where it can wait. */
static void queue(struct endpoint *e, struct call *caller, const struct call_message *message)
{
    caller->queued = *message;
    if (message->transfer != NULL) {
        struct process *sender = caller->thread->process;

        caller->queued.transfer = transfer_keep(message->transfer, sender);
        if (caller->queued.transfer == NULL) {
            transfer_abandon(message->transfer, sender);
            entry_refuse(caller, CAPNP_EXC_OVERLOADED, "there is no memory for the capabilities");
            return;
        }
    }
    cap_hold(&object_of(e)->client);
    endpoint_queue(e, caller);
}

/* To the first receiver whose buffer is there, or into the queue, behind those that wait. */
static void send(struct endpoint *e, struct call *caller, const struct call_message *message)
{
    struct call *receiver;

    for (uint32_t i = 0;
         (receiver = endpoint_first_receiver(e)) != NULL && endpoint_first_call(e) == NULL; i++) {
        if (i == MATCH_TRIES) {
            match_later(object_of(e));
            break;
        }
        enum delivery delivery = deliver_call(caller, message, receiver);
        switch (delivery) {
        case DELIVERED:
            return;
        case TARGET_FAILED:
            receiver_failed(receiver);
            break;
        case SENDER_FAILED:
        case TARGET_TOO_SMALL:
        case TARGET_OVERLOADED:
            if (message->transfer != NULL) {
                transfer_abandon(message->transfer, caller->thread->process);
            }
            caller_failed(caller, delivery);
            return;
        }
    }
    queue(e, caller, message);
}

void endpoint_call(struct thread *t, const struct cap_slot *slot, const struct cap_sqe *sqe)
{
    struct endpoint *e = &of_client(slot->object)->endpoint;
    uint32_t descriptors = sqe->cap_count * (uint32_t)sizeof(struct cap_transfer);
    struct call_buffer result;
    struct call_message message = {
        .interface_id = sqe->interface_id, .badge = slot->badge, .method_id = sqe->method_id};

    if (!buffer_decode_message(t, sqe->params_addr, sqe->params_len, descriptors,
                               &message.params)) {
        fail_now(t, sqe, CAP_ERR_BAD_PARAMS);
        return;
    }
    if (!buffer_decode_room(t, sqe->result_addr, sqe->result_len, &result) ||
        !buffer_is_writable(t, &result)) {
        fail_now(t, sqe, CAP_ERR_BAD_RESULT);
        return;
    }
    if (endpoint_is_closed(e)) {
        refuse_now(t, sqe, &result, CAPNP_EXC_DISCONNECTED, gone);
        return;
    }
    if (sqe->cap_count != 0) {
        int32_t error =
            transfer_read(t, &message.params, sqe->params_len, sqe->cap_count, &message.transfer);
        if (error == CAP_ERR_EXCEPTION) {
            refuse_now(t, sqe, &result, CAPNP_EXC_OVERLOADED, "the kernel has no memory");
            return;
        }
        if (error != 0) {
            fail_now(t, sqe, (enum cap_err)error);
            return;
        }
    }
    message.params.len = sqe->params_len;
    struct call *caller = entry_begin(t, sqe->user_data);
    if (caller == NULL) {
        if (message.transfer != NULL) {
            transfer_abandon(message.transfer, t->process);
        }
        refuse_now(t, sqe, &result, CAPNP_EXC_OVERLOADED, in_flight);
        return;
    }
    caller->result = result;
    caller->cap_room = sqe->cap_room;
    send(e, caller, &message);
}

/* ---------------------------------------------------------------------------
 * RECV */

bool endpoint_recv(struct thread *t, const struct cap_sqe *sqe)
{
    struct call_buffer buffer;

    if ((sqe->cap_count | sqe->flags | sqe->method_id | sqe->pointer_index | sqe->interface_id |
         sqe->params_addr | sqe->params_len | sqe->reserved) != 0 ||
        sqe->cap_room > CAP_TRANSFER_MAX) {
        fail_now(t, sqe, CAP_ERR_INVALID_REQUEST);
        return false;
    }
    const struct cap_slot *slot = cap_table_lookup(&t->process->caps, sqe->cap_id);
    if (slot == NULL) {
        fail_now(t, sqe, CAP_ERR_INVOKE_FAILED);
        return false;
    }
    if (slot->object->type != &endpoint_type) {
        fail_now(t, sqe, CAP_ERR_WRONG_INTERFACE);
        return false;
    }
    if (!buffer_decode_room(t, sqe->result_addr, sqe->result_len, &buffer) ||
        buffer.len < HEADER_BYTES || !buffer_is_writable(t, &buffer)) {
        fail_now(t, sqe, CAP_ERR_BAD_RESULT);
        return false;
    }
    struct call *receiver = entry_begin(t, sqe->user_data);
    if (receiver == NULL) {
        refuse_now(t, sqe, &buffer, CAPNP_EXC_OVERLOADED, in_flight);
        return false;
    }
    struct endpoint_object *o = of_owner(slot->object);
    receiver->result = buffer;
    receiver->cap_room = sqe->cap_room;
    receiver->endpoint = &o->endpoint;
    cap_hold(&o->client);
    return endpoint_receive(&o->endpoint, receiver);
}

/* ---------------------------------------------------------------------------
 * RETURN */

/* A call that was being served is over: its receiver's record is free, and owes nothing. */
static void stop_serving(struct call *receiver)
{
    leave_endpoint(receiver);
    call_put(&receiver->thread->pool, receiver);
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

/* Hands the answer to the caller, which is completed unless the fault is the sender's. */
static enum delivery deliver_answer(struct thread *t, const struct call_buffer *message,
                                    struct transfer *transfer, struct call *caller)
{
    uint32_t n = count_of(transfer);
    uint32_t bytes = message->len;
    enum delivery delivery = has_room(caller, 0, bytes, n)
                                 ? deliver_message(t, message, transfer, caller, 0)
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

/* The same for an exception, which arrives without its text where there is no room for that. */
static enum delivery deliver_exception(struct thread *t, const struct cap_sqe *sqe,
                                       const struct call_buffer *message, struct call *caller)
{
    uint16_t flags = sqe->method_id;
    uint32_t bytes = message->len;
    enum buffer_copied copied = BUFFER_BAD_TARGET;

    if (bytes <= caller->result.len) {
        copied = buffer_copy(t, message, caller->thread, &caller->result, bytes);
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

bool endpoint_return(struct thread *t, const struct cap_sqe *sqe)
{
    uint32_t descriptors = sqe->cap_count * (uint32_t)sizeof(struct cap_transfer);
    struct call_buffer message;
    struct transfer *transfer = NULL;

    if (!return_is_valid(sqe)) {
        fail_now(t, sqe, CAP_ERR_INVALID_REQUEST);
        return false;
    }
    struct call *receiver = call_find(&t->pool, sqe->interface_id);
    if (receiver == NULL) {
        fail_now(t, sqe, CAP_ERR_NOT_FOUND);
        return false;
    }
    if (!buffer_decode_message(t, sqe->params_addr, sqe->params_len, descriptors, &message)) {
        fail_now(t, sqe, CAP_ERR_BAD_PARAMS);
        return false;
    }
    if (sqe->cap_count != 0) {
        int32_t error = transfer_read(t, &message, sqe->params_len, sqe->cap_count, &transfer);
        if (error == CAP_ERR_EXCEPTION) {
            refuse_now(t, sqe, &(struct call_buffer){0}, CAPNP_EXC_OVERLOADED,
                       "the kernel has no memory");
            return false;
        }
        if (error != 0) {
            fail_now(t, sqe, (enum cap_err)error);
            return false;
        }
    }
    message.len = sqe->params_len;
    struct call *caller = receiver->peer;
    enum delivery delivery = TARGET_FAILED; /* if it has gone */
    if (caller != NULL && (sqe->flags & CAP_SQE_F_EXCEPTION) != 0) {
        delivery = deliver_exception(t, sqe, &message, caller);
    } else if (caller != NULL) {
        delivery = deliver_answer(t, &message, transfer, caller);
    }
    if (__builtin_expect(delivery != DELIVERED, 0)) {
        if (transfer != NULL) {
            transfer_abandon(transfer, t->process);
        }
        if (delivery == SENDER_FAILED) {
            fail_now(t, sqe, CAP_ERR_BAD_PARAMS);
            return false;
        }
        stop_serving(receiver);
        fail_now(t, sqe, CAP_ERR_NOT_DELIVERED);
        return false;
    }
    if ((sqe->flags & CAP_SQE_F_AGAIN) == 0) {
        stop_serving(receiver);
        ring_post(&t->ring, sqe->user_data, 0, 0, 0, 0);
        return false;
    }
    enum status status = ring_reserve(&t->ring);
    ASSERT(status == ST_OK, "a ring keeps fewer places than its thread has records");
    receiver->user_data = sqe->user_data;
    return endpoint_receive(receiver->endpoint, receiver);
}

/* ---------------------------------------------------------------------------
 * CANCEL, and death */

/*
 * Takes a record out of whatever it is in. What is left is a record that owes a
 * completion, or was SERVING and owes none.
 */
static void withdraw(struct call *call)
{
    struct call *peer;

    switch (call->state) {
    case CALL_QUEUED:
        unqueue(call);
        return;
    case CALL_ARMED:
        leave_endpoint(call);
        return;
    case CALL_SERVED:
        (void)call_part(call);
        return;
    case CALL_KEPT:
        call->withdraw(call);
        return;
    case CALL_SERVING:
        peer = call_part(call);
        leave_endpoint(call);
        if (peer != NULL) {
            entry_refuse(peer, CAPNP_EXC_DISCONNECTED, "the process that served the call is gone");
        }
        return;
    case CALL_FREE:
        break;
    }
    panic("a free record was to be withdrawn");
}

void endpoint_cancel(struct thread *t, const struct cap_sqe *sqe)
{
    if ((sqe->cap_count | sqe->flags | sqe->method_id | sqe->pointer_index | sqe->cap_id |
         sqe->interface_id | sqe->result_addr | sqe->params_len | sqe->result_len | sqe->cap_room |
         sqe->reserved) != 0) {
        fail_now(t, sqe, CAP_ERR_INVALID_REQUEST);
        return;
    }
    struct call *call = call_find_entry(&t->pool, sqe->params_addr);
    if (call == NULL) {
        fail_now(t, sqe, CAP_ERR_NOT_FOUND);
        return;
    }
    withdraw(call);
    entry_fail(call, CAP_ERR_CANCELED);
    ring_post(&t->ring, sqe->user_data, 0, 0, 0, 0);
}

bool entries_reap(struct thread *t, uint32_t budget)
{
    struct call_pool *pool = &t->pool;

    for (uint32_t i = 0; i < budget && pool->used != 0; i++) {
        struct call *call = &pool->records[t->reap_cursor];

        if (call->state != CALL_FREE) {
            withdraw(call);
            call_put(pool, call);
        }
        t->reap_cursor = t->reap_cursor + 1 == pool->count ? 0 : t->reap_cursor + 1;
    }
    return pool->used == 0;
}

void entries_each_hold(const struct thread *t, void (*visit)(struct cap_object *held))
{
    for (uint32_t i = 0; i < t->pool.count; i++) {
        const struct call *call = &t->pool.records[i];

        if (call->endpoint != NULL) {
            visit(&object_of(call->endpoint)->client);
        }
        if (call->state == CALL_QUEUED && call->queued.transfer != NULL) {
            transfer_each_hold(call->queued.transfer, visit);
        }
    }
}

/* ---------------------------------------------------------------------------
 * The objects */

static enum capnp_answer endpoint_mint(void *self, struct capnp_call *call,
                                       struct capos_endpoint_mint_params params,
                                       struct capos_endpoint_mint_results_builder results)
{
    struct endpoint_object *o = of_owner(self);
    uint64_t interface_id = capos_endpoint_mint_params_get_interface_id(params);

    if (interface_id == 0 || interface_id == CAPOS_ENDPOINT_ID) {
        return capnp_call_refuse(call, CAPNP_EXC_INVALID_ARGUMENT,
                                 "a client facet's interface is neither 0 nor Endpoint's");
    }
    cap_hold(&o->client);
    capos_endpoint_mint_results_set_client(
        results,
        cap_call_give(call, (struct cap_hold){.object = &o->client,
                                              .interface_id = interface_id,
                                              .badge = capos_endpoint_mint_params_get_badge(params),
                                              .transferable = true}));
    return CAPNP_ANSWERED;
}

struct cap_object *endpoint_mint_object(const struct cap_slot *slot, uint64_t interface_id)
{
    if (slot->object->type != &endpoint_type || interface_id == 0 ||
        interface_id == CAPOS_ENDPOINT_ID) {
        return NULL;
    }
    return &of_owner(slot->object)->client;
}

static const struct capos_endpoint_server owner_methods = {.mint = endpoint_mint};

static enum capnp_answer owner_call(struct cap_object *object, struct capnp_call *call)
{
    return capos_endpoint_dispatch(&owner_methods, object, call);
}

/* The last owner facet is gone. */
static void owner_destroy(struct cap_object *object)
{
    struct endpoint_object *o = of_owner(object);

    endpoint_close(&o->endpoint);
    if (endpoint_first_call(&o->endpoint) != NULL ||
        endpoint_first_receiver(&o->endpoint) != NULL) {
        match_later(o);
    }
    cap_drop(&o->client);
}

static void client_destroy(struct cap_object *object)
{
    struct endpoint_object *o = of_client(object);

    account_drop(&o->charge);
    heap_free(NULL, o);
}

static void owner_each_hold(struct cap_object *object, void (*visit)(struct cap_object *held))
{
    visit(&of_owner(object)->client);
}

static void client_each_hold(struct cap_object *object, void (*visit)(struct cap_object *held))
{
    if (of_client(object)->is_matching) {
        visit(object);
    }
}

const struct cap_type endpoint_type = {
    .name = "Endpoint",
    .kind = CAP_FULL,
    .interface_id = CAPOS_ENDPOINT_ID,
    .call = owner_call,
    .destroy = owner_destroy,
    .each_hold = owner_each_hold,
};

const struct cap_type endpoint_client_type = {
    .name = "EndpointClient",
    .kind = CAP_CLIENT,
    .destroy = client_destroy,
    .each_hold = client_each_hold,
};

enum status endpoint_create(struct account *payer, struct cap_object **owner,
                            struct cap_object **client)
{
    uint64_t cost[ACCOUNT_KINDS] = {[ACCOUNT_HEAP_BYTES] =
                                        heap_charge(sizeof(struct endpoint_object))};
    struct endpoint_object *o = heap_alloc(NULL, sizeof *o);

    if (o == NULL) {
        return ST_NO_MEMORY;
    }
    enum status status = account_take(payer, &o->charge, cost);
    if (status != ST_OK) {
        heap_free(NULL, o);
        return status;
    }
    endpoint_init(&o->endpoint);
    cap_object_init(&o->client, &endpoint_client_type);
    cap_object_init(&o->owner, &endpoint_type);
    cap_hold(&o->client); /* the owner facet's */
    *owner = &o->owner;
    *client = &o->client;
    return ST_OK;
}

static enum capnp_answer
factory_create(void *self, struct capnp_call *call,
               struct capos_endpoint_factory_create_results_builder results)
{
    (void)self;
    struct cap_object *owner;
    struct cap_object *client;

    enum status status = endpoint_create(&cap_call_process(call)->account, &owner, &client);
    if (status != ST_OK) {
        return capnp_call_refuse(call, CAPNP_EXC_OVERLOADED, status_text(status));
    }
    cap_drop(client);
    struct cap_hold hold = {
        .object = owner, .interface_id = CAPOS_ENDPOINT_ID, .transferable = true};
    capos_endpoint_factory_create_results_set_endpoint(
        results, (struct capos_endpoint_cap){cap_call_give(call, hold)});
    return CAPNP_ANSWERED;
}

static const struct capos_endpoint_factory_server factory_methods = {.create = factory_create};

static enum capnp_answer factory_call(struct cap_object *object, struct capnp_call *call)
{
    return capos_endpoint_factory_dispatch(&factory_methods, object, call);
}

static void factory_destroy(struct cap_object *object)
{
    panic("%s destroyed, though the kernel holds it for good", object->type->name);
}

const struct cap_type endpoint_factory_type = {
    .name = "EndpointFactory",
    .kind = CAP_FULL,
    .interface_id = CAPOS_ENDPOINT_FACTORY_ID,
    .call = factory_call,
    .destroy = factory_destroy,
};

static struct cap_object factory;

void endpoint_factory_init(void)
{
    cap_object_init(&factory, &endpoint_factory_type);
    kernel_table_keep(&factory);
}
