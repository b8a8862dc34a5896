// SPDX-License-Identifier: MIT
/* Calls that are received and answered, or not, and all the lengths there are. */
#include "play.h"

#include <capos.capnp.h>
#include <rt/string.h>

#define HEADER ((uint32_t)sizeof(struct cap_message_header))

static uint64_t owner;
static uint64_t client;

static void check_header(uint32_t bytes)
{
    const struct cap_message_header *header = play_header();

    CHECK_EQ(header->interface_id, PLAY_INTERFACE);
    CHECK_EQ(header->badge, PLAY_BADGE);
    CHECK_EQ(header->method_id, 3);
    CHECK_EQ(memcmp(play_inbox->bytes + HEADER, play_question->bytes, bytes), 0);
}

/* One call of so many bytes, answered with so many, in rooms that just suffice. */
static void round_trip(uint32_t bytes, uint32_t answer, bool receiver_first)
{
    memset(play_answer->bytes, 0, answer + 8u);
    if (receiver_first) {
        play_push(play_recv(owner, HEADER + bytes, 0), 2);
        play_pending(2);
    }
    play_push(play_call(client, bytes, answer), 1);
    play_pending(1);
    if (!receiver_first) {
        play_push(play_recv(owner, HEADER + bytes, 0), 2);
    }
    uint64_t id = play_received(2, bytes, 0);
    check_header(bytes);
    play_pending(1);
    play_now(play_return(id, answer), 0);
    play_result(1, answer);
    CHECK_EQ(memcmp(play_answer->bytes, play_reply->bytes, answer), 0);
    CHECK_EQ(play_answer->bytes[answer], 0);
    play_now(play_return(id, answer), CAP_ERR_NOT_FOUND);
}

static void check_lengths(void)
{
    static const uint32_t lengths[] = {0, 8, 64, 256, 264, 4096, 8192, 8200, 65528, 65536};

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        round_trip(lengths[i], 0, false);
        round_trip(0, lengths[i], true);
        round_trip(lengths[i], lengths[i], false);
        round_trip(lengths[i], lengths[i], true);
    }
}

/* In the message area, out of it, and over its end, which lies within a page of the region. */
static void check_places(void)
{
    uint8_t *area = play_ring->area;
    uint8_t *const places[] = {area, area + play_ring->header->area_bytes - 16u,
                               play_question->bytes + 4096u - 24u};

    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 3; k++) {
            struct cap_sqe call = play_call(client, 40, 40);
            struct cap_sqe recv = play_recv(owner, HEADER + 40u, 0);
            call.params_addr = play_at(places[i]);
            recv.result_addr = play_at(places[k]) + 128u * (k != 1);
            for (uint8_t byte = 0; byte < 40; byte++) {
                places[i][byte] = (uint8_t)(byte ^ 0x5au);
            }
            play_push(call, 1);
            play_push(recv, 2);
            struct cap_cqe cqe = play_take(2);
            CHECK_EQ(cqe.result, HEADER + 40u);
            if (i != k) {
                const uint8_t *got = (const uint8_t *)(uintptr_t)recv.result_addr + HEADER;
                for (uint8_t byte = 0; byte < 40; byte++) {
                    CHECK_EQ(got[byte], (uint8_t)(byte ^ 0x5au));
                }
            }
            play_now(play_return(cqe.detail, 40), 0);
            play_result(1, 40);
        }
    }
    for (uint32_t i = 0; i < CAP_MESSAGE_MAX; i++) {
        play_question->bytes[i] = (uint8_t)(i * 7u + 1u);
    }
}

/* What a client names is passed on: the kernel does not know what a server serves. */
static void check_names_are_passed_on(void)
{
    static const uint64_t interfaces[] = {0, 1, CAPOS_ENDPOINT_ID, CAPOS_CONSOLE_ID, ~0ull};

    for (size_t i = 0; i < sizeof interfaces / sizeof *interfaces; i++) {
        uint64_t other = play_mint(owner, ~0ull - i, 1u + i);
        struct cap_sqe sqe = play_call(other, 8, 8);
        sqe.interface_id = interfaces[i];
        sqe.method_id = (uint16_t)(UINT16_MAX - i);
        play_push(sqe, 1);
        play_push(play_recv(owner, HEADER + 8u, 0), 2);
        uint64_t id = play_received(2, 8, 0);
        CHECK_EQ(play_header()->interface_id, interfaces[i]);
        CHECK_EQ(play_header()->badge, ~0ull - i);
        CHECK_EQ(play_header()->method_id, UINT16_MAX - i);
        play_now(play_return(id, 0), 0);
        play_result(1, 0);
        play_drop(other);
    }
}

/* The oldest call first; its own receiver each; answered in any order. */
static void check_queue_order(void)
{
    uint64_t ids[5];

    for (uint64_t i = 0; i < 5; i++) {
        struct cap_sqe sqe = play_call(client, 8, 8);
        sqe.method_id = (uint16_t)i;
        play_push(sqe, 10 + i);
    }
    for (uint64_t i = 0; i < 5; i++) {
        play_push(play_recv(owner, 64, 0), 20);
        ids[i] = play_received(20, 8, 0);
        CHECK_EQ(play_header()->method_id, i);
    }
    for (uint64_t i = 5; i-- != 0;) {
        play_now(play_return(ids[i], 8u * (i & 1u)), 0);
        play_result(10 + i, 8 * (int64_t)(i & 1u));
    }
}

/* One entry that answers and receives: it completes when the next call has come. */
static void check_again(void)
{
    play_push(play_call(client, 8, 8), 1);
    play_push(play_recv(owner, 64, 0), 2);
    uint64_t id = play_received(2, 8, 0);
    struct cap_sqe again = play_return(id, 8);
    again.flags = CAP_SQE_F_AGAIN;
    play_push(again, 3);
    play_result(1, 8);
    play_pending(3);
    play_push(play_call(client, 16, 8), 1);
    uint64_t next = play_received(3, 16, 0);
    CHECK(next != id);

    play_push(play_call(client, 24, 8), 4); /* waits before the answer: then it comes at once */
    play_pending(4);
    again.interface_id = next;
    play_push(again, 5);
    play_result(1, 8);
    id = play_received(5, 24, 0);

    again.interface_id = id; /* an exception, and again */
    again.flags = CAP_SQE_F_AGAIN | CAP_SQE_F_EXCEPTION;
    again.method_id = CAP_EXC_OVERLOADED;
    play_push(again, 6);
    play_refused(4, CAP_EXC_OVERLOADED);
    play_pending(6);
    play_now(play_cancel(6), 0);
    play_result(6, CAP_ERR_CANCELED);
    play_quiet();
}

static void check_exceptions(void)
{
    for (uint32_t type = CAP_EXC_FAILED; type <= CAP_EXC_INVALID_ARGUMENT; type++) {
        for (uint32_t room = 0; room <= 48; room += 8) {
            memset(play_answer->bytes, 0, 64);
            play_push(play_call(client, 8, room), 1);
            play_push(play_recv(owner, 64, 0), 2);
            struct cap_sqe sqe = play_return(play_received(2, 8, 0), 40);
            sqe.flags = CAP_SQE_F_EXCEPTION;
            sqe.method_id = (uint16_t)type;
            play_now(sqe, 0);
            struct cap_cqe cqe = play_take(1);
            CHECK_EQ(cqe.result, CAP_ERR_EXCEPTION);
            CHECK_EQ(cqe.flags, type | (room < 40 ? CAP_CQE_F_TRUNCATED : 0u));
            CHECK_EQ(cqe.detail, room < 40 ? 0 : 40);
            CHECK_EQ(memcmp(play_answer->bytes, play_reply->bytes, cqe.detail), 0);
            CHECK_EQ(play_answer->bytes[cqe.detail], 0);
        }
    }
}

/* An exception without a sentence is one that is whole. */
static void check_empty_exception(void)
{
    play_push(play_call(client, 8, 0), 1);
    play_push(play_recv(owner, 64, 0), 2);
    struct cap_sqe sqe = play_return(play_received(2, 8, 0), 0);
    sqe.flags = CAP_SQE_F_EXCEPTION;
    play_now(sqe, 0);
    struct cap_cqe cqe = play_take(1);
    CHECK_EQ(cqe.result, CAP_ERR_EXCEPTION);
    CHECK_EQ(cqe.flags, CAP_EXC_FAILED);
    CHECK_EQ(cqe.detail, 0);
}

/* The answer is longer than the caller has room for: the call is over, for both. */
static void check_answer_too_long(void)
{
    for (unsigned again = 0; again < 2; again++) {
        play_push(play_call(client, 8, 32), 1);
        play_push(play_recv(owner, 64, 0), 2);
        uint64_t id = play_received(2, 8, 0);
        struct cap_sqe sqe = play_return(id, 40);
        sqe.flags = again != 0 ? CAP_SQE_F_AGAIN : CAP_SQE_F_NONE;
        play_now(sqe, CAP_ERR_NOT_DELIVERED);
        play_result(1, CAP_ERR_BAD_RESULT);
        play_now(sqe, CAP_ERR_NOT_FOUND);
        play_quiet();
    }
}

/* The caller's buffer was there when it called, and is not when it is answered. */
static void check_answer_without_buffer(void)
{
    for (unsigned readonly = 0; readonly < 2; readonly++) {
        uint64_t page = play_map(1);
        struct cap_sqe sqe = play_call(client, 8, 64);
        sqe.result_addr = page;
        play_push(sqe, 1);
        play_push(play_recv(owner, 64, 0), 2);
        uint64_t id = play_received(2, 8, 0);
        if (readonly != 0) {
            play_make_readonly(page, 1);
        } else {
            play_unmap(page, 1);
        }
        play_now(play_return(id, 8), CAP_ERR_NOT_DELIVERED);
        play_result(1, CAP_ERR_BAD_RESULT);

        if (readonly != 0) {
            play_unmap(page, 1);
        }
    }
    uint64_t page = play_map(1); /* an exception is delivered all the same, without its text */
    struct cap_sqe sqe = play_call(client, 8, 64);
    sqe.result_addr = page;
    play_push(sqe, 1);
    play_push(play_recv(owner, 64, 0), 2);
    uint64_t id = play_received(2, 8, 0);
    play_unmap(page, 1);
    sqe = play_return(id, 40);
    sqe.flags = CAP_SQE_F_EXCEPTION;
    play_now(sqe, 0);
    struct cap_cqe cqe = play_take(1);
    CHECK_EQ(cqe.result, CAP_ERR_EXCEPTION);
    CHECK_EQ(cqe.flags, CAP_EXC_FAILED | CAP_CQE_F_TRUNCATED);
    CHECK_EQ(cqe.detail, 0);
    play_quiet();
}

/* Waiting for something else, or not long enough, does nothing to a call. */
static void check_waiting(void)
{
    CHECK_EQ(rt_ring_enter(play_ring, 1, 1000000), 0);
    play_push(play_call(client, 8, 8), 1);
    CHECK_EQ(rt_ring_enter(play_ring, 1, 20000000), 0);
    CHECK_EQ(rt_ring_enter(play_ring, 1, CAP_TIMEOUT_POLL), 0);
    play_push(play_recv(owner, 64, 0), 2);
    CHECK_EQ(rt_ring_enter(play_ring, 2, 20000000), 1); /* fewer than were asked for */
    uint64_t id = play_received(2, 8, 0);
    play_push(play_return(id, 8), 3);
    CHECK_EQ(rt_ring_enter(play_ring, 2, CAP_TIMEOUT_FOREVER), 2);
    play_result(1, 8);
    play_result(3, 0);
    play_quiet();
}

void act_calls(void)
{
    owner = play_endpoint();
    client = play_client(owner);
    check_lengths();
    check_places();
    check_names_are_passed_on();
    check_queue_order();
    check_again();
    check_exceptions();
    check_empty_exception();
    check_answer_too_long();
    check_answer_without_buffer();
    check_waiting();
    play_drop(client);
    play_drop(owner);
    play_quiet();
}
