// SPDX-License-Identifier: MIT
/*
 * The ring between a program and a kernel that run at the same time, in every order that
 * C11 allows: the program's side is rt/ring.c, the kernel's lib/ring.h, both as they are
 * (see explore.h). Today the kernel works only inside cap_enter, and one CPU orders all;
 * this shows that the ring does not count on it.
 *
 * First the explorer itself is tried on litmus tests, whose outcomes are known. Then come
 * the ring; the wait of cap_enter against whoever completes and the time-out; a cancel
 * against a RETURN and the server's death. Each of the last two has a twin with a planted
 * mistake, which has to be found.
 */
#define rt_cap_enter the_real_rt_cap_enter
#include <rt/syscall.h>
#undef rt_cap_enter

#include <stdint.h>

static int64_t rt_cap_enter(uint64_t min_complete, uint64_t timeout_ns);

#include "../rt/ring.c"

#include <lib/call.h>
#include <lib/ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore.h"

static unsigned failed;

static void report(const char *name, bool as_expected, struct explore_result r)
{
    printf("%-44s %9llu executions: %s\n", name, (unsigned long long)r.executions,
           r.failure == NULL ? "holds" : r.failure);
    if (!as_expected) {
        printf("%s: not as expected\n", name);
        failed++;
    }
}

static void expect_holds(const struct explore_test *test)
{
    struct explore_result r = explore(test);

    report(test->name, r.failure == NULL, r);
}

static void expect_found(const struct explore_test *test, const char *failure)
{
    struct explore_result r = explore(test);

    report(test->name, r.failure != NULL && strcmp(r.failure, failure) == 0, r);
}

/* ---------------------------------------------------------------------------
 * Litmus tests: x, y and z are words, r what was read, d data. */

static uint32_t x, y, z;
static uint64_t d;
static uint32_t r[4];
static uint64_t outcomes; /* by number: r[0] + 2 r[1] + 4 r[2] + 8 r[3] */

static void litmus_setup(void)
{
    x = 0;
    y = 0;
    z = 0;
    d = 0;
    memset(r, 0, sizeof r);
    explore_atomic(&x);
    explore_atomic(&y);
    explore_atomic(&z);
    explore_data(&d, sizeof d);
}

static void litmus_check(void)
{
    outcomes |= 1ull << (r[0] + 2 * r[1] + 4 * r[2] + 8 * r[3]);
}

static void check_last(void)
{
    r[0] = explore_last(&x) - 1;
    r[1] = explore_last(&y) - 1;
    litmus_check();
}

static void check_sum(void)
{
    r[0] = explore_last(&x) == 2;
    litmus_check();
}

#define GET(word, order)        __atomic_load_n(&(word), __ATOMIC_##order)
#define PUT(word, value, order) __atomic_store_n(&(word), (value), __ATOMIC_##order)
#define FENCE(order)            __atomic_thread_fence(__ATOMIC_##order)
#define THREAD(name, ...)                                                                          \
    static void name(void)                                                                         \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

/* clang-format off */
THREAD(x_then_read_y, PUT(x, 1, RELAXED); r[0] = GET(y, RELAXED);)
THREAD(y_then_read_x, PUT(y, 1, RELAXED); r[1] = GET(x, RELAXED);)
THREAD(x_fence_read_y, PUT(x, 1, RELAXED); FENCE(SEQ_CST); r[0] = GET(y, RELAXED);)
THREAD(y_fence_read_x, PUT(y, 1, RELAXED); FENCE(SEQ_CST); r[1] = GET(x, RELAXED);)
THREAD(x_then_y, PUT(x, 1, RELAXED); PUT(y, 1, RELAXED);)
THREAD(x_then_y_release, PUT(x, 1, RELAXED); PUT(y, 1, RELEASE);)
THREAD(x_fence_y, PUT(x, 1, RELAXED); FENCE(RELEASE); PUT(y, 1, RELAXED);)
THREAD(read_y_x, r[0] = GET(y, RELAXED); r[1] = GET(x, RELAXED);)
THREAD(acquire_y_read_x, r[0] = GET(y, ACQUIRE); r[1] = GET(x, RELAXED);)
THREAD(read_y_fence_x, r[0] = GET(y, RELAXED); FENCE(ACQUIRE); r[1] = GET(x, RELAXED);)
THREAD(add_y, __atomic_fetch_add(&y, 1, __ATOMIC_RELAXED);)
THREAD(store_y, PUT(y, 2, RELAXED);)
THREAD(acquire_y_2_read_x, r[0] = GET(y, ACQUIRE) == 2; r[1] = GET(x, RELAXED);)
THREAD(read_x_put_y, r[0] = GET(x, RELAXED); PUT(y, 1, RELAXED);)
THREAD(read_y_put_x, r[1] = GET(y, RELAXED); PUT(x, 1, RELAXED);)
THREAD(put_x, PUT(x, 1, RELEASE);)
THREAD(put_y, PUT(y, 1, RELEASE);)
THREAD(acquire_x_y, r[0] = GET(x, ACQUIRE); r[1] = GET(y, ACQUIRE);)
THREAD(acquire_y_x, r[2] = GET(y, ACQUIRE); r[3] = GET(x, ACQUIRE);)
THREAD(fenced_x_y, r[0] = GET(x, ACQUIRE); FENCE(SEQ_CST); r[1] = GET(y, ACQUIRE);)
THREAD(fenced_y_x, r[2] = GET(y, ACQUIRE); FENCE(SEQ_CST); r[3] = GET(x, ACQUIRE);)
THREAD(read_x_x, r[0] = GET(x, RELAXED); r[1] = GET(x, RELAXED);)
THREAD(x_1_y_2, PUT(x, 1, RELAXED); PUT(y, 2, RELAXED);)
THREAD(y_1_x_2, PUT(y, 1, RELAXED); PUT(x, 2, RELAXED);)
THREAD(x_1_fence_y_2, PUT(x, 1, RELAXED); FENCE(SEQ_CST); PUT(y, 2, RELAXED);)
THREAD(y_1_fence_x_2, PUT(y, 1, RELAXED); FENCE(SEQ_CST); PUT(x, 2, RELAXED);)
THREAD(add_x, __atomic_fetch_add(&x, 1, __ATOMIC_RELAXED);)
THREAD(d_release_x, d = 1; PUT(x, 1, RELEASE);)
THREAD(d_relaxed_x, d = 1; PUT(x, 1, RELAXED);)
THREAD(acquire_x_d, if (GET(x, ACQUIRE) == 1) { r[0] = (uint32_t)d; })
/* clang-format on */

struct litmus {
    const char *name;
    void (*threads[EXPLORE_THREADS_MAX])(void);
    uint64_t allowed; /* outcomes that the orders allow: all of them, and no other, are met */
    void (*check)(void);
};

/* Outcomes by the values of r[0] and r[1]. */
#define R00 1ull
#define R10 2ull
#define R01 4ull
#define R11 8ull

static const struct litmus litmus_tests[] = {
    {"SB", {x_then_read_y, y_then_read_x}, R00 | R10 | R01 | R11, litmus_check},
    {"SB, seq_cst fences", {x_fence_read_y, y_fence_read_x}, R10 | R01 | R11, litmus_check},
    {"MP", {x_then_y, read_y_x}, R00 | R10 | R01 | R11, litmus_check},
    {"MP, release and acquire",
     {x_then_y_release, acquire_y_read_x},
     R00 | R01 | R11,
     litmus_check},
    {"MP, release only", {x_then_y_release, read_y_x}, R00 | R10 | R01 | R11, litmus_check},
    {"MP, acquire only", {x_then_y, acquire_y_read_x}, R00 | R10 | R01 | R11, litmus_check},
    {"MP, fences", {x_fence_y, read_y_fence_x}, R00 | R01 | R11, litmus_check},
    {"MP, through an exchange",
     {x_then_y_release, add_y, acquire_y_2_read_x},
     R00 | R01 | R11,
     litmus_check},
    {"MP, through a store",
     {x_then_y_release, store_y, acquire_y_2_read_x},
     R00 | R10 | R01 | R11,
     litmus_check},
    {"LB (not explored: see explore.h)",
     {read_x_put_y, read_y_put_x},
     R00 | R10 | R01,
     litmus_check},
    {"CoRR", {put_x, read_x_x}, R00 | R01 | R11, litmus_check},
    {"2+2W", {x_1_y_2, y_1_x_2}, R00 | R10 | R01 | R11, check_last},
    {"2+2W, seq_cst fences", {x_1_fence_y_2, y_1_fence_x_2}, R10 | R01 | R11, check_last},
    {"two additions", {add_x, add_x}, R10, check_sum},
    {"IRIW, release and acquire", {put_x, put_y, acquire_x_y, acquire_y_x}, 0xffff, litmus_check},
    /* But for 1 0 1 0: the readers agree. */
    {"IRIW, seq_cst fences",
     {put_x, put_y, fenced_x_y, fenced_y_x},
     0xffff & ~(1ull << 5),
     litmus_check},
};

static void run_litmus(const struct litmus *l)
{
    struct explore_test test = {.name = l->name, .setup = litmus_setup, .check = l->check};

    memcpy(test.threads, l->threads, sizeof test.threads);
    outcomes = 0;
    struct explore_result result = explore(&test);
    report(l->name, result.failure == NULL && outcomes == l->allowed, result);
    if (outcomes != l->allowed) {
        printf("  outcomes %llx, allowed %llx\n", (unsigned long long)outcomes,
               (unsigned long long)l->allowed);
    }
}

static const char race_read[] = "a race: an access that does not know of a write";

static void run_litmus_tests(void)
{
    for (size_t i = 0; i < sizeof litmus_tests / sizeof *litmus_tests; i++) {
        run_litmus(&litmus_tests[i]);
    }
    expect_holds(&(struct explore_test){.name = "data behind a release",
                                        .setup = litmus_setup,
                                        .threads = {d_release_x, acquire_x_d}});
    expect_found(&(struct explore_test){.name = "data behind a relaxed store",
                                        .setup = litmus_setup,
                                        .threads = {d_relaxed_x, acquire_x_d}},
                 race_read);
}

/* ---------------------------------------------------------------------------
 * The ring */

#define ENTRIES_MAX 4u

static struct {
    _Alignas(64) struct cap_ring_header header;
    _Alignas(64) struct cap_sqe sq[ENTRIES_MAX];
    struct cap_cqe cq[ENTRIES_MAX];
} region;

static struct rt_ring ring;
static struct ring_view view;
static uint32_t sq_entries, cq_entries, to_send;

static void ring_setup(void)
{
    struct ring_layout layout = {
        .sq_entries = sq_entries,
        .cq_entries = cq_entries,
        .sq_offset = (uint32_t)((uint8_t *)region.sq - (uint8_t *)&region),
        .cq_offset = (uint32_t)((uint8_t *)region.cq - (uint8_t *)&region),
        .area_offset = sizeof region,
        .region_bytes = sizeof region,
    };

    ring_format(&region, &layout);
    ring_view_init(&view, &region, &layout);
    ring = (struct rt_ring){
        .header = &region.header,
        .sq = region.sq,
        .cq = region.cq,
        .sq_mask = sq_entries - 1,
        .cq_mask = cq_entries - 1,
    };
    explore_atomic(&region.header.sq_tail);
    explore_atomic(&region.header.cq_head);
    explore_atomic(&region.header.sq_head);
    explore_atomic(&region.header.cq_tail);
    explore_data(region.sq, sizeof region - offsetof(__typeof__(region), sq));
}

/* The kernel is a thread of its own here. */
static int64_t rt_cap_enter(uint64_t min_complete, uint64_t timeout_ns)
{
    (void)min_complete;
    (void)timeout_ns;
    return 0;
}

_Noreturn void rt_panic(const char *format, ...)
{
    explore_require(false, format);
    abort();
}

static struct cap_sqe entry_of(uint32_t i)
{
    return (struct cap_sqe){.opcode = CAP_OP_CALL, .params_addr = 3ull * i, .user_data = 1ull + i};
}

static void take_completions(uint32_t *taken)
{
    struct cap_cqe cqe;

    while (rt_ring_take(&ring, &cqe)) {
        REQUIRE(cqe.user_data == 1ull + *taken && cqe.result == (int32_t)(5 * *taken));
        (*taken)++;
    }
}

/* A program waits inside the kernel, which it enters with all it has to show. */
static void enter_and_wait(uint32_t *count, uint32_t seen)
{
    (void)rt_ring_enter(&ring, 0, CAP_TIMEOUT_POLL);
    explore_wait(count, seen);
}

static void program(void)
{
    uint32_t taken = 0;

    for (uint32_t i = 0; i < to_send; i++) {
        struct cap_sqe sqe = entry_of(i);

        while (!rt_ring_push(&ring, &sqe)) {
            take_completions(&taken);
            if (taken < ring.sq_tail - sq_entries) {
                enter_and_wait(&region.header.cq_tail, taken);
            } else {
                enter_and_wait(&region.header.sq_head, ring.sq_tail - sq_entries);
            }
        }
        (void)rt_ring_enter(&ring, 0, CAP_TIMEOUT_POLL);
    }
    while (taken < to_send) {
        take_completions(&taken);
        if (taken < to_send) {
            enter_and_wait(&region.header.cq_tail, taken);
        }
    }
}

static void kernel(void)
{
    for (uint32_t i = 0; i < to_send;) {
        uint32_t pending = 0;
        uint32_t room = 0;
        struct cap_sqe sqe;

        REQUIRE(ring_pending(&view, &pending) == ST_OK);
        if (pending == 0) {
            explore_wait(&region.header.sq_tail, view.sq_head);
            continue;
        }
        REQUIRE(ring_cq_room(&view, &room) == ST_OK);
        if (room == 0) {
            explore_wait(&region.header.cq_head, view.cq_head);
            continue;
        }
        ring_take(&view, &sqe);
        REQUIRE(sqe.opcode == CAP_OP_CALL && sqe.params_addr == 3ull * i &&
                sqe.user_data == 1ull + i);
        ring_post(&view, sqe.user_data, (int32_t)(5 * i), 0, 0, 0);
        ring_publish(&view);
        i++;
    }
}

static void ring_check(void)
{
    REQUIRE(ring_view_check(&view) && view.sq_head == to_send && view.corruptions == 0);
    REQUIRE(explore_last(&region.header.sq_tail) == to_send);
    REQUIRE(explore_last(&region.header.cq_tail) == to_send);
}

static void run_ring(const char *name, uint32_t sq, uint32_t cq, uint32_t n, uint32_t preemptions)
{
    sq_entries = sq;
    cq_entries = cq;
    to_send = n;
    expect_holds(&(struct explore_test){.name = name,
                                        .setup = ring_setup,
                                        .threads = {program, kernel},
                                        .check = ring_check,
                                        .preemptions = preemptions});
}

/* ---------------------------------------------------------------------------
 * What follows goes in steps of the kernel that nothing interrupts: on one CPU since
 * interrupts are off, on more by a lock. */

static uint32_t lock;

static void enter_kernel(void)
{
    while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE) != 0) {
        explore_wait(&lock, 1);
    }
}

static void leave_kernel(void)
{
    __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

/* ---------------------------------------------------------------------------
 * A thread waits in cap_enter for one or two completions, or its time runs out. */

static struct {
    uint64_t waiting;
    uint64_t min_complete;
    uint64_t wakes;
    uint64_t timed_out;
} waiter;
static uint32_t awake;
static uint32_t wanted; /* completions */
static bool looks_too_early;

static void waiter_setup(void)
{
    sq_entries = 2;
    cq_entries = 4;
    ring_setup();
    lock = 0;
    awake = 0;
    memset(&waiter, 0, sizeof waiter);
    explore_atomic(&lock);
    explore_atomic(&awake);
    view.cq_room -= wanted; /* so many entries are in flight */
}

static void wake_waiter(void)
{
    waiter.waiting = false;
    waiter.wakes++;
    __atomic_store_n(&awake, 1, __ATOMIC_RELAXED);
}

static void wait_in_cap_enter(void)
{
    uint32_t available = 0;

    if (looks_too_early) {
        REQUIRE(ring_available(&view, &available) == ST_OK);
    }
    enter_kernel();
    if (!looks_too_early) {
        REQUIRE(ring_available(&view, &available) == ST_OK);
    }
    bool waits = available < wanted;
    waiter.waiting = waits;
    waiter.min_complete = wanted;
    leave_kernel();
    if (waits) {
        explore_wait(&awake, 0);
        enter_kernel();
        REQUIRE(!waiter.waiting && waiter.wakes == 1);
        REQUIRE(waiter.timed_out || view.cq_tail - view.cq_head >= wanted);
        leave_kernel();
    }
}

static void complete_one(void)
{
    enter_kernel();
    ring_post_reserved(&view, 7, 0, 0, 0, 0);
    if (waiter.waiting && view.cq_tail - view.cq_head >= waiter.min_complete) {
        wake_waiter();
    }
    leave_kernel();
}

static void run_out_of_time(void)
{
    enter_kernel();
    if (waiter.waiting) {
        waiter.timed_out = true;
        wake_waiter();
    }
    leave_kernel();
}

static void waiter_check(void)
{
    REQUIRE(ring_view_check(&view) && ring_reserved(&view) == 0 && !waiter.waiting &&
            waiter.wakes <= 1);
}

static void run_waits(void)
{
    struct explore_test test = {.name = "wait, two completers",
                                .setup = waiter_setup,
                                .threads = {wait_in_cap_enter, complete_one, complete_one},
                                .check = waiter_check};

    looks_too_early = false;
    wanted = 2;
    expect_holds(&test);
    test.name = "wait, a completer and a time-out";
    test.threads[2] = run_out_of_time;
    wanted = 1;
    expect_holds(&test);
    test.name = "planted: looks before it takes the lock";
    test.threads[2] = NULL;
    looks_too_early = true;
    expect_found(&test, "nobody can go on");
}

/* ---------------------------------------------------------------------------
 * A call that is being served is cancelled, returned, and loses its server. */

#define THE_CALL   11u
#define THE_CANCEL 12u

static struct call callers[1];
static struct call servers[1];
static struct call_pool caller_pool;
static struct call_pool server_pool;
static uint64_t call_id;
static bool lets_go;

static void cancel_setup(void)
{
    sq_entries = 2;
    cq_entries = 4;
    ring_setup();
    lock = 0;
    explore_atomic(&lock);
    call_pool_init(&caller_pool, callers, 1, NULL);
    call_pool_init(&server_pool, servers, 1, NULL);
    struct call *caller = call_take(&caller_pool);
    struct call *server = call_take(&server_pool);
    caller->user_data = THE_CALL;
    server->endpoint = (struct endpoint *)&region; /* that it has one, no more */
    call_id = call_pair(caller, server);
    ring_reserve(&view);
}

static void complete_call(struct call *caller, int32_t result)
{
    ring_post_reserved(&view, caller->user_data, result, 0, 0, 0);
    call_put(&caller_pool, caller);
}

static void cancel(void)
{
    enter_kernel();
    struct call *caller = call_find_entry(&caller_pool, THE_CALL);
    if (lets_go) {
        leave_kernel();
        enter_kernel();
    }
    if (caller != NULL) {
        (void)call_part(caller);
        complete_call(caller, CAP_ERR_CANCELED);
    }
    ring_post(&view, THE_CANCEL, 0, 0, 0, 0);
    leave_kernel();
}

static void end_service(int32_t result)
{
    enter_kernel();
    struct call *server = call_find(&server_pool, call_id);
    if (server != NULL) {
        struct call *caller = call_part(server);
        server->endpoint = NULL; /* it leaves */
        call_put(&server_pool, server);
        if (caller != NULL) {
            complete_call(caller, result);
        }
    }
    leave_kernel();
}

static void answer(void)
{
    end_service(8);
}

static void die(void)
{
    end_service(CAP_ERR_EXCEPTION);
}

static void cancel_check(void)
{
    uint32_t of_call = 0;
    uint32_t of_cancel = 0;

    for (uint32_t i = 0; i != view.cq_tail && i < ENTRIES_MAX; i++) {
        of_call += region.cq[i].user_data == THE_CALL ? 1 : 0;
        of_cancel += region.cq[i].user_data == THE_CANCEL ? 1 : 0;
    }
    REQUIRE(of_call == 1 && of_cancel == 1 && view.cq_tail == 2 && ring_reserved(&view) == 0);
    REQUIRE(ring_view_check(&view));
    REQUIRE(call_pool_check(&caller_pool) && call_pool_check(&server_pool));
    REQUIRE(callers[0].state == CALL_FREE && servers[0].state == CALL_FREE);
}

static void run_cancels(void)
{
    struct explore_test test = {.name = "cancel, RETURN and the server's death",
                                .setup = cancel_setup,
                                .threads = {cancel, answer, die},
                                .check = cancel_check};

    lets_go = false;
    expect_holds(&test);
    test.name = "planted: lets go between finding and ending";
    lets_go = true;
    expect_found(
        &test, "of_call == 1 && of_cancel == 1 && view.cq_tail == 2 && ring_reserved(&view) == 0");
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    run_litmus_tests();
    run_waits();
    run_cancels();
    run_ring("ring of 1 and 1, 2 entries", 1, 1, 2, 5);
    run_ring("ring of 1 and 1, 3 entries, 2 preemptions", 1, 1, 3, 2);
    run_ring("ring of 2 and 2, 3 entries, 1 preemption", 2, 2, 3, 1);
    run_ring("ring of 2 and 4, 3 entries, 1 preemption", 2, 4, 3, 1);
    return failed == 0 ? 0 : 1;
}
