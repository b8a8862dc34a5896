// SPDX-License-Identifier: MIT
/*
 * Segment registers of user mode, of which only the FS base matters: it is where
 * a program finds its thread-local storage.
 *
 * CR4.FSGSBASE stays off, so a program cannot write a base. It can load any of
 * its selectors, which changes a base too; so all four registers are set anew
 * for each thread, and none carries anything from one to the next.
 */
#pragma once

#include <stdint.h>

#include "arch/x86_64/msr.h"

/* Clears DS, ES, FS and GS as user mode sees them and sets its FS base. */
static inline void tls_load(uint64_t fs_base)
{
    /* The user's GS is changed from its own side of SWAPGS; loading it clears its base. */
    __asm__ volatile("movl %0, %%ds\n\t"
                     "movl %0, %%es\n\t"
                     "movl %0, %%fs\n\t"
                     "swapgs\n\t"
                     "movl %0, %%gs\n\t"
                     "swapgs"
                     :
                     : "r"(0)
                     : "memory");
    msr_write(MSR_FS_BASE, fs_base);
}
