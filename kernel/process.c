// SPDX-License-Identifier: MIT
#include "process.h"

#include <abi/layout.h>
#include <lib/bits.h>

#include "arch/x86_64/idt.h"
#include "cap/cap.h"
#include "cap/capability_manager.h"
#include "cap/in_flight.h"
#include "cap/virtual_memory.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "panic.h"
#include "sched.h"

/* What one slice of reaping does at most. */
#define REAP_CALLS   64u
#define REAP_SLOTS   64u
#define REAP_FRAMES  128u
#define REAP_REGIONS 64u
#define REAP_CHARGES 64u

/* Storage of a new capability table; it grows by doubling. */
#define TABLE_BYTES_FIRST 2016u

static struct list_node processes;
static uint64_t next_pid;
static bool closed; /* no process may be created any more */

void process_init(void)
{
    list_init(&processes);
    next_pid = 1;
}

_Static_assert(sizeof(struct call) <= PROCESS_HEAP_PER_CALL, "a record has its part of the heap");

static uint64_t heap_budget(const struct process_limits *limits)
{
    return heap_charge(sizeof(struct process)) + PROCESS_HEAP_PER_PROCESS +
           (uint64_t)limits->slots * PROCESS_HEAP_PER_SLOT +
           (uint64_t)limits->calls * PROCESS_HEAP_PER_CALL +
           (uint64_t)limits->processes * PROCESS_HEAP_PER_CHILD;
}

uint64_t process_heap_frames(const struct process_limits *limits)
{
    return bits_round_up(heap_budget(limits), FRAME_BYTES) / FRAME_BYTES;
}

/* Budgets of the account, which pays for the process too, so that all of it passes on together. */
static void account_budgets(const struct process_limits *limits, uint64_t max[ACCOUNT_KINDS])
{
    max[ACCOUNT_FRAMES] = limits->frames;
    max[ACCOUNT_HEAP_BYTES] = heap_budget(limits);
    max[ACCOUNT_SLOTS] = limits->slots;
    max[ACCOUNT_CALLS] = limits->calls;
    max[ACCOUNT_PROCESSES] = 1u + (uint64_t)limits->processes;
}

/* Opens the account of a process and charges the process to it. ST_OVER_BUDGET. */
static enum status open_account(struct process *p, struct account *parent,
                                const struct process_limits *limits)
{
    uint64_t budgets[ACCOUNT_KINDS];

    account_budgets(limits, budgets);
    enum status status = account_open(&p->account, parent, budgets);
    if (status != ST_OK) {
        return status;
    }
    status = account_charge(&p->account, ACCOUNT_PROCESSES, 1);
    ASSERT(status == ST_OK, "the budget of a process does not hold itself");
    status = account_charge(&p->account, ACCOUNT_HEAP_BYTES, heap_charge(sizeof *p));
    ASSERT(status == ST_OK, "the heap budget of a process does not hold itself");
    return ST_OK;
}

/* Ends an account that has passed on what outlives the process. */
static void close_account(struct process *p)
{
    account_release(&p->account, ACCOUNT_HEAP_BYTES, heap_charge(sizeof *p));
    account_release(&p->account, ACCOUNT_PROCESSES, 1);
    account_close(&p->account);
}

enum status process_create(struct account *parent, const struct process_limits *limits,
                           void (*on_end)(void *owner, const struct process_report *report),
                           void *owner, struct process **out)
{
    if (closed) {
        return ST_DENIED;
    }
    struct process *p = heap_alloc(NULL, sizeof *p);

    if (p == NULL) {
        return ST_NO_MEMORY;
    }
    enum status status = open_account(p, parent, limits);
    if (status != ST_OK) {
        goto undo_alloc;
    }
    p->caps_storage = heap_alloc(&p->account, TABLE_BYTES_FIRST);
    if (p->caps_storage == NULL) {
        status = ST_NO_MEMORY;
        goto undo_account;
    }
    status = cap_table_init(&p->caps, p->caps_storage, TABLE_BYTES_FIRST);
    ASSERT(status == ST_OK, "a new capability table has no room: %s", status_text(status));
    status = aspace_create(&p->aspace, &p->account);
    if (status != ST_OK) {
        goto undo_table;
    }
    p->pid = next_pid++;
    p->state = PROCESS_BUILDING;
    p->on_end = on_end;
    p->owner = owner;
    thread_init(&p->thread, p);
    list_init(&p->node);
    list_push_back(&processes, &p->node);
    *out = p;
    return ST_OK;

undo_table:
    heap_free(&p->account, p->caps_storage);
undo_account:
    close_account(p);
undo_alloc:
    heap_free(NULL, p);
    return status;
}

void process_start(struct process *p)
{
    ASSERT(p->state == PROCESS_BUILDING, "process %lu started twice", p->pid);
    p->state = PROCESS_LIVE;
    sched_ready(&p->thread);
}

/* A slice of capabilities; true when the table is empty. */
static bool reap_caps(struct process *p)
{
    for (unsigned i = 0; i < REAP_SLOTS; i++) {
        const struct cap_slot *slot = cap_table_next(&p->caps, &p->reap_cursor);
        if (slot == NULL) {
            return true;
        }
        enum status status = process_release_cap(p, slot->id);
        ASSERT(status == ST_OK, "process %lu: slot %lx does not release: %s", p->pid, slot->id,
               status_text(status));
    }
    return false;
}

/* A slice of what outlives the process; true when none is left. */
static bool pass_on_charges(struct process *p)
{
    for (unsigned i = 0; i < REAP_CHARGES; i++) {
        if (!account_pass_on(&p->account)) {
            return true;
        }
    }
    return false;
}

static bool reap_step(struct work *work)
{
    struct process *p = LIST_OWNER(work, struct process, reaping);

    if (!in_flight_reap(&p->thread, REAP_CALLS)) {
        return false;
    }
    if (cap_table_used(&p->caps) != 0) {
        (void)reap_caps(p);
        return false;
    }
    if (p->aspace.root.v != 0) {
        (void)aspace_destroy_step(&p->aspace, REAP_FRAMES);
        return false;
    }
    if (!virtual_memory_reap(p, REAP_REGIONS) || !pass_on_charges(p)) {
        return false;
    }
    if (p->ring_nframes != 0) {
        frame_free_contiguous(&p->account, p->ring_frames, p->ring_nframes);
        p->ring_nframes = 0;
    }
    account_release(&p->account, ACCOUNT_CALLS, p->thread.pool.count);
    heap_free(&p->account, p->calls_storage);
    heap_free(&p->account, p->caps_storage);
    if (p->manager != NULL) {
        capability_manager_disconnect(p->manager);
    }

    struct process_report report = {
        .pid = p->pid,
        .status = p->status,
        .calls = p->thread.calls_taken,
        .frames_peak = p->account.peak[ACCOUNT_FRAMES],
        .frames_left = p->account.used[ACCOUNT_FRAMES],
        .corruptions = p->thread.ring.corruptions,
    };
    void (*on_end)(void *owner, const struct process_report *report) = p->on_end;
    void *owner = p->owner;
    close_account(p);
    list_remove(&p->node);
    heap_free(NULL, p);
    on_end(owner, &report);
    return true;
}

/* Only marks a process that is being built: its builder would build on what is reaped. */
static void end(struct process *p, struct process_status status)
{
    enum process_state before = p->state;

    if (before == PROCESS_DYING) {
        return;
    }
    p->state = PROCESS_DYING;
    p->status = status;
    sched_forget(&p->thread);
    thread_unload_dead(&p->thread);
    if (before == PROCESS_LIVE) {
        work_add(&p->reaping, reap_step);
    }
}

void process_fail(struct process *p, const char *reason)
{
    ASSERT(p->state != PROCESS_LIVE, "process %lu failed to start after it started", p->pid);
    end(p, (struct process_status){.end = PROC_END_FAILED_TO_START, .reason = reason});
    work_add(&p->reaping, reap_step);
}

void process_exit(struct process *p, int64_t code)
{
    end(p, (struct process_status){.end = PROC_END_EXITED, .code = code});
}

void process_fault(struct process *p, uint8_t vector, uint64_t error, uint64_t address)
{
    end(p, (struct process_status){.end = PROC_END_FAULTED,
                                   .vector = vector,
                                   .error = error,
                                   .address = address,
                                   .rip = p->thread.context.rip});
}

void process_kill(struct process *p, const char *reason)
{
    end(p, (struct process_status){.end = PROC_END_KILLED, .reason = reason});
}

/* Doubles the table, or more. The account's budget of slots bounds it, not the storage. */
enum status process_grow_table(struct process *p, uint32_t n)
{
    uint32_t count = p->caps.count > n ? 2u * p->caps.count : p->caps.count + n;
    size_t bytes = cap_table_storage_bytes(count < CAP_SLOTS_MAX ? count : CAP_SLOTS_MAX);
    enum status status = ST_NO_MEMORY;
    void *storage = heap_alloc(&p->account, bytes);
    void *old;

    if (storage != NULL) {
        status = cap_table_grow(&p->caps, storage, bytes, &old);
    }
    if (status != ST_OK) {
        heap_free(&p->account, storage);
        account_release(&p->account, ACCOUNT_SLOTS, n);
        return status;
    }
    p->caps_storage = storage;
    heap_free(&p->account, old);
    return ST_OK;
}

enum status process_reserve_caps(struct process *p, uint32_t n, uint64_t ids[])
{
    enum status status = process_make_room(p, n);

    if (status == ST_OK) {
        status = cap_table_reserve(&p->caps, n, ids);
        ASSERT(status == ST_OK, "a table with room for %u capabilities has none", n);
    }
    return status;
}

void process_cancel_caps(struct process *p, uint32_t n, const uint64_t ids[])
{
    cap_table_cancel(&p->caps, n, ids);
    account_release(&p->account, ACCOUNT_SLOTS, n);
}

void process_close_all(const char *reason)
{
    closed = true;
    for (struct list_node *n = list_first(&processes); n != NULL; n = list_next(&processes, n)) {
        process_kill(LIST_OWNER(n, struct process, node), reason);
    }
}

bool process_is_any(void)
{
    return !list_is_empty(&processes);
}

uint64_t process_count(void)
{
    uint64_t count = 0;

    for (struct list_node *n = list_first(&processes); n != NULL; n = list_next(&processes, n)) {
        count++;
    }
    return count;
}

void process_each(void (*visit)(struct process *p, void *context), void *context)
{
    for (struct list_node *n = list_first(&processes); n != NULL; n = list_next(&processes, n)) {
        visit(LIST_OWNER(n, struct process, node), context);
    }
}
