// SPDX-License-Identifier: MIT
#include "role.h"

#include <capos.client.h>
#include <rt/capset.h>
#include <support/child.h>

bool role_is_parent(void)
{
    return rt_capset_has(rt_capset(), "parent");
}

static int fault(void)
{
    volatile uintptr_t nowhere = 8;

    return *(volatile const int *)nowhere;
}

static int wait_for_ever(struct rt_ring *ring)
{
    return (int)rt_ring_enter(ring, 1, CAP_TIMEOUT_FOREVER);
}

static int echo(struct rt_ring *ring)
{
    uint64_t endpoint = rt_capset_need(ROLE_ECHO, CAPOS_ENDPOINT_ID);
    struct rt_call call;

    if (!rt_ok(rt_call_begin_serving(&call, ring, 64, 64, 0, 0)) ||
        !rt_ok(rt_call_receive(&call, endpoint)) || !rt_ok(rt_call_wait(&call))) {
        return 1;
    }
    *(uint64_t *)(void *)call.params = rt_call_received(&call)->badge;
    if (!rt_ok(rt_call_return(&call, rt_call_received_id(&call), sizeof(uint64_t), false)) ||
        !rt_ok(rt_call_wait(&call))) {
        return 2;
    }
    rt_call_end(&call);
    return 0;
}

static int nest(struct rt_ring *ring)
{
    struct capos_process_spawner spawner = {rt_capset_need(ROLE_NEST, CAPOS_PROCESS_SPAWNER_ID)};
    struct capos_process_handle handle;
    struct child child = child_default("grandchild", "spawn-smoke");

    child.frames = 64;
    child.slots = 1;
    for (;;) {
        struct rt_status s = child_spawn(ring, spawner, &child, &handle, NULL);
        if (rt_ok(s)) {
            (void)rt_release(ring, handle.id);
        } else if (s.code != CAP_ERR_EXCEPTION || s.exception != CAP_EXC_OVERLOADED) {
            return 1; /* too many at a time is to be expected, and nothing else */
        }
    }
}

int role_play(struct rt_ring *ring)
{
    const struct rt_capset *set = rt_capset();

    if (rt_capset_has(set, ROLE_EXIT)) {
        return 7;
    }
    if (rt_capset_has(set, ROLE_FAULT)) {
        return fault();
    }
    if (rt_capset_has(set, ROLE_WAIT)) {
        return wait_for_ever(ring);
    }
    if (rt_capset_has(set, ROLE_ECHO)) {
        return echo(ring);
    }
    return rt_capset_has(set, ROLE_NEST) ? nest(ring) : 0;
}
