// SPDX-License-Identifier: MIT
/* The frame bitmap beside an array of bools, and its limits one by one. */
#include "catch_assert.h"

#include <lib/frame_bitmap.h>
#include <string.h>

#define MODEL_MAX 20000u

/* A bitmap in storage of exactly the size it asked for, and what it should say. */
struct pair {
    struct frame_bitmap fb;
    uint64_t *storage;
    uint64_t nframes;
    uint64_t free;
    bool is_free[MODEL_MAX];
};

static struct pair *pair_new(uint64_t nframes)
{
    struct pair *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    p->nframes = nframes;
    p->storage = malloc(frame_bitmap_storage_bytes(nframes));
    assert_non_null(p->storage);
    memset(p->storage, 0xa5, frame_bitmap_storage_bytes(nframes));
    assert_int_equal(frame_bitmap_init(&p->fb, p->storage, nframes), ST_OK);
    return p;
}

static void pair_delete(struct pair *p)
{
    free(p->storage);
    free(p);
}

static void pair_compare(const struct pair *p)
{
    assert_true(frame_bitmap_check(&p->fb));
    assert_int_equal(frame_bitmap_free_count(&p->fb), p->free);
    assert_int_equal(frame_bitmap_recount(&p->fb), p->free);
    for (uint64_t i = 0; i < p->nframes; i++) {
        if (frame_bitmap_is_free(&p->fb, i) != p->is_free[i]) {
            fail_msg("frame %lu", (unsigned long)i);
        }
    }
}

static void pair_set(struct pair *p, uint64_t first, uint64_t n, bool is_free)
{
    for (uint64_t i = first; i < first + n; i++) {
        p->free += (uint64_t)is_free - (uint64_t)p->is_free[i];
        p->is_free[i] = is_free;
    }
}

static void pair_release(struct pair *p, uint64_t first, uint64_t n)
{
    assert_int_equal(frame_bitmap_release_range(&p->fb, first, n), ST_OK);
    pair_set(p, first, n, true);
}

/* The first of the lowest n free frames in a row; nframes if there are none. */
static uint64_t pair_find(const struct pair *p, uint64_t n)
{
    uint64_t row = 0;

    for (uint64_t i = 0; i < p->nframes; i++) {
        row = p->is_free[i] ? row + 1 : 0;
        if (row == n) {
            return i + 1 - n;
        }
    }
    return p->nframes;
}

static void pair_alloc_run(struct pair *p, uint64_t n)
{
    uint64_t expected = pair_find(p, n);
    uint64_t frame = UINT64_MAX;
    enum status status =
        n == 1 ? frame_bitmap_alloc(&p->fb, &frame) : frame_bitmap_alloc_run(&p->fb, n, &frame);

    if (expected == p->nframes) {
        assert_int_equal(status, ST_NO_MEMORY);
        assert_true(frame == UINT64_MAX);
        return;
    }
    assert_int_equal(status, ST_OK);
    assert_int_equal(frame, expected);
    pair_set(p, frame, n, false);
}

static void pair_free(struct pair *p, uint64_t frame)
{
    bool valid = frame < p->nframes && !p->is_free[frame];

    assert_int_equal(frame_bitmap_free(&p->fb, frame), valid ? ST_OK : ST_INVALID);
    if (valid) {
        pair_set(p, frame, 1, true);
    }
}

static void pair_free_run(struct pair *p, uint64_t first, uint64_t n)
{
    bool valid = first <= p->nframes && n <= p->nframes - first;

    for (uint64_t i = first; valid && i < first + n; i++) {
        valid = !p->is_free[i];
    }
    assert_int_equal(frame_bitmap_free_run(&p->fb, first, n), valid ? ST_OK : ST_INVALID);
    if (valid) {
        pair_set(p, first, n, true);
    }
}

static void test_sizes(void **state)
{
    static const struct {
        uint64_t nframes, words;
    } cases[] = {
        {0, 0},
        {1, 1},
        {64, 1},
        {65, 2 + 1},
        {4096, 64 + 1},
        {4097, 65 + 2 + 1},
        {FRAME_BITMAP_FRAMES_MAX, 262144 + 4096 + 64 + 1},
        {FRAME_BITMAP_FRAMES_MAX + 1, 0},
        {UINT64_MAX, 0},
    };
    struct frame_bitmap fb;
    uint64_t storage[1];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(frame_bitmap_storage_bytes(cases[i].nframes), cases[i].words * 8);
    }
    assert_int_equal(frame_bitmap_init(&fb, storage, 0), ST_INVALID);
    assert_int_equal(frame_bitmap_init(&fb, storage, FRAME_BITMAP_FRAMES_MAX + 1), ST_INVALID);
}

/* Around every size at which a level is added or a word filled: all out, all back. */
static void test_all_out_and_back(void **state)
{
    static const uint64_t sizes[] = {1, 2, 63, 64, 65, 127, 128, 129, 4095, 4096, 4097, 4160};

    (void)state;
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        struct pair *p = pair_new(sizes[s]);

        pair_compare(p);
        pair_alloc_run(p, 1);
        pair_release(p, 0, sizes[s]);
        pair_compare(p);
        for (uint64_t i = 0; i <= sizes[s]; i++) {
            pair_alloc_run(p, 1);
        }
        pair_compare(p);
        for (uint64_t i = sizes[s]; i > 0; i--) {
            pair_free(p, i - 1);
        }
        pair_compare(p);
        pair_alloc_run(p, sizes[s]);
        pair_compare(p);
        pair_delete(p);
    }
}

/* Two ranges that end together, whether or not they overlap, and all of it in one row. */
static void test_ranges(void **state)
{
    static const uint64_t edges[] = {0, 1, 63, 64, 65, 127, 128, 4095, 4096, 4097, 4999, 5000};
    const size_t n = sizeof(edges) / sizeof(edges[0]);
    struct pair *p = pair_new(5000);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = i; k < n; k++) {
            uint64_t other = edges[k / 2];
            uint64_t first = other < edges[i] ? other : edges[i];

            pair_release(p, edges[i], edges[k] - edges[i]);
            assert_true(frame_bitmap_check(&p->fb));
            pair_release(p, other, edges[k] - other);
            pair_compare(p);
            if (first < edges[k]) {
                pair_alloc_run(p, edges[k] - first);
            }
            pair_compare(p);
        }
    }
    pair_delete(p);
}

static void test_ranges_outside_are_refused(void **state)
{
    static const struct {
        uint64_t first, n;
    } cases[] = {{0, 101}, {100, 1}, {101, 0}, {50, 51}, {1, UINT64_MAX}, {UINT64_MAX, 2}};
    struct pair *p = pair_new(100);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(frame_bitmap_release_range(&p->fb, cases[i].first, cases[i].n),
                         ST_INVALID);
    }
    pair_compare(p);
    pair_release(p, 100, 0);
    pair_compare(p);
    pair_delete(p);
}

static void test_free_refuses_what_is_not_used(void **state)
{
    struct pair *p = pair_new(70);

    (void)state;
    pair_free(p, 69);
    pair_free(p, 69);
    pair_free(p, 70);
    pair_free(p, 71);
    pair_free(p, UINT64_MAX);
    pair_free_run(p, 60, 10);
    pair_free_run(p, 60, 9);
    pair_free_run(p, 60, 9);
    pair_free_run(p, 0, 61);
    pair_free_run(p, 70, 0);
    pair_free_run(p, 70, 1);
    pair_free_run(p, 0, UINT64_MAX);
    pair_free_run(p, UINT64_MAX, 2);
    pair_free_run(p, 0, 60);
    assert_false(frame_bitmap_is_free(&p->fb, 70));
    assert_false(frame_bitmap_is_free(&p->fb, UINT64_MAX));
    pair_compare(p);
    pair_delete(p);
}

/* Rows of every length at every place in a word, with a shorter one in front. */
static void test_runs(void **state)
{
    (void)state;
    for (uint64_t at = 0; at < 70; at += 3) {
        for (uint64_t n = 1; n < 200; n += n < 8 ? 1 : 61) {
            struct pair *p = pair_new(600);

            if (n > 1) {
                pair_release(p, at, n - 1);
            }
            pair_release(p, 200 + at, n);
            pair_alloc_run(p, n + 1);
            pair_alloc_run(p, n);
            assert_false(frame_bitmap_is_free(&p->fb, 200 + at));
            pair_alloc_run(p, n);
            pair_compare(p);
            pair_delete(p);
        }
    }
}

static void test_run_limits(void **state)
{
    struct pair *p = pair_new(130);
    uint64_t frame;

    (void)state;
    pair_release(p, 0, 130);
    assert_int_equal(frame_bitmap_alloc_run(&p->fb, 0, &frame), ST_INVALID);
    assert_int_equal(frame_bitmap_alloc_run(&p->fb, 131, &frame), ST_NO_MEMORY);
    assert_int_equal(frame_bitmap_alloc_run(&p->fb, UINT64_MAX, &frame), ST_NO_MEMORY);
    pair_alloc_run(p, 130);
    pair_compare(p);
    pair_delete(p);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
    return *seed >> 33;
}

static void test_random_programs(void **state)
{
    static const uint64_t sizes[] = {100, 4096, 4100, MODEL_MAX};
    uint64_t seed = 11;

    (void)state;
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        struct pair *p = pair_new(sizes[s]);

        for (unsigned step = 0; step < 3000; step++) {
            uint64_t frame = next_random(&seed) % (sizes[s] + 2);
            uint64_t n = next_random(&seed) % 100;

            switch (next_random(&seed) % 9) {
            case 0:
                pair_release(p, frame / 2, n < sizes[s] / 2 ? n : 1);
                break;
            case 1:
                pair_free_run(p, frame, n % 12);
                break;
            case 2:
            case 3:
            case 8:
                pair_alloc_run(p, n + 1);
                break;
            case 4:
            case 5:
                pair_alloc_run(p, 1);
                break;
            default:
                pair_free(p, frame);
                break;
            }
            assert_true(frame_bitmap_check(&p->fb));
            if (step % 100 == 0) {
                pair_compare(p);
            }
        }
        pair_compare(p);
        pair_delete(p);
    }
}

/* 64 GiB: the first frame, and then the very last, are found by one look at each level. */
static void test_largest(void **state)
{
    uint64_t *storage = malloc(frame_bitmap_storage_bytes(FRAME_BITMAP_FRAMES_MAX));
    const uint64_t last = FRAME_BITMAP_FRAMES_MAX - 1;
    struct frame_bitmap fb;
    uint64_t frame = 0;

    (void)state;
    assert_non_null(storage);
    assert_int_equal(frame_bitmap_init(&fb, storage, FRAME_BITMAP_FRAMES_MAX), ST_OK);
    assert_int_equal(fb.levels, FRAME_BITMAP_LEVELS_MAX);
    assert_int_equal(frame_bitmap_free(&fb, last), ST_OK);
    assert_true(frame_bitmap_check(&fb));
    assert_int_equal(frame_bitmap_alloc_run(&fb, 1, &frame), ST_OK);
    assert_int_equal(frame, last);
    assert_int_equal(frame_bitmap_release_range(&fb, 0, FRAME_BITMAP_FRAMES_MAX), ST_OK);
    assert_int_equal(frame_bitmap_free_count(&fb), FRAME_BITMAP_FRAMES_MAX);
    assert_int_equal(frame_bitmap_alloc(&fb, &frame), ST_OK);
    assert_int_equal(frame, 0);
    assert_int_equal(frame_bitmap_alloc_run(&fb, last - 1, &frame), ST_OK);
    assert_int_equal(frame, 1);
    assert_int_equal(frame_bitmap_alloc(&fb, &frame), ST_OK);
    assert_int_equal(frame, last);
    assert_int_equal(frame_bitmap_alloc(&fb, &frame), ST_NO_MEMORY);
    assert_true(frame_bitmap_check(&fb));
    free(storage);
}

static void test_check_sees_damage(void **state)
{
    struct pair *p = pair_new(4200);

    (void)state;
    pair_release(p, 100, 300);
    for (uint32_t k = 0; k < p->fb.levels; k++) {
        for (uint64_t word = 0; word < p->fb.words[k]; word++) {
            p->fb.level[k][word] ^= 1ull << 63;
            assert_false(frame_bitmap_check(&p->fb));
            p->fb.level[k][word] ^= 1ull << 63;
        }
    }
    p->fb.free++;
    assert_false(frame_bitmap_check(&p->fb));
    p->fb.free--;
    p->fb.low = 2; /* frame 100 is in word 1 */
    assert_false(frame_bitmap_check(&p->fb));
    p->fb.low = 0;
    p->fb.words[1]--;
    assert_false(frame_bitmap_check(&p->fb));
    p->fb.words[1]++;
    p->fb.levels--;
    assert_false(frame_bitmap_check(&p->fb));
    p->fb.levels++;
    pair_compare(p);
    pair_delete(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_all_out_and_back),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_ranges_outside_are_refused),
        cmocka_unit_test(test_free_refuses_what_is_not_used),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_run_limits),
        cmocka_unit_test(test_random_programs),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_check_sees_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
