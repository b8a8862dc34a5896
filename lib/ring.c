// SPDX-License-Identifier: MIT
/*
 * The parts of the ring that are not hot: setting up, repairing, checking.
 */
#include <lib/ring.h>

#include <abi/layout.h>
#include <lib/bits.h>
#include <lib/mem.h>

static bool size_is_valid(uint32_t n, uint32_t min, uint32_t max)
{
    return n >= min && n <= max && bits_is_power_of_two(n);
}

enum status ring_region_layout(uint32_t sq_entries, uint32_t cq_entries, uint32_t area_bytes,
                               struct ring_layout *layout)
{
    uint32_t sq_offset = sizeof(struct cap_ring_header);
    uint32_t cq_offset;
    uint32_t area_offset;

    if (!size_is_valid(sq_entries, CAP_SQ_MIN, CAP_SQ_MAX) ||
        !size_is_valid(cq_entries, CAP_CQ_MIN, CAP_CQ_MAX) || cq_entries < sq_entries ||
        !size_is_valid(area_bytes, CAP_AREA_MIN, CAP_AREA_MAX)) {
        return ST_INVALID;
    }
    cq_offset = sq_offset + sq_entries * (uint32_t)sizeof(struct cap_sqe);
    area_offset = cq_offset + cq_entries * (uint32_t)sizeof(struct cap_cqe);
    *layout = (struct ring_layout){
        .sq_entries = sq_entries,
        .cq_entries = cq_entries,
        .sq_offset = sq_offset,
        .cq_offset = cq_offset,
        .area_offset = area_offset,
        .area_bytes = area_bytes,
        .region_bytes = (uint32_t)bits_round_up(area_offset + area_bytes, USER_PAGE_BYTES),
    };
    return ST_OK;
}

void ring_format(void *region, const struct ring_layout *layout)
{
    struct cap_ring_header *header = region;

    header->magic = CAP_RING_MAGIC;
    header->abi_version = CAP_RING_ABI_VERSION;
    header->features = CAP_RING_FEATURES;
    header->sq_entries = layout->sq_entries;
    header->cq_entries = layout->cq_entries;
    header->sq_offset = layout->sq_offset;
    header->cq_offset = layout->cq_offset;
    header->area_offset = layout->area_offset;
    header->area_bytes = layout->area_bytes;
    header->region_bytes = layout->region_bytes;
}

void ring_view_init(struct ring_view *view, void *region, const struct ring_layout *layout)
{
    uint8_t *bytes = region;

    *view = (struct ring_view){
        .header = region,
        .sq = (struct cap_sqe *)(void *)(bytes + layout->sq_offset),
        .cq = (struct cap_cqe *)(void *)(bytes + layout->cq_offset),
        .sq_entries = layout->sq_entries,
        .sq_mask = layout->sq_entries - 1,
        .cq_mask = layout->cq_entries - 1,
        .cq_room = layout->cq_entries,
    };
}

bool ring_view_check(const struct ring_view *view)
{
    uint32_t cq_entries = view->cq_mask + 1;
    uint32_t used = view->cq_tail - view->room_head;

    return bits_is_power_of_two(view->sq_entries) && view->sq_mask == view->sq_entries - 1 &&
           bits_is_power_of_two(cq_entries) && view->sq_entries <= cq_entries &&
           view->cq_head - view->room_head <= used && used <= cq_entries &&
           view->cq_room <= cq_entries - used &&
           ring_reserved(view) <= cq_entries - view->sq_entries;
}

static void count_corruption(struct ring_view *view)
{
    view->corruptions++;
    shm_store32(&view->header->corruptions, view->corruptions);
}

void ring_repair_sq(struct ring_view *view)
{
    shm_store32(&view->header->sq_tail, view->sq_head);
    count_corruption(view);
}

void ring_repair_cq(struct ring_view *view)
{
    shm_store32(&view->header->cq_head, view->cq_head);
    count_corruption(view);
}
