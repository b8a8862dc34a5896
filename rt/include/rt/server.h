// SPDX-License-Identifier: MIT
/*
 * Serving: a loop that takes calls of endpoints, has the generated dispatch call the
 * program's handlers, and answers.
 *
 *     static const struct capos_memory_reader_server handlers = {.size = size};
 *
 *     s = rt_serve(ring, endpoint.id, capos_memory_reader_service(&handlers, &self));
 *
 * That serves one interface on one endpoint until a handler stops it. For more of
 * either, or other sizes, a struct rt_server is offered each endpoint's services by
 * rt_server_offer, and then run.
 *
 * A handler answers, refuses, or keeps the call and answers later (struct rt_answer).
 * It may call others meanwhile; its parameters are good until it returns. Calls of one
 * client are served in the order in which they came.
 *
 * Whatever a client sends, a handler sees checked parameters or is not called. What
 * goes wrong with one call ends that call: its client is refused with a sentence, or
 * told by the kernel, and the loop goes on.
 *
 *   IDLE ──► RECEIVING ──► (handler) ──► ANSWERING ──► RECEIVING    in one entry, which
 *              │  ▲                        │   │                    completes when the next
 *              │  │ kept for later,        │   │ malformed          call has come
 *              │  │ or not delivered ◄─────┘   ▼
 *              ▼  └──────────────────────── REFUSING
 *            IDLE   the endpoint is gone, or the server has stopped
 */
#pragma once

#include <capnp/dispatch.h>
#include <rt/ring.h>

/* Calls that all offers of one server together can receive at a time. */
#define RT_SERVER_RECEIVERS 32u

/* What an offer is where it says 0. */
#define RT_OFFER_RECEIVERS    4u
#define RT_OFFER_BYTES        512u
#define RT_OFFER_CAPABILITIES 4u

/* What is served on one endpoint. Of several services, the first that serves the interface. */
struct rt_offer {
    uint64_t endpoint;                    /* the owner facet */
    const struct capnp_service *services; /* borrowed for as long as the server runs */
    uint32_t service_count;
    uint32_t receivers;    /* calls received at a time; more of them wait in the kernel */
    uint32_t params_bytes; /* of one call; what is longer fails at its caller */
    uint32_t answer_bytes; /* of one answer; a refusal always finds room */
    uint32_t take_room;    /* capabilities that one call can bring */
    uint32_t give_room;    /* and one answer */
};

enum rt_receiver_state { RT_IDLE, RT_RECEIVING, RT_ANSWERING, RT_REFUSING };

struct rt_server;

struct rt_receiver {
    struct capnp_call c; /* what handlers get; first, so that it leads back to the receiver */
    struct rt_call call; /* its parameters are the answer, its results what came */
    struct rt_server *server;
    enum rt_receiver_state state;
    struct capnp_service service; /* the offer's, or who looks for it among them */
    struct rt_offer offer;
};

/* A server: zero but for its ring, until it is offered something. Must not move. */
struct rt_server {
    struct rt_receiver receivers[RT_SERVER_RECEIVERS]; /* first, since user data say where */
    struct rt_ring *ring;
    bool stopped;
    uint32_t receiver_count;
    uint32_t busy;         /* receivers that are not IDLE */
    uint32_t quick_bytes;  /* of the receivers that there are; 0 once it has stopped */
    struct rt_status last; /* why the last receiver that failed did */
};

/*
 * Begins to receive calls. RT_ERR_NO_AREA: the message area or the server has no room
 * for so many receivers, and none was begun. That the endpoint is none shows in
 * rt_server_step.
 */
struct rt_status rt_server_offer(struct rt_server *server, const struct rt_offer *offer);

/*
 * Serves what has come, after waiting for at most so long if nothing has. Returns also
 * when a call of the program's own has completed. The answers go to the kernel with
 * whatever is submitted next, which is as a rule the next step. False: nothing is
 * received any more, since the server has stopped or all its endpoints failed; `last`
 * says how.
 *
 * While it serves, the program has no raw entries in flight.
 */
bool rt_server_step(struct rt_server *server, uint64_t timeout_ns);

/* Serves until the server is stopped: RT_OK. Otherwise why nothing is received any more. */
struct rt_status rt_server_run(struct rt_server *server);

/*
 * Nothing more is received, and what has been and was not served is refused as
 * disconnected. Handlers may call it: their own answer is still sent.
 */
void rt_server_stop(struct rt_server *server);

/*
 * Serves this one interface on this endpoint, with the sizes of an offer that says
 * none, until a handler stops the server: RT_OK. Otherwise why it could not begin, or
 * go on.
 */
struct rt_status rt_serve(struct rt_ring *ring, uint64_t endpoint, struct capnp_service service);

/* ---------------------------------------------------------------------------
 * For handlers: what the call that they are called with is to the loop */

static inline struct rt_receiver *rt_receiver_of(struct capnp_call *call)
{
    return (struct rt_receiver *)(void *)call;
}

/*
 * Takes a capability that came with the parameters: the id is the server's now.
 * CAP_ID_NONE for a null pointer, and the second time. What is not taken is released.
 */
static inline uint64_t rt_request_take(struct capnp_call *call, struct capnp_capability capability)
{
    return rt_call_take(&rt_receiver_of(call)->call, capability);
}

/*
 * Has a capability go with the answer, and says what to set in the results. One more
 * than the offer's give_room makes the answer a refusal.
 */
static inline struct capnp_capability rt_request_give(struct capnp_call *call,
                                                      struct cap_transfer give)
{
    return rt_call_give(&rt_receiver_of(call)->call, give);
}

/* What names the call when it is answered later, by a handler that returns CAPNP_PENDING. */
static inline uint64_t rt_request_id(struct capnp_call *call)
{
    return rt_call_received_id(&rt_receiver_of(call)->call);
}

/* The server, to be stopped. */
static inline struct rt_server *rt_request_server(struct capnp_call *call)
{
    return rt_receiver_of(call)->server;
}

/* ---------------------------------------------------------------------------
 * Answering later */

/* An answer being built: `arena` for the results, rt_call_give(&answer.call, …) for the rest. */
struct rt_answer {
    struct rt_call call;
    struct capnp_arena arena;
    uint64_t call_id;
};

/* Takes room for it. RT_ERR_NO_AREA: not to be had now. */
struct rt_status rt_answer_begin(struct rt_answer *answer, struct rt_ring *ring, uint64_t call_id,
                                 uint32_t bytes, uint32_t give_room);

/*
 * Sends it and gives the room back. CAP_ERR_NOT_FOUND, CAP_ERR_NOT_DELIVERED: nobody
 * waits for it any more, or it was more than the caller takes. RT_ERR_BUILD, and
 * what else can be wrong with an entry: the call is still to be answered.
 */
struct rt_status rt_answer_send(struct rt_answer *answer);

/* Refuses a call that was kept. */
struct rt_status rt_answer_refuse(struct rt_ring *ring, uint64_t call_id, enum cap_exc exception,
                                  const char *reason);
