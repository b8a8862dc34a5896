// SPDX-License-Identifier: MIT
#include "cap/endpoint_factory.h"

#include <capos.capnp.h>

#include "cap/call.h"
#include "cap/endpoint.h"
#include "cap/table.h"
#include "process.h"

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
    return capos_endpoint_factory_dispatch_own(&factory_methods, object, call);
}

const struct cap_type endpoint_factory_type = {
    .name = "EndpointFactory",
    .kind = CAP_FULL,
    .interface_id = CAPOS_ENDPOINT_FACTORY_ID,
    .call = factory_call,
};

static struct cap_object factory;

void endpoint_factory_init(void)
{
    cap_object_init(&factory, &endpoint_factory_type);
    kernel_table_keep(&factory);
}
