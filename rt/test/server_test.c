// SPDX-License-Identifier: MIT
/*
 * The server's loop: what clients send, what handlers do, and what the kernel says of
 * the answers (T-14).
 */
#include "kernel.h"

#define ENDPOINT 77u

static struct rt_server server;

/* What the handlers saw, and what they are to do. */
static struct {
    uint32_t calls;
    uint64_t order[8]; /* the badges of the calls, in order */
    uint64_t taken;
    uint32_t gives;
    uint64_t kept;
    bool stops;
    bool keeps;
    bool asks; /* somebody else, while it answers */
} seen;

static void note(struct capnp_call *call)
{
    seen.order[seen.calls % 8u] = call->badge;
    seen.calls++;
    if (seen.stops) {
        rt_server_stop(rt_request_server(call));
    }
}

/* A call of the handler's own, which the kernel answers when it is entered. */
static void ask(void)
{
    struct rt_call call;

    assert_true(rt_ok(rt_call_begin(&call, &ring, 0, 0)));
    assert_true(rt_ok(rt_call_submit(&call, 5, 6, 7, 0)));
    kernel.tells_detail = false;
    kernel.late = 1;
    assert_true(rt_ok(rt_call_finish(&call)));
    rt_call_end(&call);
}

static enum capnp_answer ping(void *self, struct capnp_call *call)
{
    (void)self;
    note(call);
    if (seen.asks) {
        ask();
    }
    if (seen.keeps) {
        seen.kept = rt_request_id(call);
        return CAPNP_PENDING;
    }
    return CAPNP_ANSWERED;
}

static enum capnp_answer echo(void *self, struct capnp_call *call, uint64_t value,
                              struct capnp_data data,
                              struct capos_null_cap_echo_results_builder results)
{
    (void)self;
    note(call);
    capos_null_cap_echo_results_set_value(results, value);
    capos_null_cap_echo_results_set_data(results, data);
    return CAPNP_ANSWERED;
}

static enum capnp_answer refused_add(void *self, struct capnp_call *call,
                                     struct capos_null_cap_add_params params,
                                     struct capos_null_cap_add_results_builder results)
{
    (void)self;
    (void)params;
    (void)results;
    note(call);
    return capnp_call_refuse(call, CAPNP_EXC_OVERLOADED, "no more sums today");
}

static enum capnp_answer free_frame(void *self, struct capnp_call *call,
                                    struct capos_frame_allocator_free_frame_params params)
{
    (void)self;
    note(call);
    struct capnp_capability memory = capos_frame_allocator_free_frame_params_get_memory(params).c;
    seen.taken = rt_request_take(call, memory);
    assert_int_equal(rt_request_take(call, memory), CAP_ID_NONE);
    return CAPNP_ANSWERED;
}

static enum capnp_answer
alloc_frame(void *self, struct capnp_call *call,
            struct capos_frame_allocator_alloc_frame_results_builder results)
{
    (void)self;
    note(call);
    for (uint32_t i = 0; i < seen.gives; i++) {
        struct capnp_capability c = rt_request_give(call, rt_move(4000u + i));
        capos_frame_allocator_alloc_frame_results_set_memory(results,
                                                             (struct capos_memory_object_cap){c});
    }
    return CAPNP_ANSWERED;
}

static const struct capos_null_cap_server null_handlers = {
    .ping = ping, .echo = echo, .add = refused_add};
static const struct capos_frame_allocator_server frame_handlers = {.alloc_frame = alloc_frame,
                                                                   .free_frame = free_frame};

static struct capnp_service services[2];

static int begin(void **state)
{
    set_up(state);
    memset(&seen, 0, sizeof seen);
    memset(&server, 0, sizeof server);
    server.ring = &ring;
    kernel.hold = true;
    services[0] = capos_null_cap_service(&null_handlers, NULL);
    services[1] = capos_frame_allocator_service(&frame_handlers, NULL);
    return 0;
}

/* Whatever happened, nothing of the message area is lost when the server has ended. */
static int end(void **state)
{
    if (server.busy == 0) {
        assert_int_equal(rt_ring_free_chunks(&ring), RT_RING_CHUNKS);
    }
    return tear_down(state);
}

static void offer(uint32_t receivers)
{
    const struct rt_offer it = {
        .endpoint = ENDPOINT,
        .services = services,
        .service_count = 2,
        .receivers = receivers,
        .params_bytes = 64,
        .answer_bytes = 64,
        .take_room = 3,
        .give_room = 1,
    };
    assert_true(rt_ok(rt_server_offer(&server, &it)));
}

/* Everything queued is with the kernel. */
static void flush(void)
{
    while (rt_ring_room(&ring) != ring.sq_mask + 1u) {
        assert_true(rt_ring_enter(&ring, 0, 0) >= 0);
    }
}

/* The last entry of this receiver's. */
static const struct cap_sqe *last_of(uint32_t receiver)
{
    flush();
    for (uint32_t i = kernel.taken_count; i-- > 0;) {
        if (kernel.taken[i].user_data == (uintptr_t)&server.receivers[receiver]) {
            return &kernel.taken[i];
        }
    }
    fail_msg("receiver %u has submitted nothing", receiver);
    return NULL;
}

static uint32_t number_of(const struct cap_sqe *sqe)
{
    return (uint32_t)(sqe - kernel.taken);
}

/* A call comes to this receiver; its id is 1000 and its badge. */
static void come(uint32_t receiver, uint64_t badge, uint64_t interface_id, uint16_t method,
                 uint16_t capabilities, const struct capnp_arena *params)
{
    deliver(&server.receivers[receiver].call, number_of(last_of(receiver)), 1000u + badge,
            (struct cap_message_header){
                .interface_id = interface_id,
                .badge = badge,
                .method_id = method,
                .cap_count = capabilities,
                .params_len = params != NULL ? capnp_arena_bytes(params) : 0,
            },
            params != NULL ? params->base : NULL);
}

static void come_ping(uint32_t receiver, uint64_t badge)
{
    come(receiver, badge, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_PING, 0, NULL);
}

/* This receiver's last entry fails. */
static void fail_last(uint32_t receiver, int32_t code)
{
    kernel.cap_count = 0;
    kernel.tells_detail = true;
    kernel.detail = 0;
    kernel_answer(number_of(last_of(receiver)), code);
}

static void step(void)
{
    assert_true(rt_server_step(&server, CAP_TIMEOUT_POLL));
}

/* The receiver's last entry answers this call, and receives again. */
static const struct cap_sqe *answered(uint32_t receiver, uint64_t badge)
{
    const struct cap_sqe *sqe = last_of(receiver);

    assert_int_equal(sqe->opcode, CAP_OP_RETURN);
    assert_int_equal(sqe->flags, CAP_SQE_F_AGAIN);
    assert_int_equal(sqe->interface_id, 1000u + badge);
    return sqe;
}

/* It refuses the call, with these flags. */
static void refused(uint32_t receiver, uint64_t badge, uint16_t flags, enum cap_exc type,
                    const char *reason)
{
    const struct cap_sqe *sqe = last_of(receiver);
    struct capnp_message m;

    assert_int_equal(sqe->opcode, CAP_OP_RETURN);
    assert_int_equal(sqe->flags, CAP_SQE_F_EXCEPTION | flags);
    assert_int_equal(sqe->interface_id, 1000u + badge);
    assert_int_equal(sqe->method_id, type);
    assert_int_equal(sqe->cap_count, 0);
    assert_true(
        capnp_message_open_flat(&m, (const void *)(uintptr_t)sqe->params_addr, sqe->params_len));
    struct capos_exception e = capos_exception_read_root(&m);
    assert_int_equal(capos_exception_get_type(e), type);
    if (sqe->params_len != 0) {
        assert_string_equal(capos_exception_get_reason(e).ptr, reason);
    }
}

static void received_again(uint32_t receiver)
{
    assert_int_equal(last_of(receiver)->opcode, CAP_OP_RECV);
}

static uint32_t releases_of(uint64_t id)
{
    uint32_t n = 0;

    flush();
    for (uint32_t i = 0; i < kernel.taken_count; i++) {
        n += kernel.taken[i].opcode == CAP_OP_RELEASE && kernel.taken[i].cap_id == id;
    }
    return n;
}

/* ---------------------------------------------------------------------------
 * Receiving */

static void test_an_offer_receives(void **state)
{
    (void)state;
    offer(2);
    flush();
    assert_int_equal(kernel.taken_count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct cap_sqe *sqe = last_of(i);
        assert_int_equal(sqe->opcode, CAP_OP_RECV);
        assert_int_equal(sqe->cap_id, ENDPOINT);
        assert_int_equal(sqe->cap_room, 3);
        assert_int_equal(sqe->result_len, 32 + 64 + 3 * sizeof(struct cap_record));
    }
    step(); /* nothing has come */
    assert_int_equal(seen.calls, 0);
}

static void test_what_an_offer_leaves_out_has_a_size(void **state)
{
    (void)state;
    assert_true(
        rt_ok(rt_server_offer(&server, &(struct rt_offer){.endpoint = ENDPOINT, .receivers = 1})));
    assert_int_equal(last_of(0)->cap_room, RT_OFFER_CAPABILITIES);
    assert_int_equal(server.receivers[0].call.params_room, RT_OFFER_BYTES);
    assert_int_equal(server.receivers[0].call.give_room, RT_OFFER_CAPABILITIES);
    come_ping(0, 1); /* and an offer of nothing serves nothing */
    step();
    refused(0, 1, CAP_SQE_F_AGAIN, CAP_EXC_UNIMPLEMENTED, "the object has no such method");
}

static void test_an_offer_that_has_no_room_begins_nothing(void **state)
{
    (void)state;
    struct rt_offer it = {.endpoint = ENDPOINT, .receivers = RT_SERVER_RECEIVERS + 1u};

    assert_int_equal(rt_server_offer(&server, &it).code, RT_ERR_NO_AREA);
    it.receivers = 4;
    it.params_bytes = 1024; /* the area has 4096 */
    assert_int_equal(rt_server_offer(&server, &it).code, RT_ERR_NO_AREA);
    assert_int_equal(rt_ring_free_chunks(&ring), RT_RING_CHUNKS);
    assert_int_equal(server.receiver_count | server.busy, 0);
    assert_int_equal(rt_ring_room(&ring), 4);
    it = (struct rt_offer){.endpoint = ENDPOINT,
                           .receivers = 3,
                           .params_bytes = 8,
                           .answer_bytes = 8,
                           .take_room = 1,
                           .give_room = 1};
    server.receiver_count = RT_SERVER_RECEIVERS - 2u; /* the area has room, the server not */
    assert_int_equal(rt_server_offer(&server, &it).code, RT_ERR_NO_AREA);
    server.receiver_count = 0;
    for (uint32_t i = 0; i < 5u; i++) {
        assert_true(rt_ok(rt_server_offer(&server, &it)));
    }
    assert_int_equal(rt_server_offer(&server, &it).code, RT_ERR_NO_AREA); /* the area has not */
    it.receivers = 1;
    assert_true(rt_ok(rt_server_offer(&server, &it)));
    assert_int_equal(server.busy, 16);
}

static void test_calls_are_served_in_the_order_in_which_they_came(void **state)
{
    (void)state;
    static const uint32_t receivers[] = {2, 0, 3, 1};

    offer(4);
    for (uint32_t i = 0; i < 4; i++) {
        come_ping(receivers[i], i);
    }
    step();
    assert_int_equal(seen.calls, 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(seen.order[i], i);
        answered(receivers[i], i);
    }
}

static void test_one_receiver_serves_again_and_again(void **state)
{
    (void)state;
    offer(1);
    for (uint64_t badge = 0; badge < 20; badge++) {
        come_ping(0, badge);
        step();
        assert_int_equal(answered(0, badge)->params_len, 0);
    }
    assert_int_equal(seen.calls, 20);
    assert_int_equal(kernel.taken_count, 21); /* one entry a call */
    step();                                   /* the queue was full of calls, all of them served */
    assert_int_equal(seen.calls, 20);
}

/* Waiting for it takes all completions, of which those that are not served yet are kept. */
static void test_a_handler_may_call_somebody_meanwhile(void **state)
{
    (void)state;
    offer(4);
    seen.asks = true;
    for (uint32_t i = 0; i < 4; i++) {
        come_ping(i, i);
    }
    step();
    assert_int_equal(seen.calls, 4);
    assert_int_equal(ring.stash_count, 0);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(seen.order[i], i);
        answered(i, i);
    }
}

/* The same between two steps. */
static void test_what_is_kept_is_served_first(void **state)
{
    (void)state;
    offer(2);
    come_ping(1, 0);
    ask();
    come_ping(0, 1);
    step();
    assert_int_equal(seen.calls, 2);
    assert_int_equal(seen.order[0], 0);
    assert_int_equal(seen.order[1], 1);
}

static void test_a_raw_completion_of_nobody_panics(void **state)
{
    (void)state;
    offer(1);
    assert_true(rt_ring_push(&ring, &(struct cap_sqe){.user_data = 5}));
    flush();
    kernel_answer(1, 0);
    if (setjmp(panicked) == 0) {
        (void)rt_server_step(&server, CAP_TIMEOUT_POLL);
        fail_msg("%s", "a completion was lost");
    }
}

static void test_a_damaged_ring_is_mended(void **state)
{
    (void)state;
    offer(1);
    flush();
    kernel.refusals = 1;
    step();
    assert_int_equal(kernel.refusals, 0);
}

/* ---------------------------------------------------------------------------
 * Answering */

static void test_results_are_answered(void **state)
{
    (void)state;
    uint64_t words[16];
    struct capnp_arena arena;
    struct capnp_message m;

    offer(1);
    capnp_arena_init(&arena, words, sizeof words);
    struct capos_null_cap_echo_params_builder b = capos_null_cap_echo_params_build_root(&arena);
    capos_null_cap_echo_params_set_value(b, 42);
    capos_null_cap_echo_params_set_data(b, (struct capnp_data){(const uint8_t *)"abc", 3});
    come(0, 9, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ECHO, 0, &arena);
    step();
    const struct cap_sqe *sqe = answered(0, 9);
    assert_true(
        capnp_message_open_flat(&m, (const void *)(uintptr_t)sqe->params_addr, sqe->params_len));
    struct capos_null_cap_echo_results r = capos_null_cap_echo_results_read_root(&m);
    assert_true(capos_null_cap_echo_results_check(r));
    assert_int_equal(capos_null_cap_echo_results_get_value(r), 42);
    assert_memory_equal(capos_null_cap_echo_results_get_data(r).ptr, "abc", 3);
}

static void test_what_cannot_be_served_is_refused(void **state)
{
    (void)state;
    uint64_t words[4] = {0xffffffffffffffff, 1, 2, 3};
    struct capnp_arena garbage = {.base = (uint8_t *)words, .room = 32, .used = 32};

    offer(1);
    come(0, 1, 0x1234, 0, 0, NULL);
    step();
    refused(0, 1, CAP_SQE_F_AGAIN, CAP_EXC_UNIMPLEMENTED, "the object has no such method");
    come(0, 2, CAPOS_NULL_CAP_ID, 99, 0, NULL);
    step();
    refused(0, 2, CAP_SQE_F_AGAIN, CAP_EXC_UNIMPLEMENTED, "the object has no such method");
    come(0, 3, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ECHO, 0, &garbage);
    step();
    refused(0, 3, CAP_SQE_F_AGAIN, CAP_EXC_INVALID_ARGUMENT,
            "the parameters are not a valid message of the method's type");
    assert_int_equal(seen.calls, 0);
    come(0, 4, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ADD, 0, NULL);
    step();
    refused(0, 4, CAP_SQE_F_AGAIN, CAP_EXC_OVERLOADED, "no more sums today");
    come_ping(0, 5);
    step();
    answered(0, 5);
}

static void test_an_answer_without_room_is_a_refusal(void **state)
{
    (void)state;
    uint64_t words[16];
    struct capnp_arena arena;

    offer(1);
    capnp_arena_init(&arena, words, sizeof words);
    struct capos_null_cap_echo_params_builder b = capos_null_cap_echo_params_build_root(&arena);
    capos_null_cap_echo_params_set_data(b, (struct capnp_data){(const uint8_t *)words, 32});
    server.receivers[0].call.params_room = 40; /* as if the offer had said so */
    server.receivers[0].c.results_room = 40;
    come(0, 1, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ECHO, 0, &arena);
    step();
    refused(0, 1, CAP_SQE_F_AGAIN, CAP_EXC_FAILED, "");
    assert_int_equal(last_of(0)->params_len, 0); /* for its sentence there is none either */
}

/* ---------------------------------------------------------------------------
 * Capabilities */

static void come_free_frame(uint32_t receiver, uint64_t badge, uint32_t index, uint16_t count)
{
    uint64_t words[4];
    struct capnp_arena arena;

    capnp_arena_init(&arena, words, sizeof words);
    struct capos_frame_allocator_free_frame_params_builder b =
        capos_frame_allocator_free_frame_params_build_root(&arena);
    capos_frame_allocator_free_frame_params_set_memory(
        b, (struct capos_memory_object_cap){CAP(index)});
    come(receiver, badge, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_FREE_FRAME, count,
         &arena);
}

static void test_what_a_handler_does_not_take_is_released(void **state)
{
    (void)state;
    offer(1);
    come_free_frame(0, 1, 1, 3);
    step();
    answered(0, 1);
    assert_int_equal(seen.taken, CAME(1));
    assert_int_equal(releases_of(CAME(0)), 1);
    assert_int_equal(releases_of(CAME(1)), 0);
    assert_int_equal(releases_of(CAME(2)), 1);

    come_free_frame(0, 2, 0, 0); /* nothing of an older call has come with this one */
    step();
    refused(0, 2, CAP_SQE_F_AGAIN, CAP_EXC_INVALID_ARGUMENT,
            "the parameters are not a valid message of the method's type");
}

static void test_what_comes_with_a_refused_call_is_released(void **state)
{
    (void)state;
    offer(1);
    come_free_frame(0, 1, 2, 2); /* a pointer to what did not come */
    step();
    refused(0, 1, CAP_SQE_F_AGAIN, CAP_EXC_INVALID_ARGUMENT,
            "the parameters are not a valid message of the method's type");
    come(0, 2, 0x1234, 0, 1, NULL);
    step();
    assert_int_equal(releases_of(CAME(0)), 2);
    assert_int_equal(releases_of(CAME(1)), 1);
    assert_int_equal(seen.calls, 0);
}

static void test_an_answer_brings_capabilities(void **state)
{
    (void)state;
    offer(1);
    seen.gives = 1;
    come(0, 1, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_ALLOC_FRAME, 0, NULL);
    step();
    const struct cap_sqe *sqe = answered(0, 1);
    assert_int_equal(sqe->cap_count, 1);
    const struct cap_transfer *t =
        (const struct cap_transfer *)(uintptr_t)(sqe->params_addr + sqe->params_len);
    assert_int_equal(t->cap_id, 4000);
    assert_int_equal(t->mode, CAP_TRANSFER_MOVE);

    seen.gives = 2; /* one more than the offer said */
    come(0, 2, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_ALLOC_FRAME, 0, NULL);
    step();
    refused(0, 2, CAP_SQE_F_AGAIN, CAP_EXC_FAILED,
            "the server's answer has more capabilities than it has room for");
    seen.gives = 0;
    come_ping(0, 3);
    step();
    assert_int_equal(answered(0, 3)->cap_count, 0);
}

/* ---------------------------------------------------------------------------
 * Answers that fail */

static void test_an_answer_that_nobody_waits_for_is_forgotten(void **state)
{
    (void)state;
    static const int32_t codes[] = {CAP_ERR_NOT_DELIVERED, CAP_ERR_NOT_FOUND, CAP_ERR_CANCELED};

    offer(1);
    for (uint64_t i = 0; i < 3; i++) {
        come_ping(0, i);
        step();
        answered(0, i);
        fail_last(0, codes[i]);
        step();
        received_again(0);
    }
    assert_int_equal(seen.calls, 3);
}

static void test_an_answer_that_is_malformed_is_a_refusal(void **state)
{
    (void)state;
    static const int32_t codes[] = {CAP_ERR_BAD_TRANSFER, CAP_ERR_INVOKE_FAILED, CAP_ERR_BAD_PARAMS,
                                    CAP_ERR_EXCEPTION};

    offer(1);
    for (uint64_t i = 0; i < 4; i++) {
        come_ping(0, i);
        step();
        answered(0, i);
        fail_last(0, codes[i]);
        step();
        refused(0, i, CAP_SQE_F_AGAIN, CAP_EXC_FAILED, "the server's answer could not be sent");
    }
    fail_last(0, CAP_ERR_NOT_FOUND); /* nor can the refusal */
    step();
    received_again(0);
    come_ping(0, 9);
    step();
    fail_last(0, CAP_ERR_BAD_PARAMS);
    step();
    fail_last(0, CAP_ERR_BAD_PARAMS);
    step();
    received_again(0);
}

/* ---------------------------------------------------------------------------
 * Answering later */

static void test_a_kept_call_is_answered_later(void **state)
{
    (void)state;
    struct rt_answer late;

    offer(1);
    seen.keeps = true;
    come(0, 1, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_PING, 2, NULL);
    step();
    received_again(0);
    assert_int_equal(seen.kept, 1001);
    assert_int_equal(releases_of(CAME(0)), 1);
    assert_int_equal(releases_of(CAME(1)), 1);
    kernel.hold = false;
    kernel.answered = kernel.taken_count;
    kernel.tells_detail = false;
    assert_true(rt_ok(rt_answer_begin(&late, &ring, seen.kept, 64, 1)));
    struct capos_frame_allocator_alloc_frame_results_builder b =
        capos_frame_allocator_alloc_frame_results_build_root(&late.arena);
    capos_frame_allocator_alloc_frame_results_set_memory(
        b, (struct capos_memory_object_cap){rt_call_give(&late.call, rt_copy(5))});
    assert_true(rt_ok(rt_answer_send(&late)));
    const struct cap_sqe *sqe = &kernel.taken[kernel.taken_count - 1u];
    assert_int_equal(sqe->opcode, CAP_OP_RETURN);
    assert_int_equal(sqe->flags, 0);
    assert_int_equal(sqe->interface_id, 1001);
    assert_int_equal(sqe->params_len, 16);
    assert_int_equal(sqe->cap_count, 1);

    kernel.result = CAP_ERR_NOT_DELIVERED;
    assert_int_equal(rt_answer_refuse(&ring, 1002, CAP_EXC_FAILED, "it was not to be").code,
                     CAP_ERR_NOT_DELIVERED);
    sqe = &kernel.taken[kernel.taken_count - 1u];
    assert_int_equal(sqe->flags, CAP_SQE_F_EXCEPTION);
    assert_int_equal(sqe->interface_id, 1002);
}

static void test_a_kept_call_may_not_find_room(void **state)
{
    (void)state;
    struct rt_answer late;
    struct rt_call all;

    assert_true(rt_ok(rt_answer_begin(&late, &ring, 1, 8, 0)));
    struct capos_null_cap_echo_results_builder b =
        capos_null_cap_echo_results_build_root(&late.arena);
    capos_null_cap_echo_results_set_value(b, 1); /* which does not fit */
    assert_int_equal(rt_answer_send(&late).code, RT_ERR_BUILD);
    assert_int_equal(rt_ring_free_chunks(&ring), RT_RING_CHUNKS);
    assert_true(rt_ok(rt_call_begin(&all, &ring, 4096, 0)));
    assert_int_equal(rt_answer_begin(&late, &ring, 1, 8, 0).code, RT_ERR_NO_AREA);
    assert_int_equal(rt_answer_refuse(&ring, 1, CAP_EXC_FAILED, "").code, RT_ERR_NO_AREA);
    rt_call_end(&all);
}

/* ---------------------------------------------------------------------------
 * The end */

static void test_a_server_whose_endpoint_is_gone_ends(void **state)
{
    (void)state;
    offer(2);
    fail_last(0, CAP_ERR_INVOKE_FAILED);
    step();
    assert_int_equal(server.busy, 1);
    kernel.flags = CAP_EXC_DISCONNECTED;
    fail_last(1, CAP_ERR_EXCEPTION);
    assert_false(rt_server_step(&server, CAP_TIMEOUT_FOREVER));
    struct rt_status s = rt_server_run(&server);
    assert_int_equal(s.code, CAP_ERR_EXCEPTION);
    assert_int_equal(s.exception, CAP_EXC_DISCONNECTED);
    assert_int_equal(kernel.taken_count, 2);
}

static void test_an_endpoint_that_goes_behind_an_answer_ends_too(void **state)
{
    (void)state;
    offer(1);
    come_ping(0, 1);
    step();
    answered(0, 1);
    kernel.flags = CAP_EXC_DISCONNECTED;
    fail_last(0, CAP_ERR_EXCEPTION); /* of what was to be received next */
    step();
    fail_last(0, CAP_ERR_NOT_FOUND);
    step();
    received_again(0);
    kernel.flags = 0;
    fail_last(0, CAP_ERR_INVOKE_FAILED);
    assert_int_equal(rt_server_run(&server).code, CAP_ERR_INVOKE_FAILED);
}

static void test_a_handler_can_stop_the_server(void **state)
{
    (void)state;
    offer(3);
    come_ping(0, 0);
    step(); /* receiver 0 has answered, and receives again */
    seen.stops = true;
    come_ping(1, 1);
    come_ping(0, 2);
    step();
    assert_int_equal(seen.calls, 2);
    const struct cap_sqe *sqe = last_of(1);
    assert_int_equal(sqe->opcode, CAP_OP_RETURN); /* the answer of the one who stopped it */
    assert_int_equal(sqe->flags, 0);
    refused(0, 2, 0, CAP_EXC_DISCONNECTED, "the server has stopped");
    uint32_t cancels = 0;
    for (uint32_t i = 0; i < kernel.taken_count; i++) {
        cancels += kernel.taken[i].opcode == CAP_OP_CANCEL;
    }
    assert_int_equal(cancels, 3);
    fail_last(1, 0);
    fail_last(0, 0);
    step();
    fail_last(2, CAP_ERR_CANCELED);
    assert_true(rt_ok(rt_server_run(&server)));
    assert_int_equal(server.busy, 0);
}

static void test_a_server_stopped_while_it_answers_ends(void **state)
{
    (void)state;
    offer(2);
    seen.keeps = true;
    come_ping(0, 1);
    seen.stops = true;
    step();
    assert_int_equal(server.receivers[0].state, RT_IDLE); /* it kept the call, and rests */
    fail_last(1, CAP_ERR_CANCELED);
    assert_true(rt_ok(rt_server_run(&server)));
}

/* ---------------------------------------------------------------------------
 * Many services */

static void test_each_interface_has_its_service(void **state)
{
    (void)state;
    offer(1);
    assert_true(rt_ok(rt_server_offer(&server, &(struct rt_offer){
                                                   .endpoint = 78,
                                                   .services = &services[1],
                                                   .service_count = 1,
                                                   .receivers = 1,
                                                   .params_bytes = 64,
                                                   .answer_bytes = 64,
                                               })));
    assert_int_equal(last_of(1)->cap_id, 78);
    come_free_frame(0, 1, 0, 1);
    step();
    answered(0, 1);
    come_free_frame(1, 2, 0, 1);
    step();
    answered(1, 2);
    come_ping(1, 3);
    step();
    refused(1, 3, CAP_SQE_F_AGAIN, CAP_EXC_UNIMPLEMENTED, "the object has no such method");
    assert_int_equal(seen.calls, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_an_offer_receives),
        TEST(test_what_an_offer_leaves_out_has_a_size),
        TEST(test_an_offer_that_has_no_room_begins_nothing),
        TEST(test_calls_are_served_in_the_order_in_which_they_came),
        TEST(test_one_receiver_serves_again_and_again),
        TEST(test_a_handler_may_call_somebody_meanwhile),
        TEST(test_what_is_kept_is_served_first),
        TEST(test_a_raw_completion_of_nobody_panics),
        TEST(test_a_damaged_ring_is_mended),
        TEST(test_results_are_answered),
        TEST(test_what_cannot_be_served_is_refused),
        TEST(test_an_answer_without_room_is_a_refusal),
        TEST(test_what_a_handler_does_not_take_is_released),
        TEST(test_what_comes_with_a_refused_call_is_released),
        TEST(test_an_answer_brings_capabilities),
        TEST(test_an_answer_that_nobody_waits_for_is_forgotten),
        TEST(test_an_answer_that_is_malformed_is_a_refusal),
        TEST(test_a_kept_call_is_answered_later),
        TEST(test_a_kept_call_may_not_find_room),
        TEST(test_a_server_whose_endpoint_is_gone_ends),
        TEST(test_an_endpoint_that_goes_behind_an_answer_ends_too),
        TEST(test_a_handler_can_stop_the_server),
        TEST(test_a_server_stopped_while_it_answers_ends),
        TEST(test_each_interface_has_its_service),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
