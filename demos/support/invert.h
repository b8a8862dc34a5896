// SPDX-License-Identifier: MIT
/* What Depot.invert answers, for those that serve it. */
#pragma once

#include <capnp/dispatch.h>
#include <depot.capnp.h>

/* The answer is built where it goes: an inverted copy elsewhere would be copied once more. */
static inline enum capnp_answer demo_invert(struct capnp_call *call, struct capnp_data data,
                                            bool whole,
                                            struct demo_depot_invert_results_builder results)
{
    if (data.len == 0 || data.len % 8u != 0) {
        return capnp_call_refuse(call, CAPNP_EXC_INVALID_ARGUMENT, "data are whole words");
    }
    uint8_t *to = demo_depot_invert_results_room_data(results, data.len);
    if (to == NULL) {
        return CAPNP_NO_ROOM;
    }
    uint32_t last = data.len - 8u;
    capnp_store_u64(to, ~capnp_load_u64(data.ptr));
    capnp_store_u64(to + last, ~capnp_load_u64(data.ptr + last));
    for (uint32_t i = 8; whole && i < last; i += 8u) {
        capnp_store_u64(to + i, ~capnp_load_u64(data.ptr + i));
    }
    return CAPNP_ANSWERED;
}
