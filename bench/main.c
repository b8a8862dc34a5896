// SPDX-License-Identifier: MIT
/*
 * What the basic operations cost, in ticks of the time-stamp counter: guest
 * instructions under `make bench`, which runs the machine with -icount.
 *
 *     R <name> min <x> med <x> max <x>        ticks per operation, over all rounds
 *
 * The first row times a loop of two instructions and must read 2.00; where it does
 * not, ticks are not instructions and the other rows are no measure. Every
 * operation ends with its answer taken and compared. Rows that end in -32 have so
 * many in flight at once: they are throughput, not latency. "raw" rows leave out
 * the typed client and its messages.
 *
 * Nothing prints or waits inside a round. Each row has a warm-up of a tenth of one.
 */
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <rt/string.h>
#include <support/check.h>

#define ROUNDS     9u
#define ROUND_OPS  3200u
#define BATCH      32u
#define ECHO_BYTES 16u

static struct rt_ring *ring;
static struct capos_null_cap null_cap;
static uint64_t served; /* by the object so far */
static uint64_t entry;  /* user data of the next raw entry */

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

static void empty_cap_enter(uint32_t n)
{
    for (; n != 0; n--) {
        CHECK(rt_ring_enter(ring, 0, CAP_TIMEOUT_POLL) == 0);
    }
}

/* Raw entries, a batch at a time: each completion taken from the queue and compared. */
static void raw_batches(uint32_t n, uint32_t batch, const struct cap_sqe *like)
{
    for (; n != 0; n -= batch) {
        for (uint32_t i = 0; i < batch; i++) {
            struct cap_sqe *sqe = &ring->sq[ring->sq_tail++ & ring->sq_mask];
            *sqe = *like;
            sqe->user_data = entry + i;
        }
        CHECK(rt_ring_enter(ring, batch, CAP_TIMEOUT_FOREVER) == batch);
        for (uint32_t i = 0; i < batch; i++) {
            const struct cap_cqe *cqe = &ring->cq[ring->cq_head++ & ring->cq_mask];
            CHECK(cqe->user_data == entry + i && cqe->result == 0);
        }
        __atomic_store_n(&ring->header->cq_head, ring->cq_head, __ATOMIC_RELEASE);
        entry += batch;
    }
}

static void nop(uint32_t n)
{
    raw_batches(n, 1, &(struct cap_sqe){.opcode = CAP_OP_NOP});
}

static void nop_batch(uint32_t n)
{
    raw_batches(n, BATCH, &(struct cap_sqe){.opcode = CAP_OP_NOP});
}

/* NullCap.ping without the typed client. Its empty messages lie in the area, as the client's do. */
static struct cap_sqe raw_ping_entry(void)
{
    return (struct cap_sqe){
        .params_addr = (uintptr_t)ring->area,
        .result_addr = (uintptr_t)ring->area,
        .opcode = CAP_OP_CALL,
        .cap_id = null_cap.id,
        .interface_id = CAPOS_NULL_CAP_ID,
        .method_id = CAPOS_NULL_CAP_PING,
    };
}

static void raw_ping(uint32_t n)
{
    struct cap_sqe sqe = raw_ping_entry();

    raw_batches(n, 1, &sqe);
    served += n;
}

static void raw_ping_batch(uint32_t n)
{
    struct cap_sqe sqe = raw_ping_entry();

    raw_batches(n, BATCH, &sqe);
    served += n;
}

static void ping(uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        CHECK(rt_ok(capos_null_cap_ping(ring, null_cap)));
    }
    served += n;
}

static void ping_batch(uint32_t n)
{
    struct rt_call calls[BATCH];

    for (; n != 0; n -= BATCH) {
        for (uint32_t i = 0; i < BATCH; i++) {
            CHECK(rt_ok(capos_null_cap_ping_send(&calls[i], ring, null_cap)));
        }
        for (uint32_t i = 0; i < BATCH; i++) {
            CHECK(rt_ok(rt_call_wait(&calls[i])));
            rt_call_end(&calls[i]);
        }
        served += BATCH;
    }
}

/* The sum, the carry, and the count of calls served, which nobody else can have moved. */
static void check_sum(uint64_t a, uint64_t sum, bool carry, uint64_t count)
{
    served++;
    CHECK(sum == a + 2u && carry == (a + 2u < 2u) && count == served);
}

static void add(uint32_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t sum;
        bool carry;
        uint64_t count;
        CHECK(rt_ok(capos_null_cap_add(ring, null_cap, i - 1u, 1, 1, &sum, &carry, &count)));
        check_sum(i - 1u, sum, carry, count);
    }
}

static void add_batch(uint32_t n)
{
    struct rt_call calls[BATCH];

    for (; n != 0; n -= BATCH) {
        for (uint64_t i = 0; i < BATCH; i++) {
            CHECK(rt_ok(capos_null_cap_add_send(&calls[i], ring, null_cap, i - 1u, 1, 1)));
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

static const uint8_t payload[ECHO_BYTES] = "sixteen bytes  ";

#define ECHO_ROOM (CAPOS_NULL_CAP_ECHO_RESULTS_BYTES + ECHO_BYTES)

static void check_echo(const struct rt_call *call, uint64_t value)
{
    struct capnp_message m;
    struct capos_null_cap_echo_results results;

    CHECK(rt_ok(capos_null_cap_echo_take(call, &m, &results)));
    struct capnp_data data = capos_null_cap_echo_results_get_data(results);
    CHECK(capos_null_cap_echo_results_get_value(results) == value);
    CHECK(data.len == ECHO_BYTES && __builtin_memcmp(data.ptr, payload, ECHO_BYTES) == 0);
    served++;
}

static void echo(uint32_t n)
{
    const struct capnp_data data = {.ptr = payload, .len = ECHO_BYTES};
    struct rt_call call;

    for (uint32_t i = 0; i < n; i++) {
        CHECK(rt_ok(capos_null_cap_echo_call(&call, ring, null_cap, i, data, ECHO_ROOM)));
        check_echo(&call, i);
        rt_call_end(&call);
    }
}

static void echo_batch(uint32_t n)
{
    const struct capnp_data data = {.ptr = payload, .len = ECHO_BYTES};
    struct rt_call calls[BATCH];

    for (; n != 0; n -= BATCH) {
        for (uint32_t i = 0; i < BATCH; i++) {
            CHECK(rt_ok(capos_null_cap_echo_send(&calls[i], ring, null_cap, i, data, ECHO_ROOM)));
        }
        for (uint32_t i = 0; i < BATCH; i++) {
            CHECK(rt_ok(rt_call_wait(&calls[i])));
            check_echo(&calls[i], i);
            rt_call_end(&calls[i]);
        }
    }
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

/* Hundredths of a tick per operation. */
static uint64_t per_operation(uint64_t round_ticks)
{
    return (round_ticks * 100u + ROUND_OPS / 2u) / ROUND_OPS;
}

static void measure(const char *name, void (*operation)(uint32_t n))
{
    uint64_t rounds[ROUNDS];

    operation(ROUND_OPS / 10u);
    mark();
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint64_t start = ticks();
        operation(ROUND_OPS);
        rounds[i] = per_operation(ticks() - start);
    }
    mark();
    sort(rounds, ROUNDS);
    uint64_t least = rounds[0];
    uint64_t median = rounds[ROUNDS / 2u];
    uint64_t most = rounds[ROUNDS - 1u];
    rt_printf("R %s min %lu.%02lu med %lu.%02lu max %lu.%02lu\n", name, least / 100u, least % 100u,
              median / 100u, median % 100u, most / 100u, most % 100u);
}

_Static_assert(ROUND_OPS % (10u * BATCH) == 0, "rounds and warm-up are whole batches");

int main(void)
{
    ring = demo_begin("bench");
    null_cap.id = rt_capset_need("null", CAPOS_NULL_CAP_ID);
    CHECK(ring->sq_mask + 1u >= BATCH);

    measure("loop", loop);
    measure("cap_enter", empty_cap_enter);
    measure("nop", nop);
    measure("nop-32", nop_batch);
    measure("raw-ping", raw_ping);
    measure("raw-ping-32", raw_ping_batch);
    measure("ping", ping);
    measure("ping-32", ping_batch);
    measure("add", add);
    measure("add-32", add_batch);
    measure("echo", echo);
    measure("echo-32", echo_batch);

    null_cap.id = rt_capset_need("peer", CAPOS_NULL_CAP_ID);
    served = 0;
    measure("ipc-ping", ping);
    measure("ipc-ping-32", ping_batch);
    measure("ipc-add", add);
    measure("ipc-echo", echo);
    measure("ipc-echo-32", echo_batch);
    return demo_end();
}
