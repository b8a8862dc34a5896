// SPDX-License-Identifier: MIT
/*
 * Messages of a struct with bytes behind it, which short calls are: what is built without
 * an arena is what an arena gets, it is recognised, and what is recognised reads as the
 * general reader reads it. So does everything else: each message that differs from a
 * good one in a bit, each beginning of it, and other layouts of the same.
 */
#include "words.h"

#include <capnp/build.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Two words of data, a Text, a Data, a Text. */
#define DATA_WORDS 2u
#define POINTERS   3u
#define TEXTS      5u
#define ROOT_BYTES CAPNP_ROOT_BYTES(DATA_WORDS, POINTERS)
#define SLOT(i)    (8u + (DATA_WORDS + (i)) * 8u)

static const char letters[] = "a text of this message, or its data, as long as it takes";

/* By the arena, in an order of the caller's. */
static uint32_t build(uint8_t *message, const uint32_t lengths[POINTERS], bool backwards)
{
    struct capnp_arena arena;

    capnp_arena_init(&arena, message, 256);
    struct capnp_struct_builder b = capnp_build_root(&arena, DATA_WORDS, POINTERS);
    capnp_set_u64(b, 0, 0x0123456789abcdef);
    for (uint32_t k = 0; k < POINTERS; k++) {
        uint32_t i = backwards ? POINTERS - 1u - k : k;
        capnp_any_set_bytes(capnp_slot(b, (DATA_WORDS + i) * 8u), letters, lengths[i],
                            TEXTS >> i & 1u);
    }
    assert_true(capnp_arena_ok(&arena));
    return capnp_arena_bytes(&arena);
}

/* Opens a copy that ends where the heap says, both ways. Whether it was recognised. */
static bool read_both_ways(const uint8_t *message, size_t bytes)
{
    uint8_t *copy = malloc(bytes == 0 ? 1 : bytes);
    struct capnp_message m;
    struct capnp_message general;

    memcpy(copy, message, bytes);
    struct capnp_struct s = capnp_open_bytes(&m, copy, bytes, DATA_WORDS, POINTERS, TEXTS);
    struct capnp_struct like =
        capnp_open_bytes_any_shape(&general, copy, bytes, DATA_WORDS, POINTERS, TEXTS);
    bool recognised = s.message != NULL && (s.depth & CAPNP_DEPTH_CHECKED) != 0;
    assert_int_equal(s.message == NULL, like.message == NULL);
    if (s.message != NULL) {
        assert_ptr_equal(s.message, &m);
        assert_int_equal(capnp_get_u64(s, 0), capnp_get_u64(like, 0));
        assert_int_equal(capnp_get_u64(s, 8), capnp_get_u64(like, 8));
        for (uint16_t i = 0; i < POINTERS; i++) {
            struct capnp_data data = capnp_get_data(s, i);
            struct capnp_data expected = capnp_get_data(like, i);
            assert_int_equal(capnp_has(s, i), capnp_has(like, i));
            assert_int_equal(data.len, expected.len);
            assert_true(data.len == 0 || data.ptr == expected.ptr);
            if ((TEXTS >> i & 1u) != 0) {
                assert_true(capnp_text_equal(capnp_get_text(s, i), capnp_get_text(like, i)));
            }
        }
        assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_NONE);
        /* What knows no schema sees the same message. */
        assert_true(!recognised || capnp_struct_check_pointers(s));
    }
    free(copy);
    return recognised;
}

static void what_is_built_without_an_arena_is_the_same(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 40; n++) {
        const uint32_t lengths[POINTERS] = {n, 40u - n, n % 17u};
        uint8_t with[256];
        uint8_t without[256];
        memset(with, 0xaa, sizeof with);
        memset(without, 0x55, sizeof without);
        uint32_t bytes = build(with, lengths, false);
        struct capnp_struct_builder b = {
            .arena = NULL, .data = capnp_flat_root(without, DATA_WORDS, POINTERS).data};
        capnp_set_u64(b, 0, 0x0123456789abcdef);
        uint32_t end =
            capnp_flat_text(without, SLOT(0), ROOT_BYTES, (struct capnp_text){letters, lengths[0]});
        end = capnp_flat_data(without, SLOT(1), end,
                              (struct capnp_data){(const uint8_t *)letters, lengths[1]});
        end = capnp_flat_text(without, SLOT(2), end, (struct capnp_text){letters, lengths[2]});
        assert_int_equal(end, bytes);
        assert_memory_equal(without, with, bytes);
        assert_int_equal(without[end], 0x55);
        assert_true(read_both_ways(without, end));
    }
}

static void a_root_of_nothing_is_one_word(void **state)
{
    (void)state;
    uint8_t message[16];
    struct capnp_message m;

    memset(message, 0x55, sizeof message);
    capnp_flat_root(message, 0, 0);
    assert_int_equal(message[8], 0x55);
    assert_true(capnp_message_open_flat(&m, message, 8));
    (void)capnp_root(&m, 0, 0);
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_NONE);
}

static void every_bit_and_every_length(void **state)
{
    (void)state;
    static const uint32_t all[][POINTERS] = {{8, 16, 9}, {0, 0, 0}, {7, 3, 1}, {20, 32, 15}};

    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        uint8_t message[256] = {0};
        uint32_t bytes = build(message, all[k], false);
        for (uint32_t bit = 0; bit < bytes * 8u; bit++) {
            message[bit / 8u] ^= (uint8_t)(1u << bit % 8u);
            (void)read_both_ways(message, bytes);
            message[bit / 8u] ^= (uint8_t)(1u << bit % 8u);
        }
        for (uint32_t len = 0; len <= bytes + 24u; len++) {
            assert_int_equal(read_both_ways(message, len), len == bytes);
        }
    }
}

/* As good as any, though not what the builder makes in the order of the fields. */
static void other_layouts_are_read_the_general_way(void **state)
{
    static const uint32_t lengths[POINTERS] = {8, 16, 9};
    uint8_t message[256];

    (void)state;
    assert_false(read_both_ways(message, build(message, lengths, true)));
    uint32_t bytes = build(message, lengths, false);
    memset(message + SLOT(1), 0, 8); /* null */
    assert_false(read_both_ways(message, bytes));
    assert_false(read_both_ways(message, 0));
}

static void text_that_does_not_end_is_refused(void **state)
{
    static const uint32_t lengths[POINTERS] = {8, 16, 15};
    uint8_t message[256];
    struct capnp_message m;

    (void)state;
    uint32_t bytes = build(message, lengths, false);
    assert_non_null(capnp_open_bytes(&m, message, bytes, DATA_WORDS, POINTERS, TEXTS).message);
    message[bytes - 1u] = 'x';
    assert_null(capnp_open_bytes(&m, message, bytes, DATA_WORDS, POINTERS, TEXTS).message);
    assert_non_null(capnp_open_bytes(&m, message, bytes, DATA_WORDS, POINTERS, 1).message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_built_without_an_arena_is_the_same),
        cmocka_unit_test(a_root_of_nothing_is_one_word),
        cmocka_unit_test(every_bit_and_every_length),
        cmocka_unit_test(other_layouts_are_read_the_general_way),
        cmocka_unit_test(text_that_does_not_end_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
