// SPDX-License-Identifier: MIT
/*
 * Spawn, call, transfer, exit: again and again, as often as the name of its console
 * says. Each child serves one call on a fresh endpoint, is handed one capability with it
 * and one at birth, and exits; nothing of it is left to its parent.
 *
 * The name of its second console says how many children there are besides, which wait
 * for a call that does not come.
 */
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <rt/string.h>
#include <support/check.h>
#include <support/child.h>

/* Children that wait, at most. */
#define CROWD_MAX      1000u

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

/* A child that serves, beside what more it is granted. */
static struct capos_process_handle spawn(const struct child_grant *grants, uint32_t count,
                                         uint64_t *client)
{
    struct child child = child_default("child", "spawn-cycles");
    struct capos_process_handle handle = {CAP_ID_NONE};

    child.grants = grants;
    child.grant_count = count;
    child.frames = 64;
    child.slots = 4;
    CHECK_EQ(child_spawn(cycles.ring, cycles.spawner, &child, &handle, client).code, RT_OK);
    return handle;
}

static void cycle(void)
{
    const struct child_grant grants[] = {
        {.name = CAPNP_TEXT("serve"), .kind = CHILD_ENDPOINT, .interface_id = SOME_INTERFACE},
        {.name = CAPNP_TEXT("moved"), .give = rt_move(new_endpoint())},
    };
    uint64_t client = CAP_ID_NONE;

    struct capos_process_handle handle = spawn(grants, 2, &client);
    call_with_a_capability(client);
    expect_exit(handle);
    rt_drop(cycles.ring, handle.id);
    rt_drop(cycles.ring, client);
}

/* A child that waits. */
static struct capos_process_handle idle_child(void)
{
    const struct child_grant grant = {
        .name = CAPNP_TEXT("serve"), .kind = CHILD_ENDPOINT, .interface_id = SOME_INTERFACE};
    uint64_t client = CAP_ID_NONE;
    struct capos_process_handle handle = spawn(&grant, 1, &client);

    rt_drop(cycles.ring, client);
    return handle;
}

/* The processor's clock, which counts instructions where the machine is told to. */
static uint64_t clock(void)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
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
    static struct capos_process_handle idle[CROWD_MAX];

    if (rt_capset_has(rt_capset(), "serve")) {
        return serve();
    }
    cycles.ring = demo_begin("spawn-cycles");
    cycles.spawner.id = rt_capset_need("spawner", CAPOS_PROCESS_SPAWNER_ID);
    cycles.endpoints.id = rt_capset_need("endpoints", CAPOS_ENDPOINT_FACTORY_ID);
    uint64_t count = number(&rt_capset()->entries[0]);
    uint64_t crowd = number(&rt_capset()->entries[1]);
    if (count == 0 || crowd > CROWD_MAX) {
        return 1;
    }
    for (uint64_t i = 0; i < crowd; i++) {
        idle[i] = idle_child();
    }
    cycle(); /* what it takes once */
    uint64_t start = clock();
    for (uint64_t i = 0; i < count; i++) {
        cycle();
    }
    uint64_t taken = clock() - start;
    for (uint64_t i = 0; i < crowd; i++) {
        CHECK_EQ(capos_process_handle_kill(cycles.ring, idle[i]).code, RT_OK);
        rt_drop(cycles.ring, idle[i].id);
    }
    rt_printf("spawn-cycles: %lu times beside %lu others, each %lu counts\n", count, crowd,
              taken / count);
    return demo_end();
}
