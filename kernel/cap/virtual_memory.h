// SPDX-License-Identifier: MIT
/*
 * VirtualMemory: the address space of one process as a capability.
 *
 * What is mapped through it is in the process's table of regions: fresh pages, which
 * the address space owns and the process pays for, and parts of memory objects, each
 * of which the region holds. Image, stack, ring and CapSet lie below USER_MAP_BASE and
 * are out of its reach.
 *
 * The object may outlive the process, since others may hold it; it then answers as
 * disconnected. The regions end with the process, after its page tables.
 */
#pragma once

#include <lib/status.h>
#include <stdbool.h>

#include "cap/cap.h"

struct process;

extern const struct cap_type virtual_memory_type;

/*
 * A hold on the VirtualMemory of a process, which is made when it is first asked for,
 * and charged to the process. ST_OVER_BUDGET, ST_NO_MEMORY.
 */
enum status virtual_memory_create(struct process *p, struct cap_object **out);

/*
 * Drops up to `budget` > 0 of the holds that mappings of a process without an address
 * space are; true when there is none left, and no VirtualMemory knows the process.
 */
bool virtual_memory_reap(struct process *p, unsigned budget);
