// SPDX-License-Identifier: MIT
/*
 * The hierarchical frame bitmap. All changes of level 0 by which a word may become zero or
 * not zero go through set_free and set_used, which carry that upwards, so the levels can
 * never disagree.
 */
#include <lib/frame_bitmap.h>

#include <lib/bits.h>
#include <lib/mem.h>

#define WORD_BITS 64u

_Static_assert(FRAME_BITMAP_FRAMES_MAX <= 1ull << (6 * FRAME_BITMAP_LEVELS_MAX),
               "the highest level must be one word");

static uint64_t words_for(uint64_t bits)
{
    return (bits + WORD_BITS - 1) / WORD_BITS;
}

/* The n lowest bits; n is 0…63. */
static uint64_t low_bits(uint64_t n)
{
    return (1ull << n) - 1;
}

/* Makes frames of one word free, without counting. */
static void set_free(struct frame_bitmap *fb, uint64_t word, uint64_t bits)
{
    uint64_t before = fb->level[0][word];

    fb->low = word < fb->low ? word : fb->low;
    fb->level[0][word] = before | bits;
    /*@ loop assigns \nothing;
        loop pragma UNROLL "completely", 4; */
    for (uint32_t k = 1; k < fb->levels && before == 0; k++) {
        before = fb->level[k][word / WORD_BITS];
        fb->level[k][word / WORD_BITS] = before | 1ull << (word % WORD_BITS);
        word /= WORD_BITS;
    }
}

/* Makes frames of one word used, without counting. */
static void set_used(struct frame_bitmap *fb, uint64_t word, uint64_t bits)
{
    uint64_t after = fb->level[0][word] & ~bits;

    fb->level[0][word] = after;
    for (uint32_t k = 1; k < fb->levels && after == 0; k++) {
        after = fb->level[k][word / WORD_BITS] & ~(1ull << (word % WORD_BITS));
        fb->level[k][word / WORD_BITS] = after;
        word /= WORD_BITS;
    }
}

/* Makes frames of one word free and counts those that were not. */
static void release_word(struct frame_bitmap *fb, uint64_t word, uint64_t bits)
{
    fb->free += bits_count(bits & ~fb->level[0][word]);
    set_free(fb, word, bits);
}

/* Makes frames of one word used and counts those that were not. */
static void reserve_word(struct frame_bitmap *fb, uint64_t word, uint64_t bits)
{
    fb->free -= bits_count(bits & fb->level[0][word]);
    set_used(fb, word, bits);
}

/* Calls release_word or reserve_word for each word that the range touches. */
static void change_range(struct frame_bitmap *fb, uint64_t first, uint64_t n,
                         void (*change)(struct frame_bitmap *fb, uint64_t word, uint64_t bits))
{
    uint64_t end = first + n;

    while (first < end) {
        uint64_t offset = first % WORD_BITS;
        uint64_t room = WORD_BITS - offset;
        uint64_t count = end - first < room ? end - first : room;

        change(fb, first / WORD_BITS, (UINT64_MAX >> (WORD_BITS - count)) << offset);
        first += count;
    }
}

static bool range_is_valid(const struct frame_bitmap *fb, uint64_t first, uint64_t n)
{
    return first <= fb->nframes && n <= fb->nframes - first;
}

/*
 * The first set bit of a level at `bit` or behind it: within the word if there is
 * one, otherwise up to the level that knows the next word, and down again.
 */
static bool find_free(const struct frame_bitmap *fb, uint64_t bit, uint64_t *found)
{
    uint32_t k = 0;
    uint64_t bits;

    for (;; k++) {
        if (k == fb->levels || bit / WORD_BITS >= fb->words[k]) {
            return false;
        }
        bits = fb->level[k][bit / WORD_BITS] & ~low_bits(bit % WORD_BITS);
        if (bits != 0) {
            break;
        }
        bit = bit / WORD_BITS + 1;
    }
    bit = bit / WORD_BITS * WORD_BITS + (uint64_t)__builtin_ctzll(bits);
    while (k > 0) {
        k--;
        bit = bit * WORD_BITS + (uint64_t)__builtin_ctzll(fb->level[k][bit]);
    }
    *found = bit;
    return true;
}

/* The first used frame at or behind `frame`, which is free; at most `limit`. */
static uint64_t find_used(const struct frame_bitmap *fb, uint64_t frame, uint64_t limit)
{
    while (frame < limit) {
        uint64_t used = ~fb->level[0][frame / WORD_BITS] & ~low_bits(frame % WORD_BITS);

        frame = frame / WORD_BITS * WORD_BITS;
        if (used != 0) {
            frame += (uint64_t)__builtin_ctzll(used);
            break;
        }
        frame += WORD_BITS;
    }
    return frame < limit ? frame : limit;
}

size_t frame_bitmap_storage_bytes(uint64_t nframes)
{
    uint64_t words = nframes;
    uint64_t total = 0;

    if (nframes == 0 || nframes > FRAME_BITMAP_FRAMES_MAX) {
        return 0;
    }
    do {
        words = words_for(words);
        total += words;
    } while (words > 1);
    return total * sizeof(uint64_t);
}

enum status frame_bitmap_init(struct frame_bitmap *fb, uint64_t *storage, uint64_t nframes)
{
    uint64_t words = nframes;

    if (nframes == 0 || nframes > FRAME_BITMAP_FRAMES_MAX) {
        return ST_INVALID;
    }
    memset(storage, 0, frame_bitmap_storage_bytes(nframes));
    *fb = (struct frame_bitmap){.nframes = nframes};
    do {
        words = words_for(words);
        fb->level[fb->levels] = storage;
        fb->words[fb->levels] = words;
        fb->levels++;
        storage += words;
    } while (words > 1);
    return ST_OK;
}

enum status frame_bitmap_release_range(struct frame_bitmap *fb, uint64_t first, uint64_t n)
{
    if (!range_is_valid(fb, first, n)) {
        return ST_INVALID;
    }
    change_range(fb, first, n, release_word);
    return ST_OK;
}

enum status frame_bitmap_alloc_last(struct frame_bitmap *fb, uint64_t *frame)
{
    uint64_t word = 0;
    uint64_t bits = 0;

    if (fb->free == 0) {
        return ST_NO_MEMORY;
    }
    for (uint32_t k = fb->levels; k > 0; k--) {
        bits = fb->level[k - 1][word];
        word = word * WORD_BITS + (uint64_t)__builtin_ctzll(bits);
    }
    fb->low = word / WORD_BITS;
    set_used(fb, fb->low, bits & -bits);
    fb->free--;
    *frame = word;
    return ST_OK;
}

enum status frame_bitmap_alloc_run(struct frame_bitmap *fb, uint64_t n, uint64_t *first)
{
    uint64_t start = 0;

    if (n == 0) {
        return ST_INVALID;
    }
    while (find_free(fb, start, &start) && n <= fb->nframes - start) {
        uint64_t end = find_used(fb, start, start + n);

        if (end - start == n) {
            change_range(fb, start, n, reserve_word);
            *first = start;
            return ST_OK;
        }
        start = end;
    }
    return ST_NO_MEMORY;
}

void frame_bitmap_free_first(struct frame_bitmap *fb, uint64_t frame)
{
    set_free(fb, frame / WORD_BITS, 1ull << (frame % WORD_BITS));
}

enum status frame_bitmap_free_run(struct frame_bitmap *fb, uint64_t first, uint64_t n)
{
    uint64_t found;

    if (!range_is_valid(fb, first, n) || (find_free(fb, first, &found) && found < first + n)) {
        return ST_INVALID;
    }
    change_range(fb, first, n, release_word);
    return ST_OK;
}

/* Whether bits of level k agree with the words below, and nothing follows the last. */
static bool level_check(const struct frame_bitmap *fb, uint32_t k)
{
    uint64_t bits = k == 0 ? fb->nframes : fb->words[k - 1];

    if (fb->words[k] != words_for(bits)) {
        return false;
    }
    if (bits % WORD_BITS != 0 &&
        (fb->level[k][fb->words[k] - 1] & ~low_bits(bits % WORD_BITS)) != 0) {
        return false;
    }
    for (uint64_t i = 0; k > 0 && i < bits; i++) {
        bool set = (fb->level[k][i / WORD_BITS] >> (i % WORD_BITS) & 1) != 0;

        if (set != (fb->level[k - 1][i] != 0)) {
            return false;
        }
    }
    return true;
}

uint64_t frame_bitmap_recount(const struct frame_bitmap *fb)
{
    uint64_t free = 0;

    for (uint64_t i = 0; i < fb->words[0]; i++) {
        free += bits_count(fb->level[0][i]);
    }
    return free;
}

bool frame_bitmap_check(const struct frame_bitmap *fb)
{
    for (uint32_t k = 0; k < fb->levels; k++) {
        if (!level_check(fb, k)) {
            return false;
        }
    }
    for (uint64_t i = 0; i < fb->low; i++) {
        if (fb->level[0][i] != 0) {
            return false;
        }
    }
    return frame_bitmap_recount(fb) == fb->free && fb->words[fb->levels - 1] == 1;
}
