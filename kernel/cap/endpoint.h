// SPDX-License-Identifier: MIT
/*
 * Endpoints and the calls that go through them: what CALL, RECV, RETURN and CANCEL
 * do once the ring has taken the entry.
 *
 * An endpoint is two objects in one. The client facet is called; the owner facet
 * receives, answers and mints. The owner facet, while it exists, holds the client
 * facet; so do a queued call and a receiver, by their records. When the last owner
 * facet is gone the endpoint is closed.
 *
 * A call is delivered in one step, all or nothing: room and slots at the receiver
 * first, then header, parameters and records into its buffer, then the capabilities;
 * so too an answer. What is the caller's fault fails the call and leaves the receiver
 * as it was, and the other way round.
 *
 * Every party may die at every point. A dying process is first marked, and what it
 * has in flight is ended later, in slices, before its tables go: until then it is
 * called and answered as before.
 */
#pragma once

#include <abi/ring.h>
#include <capnp/call.h>
#include <lib/account.h>
#include <lib/endpoint.h>

#include "cap/cap.h"
#include "thread.h"
#include "work.h"

struct endpoint_object {
    struct cap_object client; /* first */
    struct cap_object owner;
    struct endpoint endpoint;
    struct charge charge; /* for this struct */
    struct work matching; /* queued: what waits is matched, or ended, in slices */
    bool is_matching;
};

extern const struct cap_type endpoint_type; /* the owner facet */
extern const struct cap_type endpoint_client_type;
extern const struct cap_type endpoint_factory_type;

/*
 * A new endpoint, charged to `payer`: two holds, one on each facet, that are the
 * caller's. ST_NO_MEMORY, ST_OVER_BUDGET.
 */
enum status endpoint_create(struct account *payer, struct cap_object **owner,
                            struct cap_object **client);

/*
 * The client facet that an owner facet can mint for this interface. NULL: the slot
 * is not an owner facet, or no client can have that interface.
 */
struct cap_object *endpoint_mint_object(const struct cap_slot *slot, uint64_t interface_id);

/* Makes the EndpointFactory. */
void endpoint_factory_init(void);

/* The endpoint of a client facet. */
static inline struct endpoint *endpoint_of_client(struct cap_object *client)
{
    return &LIST_OWNER(client, struct endpoint_object, client)->endpoint;
}

/* A message up to this size, in bytes, is short: handing it over is no long work. */
#define SHORT_MESSAGE_BYTES 256u

/*
 * A receiver's record, in no list and holding the endpoint, takes the next call or
 * waits for one. True: that kept interrupts out for a while.
 */
bool endpoint_receive(struct endpoint *e, struct call *receiver);

/*
 * The opcodes. Each completes the entry, now or later. Fields that the ring has
 * checked for a CALL: flags, the slot, reserved fields. Of those that receive, true says
 * the same as of endpoint_receive.
 */
void endpoint_call(struct thread *t, const struct cap_slot *slot, const struct cap_sqe *sqe);
bool endpoint_recv(struct thread *t, const struct cap_sqe *sqe);
bool endpoint_return(struct thread *t, const struct cap_sqe *sqe);
void endpoint_cancel(struct thread *t, const struct cap_sqe *sqe);

/*
 * Ends what a dying thread has in flight, at most `budget` records of it. True: nothing
 * is left.
 */
bool entries_reap(struct thread *t, uint32_t budget);

/* For the recount: calls `visit` for each hold that a thread's entries in flight are. */
void entries_each_hold(const struct thread *t, void (*visit)(struct cap_object *held));
