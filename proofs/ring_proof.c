// SPDX-License-Identifier: MIT
/*
 * The kernel's side of the ring against any program. The view is any that ring_view_check()
 * accepts, of any size up to what the region here holds and with counts anywhere, those
 * about to wrap among them; every word that is read of the shared region is any
 * value, and another one each time. Each step leaves a view that is accepted and touches
 * nothing outside the region, so that any number of steps does. A completion never takes
 * the place of one that the program has not taken.
 */
#include "proof.h"

static void change(void *shared);

/* The program may have written anything since. */
#define SHM_OBSERVE(address, bytes) change((void *)(uintptr_t)(address))

#include "../lib/ring.c"

#define SQ_MOST 8u
#define CQ_MOST 16u

/* As in a region, and each queue to its last entry: what lies behind is out of bounds. */
static struct cap_ring_header header;
static struct cap_sqe sq[SQ_MOST];
static struct cap_cqe cq[CQ_MOST];
static struct ring_view view;

static void change(void *shared)
{
    (void)shared;
    header.sq_tail = nondet_u32();
    header.cq_head = nondet_u32();
    __CPROVER_havoc_object(sq);
}

static void any_view(void)
{
    __CPROVER_havoc_object(&view);
    view.header = &header;
    view.sq = sq;
    view.cq = cq;
    ASSUME(view.sq_entries <= SQ_MOST && view.cq_mask < CQ_MOST);
    ASSUME(ring_view_check(&view));
}

/* What of a view a step may not change. */
static bool same_sizes(const struct ring_view *a)
{
    return a->header == view.header && a->sq == view.sq && a->cq == view.cq &&
           a->sq_entries == view.sq_entries && a->sq_mask == view.sq_mask &&
           a->cq_mask == view.cq_mask;
}

/* CBMC: --unwind 2 */
void prove_pending(void)
{
    uint32_t pending;

    any_view();
    struct ring_view before = view;
    enum status status = ring_pending(&view, &pending);
    PROVE(ring_view_check(&view) && same_sizes(&before));
    PROVE(view.sq_head == before.sq_head && view.cq_tail == before.cq_tail);
    if (status == ST_OK) {
        PROVE(pending <= view.sq_entries && view.corruptions == before.corruptions);
    } else {
        PROVE(status == ST_INVALID && view.corruptions == before.corruptions + 1);
        PROVE(header.sq_tail == view.sq_head && header.corruptions == view.corruptions);
    }
}

/* CBMC: --unwind 2 */
void prove_available(void)
{
    uint32_t available;

    any_view();
    struct ring_view before = view;
    enum status status = ring_available(&view, &available);
    PROVE(ring_view_check(&view) && same_sizes(&before) && view.cq_tail == before.cq_tail);
    PROVE(ring_reserved(&view) == ring_reserved(&before));
    if (status == ST_OK) {
        PROVE(available <= view.cq_mask + 1 && view.cq_room == before.cq_room);
        PROVE(available == view.cq_tail - view.cq_head);
    } else {
        PROVE(status == ST_INVALID && view.cq_head == before.cq_head);
        PROVE(header.cq_head == view.cq_head && view.corruptions == before.corruptions + 1);
    }
}

/* What the kernel has asked for, before it takes, posts or reserves: a submission and room. */
static bool may_take(void)
{
    uint32_t pending;
    uint32_t room;

    return ring_pending(&view, &pending) == ST_OK && pending > 0 &&
           ring_cq_room(&view, &room) == ST_OK && room > 0;
}

/* CBMC: --unwind 2 */
void prove_take(void)
{
    struct cap_sqe sqe;

    any_view();
    if (may_take()) {
        struct ring_view before = view;
        ring_take(&view, &sqe);
        PROVE(view.sq_head == before.sq_head + 1);
        PROVE(ring_view_check(&view) && same_sizes(&before));
    }
}

/* Whether the completions that the program has not taken are as they were, all of them. */
static void prove_post_keeps(bool reserved)
{
    uint32_t count = nondet_u32(); /* of any of these completions */

    any_view();
    struct ring_view before = view;
    ASSUME(count - view.cq_head < view.cq_tail - view.cq_head);
    struct cap_cqe waits = cq[count & view.cq_mask];
    uint64_t user_data = nondet_u64();
    if (reserved) {
        ASSUME(ring_reserved(&view) > 0);
        ring_post_reserved(&view, user_data, 7, 0, 0, 0);
    } else {
        ASSUME(may_take() && view.cq_head == before.cq_head);
        ring_post(&view, user_data, 7, 0, 0, 0);
    }
    struct cap_cqe still = cq[count & view.cq_mask];
    PROVE(still.user_data == waits.user_data && still.result == waits.result);
    PROVE(still.flags == waits.flags && still.cap_count == waits.cap_count);
    PROVE(still.detail == waits.detail && still.reserved == waits.reserved);
    PROVE(view.cq_tail == before.cq_tail + 1);
    PROVE(cq[before.cq_tail & view.cq_mask].user_data == user_data);
    PROVE(cq[before.cq_tail & view.cq_mask].result == 7);
    PROVE(ring_view_check(&view) && same_sizes(&before));
    ring_publish(&view);
    PROVE(header.cq_tail == view.cq_tail && header.sq_head == view.sq_head);
}

/* CBMC: --unwind 2 */
void prove_post(void)
{
    prove_post_keeps(false);
}

/* CBMC: --unwind 2 */
void prove_post_reserved(void)
{
    prove_post_keeps(true);
}

/* CBMC: --unwind 2 */
void prove_reserve(void)
{
    any_view();
    ASSUME(may_take());
    struct ring_view before = view;
    ASSUME(ring_reserved(&view) < view.cq_mask + 1 - view.sq_entries);
    ring_reserve(&view);
    PROVE(ring_reserved(&view) == ring_reserved(&before) + 1);
    PROVE(ring_view_check(&view) && same_sizes(&before));
}

/* CBMC: --unwind 2 */
void prove_layout(void)
{
    struct ring_layout layout;
    uint32_t sq_entries = nondet_u32();
    uint32_t cq_entries = nondet_u32();
    uint32_t area = nondet_u32();

    if (ring_region_layout(sq_entries, cq_entries, area, &layout) != ST_OK) {
        return;
    }
    PROVE(layout.sq_entries == sq_entries && layout.cq_entries == cq_entries);
    PROVE(layout.sq_offset >= sizeof(struct cap_ring_header) && layout.sq_offset % 64 == 0);
    PROVE(layout.cq_offset >= layout.sq_offset + sq_entries * sizeof(struct cap_sqe));
    PROVE(layout.area_offset >= layout.cq_offset + cq_entries * sizeof(struct cap_cqe));
    PROVE(layout.region_bytes >= (uint64_t)layout.area_offset + area);
    PROVE(layout.region_bytes <= USER_RING_BYTES && layout.region_bytes % USER_PAGE_BYTES == 0);
    PROVE(layout.cq_offset % 64 == 0 && layout.area_offset % 64 == 0);
    struct ring_view new_view;
    ring_view_init(&new_view, (void *)(uintptr_t)USER_RING_VADDR, &layout);
    PROVE(ring_view_check(&new_view));
}
