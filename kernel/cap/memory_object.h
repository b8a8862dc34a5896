// SPDX-License-Identifier: MIT
/*
 * MemoryObject: pages of memory as a capability, and MemoryReader, its facet that can
 * be mapped for reading only.
 *
 * The reader is an object of its own inside the other, and as long as it is held it is
 * one hold on that. Each mapping is a hold on the facet that was mapped. When the last
 * of all these is gone, the frames go back at once.
 */
#pragma once

#include <abi/limits.h>
#include <lib/account.h>
#include <lib/frame_ledger.h>
#include <stdbool.h>
#include <stdint.h>

#include "cap/cap.h"
#include "mem/addr.h"

struct memory_object {
    struct cap_object object; /* first */
    struct cap_object reader; /* not an object while it has no holds */
    struct frame_grant grant; /* [I] frames and who pays for them */
};

/*
 * A call that fills or frees more pages than this keeps interrupts out for so long that
 * no other entry follows before they are let in. So a drain of the ring fills no more
 * than one call may.
 */
#define MEMORY_PAGES_SHORT (MEMORY_PAGES_MAX / CAP_DRAIN_BUDGET)

extern const struct cap_type memory_object_type;
extern const struct cap_type memory_reader_type;

/* Opens the ledger of frames that are memory objects. */
void memory_object_init(void);

/*
 * A new object of 1 to MEMORY_PAGES_MAX zeroed pages, adjacent in physical memory, charged
 * to `payer`; its first hold is the caller's. ST_OVER_BUDGET, ST_NO_MEMORY.
 */
enum status memory_object_create(struct account *payer, uint32_t pages, struct cap_object **out);

/* The memory that a facet is of. NULL: the object is neither facet of any. */
struct memory_object *memory_object_of(struct cap_object *facet);

/* Whether a facet can be mapped for reading only. */
static inline bool memory_object_is_reader(const struct cap_object *facet)
{
    return facet->type == &memory_reader_type;
}

static inline uint64_t memory_object_pages(const struct memory_object *m)
{
    return m->grant.count;
}

/* The frame of one of its pages. */
static inline struct paddr memory_object_frame(const struct memory_object *m, uint64_t page)
{
    return (struct paddr){(m->grant.first + page) << FRAME_SHIFT};
}

/* Frames that are memory objects now, for the recount. That the ledger is whole is asserted. */
uint64_t memory_object_frames(void);

/* Whether the ledger of all memory objects is sound. */
bool memory_object_check(void);
