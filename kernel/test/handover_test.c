// SPDX-License-Identifier: MIT
/*
 * Who runs behind a call: the first thread that it made ready, at once, unless there is more to
 * be done between threads. Then the CPU's `attention` is set, by which the second one
 * gets its turn however often the first two call each other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "arch/x86_64/cpu.h"
#include "cap/endpoint.h"
#include "test/world.h"

#define INTERFACE 0x5ce7eull

static struct actor caller;
static struct actor servers[2];
static uint64_t clients[2];

static int begin(void **state)
{
    (void)state;
    world_start();
    world_remember();
    assert_true(actor_start(&caller, NULL));
    for (size_t i = 0; i < 2; i++) {
        struct cap_object *o;
        struct cap_object *c;
        assert_true(actor_start(&servers[i], NULL));
        assert_int_equal(endpoint_create(&servers[i].p->account, &o, &c), ST_OK);
        uint64_t owner = actor_grant(&servers[i], o);
        clients[i] = actor_grant(&caller, c);
        cap_drop(o);
        cap_drop(c);
        (void)actor_submit(&servers[i], (struct cap_sqe){.opcode = CAP_OP_RECV,
                                                         .cap_id = owner,
                                                         .result_addr = servers[i].p->area_vaddr,
                                                         .result_len = 256});
    }
    return 0;
}

static int end(void **state)
{
    struct actor *const actors[] = {&caller, &servers[0], &servers[1]};

    (void)state;
    assert_null(world_end(actors, 3));
    return 0;
}

static void call(size_t i)
{
    (void)actor_submit(&caller, (struct cap_sqe){.opcode = CAP_OP_CALL,
                                                 .cap_id = clients[i],
                                                 .interface_id = INTERFACE,
                                                 .params_addr = caller.p->area_vaddr,
                                                 .result_addr = caller.p->area_vaddr});
}

/* Both servers wait, and the caller's batch calls so many of them; then the caller waits. */
static void batch_of(size_t n)
{
    for (size_t i = 0; i < 2; i++) {
        assert_true(actor_wait(&servers[i], 1, 0));
    }
    for (size_t i = 0; i < n; i++) {
        call(i);
    }
    cpu_self()->attention = false;
}

static void one_is_handed_the_cpu(void **state)
{
    (void)state;
    batch_of(1);
    assert_true(actor_wait(&caller, 1, 0));
    assert_ptr_equal(cpu_self()->next, &servers[0].p->thread);
    assert_int_equal(servers[0].p->thread.state, THREAD_READY);
    assert_int_equal(servers[1].p->thread.state, THREAD_WAITING);
    assert_false(cpu_self()->attention);
}

static void of_two_the_second_calls_for_attention(void **state)
{
    (void)state;
    batch_of(2);
    assert_true(actor_wait(&caller, 1, 0));
    assert_ptr_equal(cpu_self()->next, &servers[0].p->thread);
    assert_int_equal(servers[1].p->thread.state, THREAD_READY);
    assert_true(cpu_self()->attention);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_is_handed_the_cpu, begin, end),
        cmocka_unit_test_setup_teardown(of_two_the_second_calls_for_attention, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
