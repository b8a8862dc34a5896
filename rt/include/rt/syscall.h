// SPDX-License-Identifier: MIT
/*
 * The two system calls, as abi/syscall.h defines them. Raw: most programs use
 * <rt/ring.h> and return from main instead.
 */
#pragma once

#include <abi/syscall.h>
#include <stdint.h>

/* What the kernel zeroes or does not keep across a call; the compiler must know. */
#define RT_SYSCALL_CLOBBERS                                                                        \
    "rcx", "r8", "r9", "r10", "r11", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",       \
        "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",       \
        "xmm15", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)"

/* Any system call number, for programs that test what the kernel refuses. */
static inline int64_t rt_syscall2(uint64_t number, uint64_t a, uint64_t b)
{
    int64_t result;
    uint64_t zeroed;

    __asm__ volatile("syscall"
                     : "=a"(result), "+D"(a), "+S"(b), "=d"(zeroed)
                     : "a"(number)
                     : RT_SYSCALL_CLOBBERS);
    return result;
}

/* Completions available, or an enum sys_err. */
static inline int64_t rt_cap_enter(uint64_t min_complete, uint64_t timeout_ns)
{
    return rt_syscall2(SYS_CAP_ENTER, min_complete, timeout_ns);
}

/* Ends the process with this code. */
_Noreturn static inline void rt_exit(int64_t code)
{
    rt_syscall2(SYS_EXIT, (uint64_t)code, 0);
    __builtin_unreachable();
}
