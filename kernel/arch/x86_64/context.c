// SPDX-License-Identifier: MIT
#include "arch/x86_64/context.h"

#include "arch/x86_64/cr.h"

void context_save_trap(struct context *context, const struct trap_frame *frame)
{
    *context = (struct context){
        .rax = frame->rax,
        .rbx = frame->rbx,
        .rbp = frame->rbp,
        .r12 = frame->r12,
        .r13 = frame->r13,
        .r14 = frame->r14,
        .r15 = frame->r15,
        .rip = frame->rip,
        .rflags = frame->rflags,
        .rsp = frame->rsp,
        .full = 1,
        .rcx = frame->rcx,
        .rdx = frame->rdx,
        .rsi = frame->rsi,
        .rdi = frame->rdi,
        .r8 = frame->r8,
        .r9 = frame->r9,
        .r10 = frame->r10,
        .r11 = frame->r11,
    };
}

void context_init(struct context *context, uint64_t rip, uint64_t rsp, uint64_t rdi, uint64_t rsi,
                  uint64_t rdx)
{
    *context = (struct context){
        .rip = rip,
        .rflags = RFLAGS_FIXED | RFLAGS_IF,
        .rsp = rsp,
        .full = 1,
        .rdi = rdi,
        .rsi = rsi,
        .rdx = rdx,
    };
}
