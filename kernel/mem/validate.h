// SPDX-License-Identifier: MIT
/*
 * Copies between the kernel and user memory. The only place where the processor
 * follows a user address for the kernel.
 *
 * The hardware does the checking: the copy runs in the active address space with
 * user pages' own permissions, inside the SMAP bracket, and a fault lands on a
 * fix-up instead of a panic. So nothing a program does to its mappings can fault
 * the kernel, and each user byte is read exactly once.
 */
#pragma once

#include <lib/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem/addr.h"
#include "mem/paging.h"

/* Whether [start, start + n) lies in USER_BASE…USER_END, without wrapping. n may be 0. */
bool user_range_ok(struct uaddr start, size_t n);

/*
 * Copies n bytes in or out. `as` must be the active address space. ST_FAULT: the
 * range is not user memory, or not mapped, or not writable (out); the bytes
 * before the fault may have been copied.
 */
enum status user_copy_in(const struct aspace *as, void *dst, struct uaddr src, size_t n);
enum status user_copy_out(const struct aspace *as, struct uaddr dst, const void *src, size_t n);

/*
 * Reads one word of kernel memory that may not be mapped: for backtraces, which
 * must survive a damaged stack. False: it is not readable.
 */
bool kernel_read_word(uint64_t addr, uint64_t *out);

/*
 * If rip is an instruction of one of these routines that may fault, where to go on
 * instead; otherwise 0.
 */
uint64_t fixup_find(uint64_t rip);
