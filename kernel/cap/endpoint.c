// SPDX-License-Identifier: MIT
#include "cap/endpoint.h"

#include <capos.capnp.h>

#include "cap/call.h"
#include "cap/matching.h"
#include "mem/heap.h"

const char endpoint_not_a_client[] = "a client facet's interface is neither 0 nor Endpoint's";

bool endpoint_can_be_client(uint64_t interface_id)
{
    return interface_id != 0 && interface_id != CAPOS_ENDPOINT_ID;
}

static inline enum capnp_answer endpoint_mint(void *self, struct capnp_call *call,
                                              struct capos_endpoint_mint_params params,
                                              struct capos_endpoint_mint_results_builder results)
{
    struct endpoint_object *o = endpoint_of_owner(self);
    uint64_t interface_id = capos_endpoint_mint_params_get_interface_id(params);

    if (!endpoint_can_be_client(interface_id)) {
        return capnp_call_refuse(call, CAPNP_EXC_INVALID_ARGUMENT, endpoint_not_a_client);
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
    if (slot->object->type != &endpoint_type || !endpoint_can_be_client(interface_id)) {
        return NULL;
    }
    return &endpoint_of_owner(slot->object)->client;
}

static const struct capos_endpoint_server owner_methods = {.mint = endpoint_mint};

static enum capnp_answer owner_call(struct cap_object *object, struct capnp_call *call)
{
    return capos_endpoint_dispatch_own(&owner_methods, object, call);
}

/* The last owner facet is gone. */
static void owner_destroy(struct cap_object *object)
{
    struct endpoint_object *o = endpoint_of_owner(object);

    endpoint_close(&o->endpoint);
    if (endpoint_first_call(&o->endpoint) != NULL ||
        endpoint_first_receiver(&o->endpoint) != NULL) {
        matching_begin(o);
    }
    cap_drop(&o->client);
}

static void client_destroy(struct cap_object *object)
{
    struct endpoint_object *o = endpoint_of_client(object);

    account_drop(&o->charge);
    heap_free(NULL, o);
}

static void owner_each_hold(struct cap_object *object, void (*visit)(struct cap_object *held))
{
    visit(&endpoint_of_owner(object)->client);
}

static void client_each_hold(struct cap_object *object, void (*visit)(struct cap_object *held))
{
    if (endpoint_of_client(object)->endpoint.is_matching) {
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
