// SPDX-License-Identifier: MIT
/*
 * What this process uses up, as its CapabilityManager says: a demo compares it before
 * and after, to show that what was refused left nothing behind and that what was given
 * back has come back.
 *
 *     struct usage before = usage_now(ring);
 *     …
 *     CHECK(usage_equal(usage_now(ring), before));
 */
#pragma once

#include <rt/ring.h>
#include <stdbool.h>
#include <stdint.h>

struct usage {
    uint64_t frames;
    uint64_t frames_max;
    uint64_t heap_bytes;
    uint64_t slots;
    uint64_t slots_max;
    uint64_t processes;
};

/* By the CapabilityManager that was granted as "capabilities", without which the demo fails. */
struct usage usage_now(struct rt_ring *ring);

/* Whether as much is used of everything. */
bool usage_equal(struct usage a, struct usage b);
