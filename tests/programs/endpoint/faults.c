// SPDX-License-Identifier: MIT
/*
 * Each allocation that endpoints, calls and transfers make fails once. Whoever needed
 * it is refused as overloaded, nobody else notices, and everything is where it was.
 */
#include "play.h"

#include <capos.capnp.h>

#define MANY CAP_TRANSFER_MAX

static uint64_t faults;

static void arm(uint64_t countdown)
{
    static uint64_t words[8];
    struct capnp_arena arena;

    capnp_arena_init(&arena, words, sizeof words);
    capos_fault_injector_arm_params_set_countdown(
        capos_fault_injector_arm_params_build_root(&arena), countdown);
    play_now(((struct cap_sqe){.opcode = CAP_OP_CALL,
                               .cap_id = faults,
                               .interface_id = CAPOS_FAULT_INJECTOR_ID,
                               .method_id = CAPOS_FAULT_INJECTOR_ARM,
                               .params_addr = play_at(words),
                               .params_len = (uint32_t)capnp_arena_bytes(&arena)}),
             0);
}

/* True: an allocation has failed since. */
static bool disarm(void)
{
    struct capnp_message m;
    struct cap_cqe cqe = play_do((struct cap_sqe){.opcode = CAP_OP_CALL,
                                                  .cap_id = faults,
                                                  .interface_id = CAPOS_FAULT_INJECTOR_ID,
                                                  .method_id = CAPOS_FAULT_INJECTOR_DISARM,
                                                  .result_addr = play_at(play_answer->bytes),
                                                  .result_len = 256});

    CHECK(cqe.result > 0);
    CHECK(capnp_message_open_flat(&m, play_answer->bytes, (size_t)cqe.result));
    return capos_fault_injector_disarm_results_get_site(
               capos_fault_injector_disarm_results_read_root(&m)) != 0;
}

static void overloaded(struct cap_cqe cqe)
{
    CHECK_EQ(cqe.result, CAP_ERR_EXCEPTION);
    CHECK_EQ(cqe.flags & CAP_CQE_F_EXC_MASK, CAP_EXC_OVERLOADED);
}

/* A new endpoint, if it can be had. */
static uint64_t try_endpoint(void)
{
    struct cap_cqe cqe = play_do((struct cap_sqe){.opcode = CAP_OP_CALL,
                                                  .method_id = CAPOS_ENDPOINT_FACTORY_CREATE,
                                                  .cap_id = play_factory,
                                                  .interface_id = CAPOS_ENDPOINT_FACTORY_ID,
                                                  .result_addr = play_at(play_answer->bytes),
                                                  .result_len = 128,
                                                  .cap_room = 1});

    if (cqe.result < 0) {
        overloaded(cqe);
        return CAP_ID_NONE;
    }
    return play_given((uint32_t)cqe.result, 0).cap_id;
}

/*
 * A call that carries as much as it may, and an answer that brings one thing back; the
 * call waits for the receiver, or the other way round.
 */
static void exchange(uint64_t owner, uint64_t client, bool receiver_first)
{
    struct cap_transfer all[MANY];
    uint64_t came[MANY];
    uint64_t facet = play_mint(owner, 5, 55);

    for (uint32_t i = 0; i < MANY; i++) {
        all[i] = (struct cap_transfer){
            .cap_id = owner, .mode = CAP_TRANSFER_MINT, .badge = i, .interface_id = 7};
    }
    all[0] = (struct cap_transfer){.cap_id = facet, .mode = CAP_TRANSFER_MOVE};
    all[1] = (struct cap_transfer){.cap_id = owner, .mode = CAP_TRANSFER_COPY};
    if (receiver_first) {
        play_push(play_recv(owner, CAP_ROOM_MAX, MANY), 2);
    }
    play_push(play_call_with(client, 8, CAP_ROOM_MAX, all, MANY), 1);
    if (!receiver_first) {
        (void)play_has(1);
        play_push(play_recv(owner, CAP_ROOM_MAX, MANY), 2);
    }
    if (play_has(1)) {
        overloaded(play_take(1));
        play_pending(2);
        CHECK(play_is_held(facet));
        play_now(play_cancel(2), 0);
        play_result(2, CAP_ERR_CANCELED);
        play_drop(facet);
        return;
    }
    uint64_t id = play_received(2, 8, MANY);
    CHECK(!play_is_held(facet));
    for (uint32_t i = 0; i < MANY; i++) {
        came[i] = play_came(i).cap_id;
    }
    struct cap_transfer back = {.cap_id = came[0], .mode = CAP_TRANSFER_MOVE};
    struct cap_cqe cqe = play_do(play_return_with(id, 8, &back, 1));
    if (cqe.result == CAP_ERR_EXCEPTION) { /* not even the descriptors could be read */
        overloaded(cqe);
        play_now(play_return_with(id, 8, &back, 1), 0);
    } else if (cqe.result == CAP_ERR_NOT_DELIVERED) {
        overloaded(play_take(1));
        CHECK(play_is_held(came[0]));
    }
    if (play_has(1)) {
        CHECK_EQ(play_take(1).result, 8);
        CHECK(!play_is_held(came[0]));
        came[0] = play_given(8, 0).cap_id;
    }
    for (uint32_t i = 0; i < MANY; i++) {
        play_drop(came[i]);
    }
}

static void everything(void)
{
    uint64_t owner = try_endpoint();

    if (owner == CAP_ID_NONE) {
        return;
    }
    uint64_t client = play_client(owner);
    exchange(owner, client, false);
    exchange(owner, client, true);
    play_drop(client);
    play_drop(owner);
}

/*
 * Some allocations are made once and kept: those that come before them are walked again
 * each time, so that such a one fails too before it is made.
 */
void act_faults(uint64_t injector)
{
    bool failed = true;
    uint32_t failures = 0;

    faults = injector;
    for (uint64_t most = 1; failed; most++) {
        for (uint64_t countdown = 1; countdown <= most; countdown++) {
            arm(countdown);
            everything();
            failed = disarm();
            failures += failed;
            play_quiet();
        }
    }
    CHECK(failures >= 4); /* endpoint, scratch, table, what waits */
}
