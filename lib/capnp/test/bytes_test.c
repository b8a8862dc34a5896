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

/* What knows no schema finds nothing wrong with what was good, and reads the same. */
static void check_as_a_whole(const uint8_t *message, size_t bytes, bool good)
{
    struct capnp_message m;

    if (!good) {
        return;
    }
    assert_true(capnp_message_open_flat(&m, message, bytes));
    struct capnp_struct s = capnp_root(&m, DATA_WORDS, POINTERS);
    for (uint16_t i = 0; i < POINTERS; i++) {
        if ((TEXTS >> i & 1u) != 0) {
            (void)capnp_get_text(s, i);
        } else {
            (void)capnp_get_data(s, i);
        }
    }
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_NONE);
}

/* Opens a copy that ends where the heap says, both ways. Whether it was recognised. */
static bool read_both_ways(const uint8_t *message, size_t bytes)
{
    uint8_t *copy = malloc(bytes == 0 ? 1 : bytes);
    struct capnp_data fields[POINTERS];
    struct capnp_data expected[POINTERS];
    uint64_t scratch[DATA_WORDS];
    uint64_t other_scratch[DATA_WORDS];

    memcpy(copy, message, bytes);
    bool recognised =
        capnp_bytes_root_as_built(copy, bytes, DATA_WORDS, POINTERS, TEXTS, fields) != NULL;
    const uint8_t *data =
        capnp_bytes_root(copy, bytes, DATA_WORDS, POINTERS, TEXTS, scratch, fields);
    const uint8_t *like = capnp_bytes_root_any_shape(copy, bytes, DATA_WORDS, POINTERS, TEXTS,
                                                     other_scratch, expected);
    assert_int_equal(data == NULL, like == NULL);
    assert_true(!recognised || data == copy + 8);
    if (data != NULL) {
        assert_memory_equal(data, like, DATA_WORDS * 8u);
        for (uint16_t i = 0; i < POINTERS; i++) {
            assert_int_equal(fields[i].len, expected[i].len);
            assert_ptr_equal(fields[i].ptr, expected[i].ptr);
            if ((TEXTS >> i & 1u) != 0) {
                struct capnp_text text = capnp_field_text(fields[i]);
                assert_int_equal(text.ptr[text.len], '\0');
            }
        }
    }
    check_as_a_whole(copy, bytes, data != NULL);
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

static bool opens(const uint8_t *message, size_t bytes, uint32_t texts)
{
    struct capnp_data fields[POINTERS];
    uint64_t scratch[DATA_WORDS];

    return capnp_bytes_root(message, bytes, DATA_WORDS, POINTERS, texts, scratch, fields) != NULL;
}

static void text_that_does_not_end_is_refused(void **state)
{
    static const uint32_t lengths[POINTERS] = {8, 16, 15};
    uint8_t message[256];

    (void)state;
    uint32_t bytes = build(message, lengths, false);
    assert_true(opens(message, bytes, TEXTS));
    message[bytes - 1u] = 'x';
    assert_false(opens(message, bytes, TEXTS));
    assert_true(opens(message, bytes, 1));
}

/* One pointer: the shape of a short call, whose last pointer is its first. */
static void one_pointer(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 40; n++) {
        uint8_t message[80];
        struct capnp_data fields[1];
        struct capnp_data expected[1];
        uint64_t scratch[1];
        capnp_store_u64(capnp_flat_root(message, 1, 1).data, 7);
        uint32_t bytes =
            capnp_flat_data(message, 16, 24, (struct capnp_data){(const uint8_t *)letters, n});
        assert_int_equal(capnp_bytes_root_as_built(message, bytes, 1, 1, 0, fields) != NULL,
                         n != 0);
        for (uint32_t bit = 0; bit < 64; bit++) {
            uint64_t word = capnp_load_u64(message + 16);
            capnp_store_u64(message + 16, word ^ 1ull << bit);
            const uint8_t *data = capnp_bytes_root(message, bytes, 1, 1, 0, scratch, fields);
            const uint8_t *like =
                capnp_bytes_root_any_shape(message, bytes, 1, 1, 0, scratch, expected);
            assert_ptr_equal(data, like);
            assert_true(data == NULL || fields[0].len == expected[0].len);
            assert_true(data == NULL || fields[0].ptr == expected[0].ptr);
            capnp_store_u64(message + 16, word);
        }
    }
}

/*
 * Lengths that would be the message's if some of their bits were not looked at: the
 * shortest message, with each pointer that says so many bytes less than nothing.
 */
static void no_length_is_mistaken(void **state)
{
    uint64_t message[5] = {CAPNP_STRUCT_WORD(1, 1), 7, 0, 0, 0};
    struct capnp_data fields[1];

    (void)state;
    for (uint32_t words = 3; words <= 5; words++) {
        for (int64_t len = -16; len <= 24; len++) {
            message[2] = (uint64_t)len << 35 | 2ull << 32 | 1u;
            bool built = capnp_bytes_root_as_built(message, words * 8u, 1, 1, 0, fields) != NULL;
            assert_int_equal(built, len > 0 && (len + 7) / 8 == words - 3u);
            message[2] = (2ull << 32 | 1u) - 1u - (uint64_t)(len + 16);
            assert_null(capnp_bytes_root_as_built(message, words * 8u, 1, 1, 0, fields));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_built_without_an_arena_is_the_same),
        cmocka_unit_test(a_root_of_nothing_is_one_word),
        cmocka_unit_test(every_bit_and_every_length),
        cmocka_unit_test(other_layouts_are_read_the_general_way),
        cmocka_unit_test(text_that_does_not_end_is_refused),
        cmocka_unit_test(one_pointer),
        cmocka_unit_test(no_length_is_mistaken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
