// SPDX-License-Identifier: MIT
/*
 * Which frames are free: one bit per frame, in storage of the caller's, with a
 * summary above it so that a free frame is found in one step per level.
 *
 *   level 0   one bit per frame, set: free
 *   level k   one bit per 64-bit word of level k − 1, set: that word is not zero
 *
 * The highest level is a single word. With 64 GiB there are four levels. The word that has
 * the lowest free frame is known as a rule, so the summary is read, and changes, only when
 * a word of level 0 is used up or gets its first free frame.
 *
 * Frames are numbers from 0; what address they stand for is the caller's affair,
 * and so is who has a frame and who pays for it. The frame with the lowest number
 * is given out first, so a run is reproducible.
 *
 * Invariants, checked by frame_bitmap_check():
 *   1  a bit of level k is set exactly when its word of level k − 1 is not zero
 *   2  bits that stand for nothing, at the end of each level, are clear
 *   3  `free` is the number of set bits in level 0
 *   4  no word of level 0 before the one of number `low` has a set bit
 */
#pragma once

#include <lib/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 64 GiB in frames of 4 KiB. */
#define FRAME_BITMAP_FRAMES_MAX (1ull << 24)
#define FRAME_BITMAP_LEVELS_MAX 4u

struct frame_bitmap {
    uint64_t *level[FRAME_BITMAP_LEVELS_MAX]; /* [I] inside the storage */
    uint64_t words[FRAME_BITMAP_LEVELS_MAX];  /* [I] of each level */
    uint32_t levels;                          /* [I] in use */
    uint64_t nframes;                         /* [I] */
    uint64_t free;
    uint64_t low;
};

/* Bytes of storage for so many frames, all levels; a multiple of 8. 0: no frames, or too many. */
size_t frame_bitmap_storage_bytes(uint64_t nframes);

/*
 * Starts with all frames used. Keeps `storage`, which is 8-byte aligned and has
 * frame_bitmap_storage_bytes(nframes) bytes, and clears it. ST_INVALID: nframes
 * is 0 or above FRAME_BITMAP_FRAMES_MAX.
 */
enum status frame_bitmap_init(struct frame_bitmap *fb, uint64_t *storage, uint64_t nframes);

/*
 * For boot: makes all frames of the range free, whatever they were. Takes a step per
 * word of the range. ST_INVALID: the range ends behind the last frame. An empty range
 * does nothing.
 */
enum status frame_bitmap_release_range(struct frame_bitmap *fb, uint64_t first, uint64_t n);

/* The part of frame_bitmap_alloc where the word that `low` says has less than two frames. */
enum status frame_bitmap_alloc_last(struct frame_bitmap *fb, uint64_t *frame);

/* Takes the free frame with the lowest number. ST_NO_MEMORY: there is none. */
static inline enum status frame_bitmap_alloc(struct frame_bitmap *fb, uint64_t *frame)
{
    uint64_t word = fb->low;
    uint64_t bits = fb->level[0][word];
    uint64_t rest = bits & (bits - 1);

    if (__builtin_expect(rest == 0, 0)) {
        return frame_bitmap_alloc_last(fb, frame);
    }
    fb->level[0][word] = rest;
    fb->free--;
    *frame = word * 64 + (uint64_t)__builtin_ctzll(bits);
    return ST_OK;
}

/*
 * Takes n frames in a row, the lowest that there are, and says the first. Takes
 * at most one step per word of level 0 and one per row of free frames that is too
 * short: nframes / 64 + free steps, and as a rule few, since words without a free
 * frame are passed over through the levels above. ST_INVALID: n is 0.
 * ST_NO_MEMORY: no row is long enough.
 */
enum status frame_bitmap_alloc_run(struct frame_bitmap *fb, uint64_t n, uint64_t *first);

/*
 * Gives n frames in a row back, all or none, in a step per word of level 0. ST_INVALID:
 * one of them is no frame, or is free already.
 */
enum status frame_bitmap_free_run(struct frame_bitmap *fb, uint64_t first, uint64_t n);

static inline uint64_t frame_bitmap_free_count(const struct frame_bitmap *fb)
{
    return fb->free;
}

/* The same, counted from level 0. */
uint64_t frame_bitmap_recount(const struct frame_bitmap *fb);

/* False for a number that is no frame. */
static inline bool frame_bitmap_is_free(const struct frame_bitmap *fb, uint64_t frame)
{
    return frame < fb->nframes && (fb->level[0][frame / 64] >> (frame % 64) & 1) != 0;
}

/* The part of frame_bitmap_free where the frame's word has no other that is free. */
void frame_bitmap_free_first(struct frame_bitmap *fb, uint64_t frame);

/*
 * Gives a frame back. ST_INVALID: there is no such frame, or it is free already;
 * either is a bug of the caller's.
 */
static inline enum status frame_bitmap_free(struct frame_bitmap *fb, uint64_t frame)
{
    uint64_t word = frame / 64;
    uint64_t bit = 1ull << (frame % 64);

    if (__builtin_expect(frame >= fb->nframes, 0)) {
        return ST_INVALID;
    }
    uint64_t bits = fb->level[0][word];
    if (__builtin_expect((bits & bit) != 0, 0)) {
        return ST_INVALID;
    }
    fb->free++;
    if (__builtin_expect(bits == 0, 0)) {
        frame_bitmap_free_first(fb, frame);
        return ST_OK;
    }
    fb->level[0][word] = bits | bit; /* not below `low`, by invariant 4 */
    return ST_OK;
}

/* Whether all invariants hold. Walks every level. */
bool frame_bitmap_check(const struct frame_bitmap *fb);
