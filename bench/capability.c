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

/* One capability more in the own table, made from the one that is held and let go of. */
void copy_release(uint32_t n)
{
    for (; n != 0; n--) {
        uint64_t copy;
        CHECK(rt_ok(rt_duplicate(bench.ring, thing, &copy)));
        CHECK(copy != CAP_ID_NONE && copy != thing);
        CHECK(rt_ok(rt_release(bench.ring, copy)));
    }
}

/* A batch of copies; then of what has come, all let go of: each answer taken and compared. */
void copy_release_batch(uint32_t n)
{
    struct rt_ring *ring = bench.ring;
    struct cap_sqe copy = {.opcode = CAP_OP_COPY, .cap_id = thing};
    struct cap_sqe release = {.opcode = CAP_OP_RELEASE};
    uint64_t copies[BATCH];

    for (; n != 0; n -= BATCH) {
        for (uint64_t i = 0; i < BATCH; i++) {
            copy.user_data = i;
            ring->sq[ring->sq_tail++ & ring->sq_mask] = copy;
        }
        CHECK(rt_ring_enter(ring, BATCH, CAP_TIMEOUT_FOREVER) == BATCH);
        for (uint64_t i = 0; i < BATCH; i++) {
            const struct cap_cqe *cqe = &ring->cq[ring->cq_head++ & ring->cq_mask];
            CHECK(cqe->user_data == i && cqe->result == 0 && cqe->detail != thing);
            copies[i] = cqe->detail;
        }
        for (uint64_t i = 0; i < BATCH; i++) {
            release.cap_id = copies[i];
            release.user_data = i;
            ring->sq[ring->sq_tail++ & ring->sq_mask] = release;
        }
        CHECK(rt_ring_enter(ring, BATCH, CAP_TIMEOUT_FOREVER) == BATCH);
        for (uint64_t i = 0; i < BATCH; i++) {
            const struct cap_cqe *cqe = &ring->cq[ring->cq_head++ & ring->cq_mask];
            CHECK(cqe->user_data == i && cqe->result == 0);
        }
    }
    rt_ring_go_on(ring, ring->sq_tail, ring->cq_head);
}
