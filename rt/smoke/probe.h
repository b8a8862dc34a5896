// SPDX-License-Identifier: MIT
/* One system call with every register painted before it and recorded after it. */
#pragma once

#include <stdint.h>

struct probe {
    /* What goes in. */
    uint64_t number;
    uint64_t rdi, rsi;
    uint8_t vectors_in[16][16] __attribute__((aligned(16)));

    /* What came out. */
    uint8_t vectors_out[16][16] __attribute__((aligned(16)));
    uint64_t rax, rbx, rcx, rdx, rsi_out, rdi_out, rbp;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rflags;
};

/* What the general registers, other than the arguments, hold going in. */
#define PROBE_PAINT(n) (0xabcdef0123456700ull + (n))

void probe_syscall(struct probe *probe);
