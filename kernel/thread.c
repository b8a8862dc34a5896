// SPDX-License-Identifier: MIT
#include "thread.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/tls.h"
#include "mem/paging.h"
#include "process.h"

void thread_init(struct thread *t, struct process *process)
{
    t->process = process;
    t->state = THREAD_NEW;
    t->fs_base = 0;
    list_init(&t->ready);
    timer_init(&t->timeout);
    t->control = FPU_CONTROL_INITIAL;
    t->fpu = fpu_initial;
}

/* Vector registers are dead across a system call, so only a trapped thread has them saved. */
static inline void save_vector_state(struct thread *t)
{
    if (__builtin_expect(t->context.full != 0, 0)) {
        fpu_save(&t->fpu);
    } else {
        fpu_control_save(&t->control);
    }
}

static inline void load_vector_state(const struct thread *t)
{
    if (__builtin_expect(t->context.full != 0, 0)) {
        fpu_restore(&t->fpu);
    } else {
        fpu_scrub();
        fpu_control_load(&t->control);
    }
}

void thread_load(struct thread *t)
{
    struct cpu *cpu = cpu_self();

    if (cpu->loaded == t) {
        return;
    }
    if (__builtin_expect(cpu->loaded != NULL, 1)) {
        save_vector_state(cpu->loaded);
    }
    aspace_load(&t->process->aspace); /* one thread a process, so it is another */
    tls_load(t->fs_base);
    load_vector_state(t);
    cpu->loaded = t;
}

void thread_unload_dead(const struct thread *t)
{
    struct cpu *cpu = cpu_self();

    if (cpu->loaded == t) {
        cpu->loaded = NULL;
        paging_activate_kernel();
    }
}
