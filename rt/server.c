// SPDX-License-Identifier: MIT
#include <rt/server.h>

#include <rt/panic.h>

#include "queue.h"

_Static_assert(offsetof(struct capnp_call, badge) == offsetof(struct cap_message_header, badge) &&
                   offsetof(struct capnp_call, interface_id) ==
                       offsetof(struct cap_message_header, interface_id),
               "interface and badge are copied as they lie");

/* Room for a refusal that is sent by itself. */
#define REFUSAL_BYTES 256u

/* User data of a receiver's entries is where it lies. */
static inline struct rt_receiver *receiver_of(const struct rt_server *server, uint64_t user_data)
{
    if (__builtin_expect(user_data - (uintptr_t)server->receivers >= sizeof server->receivers, 0)) {
        rt_panic("a raw entry completed in a server that has none: user data %#lx", user_data);
    }
    return (struct rt_receiver *)(uintptr_t)user_data;
}

/* An entry has been queued, and the receiver waits for it; or it never can be. */
static void queued(struct rt_receiver *receiver, enum rt_receiver_state state, struct rt_status s)
{
    if (!rt_ok(s)) {
        rt_ring_overfull();
    }
    receiver->state = state;
}

static void receive(struct rt_receiver *receiver)
{
    queued(receiver, RT_RECEIVING,
           rt_queue_receive(&receiver->call, receiver->offer.endpoint, (uintptr_t)receiver));
}

static void refuse(const struct rt_server *server, struct rt_receiver *receiver,
                   enum cap_exc exception, const char *reason)
{
    queued(receiver, RT_REFUSING,
           rt_queue_refusal(&receiver->call, rt_call_received_id(&receiver->call), exception,
                            reason, !server->stopped, (uintptr_t)receiver));
}

/* It receives no more. */
static void rest(struct rt_server *server, struct rt_receiver *receiver, struct rt_status s)
{
    rt_call_end(&receiver->call);
    receiver->state = RT_IDLE;
    server->busy--;
    if (!server->stopped) {
        server->last = s;
    }
}

static void receive_or_rest(struct rt_server *server, struct rt_receiver *receiver)
{
    if (server->stopped) {
        rest(server, receiver, (struct rt_status){.code = RT_OK});
    } else {
        receive(receiver);
    }
}

/* By the first service that serves the interface; the last says itself what it does not serve. */
static enum capnp_answer dispatch_to_one_of(const void *offered, void *self,
                                            struct capnp_call *call)
{
    const struct rt_offer *offer = offered;
    const struct capnp_service *service = offer->services;

    (void)self;
    if (offer->service_count == 0) {
        return capnp_call_unimplemented(call);
    }
    for (uint32_t left = offer->service_count; left > 1 && !service->serves(call->interface_id);
         left--) {
        service++;
    }
    return service->dispatch(service->server, service->self, call);
}

/* Who serves the calls of this offer. */
static struct capnp_service service_of(const struct rt_offer *offer)
{
    if (offer->service_count == 1) {
        return offer->services[0];
    }
    return (struct capnp_service){.dispatch = dispatch_to_one_of, .server = offer};
}

/* Of answer the part where it goes with capabilities, comes after them, or is the last. */
static __attribute__((noinline)) void answer_with(const struct rt_server *server,
                                                  struct rt_receiver *receiver)
{
    struct rt_status s =
        rt_queue_return(&receiver->call, rt_call_received_id(&receiver->call),
                        receiver->c.results_bytes, !server->stopped, (uintptr_t)receiver);

    if (s.code == RT_ERR_BUILD) {
        refuse(server, receiver, CAP_EXC_FAILED,
               "the server's answer has more capabilities than it has room for");
    } else {
        queued(receiver, RT_ANSWERING, s);
    }
}

/*
 * Answers, and receives the next call by the same entry. The outcome stays what came: nobody
 * waits for it, and should the answer be malformed a refusal names the same call.
 */
static inline void answer(const struct rt_server *server, struct rt_ring *ring,
                          struct rt_receiver *receiver, bool brought_capabilities)
{
    struct rt_call *call = &receiver->call;

    if (__builtin_expect(brought_capabilities || (uint8_t)(call->given | server->stopped) != 0 ||
                             !rt_ring_has_room(ring),
                         0)) {
        answer_with(server, receiver);
        return;
    }
    rt_ring_write(ring, (struct cap_sqe){
                            .opcode = CAP_OP_RETURN,
                            .flags = CAP_SQE_F_AGAIN,
                            .interface_id = rt_call_received_id(call),
                            .params_addr = (uintptr_t)call->params,
                            .params_len = receiver->c.results_bytes,
                            .user_data = (uintptr_t)receiver,
                        });
    receiver->state = RT_ANSWERING;
}

/* What is done about a call for which a handler did not build an answer. */
static __attribute__((noinline)) void otherwise(struct rt_server *server,
                                                struct rt_receiver *receiver,
                                                const struct capnp_call *call,
                                                enum capnp_answer kind)
{
    if (kind == CAPNP_REFUSED) {
        refuse(server, receiver, (enum cap_exc)call->exception, call->reason);
    } else if (kind == CAPNP_PENDING) {
        rt_call_drop(&receiver->call);
        receive_or_rest(server, receiver);
    } else {
        refuse(server, receiver, CAP_EXC_FAILED,
               "the answer is longer than the server has room for");
    }
}

/*
 * A call has come with so many bytes of parameters, and capabilities. What else there is to
 * say of it was said when the receiver was offered.
 */
static inline __attribute__((always_inline)) void serve(struct rt_server *server,
                                                        struct rt_ring *ring,
                                                        struct rt_receiver *receiver,
                                                        uint32_t bytes, uint16_t capabilities)
{
    struct rt_call *call = &receiver->call;
    const struct cap_message_header *header = rt_call_received(call);
    struct capnp_call *c = &receiver->c;

    __builtin_memcpy(c, header, offsetof(struct cap_message_header, method_id));
    c->method = header->method_id;
    c->params_bytes = bytes;
    enum capnp_answer kind =
        receiver->service.dispatch(receiver->service.server, receiver->service.self, c);
    if (__builtin_expect(kind == CAPNP_ANSWERED, 1)) {
        answer(server, ring, receiver, capabilities != 0);
    } else {
        otherwise(server, receiver, c, kind);
    }
}

/*
 * What a receiver's entry came to. One that answered and receives again fails in two
 * ways that look alike: where the answer did arrive, a refusal finds no call, and the
 * receiving that follows fails by itself.
 */
static void not_served(struct rt_server *server, struct rt_receiver *receiver,
                       const struct cap_cqe *cqe)
{
    int32_t result = cqe->result;
    bool gone = result == CAP_ERR_NOT_DELIVERED || result == CAP_ERR_NOT_FOUND ||
                result == CAP_ERR_CANCELED;
    if (receiver->state == RT_RECEIVING) {
        rt_call_settle(&receiver->call, cqe);
        rest(server, receiver, rt_call_wait(&receiver->call));
    } else if (receiver->state == RT_ANSWERING && result < 0 && !gone) {
        refuse(server, receiver, CAP_EXC_FAILED, "the server's answer could not be sent");
    } else {
        receive_or_rest(server, receiver);
    }
}

struct rt_status rt_server_offer(struct rt_server *server, const struct rt_offer *offer)
{
    struct rt_offer o = *offer;

    o.receivers = o.receivers != 0 ? o.receivers : RT_OFFER_RECEIVERS;
    o.params_bytes = o.params_bytes != 0 ? o.params_bytes : RT_OFFER_BYTES;
    o.answer_bytes = o.answer_bytes != 0 ? RT_RESULTS_ROOM(o.answer_bytes) : RT_OFFER_BYTES;
    o.take_room = o.take_room != 0 ? o.take_room : RT_OFFER_CAPABILITIES;
    o.give_room = o.give_room != 0 ? o.give_room : RT_OFFER_CAPABILITIES;
    if (o.receivers > RT_SERVER_RECEIVERS - server->receiver_count) {
        return (struct rt_status){.code = RT_ERR_NO_AREA};
    }
    struct rt_receiver *receivers = &server->receivers[server->receiver_count];
    for (uint32_t i = 0; i < o.receivers; i++) {
        struct rt_status s = rt_call_begin_serving(&receivers[i].call, server->ring, o.params_bytes,
                                                   o.answer_bytes, o.take_room, o.give_room);
        if (!rt_ok(s)) {
            while (i-- > 0) {
                rt_call_end(&receivers[i].call);
            }
            return s;
        }
        receivers[i].offer = o;
        receivers[i].service = service_of(&receivers[i].offer);
        receivers[i].server = server;
        receivers[i].c.params = rt_call_received(&receivers[i].call) + 1;
        receivers[i].c.results = receivers[i].call.params;
        receivers[i].c.results_room = receivers[i].call.params_room;
    }
    server->receiver_count += o.receivers;
    server->busy += o.receivers;
    server->quick_bytes = server->receiver_count * sizeof *receivers;
    for (uint32_t i = 0; i < o.receivers; i++) {
        receive(&receivers[i]);
    }
    return (struct rt_status){.code = RT_OK};
}

/*
 * Serves the oldest completion, whatever it says and wherever it lies; or there was none
 * but of the program's own calls.
 */
static __attribute__((noinline)) void serve_any(struct rt_server *server)
{
    struct cap_cqe cqe;

    if (!rt_ring_take(server->ring, &cqe)) {
        return;
    }
    struct rt_receiver *receiver = receiver_of(server, cqe.user_data);
    if (cqe.result < (int32_t)sizeof(struct cap_message_header)) {
        not_served(server, receiver, &cqe);
        return;
    }
    rt_call_settle(&receiver->call, &cqe);
    if (server->stopped) {
        refuse(server, receiver, CAP_EXC_DISCONNECTED, "the server has stopped");
    } else {
        receiver->c.params_capabilities = cqe.cap_count; /* none in a quick call */
        serve(server, server->ring, receiver,
              (uint32_t)cqe.result - (uint32_t)sizeof(struct cap_message_header), cqe.cap_count);
        receiver->c.params_capabilities = 0;
    }
}

/*
 * Serves the completion that lies first in the queue, whose head is this, if it is a call that
 * has come to a server that has not stopped, and brings no capabilities. False: it is something
 * else.
 */
static inline __attribute__((always_inline)) bool serve_first(struct rt_server *server,
                                                              struct rt_ring *ring, uint32_t head)
{
    const struct cap_cqe *first = &ring->cq[head & ring->cq_mask];
    /* Of the parameters, where nothing but the length is in the word. */
    uint64_t bytes = rt_cqe_word(first) - sizeof(struct cap_message_header);

    if (__builtin_expect(first->user_data - (uintptr_t)server->receivers >= server->quick_bytes ||
                             bytes > CAP_MESSAGE_MAX,
                         0)) {
        return false;
    }
    struct rt_receiver *receiver = (struct rt_receiver *)(uintptr_t)first->user_data;
    rt_call_settle(&receiver->call, first);
    ring->cq_head = head + 1u;
    serve(server, ring, receiver, (uint32_t)bytes, 0);
    return true;
}

/* Serves what is left, wherever it lies. Whether something is received still. */
static __attribute__((noinline)) bool serve_rest(struct rt_server *server)
{
    do {
        serve_any(server);
    } while (!rt_ring_is_empty(server->ring));
    return server->busy != 0;
}

/*
 * Serves so many completions, one or more, that are first in the queue. It is not looked at
 * again, for as long as the head is where that leaves it: a handler that waits for a call of
 * its own moves it on, over what is in the stash then. False: some may be left.
 */
static inline __attribute__((always_inline)) bool serve_row(struct rt_server *server,
                                                            struct rt_ring *ring, uint32_t n)
{
    uint32_t head = ring->cq_head;
    uint32_t end = head + n;

    while (__builtin_expect(serve_first(server, ring, head) && ring->cq_head == ++head, 1)) {
        if (__builtin_expect(head == end, 1)) {
            return true;
        }
    }
    return false;
}

/*
 * The loop: until nothing is received any more, or once: until something has been done.
 * In line, so that each of the two asks for its own end alone.
 */
static inline __attribute__((always_inline)) void serve_all(struct rt_server *server,
                                                            uint64_t timeout_ns, bool once)
{
    struct rt_ring *ring = server->ring;
    uint32_t wanted = timeout_ns == CAP_TIMEOUT_POLL ? 0 : 1;
    int64_t there = ring->stash_count == 0 ? rt_ring_there(ring) : 0;

    if (rt_ring_is_empty(ring)) {
        if (server->busy == 0) {
            return;
        }
        there = rt_ring_enter(ring, wanted, timeout_ns);
    }
    for (;;) {
        if (__builtin_expect(there <= 0 || !serve_row(server, ring, (uint32_t)there), 0)) {
            if (there < 0) {
                rt_ring_mend(ring);
            }
            if (!serve_rest(server)) {
                return;
            }
        }
        if (once) {
            return;
        }
        there = rt_ring_enter(ring, wanted, timeout_ns);
    }
}

bool rt_server_step(struct rt_server *server, uint64_t timeout_ns)
{
    serve_all(server, timeout_ns, true);
    return server->busy != 0;
}

struct rt_status rt_server_run(struct rt_server *server)
{
    serve_all(server, CAP_TIMEOUT_FOREVER, false);
    return server->stopped ? (struct rt_status){.code = RT_OK} : server->last;
}

void rt_server_stop(struct rt_server *server)
{
    server->stopped = true;
    server->quick_bytes = 0;
    for (uint32_t i = 0; i < server->receiver_count; i++) {
        struct rt_receiver *receiver = &server->receivers[i];
        if (receiver->state != RT_IDLE &&
            !rt_ok(rt_queue_cancel(server->ring, (uintptr_t)receiver))) {
            rt_ring_overfull();
        }
    }
}

struct rt_status rt_serve(struct rt_ring *ring, uint64_t endpoint, struct capnp_service service)
{
    struct rt_server server = {.ring = ring};

    struct rt_status s = rt_server_offer(&server, &(struct rt_offer){
                                                      .endpoint = endpoint,
                                                      .services = &service,
                                                      .service_count = 1,
                                                  });
    return rt_ok(s) ? rt_server_run(&server) : s;
}

struct rt_status rt_answer_begin(struct rt_answer *answer, struct rt_ring *ring, uint64_t call_id,
                                 uint32_t bytes, uint32_t give_room)
{
    struct rt_status s =
        rt_call_begin_with(&answer->call, ring, bytes, RT_REFUSAL_BYTES, give_room, 0);

    if (rt_ok(s)) {
        capnp_arena_init(&answer->arena, answer->call.params, answer->call.params_room);
        answer->call_id = call_id;
    }
    return s;
}

/* Waits for what was queued, and ends the call. */
static struct rt_status finish(struct rt_call *call, struct rt_status s)
{
    if (rt_ok(s)) {
        s = rt_call_wait(call);
    }
    rt_call_end(call);
    return s;
}

struct rt_status rt_answer_send(struct rt_answer *answer)
{
    struct rt_status s = {.code = RT_ERR_BUILD};

    if (capnp_arena_ok(&answer->arena)) {
        s = rt_call_return(&answer->call, answer->call_id, capnp_arena_bytes(&answer->arena),
                           false);
    }
    return finish(&answer->call, s);
}

struct rt_status rt_answer_refuse(struct rt_ring *ring, uint64_t call_id, enum cap_exc exception,
                                  const char *reason)
{
    struct rt_call call;

    struct rt_status s = rt_call_begin_with(&call, ring, REFUSAL_BYTES, 0, 0, 0);
    return rt_ok(s)
               ? finish(&call, rt_call_return_refusal(&call, call_id, exception, reason, false))
               : s;
}
