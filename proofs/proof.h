// SPDX-License-Identifier: MIT
/*
 * What bounded proofs are written in. Each proofs/<thing>_proof.c includes the real source
 * and has functions prove_<what>(void); tools/prove has CBMC look at each of them, with
 * the options of the comment before it, for all values at once of what is nondet.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ASSUME(condition) __CPROVER_assume(condition)

/* What follows takes it for given: one failure is not reported as many. */
#define PROVE(condition)                                                                           \
    do {                                                                                           \
        __CPROVER_assert((condition), #condition);                                                 \
        ASSUME(condition);                                                                         \
    } while (0)

/* Any value. CBMC takes a function without a body for one that gives any. */
bool nondet_bool(void);
uint8_t nondet_u8(void);
uint16_t nondet_u16(void);
uint32_t nondet_u32(void);
uint64_t nondet_u64(void);

/* One of 0…n − 1. */
static inline uint32_t any_below(uint32_t n)
{
    uint32_t i = nondet_u32();

    ASSUME(i < n);
    return i;
}

/* A failed assertion of lib's own fails the proof. */
static inline void proof_assert_failed(const char *sentence)
{
    (void)sentence;
    __CPROVER_assert(false, "an assertion of lib holds");
    ASSUME(false);
}
