// SPDX-License-Identifier: MIT
/*
 * A process: the authority boundary. It owns an address space, a capability
 * table, an account and one thread.
 *
 *   process_create        spawn.c fills it       process_start
 *   ─────────────► BUILDING ──────────────────────────────────► LIVE
 *                     │ process_fail, _kill                      │ process_exit, _fault, _kill
 *                     └───────────────► DYING ◄──────────────────┘
 *                                         │ reaped in slices: entries in flight,
 *                                         │ capabilities, address space, ring, table,
 *                                         ▼ account
 *                                       gone (on_end is told, then the struct is freed)
 *
 * Authority goes first: from the moment a process is DYING it runs no more; what it has
 * in flight is ended and its capabilities are dropped before its memory is.
 */
#pragma once

#include <abi/capset.h>
#include <abi/error.h>
#include <lib/account.h>
#include <lib/cap_table.h>
#include <lib/list.h>
#include <lib/region.h>
#include <lib/ring.h>
#include <lib/transfer.h>
#include <stdbool.h>
#include <stdint.h>

#include "cap/cap.h"
#include "mem/addr.h"
#include "mem/paging.h"
#include "thread.h"
#include "work.h"

/* How a process ended; the C form of the schema's ProcessStatus. */
struct process_status {
    enum proc_end end;
    int64_t code;   /* EXITED */
    uint8_t vector; /* FAULTED, and the next two */
    uint64_t error;
    uint64_t address;
    uint64_t rip;
    const char *reason; /* KILLED, FAILED_TO_START; static */
};

/* What is known of a process when it has been reaped. Borrowed for the call of on_end. */
struct process_report {
    uint64_t pid;
    struct process_status status;
    uint64_t calls;       /* CALL entries taken */
    uint64_t frames_peak; /* most frames charged at once */
    uint64_t frames_left; /* charged still: a leak */
    uint64_t corruptions; /* ring counts put back */
};

enum process_state { PROCESS_BUILDING, PROCESS_LIVE, PROCESS_DYING };

/* Members are [o] the process's own, interrupts off, unless marked [I]. */
struct process {
    uint64_t pid;                /* [I] never used twice in a boot */
    char name[CAP_NAME_MAX + 1]; /* [I] for people */
    enum process_state state;
    struct thread thread;
    struct aspace aspace;
    struct region_table regions; /* what VirtualMemory has mapped in it */
    struct virtual_memory *vm;   /* no hold: while there is one it says here when it goes */
    struct cap_table caps;
    struct account account;
    uint8_t *area;                /* [I] the message area in the direct map */
    uint64_t area_vaddr;          /* [I] where the program sees it */
    uint64_t area_bytes;          /* [I] */
    uint64_t area_delta;          /* [I] from there to `area` */
    uint64_t area_short_places;   /* [I] where a short message may begin, in words from there */
    uint64_t area_long_places;    /* [I] and a long one; 0: it is too small for any */
    struct paddr ring_frames;     /* [I] physically contiguous */
    uint64_t ring_nframes;        /* 0: none yet */
    void *caps_storage;           /* NULL: none yet */
    void *calls_storage;          /* the thread's call records; NULL: none yet, or none at all */
    struct capset_header *capset; /* [I] in the direct map; NULL: none yet */
    struct cap_object *manager;   /* its CapabilityManager, not held; NULL: there is none */
    struct process_status status;
    struct work reaping;
    uint32_t reap_cursor;
    struct list_node node; /* in the list of all processes */
    void (*on_end)(void *owner, const struct process_report *report);
    void *owner; /* keeps itself alive until on_end */
};

/*
 * The process of a thread, by where the one lies in the other: what `process` says, without
 * reading it.
 */
static inline struct process *thread_process(const struct thread *t)
{
    return LIST_OWNER(t, struct process, thread);
}

/* What a process may have, its children included, beside the process itself. */
struct process_limits {
    uint64_t frames;
    uint32_t slots;
    uint32_t calls;     /* entries in flight */
    uint32_t processes; /* children, and theirs */
};

/*
 * Kernel heap, in bytes, that a process may cause, out of its other limits:
 *
 *     itself + PER_PROCESS + slots × PER_SLOT + calls × PER_CALL + processes × PER_CHILD
 *
 * A child's part is never more than what its share of the other limits has brought the
 * parent, so whoever can afford a child's slots, calls and processes can afford its heap.
 */
#define PROCESS_HEAP_PER_PROCESS 32768u /* table and records, rounded up to frames; mappings */
#define PROCESS_HEAP_PER_SLOT    384u   /* its place in the table, and an object behind it */
#define PROCESS_HEAP_PER_CALL    256u   /* its record */
#define PROCESS_HEAP_PER_CHILD   53248u /* itself, PER_PROCESS, and what spawning it takes */

/* As many frames as that heap. */
uint64_t process_heap_frames(const struct process_limits *limits);

void process_init(void);

/*
 * A new process in BUILDING with an empty address space and capability table,
 * its budgets taken out of `parent`. on_end is called once, when all of it has
 * been given back, whatever happens. ST_OVER_BUDGET, ST_NO_MEMORY, ST_DENIED: there is
 * no process and on_end is not called.
 */
enum status process_create(struct account *parent, const struct process_limits *limits,
                           void (*on_end)(void *owner, const struct process_report *report),
                           void *owner, struct process **out);

/* BUILDING → LIVE: the thread may run. */
void process_start(struct process *p);

/*
 * Its builder gives it up, once. A process that was killed while it was being
 * built keeps that status; it is reaped from here on and not before.
 */
void process_fail(struct process *p, const char *reason);

/* The ways to end. Each begins the reaping; a DYING process is left as it is. */
void process_exit(struct process *p, int64_t code);
void process_fault(struct process *p, uint8_t vector, uint64_t error, uint64_t address);
void process_kill(struct process *p, const char *reason);

/* Empties one slot, as RELEASE. ST_STALE, ST_DENIED. */
static inline enum status process_release_cap(struct process *p, uint64_t cap_id)
{
    struct cap_hold hold;

    enum status status = cap_table_remove(&p->caps, cap_id, &hold);
    if (__builtin_expect(status == ST_OK, 1)) {
        account_release(&p->account, ACCOUNT_SLOTS, 1);
        cap_drop(hold.object);
    }
    return status;
}

/*
 * Fills a free slot with a copy of what another holds, as COPY, and says its id. ST_STALE;
 * ST_DENIED as transfer_copy; ST_FULL: no slot is free and paid for, but process_make_room may
 * change that.
 */
static inline __attribute__((always_inline)) enum status
process_copy_cap(struct process *p, uint64_t cap_id, uint64_t *copy)
{
    const struct cap_slot *slot = cap_table_lookup(&p->caps, cap_id);
    struct cap_hold hold;

    if (__builtin_expect(slot == NULL, 0)) {
        return ST_STALE;
    }
    if (__builtin_expect(transfer_copy(&p->caps, slot, &hold) != ST_OK, 0)) {
        return ST_DENIED;
    }
    if (__builtin_expect(cap_table_free(&p->caps) == 0, 0) ||
        __builtin_expect(account_left(&p->account, ACCOUNT_SLOTS) == 0, 0)) {
        return ST_FULL;
    }
    account_add(&p->account, ACCOUNT_SLOTS, 1);
    (void)cap_table_insert(&p->caps, &hold, copy);
    cap_hold(hold.object);
    return ST_OK;
}

/*
 * The slow part of process_make_room: a larger table. On failure n slots are charged no
 * more.
 */
enum status process_grow_table(struct process *p, uint32_t n);

/*
 * Makes sure of n free slots for capabilities that come now, and charges them.
 * ST_OVER_BUDGET, ST_NO_MEMORY.
 */
static inline enum status process_make_room(struct process *p, uint32_t n)
{
    enum status status = account_charge(&p->account, ACCOUNT_SLOTS, n);

    if (__builtin_expect(status == ST_OK && cap_table_free(&p->caps) < n, 0)) {
        status = process_grow_table(p, n);
    }
    return status;
}

/*
 * Sets n slots aside for capabilities that come later, charged, and says the ids that they
 * will have; all or none. Then each is filled by cap_table_commit, or all are given back
 * by the second. ST_OVER_BUDGET, ST_NO_MEMORY.
 */
enum status process_reserve_caps(struct process *p, uint32_t n, uint64_t ids[]);
void process_cancel_caps(struct process *p, uint32_t n, const uint64_t ids[]);

/* Kills every process, and lets none be created any more: ST_DENIED. */
void process_close_all(const char *reason);

/* Whether any process exists. */
bool process_is_any(void);

/* Processes that exist, counted by walking the list. */
uint64_t process_count(void);

/* Calls `visit` for every process; it may end the one it is given. */
void process_each(void (*visit)(struct process *p, void *context), void *context);
