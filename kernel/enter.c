// SPDX-License-Identifier: MIT
/*
 * System calls, from the instruction behind entry.S's to the way back of the thread that
 * runs next: that of every call between processes, in one function. The thread has all that
 * it keeps in its context already, so no register need be preserved here, nothing returns,
 * and nothing but entry.S may call this.
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

/*
 * The thread that was current does not go on: whoever does, whatever is in its context;
 * `next`, if there is one, before others.
 */
static _Noreturn __attribute__((noinline)) void switch_by_all_rules(struct thread *next)
{
    cpu_self()->current = NULL;
    cpu_self()->next = next;
    sched_switch();
    resume_current();
}

/* Whether an address is in the lower half, where programs are. */
static inline bool is_user(uint64_t address)
{
    return (uint32_t)(address >> 32) <= USER_END >> 32;
}

_Static_assert((USER_END >> 32) == 0x7fff, "is_user looks at the upper half of an address alone");
_Static_assert(SYS_CAP_ENTER == 0, "entry.S tells it from the others");

/* Into user mode, by the context of a thread that left it by a system call. */
static inline __attribute__((always_inline)) _Noreturn void resume(const struct thread *t)
{
    __asm__ volatile("movq %0, %%rsp\n\tjmp resume_short" : : "r"(t) : "memory");
    __builtin_unreachable();
}

_Noreturn void enter_other(uint64_t arg0, uint64_t arg1, struct thread *t, uint64_t number)
{
    (void)arg1;
    if (is_user(t->context.rip) && number != SYS_EXIT) {
        t->context.rax = (uint64_t)SYS_ERR_BAD_NUMBER;
        resume(t);
    }
    if (is_user(t->context.rip)) {
        process_exit(t->process, (int64_t)arg0);
    } else {
        process_fault(t->process, TRAP_GENERAL_PROTECTION, 0, t->context.rip);
    }
    switch_by_all_rules(cpu_self()->next);
}

/*
 * What comes behind cap_enter: the thread goes on; or it waits, and hands the CPU to the one
 * that it made ready, if there is no more to do.
 */
static inline __attribute__((always_inline)) _Noreturn void go_on(struct thread *t, enum went went,
                                                                  struct thread *next)
{
    if (went == WENT_ON) {
        resume(t);
    }
    struct cpu *cpu = cpu_self();
    if (__builtin_expect(went == WENT_OTHER || next == NULL || cpu->attention, 0)) {
        switch_by_all_rules(next);
    }
    next->state = THREAD_RUNNING;
    cpu->current = next;
    thread_hand_over(cpu, t, next);
    resume(next);
}

/*
 * Whatever is not one submission or none, waiting for ever: more, a time-out, bad arguments, a
 * corrupt count, or an instruction pointer that is none.
 */
static __attribute__((noinline)) _Noreturn void enter_any(uint64_t min_complete,
                                                          uint64_t timeout_ns, struct thread *t)
{
    struct thread *next = NULL;

    if (!is_user(t->context.rip)) {
        enter_other(0, 0, t, SYS_CAP_ENTER);
    }
    enum went went = sched_cap_enter(t, min_complete, timeout_ns);
    next_fetch(&next);
    go_on(t, went, next);
}

__attribute__((hot)) _Noreturn void enter(uint64_t min_complete, uint64_t timeout_ns,
                                          struct thread *t)
{
    struct thread *next = NULL;
    enum went went;

    /*
     * SYSRET to a non-canonical address faults in ring 0 on some processors. The
     * last user page is never mapped, so this cannot be; it is checked all the same.
     */
    if (__builtin_expect(!is_user(t->context.rip) || !min_complete_is_valid(t, min_complete), 0)) {
        enter_any(min_complete, timeout_ns, t);
    }
    if (__builtin_expect(timeout_ns != CAP_TIMEOUT_FOREVER, 0)) {
        if (timeout_ns != CAP_TIMEOUT_POLL) {
            enter_any(min_complete, timeout_ns, t);
        }
        min_complete = 0; /* which is the same */
    }
    t->context.rax = min_complete;
    uint32_t tail = ring_tail(&t->ring);
    uint32_t head = t->ring.sq_head;
    if (tail == head + 1) {
        went = cap_enter_drain(t, CAP_TIMEOUT_FOREVER, 1, DRAIN_EMPTY, &next);
    } else if (tail == head) {
        went = settle(t, CAP_TIMEOUT_FOREVER);
    } else {
        enter_any(min_complete, CAP_TIMEOUT_FOREVER, t);
    }
    go_on(t, went, next);
}
