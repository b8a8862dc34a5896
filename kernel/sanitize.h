// SPDX-License-Identifier: MIT
/*
 * Memory that may not be touched, in the sanitized kernel (build/kernel-san.elf); in the
 * others all of this is nothing.
 *
 * Of every eight bytes that the direct map has of RAM there is a byte of shadow: 0, all may
 * be touched; 1 to 7, so many of them; otherwise the reason why not. Free frames, free blocks
 * of the heap, and what lies behind a block in its slot are poisoned. The compiler has each
 * load and store call a check; what copies by instructions of its own calls one here.
 * Undefined behaviour that the compiler sees at run time is a panic too.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum sanitize_why {
    SANITIZE_NOTHING = 0,
    SANITIZE_FREE_FRAME = 0xf1,
    SANITIZE_FREE_BLOCK = 0xf2,
    SANITIZE_BEHIND_BLOCK = 0xf3,
};

#ifdef CAPOS_SANITIZE

/* Bytes of each heap slot that no block ever has. */
#define SANITIZE_REDZONE 16u

/* Once all RAM is mapped: from here on there is a shadow, and free frames are poisoned. */
void sanitize_init(void);

/* Whole units of eight bytes: may not be touched, for that reason, or may. */
void sanitize_mark(const void *from, size_t bytes, enum sanitize_why why);

/* A block of so many bytes, at the start of what is so far poisoned. */
void sanitize_open(const void *block, size_t bytes);

/* For who reads or writes at this address by other means than the compiler's. */
void sanitize_check(uint64_t from, size_t bytes);

/* Makes the error of that name, which must end in a panic. Comes back if there is none. */
void sanitize_selftest(const char *name, size_t len);

#else

#define SANITIZE_REDZONE 0u

static inline void sanitize_init(void)
{
}

static inline void sanitize_mark(const void *from, size_t bytes, enum sanitize_why why)
{
    (void)from;
    (void)bytes;
    (void)why;
}

static inline void sanitize_open(const void *block, size_t bytes)
{
    (void)block;
    (void)bytes;
}

static inline void sanitize_check(uint64_t from, size_t bytes)
{
    (void)from;
    (void)bytes;
}

static inline void sanitize_selftest(const char *name, size_t len)
{
    (void)name;
    (void)len;
}

#endif
