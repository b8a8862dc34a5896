// SPDX-License-Identifier: MIT
/*
 * The ways into the kernel, and the way out.
 *
 *   syscall_entry ─► enter ─► resume_short: who goes on ─┐
 *   trap from user ─► trap_from_user ─► resume_current ──┴─► user mode
 *   trap from kernel ─► trap_in_kernel ─► back to where it was
 *
 * The kernel runs with interrupts off on one stack per CPU and keeps nothing on
 * it between entries: a thread that leaves user mode is saved in its struct, and
 * whoever is `current` in the end is resumed from its own.
 *
 * GS base points at struct cpu in kernel mode only. Traps from kernel mode (a
 * fault in a user copy, the timer while idle, an NMI anywhere, a debug exception
 * in the shadow of MOV SS) leave it alone and use no per-CPU state, so it does
 * not matter on which side of SWAPGS they strike.
 *
 * Offsets: struct cpu (arch/x86_64/cpu.h), struct context and struct trap_frame
 * (arch/x86_64/context.h), asserted there; where a struct thread has its context, in thread.h.
 */
#include "arch/x86_64/gdt.h"

#define CPU_CURRENT      0
#define CPU_KERNEL_STACK 8

#define THREAD_CONTEXT 64

#define CTX_RAX    (THREAD_CONTEXT + 0)
#define CTX_RBX    (THREAD_CONTEXT + 8)
#define CTX_RBP    (THREAD_CONTEXT + 16)
#define CTX_R12    (THREAD_CONTEXT + 24)
#define CTX_R13    (THREAD_CONTEXT + 32)
#define CTX_R14    (THREAD_CONTEXT + 40)
#define CTX_R15    (THREAD_CONTEXT + 48)
#define CTX_RIP    (THREAD_CONTEXT + 56)
#define CTX_RFLAGS (THREAD_CONTEXT + 64)
#define CTX_RSP    (THREAD_CONTEXT + 72)
#define CTX_FULL   (THREAD_CONTEXT + 80)
#define CTX_RCX    (THREAD_CONTEXT + 88)
#define CTX_RDX    (THREAD_CONTEXT + 96)
#define CTX_RSI    (THREAD_CONTEXT + 104)
#define CTX_RDI    (THREAD_CONTEXT + 112)
#define CTX_R8     (THREAD_CONTEXT + 120)
#define CTX_R9     (THREAD_CONTEXT + 128)
#define CTX_R10    (THREAD_CONTEXT + 136)
#define CTX_R11    (THREAD_CONTEXT + 144)

#define FRAME_VECTOR 120
#define FRAME_CS     144

#define RFLAGS_AC 0x40000

    .section .text
    .global syscall_entry
    .type syscall_entry, @function
syscall_entry:
    swapgs
    movq %gs:CPU_CURRENT, %rdx          /* RDX and R8 to R10 are ours to use */
    movq %rsp, CTX_RSP(%rdx)
    movq %gs:CPU_KERNEL_STACK, %rsp
    movq %rcx, CTX_RIP(%rdx)
    movq %r11, CTX_RFLAGS(%rdx)
    movq %rbx, CTX_RBX(%rdx)
    movq %rbp, CTX_RBP(%rdx)
    movq %r12, CTX_R12(%rdx)
    movq %r13, CTX_R13(%rdx)
    movq %r14, CTX_R14(%rdx)
    movq %r15, CTX_R15(%rdx)
    xorl %ebp, %ebp                     /* backtraces end here */
    testq %rax, %rax
    jnz other_number
    call enter                          /* (min_complete, timeout_ns, thread); does not return */
other_number:
    movq %rax, %rcx
    call enter_other                    /* (arg0, arg1, thread, number); does not return */

/* The way back of a thread that came by SYSCALL: RSP points to it. */
    .global resume_short
resume_short:
    movq CTX_RAX(%rsp), %rax
    movq CTX_RBX(%rsp), %rbx
    movq CTX_RBP(%rsp), %rbp
    movq CTX_R12(%rsp), %r12
    movq CTX_R13(%rsp), %r13
    movq CTX_R14(%rsp), %r14
    movq CTX_R15(%rsp), %r15
    movq CTX_RIP(%rsp), %rcx            /* below USER_END: enter has checked */
    movq CTX_RFLAGS(%rsp), %r11
    xorl %edi, %edi
    xorl %esi, %esi
    xorl %edx, %edx
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    xorl %r10d, %r10d
    movq CTX_RSP(%rsp), %rsp
    swapgs
    sysretq

    .global resume_current
resume_current:
    movq %gs:CPU_CURRENT, %rsp
    cmpq $0, CTX_FULL(%rsp)
    je resume_short

resume_full:
    movq %rsp, %rax
    movq %gs:CPU_KERNEL_STACK, %rsp
    pushq $GDT_USER_DATA_SELECTOR
    pushq CTX_RSP(%rax)
    pushq CTX_RFLAGS(%rax)
    pushq $GDT_USER_CODE_SELECTOR
    pushq CTX_RIP(%rax)
    movq $0, CTX_FULL(%rax)             /* as it is for every program that runs */
    movq CTX_RBX(%rax), %rbx
    movq CTX_RBP(%rax), %rbp
    movq CTX_R12(%rax), %r12
    movq CTX_R13(%rax), %r13
    movq CTX_R14(%rax), %r14
    movq CTX_R15(%rax), %r15
    movq CTX_RCX(%rax), %rcx
    movq CTX_RDX(%rax), %rdx
    movq CTX_RSI(%rax), %rsi
    movq CTX_RDI(%rax), %rdi
    movq CTX_R8(%rax), %r8
    movq CTX_R9(%rax), %r9
    movq CTX_R10(%rax), %r10
    movq CTX_R11(%rax), %r11
    movq CTX_RAX(%rax), %rax
    swapgs
    iretq
    .size syscall_entry, . - syscall_entry

/* All traps meet here: vector and error code are on the stack, above the processor's frame. */
    .type trap_common, @function
trap_common:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    pushfq                              /* a trap keeps the program's AC flag, which */
    andq $~RFLAGS_AC, (%rsp)            /* would open user memory to the kernel */
    popfq
    movq %rsp, %rdi
    testb $3, FRAME_CS(%rsp)
    jz from_kernel

    swapgs
    movq FRAME_VECTOR(%rsp), %r12
    movq FRAME_VECTOR+8(%rsp), %r13
    movq %rsp, %rsi
    movq %gs:CPU_CURRENT, %rdi
    addq $THREAD_CONTEXT, %rdi
    xorl %ebp, %ebp
    call context_save_trap              /* (context, frame) */
    movq %gs:CPU_KERNEL_STACK, %rsp     /* leaves an IST stack, if it was one */
    movq %r12, %rdi
    movq %r13, %rsi
    call trap_from_user                 /* (vector, error) */
    jmp resume_current

from_kernel:
    call trap_in_kernel                 /* (frame); may change the frame's rip */
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp
    iretq
    .size trap_common, . - trap_common

/* One entry a vector; where the processor pushes no error code, a zero takes its place. */
    .altmacro
    .macro trap_entry vector
trap_\vector:
    .if !(\vector == 8 || (\vector >= 10 && \vector <= 14) || \vector == 17 || \vector == 21 || \vector == 29 || \vector == 30)
    pushq $0
    .endif
    pushq $\vector
    jmp trap_common
    .endm

    .set vector, 0
    .rept 256
    trap_entry %vector
    .set vector, vector + 1
    .endr

    .section .rodata
    .balign 8
    .global trap_vectors
trap_vectors:
    .macro trap_address vector
    .quad trap_\vector
    .endm
    .set vector, 0
    .rept 256
    trap_address %vector
    .set vector, vector + 1
    .endr

    .section .note.GNU-stack, "", @progbits
