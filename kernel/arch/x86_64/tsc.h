// SPDX-License-Identifier: MIT
/* The time stamp counter. Under QEMU's -icount shift=0 it counts instructions. */
#pragma once

#include <stdint.h>

static inline uint64_t tsc_read(void)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}
