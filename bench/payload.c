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
