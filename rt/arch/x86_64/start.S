// SPDX-License-Identifier: MIT
/*
 * A program's first instruction. The kernel enters as if _start had been called
 * (abi/syscall.h): RDI ring region, RSI process id, RDX CapSet page, RSP ≡ 8
 * (mod 16) over a return address of zero. rt_entry is entered in just that state.
 *
 * If the program defines rt_birth (rt/entry.h), the registers are written there
 * first, before anything has touched them. The offsets are those of struct
 * rt_birth and asserted in rt/entry.c.
 */

    .weak rt_birth

    .section .text._start, "ax", @progbits
    .globl _start
    .type _start, @function
_start:
    pushq %rax
    pushfq
    movl $rt_birth, %eax
    testl %eax, %eax
    jz 1f

    movq %rbx, 8(%rax)
    movq %rcx, 16(%rax)
    movq %rdx, 24(%rax)
    movq %rsi, 32(%rax)
    movq %rdi, 40(%rax)
    movq %rbp, 48(%rax)
    movq %r8, 64(%rax)
    movq %r9, 72(%rax)
    movq %r10, 80(%rax)
    movq %r11, 88(%rax)
    movq %r12, 96(%rax)
    movq %r13, 104(%rax)
    movq %r14, 112(%rax)
    movq %r15, 120(%rax)
    leaq 16(%rsp), %rcx
    movq %rcx, 56(%rax)
    movq 8(%rsp), %rcx
    movq %rcx, 0(%rax)
    movq 0(%rsp), %rcx
    movq %rcx, 128(%rax)
    movq 16(%rsp), %rcx
    movq %rcx, 136(%rax)
    fxsave64 144(%rax)

1:  addq $16, %rsp
    xorl %ebp, %ebp
    jmp rt_entry
    .size _start, . - _start

    .section .note.GNU-stack, "", @progbits
