// SPDX-License-Identifier: MIT
#include "play.h"

#include <capos.client.h>
#include <rt/capset.h>
#include <rt/string.h>

#define ROOMS 4u

struct play_room *play_question;
struct play_room *play_answer;
struct play_room *play_inbox;
struct play_room *play_reply;

struct rt_ring *play_ring;
uint32_t play_most;
uint64_t play_factory;
uint64_t play_console;
uint64_t play_memory;

/* Completions that have come and were not asked for yet. */
static struct cap_cqe come[PLAY_CQ_MAX];
static uint32_t come_count;

/* Of entries that play_do waits for. */
#define TAG_NOW 0x706c61792d6e6f77ull

static void fail_at(int line, const char *text, int64_t actual, int64_t expected)
{
    demo_fail_values("tests/programs/endpoint", line, text, actual, expected);
}

/* The runtime's own calls begin at the area's other end. */
static void take_rooms(void)
{
    static struct play_room elsewhere[ROOMS];
    uint32_t area = play_ring->header->area_bytes;
    struct play_room *rooms = elsewhere;

    if (area >= sizeof elsewhere * 3u / 2u) {
        rooms = (struct play_room *)(void *)(play_ring->area + area - sizeof elsewhere);
    }
    play_question = &rooms[0];
    play_answer = &rooms[1];
    play_inbox = &rooms[2];
    play_reply = &rooms[3];
}

void play_begin(void)
{
    play_ring = demo_begin("endpoint");
    take_rooms();
    play_most = play_ring->cq_mask - play_ring->sq_mask;
    CHECK(play_ring->cq_mask < PLAY_CQ_MAX);
    play_factory = rt_capset_need("endpoints", CAPOS_ENDPOINT_FACTORY_ID);
    play_console = rt_capset_need("console", CAPOS_CONSOLE_ID);
    play_memory = rt_capset_need("memory", CAPOS_VIRTUAL_MEMORY_ID);
    for (uint32_t i = 0; i < CAP_MESSAGE_MAX; i++) {
        play_question->bytes[i] = (uint8_t)(i * 7u + 1u);
        play_reply->bytes[i] = (uint8_t)(i * 5u + 3u);
    }
}

struct cap_sqe play_call(uint64_t client, uint32_t bytes, uint32_t room)
{
    return (struct cap_sqe){.opcode = CAP_OP_CALL,
                            .method_id = 3,
                            .cap_id = client,
                            .interface_id = PLAY_INTERFACE,
                            .params_addr = play_at(play_question->bytes),
                            .params_len = bytes,
                            .result_addr = play_at(play_answer->bytes),
                            .result_len = room};
}

static void put_descriptors(struct cap_sqe *sqe, const struct cap_transfer descriptors[], uint8_t n)
{
    sqe->cap_count = n;
    memcpy((uint8_t *)(uintptr_t)sqe->params_addr + sqe->params_len, descriptors,
           n * sizeof descriptors[0]);
}

struct cap_sqe play_call_with(uint64_t client, uint32_t bytes, uint32_t room,
                              const struct cap_transfer descriptors[], uint8_t n)
{
    struct cap_sqe sqe = play_call(client, bytes, room);

    put_descriptors(&sqe, descriptors, n);
    sqe.cap_room = n <= CAP_TRANSFER_MAX ? n : CAP_TRANSFER_MAX;
    return sqe;
}

struct cap_sqe play_recv(uint64_t owner, uint32_t room, uint32_t caps)
{
    return (struct cap_sqe){.opcode = CAP_OP_RECV,
                            .cap_id = owner,
                            .result_addr = play_at(play_inbox->bytes),
                            .result_len = room,
                            .cap_room = caps};
}

struct cap_sqe play_return(uint64_t call_id, uint32_t bytes)
{
    return (struct cap_sqe){.opcode = CAP_OP_RETURN,
                            .interface_id = call_id,
                            .params_addr = play_at(play_reply->bytes),
                            .params_len = bytes};
}

struct cap_sqe play_return_with(uint64_t call_id, uint32_t bytes,
                                const struct cap_transfer descriptors[], uint8_t n)
{
    struct cap_sqe sqe = play_return(call_id, bytes);

    put_descriptors(&sqe, descriptors, n);
    return sqe;
}

struct cap_sqe play_cancel(uint64_t tag)
{
    return (struct cap_sqe){.opcode = CAP_OP_CANCEL, .params_addr = tag};
}

struct cap_sqe play_release(uint64_t id)
{
    return (struct cap_sqe){.opcode = CAP_OP_RELEASE, .cap_id = id};
}

struct cap_sqe play_copy(uint64_t id)
{
    return (struct cap_sqe){.opcode = CAP_OP_COPY, .cap_id = id};
}

/* ---------------------------------------------------------------------------
 * Completions */

/* Takes what has come. What every completion promises is checked here. */
static void collect(void)
{
    struct cap_cqe cqe;

    while (rt_ring_take(play_ring, &cqe)) {
        CHECK_EQ(cqe.reserved, 0);
        if (cqe.result == CAP_ERR_EXCEPTION) {
            CHECK((cqe.flags & ~(CAP_CQE_F_EXC_MASK | CAP_CQE_F_TRUNCATED)) == 0);
            CHECK((cqe.flags & CAP_CQE_F_EXC_MASK) <= CAP_EXC_INVALID_ARGUMENT);
        } else {
            CHECK_EQ(cqe.flags, 0);
        }
        if (cqe.result < 0) {
            CHECK_EQ(cqe.cap_count, 0);
            CHECK(cqe.result == CAP_ERR_EXCEPTION || cqe.detail == 0);
        }
        CHECK(come_count < PLAY_CQ_MAX);
        come[come_count++] = cqe;
    }
}

static uint32_t find(uint64_t tag)
{
    uint32_t i = 0;

    while (i < come_count && come[i].user_data != tag) {
        i++;
    }
    return i;
}

/* Hands over what was pushed and takes what has come; what the kernel does later may be yet to
 * come. */
static void enter(void)
{
    CHECK(rt_ring_enter(play_ring, 0, CAP_TIMEOUT_POLL) >= 0);
    collect();
}

void play_push(struct cap_sqe sqe, uint64_t tag)
{
    sqe.user_data = tag;
    if (!rt_ring_push(play_ring, &sqe)) {
        enter();
        CHECK(rt_ring_push(play_ring, &sqe));
    }
}

bool play_has(uint64_t tag)
{
    enter();
    return find(tag) != come_count;
}

struct cap_cqe play_take(uint64_t tag)
{
    enter();
    uint32_t i = find(tag);
    if (i == come_count) {
        fail_at(__LINE__, "completion of this tag has not come", (int64_t)tag, 0);
    }
    struct cap_cqe cqe = come[i];
    come[i] = come[--come_count];
    return cqe;
}

struct cap_cqe play_wait(uint64_t tag)
{
    enter();
    while (find(tag) == come_count) {
        CHECK(rt_ring_enter(play_ring, 1, CAP_TIMEOUT_FOREVER) > 0);
        collect();
    }
    return play_take(tag);
}

struct cap_cqe play_do(struct cap_sqe sqe)
{
    play_push(sqe, TAG_NOW);
    return play_take(TAG_NOW);
}

void play_check_now(int line, const char *name, struct cap_sqe sqe, int64_t result)
{
    play_push(sqe, TAG_NOW);
    if (!play_has(TAG_NOW)) {
        fail_at(line, name != NULL ? name : "entry did not complete", 1, result);
    }
    struct cap_cqe cqe = play_take(TAG_NOW);
    if (cqe.result != result) {
        fail_at(line, name != NULL ? name : "result", cqe.result, result);
    }
}

void play_check_result(int line, uint64_t tag, int64_t result)
{
    if (!play_has(tag)) {
        fail_at(line, "entry did not complete", (int64_t)tag, result);
    }
    struct cap_cqe cqe = play_take(tag);
    if (cqe.result != result) {
        fail_at(line, "result", cqe.result, result);
    }
}

void play_check_refused(int line, uint64_t tag, uint32_t type)
{
    if (!play_has(tag)) {
        fail_at(line, "entry did not complete", (int64_t)tag, CAP_ERR_EXCEPTION);
    }
    struct cap_cqe cqe = play_take(tag);
    if (cqe.result != CAP_ERR_EXCEPTION) {
        fail_at(line, "result", cqe.result, CAP_ERR_EXCEPTION);
    }
    if ((cqe.flags & CAP_CQE_F_EXC_MASK) != type) {
        fail_at(line, "exception", cqe.flags & CAP_CQE_F_EXC_MASK, type);
    }
}

void play_quiet(void)
{
    enter();
    CHECK_EQ(come_count, 0);
    CHECK_EQ(rt_ring_enter(play_ring, 1, 1), 0);
}

uint64_t play_received(uint64_t tag, uint32_t bytes, uint32_t caps)
{
    struct cap_cqe cqe = play_take(tag);
    const struct cap_message_header *header = play_header();

    CHECK_EQ(cqe.result, sizeof *header + bytes);
    CHECK_EQ(cqe.cap_count, caps);
    CHECK(cqe.detail != 0);
    CHECK_EQ(header->params_len, bytes);
    CHECK_EQ(header->cap_count, caps);
    CHECK_EQ(header->reserved, 0);
    return cqe.detail;
}

static struct cap_record record_at(const uint8_t *at, uint32_t i)
{
    struct cap_record record;

    memcpy(&record, at + i * sizeof record, sizeof record);
    return record;
}

struct cap_record play_came(uint32_t i)
{
    const struct cap_message_header *header = play_header();

    CHECK(i < header->cap_count);
    return record_at(play_inbox->bytes + sizeof *header + header->params_len, i);
}

struct cap_record play_given(uint32_t bytes, uint32_t i)
{
    return record_at(play_answer->bytes + bytes, i);
}

/* ---------------------------------------------------------------------------
 * Objects */

uint64_t play_endpoint(void)
{
    struct cap_cqe cqe = play_do((struct cap_sqe){.opcode = CAP_OP_CALL,
                                                  .method_id = CAPOS_ENDPOINT_FACTORY_CREATE,
                                                  .cap_id = play_factory,
                                                  .interface_id = CAPOS_ENDPOINT_FACTORY_ID,
                                                  .result_addr = play_at(play_answer->bytes),
                                                  .result_len = 64,
                                                  .cap_room = 1});

    CHECK(cqe.result > 0);
    CHECK_EQ(cqe.cap_count, 1);
    struct cap_record record = play_given((uint32_t)cqe.result, 0);
    CHECK_EQ(record.interface_id, CAPOS_ENDPOINT_ID);
    return record.cap_id;
}

static struct cap_sqe mint_entry(uint64_t owner, uint64_t badge, uint64_t interface_id)
{
    static uint64_t words[8];
    struct capnp_arena arena;

    capnp_arena_init(&arena, words, sizeof words);
    struct capos_endpoint_mint_params_builder params =
        capos_endpoint_mint_params_build_root(&arena);
    capos_endpoint_mint_params_set_badge(params, badge);
    capos_endpoint_mint_params_set_interface_id(params, interface_id);
    CHECK(capnp_arena_ok(&arena));
    return (struct cap_sqe){.opcode = CAP_OP_CALL,
                            .method_id = CAPOS_ENDPOINT_MINT,
                            .cap_id = owner,
                            .interface_id = CAPOS_ENDPOINT_ID,
                            .params_addr = play_at(words),
                            .params_len = (uint32_t)capnp_arena_bytes(&arena),
                            .result_addr = play_at(play_answer->bytes),
                            .result_len = 256,
                            .cap_room = 1};
}

uint64_t play_mint(uint64_t owner, uint64_t badge, uint64_t interface_id)
{
    struct cap_cqe cqe = play_do(mint_entry(owner, badge, interface_id));

    if (cqe.result == CAP_ERR_EXCEPTION) {
        CHECK_EQ(cqe.flags & CAP_CQE_F_EXC_MASK, CAP_EXC_INVALID_ARGUMENT);
        return CAP_ID_NONE;
    }
    CHECK(cqe.result > 0);
    CHECK_EQ(cqe.cap_count, 1);
    struct cap_record record = play_given((uint32_t)cqe.result, 0);
    CHECK_EQ(record.interface_id, interface_id);
    return record.cap_id;
}

uint64_t play_client(uint64_t owner)
{
    return play_mint(owner, PLAY_BADGE, PLAY_INTERFACE);
}

void play_drop(uint64_t id)
{
    play_now(play_release(id), 0);
}

bool play_is_held(uint64_t id)
{
    /* First cap_room is looked at; then the id; then, for whatever it is, the alignment. */
    int32_t result = play_do((struct cap_sqe){.opcode = CAP_OP_CALL,
                                              .cap_id = id,
                                              .interface_id = 1,
                                              .params_addr = 4,
                                              .params_len = 8})
                         .result;

    CHECK(result == CAP_ERR_INVOKE_FAILED || result == CAP_ERR_WRONG_INTERFACE ||
          result == CAP_ERR_BAD_PARAMS);
    return result != CAP_ERR_INVOKE_FAILED;
}

uint64_t play_map(uint32_t pages)
{
    uint64_t address;

    CHECK(rt_ok(capos_virtual_memory_map(play_ring, (struct capos_virtual_memory){play_memory}, 0,
                                         pages * 4096ull,
                                         CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE, &address)));
    return address;
}

void play_unmap(uint64_t address, uint32_t pages)
{
    CHECK(rt_ok(capos_virtual_memory_unmap(play_ring, (struct capos_virtual_memory){play_memory},
                                           address, pages * 4096ull)));
}

void play_make_readonly(uint64_t address, uint32_t pages)
{
    CHECK(rt_ok(capos_virtual_memory_protect(play_ring, (struct capos_virtual_memory){play_memory},
                                             address, pages * 4096ull,
                                             CAPOS_VIRTUAL_MEMORY_PROTECTION_READ)));
}
