// SPDX-License-Identifier: MIT
/*
 * Endpoints and transfers as a hostile or careless program uses them: raw entries, by
 * one process that calls, receives and answers itself. Each act tries one side of
 * docs/abi.md with every bad input there is, and knows the exact code of each. With an
 * endpoint "stage", or a client of that, the process has a part among several instead.
 *
 * What a process must hold: a Console, "endpoints" (EndpointFactory) and "memory" (its
 * own VirtualMemory). At the end it leaves calls, receivers and capabilities in
 * flight; the recount at the end of the run says whether the kernel found them all.
 */
#include "play.h"

#include <capos.capnp.h>
#include <rt/capset.h>

/* What one capability of that name makes of the process. False: it has none. */
static bool play_part(void)
{
    const struct rt_capset *set = rt_capset();

    if (rt_capset_has(set, "stage")) {
        part_serve(rt_capset_need("stage", CAPOS_ENDPOINT_ID));
    } else if (rt_capset_has(set, "fall")) {
        part_fall(rt_capset_need("fall", PLAY_INTERFACE));
    } else if (rt_capset_has(set, "lead")) {
        part_lead(rt_capset_need("lead", PLAY_INTERFACE), rt_capset_need("pulse", PLAY_INTERFACE));
    } else if (rt_capset_has(set, "rally")) {
        part_rally(rt_capset_need("rally", PLAY_INTERFACE));
    } else if (rt_capset_has(set, "spawner")) {
        act_kept(rt_capset_need("spawner", CAPOS_PROCESS_SPAWNER_ID));
    } else if (rt_capset_has(set, "faults")) {
        act_faults(rt_capset_need("faults", CAPOS_FAULT_INJECTOR_ID));
    } else if (rt_capset_has(set, "left")) {
        part_batch("left");
    } else if (rt_capset_has(set, "right")) {
        part_batch("right");
    } else if (rt_capset_has(set, "spin")) {
        part_spin(rt_capset_need("spin", PLAY_INTERFACE));
    } else {
        return false;
    }
    return true;
}

int main(void)
{
    play_begin();
    if (play_part()) {
        return demo_end();
    }
    if (play_most == 0) {
        act_square();
        return demo_end();
    }
    act_shapes();
    act_calls();
    act_queues();
    act_cancel();
    act_ends();
    act_limits();
    act_transfers();
    act_leave_behind();
    return demo_end();
}
