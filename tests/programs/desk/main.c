// SPDX-License-Identifier: MIT
/*
 * Receives at every endpoint that it owns, until a caller has it end:
 *
 *     ASK    answered with who called: badge and interface, and by which process
 *     END    answered, and then ends with the code of the parameters
 *     DROP   ends with that code and does not answer
 *     FAULT  ends by a fault and does not answer
 */
#include "desk.h"

#include <capos.capnp.h>
#include <rt/capset.h>
#include <rt/entry.h>
#include <rt/ring.h>
#include <rt/syscall.h>
#include <support/check.h>

#define DESKS_MAX 8u

/* User data of an answer's completion; those of receivers are the desks' numbers. */
#define ANSWERED DESKS_MAX

/* One endpoint: what is called through it finds room here. */
static struct desk {
    uint64_t owner;
    struct {
        struct cap_message_header header;
        uint64_t code;
    } call;
} desks[DESKS_MAX];

static void push(struct rt_ring *ring, const struct cap_sqe *sqe)
{
    CHECK(rt_ring_push(ring, sqe));
}

static void receive(struct rt_ring *ring, uint64_t number)
{
    struct desk *desk = &desks[number];

    push(ring, &(struct cap_sqe){.opcode = CAP_OP_RECV,
                                 .cap_id = desk->owner,
                                 .result_addr = (uintptr_t)&desk->call,
                                 .result_len = sizeof desk->call,
                                 .user_data = number});
}

static void answer(struct rt_ring *ring, uint64_t call_id, const struct desk_answer *words)
{
    push(ring, &(struct cap_sqe){.opcode = CAP_OP_RETURN,
                                 .interface_id = call_id,
                                 .params_addr = (uintptr_t)words,
                                 .params_len = sizeof *words,
                                 .user_data = ANSWERED});
    (void)rt_ring_enter(ring, 0, CAP_TIMEOUT_POLL);
}

static void serve(struct rt_ring *ring, struct desk *desk, uint64_t call_id)
{
    struct desk_answer words = {.badge = desk->call.header.badge,
                                .interface_id = desk->call.header.interface_id,
                                .pid = rt_pid()};

    switch (desk->call.header.method_id) {
    case DESK_ASK:
        answer(ring, call_id, &words);
        return;
    case DESK_END:
        answer(ring, call_id, &words);
        rt_exit((int64_t)desk->call.code);
    case DESK_DROP:
        rt_exit((int64_t)desk->call.code);
    default:
        __builtin_trap();
    }
}

int main(void)
{
    struct rt_ring *ring = rt_ring_borrow();
    const struct rt_capset *set = rt_capset();
    struct cap_cqe cqe;
    uint64_t count = 0;

    for (uint32_t i = 0; i < set->count && count < DESKS_MAX; i++) {
        if (set->entries[i].interface_id == CAPOS_ENDPOINT_ID) {
            desks[count].owner = set->entries[i].cap_id;
            receive(ring, count++);
        }
    }
    for (;;) {
        CHECK(rt_ring_enter(ring, 1, CAP_TIMEOUT_FOREVER) > 0);
        while (rt_ring_take(ring, &cqe)) {
            CHECK(cqe.result >= 0);
            if (cqe.user_data < ANSWERED) {
                serve(ring, &desks[cqe.user_data], cqe.detail);
                receive(ring, cqe.user_data);
            }
        }
    }
}
