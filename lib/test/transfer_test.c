// SPDX-License-Identifier: MIT
/*
 * Transfers between two tables: each refusal, and random sequences beside a slow
 * model, which knows who has what and counts every hold. Whatever is refused or rolled
 * back leaves both tables bit for bit as they were (T-09 and T-10).
 */
#include "catch_assert.h"

#include <lib/transfer.h>
#include <string.h>

#define SLOTS     16u /* so that the second table's storage is aligned too */
#define OBJECTS   5u
#define MOST      4u
#define TABLES    2u
#define PENDING   3u
#define STEPS     60000u
#define INTERFACE 0x1234ull
#define NO_CLIENT 0x6666ull /* an interface that is not minted */

/* What the kernel has of an object, here: how often it is held, and its client facet. */
struct cap_object {
    uint64_t holds;
    struct cap_object *client; /* NULL: it is no owner facet */
};

static struct cap_object objects[OBJECTS]; /* 0 is an owner facet of 1 */
static struct cap_table tables[TABLES];
static _Alignas(8) uint8_t storage[TABLES][SLOTS * (sizeof(struct cap_slot) + 1u)];

static void hold(struct cap_object *object)
{
    object->holds++;
}

static void drop(struct cap_object *object)
{
    assert_int_not_equal(object->holds, 0);
    object->holds--;
}

static struct cap_object *mint(const struct cap_slot *owner, uint64_t interface_id)
{
    return interface_id == 0 || interface_id == NO_CLIENT ? NULL : owner->object->client;
}

static const struct transfer_rules rules = {.hold = hold, .drop = drop, .mint = mint};

/* Room for a transfer of MOST. */
static union {
    struct transfer t;
    uint8_t bytes[sizeof(struct transfer) + MOST * sizeof(struct transfer_item)];
} room[PENDING];

/* ---------------------------------------------------------------------------
 * The model */

struct have {
    bool is;
    bool moving;
    uint64_t id;
    struct cap_hold hold;
};

static struct have haves[TABLES][SLOTS];

static struct have *have_of(unsigned table, uint64_t id)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        if (haves[table][i].is && haves[table][i].id == id) {
            return &haves[table][i];
        }
    }
    return NULL;
}

static void model_add(unsigned table, uint64_t id, struct cap_hold held)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        if (!haves[table][i].is) {
            haves[table][i] = (struct have){.is = true, .id = id, .hold = held};
            return;
        }
    }
    fail_msg("more than a table holds");
}

static unsigned model_count(unsigned table)
{
    unsigned count = 0;

    for (unsigned i = 0; i < SLOTS; i++) {
        count += haves[table][i].is ? 1 : 0;
    }
    return count;
}

static int fresh(void **state)
{
    (void)state;
    memset(haves, 0, sizeof haves);
    memset(objects, 0, sizeof objects);
    objects[0].client = &objects[1];
    for (unsigned t = 0; t < TABLES; t++) {
        assert_int_equal(cap_table_init(&tables[t], storage[t], sizeof storage[t]), ST_OK);
    }
    return 0;
}

static uint64_t give(unsigned table, unsigned object, uint64_t badge, bool transferable)
{
    struct cap_hold held = {.object = &objects[object],
                            .interface_id = 100 + object,
                            .badge = badge,
                            .transferable = transferable};
    uint64_t id;

    assert_int_equal(cap_table_insert(&tables[table], &held, &id), ST_OK);
    hold(&objects[object]);
    model_add(table, id, held);
    return id;
}

static void expect_as_modelled(unsigned t)
{
    assert_true(cap_table_check(&tables[t]));
    assert_int_equal(cap_table_used(&tables[t]), model_count(t));
    for (unsigned i = 0; i < SLOTS; i++) {
        const struct have *have = &haves[t][i];
        if (!have->is) {
            continue;
        }
        const struct cap_slot *slot = cap_table_lookup(&tables[t], have->id);
        assert_non_null(slot);
        assert_ptr_equal(slot->object, have->hold.object);
        assert_int_equal(slot->interface_id, have->hold.interface_id);
        assert_int_equal(slot->badge, have->hold.badge);
        assert_int_equal(cap_table_flags(&tables[t], slot),
                         (have->hold.transferable ? CAP_SLOT_F_TRANSFERABLE : 0u) |
                             (have->moving ? CAP_SLOT_F_MOVING : 0u));
    }
}

/* ---------------------------------------------------------------------------
 * What a refusal must not touch */

struct picture {
    struct cap_table tables[TABLES];
    uint8_t storage[sizeof storage];
    struct cap_object objects[OBJECTS];
};

static void take_picture(struct picture *p)
{
    memcpy(p->tables, tables, sizeof tables);
    memcpy(p->storage, storage, sizeof storage);
    memcpy(p->objects, objects, sizeof objects);
}

static void expect_same(const struct picture *p)
{
    assert_memory_equal(p->tables, tables, sizeof tables);
    assert_memory_equal(p->storage, storage, sizeof storage);
    assert_memory_equal(p->objects, objects, sizeof objects);
}

static void expect_refused(enum status status, const struct cap_transfer d[], uint32_t n)
{
    static struct picture before;

    take_picture(&before);
    assert_int_equal(transfer_prepare(&room[0].t, &rules, &tables[0], d, n), status);
    assert_int_equal(room[0].t.count, 0);
    expect_same(&before);
    if (n == 1) {
        struct cap_record record;
        struct cap_object *object;
        bool moved;
        assert_false(transfer_one(&tables[0], &tables[1], d, &record, &moved, &object));
        expect_same(&before);
    }
}

/* The faulty descriptor alone, behind good ones, and before one. */
static void expect_refused_anywhere(enum status status, struct cap_transfer bad)
{
    uint64_t moved = give(0, 2, 0, true);
    uint64_t copied = give(0, 3, 0, true);
    struct cap_transfer good_move = {.cap_id = moved, .mode = CAP_TRANSFER_MOVE};
    struct cap_transfer good_copy = {.cap_id = copied, .mode = CAP_TRANSFER_COPY};

    expect_refused(status, &bad, 1);
    expect_refused(status, (struct cap_transfer[]){good_move, good_copy, bad}, 3);
    expect_refused(status, (struct cap_transfer[]){good_move, bad, good_copy}, 3);
    expect_refused(status, (struct cap_transfer[]){bad, good_copy}, 2);
}

static void an_unknown_mode_is_refused(void **state)
{
    const uint32_t modes[] = {0, 4, 0x80000001u, UINT32_MAX};

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        (void)fresh(state);
        struct cap_transfer d = {.cap_id = give(0, 2, 0, true), .mode = modes[i]};
        expect_refused_anywhere(ST_INVALID, d);
    }
}

static void what_is_not_there_is_refused(void **state)
{
    for (uint32_t mode = CAP_TRANSFER_COPY; mode <= CAP_TRANSFER_MINT; mode++) {
        (void)fresh(state);
        uint64_t owner = give(0, 0, 0, true);
        const struct cap_transfer stale[] = {
            {.cap_id = 0, .mode = mode},
            {.cap_id = UINT64_MAX, .mode = mode},
            {.cap_id = owner + (1ull << CAP_ID_INDEX_BITS), .mode = mode},
            {.cap_id = owner + 7, .mode = mode},
            {.cap_id = SLOTS, .mode = mode},
        };
        for (size_t i = 0; i < sizeof stale / sizeof *stale; i++) {
            expect_refused(ST_STALE, &stale[i], 1);
        }
        expect_refused_anywhere(ST_STALE, stale[0]);
        expect_refused_anywhere(
            ST_INVALID, (struct cap_transfer){.cap_id = owner, .mode = mode, .reserved = 1});
    }
}

static void what_may_not_travel_is_refused(void **state)
{
    for (uint32_t mode = CAP_TRANSFER_COPY; mode <= CAP_TRANSFER_MOVE; mode++) {
        (void)fresh(state);
        struct cap_transfer d = {.cap_id = give(0, 3, 0, false), .mode = mode};
        expect_refused_anywhere(ST_DENIED, d);
    }
}

static void a_badge_is_not_changed_on_the_way(void **state)
{
    for (uint32_t mode = CAP_TRANSFER_COPY; mode <= CAP_TRANSFER_MOVE; mode++) {
        (void)fresh(state);
        struct cap_transfer d = {.cap_id = give(0, 0, 0, true), .mode = mode, .badge = 1};
        expect_refused_anywhere(ST_INVALID, d);
        d.badge = 0;
        d.interface_id = INTERFACE;
        expect_refused_anywhere(ST_INVALID, d);
    }
}

static void refused_mints(void **state)
{
    (void)state;
    uint64_t owner = give(0, 0, 0, true);
    uint64_t plain = give(0, 2, 0, true);
    struct cap_transfer d = {.cap_id = plain, .mode = CAP_TRANSFER_MINT, .interface_id = INTERFACE};

    expect_refused_anywhere(ST_DENIED, d); /* not an owner facet */
    d.cap_id = owner;
    d.interface_id = 0;
    expect_refused(ST_DENIED, &d, 1);
    d.interface_id = NO_CLIENT;
    expect_refused(ST_DENIED, &d, 1);
}

static void moved_twice_is_refused(void **state)
{
    (void)state;
    uint64_t id = give(0, 2, 0, true);
    struct cap_transfer move = {.cap_id = id, .mode = CAP_TRANSFER_MOVE};
    struct cap_transfer copy = {.cap_id = id, .mode = CAP_TRANSFER_COPY};

    expect_refused(ST_DENIED, (struct cap_transfer[]){move, move}, 2);
    expect_refused(ST_DENIED, (struct cap_transfer[]){move, copy}, 2);
    expect_refused(ST_DENIED, (struct cap_transfer[]){copy, move, copy}, 3);
    assert_int_equal(transfer_prepare(&room[1].t, &rules, &tables[0], &move, 1), ST_OK);
    expect_refused(ST_DENIED, &move, 1); /* by another transfer too */
    expect_refused(ST_DENIED, &copy, 1);
    struct cap_hold held;
    assert_int_equal(cap_table_remove(&tables[0], id, &held), ST_DENIED);
    transfer_rollback(&room[1].t, &rules, &tables[0]);
    assert_int_equal(transfer_prepare(&room[1].t, &rules, &tables[0],
                                      (struct cap_transfer[]){copy, copy, move}, 3),
                     ST_OK);
    transfer_rollback(&room[1].t, &rules, &tables[0]);
    assert_int_equal(objects[2].holds, 1);
}

static void what_is_bound_to_its_holder_can_still_mint(void **state)
{
    (void)state;
    uint64_t owner = give(0, 0, 0, false);
    struct cap_transfer d = {
        .cap_id = owner, .mode = CAP_TRANSFER_MINT, .badge = 7, .interface_id = INTERFACE};
    struct cap_record record;

    assert_int_equal(transfer_prepare(&room[0].t, &rules, &tables[0], &d, 1), ST_OK);
    assert_int_equal(transfer_commit(&room[0].t, &tables[0], &tables[1], &record), 0);
    assert_int_equal(record.interface_id, INTERFACE);
    const struct cap_slot *slot = cap_table_lookup(&tables[1], record.cap_id);
    assert_non_null(slot);
    assert_ptr_equal(slot->object, &objects[1]);
    assert_int_equal(slot->badge, 7);
    assert_int_equal(slot->interface_id, INTERFACE);
    assert_int_equal(cap_table_flags(&tables[1], slot), CAP_SLOT_F_TRANSFERABLE);
    assert_int_equal(objects[0].holds, 1);
    assert_int_equal(objects[1].holds, 1);
}

static void a_badge_travels_unchanged(void **state)
{
    (void)state;
    struct cap_transfer d[] = {{.cap_id = give(0, 2, 41, true), .mode = CAP_TRANSFER_MOVE},
                               {.cap_id = give(0, 3, 42, true), .mode = CAP_TRANSFER_COPY}};
    struct cap_record records[2];

    assert_int_equal(transfer_prepare(&room[0].t, &rules, &tables[0], d, 2), ST_OK);
    assert_int_equal(transfer_commit(&room[0].t, &tables[0], &tables[1], records), 1);
    assert_int_equal(cap_table_lookup(&tables[1], records[0].cap_id)->badge, 41);
    assert_int_equal(cap_table_lookup(&tables[1], records[1].cap_id)->badge, 42);
    assert_null(cap_table_lookup(&tables[0], d[0].cap_id));
    assert_non_null(cap_table_lookup(&tables[0], d[1].cap_id));
    assert_int_equal(objects[2].holds, 1);
    assert_int_equal(objects[3].holds, 2);
}

/* In one step, to another and to oneself: what two steps come to. */
static void one_alone(void **state)
{
    for (unsigned to = 0; to < TABLES; to++) {
        for (uint32_t mode = CAP_TRANSFER_COPY; mode <= CAP_TRANSFER_MOVE; mode++) {
            (void)fresh(state);
            struct cap_transfer d = {.cap_id = give(0, 2, 41, true), .mode = mode};
            struct cap_record record;
            struct cap_object *object;
            bool moved;
            assert_true(transfer_one(&tables[0], &tables[to], &d, &record, &moved, &object));
            assert_int_equal(moved, mode == CAP_TRANSFER_MOVE);
            assert_ptr_equal(object, &objects[2]);
            assert_int_equal(object->holds, 1); /* who asked holds it for the copy */
            assert_int_equal(record.interface_id, 102);
            const struct cap_slot *slot = cap_table_lookup(&tables[to], record.cap_id);
            assert_ptr_equal(slot->object, &objects[2]);
            assert_int_equal(slot->interface_id, 102);
            assert_int_equal(slot->badge, 41);
            assert_int_equal(cap_table_flags(&tables[to], slot), CAP_SLOT_F_TRANSFERABLE);
            assert_int_equal(cap_table_lookup(&tables[0], d.cap_id) == NULL, moved);
            assert_int_equal(cap_table_used(&tables[0]), (moved ? 0u : 1u) + (to == 0 ? 1u : 0u));
            assert_true(cap_table_check(&tables[0]) && cap_table_check(&tables[to]));
        }
    }
    (void)fresh(state);
    struct cap_record record;
    struct cap_object *object;
    bool moved;
    struct cap_transfer mint = {
        .cap_id = give(0, 0, 0, true), .mode = CAP_TRANSFER_MINT, .interface_id = INTERFACE};
    assert_false(transfer_one(&tables[0], &tables[1], &mint, &record, &moved, &object));
    mint.interface_id = 0;
    assert_false(transfer_one(&tables[0], &tables[1], &mint, &record, &moved, &object));
}

static void to_oneself(void **state)
{
    (void)state;
    struct cap_transfer d[] = {{.cap_id = give(0, 2, 1, true), .mode = CAP_TRANSFER_MOVE},
                               {.cap_id = give(0, 3, 2, true), .mode = CAP_TRANSFER_COPY}};
    struct cap_record records[2];

    assert_int_equal(transfer_prepare(&room[0].t, &rules, &tables[0], d, 2), ST_OK);
    assert_int_equal(transfer_commit(&room[0].t, &tables[0], &tables[0], records), 1);
    assert_null(cap_table_lookup(&tables[0], d[0].cap_id));
    assert_ptr_equal(cap_table_lookup(&tables[0], records[0].cap_id)->object, &objects[2]);
    assert_int_equal(cap_table_used(&tables[0]), 3);
    assert_true(cap_table_check(&tables[0]));
    assert_int_equal(objects[2].holds, 1);
    assert_int_equal(objects[3].holds, 2);
}

static void nothing_at_all(void **state)
{
    (void)state;
    expect_refused(ST_OK, NULL, 0);
    assert_int_equal(transfer_commit(&room[0].t, &tables[0], &tables[1], NULL), 0);
    transfer_rollback(&room[0].t, &rules, &tables[0]);
}

/* ---------------------------------------------------------------------------
 * Random sequences */

struct pending {
    bool is;
    unsigned from;
    struct cap_transfer d[MOST];
    uint32_t n;
    struct cap_hold holds[MOST]; /* as the model has them */
};

static struct pending pending[PENDING];
static uint64_t seed;

static uint32_t below(uint32_t n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(seed >> 33) % n;
}

static struct cap_transfer some_descriptor(unsigned table)
{
    const struct have *have = &haves[table][below(SLOTS)];
    struct cap_transfer d = {.cap_id = have->is ? have->id : below(100),
                             .mode = below(12) == 0 ? below(6) : 1 + below(3)};

    if (d.mode == CAP_TRANSFER_MINT || below(20) == 0) {
        d.badge = below(3);
        d.interface_id = below(8) == 0 ? 0 : INTERFACE;
    }
    d.reserved = below(40) == 0 ? 1 : 0;
    return d;
}

/* What one descriptor comes to, by the rules, with those before it applied to the model. */
static enum status model_one(unsigned table, const struct cap_transfer *d, struct cap_hold *out)
{
    struct have *have = have_of(table, d->cap_id);

    if (have == NULL) {
        return ST_STALE;
    }
    if (d->reserved != 0 || d->mode < CAP_TRANSFER_COPY || d->mode > CAP_TRANSFER_MINT) {
        return ST_INVALID;
    }
    if (d->mode == CAP_TRANSFER_MINT) {
        *out = (struct cap_hold){.object = have->hold.object->client,
                                 .interface_id = d->interface_id,
                                 .badge = d->badge,
                                 .transferable = true};
        return have->hold.object->client == NULL || d->interface_id == 0 ? ST_DENIED : ST_OK;
    }
    if (d->badge != 0 || d->interface_id != 0) {
        return ST_INVALID;
    }
    if (!have->hold.transferable || have->moving) {
        return ST_DENIED;
    }
    have->moving = d->mode == CAP_TRANSFER_MOVE;
    *out = have->hold;
    return ST_OK;
}

static void model_unlock(const struct pending *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        if (p->d[i].mode == CAP_TRANSFER_MOVE) {
            have_of(p->from, p->d[i].cap_id)->moving = false;
        }
    }
}

static void model_leave(const struct pending *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        if (p->d[i].mode == CAP_TRANSFER_MOVE) {
            have_of(p->from, p->d[i].cap_id)->is = false;
        }
    }
}

static void try_prepare(unsigned k)
{
    static struct picture before;
    static struct have kept[TABLES][SLOTS];
    struct pending *p = &pending[k];
    enum status expected = ST_OK;

    *p = (struct pending){.from = below(TABLES), .n = 1 + below(MOST)};
    memcpy(kept, haves, sizeof haves);
    for (uint32_t i = 0; i < p->n; i++) {
        p->d[i] = some_descriptor(p->from);
    }
    for (uint32_t i = 0; i < p->n && expected == ST_OK; i++) {
        expected = model_one(p->from, &p->d[i], &p->holds[i]);
    }
    take_picture(&before);
    enum status status = transfer_prepare(&room[k].t, &rules, &tables[p->from], p->d, p->n);
    assert_int_equal(status, expected);
    p->is = status == ST_OK;
    if (!p->is) {
        memcpy(haves, kept, sizeof haves);
        expect_same(&before);
    } else if (below(4) == 0) {
        transfer_rollback(&room[k].t, &rules, &tables[p->from]);
        p->is = false;
        memcpy(haves, kept, sizeof haves);
        expect_same(&before);
    }
}

static void end_pending(unsigned k)
{
    struct pending *p = &pending[k];
    struct cap_table *from = &tables[p->from];
    unsigned to = below(TABLES);
    struct cap_record records[MOST];

    if (below(3) == 0 || cap_table_free(&tables[to]) < p->n) {
        transfer_rollback(&room[k].t, &rules, from);
        model_unlock(p);
    } else if (below(4) == 0) {
        (void)transfer_take(&room[k].t, from);
        model_leave(p);
        for (uint32_t i = 0; i < p->n; i++) {
            assert_ptr_equal(room[k].t.items[i].hold.object, p->holds[i].object);
            drop(p->holds[i].object);
        }
    } else {
        (void)transfer_commit(&room[k].t, from, &tables[to], records);
        model_leave(p);
        for (uint32_t i = 0; i < p->n; i++) {
            model_add(to, records[i].cap_id, p->holds[i]);
        }
    }
    p->is = false;
}

static void try_remove(void)
{
    unsigned table = below(TABLES);
    struct have *have = &haves[table][below(SLOTS)];
    struct cap_hold held;

    if (!have->is) {
        return;
    }
    enum status status = cap_table_remove(&tables[table], have->id, &held);
    assert_int_equal(status, have->moving ? ST_DENIED : ST_OK);
    if (status == ST_OK) {
        have->is = false;
        drop(held.object);
    }
}

/* Each object is held by slots and by what is on its way, and by nobody else. */
static void expect_holds(void)
{
    for (unsigned o = 0; o < OBJECTS; o++) {
        uint64_t holds = 0;
        for (unsigned t = 0; t < TABLES; t++) {
            for (unsigned i = 0; i < SLOTS; i++) {
                holds += haves[t][i].is && haves[t][i].hold.object == &objects[o] ? 1 : 0;
            }
        }
        for (unsigned k = 0; k < PENDING; k++) {
            for (uint32_t i = 0; pending[k].is && i < pending[k].n; i++) {
                bool own = pending[k].d[i].mode != CAP_TRANSFER_MOVE;
                holds += own && pending[k].holds[i].object == &objects[o] ? 1 : 0;
            }
        }
        assert_int_equal(objects[o].holds, holds);
    }
}

static void random_sequences(void **state)
{
    (void)state;
    memset(pending, 0, sizeof pending);
    seed = 1;
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned k = below(PENDING);
        unsigned table = below(TABLES);

        switch (below(5)) {
        case 0:
            if (cap_table_free(&tables[table]) > 2) {
                (void)give(table, below(OBJECTS), below(3), below(5) != 0);
            }
            break;
        case 1:
            try_remove();
            break;
        default:
            if (pending[k].is) {
                end_pending(k);
            } else {
                try_prepare(k);
            }
            break;
        }
        expect_as_modelled(0);
        expect_as_modelled(1);
        expect_holds();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_unknown_mode_is_refused, fresh),
        cmocka_unit_test_setup(what_is_not_there_is_refused, fresh),
        cmocka_unit_test_setup(what_may_not_travel_is_refused, fresh),
        cmocka_unit_test_setup(a_badge_is_not_changed_on_the_way, fresh),
        cmocka_unit_test_setup(refused_mints, fresh),
        cmocka_unit_test_setup(moved_twice_is_refused, fresh),
        cmocka_unit_test_setup(what_is_bound_to_its_holder_can_still_mint, fresh),
        cmocka_unit_test_setup(a_badge_travels_unchanged, fresh),
        cmocka_unit_test_setup(one_alone, fresh),
        cmocka_unit_test_setup(to_oneself, fresh),
        cmocka_unit_test_setup(nothing_at_all, fresh),
        cmocka_unit_test_setup(random_sequences, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
