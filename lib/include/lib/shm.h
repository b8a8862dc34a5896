// SPDX-License-Identifier: MIT
/*
 * The accessors for memory that a program can write at the same time.
 *
 * Each call is exactly one access, never repeated, split or left out by the
 * compiler. A value is loaded once into a local, and only the local is checked and
 * used. What goes on between two loads is anybody's guess, and a test makes it the
 * worst: a host build may define SHM_OBSERVE(address, bytes), which is called
 * before each load, to count loads and to change the memory under way.
 */
#pragma once

#include <stdint.h>

#ifndef SHM_OBSERVE
#define SHM_OBSERVE(address, bytes) ((void)0)
#endif

static inline uint64_t shm_load64(const uint64_t *p)
{
    SHM_OBSERVE(p, sizeof(*p));
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}

/* A load into an OR: `bits` with those of the word. Compilers split the builtin's in two. */
static inline uint64_t shm_or64(uint64_t bits, const uint64_t *p)
{
    SHM_OBSERVE(p, sizeof(*p));
    __asm__ volatile("orq %1, %0" : "+r"(bits) : "m"(*p) : "cc");
    return bits;
}

static inline uint32_t shm_load32_acquire(const uint32_t *p)
{
    SHM_OBSERVE(p, sizeof(*p));
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

/* A linter takes what only a builtin writes through for const.
 * NOLINTBEGIN(readability-non-const-parameter) */
static inline void shm_store32(uint32_t *p, uint32_t value)
{
    __atomic_store_n(p, value, __ATOMIC_RELAXED);
}

static inline void shm_store64(uint64_t *p, uint64_t value)
{
    __atomic_store_n(p, value, __ATOMIC_RELAXED);
}

static inline void shm_store32_release(uint32_t *p, uint32_t value)
{
    __atomic_store_n(p, value, __ATOMIC_RELEASE);
}

static inline void shm_store64_release(uint64_t *p, uint64_t value)
{
    __atomic_store_n(p, value, __ATOMIC_RELEASE);
}
/* NOLINTEND(readability-non-const-parameter) */
