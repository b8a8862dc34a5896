// SPDX-License-Identifier: MIT
/*
 * Calls that an object of the kernel answers later: waits for a process that does not
 * end until it is killed, given up or left alone in every way.
 */
#include "play.h"

#include <capos.client.h>
#include <support/child.h>

static struct capos_process_handle handle;

static struct cap_sqe wait_for_end(void)
{
    return (struct cap_sqe){.opcode = CAP_OP_CALL,
                            .cap_id = handle.id,
                            .interface_id = CAPOS_PROCESS_HANDLE_ID,
                            .method_id = CAPOS_PROCESS_HANDLE_WAIT,
                            .result_addr = play_at(play_answer->bytes),
                            .result_len = 256};
}

static void kill(void)
{
    CHECK(rt_ok(capos_process_handle_kill(play_ring, handle)));
}

static void cancel(uint64_t tag)
{
    play_now(play_cancel(tag), 0);
    play_result(tag, CAP_ERR_CANCELED);
    play_now(play_cancel(tag), CAP_ERR_NOT_FOUND);
}

static void check_cancel(void)
{
    for (uint64_t tag = 1; tag <= 3; tag++) {
        play_push(wait_for_end(), tag);
    }
    play_pending(1);
    cancel(2);
    cancel(1);
    cancel(3);
    play_quiet();
}

static void check_most(void)
{
    for (uint64_t tag = 0; tag < play_most; tag++) {
        play_push(wait_for_end(), 1000 + tag);
    }
    play_pending(1000);
    play_push(wait_for_end(), 1);
    play_refused(1, CAP_EXC_OVERLOADED);
    for (uint64_t tag = 0; tag < play_most; tag++) {
        cancel(1000 + tag);
    }
    play_quiet();
}

/* A handle cannot be handed on: copied, moved or minted from, in a call or an answer. */
static void check_not_transferable(void)
{
    uint64_t owner = play_endpoint();
    uint64_t client = play_client(owner);

    play_push(play_call(client, 0, 128), 1);
    play_push(play_recv(owner, 128, 1), 2);
    uint64_t id = play_received(2, 0, 0);
    play_push(play_recv(owner, 128, 2), 2);
    for (uint32_t mode = CAP_TRANSFER_COPY; mode <= CAP_TRANSFER_MINT; mode++) {
        struct cap_transfer both[] = {
            {.cap_id = client, .mode = CAP_TRANSFER_MOVE},
            {.cap_id = handle.id,
             .mode = mode,
             .interface_id = mode == CAP_TRANSFER_MINT ? CAPOS_PROCESS_HANDLE_ID : 0},
        };
        play_now(play_call_with(client, 0, 0, both, 2), CAP_ERR_BAD_TRANSFER);
        play_now(play_return_with(id, 0, both, 2), CAP_ERR_BAD_TRANSFER);
    }
    play_pending(1);
    play_now(play_return(id, 0), 0);
    play_result(1, 0);
    cancel(2);
    play_drop(client);
    play_drop(owner);
}

/* All who wait are answered, each in its own buffer, or told that it cannot be. */
static void check_answers(void)
{
    uint64_t page = play_map(1);
    struct cap_sqe sqe = wait_for_end();

    play_push(sqe, 1);
    sqe.result_len = 8;
    play_push(sqe, 2);
    sqe.result_len = 256;
    sqe.result_addr = page;
    play_push(sqe, 3);
    play_push(wait_for_end(), 4);
    play_pending(4);
    play_unmap(page, 1);
    cancel(4);
    kill();
    CHECK(play_wait(1).result > 0);
    CHECK_EQ(play_wait(2).result, CAP_ERR_BAD_RESULT);
    CHECK_EQ(play_wait(3).result, CAP_ERR_BAD_RESULT);
    CHECK(play_do(wait_for_end()).result > 0); /* at once, and every time */
    CHECK(play_do(wait_for_end()).result > 0);
    play_drop(handle.id);
    play_quiet();
}

static void spawn(uint64_t spawner)
{
    struct child child = child_default("waiting", "wait");

    CHECK(rt_ok(
        child_spawn(play_ring, (struct capos_process_spawner){spawner}, &child, &handle, NULL)));
}

void act_kept(uint64_t spawner)
{
    spawn(spawner);
    check_cancel();
    check_most();
    check_not_transferable();
    check_answers();

    spawn(spawner); /* the handle goes while somebody waits: that one is still answered */
    uint64_t owner = handle.id;
    play_push(wait_for_end(), 1);
    play_pending(1);
    kill();
    play_drop(owner);
    CHECK(play_wait(1).result > 0);

    spawn(spawner); /* and one is left behind, with the process, the handle and two waits */
    play_push(wait_for_end(), 1);
    play_push(wait_for_end(), 2);
    play_pending(1);
}
