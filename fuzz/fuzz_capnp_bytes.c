// SPDX-License-Identifier: MIT
/*
 * Bytes as the flat message of a short call, of a shape that the first of them says: what
 * is recognised by a few compares must read as the general reader reads it, and what
 * one of the two refuses, both must.
 */
#include <capnp/build.h>
#include <stdlib.h>
#include <string.h>

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
    struct capnp_message m;
    struct capnp_message general;
    struct capnp_struct s = capnp_open_bytes(&m, words, bytes, data_words, pointers, texts);
    struct capnp_struct like =
        capnp_open_bytes_any_shape(&general, words, bytes, data_words, pointers, texts);

    require((s.message == NULL) == (like.message == NULL));
    if (s.message == NULL) {
        return;
    }
    require(s.message == &m);
    for (uint32_t i = 0; i < data_words; i++) {
        require(capnp_get_u64(s, i * 8u) == capnp_get_u64(like, i * 8u));
    }
    for (uint16_t i = 0; i < pointers; i++) {
        struct capnp_data data = capnp_get_data(s, i);
        require(data.len == capnp_get_data(like, i).len);
        require(sum_of(data) == sum_of(capnp_get_data(like, i)));
        require((texts >> i & 1u) == 0 ||
                capnp_text_equal(capnp_get_text(s, i), capnp_get_text(like, i)));
    }
    require(m.error == CAPNP_ERROR_NONE);
    if ((s.depth & CAPNP_DEPTH_CHECKED) != 0) {
        require(capnp_struct_check_pointers(s));
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
