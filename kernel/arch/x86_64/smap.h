// SPDX-License-Identifier: MIT
/*
 * The bracket around every access to user memory. Between begin and end nothing
 * may be called; on a processor without SMAP both do nothing.
 */
#pragma once

#include <stdbool.h>

/* Set by features_enable(), once. */
extern bool smap_on;

static inline void user_access_begin(void)
{
    if (smap_on) {
        __asm__ volatile("stac" : : : "memory");
    }
}

static inline void user_access_end(void)
{
    if (smap_on) {
        __asm__ volatile("clac" : : : "memory");
    }
}
