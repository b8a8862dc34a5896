// SPDX-License-Identifier: MIT
/* Short typed calls of NullCap, which the kernel serves or another process. */
#include "rows.h"

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
    struct rt_call calls[BATCH];

    for (; n != 0; n -= BATCH) {
        for (uint32_t i = 0; i < BATCH; i++) {
            CHECK(rt_ok(capos_null_cap_ping_send(&calls[i], ring, null)));
        }
        for (uint32_t i = 0; i < BATCH; i++) {
            CHECK(rt_ok(rt_call_wait(&calls[i])));
            rt_call_end(&calls[i]);
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
    struct rt_call calls[BATCH];

    for (; n != 0; n -= BATCH) {
        for (uint64_t i = 0; i < BATCH; i++) {
            CHECK(rt_ok(capos_null_cap_add_send(&calls[i], bench.ring, bench.null, i - 1u, 1, 1)));
        }
        for (uint64_t i = 0; i < BATCH; i++) {
            uint64_t sum;
            bool carry;
            uint64_t count;
            CHECK(rt_ok(rt_call_wait(&calls[i])));
            CHECK(rt_ok(capos_null_cap_add_take(&calls[i], &sum, &carry, &count)));
            check_sum(i - 1u, sum, carry, count);
            rt_call_end(&calls[i]);
        }
    }
}

#define ECHO_BYTES 16u

/* With the data, the room that an answer takes. */
#define ECHO_ROOM(bytes) (CAPOS_NULL_CAP_ECHO_RESULTS_BYTES + (bytes))

static const uint8_t payload[ECHO_BYTES] = "sixteen bytes  ";

/* In line, as it is in a program that has one place for it. */
static inline CAPNP_INLINE void check_echo(const struct rt_call *call, uint64_t value)
{
    uint64_t echoed;
    struct capnp_data data;

    CHECK(rt_ok(capos_null_cap_echo_take(call, &echoed, &data)));
    CHECK(echoed == value);
    CHECK(data.len == ECHO_BYTES && __builtin_memcmp(data.ptr, payload, ECHO_BYTES) == 0);
    bench.served++;
}

void echo(uint32_t n)
{
    const struct capnp_data data = {.ptr = payload, .len = ECHO_BYTES};
    struct rt_ring *ring = bench.ring;
    struct capos_null_cap null = bench.null;
    struct rt_call call;

    for (uint32_t i = 0; i < n; i++) {
        CHECK(rt_ok(capos_null_cap_echo_call(&call, ring, null, i, data, ECHO_ROOM(ECHO_BYTES))));
        check_echo(&call, i);
        rt_call_end(&call);
    }
}

void echo_batch(uint32_t n)
{
    const struct capnp_data data = {.ptr = payload, .len = ECHO_BYTES};
    struct rt_ring *ring = bench.ring;
    struct capos_null_cap null = bench.null;
    struct rt_call calls[BATCH];

    for (; n != 0; n -= BATCH) {
        for (uint32_t i = 0; i < BATCH; i++) {
            CHECK(rt_ok(
                capos_null_cap_echo_send(&calls[i], ring, null, i, data, ECHO_ROOM(ECHO_BYTES))));
        }
        for (uint32_t i = 0; i < BATCH; i++) {
            CHECK(rt_ok(rt_call_wait(&calls[i])));
            check_echo(&calls[i], i);
            rt_call_end(&calls[i]);
        }
    }
}
