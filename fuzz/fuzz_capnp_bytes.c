// SPDX-License-Identifier: MIT
/*
 * Bytes as the flat message of a short call, of a shape that the first of them says: what
 * is recognised by a few compares must read as the general reader reads it, and what
 * one of the two refuses, both must.
 */
#include <capnp/build.h>
#include <stdlib.h>
#include <string.h>

/* What the first byte can say. */
#define DATA_WORDS_MAX 3u
#define POINTERS_MAX   4u

/* The name is the fuzzer's. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static uint64_t sum_of(struct capnp_data data)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < data.len; i++) {
        sum = sum * 31u + data.ptr[i];
    }
    return sum;
}

static void compare(const uint8_t *words, size_t bytes, uint16_t data_words, uint16_t pointers,
                    uint32_t texts)
{
    struct capnp_data fields[POINTERS_MAX];
    struct capnp_data expected[POINTERS_MAX];
    uint64_t scratch[DATA_WORDS_MAX + 1u] = {0};
    uint64_t other_scratch[DATA_WORDS_MAX + 1u];
    bool built =
        capnp_bytes_root_as_built(words, bytes, data_words, pointers, texts, fields) != NULL;
    const uint8_t *root =
        capnp_bytes_root(words, bytes, data_words, pointers, texts, scratch, fields);
    const uint8_t *like = capnp_bytes_root_any_shape(words, bytes, data_words, pointers, texts,
                                                     other_scratch, expected);

    require((root == NULL) == (like == NULL));
    require(!built || root == words + 8);
    if (root == NULL) {
        return;
    }
    require(memcmp(root, like, data_words * 8u) == 0);
    for (uint16_t i = 0; i < pointers; i++) {
        require(fields[i].len == expected[i].len);
        require(sum_of(fields[i]) == sum_of(expected[i]));
        require((texts >> i & 1u) == 0 ||
                capnp_field_text(fields[i]).ptr[capnp_field_text(fields[i]).len] == 0);
    }
}

/* The first byte: two bits of data words, two of pointers less one, four of texts. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    /* Of just this size, so that a byte more is seen; and aligned, as messages are. */
    uint8_t *words = malloc(size - 1u + (size == 1u));
    require(words != NULL);
    memcpy(words, data + 1, size - 1u);
    compare(words, size - 1u, data[0] & 3u, (uint16_t)(1u + (data[0] >> 2 & 3u)), data[0] >> 4);
    free(words);
    return 0;
}
