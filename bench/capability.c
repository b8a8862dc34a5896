// SPDX-License-Identifier: MIT
/* Capabilities that are handed to another process, and such that are made and let go. */
#include "rows.h"

#include <depot.client.h>
#include <rt/capset.h>

#define SOME_INTERFACE 0x5e5510a1d1b1c0deull

static struct demo_depot depot;
static struct capos_endpoint endpoint; /* of this process's own */
static uint64_t thing;                 /* a capability that is here, or in the depot */

void capability_begin(void)
{
    struct capos_endpoint_factory factory = {
        rt_capset_need("endpoints", CAPOS_ENDPOINT_FACTORY_ID)};

    depot.id = rt_capset_need("depot", DEMO_DEPOT_ID);
    CHECK_OK(capos_endpoint_factory_create(bench.ring, factory, &endpoint));
    CHECK_OK(capos_endpoint_mint(bench.ring, endpoint, 0, SOME_INTERFACE, &thing));
}

/*
 * A call that moves a capability to the other process, and a call whose answer moves it
 * back: each is one operation, a round trip that moves one capability.
 */
void move(uint32_t n)
{
    for (; n != 0; n -= 2) {
        CHECK(rt_ok(demo_depot_store(bench.ring, depot, rt_move(thing))));
        thing = CAP_ID_NONE;
        CHECK(rt_ok(demo_depot_fetch(bench.ring, depot, &thing)));
        CHECK(thing != CAP_ID_NONE);
    }
}

/*
 * One capability more of an endpoint, made from the one that is held and let go of: a
 * copy as its owner makes it, with a badge.
 */
void copy_release(uint32_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t copy = CAP_ID_NONE;
        CHECK(rt_ok(capos_endpoint_mint(bench.ring, endpoint, i, SOME_INTERFACE, &copy)));
        CHECK(copy != CAP_ID_NONE);
        CHECK(rt_ok(rt_release(bench.ring, copy)));
    }
}
