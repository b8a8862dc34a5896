// SPDX-License-Identifier: MIT
/* Where calls meet receivers: the order in which they wait, closing, and the check. */
#include "catch_assert.h"

#include <lib/endpoint.h>

#define RECORDS 6u

static struct call records[RECORDS];
static struct call_pool pool;
static struct endpoint endpoint;
static struct endpoint other;

static int fresh(void **state)
{
    (void)state;
    call_pool_init(&pool, records, RECORDS, (struct thread *)(void *)&other);
    endpoint_init(&endpoint);
    endpoint_init(&other);
    return 0;
}

static struct call *queue(void)
{
    struct call *call = call_take(&pool);

    assert_non_null(call);
    endpoint_queue(&endpoint, call);
    return call;
}

static struct call *arm(void)
{
    struct call *call = call_take(&pool);

    assert_non_null(call);
    endpoint_arm(&endpoint, call);
    return call;
}

static void a_new_one_is_open_and_empty(void **state)
{
    (void)state;
    assert_false(endpoint_is_closed(&endpoint));
    assert_null(endpoint_first_call(&endpoint));
    assert_null(endpoint_first_receiver(&endpoint));
    assert_true(endpoint_check(&endpoint, 0));
}

static void calls_wait_in_order(void **state)
{
    (void)state;
    struct call *first = queue();
    struct call *second = queue();

    assert_int_equal(first->state, CALL_QUEUED);
    assert_ptr_equal(first->endpoint, &endpoint);
    assert_ptr_equal(endpoint_first_call(&endpoint), first);
    list_remove(&first->node);
    assert_ptr_equal(endpoint_first_call(&endpoint), second);
    list_remove(&second->node);
    assert_null(endpoint_first_call(&endpoint));
}

static void the_latest_receiver_is_first(void **state)
{
    (void)state;
    struct call *first = arm();
    struct call *second = arm();

    assert_int_equal(first->state, CALL_ARMED);
    assert_ptr_equal(first->endpoint, &endpoint);
    assert_ptr_equal(endpoint_first_receiver(&endpoint), second);
    list_remove(&second->node);
    assert_ptr_equal(endpoint_first_receiver(&endpoint), first);
    list_remove(&first->node);
    assert_null(endpoint_first_receiver(&endpoint));
}

static void one_from_the_middle_leaves_the_rest(void **state)
{
    (void)state;
    struct call *a = queue();
    struct call *b = queue();
    struct call *c = queue();

    list_remove(&b->node);
    assert_ptr_equal(endpoint_first_call(&endpoint), a);
    list_remove(&a->node);
    assert_ptr_equal(endpoint_first_call(&endpoint), c);
    assert_true(endpoint_check(&endpoint, 1));
}

static void closing_leaves_who_waits(void **state)
{
    (void)state;
    struct call *call = queue();

    endpoint_close(&endpoint);
    assert_true(endpoint_is_closed(&endpoint));
    endpoint_close(&endpoint);
    assert_true(endpoint_is_closed(&endpoint));
    assert_ptr_equal(endpoint_first_call(&endpoint), call);
    assert_true(endpoint_check(&endpoint, 1));
}

static void only_a_settled_endpoint_is_ready(void **state)
{
    (void)state;
    assert_false(endpoint_is_ready(&endpoint)); /* nobody receives */
    (void)arm();
    assert_true(endpoint_is_ready(&endpoint));
    endpoint.is_matching = true;
    assert_false(endpoint_is_ready(&endpoint));
    endpoint.is_matching = false;
    endpoint_close(&endpoint);
    assert_false(endpoint_is_ready(&endpoint));
}

#define BREAKS(place, value)                                                                       \
    do {                                                                                           \
        __typeof__(place) was = (place);                                                           \
        (place) = (value);                                                                         \
        assert_false(endpoint_check(&endpoint, RECORDS));                                          \
        (place) = was;                                                                             \
        assert_true(endpoint_check(&endpoint, RECORDS));                                           \
    } while (0)

static void the_check_sees_what_is_broken(void **state)
{
    (void)state;
    struct call *call = queue();
    struct call *receiver = arm();

    (void)queue();
    (void)arm();
    assert_true(endpoint_check(&endpoint, 2));
    assert_false(endpoint_check(&endpoint, 1));
    BREAKS(call->state, CALL_ARMED);
    BREAKS(call->state, CALL_FREE);
    BREAKS(call->endpoint, &other);
    BREAKS(receiver->state, CALL_QUEUED);
    BREAKS(receiver->state, CALL_SERVING);
    BREAKS(receiver->endpoint, NULL);
    BREAKS(call->node.prev, &receiver->node);
    BREAKS(receiver->node.next, &call->node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_new_one_is_open_and_empty, fresh),
        cmocka_unit_test_setup(calls_wait_in_order, fresh),
        cmocka_unit_test_setup(the_latest_receiver_is_first, fresh),
        cmocka_unit_test_setup(one_from_the_middle_leaves_the_rest, fresh),
        cmocka_unit_test_setup(closing_leaves_who_waits, fresh),
        cmocka_unit_test_setup(only_a_settled_endpoint_is_ready, fresh),
        cmocka_unit_test_setup(the_check_sees_what_is_broken, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
