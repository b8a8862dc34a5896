// SPDX-License-Identifier: MIT
/*
 * Programs on the hosted kernel: a test makes a few, writes their entries, lets them
 * run, and looks at everything that the kernel keeps of them.
 *
 * An actor is a process without code. It rests until it is told to run: then the
 * kernel takes what is in its ring, as cap_enter does. Each entry has a number of its
 * own as user data, so that its completions can be counted.
 *
 * Reaping and other deferred work is done when a test says so: world_settle().
 */
#pragma once

#include <abi/ring.h>
#include <lib/account.h>
#include <lib/call.h>
#include <stdbool.h>
#include <stdint.h>

#include "cap/cap.h"
#include "process.h"

/* Where an actor's pages lie; outside the message area, so that they can be taken away. */
#define ACTOR_PAGES 0x0000000050000000ull

/* The one program that the boot manifest has. */
#define WORLD_BINARY "program"

/* An object that does nothing but be held; it knows when it is gone. */
struct token {
    struct cap_object object; /* first */
    const char *name;
    bool is_gone;
};

/* An object that keeps the calls it gets, one at a time; what came with them, too. */
struct keeper {
    struct cap_object object; /* first */
    struct call *kept;        /* NULL: none */
    struct transfer *given;   /* NULL: none came */
    struct process *caller;
    bool is_gone;
};

struct entry {
    uint32_t completions;
    struct cap_cqe cqe; /* the last */
};

struct actor {
    struct process *p; /* NULL: gone */
    bool is_hostile;   /* it writes over its ring: what completes is not counted */
    bool is_waiting;   /* in cap_enter, since actor_wait */
    struct process_report report;
    uint32_t sq_tail;
    uint32_t cq_head;
    struct entry *entries; /* by user data, from 1 */
    uint64_t entry_count;
    uint64_t entry_room;
};

/* What an actor is made with. Zeros: 64 slots, 256 frames, 8 and 16 entries, 4096 bytes, no
 * children. */
struct actor_params {
    uint32_t slots;
    uint64_t frames;
    uint32_t sq_entries;
    uint32_t cq_entries;
    uint32_t area_bytes;
    uint32_t children;
};

/* Starts machine and kernel, once for a test program. */
void world_start(void);

/* The account that pays for all actors. */
struct account *world_account(void);

/* Does all deferred work there is. */
void world_settle(void);

/* Does one slice of it, if there is any; false: there was none. */
bool world_slice(void);

/*
 * What is wrong with the kernel's state; NULL: nothing. Checks every record, table,
 * ring, endpoint and account, that each object is held by exactly those who refer to
 * it, and that each place kept in a ring has the record that needs it.
 */
const char *world_check(void);

/* Ends, wholly, the processes that actors have spawned. */
void world_end_children(void);

/* Slots and transfers, of all processes and the kernel, that hold this object. */
uint64_t world_holds(const struct cap_object *object);

/* Remembers what there is; later, what has been left behind since. NULL: nothing. */
void world_remember(void);
const char *world_leftover(void);

/* A new actor, which rests. False: the kernel refused. */
bool actor_start(struct actor *a, const struct actor_params *params);

/* Ends it, from outside. Its things are reaped later, by world_settle. */
void actor_kill(struct actor *a);

/* Forgets what was counted of one that is gone. */
void actor_forget(struct actor *a);

/* Whether it can act: it is there, and not dying. */
bool actor_lives(const struct actor *a);

/*
 * The end of a test: kills those of these actors that live, reaps and forgets them all. NULL:
 * everything was sound before and is after, and nothing is left; otherwise what is not so.
 */
const char *world_end(struct actor *const actors[], uint32_t count);

/* Writes an entry into the ring; its user data is its number, which is returned. */
uint64_t actor_submit(struct actor *a, struct cap_sqe sqe);

/* The kernel takes everything that was submitted; the actor then takes its completions. */
void actor_run(struct actor *a);

/* The two together: what the entry completed with, or NULL while it is pending. */
const struct cap_cqe *actor_do(struct actor *a, struct cap_sqe sqe);

/* Takes what the kernel has posted meanwhile. */
void actor_take(struct actor *a);

/* The completion of an entry; NULL: none so far. */
const struct cap_cqe *actor_done(const struct actor *a, uint64_t entry);

/*
 * Enters cap_enter, with what was submitted. False: it has returned already. Otherwise the
 * actor waits, or could go on, until actor_goes_on says that it does.
 * Of ticks, 0 are for ever.
 */
bool actor_wait(struct actor *a, uint32_t min_complete, uint32_t ticks);

/* If what it waited for has come, or its time-out: true, and it rests again. */
bool actor_goes_on(struct actor *a);

/*
 * Waits in cap_enter for one completion more than there is, so many ticks long, which
 * pass. True: it was woken by the time-out alone.
 */
bool actor_waits_in_vain(struct actor *a, uint32_t ticks);

/* Makes page n of the actor's, with this protection (mem/paging.h), or takes it away. */
void actor_map(struct actor *a, uint32_t n, unsigned prot);
void actor_unmap(struct actor *a, uint32_t n);

/* Where page n lies, and where the test can reach it. */
uint64_t actor_page(uint32_t n);
void *actor_memory(struct actor *a, uint64_t addr);

/* Grants a hold on the object; returns its id there. CAP_ID_NONE: it has no room or budget. */
uint64_t actor_grant(struct actor *a, struct cap_object *object);

/* Where the actor has this object: the id of its first slot, or CAP_ID_NONE. */
uint64_t actor_finds(const struct actor *a, const struct cap_object *object);

/* Whether that slot is on its way elsewhere. */
bool actor_is_moving(const struct actor *a, uint64_t cap_id);

/* A new object with one hold, the caller's. */
void token_init(struct token *token, const char *name);
void keeper_init(struct keeper *keeper);
