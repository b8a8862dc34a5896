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
#include "cap/drain.h"
#include "panic.h"
#include "thread.h"
#include "work.h"

/* Time-outs that one tick ends at most; the rest wait for the next. */
#define EXPIRE_PER_TICK 64u

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

static __attribute__((noinline)) void tick(void)
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

void sched_init(uint32_t tick_hz, uint32_t deadline_ms, const struct sched_events *events)
{
    sched.events = events;
    list_init(&sched.ready);
    timer_wheel_init(&sched.timeouts, 0);
    timer_init(&sched.deadline);
    work_init(start_ticking);
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

void sched_ready(struct thread *t)
{
    ASSERT(t->state == THREAD_NEW || t->state == THREAD_WAITING, "thread made ready in state %d",
           (int)t->state);
    t->state = THREAD_READY;
    list_push_back(&sched.ready, &t->ready);
}

/* RUNNING → READY, behind all others. */
static void requeue(struct thread *t)
{
    t->state = THREAD_READY;
    list_push_back(&sched.ready, &t->ready);
    cpu_self()->current = NULL;
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

/* WAITING → READY with the count of completions there are, for whatever reason. */
static void wake(struct thread *t)
{
    uint32_t available;

    if (ring_available(&t->ring, &available) != ST_OK) {
        t->context.rax = (uint64_t)(int64_t)SYS_ERR_RING_CORRUPT;
    } else {
        t->context.rax = available;
    }
    timer_wheel_cancel(&sched.timeouts, &t->timeout);
    sched_ready(t);
    start_ticking(); /* whoever runs may never let go */
}

void sched_wake(struct thread *t)
{
    struct cpu *cpu = cpu_self();

    t->context.rax = t->ring.cq_tail - t->ring.cq_head;
    timer_wheel_cancel(&sched.timeouts, &t->timeout);
    if (cpu->current == NULL || cpu->next != NULL) {
        sched_ready(t);
        return;
    }
    t->state = THREAD_READY;
    cpu->next = t;
}

/* The current thread goes on: what it made ready takes its turn like any other. */
static inline void queue_next(void)
{
    struct cpu *cpu = cpu_self();

    if (__builtin_expect(cpu->next != NULL, 0)) {
        list_push_back(&sched.ready, &cpu->next->ready);
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

static __attribute__((noinline)) void set_timeout(struct thread *t)
{
    /* A tick that is under way is not a whole one, so one more. */
    uint64_t delay = ticks_for(t->timeout_ns) + (sched.ticking ? 1 : 0);

    timer_wheel_add(&sched.timeouts, &t->timeout, sched.ticks + delay);
}

static inline void wait(struct thread *t)
{
    t->state = THREAD_WAITING;
    if (__builtin_expect(t->timeout_ns != CAP_TIMEOUT_FOREVER, 0)) {
        set_timeout(t);
    }
    cpu_self()->current = NULL;
}

static inline struct syscall_result result(int64_t value)
{
    return (struct syscall_result){.value = value, .resume = true};
}

/* Nothing is left to take: the thread goes on in user mode or waits. */
static inline __attribute__((always_inline)) struct syscall_result settle(struct thread *t,
                                                                          bool drained)
{
    uint32_t available;
    enum status status = ring_available(&t->ring, &available);

    if (__builtin_expect(status == ST_OK, 1) && available < t->min_complete &&
        t->timeout_ns != CAP_TIMEOUT_POLL) {
        wait(t);
        return (struct syscall_result){0};
    }
    if (drained) {
        queue_next();
    }
    return result(status == ST_OK ? (int64_t)available : SYS_ERR_RING_CORRUPT);
}

/* Up to the limit, or for ever, which is one below 0. */
static inline bool timeout_is_valid(uint64_t ns)
{
    return ns + 1 <= CAP_TIMEOUT_MAX_NS + 1;
}

_Static_assert(CAP_TIMEOUT_FOREVER + 1 == 0, "timeout_is_valid counts on it");

/* Something is left to take: the thread goes on, waits, or has been requeued. */
static __attribute__((noinline)) struct syscall_result drain(struct thread *t, uint32_t pending)
{
    switch (ring_drain(t, pending, CAP_DRAIN_BUDGET)) {
    case DRAIN_CORRUPT:
        queue_next();
        return result(SYS_ERR_RING_CORRUPT);
    case DRAIN_MORE:
        t->draining = true;
        requeue(t);
        return (struct syscall_result){0};
    case DRAIN_DEAD:
        return (struct syscall_result){0};
    case DRAIN_EMPTY:
    case DRAIN_NO_ROOM:
        break;
    }
    return settle(t, true);
}

struct syscall_result sched_cap_enter(struct thread *t, uint64_t min_complete, uint64_t timeout_ns)
{
    uint32_t pending;

    if (__builtin_expect(min_complete > t->cq_entries || !timeout_is_valid(timeout_ns), 0)) {
        return result(SYS_ERR_BAD_ARGUMENT);
    }
    t->min_complete = min_complete;
    t->timeout_ns = timeout_ns;
    if (ring_pending(&t->ring, &pending) != ST_OK) {
        return result(SYS_ERR_RING_CORRUPT);
    }
    return pending != 0 ? drain(t, pending) : settle(t, false);
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

/* Anything that sched_switch has to do but hand over. */
static __attribute__((noinline)) void choose(void)
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
        struct syscall_result r = sched_cap_enter(t, t->min_complete, t->timeout_ns);
        if (r.resume) {
            t->context.rax = (uint64_t)r.value;
            break;
        }
    }
    start_ticking();
}

void sched_switch(void)
{
    struct cpu *cpu = cpu_self();
    struct thread *t = cpu->next;

    if (__builtin_expect(t == NULL || !work_is_empty() || sched.deadline_passed, 0)) {
        choose();
        return;
    }
    cpu->next = NULL;
    t->state = THREAD_RUNNING; /* it waited, so it is not in the middle of a drain */
    cpu->current = t;
    start_ticking();
    thread_load(t);
}

void sched_preempt(void)
{
    struct thread *t = cpu_self()->current;

    if (list_is_empty(&sched.ready) && work_is_empty() && !sched.deadline_passed) {
        return;
    }
    requeue(t);
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
        } else {
            wake(LIST_OWNER(timer, struct thread, timeout));
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
