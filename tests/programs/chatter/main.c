// SPDX-License-Identifier: MIT
/*
 * Writes lines, in the way that the name of its Console says: "batch" submits as
 * many as its ring takes, all at once; "single" makes one call after the other.
 */
#include <capos.client.h>
#include <rt/capset.h>
#include <support/check.h>
#include <support/raw.h>

#define SINGLE_LINES 3000u

static int batch(struct rt_ring *ring, uint64_t console)
{
    static struct raw_message message;
    struct cap_sqe sqe = raw_console_line(console, &message, "batch", 5);
    struct cap_cqe cqe;
    uint32_t n = ring->sq_mask + 1u;

    for (uint32_t i = 0; i < n; i++) {
        CHECK(rt_ring_push(ring, &sqe));
    }
    CHECK_EQ(rt_ring_enter(ring, n, CAP_TIMEOUT_FOREVER), n);
    for (uint32_t i = 0; i < n; i++) {
        CHECK(rt_ring_take(ring, &cqe));
        CHECK_EQ(cqe.result, 0);
    }
    return 0;
}

static int single(struct rt_ring *ring, uint64_t console)
{
    for (uint32_t i = 0; i < SINGLE_LINES; i++) {
        CHECK(rt_ok(
            capos_console_write_line(ring, (struct capos_console){console}, CAPNP_TEXT("single"))));
    }
    return 0;
}

int main(void)
{
    struct rt_ring *ring = demo_begin("chatter");

    if (rt_capset_has(rt_capset(), "batch")) {
        return batch(ring, rt_capset_need("batch", CAPOS_CONSOLE_ID));
    }
    return single(ring, rt_capset_need("single", CAPOS_CONSOLE_ID));
}
