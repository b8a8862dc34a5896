// SPDX-License-Identifier: MIT
/*
 * Framing: the table of any number of segments, written and found again, and every
 * beginning and every lie of one.
 */
#include "messages.h"
#include "words.h"

#include <capnp/frame.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SEGMENTS_MAX 20u

static void tables(void **state)
{
    struct capnp_segment segments[SEGMENTS_MAX];

    (void)state;
    for (uint32_t count = 1; count <= SEGMENTS_MAX; count++) {
        uint64_t total = capnp_frame_table_bytes(count);
        size_t table_bytes = (size_t)total;
        for (uint32_t i = 0; i < count; i++) {
            segments[i] = (struct capnp_segment){.base = NULL, .bytes = (i % 3u + 1u) * 8u};
            total += segments[i].bytes;
        }
        uint8_t *bytes = malloc(total);
        memset(bytes, 0xee, total);
        assert_false(capnp_frame_write_table(bytes, table_bytes - 1, segments, count));
        assert_int_equal(bytes[0], 0xee);
        assert_true(capnp_frame_write_table(bytes, table_bytes, segments, count));
        assert_int_equal(bytes[table_bytes], 0xee);
        assert_int_equal(capnp_load_u32(bytes), count - 1);
        assert_true(count % 2 != 0 || capnp_load_u32(bytes + table_bytes - 4) == 0);

        struct capnp_segment found[SEGMENTS_MAX];
        struct capnp_message m;
        assert_true(capnp_message_open_framed(&m, bytes, total, found, SEGMENTS_MAX));
        assert_int_equal(m.segment_count, count);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(found[i].bytes, segments[i].bytes);
        }
        /* Each beginning asks for more, in at most three steps; the whole is whole. */
        uint64_t wanted;
        for (size_t len = 0; len < total; len++) {
            assert_int_equal(capnp_frame_measure(bytes, len, count, total, &wanted),
                             CAPNP_FRAME_MORE);
            assert_in_range(wanted, len + 1, total);
            assert_true(len < table_bytes || wanted == total);
        }
        assert_int_equal(capnp_frame_measure(bytes, total, count, total, &wanted),
                         CAPNP_FRAME_WHOLE);
        assert_int_equal(wanted, total);
        /* A segment or a byte beyond the limits. */
        assert_int_equal(capnp_frame_measure(bytes, total, count - 1, total, &wanted),
                         CAPNP_FRAME_CORRUPT);
        assert_int_equal(capnp_frame_measure(bytes, total, count, total - 1, &wanted),
                         CAPNP_FRAME_CORRUPT);
        free(bytes);
    }
}

static void tables_that_cannot_be(void **state)
{
    struct capnp_segment segments[2] = {{NULL, 8}, {NULL, 8}};
    uint8_t table[16] = {0};

    (void)state;
    assert_false(capnp_frame_write_table(table, sizeof table, segments, 0));
    segments[1].bytes = 12;
    assert_false(capnp_frame_write_table(table, sizeof table, segments, 2));
    segments[1].bytes = 8ull << 32;
    assert_false(capnp_frame_write_table(table, sizeof table, segments, 2));
    segments[1].bytes = (8ull << 32) - 8u;
    assert_true(capnp_frame_write_table(table, sizeof table, segments, 2));
    segments[0].bytes = 0;
    assert_false(capnp_frame_write_table(table, sizeof table, segments, 2));
}

/* Counts and sums that wrap in 32 bits. */
static void tables_that_lie(void **state)
{
    static const uint32_t all_ones[] = {UINT32_MAX, 1, 1, 1};
    static const uint32_t sums[] = {2, 1u << 31, 1u << 31, 1};
    static const uint32_t empty[] = {0, 0};
    uint64_t wanted;

    (void)state;
    assert_int_equal(capnp_frame_measure(all_ones, sizeof all_ones, UINT32_MAX, 1 << 20, &wanted),
                     CAPNP_FRAME_CORRUPT);
    assert_int_equal(capnp_frame_measure(all_ones, sizeof all_ones, 512, UINT64_MAX, &wanted),
                     CAPNP_FRAME_CORRUPT);
    assert_int_equal(capnp_frame_measure(sums, sizeof sums, 512, 1 << 20, &wanted),
                     CAPNP_FRAME_CORRUPT);
    assert_int_equal(capnp_frame_measure(sums, sizeof sums, 512, UINT64_MAX, &wanted),
                     CAPNP_FRAME_MORE);
    assert_true(wanted == 16 + ((1ull << 32) + 1u) * 8u);
    assert_int_equal(capnp_frame_measure(empty, sizeof empty, 512, 1 << 20, &wanted),
                     CAPNP_FRAME_CORRUPT);
    assert_int_equal(capnp_frame_measure(empty, 0, 512, 7, &wanted), CAPNP_FRAME_CORRUPT);
}

/* What the stock tool wrote, with as many segments as it has pointers, behind each other. */
static void stock_stream(void **state)
{
    size_t len = sizeof tree_far + sizeof lists_far;
    uint8_t *stream = malloc(len);
    uint64_t first;
    uint64_t second;

    (void)state;
    memcpy(stream, tree_far, sizeof tree_far);
    memcpy(stream + sizeof tree_far, lists_far, sizeof lists_far);
    assert_int_equal(capnp_frame_measure(stream, len, 512, 1 << 20, &first), CAPNP_FRAME_WHOLE);
    assert_int_equal(first, sizeof tree_far);
    assert_int_equal(capnp_frame_measure(stream + first, len - first, 512, 1 << 20, &second),
                     CAPNP_FRAME_WHOLE);
    assert_int_equal(second, sizeof lists_far);
    free(stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables),
        cmocka_unit_test(tables_that_cannot_be),
        cmocka_unit_test(tables_that_lie),
        cmocka_unit_test(stock_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
