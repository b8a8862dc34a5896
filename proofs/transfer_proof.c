// SPDX-License-Identifier: MIT
/*
 * A transfer of any two descriptors between any two tables that cap_table_check() accepts.
 * Refused, or prepared and rolled back: both tables and every count of holds are bit for
 * bit as before. Committed: the receiver has exactly what was described, what was moved is
 * gone from the sender, and each object is held as often as slots hold it.
 */
#define CAP_ID_GENERATION_BITS 2u

#include "proof.h"

#include "../lib/cap_table.c"
#include "../lib/transfer.c"

#define SLOTS   2u
#define MOST    2u
#define OBJECTS 2u

struct cap_object {
    uint32_t holds;
};

_Noreturn void lib_assert_failed(const char *sentence, const char *file, int line)
{
    (void)file;
    (void)line;
    proof_assert_failed(sentence);
}

static struct cap_object objects[OBJECTS]; /* 0 is an owner facet of 1 */

struct whole {
    struct cap_table table;
    struct cap_slot slots[SLOTS];
    uint8_t flags[SLOTS];
};

static struct whole from;
static struct whole to;

static union {
    struct transfer t;
    struct {
        uint32_t count;
        bool kept;
        struct transfer_item items[MOST];
    } room;
} transfer;

static void hold(struct cap_object *object)
{
    object->holds++;
}

static void drop(struct cap_object *object)
{
    PROVE(object->holds > 0);
    object->holds--;
}

static struct cap_object *mint(const struct cap_slot *owner, uint64_t interface_id)
{
    return owner->object == &objects[0] && interface_id != 0 ? &objects[1] : NULL;
}

static const struct transfer_rules rules = {.hold = hold, .drop = drop, .mint = mint};

static void any_table(struct whole *w)
{
    __CPROVER_havoc_object(w);
    w->table.slots = w->slots;
    w->table.flags = w->flags;
    w->table.count = SLOTS;
    for (uint32_t i = 0; i < SLOTS; i++) {
        if (w->slots[i].id != CAP_SLOT_EMPTY) {
            w->slots[i].object = nondet_bool() ? &objects[0] : &objects[1];
        }
    }
    ASSUME(cap_table_check(&w->table));
}

static uint32_t held_in(const struct whole *w, const struct cap_object *object)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < SLOTS; i++) {
        n += w->slots[i].id != CAP_SLOT_EMPTY && w->slots[i].object == object ? 1 : 0;
    }
    return n;
}

/* Any two tables, and objects that are held by their slots and `others`. */
static void any_scene(uint32_t others)
{
    any_table(&from);
    any_table(&to);
    for (uint32_t i = 0; i < OBJECTS; i++) {
        objects[i].holds = held_in(&from, &objects[i]) + held_in(&to, &objects[i]) + others;
    }
}

static bool is_balanced(uint32_t others)
{
    for (uint32_t i = 0; i < OBJECTS; i++) {
        if (objects[i].holds != held_in(&from, &objects[i]) + held_in(&to, &objects[i]) + others) {
            return false;
        }
    }
    return true;
}

static bool same(const struct whole *a, const struct whole *b)
{
    if (a->table.free_first != b->table.free_first || a->table.used != b->table.used ||
        a->table.reserved != b->table.reserved || a->table.retired != b->table.retired) {
        return false;
    }
    for (uint32_t i = 0; i < SLOTS; i++) {
        const struct cap_slot *x = &a->slots[i];
        const struct cap_slot *y = &b->slots[i];

        if (x->id != y->id || x->object != y->object || x->interface_id != y->interface_id ||
            x->badge != y->badge || a->flags[i] != b->flags[i]) {
            return false;
        }
    }
    return true;
}

static struct cap_transfer descriptors[MOST];

static enum status prepare(uint32_t n)
{
    __CPROVER_havoc_object(descriptors);
    return transfer_prepare(&transfer.t, &rules, &from.table, descriptors, n);
}

/* CBMC: --unwind 4 */
void prove_nothing_done(void)
{
    uint32_t others = any_below(1000);

    any_scene(others);
    struct whole before = from;
    struct whole before_to = to;
    if (prepare(any_below(MOST + 1)) == ST_OK) {
        transfer_rollback(&transfer.t, &rules, &from.table);
    }
    PROVE(transfer.t.count == 0);
    PROVE(same(&before, &from) && same(&before_to, &to) && is_balanced(others));
}

/* Prepares and commits n of them, whatever they are, into a table that has room. */
static uint32_t commit(uint32_t n, struct cap_record records[])
{
    ASSUME(prepare(n) == ST_OK);
    ASSUME(cap_table_free(&to.table) >= n);
    return transfer_commit(&transfer.t, &from.table, &to.table, records);
}

/* The receiver has, under the id it is told, what the sender's descriptor says. */
static void require_received(const struct cap_transfer *d, const struct whole *before,
                             const struct cap_record *record)
{
    uint32_t at = index_of(d->cap_id);
    const struct cap_slot *was = &before->slots[at];
    const struct cap_slot *now = cap_table_lookup(&to.table, record->cap_id);

    PROVE(at < SLOTS && now != NULL && was->id == d->cap_id);
    PROVE(cap_table_flags(&to.table, now) == CAP_SLOT_F_TRANSFERABLE);
    PROVE(now->interface_id == record->interface_id);
    if (d->mode == CAP_TRANSFER_MINT) {
        PROVE(was->object == &objects[0] && now->object == &objects[1]);
        PROVE(now->badge == d->badge && now->interface_id == d->interface_id);
    } else {
        PROVE(now->object == was->object && now->badge == was->badge);
        PROVE(now->interface_id == was->interface_id);
        PROVE((before->flags[at] & CAP_SLOT_F_TRANSFERABLE) != 0);
    }
    PROVE(d->mode != CAP_TRANSFER_MOVE || cap_table_lookup(&from.table, d->cap_id) == NULL);
}

/* CBMC: --unwind 4 */
void prove_commit_one(void)
{
    uint32_t others = any_below(1000);
    struct cap_record records[1];

    any_scene(others);
    struct whole before = from;
    uint32_t moved = commit(1, records);
    PROVE(cap_table_check(&from.table) && cap_table_check(&to.table) && is_balanced(others));
    PROVE(from.table.used == before.table.used - moved);
    require_received(&descriptors[0], &before, &records[0]);
}

/* CBMC: --unwind 4 */
void prove_commit_two(void)
{
    struct cap_record records[MOST];

    any_scene(1);
    struct whole before = from;
    uint32_t moved = commit(MOST, records);
    PROVE(from.table.used == before.table.used - moved && is_balanced(1));
    uint32_t i = any_below(MOST);
    require_received(&descriptors[i], &before, &records[i]);
}
