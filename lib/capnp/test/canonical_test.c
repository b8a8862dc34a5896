// SPDX-License-Identifier: MIT
/*
 * Canonical form: the bytes that the stock tool makes of the same value, however
 * the value lay; recognised when it is there and not when anything is different;
 * and equality, which must say the same.
 */
#include "messages.h"
#include "words.h"

#include <capnp/canonical.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ROOM 2048u

/* The root pointer, whatever it leads to. */
static struct capnp_any root_of(struct capnp_message *m)
{
    return (struct capnp_any){
        .message = m,
        .segment = m->segments,
        .slot = m->segments[0].base,
        .depth = CAPNP_DEPTH_MAX + 1u,
    };
}

/* The canonical form of the message in `f` is these bytes, which are canonical themselves. */
static void becomes(struct fixture *f, const void *canonical, size_t len)
{
    struct fixture own;
    uint8_t *out = malloc(len);
    size_t out_len = 0;

    assert_true(capnp_canonical(&f->m, out, len, &out_len));
    assert_int_equal(out_len, len);
    assert_memory_equal(out, canonical, len);
    fixture_flat(&own, out, out_len);
    assert_true(capnp_is_canonical(&own.m));
    /* A null root becomes a struct of nothing, which is not the same. */
    assert_int_equal(capnp_any_equal(root_of(&own.m), root_of(&f->m)),
                     !capnp_any_is_null(root_of(&f->m)));
    fixture_free(&own);
    /* With any less room it does not fit, and nothing else happens. */
    for (size_t room = 0; room < len; room += 8) {
        uint8_t *small = malloc(room == 0 ? 1 : room);
        assert_false(capnp_canonical(&f->m, small, room, &out_len));
        assert_int_equal(capnp_message_error(&f->m), CAPNP_ERROR_NONE);
        free(small);
    }
    free(out);
}

static void stock_messages(void **state)
{
    static const struct {
        const uint8_t *framed, *flat, *canonical;
        size_t framed_len, flat_len, canonical_len;
    } all[] = {
        {tree_far, tree_flat, tree_canonical, sizeof tree_far, sizeof tree_flat,
         sizeof tree_canonical},
        {lists_far, lists_flat, lists_canonical, sizeof lists_far, sizeof lists_flat,
         sizeof lists_canonical},
        {manifest_far, manifest_flat, manifest_canonical, sizeof manifest_far, sizeof manifest_flat,
         sizeof manifest_canonical},
    };
    struct capnp_segment segments[128];

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct fixture f;
        fixture_flat(&f, all[i].flat, all[i].flat_len);
        assert_false(capnp_is_canonical(&f.m));
        becomes(&f, all[i].canonical, all[i].canonical_len);
        fixture_free(&f);
        f.bytes = NULL;
        assert_true(
            capnp_message_open_framed(&f.m, all[i].framed, all[i].framed_len, segments, 128));
        assert_false(capnp_is_canonical(&f.m));
        becomes(&f, all[i].canonical, all[i].canonical_len);
        fixture_flat(&f, all[i].canonical, all[i].canonical_len);
        becomes(&f, all[i].canonical, all[i].canonical_len);
        fixture_free(&f);
    }
}

#define EMPTY_STRUCT 0xfffffffcu

/* Words, and what the stock tool makes of them. */
static void check_words(const uint64_t *words, size_t count, const uint64_t *canonical,
                        size_t canonical_count)
{
    struct fixture f;

    fixture_flat(&f, words, count * 8u);
    assert_int_equal(capnp_is_canonical(&f.m),
                     count == canonical_count && memcmp(words, canonical, count * 8u) == 0);
    becomes(&f, canonical, canonical_count * 8u);
    fixture_free(&f);
}

#define CHECK_WORDS(from, to)                                                                      \
    check_words(from, sizeof(from) / sizeof *(from), to, sizeof(to) / sizeof *(to))

static void odd_messages(void **state)
{
    static const uint64_t nothing[] = {EMPTY_STRUCT};
    static const uint64_t null_root[] = {0};
    static const uint64_t zeros[] = {STRUCT_AT(0, 1, 2), 0, 0, 0};
    static const uint64_t gap[] = {STRUCT_AT(1, 1, 0), 99, 7};
    static const uint64_t one[] = {STRUCT_AT(0, 1, 0), 7};
    static const uint64_t rest[] = {STRUCT_AT(0, 1, 0), 7, 0};
    static const uint64_t inner[] = {STRUCT_AT(0, 0, 2), STRUCT_AT(1, 1, 0), 0, 0};
    static const uint64_t inner_canonical[] = {STRUCT_AT(0, 0, 1), EMPTY_STRUCT};
    static const uint64_t no_structs[] = {STRUCT_AT(0, 0, 1), LIST_AT(0, 7, 0), TAG(0, 2, 3)};
    static const uint64_t no_structs_canonical[] = {STRUCT_AT(0, 0, 1), LIST_AT(0, 7, 0),
                                                    TAG(0, 0, 0)};
    static const uint64_t elements[] = {
        STRUCT_AT(0, 0, 1), LIST_AT(0, 7, 7), TAG(2, 2, 1), 1, 0, 0, 0, 0, LIST_AT(0, 2, 0), 0,
    };
    static const uint64_t elements_canonical[] = {
        STRUCT_AT(0, 0, 1), LIST_AT(0, 7, 4), TAG(2, 1, 1), 1, 0, 0, LIST_AT(0, 2, 0),
    };
    static const uint64_t bits[] = {STRUCT_AT(0, 0, 1), LIST_AT(0, 1, 9), 0xfffffffffffffdff};
    static const uint64_t bits_canonical[] = {STRUCT_AT(0, 0, 1), LIST_AT(0, 1, 9), 0x1ff};
    static const uint64_t bytes[] = {STRUCT_AT(0, 0, 1), LIST_AT(0, 2, 3), 0xff030201};
    static const uint64_t bytes_canonical[] = {STRUCT_AT(0, 0, 1), LIST_AT(0, 2, 3), 0x030201};

    (void)state;
    CHECK_WORDS(nothing, nothing);
    CHECK_WORDS(null_root, nothing);
    CHECK_WORDS(zeros, nothing);
    CHECK_WORDS(gap, one);
    CHECK_WORDS(one, one);
    CHECK_WORDS(rest, one);
    CHECK_WORDS(inner, inner_canonical);
    CHECK_WORDS(inner_canonical, inner_canonical);
    CHECK_WORDS(no_structs, no_structs_canonical);
    CHECK_WORDS(no_structs_canonical, no_structs_canonical);
    CHECK_WORDS(elements, elements_canonical);
    CHECK_WORDS(elements_canonical, elements_canonical);
    CHECK_WORDS(bits, bits_canonical);
    CHECK_WORDS(bits_canonical, bits_canonical);
    CHECK_WORDS(bytes, bytes_canonical);
    CHECK_WORDS(bytes_canonical, bytes_canonical);
}

/*
 * Each bit of a canonical message, flipped: either it is canonical still, and then
 * of another value, or its canonical form differs from it, or it is malformed.
 */
static void flip_every_bit(const uint8_t *canonical, size_t len)
{
    for (size_t bit = 0; bit < len * 8; bit++) {
        struct fixture f;
        struct fixture original;
        uint8_t out[ROOM];
        size_t out_len = 0;
        fixture_flat(&original, canonical, len);
        fixture_flat(&f, canonical, len);
        f.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bool recognised = capnp_is_canonical(&f.m);
        bool made = capnp_canonical(&f.m, out, sizeof out, &out_len);
        bool same = made && out_len == len && memcmp(out, f.bytes, len) == 0;
        assert_int_equal(recognised, same);
        bool equal = capnp_any_equal(root_of(&f.m), root_of(&original.m));
        assert_int_equal(equal, made && out_len == len && memcmp(out, canonical, len) == 0);
        fixture_free(&f);
        fixture_free(&original);
    }
}

static void flipped_bits(void **state)
{
    (void)state;
    flip_every_bit(tree_canonical, sizeof tree_canonical);
    flip_every_bit(lists_canonical, sizeof lists_canonical);
    flip_every_bit(manifest_canonical, sizeof manifest_canonical);
}

static void not_canonical(void **state)
{
    static const uint64_t capability[] = {STRUCT_AT(0, 0, 1), CAPABILITY(0)};
    static const uint64_t far[] = {FAR(0, 1), STRUCT_AT(0, 1, 0), 1};
    static const uint64_t list[] = {LIST_AT(0, 5, 1), 1};
    static const uint64_t swapped[] = {STRUCT_AT(0, 0, 2), STRUCT_AT(2, 1, 0), STRUCT_AT(0, 1, 0),
                                       1, 2};
    static const uint64_t shared[] = {STRUCT_AT(0, 0, 2), STRUCT_AT(1, 1, 0), STRUCT_AT(0, 1, 0),
                                      1};
    static const struct {
        const uint64_t *words;
        size_t bytes;
        enum capnp_error error;
    } all[] = {
        {capability, sizeof capability, CAPNP_ERROR_KIND},
        {far, sizeof far, CAPNP_ERROR_NONE},
        {list, sizeof list, CAPNP_ERROR_KIND},
        {swapped, sizeof swapped, CAPNP_ERROR_NONE},
        {shared, sizeof shared, CAPNP_ERROR_NONE},
    };
    uint64_t out[8];

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct fixture f;
        size_t len;
        fixture_flat(&f, all[i].words, all[i].bytes);
        capnp_message_capabilities(&f.m, 1);
        assert_false(capnp_is_canonical(&f.m));
        assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_NONE);
        assert_int_equal(capnp_canonical(&f.m, out, sizeof out, &len),
                         all[i].error == CAPNP_ERROR_NONE);
        assert_int_equal(capnp_message_error(&f.m), all[i].error);
        fixture_free(&f);
    }
}

/* Cycles, lists of nothing and a message that says everything twice at each level. */
static void bounded(void **state)
{
    uint64_t cycle[] = {STRUCT_AT(0, 0, 1), STRUCT_AT(-1, 0, 1)};
    uint64_t voids[] = {STRUCT_AT(0, 0, 1), LIST_AT(0, 0, (1u << 29) - 1u)};
    uint64_t twice[65];
    uint64_t out[64];
    const struct {
        const uint64_t *words;
        size_t bytes;
        enum capnp_error error;
    } all[] = {
        {cycle, sizeof cycle, CAPNP_ERROR_DEPTH},
        {voids, sizeof voids, CAPNP_ERROR_BUDGET},
        {twice, sizeof twice, CAPNP_ERROR_BUDGET},
    };

    (void)state;
    twice[0] = STRUCT_AT(0, 0, 2);
    for (unsigned i = 1; i < 63; i += 2) {
        twice[i] = STRUCT_AT(1, 0, 2);
        twice[i + 1] = STRUCT_AT(0, 0, 2);
    }
    twice[63] = 0;
    twice[64] = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct fixture f;
        struct fixture g;
        size_t len;
        fixture_flat(&f, all[i].words, all[i].bytes);
        fixture_flat(&g, all[i].words, all[i].bytes);
        assert_false(capnp_is_canonical(&f.m));
        assert_false(capnp_any_equal(root_of(&f.m), root_of(&g.m)));
        assert_int_equal(capnp_message_error(&f.m), all[i].error);
        fixture_free(&f);
        fixture_flat(&f, all[i].words, all[i].bytes);
        assert_false(capnp_canonical(&f.m, out, sizeof out, &len));
        fixture_free(&f);
        fixture_free(&g);
    }
}

static void capabilities_compare_by_index(void **state)
{
    uint64_t words[] = {STRUCT_AT(0, 0, 3), CAPABILITY(0), CAPABILITY(1), CAPABILITY(0)};
    struct fixture f;

    (void)state;
    fixture_flat(&f, words, sizeof words);
    capnp_message_capabilities(&f.m, 2);
    struct capnp_struct s = capnp_root(&f.m, 0, 3);
    assert_true(capnp_any_equal(capnp_get_any(s, 0), capnp_get_any(s, 2)));
    assert_false(capnp_any_equal(capnp_get_any(s, 0), capnp_get_any(s, 1)));
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_NONE);
    capnp_message_capabilities(&f.m, 0);
    assert_false(capnp_any_equal(capnp_get_any(s, 0), capnp_get_any(s, 2)));
    assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_CAPABILITY);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stock_messages), cmocka_unit_test(odd_messages),
        cmocka_unit_test(flipped_bits),   cmocka_unit_test(not_canonical),
        cmocka_unit_test(bounded),        cmocka_unit_test(capabilities_compare_by_index),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
