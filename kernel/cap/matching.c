// SPDX-License-Identifier: MIT
#include "cap/matching.h"

#include "cap/deliver.h"
#include "cap/entry.h"
#include "cap/transfer.h"
#include "panic.h"

/* Calls and receivers that one entry, or one slice of matching, looks at. */
#define MATCH_TRIES 16u

const char matching_closed[] = "the endpoint's owner is gone";

void matching_leave(struct call *call)
{
    struct endpoint *e = call->endpoint;

    call->endpoint = NULL;
    call_unlist(call);
    cap_drop(&endpoint_object_of(e)->client);
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

void matching_unqueue(struct call *caller)
{
    if (caller->queued.transfer != NULL) {
        transfer_abandon(caller->queued.transfer, caller->thread->process);
        caller->queued.transfer = NULL;
    }
    matching_leave(caller);
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
        cap_drop(&endpoint_object_of(e)->client);
        return delivery;
    }
    case TARGET_FAILED:
        return delivery;
    case SENDER_FAILED:
    case TARGET_TOO_SMALL:
    case TARGET_OVERLOADED:
        break;
    }
    matching_unqueue(caller);
    caller_failed(caller, delivery);
    return delivery;
}

/* Ends a receiver whose buffer has gone. */
static void receiver_failed(struct call *receiver)
{
    matching_leave(receiver);
    entry_fail(receiver, CAP_ERR_BAD_RESULT);
}

/* One of the two that wait in a closed endpoint, or one pair of an open one. */
static bool match_one(struct endpoint *e)
{
    struct call *caller = endpoint_first_call(e);
    struct call *receiver = endpoint_first_receiver(e);

    if (endpoint_is_closed(e)) {
        if (caller != NULL) {
            matching_unqueue(caller);
            entry_refuse(caller, CAPNP_EXC_DISCONNECTED, matching_closed);
        } else if (receiver != NULL) {
            matching_leave(receiver);
            entry_refuse(receiver, CAPNP_EXC_DISCONNECTED, matching_closed);
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
            o->endpoint.is_matching = false;
            cap_drop(&o->client);
            return true;
        }
    }
    return false;
}

void matching_begin(struct endpoint_object *o)
{
    if (!o->endpoint.is_matching) {
        o->endpoint.is_matching = true;
        cap_hold(&o->client);
        work_add(&o->matching, matching_step);
    }
}

/* Whether handing a call over keeps interrupts out for a while. */
static inline bool is_long(const struct call_message *message)
{
    return message->params.len > SHORT_MESSAGE_BYTES || message->transfer != NULL;
}

bool matching_receive(struct endpoint *e, struct call *receiver)
{
    bool took_long = false;

    /* A call that fails may have carried the last owner facet. */
    for (uint32_t i = 0; __builtin_expect(!endpoint_is_closed(e), 1); i++) {
        struct call *caller = endpoint_first_call(e);
        if (caller == NULL || i == MATCH_TRIES) {
            if (caller != NULL) {
                matching_begin(endpoint_object_of(e));
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
    matching_leave(receiver);
    entry_refuse(receiver, CAPNP_EXC_DISCONNECTED, matching_closed);
    return took_long;
}

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
    cap_hold(&endpoint_object_of(e)->client);
    endpoint_queue(e, caller);
}

void matching_send(struct endpoint *e, struct call *caller, const struct call_message *message)
{
    struct call *receiver;

    for (uint32_t i = 0;
         (receiver = endpoint_first_receiver(e)) != NULL && endpoint_first_call(e) == NULL; i++) {
        if (i == MATCH_TRIES) {
            matching_begin(endpoint_object_of(e));
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
