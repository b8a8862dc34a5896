// SPDX-License-Identifier: MIT
/*
 * System calls, from the instruction behind entry.S's to the thread that runs next: the
 * way of every call between processes, in one function. The thread has all that it
 * keeps in its context already, so no register need be preserved here, and nothing but
 * entry.S may call this.
 */
#include "enter.h"

#include <abi/error.h>
#include <abi/layout.h>
#include <abi/syscall.h>

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/idt.h"
#include "cap_enter.h"
#include "process.h"
#include "sched.h"
#include "thread_load.h"

/* In entry.S. */
extern _Noreturn void resume_current(void);

/* The thread that was current does not go on: whoever does, whatever is in its context. */
static _Noreturn __attribute__((noinline)) void switch_by_all_rules(void)
{
    cpu_self()->current = NULL;
    sched_switch();
    resume_current();
}

/* Whether an address is in the lower half, where programs are. */
static inline bool is_user(uint64_t address)
{
    return (uint32_t)(address >> 32) <= USER_END >> 32;
}

_Static_assert((USER_END >> 32) == 0x7fff, "is_user looks at the upper half of an address alone");

/* Everything but cap_enter from where a program may be. */
static __attribute__((noinline)) struct thread *enter_rarely(struct thread *t, uint64_t arg0,
                                                             uint64_t number)
{
    if (!is_user(t->context.rip)) {
        process_fault(t->process, TRAP_GENERAL_PROTECTION, 0, t->context.rip);
    } else if (number == SYS_EXIT) {
        process_exit(t->process, (int64_t)arg0);
    } else {
        t->context.rax = (uint64_t)SYS_ERR_BAD_NUMBER;
        return t;
    }
    switch_by_all_rules();
}

/* The thread itself if it goes on; whoever it hands the CPU to if it waits. */
static inline __attribute__((always_inline)) struct thread *successor(struct thread *t,
                                                                      enum went went)
{
    if (went == WENT_ON) {
        return t;
    }
    struct cpu *cpu = cpu_self();
    struct thread *next = cpu->next;
    if (__builtin_expect(went != WENT_WAIT || next == NULL || cpu->attention, 0)) {
        switch_by_all_rules();
    }
    cpu->next = NULL;
    next->state = THREAD_RUNNING;
    cpu->current = next;
    thread_hand_over(cpu, t, next);
    return next;
}

/* Bad arguments, more submissions than are taken at a time, or a corrupt count. */
static __attribute__((noinline)) struct thread *enter_all(struct thread *t, uint64_t min_complete,
                                                          uint64_t timeout_ns)
{
    if (!sched_cap_enter(t, min_complete, timeout_ns)) {
        switch_by_all_rules();
    }
    return t;
}

struct thread *enter(uint64_t arg0, uint64_t arg1, struct thread *t, uint64_t number)
{
    uint32_t pending;

    /*
     * SYSRET to a non-canonical address faults in ring 0 on some processors. The
     * last user page is never mapped, so this cannot be; it is checked all the same.
     */
    if (__builtin_expect(number != SYS_CAP_ENTER || !is_user(t->context.rip), 0)) {
        return enter_rarely(t, arg0, number);
    }
    if (__builtin_expect(!cap_enter_is_valid(t, arg0, arg1), 0)) {
        return enter_all(t, arg0, arg1);
    }
    if (ring_has_batch(&t->ring, &pending)) {
        return successor(t, cap_enter_drain(t, arg0, arg1, pending, DRAIN_EMPTY));
    }
    if (__builtin_expect(pending != 0, 0)) {
        return enter_all(t, arg0, arg1);
    }
    if (__builtin_expect(settle(t, arg0, arg1) != WENT_ON, 0)) {
        switch_by_all_rules(); /* it waits, and has made nobody ready */
    }
    return t;
}
