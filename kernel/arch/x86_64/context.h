// SPDX-License-Identifier: MIT
/*
 * What a thread has in the processor while it does not run.
 *
 * A thread leaves user mode in one of two ways, and goes back the same way:
 *
 *   by SYSCALL   only what abi/syscall.h promises to keep is saved (`full` is 0, as it
 *                is while it runs); it goes back by SYSRET, all other registers zeroed
 *   by a trap    everything is saved (`full` = 1); it goes back by IRET
 *
 * A new thread starts as if it had been trapped before its first instruction.
 * entry.S uses the offsets below; they are asserted.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct context {
    /* Always valid. */
    uint64_t rax; /* the system call's result, or the trapped value */
    uint64_t rbx;
    uint64_t rbp;
    uint64_t r12;
    uint64_t r13;
    uint64_t r14;
    uint64_t r15;
    uint64_t rip;
    uint64_t rflags;
    uint64_t rsp;
    uint64_t full;
    /* Valid when full. */
    uint64_t rcx;
    uint64_t rdx;
    uint64_t rsi;
    uint64_t rdi;
    uint64_t r8;
    uint64_t r9;
    uint64_t r10;
    uint64_t r11;
};

/* What entry.S pushes when a trap is taken, from any mode; the processor's part is last. */
struct trap_frame {
    uint64_t r15;
    uint64_t r14;
    uint64_t r13;
    uint64_t r12;
    uint64_t rbp;
    uint64_t rbx;
    uint64_t r11;
    uint64_t r10;
    uint64_t r9;
    uint64_t r8;
    uint64_t rdi;
    uint64_t rsi;
    uint64_t rdx;
    uint64_t rcx;
    uint64_t rax;
    uint64_t vector;
    uint64_t error; /* zero where the processor pushes none */
    uint64_t rip;
    uint64_t cs;
    uint64_t rflags;
    uint64_t rsp;
    uint64_t ss;
};

_Static_assert(offsetof(struct context, rax) == 0, "entry.S");
_Static_assert(offsetof(struct context, rbx) == 8, "entry.S");
_Static_assert(offsetof(struct context, rbp) == 16, "entry.S");
_Static_assert(offsetof(struct context, r12) == 24, "entry.S");
_Static_assert(offsetof(struct context, r15) == 48, "entry.S");
_Static_assert(offsetof(struct context, rip) == 56, "entry.S");
_Static_assert(offsetof(struct context, rflags) == 64, "entry.S");
_Static_assert(offsetof(struct context, rsp) == 72, "entry.S");
_Static_assert(offsetof(struct context, full) == 80, "entry.S");
_Static_assert(offsetof(struct context, rcx) == 88, "entry.S");
_Static_assert(offsetof(struct context, rdi) == 112, "entry.S");
_Static_assert(offsetof(struct context, r11) == 144, "entry.S");
_Static_assert(offsetof(struct trap_frame, vector) == 120, "entry.S");
_Static_assert(offsetof(struct trap_frame, cs) == 144, "entry.S");

/* Copies what a trap from user mode left on the stack into the thread's context. */
void context_save_trap(struct context *context, const struct trap_frame *frame);

/*
 * Makes the context of a thread that has not run: at its first instruction it
 * finds what abi/syscall.h promises.
 */
void context_init(struct context *context, uint64_t rip, uint64_t rsp, uint64_t rdi, uint64_t rsi,
                  uint64_t rdx);
