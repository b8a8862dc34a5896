// SPDX-License-Identifier: MIT
/*
 * Kinds of address, kept apart by type, and where the kernel's half of every
 * address space puts things:
 *
 *   ffff_8000_0000_0000   direct map: physical address p lies at DIRECT_MAP_BASE + p
 *   ffff_d000_0000_0000   kernel stacks, each below an unmapped guard page
 *   ffff_ffff_8020_0000   the kernel's image (link.ld)
 *
 * The direct map holds RAM only, never device registers, and is not executable.
 */
#pragma once

#include <stdint.h>

#define FRAME_SHIFT     12
#define FRAME_BYTES     4096u

#define DIRECT_MAP_BASE 0xffff800000000000ull
#define KSTACK_BASE     0xffffd00000000000ull
#define KERNEL_VMA      0xffffffff80000000ull

/* Physical memory beyond this is left alone: what the frame bitmap can count. */
#define PHYS_LIMIT (64ull << 30)

/* Below lie tables of the firmware, and the place where further processors would start. */
#define LOW_MEMORY_END 0x100000ull

/* A physical address. */
struct paddr {
    uint64_t v;
};

/* An address in the user half of some address space: a claim until checked. */
struct uaddr {
    uint64_t v;
};

/* Where the kernel sees physical RAM. Good for ever; p must be RAM of the boot map. */
static inline void *phys_to_virt(struct paddr p)
{
    return (void *)(DIRECT_MAP_BASE + p.v);
}

/* The reverse, for pointers that came from phys_to_virt() and no others. */
static inline struct paddr virt_to_phys(const void *p)
{
    return (struct paddr){(uint64_t)p - DIRECT_MAP_BASE};
}
