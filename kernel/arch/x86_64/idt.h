// SPDX-License-Identifier: MIT
/*
 * The interrupt descriptor table. Every gate is an interrupt gate (interrupts off)
 * of privilege 0: `int n` in ring 3 is a general protection fault.
 */
#pragma once

#include <stdint.h>

struct trap_frame;

#define IDT_VECTORS 256u

/* The exceptions that the kernel tells apart. */
enum trap_vector {
    TRAP_DEBUG = 1,
    TRAP_NMI = 2,
    TRAP_DOUBLE_FAULT = 8,
    TRAP_GENERAL_PROTECTION = 13,
    TRAP_PAGE_FAULT = 14,
    TRAP_MACHINE_CHECK = 18,
    TRAP_EXCEPTIONS = 32 /* vectors below are the processor's own */
};

/* Error code of a page fault. */
#define PF_PRESENT  (1u << 0) /* the page is mapped, the access is not allowed */
#define PF_WRITE    (1u << 1)
#define PF_RESERVED (1u << 3)
#define PF_FETCH    (1u << 4)

/* Addresses of the entry stubs, one per vector (entry.S). */
extern const uint64_t trap_vectors[IDT_VECTORS];

/* Fills the table from trap_vectors and loads it. */
void idt_init(void);

/* "page fault"; for any number. Never NULL; static. */
const char *exception_name(uint64_t vector);

/*
 * An exception in kernel mode: goes on at the fix-up if the instruction has one,
 * otherwise panics with registers and backtrace. Called by trap_in_kernel().
 */
void trap_from_kernel(struct trap_frame *frame);
