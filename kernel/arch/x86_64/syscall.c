// SPDX-License-Identifier: MIT
/*
 * System call set-up (AMD64 Architecture Programmer's Manual,
 * volume 2, section 6.1).
 */
#include "arch/x86_64/cpu.h"

#include "arch/x86_64/cr.h"
#include "arch/x86_64/gdt.h"
#include "arch/x86_64/msr.h"

/* In entry.S. */
extern const char syscall_entry[];

/* Flags that a program may have set and the kernel must not run with. */
#define FLAGS_CLEARED_ON_ENTRY (RFLAGS_IF | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC)

static struct cpu boot_cpu;

static void enable_syscall(void)
{
    uint64_t star = (uint64_t)GDT_SYSRET_BASE << 48 | (uint64_t)GDT_SYSCALL_BASE << 32;

    msr_write(MSR_STAR, star);
    msr_write(MSR_LSTAR, (uint64_t)syscall_entry);
    msr_write(MSR_SFMASK, FLAGS_CLEARED_ON_ENTRY);
    msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SCE);
}

void cpu_init(uint64_t kernel_stack_top)
{
    boot_cpu = (struct cpu){.kernel_stack = kernel_stack_top, .self = &boot_cpu};
    lazy_buffer_init(&boot_cpu.scratch, CPU_SCRATCH_BYTES);
    lazy_buffer_init(&boot_cpu.transfer, CPU_TRANSFER_BYTES);
    msr_write(MSR_GS_BASE, (uint64_t)&boot_cpu);
    msr_write(MSR_KERNEL_GS_BASE, 0); /* what user mode has until SWAPGS; it stays 0 */
    enable_syscall();
}
