// SPDX-License-Identifier: MIT
/*
 * The table before a message's segments. Its sums are in 64 bits: 2^32 segments
 * of 2^32 words each stay below 2^64, and so nothing here wraps.
 */
#include <capnp/build.h>
#include <capnp/frame.h>

bool capnp_frame_write_table(void *table, size_t room, const struct capnp_segment *segments,
                             uint32_t segment_count)
{
    uint8_t *p = table;

    if (segment_count == 0 || segments[0].bytes == 0 ||
        capnp_frame_table_bytes(segment_count) > room) {
        return false;
    }
    for (uint32_t i = 0; i < segment_count; i++) {
        if (segments[i].bytes % 8u != 0 || segments[i].bytes / 8u > UINT32_MAX) {
            return false;
        }
    }
    capnp_store_u32(p, segment_count - 1u);
    for (uint32_t i = 0; i < segment_count; i++) {
        capnp_store_u32(p + 4u * (i + (size_t)1u), (uint32_t)(segments[i].bytes / 8u));
    }
    if (segment_count % 2u == 0) {
        capnp_store_u32(p + 4u * (segment_count + (size_t)1u), 0);
    }
    return true;
}

enum capnp_frame_status capnp_frame_measure(const void *in, size_t len, uint32_t max_segments,
                                            uint64_t max_bytes, uint64_t *bytes)
{
    const uint8_t *p = in;

    *bytes = 8;
    if (max_bytes < 8u) {
        return CAPNP_FRAME_CORRUPT;
    }
    if (len < 8u) {
        return CAPNP_FRAME_MORE;
    }
    uint64_t count = (uint64_t)capnp_load_u32(p) + 1u;
    uint64_t total = (count + 2u) / 2u * 8u;
    if (count > max_segments || total > max_bytes) {
        return CAPNP_FRAME_CORRUPT;
    }
    *bytes = total;
    if (len < total) {
        return CAPNP_FRAME_MORE;
    }
    for (uint64_t i = 0; i < count; i++) {
        total += (uint64_t)capnp_load_u32(p + 4u * (i + 1u)) * 8u;
    }
    if (total > max_bytes || capnp_load_u32(p + 4) == 0) {
        return CAPNP_FRAME_CORRUPT;
    }
    *bytes = total;
    return len < total ? CAPNP_FRAME_MORE : CAPNP_FRAME_WHOLE;
}
