// SPDX-License-Identifier: MIT
#include <support/usage.h>

#include <capos.client.h>
#include <rt/capset.h>
#include <support/check.h>

struct usage usage_now(struct rt_ring *ring)
{
    struct capos_capability_manager manager = {
        rt_capset_need("capabilities", CAPOS_CAPABILITY_MANAGER_ID)};
    struct capos_capability_manager_usage_results results;
    struct capnp_message message;
    struct rt_call call;

    CHECK_OK(capos_capability_manager_usage_call(&call, ring, manager, 256));
    CHECK_OK(capos_capability_manager_usage_take(&call, &message, &results));
    struct capos_usage frames = capos_capability_manager_usage_results_get_frames(results);
    struct capos_usage slots = capos_capability_manager_usage_results_get_slots(results);
    struct usage usage = {
        .frames = capos_usage_get_used(frames),
        .frames_max = capos_usage_get_max(frames),
        .heap_bytes =
            capos_usage_get_used(capos_capability_manager_usage_results_get_heap_bytes(results)),
        .slots = capos_usage_get_used(slots),
        .slots_max = capos_usage_get_max(slots),
        .processes =
            capos_usage_get_used(capos_capability_manager_usage_results_get_processes(results)),
    };
    rt_call_end(&call);
    return usage;
}

bool usage_equal(struct usage a, struct usage b)
{
    return a.frames == b.frames && a.heap_bytes == b.heap_bytes && a.slots == b.slots &&
           a.processes == b.processes;
}
