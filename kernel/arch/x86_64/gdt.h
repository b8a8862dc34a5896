// SPDX-License-Identifier: MIT
/*
 * Segments, the task-state segment and the stacks of the exceptions that cannot
 * use the interrupted one. The order of the selectors is what SYSCALL and SYSRET
 * dictate.
 *
 * Usable from assembly.
 */
#pragma once

#define GDT_KERNEL_CODE 0x08
#define GDT_KERNEL_DATA 0x10
#define GDT_USER_DATA   0x18
#define GDT_USER_CODE   0x20
#define GDT_TSS         0x28 /* two entries */

/* STAR: SYSCALL loads CS and the next for SS; SYSRET the next for SS, and the one after for CS. */
#define GDT_SYSCALL_BASE GDT_KERNEL_CODE
#define GDT_SYSRET_BASE  (GDT_KERNEL_DATA | 3)

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

/*
 * Top of the stack that the kernel was entered on, and on which traps from ring 3
 * arrive (RSP0): CPU 0's for good. A guard page lies below.
 */
uint64_t gdt_boot_stack_top(void);

#endif
