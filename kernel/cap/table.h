// SPDX-License-Identifier: MIT
/*
 * Capability tables in the kernel: the shared logic of lib/cap_table.h joined to
 * objects' hold counts, and the kernel's own table.
 *
 * The kernel holds its objects as a process holds its own: by slots of a table,
 * from which the manifest's grants are copied. So there is no object without a
 * holder, and the recount treats all tables alike.
 */
#pragma once

#include <lib/cap_table.h>

#include "cap/cap.h"

/* Slots of the kernel's own table; one page holds them. */
#define KERNEL_TABLE_SLOTS 64u

void kernel_table_init(void);

/* The kernel's own table. */
struct cap_table *kernel_table(void);

/*
 * Puts the creator's hold on a new object into the kernel's table for good. That
 * there is room is asserted: it is done at boot only.
 */
void kernel_table_keep(struct cap_object *object);

/* The kernel's own hold on the object of this interface. NULL: there is none. */
const struct cap_slot *kernel_table_find(uint64_t interface_id);

/* Puts a new hold on the object into a table. ST_FULL, and then no hold was taken. */
enum status cap_table_grant(struct cap_table *table, struct cap_object *object, uint64_t badge,
                            bool transferable, uint64_t *id);
