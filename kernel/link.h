// SPDX-License-Identifier: MIT
/*
 * Addresses that link.ld defines. Only the addresses mean something; all are
 * multiples of the page size, except those of tables.
 *
 *   kernel_start          text: read, execute
 *   kernel_rodata_start   constants: read
 *   kernel_data_start     data: read, write; in it the boot stack above its guard page
 *   kernel_end
 */
#pragma once

extern const char kernel_start[];
extern const char kernel_rodata_start[];
extern const char kernel_data_start[];
extern const char kernel_end[];

/* The page below the boot stack, which stays unmapped, and the stack's top. */
extern const char boot_stack_guard[];
extern const char boot_stack_top[];
