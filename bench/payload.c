// SPDX-License-Identifier: MIT
/* Typed calls with much data there and back. */
#include "rows.h"

/*
 * The number of the call is in the first and the last word of the data, so that no older
 * answer passes for this one. They are compared in each call, and all of the data in the
 * warm-up: that would cost more than the call.
 */
static void echo_data(uint32_t n, uint32_t bytes)
{
    static uint64_t words[PAYLOAD_MAX / 8u];
    uint64_t *last = &words[bytes / 8u - 1u];
    const struct capnp_data data = {.ptr = (const uint8_t *)words, .len = bytes};
    struct rt_call call;

    for (uint64_t i = 0; i < n; i++) {
        uint64_t value;
        struct capnp_data back;
        words[0] = i;
        *last = i;
        if (bench.is_warming_up) {
            words[i % (bytes / 8u)] ^= ~i;
        }
        CHECK(rt_ok(capos_null_cap_echo_call(&call, bench.ring, bench.null, i, data,
                                             CAPOS_NULL_CAP_ECHO_RESULTS_BYTES + bytes)));
        CHECK(rt_ok(capos_null_cap_echo_take(&call, &value, &back)));
        const uint64_t *got = (const uint64_t *)(const void *)back.ptr;
        CHECK(value == i && back.len == bytes);
        CHECK(got[0] == words[0] && got[bytes / 8u - 1u] == *last);
        CHECK(!bench.is_warming_up || __builtin_memcmp(got, words, bytes) == 0);
        rt_call_end(&call);
    }
}

void echo_1k(uint32_t n)
{
    echo_data(n, 1024);
}

void echo_4k(uint32_t n)
{
    echo_data(n, 4096);
}

/* A word of the data of call i: all of them differ, and those of the next call too. */
static uint64_t word_of(uint64_t i, uint32_t k)
{
    return i << 32 | k;
}

/*
 * Data that each side builds where it goes, with no copy but the kernel's two. Of each the
 * first and the last word are written in each call, and the rest goes along as it lies; in
 * the warm-up both sides write all of it, and all of the answer is compared.
 */
static void invert_data(uint32_t n, uint32_t bytes)
{
    const uint32_t last = bytes / 8u - 1u;

    for (uint64_t i = 0; i < n; i++) {
        struct capnp_data_room data = {.len = bytes};
        struct capnp_data back;
        struct rt_call call;
        CHECK(rt_ok(demo_depot_invert_begin(&call, bench.ring, &data, bench.is_warming_up,
                                            DEMO_DEPOT_INVERT_RESULTS_BYTES + bytes)));
        capnp_store_u64(data.ptr, word_of(i, 0));
        capnp_store_u64(data.ptr + last * 8u, word_of(i, last));
        for (uint32_t k = 1; bench.is_warming_up && k < last; k++) {
            capnp_store_u64(data.ptr + k * 8u, word_of(i, k));
        }
        CHECK(rt_ok(demo_depot_invert_submit(&call, bench.bulk)));
        CHECK(rt_ok(rt_call_finish(&call)));
        CHECK(rt_ok(demo_depot_invert_take(&call, &back)));
        CHECK(back.len == bytes && capnp_load_u64(back.ptr) == ~word_of(i, 0) &&
              capnp_load_u64(back.ptr + last * 8u) == ~word_of(i, last));
        for (uint32_t k = 1; bench.is_warming_up && k < last; k++) {
            CHECK(capnp_load_u64(back.ptr + k * 8u) == ~word_of(i, k));
        }
        rt_call_end(&call);
    }
}

void invert_1k(uint32_t n)
{
    invert_data(n, 1024);
}

void invert_4k(uint32_t n)
{
    invert_data(n, 4096);
}
