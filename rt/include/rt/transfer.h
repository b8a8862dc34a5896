// SPDX-License-Identifier: MIT
/*
 * What can be done with a capability that is given away, as the descriptor that says
 * it (abi/ring.h). A function that gives takes one, so that each call shows whether
 * authority is shared or handed over:
 *
 *     capos_virtual_memory_map_object(ring, vm, rt_copy(memory.id), …);
 *     capos_frame_allocator_free_frame(ring, frames, rt_move(memory.id));
 */
#pragma once

#include <abi/ring.h>
#include <stdint.h>

/* Both have it. */
static inline struct cap_transfer rt_copy(uint64_t cap_id)
{
    return (struct cap_transfer){.cap_id = cap_id, .mode = CAP_TRANSFER_COPY};
}

/* The receiver has it instead; the id here is stale once it is delivered. */
static inline struct cap_transfer rt_move(uint64_t cap_id)
{
    return (struct cap_transfer){.cap_id = cap_id, .mode = CAP_TRANSFER_MOVE};
}

/*
 * The receiver has a new client facet of the endpoint whose owner facet `owner` is,
 * with this badge and known as this interface.
 */
static inline struct cap_transfer rt_mint(uint64_t owner, uint64_t badge, uint64_t interface_id)
{
    return (struct cap_transfer){
        .cap_id = owner,
        .mode = CAP_TRANSFER_MINT,
        .badge = badge,
        .interface_id = interface_id,
    };
}

/* Nothing: the message says that there is no capability. */
static inline struct cap_transfer rt_nothing(void)
{
    return (struct cap_transfer){.mode = 0};
}
