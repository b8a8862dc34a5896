// SPDX-License-Identifier: MIT
/*
 * The other side of the measured calls between processes, by the runtime's loop and
 * generated dispatch. What its endpoint is called says which of four it is:
 *
 *     null    serves NullCap as the kernel's object does, many short calls at a time
 *     large   the same, one call at a time, with much data
 *     bulk    serves Depot.invert, one call at a time, with much data that is built in place
 *     depot   serves as much of a Depot as moves a capability here and back
 */
#include <capos.client.h>
#include <depot.client.h>
#include <rt/capset.h>
#include <rt/server.h>
#include <support/check.h>
#include <support/invert.h>

/* A message with all that is around its data, bytes: of a short call, and of a long one. */
#define SHORT_BYTES 256u
#define LONG_BYTES  (4096u + 64u)

struct peer {
    uint64_t served;
    uint64_t thing; /* in the depot; CAP_ID_NONE: nothing */
};

static inline enum capnp_answer ping(void *self, struct capnp_call *call)
{
    (void)call;
    struct peer *peer = self;

    peer->served++;
    return CAPNP_ANSWERED;
}

static inline enum capnp_answer echo(void *self, struct capnp_call *call, uint64_t value,
                                     struct capnp_data data,
                                     struct capos_null_cap_echo_results_builder results)
{
    (void)call;
    struct peer *peer = self;

    peer->served++;
    capos_null_cap_echo_results_set_value(results, value);
    capos_null_cap_echo_results_set_data(results, data);
    return CAPNP_ANSWERED;
}

static inline enum capnp_answer add(void *self, struct capnp_call *call,
                                    struct capos_null_cap_add_params params,
                                    struct capos_null_cap_add_results_builder results)
{
    (void)call;
    struct peer *peer = self;
    uint64_t ab;
    uint64_t sum;

    bool carry = __builtin_add_overflow(capos_null_cap_add_params_get_a(params),
                                        capos_null_cap_add_params_get_b(params), &ab);
    carry |= __builtin_add_overflow(ab, capos_null_cap_add_params_get_c(params), &sum);
    peer->served++;
    capos_null_cap_add_results_set_sum(results, sum);
    capos_null_cap_add_results_set_carry(results, carry);
    capos_null_cap_add_results_set_count(results, peer->served);
    return CAPNP_ANSWERED;
}

static enum capnp_answer store(void *self, struct capnp_call *call,
                               struct demo_depot_store_params params)
{
    struct peer *peer = self;

    if (peer->thing != CAP_ID_NONE) {
        return capnp_call_refuse(call, CAPNP_EXC_FAILED, "there is something in the depot");
    }
    peer->thing = rt_request_take(call, demo_depot_store_params_get_thing(params));
    return CAPNP_ANSWERED;
}

/* The caller measures, and is there to receive it. */
static enum capnp_answer fetch(void *self, struct capnp_call *call,
                               struct demo_depot_fetch_results_builder results)
{
    struct peer *peer = self;

    if (peer->thing == CAP_ID_NONE) {
        return capnp_call_refuse(call, CAPNP_EXC_FAILED, "there is nothing in the depot");
    }
    demo_depot_fetch_results_set_thing(results, rt_request_give(call, rt_move(peer->thing)));
    peer->thing = CAP_ID_NONE;
    return CAPNP_ANSWERED;
}

static inline enum capnp_answer invert(void *self, struct capnp_call *call, struct capnp_data data,
                                       bool whole, struct demo_depot_invert_results_builder results)
{
    struct peer *peer = self;

    peer->served++;
    return demo_invert(call, data, whole, results);
}

static const struct capos_null_cap_server null_cap = {.ping = ping, .echo = echo, .add = add};
static const struct demo_depot_server depot = {.store = store, .fetch = fetch};
static const struct demo_depot_server bulk = {.invert = invert};

/* The dispatch with the handlers known, which so are part of it. */
static enum capnp_answer serve_null_cap(const void *handlers, void *self, struct capnp_call *call)
{
    (void)handlers;
    return capos_null_cap_dispatch(&null_cap, self, call);
}

static __attribute__((flatten)) enum capnp_answer serve_bulk(const void *handlers, void *self,
                                                             struct capnp_call *call)
{
    (void)handlers;
    return demo_depot_dispatch(&bulk, self, call);
}

int main(void)
{
    static struct rt_server server;
    struct peer peer = {.served = 0, .thing = CAP_ID_NONE};
    struct capnp_service service = {
        .serves = capos_null_cap_serves, .dispatch = serve_null_cap, .self = &peer};
    struct rt_offer offer = {
        .services = &service,
        .service_count = 1,
        .receivers = RT_SERVER_RECEIVERS,
        .params_bytes = SHORT_BYTES,
        .answer_bytes = SHORT_BYTES,
    };

    server.ring = demo_begin("bench-peer");
    CHECK(rt_capset_first(rt_capset(), CAPOS_ENDPOINT_ID, &offer.endpoint));
    bool is_bulk = rt_capset_has(rt_capset(), "bulk");
    if (is_bulk || rt_capset_has(rt_capset(), "large")) {
        offer.receivers = 1;
        offer.params_bytes = LONG_BYTES;
        offer.answer_bytes = LONG_BYTES;
    }
    if (is_bulk) {
        service = (struct capnp_service){
            .serves = demo_depot_serves, .dispatch = serve_bulk, .self = &peer};
    } else if (rt_capset_has(rt_capset(), "depot")) {
        service = demo_depot_service(&depot, &peer);
    }
    CHECK_OK(rt_server_offer(&server, &offer));
    CHECK_OK(rt_server_run(&server));
    return demo_end();
}
