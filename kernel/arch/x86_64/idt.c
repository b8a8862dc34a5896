// SPDX-License-Identifier: MIT
#include "arch/x86_64/idt.h"

#include <stddef.h>

#include "arch/x86_64/context.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/gdt.h"
#include "arch/x86_64/smap.h"
#include "mem/paging.h"
#include "mem/validate.h"
#include "panic.h"

struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint8_t ist;
    uint8_t type;
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t reserved;
};

_Static_assert(sizeof(struct gate) == 16, "the hardware's layout");

#define GATE_INTERRUPT 0x8eu /* present, ring 0, 64-bit, interrupts off */

struct __attribute__((packed)) table_pointer {
    uint16_t limit;
    uint64_t base;
};

static struct gate idt[IDT_VECTORS];

/* The interrupt stack of a vector; 0: the stack that was in use, or RSP0. */
static uint8_t ist_of(unsigned vector)
{
    switch (vector) {
    case TRAP_DOUBLE_FAULT:
        return IST_DOUBLE_FAULT;
    case TRAP_NMI:
        return IST_NMI;
    case TRAP_DEBUG:
        return IST_DEBUG;
    case TRAP_MACHINE_CHECK:
        return IST_MACHINE_CHECK;
    default:
        return 0;
    }
}

void idt_init(void)
{
    struct table_pointer pointer = {.limit = sizeof(idt) - 1, .base = (uint64_t)idt};

    for (unsigned i = 0; i < IDT_VECTORS; i++) {
        uint64_t entry = trap_vectors[i];
        idt[i] = (struct gate){
            .offset_low = (uint16_t)entry,
            .selector = GDT_KERNEL_CODE,
            .ist = ist_of(i),
            .type = GATE_INTERRUPT,
            .offset_middle = (uint16_t)(entry >> 16),
            .offset_high = (uint32_t)(entry >> 32),
        };
    }
    __asm__ volatile("lidt %0" : : "m"(pointer));
}

const char *exception_name(uint64_t vector)
{
    static const char *const names[TRAP_EXCEPTIONS] = {
        [0] = "divide error",
        [1] = "debug exception",
        [2] = "non-maskable interrupt",
        [3] = "breakpoint",
        [4] = "overflow",
        [5] = "bound range exceeded",
        [6] = "invalid opcode",
        [7] = "device not available",
        [8] = "double fault",
        [9] = "coprocessor segment overrun",
        [10] = "invalid TSS",
        [11] = "segment not present",
        [12] = "stack-segment fault",
        [13] = "general protection fault",
        [14] = "page fault",
        [16] = "x87 floating-point error",
        [17] = "alignment check",
        [18] = "machine check",
        [19] = "SIMD floating-point error",
        [20] = "virtualization exception",
        [21] = "control-protection exception",
        [28] = "hypervisor injection",
        [29] = "VMM communication exception",
        [30] = "security exception",
    };

    if (vector >= TRAP_EXCEPTIONS) {
        return "interrupt";
    }
    return names[vector] != NULL ? names[vector] : "reserved exception";
}

static _Noreturn void panic_page_fault(const struct trap_frame *frame, uint64_t address)
{
    uint64_t error = frame->error;
    const char *access = (error & PF_FETCH) != 0   ? "executing"
                         : (error & PF_WRITE) != 0 ? "writing"
                                                   : "reading";
    const char *why = (error & PF_RESERVED) != 0  ? "whose page table is damaged"
                      : (error & PF_PRESENT) != 0 ? "which is not allowed"
                                                  : "which is not mapped";

    panic_trap(frame, "page fault in the kernel %s %016lx, %s", access, address, why);
}

void trap_from_kernel(struct trap_frame *frame)
{
    uint64_t fixup;
    uint64_t address = cr2_read();

    user_access_end();
    fixup = fixup_find(frame->rip);
    if (fixup != 0 &&
        (frame->vector == TRAP_PAGE_FAULT || frame->vector == TRAP_GENERAL_PROTECTION)) {
        frame->rip = fixup;
        return;
    }
    if (frame->vector == TRAP_DOUBLE_FAULT && kstack_is_guard(address)) {
        panic_trap(frame, "kernel stack overflow: guard page hit at %016lx", address);
    }
    if (frame->vector == TRAP_PAGE_FAULT) {
        panic_page_fault(frame, address);
    }
    panic_trap(frame, "%s in the kernel", exception_name(frame->vector));
}
