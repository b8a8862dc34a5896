// SPDX-License-Identifier: MIT
/*
 * Endpoints. An endpoint is two objects in one. The client facet is called; the owner
 * facet receives, answers and mints. The owner facet, while it exists, holds the client
 * facet; so do a queued call and a receiver, by their records. When the last owner facet
 * is gone the endpoint is closed.
 *
 *   cap/ipc.h        the opcodes: what an entry asks for, checked
 *   cap/matching.h   which call and which receiver meet, and who waits
 *   cap/deliver.h    how a message gets from one to the other
 *   cap/in_flight.h  how what waits or is served ends before its time
 */
#pragma once

#include <lib/account.h>
#include <lib/endpoint.h>

#include "cap/cap.h"
#include "work.h"

struct endpoint_object {
    struct cap_object client; /* first */
    struct cap_object owner;
    struct endpoint endpoint;
    struct charge charge; /* for this struct */
    struct work matching; /* queued while endpoint.is_matching: it goes in slices */
};

extern const struct cap_type endpoint_type; /* the owner facet */
extern const struct cap_type endpoint_client_type;

/*
 * A new endpoint, charged to `payer`: two holds, one on each facet, that are the
 * caller's. ST_NO_MEMORY, ST_OVER_BUDGET.
 */
enum status endpoint_create(struct account *payer, struct cap_object **owner,
                            struct cap_object **client);

/* Whether a client facet can have that interface; and what is said if not. */
bool endpoint_can_be_client(uint64_t interface_id);
extern const char endpoint_not_a_client[];

/*
 * The client facet that an owner facet can mint for this interface. NULL: the slot
 * is not an owner facet, or no client can have that interface.
 */
struct cap_object *endpoint_mint_object(const struct cap_slot *slot, uint64_t interface_id);

/* The endpoint of a facet, or of its lib part. */
static inline struct endpoint_object *endpoint_of_client(struct cap_object *client)
{
    return LIST_OWNER(client, struct endpoint_object, client);
}

static inline struct endpoint_object *endpoint_of_owner(struct cap_object *owner)
{
    return LIST_OWNER(owner, struct endpoint_object, owner);
}

static inline struct endpoint_object *endpoint_object_of(struct endpoint *e)
{
    return LIST_OWNER(e, struct endpoint_object, endpoint);
}
