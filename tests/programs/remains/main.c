// SPDX-License-Identifier: MIT
/*
 * What is left of others, and of the kernel, where a program can look.
 *
 * Born with a spawner, it has one child after another: a painter, which writes a pattern
 * over all the memory it can get, over its stack, its ring, and through messages over what
 * the kernel copies them into; then a scanner, which gets the same frames, and must not
 * find a word of it anywhere, and fresh pages zero to the last byte.
 *
 * Then it looks at what the kernel writes itself: before each entry of a table all of the
 * completion queue and of the result buffer is poisoned; afterwards every field of the one
 * completion has a value of its own, and not a byte beside that and the result is touched.
 */
#include <abi/layout.h>
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/string.h>
#include <support/check.h>
#include <support/child.h>
#include <support/raw.h>

#define PATTERN        0x5ec4e75ec4e75ec4ull
#define POISON         0xa5
#define PIECE          ((uint64_t)MEMORY_PAGES_MAX * USER_PAGE_BYTES)
#define PIECE_MIN      (16ull * USER_PAGE_BYTES)
#define ROUNDS         2u
#define SOME_INTERFACE 0x4e3a145bee9b0a7eull

/* Frames of a child: nearly all of the machine that the test boots. */
#define CHILD_FRAMES 11000u

/* Of those, at least so many pages must have been painted and scanned. */
#define PAGES_LEAST 10000u

static struct rt_ring *ring;

/* An address that the compiler knows nothing about. */
static uint64_t *at(uint64_t address)
{
    uint64_t *p;

    __asm__("" : "=r"(p) : "0"(address));
    return p;
}

static void paint(uint64_t from, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes / 8u; i++) {
        at(from)[i] = PATTERN;
    }
}

/* Words that are the pattern, or anything but zero. */
static uint64_t count(uint64_t from, uint64_t bytes, bool any)
{
    uint64_t found = 0;

    for (uint64_t i = 0; i < bytes / 8u; i++) {
        found += any ? at(from)[i] != 0 : at(from)[i] == PATTERN;
    }
    return found;
}

/* Below what is in use of the stack. */
static uint64_t stack_bytes(void)
{
    uint64_t here = (uint64_t)__builtin_frame_address(0);

    return here - 512u - (USER_STACK_TOP - USER_STACK_BYTES);
}

/* ---------------------------------------------------------------------------
 * Children */

/* Maps all there is, in ever smaller pieces, and does this with each. How many pages. */
static uint64_t with_all_memory(void (*visit)(uint64_t from, uint64_t bytes))
{
    struct capos_virtual_memory vm = {rt_capset_need("memory", CAPOS_VIRTUAL_MEMORY_ID)};
    uint64_t pages = 0;
    uint64_t address;

    for (uint64_t bytes = PIECE; bytes >= PIECE_MIN;) {
        if (rt_ok(capos_virtual_memory_map(ring, vm, 0, bytes,
                                           CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE, &address))) {
            visit(address, bytes);
            pages += bytes / USER_PAGE_BYTES;
        } else {
            bytes /= 2u;
        }
    }
    return pages;
}

static void expect_zero(uint64_t from, uint64_t bytes)
{
    CHECK_EQ(count(from, bytes, true), 0);
}

/* A message of nothing but the pattern, as long as an object of the kernel takes, and refused. */
static void paint_kernel(uint64_t console)
{
    static uint64_t words[CAP_KERNEL_MESSAGE_MAX / 8u];
    struct cap_sqe sqe = {.opcode = CAP_OP_CALL,
                          .cap_id = console,
                          .interface_id = CAPOS_CONSOLE_ID,
                          .method_id = CAPOS_CONSOLE_WRITE_LINE,
                          .params_addr = (uintptr_t)words};

    paint((uintptr_t)words, sizeof words);
    for (sqe.params_len = 64; sqe.params_len <= sizeof words; sqe.params_len *= 2u) {
        CHECK_EQ(raw_exception(ring, &sqe), CAP_EXC_INVALID_ARGUMENT);
    }
}

static int painter(uint64_t console)
{
    uint64_t pages = with_all_memory(paint);

    CHECK(pages >= PAGES_LEAST);
    paint_kernel(console);
    paint((uintptr_t)ring->area, ring->header->area_bytes);
    paint(USER_STACK_TOP - USER_STACK_BYTES, stack_bytes());
    return 0;
}

static int scanner(void)
{
    CHECK_EQ(count(USER_STACK_TOP - USER_STACK_BYTES, stack_bytes(), false), 0);
    CHECK_EQ(count(USER_RING_VADDR, ring->header->region_bytes, false), 0);
    CHECK_EQ(count(USER_CAPSET_VADDR, USER_PAGE_BYTES, false), 0);
    CHECK(with_all_memory(expect_zero) >= PAGES_LEAST);
    return 0;
}

static void run_child(struct capos_process_spawner spawner, const char *role, uint64_t console)
{
    const struct child_grant grants[] = {
        {.name = capnp_text_from(role), .give = rt_copy(console)},
        {.name = CAPNP_TEXT("memory"), .kind = CHILD_VIRTUAL_MEMORY},
    };
    struct capos_process_handle_wait_results results;
    struct child child = child_default("child", "remains");
    struct capos_process_handle handle;
    struct capnp_message m;
    struct rt_call call;

    child.grants = grants;
    child.grant_count = sizeof grants / sizeof *grants;
    child.frames = CHILD_FRAMES;
    CHECK_OK(child_spawn(ring, spawner, &child, &handle, NULL));
    CHECK_OK(capos_process_handle_wait_call(&call, ring, handle, 256));
    CHECK_OK(capos_process_handle_wait_take(&call, &m, &results));
    struct capos_process_status status = capos_process_handle_wait_results_get_status(results);
    CHECK_EQ(capos_process_status_which(status), CAPOS_PROCESS_STATUS_EXITED);
    CHECK_EQ(capos_process_status_get_exited(status), 0);
    rt_call_end(&call);
    CHECK_OK(rt_release(ring, handle.id));
}

/* ---------------------------------------------------------------------------
 * What the kernel writes */

static _Alignas(8) uint8_t room[CAP_ROOM_MAX + 64u];

/* How many bytes from `from` on are not poison. */
static uint64_t touched(const uint8_t *from, uint64_t bytes)
{
    uint64_t found = 0;

    for (uint64_t i = 0; i < bytes; i++) {
        found += from[i] != POISON;
    }
    return found;
}

/* Takes the one completion there must be, all else in queue and buffer being poison. */
static struct cap_cqe check_writes(void)
{
    const uint8_t *queue = (const uint8_t *)ring->cq;
    uint64_t bytes = (ring->cq_mask + 1u) * sizeof *ring->cq;
    struct cap_cqe cqe;

    CHECK_EQ(rt_ring_enter(ring, 1, CAP_TIMEOUT_FOREVER), 1);
    uint64_t before = (ring->cq_head & ring->cq_mask) * sizeof cqe;
    CHECK_EQ(touched(queue, before), 0);
    CHECK_EQ(touched(queue + before + sizeof cqe, bytes - before - sizeof cqe), 0);
    CHECK(rt_ring_take(ring, &cqe));
    CHECK_EQ(cqe.reserved, 0);
    if (cqe.result < 0 && cqe.result != CAP_ERR_EXCEPTION) {
        CHECK_EQ(cqe.flags | cqe.cap_count | cqe.detail, 0);
    }
    uint64_t written = cqe.result >= 0                   ? (uint64_t)cqe.result
                       : cqe.result == CAP_ERR_EXCEPTION ? cqe.detail
                                                         : 0;
    written += cqe.cap_count * sizeof(struct cap_record);
    CHECK_EQ(touched(room + written, sizeof room - written), 0);
    CHECK_EQ(count((uintptr_t)room, written, false), 0);
    return cqe;
}

static void poison(void)
{
    memset((void *)(uintptr_t)ring->cq, POISON, (ring->cq_mask + 1u) * sizeof *ring->cq);
    memset(room, POISON, sizeof room);
}

static struct cap_cqe check_entry(const char *name, struct cap_sqe sqe)
{
    demo_case(name);
    sqe.user_data = RAW_USER_DATA;
    poison();
    CHECK(rt_ring_push(ring, &sqe));
    struct cap_cqe cqe = check_writes();
    CHECK_EQ(cqe.user_data, RAW_USER_DATA);
    demo_case(NULL);
    return cqe;
}

static struct cap_sqe call_of(uint64_t id, uint64_t interface, uint16_t method)
{
    return (struct cap_sqe){.opcode = CAP_OP_CALL,
                            .cap_id = id,
                            .interface_id = interface,
                            .method_id = method,
                            .result_addr = (uintptr_t)room,
                            .result_len = CAP_KERNEL_MESSAGE_MAX,
                            .cap_room = 8};
}

/* Every method that works without parameters, behind messages full of the pattern. */
static void check_calls(uint64_t console, uint64_t null, uint64_t manager, uint64_t endpoints)
{
    paint_kernel(console);
    CHECK(check_entry("ping", call_of(null, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_PING)).result >= 0);
    CHECK(check_entry("add", call_of(null, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ADD)).result > 0);
    CHECK(check_entry("echo", call_of(null, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ECHO)).result > 0);
    paint_kernel(console);
    for (uint16_t method = 0; method < CAPOS_CAPABILITY_MANAGER_METHOD_COUNT; method++) {
        CHECK(check_entry("manager", call_of(manager, CAPOS_CAPABILITY_MANAGER_ID, method)).result >
              0);
    }
    struct cap_cqe made = check_entry(
        "create", call_of(endpoints, CAPOS_ENDPOINT_FACTORY_ID, CAPOS_ENDPOINT_FACTORY_CREATE));
    CHECK_EQ(made.cap_count, 1);
    struct cap_record record;
    memcpy(&record, room + made.result, sizeof record);
    struct cap_cqe refused =
        check_entry("mint", call_of(record.cap_id, CAPOS_ENDPOINT_ID, CAPOS_ENDPOINT_MINT));
    CHECK_EQ(refused.flags & CAP_CQE_F_EXC_MASK, CAP_EXC_INVALID_ARGUMENT);
    CHECK_EQ(check_entry("no method", call_of(null, CAPOS_NULL_CAP_ID, 99)).result,
             CAP_ERR_EXCEPTION);
    CHECK_EQ(check_entry("wrong interface", call_of(null, CAPOS_CONSOLE_ID, 0)).result,
             CAP_ERR_WRONG_INTERFACE);
    CHECK_EQ(check_entry("stale", call_of(~0ull, CAPOS_CONSOLE_ID, 0)).result,
             CAP_ERR_INVOKE_FAILED);
}

/* Everything that is answered at once and is not a call. */
static void check_others(void)
{
    static const struct {
        const char *name;
        struct cap_sqe sqe;
        int32_t result;
    } entries[] = {
        {"nop", {.opcode = CAP_OP_NOP}, 0},
        {"nop with flags", {.opcode = CAP_OP_NOP, .flags = 1}, CAP_ERR_INVALID_REQUEST},
        {"pipelined", {.opcode = CAP_OP_CALL, .flags = 1}, CAP_ERR_UNSUPPORTED_OPCODE},
        {"recv", {.opcode = CAP_OP_RECV}, CAP_ERR_INVOKE_FAILED},
        {"return", {.opcode = CAP_OP_RETURN}, CAP_ERR_NOT_FOUND},
        {"release", {.opcode = CAP_OP_RELEASE}, CAP_ERR_INVOKE_FAILED},
        {"cancel", {.opcode = CAP_OP_CANCEL, .params_addr = 1}, CAP_ERR_NOT_FOUND},
        {"copy", {.opcode = CAP_OP_COPY}, CAP_ERR_INVOKE_FAILED},
        {"finish", {.opcode = CAP_OP_FINISH}, CAP_ERR_UNSUPPORTED_OPCODE},
        {"unknown", {.opcode = 255}, CAP_ERR_INVALID_REQUEST},
    };

    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        CHECK_EQ(check_entry(entries[i].name, entries[i].sqe).result, entries[i].result);
    }
}

/* A call to itself: what is received has a header, and the answer is what was sent. */
static void check_endpoint(struct capos_endpoint_factory factory)
{
    static _Alignas(8) uint8_t answer[64];
    struct capos_endpoint owner;
    uint64_t client;

    CHECK_OK(capos_endpoint_factory_create(ring, factory, &owner));
    CHECK_OK(capos_endpoint_mint(ring, owner, 7, SOME_INTERFACE, &client));
    poison();
    struct cap_sqe call = call_of(client, SOME_INTERFACE, 3);
    call.result_addr = (uintptr_t)answer;
    call.result_len = sizeof answer;
    CHECK(rt_ring_push(ring, &call));
    CHECK(rt_ring_push(ring, &(struct cap_sqe){.opcode = CAP_OP_RECV,
                                               .cap_id = owner.id,
                                               .result_addr = (uintptr_t)room,
                                               .result_len = 4096}));
    struct cap_cqe received = check_writes();
    const struct cap_message_header *header = (const struct cap_message_header *)room;
    CHECK_EQ(header->badge, 7);
    CHECK_EQ(header->reserved, 0);
    CHECK_EQ(header->method_id, 3);
    CHECK_EQ(header->cap_count, 0);
    poison();
    CHECK(rt_ring_push(
        ring, &(struct cap_sqe){.opcode = CAP_OP_RETURN, .interface_id = received.detail}));
    CHECK_EQ(rt_ring_enter(ring, 2, CAP_TIMEOUT_FOREVER), 2);
    for (uint32_t i = 0; i < 2; i++) {
        struct cap_cqe cqe;
        CHECK(rt_ring_take(ring, &cqe));
        CHECK_EQ(cqe.result, 0);
        CHECK_EQ(cqe.flags | cqe.cap_count | cqe.detail | cqe.reserved, 0);
    }
}

int main(void)
{
    uint64_t console;

    ring = demo_begin("remains");
    if (rt_capset_find(rt_capset(), "painter", CAPOS_CONSOLE_ID, &console) == RT_CAPSET_FOUND) {
        return painter(console);
    }
    if (rt_capset_has(rt_capset(), "scanner")) {
        return scanner();
    }
    console = rt_capset_need("console", CAPOS_CONSOLE_ID);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct capos_process_spawner spawner = {
            rt_capset_need("spawner", CAPOS_PROCESS_SPAWNER_ID)};
        run_child(spawner, "painter", console);
        run_child(spawner, "scanner", console);
    }
    struct capos_endpoint_factory endpoints = {
        rt_capset_need("endpoints", CAPOS_ENDPOINT_FACTORY_ID)};
    check_calls(console, rt_capset_need("null", CAPOS_NULL_CAP_ID),
                rt_capset_need("capabilities", CAPOS_CAPABILITY_MANAGER_ID), endpoints.id);
    check_others();
    check_endpoint(endpoints);
    return demo_end();
}
