// SPDX-License-Identifier: MIT
#include "thread.h"

#include "arch/x86_64/cpu.h"
#include "mem/paging.h"
#include "thread_load.h"

void thread_init(struct thread *t, struct process *process)
{
    t->process = process;
    t->state = THREAD_NEW;
    t->fs_base = 0;
    list_init(&t->ready);
    timer_init(&t->timeout);
    t->control = fpu_initial;
    t->fpu = fpu_initial;
}

void thread_load(struct thread *t)
{
    struct cpu *cpu = cpu_self();

    if (cpu->loaded == t) {
        return;
    }
    thread_load_other(cpu, t);
}

void thread_unload_dead(const struct thread *t)
{
    struct cpu *cpu = cpu_self();

    if (cpu->loaded == t) {
        cpu->loaded = NULL;
        paging_activate_kernel();
    }
}
