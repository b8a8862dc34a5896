// SPDX-License-Identifier: MIT
/*
 * The capability table, beside its inline look-up, insert and remove. A slot's state is in
 * its id and flags: used has an id; of those without, flags say reserved or retired, and
 * the rest are free.
 */
#include <lib/cap_table.h>

#include <lib/assert.h>
#include <lib/mem.h>

#define SLOT_BYTES (sizeof(struct cap_slot) + sizeof(uint8_t))

/* Ends the free list. */
#define NO_SLOT UINT32_MAX

static uint32_t index_of(uint64_t id)
{
    return (uint32_t)(id & CAP_ID_INDEX_MASK);
}

static uint32_t slots_in(size_t bytes)
{
    size_t n = bytes / SLOT_BYTES;

    return n < CAP_SLOTS_MAX ? (uint32_t)n : CAP_SLOTS_MAX;
}

/* Adds slots first…count − 1 to the free list, the lowest to be used first. */
static void push_new(struct cap_table *table, uint32_t first)
{
    for (uint32_t i = table->count; i > first; i--) {
        cap_table_push_free(table, i - 1, 1);
    }
}

/* The index of an id that cap_table_reserve gave and that is still reserved. */
static uint32_t reserved_index(const struct cap_table *table, uint64_t id)
{
    uint32_t index = index_of(id);

    LIB_ASSERT(index < table->count && table->flags[index] == CAP_SLOT_F_RESERVED &&
                   table->slots[index].badge == id >> CAP_ID_INDEX_BITS,
               "the id is reserved");
    return index;
}

/* The index of an id whose slot is moving. */
static uint32_t moving_index(const struct cap_table *table, uint64_t id)
{
    const struct cap_slot *slot = cap_table_lookup(table, id);

    LIB_ASSERT(slot != NULL && (cap_table_flags(table, slot) & CAP_SLOT_F_MOVING) != 0,
               "the slot is moving");
    return index_of(id);
}

size_t cap_table_storage_bytes(uint32_t n)
{
    LIB_ASSERT(n <= CAP_SLOTS_MAX, "a table has at most CAP_SLOTS_MAX slots");
    return (n * SLOT_BYTES + 7) / 8 * 8;
}

enum status cap_table_init(struct cap_table *table, void *storage, size_t bytes)
{
    uint32_t count = slots_in(bytes);

    if (count == 0) {
        return ST_INVALID;
    }
    *table = (struct cap_table){.slots = storage,
                                .flags = (uint8_t *)storage + count * sizeof(struct cap_slot),
                                .count = count,
                                .free_first = NO_SLOT};
    push_new(table, 0);
    return ST_OK;
}

enum status cap_table_grow(struct cap_table *table, void *storage, size_t bytes, void **old)
{
    uint32_t count = slots_in(bytes);
    uint32_t before = table->count;
    uint8_t *flags = (uint8_t *)storage + count * sizeof(struct cap_slot);

    if (count <= before) {
        return ST_INVALID;
    }
    memcpy(storage, table->slots, before * sizeof(struct cap_slot));
    memcpy(flags, table->flags, before);
    *old = table->slots;
    table->slots = storage;
    table->flags = flags;
    table->count = count;
    push_new(table, before);
    return ST_OK;
}

enum status cap_table_reserve(struct cap_table *table, uint32_t n, uint64_t ids[])
{
    if (n > cap_table_free(table)) {
        return ST_FULL;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t index = table->free_first;
        struct cap_slot *slot = &table->slots[index];

        ids[i] = cap_table_next_id(table);
        table->free_first = (uint32_t)slot->interface_id;
        slot->interface_id = 0;
        table->flags[index] = CAP_SLOT_F_RESERVED;
    }
    table->reserved += n;
    return ST_OK;
}

void cap_table_commit(struct cap_table *table, uint64_t id, const struct cap_hold *hold)
{
    uint32_t index = reserved_index(table, id);

    table->reserved--;
    cap_table_fill(table, index, id, hold);
}

void cap_table_cancel(struct cap_table *table, uint32_t n, const uint64_t ids[])
{
    for (uint32_t i = n; i > 0; i--) {
        uint32_t index = reserved_index(table, ids[i - 1]);

        cap_table_push_free(table, index, table->slots[index].badge);
        table->reserved--;
    }
}

enum status cap_table_move_begin(struct cap_table *table, uint64_t id)
{
    const struct cap_slot *slot = cap_table_lookup(table, id);

    if (slot == NULL) {
        return ST_STALE;
    }
    if (cap_table_flags(table, slot) != CAP_SLOT_F_TRANSFERABLE) {
        return ST_DENIED;
    }
    table->flags[index_of(id)] |= CAP_SLOT_F_MOVING;
    return ST_OK;
}

void cap_table_move_cancel(struct cap_table *table, uint64_t id)
{
    table->flags[moving_index(table, id)] = CAP_SLOT_F_TRANSFERABLE;
}

void cap_table_move_commit(struct cap_table *table, uint64_t id, struct cap_hold *hold)
{
    cap_table_empty(table, moving_index(table, id), hold);
}

const struct cap_slot *cap_table_next(const struct cap_table *table, uint32_t *cursor)
{
    while (*cursor < table->count) {
        const struct cap_slot *slot = &table->slots[*cursor];

        (*cursor)++;
        if (slot->id != CAP_SLOT_EMPTY) {
            return slot;
        }
    }
    return NULL;
}

/* What a slot counts as; a slot that breaks invariant 1 or 2 counts as nothing. */
enum slot_state { SLOT_BROKEN, SLOT_FREE, SLOT_USED, SLOT_RESERVED, SLOT_RETIRED, SLOT_STATES };

static bool generation_is_valid(uint64_t generation)
{
    return generation >= 1 && generation <= CAP_ID_GENERATION_MAX;
}

static enum slot_state slot_state(const struct cap_table *table, uint32_t index)
{
    const struct cap_slot *slot = &table->slots[index];
    uint8_t flags = table->flags[index];

    if (slot->id != CAP_SLOT_EMPTY) {
        bool flags_known = flags == 0 || flags == CAP_SLOT_F_TRANSFERABLE ||
                           flags == (CAP_SLOT_F_TRANSFERABLE | CAP_SLOT_F_MOVING);
        bool sound = index_of(slot->id) == index && slot->object != NULL && flags_known &&
                     generation_is_valid(slot->id >> CAP_ID_INDEX_BITS);

        return sound ? SLOT_USED : SLOT_BROKEN;
    }
    if (slot->object != NULL) {
        return SLOT_BROKEN;
    }
    if (flags == CAP_SLOT_F_RETIRED) {
        return slot->badge == 0 ? SLOT_RETIRED : SLOT_BROKEN;
    }
    if (!generation_is_valid(slot->badge)) {
        return SLOT_BROKEN;
    }
    if (flags == CAP_SLOT_F_RESERVED) {
        return SLOT_RESERVED;
    }
    return flags == 0 ? SLOT_FREE : SLOT_BROKEN;
}

/* Whether the free list is n free slots and then ends. A circle cannot end. */
static bool free_list_check(const struct cap_table *table, uint32_t n)
{
    uint64_t index = table->free_first;

    for (uint32_t i = 0; i < n; i++) {
        if (index >= table->count || slot_state(table, (uint32_t)index) != SLOT_FREE) {
            return false;
        }
        index = table->slots[index].interface_id;
    }
    return index == NO_SLOT;
}

bool cap_table_check(const struct cap_table *table)
{
    uint32_t n[SLOT_STATES] = {0};

    for (uint32_t i = 0; i < table->count; i++) {
        n[slot_state(table, i)]++;
    }
    return n[SLOT_BROKEN] == 0 && n[SLOT_USED] == table->used &&
           n[SLOT_RESERVED] == table->reserved && n[SLOT_RETIRED] == table->retired &&
           free_list_check(table, n[SLOT_FREE]);
}
