// SPDX-License-Identifier: MIT
#include "probe.h"

#include <stddef.h>

/*
 * probe_syscall, by offsets into struct probe. The paint of a register is its
 * number in the instruction encoding (RAX 0 … R15 15).
 */
_Static_assert(offsetof(struct probe, vectors_in) == 32, "the assembly agrees");
_Static_assert(offsetof(struct probe, vectors_out) == 288, "the assembly agrees");
_Static_assert(offsetof(struct probe, rax) == 544, "the assembly agrees");
_Static_assert(offsetof(struct probe, rflags) == 664, "the assembly agrees");

__asm__(".text\n"
        ".globl probe_syscall\n"
        ".type probe_syscall, @function\n"
        "probe_syscall:\n"
        "    pushq %rbx\n"
        "    pushq %rbp\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    pushq %rdi\n"

        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
        "    movaps 32 + 16 * \\n(%rdi), %xmm\\n\n"
        ".endr\n"

        "    movabsq $0xabcdef0123456702, %rdx\n"
        "    movabsq $0xabcdef0123456703, %rbx\n"
        "    movabsq $0xabcdef0123456705, %rbp\n"
        "    movabsq $0xabcdef0123456708, %r8\n"
        "    movabsq $0xabcdef0123456709, %r9\n"
        "    movabsq $0xabcdef012345670a, %r10\n"
        "    movabsq $0xabcdef012345670c, %r12\n"
        "    movabsq $0xabcdef012345670d, %r13\n"
        "    movabsq $0xabcdef012345670e, %r14\n"
        "    movabsq $0xabcdef012345670f, %r15\n"
        "    movq 0(%rdi), %rax\n"
        "    movq 16(%rdi), %rsi\n"
        "    movq 8(%rdi), %rdi\n"
        "    syscall\n"

        "    pushfq\n"
        "    pushq %rax\n"
        "    movq 16(%rsp), %rax\n"
        "    popq 544(%rax)\n"
        "    popq 664(%rax)\n"
        "    movq %rbx, 552(%rax)\n"
        "    movq %rcx, 560(%rax)\n"
        "    movq %rdx, 568(%rax)\n"
        "    movq %rsi, 576(%rax)\n"
        "    movq %rdi, 584(%rax)\n"
        "    movq %rbp, 592(%rax)\n"
        "    movq %r8, 600(%rax)\n"
        "    movq %r9, 608(%rax)\n"
        "    movq %r10, 616(%rax)\n"
        "    movq %r11, 624(%rax)\n"
        "    movq %r12, 632(%rax)\n"
        "    movq %r13, 640(%rax)\n"
        "    movq %r14, 648(%rax)\n"
        "    movq %r15, 656(%rax)\n"
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
        "    movaps %xmm\\n, 288 + 16 * \\n(%rax)\n"
        ".endr\n"

        "    popq %rdi\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbp\n"
        "    popq %rbx\n"
        "    ret\n"
        ".size probe_syscall, . - probe_syscall\n");
