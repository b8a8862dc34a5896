// SPDX-License-Identifier: MIT
/* Entries written by hand: what the kernel and its ring cost without a typed client. */
#include "rows.h"

static uint64_t entry; /* user data of the next */

void empty_cap_enter(uint32_t n)
{
    for (; n != 0; n--) {
        CHECK(rt_ring_enter(bench.ring, 0, CAP_TIMEOUT_POLL) == 0);
    }
}

/* A batch at a time: each completion taken from the queue and compared. */
static void raw_batches(uint32_t n, uint32_t batch, struct cap_sqe like)
{
    struct rt_ring *ring = bench.ring;

    for (; n != 0; n -= batch) {
        uint32_t tail = ring->sq_tail;
        for (uint32_t i = 0; i < batch; i++) {
            like.user_data = entry + i;
            ring->sq[tail++ & ring->sq_mask] = like;
        }
        ring->sq_tail = tail;
        CHECK(rt_ring_enter(ring, batch, CAP_TIMEOUT_FOREVER) == batch);
        uint32_t head = ring->cq_head;
        for (uint32_t i = 0; i < batch; i++) {
            const struct cap_cqe *cqe = &ring->cq[head++ & ring->cq_mask];
            CHECK(cqe->user_data == entry + i && cqe->result == 0);
        }
        ring->cq_head = head;
        entry += batch;
    }
    rt_ring_go_on(ring, ring->sq_tail, ring->cq_head);
}

void nop(uint32_t n)
{
    raw_batches(n, 1, (struct cap_sqe){.opcode = CAP_OP_NOP});
}

void nop_batch(uint32_t n)
{
    raw_batches(n, BATCH, (struct cap_sqe){.opcode = CAP_OP_NOP});
}

/* NullCap.ping without the typed client. Its empty messages lie in the area, as the client's do. */
static struct cap_sqe raw_ping_entry(void)
{
    return (struct cap_sqe){
        .params_addr = (uintptr_t)bench.ring->area,
        .result_addr = (uintptr_t)bench.ring->area,
        .opcode = CAP_OP_CALL,
        .cap_id = bench.null.id,
        .interface_id = CAPOS_NULL_CAP_ID,
        .method_id = CAPOS_NULL_CAP_PING,
    };
}

void raw_ping(uint32_t n)
{
    raw_batches(n, 1, raw_ping_entry());
    bench.served += n;
}

void raw_ping_batch(uint32_t n)
{
    raw_batches(n, BATCH, raw_ping_entry());
    bench.served += n;
}
