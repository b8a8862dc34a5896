// SPDX-License-Identifier: MIT
/*
 * The spawn smoke: spawning as it should be used, and then as nobody should. Each
 * hostile case has a name and an exact code; after each group everything that spawning
 * costs must be back, counted by this process's own CapabilityManager.
 *
 * The children are this program too (role.h).
 */
#include <abi/limits.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <rt/string.h>
#include <support/check.h>
#include <support/raw.h>

#include "family.h"
#include "spoilt.h"

#define MS 1000000ull

/*
 * Spawns that may be quicker, in a row, than what cancels them: most of them are, while many
 * others run and the kernel is a slow one.
 */
#define CANCEL_TRIES 1024u

/* ---------------------------------------------------------------------------
 * What it all costs */

struct usage {
    uint64_t frames;
    uint64_t heap_bytes;
    uint64_t slots;
    uint64_t calls;
    uint64_t processes;
};

static struct usage usage(void)
{
    struct capos_capability_manager_usage_results r;
    struct capnp_message m;
    struct rt_call call;

    CHECK_EQ(capos_capability_manager_usage_call(&call, smoke.ring, smoke.manager, 512).code,
             RT_OK);
    CHECK_EQ(capos_capability_manager_usage_take(&call, &m, &r).code, RT_OK);
    struct usage out = {
        .frames = capos_usage_get_used(capos_capability_manager_usage_results_get_frames(r)),
        .heap_bytes =
            capos_usage_get_used(capos_capability_manager_usage_results_get_heap_bytes(r)),
        .slots = capos_usage_get_used(capos_capability_manager_usage_results_get_slots(r)),
        .calls = capos_usage_get_used(capos_capability_manager_usage_results_get_calls(r)),
        .processes = capos_usage_get_used(capos_capability_manager_usage_results_get_processes(r)),
    };
    rt_call_end(&call);
    return out;
}

/*
 * Runs a group of cases, after which everything is back; of what was killed or left alone
 * the rest may still be on its way.
 */
static void group(const char *name, void (*run)(void))
{
    struct usage before = usage();

    run();
    struct usage after = usage();
    for (unsigned i = 0; i < 100 && memcmp(&before, &after, sizeof before) != 0; i++) {
        (void)rt_ring_enter(smoke.ring, 1, 10 * MS);
        after = usage();
    }
    CHECK_EQ(after.processes, before.processes);
    CHECK_EQ(after.frames, before.frames);
    CHECK_EQ(after.slots, before.slots);
    CHECK_EQ(after.calls, before.calls);
    CHECK_EQ(after.heap_bytes, before.heap_bytes);
    rt_printf("spawn-smoke: %s\n", name);
}

/* ---------------------------------------------------------------------------
 * As it should be */

static void ends_are_told(void)
{
    struct capos_process_handle exits = spawn_role(ROLE_EXIT);
    struct capos_process_handle faults = spawn_role(ROLE_FAULT);
    struct capos_process_handle waits = spawn_role(ROLE_WAIT);
    struct rt_call first;
    struct rt_call second;
    struct rt_call third;
    struct capnp_message m;

    /* All in flight at once, and one of them twice. */
    send_wait(&first, exits);
    send_wait(&second, faults);
    send_wait(&third, exits);
    check_exit(&first, 7);
    check_exit(&third, 7);
    struct capos_process_status status = status_of(&second, &m);
    CHECK_EQ(capos_process_status_which(status), CAPOS_PROCESS_STATUS_FAULTED);
    CHECK_EQ(capos_fault_get_vector(capos_process_status_get_faulted(status)), 14);
    CHECK_EQ(capos_fault_get_address(capos_process_status_get_faulted(status)), 8);
    CHECK(capos_fault_get_rip(capos_process_status_get_faulted(status)) != 0);
    rt_call_end(&second);
    expect_exit(exits, 7); /* the same every time */
    kill(exits);           /* one that has ended stays as it is */
    expect_exit(exits, 7);
    kill(waits);
    kill(waits);
    expect_killed(waits);
    release(exits);
    release(faults);
    release(waits);
}

/* Nothing goes by a child's name: the handles tell them apart. */
static void two_children_of_one_name(void)
{
    struct capos_process_handle one = spawn_role(ROLE_WAIT);
    struct capos_process_handle other = spawn_role(ROLE_WAIT);
    struct rt_call call;

    CHECK(one.id != other.id);
    kill(one);
    expect_killed(one);
    send_wait(&call, other);
    CHECK(!rt_call_wait_for(&call, 20 * MS));
    kill(other);
    check_killed(&call);
    release(one);
    release(other);
}

static void a_handle_let_go_of_leaves_the_child(void)
{
    struct child_grant grant = {.name = CAPNP_TEXT(ROLE_ECHO),
                                .kind = CHILD_ENDPOINT,
                                .badge = 0xbad9e,
                                .interface_id = SOME_INTERFACE};
    struct child child = small_child(&grant, 1);
    struct capos_process_handle handle = {CAP_ID_NONE};
    uint64_t client = CAP_ID_NONE;
    struct rt_call call;

    CHECK_EQ(child_spawn(smoke.ring, smoke.spawner, &child, &handle, &client).code, RT_OK);
    release(handle);
    CHECK_EQ(rt_call_begin(&call, smoke.ring, 8, 64).code, RT_OK);
    CHECK_EQ(rt_call_submit(&call, client, SOME_INTERFACE, 0, 0).code, RT_OK);
    CHECK_EQ(rt_call_wait(&call).code, RT_OK);
    CHECK_EQ(*(uint64_t *)(void *)call.results, 0xbad9e);
    rt_call_end(&call);

    /* It has ended, or is about to. */
    CHECK_EQ(rt_call_begin(&call, smoke.ring, 8, 128).code, RT_OK);
    CHECK_EQ(rt_call_submit(&call, client, SOME_INTERFACE, 0, 0).code, RT_OK);
    expect_refusal("call-of-a-child-that-has-ended", &call, CAP_EXC_DISCONNECTED);
    CHECK_EQ(rt_release(smoke.ring, client).code, RT_OK);
}

/* Moved, copied and minted: the child has the one, both have the other. */
static void capabilities_reach_the_child(void)
{
    uint64_t moved = new_endpoint();
    uint64_t kept = new_endpoint();
    struct child_grant grants[] = {
        {.name = CAPNP_TEXT("moved"), .give = rt_move(moved)},
        {.name = CAPNP_TEXT("copied"), .give = rt_copy(kept)},
        {.name = CAPNP_TEXT("minted"), .give = rt_mint(kept, 5, SOME_INTERFACE)},
        {.name = CAPNP_TEXT("memory"), .kind = CHILD_VIRTUAL_MEMORY},
        {.name = CAPNP_TEXT("capabilities"), .kind = CHILD_CAPABILITY_MANAGER},
    };
    struct child child = small_child(grants, 5);
    struct capos_process_handle handle = spawn(&child);

    expect_exit(handle, 0);
    release(handle);
    CHECK_EQ(rt_release(smoke.ring, moved).code, CAP_ERR_INVOKE_FAILED);
    CHECK_EQ(rt_release(smoke.ring, kept).code, RT_OK);
}

/* Its own limits are too small: it is spawned, and has what was moved, and never runs. */
static void a_child_too_large_for_its_limits_fails_to_start(void)
{
    uint64_t moved = new_endpoint();
    struct child_grant grant = {.name = CAPNP_TEXT("moved"), .give = rt_move(moved)};
    struct child child = small_child(&grant, 1);
    struct capnp_message m;
    struct rt_call call;

    child.frames = 8;
    struct capos_process_handle handle = spawn(&child);
    send_wait(&call, handle);
    struct capos_process_status status = status_of(&call, &m);
    CHECK_EQ(capos_process_status_which(status), CAPOS_PROCESS_STATUS_FAILED_TO_START);
    CHECK(capos_process_status_get_failed_to_start(status).len != 0);
    rt_call_end(&call);
    release(handle);
    CHECK_EQ(rt_release(smoke.ring, moved).code, CAP_ERR_INVOKE_FAILED);
}

/* ---------------------------------------------------------------------------
 * What takes more than one wrong value */

/* A handle is its spawner's alone. */
static void a_handle_cannot_be_handed_on(void)
{
    struct capos_process_handle handle = spawn_role(ROLE_WAIT);
    struct child_grant grant = {.name = CAPNP_TEXT("handle"), .give = rt_move(handle.id)};
    struct child child = small_child(&grant, 1);
    struct capos_process_handle none;

    CHECK_EQ(try_spawn(&child, &none).code, CAP_ERR_BAD_TRANSFER);
    grant.give = rt_copy(handle.id);
    CHECK_EQ(try_spawn(&child, &none).code, CAP_ERR_BAD_TRANSFER);
    kill(handle);
    expect_killed(handle);
    release(handle);
}

/* A spawn by hand with one capability, which `named` grants name. */
static void send_with_one_capability(struct rt_call *call, uint64_t moved, uint32_t named,
                                     uint16_t source)
{
    static const struct capnp_text names[] = {{.ptr = "one", .len = 3}, {.ptr = "other", .len = 5}};
    struct capos_process_spawner_spawn_params_builder params;
    struct capnp_arena arena;

    CHECK_EQ(
        capos_process_spawner_spawn_begin(call, smoke.ring, 512, 1, 128, 1, &arena, &params).code,
        RT_OK);
    struct capnp_capability given = rt_call_give(call, rt_move(moved));
    capos_process_spawner_spawn_params_set_name(params, CAPNP_TEXT("child"));
    capos_process_spawner_spawn_params_set_binary(params, CAPNP_TEXT("spawn-smoke"));
    struct capos_spawn_grant_list_builder list =
        capos_process_spawner_spawn_params_init_grants(params, named);
    for (uint32_t i = 0; i < named; i++) {
        struct capos_spawn_grant_builder grant = capos_spawn_grant_list_builder_at(list, i);
        capos_spawn_grant_set_name(grant, names[i]);
        capos_spawn_grant_source_set_capability(capos_spawn_grant_init_source(grant), given);
        capnp_set_u16(grant.b, 0, source);
    }
    CHECK_EQ(capos_process_spawner_spawn_submit(call, smoke.spawner, &arena).code, RT_OK);
}

/* One capability moved by two descriptors, or named by two grants, or by none. */
static void a_capability_is_granted_once(void)
{
    uint64_t endpoint = new_endpoint();
    struct child_grant grants[] = {
        {.name = CAPNP_TEXT("one"), .give = rt_move(endpoint)},
        {.name = CAPNP_TEXT("other"), .give = rt_move(endpoint)},
    };
    struct child child = small_child(grants, 2);
    struct capos_process_handle none;
    struct rt_call call;

    CHECK_EQ(try_spawn(&child, &none).code, CAP_ERR_BAD_TRANSFER);
    send_with_one_capability(&call, endpoint, 0, 0);
    expect_refusal("capability-not-granted", &call, CAP_EXC_INVALID_ARGUMENT);
    send_with_one_capability(&call, endpoint, 2, CAPOS_SPAWN_GRANT_SOURCE_CAPABILITY);
    expect_refusal("capability-granted-twice", &call, CAP_EXC_INVALID_ARGUMENT);
    send_with_one_capability(&call, endpoint, 1, CAPOS_SPAWN_GRANT_SOURCE_WHICH_COUNT);
    expect_refusal("source-unknown", &call, CAP_EXC_INVALID_ARGUMENT);
    CHECK_EQ(rt_release(smoke.ring, endpoint).code, RT_OK);
}

/* A call of the spawner with so many bytes of 0xff as parameters. */
static void send_rubbish(struct rt_call *call, uint16_t method, uint32_t bytes)
{
    CHECK_EQ(rt_call_begin(call, smoke.ring, 64, 128).code, RT_OK);
    memset(call->params, 0xff, 64);
    CHECK_EQ(rt_call_submit(call, smoke.spawner.id, CAPOS_PROCESS_SPAWNER_ID, method, bytes).code,
             RT_OK);
}

static void send_to(struct rt_call *call, uint64_t spawner)
{
    struct child child = small_child(NULL, 0);

    CHECK_EQ(
        child_spawn_send(call, smoke.ring, (struct capos_process_spawner){spawner}, &child).code,
        RT_OK);
}

/* Entries that are wrong before the spawner hears of them, and messages that are none. */
static void malformed_calls(void)
{
    struct rt_call call;

    send_to(&call, smoke.console);
    expect_error("wrong-interface", &call, CAP_ERR_WRONG_INTERFACE);
    send_to(&call, smoke.spawner.id + (1ull << CAP_ID_INDEX_BITS));
    expect_error("forged-spawner", &call, CAP_ERR_INVOKE_FAILED);
    send_rubbish(&call, 0, 64);
    expect_refusal("malformed-parameters", &call, CAP_EXC_INVALID_ARGUMENT);
    send_rubbish(&call, 0, 0);
    expect_refusal("no-parameters", &call, CAP_EXC_INVALID_ARGUMENT);
    send_rubbish(&call, CAPOS_PROCESS_SPAWNER_METHOD_COUNT, 0);
    expect_refusal("unknown-method", &call, CAP_EXC_UNIMPLEMENTED);

    struct cap_sqe sqe = {.opcode = CAP_OP_CALL,
                          .cap_id = smoke.spawner.id,
                          .interface_id = CAPOS_PROCESS_SPAWNER_ID,
                          .params_addr = 8,
                          .params_len = 48};
    CHECK_EQ(raw_result(smoke.ring, &sqe), CAP_ERR_BAD_PARAMS); /* not mapped */
    sqe.params_addr = UINT64_MAX - 63;
    CHECK_EQ(raw_result(smoke.ring, &sqe), CAP_ERR_BAD_PARAMS); /* the kernel's */
    sqe.params_addr = (uintptr_t)smoke.ring->area + 4;
    CHECK_EQ(raw_result(smoke.ring, &sqe), CAP_ERR_BAD_PARAMS); /* misaligned */
    sqe.params_addr = (uintptr_t)smoke.ring->area;
    sqe.params_len = CAP_KERNEL_MESSAGE_MAX + 8;
    CHECK_EQ(raw_result(smoke.ring, &sqe), CAP_ERR_BAD_PARAMS); /* too long for the kernel */
}

/* The entry that was queued last. */
static struct cap_sqe *last_entry(void)
{
    return &smoke.ring->sq[(smoke.ring->sq_tail - 1) & smoke.ring->sq_mask];
}

/* An answer that cannot be delivered: no child, and what was to be moved has stayed. */
static void undeliverable_answers(void)
{
    uint64_t endpoint = new_endpoint();
    struct child_grant grant = {.name = CAPNP_TEXT("endpoint"), .give = rt_move(endpoint)};
    struct child child = small_child(&grant, 1);
    struct rt_call call;

    /* 24 bytes of results and a record of 16 behind them. */
    for (uint32_t room = 0; room < 40; room += 8) {
        CHECK_EQ(child_spawn_send(&call, smoke.ring, smoke.spawner, &child).code, RT_OK);
        last_entry()->result_len = room;
        CHECK_EQ(rt_call_wait(&call).code, CAP_ERR_BAD_RESULT);
        rt_call_end(&call);
    }
    rt_printf("spawn-smoke: short-result-buffer\n");
    CHECK_EQ(child_spawn_send(&call, smoke.ring, smoke.spawner, &child).code, RT_OK);
    last_entry()->cap_room = 0;
    expect_error("no-room-for-the-handle", &call, CAP_ERR_BAD_RESULT);
    CHECK_EQ(rt_release(smoke.ring, endpoint).code, RT_OK);
}

/*
 * Cancelled in the batch that submits it: what was to be moved has stayed. An entry with
 * capabilities ends the kernel's turn, so now and then the spawn is quicker; its child
 * then ends by itself.
 */
static void a_spawn_that_is_cancelled(void)
{
    struct rt_call call;

    for (uint32_t i = 0;; i++) {
        uint64_t endpoint = new_endpoint();
        struct child_grant grants[] = {role(ROLE_EXIT),
                                       {.name = CAPNP_TEXT("endpoint"), .give = rt_move(endpoint)}};
        struct child child = small_child(grants, 2);

        CHECK_EQ(child_spawn_send(&call, smoke.ring, smoke.spawner, &child).code, RT_OK);
        CHECK_EQ(rt_call_cancel(&call).code, RT_OK);
        if (!rt_ok(rt_call_wait(&call))) {
            expect_error("spawn-cancelled", &call, CAP_ERR_CANCELED);
            CHECK_EQ(rt_release(smoke.ring, endpoint).code, RT_OK);
            return;
        }
        rt_call_end(&call);
        CHECK(i < CANCEL_TRIES);
    }
}

/* A spawn, and a wait beside one that goes on. */
static void cancelled_calls(void)
{
    struct rt_call call;
    struct rt_call other;

    a_spawn_that_is_cancelled();
    struct capos_process_handle handle = spawn_role(ROLE_WAIT);
    send_wait(&call, handle);
    send_wait(&other, handle);
    CHECK(!rt_call_wait_for(&call, CAP_TIMEOUT_POLL));
    CHECK_EQ(rt_call_cancel(&call).code, RT_OK);
    expect_error("wait-cancelled", &call, CAP_ERR_CANCELED);
    kill(handle);
    check_killed(&other);
    release(handle);
    send_wait(&call, handle);
    expect_error("wait-on-a-released-handle", &call, CAP_ERR_INVOKE_FAILED);

    /* Letting go does not end a wait. */
    handle = spawn_role(ROLE_EXIT);
    send_wait(&call, handle);
    release(handle);
    check_exit(&call, 7);
}

/* More waits than entries may be in flight. */
static void too_many_waits(void)
{
    static struct rt_call calls[64];
    struct capos_process_handle handle = spawn_role(ROLE_WAIT);
    uint32_t places = smoke.ring->cq_mask - smoke.ring->sq_mask;

    CHECK(places < sizeof calls / sizeof *calls);
    for (uint32_t i = 0; i <= places; i++) {
        CHECK_EQ(capos_process_handle_wait_send(&calls[i], smoke.ring, handle, 256).code, RT_OK);
    }
    expect_refusal("too-many-waits", &calls[places], CAP_EXC_OVERLOADED);
    kill(handle);
    for (uint32_t i = 0; i < places; i++) {
        check_killed(&calls[i]);
    }
    release(handle);
}

/* The spawner is killed while its spawns are at whatever stage they are. */
static void spawners_killed_meanwhile(void)
{
    struct child_grant grant = {.name = CAPNP_TEXT(ROLE_NEST), .give = rt_copy(smoke.spawner.id)};
    struct child child = small_child(&grant, 1);

    child.frames = 512;
    child.slots = 16;
    child.processes = 4;
    child.calls = 128;
    for (unsigned i = 0; i < 24; i++) {
        struct capos_process_handle handle = spawn(&child);
        for (unsigned pause = 0; pause < i; pause++) {
            (void)usage(); /* lets others have a slice or two */
        }
        if (i % 4 == 0) {
            (void)rt_ring_enter(smoke.ring, 1, 5 * MS);
        }
        kill(handle);
        expect_killed(handle);
        release(handle);
    }
}

/*
 * Fills the table until one slot is left, which the child takes: there is no room for
 * its handle. Done first, since the table stays as large as it has become.
 */
static void no_room_in_the_table(void)
{
    static uint64_t ids[512];
    struct capos_endpoint owner = {CAP_ID_NONE};
    struct child child = small_child(NULL, 0);
    struct capos_process_handle none;
    uint32_t n = 0;

    while (rt_ok(capos_endpoint_factory_create(smoke.ring, smoke.endpoints, &owner))) {
        CHECK(n < sizeof ids / sizeof *ids);
        ids[n++] = owner.id;
    }
    CHECK_EQ(rt_release(smoke.ring, ids[--n]).code, RT_OK);
    child.slots = 1;
    struct rt_status s = try_spawn(&child, &none);
    CHECK_EQ(s.code, CAP_ERR_EXCEPTION);
    CHECK_EQ(s.exception, CAP_EXC_OVERLOADED);
    rt_printf("spawn-smoke: no-room-in-the-table: %s\n", rt_refusal(smoke.ring));
    while (n > 0) {
        CHECK_EQ(rt_release(smoke.ring, ids[--n]).code, RT_OK);
    }
    (void)rt_ring_enter(smoke.ring, 1, 20 * MS);
}

int main(void)
{
    if (!role_is_parent()) {
        return role_play(rt_ring_borrow());
    }
    smoke.ring = demo_begin("spawn-smoke");
    smoke.console = rt_capset_need("parent", CAPOS_CONSOLE_ID);
    smoke.spawner.id = rt_capset_need("spawner", CAPOS_PROCESS_SPAWNER_ID);
    smoke.endpoints.id = rt_capset_need("endpoints", CAPOS_ENDPOINT_FACTORY_ID);
    smoke.manager.id = rt_capset_need("capabilities", CAPOS_CAPABILITY_MANAGER_ID);
    no_room_in_the_table();
    group("ends are told, each wait once", ends_are_told);
    group("two children of one name are two", two_children_of_one_name);
    group("a handle let go of leaves the child", a_handle_let_go_of_leaves_the_child);
    group("capabilities reach the child", capabilities_reach_the_child);
    group("a child too large for its limits fails to start",
          a_child_too_large_for_its_limits_fails_to_start);
    group("spoilt parameters are refused", spoilt_parameters);
    group("a handle cannot be handed on", a_handle_cannot_be_handed_on);
    group("a capability is granted once", a_capability_is_granted_once);
    group("malformed calls are refused", malformed_calls);
    group("an answer that cannot be delivered leaves no child", undeliverable_answers);
    group("cancelled calls leave nothing", cancelled_calls);
    group("too many waits are refused", too_many_waits);
    group("spawners killed meanwhile leave nothing", spawners_killed_meanwhile);
    return demo_end();
}
