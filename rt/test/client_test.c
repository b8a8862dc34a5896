// SPDX-License-Identifier: MIT
/*
 * Generated clients: what their calls ask of the kernel where capabilities go along or
 * come back, and what they make of the answer.
 */
#include "kernel.h"

/* Capability ids of the tests' own. */
#define TARGET 42u
#define MEMORY 43u

/* What a program is born with is no matter here. */
uint64_t rt_capset_need(const char *name, uint64_t interface_id)
{
    (void)name;
    return interface_id;
}

static int begin(void **state)
{
    set_up(state);
    kernel.hold = true;
    return 0;
}

/* With chunks that hold a short call. */
static int begin_large(void **state)
{
    (void)state;
    set_up_area(64u * 256u);
    kernel.hold = true;
    return 0;
}

static int end(void **state)
{
    assert_int_equal(rt_ring_free_chunks(&ring), RT_RING_CHUNKS);
    return tear_down(state);
}

/* The call is with the kernel; its entry. */
static const struct cap_sqe *submitted(struct rt_call *call)
{
    assert_false(rt_call_wait_for(call, CAP_TIMEOUT_POLL));
    return &kernel.taken[kernel.taken_count - 1u];
}

static const struct cap_transfer *given(const struct cap_sqe *sqe)
{
    return (const struct cap_transfer *)(uintptr_t)(sqe->params_addr + sqe->params_len);
}

/* Answers with what was built where the call expects results, and n capabilities. */
static void answer_built(const struct rt_call *call, const struct capnp_arena *arena, uint16_t n)
{
    struct cap_record *records =
        (struct cap_record *)(void *)(call->results + capnp_arena_bytes(arena));

    assert_true(capnp_arena_ok(arena));
    for (uint16_t i = 0; i < n; i++) {
        records[i] = (struct cap_record){.cap_id = CAME(i), .interface_id = 900};
    }
    kernel.cap_count = n;
    kernel_answer(kernel.taken_count - 1u, (int32_t)capnp_arena_bytes(arena));
    kernel.cap_count = 0;
}

static void test_an_argument_is_given_as_it_says(void **state)
{
    (void)state;
    struct capos_virtual_memory target = {TARGET};
    struct rt_call call;
    struct capnp_message m;
    uint64_t address = 0;

    assert_true(
        rt_ok(capos_virtual_memory_map_object_send(&call, &ring, target, rt_copy(MEMORY), 4096, 0,
                                                   8192, CAPOS_VIRTUAL_MEMORY_PROTECTION_READ)));
    const struct cap_sqe *sqe = submitted(&call);
    assert_int_equal(sqe->interface_id, CAPOS_VIRTUAL_MEMORY_ID);
    assert_int_equal(sqe->method_id, CAPOS_VIRTUAL_MEMORY_MAP_OBJECT);
    assert_int_equal(sqe->cap_count, 1);
    assert_int_equal(sqe->cap_room, 0);
    assert_int_equal(given(sqe)->cap_id, MEMORY);
    assert_int_equal(given(sqe)->mode, CAP_TRANSFER_COPY);
    assert_true(capnp_message_open_flat(&m, call.params, sqe->params_len));
    capnp_message_capabilities(&m, 1);
    struct capos_virtual_memory_map_object_params p =
        capos_virtual_memory_map_object_params_read_root(&m);
    assert_true(capos_virtual_memory_map_object_params_get_memory(p).there);
    assert_int_equal(capos_virtual_memory_map_object_params_get_offset(p), 4096);

    struct capnp_arena arena;
    capnp_arena_init(&arena, call.results, call.results_room);
    capos_virtual_memory_map_object_results_set_address(
        capos_virtual_memory_map_object_results_build_root(&arena), 0x40000000);
    answer_built(&call, &arena, 0);
    assert_true(rt_ok(rt_call_wait(&call)));
    assert_true(rt_ok(capos_virtual_memory_map_object_take(&call, &address)));
    assert_int_equal(address, 0x40000000);
    rt_call_end(&call);
}

static void test_nothing_is_a_null_pointer(void **state)
{
    (void)state;
    struct rt_call call;
    struct capnp_message m;

    assert_true(rt_ok(capos_frame_allocator_free_frame_send(
        &call, &ring, (struct capos_frame_allocator){TARGET}, rt_nothing())));
    const struct cap_sqe *sqe = submitted(&call);
    assert_int_equal(sqe->cap_count, 0);
    assert_true(capnp_message_open_flat(&m, call.params, sqe->params_len));
    assert_false(capos_frame_allocator_free_frame_params_has_memory(
        capos_frame_allocator_free_frame_params_read_root(&m)));
    kernel_answer(0, 0);
    assert_true(rt_ok(rt_call_wait(&call)));
    rt_call_end(&call);
}

static void test_a_result_is_a_handle(void **state)
{
    (void)state;
    struct capos_memory_object memory = {0};
    struct capnp_arena arena;
    struct rt_call call;

    assert_true(rt_ok(capos_frame_allocator_alloc_frame_send(
        &call, &ring, (struct capos_frame_allocator){TARGET})));
    const struct cap_sqe *sqe = submitted(&call);
    assert_int_equal(sqe->cap_room, 1);
    assert_int_equal(sqe->result_len, RT_REFUSAL_BYTES + sizeof(struct cap_record));
    capnp_arena_init(&arena, call.results, call.results_room);
    capos_frame_allocator_alloc_frame_results_set_memory(
        capos_frame_allocator_alloc_frame_results_build_root(&arena),
        (struct capos_memory_object_cap){CAP(0)});
    answer_built(&call, &arena, 1);
    assert_true(rt_ok(rt_call_wait(&call)));
    assert_true(rt_ok(capos_frame_allocator_alloc_frame_take(&call, &memory)));
    assert_int_equal(memory.id, CAME(0));
    rt_call_end(&call);
    assert_int_equal(rt_ring_room(&ring), 4); /* nothing is left to release */
}

static void test_a_malformed_result_is_released(void **state)
{
    (void)state;
    struct capos_memory_object memory = {5};
    struct capnp_arena arena;
    struct rt_call call;

    assert_true(rt_ok(capos_frame_allocator_alloc_frame_send(
        &call, &ring, (struct capos_frame_allocator){TARGET})));
    (void)submitted(&call);
    capnp_arena_init(&arena, call.results, call.results_room);
    capos_frame_allocator_alloc_frame_results_set_memory(
        capos_frame_allocator_alloc_frame_results_build_root(&arena),
        (struct capos_memory_object_cap){CAP(1)}); /* which has not come */
    answer_built(&call, &arena, 1);
    assert_true(rt_ok(rt_call_wait(&call)));
    assert_int_equal(capos_frame_allocator_alloc_frame_take(&call, &memory).code, RT_ERR_MESSAGE);
    assert_int_equal(memory.id, 5);
    rt_call_end(&call);
    assert_int_equal(rt_ring_enter(&ring, 0, 0), 0);
    assert_int_equal(kernel.taken[1].opcode, CAP_OP_RELEASE);
    assert_int_equal(kernel.taken[1].cap_id, CAME(0));
}

static void test_capabilities_in_lists(void **state)
{
    (void)state;
    struct capos_process_spawner_spawn_params_builder params;
    struct capos_process_spawner_spawn_results results;
    struct capos_process_spawner spawner = {TARGET};
    struct capos_spawn_grant_source_builder source;
    struct capos_spawn_grant_list_builder grants;
    struct capnp_arena arena;
    struct capnp_message m;
    struct rt_call call;

    assert_true(
        rt_ok(capos_process_spawner_spawn_begin(&call, &ring, 1024, 2, 256, 3, &arena, &params)));
    grants = capos_process_spawner_spawn_params_init_grants(params, 2);
    source = capos_spawn_grant_init_source(capos_spawn_grant_list_builder_at(grants, 0));
    capos_spawn_grant_source_set_capability(source, rt_call_give(&call, rt_copy(MEMORY)));
    source = capos_spawn_grant_init_source(capos_spawn_grant_list_builder_at(grants, 1));
    capos_spawn_grant_source_set_capability(source, rt_call_give(&call, rt_mint(7, 8, 9)));
    assert_true(rt_ok(capos_process_spawner_spawn_submit(&call, spawner, &arena)));
    const struct cap_sqe *sqe = submitted(&call);
    assert_int_equal(sqe->cap_count, 2);
    assert_int_equal(sqe->cap_room, 3);
    assert_int_equal(sqe->result_len, 256 + 3 * sizeof(struct cap_record));
    assert_int_equal(given(sqe)[0].cap_id, MEMORY);
    assert_int_equal(given(sqe)[1].mode, CAP_TRANSFER_MINT);
    assert_true(capnp_message_open_flat(&m, call.params, sqe->params_len));
    capnp_message_capabilities(&m, 2);
    assert_true(
        capos_process_spawner_spawn_params_check(capos_process_spawner_spawn_params_read_root(&m)));

    capnp_arena_init(&arena, call.results, 256);
    struct capos_process_spawner_spawn_results_builder b =
        capos_process_spawner_spawn_results_build_root(&arena);
    capos_process_spawner_spawn_results_set_handle(b, (struct capos_process_handle_cap){CAP(1)});
    answer_built(&call, &arena, 2);
    assert_true(rt_ok(rt_call_wait(&call)));
    assert_true(rt_ok(capos_process_spawner_spawn_take(&call, &m, &results)));
    assert_int_equal(rt_call_take(&call, capos_process_spawner_spawn_results_get_handle(results).c),
                     CAME(1));
    rt_call_end(&call);
    assert_int_equal(rt_ring_enter(&ring, 0, 0), 0);
    assert_int_equal(kernel.taken[1].cap_id, CAME(0));
}

static void test_more_than_was_asked_for_is_not_submitted(void **state)
{
    (void)state;
    struct capos_process_spawner_spawn_params_builder params;
    struct capnp_arena arena;
    struct rt_call call;

    assert_true(
        rt_ok(capos_process_spawner_spawn_begin(&call, &ring, 256, 0, 64, 0, &arena, &params)));
    assert_false(rt_call_give(&call, rt_copy(1)).there);
    assert_int_equal(
        capos_process_spawner_spawn_submit(&call, (struct capos_process_spawner){TARGET}, &arena)
            .code,
        RT_ERR_BUILD);
    assert_int_equal(rt_ring_room(&ring), 4);
}

static void test_a_whole_call_that_fails_leaves_the_handle(void **state)
{
    (void)state;
    uint64_t client = 5;

    kernel.hold = false;
    kernel.result = CAP_ERR_INVOKE_FAILED;
    assert_int_equal(capos_endpoint_mint(&ring, capos_endpoint_need("any"), 1, 2, &client).code,
                     CAP_ERR_INVOKE_FAILED);
    assert_int_equal(kernel.taken[0].cap_id, CAPOS_ENDPOINT_ID);
    assert_int_equal(client, 5);
    kernel.result = 4; /* no message */
    assert_int_equal(capos_endpoint_mint(&ring, capos_endpoint_need("any"), 1, 2, &client).code,
                     RT_ERR_MESSAGE);
    assert_int_equal(client, 5);
}

/* Its parameters and results lie in the chunk at hand, which it takes only where it must wait. */
static void test_a_whole_call_lies_in_the_chunk_at_hand(void **state)
{
    (void)state;
    struct capos_null_cap target = {TARGET};
    struct rt_call other;

    kernel.hold = false;
    assert_true(rt_ok(capos_null_cap_ping(&ring, target))); /* which puts one at hand */
    assert_true(rt_ok(capos_null_cap_ping(&ring, target)));
    assert_int_equal(kernel.taken[1].params_addr, kernel.taken[0].params_addr);
    assert_int_equal(kernel.taken[1].result_len, RT_REFUSAL_BYTES);
    assert_true(rt_ring_is_empty(&ring));
    assert_int_equal(ring.spare_count, 1);

    assert_true(rt_ok(capos_null_cap_ping_send(&other, &ring, target)));
    assert_true(rt_ok(capos_null_cap_ping(&ring, target))); /* no chunk is at hand */
    assert_true(rt_call_is_done(&other));
    rt_call_end(&other);
    assert_true(rt_ok(capos_null_cap_ping_send(&other, &ring, target)));
    assert_true(rt_ok(capos_null_cap_ping(&ring, target))); /* and here one, but not its alone */
    assert_true(rt_call_is_done(&other));
    assert_int_not_equal(kernel.taken[5].params_addr, kernel.taken[4].params_addr);
    rt_call_end(&other);
    assert_int_equal(ring.spare_count, 2);

    kernel.result = CAP_ERR_EXCEPTION;
    kernel.flags = CAP_EXC_OVERLOADED;
    struct rt_status s = capos_null_cap_ping(&ring, target);
    assert_int_equal(s.code, CAP_ERR_EXCEPTION);
    assert_int_equal(s.exception, CAP_EXC_OVERLOADED);
    assert_int_equal(ring.spare_count, 2);
    assert_int_equal(kernel.taken_count, 7);
}

/* The queue is full of completions of earlier calls, whose user data are the same. */
static void test_a_whole_call_is_not_complete_when_the_kernel_refuses_the_ring(void **state)
{
    (void)state;
    struct capos_null_cap target = {TARGET};

    kernel.hold = false;
    for (uint32_t i = 0; i < 19; i++) {
        kernel.refusals = i / 18u;
        assert_true(rt_ok(capos_null_cap_ping(&ring, target)));
        assert_int_equal(kernel.taken_count, i + 1u);
    }
}

/* Another's completion, which is the only one, is not taken for the call's. */
static void test_a_whole_call_waits_for_its_own_completion(void **state)
{
    (void)state;
    struct capos_null_cap target = {TARGET};
    struct rt_call other;

    assert_true(rt_ok(capos_null_cap_ping_send(&other, &ring, target)));
    (void)submitted(&other);
    ring.spare[++ring.spare_count] = ring.area + 2u * (uint64_t)ring.chunk_bytes;
    ring.chunks_free &= ~4ull;
    kernel_answer(0, 0);
    kernel.late = 2;
    assert_true(rt_ok(capos_null_cap_ping(&ring, target)));
    assert_true(rt_call_is_done(&other));
    assert_int_equal(kernel.late, 0);
    rt_call_end(&other);
}

static void test_a_whole_call_reads_its_results_where_they_came(void **state)
{
    (void)state;
    struct capos_null_cap target = {TARGET};
    struct capnp_arena arena;
    uint64_t sum;
    bool carry;
    uint64_t count;

    kernel.hold = false;
    assert_true(rt_ok(capos_null_cap_ping(&ring, target)));
    uint8_t *chunk = ring.spare[ring.spare_count];
    capnp_arena_init(&arena, chunk + CAPOS_NULL_CAP_ADD_PARAMS_BYTES, 160);
    struct capos_null_cap_add_results_builder b = capos_null_cap_add_results_build_root(&arena);
    capos_null_cap_add_results_set_sum(b, 7);
    capos_null_cap_add_results_set_carry(b, true);
    capos_null_cap_add_results_set_count(b, 9);
    kernel.result = (int32_t)capnp_arena_bytes(&arena);
    assert_true(rt_ok(capos_null_cap_add(&ring, target, 1, 2, 4, &sum, &carry, &count)));
    assert_int_equal(kernel.taken[1].params_addr, (uintptr_t)chunk);
    assert_int_equal(kernel.taken[1].result_addr, (uintptr_t)arena.base);
    assert_int_equal(((const uint64_t *)(const void *)chunk)[3], 4);
    assert_true(sum == 7 && carry && count == 9);
    kernel.result = 12;
    assert_int_equal(capos_null_cap_add(&ring, target, 1, 2, 4, &sum, &carry, &count).code,
                     RT_ERR_MESSAGE);
}

int main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, begin, end)
#define LARGE(name) cmocka_unit_test_setup_teardown(name, begin_large, end)
    const struct CMUnitTest tests[] = {
        TEST(test_an_argument_is_given_as_it_says),
        TEST(test_nothing_is_a_null_pointer),
        TEST(test_a_result_is_a_handle),
        TEST(test_a_malformed_result_is_released),
        TEST(test_capabilities_in_lists),
        TEST(test_more_than_was_asked_for_is_not_submitted),
        TEST(test_a_whole_call_that_fails_leaves_the_handle),
        LARGE(test_a_whole_call_lies_in_the_chunk_at_hand),
        LARGE(test_a_whole_call_is_not_complete_when_the_kernel_refuses_the_ring),
        LARGE(test_a_whole_call_waits_for_its_own_completion),
        LARGE(test_a_whole_call_reads_its_results_where_they_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
