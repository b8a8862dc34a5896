// SPDX-License-Identifier: MIT
/*
 * Names for addresses of the kernel's text. The table is made from the linked
 * kernel by tools/ksyms and linked in again; the first link has an empty one.
 */
#pragma once

#include <stdint.h>

/*
 * The function that an address lies in, and how far. NULL: none, or an empty
 * table. Static; uses no memory but the table, and works in any context.
 */
const char *ksyms_find(uint64_t address, uint64_t *offset);
