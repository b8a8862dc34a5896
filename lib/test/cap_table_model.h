// SPDX-License-Identifier: MIT
/*
 * An obvious capability table, and an interpreter that drives it and the real one
 * side by side. The unit tests give it programs written by hand and by a random
 * generator, the fuzz target gives it bytes, and the proof gives it any instruction in
 * any state; it has fewer slots, and its own MODEL_REQUIRE.
 *
 * An instruction is three bytes: operation, slot, variant. Operations that name a
 * capability make its id from the slot, by what the model knows, and the variant:
 * the id it has or would have next, one generation earlier or later, 0, an index
 * beyond the table, or all ones. After each instruction every slot of the real
 * table must say what the model says, and cap_table_check() must hold.
 */
#pragma once

#include <lib/cap_table.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef MODEL_SLOTS_MAX
#define MODEL_SLOTS_FIRST 5u
#define MODEL_SLOTS_MAX   40u
#endif

#ifndef MODEL_REQUIRE
#define MODEL_REQUIRE(condition)                                                                   \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)
#endif

enum model_state { MODEL_FREE, MODEL_USED, MODEL_MOVING, MODEL_RESERVED, MODEL_RETIRED };

enum model_op {
    MODEL_INSERT,
    MODEL_REMOVE,
    MODEL_RESERVE,
    MODEL_COMMIT,
    MODEL_CANCEL,
    MODEL_MOVE_BEGIN,
    MODEL_MOVE_CANCEL,
    MODEL_MOVE_COMMIT,
    MODEL_GROW,
    MODEL_OPS
};

enum model_variant {
    MODEL_ID_CURRENT,
    MODEL_ID_EARLIER,
    MODEL_ID_LATER,
    MODEL_ID_ZERO,
    MODEL_ID_BEYOND,
    MODEL_ID_ONES,
    MODEL_VARIANTS
};

struct model_slot {
    enum model_state state;
    uint64_t generation; /* of its id, or of its next one */
    struct cap_hold hold;
};

struct cap_table_model {
    struct cap_table table;
    void *storage; /* exactly as large as was asked for */
    uint32_t count;
    struct model_slot slots[MODEL_SLOTS_MAX];
    uint32_t free[MODEL_SLOTS_MAX]; /* indices, the next to be used last */
    uint32_t free_count;
    uint64_t batch[MODEL_SLOTS_MAX]; /* reserved ids, as the table gave them */
    uint32_t batch_count;
    uint64_t serial; /* makes each hold different */
};

static inline void *model_storage(uint32_t slots)
{
    void *storage = malloc(cap_table_storage_bytes(slots));

    MODEL_REQUIRE(storage != NULL);
    memset(storage, 0xa5, cap_table_storage_bytes(slots));
    return storage;
}

static inline void model_add_slots(struct cap_table_model *m, uint32_t count)
{
    for (uint32_t i = count; i > m->count; i--) {
        m->slots[i - 1] = (struct model_slot){.state = MODEL_FREE, .generation = 1};
        m->free[m->free_count++] = i - 1;
    }
    m->count = count;
}

static inline void model_init(struct cap_table_model *m)
{
    memset(m, 0, sizeof(*m));
    m->storage = model_storage(MODEL_SLOTS_FIRST);
    MODEL_REQUIRE(
        cap_table_init(&m->table, m->storage, cap_table_storage_bytes(MODEL_SLOTS_FIRST)) == ST_OK);
    model_add_slots(m, MODEL_SLOTS_FIRST);
}

static inline void model_fini(struct cap_table_model *m)
{
    free(m->storage);
}

static inline uint64_t model_slot_id(const struct cap_table_model *m, uint32_t index)
{
    return m->slots[index].generation << CAP_ID_INDEX_BITS | index;
}

static inline uint64_t model_id(const struct cap_table_model *m, uint8_t slot, uint8_t variant)
{
    uint64_t id = model_slot_id(m, slot % m->count);

    switch ((enum model_variant)(variant % MODEL_VARIANTS)) {
    case MODEL_ID_CURRENT:
        return id;
    case MODEL_ID_EARLIER:
        return id - (1ull << CAP_ID_INDEX_BITS);
    case MODEL_ID_LATER:
        return id + (1ull << CAP_ID_INDEX_BITS);
    case MODEL_ID_ZERO:
        return CAP_ID_NONE;
    case MODEL_ID_BEYOND:
        return id + m->count;
    case MODEL_ID_ONES:
    case MODEL_VARIANTS:
        return UINT64_MAX;
    }
    return CAP_ID_NONE;
}

/* The slot that holds a capability of this id. NULL: no slot does. */
static inline struct model_slot *model_find(struct cap_table_model *m, uint64_t id)
{
    for (uint32_t i = 0; i < m->count; i++) {
        bool held = m->slots[i].state == MODEL_USED || m->slots[i].state == MODEL_MOVING;

        if (held && model_slot_id(m, i) == id) {
            return &m->slots[i];
        }
    }
    return NULL;
}

static inline struct cap_hold model_new_hold(struct cap_table_model *m, uint8_t variant)
{
    m->serial++;
    return (struct cap_hold){.object = (struct cap_object *)(uintptr_t)(m->serial * 16),
                             .interface_id = m->serial * 3,
                             .badge = m->serial * 7,
                             .transferable = variant / MODEL_VARIANTS % 2 == 0};
}

static inline bool model_same_hold(const struct cap_hold *a, const struct cap_hold *b)
{
    return a->object == b->object && a->interface_id == b->interface_id && a->badge == b->badge &&
           a->transferable == b->transferable;
}

/* The model's side of emptying a slot. */
static inline void model_empty(struct cap_table_model *m, struct model_slot *slot)
{
    slot->hold = (struct cap_hold){.object = NULL};
    if (slot->generation == CAP_ID_GENERATION_MAX) {
        slot->state = MODEL_RETIRED;
        return;
    }
    slot->generation++;
    slot->state = MODEL_FREE;
    m->free[m->free_count++] = (uint32_t)(slot - m->slots);
}

static inline void model_insert(struct cap_table_model *m, uint8_t variant)
{
    struct cap_hold hold = model_new_hold(m, variant);
    uint64_t id = 0x5a5a;
    enum status status = cap_table_insert(&m->table, &hold, &id);
    uint32_t index;

    if (m->free_count == 0) {
        MODEL_REQUIRE(status == ST_FULL && id == 0x5a5a);
        return;
    }
    index = m->free[--m->free_count];
    MODEL_REQUIRE(status == ST_OK && id == model_slot_id(m, index));
    m->slots[index].state = MODEL_USED;
    m->slots[index].hold = hold;
}

static inline void model_remove(struct cap_table_model *m, uint64_t id)
{
    struct model_slot *slot = model_find(m, id);
    struct cap_hold hold;
    enum status status = cap_table_remove(&m->table, id, &hold);

    if (slot == NULL) {
        MODEL_REQUIRE(status == ST_STALE);
        return;
    }
    if (slot->state == MODEL_MOVING) {
        MODEL_REQUIRE(status == ST_DENIED);
        return;
    }
    MODEL_REQUIRE(status == ST_OK && model_same_hold(&hold, &slot->hold));
    model_empty(m, slot);
}

static inline void model_reserve(struct cap_table_model *m, uint32_t n)
{
    uint64_t *ids = &m->batch[m->batch_count];
    enum status status;

    if (n > MODEL_SLOTS_MAX - m->batch_count) {
        return;
    }
    status = cap_table_reserve(&m->table, n, ids);
    if (n > m->free_count) {
        MODEL_REQUIRE(status == ST_FULL);
        return;
    }
    MODEL_REQUIRE(status == ST_OK);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t index = m->free[--m->free_count];

        MODEL_REQUIRE(ids[i] == model_slot_id(m, index));
        m->slots[index].state = MODEL_RESERVED;
    }
    m->batch_count += n;
}

/* Commits the id that was reserved last. */
static inline void model_commit(struct cap_table_model *m, uint8_t variant)
{
    struct cap_hold hold = model_new_hold(m, variant);
    uint64_t id;
    uint32_t index;

    if (m->batch_count == 0) {
        return;
    }
    id = m->batch[--m->batch_count];
    index = (uint32_t)(id & CAP_ID_INDEX_MASK);
    cap_table_commit(&m->table, id, &hold);
    m->slots[index].state = MODEL_USED;
    m->slots[index].hold = hold;
}

/* Gives up all that is reserved, the last first. */
static inline void model_cancel(struct cap_table_model *m)
{
    cap_table_cancel(&m->table, m->batch_count, m->batch);
    while (m->batch_count > 0) {
        uint32_t index = (uint32_t)(m->batch[--m->batch_count] & CAP_ID_INDEX_MASK);

        m->slots[index].state = MODEL_FREE;
        m->free[m->free_count++] = index;
    }
}

static inline void model_move_begin(struct cap_table_model *m, uint64_t id)
{
    struct model_slot *slot = model_find(m, id);
    enum status status = cap_table_move_begin(&m->table, id);

    if (slot == NULL) {
        MODEL_REQUIRE(status == ST_STALE);
        return;
    }
    if (slot->state == MODEL_MOVING || !slot->hold.transferable) {
        MODEL_REQUIRE(status == ST_DENIED);
        return;
    }
    MODEL_REQUIRE(status == ST_OK);
    slot->state = MODEL_MOVING;
}

static inline void model_move_end(struct cap_table_model *m, uint64_t id, bool commit)
{
    struct model_slot *slot = model_find(m, id);
    struct cap_hold hold;

    if (slot == NULL || slot->state != MODEL_MOVING) {
        return;
    }
    if (!commit) {
        cap_table_move_cancel(&m->table, id);
        slot->state = MODEL_USED;
        return;
    }
    cap_table_move_commit(&m->table, id, &hold);
    MODEL_REQUIRE(model_same_hold(&hold, &slot->hold));
    model_empty(m, slot);
}

/* Grows by 0 to 7 slots; by 0 must be refused. */
static inline void model_grow(struct cap_table_model *m, uint8_t by)
{
    uint32_t count = m->count + by % 8;
    void *storage;
    void *old = NULL;
    enum status status;

    if (count > MODEL_SLOTS_MAX) {
        return;
    }
    storage = model_storage(count);
    status = cap_table_grow(&m->table, storage, cap_table_storage_bytes(count), &old);
    if (count == m->count) {
        MODEL_REQUIRE(status == ST_INVALID && old == NULL);
        free(storage);
        return;
    }
    MODEL_REQUIRE(status == ST_OK && old == m->storage);
    free(old);
    m->storage = storage;
    model_add_slots(m, count);
}

/* The real table's slot must say exactly what the model's does. */
static inline void model_compare_slot(struct cap_table_model *m, uint32_t index)
{
    const struct model_slot *slot = &m->slots[index];
    const struct cap_slot *found = cap_table_lookup(&m->table, model_slot_id(m, index));
    struct cap_hold hold;
    uint8_t flags;

    if (slot->state != MODEL_USED && slot->state != MODEL_MOVING) {
        MODEL_REQUIRE(found == NULL);
        return;
    }
    MODEL_REQUIRE(found != NULL && found->id == model_slot_id(m, index));
    flags = cap_table_flags(&m->table, found);
    hold = (struct cap_hold){.object = found->object,
                             .interface_id = found->interface_id,
                             .badge = found->badge,
                             .transferable = (flags & CAP_SLOT_F_TRANSFERABLE) != 0};
    MODEL_REQUIRE(model_same_hold(&hold, &slot->hold));
    MODEL_REQUIRE(((flags & CAP_SLOT_F_MOVING) != 0) == (slot->state == MODEL_MOVING));
}

/* No id that the model does not hold may be found, and iteration finds what is held. */
static inline void model_compare(struct cap_table_model *m)
{
    uint32_t cursor = 0;
    uint32_t used = 0;

    MODEL_REQUIRE(cap_table_check(&m->table));
    for (uint32_t i = 0; i < m->count; i++) {
        bool held = m->slots[i].state == MODEL_USED || m->slots[i].state == MODEL_MOVING;

        model_compare_slot(m, i);
        if (held) {
            const struct cap_slot *slot = cap_table_next(&m->table, &cursor);

            MODEL_REQUIRE(slot != NULL && slot->id == model_slot_id(m, i));
            used++;
        }
        for (unsigned variant = MODEL_ID_EARLIER; variant < MODEL_VARIANTS; variant++) {
            uint64_t id = model_id(m, (uint8_t)i, (uint8_t)variant);

            MODEL_REQUIRE((cap_table_lookup(&m->table, id) != NULL) == (model_find(m, id) != NULL));
        }
    }
    MODEL_REQUIRE(cap_table_next(&m->table, &cursor) == NULL);
    MODEL_REQUIRE(cap_table_used(&m->table) == used);
    MODEL_REQUIRE(cap_table_free(&m->table) == m->free_count);
}

static inline void model_step(struct cap_table_model *m, uint8_t op, uint8_t slot, uint8_t variant)
{
    uint64_t id = model_id(m, slot, variant);

    switch ((enum model_op)(op % MODEL_OPS)) {
    case MODEL_INSERT:
        model_insert(m, variant);
        break;
    case MODEL_REMOVE:
        model_remove(m, id);
        break;
    case MODEL_RESERVE:
        model_reserve(m, slot % 8);
        break;
    case MODEL_COMMIT:
        model_commit(m, variant);
        break;
    case MODEL_CANCEL:
        model_cancel(m);
        break;
    case MODEL_MOVE_BEGIN:
        model_move_begin(m, id);
        break;
    case MODEL_MOVE_CANCEL:
        model_move_end(m, id, false);
        break;
    case MODEL_MOVE_COMMIT:
        model_move_end(m, id, true);
        break;
    case MODEL_GROW:
        model_grow(m, slot);
        break;
    case MODEL_OPS:
        break;
    }
    model_compare(m);
}

/* Runs a program on a new table. A rest of less than an instruction is not run. */
static inline void model_run(const uint8_t *program, size_t bytes)
{
    struct cap_table_model *m = malloc(sizeof(*m));

    MODEL_REQUIRE(m != NULL);
    model_init(m);
    model_compare(m);
    for (size_t i = 0; i + 3 <= bytes; i += 3) {
        model_step(m, program[i], program[i + 1], program[i + 2]);
    }
    model_fini(m);
    free(m);
}
