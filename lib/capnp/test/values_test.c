// SPDX-License-Identifier: MIT
/*
 * Honest messages: those of the stock encoder read as what went in, near and far;
 * what one age of a schema wrote, the other reads; defaults and unions are where
 * the schema puts them.
 */
#include "gen/sample.capnp.c"
#include "messages.h"
#include "words.h"

#include <capos.capnp.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SEGMENTS 64

static bool is(struct capnp_text text, const char *expected)
{
    return capnp_text_equal(text, capnp_text_from(expected));
}

/* ---------------------------------------------------------------------------
 * Messages of the stock encoder */

static void check_tree(struct sample_tree r)
{
    assert_true(sample_tree_check(r));
    assert_true(is(sample_tree_get_name(r), "root"));
    assert_true(is(sample_tree_get_name(sample_tree_get_left(r)), "left"));
    assert_true(is(sample_tree_get_name(sample_tree_get_right(sample_tree_get_left(r))), "deep"));
    assert_true(is(sample_tree_get_name(sample_tree_get_right(r)), "right"));
    assert_false(sample_tree_has_left(sample_tree_get_right(r)));
    assert_false(sample_tree_has_name(sample_tree_get_left(sample_tree_get_right(r))));
    struct sample_tree_list children = sample_tree_get_children(r);
    assert_int_equal(sample_tree_list_len(children), 3);
    assert_true(is(sample_tree_get_name(sample_tree_list_at(children, 1)), "two"));
    struct sample_tree leaf = sample_tree_get_left(sample_tree_list_at(children, 2));
    assert_true(is(sample_tree_get_name(leaf), "leaf"));
    assert_int_equal(capnp_message_error(r.s.message), CAPNP_ERROR_NONE);
}

static void trees(void **state)
{
    struct capnp_segment segments[SEGMENTS];
    struct capnp_message m;

    (void)state;
    assert_true(capnp_message_open_flat(&m, tree_flat, sizeof tree_flat));
    check_tree(sample_tree_read_root(&m));
    assert_true(capnp_message_open_framed(&m, tree_framed, sizeof tree_framed, segments, SEGMENTS));
    check_tree(sample_tree_read_root(&m));
    assert_true(capnp_message_open_framed(&m, tree_far, sizeof tree_far, segments, SEGMENTS));
    assert_in_range(m.segment_count, 10, SEGMENTS);
    check_tree(sample_tree_read_root(&m));
}

static void check_lists(struct sample_lists r)
{
    static const bool bools[] = {1, 0, 1, 1, 0, 0, 0, 0, 1, 1};

    assert_true(sample_lists_check(r));
    assert_int_equal(capnp_void_list_len(sample_lists_get_voids(r)), 3);
    assert_int_equal(capnp_bool_list_len(sample_lists_get_bools(r)), 10);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(capnp_bool_list_at(sample_lists_get_bools(r), i), bools[i]);
    }
    assert_int_equal(capnp_i8_list_at(sample_lists_get_i8s(r), 0), -1);
    assert_int_equal(capnp_i8_list_at(sample_lists_get_i8s(r), 2), -3);
    assert_int_equal(capnp_u16_list_at(sample_lists_get_u16s(r), 1), 65535);
    assert_int_equal(capnp_u32_list_at(sample_lists_get_u32s(r), 1), UINT32_MAX);
    assert_int_equal(capnp_u32_list_len(sample_lists_get_u32s(r)), 3);
    assert_true(capnp_u64_list_at(sample_lists_get_u64s(r), 0) == UINT64_MAX);
    assert_true(capnp_f64_list_at(sample_lists_get_f64s(r), 1) == -1.5);
    assert_int_equal(capnp_u16_list_at(sample_lists_get_colours(r), 1), SAMPLE_COLOUR_NAVY);
    assert_true(is(capnp_text_list_at(sample_lists_get_texts(r), 0), "eins"));
    assert_true(is(capnp_text_list_at(sample_lists_get_texts(r), 1), ""));
    assert_true(is(capnp_text_list_at(sample_lists_get_texts(r), 2), "drei"));
    assert_int_equal(capnp_data_list_at(sample_lists_get_datas(r), 0).ptr[1], 1);
    assert_int_equal(capnp_data_list_at(sample_lists_get_datas(r), 1).len, 1);
    struct sample_scalars second = sample_scalars_list_at(sample_lists_get_scalars(r), 1);
    assert_true(sample_scalars_get_no(second));
    assert_int_equal(sample_scalars_get_u64(second), 3);
    assert_int_equal(sample_scalars_get_i8(second), -8);
    assert_int_equal(sample_scalars_get_colour(second), SAMPLE_COLOUR_RED);
    struct capnp_any_list grid = sample_lists_get_grid(r);
    assert_int_equal(capnp_any_list_len(grid), 3);
    struct capnp_u8_list row = {capnp_any_list(capnp_any_list_at(grid, 0), CAPNP_ELEMENT_BYTE)};
    assert_int_equal(capnp_u8_list_len(row), 2);
    assert_int_equal(capnp_u8_list_at(row, 1), 2);
    assert_int_equal(capnp_i64_list_at(sample_lists_get_i64s(r), 0), -5);
    assert_int_equal(capnp_message_error(r.s.message), CAPNP_ERROR_NONE);
}

static void lists(void **state)
{
    struct capnp_segment segments[SEGMENTS];
    struct capnp_message m;

    (void)state;
    assert_true(capnp_message_open_flat(&m, lists_flat, sizeof lists_flat));
    check_lists(sample_lists_read_root(&m));
    assert_true(capnp_message_open_framed(&m, lists_far, sizeof lists_far, segments, SEGMENTS));
    check_lists(sample_lists_read_root(&m));
}

/* ---------------------------------------------------------------------------
 * Defaults */

static void check_default_scalars(struct sample_scalars r)
{
    assert_true(sample_scalars_get_yes(r));
    assert_false(sample_scalars_get_no(r));
    assert_int_equal(sample_scalars_get_i8(r), -8);
    assert_int_equal(sample_scalars_get_i16(r), -1600);
    assert_int_equal(sample_scalars_get_i32(r), -320000);
    assert_true(sample_scalars_get_i64(r) == INT64_MIN);
    assert_int_equal(sample_scalars_get_u8(r), 200);
    assert_int_equal(sample_scalars_get_u16(r), 60000);
    assert_int_equal(sample_scalars_get_u32(r), 4000000000u);
    assert_true(sample_scalars_get_u64(r) == 18000000000000000000u);
    assert_true(sample_scalars_get_f32(r) == 1.5f);
    assert_true(sample_scalars_get_f64(r) == -2.25);
    assert_int_equal(sample_scalars_get_colour(r), SAMPLE_COLOUR_GREEN);
}

static void defaults_of_scalars(void **state)
{
    uint64_t words[16];
    struct capnp_arena arena;
    struct capnp_message m;

    (void)state;
    assert_true(capnp_message_open_flat(&m, NULL, 0));
    struct sample_scalars r = sample_scalars_read_root(&m);
    assert_true(sample_scalars_check(r));
    check_default_scalars(r);

    capnp_arena_init(&arena, words, sizeof words);
    struct sample_scalars_builder b = sample_scalars_build_root(&arena);
    capnp_message_open_flat(&m, words, capnp_arena_bytes(&arena));
    check_default_scalars(sample_scalars_read_root(&m));

    sample_scalars_set_yes(b, false);
    sample_scalars_set_no(b, true);
    sample_scalars_set_i8(b, 127);
    sample_scalars_set_i16(b, -1);
    sample_scalars_set_i32(b, 0);
    sample_scalars_set_i64(b, INT64_MAX);
    sample_scalars_set_u8(b, 0);
    sample_scalars_set_u16(b, 1);
    sample_scalars_set_u32(b, 2);
    sample_scalars_set_u64(b, 3);
    sample_scalars_set_f32(b, -0.5f);
    sample_scalars_set_f64(b, 1e300);
    sample_scalars_set_colour(b, SAMPLE_COLOUR_NAVY);
    r = sample_scalars_read_root(&m);
    assert_false(sample_scalars_get_yes(r));
    assert_true(sample_scalars_get_no(r));
    assert_int_equal(sample_scalars_get_i8(r), 127);
    assert_int_equal(sample_scalars_get_i16(r), -1);
    assert_int_equal(sample_scalars_get_i32(r), 0);
    assert_true(sample_scalars_get_i64(r) == INT64_MAX);
    assert_int_equal(sample_scalars_get_u8(r), 0);
    assert_int_equal(sample_scalars_get_u16(r), 1);
    assert_int_equal(sample_scalars_get_u32(r), 2);
    assert_int_equal(sample_scalars_get_u64(r), 3);
    assert_true(sample_scalars_get_f32(r) == -0.5f);
    assert_true(sample_scalars_get_f64(r) == 1e300);
    assert_int_equal(sample_scalars_get_colour(r), SAMPLE_COLOUR_NAVY);
}

static void defaults_of_pointers(void **state)
{
    static const uint8_t data[] = {0x00, 0xff, 0x3f};
    struct capnp_message m;

    (void)state;
    capnp_message_open_flat(&m, NULL, 0);
    struct sample_defaults r = sample_defaults_read_root(&m);
    assert_true(sample_defaults_check(r));
    assert_true(is(sample_defaults_get_text(r), "by default"));
    assert_int_equal(sample_defaults_get_data(r).len, 3);
    assert_memory_equal(sample_defaults_get_data(r).ptr, data, 3);
    struct sample_scalars scalars = sample_defaults_get_scalars(r);
    assert_int_equal(sample_scalars_get_i8(scalars), 7);
    assert_int_equal(sample_scalars_get_u64(scalars), 1);
    assert_int_equal(sample_scalars_get_i16(scalars), -1600);
    assert_int_equal(sample_scalars_get_colour(scalars), SAMPLE_COLOUR_NAVY);
    struct sample_tree tree = sample_defaults_get_tree(r);
    assert_true(is(sample_tree_get_name(sample_tree_get_left(tree)), "left"));
    assert_true(
        is(sample_tree_get_name(sample_tree_list_at(sample_tree_get_children(tree), 1)), "b"));
    assert_int_equal(capnp_u32_list_len(sample_defaults_get_numbers(r)), 3);
    assert_int_equal(capnp_u32_list_at(sample_defaults_get_numbers(r), 2), 3);
    assert_true(is(capnp_text_list_at(sample_defaults_get_words(r), 1), "two"));
    assert_true(capnp_bool_list_at(sample_defaults_get_flags(r), 2));
    assert_false(capnp_bool_list_at(sample_defaults_get_flags(r), 1));
    assert_false(sample_defaults_has_tree(r));
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_NONE);
}

static void constants(void **state)
{
    (void)state;
    assert_int_equal(SAMPLE_ANSWER, -42);
    assert_true(SAMPLE_LARGEST == UINT64_MAX);
    assert_string_equal(SAMPLE_GREETING.ptr, "hello \"world\" \?\?/ \\");
    assert_string_equal(sample_colour_name(SAMPLE_COLOUR_NAVY), "darkBlue");
    assert_null(sample_colour_name(SAMPLE_COLOUR_COUNT));
    assert_null(sample_colour_name(UINT16_MAX));
    assert_int_equal(sample_interfaces_count, 1);
    assert_string_equal(sample_interfaces[0].name, "Tester");
    assert_int_equal(sample_interfaces[0].id, SAMPLE_TESTER_ID);
    assert_string_equal(sample_interfaces[0].methods[SAMPLE_TESTER_SWITCH].name, "switch");
    assert_string_equal(sample_interfaces[0].doc, "Methods of every shape.\n");
    assert_int_equal(CAPOS_MANIFEST_VERSION, 1);
}

/* ---------------------------------------------------------------------------
 * Unions */

static void unions(void **state)
{
    uint64_t words[32];
    struct capnp_arena arena;
    struct capnp_message m;

    (void)state;
    capnp_arena_init(&arena, words, sizeof words);
    struct sample_choice_builder b = sample_choice_build_root(&arena);
    sample_choice_set_before(b, 1);
    sample_choice_set_after(b, 2);
    capnp_message_open_flat(&m, words, sizeof words);
    struct sample_choice r = sample_choice_read_root(&m);
    assert_int_equal(sample_choice_which(r), SAMPLE_CHOICE_NOTHING);
    assert_int_equal(sample_choice_get_number(r), 0);

    sample_choice_set_number(b, 12);
    assert_int_equal(sample_choice_which(r), SAMPLE_CHOICE_NUMBER);
    assert_int_equal(sample_choice_get_number(r), 12);
    assert_int_equal(sample_choice_get_words(r).len, 0);
    assert_false(sample_choice_has_words(r));

    sample_choice_set_words(b, CAPNP_TEXT("words"));
    assert_true(is(sample_choice_get_words(r), "words"));
    assert_false(sample_choice_has_tree(r));
    assert_int_equal(sample_choice_get_tree(r).s.pointer_count, 0);
    assert_true(capnp_any_is_null(sample_choice_get_anything(r)));
    assert_true(sample_choice_check(r));

    /* A group that is initialised has its own defaults, not what lay there. */
    sample_choice_set_number(b, -1);
    struct sample_choice_pair_builder pair = sample_choice_init_pair(b);
    assert_int_equal(sample_choice_pair_get_first(sample_choice_get_pair(r)), 3);
    assert_int_equal(sample_choice_pair_get_second(sample_choice_get_pair(r)).len, 0);
    sample_choice_pair_set_first(pair, 10);
    sample_choice_pair_set_second(pair, CAPNP_TEXT("second"));
    assert_int_equal(sample_choice_pair_get_first(sample_choice_get_pair(r)), 10);
    assert_true(is(sample_choice_pair_get_second(sample_choice_get_pair(r)), "second"));
    assert_true(sample_choice_check(r));

    struct sample_choice_inner_builder inner = sample_choice_init_inner(b);
    assert_int_equal(sample_choice_inner_which(sample_choice_get_inner(r)),
                     SAMPLE_CHOICE_INNER_SMALL);
    sample_choice_inner_set_large(inner, 1ull << 40);
    assert_int_equal(sample_choice_inner_get_large(sample_choice_get_inner(r)), 1ull << 40);
    assert_int_equal(sample_choice_inner_get_small(sample_choice_get_inner(r)), 0);
    assert_int_equal(sample_choice_pair_get_first(sample_choice_get_pair(r)), 3);

    sample_tree_set_name(sample_choice_init_tree(b), CAPNP_TEXT("in a union"));
    assert_true(is(sample_tree_get_name(sample_choice_get_tree(r)), "in a union"));
    capnp_any_set_text(sample_choice_init_anything(b), CAPNP_TEXT("anything"));
    assert_true(is(capnp_any_text(sample_choice_get_anything(r)), "anything"));
    sample_choice_set_nothing(b);
    assert_int_equal(sample_choice_which(r), SAMPLE_CHOICE_NOTHING);
    assert_int_equal(sample_choice_get_before(r), 1);
    assert_int_equal(sample_choice_get_after(r), 2);
    assert_true(capnp_arena_ok(&arena));
    assert_true(sample_choice_check(r));
}

/* A member that only a newer schema knows: none of ours is set, and the check passes. */
static void union_of_a_newer_schema(void **state)
{
    uint64_t words[] = {STRUCT_AT(0, 2, 1), ~0ull, 0, CAPABILITY(5)};
    struct capnp_message m;

    (void)state;
    for (unsigned shift = 0; shift < 64; shift += 16) {
        words[2] = 999ull << shift;
        capnp_message_open_flat(&m, words, sizeof words);
        struct capos_process_status r = capos_process_status_read_root(&m);
        if ((uint16_t)capos_process_status_which(r) == 999) {
            assert_true(capos_process_status_check(r));
            assert_int_equal(capos_process_status_get_killed(r).len, 0);
            assert_int_equal(capos_process_status_get_exited(r), 0);
            return;
        }
    }
    fail();
}

/* ---------------------------------------------------------------------------
 * Ages of a schema */

static void structs_of_another_age(void **state)
{
    uint64_t words[16];
    struct capnp_arena arena;
    struct capnp_message m;

    (void)state;
    capnp_arena_init(&arena, words, sizeof words);
    sample_young_set_a(sample_young_build_root(&arena), 5);
    capnp_message_open_flat(&m, words, capnp_arena_bytes(&arena));
    struct sample_grown grown = sample_grown_read_root(&m);
    assert_true(sample_grown_check(grown));
    assert_int_equal(sample_grown_get_a(grown), 5);
    assert_int_equal(sample_grown_get_b(grown), 77);
    assert_int_equal(sample_grown_get_c(grown), 88);
    assert_true(is(sample_grown_get_name(grown), "unnamed"));

    capnp_arena_init(&arena, words, sizeof words);
    struct sample_grown_builder b = sample_grown_build_root(&arena);
    sample_grown_set_a(b, 6);
    sample_grown_set_name(b, CAPNP_TEXT("Bob"));
    capnp_message_open_flat(&m, words, capnp_arena_bytes(&arena));
    assert_int_equal(sample_young_get_a(sample_young_read_root(&m)), 6);
    assert_true(sample_young_check(sample_young_read_root(&m)));
}

/* A flat root whose schema has no pointers, from senders of every age. */
static void plain_roots(void **state)
{
    uint64_t words[] = {STRUCT_AT(0, 3, 0), 1, 2, 3};
    uint64_t scratch[3];

    (void)state;
    assert_ptr_equal(capnp_plain_root(words, 32, 3, scratch), words + 1);
    words[0] = STRUCT_AT(0, 1, 0);
    memset(scratch, 0xff, sizeof scratch);
    const uint8_t *data = capnp_plain_root(words, 16, 3, scratch);
    assert_ptr_equal(data, scratch);
    assert_int_equal(scratch[0], 1);
    assert_int_equal(scratch[1], 0);
    assert_int_equal(scratch[2], 0);
    words[0] = STRUCT_AT(0, 2, 1);
    assert_ptr_equal(capnp_plain_root(words, 32, 1, scratch), words + 1);
    memset(scratch, 0xff, sizeof scratch);
    assert_ptr_equal(capnp_plain_root(words, 0, 3, scratch), scratch);
    assert_int_equal(scratch[0] | scratch[1] | scratch[2], 0);
    words[0] = 0;
    assert_ptr_equal(capnp_plain_root(words, 8, 3, scratch), scratch);
    words[0] = STRUCT_AT(0, 3, 0);
    assert_null(capnp_plain_root(words, 24, 3, scratch));
    assert_null(capnp_plain_root(words, 31, 3, scratch));
    words[0] = LIST_AT(0, CAPNP_ELEMENT_BYTE, 8);
    assert_null(capnp_plain_root(words, 32, 3, scratch));
}

/* Of a struct with nothing in it every message is good, and one is as its builder lays it down. */
static void plain_root_of_nothing(void **state)
{
    uint64_t words[4] = {0};
    uint64_t scratch[1];

    (void)state;
    assert_non_null(capnp_plain_root(NULL, 0, 0, scratch));
    assert_non_null(capnp_plain_root_as_built(NULL, 0, 0));
    words[0] = LIST_AT(0, CAPNP_ELEMENT_BYTE, 8);
    assert_null(capnp_plain_root(words, 32, 0, scratch));
    words[0] = 0xfffffffc;
    assert_non_null(capnp_plain_root(words, 8, 0, scratch));
    assert_null(capnp_plain_root_as_built(words, 8, 0));
    words[0] = STRUCT_AT(0, 3, 0);
    assert_non_null(capnp_plain_root(words, 32, 0, scratch));
}

/* Of another only that whose size and pointer say so; the rest is for the general reader. */
static void plain_root_as_built(void **state)
{
    uint64_t words[5] = {STRUCT_AT(0, 3, 0)};

    (void)state;
    assert_ptr_equal(capnp_plain_root_as_built(words, 32, 3), words + 1);
    assert_null(capnp_plain_root_as_built(words, 40, 3));
    assert_null(capnp_plain_root_as_built(words, 24, 3));
    assert_null(capnp_plain_root_as_built(words, 0, 3));
    words[0] = STRUCT_AT(1, 3, 0);
    assert_null(capnp_plain_root_as_built(words, 32, 3));
    words[0] = STRUCT_AT(0, 2, 1);
    assert_null(capnp_plain_root_as_built(words, 32, 3));
}

static void list_of_scalars_as_structs(void **state)
{
    uint64_t words[16];
    struct capnp_arena arena;
    struct capnp_message m;

    (void)state;
    capnp_arena_init(&arena, words, sizeof words);
    struct capnp_list_builder l =
        sample_young_list_type_init_list(sample_young_list_type_build_root(&arena), 3);
    for (uint32_t i = 0; i < 3; i++) {
        capnp_list_builder_set_u32(l, i, 10 + i);
    }
    capnp_message_open_flat(&m, words, capnp_arena_bytes(&arena));
    struct sample_grown_list_type r = sample_grown_list_type_read_root(&m);
    assert_true(sample_grown_list_type_check(r));
    struct sample_grown_list list = sample_grown_list_type_get_list(r);
    assert_int_equal(sample_grown_list_len(list), 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(sample_grown_get_a(sample_grown_list_at(list, i)), 10 + i);
        assert_int_equal(sample_grown_get_b(sample_grown_list_at(list, i)), 77);
        assert_true(is(sample_grown_get_name(sample_grown_list_at(list, i)), "unnamed"));
    }
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_NONE);
}

static void list_of_structs_as_scalars(void **state)
{
    uint64_t words[32];
    struct capnp_arena arena;
    struct capnp_message m;

    (void)state;
    capnp_arena_init(&arena, words, sizeof words);
    struct sample_grown_list_builder l =
        sample_grown_list_type_init_list(sample_grown_list_type_build_root(&arena), 3);
    for (uint32_t i = 0; i < 3; i++) {
        sample_grown_set_a(sample_grown_list_builder_at(l, i), 20 + i);
        sample_grown_set_name(sample_grown_list_builder_at(l, i), CAPNP_TEXT("x"));
    }
    capnp_message_open_flat(&m, words, capnp_arena_bytes(&arena));
    struct sample_young_list_type r = sample_young_list_type_read_root(&m);
    assert_true(sample_young_list_type_check(r));
    struct capnp_u32_list list = sample_young_list_type_get_list(r);
    assert_int_equal(capnp_u32_list_len(list), 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(capnp_u32_list_at(list, i), 20 + i);
    }
    /* As texts: each struct's first pointer. */
    struct capnp_text_list names = {capnp_get_list(r.s, 0, CAPNP_ELEMENT_POINTER)};
    assert_true(is(capnp_text_list_at(names, 2), "x"));
    /* Lists of Bool stand apart: neither way. */
    assert_int_equal(capnp_get_list(r.s, 0, CAPNP_ELEMENT_BIT).len, 0);
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_KIND);
}

static void list_of_texts_as_structs(void **state)
{
    uint64_t words[32];
    struct capnp_arena arena;
    struct capnp_message m;

    (void)state;
    capnp_arena_init(&arena, words, sizeof words);
    struct capnp_list_builder l =
        sample_text_list_type_init_list(sample_text_list_type_build_root(&arena), 2);
    capnp_list_builder_set_text(l, 0, CAPNP_TEXT("a"));
    capnp_list_builder_set_text(l, 1, CAPNP_TEXT("bc"));
    capnp_message_open_flat(&m, words, capnp_arena_bytes(&arena));
    struct sample_named_list_type r = sample_named_list_type_read_root(&m);
    assert_true(sample_named_list_type_check(r));
    struct sample_named_list list = sample_named_list_type_get_list(r);
    assert_int_equal(sample_named_list_len(list), 2);
    struct sample_named named = sample_named_list_at(list, 1);
    assert_true(is(sample_named_get_name(named), "bc"));
    assert_int_equal(named.s.data_bytes, 0);
    assert_int_equal(sample_named_get_extra(named), 5);
}

static void bits_and_smaller_elements_do_not_upgrade(void **state)
{
    uint64_t words[] = {STRUCT_AT(0, 0, 1), LIST_AT(0, CAPNP_ELEMENT_BIT, 64), ~0ull};
    struct capnp_message m;

    (void)state;
    for (unsigned e = CAPNP_ELEMENT_BYTE; e <= CAPNP_ELEMENT_STRUCT; e++) {
        capnp_message_open_flat(&m, words, sizeof words);
        assert_int_equal(capnp_get_list(capnp_root(&m, 0, 1), 0, e).len, 0);
        assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_KIND);
    }
    words[1] = LIST_AT(0, CAPNP_ELEMENT_FOUR_BYTES, 2);
    capnp_message_open_flat(&m, words, sizeof words);
    assert_int_equal(capnp_get_list(capnp_root(&m, 0, 1), 0, CAPNP_ELEMENT_TWO_BYTES).len, 2);
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_NONE);
    assert_int_equal(capnp_get_list(capnp_root(&m, 0, 1), 0, CAPNP_ELEMENT_EIGHT_BYTES).len, 0);
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_KIND);
}

/* ---------------------------------------------------------------------------
 * Texts */

static bool utf8(const char *string)
{
    return capnp_text_is_utf8(capnp_text_from(string));
}

static void utf8_texts(void **state)
{
    (void)state;
    assert_true(utf8(""));
    assert_true(utf8("plain"));
    assert_true(utf8("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"));
    assert_true(utf8("\xf4\x8f\xbf\xbf"));
    assert_true(utf8("\xed\x9f\xbf"));
    assert_false(utf8("\x80"));
    assert_false(utf8("\xc0\xaf"));
    assert_false(utf8("\xc1\xbf"));
    assert_false(utf8("\xe0\x9f\xbf"));
    assert_false(utf8("\xed\xa0\x80"));
    assert_false(utf8("\xf0\x8f\xbf\xbf"));
    assert_false(utf8("\xf4\x90\x80\x80"));
    assert_false(utf8("\xf5\x80\x80\x80"));
    assert_false(utf8("\xff"));
    assert_false(utf8("a\xe2\x82"));
    assert_false(utf8("\xe2\x82\x41"));
    assert_false(utf8("\xc3"));
}

static void equal_texts(void **state)
{
    (void)state;
    assert_true(capnp_text_equal(CAPNP_TEXT(""), (struct capnp_text){.ptr = NULL, .len = 0}));
    assert_true(capnp_text_equal(CAPNP_TEXT("ab"), capnp_text_from("ab")));
    assert_false(capnp_text_equal(CAPNP_TEXT("ab"), CAPNP_TEXT("abc")));
    assert_false(capnp_text_equal(CAPNP_TEXT("ab"), CAPNP_TEXT("ax")));
}

static void every_error_has_a_sentence(void **state)
{
    (void)state;
    for (unsigned e = 0; e <= CAPNP_ERROR_INDEX; e++) {
        assert_true(strlen(capnp_error_text((enum capnp_error)e)) > 10);
    }
    assert_non_null(capnp_error_text((enum capnp_error)999));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees),
        cmocka_unit_test(lists),
        cmocka_unit_test(defaults_of_scalars),
        cmocka_unit_test(defaults_of_pointers),
        cmocka_unit_test(constants),
        cmocka_unit_test(unions),
        cmocka_unit_test(union_of_a_newer_schema),
        cmocka_unit_test(structs_of_another_age),
        cmocka_unit_test(plain_roots),
        cmocka_unit_test(plain_root_of_nothing),
        cmocka_unit_test(plain_root_as_built),
        cmocka_unit_test(list_of_scalars_as_structs),
        cmocka_unit_test(list_of_structs_as_scalars),
        cmocka_unit_test(list_of_texts_as_structs),
        cmocka_unit_test(bits_and_smaller_elements_do_not_upgrade),
        cmocka_unit_test(utf8_texts),
        cmocka_unit_test(equal_texts),
        cmocka_unit_test(every_error_has_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
