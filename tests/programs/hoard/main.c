// SPDX-License-Identifier: MIT
/*
 * Submits and never reaps: the kernel fills the completion queue, leaves what
 * has no room where it is, and loses nothing. The program says by its exit code
 * how far that is not so.
 */

#include <rt/ring.h>
#include <stdint.h>

/* Far more rounds than the completion queue has entries. */
#define ROUNDS 1000

static void submit_nops(struct rt_ring *ring)
{
    struct cap_sqe nop = {.opcode = CAP_OP_NOP};

    while (rt_ring_room(ring) > 0 && rt_ring_push(ring, &nop)) {
    }
}

int main(void)
{
    struct rt_ring *ring = rt_ring_borrow();
    uint32_t cq_entries = ring->header->cq_entries;

    for (int i = 0; i < ROUNDS; i++) {
        submit_nops(ring);
        if (rt_ring_enter(ring, 0, CAP_TIMEOUT_POLL) < 0) {
            return 1;
        }
    }
    uint32_t posted = ring->header->cq_tail - ring->header->cq_head;
    uint32_t left = ring->header->sq_tail - ring->header->sq_head;

    if (posted != cq_entries) {
        return 2;
    }
    if (left != ring->header->sq_entries) {
        return 3;
    }
    return 0;
}
