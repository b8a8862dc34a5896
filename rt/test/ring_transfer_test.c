// SPDX-License-Identifier: MIT
/*
 * The ring client: capabilities that calls and answers bring, and the receiving side.
 */
#include "kernel.h"

/* ---------------------------------------------------------------------------
 * Capabilities */

static void test_what_is_given_lies_behind_the_message(void **state)
{
    (void)state;
    struct rt_call call;
    const struct cap_transfer *t;

    assert_true(rt_ok(rt_call_begin_with(&call, &ring, 20, 9, 4, 2)));
    assert_int_equal(call.params_room, 24);
    assert_int_equal(call.results_room, 16 + 2 * sizeof(struct cap_record));
    assert_true(call.results >= call.params + 24 + 4 * sizeof(struct cap_transfer));
    memset(call.params, 0xab, 24);
    struct capnp_capability first = rt_call_give(&call, rt_copy(11));
    struct capnp_capability none = rt_call_give(&call, rt_nothing());
    struct capnp_capability second = rt_call_give(&call, rt_move(12));
    struct capnp_capability third = rt_call_give(&call, rt_mint(13, 0x1234, 99));
    assert_true(first.there && second.there && third.there && !none.there);
    assert_int_equal(first.index, 0);
    assert_int_equal(second.index, 1);
    assert_int_equal(third.index, 2);
    assert_true(rt_ok(rt_call_submit_with(&call, 42, 7, 3, 8)));
    assert_true(rt_ok(rt_call_wait(&call)));

    const struct cap_sqe *sqe = &kernel.taken[0];
    assert_int_equal(sqe->opcode, CAP_OP_CALL);
    assert_int_equal(sqe->cap_id, 42);
    assert_int_equal(sqe->interface_id, 7);
    assert_int_equal(sqe->method_id, 3);
    assert_int_equal(sqe->cap_count, 3);
    assert_int_equal(sqe->cap_room, 2);
    assert_int_equal(sqe->params_len, 8);
    assert_int_equal(sqe->result_len, call.results_room);
    assert_int_equal(call.params[7], 0xab);
    t = (const struct cap_transfer *)(const void *)(call.params + 8);
    assert_int_equal(t[0].cap_id, 11);
    assert_int_equal(t[0].mode, CAP_TRANSFER_COPY);
    assert_int_equal(t[1].cap_id, 12);
    assert_int_equal(t[1].mode, CAP_TRANSFER_MOVE);
    assert_int_equal(t[1].badge | t[1].interface_id | t[1].reserved, 0);
    assert_int_equal(t[2].cap_id, 13);
    assert_int_equal(t[2].mode, CAP_TRANSFER_MINT);
    assert_int_equal(t[2].badge, 0x1234);
    assert_int_equal(t[2].interface_id, 99);

    /* Submitted again, it waits again, and brings nothing that has gone. */
    assert_true(rt_ok(rt_call_submit_with(&call, 42, 7, 3, 24)));
    assert_false(rt_call_is_done(&call));
    assert_true(rt_ok(rt_call_wait(&call)));
    assert_int_equal(kernel.taken[1].cap_count, 0);
    rt_call_end(&call);
    assert_int_equal(rt_ring_free_chunks(&ring), RT_RING_CHUNKS);
}

static void test_more_than_there_is_room_for_is_not_given(void **state)
{
    (void)state;
    struct rt_call call;

    assert_true(rt_ok(rt_call_begin_with(&call, &ring, 8, 0, 1, 0)));
    assert_true(rt_call_give(&call, rt_copy(1)).there);
    assert_false(rt_call_give(&call, rt_copy(2)).there);
    assert_false(rt_call_give(&call, rt_copy(3)).there);
    assert_int_equal(rt_call_submit_with(&call, 1, 2, 3, 8).code, RT_ERR_BUILD);
    rt_call_end(&call);
    assert_true(rt_ok(rt_call_begin(&call, &ring, 8, 0)));
    assert_false(rt_call_give(&call, rt_copy(1)).there);
    rt_call_end(&call);
    assert_int_equal(rt_ring_room(&ring), 4);
}

static void test_rooms_that_cannot_be_had(void **state)
{
    (void)state;
    struct rt_call call;

    assert_int_equal(rt_call_begin_with(&call, &ring, 8, 8, 65, 0).code, RT_ERR_NO_AREA);
    assert_int_equal(rt_call_begin_with(&call, &ring, 8, 8, 0, 65).code, RT_ERR_NO_AREA);
    assert_int_equal(rt_call_begin_with(&call, &ring, 0x20000, 8, 1, 1).code, RT_ERR_NO_AREA);
    assert_int_equal(rt_call_begin_with(&call, &ring, 8, 0x10000, 1, 1).code, RT_ERR_NO_AREA);
    assert_int_equal(rt_call_begin_with(&call, &ring, 4096, 0, 1, 0).code, RT_ERR_NO_AREA);
    assert_int_equal(rt_call_begin_serving(&call, &ring, 0xffffffff, 8, 0, 0).code, RT_ERR_NO_AREA);
    assert_true(rt_ok(rt_call_begin_with(&call, &ring, 0, 0, 64, 64)));
    rt_call_end(&call);
    assert_int_equal(rt_ring_free_chunks(&ring), RT_RING_CHUNKS);
}

/* A call that has been answered with n capabilities, ids 501 and so on. */
static void call_answered_with(struct rt_call *call, uint16_t n)
{
    kernel.hold = true;
    assert_true(rt_ok(rt_call_begin_with(call, &ring, 0, 24, 0, n)));
    assert_true(rt_ok(rt_call_submit_with(call, 42, 7, 3, 0)));
    assert_false(rt_call_wait_for(call, CAP_TIMEOUT_POLL));
    struct cap_record *records = (struct cap_record *)(void *)(call->results + 16);
    for (uint16_t i = 0; i < n; i++) {
        records[i] = (struct cap_record){.cap_id = 501u + i, .interface_id = 900u + i};
    }
    kernel.cap_count = n;
    kernel_answer(kernel.taken_count - 1u, 16);
    kernel.cap_count = 0;
    assert_true(rt_ok(rt_call_wait(call)));
}

static void test_what_came_is_taken_once(void **state)
{
    (void)state;
    struct rt_call call;

    call_answered_with(&call, 3);
    assert_int_equal(rt_call_records(&call)[1].interface_id, 901);
    assert_int_equal(rt_call_take(&call, CAP(2)), 503);
    assert_int_equal(rt_call_take(&call, CAP(0)), 501);
    assert_int_equal(rt_call_take(&call, CAP(0)), CAP_ID_NONE);
    assert_int_equal(rt_call_take(&call, CAP(3)), CAP_ID_NONE);
    assert_int_equal(rt_call_take(&call, CAP(UINT32_MAX)), CAP_ID_NONE);
    assert_int_equal(rt_call_take(&call, (struct capnp_capability){.there = false}), CAP_ID_NONE);
    rt_call_end(&call);
    rt_call_end(&call); /* a second end is none */
    assert_int_equal(rt_ring_enter(&ring, 0, 0), 0);
    assert_int_equal(kernel.taken_count, 2);
    assert_int_equal(kernel.taken[1].opcode, CAP_OP_RELEASE);
    assert_int_equal(kernel.taken[1].cap_id, 502);
}

static void test_releases_go_together(void **state)
{
    (void)state;
    struct rt_call call;

    call_answered_with(&call, 4);
    uint32_t enters = kernel.enters;
    rt_call_end(&call);
    assert_int_equal(kernel.enters, enters);
    kernel.hold = false;
    kernel.answered = kernel.taken_count;
    assert_int_equal(rt_ring_enter(&ring, 0, 0), 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(kernel.taken[1 + i].opcode, CAP_OP_RELEASE);
        assert_int_equal(kernel.taken[1 + i].cap_id, 501 + i);
    }
    struct cap_cqe cqe;
    assert_false(rt_ring_take(&ring, &cqe)); /* nobody hears of them */
}

static void test_what_failed_brought_nothing(void **state)
{
    (void)state;
    struct rt_call call;

    kernel.result = CAP_ERR_INVOKE_FAILED;
    assert_true(rt_ok(rt_call_begin_with(&call, &ring, 0, 24, 0, 2)));
    rt_call_end(&call); /* never submitted */
    assert_true(rt_ok(rt_call_begin_with(&call, &ring, 0, 24, 0, 2)));
    assert_true(rt_ok(rt_call_submit_with(&call, 42, 7, 3, 0)));
    assert_int_equal(rt_call_wait(&call).code, CAP_ERR_INVOKE_FAILED);
    assert_int_equal(rt_call_take(&call, CAP(0)), CAP_ID_NONE);
    rt_call_end(&call);
    assert_int_equal(rt_ring_room(&ring), 4);
}

static void test_dropping_makes_room_for_itself(void **state)
{
    (void)state;
    rt_drop(&ring, CAP_ID_NONE);
    for (uint64_t i = 1; i <= 100; i++) {
        rt_drop(&ring, i);
    }
    assert_int_equal(rt_ring_enter(&ring, 0, 0) >= 0, true);
    assert_int_equal(kernel.taken_count, 100);
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(kernel.taken[i].cap_id, i + 1);
    }
}

static void test_dropping_where_raw_completions_block_panics(void **state)
{
    (void)state;
    uint64_t n = 0;

    while (rt_ok(rt_ring_make_room(&ring))) {
        assert_true(rt_ring_push(&ring, &(struct cap_sqe){.user_data = n++}));
    }
    if (setjmp(panicked) == 0) {
        rt_drop(&ring, 1);
        fail_msg("%s", "a capability was lost");
    }
}

static void test_owned_goes_at_the_end_of_its_block(void **state)
{
    (void)state;
    {
        RT_OWNED kept = rt_own(&ring, 1);
        RT_OWNED gone = rt_own(&ring, 2);
        assert_int_equal(rt_disown(&kept), 1);
        assert_int_equal(kept.id, CAP_ID_NONE);
        assert_int_equal(gone.id, 2);
    }
    assert_int_equal(rt_ring_enter(&ring, 0, 0), 1);
    assert_int_equal(kernel.taken[0].opcode, CAP_OP_RELEASE);
    assert_int_equal(kernel.taken[0].cap_id, 2);
}

/* ---------------------------------------------------------------------------
 * Receiving and answering */

static struct cap_message_header received(uint16_t capabilities)
{
    return (struct cap_message_header){
        .interface_id = 7, .badge = 5, .method_id = 3, .cap_count = capabilities};
}

static void test_a_call_is_received_and_answered(void **state)
{
    (void)state;
    struct rt_call call;

    kernel.hold = true;
    assert_true(rt_ok(rt_call_begin_serving(&call, &ring, 64, 32, 2, 1)));
    assert_int_equal(call.results_room, 32 + 64 + 2 * sizeof(struct cap_record));
    assert_int_equal(call.params_room, 32);
    assert_true(rt_ok(rt_call_receive(&call, 77)));
    assert_false(rt_call_wait_for(&call, CAP_TIMEOUT_POLL));
    assert_int_equal(kernel.taken[0].opcode, CAP_OP_RECV);
    assert_int_equal(kernel.taken[0].cap_id, 77);
    assert_int_equal(kernel.taken[0].interface_id | kernel.taken[0].params_addr |
                         kernel.taken[0].params_len | kernel.taken[0].method_id,
                     0);
    assert_int_equal(kernel.taken[0].result_len, call.results_room);
    assert_int_equal(kernel.taken[0].cap_room, 2);

    deliver(&call, 0, 1234, received(2), NULL);
    assert_true(rt_ok(rt_call_wait(&call)));
    assert_int_equal(rt_call_received_id(&call), 1234);
    assert_int_equal(rt_call_received(&call)->badge, 5);
    assert_int_equal(rt_call_take(&call, CAP(0)), 701);
    assert_true(rt_call_give(&call, rt_copy(701)).there);
    assert_true(rt_ok(rt_call_return(&call, 1234, 16, true)));
    assert_false(rt_call_is_done(&call));
    assert_false(rt_call_wait_for(&call, CAP_TIMEOUT_POLL));
    assert_int_equal(kernel.taken[1].opcode, CAP_OP_RELEASE); /* what was not taken */
    assert_int_equal(kernel.taken[1].cap_id, 702);
    const struct cap_sqe *sqe = &kernel.taken[2];
    assert_int_equal(sqe->opcode, CAP_OP_RETURN);
    assert_int_equal(sqe->flags, CAP_SQE_F_AGAIN);
    assert_int_equal(sqe->interface_id, 1234);
    assert_int_equal(sqe->cap_count, 1);
    assert_int_equal(sqe->params_len, 16);
    assert_int_equal(
        sqe->cap_id | sqe->result_addr | sqe->result_len | sqe->cap_room | sqe->method_id, 0);

    deliver(&call, 2, 1235, received(0), NULL);
    assert_true(rt_ok(rt_call_wait(&call)));
    assert_int_equal(rt_call_received_id(&call), 1235);
    assert_true(rt_ok(rt_call_return(&call, 1235, 0, false)));
    assert_false(rt_call_wait_for(&call, CAP_TIMEOUT_POLL));
    assert_int_equal(kernel.taken[3].flags, 0);
    assert_int_equal(kernel.taken[3].cap_count, 0); /* what was given went with the last */
    kernel_answer(3, 0);
    assert_true(rt_ok(rt_call_wait(&call)));
    rt_call_end(&call);
    assert_int_equal(rt_ring_room(&ring), 4);
}

static void test_a_call_is_refused(void **state)
{
    (void)state;
    struct rt_call call;
    struct capnp_message m;

    kernel.hold = true;
    assert_true(rt_ok(rt_call_begin_serving(&call, &ring, 0, 64, 0, 1)));
    assert_true(rt_call_give(&call, rt_copy(1)).there);
    assert_true(
        rt_ok(rt_call_return_refusal(&call, 9, CAP_EXC_OVERLOADED, "come back later", false)));
    assert_false(rt_call_wait_for(&call, CAP_TIMEOUT_POLL));
    const struct cap_sqe *sqe = &kernel.taken[0];
    assert_int_equal(sqe->opcode, CAP_OP_RETURN);
    assert_int_equal(sqe->flags, CAP_SQE_F_EXCEPTION);
    assert_int_equal(sqe->method_id, CAP_EXC_OVERLOADED);
    assert_int_equal(sqe->interface_id, 9);
    assert_int_equal(sqe->cap_count, 0); /* a refusal brings nothing */
    assert_true(capnp_message_open_flat(&m, call.params, sqe->params_len));
    struct capos_exception e = capos_exception_read_root(&m);
    assert_int_equal(capos_exception_get_type(e), CAPOS_EXCEPTION_TYPE_OVERLOADED);
    assert_string_equal(capos_exception_get_reason(e).ptr, "come back later");
    kernel_answer(0, 0);
    assert_true(rt_ok(rt_call_wait(&call)));

    /* A sentence that does not fit is left out. */
    assert_true(rt_ok(rt_call_return_refusal(
        &call, 10, CAP_EXC_FAILED, "a sentence that is longer than sixty-four bytes", true)));
    assert_false(rt_call_wait_for(&call, CAP_TIMEOUT_POLL));
    assert_int_equal(kernel.taken[1].flags, CAP_SQE_F_EXCEPTION | CAP_SQE_F_AGAIN);
    assert_int_equal(kernel.taken[1].params_len, 0);
    kernel_answer(1, CAP_ERR_NOT_DELIVERED);
    assert_int_equal(rt_call_wait(&call).code, CAP_ERR_NOT_DELIVERED);
    rt_call_end(&call);
}

static void test_an_answer_may_bring_no_more_than_it_said(void **state)
{
    (void)state;
    struct rt_call call;

    kernel.hold = true;
    assert_true(rt_ok(rt_call_begin_serving(&call, &ring, 0, 64, 0, 1)));
    assert_true(rt_call_give(&call, rt_copy(1)).there);
    assert_false(rt_call_give(&call, rt_copy(2)).there);
    assert_int_equal(rt_call_return(&call, 9, 8, true).code, RT_ERR_BUILD);
    assert_true(rt_ok(rt_call_return_refusal(&call, 9, CAP_EXC_FAILED, "too many", true)));
    assert_false(rt_call_wait_for(&call, CAP_TIMEOUT_POLL));
    assert_int_equal(kernel.taken[0].cap_count, 0);
    rt_call_end(&call);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_given_lies_behind_the_message),
        TEST(test_more_than_there_is_room_for_is_not_given),
        TEST(test_rooms_that_cannot_be_had),
        TEST(test_what_came_is_taken_once),
        TEST(test_releases_go_together),
        TEST(test_what_failed_brought_nothing),
        TEST(test_dropping_makes_room_for_itself),
        TEST(test_dropping_where_raw_completions_block_panics),
        TEST(test_owned_goes_at_the_end_of_its_block),
        TEST(test_a_call_is_received_and_answered),
        TEST(test_a_call_is_refused),
        TEST(test_an_answer_may_bring_no_more_than_it_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
