// SPDX-License-Identifier: MIT
/*
 * Packing: the bytes that the encoding says, back to the same words, in pieces of
 * any size, and nothing outside of the buffers whatever the input is.
 */
#include <capnp/pack.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ROOM 40000u

struct vector {
    const char *words;
    size_t words_len;
    const char *packed;
    size_t packed_len;
};

#define VECTOR(words, packed)                                                                      \
    {                                                                                              \
        words, sizeof(words) - 1, packed, sizeof(packed) - 1                                       \
    }

/* The examples of the encoding's specification, and the ends of runs. */
static const struct vector vectors[] = {
    VECTOR("", ""),
    VECTOR("\0\0\0\0\0\0\0\0", "\0\0"),
    VECTOR("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "\0\3"),
    VECTOR("\x08\0\0\0\x03\0\x02\0\x19\0\0\0\xaa\x01\0\0", "\x51\x08\x03\x02\x31\x19\xaa\x01"),
    VECTOR("\0\0\x0c\0\0\x22\0\0", "\x24\x0c\x22"),
    VECTOR("\1\3\2\4\5\7\6\x8", "\xff\1\3\2\4\5\7\6\x8\0"),
    VECTOR("\0\0\0\0\0\0\0\0\1\3\2\4\5\7\6\x8", "\0\0\xff\1\3\2\4\5\7\6\x8\0"),
    VECTOR("\1\3\2\4\5\7\6\x8\x8\6\7\4\5\2\3\1", "\xff\1\3\2\4\5\7\6\x8\1\x8\6\7\4\5\2\3\1"),
    /* A word with one zero byte goes on with a run; one with two ends it. */
    VECTOR("\1\1\1\1\1\1\1\1\0\1\1\1\1\1\1\1", "\xff\1\1\1\1\1\1\1\1\1\0\1\1\1\1\1\1\1"),
    VECTOR("\1\1\1\1\1\1\1\1\0\0\1\1\1\1\1\1", "\xff\1\1\1\1\1\1\1\1\0\xfc\1\1\1\1\1\1"),
    VECTOR("\0\1\1\1\1\1\1\1", "\xfe\1\1\1\1\1\1\1"),
};

/* Unpacks in blocks of their own sizes, so that the address sanitizer sees every byte. */
static bool unpack(const void *packed, size_t len, size_t room, uint8_t *out, size_t *out_len)
{
    uint8_t *in = malloc(len == 0 ? 1 : len);
    uint8_t *block = malloc(room == 0 ? 1 : room);

    memcpy(in, packed, len);
    bool done = capnp_unpack_all(block, room, in, len, out_len);
    if (done) {
        memcpy(out, block, *out_len);
    }
    free(block);
    free(in);
    return done;
}

static void examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const struct vector *v = &vectors[i];
        uint8_t out[64];
        uint64_t bytes;
        size_t len;
        assert_true(capnp_pack_all(out, sizeof out, v->words, v->words_len, &len));
        assert_int_equal(len, v->packed_len);
        assert_memory_equal(out, v->packed, len);
        assert_in_range(len, 0, capnp_pack_bound(v->words_len));
        assert_true(capnp_unpacked_bytes(v->packed, v->packed_len, &bytes));
        assert_int_equal(bytes, v->words_len);
        assert_true(unpack(v->packed, v->packed_len, v->words_len, out, &len));
        assert_int_equal(len, v->words_len);
        assert_memory_equal(out, v->words, len);
    }
}

/* Words of every kind: zeros, dense, sparse, with one zero byte. */
static void fill(uint8_t *words, size_t count, uint64_t seed, unsigned kinds)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        unsigned kind = (unsigned)(seed >> 33) % kinds;
        for (unsigned k = 0; k < 8; k++) {
            uint8_t byte = (uint8_t)(seed >> (8 * k) | 1u);
            bool zero = kind == 1 || (kind == 2 && (seed >> (40 + k) & 1u) != 0) ||
                        (kind == 3 && k == seed % 8);
            words[i * 8 + k] = zero ? 0 : byte;
        }
    }
}

static void there_and_back(void **state)
{
    uint8_t *words = malloc(ROOM);
    uint8_t *packed = malloc(ROOM);
    uint8_t *again = malloc(ROOM);

    (void)state;
    for (unsigned round = 0; round < 400; round++) {
        size_t bytes = (size_t)round * 8;
        size_t packed_len;
        size_t len;
        fill(words, round, round, 1 + round % 4);
        size_t bound = (size_t)capnp_pack_bound(bytes);
        assert_true(capnp_pack_all(packed, bound, words, bytes, &packed_len));
        assert_true(unpack(packed, packed_len, bytes, again, &len));
        assert_int_equal(len, bytes);
        assert_memory_equal(again, words, bytes);
        /* A byte less of room is too little, in both directions. */
        assert_false(packed_len != 0 && capnp_pack_all(again, packed_len - 1, words, bytes, &len));
        assert_false(bytes != 0 && unpack(packed, packed_len, bytes - 1, again, &len));
    }
    free(again);
    free(packed);
    free(words);
}

/* The worst case of the bound is reached: words without zeros, each behind one with two. */
static void bound_is_reached(void **state)
{
    uint8_t words[8 * 9];
    uint8_t packed[128];
    size_t len;

    (void)state;
    memset(words, 7, sizeof words);
    for (size_t i = 1; i < 9; i += 2) {
        memset(words + i * 8, 0, 2);
    }
    assert_true(capnp_pack_all(packed, sizeof packed, words, sizeof words, &len));
    assert_int_equal(len, capnp_pack_bound(sizeof words));
    assert_true(capnp_pack_all(packed, sizeof packed, words, 8, &len));
    assert_int_equal(len, capnp_pack_bound(8));
}

/* Runs of exactly as many words as a count can say, and one more. */
static void long_runs(void **state)
{
    static const size_t lengths[] = {1, 2, 255, 256, 257, 511, 512, 513};
    uint8_t words[513 * 8];
    uint8_t packed[5200];
    uint8_t again[sizeof words];

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t n = lengths[i];
        size_t len;
        size_t back;
        memset(words, 0, sizeof words);
        assert_true(capnp_pack_all(packed, sizeof packed, words, n * 8, &len));
        assert_int_equal(len, (n + 255) / 256 * 2);
        assert_int_equal(packed[1], (n > 256 ? 256 : n) - 1);
        assert_true(unpack(packed, len, n * 8, again, &back));
        assert_int_equal(back, n * 8);
        memset(words, 0xee, sizeof words);
        assert_true(capnp_pack_all(packed, sizeof packed, words, n * 8, &len));
        assert_int_equal(len, n * 8 + (n + 255) / 256 * 2);
        assert_int_equal(packed[9], (n > 256 ? 256 : n) - 1);
        assert_true(unpack(packed, len, n * 8, again, &back));
        assert_memory_equal(again, words, n * 8);
    }
}

/* Every cut of valid input is either the end of an item or refused. */
static void truncation(void **state)
{
    uint8_t words[64 * 8];
    uint8_t packed[800];
    uint8_t again[sizeof words];
    size_t len;
    size_t whole = 0;

    (void)state;
    fill(words, 64, 5, 4);
    assert_true(capnp_pack_all(packed, sizeof packed, words, sizeof words, &len));
    for (size_t cut = 0; cut <= len; cut++) {
        uint64_t bytes = 1;
        size_t back = 1;
        bool done = unpack(packed, cut, sizeof again, again, &back);
        assert_int_equal(done, capnp_unpacked_bytes(packed, cut, &bytes));
        if (done) {
            assert_int_equal(back, bytes);
            assert_int_equal(back % 8, 0);
            assert_memory_equal(again, words, back);
            whole++;
        }
    }
    assert_in_range(whole, 2, len / 2);
    static const struct vector bad[] = {
        {NULL, 0, "\1", 1},         {NULL, 0, "\0", 1},
        {NULL, 0, "\xff\1\2\3", 4}, {NULL, 0, "\xff\1\2\3\4\5\6\7\x8", 9},
        {NULL, 0, "\x80", 1},       {NULL, 0, "\xff\1\2\3\4\5\6\7\x8\1\1\1\1\1\1\1\1", 17},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t bytes;
        assert_false(unpack(bad[i].packed, bad[i].packed_len, sizeof again, again, &len));
        assert_false(capnp_unpacked_bytes(bad[i].packed, bad[i].packed_len, &bytes));
    }
}

static void no_whole_number_of_words(void **state)
{
    uint8_t packed[64];
    size_t len;

    (void)state;
    for (size_t bytes = 1; bytes < 24; bytes++) {
        assert_int_equal(
            capnp_pack_all(packed, sizeof packed, "abcdefghijklmnopqrstuvwxyz", bytes, &len),
            bytes % 8 == 0);
    }
}

/* Input and room in pieces of these sizes; every status is right; returns what was given. */
static size_t in_pieces(bool packing, const uint8_t *in, size_t len, uint8_t *out, size_t room,
                        size_t in_piece, size_t out_piece)
{
    struct capnp_packer p = {0};
    struct capnp_unpacker u = {0};
    struct capnp_stream s = {.in = in, .in_len = 0, .out = out, .out_room = 0};
    size_t steps = 0;

    for (;;) {
        enum capnp_pack_status status = packing ? capnp_pack(&p, &s) : capnp_unpack(&u, &s);
        size_t used = (size_t)(s.in - in);
        size_t given = (size_t)(s.out - out);
        assert_in_range(steps++, 0, 4 * (len + room) + 8);
        if (status == CAPNP_PACK_DONE) {
            assert_true(s.last);
            assert_int_equal(used, len);
            assert_int_equal(s.in_len, 0);
            assert_true(packing || capnp_unpacker_at_boundary(&u));
            return given;
        }
        if (status == CAPNP_PACK_INPUT) {
            assert_false(s.last);
            assert_int_equal(s.in_len, 0);
            s.in_len = in_piece < len - used ? in_piece : len - used;
            s.last = used + s.in_len == len;
        } else {
            assert_int_equal(status, CAPNP_PACK_OUTPUT);
            assert_int_equal(s.out_room, 0);
            assert_in_range(given, 0, room - 1);
            s.out_room = out_piece < room - given ? out_piece : room - given;
        }
    }
}

static void pieces_of_any_size(void **state)
{
    uint8_t words[600 * 8];
    uint8_t packed[6000];
    uint8_t again[sizeof words];

    (void)state;
    fill(words, 300, 11, 4);
    memset(words + 300 * 8, 0, 270 * 8);
    memset(words + 570 * 8, 0x5a, 30 * 8);
    for (size_t in_piece = 1; in_piece < 60; in_piece += 1 + in_piece / 9) {
        for (size_t out_piece = 1; out_piece < 60; out_piece += 1 + out_piece / 9) {
            size_t len =
                in_pieces(true, words, sizeof words, packed, sizeof packed, in_piece, out_piece);
            size_t back = in_pieces(false, packed, len, again, sizeof again, out_piece, in_piece);
            assert_int_equal(back, sizeof words);
            assert_memory_equal(again, words, sizeof words);
        }
    }
}

/* Two messages behind each other: the first one's room ends exactly where it does. */
static void stops_at_its_room(void **state)
{
    static const uint8_t packed[] = {0x01, 9, 0x00, 0, 0x01, 8};
    uint8_t out[24];
    struct capnp_unpacker u = {0};
    struct capnp_stream s = {
        .in = packed, .in_len = sizeof packed, .out = out, .out_room = 16, .last = true};

    (void)state;
    assert_int_equal(capnp_unpack(&u, &s), CAPNP_PACK_OUTPUT);
    assert_true(capnp_unpacker_at_boundary(&u));
    assert_int_equal(s.in_len, 2);
    s.out_room = 4;
    assert_int_equal(capnp_unpack(&u, &s), CAPNP_PACK_OUTPUT);
    assert_false(capnp_unpacker_at_boundary(&u));
    s.out_room = 4;
    assert_int_equal(capnp_unpack(&u, &s), CAPNP_PACK_DONE);
    assert_int_equal(out[16], 8);
}

/* Bytes of any kind: both walks agree on whether they are packed, and on their length. */
static void any_bytes(void **state)
{
    uint8_t *out = malloc(ROOM * 8u);
    uint64_t seed = 1;
    unsigned valid = 0;

    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        uint8_t packed[40];
        uint64_t bytes = 0;
        size_t len = round % sizeof packed;
        size_t back = 0;
        for (size_t i = 0; i < len; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            packed[i] = (uint8_t)((seed >> 60) < 5 ? 0 : (seed >> 60) < 8 ? 0xff : seed >> 40);
        }
        bool sized = capnp_unpacked_bytes(packed, len, &bytes);
        assert_in_range(bytes, 0, 1024 * len);
        assert_int_equal(unpack(packed, len, ROOM * 8u, out, &back), sized);
        if (sized) {
            assert_int_equal(back, bytes);
            valid++;
        }
    }
    assert_in_range(valid, 100, 2900);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples),           cmocka_unit_test(there_and_back),
        cmocka_unit_test(bound_is_reached),   cmocka_unit_test(long_runs),
        cmocka_unit_test(truncation),         cmocka_unit_test(no_whole_number_of_words),
        cmocka_unit_test(pieces_of_any_size), cmocka_unit_test(stops_at_its_room),
        cmocka_unit_test(any_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
