// SPDX-License-Identifier: MIT
/*
 * Attacks of docs/threats.md that nobody else tries in full: the name of the console says
 * which one.
 *
 *   buffers   each length at each kind of place, as parameters and as results, to an object
 *             of the kernel and to an endpoint, and the outcome of each is worked out first
 *   circles   ten thousand endpoints that only calls in their own queues, or in each other's,
 *             keep: all gone when the calls are given up, or their caller has died
 */
#include <abi/layout.h>
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <rt/string.h>
#include <support/check.h>
#include <support/raw.h>
#include <support/usage.h>

#define SOME_INTERFACE 0x7b4ea7e2ed5a1b1eull

static struct rt_ring *ring;
static struct capos_endpoint_factory factory;

/* ---------------------------------------------------------------------------
 * Buffers */

/* Two stretches of memory, nothing mapped below, between and behind them. */
#define PAGES     24u
#define BYTES     (PAGES * (uint64_t)USER_PAGE_BYTES)
#define WRITABLE  0x500000000000ull
#define READ_ONLY 0x500010000000ull

static const uint64_t places[] = {
    0,
    8,
    WRITABLE - 8u,
    WRITABLE,
    WRITABLE + 4u,
    WRITABLE + USER_PAGE_BYTES - 8u,
    WRITABLE + BYTES - USER_PAGE_BYTES,
    WRITABLE + BYTES - 40u,
    WRITABLE + BYTES - 8u,
    WRITABLE + BYTES - 4u,
    WRITABLE + BYTES,
    READ_ONLY,
    READ_ONLY + BYTES - 8u,
    USER_CAPSET_VADDR - 8u,
    USER_RING_VADDR + USER_RING_BYTES,
    USER_END - 8u,
    USER_END,
    0x0000800000000000ull,
    0xffff7ffffffffff8ull,
    0xffff800000100000ull,
    0xffffffff80200000ull,
    UINT64_MAX - 7u,
    UINT64_MAX,
};

static const uint32_t lengths[] = {
    0,
    4,
    8,
    16,
    32,
    40,
    USER_PAGE_BYTES,
    USER_PAGE_BYTES + 8u,
    CAP_KERNEL_MESSAGE_MAX,
    CAP_KERNEL_MESSAGE_MAX + 8u,
    CAP_MESSAGE_MAX,
    CAP_MESSAGE_MAX + 8u,
    CAP_ROOM_MAX,
    CAP_ROOM_MAX + 8u,
    0x7ffffff8u,
    0x80000000u,
    0xfffffff8u,
    0xffffffffu,
};

static bool lies_in(uint64_t address, uint32_t length, uint64_t from)
{
    return address >= from && length <= BYTES && address - from <= BYTES - length;
}

static bool is_there(uint64_t address, uint32_t length, bool write)
{
    return length == 0 || lies_in(address, length, WRITABLE) ||
           (!write && lies_in(address, length, READ_ONLY));
}

static bool is_well_formed(uint64_t address, uint32_t length, uint32_t most)
{
    return address % 8u == 0 && length % 8u == 0 && length <= most;
}

static bool is_good_message(uint64_t address, uint32_t length, uint32_t most)
{
    return is_well_formed(address, length, most) && is_there(address, length, false);
}

static bool is_good_room(uint64_t address, uint32_t length)
{
    return is_well_formed(address, length, CAP_ROOM_MAX) && is_there(address, length, true);
}

static struct {
    uint64_t null;
    uint64_t owner;
    uint64_t client;
} targets;

static uint64_t cases;

static void expect(const char *what, uint64_t address, uint32_t length, int32_t result,
                   int32_t expected)
{
    cases++;
    if (result != expected) {
        rt_printf("threat: %s of %u bytes at %lx\n", what, length, address);
        demo_fail_values(__FILE__, __LINE__, what, result, expected);
    }
}

/* The parameters' place decides; what stands there is zeros, all defaults. */
static void try_call(uint64_t address, uint32_t length)
{
    struct cap_sqe sqe = {.opcode = CAP_OP_CALL,
                          .cap_id = targets.null,
                          .interface_id = CAPOS_NULL_CAP_ID,
                          .method_id = CAPOS_NULL_CAP_PING,
                          .params_addr = address,
                          .params_len = length};

    bool good = is_good_message(address, length, CAP_KERNEL_MESSAGE_MAX);
    expect("parameters", address, length, raw_result(ring, &sqe), good ? 0 : CAP_ERR_BAD_PARAMS);
    sqe.params_addr = 0;
    sqe.params_len = 0;
    sqe.result_addr = address;
    sqe.result_len = length;
    good = is_good_room(address, length);
    expect("results", address, length, raw_result(ring, &sqe), good ? 0 : CAP_ERR_BAD_RESULT);
}

static void try_receive(uint64_t address, uint32_t length)
{
    struct cap_sqe sqe = {.opcode = CAP_OP_RECV,
                          .cap_id = targets.owner,
                          .result_addr = address,
                          .result_len = length,
                          .user_data = 1};
    struct cap_sqe cancel = {.opcode = CAP_OP_CANCEL, .params_addr = 1, .user_data = 2};
    bool good =
        is_good_room(address, length) && length >= (uint32_t)sizeof(struct cap_message_header);

    raw_send(ring, &sqe);
    raw_send(ring, &cancel);
    int32_t result = raw_await(ring, 1).result;
    expect("room for a call", address, length, result,
           good ? CAP_ERR_CANCELED : CAP_ERR_BAD_RESULT);
    CHECK_EQ(raw_await(ring, 2).result, good ? 0 : CAP_ERR_NOT_FOUND);
}

static _Alignas(8) uint8_t received[CAP_ROOM_MAX];
static _Alignas(8) uint8_t answered[CAP_ROOM_MAX];

/* As the parameters of a call that waits, is received, and is answered from there too. */
static void try_messages(uint64_t address, uint32_t length)
{
    struct cap_sqe call = {.opcode = CAP_OP_CALL,
                           .cap_id = targets.client,
                           .interface_id = SOME_INTERFACE,
                           .params_addr = address,
                           .params_len = length,
                           .result_addr = (uintptr_t)answered,
                           .result_len = sizeof answered,
                           .user_data = 1};
    struct cap_sqe receive = {.opcode = CAP_OP_RECV,
                              .cap_id = targets.owner,
                              .result_addr = (uintptr_t)received,
                              .result_len = sizeof received,
                              .user_data = 2};
    bool good = is_good_message(address, length, CAP_MESSAGE_MAX);

    raw_send(ring, &receive);
    raw_send(ring, &call);
    if (!good) {
        expect("message", address, length, raw_await(ring, 1).result, CAP_ERR_BAD_PARAMS);
        call.params_addr = 0;
        call.params_len = 0;
        raw_send(ring, &call);
    }
    struct cap_cqe came = raw_await(ring, 2);
    expect("message", address, length, came.result, good ? 32 + (int32_t)length : 32);
    struct cap_sqe back = {.opcode = CAP_OP_RETURN,
                           .interface_id = came.detail,
                           .params_addr = address,
                           .params_len = length,
                           .user_data = 3};
    raw_send(ring, &back);
    expect("answer", address, length, raw_await(ring, 3).result, good ? 0 : CAP_ERR_BAD_PARAMS);
    if (!good) {
        back.params_addr = 0;
        back.params_len = 0;
        raw_send(ring, &back);
        CHECK_EQ(raw_await(ring, 3).result, 0);
    }
    CHECK_EQ(raw_await(ring, 1).result, good ? (int32_t)length : 0);
}

static void open_targets(void)
{
    struct capos_endpoint owner;

    CHECK_OK(capos_endpoint_factory_create(ring, factory, &owner));
    CHECK_OK(capos_endpoint_mint(ring, owner, 0, SOME_INTERFACE, &targets.client));
    targets.owner = owner.id;
    targets.null = rt_capset_need("null", CAPOS_NULL_CAP_ID);
}

static void act_buffers(void)
{
    struct capos_virtual_memory vm = {rt_capset_need("memory", CAPOS_VIRTUAL_MEMORY_ID)};
    uint64_t at;

    open_targets();
    CHECK_OK(capos_virtual_memory_map(ring, vm, WRITABLE, BYTES,
                                      CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE, &at));
    CHECK_OK(capos_virtual_memory_map(ring, vm, READ_ONLY, BYTES,
                                      CAPOS_VIRTUAL_MEMORY_PROTECTION_READ, &at));
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
        for (size_t n = 0; n < sizeof lengths / sizeof *lengths; n++) {
            try_call(places[p], lengths[n]);
            try_receive(places[p], lengths[n]);
            try_messages(places[p], lengths[n]);
        }
    }
    rt_printf("threat: %lu buffers\n", cases);
}

/* ---------------------------------------------------------------------------
 * Circles */

#define CIRCLES        10000u
#define BETWEEN_PAUSES 64u

static struct cap_transfer gifts[2];

static uint64_t new_endpoint(uint64_t *client)
{
    struct capos_endpoint owner;

    CHECK_OK(capos_endpoint_factory_create(ring, factory, &owner));
    CHECK_OK(capos_endpoint_mint(ring, owner, 0, SOME_INTERFACE, client));
    return owner.id;
}

/* A call that waits in the queue behind `client`, and keeps both of these facets. */
static void send_with(uint64_t client, uint64_t owner, uint64_t user_data)
{
    struct cap_sqe sqe = {.opcode = CAP_OP_CALL,
                          .cap_id = client,
                          .interface_id = SOME_INTERFACE,
                          .cap_count = 2,
                          .params_addr = (uintptr_t)gifts,
                          .user_data = user_data};

    gifts[0] = rt_copy(owner);
    gifts[1] = rt_copy(client);
    raw_send(ring, &sqe);
    CHECK(!raw_has_completed(ring, user_data));
}

static void cancel(uint64_t user_data)
{
    struct cap_sqe sqe = {
        .opcode = CAP_OP_CANCEL, .params_addr = user_data, .user_data = user_data + 1u};

    raw_send(ring, &sqe);
    CHECK_EQ(raw_await(ring, user_data).result, CAP_ERR_CANCELED);
    CHECK_EQ(raw_await(ring, user_data + 1u).result, 0);
}

static void let_go(uint64_t owner, uint64_t client)
{
    CHECK_OK(rt_release(ring, owner));
    CHECK_OK(rt_release(ring, client));
}

/* One that its own queue keeps, and two that keep each other; nobody else does. */
static void make_circles(void)
{
    uint64_t clients[3];
    uint64_t owners[3];

    for (uint32_t i = 0; i < 3; i++) {
        owners[i] = new_endpoint(&clients[i]);
    }
    send_with(clients[0], owners[0], 10);
    send_with(clients[1], owners[2], 20);
    send_with(clients[2], owners[1], 30);
    for (uint32_t i = 0; i < 3; i++) {
        let_go(owners[i], clients[i]);
    }
}

static void act_circles(void)
{
    struct usage before = usage_now(ring);

    for (uint32_t i = 0; i < CIRCLES / 2u; i++) {
        make_circles();
        cancel(10);
        cancel(20);
        cancel(30);
        if (i % BETWEEN_PAUSES == 0) { /* what is deferred is done while nobody is ready */
            CHECK_EQ(rt_ring_enter(ring, 1, 1), 0);
        }
    }
    CHECK_EQ(rt_ring_enter(ring, 1, 1), 0);
    CHECK(usage_equal(usage_now(ring), before));
    rt_printf("threat: %u circles\n", CIRCLES);
    make_circles(); /* and left behind */
}

int main(void)
{
    ring = demo_begin("threat");
    factory.id = rt_capset_need("endpoints", CAPOS_ENDPOINT_FACTORY_ID);
    if (rt_capset_has(rt_capset(), "buffers")) {
        act_buffers();
    } else {
        CHECK(rt_capset_has(rt_capset(), "circles"));
        act_circles();
    }
    return demo_end();
}
