// SPDX-License-Identifier: MIT
/* Short typed calls of NullCap, which the kernel serves or another process. */
#include "rows.h"

/* Those of a batch. */
static struct rt_call calls[BATCH];

void ping(uint32_t n)
{
    struct rt_ring *ring = bench.ring;
    struct capos_null_cap null = bench.null;

    for (uint32_t i = 0; i < n; i++) {
        CHECK(rt_ok(capos_null_cap_ping(ring, null)));
    }
    bench.served += n;
}

void ping_batch(uint32_t n)
{
    struct rt_ring *ring = bench.ring;
    struct capos_null_cap null = bench.null;

    for (; n != 0; n -= BATCH) {
        for (struct rt_call *call = calls; call < calls + BATCH; call++) {
            CHECK(rt_ok(capos_null_cap_ping_send(call, ring, null)));
        }
        for (struct rt_call *call = calls; call < calls + BATCH; call++) {
            CHECK(rt_ok(rt_call_wait(call)));
            rt_call_end(call);
        }
        bench.served += BATCH;
    }
}

/* The sum, the carry, and the count of calls served, which nobody else can have moved. */
static void check_sum(uint64_t a, uint64_t sum, bool carry, uint64_t count)
{
    bench.served++;
    CHECK(sum == a + 2u && carry == (a + 2u < 2u) && count == bench.served);
}

void add(uint32_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t sum;
        bool carry;
        uint64_t count;
        CHECK(
            rt_ok(capos_null_cap_add(bench.ring, bench.null, i - 1u, 1, 1, &sum, &carry, &count)));
        check_sum(i - 1u, sum, carry, count);
    }
}

void add_batch(uint32_t n)
{
    struct rt_ring *ring = bench.ring;
    struct capos_null_cap null = bench.null;

    for (; n != 0; n -= BATCH) {
        struct rt_call *call = calls;
        for (uint64_t i = 0; i < BATCH; i++, call++) {
            CHECK(rt_ok(capos_null_cap_add_send(call, ring, null, i - 1u, 1, 1)));
        }
        call = calls;
        for (uint64_t i = 0; i < BATCH; i++, call++) {
            uint64_t sum;
            bool carry;
            uint64_t count;
            CHECK(rt_ok(rt_call_wait(call)));
            CHECK(rt_ok(capos_null_cap_add_take(call, &sum, &carry, &count)));
            check_sum(i - 1u, sum, carry, count);
            rt_call_end(call);
        }
    }
}

/* With the data, the room that an answer takes. */
#define ECHO_ROOM(bytes) (CAPOS_NULL_CAP_ECHO_RESULTS_BYTES + (bytes))

/* In line, as it is in a program that has one place for it. */
static inline CAPNP_INLINE void check_echo(const struct rt_call *call, uint64_t value)
{
    uint64_t echoed;
    struct capnp_data data;

    CHECK(rt_ok(capos_null_cap_echo_take(call, &echoed, &data)));
    CHECK(echoed == value);
    CHECK(data.len == ECHO_BYTES && __builtin_memcmp(data.ptr, bench.data, ECHO_BYTES) == 0);
}

void echo(uint32_t n)
{
    const struct capnp_data data = {.ptr = bench.data, .len = ECHO_BYTES};
    struct rt_ring *ring = bench.ring;
    struct capos_null_cap null = bench.null;
    struct rt_call call;

    for (uint32_t i = 0; i < n; i++) {
        CHECK(rt_ok(capos_null_cap_echo_call(&call, ring, null, i, data, ECHO_ROOM(ECHO_BYTES))));
        check_echo(&call, i);
        rt_call_end(&call);
    }
    bench.served += n;
}

void echo_batch(uint32_t n)
{
    const struct capnp_data data = {.ptr = bench.data, .len = ECHO_BYTES};
    struct rt_ring *ring = bench.ring;
    struct capos_null_cap null = bench.null;

    for (; n != 0; n -= BATCH) {
        struct rt_call *call = calls;
        for (uint64_t i = 0; i < BATCH; i++, call++) {
            CHECK(
                rt_ok(capos_null_cap_echo_send(call, ring, null, i, data, ECHO_ROOM(ECHO_BYTES))));
        }
        call = calls;
        for (uint64_t i = 0; i < BATCH; i++, call++) {
            CHECK(rt_ok(rt_call_wait(call)));
            check_echo(call, i);
            rt_call_end(call);
        }
        bench.served += BATCH;
    }
}
