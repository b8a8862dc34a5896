// SPDX-License-Identifier: MIT
/*
 * Capability table: what a process may invoke, by capability id.
 *
 * An id is a slot's index and a generation (abi/ring.h). A slot holds the whole id
 * that is valid for it now, so that a look-up is one bounds check and one compare,
 * and a stale, forged or foreign id fails like any other. A generation is used once
 * for one slot: when a slot has used its last, it is retired.
 *
 *              insert, or reserve + commit           remove
 *   free ───────────────────────────────────► used ─────────► free, or retired
 *     │                    ▲                   │ ▲
 *     └─reserve─► reserved─┘         move_begin│ │move_cancel
 *     ▲               │                        ▼ │
 *     └────cancel─────┘                       moving ──move_commit──► free, or retired
 *
 * A grant or a transfer of several capabilities is all or nothing: reserve may
 * fail and names the ids to be; commit cannot fail; cancel leaves the table exactly
 * as it was before reserve. A capability that is being moved stays in its slot,
 * locked against removal and a second move, until the move is committed or cancelled;
 * it is still found by look-up, since it is still held here.
 *
 * The table does not count references: a used slot is one hold edge on its object (A3),
 * which the caller takes before insert or commit and has again after remove or
 * move_commit. Storage is the caller's.
 *
 * Invariants, checked by cap_table_check():
 *   1  a used slot's id has the slot's own index and a generation of 1 or more
 *   2  a slot that is not used has the id CAP_SLOT_EMPTY, whose index no table reaches
 *   3  the free list holds each free slot once, and nothing else
 *   4  free + used + reserved + retired = slots
 */
#pragma once

#include <abi/limits.h>
#include <abi/ring.h>
#include <lib/assert.h>
#include <lib/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A build may narrow generations, to reach their end in a test. */
#ifndef CAP_ID_GENERATION_BITS
#define CAP_ID_GENERATION_BITS 44u
#endif

#define CAP_ID_GENERATION_MAX ((1ull << CAP_ID_GENERATION_BITS) - 1)
#define CAP_ID_INDEX_MASK     ((1ull << CAP_ID_INDEX_BITS) - 1)
#define CAP_SLOT_EMPTY        UINT64_MAX

_Static_assert(CAP_ID_GENERATION_BITS >= 1 && CAP_ID_GENERATION_BITS + CAP_ID_INDEX_BITS <= 64,
               "a capability id has 64 bits");
_Static_assert(CAP_SLOTS_MAX < CAP_ID_INDEX_MASK, "CAP_SLOT_EMPTY must name no slot");

struct cap_object;

/* What a slot holds: one hold edge. */
struct cap_hold {
    struct cap_object *object; /* not NULL */
    uint64_t interface_id;
    uint64_t badge;
    bool transferable;
};

/* Only a used slot has the meaning that its members say; others keep the free list here. */
struct cap_slot {
    uint64_t id;
    struct cap_object *object;
    uint64_t interface_id; /* free slot: index of the next free one */
    uint64_t badge;        /* free or reserved slot: generation of its next id */
};

_Static_assert(sizeof(struct cap_slot) == 32, "two slots to a cache line");

/* Flags of a slot, in a byte of their own. */
#define CAP_SLOT_F_TRANSFERABLE 1u
#define CAP_SLOT_F_MOVING       2u
#define CAP_SLOT_F_RESERVED     4u
#define CAP_SLOT_F_RETIRED      8u

struct cap_table {
    struct cap_slot *slots; /* in the storage */
    uint8_t *flags;         /* in the storage, behind the slots */
    uint32_t count;         /* slots there are */
    uint32_t free_first;    /* index; meaningful while one is free */
    uint32_t used;          /* with those that are moving */
    uint32_t reserved;
    uint32_t retired;
};

/* Bytes of storage for n slots; a multiple of 8. n is at most CAP_SLOTS_MAX. */
size_t cap_table_storage_bytes(uint32_t n);

/*
 * Makes an empty table of as many slots as the storage has room for, at most
 * CAP_SLOTS_MAX. Keeps `storage`, which is 8-byte aligned. ST_INVALID: there is not
 * room for one.
 */
enum status cap_table_init(struct cap_table *table, void *storage, size_t bytes);

/*
 * Moves the table into larger storage; ids stay valid, pointers to slots do not.
 * Keeps `storage` and gives the old one back in *old. ST_INVALID: it has no room for
 * more slots than there are.
 */
enum status cap_table_grow(struct cap_table *table, void *storage, size_t bytes, void **old);

/* The slot of a valid id, until the table changes. NULL: stale, forged or never valid. */
static inline const struct cap_slot *cap_table_lookup(const struct cap_table *table, uint64_t id)
{
    uint32_t index = (uint32_t)(id & CAP_ID_INDEX_MASK);

    if (__builtin_expect(index >= table->count || table->slots[index].id != id, 0)) {
        return NULL;
    }
    return &table->slots[index];
}

/* Flags of a slot that cap_table_lookup or cap_table_next gave. */
static inline uint8_t cap_table_flags(const struct cap_table *table, const struct cap_slot *slot)
{
    return table->flags[slot - table->slots];
}

/* Used slots, with those that are moving. */
static inline uint32_t cap_table_used(const struct cap_table *table)
{
    return table->used;
}

/* Slots that an insert or reserve can still have. */
static inline uint32_t cap_table_free(const struct cap_table *table)
{
    return table->count - table->used - table->reserved - table->retired;
}

/* The id that the next hold gets, while a slot is free. */
static inline uint64_t cap_table_next_id(const struct cap_table *table)
{
    uint32_t index = table->free_first;

    return table->slots[index].badge << CAP_ID_INDEX_BITS | index;
}

/* Makes a slot that is in no list a used one: for insert and commit. */
static inline void cap_table_fill(struct cap_table *table, uint32_t index, uint64_t id,
                                  const struct cap_hold *hold)
{
    LIB_ASSERT(hold->object != NULL, "a hold has an object");
    table->slots[index] = (struct cap_slot){
        .id = id, .object = hold->object, .interface_id = hold->interface_id, .badge = hold->badge};
    table->flags[index] = hold->transferable ? CAP_SLOT_F_TRANSFERABLE : 0;
    table->used++;
}

/* Puts a hold into a free slot and says its id. ST_FULL: there is none. */
static inline enum status cap_table_insert(struct cap_table *table, const struct cap_hold *hold,
                                           uint64_t *id)
{
    uint32_t index = table->free_first;

    if (__builtin_expect(cap_table_free(table) == 0, 0)) {
        return ST_FULL;
    }
    uint64_t next = cap_table_next_id(table); /* *id may be memory that others write to */
    table->free_first = (uint32_t)table->slots[index].interface_id;
    cap_table_fill(table, index, next, hold);
    *id = next;
    return ST_OK;
}

/* Puts a slot into the free list, whose next id has this generation. */
static inline void cap_table_push_free(struct cap_table *table, uint32_t index, uint64_t generation)
{
    table->slots[index] = (struct cap_slot){
        .id = CAP_SLOT_EMPTY, .interface_id = table->free_first, .badge = generation};
    table->flags[index] = 0;
    table->free_first = index;
}

/* Makes a used slot a free one, or a retired one if it has used its last generation. */
static inline void cap_table_empty(struct cap_table *table, uint32_t index, struct cap_hold *hold)
{
    const struct cap_slot *slot = &table->slots[index];
    uint64_t generation = slot->id >> CAP_ID_INDEX_BITS;

    *hold = (struct cap_hold){.object = slot->object,
                              .interface_id = slot->interface_id,
                              .badge = slot->badge,
                              .transferable = (table->flags[index] & CAP_SLOT_F_TRANSFERABLE) != 0};
    table->used--;
    if (__builtin_expect(generation < CAP_ID_GENERATION_MAX, 1)) {
        cap_table_push_free(table, index, generation + 1);
    } else {
        table->slots[index] = (struct cap_slot){.id = CAP_SLOT_EMPTY};
        table->flags[index] = CAP_SLOT_F_RETIRED;
        table->retired++;
    }
}

/*
 * Empties a slot; *hold is the caller's. ST_STALE: the id is not valid. ST_DENIED:
 * the slot is moving.
 */
static inline enum status cap_table_remove(struct cap_table *table, uint64_t id,
                                           struct cap_hold *hold)
{
    const struct cap_slot *slot = cap_table_lookup(table, id);

    if (__builtin_expect(slot == NULL, 0)) {
        return ST_STALE;
    }
    if (__builtin_expect((cap_table_flags(table, slot) & CAP_SLOT_F_MOVING) != 0, 0)) {
        return ST_DENIED;
    }
    cap_table_empty(table, (uint32_t)(slot - table->slots), hold);
    return ST_OK;
}

/*
 * Sets n slots aside and says the ids they will have, all or none. They are not
 * valid before commit. ST_FULL: there are not so many.
 */
enum status cap_table_reserve(struct cap_table *table, uint32_t n, uint64_t ids[]);

/* Puts a hold into a reserved slot. Cannot fail: that the id is reserved is asserted. */
void cap_table_commit(struct cap_table *table, uint64_t id, const struct cap_hold *hold);

/*
 * Gives reserved slots back, in the order that reserve gave them. If nothing else
 * happened in between, the table is bit for bit as before.
 */
void cap_table_cancel(struct cap_table *table, uint32_t n, const uint64_t ids[]);

/*
 * Locks a slot for a move. ST_STALE: the id is not valid. ST_DENIED: the hold is not
 * transferable, or is being moved already.
 */
enum status cap_table_move_begin(struct cap_table *table, uint64_t id);

/* Ends a move: the hold stays, or is the caller's. That the slot is moving is asserted. */
void cap_table_move_cancel(struct cap_table *table, uint64_t id);
void cap_table_move_commit(struct cap_table *table, uint64_t id, struct cap_hold *hold);

/*
 * The used slots, moving ones included, in order of index: start with *cursor 0 and
 * call until NULL. Slots may be emptied on the way. A step passes over any number
 * of slots that are not used.
 */
const struct cap_slot *cap_table_next(const struct cap_table *table, uint32_t *cursor);

/* Whether all invariants hold. Walks all slots. */
bool cap_table_check(const struct cap_table *table);
