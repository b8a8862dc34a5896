// SPDX-License-Identifier: MIT
/*
 * Spawn, call, transfer, exit: again and again, as often as the name of its console
 * says. Each child serves one call on a fresh endpoint, is handed one capability with it
 * and one at birth, and exits; nothing of it is left to its parent.
 */
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <rt/string.h>
#include <support/check.h>
#include <support/child.h>

#define SOME_INTERFACE 0x5e5510a1d1b1c0deull

static struct {
    struct rt_ring *ring;
    struct capos_process_spawner spawner;
    struct capos_endpoint_factory endpoints;
} cycles;

/* The child: one call, with one capability, is answered with nothing. */
static int serve(void)
{
    struct rt_ring *ring = rt_ring_borrow();
    struct rt_call call;

    CHECK_EQ(rt_call_begin_serving(&call, ring, 64, 64, 1, 0).code, RT_OK);
    CHECK_EQ(rt_call_receive(&call, rt_capset_need("serve", CAPOS_ENDPOINT_ID)).code, RT_OK);
    CHECK_EQ(rt_call_wait(&call).code, RT_OK);
    CHECK_EQ(rt_call_return(&call, rt_call_received_id(&call), 0, false).code, RT_OK);
    CHECK_EQ(rt_call_wait(&call).code, RT_OK);
    rt_call_end(&call);
    return 0;
}

static uint64_t new_endpoint(void)
{
    struct capos_endpoint owner = {CAP_ID_NONE};

    CHECK_EQ(capos_endpoint_factory_create(cycles.ring, cycles.endpoints, &owner).code, RT_OK);
    return owner.id;
}

static void call_with_a_capability(uint64_t client)
{
    struct rt_call call;

    CHECK_EQ(rt_call_begin_with(&call, cycles.ring, 16, 64, 1, 0).code, RT_OK);
    (void)rt_call_give(&call, rt_move(new_endpoint()));
    CHECK_EQ(rt_call_submit_with(&call, client, SOME_INTERFACE, 0, 0).code, RT_OK);
    CHECK_EQ(rt_call_wait(&call).code, RT_OK);
    rt_call_end(&call);
}

static void expect_exit(struct capos_process_handle handle)
{
    struct capos_process_handle_wait_results results;
    struct capnp_message m;
    struct rt_call call;

    CHECK_EQ(capos_process_handle_wait_call(&call, cycles.ring, handle, 256).code, RT_OK);
    CHECK_EQ(capos_process_handle_wait_take(&call, &m, &results).code, RT_OK);
    struct capos_process_status status = capos_process_handle_wait_results_get_status(results);
    CHECK_EQ(capos_process_status_which(status), CAPOS_PROCESS_STATUS_EXITED);
    CHECK_EQ(capos_process_status_get_exited(status), 0);
    rt_call_end(&call);
}

static void cycle(void)
{
    const struct child_grant grants[] = {
        {.name = CAPNP_TEXT("serve"), .kind = CHILD_ENDPOINT, .interface_id = SOME_INTERFACE},
        {.name = CAPNP_TEXT("moved"), .give = rt_move(new_endpoint())},
    };
    struct child child = child_default("child", "spawn-cycles");
    struct capos_process_handle handle = {CAP_ID_NONE};
    uint64_t client = CAP_ID_NONE;

    child.grants = grants;
    child.grant_count = sizeof grants / sizeof *grants;
    child.frames = 96;
    child.slots = 4;
    CHECK_EQ(child_spawn(cycles.ring, cycles.spawner, &child, &handle, &client).code, RT_OK);
    call_with_a_capability(client);
    expect_exit(handle);
    rt_drop(cycles.ring, handle.id);
    rt_drop(cycles.ring, client);
}

/* The number that a name is. */
static uint64_t number(const struct capset_entry *entry)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < entry->name_len; i++) {
        CHECK(entry->name[i] >= '0' && entry->name[i] <= '9');
        n = n * 10 + (uint64_t)(entry->name[i] - '0');
    }
    return n;
}

int main(void)
{
    if (rt_capset_has(rt_capset(), "serve")) {
        return serve();
    }
    cycles.ring = demo_begin("spawn-cycles");
    cycles.spawner.id = rt_capset_need("spawner", CAPOS_PROCESS_SPAWNER_ID);
    cycles.endpoints.id = rt_capset_need("endpoints", CAPOS_ENDPOINT_FACTORY_ID);
    uint64_t count = number(&rt_capset()->entries[0]);
    for (uint64_t i = 0; i < count; i++) {
        cycle();
    }
    rt_printf("spawn-cycles: %lu times\n", count);
    return demo_end();
}
