// SPDX-License-Identifier: MIT
/*
 * Building a message in more than one segment.
 *
 * When an arena that grows has no more room, it asks its owner for another segment
 * and goes on there. Nothing is moved: builders stay good, and pointers that lead
 * from one segment into another become far pointers.
 *
 *   struct capnp_segment table[8];
 *   struct capnp_growth g = {.next = next_page, .segments = table, .segments_max = 8};
 *   struct capnp_arena a;
 *   capnp_arena_init_growing(&a, first, sizeof first, &g);
 *   ...                                   as in one segment
 *   uint32_t n = capnp_arena_segments(&a);
 *   capnp_message_open_segments(&m, table, n), or capnp_frame_write_table and send
 *
 * Always true: what the arena has taken lies in the segments of the table, and each
 * pointer is near where both ends are in one segment, far where its landing pad
 * found room behind what it leads to, and double-far otherwise.
 */
#pragma once

#include <capnp/build.h>

struct capnp_growth {
    /*
     * Gives the arena another segment, to keep for as long as the message is used:
     * at least `at_least` bytes (a multiple of 8), whose number goes to *bytes. They
     * need not be zero. NULL: there is no more, and the arena is full.
     */
    void *(*next)(void *context, uint32_t at_least, uint32_t *bytes);
    void *context;
    struct capnp_segment *segments; /* the caller's: where they are listed, in order */
    uint32_t segments_max;          /* its entries, 1 or more */
    uint32_t count;                 /* the segments there are so far */
    uint32_t room;                  /* bytes that the newest has, once there are two */
};

/*
 * Starts an empty message whose first segment is `bytes` bytes at `buffer`, which the
 * root must fit in. Keeps the buffer, the growth and its table.
 */
void capnp_arena_init_growing(struct capnp_arena *a, void *buffer, size_t bytes,
                              struct capnp_growth *growth);

/* Completes the table: how many segments the message has. 0: there is none. */
uint32_t capnp_arena_segments(const struct capnp_arena *a);
