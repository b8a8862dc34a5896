// SPDX-License-Identifier: MIT
/*
 * From a program's image to a process that is ready to run, in bounded slices.
 *
 *   spawn_begin ─► spawn_step … ST_PENDING … ─► ST_OK: the process may be started
 *        │              │
 *        └──────────────┴─► error: the process, if there is one, is being reaped
 *
 * A piece is a stretch of address space filled from the image: its segments, the
 * TLS template, the stack. Behind the pieces come ring region and CapSet page.
 */
#pragma once

#include <abi/limits.h>
#include <capnp/read.h>
#include <lib/elf.h>
#include <lib/ring.h>
#include <lib/status.h>
#include <stdint.h>

#include "process.h"

/* Pages that one step fills at most. */
#define SPAWN_PAGES_PER_STEP 64u

/* The image's segments, the TLS block and the stack. */
#define SPAWN_PIECES_MAX (ELF_SEGMENTS_MAX + 2u)

/* One capability that the process is born with. */
struct spawn_grant {
    struct capnp_text name;    /* 1…CAP_NAME_MAX bytes */
    struct cap_object *object; /* borrowed; the grant takes a hold of its own */
    uint64_t badge;
};

/* What to make. Borrowed, with all it points to, until spawn_step has ended. */
struct spawn_params {
    struct account *parent; /* its budgets come out of this */
    struct capnp_data image;
    struct ring_layout ring;
    struct process_limits limits;
    struct spawn_grant grants[MANIFEST_CAPS_MAX];
    uint32_t grant_count;
    void (*on_end)(void *owner, const struct process_report *report);
    void *owner;
};

struct spawn {
    const struct spawn_params *params;
    struct process *process; /* NULL: none yet */
    struct elf_image elf;
    struct elf_segment pieces[SPAWN_PIECES_MAX];
    uint32_t piece_count;
    uint32_t piece;     /* being filled */
    uint64_t next_page; /* in it; 0: its first */
};

/*
 * Checks the image and creates the process. On an error there is none, and
 * *reason, static, says why. Keeps `params`.
 */
enum status spawn_begin(struct spawn *spawn, const struct spawn_params *params,
                        const char **reason);

/*
 * Does one slice. ST_PENDING: call again. ST_OK: spawn->process is complete and
 * may be started. Otherwise it has been failed with a reason and is being reaped;
 * on_end will be told.
 */
enum status spawn_step(struct spawn *spawn);
