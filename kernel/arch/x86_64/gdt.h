// SPDX-License-Identifier: MIT
/*
 * Segments, the task-state segment and the stacks of the exceptions that cannot
 * use the interrupted one. The order of the selectors is what SYSCALL and SYSRET
 * dictate: STAR holds GDT_KERNEL_CODE and GDT_USER_BASE.
 *
 * Usable from assembly.
 */
#pragma once

#define GDT_KERNEL_CODE 0x08
#define GDT_KERNEL_DATA 0x10
#define GDT_USER_BASE   0x18 /* where 32-bit user code would be; not present */
#define GDT_USER_DATA   0x20
#define GDT_USER_CODE   0x28
#define GDT_TSS         0x30 /* two entries */

/* Selectors as ring 3 has them. */
#define GDT_USER_DATA_SELECTOR (GDT_USER_DATA | 3)
#define GDT_USER_CODE_SELECTOR (GDT_USER_CODE | 3)

/* Interrupt stack numbers. */
#define IST_DOUBLE_FAULT  1
#define IST_NMI           2
#define IST_DEBUG         3
#define IST_MACHINE_CHECK 4

#ifndef __ASSEMBLER__

#include <stdint.h>

/* Loads GDT and TSS. Until gdt_guard_stacks() all interrupt stacks are one page of the image. */
void gdt_init(void);

/* Gives each interrupt stack pages of its own between guard pages. Needs kstack_alloc(). */
void gdt_guard_stacks(void);

/* The stack on which traps from ring 3 arrive (RSP0). 16-byte aligned. */
void gdt_set_kernel_stack(uint64_t top);

/* Top of the stack that the kernel was entered on: CPU 0's for good. A guard page lies below. */
uint64_t gdt_boot_stack_top(void);

#endif
