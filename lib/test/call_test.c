// SPDX-License-Identifier: MIT
/* Records of entries in flight: each transition, and a check that sees each broken invariant. */
#include "catch_assert.h"

#include <lib/call.h>
#include <lib/endpoint.h>

#define RECORDS 4u

static struct call records[RECORDS];
static struct call_pool pool;
static struct endpoint endpoint;

/* A thread is only pointed to. */
static struct thread *const thread = (struct thread *)(void *)&endpoint;

static int fresh(void **state)
{
    (void)state;
    call_pool_init(&pool, records, RECORDS, thread);
    endpoint_init(&endpoint);
    return 0;
}

static void forget(struct call *call)
{
    (void)call;
}

static struct call *take(void)
{
    struct call *call = call_take(&pool);

    assert_non_null(call);
    return call;
}

/* A receiver's record that serves a caller's, both of this pool. */
static struct call *serve(struct call **caller)
{
    struct call *receiver = take();

    *caller = take();
    endpoint_arm(&endpoint, receiver);
    endpoint_queue(&endpoint, *caller);
    call_unlist(*caller);
    call_unlist(receiver);
    (void)call_pair(*caller, receiver);
    (*caller)->endpoint = NULL;
    return receiver;
}

static void a_pool_has_so_many(void **state)
{
    (void)state;
    assert_true(call_pool_check(&pool));
    for (uint32_t i = 0; i < RECORDS; i++) {
        struct call *call = take();
        assert_ptr_equal(call->thread, thread);
        assert_int_equal(call->state, CALL_FREE);
        call->state = CALL_KEPT;
        call->withdraw = forget;
        assert_int_equal(call_pool_used(&pool), i + 1);
        assert_true(call_pool_check(&pool));
    }
    assert_null(call_take(&pool));
    for (uint32_t i = 0; i < RECORDS; i++) {
        call_put(&pool, &records[i]);
        assert_true(call_pool_check(&pool));
    }
    assert_int_equal(call_pool_used(&pool), 0);
}

static void a_pool_may_be_empty(void **state)
{
    (void)state;
    call_pool_init(&pool, NULL, 0, thread);
    assert_null(call_take(&pool));
    assert_null(call_find(&pool, 0));
    assert_null(call_find_entry(&pool, 0));
    assert_true(call_pool_check(&pool));
}

static void too_large_a_pool_is_our_bug(void **state)
{
    (void)state;
    expect_assert_failure(call_pool_init(&pool, records, (uint32_t)CALL_ID_INDEX_MASK + 1, thread));
}

static void the_last_put_is_taken_first(void **state)
{
    (void)state;
    struct call *first = take();
    struct call *second = take();

    call_put(&pool, first);
    call_put(&pool, second);
    assert_ptr_equal(take(), second);
    assert_ptr_equal(take(), first);
}

static void a_pair_points_to_each_other(void **state)
{
    (void)state;
    struct call *caller;
    struct call *receiver = serve(&caller);

    assert_int_equal(caller->state, CALL_SERVED);
    assert_int_equal(receiver->state, CALL_SERVING);
    assert_ptr_equal(caller->peer, receiver);
    assert_ptr_equal(receiver->peer, caller);
    assert_null(endpoint_first_call(&endpoint));
    assert_null(endpoint_first_receiver(&endpoint));
    assert_true(call_pool_check(&pool));

    assert_ptr_equal(call_part(receiver), caller);
    assert_null(caller->peer);
    assert_null(call_part(receiver));
    call_put(&pool, caller);
    assert_true(call_pool_check(&pool)); /* serves a caller that has gone */
    receiver->endpoint = NULL;
    call_put(&pool, receiver);
    assert_true(call_pool_check(&pool));
}

static void either_side_parts(void **state)
{
    (void)state;
    struct call *caller;
    struct call *receiver = serve(&caller);

    assert_ptr_equal(call_part(caller), receiver);
    assert_null(receiver->peer);
}

static void an_id_is_good_for_one_service(void **state)
{
    (void)state;
    struct call *caller;
    struct call *receiver = serve(&caller);
    uint64_t id = receiver->id;

    assert_int_not_equal(id, 0);
    assert_ptr_equal(call_find(&pool, id), receiver);
    assert_null(call_find(&pool, id + 1));                            /* another record */
    assert_null(call_find(&pool, id + (1ull << CALL_ID_INDEX_BITS))); /* one to come */
    assert_null(call_find(&pool, id - (1ull << CALL_ID_INDEX_BITS))); /* one that was */
    assert_null(call_find(&pool, CALL_ID_INDEX_MASK));
    assert_null(call_find(&pool, RECORDS));
    assert_null(call_find(&pool, 0));

    (void)call_part(receiver);
    call_put(&pool, caller);
    receiver->endpoint = NULL;
    call_put(&pool, receiver);
    assert_null(call_find(&pool, id));
    struct call *again = serve(&caller);
    assert_ptr_equal(again, receiver); /* the last put */
    assert_int_not_equal(again->id, id);
    assert_null(call_find(&pool, id));
    assert_ptr_equal(call_find(&pool, again->id), again);
}

static void an_entry_is_found_while_it_owes_a_completion(void **state)
{
    (void)state;
    struct call *caller;
    struct call *receiver = serve(&caller);
    struct call *armed = take();

    endpoint_arm(&endpoint, armed);
    caller->user_data = 7;
    receiver->user_data = 8;
    armed->user_data = 9;
    assert_ptr_equal(call_find_entry(&pool, 7), caller);
    assert_null(call_find_entry(&pool, 8)); /* its RECV has completed */
    assert_ptr_equal(call_find_entry(&pool, 9), armed);
    assert_null(call_find_entry(&pool, 10));
    receiver->user_data = 9;
    assert_ptr_equal(call_find_entry(&pool, 9), armed);
    caller->user_data = 9;
    assert_ptr_equal(call_find_entry(&pool, 9), caller < armed ? caller : armed);
}

/* Breaks one thing at a time, and mends it. */
#define BREAKS(place, value)                                                                       \
    do {                                                                                           \
        __typeof__(place) was = (place);                                                           \
        (place) = (value);                                                                         \
        assert_false(call_pool_check(&pool));                                                      \
        (place) = was;                                                                             \
        assert_true(call_pool_check(&pool));                                                       \
    } while (0)

static void the_check_sees_what_is_broken(void **state)
{
    (void)state;
    struct call *caller;
    struct call *receiver = serve(&caller);
    struct call *armed = take();
    struct call *spare = pool.free;

    endpoint_arm(&endpoint, armed);
    assert_true(call_pool_check(&pool));
    BREAKS(caller->id, caller->id + 1);
    BREAKS(caller->peer, NULL);
    BREAKS(caller->peer, armed);
    BREAKS(receiver->peer, armed);
    BREAKS(receiver->peer, NULL); /* the caller's then points to one that is not its own */
    BREAKS(receiver->endpoint, NULL);
    BREAKS(receiver->state, CALL_ARMED);
    BREAKS(caller->state, CALL_SERVING);
    BREAKS(caller->state, CALL_KEPT);
    BREAKS(caller->state, (enum call_state)77);
    BREAKS(armed->endpoint, NULL);
    BREAKS(armed->state, CALL_SERVED);
    BREAKS(armed->state, CALL_FREE);
    BREAKS(spare->state, CALL_QUEUED);
    BREAKS(spare->endpoint, &endpoint);
    BREAKS(armed->node.next, &armed->node);
    BREAKS(armed->node.prev, &receiver->node);
    BREAKS(spare->next_free, spare);
    BREAKS(spare->next_free, armed);
    BREAKS(pool.free, NULL);
    BREAKS(pool.free, armed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_pool_has_so_many, fresh),
        cmocka_unit_test_setup(a_pool_may_be_empty, fresh),
        cmocka_unit_test_setup(too_large_a_pool_is_our_bug, fresh),
        cmocka_unit_test_setup(the_last_put_is_taken_first, fresh),
        cmocka_unit_test_setup(a_pair_points_to_each_other, fresh),
        cmocka_unit_test_setup(either_side_parts, fresh),
        cmocka_unit_test_setup(an_id_is_good_for_one_service, fresh),
        cmocka_unit_test_setup(an_entry_is_found_while_it_owes_a_completion, fresh),
        cmocka_unit_test_setup(the_check_sees_what_is_broken, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
