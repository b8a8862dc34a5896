// SPDX-License-Identifier: MIT
/* Calls that wait, and receivers that do not suit them: whose fault it is decides who fails. */
#include "play.h"

#include <abi/layout.h>

#define HEADER ((uint32_t)sizeof(struct cap_message_header))
#define RECORD ((uint32_t)sizeof(struct cap_record))

static uint64_t owner;
static uint64_t client;

static void cancel(uint64_t tag)
{
    play_now(play_cancel(tag), 0);
    play_result(tag, CAP_ERR_CANCELED);
}

static void serve(uint64_t recv_tag, uint64_t call_tag, uint32_t bytes, uint32_t caps)
{
    play_now(play_return(play_received(recv_tag, bytes, caps), 0), 0);
    play_result(call_tag, 0);
}

/* The receiver is too small: the caller is told, and the receiver goes on waiting. */
static void check_too_large(void)
{
    struct cap_transfer console = {.cap_id = play_console, .mode = CAP_TRANSFER_COPY};

    play_push(play_recv(owner, HEADER + 64u, 0), 2); /* the receiver was first */
    play_now(play_call(client, 72, 0), CAP_ERR_TOO_LARGE);
    play_now(play_call(client, CAP_MESSAGE_MAX, 0), CAP_ERR_TOO_LARGE);
    play_now(play_call_with(client, 0, 0, &console, 1), CAP_ERR_TOO_LARGE);
    play_push(play_call(client, 64, 0), 1);
    serve(2, 1, 64, 0);

    play_push(play_call(client, 72, 0), 3); /* the calls were first */
    play_push(play_call_with(client, 8, 0, &console, 1), 4);
    play_push(play_call(client, 64, 0), 5);
    play_push(play_call(client, 72, 0), 6);
    play_push(play_recv(owner, HEADER + 64u, 0), 2);
    play_result(3, CAP_ERR_TOO_LARGE);
    play_result(4, CAP_ERR_TOO_LARGE);
    serve(2, 5, 64, 0);
    play_pending(6);
    play_push(play_recv(owner, HEADER + 72u, 0), 2);
    serve(2, 6, 72, 0);

    play_push(play_recv(owner, HEADER + 8u + RECORD - 8u, 1), 2); /* a word short of the record */
    play_now(play_call_with(client, 8, 0, &console, 1), CAP_ERR_TOO_LARGE);
    cancel(2);
    play_push(play_recv(owner, HEADER + 8u + RECORD, 1), 2); /* and just enough */
    play_push(play_call_with(client, 8, 0, &console, 1), 1);
    uint64_t id = play_received(2, 8, 1);
    CHECK(play_came(0).cap_id != play_console);
    play_drop(play_came(0).cap_id);
    play_now(play_return(id, 0), 0);
    play_result(1, 0);
    play_quiet();
}

/* So many calls that none of which suits the receiver that it takes the kernel a while. */
static void check_many_too_large(void)
{
    for (uint64_t tag = 100; tag < 115; tag++) {
        play_push(play_call(client, 128, 0), tag);
    }
    play_pending(100);
    play_push(play_recv(owner, HEADER + 64u, 0), 2);
    for (uint64_t tag = 100; tag < 115; tag++) {
        CHECK_EQ(play_wait(tag).result, CAP_ERR_TOO_LARGE);
    }
    play_pending(2);
    cancel(2);
}

/*
 * While the kernel has more to look through than one entry may, a call that comes waits
 * its turn behind those that were there.
 */
static void check_order_while_matching(void)
{
    for (uint64_t tag = 100; tag < 120; tag++) {
        play_push(play_call(client, tag < 118 ? 128 : 64, 0), tag);
    }
    play_pending(100);
    play_push(play_recv(owner, HEADER + 64u, 0), 2);
    struct cap_sqe late = play_call(client, 64, 0);
    late.method_id = 9;
    play_push(late, 200); /* in one go with the receiver */
    (void)play_wait(117);
    for (uint64_t tag = 100; tag < 117; tag++) {
        play_result(tag, CAP_ERR_TOO_LARGE);
    }
    struct cap_cqe cqe = play_wait(2);
    CHECK_EQ(play_header()->method_id, 3);
    play_now(play_return(cqe.detail, 0), 0);
    play_result(118, 0);
    play_pending(119);
    play_push(play_recv(owner, HEADER + 64u, 0), 2);
    cqe = play_take(2);
    CHECK_EQ(play_header()->method_id, 3);
    play_now(play_return(cqe.detail, 0), 0);
    play_push(play_recv(owner, HEADER + 64u, 0), 2);
    serve(2, 200, 64, 0);
    play_result(119, 0);
}

/* A receiver whose buffer has gone fails, and the call goes on to the next, or waits. */
static void check_receiver_without_buffer(void)
{
    for (unsigned readonly = 0; readonly < 2; readonly++) {
        uint64_t pages = play_map(2);
        struct cap_sqe sqe = play_recv(owner, 128, 0);

        play_push(play_recv(owner, 128, 0), 2); /* the last one comes first */
        sqe.result_addr = pages;
        play_push(sqe, 3);
        sqe.result_addr = pages + USER_PAGE_BYTES - HEADER; /* the header alone has a place */
        play_push(sqe, 4);
        play_pending(4);
        if (readonly != 0) {
            play_make_readonly(pages, 2);
        } else {
            play_unmap(pages + USER_PAGE_BYTES, 1);
        }
        play_push(play_call(client, 64, 0), 1);
        play_result(4, CAP_ERR_BAD_RESULT);
        if (readonly != 0) {
            play_result(3, CAP_ERR_BAD_RESULT);
            serve(2, 1, 64, 0);
            play_unmap(pages, 2);
        } else {
            struct cap_cqe cqe = play_take(3);
            CHECK_EQ(cqe.result, HEADER + 64u);
            play_now(play_return(cqe.detail, 0), 0);
            play_result(1, 0);
            cancel(2);
            play_unmap(pages, 1);
        }
    }
    uint64_t page = play_map(1); /* none is left */
    struct cap_sqe sqe = play_recv(owner, 128, 0);
    sqe.result_addr = page;
    play_push(sqe, 2);
    play_pending(2);
    play_unmap(page, 1);
    play_push(play_call(client, 64, 0), 1);
    play_result(2, CAP_ERR_BAD_RESULT);
    play_pending(1);
    play_push(play_recv(owner, 128, 0), 2);
    serve(2, 1, 64, 0);
    play_quiet();
}

/* A receiver by F_AGAIN whose buffer has gone: the answer has been given all the same. */
static void check_again_without_buffer(void)
{
    uint64_t page = play_map(1);
    struct cap_sqe sqe = play_recv(owner, 128, 0);

    sqe.result_addr = page;
    play_push(sqe, 2);
    play_push(play_call(client, 8, 8), 1);
    uint64_t id = play_take(2).detail;
    play_push(play_call(client, 8, 8), 3);
    play_unmap(page, 1);
    sqe = play_return(id, 8);
    sqe.flags = CAP_SQE_F_AGAIN;
    play_push(sqe, 4);
    play_result(1, 8);
    play_result(4, CAP_ERR_BAD_RESULT);
    play_pending(3);
    play_push(play_recv(owner, 128, 0), 2);
    serve(2, 3, 8, 0);
    play_quiet();
}

/* The parameters were there when the call began to wait. */
static void check_params_gone(void)
{
    uint64_t page = play_map(1);
    struct cap_sqe sqe = play_call(client, 64, 0);

    sqe.params_addr = page;
    play_push(sqe, 1);
    play_push(play_call(client, 8, 0), 3);
    play_pending(1);
    play_unmap(page, 1);
    play_push(play_recv(owner, 128, 0), 2);
    play_result(1, CAP_ERR_BAD_PARAMS);
    serve(2, 3, 8, 0);
    play_quiet();
}

void act_queues(void)
{
    owner = play_endpoint();
    client = play_client(owner);
    check_too_large();
    check_many_too_large();
    if (play_most > 24u) {
        check_order_while_matching();
    }
    check_receiver_without_buffer();
    check_again_without_buffer();
    check_params_gone();
    play_drop(client);
    play_drop(owner);
    play_quiet();
}
