// SPDX-License-Identifier: MIT
/*
 * What makes an entry a short one (cap/short_call.h), rule by rule: an entry that breaks one
 * comes to what the long way makes of it, whether its target is an object of the kernel or a
 * receiver that waits. And what has no room at once is brought all the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <abi/error.h>
#include <capos.capnp.h>

#include "cap/call.h"
#include "cap/endpoint.h"
#include "cap/null.h"
#include "cap/transfer.h"
#include "test/world.h"

#define INTERFACE 0x5ce7eull
#define AREA      16384u
#define SLOTS     100u /* more than a new table has room for */
#define OUTSIDE   0x0000700000000000ull
#define TOO_LONG  4096u /* for a short message */

#define NO_METHOD 99u

/* Of the teller: a word, and what goes with one capability. */
#define ANSWER_BYTES (8u + (uint32_t)sizeof(struct cap_record))

#define BIT_AGAIN    18u

static struct actor caller;
static struct actor server;
static struct token token;
static struct keeper keeper;
static uint64_t owner;
static uint64_t client;
static uint64_t plain; /* a capability of an object that is plain */
static uint64_t full;  /* and of one that is not, and refuses everything by now */
static uint64_t cap;   /* of the token */

/* An object of the tests' own, which looks at more than the message. */
enum teller_method { TELLER_NOTHING, TELLER_GIVES, TELLER_KILLS };

static struct {
    struct cap_object object; /* first */
    uint32_t calls;
} teller;

static enum capnp_answer teller_call(struct cap_object *object, struct capnp_call *call)
{
    struct process *p = cap_call_process(call);

    teller.calls++;
    assert_int_equal(call->interface_id, object->type->interface_id);
    assert_int_equal(call->params_bytes, 8);
    assert_int_equal(call->results_room, ANSWER_BYTES);
    assert_memory_equal(call->params, p->area, 8);
    assert_true((uintptr_t)call->params - (uintptr_t)p->area >= AREA); /* a copy */
    memset(call->results, 0x5a, 8);
    call->results_bytes = 8;
    if (call->method == TELLER_GIVES) {
        cap_hold(&token.object);
        (void)cap_call_give(call, (struct cap_hold){.object = &token.object, .transferable = true});
    } else if (call->method == TELLER_KILLS) {
        process_kill(p, "it asked for that");
    }
    return CAPNP_ANSWERED;
}

static void teller_destroy(struct cap_object *object)
{
    (void)object;
}

static const struct cap_type teller_type = {.name = "teller",
                                            .kind = CAP_FULL,
                                            .interface_id = 0x7e11e4ull,
                                            .call = teller_call,
                                            .destroy = teller_destroy};

static int begin(void **state)
{
    const struct actor_params params = {.area_bytes = AREA, .slots = SLOTS};
    struct cap_object *o;
    struct cap_object *c;
    struct cap_object *null;

    (void)state;
    world_start();
    world_remember();
    assert_true(actor_start(&caller, &params) && actor_start(&server, &params));
    assert_int_equal(endpoint_create(&server.p->account, &o, &c), ST_OK);
    assert_int_equal(null_cap_create(&null), ST_OK);
    token_init(&token, "token");
    keeper_init(&keeper);
    owner = actor_grant(&server, o);
    client = actor_grant(&caller, c);
    plain = actor_grant(&caller, null);
    full = actor_grant(&caller, &keeper.object);
    cap = actor_grant(&caller, &token.object);
    cap_drop(o);
    cap_drop(c);
    cap_drop(null);
    assert_null(actor_do(&caller, (struct cap_sqe){.opcode = CAP_OP_CALL, /* it keeps one */
                                                   .cap_id = full,
                                                   .interface_id = keeper.object.type->interface_id,
                                                   .params_addr = caller.p->area_vaddr,
                                                   .result_addr = caller.p->area_vaddr}));
    return 0;
}

static int end(void **state)
{
    struct actor *const actors[] = {&caller, &server};

    (void)state;
    assert_null(world_end(actors, 2));
    return 0;
}

static uint64_t receive_in(uint32_t bytes, uint32_t cap_room)
{
    uint64_t entry = actor_submit(&server, (struct cap_sqe){.opcode = CAP_OP_RECV,
                                                            .cap_id = owner,
                                                            .result_addr = server.p->area_vaddr,
                                                            .result_len = bytes,
                                                            .cap_room = cap_room});
    actor_run(&server);
    return entry;
}

static uint64_t receive(uint32_t cap_room)
{
    return receive_in(1024, cap_room);
}

static struct cap_sqe call_of(uint64_t cap_id, uint64_t interface_id)
{
    return (struct cap_sqe){.opcode = CAP_OP_CALL,
                            .cap_id = cap_id,
                            .interface_id = interface_id,
                            .params_addr = caller.p->area_vaddr,
                            .result_addr = caller.p->area_vaddr + AREA / 2};
}

static struct cap_sqe with_bit(struct cap_sqe sqe, uint32_t bit)
{
    uint64_t words[8];

    memcpy(words, &sqe, sizeof words);
    words[bit / 64] ^= 1ull << bit % 64;
    memcpy(&sqe, words, sizeof sqe);
    return sqe;
}

static void expect(struct actor *a, struct cap_sqe sqe, int32_t error)
{
    const struct cap_cqe *cqe = actor_do(a, sqe);

    assert_non_null(cqe);
    assert_int_equal(cqe->result, error);
    assert_null(world_check());
}

/* Descriptors that name nothing; flags; a pointer index; too much room; the reserved field. */
static void bits_of_a_call(struct cap_sqe sqe)
{
    expect(&caller, with_bit(sqe, 16), CAP_ERR_UNSUPPORTED_OPCODE); /* CAP_SQE_F_PIPELINE */
    for (uint32_t bit = 8; bit < 16; bit++) {
        expect(&caller, with_bit(sqe, bit), CAP_ERR_BAD_TRANSFER);
    }
    for (uint32_t bit = 17; bit < 32; bit++) {
        expect(&caller, with_bit(sqe, bit), CAP_ERR_INVALID_REQUEST);
    }
    for (uint32_t bit = 48; bit < 64; bit++) {
        expect(&caller, with_bit(sqe, bit), CAP_ERR_INVALID_REQUEST);
    }
    for (uint32_t bit = 448 + 7; bit < 512; bit++) { /* behind CAP_TRANSFER_MAX */
        expect(&caller, with_bit(sqe, bit), CAP_ERR_INVALID_REQUEST);
    }
}

static void stray_bits_of_a_call(void **state)
{
    (void)state;
    uint64_t receiving = receive(0);

    bits_of_a_call(call_of(plain, CAPOS_NULL_CAP_ID));
    bits_of_a_call(call_of(full, keeper.object.type->interface_id));
    bits_of_a_call(call_of(client, INTERFACE));
    assert_null(actor_done(&server, receiving));
}

static void stray_bits_of_a_return(void **state)
{
    (void)state;
    uint64_t receiving = receive(0);
    (void)actor_submit(&caller, call_of(client, INTERFACE));
    actor_run(&caller);
    actor_take(&server);
    assert_non_null(actor_done(&server, receiving));
    struct cap_sqe sqe = {.opcode = CAP_OP_RETURN,
                          .flags = CAP_SQE_F_AGAIN,
                          .interface_id = actor_done(&server, receiving)->detail,
                          .params_addr = server.p->area_vaddr};

    for (uint32_t bit = 16; bit < 512; bit++) {
        uint32_t word = bit / 64;
        bool is_used = bit == 17 || bit == BIT_AGAIN || /* an exception's flag */
                       word == 2 || word == 3 || (word == 5 && bit % 64 < 32) || word == 6;
        if (!is_used) {
            expect(&server, with_bit(sqe, bit), CAP_ERR_INVALID_REQUEST);
        }
    }
    assert_null(actor_do(&server, sqe)); /* it is still there to be answered */
}

static void stray_bits_of_a_nop(void **state)
{
    (void)state;
    for (uint32_t bit = 8; bit < 512; bit++) {
        if (bit / 64 != 6) { /* user data */
            expect(&caller, with_bit((struct cap_sqe){.opcode = CAP_OP_NOP}, bit),
                   CAP_ERR_INVALID_REQUEST);
        }
    }
}

static void calls_of(uint64_t cap_id, uint64_t interface_id)
{
    struct cap_sqe sqe = call_of(cap_id, interface_id);

    sqe.method_id = NO_METHOD;
    sqe.params_len = sqe.result_len = 64;
    memset(caller.p->area, 0, TOO_LONG);
    expect(&caller, sqe, CAP_ERR_EXCEPTION); /* which both objects have for it */
    sqe.interface_id++;
    expect(&caller, sqe, CAP_ERR_WRONG_INTERFACE);
    sqe.interface_id--;
    sqe.params_len = TOO_LONG;
    expect(&caller, sqe, CAP_ERR_EXCEPTION);
    sqe.params_len = 64;
    sqe.params_addr = OUTSIDE;
    expect(&caller, sqe, CAP_ERR_BAD_PARAMS);
    sqe.params_addr = caller.p->area_vaddr + 4u;
    expect(&caller, sqe, CAP_ERR_BAD_PARAMS);
    sqe.params_addr = caller.p->area_vaddr;
    sqe.result_addr += 4u;
    expect(&caller, sqe, CAP_ERR_BAD_RESULT);
}

/* Whose interface is another, whose message is long, or does not lie in the area. */
static void objects_of_the_kernel(void **state)
{
    (void)state;
    calls_of(plain, CAPOS_NULL_CAP_ID);
    calls_of(full, keeper.object.type->interface_id);
}

/* A plain object builds its answer where it goes, if there is room for it. */
static void the_answer_of_a_plain_object(void **state)
{
    (void)state;
    struct cap_sqe sqe = call_of(plain, CAPOS_NULL_CAP_ID);
    struct capnp_arena arena;
    struct capnp_message answer;

    capnp_arena_init(&arena, caller.p->area, 64);
    struct capos_null_cap_add_params_builder add = capos_null_cap_add_params_build_root(&arena);
    capos_null_cap_add_params_set_a(add, 40);
    capos_null_cap_add_params_set_c(add, 2);
    sqe.method_id = CAPOS_NULL_CAP_ADD;
    sqe.params_len = capnp_arena_bytes(&arena);
    expect(&caller, sqe, CAP_ERR_BAD_RESULT);
    sqe.result_len = 64;
    const struct cap_cqe *cqe = actor_do(&caller, sqe);
    assert_true(cqe->result > 0);
    assert_true(capnp_message_open_flat(&answer, caller.p->area + AREA / 2, (uint32_t)cqe->result));
    struct capos_null_cap_add_results sum = capos_null_cap_add_results_read_root(&answer);
    assert_int_equal(capos_null_cap_add_results_get_sum(sum), 42);
    assert_int_equal(capos_null_cap_add_results_get_count(sum), 1);
}

static struct cap_sqe call_of_teller(enum teller_method method, uint32_t cap_room)
{
    struct cap_sqe sqe;

    teller.object = (struct cap_object){.type = &teller_type, .holds = 1};
    teller.calls = 0;
    list_init(&teller.object.node);
    sqe = call_of(actor_grant(&caller, &teller.object), teller_type.interface_id);
    sqe.method_id = (uint16_t)method;
    sqe.params_len = 8;
    sqe.result_len = ANSWER_BYTES;
    sqe.cap_room = cap_room;
    return sqe;
}

/* What an object that is not plain is told, and gives: no more than there is room for. */
static void the_call_of_a_full_object(void **state)
{
    (void)state;
    struct cap_sqe sqe = call_of_teller(TELLER_GIVES, 0);
    uint64_t holds = token.object.holds;
    struct cap_record record;

    expect(&caller, sqe, CAP_ERR_BAD_RESULT);
    assert_int_equal(token.object.holds, holds);
    sqe.cap_room = 1;
    expect(&caller, sqe, 8);
    assert_int_equal(token.object.holds, holds + 1);
    memcpy(&record, caller.p->area + AREA / 2 + 8, sizeof record);
    const struct cap_slot *slot = cap_table_lookup(&caller.p->caps, record.cap_id);
    assert_non_null(slot);
    assert_ptr_equal(slot->object, &token.object);
    sqe.cap_room = 0;
    sqe.method_id = TELLER_NOTHING;
    expect(&caller, sqe, 8);
    assert_int_equal(caller.p->area[AREA / 2 + 7], 0x5a);
}

/* Nothing is done for a process behind the call by which it ended. */
static void the_call_that_ends_the_caller(void **state)
{
    (void)state;
    struct cap_sqe sqe = call_of_teller(TELLER_KILLS, 0);

    (void)actor_submit(&caller, sqe);
    (void)actor_submit(&caller, sqe);
    actor_run(&caller);
    assert_false(actor_lives(&caller));
    assert_int_equal(teller.calls, 1);
}

/* ---------------------------------------------------------------------------
 * Capabilities */

/* Sends n copies of the token, and says how the call is told of it. NULL: it is delivered. */
static const struct cap_cqe *send(uint32_t n)
{
    const struct cap_transfer copy = {.cap_id = cap, .mode = CAP_TRANSFER_COPY};
    struct cap_sqe sqe = call_of(client, INTERFACE);

    for (uint32_t i = 0; i < n; i++) {
        memcpy(caller.p->area + i * sizeof copy, &copy, sizeof copy);
    }
    sqe.cap_count = (uint8_t)n;
    const struct cap_cqe *cqe = actor_do(&caller, sqe);
    actor_take(&server);
    assert_null(world_check());
    return cqe;
}

static void expect_brought(uint64_t receiving, uint32_t n)
{
    const uint8_t *records = server.p->area + sizeof(struct cap_message_header);
    const struct cap_cqe *cqe = actor_done(&server, receiving);

    assert_non_null(cqe);
    assert_int_equal(cqe->cap_count, n);
    for (uint32_t i = 0; i < n; i++) {
        struct cap_record record;
        memcpy(&record, records + i * sizeof record, sizeof record);
        const struct cap_slot *slot = cap_table_lookup(&server.p->caps, record.cap_id);
        assert_non_null(slot);
        assert_ptr_equal(slot->object, &token.object);
    }
}

static void no_more_than_the_receiver_takes(void **state)
{
    (void)state;
    uint64_t receiving = receive(1);

    assert_int_equal(send(2)->result, CAP_ERR_TOO_LARGE);
    assert_null(actor_done(&server, receiving));
    assert_null(send(1));
    expect_brought(receiving, 1);
    receiving = receive_in(sizeof(struct cap_message_header) + sizeof(struct cap_record), 2);
    assert_int_equal(send(2)->result, CAP_ERR_TOO_LARGE);
    assert_null(send(1));
    expect_brought(receiving, 1);
}

static void more_than_are_moved_at_once(void **state)
{
    (void)state;
    uint64_t receiving = receive(2 * TRANSFER_AT_ONCE_MAX);

    assert_null(send(2 * TRANSFER_AT_ONCE_MAX));
    expect_brought(receiving, 2 * TRANSFER_AT_ONCE_MAX);
}

/* The receiver's table is full, and grows. */
static void fewer_slots_than_come(uint32_t n)
{
    uint32_t count = server.p->caps.count;

    while (cap_table_free(&server.p->caps) >= n) {
        assert_int_not_equal(actor_grant(&server, &token.object), CAP_ID_NONE);
    }
    assert_int_equal(server.p->caps.count, count);
    uint64_t receiving = receive(n);
    assert_null(send(n));
    assert_true(server.p->caps.count > count);
    expect_brought(receiving, n);
}

static void a_table_that_is_full(void **state)
{
    (void)state;
    fewer_slots_than_come(1);
}

static void a_table_that_is_almost_full(void **state)
{
    (void)state;
    fewer_slots_than_come(2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(stray_bits_of_a_call),          TEST(stray_bits_of_a_return),
        TEST(stray_bits_of_a_nop),           TEST(objects_of_the_kernel),
        TEST(the_answer_of_a_plain_object),  TEST(the_call_of_a_full_object),
        TEST(the_call_that_ends_the_caller), TEST(no_more_than_the_receiver_takes),
        TEST(more_than_are_moved_at_once),   TEST(a_table_that_is_full),
        TEST(a_table_that_is_almost_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
