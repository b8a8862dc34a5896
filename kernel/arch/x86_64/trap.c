// SPDX-License-Identifier: MIT
/*
 * What happens at a trap. entry.S has saved the registers: those of a user
 * thread in its context, those of the kernel in the frame.
 */
#include "arch/x86_64/trap.h"

#include <abi/layout.h>

#include "arch/x86_64/context.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/pic.h"
#include "panic.h"
#include "print.h"
#include "process.h"
#include "sched.h"
#include "thread.h"

static void irq(uint64_t vector)
{
    if (vector >= PIC_VECTOR_BASE + PIC_IRQS) {
        return; /* nothing sends these */
    }
    unsigned line = (unsigned)(vector - PIC_VECTOR_BASE);
    if (!pic_begin(line)) {
        return;
    }
    if (line == IRQ_TIMER) {
        sched_tick();
    }
    pic_end(line);
}

void trap_in_kernel(struct trap_frame *frame)
{
    if (frame->vector >= PIC_VECTOR_BASE) {
        irq(frame->vector); /* let in by sched.c, idle or between slices */
        return;
    }
    /*
     * A debug exception that MOV SS held back until after SYSCALL: the program's
     * doing. Its trap flag is already clear; there is nothing to do.
     */
    if (frame->vector == TRAP_DEBUG) {
        return;
    }
    if (frame->vector == TRAP_NMI) {
        kprint("capos: NMI in the kernel, ignored\n");
        return;
    }
    trap_from_kernel(frame);
}

/*
 * Whether the interrupted thread may be resumed. A processor may let an interrupt
 * in between a jump to a non-canonical address and the exception for it; IRET to
 * there would fault in the kernel, so the exception is raised here. False: another
 * thread is current now.
 */
static bool can_go_back(struct thread *t)
{
    if (t->context.rip < USER_END) {
        return true;
    }
    process_fault(t->process, TRAP_GENERAL_PROTECTION, 0, 0);
    sched_switch();
    return false;
}

void trap_from_user(uint64_t vector, uint64_t error)
{
    struct thread *t = cpu_self()->current;

    if (vector >= PIC_VECTOR_BASE) {
        irq(vector);
        if (can_go_back(t)) {
            sched_preempt();
        }
        return;
    }
    if (vector == TRAP_NMI) {
        kprint("capos: NMI, ignored\n");
        (void)can_go_back(t);
        return;
    }
    if (vector == TRAP_MACHINE_CHECK) {
        panic("machine check in process %lu", t->process->pid);
    }
    process_fault(t->process, (uint8_t)vector, error, vector == TRAP_PAGE_FAULT ? cr2_read() : 0);
    sched_switch();
}
