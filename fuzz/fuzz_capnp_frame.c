// SPDX-License-Identifier: MIT
/*
 * Bytes as a stream of framed messages. Each that is found can be opened, fills its
 * bytes exactly, and has a table that is written again as it was, but for padding.
 */
#include <capnp/frame.h>
#include <stdlib.h>
#include <string.h>

/* The name is the fuzzer's. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEGMENTS_MAX 32u
#define BYTES_MAX    4096u

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check_message(const uint8_t *data, uint64_t bytes)
{
    struct capnp_segment segments[SEGMENTS_MAX];
    uint8_t table[(SEGMENTS_MAX + 2u) * 4u];
    struct capnp_message m;

    require(capnp_message_open_framed(&m, data, bytes, segments, SEGMENTS_MAX));
    require(capnp_frame_write_table(table, sizeof table, m.segments, m.segment_count));
    require(memcmp(table, data, 4u * (m.segment_count + 1u)) == 0);
    require(m.segments[0].base == data + capnp_frame_table_bytes(m.segment_count));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t bytes;

    while (capnp_frame_measure(data, size, SEGMENTS_MAX, BYTES_MAX, &bytes) == CAPNP_FRAME_WHOLE) {
        require(bytes <= size);
        check_message(data, bytes);
        data += bytes;
        size -= bytes;
    }
    require(bytes > size || bytes >= 8);
    return 0;
}
