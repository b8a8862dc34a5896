// SPDX-License-Identifier: MIT
/*
 * The frame bitmap, by induction: any bitmap that frame_bitmap_check() accepts is still accepted
 * after any one operation; and what that did is told by a frame that may be any.
 */
#include "proof.h"

#include "../lib/frame_bitmap.c"

#define WORDS 2u /* of level 0; one more above them */

/* Frames of each word that may be free: counting all 64 is more than CBMC ends on. */
#define MAYBE_FREE 0x8000000100000003u

static struct frame_bitmap fb;
static uint64_t storage[WORDS + 1u];

/* Any bitmap of 65 to 128 frames. */
static void any_bitmap(void)
{
    uint64_t nframes = nondet_u64();

    ASSUME(nframes > (WORDS - 1u) * 64u && nframes <= WORDS * 64u);
    PROVE(frame_bitmap_storage_bytes(nframes) == sizeof(storage));
    PROVE(frame_bitmap_init(&fb, storage, nframes) == ST_OK && frame_bitmap_check(&fb));
    __CPROVER_havoc_object(storage);
    for (uint32_t i = 0; i < WORDS; i++) {
        storage[i] &= MAYBE_FREE;
    }
    fb.free = nondet_u64();
    fb.low = nondet_u64();
    ASSUME(fb.low < WORDS);
    ASSUME(frame_bitmap_check(&fb));
}

static uint64_t any_frame(void)
{
    uint64_t frame = nondet_u64();

    ASSUME(frame < fb.nframes);
    return frame;
}

/* CBMC: --unwind 5 */
void prove_alloc(void)
{
    uint64_t got = UINT64_MAX;

    any_bitmap();
    uint64_t other = any_frame();
    bool was_free = frame_bitmap_is_free(&fb, other);
    uint64_t before = fb.free;
    if (frame_bitmap_alloc(&fb, &got) != ST_OK) {
        PROVE(!was_free && before == 0 && got == UINT64_MAX);
        return;
    }
    PROVE(got < fb.nframes && fb.free == before - 1 && !frame_bitmap_is_free(&fb, got));
    PROVE(other >= got || !was_free);
    PROVE(other != got || was_free);
    PROVE(other == got || frame_bitmap_is_free(&fb, other) == was_free);
    PROVE(fb.low < WORDS && frame_bitmap_check(&fb));
}

/* CBMC: --unwind 5 */
void prove_free(void)
{
    uint64_t frame = nondet_u64();

    any_bitmap();
    uint64_t other = any_frame();
    bool was_free = frame_bitmap_is_free(&fb, other);
    bool valid = frame < fb.nframes && !frame_bitmap_is_free(&fb, frame);
    uint64_t before = fb.free;
    bool freed = frame_bitmap_free(&fb, frame) == ST_OK;
    PROVE(freed == valid && fb.free == before + (freed ? 1u : 0u));
    PROVE(frame_bitmap_is_free(&fb, other) == (was_free || (freed && other == frame)));
    PROVE(fb.low < WORDS && frame_bitmap_check(&fb));
}

/* MAYBE_FREE makes five rows at most. */
/* CBMC: --unwind 5 --unwindset frame_bitmap_alloc_run.0:7 */
void prove_alloc_run(void)
{
    uint64_t n = nondet_u64();
    uint64_t got = UINT64_MAX;

    any_bitmap();
    uint64_t other = any_frame();
    bool was_free = frame_bitmap_is_free(&fb, other);
    uint64_t before = fb.free;
    if (frame_bitmap_alloc_run(&fb, n, &got) != ST_OK) {
        PROVE(got == UINT64_MAX && frame_bitmap_is_free(&fb, other) == was_free);
        PROVE(fb.free == before);
        return;
    }
    bool of_run = other >= got && other - got < n;
    PROVE(got <= fb.nframes && n <= fb.nframes - got && fb.free == before - n);
    PROVE(!of_run || was_free);
    PROVE(frame_bitmap_is_free(&fb, other) == (was_free && !of_run));
    PROVE(fb.low < WORDS && frame_bitmap_check(&fb));
}
