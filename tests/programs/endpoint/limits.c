// SPDX-License-Identifier: MIT
/* As many entries in flight as there may be, and tables that are full (T-15). */
#include "play.h"

#include <capos.capnp.h>

#define HEADER ((uint32_t)sizeof(struct cap_message_header))

/* Entries in flight, by the rings' sizes. */
#define play_most (play_ring->cq_mask + 1u - CAP_SQ_DEFAULT)

/* Slots that the manifest gives to this program. */
#define SLOTS_MAX 96u

static uint64_t owner;
static uint64_t client;

static void check_overloaded(void)
{
    struct cap_transfer move = {.cap_id = client, .mode = CAP_TRANSFER_MOVE};

    play_push(play_call(client, 8, 128), 90);
    play_refused(90, CAP_EXC_OVERLOADED);
    play_push(play_call_with(client, 8, 128, &move, 1), 90);
    play_refused(90, CAP_EXC_OVERLOADED);
    play_push(play_recv(owner, 64, 0), 90);
    play_refused(90, CAP_EXC_OVERLOADED);
    play_now((struct cap_sqe){.opcode = CAP_OP_NOP}, 0); /* what completes at once still does */
    CHECK(play_is_held(client));
}

static void drain(uint64_t first)
{
    for (uint64_t tag = first; tag < first + play_most; tag++) {
        play_now(play_cancel(tag), 0);
        play_result(tag, CAP_ERR_CANCELED);
    }
    play_quiet();
}

static void check_calls_in_flight(void)
{
    for (uint64_t tag = 1000; tag < 1000 + play_most; tag++) {
        play_push(play_call(client, 8, 8), tag);
    }
    play_pending(1000);
    check_overloaded();
    drain(1000);
    for (uint64_t tag = 2000; tag < 2000 + play_most; tag++) {
        struct cap_sqe sqe = play_recv(owner, 64, 0);
        sqe.result_addr += 64 * (tag - 2000);
        play_push(sqe, tag);
    }
    play_pending(2000);
    check_overloaded();
    drain(2000);
}

/* A call that has been received counts at its server until it is answered. */
static void check_calls_in_service(void)
{
    static uint64_t ids[PLAY_CQ_MAX / 2u];

    for (uint64_t i = 0; i < play_most / 2u; i++) {
        play_push(play_call(client, 8, 8), 3000 + i);
        play_push(play_recv(owner, 64, 0), 400);
        ids[i] = play_received(400, 8, 0);
    }
    check_overloaded();
    struct cap_sqe sqe = play_return(ids[0], 8); /* an answer is never turned away */
    sqe.flags = CAP_SQE_F_AGAIN;
    play_push(sqe, 401);
    play_result(3000, 8);
    play_pending(401);
    play_push(play_call(client, 8, 8), 3000); /* one place, since one has been answered */
    ids[0] = play_received(401, 8, 0);
    check_overloaded();
    for (uint64_t i = 0; i < play_most / 2u; i++) {
        play_now(play_return(ids[i], 8), 0);
        play_result(3000 + i, 8);
    }
    play_quiet();
}

/* The completion queue is full of what was not taken: then nothing is taken in either. */
static void check_full_completion_queue(void)
{
    struct cap_cqe cqe;
    struct cap_sqe nop = {.opcode = CAP_OP_NOP, .user_data = 1};
    uint32_t posted = 0;

    for (uint64_t tag = 5000; tag < 5000 + play_most; tag++) {
        play_push(play_call(client, 8, 8), tag);
    }
    play_pending(5000);
    for (uint32_t i = 0; i < 2u * (play_ring->cq_mask + 1u); i++) {
        (void)rt_ring_push(play_ring, &nop);
        int64_t available = rt_ring_enter(play_ring, 0, CAP_TIMEOUT_POLL);
        CHECK(available >= 0 && available <= play_ring->cq_mask + 1u - play_most);
    }
    CHECK_EQ(rt_ring_room(play_ring), 0); /* the places of the calls are not given away */
    do {
        while (rt_ring_take(play_ring, &cqe)) {
            CHECK_EQ(cqe.result, 0);
            posted++;
        }
    } while (rt_ring_enter(play_ring, 0, CAP_TIMEOUT_POLL) > 0);
    CHECK_EQ(posted, play_ring->cq_mask + 1u - play_most + play_ring->sq_mask + 1u);
    drain(5000);
}

/* The receiver's table is full: the sender is told, and the receiver goes on waiting. */
static void check_full_table(void)
{
    static uint64_t filler[SLOTS_MAX];
    uint32_t n = 0;
    struct cap_transfer copy = {.cap_id = play_console, .mode = CAP_TRANSFER_COPY};

    for (;;) { /* by copies to itself, until that is refused */
        play_push(play_recv(owner, 64, 1), 2);
        play_push(play_call_with(client, 0, 64, &copy, 1), 1);
        CHECK(n < SLOTS_MAX);
        if (!play_has(2)) {
            break;
        }
        uint64_t id = play_received(2, 0, 1);
        filler[n++] = play_came(0).cap_id;
        play_now(play_return(id, 0), 0);
        play_result(1, 0);
    }
    CHECK(n > 1);
    play_refused(1, CAP_EXC_OVERLOADED);
    copy.mode = CAP_TRANSFER_MOVE; /* a place that the move will free is not one yet */
    play_push(play_call_with(client, 0, 64, &copy, 1), 1);
    play_refused(1, CAP_EXC_OVERLOADED);
    CHECK(play_is_held(play_console));
    play_push(play_call(client, 0, 0), 1); /* without capabilities there is no need of a place */
    uint64_t id = play_received(2, 0, 0);

    copy.mode = CAP_TRANSFER_COPY; /* in an answer: the server is told, and keeps what it has */
    struct cap_sqe sqe = play_return_with(id, 0, &copy, 1);
    play_now(sqe, CAP_ERR_NOT_DELIVERED);
    play_result(1, CAP_ERR_BAD_RESULT); /* it had said that it takes none */

    struct cap_sqe call = play_call(client, 0, 64);
    call.cap_room = 1;
    play_push(call, 1);
    play_push(play_recv(owner, 64, 0), 2);
    id = play_received(2, 0, 0);
    play_now(play_return_with(id, 0, &copy, 1), CAP_ERR_NOT_DELIVERED);
    play_refused(1, CAP_EXC_OVERLOADED);

    struct cap_sqe create = {.opcode = CAP_OP_CALL,
                             .cap_id = play_factory,
                             .interface_id = CAPOS_ENDPOINT_FACTORY_ID,
                             .result_addr = play_at(play_answer->bytes),
                             .result_len = 128,
                             .cap_room = 1};
    play_push(create, 1);
    play_refused(1, CAP_EXC_OVERLOADED);
    play_push(play_copy(play_console), 1);
    play_refused(1, CAP_EXC_OVERLOADED);
    play_drop(filler[--n]);
    struct cap_cqe cqe = play_do(play_copy(play_console)); /* by an entry of its own */
    CHECK_EQ(cqe.result, 0);
    CHECK(cqe.detail != play_console && play_is_held(cqe.detail));
    filler[n++] = cqe.detail;
    play_push(play_copy(play_console), 1);
    play_refused(1, CAP_EXC_OVERLOADED);
    while (n != 0) {
        play_drop(filler[--n]);
    }
    play_quiet();
}

void act_limits(void)
{
    owner = play_endpoint();
    client = play_client(owner);
    check_calls_in_flight();
    check_calls_in_service();
    check_full_completion_queue();
    check_full_table();
    play_drop(client);
    play_drop(owner);
    play_quiet();
}

void act_square(void)
{
    owner = play_endpoint();
    client = play_client(owner);
    for (uint32_t i = 0; i < 3; i++) {
        check_overloaded();
    }
    play_drop(client);
    play_drop(owner);
    play_quiet();
}
