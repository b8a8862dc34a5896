// SPDX-License-Identifier: MIT
/*
 * From a program's image to a process that runs, in bounded slices.
 *
 *   spawn_begin ─► spawn_step … ST_PENDING … ─► ST_OK ─► spawn_start     it runs
 *        │              │                         └────► spawn_abandon ─┐
 *        └──────────────┴─► error: the process, if there is one, is being reaped
 *
 * A piece is a stretch of address space filled from the image: its segments, the
 * TLS template, the stack. It is mapped in runs of pages: pages of the file itself, or
 * frames of the process's own. Behind the pieces come ring region and CapSet page.
 *
 * All that may fail comes before spawn_start: the ids of what the process is born with
 * are reserved and stand in its CapSet, and only then are the capabilities put there.
 */
#pragma once

#include <abi/limits.h>
#include <capos.capnp.h>
#include <lib/cap_table.h>
#include <lib/ring.h>
#include <lib/status.h>
#include <stdbool.h>
#include <stdint.h>

#include "process.h"
#include "program.h"

/* Pages that one step maps at most. */
#define SPAWN_PAGES_PER_STEP 64u

/* Where a capability that the process is born with comes from. */
enum spawn_source {
    SPAWN_HOLD,               /* from whoever spawns */
    SPAWN_VIRTUAL_MEMORY,     /* made for the process: its address space */
    SPAWN_CAPABILITY_MANAGER, /* made for the process: its table */
    SPAWN_SOURCES
};

/* One capability that the process is born with. */
struct spawn_grant {
    struct capnp_text name; /* 1…CAP_NAME_MAX bytes */
    enum spawn_source source;
    struct cap_hold hold; /* SPAWN_HOLD: the process's from spawn_start on */
    uint64_t id;          /* in the process's table, once it is reserved */
};

/* What to make. Borrowed, with all it points to, until the process runs or is given up. */
struct spawn_params {
    char name[CAP_NAME_MAX + 1];
    struct account *parent; /* its budgets come out of this */
    const struct program *program;
    struct ring_layout ring;
    struct process_limits limits;
    struct spawn_grant *grants;
    uint32_t grant_count; /* at most MANIFEST_CAPS_MAX */
    void (*on_end)(void *owner, const struct process_report *report);
    void *owner;
};

struct spawn {
    const struct spawn_params *params;
    struct process *process; /* NULL: none yet */
    uint32_t piece;          /* being mapped */
    uint64_t next_page;      /* in it; 0: its first */
    bool reserved;           /* the grants have their ids */
};

/* What the schema's Limits say of a process with this ring. */
struct process_limits spawn_limits(struct capos_limits limits, const struct ring_layout *ring);

/*
 * Creates the process. On an error there is none, and *reason, static, says why. Keeps
 * `params`.
 */
enum status spawn_begin(struct spawn *spawn, const struct spawn_params *params,
                        const char **reason);

/*
 * Does one slice. ST_PENDING: call again. ST_OK: spawn->process is complete. Otherwise
 * it has been failed with a reason and is being reaped; on_end will be told.
 */
enum status spawn_step(struct spawn *spawn);

/*
 * Puts the grants' holds, which it takes over, into the complete process, and starts
 * it. Cannot fail.
 */
void spawn_start(struct spawn *spawn);

/* Gives a process up that has not been started, complete or not; on_end will be told. */
void spawn_abandon(struct spawn *spawn, const char *reason);
