// SPDX-License-Identifier: MIT
/*
 * The recount: what the machine holds, counted from the ground (the frame bitmap,
 * the heap's pages, the lists of objects and processes, the slots of every table),
 * never from the counters that the kernel keeps as it goes.
 */
#pragma once

#include <stdint.h>

struct recount {
    uint64_t frames_free;
    uint64_t heap_blocks;
    uint64_t heap_bytes;
    uint64_t objects;
    uint64_t slots; /* used, in the kernel's own table */
    uint64_t processes;
};

void recount_take(struct recount *out);

/*
 * Recounts and compares with the start; also checks that the kernel's counters
 * agree with what they count and that each object is held exactly as often as a
 * slot refers to it (A3). Prints a line for each difference and returns their
 * number.
 */
uint32_t recount_compare(const struct recount *start);
