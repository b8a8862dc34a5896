// SPDX-License-Identifier: MIT
/*
 * Asks for what the kernel does later, and then computes without ever entering the
 * kernel again: a spawn must come about nevertheless, and so must the end of a child
 * that was killed. The completions in the ring say so.
 *
 * Nothing else is there to have the timer run. A child only waits.
 */
#include <capos.client.h>
#include <rt/capset.h>
#include <support/check.h>
#include <support/child.h>

#define SETTLE_NS   20000000u
#define SETTLE_LOOP 20000000u

static struct rt_ring *ring;

/* Until every other thread waits, for nothing, and time has been seen to stand still. */
static void settle(void)
{
    CHECK_EQ(rt_ring_enter(ring, 1, SETTLE_NS), 0);
    for (volatile uint32_t i = 0; i < SETTLE_LOOP; i++) {
    }
}

/* Looks at the ring until a completion is there. */
static void spin_for_completion(void)
{
    while (__atomic_load_n(&ring->header->cq_tail, __ATOMIC_ACQUIRE) == ring->cq_head) {
    }
}

/* Hands over what is queued, which completes later. */
static void submit(void)
{
    CHECK_EQ(rt_ring_enter(ring, 0, CAP_TIMEOUT_POLL), 0);
}

static struct capos_process_handle spawn(struct capos_process_spawner spawner)
{
    struct child child = child_default("child", "impatient");
    struct capos_process_spawner_spawn_results results;
    struct capnp_message m;
    struct rt_call call;

    child.frames = 96;
    child.slots = 4;
    settle();
    CHECK_OK(child_spawn_send(&call, ring, spawner, &child));
    submit();
    spin_for_completion();
    CHECK_OK(rt_call_wait(&call));
    CHECK_OK(capos_process_spawner_spawn_take(&call, &m, &results));
    struct capos_process_handle handle = {
        rt_call_take(&call, capos_process_spawner_spawn_results_get_handle(results).c)};
    rt_call_end(&call);
    return handle;
}

static void kill(struct capos_process_handle handle)
{
    struct rt_call waited;

    settle();
    CHECK_OK(capos_process_handle_wait_send(&waited, ring, handle, 256));
    submit();
    CHECK_OK(capos_process_handle_kill(ring, handle));
    spin_for_completion();
    CHECK_OK(rt_call_wait(&waited));
    rt_call_end(&waited);
    CHECK_OK(rt_release(ring, handle.id));
}

int main(void)
{
    uint64_t spawner;

    if (!rt_capset_first(rt_capset(), CAPOS_PROCESS_SPAWNER_ID, &spawner)) {
        (void)rt_cap_enter(1, CAP_TIMEOUT_FOREVER);
        return 1;
    }
    ring = demo_begin("impatient");
    kill(spawn((struct capos_process_spawner){spawner}));
    return demo_end();
}
