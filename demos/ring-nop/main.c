// SPDX-License-Identifier: MIT
/*
 * The empty operation: the ring alone, without anything behind it. Round trips,
 * full batches, and a program that submits without ever taking a completion: it is
 * held back, and loses nothing.
 */
#include <support/check.h>
#include <support/raw.h>

#define ENTRIES 100000u

static struct rt_ring *ring;
static uint64_t submitted; /* user data of the next entry; counts from 0 */
static uint64_t taken;     /* user data of the next completion */

static void push_one(void)
{
    CHECK(rt_ring_push(ring, &(struct cap_sqe){.opcode = CAP_OP_NOP, .user_data = submitted}));
    submitted++;
}

static void take_one(void)
{
    struct cap_cqe cqe;

    CHECK(rt_ring_take(ring, &cqe));
    CHECK_EQ(cqe.user_data, taken);
    CHECK_EQ(cqe.result, 0);
    CHECK_EQ(cqe.flags | cqe.cap_count, 0);
    CHECK_EQ(cqe.detail | cqe.reserved, 0);
    taken++;
}

static void check_none_left(void)
{
    struct cap_cqe cqe;

    CHECK(!rt_ring_take(ring, &cqe));
    CHECK_EQ(taken, submitted);
}

static void check_round_trips(void)
{
    for (uint32_t i = 0; i < 100; i++) {
        push_one();
        CHECK_EQ(rt_ring_enter(ring, 1, CAP_TIMEOUT_FOREVER), 1);
        take_one();
    }
    check_none_left();
}

/* User data is the program's own: all of it comes back, and the top bit is the runtime's. */
static void check_user_data(void)
{
    for (unsigned bit = 0; bit < 63; bit++) {
        struct cap_cqe cqe;
        CHECK(
            rt_ring_push(ring, &(struct cap_sqe){.opcode = CAP_OP_NOP, .user_data = 1ull << bit}));
        CHECK_EQ(rt_ring_enter(ring, 1, CAP_TIMEOUT_FOREVER), 1);
        CHECK(rt_ring_take(ring, &cqe));
        CHECK_EQ(cqe.user_data, 1ull << bit);
    }
}

static void check_batches(void)
{
    uint32_t sq = ring->sq_mask + 1u;

    for (uint32_t done = 0; done < ENTRIES; done += sq) {
        CHECK_EQ(rt_ring_room(ring), sq);
        for (uint32_t i = 0; i < sq; i++) {
            push_one();
        }
        CHECK_EQ(rt_ring_room(ring), 0);
        CHECK(!rt_ring_push(ring, &(struct cap_sqe){.opcode = CAP_OP_NOP}));
        CHECK_EQ(rt_ring_enter(ring, sq, CAP_TIMEOUT_FOREVER), sq);
        for (uint32_t i = 0; i < sq; i++) {
            take_one();
        }
    }
    check_none_left();
}

/* Fills both queues, and enters some more. Completions are kept, entries stay where they are. */
static void check_back_pressure(void)
{
    uint32_t sq = ring->sq_mask + 1u;
    uint32_t cq = ring->cq_mask + 1u;
    uint32_t filled = 0;

    while (filled < cq) {
        for (uint32_t i = 0; i < sq; i++) {
            push_one();
        }
        filled += sq;
        CHECK_EQ(rt_ring_enter(ring, 0, CAP_TIMEOUT_POLL), filled);
        CHECK_EQ(rt_ring_room(ring), sq);
    }
    for (uint32_t i = 0; i < sq; i++) {
        push_one();
    }
    for (uint32_t i = 0; i < 10; i++) {
        CHECK_EQ(rt_ring_enter(ring, 0, CAP_TIMEOUT_POLL), cq);
        CHECK_EQ(rt_ring_enter(ring, cq, CAP_TIMEOUT_FOREVER), cq);
        CHECK_EQ(rt_ring_room(ring), 0);
    }
    for (uint32_t i = 0; i < cq; i++) {
        take_one();
    }
    CHECK_EQ(rt_ring_enter(ring, sq, CAP_TIMEOUT_FOREVER), sq);
    for (uint32_t i = 0; i < sq; i++) {
        take_one();
    }
    check_none_left();
}

/* An entry is taken as soon as there is one place for its completion, not before. */
static void check_one_place(void)
{
    uint32_t sq = ring->sq_mask + 1u;
    uint32_t cq = ring->cq_mask + 1u;

    for (uint32_t i = 0; i < cq; i += sq) {
        for (uint32_t j = 0; j < sq; j++) {
            push_one();
        }
        CHECK_EQ(rt_ring_enter(ring, 0, CAP_TIMEOUT_POLL), i + sq);
    }
    push_one();
    push_one();
    CHECK_EQ(rt_ring_enter(ring, 0, CAP_TIMEOUT_POLL), cq);
    CHECK_EQ(rt_ring_room(ring), sq - 2u);

    /* Behind the client's back, which would take all there is. */
    const struct cap_cqe *oldest = &ring->cq[ring->cq_head & ring->cq_mask];
    CHECK_EQ(oldest->user_data, taken);
    taken++;
    ring->cq_head++;
    ring->header->cq_head = ring->cq_head;

    CHECK_EQ(rt_ring_enter(ring, 0, CAP_TIMEOUT_POLL), cq);
    CHECK_EQ(rt_ring_room(ring), sq - 1u);
    for (uint32_t i = 0; i < cq; i++) {
        take_one();
    }
    CHECK_EQ(rt_ring_enter(ring, 1, CAP_TIMEOUT_FOREVER), 1);
    take_one();
    check_none_left();
}

int main(void)
{
    ring = demo_begin("ring-nop");

    check_round_trips();
    check_user_data();
    check_batches();
    check_back_pressure();
    check_one_place();
    CHECK_EQ(ring->header->corruptions, 0);
    return demo_end();
}
