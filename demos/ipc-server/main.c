// SPDX-License-Identifier: MIT
/*
 * Serves a Depot (demos/schema/depot.capnp) on the endpoint that it exports, by the
 * runtime's loop and the generated dispatch. Who calls it, ipc-client, does to it what
 * clients do; in the end it leaves in the middle of its work.
 *
 * It shows each way to serve: an answer at once, one that is built where it goes, a
 * refusal, a capability taken and given, an object of its own made for the answer, and
 * answers that come later.
 */
#include <capos.client.h>
#include <depot.client.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <rt/server.h>
#include <rt/string.h>
#include <rt/syscall.h>
#include <support/check.h>
#include <support/invert.h>

#define WAITING_MAX 16u
#define TEXT_MAX    256u

struct depot {
    uint64_t endpoint; /* the owner facet */
    uint64_t thing;    /* CAP_ID_NONE: there is none */
    struct {
        uint64_t call_id;
        uint64_t badge;
    } waiting[WAITING_MAX]; /* calls of wait, in the order in which they came */
    uint32_t waiting_count;
};

static enum capnp_answer failed(struct capnp_call *call, const char *reason)
{
    return capnp_call_refuse(call, CAPNP_EXC_FAILED, reason);
}

static enum capnp_answer who_calls(void *self, struct capnp_call *call,
                                   struct demo_depot_who_calls_results_builder results)
{
    (void)self;
    demo_depot_who_calls_results_set_badge(results, call->badge);
    return CAPNP_ANSWERED;
}

static enum capnp_answer echo(void *self, struct capnp_call *call, struct capnp_text text,
                              uint32_t times, struct demo_depot_echo_results_builder results)
{
    (void)self;

    if ((uint64_t)text.len * times > TEXT_MAX) {
        return capnp_call_refuse(call, CAPNP_EXC_INVALID_ARGUMENT, "an echo has 256 bytes at most");
    }
    char *all = demo_depot_echo_results_room_text(results, text.len * times);
    if (all == NULL) {
        return CAPNP_NO_ROOM;
    }
    for (uint32_t i = 0; i < times; i++) {
        memcpy(all + i * text.len, text.ptr, text.len);
    }
    return CAPNP_ANSWERED;
}

static enum capnp_answer store(void *self, struct capnp_call *call,
                               struct demo_depot_store_params params)
{
    struct depot *depot = self;

    if (depot->thing != CAP_ID_NONE) {
        return failed(call, "there is something in the depot");
    }
    depot->thing = rt_request_take(call, demo_depot_store_params_get_thing(params));
    if (depot->thing == CAP_ID_NONE) {
        return capnp_call_refuse(call, CAPNP_EXC_INVALID_ARGUMENT, "nothing came to be stored");
    }
    return CAPNP_ANSWERED;
}

/* Answers by itself, to learn whether the thing has gone. */
static enum capnp_answer fetch(void *self, struct capnp_call *call,
                               struct demo_depot_fetch_results_builder results)
{
    (void)results;
    struct depot *depot = self;
    struct rt_ring *ring = rt_request_server(call)->ring;
    struct rt_answer answer;

    if (depot->thing == CAP_ID_NONE) {
        return failed(call, "there is nothing in the depot");
    }
    CHECK_OK(
        rt_answer_begin(&answer, ring, rt_request_id(call), DEMO_DEPOT_FETCH_RESULTS_BYTES, 1));
    demo_depot_fetch_results_set_thing(demo_depot_fetch_results_build_root(&answer.arena),
                                       rt_call_give(&answer.call, rt_move(depot->thing)));
    struct rt_status status = rt_answer_send(&answer);
    if (rt_ok(status)) {
        depot->thing = CAP_ID_NONE;
    } else {
        CHECK_EQ(status.code, CAP_ERR_NOT_DELIVERED);
    }
    return CAPNP_PENDING;
}

static enum capnp_answer share(void *self, struct capnp_call *call,
                               struct demo_depot_share_results_builder results)
{
    const struct depot *depot = self;

    if (depot->thing == CAP_ID_NONE) {
        return failed(call, "there is nothing in the depot");
    }
    demo_depot_share_results_set_thing(results, rt_request_give(call, rt_copy(depot->thing)));
    return CAPNP_ANSWERED;
}

static enum capnp_answer open(void *self, struct capnp_call *call,
                              struct demo_depot_open_params params,
                              struct demo_depot_open_results_builder results)
{
    const struct depot *depot = self;
    struct cap_transfer facet =
        rt_mint(depot->endpoint, demo_depot_open_params_get_badge(params), DEMO_DEPOT_ID);

    demo_depot_open_results_set_depot(results,
                                      (struct demo_depot_cap){rt_request_give(call, facet)});
    return CAPNP_ANSWERED;
}

static enum capnp_answer wait(void *self, struct capnp_call *call)
{
    struct depot *depot = self;

    if (depot->waiting_count == WAITING_MAX) {
        return capnp_call_refuse(call, CAPNP_EXC_OVERLOADED, "too many wait");
    }
    depot->waiting[depot->waiting_count].call_id = rt_request_id(call);
    depot->waiting[depot->waiting_count].badge = call->badge;
    depot->waiting_count++;
    return CAPNP_PENDING;
}

static enum capnp_answer waiting(void *self, struct capnp_call *call,
                                 struct demo_depot_waiting_params params,
                                 struct demo_depot_waiting_results_builder results)
{
    (void)call;
    const struct depot *depot = self;
    uint32_t count = 0;

    for (uint32_t i = 0; i < depot->waiting_count; i++) {
        count += depot->waiting[i].badge == demo_depot_waiting_params_get_badge(params) ? 1 : 0;
    }
    demo_depot_waiting_results_set_count(results, count);
    return CAPNP_ANSWERED;
}

/* Answers a call of wait. False: nobody waits for it any more. */
static bool tell(struct rt_ring *ring, uint64_t call_id)
{
    struct rt_answer answer;

    CHECK_OK(rt_answer_begin(&answer, ring, call_id, 0, 0));
    struct rt_status status = rt_answer_send(&answer);
    CHECK(rt_ok(status) || status.code == CAP_ERR_NOT_DELIVERED);
    return rt_ok(status);
}

static enum capnp_answer go(void *self, struct capnp_call *call, struct demo_depot_go_params params,
                            struct demo_depot_go_results_builder results)
{
    struct depot *depot = self;
    struct rt_ring *ring = rt_request_server(call)->ring;
    uint32_t told = 0;
    uint32_t gone = 0;
    uint32_t left = 0;

    for (uint32_t i = 0; i < depot->waiting_count; i++) {
        if (depot->waiting[i].badge != demo_depot_go_params_get_badge(params)) {
            depot->waiting[left++] = depot->waiting[i];
        } else if (tell(ring, depot->waiting[i].call_id)) {
            told++;
        } else {
            gone++;
        }
    }
    depot->waiting_count = left;
    demo_depot_go_results_set_told(results, told);
    demo_depot_go_results_set_gone(results, gone);
    return CAPNP_ANSWERED;
}

/* All of it, whatever is said: between lies what the answer to another client has left there. */
static enum capnp_answer invert(void *self, struct capnp_call *call, struct capnp_data data,
                                bool whole, struct demo_depot_invert_results_builder results)
{
    (void)self;
    (void)whole;
    return demo_invert(call, data, true, results);
}

static enum capnp_answer leave(void *self, struct capnp_call *call)
{
    (void)self;
    (void)call;
    rt_printf("ipc-server: leaves its clients in the middle of their calls\n");
    rt_exit(demo_end());
}

static const struct demo_depot_server handlers = {
    .who_calls = who_calls,
    .echo = echo,
    .store = store,
    .fetch = fetch,
    .share = share,
    .open = open,
    .wait = wait,
    .waiting = waiting,
    .go = go,
    .leave = leave,
    .invert = invert,
};

int main(void)
{
    struct rt_server server = {.ring = demo_begin("ipc-server")};
    struct depot depot = {.endpoint = rt_capset_need("depot", CAPOS_ENDPOINT_ID)};
    struct capnp_service service = demo_depot_service(&handlers, &depot);

    CHECK_OK(rt_server_offer(
        &server,
        &(struct rt_offer){.endpoint = depot.endpoint, .services = &service, .service_count = 1}));
    CHECK_OK(rt_server_run(&server));
    demo_fail(__FILE__, __LINE__, "the loop ended, and nobody had said so");
}
