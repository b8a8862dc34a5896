// SPDX-License-Identifier: MIT
/*
 * Allocations that fail on purpose, so that a test can walk every place where one may
 * (cap/fault_injector.h sets it off). Frames and heap both ask here, before anything has
 * changed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct alloc_fault {
    uint64_t countdown; /* the so many-th allocation from now fails; 0: none does */
    uint64_t seen;      /* allocations asked for since the countdown was set */
    uint64_t site;      /* where the one was asked for that failed; 0: none yet */
};

extern struct alloc_fault alloc_fault;

/* The part of alloc_fails for the time of a countdown. */
bool alloc_fault_count(const void *site);

/* Whether this allocation is to fail. `site` is where the allocator returns to. */
static inline bool alloc_fails(const void *site)
{
    return __builtin_expect(alloc_fault.countdown != 0, 0) && alloc_fault_count(site);
}
