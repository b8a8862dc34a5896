// SPDX-License-Identifier: MIT
#include "sched.h"

#include <abi/error.h>
#include <abi/limits.h>
#include <abi/syscall.h>
#include <lib/list.h>
#include <lib/ring.h>
#include <lib/timer_wheel.h>

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/pic.h"
#include "arch/x86_64/pit.h"
#include "cap_enter.h"
#include "panic.h"
#include "thread.h"
#include "work.h"

/* Time-outs that one tick ends at most; the rest wait for the next. */
#define EXPIRE_PER_TICK 64u

/*
 * Slices of work that one tick does at most. Threads that wait for each other leave work a
 * slice at each switch; one that only computes would leave it one a tick.
 */
#define SLICES_PER_TICK 8u

#define NS_PER_MS       1000000ull

static struct {
    const struct sched_events *events;
    struct list_node ready;
    struct timer_wheel timeouts;
    uint64_t ticks; /* so far; they pass only while `ticking` */
    uint64_t ns_per_tick;
    uint32_t hz;
    bool ticking;
    bool deadline_passed;
    struct timer deadline; /* of the run */
} sched;

static uint64_t ticks_for(uint64_t ns)
{
    return (ns + sched.ns_per_tick - 1) / sched.ns_per_tick;
}

static inline bool tick_is_needed(void)
{
    return !list_is_empty(&sched.ready) || !timer_wheel_is_empty(&sched.timeouts) ||
           !work_is_empty();
}

static void tick(void)
{
    sched.ticking = true;
    (void)pit_start(sched.hz);
    pic_unmask(IRQ_TIMER);
}

static inline void start_ticking(void)
{
    if (!sched.ticking && __builtin_expect(tick_is_needed(), 0)) {
        tick();
    }
}

static void attend_to_work(void)
{
    cpu_self()->attention = true;
    start_ticking();
}

void sched_init(uint32_t tick_hz, uint32_t deadline_ms, const struct sched_events *events)
{
    sched.events = events;
    list_init(&sched.ready);
    timer_wheel_init(&sched.timeouts, 0);
    timer_init(&sched.deadline);
    work_init(attend_to_work);
    sched.hz = tick_hz;
    sched.ns_per_tick = pit_start(tick_hz); /* only to learn it */
    pit_stop();
    if (deadline_ms != 0) {
        timer_wheel_add(&sched.timeouts, &sched.deadline, ticks_for(deadline_ms * NS_PER_MS));
    }
}

static void stop_ticking(void)
{
    sched.ticking = false;
    pic_mask(IRQ_TIMER);
    pit_stop();
}

/* READY, behind all others. If nothing ticks it may have to. */
static void push_ready(struct thread *t)
{
    t->state = THREAD_READY;
    list_push_back(&sched.ready, &t->ready);
    cpu_self()->attention = true;
}

void sched_ready(struct thread *t)
{
    ASSERT(t->state == THREAD_NEW || thread_state_waits(t->state), "thread made ready in state %d",
           (int)t->state);
    push_ready(t);
}

void sched_forget(struct thread *t)
{
    struct cpu *cpu = cpu_self();

    list_remove(&t->ready);
    timer_wheel_cancel(&sched.timeouts, &t->timeout);
    t->state = THREAD_DEAD;
    if (cpu->current == t) {
        cpu->current = NULL;
    }
    if (cpu->next == t) {
        cpu->next = NULL;
    }
}

void sched_enough(struct thread *t)
{
    struct cpu *cpu = cpu_self();

    if (!thread_state_waits(t->state)) {
        return;
    }
    timer_wheel_cancel(&sched.timeouts, &t->timeout);
    if (cpu->current == NULL || cpu->next != NULL) {
        sched_ready(t);
        return;
    }
    t->state = THREAD_READY;
    cpu->next = t;
}

/* Its time is over: WAITING → READY with the count of completions there are. */
static void time_out(struct thread *t)
{
    uint32_t available;

    if (ring_available(&t->ring, &available) != ST_OK) {
        t->context.rax = (uint64_t)(int64_t)SYS_ERR_RING_CORRUPT;
    } else {
        t->context.rax = available;
    }
    sched_ready(t);
    start_ticking(); /* whoever runs may never let go */
}

void sched_queue_next(void)
{
    struct cpu *cpu = cpu_self();

    if (cpu->next != NULL) {
        push_ready(cpu->next);
        cpu->next = NULL;
        start_ticking(); /* or it would never get its turn */
    }
}

/* The thread that is to run now, out of its queue. NULL: none is ready. */
static struct thread *take_ready(void)
{
    struct cpu *cpu = cpu_self();
    struct thread *t = cpu->next;

    if (t != NULL) {
        cpu->next = NULL;
        return t;
    }
    struct list_node *node = list_pop_front(&sched.ready);
    return node == NULL ? NULL : LIST_OWNER(node, struct thread, ready);
}

void sched_set_timeout(struct thread *t, uint64_t timeout_ns)
{
    /* A tick that is under way is not a whole one, so one more. */
    uint64_t delay = ticks_for(timeout_ns) + (sched.ticking ? 1 : 0);

    t->state = THREAD_TIMED;
    timer_wheel_add(&sched.timeouts, &t->timeout, sched.ticks + delay);
    cpu_self()->attention = true;
}

void sched_put_off(struct thread *t, uint64_t timeout_ns)
{
    t->timeout_ns = timeout_ns;
    t->draining = true;
    push_ready(t);
}

enum went sched_cap_enter(struct thread *t, uint64_t min_complete, uint64_t timeout_ns)
{
    uint32_t pending;
    enum went went;

    t->context.rax = min_complete;
    if (!min_complete_is_valid(t, min_complete) || !timeout_is_valid(timeout_ns)) {
        went = go_on_with(t, SYS_ERR_BAD_ARGUMENT);
    } else if (ring_pending(&t->ring, &pending) != ST_OK) {
        went = go_on_with(t, SYS_ERR_RING_CORRUPT);
    } else if (pending == 0) {
        went = settle(t, timeout_ns);
    } else if (pending <= CAP_DRAIN_BUDGET) {
        went = cap_enter_drain(t, timeout_ns, pending, DRAIN_EMPTY, NULL);
    } else {
        went = cap_enter_drain(t, timeout_ns, CAP_DRAIN_BUDGET, DRAIN_MORE, NULL);
    }
    if (went != WENT_ON) {
        cpu_self()->current = NULL;
    }
    return went;
}

/* Lets pending interrupts in, for one instruction. */
static void open_interrupts(void)
{
    __asm__ volatile("sti\n\tnop\n\tcli" : : : "memory");
}

/* Sleeps until an interrupt. STI takes effect after HLT has begun, so none is missed. */
static void halt(void)
{
    __asm__ volatile("sti\n\thlt\n\tcli" : : : "memory");
}

static void idle(void)
{
    /* The run's own deadline wakes nobody. */
    if (sched.timeouts.count == (timer_is_pending(&sched.deadline) ? 1u : 0u)) {
        sched.events->stalled();
        return;
    }
    start_ticking();
    halt();
}

void sched_switch(void)
{
    struct cpu *cpu = cpu_self();

    for (;;) {
        if (!work_is_empty()) {
            work_run_slice();
        }
        if (sched.deadline_passed) {
            sched.deadline_passed = false;
            sched.events->deadline();
        }
        struct thread *t = take_ready();
        if (t == NULL) {
            if (work_is_empty()) {
                idle();
            } else {
                start_ticking(); /* time passes for those who wait, however much work there is */
                open_interrupts();
            }
            continue;
        }
        t->state = THREAD_RUNNING;
        cpu->current = t;
        thread_load(t);
        if (!t->draining) {
            break;
        }
        t->draining = false;
        open_interrupts();
        if (sched_cap_enter(t, t->context.rax, t->timeout_ns) == WENT_ON) {
            break;
        }
    }
    start_ticking();
    cpu->attention = !work_is_empty() || sched.deadline_passed;
}

void sched_preempt(void)
{
    struct cpu *cpu = cpu_self();

    if (list_is_empty(&sched.ready) && work_is_empty() && !sched.deadline_passed) {
        return;
    }
    for (unsigned i = 0; i < SLICES_PER_TICK && !work_is_empty(); i++) {
        work_run_slice();
        open_interrupts();
    }
    if (cpu->current != NULL) {   /* the work has not ended it */
        push_ready(cpu->current); /* behind whom the work has made ready */
        cpu->current = NULL;
    }
    sched_switch();
}

void sched_tick(void)
{
    struct timer *timer;

    sched.ticks++;
    for (unsigned i = 0; i < EXPIRE_PER_TICK; i++) {
        timer = timer_wheel_expire(&sched.timeouts, sched.ticks);
        if (timer == NULL) {
            break;
        }
        if (timer == &sched.deadline) {
            sched.deadline_passed = true;
            cpu_self()->attention = true;
        } else {
            time_out(LIST_OWNER(timer, struct thread, timeout));
        }
    }
    if (!tick_is_needed() && !sched.deadline_passed) {
        stop_ticking();
    }
}

_Noreturn void sched_run(void)
{
    extern _Noreturn void resume_current(void);

    sched_switch();
    resume_current();
}

bool sched_check(void)
{
    if (!timer_wheel_check(&sched.timeouts)) {
        return false;
    }
    for (struct list_node *n = list_first(&sched.ready); n != NULL;
         n = list_next(&sched.ready, n)) {
        if (LIST_OWNER(n, struct thread, ready)->state != THREAD_READY) {
            return false;
        }
    }
    return true;
}
