// SPDX-License-Identifier: MIT
/*
 * Queues that are longer than what one entry looks at: the rest is matched, or ended,
 * in slices of work, and nobody is forgotten.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <abi/error.h>

#include "cap/endpoint.h"
#include "mem/paging.h"
#include "test/world.h"

#define MANY      40u /* more than two slices of them */
#define INTERFACE 0x5ce7eull
#define PAGE      0u
#define MESSAGE   64u

static struct actor caller;
static struct actor receiver;
static uint64_t owner;
static uint64_t client;

static int begin(void **state)
{
    static const struct actor_params params = {.sq_entries = 64, .cq_entries = 256};
    struct cap_object *o;
    struct cap_object *c;

    (void)state;
    world_start();
    world_remember();
    assert_true(actor_start(&caller, &params) && actor_start(&receiver, &params));
    actor_map(&receiver, PAGE, PAGE_WRITE);
    assert_int_equal(endpoint_create(&receiver.p->account, &o, &c), ST_OK);
    owner = actor_grant(&receiver, o);
    client = actor_grant(&caller, c);
    cap_drop(o);
    cap_drop(c);
    return 0;
}

static int end(void **state)
{
    struct actor *const actors[] = {&caller, &receiver};

    (void)state;
    assert_null(world_end(actors, 2));
    return 0;
}

static uint64_t call(uint32_t len)
{
    return actor_submit(&caller, (struct cap_sqe){.opcode = CAP_OP_CALL,
                                                  .cap_id = client,
                                                  .interface_id = INTERFACE,
                                                  .params_addr = caller.p->area_vaddr,
                                                  .params_len = len});
}

static uint64_t receive(uint64_t addr, uint32_t len)
{
    return actor_submit(&receiver, (struct cap_sqe){.opcode = CAP_OP_RECV,
                                                    .cap_id = owner,
                                                    .result_addr = addr,
                                                    .result_len = len});
}

static void settle(void)
{
    assert_null(world_check());
    while (world_slice()) {
        assert_null(world_check());
    }
    actor_take(&caller);
    actor_take(&receiver);
}

static void expect_all(const struct actor *a, uint64_t first, uint64_t last, int32_t result)
{
    for (uint64_t e = first; e <= last; e++) {
        assert_int_equal(a->entries[e].completions, 1);
        assert_int_equal(a->entries[e].cqe.result, result);
    }
}

/* Many receivers whose buffers have gone, and at last one that is there. */
static void receivers_without_buffers(void **state)
{
    (void)state;
    uint64_t good = receive(receiver.p->area_vaddr, 256);
    for (uint32_t i = 0; i < MANY; i++) {
        (void)receive(actor_page(PAGE), 256);
    }
    actor_run(&receiver);
    actor_unmap(&receiver, PAGE);
    uint64_t one = call(MESSAGE);
    actor_run(&caller);
    actor_take(&receiver);
    assert_null(actor_done(&receiver, good)); /* not in one go */
    settle();
    expect_all(&receiver, good + 1, good + MANY, CAP_ERR_BAD_RESULT);
    assert_non_null(actor_done(&receiver, good));
    assert_int_equal(actor_done(&receiver, good)->result,
                     sizeof(struct cap_message_header) + MESSAGE);
    assert_null(actor_done(&caller, one));
}

/* Many calls that are too long for the receiver, and at last one that is not. */
static void calls_that_are_too_long(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < MANY; i++) {
        (void)call(512);
    }
    uint64_t good = call(MESSAGE);
    actor_run(&caller);
    uint64_t only = receive(receiver.p->area_vaddr, 256);
    actor_run(&receiver);
    assert_null(actor_done(&receiver, only));
    settle();
    expect_all(&caller, 1, MANY, CAP_ERR_TOO_LARGE);
    assert_null(actor_done(&caller, good));
    assert_non_null(actor_done(&receiver, only));
}

/* Receivers that can take nothing meet calls that nobody can: none is left of the longer. */
static void many_of_both(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < MANY; i++) {
        (void)receive(actor_page(PAGE), 256);
    }
    actor_run(&receiver);
    actor_unmap(&receiver, PAGE);
    for (uint32_t i = 0; i < 3; i++) {
        (void)call(MESSAGE);
        actor_run(&caller);
        assert_null(world_check());
    }
    settle();
    expect_all(&receiver, 1, MANY, CAP_ERR_BAD_RESULT);
    uint64_t last = receive(receiver.p->area_vaddr, 256);
    actor_run(&receiver);
    assert_non_null(actor_done(&receiver, last));
    assert_null(actor_done(&caller, 1));
}

/* Closing ends them all, slice by slice; one that is cancelled meanwhile ends as that. */
static void closing_a_long_queue(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < MANY; i++) {
        (void)call(MESSAGE);
    }
    actor_run(&caller);
    assert_int_equal(
        actor_do(&receiver, (struct cap_sqe){.opcode = CAP_OP_RELEASE, .cap_id = owner})->result,
        0);
    assert_true(world_slice());
    assert_null(world_check());
    assert_int_equal(
        actor_do(&caller, (struct cap_sqe){.opcode = CAP_OP_CANCEL, .params_addr = MANY})->result,
        0);
    settle();
    expect_all(&caller, 1, MANY - 1, CAP_ERR_EXCEPTION);
    expect_all(&caller, MANY, MANY, CAP_ERR_CANCELED);
}

/* Both die in the middle of it. */
static void dying_while_it_is_matched(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < MANY; i++) {
        (void)call(512);
    }
    actor_run(&caller);
    (void)receive(receiver.p->area_vaddr, 256);
    actor_run(&receiver);
    assert_true(world_slice());
    assert_null(world_check());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(receivers_without_buffers, begin, end),
        cmocka_unit_test_setup_teardown(calls_that_are_too_long, begin, end),
        cmocka_unit_test_setup_teardown(many_of_both, begin, end),
        cmocka_unit_test_setup_teardown(closing_a_long_queue, begin, end),
        cmocka_unit_test_setup_teardown(dying_while_it_is_matched, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
