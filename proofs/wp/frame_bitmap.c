// SPDX-License-Identifier: MIT
/*
 * A frame that is given back, in a bitmap of any size: what is no frame, or free, is refused; the
 * frame becomes free and all others stay as they were; and each invariant of lib/frame_bitmap.h but
 * that of the count is kept. Taking frames is proven by frame_bitmap_proof.c, within its bound.
 */
/* WP: functions set_free frame_bitmap_free_first frame_bitmap_free */
/* WP: options -wp-split */
/* WP: goals 426 */
#include "frame_bitmap.h"

/* clang-format off */
/*@ requires shape(fb) && word < fb->words[0] && bits != 0;
    requires \base_addr(fb) != \base_addr(fb->level[0]);
    assigns fb->low, fb->level[0][word], fb->level[1][word / 64],
            fb->level[2][word / 4096], fb->level[3][word / 262144];
    ensures shape: shape(fb);
    ensures kept: \forall integer i; 0 <= i < fb->words[0] && i != word ==>
        fb->level[0][i] == \old(fb->level[0][i]);
    ensures counts: fb->free == \old(fb->free) && fb->nframes == \old(fb->nframes);
    ensures changed: fb->level[0][word] == (\old(fb->level[0][word]) | bits);
    ensures low: fb->low == (word < \old(fb->low) ? word : \old(fb->low));
    KEEPS_INVARIANTS(fb); */
static void set_free(struct frame_bitmap *fb, uint64_t word, uint64_t bits);

/*@ requires shape(fb) && frame < fb->nframes && fb->level[0][frame / 64] == 0;
    assigns fb->low, fb->level[0][frame / 64], fb->level[1][frame / 4096],
            fb->level[2][frame / 262144], fb->level[3][frame / 16777216];
    ensures shape: shape(fb);
    ensures now_free: FREE(fb, frame);
    ensures counts: fb->free == \old(fb->free) && fb->nframes == \old(fb->nframes);
    ensures kept: \forall integer i; 0 <= i < fb->words[0] && i != frame / 64 ==>
        fb->level[0][i] == \old(fb->level[0][i]);
    ensures one: fb->level[0][frame / 64] == (uint64_t)(1 << frame % 64);
    KEEPS_INVARIANTS(fb);
    behavior ended: assumes ended(fb); ensures ended(fb);
    behavior low: assumes none_below_low(fb); ensures none_below_low(fb); */
void frame_bitmap_free_first(struct frame_bitmap *fb, uint64_t frame);

/*@ requires shape(fb);
    assigns fb->free, fb->low, fb->level[0][frame / 64], fb->level[1][frame / 4096],
            fb->level[2][frame / 262144], fb->level[3][frame / 16777216];
    ensures shape: shape(fb);
    KEEPS_INVARIANTS(fb);
    behavior ended: assumes ended(fb); ensures ended(fb);
    behavior low: assumes none_below_low(fb); ensures none_below_low(fb);
    behavior refused:
      assumes frame >= fb->nframes || FREE(fb, frame);
      ensures status: \result == ST_INVALID;
      ensures counts: fb->free == \old(fb->free);
      ensures others: all_kept{Pre, Post}(fb->level[0], fb->words[0]);
    behavior freed:
      assumes frame < fb->nframes && !FREE(fb, frame);
      ensures status: \result == ST_OK;
      ensures counts: fb->free == (uint64_t)(\old(fb->free) + 1);
      ensures now_free: FREE(fb, frame);
      ensures others: others_kept{Pre, Post}(fb->level[0], fb->words[0], frame); */
static inline enum status frame_bitmap_free(struct frame_bitmap *fb, uint64_t frame);
/* clang-format on */

#include "../../lib/frame_bitmap.c"
