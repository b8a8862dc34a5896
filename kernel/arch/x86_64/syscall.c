// SPDX-License-Identifier: MIT
/*
 * System call set-up and dispatch (AMD64 Architecture Programmer's Manual,
 * volume 2, section 6.1).
 */
#include "arch/x86_64/syscall.h"

#include <abi/error.h>
#include <abi/layout.h>
#include <abi/syscall.h>

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/gdt.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/msr.h"
#include "process.h"
#include "sched.h"
#include "thread.h"

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

/* Everything but cap_enter from where a program may be. */
static __attribute__((noinline)) struct syscall_result enter_rarely(struct thread *t, uint64_t arg0,
                                                                    uint64_t number)
{
    if (t->context.rip >= USER_END) {
        process_fault(t->process, TRAP_GENERAL_PROTECTION, 0, t->context.rip);
        return (struct syscall_result){0};
    }
    if (number == SYS_EXIT) {
        process_exit(t->process, (int64_t)arg0);
        return (struct syscall_result){0};
    }
    return (struct syscall_result){.value = SYS_ERR_BAD_NUMBER, .resume = true};
}

struct syscall_result syscall_enter(struct thread *t, uint64_t arg0, uint64_t arg1, uint64_t number)
{
    /*
     * SYSRET to a non-canonical address faults in ring 0 on some processors. The
     * last user page is never mapped, so this cannot be; it is checked all the same.
     */
    if (__builtin_expect(number == SYS_CAP_ENTER && t->context.rip < USER_END, 1)) {
        return sched_cap_enter(t, arg0, arg1);
    }
    return enter_rarely(t, arg0, number);
}
