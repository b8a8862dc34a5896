// SPDX-License-Identifier: MIT
/*
 * What the basic operations cost, in ticks of the time-stamp counter: guest
 * instructions under `make bench`, which runs the machine with -icount.
 *
 *     R <name> min <x> med <x> max <x> ops <n>
 *
 * Ticks per operation, over all rounds, of so many operations each. The first row times
 * a loop of two instructions and must read 2.00; where it does not, ticks are not
 * instructions and the other rows are no measure. Every operation ends with its answer
 * taken and compared. Rows that end in -32 have so many in flight at once: they are
 * throughput, not latency. "raw" rows leave out the typed client and its messages;
 * "ipc" rows are served by another process.
 *
 * Nothing prints or waits inside a round. Each row has a warm-up of a tenth of one.
 */
#include "rows.h"

#include <rt/capset.h>
#include <rt/print.h>

#define ROUNDS 9u

/*
 * Operations of a round: of the rows in which one process calls the kernel, of those that
 * take longer, and of a process. A round should be shorter than what the host of an
 * emulator gives it at a time.
 */
#define MANY 3200u
#define SOME 320u
#define FEW  10u

struct bench bench = {.data = "sixteen bytes  "};

void bench_call(uint64_t null_cap)
{
    bench.null.id = null_cap;
    bench.served = 0;
}

static uint64_t ticks(void)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

/* Begins, and ends, what tools/profile counts. Does nothing. */
static void mark(void)
{
    __asm__ volatile("xchg %%bx, %%bx" : : : "memory");
}

/* Two instructions an operation. */
static void loop(uint32_t n)
{
    __asm__ volatile("1:\n\tdecl %0\n\tjnz 1b" : "+r"(n) : : "cc");
}

static void sort(uint64_t *values, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        for (uint32_t j = i; j > 0 && values[j] < values[j - 1u]; j--) {
            uint64_t larger = values[j - 1u];
            values[j - 1u] = values[j];
            values[j] = larger;
        }
    }
}

static void measure(const char *name, void (*operation)(uint32_t n), uint32_t ops)
{
    uint64_t rounds[ROUNDS]; /* hundredths of a tick per operation */

    bench.is_warming_up = true;
    operation(ops / 10u);
    bench.is_warming_up = false;
    mark();
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint64_t start = ticks();
        operation(ops);
        rounds[i] = ((ticks() - start) * 100u + ops / 2u) / ops;
    }
    mark();
    sort(rounds, ROUNDS);
    uint64_t least = rounds[0];
    uint64_t median = rounds[ROUNDS / 2u];
    uint64_t most = rounds[ROUNDS - 1u];
    rt_printf("R %s min %lu.%02lu med %lu.%02lu max %lu.%02lu ops %u\n", name, least / 100u,
              least % 100u, median / 100u, median % 100u, most / 100u, most % 100u, ops);
}

_Static_assert(MANY % (10u * BATCH) == 0 && SOME % (10u * BATCH) == 0,
               "rounds and warm-up are whole batches");

int main(void)
{
    bench.ring = demo_begin("bench");
    CHECK(bench.ring->sq_mask + 1u >= BATCH);
    capability_begin();
    process_begin();

    bench_call(rt_capset_need("null", CAPOS_NULL_CAP_ID));
    measure("loop", loop, MANY);
    measure("cap_enter", empty_cap_enter, MANY);
    measure("nop", nop, MANY);
    measure("nop-32", nop_batch, MANY);
    measure("raw-ping", raw_ping, MANY);
    measure("raw-ping-32", raw_ping_batch, MANY);
    measure("ping", ping, MANY);
    measure("ping-32", ping_batch, MANY);
    measure("add", add, MANY);
    measure("add-32", add_batch, MANY);
    measure("echo", echo, MANY);
    measure("echo-32", echo_batch, MANY);

    bench_call(rt_capset_need("peer", CAPOS_NULL_CAP_ID));
    measure("ipc-ping", ping, SOME);
    measure("ipc-ping-32", ping_batch, SOME);
    measure("ipc-add", add, SOME);
    measure("ipc-echo", echo, SOME);
    measure("ipc-echo-32", echo_batch, SOME);
    measure("ipc-move", move, SOME);

    bench_call(rt_capset_need("large", CAPOS_NULL_CAP_ID));
    measure("ipc-echo-1k", echo_1k, SOME);
    measure("ipc-echo-4k", echo_4k, SOME);
    bench.bulk.id = rt_capset_need("bulk", DEMO_DEPOT_ID);
    measure("ipc-1k", invert_1k, SOME);
    measure("ipc-4k", invert_4k, SOME);

    measure("copy-release", copy_release, SOME);
    measure("copy-release-32", copy_release_batch, SOME);
    measure("page", page, SOME);
    measure("spawn", spawn, FEW);
    return demo_end();
}
