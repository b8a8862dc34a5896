// SPDX-License-Identifier: MIT
/*
 * All that must be true of what the kernel keeps, at any time between two entries: every
 * hold, every account, and whatever a type of lib says in its _check() of each table, ring,
 * pool, queue and bitmap there is.
 */
#pragma once

#include <stdint.h>

#include "cap/cap.h"

/*
 * Prints a line for each thing that is wrong and returns their number. `each_other`, unless
 * it is NULL, calls its argument with what is held from outside all tables.
 */
uint32_t kcheck(void (*each_other)(void (*visit)(struct cap_object *held)));

#ifdef CAPOS_SANITIZE

/* From here on a check is due after each KCHECK_EVERY entries; what it finds is a panic. */
void kcheck_begin(void (*each_other)(void (*visit)(struct cap_object *held)));

/* So many entries more are about to be taken. */
void kcheck_count(uint32_t entries);

#else

static inline void kcheck_begin(void (*each_other)(void (*visit)(struct cap_object *held)))
{
    (void)each_other;
}

static inline void kcheck_count(uint32_t entries)
{
    (void)entries;
}

#endif
