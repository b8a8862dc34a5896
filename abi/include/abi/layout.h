// SPDX-License-Identifier: MIT
/*
 * Where things lie in the address space of a program.
 *
 *   0000_0000_0001_0000   lowest address that can be mapped
 *   0000_0000_0040_0000   program image, as its ELF headers say
 *   0000_0000_3fe0_0000   the fixed window: one page table's worth, so that a
 *                         small program costs few page-table frames
 *        3fe7_0000        stack, growing down from USER_STACK_TOP; the page below
 *                         it is never mapped
 *        3fec_0000        thread-local storage, ending at USER_TLS_TOP
 *        3fee_f000        CapSet page, read-only
 *        3ff0_0000        ring region
 *   0000_0000_4000_0000   free for mappings
 *   0000_7fff_ffff_f000   end: the last page stays empty, so that no return
 *                         address after `syscall` can be non-canonical
 */
#pragma once

#include <abi/limits.h>

#define USER_PAGE_BYTES   4096u
#define USER_BASE         0x0000000000010000ull
#define USER_IMAGE_BASE   0x0000000000400000ull
#define USER_IMAGE_END    0x000000003fe00000ull
#define USER_STACK_TOP    0x000000003fe80000ull
#define USER_STACK_BYTES  0x0000000000010000ull
#define USER_TLS_TOP      0x000000003fee0000ull
#define USER_CAPSET_VADDR 0x000000003feef000ull
#define USER_RING_VADDR   0x000000003ff00000ull
#define USER_RING_BYTES   0x00000000000ff000ull
#define USER_MAP_BASE     0x0000000040000000ull
#define USER_END          0x00007ffffffff000ull

_Static_assert(USER_TLS_TOP - PROC_TLS_MAX >= USER_STACK_TOP + USER_PAGE_BYTES, "TLS meets stack");
