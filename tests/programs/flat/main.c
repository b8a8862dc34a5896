// SPDX-License-Identifier: MIT
/*
 * What the basic operations cost beside more and more of everything: processes that
 * wait, capabilities that are held, calls that are queued, bytes of a message, entries
 * that are submitted at a time. In ticks of the time-stamp
 * counter, which are guest instructions under -icount:
 *
 *     F <operation> <of what> <how many> <ticks>
 *
 * each the median of several rounds, with its answer taken and compared.
 *
 * The names of its first three grants say how many there are at most.
 */
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <support/check.h>
#include <support/child.h>

#define SOME_INTERFACE 0x5e5510a1d1b1c0deull
#define MAP_HINT       0x50000000ull
#define PAGE           4096u

/* A message area in which the longest message has room, and its answer. */
#define LARGE_AREA 262144u

/* The longest message that a server can take, whose room has the header in it. */
#define LONGEST (CAP_MESSAGE_MAX - (uint32_t)sizeof(struct cap_message_header))

/* Parameters and results of a call have room for a message, though none is sent. */
#define ROOM    64u

#define ROUNDS  9u
#define WARM_UP 4u

/* The most there may be. */
#define PROCESSES_MAX    1000u
#define CAPABILITIES_MAX 10000u
#define CALLS_MAX        100u

static struct {
    struct rt_ring *ring;
    struct capos_null_cap null;
    struct capos_process_spawner spawner;
    struct capos_endpoint_factory endpoints;
    struct capos_virtual_memory memory;
    uint64_t peer; /* a client facet of another process */
    uint64_t own;  /* an endpoint of this one */
    uint64_t self; /* its client facet */
    uint64_t busy; /* an endpoint that nobody receives from */
    uint64_t wait; /* its client facet */
} flat;

static uint64_t ticks(void)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

/* ---------------------------------------------------------------------------
 * Children */

/* Answers each call by as many bytes as it brought, until it is killed. */
static _Noreturn void serve(void)
{
    struct rt_ring *ring = rt_ring_borrow();
    struct rt_call call;

    CHECK_OK(rt_call_begin_serving(&call, ring, LONGEST, LONGEST, 0, 0));
    CHECK_OK(rt_call_receive(&call, rt_capset_need("serve", CAPOS_ENDPOINT_ID)));
    for (;;) {
        CHECK_OK(rt_call_wait(&call));
        uint32_t bytes = rt_call_results_bytes(&call) - (uint32_t)sizeof(struct cap_message_header);
        CHECK_OK(rt_call_return(&call, rt_call_received_id(&call), bytes, true));
    }
}

/* Spawns with one grant or none; the client facet of a fresh endpoint is in *client. */
static struct capos_process_handle spawn(const struct child_grant *grant, uint64_t *client)
{
    struct child child = child_default("child", "flat");
    struct capos_process_handle handle = {CAP_ID_NONE};

    child.grants = grant;
    child.grant_count = grant == NULL ? 0 : 1;
    child.sq_entries = 4;
    child.cq_entries = 8;
    child.area_bytes = client == NULL ? CAP_AREA_DEFAULT : LARGE_AREA;
    child.frames = 64 + child.area_bytes / PAGE;
    child.slots = 4;
    CHECK_OK(child_spawn(flat.ring, flat.spawner, &child, &handle, client));
    return handle;
}

static void await_end(struct capos_process_handle handle)
{
    struct rt_call call;

    CHECK_OK(capos_process_handle_wait_call(&call, flat.ring, handle, 256));
    rt_call_end(&call);
    CHECK_OK(rt_release(flat.ring, handle.id));
}

static void end_child(struct capos_process_handle handle)
{
    CHECK_OK(capos_process_handle_kill(flat.ring, handle));
    await_end(handle);
}

/* ---------------------------------------------------------------------------
 * What is measured */

static void ping(void)
{
    CHECK_OK(capos_null_cap_ping(flat.ring, flat.null));
}

/* A call of another process and back, with so many bytes each way. */
static void message(uint32_t bytes)
{
    struct rt_call call;

    CHECK_OK(rt_call_begin(&call, flat.ring, bytes, bytes));
    CHECK_OK(rt_call_submit(&call, flat.peer, SOME_INTERFACE, 0, bytes));
    CHECK_OK(rt_call_wait(&call));
    CHECK_EQ(rt_call_results_bytes(&call), bytes);
    rt_call_end(&call);
}

static void round_trip(void)
{
    message(0);
}

/* One capability more, and let go of. */
static void copy_release(void)
{
    uint64_t copy;

    CHECK_OK(rt_duplicate(flat.ring, flat.busy, &copy));
    CHECK_OK(rt_release(flat.ring, copy));
}

/* A capability is handed to an endpoint of the own, and what came is let go. */
static void transfer(void)
{
    struct rt_call receiver;
    struct rt_call call;

    CHECK_OK(rt_call_begin_serving(&receiver, flat.ring, ROOM, ROOM, 1, 0));
    CHECK_OK(rt_call_begin_with(&call, flat.ring, ROOM, ROOM, 1, 0));
    CHECK_OK(rt_call_receive(&receiver, flat.own));
    (void)rt_call_give(&call, rt_copy(flat.busy));
    CHECK_OK(rt_call_submit_with(&call, flat.self, SOME_INTERFACE, 0, 0));
    CHECK_OK(rt_call_wait(&receiver));
    uint64_t came = rt_call_take(&receiver, (struct capnp_capability){.there = true, .index = 0});
    CHECK_OK(rt_release(flat.ring, came));
    CHECK_OK(rt_call_return(&receiver, rt_call_received_id(&receiver), 0, false));
    CHECK_OK(rt_call_wait(&receiver));
    CHECK_OK(rt_call_wait(&call));
    rt_call_end(&receiver);
    rt_call_end(&call);
}

static void map_unmap(void)
{
    uint64_t address;

    CHECK_OK(capos_virtual_memory_map(flat.ring, flat.memory, MAP_HINT, PAGE,
                                      CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE, &address));
    CHECK_OK(capos_virtual_memory_unmap(flat.ring, flat.memory, address, PAGE));
}

/* A child that exits at once, until nothing of it is left. */
static void spawn_to_reap(void)
{
    await_end(spawn(NULL, NULL));
}

static struct cap_sqe raw_call(uint64_t client, uint64_t i)
{
    return (struct cap_sqe){
        .opcode = CAP_OP_CALL, .cap_id = client, .interface_id = SOME_INTERFACE, .user_data = i};
}

/* Queues one call more, by a raw entry, which completes with this user data. */
static void queue_call(uint64_t client, uint64_t i)
{
    struct cap_sqe sqe = raw_call(client, i);

    CHECK(rt_ring_push(flat.ring, &sqe));
    CHECK(rt_ring_enter(flat.ring, 0, CAP_TIMEOUT_POLL) >= 0);
}

static void take_completion(uint64_t i)
{
    struct cap_cqe cqe;

    while (!rt_ring_take(flat.ring, &cqe)) {
        CHECK(rt_ring_enter(flat.ring, 1, CAP_TIMEOUT_FOREVER) >= 0);
    }
    CHECK_EQ(cqe.user_data, i);
}

/* Queues a call behind all that wait for nothing, and gives it up. */
static void cancel(void)
{
    const uint64_t last = CALLS_MAX + 1u;
    struct cap_sqe sqe = {.opcode = CAP_OP_CANCEL, .params_addr = last, .user_data = last + 1u};

    queue_call(flat.wait, last);
    CHECK(rt_ring_push(flat.ring, &sqe));
    take_completion(last);
    take_completion(last + 1u);
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

/* Prints the median of rounds that took so long, each of so many operations. */
static void print_rounds(const char *name, const char *what, uint64_t n, uint64_t *rounds,
                         uint64_t operations)
{
    sort(rounds, ROUNDS);
    rt_printf("F %s %s %lu %lu\n", name, what, n, rounds[ROUNDS / 2u] / operations);
}

static void measure(const char *name, void (*operation)(void), const char *what, uint64_t n)
{
    uint64_t rounds[ROUNDS];

    for (uint32_t i = 0; i < WARM_UP; i++) {
        operation();
    }
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint64_t start = ticks();
        operation();
        rounds[i] = ticks() - start;
    }
    print_rounds(name, what, n, rounds, 1);
}

static void measure_all(const char *what, uint64_t n)
{
    measure("ping", ping, what, n);
    measure("round-trip", round_trip, what, n);
    measure("copy-release", copy_release, what, n);
    measure("transfer", transfer, what, n);
    measure("map-unmap", map_unmap, what, n);
    measure("spawn-to-reap", spawn_to_reap, what, n);
    measure("cancel", cancel, what, n);
}

/* ---------------------------------------------------------------------------
 * Of which there are more and more */

/* The next number to measure at: 1, 10, 100, …, and `most`. */
static uint64_t next_step(uint64_t n, uint64_t most)
{
    return n * 10 < most ? n * 10 : most;
}

static void crowd(uint64_t most)
{
    static struct capos_process_handle handles[PROCESSES_MAX];
    const struct child_grant grant = {.name = CAPNP_TEXT("wait"), .give = rt_copy(flat.wait)};
    uint64_t count = 0;

    CHECK(most <= PROCESSES_MAX);
    for (uint64_t n = 1; count < most; n = next_step(n, most)) {
        while (count < n) {
            handles[count++] = spawn(&grant, NULL);
        }
        measure_all("processes", n);
    }
    while (count > 0) {
        end_child(handles[--count]);
    }
}

static void hoard(uint64_t most)
{
    static uint64_t ids[CAPABILITIES_MAX];
    uint64_t count = 0;

    CHECK(most <= CAPABILITIES_MAX);
    for (uint64_t n = 1; count < most; n = next_step(n, most)) {
        while (count < n) {
            struct capos_endpoint owner = {flat.own};
            CHECK_OK(capos_endpoint_mint(flat.ring, owner, count, SOME_INTERFACE, &ids[count]));
            count++;
        }
        measure_all("capabilities", n);
    }
    while (count > 0) {
        rt_drop(flat.ring, ids[--count]);
    }
}

/* Serves the first of n calls that wait at the own endpoint, and says what it took. */
static uint64_t take_first(void)
{
    struct rt_call receiver;

    CHECK_OK(rt_call_begin_serving(&receiver, flat.ring, ROOM, ROOM, 0, 0));
    uint64_t start = ticks();
    CHECK_OK(rt_call_receive(&receiver, flat.own));
    CHECK_OK(rt_call_wait(&receiver));
    CHECK_OK(rt_call_return(&receiver, rt_call_received_id(&receiver), 0, false));
    CHECK_OK(rt_call_wait(&receiver));
    uint64_t took = ticks() - start;
    rt_call_end(&receiver);
    return took;
}

/* What is in the queue waits on, and what is taken from its front is put behind it. */
static void measure_queue(uint64_t n)
{
    uint64_t rounds[ROUNDS];

    for (uint64_t i = 0; i < n; i++) {
        queue_call(flat.self, i);
    }
    for (uint32_t i = 0; i < ROUNDS; i++) {
        rounds[i] = take_first();
        take_completion(i);
        queue_call(flat.self, n + i);
    }
    for (uint64_t i = 0; i < n; i++) {
        (void)take_first();
        take_completion(ROUNDS + i);
    }
    print_rounds("take-first", "calls", n, rounds, 1);
}

static void queue(uint64_t most)
{
    uint64_t count = 0;

    CHECK(most <= CALLS_MAX);
    for (uint64_t n = 1; count < most; n = next_step(n, most)) {
        while (count < n) {
            queue_call(flat.wait, count++);
        }
        measure_all("calls", n);
        measure_queue(n);
    }
    CHECK_OK(rt_release(flat.ring, flat.busy)); /* the last that could have answered */
    for (uint64_t i = 0; i < count; i++) {
        take_completion(i);
    }
}

/* Messages of no byte to the most there can be. */
static void lengthen(void)
{
    static const uint32_t lengths[] = {0, 16, 64, 256, 1024, 4096, 16384, LONGEST};

    for (uint32_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        uint64_t rounds[ROUNDS];
        message(lengths[k]);
        for (uint32_t i = 0; i < ROUNDS; i++) {
            uint64_t start = ticks();
            message(lengths[k]);
            rounds[i] = ticks() - start;
        }
        print_rounds("round-trip", "bytes", lengths[k], rounds, 1);
    }
}

/* So many entries like this one, submitted and completed together. */
static uint64_t batch(const struct cap_sqe *like, uint32_t n)
{
    uint64_t start = ticks();
    for (uint32_t i = 0; i < n; i++) {
        CHECK(rt_ring_push(flat.ring, like));
    }
    CHECK(rt_ring_enter(flat.ring, n, CAP_TIMEOUT_FOREVER) >= n);
    for (uint32_t i = 0; i < n; i++) {
        struct cap_cqe cqe;
        CHECK(rt_ring_take(flat.ring, &cqe) && cqe.result == 0);
    }
    return ticks() - start;
}

/* What one entry costs of one to a whole queue of them. */
static void fill_up(void)
{
    struct {
        const char *name;
        struct cap_sqe sqe;
    } kinds[] = {
        {"nop", {.opcode = CAP_OP_NOP}},
        {"round-trip", raw_call(flat.peer, 0)},
    };

    /* Empty messages lie in the area, as the client's do. */
    kinds[1].sqe.params_addr = (uintptr_t)flat.ring->area;
    kinds[1].sqe.result_addr = (uintptr_t)flat.ring->area;
    for (uint32_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        for (uint32_t n = 1; n <= flat.ring->sq_mask + 1u; n *= 2) {
            uint64_t rounds[ROUNDS];
            (void)batch(&kinds[kind].sqe, n);
            for (uint32_t i = 0; i < ROUNDS; i++) {
                rounds[i] = batch(&kinds[kind].sqe, n);
            }
            print_rounds(kinds[kind].name, "batch", n, rounds, n);
        }
    }
}

/* ------------------------------------------------------------------------- */

static void new_endpoint(uint64_t *owner, uint64_t *client)
{
    struct capos_endpoint endpoint = {CAP_ID_NONE};

    CHECK_OK(capos_endpoint_factory_create(flat.ring, flat.endpoints, &endpoint));
    CHECK_OK(capos_endpoint_mint(flat.ring, endpoint, 0, SOME_INTERFACE, client));
    *owner = endpoint.id;
}

int main(void)
{
    const struct child_grant fresh = {
        .name = CAPNP_TEXT("serve"), .kind = CHILD_ENDPOINT, .interface_id = SOME_INTERFACE};
    const struct capset_entry *entries = rt_capset()->entries;

    if (rt_capset()->count == 0) {
        return 0;
    }
    if (rt_capset_has(rt_capset(), "serve")) {
        serve();
    }
    if (rt_capset_has(rt_capset(), "wait")) {
        (void)rt_cap_enter(1, CAP_TIMEOUT_FOREVER);
        return 1;
    }
    flat.ring = demo_begin("flat");
    flat.spawner.id = rt_capset_need("spawner", CAPOS_PROCESS_SPAWNER_ID);
    flat.endpoints.id = rt_capset_need("endpoints", CAPOS_ENDPOINT_FACTORY_ID);
    flat.memory.id = rt_capset_need("memory", CAPOS_VIRTUAL_MEMORY_ID);
    CHECK(rt_capset_first(rt_capset(), CAPOS_NULL_CAP_ID, &flat.null.id));
    new_endpoint(&flat.own, &flat.self);
    new_endpoint(&flat.busy, &flat.wait);
    struct capos_process_handle peer = spawn(&fresh, &flat.peer);
    crowd(demo_number(&entries[0]));
    hoard(demo_number(&entries[1]));
    queue(demo_number(&entries[2]));
    lengthen();
    fill_up();
    end_child(peer);
    return demo_end();
}
