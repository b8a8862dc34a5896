// SPDX-License-Identifier: MIT
/*
 * Transfers: capabilities on their way from one table to another, all or none.
 *
 *   transfer_prepare        reads the descriptors (abi/ring.h); may refuse
 *        │                  moved slots are locked, copies and facets are held
 *        ├──► transfer_commit      into the receiver's table, which has room;
 *        │                         cannot fail
 *        └──► transfer_rollback    both tables are as before
 *
 * Between the two ends a transfer owns a hold on each object it copies or mints a
 * facet of; the hold of a moved one is still its slot's. It may wait for long, as
 * that of a queued call does.
 *
 * Refused: an id that is not valid, a hold that is not transferable, a slot that is
 * being moved already (by this transfer too), a mode that is none, a badge or interface
 * with a copy or move, minting from what is not an owner facet, and as an interface
 * that no client can have.
 */
#pragma once

#include <abi/ring.h>
#include <lib/cap_table.h>
#include <lib/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the kernel does with objects, whatever they are. */
struct transfer_rules {
    void (*hold)(struct cap_object *object);
    void (*drop)(struct cap_object *object);
    /* The client facet's object, if the slot is an owner facet that can mint this interface. */
    struct cap_object *(*mint)(const struct cap_slot *owner, uint64_t interface_id);
};

struct transfer_item {
    struct cap_hold hold;
    uint64_t moved; /* the sender's slot; CAP_ID_NONE: copied or minted */
};

struct transfer {
    uint32_t count;
    bool kept; /* for its owner: where its storage is */
    struct transfer_item items[];
};

/* A hold of the slot's kind, that of whoever it is given to. */
static inline struct cap_hold transfer_hold_of(const struct cap_slot *slot)
{
    return (struct cap_hold){.object = slot->object,
                             .interface_id = slot->interface_id,
                             .badge = slot->badge,
                             .transferable = true};
}

/*
 * What a second slot would hold that has what this one has. Takes no hold. ST_DENIED: it may
 * not be copied, or is on its way elsewhere.
 */
static inline enum status transfer_copy(const struct cap_table *table, const struct cap_slot *slot,
                                        struct cap_hold *copy)
{
    if (__builtin_expect(cap_table_flags(table, slot) != CAP_SLOT_F_TRANSFERABLE, 0)) {
        return ST_DENIED;
    }
    *copy = transfer_hold_of(slot);
    return ST_OK;
}

/*
 * The whole transfer of one capability that is copied or moved, into a table in which a slot
 * is free: no step of it can fail. *moved says whether a slot has been emptied, or the
 * object is to be held once more. False: it is not of this kind or is refused, and nothing has
 * changed; transfer_prepare finds out.
 */
static inline bool transfer_one(struct cap_table *from, struct cap_table *to,
                                const struct cap_transfer *descriptor, struct cap_record *record,
                                bool *moved, struct cap_object **object)
{
    const struct cap_slot *slot = cap_table_lookup(from, descriptor->cap_id);
    struct cap_hold hold;

    if (__builtin_expect(slot == NULL, 0) ||
        __builtin_expect((descriptor->badge | descriptor->interface_id) != 0, 0) ||
        __builtin_expect(descriptor->reserved != 0, 0) ||
        __builtin_expect(descriptor->mode - CAP_TRANSFER_COPY > 1u, 0) ||
        __builtin_expect(transfer_copy(from, slot, &hold) != ST_OK, 0)) {
        return false;
    }
    uint64_t id;
    enum status status = cap_table_insert(to, &hold, &id);
    LIB_ASSERT(status == ST_OK, "the receiver's table has room");
    *record = (struct cap_record){.cap_id = id, .interface_id = hold.interface_id};
    *object = hold.object;
    *moved = descriptor->mode == CAP_TRANSFER_MOVE;
    if (*moved) {
        cap_table_empty(from, (uint32_t)(slot - from->slots), &hold);
    }
    return true;
}

_Static_assert(CAP_TRANSFER_MOVE == CAP_TRANSFER_COPY + 1, "transfer_one tells both from others");

/* Bytes of a transfer of n capabilities. */
static inline size_t transfer_bytes(uint32_t n)
{
    return sizeof(struct transfer) + n * sizeof(struct transfer_item);
}

/*
 * Makes a transfer of n capabilities out of `from`. *transfer has transfer_bytes(n).
 * ST_STALE, ST_DENIED, ST_INVALID: as above, and nothing has changed.
 */
enum status transfer_prepare(struct transfer *transfer, const struct transfer_rules *rules,
                             struct cap_table *from, const struct cap_transfer descriptors[],
                             uint32_t n);

/*
 * Puts everything into `to`, which has so many free slots: asserted; and lists it, as its
 * receiver is told. The two tables may be one. Slots that were moved from are empty now.
 * Returns how many those are.
 */
uint32_t transfer_commit(struct transfer *transfer, struct cap_table *from, struct cap_table *to,
                         struct cap_record records[]);

/* The same for a receiver without a table: the holds, in `items`, are the caller's. */
uint32_t transfer_take(struct transfer *transfer, struct cap_table *from);

/* Unlocks what was to be moved and drops the other holds. */
void transfer_rollback(struct transfer *transfer, const struct transfer_rules *rules,
                       struct cap_table *from);
