// SPDX-License-Identifier: MIT
/*
 * Calls that are given up in each state, and endpoints whose owner facet goes in each state
 * (T-13).
 */
#include "play.h"

#include <abi/layout.h>
#include <capos.capnp.h>

static uint64_t owner;
static uint64_t client;

static void begin(void)
{
    owner = play_endpoint();
    client = play_client(owner);
}

static void end(void)
{
    play_drop(client);
    play_drop(owner);
    play_quiet();
}

static void cancel(uint64_t tag)
{
    play_now(play_cancel(tag), 0);
    play_result(tag, CAP_ERR_CANCELED);
    play_now(play_cancel(tag), CAP_ERR_NOT_FOUND);
}

static void cancel_queued(void)
{
    for (uint64_t tag = 1; tag <= 3; tag++) {
        play_push(play_call(client, 8, 8), tag);
    }
    cancel(2); /* in the middle */
    cancel(1); /* the first */
    cancel(3); /* the only one */
    play_push(play_recv(owner, 64, 0), 4);
    play_pending(4);
    cancel(4); /* armed */
}

static void cancel_armed(void)
{
    struct cap_sqe sqe = play_recv(owner, 64, 0);

    for (uint64_t tag = 1; tag <= 3; tag++) {
        sqe.result_addr = play_at(play_inbox->bytes) + 64u * tag;
        play_push(sqe, tag);
    }
    cancel(2);
    cancel(3);
    cancel(1);
    play_push(play_call(client, 8, 8), 4);
    play_pending(4);
    cancel(4);
}

/* The server's answer then has nobody to go to, and says so, once. */
static void cancel_served(void)
{
    for (unsigned again = 0; again < 2; again++) {
        play_push(play_call(client, 8, 8), 1);
        play_push(play_recv(owner, 64, 0), 2);
        uint64_t id = play_received(2, 8, 0);
        play_now(play_cancel(2), CAP_ERR_NOT_FOUND); /* it has completed */
        cancel(1);
        struct cap_sqe sqe = play_return(id, 8);
        sqe.flags = again != 0 ? CAP_SQE_F_AGAIN : CAP_SQE_F_NONE;
        play_now(sqe, CAP_ERR_NOT_DELIVERED);
        play_now(sqe, CAP_ERR_NOT_FOUND);
    }
    play_push(play_call(client, 8, 8), 1); /* an exception finds nobody either */
    play_push(play_recv(owner, 64, 0), 2);
    uint64_t id = play_received(2, 8, 0);
    cancel(1);
    struct cap_sqe sqe = play_return(id, 8);
    sqe.flags = CAP_SQE_F_EXCEPTION;
    play_now(sqe, CAP_ERR_NOT_DELIVERED);
}

/* One of the two each time; the two completions of one cancel are always of different entries. */
static void cancel_the_same_user_data(void)
{
    play_push(play_call(client, 8, 8), 7);
    play_push(play_call(client, 16, 8), 7);
    play_pending(7);
    play_now(play_cancel(7), 0);
    play_result(7, CAP_ERR_CANCELED);
    play_pending(7);
    play_push(play_recv(owner, 64, 0), 2);
    struct cap_cqe cqe = play_take(2); /* whichever is left */
    CHECK(cqe.result == 40 || cqe.result == 48);
    play_now(play_cancel(7), 0);
    play_result(7, CAP_ERR_CANCELED);
    play_now(play_cancel(7), CAP_ERR_NOT_FOUND);
    play_now(play_return(cqe.detail, 0), CAP_ERR_NOT_DELIVERED);
}

/* Cancels itself by its own user data, or another cancel: neither is in flight. */
static void cancel_cancel(void)
{
    play_push(play_cancel(50), 50);
    play_result(50, CAP_ERR_NOT_FOUND);
    play_push(play_call(client, 8, 8), 51);
    play_push(play_cancel(51), 51); /* both with one user data: the call, and its cancel */
    play_pending(52);
    struct cap_cqe first = play_take(51);
    struct cap_cqe second = play_take(51);
    CHECK(first.result + second.result == CAP_ERR_CANCELED);
}

void act_cancel(void)
{
    begin();
    cancel_queued();
    cancel_armed();
    cancel_served();
    cancel_the_same_user_data();
    cancel_cancel();
    end();
}

/* ---------------------------------------------------------------------------
 * The owner facet goes */

static void waited_refusal(uint64_t tag, uint32_t type)
{
    struct cap_cqe cqe = play_wait(tag);

    CHECK_EQ(cqe.result, CAP_ERR_EXCEPTION);
    CHECK_EQ(cqe.flags & CAP_CQE_F_EXC_MASK, type);
}

static void check_closed(void)
{
    struct cap_transfer move = {.cap_id = client, .mode = CAP_TRANSFER_MOVE};

    play_push(play_call(client, 8, 8), 9);
    play_refused(9, CAP_EXC_DISCONNECTED);
    play_push(play_call_with(client, 8, 8, &move, 1), 9);
    play_refused(9, CAP_EXC_DISCONNECTED);
    play_now(play_recv(owner, 64, 0), CAP_ERR_INVOKE_FAILED); /* the id is stale */
    play_drop(client);                                        /* it has not been moved */
    play_quiet();
}

static void release_while_queued(void)
{
    begin();
    for (uint64_t tag = 1; tag <= 8; tag++) {
        play_push(play_call(client, 8, 128), tag);
    }
    play_drop(owner);
    for (uint64_t tag = 1; tag <= 8; tag++) {
        waited_refusal(tag, CAP_EXC_DISCONNECTED);
    }
    check_closed();
}

static void release_while_armed(void)
{
    begin();
    for (uint64_t tag = 1; tag <= 8; tag++) {
        struct cap_sqe sqe = play_recv(owner, 64, 0);
        sqe.result_addr += 64 * tag;
        play_push(sqe, tag);
    }
    play_drop(owner);
    for (uint64_t tag = 1; tag <= 8; tag++) {
        waited_refusal(tag, CAP_EXC_DISCONNECTED);
    }
    check_closed();
}

/* What has been received can still be answered; then there is nothing more to receive. */
static void release_while_served(void)
{
    begin();
    play_push(play_call(client, 8, 8), 1);
    play_push(play_recv(owner, 64, 0), 2);
    uint64_t first = play_received(2, 8, 0);
    play_push(play_call(client, 8, 8), 3);
    play_push(play_recv(owner, 64, 0), 4);
    uint64_t second = play_received(4, 8, 0);
    play_drop(owner);
    play_pending(1);
    play_now(play_return(first, 8), 0);
    play_result(1, 8);
    struct cap_sqe sqe = play_return(second, 8);
    sqe.flags = CAP_SQE_F_AGAIN;
    play_push(sqe, 5);
    play_result(3, 8);
    play_refused(5, CAP_EXC_DISCONNECTED);
    check_closed();
}

/* The client facet goes while its calls wait: they go on. */
static void release_client(void)
{
    begin();
    play_push(play_call(client, 8, 8), 1);
    play_push(play_call(client, 8, 8), 2);
    play_push(play_recv(owner, 64, 0), 3);
    uint64_t id = play_received(3, 8, 0);
    play_drop(client);
    play_now(play_return(id, 8), 0);
    play_result(1, 8);
    play_push(play_recv(owner, 64, 0), 3);
    id = play_received(3, 8, 0);
    play_now(play_return(id, 8), 0);
    play_result(2, 8);
    play_drop(owner);
    play_quiet();
}

/* Two owner facets: it takes both to close the endpoint. */
static void release_one_of_two(void)
{
    begin();
    struct cap_transfer copy = {.cap_id = owner, .mode = CAP_TRANSFER_COPY};
    play_push(play_call_with(client, 0, 0, &copy, 1), 1);
    play_push(play_recv(owner, 64, 1), 2);
    uint64_t id = play_received(2, 0, 1);
    struct cap_record other = play_came(0);
    CHECK_EQ(other.interface_id, CAPOS_ENDPOINT_ID);
    play_now(play_return(id, 0), 0);
    play_result(1, 0);
    play_drop(owner);
    play_push(play_call(client, 8, 8), 1);
    play_pending(1);
    play_push(play_recv(other.cap_id, 64, 0), 2);
    id = play_received(2, 8, 0);
    play_now(play_return(id, 8), 0);
    play_result(1, 8);
    play_drop(other.cap_id);
    check_closed();
}

/* An endpoint that is kept by nothing but a call in its own queue: its caller can end that. */
static void release_into_own_queue(void)
{
    begin();
    struct cap_transfer copy = {.cap_id = owner, .mode = CAP_TRANSFER_COPY};
    play_push(play_call(client, 8, 8), 1);
    play_push(play_call_with(client, 8, 8, &copy, 1), 2);
    play_push(play_call(client, 8, 8), 3);
    play_pending(2);
    play_drop(owner);
    play_pending(1);
    play_now(play_cancel(2), 0); /* the owner facet in it was the last */
    play_result(2, CAP_ERR_CANCELED);
    waited_refusal(1, CAP_EXC_DISCONNECTED);
    waited_refusal(3, CAP_EXC_DISCONNECTED);
    check_closed();

    begin(); /* moved: the slot is locked, and comes back */
    struct cap_transfer move = {.cap_id = owner, .mode = CAP_TRANSFER_MOVE};
    play_push(play_call_with(client, 8, 8, &move, 1), 2);
    play_pending(2);
    play_now(play_release(owner), CAP_ERR_INVOKE_FAILED);
    cancel(2);
    end();
}

/*
 * The last owner facet is in a call that is refused while a receiver takes the calls one
 * after the other: that receiver does not wait at an endpoint that has closed.
 */
static void release_by_refusal(void)
{
    begin();
    struct cap_transfer copy = {.cap_id = owner, .mode = CAP_TRANSFER_COPY};
    play_push(play_call(client, 8, 8), 1);
    play_push(play_recv(owner, 64, 0), 2);
    uint64_t id = play_received(2, 8, 0);
    play_push(play_call_with(client, 8, 8, &copy, 1), 3);
    play_pending(3);
    play_drop(owner);
    struct cap_sqe sqe = play_return(id, 8);
    sqe.flags = CAP_SQE_F_AGAIN;
    play_push(sqe, 4);
    play_result(1, 8);
    play_result(3, CAP_ERR_TOO_LARGE);
    waited_refusal(4, CAP_EXC_DISCONNECTED);
    check_closed();
}

void act_ends(void)
{
    release_while_queued();
    release_while_armed();
    release_while_served();
    release_client();
    release_one_of_two();
    release_into_own_queue();
    release_by_refusal();
}
