// SPDX-License-Identifier: MIT
/*
 * Building: what is built reads back, whatever does not fit is harmless and said
 * so, and nothing that lay in the buffer gets into the message.
 */
#include "gen/sample.capnp.c"
#include "messages.h"
#include "words.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ROOM 4096u

/* Something of every kind; leaves some fields alone. */
static void build_lists(struct capnp_arena *a)
{
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct sample_lists_builder b = sample_lists_build_root(a);

    sample_lists_init_voids(b, 5);
    struct capnp_list_builder l = sample_lists_init_bools(b, 11);
    capnp_list_builder_set_bool(l, 10, true);
    capnp_list_builder_set_bool(l, 3, true);
    capnp_list_builder_set_bool(l, 3, false);
    l = sample_lists_init_i8s(b, 3);
    capnp_list_builder_set_u8(l, 1, 0x7f);
    l = sample_lists_init_u16s(b, 3);
    capnp_list_builder_set_u16(l, 2, 0x1234);
    l = sample_lists_init_u64s(b, 2);
    capnp_list_builder_set_u64(l, 1, UINT64_MAX);
    l = sample_lists_init_texts(b, 3);
    capnp_list_builder_set_text(l, 0, CAPNP_TEXT("seven"));
    capnp_list_builder_set_text(l, 2, CAPNP_TEXT("exactly8"));
    l = sample_lists_init_datas(b, 2);
    capnp_list_builder_set_data(l, 1, (struct capnp_data){.ptr = bytes, .len = sizeof bytes});
    struct sample_scalars_list_builder scalars = sample_lists_init_scalars(b, 2);
    sample_scalars_set_u8(sample_scalars_list_builder_at(scalars, 1), 201);
    l = sample_lists_init_grid(b, 2);
    l = capnp_any_init_list(capnp_list_builder_any(l, 1), CAPNP_ELEMENT_BYTE, 4);
    capnp_list_builder_set_u8(l, 3, 44);
}

static void check_lists(struct sample_lists r)
{
    assert_true(sample_lists_check(r));
    assert_int_equal(capnp_void_list_len(sample_lists_get_voids(r)), 5);
    assert_true(capnp_bool_list_at(sample_lists_get_bools(r), 10));
    assert_false(capnp_bool_list_at(sample_lists_get_bools(r), 3));
    assert_int_equal(capnp_i8_list_at(sample_lists_get_i8s(r), 1), 0x7f);
    assert_int_equal(capnp_u16_list_at(sample_lists_get_u16s(r), 2), 0x1234);
    assert_true(capnp_u64_list_at(sample_lists_get_u64s(r), 1) == UINT64_MAX);
    assert_string_equal(capnp_text_list_at(sample_lists_get_texts(r), 0).ptr, "seven");
    assert_int_equal(capnp_text_list_at(sample_lists_get_texts(r), 1).len, 0);
    assert_string_equal(capnp_text_list_at(sample_lists_get_texts(r), 2).ptr, "exactly8");
    assert_int_equal(capnp_data_list_at(sample_lists_get_datas(r), 1).ptr[8], 9);
    assert_int_equal(sample_scalars_get_u8(sample_scalars_list_at(sample_lists_get_scalars(r), 1)),
                     201);
    assert_int_equal(sample_scalars_get_u8(sample_scalars_list_at(sample_lists_get_scalars(r), 0)),
                     200);
    struct capnp_any row = capnp_any_list_at(sample_lists_get_grid(r), 1);
    struct capnp_u8_list cells = {capnp_any_list(row, CAPNP_ELEMENT_BYTE)};
    assert_int_equal(capnp_u8_list_at(cells, 3), 44);
}

/* The same message whatever was in the buffer before. */
static void nothing_of_the_buffer(void **state)
{
    static const uint8_t fills[] = {0x00, 0xff, 0xa5};
    uint8_t first[ROOM];
    uint32_t first_bytes = 0;

    (void)state;
    for (size_t i = 0; i < sizeof fills; i++) {
        uint8_t *buffer = malloc(ROOM);
        struct capnp_arena a;
        struct capnp_message m;
        memset(buffer, fills[i], ROOM);
        capnp_arena_init(&a, buffer, ROOM);
        build_lists(&a);
        assert_true(capnp_arena_ok(&a));
        if (i == 0) {
            first_bytes = capnp_arena_bytes(&a);
            memcpy(first, buffer, first_bytes);
        }
        assert_int_equal(capnp_arena_bytes(&a), first_bytes);
        assert_memory_equal(buffer, first, first_bytes);
        assert_int_equal(buffer[first_bytes], fills[i]);
        assert_true(capnp_message_open_flat(&m, buffer, first_bytes));
        check_lists(sample_lists_read_root(&m));
        free(buffer);
    }
}

/* In each smaller buffer: not a byte outside of it, and what is there is well-formed. */
static void every_room(void **state)
{
    uint8_t whole[ROOM];
    struct capnp_arena a;
    struct capnp_message m;

    (void)state;
    capnp_arena_init(&a, whole, sizeof whole);
    build_lists(&a);
    uint32_t needed = capnp_arena_bytes(&a);
    for (uint32_t room = 0; room <= needed; room++) {
        uint8_t *buffer = malloc(room == 0 ? 1 : room);
        memset(buffer, 0xee, room);
        capnp_arena_init(&a, buffer, room);
        build_lists(&a);
        assert_int_equal(capnp_arena_ok(&a), room == needed);
        assert_in_range(capnp_arena_bytes(&a), 0, room);
        assert_true(capnp_message_open_flat(&m, buffer, capnp_arena_bytes(&a)));
        assert_true(sample_lists_check(sample_lists_read_root(&m)));
        /* Once full, always full, even for what would fit. */
        uint32_t bytes = capnp_arena_bytes(&a);
        if (room != needed) {
            assert_null(capnp_arena_take(&a, 1));
            assert_false(capnp_arena_ok(&a));
            assert_int_equal(capnp_arena_bytes(&a), bytes);
        }
        free(buffer);
    }
}

static void setters_on_nothing(void **state)
{
    uint8_t none[8];
    struct capnp_arena a;

    (void)state;
    memset(none, 0x77, sizeof none);
    capnp_arena_init(&a, none, 7);
    struct sample_scalars_builder b = sample_scalars_build_root(&a);
    sample_scalars_set_yes(b, false);
    sample_scalars_set_u8(b, 1);
    sample_scalars_set_u16(b, 1);
    sample_scalars_set_u32(b, 1);
    sample_scalars_set_u64(b, 1);
    struct sample_choice_builder c = sample_choice_build_root(&a);
    sample_choice_set_words(c, CAPNP_TEXT("x"));
    assert_null(sample_choice_room_words(c, 1));
    sample_choice_pair_set_first(sample_choice_init_pair(c), 1);
    sample_tree_set_name(sample_choice_init_tree(c), CAPNP_TEXT("x"));
    sample_tree_init_children(sample_choice_init_tree(c), 3);
    assert_false(capnp_arena_ok(&a));
    assert_int_equal(capnp_arena_bytes(&a), 0);
    for (size_t i = 0; i < sizeof none; i++) {
        assert_int_equal(none[i], 0x77);
    }
}

static void sizes_that_no_list_has(void **state)
{
    /* Volatile, since the compiler sees how little is there. */
    static const uint8_t *volatile const byte = (const uint8_t *)"";
    uint64_t words[16];
    struct capnp_arena a;

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        capnp_arena_init(&a, words, sizeof words);
        struct sample_lists_builder b = sample_lists_build_root(&a);
        switch (i) {
        case 0:
            sample_lists_init_voids(b, CAPNP_LIST_MAX + 1u);
            break;
        case 1:
            sample_lists_init_u64s(b, UINT32_MAX);
            break;
        case 2:
            sample_lists_init_scalars(b, UINT32_MAX);
            break;
        case 3:
            sample_lists_init_scalars(b, CAPNP_LIST_MAX);
            break;
        case 4:
            capnp_any_set_data(capnp_slot(b.b, 0),
                               (struct capnp_data){.ptr = byte, .len = UINT32_MAX});
            break;
        case 5:
            assert_null(capnp_any_room_data(capnp_slot(b.b, 0), UINT32_MAX));
            break;
        case 6:
            assert_null(capnp_any_room_text(capnp_slot(b.b, 0), UINT32_MAX));
            break;
        default:
            capnp_any_set_text(capnp_slot(b.b, 0),
                               (struct capnp_text){.ptr = (const char *)byte, .len = UINT32_MAX});
            break;
        }
        assert_false(capnp_arena_ok(&a));
    }
    capnp_arena_init(&a, words, sizeof words);
    sample_lists_init_voids(sample_lists_build_root(&a), CAPNP_LIST_MAX);
    assert_true(capnp_arena_ok(&a));
}

static void element_behind_the_end(void **state)
{
    uint64_t words[32];
    struct capnp_arena a;

    (void)state;
    capnp_arena_init(&a, words, sizeof words);
    struct capnp_list_builder l = sample_lists_init_u32s(sample_lists_build_root(&a), 2);
    memset(words + 20, 0x55, 8);
    capnp_list_builder_set_u32(l, 1, 7);
    assert_true(capnp_arena_ok(&a));
    capnp_list_builder_set_u32(l, 2, 7);
    assert_false(capnp_arena_ok(&a));
}

static void root_comes_first(void **state)
{
    uint64_t words[32];
    struct capnp_arena a;

    (void)state;
    capnp_arena_init(&a, words, sizeof words);
    (void)sample_young_build_root(&a);
    (void)sample_young_build_root(&a);
    assert_false(capnp_arena_ok(&a));
}

/* Structs and roots of nothing are not null. */
static void structs_of_nothing(void **state)
{
    uint64_t words[4];
    struct capnp_arena a;
    struct capnp_message m;

    (void)state;
    capnp_arena_init(&a, words, sizeof words);
    struct capnp_struct_builder b = capnp_build_root(&a, 0, 1);
    assert_non_null(capnp_any_init_struct(capnp_slot(b, 0), 0, 0).data);
    assert_int_equal(capnp_arena_bytes(&a), 16);
    capnp_message_open_flat(&m, words, 16);
    assert_true(capnp_has(capnp_root(&m, 0, 1), 0));
    assert_true(capnp_any_check(capnp_get_any(capnp_root(&m, 0, 1), 0)));
    capnp_arena_init(&a, words, sizeof words);
    (void)capnp_build_root(&a, 0, 0);
    assert_true(words[0] == 0xfffffffc);
    capnp_message_open_flat(&m, words, 8);
    (void)capnp_root(&m, 0, 0);
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_NONE);
}

static void room_that_things_take(void **state)
{
    struct capnp_data data = {.ptr = NULL, .len = 0};

    (void)state;
    for (uint32_t len = 0; len < 40; len++) {
        static const uint8_t zeros[40];
        uint64_t words[16];
        struct capnp_arena a;
        data = (struct capnp_data){.ptr = zeros, .len = len};
        capnp_arena_init(&a, words, sizeof words);
        capnp_any_set_data(capnp_slot(capnp_build_root(&a, 0, 1), 0), data);
        assert_int_equal(capnp_arena_bytes(&a), 16 + capnp_data_bytes(data));
        struct capnp_text text = {.ptr = (const char *)zeros, .len = len};
        capnp_arena_init(&a, words, sizeof words);
        capnp_any_set_text(capnp_slot(capnp_build_root(&a, 0, 1), 0), text);
        assert_int_equal(capnp_arena_bytes(&a), 16 + capnp_text_bytes(text));
    }
    assert_int_equal(capnp_room(UINT64_MAX), UINT32_MAX);
    assert_int_equal(capnp_room(40), 40);
    data.len = UINT32_MAX;
    assert_true(capnp_data_bytes(data) == 1ull << 32);
}

/* Text or data of a length, in place, in an arena that has been begun: the room it was given. */
static void *in_place(struct capnp_arena *a, bool is_text, uint32_t len)
{
    struct capnp_any_builder slot = capnp_slot(capnp_build_root(a, 0, 1), 0);

    return is_text ? (void *)capnp_any_room_text(slot, len) : capnp_any_room_data(slot, len);
}

/* Of the room, the last word is zeros, and the others are left as they lay there. */
static void bytes_in_place(void **state)
{
    (void)state;
    for (uint32_t len = 0; len < 40; len++) {
        for (unsigned is_text = 0; is_text < 2; is_text++) {
            uint32_t whole = 16u + (uint32_t)capnp_bytes(len + is_text);
            uint8_t *buffer = malloc(whole);
            struct capnp_arena a;
            struct capnp_message m;
            memset(buffer, 0xee, whole);
            capnp_arena_init(&a, buffer, whole);
            assert_ptr_equal(in_place(&a, is_text, len), buffer + 16);
            assert_true(capnp_arena_ok(&a));
            assert_int_equal(capnp_arena_bytes(&a), whole);
            for (uint32_t i = 16; i < whole; i++) {
                assert_int_equal(buffer[i], i < whole - 8u ? 0xee : 0);
            }
            memset(buffer + 16, 'x', len);
            assert_true(capnp_message_open_flat(&m, buffer, whole));
            struct capnp_struct root = capnp_root(&m, 0, 1);
            assert_int_equal(is_text ? capnp_get_text(root, 0).len : capnp_get_data(root, 0).len,
                             len);
            /* In less room, nothing is written; and nothing fits from then on. */
            for (uint32_t room = 16; room < whole; room++) {
                memset(buffer, 0xee, whole);
                capnp_arena_init(&a, buffer, room);
                assert_null(in_place(&a, is_text, len));
                assert_false(capnp_arena_ok(&a));
                assert_int_equal(buffer[16], 0xee);
                assert_int_equal(buffer[whole - 1u], 0xee);
            }
            free(buffer);
        }
    }
}

/* No data at all, behind a field that is set; and more than a list has, whatever room there is. */
static void lengths_in_place(void **state)
{
    uint64_t words[4];
    struct capnp_arena a;

    (void)state;
    capnp_arena_init(&a, words, sizeof words);
    struct capnp_struct_builder root = capnp_build_root(&a, 0, 2);
    capnp_any_set_capability(capnp_slot(root, 8), 5);
    assert_ptr_equal(capnp_any_room_data(capnp_slot(root, 0), 0), words + 3);
    assert_true(words[2] == CAPABILITY(5));
    assert_int_equal(capnp_arena_bytes(&a), 24);
    capnp_arena_init(&a, words, UINT32_MAX);
    root = capnp_build_root(&a, 0, 2);
    assert_null(capnp_any_room_data(capnp_slot(root, 0), CAPNP_LIST_MAX + 1u));
    assert_null(capnp_any_room_text(capnp_slot(root, 0), CAPNP_LIST_MAX));
    assert_false(capnp_arena_ok(&a));
}

/* Bytes of every length, from and into blocks just as long; their padding is zero. */
static void bytes_of_every_length(void **state)
{
    (void)state;
    for (uint32_t len = 0; len < 200; len++) {
        uint8_t *bytes = malloc(len + 1u);
        struct capnp_data data = {.ptr = bytes, .len = len};
        size_t room = 16u + (size_t)capnp_data_bytes(data);
        uint8_t *buffer = malloc(room);
        struct capnp_arena a;
        struct capnp_message m;
        for (uint32_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)(i + 1u);
        }
        bytes = realloc(bytes, len == 0 ? 1 : len);
        data.ptr = bytes;
        memset(buffer, 0xee, room);
        capnp_arena_init(&a, buffer, room);
        capnp_any_set_data(capnp_slot(capnp_build_root(&a, 0, 1), 0), data);
        assert_true(capnp_arena_ok(&a));
        assert_int_equal(capnp_arena_bytes(&a), room);
        assert_true(capnp_message_open_flat(&m, buffer, room));
        struct capnp_data found = capnp_get_data(capnp_root(&m, 0, 1), 0);
        assert_int_equal(found.len, len);
        for (uint32_t i = 0; i < len; i++) {
            assert_int_equal(found.ptr[i], (uint8_t)(i + 1u));
        }
        for (size_t i = 16u + len; i < room; i++) {
            assert_int_equal(buffer[i], 0);
        }
        free(buffer);
        free(bytes);
    }
}

/* ---------------------------------------------------------------------------
 * Copies */

/* The copy of a struct's pointer, opened. */
static bool copy(struct capnp_struct from, struct capnp_message *m, uint64_t words[512])
{
    struct capnp_arena a;

    capnp_arena_init(&a, words, 4096);
    struct capnp_struct_builder root = capnp_build_root(&a, 0, from.pointer_count);
    for (uint16_t i = 0; i < from.pointer_count; i++) {
        if (!capnp_any_copy(capnp_slot(root, i * 8u), capnp_get_any(from, i))) {
            return false;
        }
    }
    return capnp_message_open_flat(m, words, capnp_arena_bytes(&a));
}

static void copies(void **state)
{
    struct capnp_segment segments[64];
    uint64_t words[512];
    uint64_t again[512];
    struct capnp_message m;
    struct capnp_message n;

    (void)state;
    assert_true(capnp_message_open_framed(&m, lists_far, sizeof lists_far, segments, 64));
    assert_true(copy(sample_lists_read_root(&m).s, &n, words));
    assert_true(sample_lists_check(sample_lists_read_root(&n)));
    assert_int_equal(n.flat.bytes, sizeof lists_flat);
    assert_true(copy(sample_lists_read_root(&n).s, &m, again));
    assert_int_equal(m.flat.bytes, n.flat.bytes);
    assert_memory_equal(words, again, n.flat.bytes);
    assert_true(capnp_bool_list_at(sample_lists_get_bools(sample_lists_read_root(&n)), 9));

    assert_true(capnp_message_open_framed(&m, tree_far, sizeof tree_far, segments, 64));
    assert_true(copy(sample_tree_read_root(&m).s, &n, words));
    assert_true(sample_tree_check(sample_tree_read_root(&n)));
}

static void copies_that_fail(void **state)
{
    uint64_t broken[] = {STRUCT_AT(0, 0, 1), STRUCT_AT(5, 1, 0)};
    uint64_t cyclic[] = {STRUCT_AT(0, 0, 1), STRUCT_AT(-1, 0, 1)};
    uint64_t capability[] = {STRUCT_AT(0, 0, 1), CAPABILITY(0)};
    uint64_t words[512];
    struct capnp_message m;
    struct capnp_message n;

    (void)state;
    capnp_message_open_flat(&m, broken, sizeof broken);
    assert_false(copy(capnp_root(&m, 0, 1), &n, words));
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_BOUNDS);
    capnp_message_open_flat(&m, cyclic, sizeof cyclic);
    assert_false(copy(capnp_root(&m, 0, 1), &n, words));
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_DEPTH);
    capnp_message_open_flat(&m, capability, sizeof capability);
    assert_false(copy(capnp_root(&m, 0, 1), &n, words));
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_CAPABILITY);

    /* No room, at each length: false, and nothing beyond it. */
    for (uint32_t room = 0; room < sizeof tree_flat; room += 8) {
        struct capnp_arena a;
        uint8_t *buffer = malloc(room == 0 ? 1 : room);
        capnp_message_open_flat(&m, tree_flat, sizeof tree_flat);
        capnp_arena_init(&a, buffer, room);
        struct capnp_struct_builder root = capnp_build_root(&a, 0, 1);
        assert_false(
            capnp_any_copy(capnp_slot(root, 0), (struct capnp_any){.message = &m,
                                                                   .segment = m.segments,
                                                                   .slot = m.segments->base,
                                                                   .depth = CAPNP_DEPTH_MAX}));
        free(buffer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_of_the_buffer),  cmocka_unit_test(every_room),
        cmocka_unit_test(setters_on_nothing),     cmocka_unit_test(sizes_that_no_list_has),
        cmocka_unit_test(element_behind_the_end), cmocka_unit_test(root_comes_first),
        cmocka_unit_test(structs_of_nothing),     cmocka_unit_test(room_that_things_take),
        cmocka_unit_test(bytes_of_every_length),  cmocka_unit_test(copies),
        cmocka_unit_test(bytes_in_place),         cmocka_unit_test(lengths_in_place),
        cmocka_unit_test(copies_that_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
