// SPDX-License-Identifier: MIT
/*
 * The ring client: calls and raw entries, waiting, and what a refusal says.
 */
#include "kernel.h"

static struct rt_status begin_and_submit(struct rt_call *call, uint64_t id)
{
    struct rt_status s = rt_call_begin(call, &ring, 16, 8);
    return rt_ok(s) ? rt_call_submit(call, id, 7, 3, 16) : s;
}

static void test_region_is_checked(void **state)
{
    (void)state;
    struct cap_ring_header *h = kernel.region;
    struct cap_ring_header good = *h;
    struct rt_ring other;

#define REFUSES(field, value)                                                                      \
    do {                                                                                           \
        h->field = (value);                                                                        \
        assert_false(rt_ring_init(&other, kernel.region));                                         \
        *h = good;                                                                                 \
    } while (0)
    REFUSES(magic, good.magic + 1);
    REFUSES(abi_version, 2);
    REFUSES(features, 1);
    REFUSES(sq_entries, 3);
    REFUSES(sq_entries, 0);
    REFUSES(sq_entries, CAP_SQ_MAX * 2);
    REFUSES(cq_entries, 2);
    REFUSES(cq_entries, CAP_CQ_MAX * 2);
    REFUSES(area_bytes, 4095);
    REFUSES(area_bytes, CAP_AREA_MIN / 2);
    REFUSES(area_bytes, CAP_AREA_MAX * 2);
    REFUSES(sq_offset, 64);
    REFUSES(sq_offset, 193);
    REFUSES(cq_offset, good.region_bytes);
    REFUSES(area_offset, good.region_bytes - 64);
    REFUSES(area_offset, 0xffffffc0u);
    REFUSES(region_bytes, 0x10000000u);
#undef REFUSES
    assert_true(rt_ring_init(&other, kernel.region));
}

static void test_call_comes_back(void **state)
{
    (void)state;
    struct rt_call call;

    kernel.result = 8;
    assert_true(rt_ok(begin_and_submit(&call, 42)));
    assert_true(rt_ok(rt_call_wait(&call)));
    assert_int_equal(rt_call_results_bytes(&call), 8);
    assert_int_equal(kernel.taken[0].opcode, CAP_OP_CALL);
    assert_int_equal(kernel.taken[0].cap_id, 42);
    assert_int_equal(kernel.taken[0].interface_id, 7);
    assert_int_equal(kernel.taken[0].method_id, 3);
    assert_int_equal(kernel.taken[0].params_len, 16);
    assert_int_equal(kernel.taken[0].result_len, 8);
    assert_ptr_equal((void *)(uintptr_t)kernel.taken[0].params_addr, call.params);
    assert_int_equal(kernel.taken[0].flags, 0);
    assert_int_equal(kernel.taken[0].reserved, 0);
    rt_call_end(&call);
    assert_int_equal(rt_ring_free_chunks(&ring), RT_RING_CHUNKS);
}

/* A second end gives nothing back, of a call of one chunk and of one of several. */
static void test_a_call_ends_once(void **state)
{
    (void)state;
    struct rt_call first;
    struct rt_call second;

    for (uint32_t bytes = 8; bytes <= 1024; bytes *= 128) {
        assert_true(rt_ok(rt_call_begin(&first, &ring, bytes, 0)));
        rt_call_end(&first);
        assert_true(rt_ok(rt_call_begin(&second, &ring, bytes, 0)));
        rt_call_end(&first);
        assert_in_range(rt_ring_free_chunks(&ring), 0, RT_RING_CHUNKS - 1u);
        rt_call_end(&second);
        assert_int_equal(rt_ring_free_chunks(&ring), RT_RING_CHUNKS);
    }
}

/* What is submitted and finished at once: taken from the queue, or told as by a wait. */
static void test_a_call_is_finished(void **state)
{
    (void)state;
    struct rt_call call;
    struct rt_call other;

    kernel.result = 8;
    assert_true(rt_ok(begin_and_submit(&call, 42)));
    assert_true(rt_ok(rt_call_finish(&call)));
    assert_int_equal(rt_call_results_bytes(&call), 8);
    assert_true(rt_ok(rt_call_wait(&call)));
    assert_true(rt_ring_is_empty(&ring));
    rt_call_end(&call);

    /* Behind another. */
    assert_true(rt_ok(begin_and_submit(&other, 41)));
    assert_true(rt_ok(begin_and_submit(&call, 42)));
    assert_true(rt_ok(rt_call_finish(&call)));
    assert_true(rt_call_is_done(&other));
    assert_true(rt_ring_is_empty(&ring));
    rt_call_end(&call);
    rt_call_end(&other);

    kernel.result = CAP_ERR_INVALID_REQUEST;
    assert_true(rt_ok(begin_and_submit(&call, 42)));
    assert_int_equal(rt_call_finish(&call).code, CAP_ERR_INVALID_REQUEST);
    rt_call_end(&call);
}

/* Raw entries are pushed past what rt_ring_has_room knew, which then looks again. */
static void test_room_is_looked_for_again(void **state)
{
    (void)state;
    struct cap_sqe sqe = {.opcode = CAP_OP_NOP};
    struct rt_call call;
    struct cap_cqe cqe;

    for (uint32_t i = 0; i < 3u * (ring.sq_mask + 1u) + 1u; i++) {
        assert_true(rt_ring_push(&ring, &sqe));
        assert_true(rt_ring_enter(&ring, 0, CAP_TIMEOUT_POLL) >= 0);
        assert_true(rt_ring_take(&ring, &cqe));
    }
    assert_true(ring.sq_next >= ring.sq_stop);
    kernel.result = 8;
    assert_true(rt_ok(begin_and_submit(&call, 42)));
    assert_ptr_equal(ring.sq_next, &ring.sq[ring.sq_tail & ring.sq_mask]);
    assert_true(rt_ok(rt_call_wait(&call)));
    rt_call_end(&call);
}

static void test_exception_is_told(void **state)
{
    (void)state;
    struct rt_call call;

    kernel.result = CAP_ERR_EXCEPTION;
    kernel.flags = CAP_EXC_OVERLOADED | CAP_CQE_F_TRUNCATED;
    assert_true(rt_ok(begin_and_submit(&call, 1)));
    struct rt_status s = rt_call_wait(&call);
    assert_int_equal(s.code, CAP_ERR_EXCEPTION);
    assert_int_equal(s.exception, CAP_EXC_OVERLOADED);
    assert_string_equal(rt_status_text(s), "back off and retry");
    rt_call_end(&call);
}

static void test_completions_in_any_order(void **state)
{
    (void)state;
    static const uint32_t order[4] = {2, 0, 3, 1};
    struct rt_call calls[4];

    kernel.hold = true;
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(rt_ok(begin_and_submit(&calls[i], 100 + i)));
    }
    assert_int_equal(rt_ring_enter(&ring, 0, 0), 0);
    for (uint32_t i = 0; i < 4; i++) {
        kernel_answer(order[i], (int32_t)order[i]);
    }
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(rt_ok(rt_call_wait(&calls[i])));
        assert_int_equal(rt_call_results_bytes(&calls[i]), i);
        assert_int_equal(calls[i].cqe.detail, i);
        rt_call_end(&calls[i]);
    }
    assert_int_equal(rt_ring_free_chunks(&ring), RT_RING_CHUNKS);
}

static void test_area_runs_out_and_comes_back(void **state)
{
    (void)state;
    struct rt_call calls[RT_RING_CHUNKS];
    struct rt_call one_more;
    uint32_t chunk = 4096 / RT_RING_CHUNKS;

    for (uint32_t i = 0; i < RT_RING_CHUNKS; i++) {
        assert_true(rt_ok(rt_call_begin(&calls[i], &ring, chunk, 0)));
        for (uint32_t j = 0; j < i; j++) {
            assert_ptr_not_equal(calls[i].params, calls[j].params);
        }
    }
    assert_int_equal(rt_call_begin(&one_more, &ring, 1, 0).code, RT_ERR_NO_AREA);
    rt_call_end(&calls[5]);
    rt_call_end(&calls[7]);
    assert_int_equal(rt_call_begin(&one_more, &ring, chunk + 1, 0).code, RT_ERR_NO_AREA);
    rt_call_end(&calls[8]);
    assert_int_equal(rt_call_begin(&one_more, &ring, 2 * chunk, chunk).code, RT_ERR_NO_AREA);
    rt_call_end(&calls[6]);
    assert_true(rt_ok(rt_call_begin(&one_more, &ring, 2 * chunk, chunk)));
    assert_ptr_equal(one_more.params, calls[5].params);
    assert_ptr_equal(one_more.results, calls[7].params);
    rt_call_end(&one_more);
    for (uint32_t i = 0; i < RT_RING_CHUNKS; i++) {
        if (i < 5 || i > 8) {
            rt_call_end(&calls[i]);
        }
    }
    assert_true(rt_ok(rt_call_begin(&one_more, &ring, 4096, 0)));
    assert_int_equal(rt_ring_free_chunks(&ring), 0);
    rt_call_end(&one_more);
    assert_int_equal(rt_call_begin(&one_more, &ring, 4097, 0).code, RT_ERR_NO_AREA);
    assert_int_equal(rt_call_begin(&one_more, &ring, 0xfffffff9u, 0xfffffff9u).code,
                     RT_ERR_NO_AREA);
}

/* It is taken again by a call that needs just so much, where no other has any of it. */
static void test_the_last_run_is_tried_first(void **state)
{
    (void)state;
    struct rt_call first;
    struct rt_call second;
    struct rt_call third;
    struct rt_call all[RT_RING_CHUNKS];
    uint32_t chunk = 4096 / RT_RING_CHUNKS;

    assert_true(rt_ok(rt_call_begin(&first, &ring, 2 * chunk, 0)));
    assert_true(rt_ok(rt_call_begin(&second, &ring, 2 * chunk, 0)));
    uint8_t *last = second.params;
    assert_ptr_equal(last, first.params + 2u * chunk);
    rt_call_end(&first);
    rt_call_end(&second);
    assert_true(rt_ok(rt_call_begin(&third, &ring, chunk + 1u, 0)));
    assert_ptr_equal(third.params, last);

    assert_true(rt_ok(rt_call_begin(&first, &ring, 2 * chunk, 0)));
    assert_ptr_equal(first.params, last - 2u * chunk);
    rt_call_end(&first);
    assert_true(rt_ok(rt_call_begin(&second, &ring, 2 * chunk + 1u, 0)));
    assert_ptr_equal(second.params, last + 2u * chunk);
    rt_call_end(&second);
    rt_call_end(&third);

    /* Its chunks belong to calls of one each, and one of those is still under way. */
    for (uint32_t i = 0; i < RT_RING_CHUNKS; i++) {
        assert_true(rt_ok(rt_call_begin(&all[i], &ring, chunk, 0)));
    }
    for (uint32_t i = 0; i < RT_RING_CHUNKS; i++) {
        if (all[i].params != second.params) {
            rt_call_end(&all[i]);
        }
    }
    assert_true(rt_ok(rt_call_begin(&third, &ring, 3 * chunk, 0)));
    assert_ptr_not_equal(third.params, second.params);
    rt_call_end(&third);
    for (uint32_t i = 0; i < RT_RING_CHUNKS; i++) {
        rt_call_end(&all[i]);
    }
    assert_int_equal(rt_ring_free_chunks(&ring), RT_RING_CHUNKS);
}

static void test_more_calls_than_entries(void **state)
{
    (void)state;
    struct rt_call calls[20];

    for (uint32_t i = 0; i < 20; i++) {
        assert_true(rt_ok(begin_and_submit(&calls[i], i)));
    }
    for (uint32_t i = 20; i-- > 0;) {
        assert_true(rt_ok(rt_call_wait(&calls[i])));
        assert_int_equal(calls[i].cqe.detail, i);
        rt_call_end(&calls[i]);
    }
}

static void test_raw_and_calls_are_told_apart(void **state)
{
    (void)state;
    struct rt_call call;
    struct cap_cqe cqe;

    assert_true(rt_ring_push(&ring, &(struct cap_sqe){.user_data = 11}));
    assert_true(rt_ok(begin_and_submit(&call, 1)));
    assert_true(rt_ring_push(&ring, &(struct cap_sqe){.user_data = 12}));
    assert_true(rt_ok(rt_call_wait(&call)));
    rt_call_end(&call);
    assert_true(rt_ring_take(&ring, &cqe));
    assert_int_equal(cqe.user_data, 11);
    assert_true(rt_ring_take(&ring, &cqe));
    assert_int_equal(cqe.user_data, 12);
    assert_false(rt_ring_take(&ring, &cqe));
}

static void test_a_call_behind_a_full_stash_panics(void **state)
{
    (void)state;
    struct rt_call call;
    struct cap_cqe cqe;

    for (uint64_t i = 0; i < RT_RING_STASH; i++) {
        assert_true(rt_ring_push(&ring, &(struct cap_sqe){.user_data = i}));
        assert_int_equal(rt_ring_enter(&ring, 0, 0), 1);
        assert_true(rt_ring_settle(&ring));
    }
    assert_true(rt_ring_push(&ring, &(struct cap_sqe){.user_data = RT_RING_STASH}));
    assert_true(rt_ok(begin_and_submit(&call, 1)));
    if (setjmp(panicked) == 0) {
        (void)rt_call_wait(&call);
        fail_msg("%s", "rt_call_wait came back with the call in flight");
    }
    for (uint64_t i = 0; i <= RT_RING_STASH; i++) {
        assert_true(rt_ring_take(&ring, &cqe));
        assert_int_equal(cqe.user_data, i);
    }
    assert_true(rt_ok(rt_call_wait(&call)));
    rt_call_end(&call);
}

static void test_full_queue_is_said(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(rt_ring_push(&ring, &(struct cap_sqe){.user_data = i}));
    }
    assert_false(rt_ring_push(&ring, &(struct cap_sqe){.user_data = 4}));
    assert_int_equal(rt_ring_room(&ring), 0);
    assert_int_equal(rt_ring_enter(&ring, 0, 0), 4);
    assert_int_equal(rt_ring_room(&ring), 4);
}

static void test_damaged_counts_are_put_right(void **state)
{
    (void)state;
    struct rt_call call;

    kernel.refusals = 2;
    assert_true(rt_ok(begin_and_submit(&call, 1)));
    ring.header->cq_head = 5;
    assert_true(rt_ok(rt_call_wait(&call)));
    rt_call_end(&call);
    kernel.refusals = 1;
    for (uint32_t i = 0; i < 5; i++) {
        assert_true(rt_ok(begin_and_submit(&call, i)));
        rt_call_end(&call);
    }
    assert_int_equal(kernel.refusals, 0);
}

static void test_a_ring_that_stays_damaged_panics(void **state)
{
    (void)state;
    struct rt_call call;

    kernel.refusals = 100;
    assert_true(rt_ok(begin_and_submit(&call, 1)));
    if (setjmp(panicked) == 0) {
        (void)rt_call_wait(&call);
        fail_msg("%s", "rt_call_wait came back with the call in flight");
    }
    kernel.refusals = 0;
    assert_true(rt_ok(rt_call_wait(&call)));
    rt_call_end(&call);
}

static void test_a_queue_that_raw_completions_block_is_said(void **state)
{
    (void)state;
    struct rt_call call;
    uint64_t n = 0;

    /* Raw entries until neither queue nor stash takes any more. */
    while (rt_ok(rt_ring_make_room(&ring))) {
        assert_true(rt_ring_push(&ring, &(struct cap_sqe){.user_data = n}));
        n++;
    }
    assert_int_equal(n, RT_RING_STASH + 8 + 4);
    assert_int_equal(begin_and_submit(&call, 1).code, RT_ERR_RING);
    rt_call_end(&call);
    assert_int_equal(rt_call_send(&call, &ring, 16, 8, 42, 7, 3).code, RT_ERR_RING);
    assert_true(rt_ok(rt_call_begin_with(&call, &ring, 16, 8, 1, 0)));
    assert_int_equal(rt_call_submit_with(&call, 42, 7, 3, 16).code, RT_ERR_RING);
    rt_call_end(&call);
    assert_int_equal(rt_ring_free_chunks(&ring), RT_RING_CHUNKS);
}

/* Begun and queued in one step: as in two, or not begun. */
static void test_a_call_is_sent(void **state)
{
    (void)state;
    struct rt_call call;

    kernel.result = 8;
    for (uint64_t i = 0; i < 6; i++) { /* a queue of 4 is full on the way */
        assert_true(rt_ok(rt_call_send(&call, &ring, 12, 5, 40 + i, 7, 3)));
        assert_true(rt_ok(rt_call_finish(&call)));
        const struct cap_sqe *sqe = &kernel.taken[i];
        assert_int_equal(sqe->opcode, CAP_OP_CALL);
        assert_int_equal(sqe->cap_id, 40 + i);
        assert_int_equal(sqe->interface_id, 7);
        assert_int_equal(sqe->method_id, 3);
        assert_int_equal(sqe->params_len, 12);
        assert_int_equal(sqe->result_len, 8);
        assert_ptr_equal((void *)(uintptr_t)sqe->params_addr, call.params);
        assert_ptr_equal((void *)(uintptr_t)sqe->result_addr, call.results);
        assert_ptr_equal(call.results, call.params + 16);
        assert_int_equal(call.params_room, 16);
        assert_int_equal(call.results_room, 8);
        assert_int_equal(
            sqe->flags | sqe->cap_count | sqe->pointer_index | sqe->cap_room | sqe->reserved, 0);
        rt_call_end(&call);
    }
    assert_true(rt_ok(rt_call_send(&call, &ring, 1024, 1024, 42, 7, 3))); /* a run */
    assert_true(rt_ok(rt_call_finish(&call)));
    rt_call_end(&call);
    assert_int_equal(rt_call_send(&call, &ring, 4096, 8, 42, 7, 3).code, RT_ERR_NO_AREA);
    assert_int_equal(rt_call_send(&call, &ring, UINT32_MAX, 8, 42, 7, 3).code, RT_ERR_NO_AREA);
    assert_int_equal(rt_call_send(&call, &ring, 8, UINT32_MAX, 42, 7, 3).code, RT_ERR_NO_AREA);
    assert_int_equal(rt_call_begin(&call, &ring, 8, UINT32_MAX).code, RT_ERR_NO_AREA);
    assert_int_equal(rt_ring_free_chunks(&ring), RT_RING_CHUNKS);
}

/* The second finds no chunk at hand, and room for its entry. */
static void test_two_calls_are_sent(void **state)
{
    (void)state;
    struct rt_call first;
    struct rt_call second;

    assert_true(rt_ok(rt_call_send(&first, &ring, 16, 8, 42, 7, 3)));
    rt_call_end(&first);
    assert_true(rt_ok(rt_call_send(&first, &ring, 16, 8, 42, 7, 3)));
    assert_true(ring.sq_next < ring.sq_stop);
    assert_int_equal(ring.spare_count, 0);
    assert_true(rt_ok(rt_call_send(&second, &ring, 16, 8, 43, 7, 3)));
    assert_in_range(second.params - ring.area, 1, 4095);
    assert_ptr_not_equal(second.params, first.params);
    assert_true(rt_ok(rt_call_wait(&second)) && rt_ok(rt_call_wait(&first)));
    rt_call_end(&first);
    rt_call_end(&second);
    assert_int_equal(rt_ring_free_chunks(&ring), RT_RING_CHUNKS);
}

/* There is room for four, and only three before the queue's end. */
static void test_entries_go_on_at_the_queue_s_start(void **state)
{
    (void)state;
    struct rt_call calls[4];
    struct cap_cqe cqe;

    assert_true(rt_ring_push(&ring, &(struct cap_sqe){.user_data = 1}));
    assert_true(rt_ring_enter(&ring, 0, CAP_TIMEOUT_POLL) >= 0);
    assert_true(rt_ring_take(&ring, &cqe));
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(rt_ok(begin_and_submit(&calls[i], 40 + i)));
    }
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(rt_ok(rt_call_wait(&calls[i])));
        assert_int_equal(kernel.taken[1 + i].cap_id, 40 + i);
        rt_call_end(&calls[i]);
    }
}

/* Two before the queue's end and two at its start are taken in one look. */
static void test_completions_go_on_at_the_queue_s_start(void **state)
{
    (void)state;
    struct rt_call calls[4];
    struct cap_cqe cqe;

    for (uint32_t i = 0; i < 6; i++) {
        assert_true(rt_ring_push(&ring, &(struct cap_sqe){.user_data = 1}));
        assert_true(rt_ring_enter(&ring, 0, CAP_TIMEOUT_POLL) >= 0);
        assert_true(rt_ring_take(&ring, &cqe));
    }
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(rt_ok(begin_and_submit(&calls[i], 40 + i)));
    }
    assert_true(rt_call_wait_for(&calls[0], CAP_TIMEOUT_POLL));
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(rt_call_is_done(&calls[i]));
        assert_int_equal(calls[i].cqe.detail, 6 + i);
        rt_call_end(&calls[i]);
    }
}

/* Of two calls that are under way, the other is the only one that has completed. */
static void test_finishing_takes_no_other_call_s_completion(void **state)
{
    (void)state;
    struct rt_call call;
    struct rt_call other;

    kernel.hold = true;
    assert_true(rt_ok(begin_and_submit(&other, 41)));
    assert_true(rt_ring_enter(&ring, 0, CAP_TIMEOUT_POLL) >= 0);
    kernel_answer(0, 4);
    assert_true(rt_ok(begin_and_submit(&call, 42)));
    kernel.late = 2;
    kernel.result = 8;
    assert_true(rt_ok(rt_call_finish(&call)));
    assert_int_equal(rt_call_results_bytes(&call), 8);
    assert_true(rt_call_is_done(&other));
    assert_int_equal(rt_call_results_bytes(&other), 4);
    rt_call_end(&call);
    rt_call_end(&other);
}

static void test_release_is_an_entry(void **state)
{
    (void)state;
    assert_true(rt_ok(rt_release(&ring, 99)));
    assert_int_equal(kernel.taken[0].opcode, CAP_OP_RELEASE);
    assert_int_equal(kernel.taken[0].cap_id, 99);
    kernel.result = CAP_ERR_INVOKE_FAILED;
    assert_int_equal(rt_release(&ring, 99).code, CAP_ERR_INVOKE_FAILED);
    assert_int_equal(rt_ring_free_chunks(&ring), RT_RING_CHUNKS);
}

static void test_a_copy_is_an_entry(void **state)
{
    (void)state;
    uint64_t copy = 1;

    kernel.tells_detail = true;
    kernel.detail = 1234;
    assert_true(rt_ok(rt_duplicate(&ring, 99, &copy)));
    assert_int_equal(copy, 1234);
    assert_int_equal(kernel.taken[0].opcode, CAP_OP_COPY);
    assert_int_equal(kernel.taken[0].cap_id, 99);
    kernel.result = CAP_ERR_BAD_TRANSFER;
    assert_int_equal(rt_duplicate(&ring, 99, &copy).code, CAP_ERR_BAD_TRANSFER);
    assert_int_equal(copy, CAP_ID_NONE);
    assert_int_equal(rt_ring_free_chunks(&ring), RT_RING_CHUNKS);
}

static void test_copies_go_together(void **state)
{
    (void)state;
    struct rt_call calls[3];

    for (uint32_t i = 0; i < 3; i++) {
        assert_true(rt_ok(rt_call_begin(&calls[i], &ring, 0, 0)));
        assert_true(rt_ok(rt_call_copy(&calls[i], 90 + i)));
    }
    assert_int_equal(kernel.enters, 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(rt_ok(rt_call_wait(&calls[i])));
        assert_int_equal(kernel.taken[i].cap_id, 90 + i);
        assert_int_equal(rt_call_copied(&calls[i]), i); /* the detail is the entry's number */
        rt_call_end(&calls[i]);
    }
    assert_int_equal(kernel.enters, 1);
}

/* ---------------------------------------------------------------------------
 * Waiting for less than for ever, for one of many, and giving up */

static void test_looking_does_not_wait(void **state)
{
    (void)state;
    struct rt_call call;

    kernel.hold = true;
    assert_true(rt_ok(begin_and_submit(&call, 1)));
    assert_false(rt_call_wait_for(&call, CAP_TIMEOUT_POLL));
    assert_int_equal(kernel.taken_count, 1); /* it has been submitted, though */
    assert_false(rt_call_wait_for(&call, 1000));
    kernel_answer(0, 0);
    assert_true(rt_call_wait_for(&call, CAP_TIMEOUT_POLL));
    uint32_t enters = kernel.enters;
    assert_true(rt_call_wait_for(&call, CAP_TIMEOUT_FOREVER));
    assert_true(rt_ok(rt_call_wait(&call)));
    assert_int_equal(kernel.enters, enters); /* what is done needs no kernel */
    rt_call_end(&call);
}

static void test_looking_mends_a_damaged_ring(void **state)
{
    (void)state;
    struct rt_call call;

    kernel.refusals = 1;
    assert_true(rt_ok(begin_and_submit(&call, 1)));
    assert_true(rt_call_wait_for(&call, CAP_TIMEOUT_POLL));
    rt_call_end(&call);
}

static void test_one_of_many(void **state)
{
    (void)state;
    struct rt_call calls[3];
    struct rt_call *const all[3] = {&calls[0], &calls[1], &calls[2]};

    kernel.hold = true;
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(rt_ok(begin_and_submit(&calls[i], i)));
    }
    assert_int_equal(rt_ring_enter(&ring, 0, 0), 0);
    kernel_answer(2, 0);
    assert_int_equal(rt_call_wait_any(all, 3), 2);
    kernel_answer(1, 0);
    assert_int_equal(rt_call_wait_any(all, 2), 1);
    assert_int_equal(rt_call_wait_any(all, 3), 1); /* the first of those that are done */
    kernel_answer(0, 0);
    assert_int_equal(rt_call_wait_any(all, 1), 0);
    for (uint32_t i = 0; i < 3; i++) {
        rt_call_end(&calls[i]);
    }
}

static void test_one_of_many_behind_a_full_stash_panics(void **state)
{
    (void)state;
    struct rt_call call;
    struct rt_call *const all[1] = {&call};

    for (uint64_t i = 0; i < RT_RING_STASH; i++) {
        assert_true(rt_ring_push(&ring, &(struct cap_sqe){.user_data = i}));
        assert_int_equal(rt_ring_enter(&ring, 0, 0), 1);
        assert_true(rt_ring_settle(&ring));
    }
    assert_true(rt_ring_push(&ring, &(struct cap_sqe){.user_data = RT_RING_STASH}));
    assert_true(rt_ok(begin_and_submit(&call, 1)));
    if (setjmp(panicked) == 0) {
        (void)rt_call_wait_any(all, 1);
        fail_msg("%s", "rt_call_wait_any came back with the call in flight");
    }
    struct cap_cqe cqe;
    while (rt_ring_take(&ring, &cqe)) {
    }
    assert_int_equal(rt_call_wait_any(all, 1), 0);
    rt_call_end(&call);
}

static void test_giving_up_is_an_entry(void **state)
{
    (void)state;
    struct rt_call call;

    kernel.hold = true;
    assert_true(rt_ok(begin_and_submit(&call, 1)));
    assert_true(rt_ok(rt_call_cancel(&call)));
    assert_int_equal(rt_ring_enter(&ring, 0, 0), 0);
    assert_int_equal(kernel.taken[1].opcode, CAP_OP_CANCEL);
    assert_int_equal(kernel.taken[1].params_addr, kernel.taken[0].user_data);
    assert_int_not_equal(kernel.taken[1].user_data, kernel.taken[0].user_data);
    kernel_answer(1, 0);
    kernel_answer(0, CAP_ERR_CANCELED);
    assert_int_equal(rt_call_wait(&call).code, CAP_ERR_CANCELED);
    rt_call_end(&call);
    assert_int_equal(ring.stash_count, 0);
}

static void test_giving_up_needs_room(void **state)
{
    (void)state;
    struct rt_call call;
    uint64_t n = 0;

    kernel.hold = true;
    assert_true(rt_ok(begin_and_submit(&call, 1)));
    assert_int_equal(rt_ring_enter(&ring, 0, 0), 0);
    kernel.hold = false;
    kernel.answered = 1;
    while (rt_ok(rt_ring_make_room(&ring))) {
        assert_true(rt_ring_push(&ring, &(struct cap_sqe){.user_data = n++}));
    }
    assert_int_equal(rt_call_cancel(&call).code, RT_ERR_RING);
    rt_call_end(&call);
}

/* ---------------------------------------------------------------------------
 * What a refusal says */

/* Puts an Exception where the call expects results, as the kernel would. */
static void refuse_with(const struct rt_call *call, const char *reason, uint16_t flags)
{
    struct capnp_arena arena;

    capnp_arena_init(&arena, call->results, call->results_room);
    struct capos_exception_builder e = capos_exception_build_root(&arena);
    capos_exception_set_reason(e, capnp_text_from(reason));
    assert_true(capnp_arena_ok(&arena));
    kernel.flags = (uint16_t)(CAP_EXC_DISCONNECTED | flags);
    kernel.tells_detail = true;
    kernel.detail = capnp_arena_bytes(&arena);
    kernel_answer(kernel.taken_count - 1u, CAP_ERR_EXCEPTION);
}

static void test_a_refusal_says_why(void **state)
{
    (void)state;
    static const char *const reasons[] = {"the object is gone", "", "another"};
    struct rt_call call;

    assert_string_equal(rt_refusal(&ring), "");
    kernel.hold = true;
    for (size_t i = 0; i < 3; i++) {
        assert_true(rt_ok(rt_call_begin(&call, &ring, 0, RT_RESULTS_ROOM(0))));
        assert_true(rt_ok(rt_call_submit(&call, 1, 2, 3, 0)));
        assert_false(rt_call_wait_for(&call, CAP_TIMEOUT_POLL));
        refuse_with(&call, reasons[i], 0);
        struct rt_status s = rt_call_wait(&call);
        rt_call_end(&call);
        assert_int_equal(s.exception, CAP_EXC_DISCONNECTED);
        assert_string_equal(rt_refusal(&ring), reasons[i]);
    }
}

static void test_a_refusal_without_a_sentence_says_nothing(void **state)
{
    (void)state;
    struct rt_call call;

    kernel.hold = true;
    for (size_t i = 0; i < 4; i++) {
        memcpy(ring.refusal, "old", 4);
        assert_true(rt_ok(rt_call_begin(&call, &ring, 0, RT_RESULTS_ROOM(0))));
        assert_true(rt_ok(rt_call_submit(&call, 1, 2, 3, 0)));
        assert_false(rt_call_wait_for(&call, CAP_TIMEOUT_POLL));
        switch (i) {
        case 0: /* it did not fit */
            refuse_with(&call, "not in whole", CAP_CQE_F_TRUNCATED);
            break;
        case 1: /* it claims to be longer than there is room for */
            kernel.tells_detail = true;
            kernel.detail = call.results_room + 8u;
            kernel_answer(kernel.taken_count - 1u, CAP_ERR_EXCEPTION);
            break;
        case 2: /* no message */
            kernel.detail = 12;
            kernel_answer(kernel.taken_count - 1u, CAP_ERR_EXCEPTION);
            break;
        default: /* a message of something else */
            memset(call.results, 0xff, call.results_room);
            kernel.detail = 64;
            kernel_answer(kernel.taken_count - 1u, CAP_ERR_EXCEPTION);
        }
        assert_int_equal(rt_call_wait(&call).code, CAP_ERR_EXCEPTION);
        rt_call_end(&call);
        assert_string_equal(rt_refusal(&ring), "");
    }
}

static void test_a_long_sentence_is_cut(void **state)
{
    (void)state;
    char reason[RT_REFUSAL_BYTES + 10];
    struct rt_call call;

    memset(reason, 'x', sizeof reason);
    reason[sizeof reason - 1u] = '\0';
    kernel.hold = true;
    assert_true(rt_ok(rt_call_begin(&call, &ring, 0, 512)));
    assert_true(rt_ok(rt_call_submit(&call, 1, 2, 3, 0)));
    assert_false(rt_call_wait_for(&call, CAP_TIMEOUT_POLL));
    refuse_with(&call, reason, 0);
    assert_int_equal(rt_call_wait(&call).code, CAP_ERR_EXCEPTION);
    rt_call_end(&call);
    assert_int_equal(strlen(rt_refusal(&ring)), RT_REFUSAL_BYTES - 1u);
}

/* ---------------------------------------------------------------------------
 * The ring as a whole */

static void test_one_owner(void **state)
{
    (void)state;
    assert_null(rt_ring_borrow());
    assert_true(rt_ring_setup(kernel.region));
    struct rt_ring *mine = rt_ring_borrow();
    assert_non_null(mine);
    assert_null(rt_ring_borrow());
    rt_ring_return(mine);
    assert_ptr_equal(rt_ring_borrow(), mine);
    rt_ring_return(mine);
}

static void test_indices_wrap(void **state)
{
    (void)state;
    struct rt_call call;

    kernel.view.sq_head = kernel.view.cq_tail = kernel.view.cq_head = 0xfffffffeu;
    struct cap_ring_header *h = kernel.region;
    h->sq_head = h->sq_tail = h->cq_head = h->cq_tail = 0xfffffffeu;
    assert_true(rt_ring_init(&ring, kernel.region));
    for (uint32_t i = 0; i < 10; i++) {
        kernel.taken_count = kernel.answered = 0;
        assert_true(rt_ok(begin_and_submit(&call, i)));
        assert_true(rt_ok(rt_call_wait(&call)));
        rt_call_end(&call);
    }
    assert_int_equal(h->cq_tail, 8);
}

static void test_every_status_has_a_sentence(void **state)
{
    (void)state;
#define DIFFERS(name, number, sentence)                                                            \
    if ((number) != CAP_ERR_EXCEPTION) {                                                           \
        assert_string_equal(rt_status_text((struct rt_status){.code = (number)}), sentence);       \
    }
    CAP_ERR_LIST(DIFFERS)
#undef DIFFERS
    for (int32_t code = RT_ERR_RING; code <= RT_ERR_NO_AREA; code++) {
        assert_string_not_equal(rt_status_text((struct rt_status){.code = code}),
                                rt_status_text((struct rt_status){.code = -5000}));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_region_is_checked),
        TEST(test_call_comes_back),
        TEST(test_a_call_ends_once),
        TEST(test_a_call_is_finished),
        TEST(test_room_is_looked_for_again),
        TEST(test_exception_is_told),
        TEST(test_completions_in_any_order),
        TEST(test_area_runs_out_and_comes_back),
        TEST(test_the_last_run_is_tried_first),
        TEST(test_more_calls_than_entries),
        TEST(test_raw_and_calls_are_told_apart),
        TEST(test_a_call_behind_a_full_stash_panics),
        TEST(test_full_queue_is_said),
        TEST(test_damaged_counts_are_put_right),
        TEST(test_a_ring_that_stays_damaged_panics),
        TEST(test_a_queue_that_raw_completions_block_is_said),
        TEST(test_a_call_is_sent),
        TEST(test_two_calls_are_sent),
        TEST(test_entries_go_on_at_the_queue_s_start),
        TEST(test_completions_go_on_at_the_queue_s_start),
        TEST(test_finishing_takes_no_other_call_s_completion),
        TEST(test_release_is_an_entry),
        TEST(test_a_copy_is_an_entry),
        TEST(test_copies_go_together),
        TEST(test_looking_does_not_wait),
        TEST(test_looking_mends_a_damaged_ring),
        TEST(test_one_of_many),
        TEST(test_one_of_many_behind_a_full_stash_panics),
        TEST(test_giving_up_is_an_entry),
        TEST(test_giving_up_needs_room),
        TEST(test_a_refusal_says_why),
        TEST(test_a_refusal_without_a_sentence_says_nothing),
        TEST(test_a_long_sentence_is_cut),
        TEST(test_one_owner),
        TEST(test_indices_wrap),
        TEST(test_every_status_has_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
