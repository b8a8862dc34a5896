// SPDX-License-Identifier: MIT
/*
 * Bytes as packed words, and as words to be packed. Unpacking in one piece and in
 * many gives the same, as long as was foretold; what is packed unpacks to itself
 * and keeps within its bound.
 */
#include <capnp/pack.h>
#include <stdlib.h>
#include <string.h>

/* The name is the fuzzer's. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM (1u << 20)

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* Unpacks by pieces whose sizes come from the input itself. */
static bool unpack_in_pieces(const uint8_t *data, size_t size, uint8_t *out, size_t *out_len)
{
    struct capnp_unpacker u = {0};
    struct capnp_stream s = {.in = data, .out = out, .last = size == 0};
    size_t taken = 0;

    for (;;) {
        switch (capnp_unpack(&u, &s)) {
        case CAPNP_PACK_DONE:
            *out_len = (size_t)(s.out - out);
            return true;
        case CAPNP_PACK_CORRUPT:
            return false;
        case CAPNP_PACK_INPUT:
            require(s.in_len == 0 && !s.last);
            s.in_len = size - taken < 13u ? size - taken : 1u + data[taken] % 13u;
            taken += s.in_len;
            s.last = taken == size;
            break;
        case CAPNP_PACK_OUTPUT:
            require(s.out_room == 0);
            s.out_room = 1u + (size_t)(s.out - out) % 11u;
            if (s.out_room > ROOM - (size_t)(s.out - out)) {
                return false;
            }
            break;
        }
    }
}

static void unpack(const uint8_t *data, size_t size, uint8_t *out, uint8_t *again)
{
    uint64_t bytes = 0;
    size_t len = 0;
    size_t len_again = 0;
    bool sized = capnp_unpacked_bytes(data, size, &bytes);

    if (sized && bytes > ROOM - 16u) {
        return;
    }
    require(capnp_unpack_all(out, ROOM, data, size, &len) == sized);
    require(!sized || len == bytes);
    require(unpack_in_pieces(data, size, again, &len_again) == sized);
    require(!sized || (len_again == len && memcmp(out, again, len) == 0));
}

static void pack(const uint8_t *data, size_t size, uint8_t *out, uint8_t *again)
{
    size_t packed = 0;
    size_t len = 0;
    size_t bound = (size_t)capnp_pack_bound(size);

    require(capnp_pack_all(out, bound, data, size, &packed) == (size % 8u == 0));
    if (size % 8u == 0) {
        require(capnp_unpack_all(again, size, out, packed, &len));
        require(len == size && memcmp(again, data, size) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[ROOM];
    static uint8_t again[ROOM];

    if (size <= ROOM / 2u) {
        unpack(data, size, out, again);
        pack(data, size, out, again);
    }
    return 0;
}
