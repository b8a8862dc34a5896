// SPDX-License-Identifier: MIT
/*
 * Each method of the objects that processes are made, watched and looked into by, as
 * methods_test.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <abi/limits.h>
#include <capos.capnp.h>

#include "cap/capability_manager.h"
#include "cap/endpoint.h"
#include "cap/process_handle.h"
#include "recount.h"
#include "test/caller.h"

#define SERVICE 0x5ce7eull

/* ---------------------------------------------------------------------------
 * Processes */

#define SPAWN CAPOS_PROCESS_SPAWNER_ID, CAPOS_PROCESS_SPAWNER_SPAWN

static struct capos_spawn_grant_list_builder grants; /* of spawn_params */

/* Parameters of a spawn that works, with room for grants; what a test changes, it sets again. */
static struct capos_process_spawner_spawn_params_builder spawn_params(uint32_t count)
{
    struct capos_process_spawner_spawn_params_builder p =
        capos_process_spawner_spawn_params_build_root(caller_params());

    capos_process_spawner_spawn_params_set_name(p, CAPNP_TEXT("child"));
    capos_process_spawner_spawn_params_set_binary(p, CAPNP_TEXT(WORLD_BINARY));
    struct capos_limits_builder limits = capos_process_spawner_spawn_params_init_limits(p);
    capos_limits_set_frames(limits, 64);
    capos_limits_set_cap_slots(limits, 16);
    grants = capos_process_spawner_spawn_params_init_grants(p, count);
    return p;
}

static struct capos_spawn_grant_source_builder grant(uint32_t i, const char *name)
{
    struct capos_spawn_grant_builder g = capos_spawn_grant_list_builder_at(grants, i);

    capos_spawn_grant_set_name(g, capnp_text_from(name));
    return capos_spawn_grant_init_source(g);
}

static void find_child(struct process *p, void *context)
{
    if (p != caller.p && p->state != PROCESS_DYING) {
        *(struct process **)context = p;
    }
}

/* The one process that is not the actor. */
static struct process *child(void)
{
    struct process *found = NULL;

    process_each(find_child, &found);
    assert_non_null(found);
    return found;
}

/* Spawns one with nothing; the handle is the newest. */
static uint64_t spawn(uint64_t spawner)
{
    (void)spawn_params(0);
    caller_calls(spawner, SPAWN);
    return caller_newest(&process_handle_type);
}

static struct capos_process_status ended_as(void)
{
    return capos_process_handle_wait_results_get_status(
        capos_process_handle_wait_results_read_root(&caller_results));
}

static void wait_on(uint64_t handle)
{
    (void)caller_params();
    caller_calls(handle, CAPOS_PROCESS_HANDLE_ID, CAPOS_PROCESS_HANDLE_WAIT);
}

static void test_spawn_refused(void **state)
{
    static const char child_name[] =
        "the child's name is not one: 1 to 31 of a-z, 0-9, '-', '_' and '.'";
    static const char grant_name[] =
        "a grant's name is not one: 1 to 31 of a-z, 0-9, '-', '_' and '.'";
    static const char slots[] =
        "the limit of slots is 0, less than what the child is born with, or too high";
    struct capos_process_spawner_spawn_params_builder p;

    (void)state;
    caller_start(NULL);
    uint64_t id = caller_kernel_object(CAPOS_PROCESS_SPAWNER_ID);
    uint64_t console = caller_kernel_object(CAPOS_CONSOLE_ID);

    capos_process_spawner_spawn_params_set_name(spawn_params(0), CAPNP_TEXT("Child"));
    caller_refused(id, SPAWN, INVALID, child_name);
    capos_process_spawner_spawn_params_set_binary(spawn_params(0), CAPNP_TEXT("none"));
    caller_refused(id, SPAWN, INVALID, "the boot manifest has no binary of that name");
    (void)spawn_params(MANIFEST_CAPS_MAX + 1);
    caller_refused(id, SPAWN, INVALID, "a process is born with at most 63 capabilities");

    (void)spawn_params(1);
    capos_spawn_grant_source_set_virtual_memory(grant(0, ""));
    caller_refused(id, SPAWN, INVALID, grant_name);
    (void)spawn_params(2);
    capos_spawn_grant_source_set_virtual_memory(grant(0, "same"));
    capos_spawn_grant_source_set_capability_manager(grant(1, "same"));
    caller_refused(id, SPAWN, INVALID, "two grants have the same name");
    (void)spawn_params(1);
    capos_spawn_grant_source_set_capability(grant(0, "none"),
                                            (struct capnp_capability){.there = false});
    caller_refused(id, SPAWN, INVALID, "a grant names no capability");
    (void)spawn_params(2);
    struct capnp_capability once = caller_sends(console, CAP_TRANSFER_COPY);
    capos_spawn_grant_source_set_capability(grant(0, "one"), once);
    capos_spawn_grant_source_set_capability(grant(1, "two"), once);
    caller_refused(id, SPAWN, INVALID, "a capability that came is granted twice");
    (void)spawn_params(1);
    (void)caller_sends(console, CAP_TRANSFER_COPY);
    capos_spawn_grant_source_set_virtual_memory(grant(0, "memory"));
    caller_refused(id, SPAWN, INVALID, "a capability that came is not granted");
    (void)spawn_params(1);
    (void)capos_spawn_grant_source_init_endpoint(grant(0, "endpoint"));
    caller_refused(id, SPAWN, INVALID, endpoint_not_a_client);

    struct capos_ring_sizes_builder ring =
        capos_process_spawner_spawn_params_init_ring(spawn_params(0));
    capos_ring_sizes_set_sq_entries(ring, 3);
    caller_refused(id, SPAWN, INVALID, "a ring cannot have these sizes");
    const uint32_t counts[] = {0, 1, CAP_SLOTS_MAX + 1};
    for (unsigned i = 0; i < 3; i++) {
        p = spawn_params(2);
        capos_spawn_grant_source_set_virtual_memory(grant(0, "memory"));
        capos_spawn_grant_source_set_capability_manager(grant(1, "manager"));
        capos_limits_set_cap_slots(capos_process_spawner_spawn_params_init_limits(p), counts[i]);
        caller_refused(id, SPAWN, INVALID, slots);
    }
    capos_limits_set_frames(capos_process_spawner_spawn_params_init_limits(spawn_params(0)), 0);
    caller_refused(id, SPAWN, INVALID, "the limit of frames is 0");
    capos_limits_set_frames(capos_process_spawner_spawn_params_init_limits(spawn_params(0)), 4096);
    caller_refused(id, SPAWN, OVERLOADED, "the child would take more than the caller has left");
    caller_end();
}

/* All four kinds of end, told to who waits and to who asks later. */
static void test_ends(void **state)
{
    (void)state;
    caller_start(NULL);
    uint64_t id = caller_kernel_object(CAPOS_PROCESS_SPAWNER_ID);

    uint64_t handle = spawn(id);
    (void)caller_params();
    uint64_t waiting = actor_submit(
        &caller, caller_entry(handle, CAPOS_PROCESS_HANDLE_ID, CAPOS_PROCESS_HANDLE_WAIT));
    actor_run(&caller);
    assert_null(actor_done(&caller, waiting));
    caller_expect_sound();
    process_exit(child(), 3);
    world_settle();
    actor_take(&caller);
    caller_open_results(actor_done(&caller, waiting));
    assert_int_equal(capos_process_status_get_exited(ended_as()), 3);
    wait_on(handle);
    assert_int_equal(capos_process_status_get_exited(ended_as()), 3);
    (void)caller_params();
    caller_calls(handle, CAPOS_PROCESS_HANDLE_ID, CAPOS_PROCESS_HANDLE_KILL);
    wait_on(handle);
    assert_int_equal(capos_process_status_which(ended_as()), CAPOS_PROCESS_STATUS_EXITED);
    caller_release(handle);

    handle = spawn(id);
    process_fault(child(), 14, 4, 0xdead000);
    world_settle();
    wait_on(handle);
    assert_int_equal(capos_process_status_which(ended_as()), CAPOS_PROCESS_STATUS_FAULTED);
    struct capos_fault fault = capos_process_status_get_faulted(ended_as());
    assert_int_equal(capos_fault_get_vector(fault), 14);
    assert_int_equal(capos_fault_get_address(fault), 0xdead000);
    caller_release(handle);

    handle = spawn(id);
    (void)caller_params();
    caller_calls(handle, CAPOS_PROCESS_HANDLE_ID, CAPOS_PROCESS_HANDLE_KILL);
    wait_on(handle);
    assert_true(capnp_text_equal(capos_process_status_get_killed(ended_as()),
                                 CAPNP_TEXT("a holder of its handle ended it")));
    caller_release(handle);
    caller_end();
}

/* Its own limits are too small for it: it is born, and ends before it runs. */
static void test_failed_to_start(void **state)
{
    (void)state;
    caller_start(NULL);
    uint64_t id = caller_kernel_object(CAPOS_PROCESS_SPAWNER_ID);
    struct token token;

    token_init(&token, "given");
    struct capos_process_spawner_spawn_params_builder p = spawn_params(3);
    capos_spawn_grant_source_set_capability(
        grant(0, "token"), caller_sends(actor_grant(&caller, &token.object), CAP_TRANSFER_MOVE));
    struct capos_fresh_endpoint_builder fresh =
        capos_spawn_grant_source_init_endpoint(grant(1, "endpoint"));
    capos_fresh_endpoint_set_interface_id(fresh, SERVICE);
    capos_spawn_grant_source_set_virtual_memory(grant(2, "memory"));
    capos_limits_set_frames(capos_process_spawner_spawn_params_init_limits(p), 8);
    caller_calls(id, SPAWN);
    uint64_t handle = caller_newest(&process_handle_type);
    wait_on(handle);
    assert_int_equal(capos_process_status_which(ended_as()), CAPOS_PROCESS_STATUS_FAILED_TO_START);
    assert_int_equal(token.object.holds, 1);
    caller_end();
}

/* Does slices of work until the spawn that was asked for is under way with a process. */
static uint64_t begin_spawn(uint64_t spawner, struct token *token)
{
    (void)spawn_params(2);

    capos_spawn_grant_source_set_capability(
        grant(0, "token"), caller_sends(actor_grant(&caller, &token->object), CAP_TRANSFER_MOVE));
    struct capos_fresh_endpoint_builder fresh =
        capos_spawn_grant_source_init_endpoint(grant(1, "endpoint"));
    capos_fresh_endpoint_set_interface_id(fresh, SERVICE);
    uint64_t e = actor_submit(&caller, caller_entry(spawner, SPAWN));
    actor_run(&caller);
    assert_null(actor_done(&caller, e));
    assert_int_equal(recount_holds(NULL), 0);
    return e;
}

static void test_killed_before_it_starts(void **state)
{
    struct token token;

    (void)state;
    caller_start(NULL);
    uint64_t id = caller_kernel_object(CAPOS_PROCESS_SPAWNER_ID);
    token_init(&token, "given");
    uint64_t e = begin_spawn(id, &token);
    process_kill(child(), "a test ends it");
    world_settle();
    actor_take(&caller);
    caller_expect_exception(actor_done(&caller, e), FAILED,
                            "the child was killed before it started");
    assert_int_not_equal(actor_finds(&caller, &token.object), CAP_ID_NONE);
    caller_end();
    assert_int_equal(token.object.holds, 1);
}

static void test_spawner_ends_first(void **state)
{
    struct token token;

    (void)state;
    caller_start(NULL);
    token_init(&token, "given");
    (void)begin_spawn(caller_kernel_object(CAPOS_PROCESS_SPAWNER_ID), &token);
    caller_end();
    assert_int_equal(token.object.holds, 1);
}

/* As many entries in flight as there may be: no more waits, and no spawn. */
static void test_too_many_in_flight(void **state)
{
    static const char reason[] = "the caller has as many entries in flight as it may";

    (void)state;
    caller_start(NULL);
    uint64_t id = caller_kernel_object(CAPOS_PROCESS_SPAWNER_ID);
    uint64_t handle = spawn(id);
    uint64_t e;

    (void)caller_params();
    do {
        e = actor_submit(&caller,
                         caller_entry(handle, CAPOS_PROCESS_HANDLE_ID, CAPOS_PROCESS_HANDLE_WAIT));
        actor_run(&caller);
        assert_true(e < 256);
    } while (actor_done(&caller, e) == NULL);
    caller_expect_exception(actor_done(&caller, e), OVERLOADED, reason);
    (void)spawn_params(0);
    caller_refused(id, SPAWN, OVERLOADED, reason);
    caller_end();
}

/* ---------------------------------------------------------------------------
 * CapabilityManager */

static uint64_t grant_manager(struct process *p)
{
    struct cap_object *manager;

    assert_int_equal(capability_manager_create(p, &manager), ST_OK);
    uint64_t id = actor_grant(&caller, manager);
    cap_drop(manager);
    return id;
}

/* From slot `first` on; returns how many are listed, and *next. */
static uint32_t list(uint64_t id, uint32_t first, uint32_t *next)
{
    capos_capability_manager_list_params_set_first(
        capos_capability_manager_list_params_build_root(caller_params()), first);
    caller_calls(id, CAPOS_CAPABILITY_MANAGER_ID, CAPOS_CAPABILITY_MANAGER_LIST);
    struct capos_capability_manager_list_results r =
        capos_capability_manager_list_results_read_root(&caller_results);
    *next = capos_capability_manager_list_results_get_next(r);
    return capos_capability_info_list_len(
        capos_capability_manager_list_results_get_capabilities(r));
}

static void test_manager(void **state)
{
    struct token token;
    uint32_t next = 0;
    uint32_t listed = 0;

    (void)state;
    caller_start(NULL);
    token_init(&token, "many");
    uint64_t id = grant_manager(caller.p);
    uint64_t spawner = caller_kernel_object(CAPOS_PROCESS_SPAWNER_ID);
    for (unsigned i = 0; i < 2 * CAP_LIST_MAX; i++) {
        assert_int_not_equal(actor_grant(&caller, &token.object), CAP_ID_NONE);
    }
    do {
        uint32_t from = next;
        uint32_t n = list(id, from, &next);
        assert_in_range(n, 0, CAP_LIST_MAX);
        assert_true(next == 0 || next > from);
        listed += n;
    } while (next != 0);
    assert_int_equal(listed, caller.p->caps.used);
    assert_int_equal(list(id, UINT32_MAX, &next), 0);
    assert_int_equal(next, 0);

    (void)caller_params();
    caller_calls(id, CAPOS_CAPABILITY_MANAGER_ID, CAPOS_CAPABILITY_MANAGER_USAGE);
    struct capos_capability_manager_usage_results usage =
        capos_capability_manager_usage_results_read_root(&caller_results);
    assert_int_equal(capos_usage_get_used(capos_capability_manager_usage_results_get_slots(usage)),
                     listed);
    assert_int_equal(capos_usage_get_max(capos_capability_manager_usage_results_get_frames(usage)),
                     2048);

    /* A child is born with its capabilities by their names, and may be given more. */
    (void)spawn_params(1);
    capos_spawn_grant_source_set_virtual_memory(grant(0, "memory"));
    caller_calls(spawner, SPAWN);
    uint64_t of_child = grant_manager(child());
    assert_int_equal(list(of_child, 0, &next), 1);
    struct capos_capability_info info = capos_capability_info_list_at(
        capos_capability_manager_list_results_get_capabilities(
            capos_capability_manager_list_results_read_root(&caller_results)),
        0);
    assert_true(capnp_text_equal(capos_capability_info_get_name(info), CAPNP_TEXT("memory")));
    assert_true(
        capnp_text_equal(capos_capability_info_get_object(info), CAPNP_TEXT("VirtualMemory")));
    process_kill(child(), "a test ends it");
    world_settle();
    (void)capos_capability_manager_list_params_build_root(caller_params());
    caller_refused(of_child, CAPOS_CAPABILITY_MANAGER_ID, CAPOS_CAPABILITY_MANAGER_LIST,
                   DISCONNECTED, "the process that this CapabilityManager is of has ended");
    (void)caller_params();
    caller_refused(of_child, CAPOS_CAPABILITY_MANAGER_ID, CAPOS_CAPABILITY_MANAGER_USAGE,
                   DISCONNECTED, "the process that this CapabilityManager is of has ended");
    caller_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spawn_refused),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_failed_to_start),
        cmocka_unit_test(test_killed_before_it_starts),
        cmocka_unit_test(test_spawner_ends_first),
        cmocka_unit_test(test_too_many_in_flight),
        cmocka_unit_test(test_manager),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
