// SPDX-License-Identifier: MIT
/*
 * The ring client against a kernel of the test's own, which works on the same
 * region by the kernel's side of the protocol (lib/ring.h) and answers as each
 * test tells it to: at once, later, in another order, or not at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The one function that enters the kernel is the test's. */
#define rt_cap_enter the_real_rt_cap_enter
#include <rt/syscall.h>
#undef rt_cap_enter

static int64_t rt_cap_enter(uint64_t min_complete, uint64_t timeout_ns);

#include "../ring.c"

#include <lib/ring.h>
#include <stdlib.h>
#include <string.h>

#define TAKEN_MAX 4096u

static struct {
    struct ring_layout layout;
    void *region;
    struct ring_view view;
    struct cap_sqe taken[TAKEN_MAX]; /* in the order in which they were submitted */
    uint32_t taken_count;
    uint32_t answered; /* of these, when in order */
    bool hold;         /* answer nothing by itself */
    int32_t result;    /* what each call gets */
    uint16_t flags;
    uint32_t refusals; /* how often cap_enter says that the ring is corrupt */
    uint32_t enters;
} kernel;

static struct rt_ring ring;

/* Where a panic goes on, in a test that provokes one. */
static jmp_buf panicked;

_Noreturn void rt_panic(const char *format, ...)
{
    (void)format;
    longjmp(panicked, 1);
}

static void answer(uint32_t which, int32_t result)
{
    uint32_t room;

    assert_int_equal(ring_cq_room(&kernel.view, &room), ST_OK);
    assert_true(room > 0);
    ring_post(&kernel.view, kernel.taken[which].user_data, result, kernel.flags, 0, which);
    ring_publish(&kernel.view);
}

static int64_t rt_cap_enter(uint64_t min_complete, uint64_t timeout_ns)
{
    uint32_t pending;
    uint32_t available;

    (void)min_complete;
    (void)timeout_ns;
    kernel.enters++;
    if (kernel.refusals != 0) {
        kernel.refusals--;
        return SYS_ERR_RING_CORRUPT;
    }
    assert_int_equal(ring_pending(&kernel.view, &pending), ST_OK);
    for (; pending != 0; pending--) {
        uint32_t room;
        assert_int_equal(ring_cq_room(&kernel.view, &room), ST_OK);
        if (room == 0) {
            break;
        }
        assert_true(kernel.taken_count < TAKEN_MAX);
        ring_take(&kernel.view, &kernel.taken[kernel.taken_count]);
        kernel.taken_count++;
        if (!kernel.hold) {
            answer(kernel.answered, kernel.result);
            kernel.answered++;
        }
    }
    ring_publish(&kernel.view);
    assert_int_equal(ring_available(&kernel.view, &available), ST_OK);
    return available;
}

static int set_up(void **state)
{
    (void)state;
    memset(&kernel, 0, sizeof kernel);
    assert_int_equal(ring_region_layout(4, 8, 4096, &kernel.layout), ST_OK);
    kernel.region = aligned_alloc(4096, kernel.layout.region_bytes);
    assert_non_null(kernel.region);
    ring_format(kernel.region, &kernel.layout);
    ring_view_init(&kernel.view, kernel.region, &kernel.layout);
    assert_true(rt_ring_init(&ring, kernel.region));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(kernel.region);
    return 0;
}

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
    assert_int_equal(ring.chunks_free, ~0ull);
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
        answer(order[i], (int32_t)order[i]);
    }
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(rt_ok(rt_call_wait(&calls[i])));
        assert_int_equal(rt_call_results_bytes(&calls[i]), i);
        assert_int_equal(calls[i].cqe.detail, i);
        rt_call_end(&calls[i]);
    }
    assert_int_equal(ring.chunks_free, ~0ull);
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
    assert_int_equal(ring.chunks_free, 0);
    rt_call_end(&one_more);
    assert_int_equal(rt_call_begin(&one_more, &ring, 4097, 0).code, RT_ERR_NO_AREA);
    assert_int_equal(rt_call_begin(&one_more, &ring, 0xfffffff9u, 0xfffffff9u).code,
                     RT_ERR_NO_AREA);
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
}

static void test_release_is_an_entry(void **state)
{
    (void)state;
    assert_true(rt_ok(rt_release(&ring, 99)));
    assert_int_equal(kernel.taken[0].opcode, CAP_OP_RELEASE);
    assert_int_equal(kernel.taken[0].cap_id, 99);
    kernel.result = CAP_ERR_INVOKE_FAILED;
    assert_int_equal(rt_release(&ring, 99).code, CAP_ERR_INVOKE_FAILED);
    assert_int_equal(ring.chunks_free, ~0ull);
}

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
        TEST(test_exception_is_told),
        TEST(test_completions_in_any_order),
        TEST(test_area_runs_out_and_comes_back),
        TEST(test_more_calls_than_entries),
        TEST(test_raw_and_calls_are_told_apart),
        TEST(test_a_call_behind_a_full_stash_panics),
        TEST(test_full_queue_is_said),
        TEST(test_damaged_counts_are_put_right),
        TEST(test_a_ring_that_stays_damaged_panics),
        TEST(test_a_queue_that_raw_completions_block_is_said),
        TEST(test_release_is_an_entry),
        TEST(test_one_owner),
        TEST(test_indices_wrap),
        TEST(test_every_status_has_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
