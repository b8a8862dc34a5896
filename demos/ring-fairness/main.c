// SPDX-License-Identifier: MIT
/*
 * A process that floods its ring does not starve another. Three services run this
 * program; the name of the Console each was granted tells it its part.
 *
 * A "flooder" submits full batches without ever waiting. One has a ring so large
 * that a batch is more than the kernel drains at once; the other's batches are
 * small, so that only the timer can take the processor from it. The "victim" works
 * in short bursts and sleeps between them. It must be through while the floods go
 * on: its line comes before theirs, and `expect` says so. For that a flood lasts
 * several times as long as the victim needs, in entries, which a slow or busy
 * machine stretches for all, and in time, which a fast one does not shorten.
 */
#include <rt/capset.h>
#include <rt/print.h>
#include <support/check.h>

#define FLOOD_ENTRIES 1000000u
#define FLOOD_SLEEPS  25u /* as long as so many sleeps */
#define BURSTS        5u
#define BURST_ENTRIES 200u
#define SLEEP_NS      5000000ull

static struct rt_ring *ring;

static uint64_t clock_counts(void)
{
    return __builtin_ia32_rdtsc();
}

/* Sleeps, and says how long that was. */
static uint64_t nap(void)
{
    uint64_t start = clock_counts();

    CHECK_EQ(rt_ring_enter(ring, 1, SLEEP_NS), 0);
    return clock_counts() - start;
}

/* One batch: n entries in, their completions out, in order. `first` is the first's user data. */
static void batch(uint32_t n, uint64_t first)
{
    struct cap_cqe cqe;

    for (uint32_t i = 0; i < n; i++) {
        CHECK(rt_ring_push(ring, &(struct cap_sqe){.opcode = CAP_OP_NOP, .user_data = first + i}));
    }
    CHECK_EQ(rt_ring_enter(ring, 0, CAP_TIMEOUT_POLL), n);
    for (uint32_t i = 0; i < n; i++) {
        CHECK(rt_ring_take(ring, &cqe));
        CHECK_EQ(cqe.user_data, first + i);
    }
}

static int flood(void)
{
    uint32_t n = ring->sq_mask + 1u;
    uint64_t least_time = nap() * FLOOD_SLEEPS;
    uint64_t start = clock_counts();

    for (uint64_t done = 0; done < FLOOD_ENTRIES || clock_counts() - start < least_time;
         done += n) {
        batch(n, done);
    }
    rt_printf("ring-fairness: a flooder has progressed, by batches of %u\n", n);
    return demo_end();
}

static int suffer(void)
{
    uint64_t done = 0;

    for (uint32_t burst = 0; burst < BURSTS; burst++) {
        for (uint32_t i = 0; i < BURST_ENTRIES; i++) {
            batch(1, done++);
        }
        (void)nap();
    }
    rt_printf("ring-fairness: the victim has done its work during the floods\n");
    return demo_end();
}

int main(void)
{
    ring = demo_begin("ring-fairness");
    if (rt_capset_has(rt_capset(), "flooder")) {
        return flood();
    }
    CHECK(rt_capset_has(rt_capset(), "victim"));
    return suffer();
}
