// SPDX-License-Identifier: MIT
/*
 * A soldier keeps its own counts of the ring and believes the kernel's where the two do
 * not agree; it never waits without a time-out, and fights for so many rounds at most.
 */
#include <abi/syscall.h>
#include <capos.capnp.h>
#include <rt/capset.h>
#include <rt/syscall.h>
#include <support/chance.h>

#include "campaign.h"

#define ROUNDS_MAX 400u

/* The longest time-out of a wait, nanoseconds. */
#define WAIT_MAX_NS 30000000u

static struct {
    struct cap_ring_header *header;
    struct cap_sqe *sq;
    const struct cap_cqe *cq;
    uint32_t sq_mask;
    uint32_t cq_mask;
    uint32_t sq_tail;
    uint32_t cq_head;
    uint32_t area_bytes;
    uint8_t *area;
} ring;

static void take_stock(void)
{
    const struct rt_capset *set = rt_capset();

    for (uint32_t i = 0; i < set->count; i++) {
        stock_add(set->entries[i].cap_id, set->entries[i].interface_id);
    }
}

static void take_completions(void)
{
    uint32_t tail = __atomic_load_n(&ring.header->cq_tail, __ATOMIC_ACQUIRE);

    if (tail - ring.cq_head > ring.cq_mask + 1u) {
        return; /* scribbled over */
    }
    while (ring.cq_head != tail && !chance_one_in(64)) {
        struct cap_cqe cqe = ring.cq[ring.cq_head++ & ring.cq_mask];
        entries_completed(&cqe);
    }
}

/* Noise over what this process shares with the kernel, but for what it has just written. */
static void scribble(void)
{
    switch (chance_below(5)) {
    case 0:
        chance_scribble(ring.area, chance_below(ring.area_bytes));
        return;
    case 1:
        chance_flip(ring.header, sizeof *ring.header, 1u + chance_below(8));
        return;
    case 2:
        ring.header->sq_tail += chance_below(2u * ring.sq_mask + 4u);
        return;
    case 3:
        ring.header->cq_head += (uint32_t)chance() >> chance_below(32);
        return;
    default:
        chance_scribble(ring.sq, (ring.sq_mask + 1u) * sizeof *ring.sq);
        return;
    }
}

static void enter(void)
{
    uint64_t least = chance_one_in(3) ? chance_below(ring.cq_mask + 3u) : chance_below(2);
    uint64_t timeout = chance_one_in(3) ? 1u + chance_below(WAIT_MAX_NS) : CAP_TIMEOUT_POLL;

    __atomic_store_n(&ring.header->cq_head, ring.cq_head, __ATOMIC_RELEASE);
    __atomic_store_n(&ring.header->sq_tail, ring.sq_tail, __ATOMIC_RELEASE);
    if (chance_one_in(24)) {
        scribble();
    }
    if (rt_cap_enter(least, timeout) == SYS_ERR_RING_CORRUPT) {
        tally_add(&tally()->corruptions);
        ring.sq_tail = ring.header->sq_tail;
        ring.cq_head = ring.header->cq_head;
    }
    uint32_t taken = __atomic_load_n(&ring.header->sq_head, __ATOMIC_ACQUIRE);
    if (taken - ring.sq_tail - 1u < ring.sq_mask) {
        ring.sq_tail = taken; /* it has taken some that were never published */
    }
}

static void fight(void)
{
    uint32_t taken = __atomic_load_n(&ring.header->sq_head, __ATOMIC_ACQUIRE);
    uint32_t in_queue = ring.sq_tail - taken;
    uint32_t room = in_queue <= ring.sq_mask ? ring.sq_mask + 1u - in_queue : 1u;

    for (uint32_t n = 1u + chance_below(room); n > 0; n--) {
        ring.sq[ring.sq_tail++ & ring.sq_mask] = entries_any();
    }
    enter();
    take_completions();
}

static void die(void)
{
    if (chance_one_in(2)) {
        tally_add(&tally()->traps);
        __builtin_trap();
    }
    tally_add(&tally()->exits);
    rt_exit((int64_t)chance());
}

int soldier(struct orders orders)
{
    struct rt_ring *client = rt_ring_borrow();

    if (!tally_take(client, orders.vm)) {
        return 1;
    }
    tally_add(&tally()->soldiers);
    ring.header = client->header;
    ring.sq = client->sq;
    ring.cq = client->cq;
    ring.sq_mask = client->sq_mask;
    ring.cq_mask = client->cq_mask;
    ring.sq_tail = client->sq_tail;
    ring.cq_head = client->cq_head;
    ring.area = client->area;
    ring.area_bytes = client->header->area_bytes;
    chance_seed(orders.seed);
    entries_begin(client, orders.depth);
    take_stock();
    for (uint32_t rounds = chance_below(ROUNDS_MAX); rounds > 0; rounds--) {
        fight();
        if (chance_one_in(stock_is_poor() ? 8 : 300)) {
            die();
        }
    }
    tally_add(&tally()->exits);
    return 0;
}
