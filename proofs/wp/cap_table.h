// SPDX-License-Identifier: MIT
/*
 * What the contracts of the capability table are written in: the state of a slot, and that it is
 * sound. Slots and flags are given as they lie in the table.
 */
#pragma once

#include <lib/cap_table.h>

/* clang-format off */
/*@
  logic integer EMPTY = 0xffffffffffffffff;
  logic integer NO_SLOT_LEFT = 0xffffffff;
  logic integer GENERATION_MAX = 0xfffffffffff;

  // What WP does not know of bits. For all values: proofs/bits_proof.c.
  axiomatic IdBits {
    axiom low_bits: \forall integer id; 0 <= id <= 0xffffffffffffffff ==>
        (id & 0xfffff) == id % 0x100000;
    axiom high_bits: \forall integer id; 0 <= id <= 0xffffffffffffffff ==>
        (id >> 20) == id / 0x100000;
    axiom shifted: \forall integer g; 0 <= g ==>
        (g << 20) == g * 0x100000 && (g << 20) % 0x100000 == 0;
    axiom joined: \forall integer v, i; 0 <= v && 0 <= i &&
        ((v % 0x100000 == 0 && i < 0x100000) || (i % 0x100000 == 0 && v < 0x100000)) ==>
            (v | i) == v + i;
  }

  // As enum slot_state has them.
  logic integer FREE = 1;
  logic integer USED = 2;
  logic integer RESERVED = 3;
  logic integer RETIRED = 4;

  logic integer state{L}(struct cap_slot *s, uint8_t *f, integer i) =
      s[i].id != EMPTY ? USED : f[i] == 8 ? RETIRED : f[i] == 4 ? RESERVED : FREE;

  // The generation that the slot's id has, or that its next one will have.
  logic integer age{L}(struct cap_slot *s, uint8_t *f, integer i) =
      s[i].id != EMPTY ? s[i].id / 0x100000 : f[i] == 8 ? GENERATION_MAX + 1 : s[i].badge;

  // As slot_state() of lib/cap_table.c has it.
  predicate slots_sound{L}(struct cap_slot *s, uint8_t *f, integer n) =
      \forall integer i; 0 <= i < n ==>
      (s[i].id != EMPTY ==>
          s[i].id % 0x100000 == i && 1 <= s[i].id / 0x100000 <= GENERATION_MAX &&
          s[i].object != \null && (f[i] == 0 || f[i] == 1 || f[i] == 3)) &&
      (s[i].id == EMPTY ==>
          s[i].object == \null && (f[i] == 0 || f[i] == 4 || f[i] == 8) &&
          (f[i] == 8 ? s[i].badge == 0 : 1 <= s[i].badge <= GENERATION_MAX));

  // All slots but k are as they were.
  predicate others_kept{L1, L2}(struct cap_slot *s, uint8_t *f, integer n, integer k) =
      \forall integer i; 0 <= i < n && i != k ==>
          \at(s[i].id, L1) == \at(s[i].id, L2) && \at(s[i].object, L1) == \at(s[i].object, L2) &&
          \at(s[i].interface_id, L1) == \at(s[i].interface_id, L2) &&
          \at(s[i].badge, L1) == \at(s[i].badge, L2) && \at(f[i], L1) == \at(f[i], L2);
*/
/* clang-format on */
