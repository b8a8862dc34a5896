// SPDX-License-Identifier: MIT
/*
 * Stream framing: a table of the segments' lengths before the segments, which is
 * how messages lie in files and on connections, one behind the other.
 *
 *   number of segments - 1, length of each in words, all u32; padded to a word
 *
 * capnp_message_open_framed (<capnp/read.h>) opens one message; the functions here
 * find where it ends, and write the table of another.
 */
#pragma once

#include <capnp/read.h>

/* The bytes of the table before so many segments. */
static inline uint64_t capnp_frame_table_bytes(uint32_t segment_count)
{
    return ((uint64_t)segment_count + 2u) / 2u * 8u;
}

/*
 * Writes the table of 1 or more segments, each to follow it in order. False, with
 * nothing written: there are none, the first is empty, one is no whole number of
 * words or has 2^32 of them, or the table is longer than `room` bytes.
 */
bool capnp_frame_write_table(void *table, size_t room, const struct capnp_segment *segments,
                             uint32_t segment_count);

enum capnp_frame_status {
    CAPNP_FRAME_WHOLE,   /* a whole message: the first *bytes bytes */
    CAPNP_FRAME_MORE,    /* the beginning of one: there must be at least *bytes bytes */
    CAPNP_FRAME_CORRUPT, /* no message, or one beyond the limits */
};

/*
 * Where the message that begins at `in` ends, of which `len` bytes have come. Its
 * limits are the caller's: so many segments, and so many bytes with the table.
 */
enum capnp_frame_status capnp_frame_measure(const void *in, size_t len, uint32_t max_segments,
                                            uint64_t max_bytes, uint64_t *bytes);
