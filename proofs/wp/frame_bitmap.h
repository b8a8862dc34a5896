// SPDX-License-Identifier: MIT
/*
 * What the contracts of the frame bitmap are written in: the bits of a word, which WP is told of by
 * axioms, and that the levels fit together.
 */
#pragma once

#include <lib/frame_bitmap.h>

/* A frame's bit. */
#define FREE(fb, frame) bit((fb)->level[0][(frame) / 64], (frame) % 64)

/* clang-format off */
/*@
  // What WP is told of bits. For all values: proofs/bits_proof.c.
  axiomatic WordBits {
    predicate bit(integer w, integer i);
    logic integer common(integer v, integer w);
    predicate word(integer w) = 0 <= w <= 0xffffffffffffffff;

    axiom bit_none: \forall integer i; 0 <= i < 64 ==> !bit(0, i);
    axiom bit_one: \forall integer n, i; 0 <= n < 64 && 0 <= i < 64 ==>
        (bit((uint64_t)(1 << n), i) <==> i == n);
    axiom bit_self: \forall integer n; 0 <= n < 64 ==>
        bit((uint64_t)(1 << n), n) && (uint64_t)(1 << n) > 0;
    axiom bit_not: \forall integer w, i; word(w) && 0 <= i < 64 ==>
        (bit((uint64_t)(~w), i) <==> !bit(w, i));
    axiom bit_or: \forall integer v, w, i; word(v) && word(w) && 0 <= i < 64 ==>
        (bit(v | w, i) <==> bit(v, i) || bit(w, i));
    axiom or_some: \forall integer v, w; word(v) && word(w) && (v > 0 || w > 0) ==> (v | w) > 0;
    axiom bit_and: \forall integer v, w, i; word(v) && word(w) && 0 <= i < 64 ==>
        (bit(v & w, i) <==> bit(v, i) && bit(w, i));
    axiom and_some: \forall integer v, w; word(v) && word(w) && (v & w) != 0 ==>
        0 <= common(v, w) < 64 && bit(v, common(v, w)) && bit(w, common(v, w));
    axiom and_none: \forall integer v, w, i; word(v) && word(w) && (v & w) == 0 && 0 <= i < 64 ==>
        !(bit(v, i) && bit(w, i));
  }

  // A level of n words above one of m.
  predicate above(integer m, integer n) = m <= n * 64 < m + 64;

  // What init makes, and nothing changes: the levels lie in a row in the storage.
  predicate levels_fit(struct frame_bitmap *fb, integer levels, integer n0, integer n1, integer n2,
                       integer n3, uint64_t *p0, uint64_t *p1, uint64_t *p2, uint64_t *p3) =
      1 <= levels <= 4 && (levels == 1 ? n0 : levels == 2 ? n1 : levels == 3 ? n2 : n3) == 1 &&
      1 <= n0 <= 0x40000 && \base_addr(fb) != \base_addr(p0) &&
      \valid(p0 + (0 .. n0 + n1 + n2 + n3 - 1)) &&
      (levels > 1 ? above(n0, n1) && p1 == p0 + n0 : n1 == 0) &&
      (levels > 2 ? above(n1, n2) && p2 == p1 + n1 : n2 == 0) &&
      (levels > 3 ? above(n2, n3) && p3 == p2 + n2 : n3 == 0);

  predicate shape(struct frame_bitmap *fb) =
      \valid(fb) && above(fb->nframes, fb->words[0]) &&
      levels_fit(fb, fb->levels, fb->words[0], fb->words[1], fb->words[2], fb->words[3],
                 fb->level[0], fb->level[1], fb->level[2], fb->level[3]);

  // Invariants 1 and 2: a bit says whether its word of the level below, which has n, is zero.
  predicate sums_up(uint64_t *p, integer m, uint64_t *below, integer n) =
      \forall integer i; 0 <= i < 64 * m ==>
          (bit(p[i / 64], i % 64) <==> i < n && below[i] != 0);

  predicate sum1(struct frame_bitmap *fb) = fb->levels > 1 ==>
      sums_up(fb->level[1], fb->words[1], fb->level[0], fb->words[0]);
  predicate sum2(struct frame_bitmap *fb) = fb->levels > 2 ==>
      sums_up(fb->level[2], fb->words[2], fb->level[1], fb->words[1]);
  predicate sum3(struct frame_bitmap *fb) = fb->levels > 3 ==>
      sums_up(fb->level[3], fb->words[3], fb->level[2], fb->words[2]);

  // Invariants 2, of level 0, and 4.
  predicate ended(struct frame_bitmap *fb) =
      \forall integer i, b; 0 <= i < fb->words[0] && 0 <= b < 64 && fb->nframes <= 64 * i + b ==>
          !bit(fb->level[0][i], b);
  predicate none_below_low(struct frame_bitmap *fb) =
      fb->low < fb->words[0] && (\forall integer i; 0 <= i < fb->low ==> fb->level[0][i] == 0);

  predicate all_kept{L1, L2}(uint64_t *p, integer n) =
      \forall integer i; 0 <= i < n ==> \at(p[i], L1) == \at(p[i], L2);

  // All frames but one are as they were.
  predicate others_kept{L1, L2}(uint64_t *p, integer n, integer frame) =
      (\forall integer i; 0 <= i < n && i != frame / 64 ==> \at(p[i], L1) == \at(p[i], L2)) &&
      (\forall integer b; 0 <= b < 64 && b != frame % 64 ==>
          (bit(\at(p[frame / 64], L1), b) <==> bit(\at(p[frame / 64], L2), b)));
*/
/* clang-format on */

/* Each invariant is kept by itself, so the proof of one is not led astray by the others. */
#define KEEPS_INVARIANTS(fb)                                                                       \
    behavior sum1 : assumes sum1(fb);                                                              \
    ensures kept1 : sum1(fb);                                                                      \
    behavior sum2 : assumes sum2(fb);                                                              \
    ensures kept2 : sum2(fb);                                                                      \
    behavior sum3 : assumes sum3(fb);                                                              \
    ensures kept3 : sum3(fb)
