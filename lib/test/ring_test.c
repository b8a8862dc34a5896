// SPDX-License-Identifier: MIT
/*
 * The kernel's side of the ring, driven against a program that may be hostile (T-02 and T-03).
 *
 * Every load of shared memory passes the observer below, which counts it and can
 * change the memory at that moment: a word that is loaded twice in one
 * operation is a failure, whatever it then holds.
 */
#include <stddef.h>
#include <stdint.h>

static void observe_load(const void *address, size_t bytes);

#define SHM_OBSERVE(address, bytes) observe_load((address), (bytes))

#include <lib/ring.h>

#include "catch_assert.h"

#include <stdio.h>
#include <string.h>

#define SQ 4u
#define CQ 8u

static _Alignas(4096) uint8_t region[16384];
static struct ring_layout layout;
static struct cap_ring_header *const header = (struct cap_ring_header *)region;

/* Loads since observer_start, by byte of the region. */
static uint8_t loads[sizeof(region)];
static unsigned load_count;
static bool loaded_twice;
static bool spoil; /* change what was loaded, right behind the kernel's back */

static void observer_start(void)
{
    memset(loads, 0, sizeof(loads));
    load_count = 0;
    loaded_twice = false;
}

static void observe_load(const void *address, size_t bytes)
{
    size_t offset = (size_t)((const uint8_t *)address - region);

    assert_true(offset < sizeof(region) && bytes <= sizeof(region) - offset);
    load_count++;
    for (size_t i = 0; i < sizeof(region); i++) {
        bool now = i >= offset && i < offset + bytes;

        if (spoil && loads[i] != 0 && i >= layout.sq_offset) {
            region[i] ^= 0xff;
        }
        if (now && loads[i]++ != 0) {
            loaded_twice = true;
        }
    }
}

static struct ring_view new_view(void)
{
    struct ring_view view;

    spoil = false;
    observer_start();
    memset(region, 0xa5, sizeof(region));
    assert_int_equal(ring_region_layout(SQ, CQ, CAP_AREA_MIN, &layout), ST_OK);
    memset(region, 0, layout.region_bytes);
    ring_format(region, &layout);
    ring_view_init(&view, region, &layout);
    assert_true(ring_view_check(&view));
    return view;
}

/* A view whose counts have been running for long: `start` is every index. */
static struct ring_view view_at(uint32_t start)
{
    struct ring_view view = new_view();

    view.sq_head = start;
    view.cq_tail = start;
    view.cq_head = start;
    view.room_head = start;
    header->sq_tail = start;
    header->cq_head = start;
    ring_publish(&view);
    return view;
}

static struct cap_cqe *cqe_at(uint32_t index)
{
    return (struct cap_cqe *)(void *)(region + layout.cq_offset) + index % CQ;
}

static struct cap_sqe *sqe_at(uint32_t index)
{
    return (struct cap_sqe *)(void *)(region + layout.sq_offset) + index % SQ;
}

static uint32_t pending_of(struct ring_view *view)
{
    uint32_t n = 0;

    assert_int_equal(ring_pending(view, &n), ST_OK);
    return n;
}

static uint32_t room_of(struct ring_view *view)
{
    uint32_t n = 0;

    assert_int_equal(ring_cq_room(view, &n), ST_OK);
    return n;
}

static uint32_t available_of(struct ring_view *view)
{
    uint32_t n = 0;

    assert_int_equal(ring_available(view, &n), ST_OK);
    assert_true(ring_view_check(view));
    return n;
}

static void test_layout_limits(void **state)
{
    static const struct {
        uint32_t sq, cq, area;
        enum status expected;
    } cases[] = {
        {CAP_SQ_DEFAULT, CAP_CQ_DEFAULT, CAP_AREA_DEFAULT, ST_OK},
        {CAP_SQ_MIN, CAP_CQ_MIN, CAP_AREA_MIN, ST_OK},
        {CAP_SQ_MAX, CAP_CQ_MAX, CAP_AREA_MAX, ST_OK},
        {8, 8, 1024, ST_OK},
        {CAP_SQ_MIN / 2, CAP_CQ_MIN, CAP_AREA_MIN, ST_INVALID},
        {CAP_SQ_MAX * 2, CAP_CQ_MAX, CAP_AREA_MAX, ST_INVALID},
        {CAP_SQ_MIN, CAP_CQ_MIN / 2, CAP_AREA_MIN, ST_INVALID},
        {CAP_SQ_MAX, CAP_CQ_MAX * 2, CAP_AREA_MAX, ST_INVALID},
        {CAP_SQ_MIN, CAP_CQ_MIN, CAP_AREA_MIN / 2, ST_INVALID},
        {CAP_SQ_MAX, CAP_CQ_MAX, CAP_AREA_MAX * 2, ST_INVALID},
        {16, 8, 1024, ST_INVALID},
        {12, 32, 1024, ST_INVALID},
        {16, 33, 1024, ST_INVALID},
        {16, 32, 1032, ST_INVALID},
        {0, 32, 1024, ST_INVALID},
        {16, 0, 1024, ST_INVALID},
        {16, 32, 0, ST_INVALID},
        {UINT32_MAX, UINT32_MAX, UINT32_MAX, ST_INVALID},
        {0x80000000u, 0x80000000u, 0x80000000u, ST_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ring_layout l = {.region_bytes = 77};

        assert_int_equal(ring_region_layout(cases[i].sq, cases[i].cq, cases[i].area, &l),
                         cases[i].expected);
        if (cases[i].expected != ST_OK) {
            assert_int_equal(l.region_bytes, 77);
            continue;
        }
        assert_int_equal(l.sq_offset, sizeof(struct cap_ring_header));
        assert_int_equal(l.cq_offset, l.sq_offset + l.sq_entries * sizeof(struct cap_sqe));
        assert_int_equal(l.area_offset, l.cq_offset + l.cq_entries * sizeof(struct cap_cqe));
        assert_true(l.sq_offset % 64 == 0 && l.cq_offset % 64 == 0 && l.area_offset % 64 == 0);
        assert_true(l.region_bytes >= l.area_offset + l.area_bytes);
        assert_true(l.region_bytes % USER_PAGE_BYTES == 0 && l.region_bytes <= USER_RING_BYTES);
    }
}

static void test_format_writes_the_header_alone(void **state)
{
    struct cap_ring_header expected = {0};

    (void)state;
    new_view();
    expected.magic = CAP_RING_MAGIC;
    expected.abi_version = CAP_RING_ABI_VERSION;
    expected.sq_entries = SQ;
    expected.cq_entries = CQ;
    expected.sq_offset = layout.sq_offset;
    expected.cq_offset = layout.cq_offset;
    expected.area_offset = layout.area_offset;
    expected.area_bytes = CAP_AREA_MIN;
    expected.region_bytes = layout.region_bytes;
    assert_memory_equal(header, &expected, sizeof(expected));
    for (size_t i = sizeof(expected); i < layout.region_bytes; i++) {
        assert_int_equal(region[i], 0);
    }
    assert_int_equal(region[layout.region_bytes], 0xa5);
}

/* Every tail near each boundary, from heads at the start and around the wrap. */
static void test_every_tail(void **state)
{
    static const uint32_t starts[] = {0, 1, SQ, 0x7fffffff, 0xfffffffe, 0xffffffff};
    static const uint32_t anywhere[] = {0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};

    (void)state;
    for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
        for (uint32_t i = 0; i < 24 + sizeof(anywhere) / sizeof(anywhere[0]); i++) {
            struct ring_view view = view_at(starts[s]);
            uint32_t tail = i < 24 ? starts[s] + i - 12 : anywhere[i - 24];
            uint32_t distance = tail - starts[s];
            uint32_t n = 1234;

            observer_start();
            header->sq_tail = tail;
            if (distance <= SQ) {
                assert_int_equal(ring_pending(&view, &n), ST_OK);
                assert_int_equal(n, distance);
                assert_int_equal(view.corruptions, 0);
            } else {
                assert_int_equal(ring_pending(&view, &n), ST_INVALID);
                assert_int_equal(n, 1234);
                assert_int_equal(header->sq_tail, starts[s]);
                assert_int_equal(header->corruptions, 1);
                assert_int_equal(pending_of(&view), 0);
            }
            assert_int_equal(load_count, distance <= SQ ? 1 : 2);
            assert_int_equal(view.sq_head, starts[s]);
            assert_true(ring_view_check(&view));
            header->sq_tail = tail;
            assert_int_equal(ring_tail(&view), tail);
        }
    }
}

/* The same for cq_head, with 0…CQ completions to be taken. */
static void test_every_cq_head(void **state)
{
    static const uint32_t starts[] = {0, 1, 0x7ffffffc, 0xfffffffa, 0xffffffff};

    (void)state;
    for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
        for (uint32_t posted = 0; posted <= CQ; posted++) {
            for (uint32_t i = 0; i < 40; i++) {
                struct ring_view view = view_at(starts[s]);
                uint32_t head = starts[s] + i - 16;
                uint32_t n = 1234;

                for (uint32_t k = 0; k < posted; k++) {
                    ring_post(&view, k, 0, 0, 0, 0);
                }
                header->cq_head = head;
                if (head - starts[s] <= posted) {
                    assert_int_equal(ring_available(&view, &n), ST_OK);
                    assert_int_equal(n, posted - (head - starts[s]));
                    /* What was taken is room again once all of the rest is used. */
                    assert_int_equal(view.cq_room, CQ - posted);
                    if (posted == CQ) {
                        assert_int_equal(room_of(&view), CQ - n);
                        assert_int_equal(view.room_head, head);
                    }
                } else {
                    assert_int_equal(ring_available(&view, &n), ST_INVALID);
                    assert_int_equal(n, 1234);
                    assert_int_equal(header->cq_head, starts[s]);
                    assert_int_equal(header->corruptions, 1);
                    assert_int_equal(available_of(&view), posted);
                }
                assert_true(ring_view_check(&view));
            }
        }
    }
}

static void fill_sqe(struct cap_sqe *sqe, uint8_t seed)
{
    uint8_t *bytes = (uint8_t *)sqe;

    for (size_t i = 0; i < sizeof(*sqe); i++) {
        bytes[i] = (uint8_t)(seed + i * 7 + 1);
    }
}

/* An entry is what it was when read, each byte read once, while it changes. */
static void test_take_reads_each_byte_once(void **state)
{
    (void)state;
    for (uint32_t start = 0xfffffffcu; start != 4; start++) {
        struct ring_view view = view_at(start);
        struct cap_sqe expected;
        struct cap_sqe sqe;
        size_t offset = (size_t)((uint8_t *)sqe_at(start) - region);

        fill_sqe(&expected, (uint8_t)start);
        *sqe_at(start) = expected;
        header->sq_tail = start + 1;
        assert_int_equal(pending_of(&view), 1);
        observer_start();
        spoil = true;
        ring_take(&view, &sqe);
        spoil = false;
        assert_memory_equal(&sqe, &expected, sizeof(sqe));
        assert_false(loaded_twice);
        for (size_t i = 0; i < sizeof(sqe); i++) {
            assert_int_equal(loads[offset + i], 1);
        }
        assert_int_equal(load_count, 8);
        assert_int_equal(pending_of(&view), 0);
        assert_int_equal(header->sq_head, start);
        ring_publish(&view);
        assert_int_equal(header->sq_head, start + 1);
    }
}

static void test_post_writes_every_field(void **state)
{
    struct ring_view view = new_view();
    const struct cap_cqe expected = {.user_data = 0x1122334455667788u,
                                     .result = -6,
                                     .flags = 0xfedc,
                                     .cap_count = 0xba98,
                                     .detail = 0x99aabbccddeeff00u};
    const struct cap_cqe plain = {.user_data = 5, .result = INT32_MAX};

    (void)state;
    memset(region + layout.cq_offset, 0xa5, CQ * sizeof(struct cap_cqe));
    observer_start();
    ring_post(&view, expected.user_data, expected.result, expected.flags, expected.cap_count,
              expected.detail);
    ring_post(&view, 5, INT32_MAX, 0, 0, 0);
    assert_int_equal(load_count, 0);
    assert_memory_equal(cqe_at(0), &expected, sizeof(expected));
    assert_memory_equal(cqe_at(1), &plain, sizeof(plain));
    assert_int_equal(header->cq_tail, 0);
    ring_publish(&view);
    assert_int_equal(header->cq_tail, 2);
    assert_int_equal(available_of(&view), 2);
}

static void test_room_is_reread_only_when_short(void **state)
{
    struct ring_view view = new_view();

    (void)state;
    for (uint32_t i = 0; i < CQ; i++) {
        observer_start();
        assert_int_equal(room_of(&view), CQ - i);
        assert_int_equal(load_count, 0);
        ring_post(&view, i, 0, 0, 0, 0);
        assert_true(ring_view_check(&view));
    }
    observer_start();
    assert_int_equal(room_of(&view), 0);
    assert_int_equal(load_count, 1);
    header->cq_head = 3;
    assert_int_equal(room_of(&view), 3);
    ring_post(&view, 8, 0, 0, 0, 0);
    assert_int_equal(cqe_at(0)->user_data, 8);
    assert_int_equal(room_of(&view), 2);
    assert_int_equal(available_of(&view), 6);
}

static void test_corrupt_head_gives_no_room(void **state)
{
    struct ring_view view = new_view();
    uint32_t n = 1234;

    (void)state;
    for (uint32_t i = 0; i < CQ; i++) {
        ring_post(&view, i, 0, 0, 0, 0);
    }
    header->cq_head = CQ + 1;
    assert_int_equal(ring_cq_room(&view, &n), ST_INVALID);
    assert_int_equal(n, 1234);
    assert_int_equal(header->cq_head, 0);
    assert_int_equal(room_of(&view), 0);
    assert_int_equal(view.corruptions, 1);
}

/* Places reserved are kept free to the last. */
static void test_reservations(void **state)
{
    struct ring_view view = new_view();

    (void)state;
    for (uint32_t i = 0; i < CQ - SQ; i++) {
        ring_reserve(&view);
        assert_int_equal(ring_reserved(&view), i + 1);
        assert_true(ring_view_check(&view));
    }
    for (uint32_t i = SQ; i > 0; i--) {
        assert_int_equal(room_of(&view), i);
        ring_post(&view, 100 + i, 0, 0, 0, 0);
    }
    assert_int_equal(room_of(&view), 0);
    for (uint32_t i = 0; i < CQ - SQ - 1; i++) {
        ring_post_reserved(&view, 200 + i, 0, 0, 0, 0);
        assert_true(ring_view_check(&view));
    }
    assert_int_equal(room_of(&view), 0);
    ring_post_reserved(&view, 300, 0, 0, 0, 0);
    assert_int_equal(available_of(&view), CQ);
    for (uint32_t i = 0; i < CQ; i++) {
        uint64_t expected = i < SQ ? 100 + SQ - i : i < CQ - 1 ? 200 + i - SQ : 300;

        assert_int_equal(cqe_at(i)->user_data, expected);
    }
}

/* What the program is known to have taken is room before its head is read again. */
static void test_room_that_is_known(void **state)
{
    struct ring_view view = new_view();

    (void)state;
    for (uint32_t i = 0; i < CQ; i++) {
        if (i == CQ / 2) {
            header->cq_head = 3;
            assert_int_equal(available_of(&view), CQ / 2 - 3);
        }
        ring_post(&view, i, 0, 0, 0, 0);
    }
    observer_start();
    assert_int_equal(room_of(&view), 3);
    assert_int_equal(load_count, 0);
    assert_true(ring_view_check(&view));
}

static void test_equal_queues_reserve_nothing(void **state)
{
    struct ring_view view;

    (void)state;
    assert_int_equal(ring_region_layout(8, 8, CAP_AREA_MIN, &layout), ST_OK);
    memset(region, 0, sizeof(region));
    ring_format(region, &layout);
    ring_view_init(&view, region, &layout);
    assert_true(ring_view_check(&view));
    ring_reserve(&view); /* for which there is no record */
    assert_false(ring_view_check(&view));
}

/* What the kernel publishes may be scribbled over; it is not read back. */
static void test_scribbled_copies_do_not_matter(void **state)
{
    struct ring_view view = view_at(0xfffffff0u);
    uint64_t seed = 3;
    uint64_t submitted = 0;
    uint64_t completed = 0;

    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        uint32_t n = (uint32_t)(round % (SQ + 1));

        for (uint32_t i = 0; i < n; i++) {
            sqe_at(header->sq_tail + i)->user_data = submitted++;
        }
        header->sq_tail += n;
        n = pending_of(&view);
        for (uint32_t i = 0; i < n && room_of(&view) > 0; i++) {
            struct cap_sqe sqe;

            ring_take(&view, &sqe);
            ring_post(&view, sqe.user_data, 0, 0, 0, 0);
        }
        ring_publish(&view);
        n = available_of(&view);
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(cqe_at(header->cq_head + i)->user_data, completed++);
        }
        header->cq_head += n;
        seed = seed * 6364136223846793005ull + 1;
        memset(header, (int)(seed >> 60), offsetof(struct cap_ring_header, sq_tail));
        memset(&header->sq_head, (int)(seed >> 56), 64);
    }
    assert_int_equal(completed, submitted);
    assert_int_equal(view.corruptions, 0);
}

static void test_check_sees_damage(void **state)
{
    struct ring_view view = new_view();

    (void)state;
#define SEES(member, value)                                                                        \
    do {                                                                                           \
        uint32_t was = view.member;                                                                \
        view.member = (value);                                                                     \
        assert_false(ring_view_check(&view));                                                      \
        view.member = was;                                                                         \
        assert_true(ring_view_check(&view));                                                       \
    } while (0)
    SEES(sq_entries, 3);
    SEES(sq_entries, 0);
    SEES(sq_mask, 7);
    SEES(cq_mask, 6);
    SEES(cq_mask, 1);
    SEES(cq_room, UINT32_MAX);
    SEES(cq_room, CQ - (CQ - SQ) - 1); /* more places kept than there can be */
    SEES(cq_tail, CQ + 1);
    SEES(cq_head, 1);
    SEES(room_head, 1);
#undef SEES
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout_limits),
        cmocka_unit_test(test_format_writes_the_header_alone),
        cmocka_unit_test(test_every_tail),
        cmocka_unit_test(test_every_cq_head),
        cmocka_unit_test(test_take_reads_each_byte_once),
        cmocka_unit_test(test_post_writes_every_field),
        cmocka_unit_test(test_room_is_reread_only_when_short),
        cmocka_unit_test(test_corrupt_head_gives_no_room),
        cmocka_unit_test(test_reservations),
        cmocka_unit_test(test_room_that_is_known),
        cmocka_unit_test(test_equal_queues_reserve_nothing),
        cmocka_unit_test(test_scribbled_copies_do_not_matter),
        cmocka_unit_test(test_check_sees_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
