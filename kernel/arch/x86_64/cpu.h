// SPDX-License-Identifier: MIT
/*
 * Per-CPU state: the one thing the kernel finds by GS base, in kernel mode.
 *
 * There is one CPU at first, but nothing here is reached in any other way, so
 * that a second one is a second struct. Members marked [a] are used by entry.S
 * and have asserted offsets; all are the CPU's own, interrupts off.
 */
#pragma once

#include <abi/limits.h>
#include <lib/lazy_buffer.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct thread;

/* Scratch: one message in and one out, each of the largest size for kernel objects. */
#define CPU_SCRATCH_BYTES (2u * CAP_KERNEL_MESSAGE_MAX)

/* Descriptors and holds of as many capabilities as can travel at once, and a header. */
#define CPU_TRANSFER_BYTES (CAP_TRANSFER_MAX * 80u + 16u)

struct cpu {
    struct thread *current;      /* [a] runs, or is about to; NULL while idle */
    uint64_t kernel_stack;       /* [a] top of the one kernel stack */
    struct cpu *self;            /* [a] so that GS base yields an address */
    struct thread *loaded;       /* whose address space, FS base and vector state the CPU holds */
    struct lazy_buffer scratch;  /* messages too long for the kernel stack */
    struct lazy_buffer transfer; /* the capabilities of the message that is being read */
    struct thread *next;         /* made ready by `current`, to run if that waits; READY */
    bool attention;              /* more is to be done than to hand the CPU to `next` */
};

_Static_assert(offsetof(struct cpu, current) == 0, "entry.S");
_Static_assert(offsetof(struct cpu, kernel_stack) == 8, "entry.S");
_Static_assert(offsetof(struct cpu, self) == 16, "cpu_self");

/*
 * Makes this CPU's struct reachable by GS base and sets the system call MSRs.
 * kernel_stack_top: 16-aligned, the stack that system calls and traps use.
 */
void cpu_init(uint64_t kernel_stack_top);

/* This CPU. Not to be used before cpu_init, or in a trap taken from kernel mode. */
static inline struct cpu *cpu_self(void)
{
    struct cpu *self;

    __asm__("movq %%gs:16, %0" : "=r"(self));
    return self;
}
