// SPDX-License-Identifier: MIT
/*
 * What of a thread is in the processor while it runs, beside the registers of its context:
 * address space, FS base and vector registers. Inline, for the switch of a call between
 * processes.
 */
#pragma once

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/tls.h"
#include "mem/paging.h"
#include "process.h"
#include "thread.h"

/* Vector registers are dead across a system call, so only a trapped thread has them saved. */
static inline void save_vector_state(struct thread *t)
{
    if (__builtin_expect(t->context.full != 0, 0)) {
        fpu_save(&t->fpu);
    } else {
        fpu_control_save(&t->control);
    }
}

/* Makes the processor the thread's, with vector registers out of this one of its images. */
static inline __attribute__((always_inline)) void load_from(struct cpu *cpu, struct thread *t,
                                                            const struct fpu_area *vector)
{
    aspace_load(&thread_process(t)->aspace); /* one thread a process, so it is another */
    tls_load(t->fs_base);
    fpu_restore(vector);
    cpu->loaded = t;
}

/* thread_load of one that is not loaded. */
static inline void thread_load_other(struct cpu *cpu, struct thread *t)
{
    if (__builtin_expect(cpu->loaded != NULL, 1)) {
        save_vector_state(cpu->loaded);
    }
    load_from(cpu, t, __builtin_expect(t->context.full != 0, 0) ? &t->fpu : &t->control);
}

/* The same from one that is loaded to another, where both are inside a system call. */
static inline __attribute__((always_inline)) void
thread_hand_over(struct cpu *cpu, struct thread *from, struct thread *to)
{
    fpu_control_save(&from->control);
    load_from(cpu, to, &to->control);
}
