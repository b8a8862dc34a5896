// SPDX-License-Identifier: MIT
/*
 * How a program begins and ends.
 *
 * The kernel enters _start with the ring region, the process id and the CapSet
 * page. The runtime checks all three, takes the ring, remembers a Console for
 * rt_panic if one was granted, and calls
 *
 *     int main(void);
 *
 * which the program defines. What main returns is the process's exit code.
 *
 * A program whose start was not in order ends before main with a code of its
 * own, so that the parent can tell a bad bootstrap from a failed program.
 */
#pragma once

#include <stdint.h>

/* Exit codes that belong to the runtime. A program picks others. */
enum rt_exit {
    RT_EXIT_PANIC = 101,      /* rt_panic: a sentence was written, if a Console was there */
    RT_EXIT_BAD_RING = 102,   /* the ring region is not one this runtime understands */
    RT_EXIT_BAD_CAPSET = 103, /* the CapSet page is malformed */
    RT_EXIT_BAD_PID = 104,    /* the kernel gave no process id */
};

/* The number the kernel knows this process by; never 0. Good for log lines only. */
uint64_t rt_pid(void);

/*
 * What the processor held at the first instruction. A program that defines
 * `struct rt_birth rt_birth;` finds it filled when main runs; others pay nothing.
 */
struct rt_birth {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rflags;
    uint64_t return_address;                           /* on top of the stack */
    uint8_t vectors[512] __attribute__((aligned(16))); /* as FXSAVE64 stores them */
};

extern struct rt_birth rt_birth __attribute__((weak));
