// SPDX-License-Identifier: MIT
/*
 * Spawn, call, transfer, exit: again and again, as often as the name of its console
 * says.
 *
 * Each child is born with a bit of everything: a fresh endpoint, a capability that was
 * copied, one that was moved, a facet that was minted for it, and its own address space.
 * It is called once, keeps what comes with the call and hands back what it was born
 * with; calls back once, bringing what it kept and taking something home; and exits. At
 * the end its parent uses as much of everything as before the first.
 */
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <support/check.h>
#include <support/child.h>
#include <support/usage.h>

#define SOME_INTERFACE 0x5e5510a1d1b1c0deull

/* Parameters and results of a call have room for a message, though none is sent. */
#define ROOM 64u

static struct {
    struct rt_ring *ring;
    struct capos_process_spawner spawner;
    struct capos_endpoint_factory endpoints;
    uint64_t console;
    uint64_t desk; /* where children call back: the owner facet */
} cycles;

/* The only capability that came with a call or an answer. */
static uint64_t take_one(struct rt_call *call)
{
    CHECK_EQ(call->cqe.cap_count, 1);
    return rt_call_take(call, (struct capnp_capability){.there = true, .index = 0});
}

/* Serves one call, to whose answer this is moved, and says what came with it. */
static uint64_t serve(struct rt_ring *ring, uint64_t owner, uint64_t badge, uint64_t give)
{
    struct rt_call call;

    CHECK_OK(rt_call_begin_serving(&call, ring, ROOM, ROOM, 1, 1));
    CHECK_OK(rt_call_receive(&call, owner));
    CHECK_OK(rt_call_wait(&call));
    CHECK_EQ(rt_call_received(&call)->badge, badge);
    uint64_t id = rt_call_received_id(&call);
    uint64_t came = take_one(&call);
    (void)rt_call_give(&call, rt_move(give));
    CHECK_OK(rt_call_return(&call, id, 0, false));
    CHECK_OK(rt_call_wait(&call));
    rt_call_end(&call);
    return came;
}

/* Calls, moving this along, and says what came back. */
static uint64_t exchange(struct rt_ring *ring, uint64_t client, uint64_t give)
{
    struct rt_call call;

    CHECK_OK(rt_call_begin_with(&call, ring, ROOM, ROOM, 1, 1));
    (void)rt_call_give(&call, rt_move(give));
    CHECK_OK(rt_call_submit_with(&call, client, SOME_INTERFACE, 0, 0));
    CHECK_OK(rt_call_wait(&call));
    uint64_t came = take_one(&call);
    rt_call_end(&call);
    return came;
}

/* The child. What it holds at its end goes with it. */
static int child_main(void)
{
    struct rt_ring *ring = rt_ring_borrow();

    uint64_t owner = rt_capset_need("serve", CAPOS_ENDPOINT_ID);
    uint64_t born_with = rt_capset_need("moved", CAPOS_ENDPOINT_ID);
    uint64_t kept = serve(ring, owner, 0, born_with);
    uint64_t home = exchange(ring, rt_capset_need("desk", SOME_INTERFACE), kept);
    return home == CAP_ID_NONE;
}

static uint64_t new_endpoint(void)
{
    struct capos_endpoint owner = {CAP_ID_NONE};

    CHECK_OK(capos_endpoint_factory_create(cycles.ring, cycles.endpoints, &owner));
    return owner.id;
}

static void expect_exit(struct capos_process_handle handle)
{
    struct capos_process_handle_wait_results results;
    struct capnp_message m;
    struct rt_call call;

    CHECK_OK(capos_process_handle_wait_call(&call, cycles.ring, handle, 256));
    CHECK_OK(capos_process_handle_wait_take(&call, &m, &results));
    struct capos_process_status status = capos_process_handle_wait_results_get_status(results);
    CHECK_EQ(capos_process_status_which(status), CAPOS_PROCESS_STATUS_EXITED);
    CHECK_EQ(capos_process_status_get_exited(status), 0);
    rt_call_end(&call);
}

static void cycle(uint64_t i)
{
    const struct child_grant grants[] = {
        {.name = CAPNP_TEXT("serve"), .kind = CHILD_ENDPOINT, .interface_id = SOME_INTERFACE},
        {.name = CAPNP_TEXT("copied"), .give = rt_copy(cycles.console)},
        {.name = CAPNP_TEXT("moved"), .give = rt_move(new_endpoint())},
        {.name = CAPNP_TEXT("desk"), .give = rt_mint(cycles.desk, i, SOME_INTERFACE)},
        {.name = CAPNP_TEXT("memory"), .kind = CHILD_VIRTUAL_MEMORY},
    };
    struct child child = child_default("child", "cycles");
    struct capos_process_handle handle = {CAP_ID_NONE};
    uint64_t client = CAP_ID_NONE;

    child.grants = grants;
    child.grant_count = sizeof grants / sizeof *grants;
    child.frames = 96;
    child.slots = 8;
    CHECK_OK(child_spawn(cycles.ring, cycles.spawner, &child, &handle, &client));
    uint64_t back = exchange(cycles.ring, client, new_endpoint());
    uint64_t brought = serve(cycles.ring, cycles.desk, i, back);
    expect_exit(handle);
    rt_drop(cycles.ring, brought);
    rt_drop(cycles.ring, handle.id);
    rt_drop(cycles.ring, client);
}

int main(void)
{
    if (rt_capset_has(rt_capset(), "serve")) {
        return child_main();
    }
    cycles.ring = demo_begin("cycles");
    cycles.spawner.id = rt_capset_need("spawner", CAPOS_PROCESS_SPAWNER_ID);
    cycles.endpoints.id = rt_capset_need("endpoints", CAPOS_ENDPOINT_FACTORY_ID);
    cycles.console = rt_capset()->entries[0].cap_id;
    cycles.desk = new_endpoint();
    uint64_t count = demo_number(&rt_capset()->entries[0]);
    struct usage before = usage_now(cycles.ring);
    for (uint64_t i = 0; i < count; i++) {
        cycle(i);
    }
    CHECK(usage_equal(usage_now(cycles.ring), before));
    rt_printf("cycles: %lu times\n", count);
    return demo_end();
}
