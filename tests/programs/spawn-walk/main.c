// SPDX-License-Identifier: MIT
/*
 * Spawns with a bit of everything, and has each allocation of the kernel on the way
 * fail, one after the other, until none is left to fail. Each time the spawn is refused
 * as overloaded, and everything is as it was: what was to be moved is still held, and
 * nothing more is charged than before.
 *
 * Without capabilities it is the child, which exits.
 */
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <support/check.h>
#include <support/child.h>

#define SOME_INTERFACE 0x5e5510a1d1b1c0deull

/* More than there can be. */
#define ALLOCATIONS_MAX 1000u

static struct {
    struct rt_ring *ring;
    struct capos_process_spawner spawner;
    struct capos_fault_injector injector;
    struct capos_capability_manager manager;
    uint64_t console;
    uint64_t endpoint;
} walk;

struct used {
    uint64_t frames;
    uint64_t heap_bytes;
    uint64_t slots;
    uint64_t processes;
};

static struct used used(void)
{
    struct capos_capability_manager_usage_results r;
    struct capnp_message m;
    struct rt_call call;

    CHECK_EQ(capos_capability_manager_usage_call(&call, walk.ring, walk.manager, 512).code, RT_OK);
    CHECK_EQ(capos_capability_manager_usage_take(&call, &m, &r).code, RT_OK);
    struct used out = {
        .frames = capos_usage_get_used(capos_capability_manager_usage_results_get_frames(r)),
        .heap_bytes =
            capos_usage_get_used(capos_capability_manager_usage_results_get_heap_bytes(r)),
        .slots = capos_usage_get_used(capos_capability_manager_usage_results_get_slots(r)),
        .processes = capos_usage_get_used(capos_capability_manager_usage_results_get_processes(r)),
    };
    rt_call_end(&call);
    return out;
}

/* What is charged when only so many processes are left; the others are being reaped. */
static struct used used_with(uint64_t processes)
{
    struct used now = used();

    for (unsigned i = 0; i < 100 && now.processes != processes; i++) {
        (void)rt_ring_enter(walk.ring, 1, 1000000);
        now = used();
    }
    CHECK_EQ(now.processes, processes);
    return now;
}

static struct rt_status spawn(struct capos_process_handle *handle, uint64_t *client)
{
    const struct child_grant grants[] = {
        {.name = CAPNP_TEXT("copied"), .give = rt_copy(walk.console)},
        {.name = CAPNP_TEXT("minted"), .give = rt_mint(walk.endpoint, 1, SOME_INTERFACE)},
        {.name = CAPNP_TEXT("fresh"), .kind = CHILD_ENDPOINT, .interface_id = SOME_INTERFACE},
        {.name = CAPNP_TEXT("memory"), .kind = CHILD_VIRTUAL_MEMORY},
        {.name = CAPNP_TEXT("capabilities"), .kind = CHILD_CAPABILITY_MANAGER},
        {.name = CAPNP_TEXT("moved"), .give = rt_move(walk.endpoint)},
    };
    struct child child = child_default("child", "spawn-walk");

    child.grants = grants;
    child.grant_count = sizeof grants / sizeof *grants;
    child.frames = 128;
    child.slots = 8;
    return child_spawn(walk.ring, walk.spawner, &child, handle, client);
}

/* Has the k-th allocation fail. False: there is none, and the child runs. */
static bool try(uint32_t k)
{
    struct capos_process_handle handle = {CAP_ID_NONE};
    uint64_t client = CAP_ID_NONE;
    struct used before = used();
    uint64_t seen = 0;
    uint64_t site = 0;

    CHECK_EQ(capos_fault_injector_arm(walk.ring, walk.injector, k).code, RT_OK);
    struct rt_status s = spawn(&handle, &client);
    CHECK_EQ(capos_fault_injector_disarm(walk.ring, walk.injector, &seen, &site).code, RT_OK);
    if (site == 0) {
        CHECK_EQ(s.code, RT_OK);
        CHECK_EQ(rt_release(walk.ring, handle.id).code, RT_OK);
        CHECK_EQ(rt_release(walk.ring, client).code, RT_OK);
        return false;
    }
    CHECK_EQ(s.code, CAP_ERR_EXCEPTION);
    CHECK_EQ(s.exception, CAP_EXC_OVERLOADED);
    CHECK(rt_refusal(walk.ring)[0] != '\0');
    struct used after = used_with(before.processes);
    CHECK_EQ(after.frames, before.frames);
    CHECK_EQ(after.slots, before.slots);
    CHECK_EQ(after.heap_bytes, before.heap_bytes);
    return true;
}

int main(void)
{
    struct capos_endpoint owner = {CAP_ID_NONE};
    uint32_t k = 1;

    if (!rt_capset_has(rt_capset(), "faults")) {
        return 0;
    }
    walk.ring = demo_begin("spawn-walk");
    walk.console = rt_capset_need("console", CAPOS_CONSOLE_ID);
    walk.spawner.id = rt_capset_need("spawner", CAPOS_PROCESS_SPAWNER_ID);
    walk.injector.id = rt_capset_need("faults", CAPOS_FAULT_INJECTOR_ID);
    walk.manager.id = rt_capset_need("capabilities", CAPOS_CAPABILITY_MANAGER_ID);
    struct capos_endpoint_factory factory = {
        rt_capset_need("endpoints", CAPOS_ENDPOINT_FACTORY_ID)};
    CHECK_EQ(capos_endpoint_factory_create(walk.ring, factory, &owner).code, RT_OK);
    walk.endpoint = owner.id;
    struct used before = used();
    while (try(k)) {
        k++;
        CHECK(k < ALLOCATIONS_MAX);
    }
    CHECK_EQ(rt_release(walk.ring, walk.endpoint).code, CAP_ERR_INVOKE_FAILED); /* moved */
    struct used after = used_with(before.processes);
    CHECK_EQ(after.frames, before.frames);
    CHECK_EQ(after.slots, before.slots - 1);
    CHECK(after.heap_bytes < before.heap_bytes); /* the endpoint has gone with the child */
    rt_printf("spawn-walk: %u allocations failed, each in its turn\n", k - 1);
    return demo_end();
}
