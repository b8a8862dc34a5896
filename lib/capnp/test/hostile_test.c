// SPDX-License-Identifier: MIT
/*
 * Messages that were made to break their reader: each must be refused, for the
 * right reason, without a byte outside of the message being touched (T-18 and T-19).
 *
 * The first nine broke other implementations:
 *
 *   1  far_pointer_to_no_segment            6  pointer_to_itself
 *   2  list_whose_size_wraps                7  element_behind_the_end
 *   3  table_of_too_many_segments           8  capability_where_none_belongs
 *   4  elements_at_their_distance           9  copy_of_a_far_pointer
 *   5  lists_of_nothing
 *
 * Behind them come the lessons of the reference implementation's advisories:
 *
 *   CVE-2015-2310, overflow in a bounds check      pointers_out_of_their_segment,
 *                                                  lists_out_of_their_segment
 *   CVE-2015-2311, length of a text underflows     text_of_no_bytes
 *   CVE-2015-2312, amplification by lists          lists_of_nothing, one_list_many_times
 *   CVE-2015-2313, the same when sizes are summed  sizes_of_lists_of_nothing
 *   CVE-2017-7892, a check the compiler removes    bounds_in_the_last_page
 *   CVE-2022-46149, lists of pointers downgraded   pointers_of_structs_without_pointers,
 *                                                  pointers_of_structs_at_the_end
 *   2026-03-12-0, the count of segments wraps      segment_count_that_wraps
 *   2026-07, sizes of segments wrap in 32 bits     segment_sizes_that_wrap
 */
#include "words.h"

#include <capnp/frame.h>
#include <capnp/list.h>
#include <capos.capnp.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void open_words(struct fixture *f, const uint64_t *words, size_t count)
{
    fixture_flat(f, words, count * 8u);
}

/* The root's first pointer. */
static struct capnp_any first(struct fixture *f)
{
    return capnp_get_any(capnp_root(&f->m, 0, 1), 0);
}

static void far_pointer_to_no_segment(void **state)
{
    uint64_t words[] = {FAR(7, 0)};
    struct fixture f;

    (void)state;
    open_words(&f, words, 1);
    assert_int_equal(capnp_root(&f.m, 1, 0).data_bytes, 0);
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_FAR);
    fixture_free(&f);
}

/* 65,536 elements of 64 KiB in no words: the product is 2^32, and 0 in 32 bits. */
static void list_whose_size_wraps(void **state)
{
    uint64_t words[] = {STRUCT_AT(0, 0, 1), LIST_AT(0, CAPNP_ELEMENT_STRUCT, 0),
                        TAG(65536, 65535, 1)};
    struct fixture f;

    (void)state;
    open_words(&f, words, 3);
    assert_int_equal(capnp_any_list(first(&f), CAPNP_ELEMENT_STRUCT).len, 0);
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_SIZE);
    fixture_free(&f);
}

static void table_of_too_many_segments(void **state)
{
    struct capnp_segment segments[8];
    struct capnp_message m;
    uint32_t *table = calloc(1026, 4);

    (void)state;
    table[0] = 1023;
    assert_false(capnp_message_open_framed(&m, table, (size_t)1026 * 4, segments, 8));
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_FRAMING);
    assert_int_equal(capnp_root(&m, 1, 1).data_bytes, 0);
    free(table);
}

/* Elements are found at their own distance, whatever the list was found as. */
static void elements_at_their_distance(void **state)
{
    uint64_t words[] = {STRUCT_AT(0, 0, 1), LIST_AT(0, CAPNP_ELEMENT_TWO_BYTES, 8),
                        0x0004000300020001, 0x0008000700060005};
    struct fixture f;

    (void)state;
    open_words(&f, words, 4);
    struct capnp_u16_list list = {capnp_any_list(first(&f), CAPNP_ELEMENT_TWO_BYTES)};
    assert_int_equal(capnp_u16_list_len(list), 8);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(capnp_u16_list_at(list, i), i + 1u);
    }
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_NONE);
    fixture_free(&f);
}

static void lists_of_nothing(void **state)
{
    uint64_t voids[] = {STRUCT_AT(0, 0, 1), LIST_AT(0, CAPNP_ELEMENT_VOID, (1u << 29) - 1u)};
    uint64_t structs[] = {STRUCT_AT(0, 0, 1), LIST_AT(0, CAPNP_ELEMENT_STRUCT, 0),
                          TAG((1u << 30) - 1u, 0, 0)};
    struct fixture f;

    (void)state;
    open_words(&f, voids, 2);
    assert_int_equal(capnp_any_list(first(&f), CAPNP_ELEMENT_VOID).len, 0);
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_BUDGET);
    fixture_free(&f);
    open_words(&f, structs, 3);
    assert_int_equal(capnp_any_list(first(&f), CAPNP_ELEMENT_STRUCT).len, 0);
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_BUDGET);
    fixture_free(&f);
}

static void pointer_to_itself(void **state)
{
    uint64_t words[] = {STRUCT_AT(0, 0, 1), STRUCT_AT(-1, 0, 1)};
    struct fixture f;
    unsigned steps = 0;

    (void)state;
    open_words(&f, words, 2);
    struct capnp_struct s = capnp_root(&f.m, 0, 1);
    while (s.pointer_count != 0) {
        s = capnp_get_struct(s, 0);
        steps++;
    }
    assert_int_equal(steps, CAPNP_DEPTH_MAX + 1u);
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_DEPTH);
    assert_false(capnp_any_check(first(&f)));
    fixture_free(&f);
}

static void element_behind_the_end(void **state)
{
    uint64_t words[] = {STRUCT_AT(0, 0, 1), LIST_AT(0, CAPNP_ELEMENT_FOUR_BYTES, 2), ~0ull};
    struct fixture f;

    (void)state;
    open_words(&f, words, 3);
    struct capnp_u32_list list = {capnp_any_list(first(&f), CAPNP_ELEMENT_FOUR_BYTES)};
    assert_int_equal(capnp_u32_list_at(list, 1), UINT32_MAX);
    assert_int_equal(capnp_u32_list_at(list, 2), 0);
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_INDEX);
    assert_int_equal(capnp_u32_list_at(list, UINT32_MAX), 0);
    fixture_free(&f);
}

static void capability_where_none_belongs(void **state)
{
    uint64_t words[] = {STRUCT_AT(0, 0, 1), CAPABILITY(3)};
    uint64_t reserved[] = {STRUCT_AT(0, 0, 1), 7};
    struct fixture f;

    (void)state;
    open_words(&f, words, 2);
    assert_int_equal(capnp_any_kind(first(&f)), CAPNP_KIND_CAPABILITY);
    assert_int_equal(capnp_get_struct(capnp_root(&f.m, 0, 1), 0).pointer_count, 0);
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_KIND);
    assert_false(capnp_any_check(first(&f)));
    fixture_free(&f);
    open_words(&f, reserved, 2);
    assert_int_equal(capnp_any_kind(first(&f)), CAPNP_KIND_BROKEN);
    assert_false(capnp_any_check(first(&f)));
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_KIND);
    fixture_free(&f);
}

/* Copying through a far pointer sets the slot that was meant, and nothing before it. */
static void copy_of_a_far_pointer(void **state)
{
    uint64_t words[] = {STRUCT_AT(0, 1, 1), 42, FAR(1, 0), LIST_AT(0, CAPNP_ELEMENT_BYTE, 3),
                        0x6968};
    uint32_t sizes[] = {3, 2};
    uint64_t copy[8];
    struct capnp_arena arena;
    struct capnp_message m;
    struct fixture f;

    (void)state;
    fixture_segments(&f, words, sizes, 2);
    capnp_arena_init(&arena, copy, sizeof copy);
    struct capnp_struct_builder b = capnp_build_root(&arena, 1, 1);
    capnp_set_u64(b, 0, 99);
    assert_true(capnp_any_copy(capnp_slot(b, 8), capnp_get_any(capnp_root(&f.m, 1, 1), 0)));
    assert_true(capnp_message_open_flat(&m, copy, capnp_arena_bytes(&arena)));
    struct capnp_struct s = capnp_root(&m, 1, 1);
    assert_int_equal(capnp_get_u64(s, 0), 99);
    assert_true(capnp_text_equal(capnp_get_text(s, 0), CAPNP_TEXT("hi")));
    fixture_free(&f);
}

/* ---------------------------------------------------------------------------
 * Bounds (CVE-2015-2310, CVE-2017-7892) */

static void refuse_root(uint64_t word, size_t count, enum capnp_error error)
{
    uint64_t words[4] = {word, 0, 0, 0};
    struct fixture f;

    open_words(&f, words, count);
    (void)capnp_root(&f.m, 1, 1);
    assert_int_equal(capnp_message_error(&f.m), error);
    fixture_free(&f);
}

static void pointers_out_of_their_segment(void **state)
{
    (void)state;
    refuse_root(STRUCT_AT(1, 0, 0), 1, CAPNP_ERROR_BOUNDS);
    refuse_root(STRUCT_AT(-2, 0, 0), 1, CAPNP_ERROR_BOUNDS);
    refuse_root(STRUCT_AT(0, 65535, 65535), 4, CAPNP_ERROR_BOUNDS);
    refuse_root(STRUCT_AT(0x1fffffff, 1, 0), 4, CAPNP_ERROR_BOUNDS);
    refuse_root(STRUCT_AT(-0x20000000, 1, 0), 4, CAPNP_ERROR_BOUNDS);
    refuse_root(STRUCT_AT(2, 2, 0), 4, CAPNP_ERROR_BOUNDS);
    refuse_root(STRUCT_AT(3, 0, 0), 4, CAPNP_ERROR_NONE);
    refuse_root(STRUCT_AT(2, 1, 0), 4, CAPNP_ERROR_NONE);
    refuse_root(STRUCT_AT(-1, 0, 0), 1, CAPNP_ERROR_NONE);
    refuse_root(LIST_AT(0, CAPNP_ELEMENT_BYTE, 8), 2, CAPNP_ERROR_KIND);
}

static void refuse_list(uint64_t word, size_t count, enum capnp_element element,
                        enum capnp_error error)
{
    uint64_t words[6] = {STRUCT_AT(0, 0, 1), word, 0, 0, 0, 0};
    struct fixture f;

    open_words(&f, words, count);
    (void)capnp_any_list(first(&f), element);
    assert_int_equal(capnp_message_error(&f.m), error);
    (void)capnp_any_data(first(&f));
    (void)capnp_any_text(first(&f));
    (void)capnp_any_struct(first(&f));
    (void)capnp_any_check(first(&f));
    fixture_free(&f);
}

static void lists_out_of_their_segment(void **state)
{
    (void)state;
    for (unsigned e = CAPNP_ELEMENT_BIT; e <= CAPNP_ELEMENT_POINTER; e++) {
        static const uint32_t per_word[] = {0, 64, 8, 4, 2, 1, 1};
        uint32_t fits = per_word[e] * 4u;
        refuse_list(LIST_AT(0, e, fits), 6, e, CAPNP_ERROR_NONE);
        refuse_list(LIST_AT(0, e, fits + 1u), 6, e, CAPNP_ERROR_BOUNDS);
        refuse_list(LIST_AT(0, e, (1u << 29) - 1u), 6, e, CAPNP_ERROR_BOUNDS);
        refuse_list(LIST_AT(4, e, 1), 6, e, CAPNP_ERROR_BOUNDS);
        refuse_list(LIST_AT(-3, e, 0), 6, e, CAPNP_ERROR_BOUNDS);
    }
    refuse_list(LIST_AT(4, CAPNP_ELEMENT_STRUCT, 0), 6, CAPNP_ELEMENT_STRUCT, CAPNP_ERROR_BOUNDS);
    refuse_list(LIST_AT(0, CAPNP_ELEMENT_STRUCT, 4), 6, CAPNP_ELEMENT_STRUCT, CAPNP_ERROR_BOUNDS);
    refuse_list(LIST_AT(0, CAPNP_ELEMENT_STRUCT, 3), 6, CAPNP_ELEMENT_STRUCT, CAPNP_ERROR_NONE);
}

/*
 * Where the end of the address space is near, a pointer to behind the segment is one that
 * wraps: a check that adds to addresses passes it, and may be left out by the compiler.
 * Nothing is read there; what claims to be within must be refused by its length alone.
 */
static void bounds_in_the_last_page(void **state)
{
    static const uint64_t roots[] = {STRUCT_AT(0, 65535, 65535), STRUCT_AT(0x1fffffff, 1, 0),
                                     LIST_AT(0, CAPNP_ELEMENT_EIGHT_BYTES, (1u << 29) - 1u)};

    (void)state;
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        uint64_t word = roots[i];
        struct capnp_segment segments[2] = {
            {.base = (const uint8_t *)&word, .bytes = 8},
            {.base = (const uint8_t *)(UINTPTR_MAX - 15u), .bytes = 8},
        };
        struct capnp_message m;
        assert_true(capnp_message_open_segments(&m, segments, 2));
        (void)capnp_root(&m, 1, 1);
        assert_int_not_equal(capnp_message_error(&m), CAPNP_ERROR_NONE);
        /* The same behind a far pointer, whose landing pad would lie behind that page. */
        word = FAR(1, 1);
        assert_true(capnp_message_open_segments(&m, segments, 2));
        (void)capnp_root(&m, 1, 1);
        assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_BOUNDS);
    }
}

static void struct_list_with_a_strange_tag(void **state)
{
    uint64_t words[] = {STRUCT_AT(0, 0, 1), LIST_AT(0, CAPNP_ELEMENT_STRUCT, 1),
                        LIST_AT(0, CAPNP_ELEMENT_BYTE, 8), 0};
    struct fixture f;

    (void)state;
    open_words(&f, words, 4);
    assert_int_equal(capnp_any_list(first(&f), CAPNP_ELEMENT_STRUCT).len, 0);
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_KIND);
    fixture_free(&f);
    words[2] = TAG(2, 1, 0);
    open_words(&f, words, 4);
    assert_int_equal(capnp_any_list(first(&f), CAPNP_ELEMENT_STRUCT).len, 0);
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_SIZE);
    fixture_free(&f);
}

/* ---------------------------------------------------------------------------
 * Texts (CVE-2015-2311) */

static void text_of_no_bytes(void **state)
{
    uint64_t words[] = {STRUCT_AT(0, 0, 1), LIST_AT(0, CAPNP_ELEMENT_BYTE, 0), 0};
    struct fixture f;

    (void)state;
    open_words(&f, words, 3);
    struct capnp_text text = capnp_any_text(first(&f));
    assert_int_equal(text.len, 0);
    assert_string_equal(text.ptr, "");
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_TEXT);
    fixture_free(&f);
}

static void text_without_end(void **state)
{
    uint64_t words[] = {STRUCT_AT(0, 0, 1), LIST_AT(0, CAPNP_ELEMENT_BYTE, 8), 0x6161616161616161};
    struct fixture f;

    (void)state;
    open_words(&f, words, 3);
    assert_int_equal(capnp_any_text(first(&f)).len, 0);
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_TEXT);
    fixture_free(&f);
}

static void text_that_is_a_list_of_more_than_bytes(void **state)
{
    uint64_t words[] = {STRUCT_AT(0, 0, 1), LIST_AT(0, CAPNP_ELEMENT_TWO_BYTES, 4), 0x61};
    struct fixture f;

    (void)state;
    open_words(&f, words, 3);
    assert_int_equal(capnp_any_data(first(&f)).len, 0);
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_KIND);
    fixture_free(&f);
}

/* ---------------------------------------------------------------------------
 * Amplification (CVE-2015-2312, CVE-2015-2313) */

/* Many pointers to one large list: reading all of them costs more than the budget. */
static void one_list_many_times(void **state)
{
    enum { POINTERS = 64, DATA = 64 };
    uint64_t words[1 + POINTERS + DATA] = {STRUCT_AT(0, 0, POINTERS)};
    struct fixture f;

    (void)state;
    for (int i = 0; i < POINTERS; i++) {
        words[1 + i] = LIST_AT(POINTERS - 1 - i, CAPNP_ELEMENT_EIGHT_BYTES, DATA);
    }
    open_words(&f, words, sizeof words / sizeof *words);
    assert_false(capnp_struct_check_pointers(capnp_root(&f.m, 0, POINTERS)));
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_BUDGET);
    fixture_free(&f);
}

/* Walking the whole message, as who sums up its size does, costs what it pretends to hold. */
static void sizes_of_lists_of_nothing(void **state)
{
    enum { POINTERS = 16 };
    uint64_t words[1 + POINTERS] = {STRUCT_AT(0, 0, POINTERS)};
    uint64_t copy[64];
    struct capnp_arena arena;
    struct fixture f;

    (void)state;
    for (int i = 0; i < POINTERS; i++) {
        words[1 + i] = LIST_AT(POINTERS - 1 - i, CAPNP_ELEMENT_VOID, 100);
    }
    open_words(&f, words, sizeof words / sizeof *words);
    assert_false(capnp_struct_check_pointers(capnp_root(&f.m, 0, POINTERS)));
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_BUDGET);
    fixture_free(&f);
    open_words(&f, words, sizeof words / sizeof *words);
    capnp_arena_init(&arena, copy, sizeof copy);
    struct capnp_any_builder to = {.arena = &arena, .slot = capnp_arena_take(&arena, 1)};
    struct capnp_any root = {.message = &f.m,
                             .segment = f.m.segments,
                             .slot = f.m.segments[0].base,
                             .depth = CAPNP_DEPTH_MAX};
    assert_false(capnp_any_copy(to, root));
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_BUDGET);
    fixture_free(&f);
}

/* The budget is per reading from the root; a whole check that passes lifts it. */
static void budget_of_honest_messages(void **state)
{
    uint64_t words[32];
    struct capnp_arena arena;
    struct capnp_message m;

    (void)state;
    capnp_arena_init(&arena, words, sizeof words);
    struct capos_exception_builder b = capos_exception_build_root(&arena);
    capos_exception_set_reason(b, CAPNP_TEXT("read again and again"));
    capnp_message_open_flat(&m, words, capnp_arena_bytes(&arena));
    for (unsigned i = 0; i < 1000; i++) {
        (void)capos_exception_get_reason(capos_exception_read_root(&m));
    }
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_NONE);
    struct capos_exception r = capos_exception_read_root(&m);
    assert_true(capos_exception_check(r));
    for (unsigned i = 0; i < 10000; i++) {
        assert_int_equal(capos_exception_get_reason(r).len, 20);
    }
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_NONE);
    r = capos_exception_read_root(&m);
    for (unsigned i = 0; i < 10000; i++) {
        (void)capos_exception_get_reason(r);
    }
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_BUDGET);
}

static void limit_that_the_reader_sets(void **state)
{
    uint64_t words[] = {STRUCT_AT(0, 0, 1), LIST_AT(0, CAPNP_ELEMENT_VOID, 100000)};
    struct fixture f;

    (void)state;
    open_words(&f, words, 2);
    capnp_message_limit(&f.m, 200000);
    assert_int_equal(capnp_any_list(first(&f), CAPNP_ELEMENT_VOID).len, 100000);
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_NONE);
    capnp_message_limit(&f.m, 1);
    (void)capnp_root(&f.m, 0, 1);
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_BUDGET);
    fixture_free(&f);
}

/* ---------------------------------------------------------------------------
 * Downgraded lists (CVE-2022-46149) */

static void pointers_of_structs_without_pointers(void **state)
{
    uint64_t words[] = {STRUCT_AT(0, 0, 1), LIST_AT(0, CAPNP_ELEMENT_STRUCT, 2), TAG(2, 1, 0), 1,
                        2};
    struct fixture f;

    (void)state;
    open_words(&f, words, 5);
    assert_int_equal(capnp_any_list(first(&f), CAPNP_ELEMENT_POINTER).len, 0);
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_KIND);
    fixture_free(&f);
}

/* The last element's first pointer ends where the message does. */
static void pointers_of_structs_at_the_end(void **state)
{
    uint64_t words[] = {
        STRUCT_AT(0, 0, 1), LIST_AT(0, CAPNP_ELEMENT_STRUCT, 4), TAG(2, 1, 1), 1, 0, 2, 0};
    struct fixture f;

    (void)state;
    open_words(&f, words, 7);
    struct capnp_text_list list = {capnp_any_list(first(&f), CAPNP_ELEMENT_POINTER)};
    assert_int_equal(capnp_text_list_len(list), 2);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(capnp_text_list_at(list, i).len, 0);
    }
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_INDEX);
    fixture_free(&f);
}

/* ---------------------------------------------------------------------------
 * Framing (the advisories of 2026) */

static void refuse_framed(const uint32_t *table, size_t len)
{
    struct capnp_segment segments[16];
    struct capnp_message m;
    uint8_t *copy = malloc(len == 0 ? 1 : len);

    memcpy(copy, table, len);
    assert_false(capnp_message_open_framed(&m, copy, len, segments, 16));
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_FRAMING);
    assert_false(capnp_check_passed(capnp_root(&m, 0, 1)));
    free(copy);
}

static void segment_count_that_wraps(void **state)
{
    static const uint32_t wraps_to_none[] = {UINT32_MAX, 1, 0, 0};
    static const uint32_t wraps_in_bytes[] = {0x3fffffff, 1, 0, 0};
    uint64_t bytes;

    (void)state;
    refuse_framed(wraps_to_none, sizeof wraps_to_none);
    refuse_framed(wraps_in_bytes, sizeof wraps_in_bytes);
    assert_int_equal(capnp_frame_measure((const uint8_t *)wraps_to_none, sizeof wraps_to_none,
                                         UINT32_MAX, UINT64_MAX, &bytes),
                     CAPNP_FRAME_CORRUPT);
}

static void segment_sizes_that_wrap(void **state)
{
    static const uint32_t sum_wraps[] = {1, UINT32_MAX, UINT32_MAX, 0, 0, 0};
    static const uint32_t sum_is_small_in_32_bits[] = {2, 1, 0x80000000, 0x80000000, 0, 0};
    static const uint32_t bytes_wrap[] = {0, 0x20000001, 0, 0};

    (void)state;
    refuse_framed(sum_wraps, sizeof sum_wraps);
    refuse_framed(sum_is_small_in_32_bits, sizeof sum_is_small_in_32_bits);
    refuse_framed(bytes_wrap, sizeof bytes_wrap);
}

static void segment_tables(void **state)
{
    static const uint32_t empty_first[] = {1, 0, 1, 0, 0, 0};
    static const uint32_t too_short[] = {0, 2, 0, 0};
    static const uint32_t too_long[] = {0, 1, 0, 0, 0, 0};
    static const uint32_t good[] = {0, 1, 0, 0};
    struct capnp_segment segments[1];
    struct capnp_message m;

    (void)state;
    refuse_framed(empty_first, sizeof empty_first);
    refuse_framed(too_short, sizeof too_short);
    refuse_framed(too_long, sizeof too_long);
    for (size_t len = 0; len < sizeof good; len++) {
        refuse_framed(good, len);
    }
    assert_true(capnp_message_open_framed(&m, good, sizeof good, segments, 1));
    assert_false(capnp_message_open_framed(&m, good, sizeof good, segments, 0));
}

static void flat_of_part_of_a_word(void **state)
{
    uint64_t words[2] = {STRUCT_AT(0, 1, 0), 5};
    struct capnp_message m;

    (void)state;
    for (size_t len = 0; len < sizeof words; len++) {
        uint8_t *copy = malloc(len == 0 ? 1 : len);
        memcpy(copy, words, len);
        assert_int_equal(capnp_message_open_flat(&m, copy, len), len % 8u == 0);
        (void)capnp_root(&m, 1, 0);
        assert_int_equal(capnp_message_error(&m) == CAPNP_ERROR_NONE, len == 0);
        free(copy);
    }
}

/* ---------------------------------------------------------------------------
 * Far pointers */

static void refuse_far(const uint64_t words[6], enum capnp_error error)
{
    static const uint32_t sizes[] = {2, 3, 1};
    struct fixture f;

    fixture_segments(&f, words, sizes, 3);
    (void)capnp_root(&f.m, 1, 1);
    (void)capnp_any_check(capnp_get_any(capnp_root(&f.m, 1, 1), 0));
    assert_int_equal(capnp_message_error(&f.m), error);
    fixture_free(&f);
}

static void landing_pads(void **state)
{
    (void)state;
    /* Good ones first: one word, then two, with the content elsewhere. */
    refuse_far((uint64_t[]){FAR(1, 0), 0, STRUCT_AT(0, 1, 1), 5, 0, 0}, CAPNP_ERROR_NONE);
    refuse_far((uint64_t[]){FAR_FAR(1, 0), 0, FAR(2, 0), STRUCT_AT(0, 1, 0), 0, 7},
               CAPNP_ERROR_NONE);
    refuse_far((uint64_t[]){FAR_FAR(1, 1), 0, 0, FAR(2, 1), STRUCT_AT(0, 0, 0), 7},
               CAPNP_ERROR_NONE);
    /* To itself, to another far pointer, to the end and past it. */
    refuse_far((uint64_t[]){FAR(0, 0), 0, 0, 0, 0, 0}, CAPNP_ERROR_FAR);
    refuse_far((uint64_t[]){FAR(1, 0), 0, FAR(1, 1), STRUCT_AT(0, 1, 0), 0, 0}, CAPNP_ERROR_FAR);
    refuse_far((uint64_t[]){FAR(1, 3), 0, 0, 0, 0, 0}, CAPNP_ERROR_BOUNDS);
    refuse_far((uint64_t[]){FAR(1, 0x1fffffff), 0, 0, 0, 0, 0}, CAPNP_ERROR_BOUNDS);
    refuse_far((uint64_t[]){FAR(3, 0), 0, 0, 0, 0, 0}, CAPNP_ERROR_FAR);
    refuse_far((uint64_t[]){FAR(UINT32_MAX, 0), 0, 0, 0, 0, 0}, CAPNP_ERROR_FAR);
    /* Two words of which the second is not there. */
    refuse_far((uint64_t[]){FAR_FAR(1, 2), 0, 0, 0, FAR(2, 0), 0}, CAPNP_ERROR_BOUNDS);
    /* Two words: not a far pointer, a double one, a tag with an offset, no such place. */
    refuse_far((uint64_t[]){FAR_FAR(1, 0), 0, STRUCT_AT(0, 1, 0), 0, 0, 0}, CAPNP_ERROR_FAR);
    refuse_far((uint64_t[]){FAR_FAR(1, 0), 0, FAR_FAR(2, 0), STRUCT_AT(0, 1, 0), 0, 0},
               CAPNP_ERROR_FAR);
    refuse_far((uint64_t[]){FAR_FAR(1, 0), 0, FAR(2, 0), STRUCT_AT(1, 1, 0), 0, 0},
               CAPNP_ERROR_FAR);
    refuse_far((uint64_t[]){FAR_FAR(1, 0), 0, FAR(2, 0), FAR(2, 0), 0, 0}, CAPNP_ERROR_FAR);
    refuse_far((uint64_t[]){FAR_FAR(1, 0), 0, FAR(9, 0), STRUCT_AT(0, 1, 0), 0, 0},
               CAPNP_ERROR_FAR);
    refuse_far((uint64_t[]){FAR_FAR(1, 0), 0, FAR(2, 2), STRUCT_AT(0, 0, 0), 0, 0},
               CAPNP_ERROR_BOUNDS);
    refuse_far((uint64_t[]){FAR_FAR(1, 0), 0, FAR(2, 0), STRUCT_AT(0, 2, 0), 0, 0},
               CAPNP_ERROR_BOUNDS);
    refuse_far((uint64_t[]){FAR_FAR(1, 0), 0, FAR(2, 0), LIST_AT(0, CAPNP_ELEMENT_BYTE, 1), 0, 0},
               CAPNP_ERROR_KIND);
    refuse_far((uint64_t[]){FAR(1, 0), 0, CAPABILITY(0), 0, 0, 0}, CAPNP_ERROR_KIND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(far_pointer_to_no_segment),
        cmocka_unit_test(list_whose_size_wraps),
        cmocka_unit_test(table_of_too_many_segments),
        cmocka_unit_test(elements_at_their_distance),
        cmocka_unit_test(lists_of_nothing),
        cmocka_unit_test(pointer_to_itself),
        cmocka_unit_test(element_behind_the_end),
        cmocka_unit_test(capability_where_none_belongs),
        cmocka_unit_test(copy_of_a_far_pointer),
        cmocka_unit_test(pointers_out_of_their_segment),
        cmocka_unit_test(lists_out_of_their_segment),
        cmocka_unit_test(bounds_in_the_last_page),
        cmocka_unit_test(struct_list_with_a_strange_tag),
        cmocka_unit_test(text_of_no_bytes),
        cmocka_unit_test(text_without_end),
        cmocka_unit_test(text_that_is_a_list_of_more_than_bytes),
        cmocka_unit_test(one_list_many_times),
        cmocka_unit_test(sizes_of_lists_of_nothing),
        cmocka_unit_test(budget_of_honest_messages),
        cmocka_unit_test(limit_that_the_reader_sets),
        cmocka_unit_test(pointers_of_structs_without_pointers),
        cmocka_unit_test(pointers_of_structs_at_the_end),
        cmocka_unit_test(segment_count_that_wraps),
        cmocka_unit_test(segment_sizes_that_wrap),
        cmocka_unit_test(segment_tables),
        cmocka_unit_test(flat_of_part_of_a_word),
        cmocka_unit_test(landing_pads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
