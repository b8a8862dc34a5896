// SPDX-License-Identifier: MIT
/*
 * What one operation does to one slot of a capability table, for tables of any size: look-up finds
 * the slot of an id and no other; what insert gives out is the free slot's next id; what is
 * emptied is a generation older, or retired; `assigns` says that no other slot changes. That counts
 * and free list stay right is proven by cap_table_proof.c, within its bound.
 */
/* WP: functions index_of cap_table_lookup cap_table_flags cap_table_free cap_table_next_id
       cap_table_fill cap_table_insert cap_table_push_free cap_table_empty */
/* WP: options -wp-split */
/* WP: goals 258 */
#include "cap_table.h"

/* As cap_table_free() has it, of counts that may be any. */
#define FREE_SLOTS(t)                                                                              \
    (uint32_t)((uint32_t)((uint32_t)((t)->count - (t)->used) - (t)->reserved) - (t)->retired)

/* clang-format off */
/* A used slot has become a free one of the next generation, or has none left. */
#define ENSURES_EMPTIED(i)                                                                         \
    ensures hold->object == \old(table->slots[i].object);                                          \
    ensures hold->interface_id == \old(table->slots[i].interface_id);                              \
    ensures hold->badge == \old(table->slots[i].badge);                                            \
    ensures hold->transferable <==> (\old(table->flags[i]) & 1) != 0;                              \
    ensures table->used == (uint32_t)(\old(table->used) - 1);                                      \
    ensures table->slots[i].id == EMPTY;                                                           \
    ensures table->slots[i].object == \null;                                                       \
    ensures \old(table->slots[i].id) / 0x100000 < GENERATION_MAX ==>                               \
        table->slots[i].badge == \old(table->slots[i].id) / 0x100000 + 1 &&                        \
        table->slots[i].interface_id == \old(table->free_first) && table->flags[i] == 0 &&         \
        table->free_first == i && table->retired == \old(table->retired);                          \
    ensures \old(table->slots[i].id) / 0x100000 >= GENERATION_MAX ==>                              \
        table->slots[i].badge == 0 && table->flags[i] == 8 &&                                      \
        table->free_first == \old(table->free_first) &&                                            \
        table->retired == (uint32_t)(\old(table->retired) + 1)
/* clang-format on */

/* What a caller passes lies neither in the table nor in its storage. */
#define APART(p, t) (\base_addr(p) != \base_addr(t) && \base_addr(p) != \base_addr((t)->slots))

/* clang-format off */
/*@
  predicate table_valid(struct cap_table *t) =
      \valid(t) && 0 < t->count <= 0x10000 && \valid(t->slots + (0 .. t->count - 1)) &&
      \valid(t->flags + (0 .. t->count - 1)) && \base_addr(t) != \base_addr(t->slots);

  // What an operation needs of a table; that it leaves one that cap_table_check() accepts is
  // another matter, and needs all of what that looks for.
  predicate ready(struct cap_table *t) =
      table_valid(t) && slots_sound(t->slots, t->flags, t->count) &&
      (FREE_SLOTS(t) != 0 ==>
          t->free_first < t->count && state(t->slots, t->flags, t->free_first) == FREE);

  predicate found(struct cap_table *t, integer id) =
      id % 0x100000 < t->count && t->slots[id % 0x100000].id == id;
*/

/*@ requires \false;
    assigns \nothing;
    ensures \false; */
_Noreturn void lib_assert_failed(const char *sentence, const char *file, int line);

/*@ assigns \nothing;
    ensures \result == id % 0x100000; */
static uint32_t index_of(uint64_t id);

/*@ requires table_valid(table);
    assigns \nothing;
    ensures found(table, id) ==> \result == table->slots + id % 0x100000;
    ensures !found(table, id) ==> \result == \null; */
static inline const struct cap_slot *cap_table_lookup(const struct cap_table *table, uint64_t id);

/*@ requires table_valid(table) && \base_addr(slot) == \base_addr(table->slots);
    requires \exists integer i; 0 <= i < table->count && slot == table->slots + i;
    assigns \nothing;
    ensures \forall integer i; slot == table->slots + i ==> \result == table->flags[i]; */
static inline uint8_t cap_table_flags(const struct cap_table *table, const struct cap_slot *slot);

/*@ requires \valid_read(table);
    assigns \nothing;
    ensures \result == FREE_SLOTS(table); */
static inline uint32_t cap_table_free(const struct cap_table *table);

/*@ requires table_valid(table) && table->free_first < table->count;
    requires table->slots[table->free_first].badge <= GENERATION_MAX;
    assigns \nothing;
    ensures \result == table->slots[table->free_first].badge * 0x100000 + table->free_first;
    ensures \result % 0x100000 == table->free_first;
    ensures \result / 0x100000 == table->slots[table->free_first].badge; */
static inline uint64_t cap_table_next_id(const struct cap_table *table);

/*@ requires table_valid(table) && index < table->count && \valid_read(hold);
    requires hold->object != \null;
    assigns table->slots[index], table->flags[index], table->used;
    ensures table->slots[index].id == id;
    ensures table->slots[index].object == \old(hold->object);
    ensures table->slots[index].interface_id == \old(hold->interface_id);
    ensures table->slots[index].badge == \old(hold->badge);
    ensures table->flags[index] == (\old(hold->transferable) ? 1 : 0);
    ensures table->used == (uint32_t)(\old(table->used) + 1);
    ensures others_kept{Pre, Post}(table->slots, table->flags, table->count, index); */
static inline void cap_table_fill(struct cap_table *table, uint32_t index, uint64_t id,
                                  const struct cap_hold *hold);

/*@ requires ready(table) && \valid_read(hold) && hold->object != \null && \valid(id);
    requires \separated(id, hold) && APART(id, table);
    assigns table->slots[table->free_first], table->flags[table->free_first], table->used,
            table->free_first, *id;
    behavior full:
      assumes FREE_SLOTS(table) == 0;
      ensures \result == ST_FULL;
      ensures others_kept{Pre, Post}(table->slots, table->flags, table->count, -1);
    behavior taken:
      assumes FREE_SLOTS(table) != 0;
      ensures \result == ST_OK;
      ensures \old(state(table->slots, table->flags, table->free_first)) == FREE;
      ensures table->used == (uint32_t)(\old(table->used) + 1);
      ensures table->free_first ==
                  (uint32_t)\old(table->slots[table->free_first].interface_id);
      ensures *id == \old(age(table->slots, table->flags, table->free_first)) * 0x100000 +
                     \old(table->free_first);
      ensures *id % 0x100000 == \old(table->free_first);
      ensures *id / 0x100000 ==
                  \old(age(table->slots, table->flags, table->free_first));
      ensures table->slots[\old(table->free_first)].id == *id;
      ensures table->slots[\old(table->free_first)].object == \old(hold->object);
      ensures table->slots[\old(table->free_first)].interface_id == \old(hold->interface_id);
      ensures table->slots[\old(table->free_first)].badge == \old(hold->badge);
      ensures table->flags[\old(table->free_first)] == (\old(hold->transferable) ? 1 : 0);
      ensures others_kept{Pre, Post}(table->slots, table->flags, table->count,
                                     \old(table->free_first)); */
static inline enum status cap_table_insert(struct cap_table *table, const struct cap_hold *hold,
                                           uint64_t *id);

/*@ requires table_valid(table) && index < table->count;
    assigns table->slots[index], table->flags[index], table->free_first;
    ensures table->slots[index].id == EMPTY;
    ensures table->slots[index].object == \null;
    ensures table->slots[index].interface_id == \old(table->free_first);
    ensures table->slots[index].badge == generation;
    ensures table->flags[index] == 0;
    ensures table->free_first == index;
    ensures others_kept{Pre, Post}(table->slots, table->flags, table->count, index); */
static inline void cap_table_push_free(struct cap_table *table, uint32_t index,
                                       uint64_t generation);

/*@ requires ready(table) && index < table->count && \valid(hold) && APART(hold, table);
    requires state(table->slots, table->flags, index) == USED;
    assigns table->slots[index], table->flags[index], table->free_first, table->used,
            table->retired, *hold;
    ENSURES_EMPTIED(index); */
static inline void cap_table_empty(struct cap_table *table, uint32_t index, struct cap_hold *hold);
/* clang-format on */

#include "../../lib/cap_table.c"
