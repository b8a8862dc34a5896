// SPDX-License-Identifier: MIT
/*
 * The capability table, by induction. The relation of table and model that the unit tests
 * and the fuzz target check after each instruction (lib/test/cap_table_model.h) is first
 * assumed of any table and any model, of whatever past; then one instruction of any kind
 * is carried out, and must leave a pair for which it holds. A new table has it. So
 * it holds always, in tables of at most so many slots, after any number of instructions:
 * stale and forged ids are never found, no id is given out twice, nothing is lost.
 *
 * Generations have two bits, so that slots wear out among what is looked at.
 */
#define CAP_ID_GENERATION_BITS 2u
#define MODEL_SLOTS_FIRST      2u
#define MODEL_SLOTS_MAX        2u

#include "proof.h"

/* What the model requires is assumed before the instruction, and proven after it. */
static bool assuming;
#define MODEL_REQUIRE(condition)                                                                   \
    do {                                                                                           \
        if (assuming) {                                                                            \
            ASSUME(condition);                                                                     \
        } else {                                                                                   \
            PROVE(condition);                                                                      \
        }                                                                                          \
    } while (0)

#include "../lib/cap_table.c"

#include "../lib/test/cap_table_model.h"

_Noreturn void lib_assert_failed(const char *sentence, const char *file, int line)
{
    (void)file;
    (void)line;
    proof_assert_failed(sentence);
}

static struct cap_table_model m;

/* What the model knows and cannot see in the table: the order of the free list, the batch. */
static void require_order(void)
{
    uint64_t index = m.table.free_first;
    uint32_t reserved = 0;
    uint32_t free = 0;

    for (uint32_t i = m.free_count; i > 0; i--) {
        MODEL_REQUIRE(m.free[i - 1] == index);
        MODEL_REQUIRE(index < m.count && m.slots[index].state == MODEL_FREE);
        MODEL_REQUIRE(m.table.slots[index].badge == m.slots[index].generation);
        index = m.table.slots[index].interface_id;
    }
    for (uint32_t i = 0; i < m.count; i++) {
        bool empty = m.table.slots[i].id == CAP_SLOT_EMPTY;
        bool is_free = m.slots[i].state == MODEL_FREE;
        bool is_reserved = m.slots[i].state == MODEL_RESERVED;
        bool is_retired = m.slots[i].state == MODEL_RETIRED;
        bool is_held = m.slots[i].state == MODEL_USED || m.slots[i].state == MODEL_MOVING;

        MODEL_REQUIRE(is_free == (empty && m.table.flags[i] == 0));
        MODEL_REQUIRE(is_reserved == (empty && m.table.flags[i] == CAP_SLOT_F_RESERVED));
        MODEL_REQUIRE(is_retired == (empty && m.table.flags[i] == CAP_SLOT_F_RETIRED));
        MODEL_REQUIRE(is_held == !empty);
        MODEL_REQUIRE(m.slots[i].generation >= 1 && m.slots[i].generation <= CAP_ID_GENERATION_MAX);
        MODEL_REQUIRE(!is_reserved || m.table.slots[i].badge == m.slots[i].generation);
        MODEL_REQUIRE(m.slots[i].state != MODEL_MOVING || m.slots[i].hold.transferable);
        reserved += is_reserved ? 1 : 0;
        free += is_free ? 1 : 0;
    }
    MODEL_REQUIRE(m.free_count == free);
    MODEL_REQUIRE(m.batch_count == reserved);
    for (uint32_t i = 0; i < m.batch_count; i++) {
        uint32_t at = (uint32_t)(m.batch[i] & CAP_ID_INDEX_MASK);

        MODEL_REQUIRE(at < m.count && m.slots[at].state == MODEL_RESERVED);
        MODEL_REQUIRE(m.batch[i] == model_slot_id(&m, at));
        for (uint32_t k = 0; k < i; k++) {
            MODEL_REQUIRE(m.batch[i] != m.batch[k]);
        }
    }
}

static void require_all(void)
{
    MODEL_REQUIRE(m.table.count == m.count && m.count <= MODEL_SLOTS_MAX);
    MODEL_REQUIRE(m.free_count <= m.count && m.batch_count <= m.count);
    MODEL_REQUIRE(m.table.used <= m.count && m.table.reserved <= m.count);
    MODEL_REQUIRE(cap_table_check(&m.table));
    require_order();
    for (uint32_t i = 0; i < m.count; i++) {
        model_compare_slot(&m, i);
    }
}

/* Laid out as the table does it. */
static struct {
    struct cap_slot slots[MODEL_SLOTS_FIRST];
    uint8_t flags[MODEL_SLOTS_FIRST];
} storage;

/* Any table of so many slots, and any model that agrees with it. */
static void any_related(void)
{
    __CPROVER_havoc_object(&m);
    __CPROVER_havoc_object(&storage);
    m.storage = &storage;
    ASSUME(m.serial < UINT32_MAX); /* it makes the next object, which is not NULL */
    m.count = MODEL_SLOTS_FIRST;
    m.table.count = MODEL_SLOTS_FIRST;
    m.table.slots = storage.slots;
    m.table.flags = storage.flags;
    assuming = true;
    require_all();
    assuming = false;
}

/* CBMC: --unwind 9 */
void prove_new_table(void)
{
    model_init(&m);
    require_all();
}

/* The relation says all that the other engines compare, and that of any id whatever. */
/* CBMC: --unwind 9 */
void prove_relation(void)
{
    any_related();
    model_compare(&m);
    uint64_t id = nondet_u64();
    PROVE((cap_table_lookup(&m.table, id) != NULL) == (model_find(&m, id) != NULL));
}

/* CBMC: --unwind 9 */
void prove_insert(void)
{
    any_related();
    model_insert(&m, nondet_bool() ? MODEL_VARIANTS : 0);
    require_all();
}

/* CBMC: --unwind 9 */
void prove_remove(void)
{
    any_related();
    model_remove(&m, nondet_u64());
    require_all();
}

/* CBMC: --unwind 9 */
void prove_reserve(void)
{
    any_related();
    model_reserve(&m, nondet_u32());
    require_all();
}

/* CBMC: --unwind 9 */
void prove_commit(void)
{
    any_related();
    model_commit(&m, nondet_bool() ? MODEL_VARIANTS : 0);
    require_all();
}

/* CBMC: --unwind 9 */
void prove_cancel(void)
{
    any_related();
    model_cancel(&m);
    require_all();
}

/* CBMC: --unwind 9 */
void prove_move_begin(void)
{
    any_related();
    model_move_begin(&m, nondet_u64());
    require_all();
}

/* CBMC: --unwind 9 */
void prove_move_end(void)
{
    any_related();
    model_move_end(&m, nondet_u64(), nondet_bool());
    require_all();
}
