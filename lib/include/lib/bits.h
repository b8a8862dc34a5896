// SPDX-License-Identifier: MIT
/*
 * Arithmetic on sizes and alignments that would otherwise be written, and
 * written wrongly, in several files.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* 0 is not a power of two. */
static inline bool bits_is_power_of_two(uint64_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

/* The least multiple of `unit`, a power of two, that is not below n. Must not overflow. */
static inline uint64_t bits_round_up(uint64_t n, uint64_t unit)
{
    return (n + unit - 1) & ~(unit - 1);
}

/* The greatest multiple of `unit`, a power of two, that is not above n. */
static inline uint64_t bits_round_down(uint64_t n, uint64_t unit)
{
    return n & ~(unit - 1);
}

/* Whether offset…offset + bytes lies inside 0…limit; cannot overflow. */
static inline bool bits_range_fits(uint64_t offset, uint64_t bytes, uint64_t limit)
{
    return offset <= limit && bytes <= limit - offset;
}

/*
 * How many bits are set. For programs built without the instruction for it, the
 * compiler's own answer would be a call to its support library.
 */
static inline unsigned bits_count(uint64_t n)
{
    n -= n >> 1 & 0x5555555555555555;
    n = (n & 0x3333333333333333) + (n >> 2 & 0x3333333333333333);
    n = (n + (n >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return (unsigned)(n * 0x0101010101010101 >> 56);
}
