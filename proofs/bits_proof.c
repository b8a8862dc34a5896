// SPDX-License-Identifier: MIT
/*
 * What proofs/wp/cap_table.h and proofs/wp/frame_bitmap.h take for granted of shifts, masks and
 * bits, for all values there are.
 */
#include "proof.h"

/* CBMC: --unwind 1 */
void prove_parts(void)
{
    uint64_t id = nondet_u64();

    PROVE((id & 0xfffffu) == id % 0x100000u);
    PROVE(id >> 20 == id / 0x100000u);
}

/* CBMC: --unwind 1 */
void prove_join(void)
{
    uint64_t generation = nondet_u64();
    uint64_t v = nondet_u64();
    uint64_t i = nondet_u64();

    ASSUME(generation < 1ull << 44);
    PROVE(generation << 20 == generation * 0x100000u && (generation << 20) % 0x100000u == 0);
    ASSUME((v % 0x100000u == 0 && i < 0x100000u) || (i % 0x100000u == 0 && v < 0x100000u));
    PROVE((v | i) == v + i);
}

static bool bit(uint64_t w, uint64_t i)
{
    return (w >> i & 1) != 0;
}

/* CBMC: --unwind 1 */
void prove_bits(void)
{
    uint64_t v = nondet_u64();
    uint64_t w = nondet_u64();
    uint64_t n = nondet_u64();
    uint64_t i = nondet_u64();

    ASSUME(n < 64 && i < 64);
    PROVE(!bit(0, i));
    PROVE(bit(1ull << n, i) == (i == n));
    PROVE(1ull << n > 0);
    PROVE(bit(~w, i) == !bit(w, i));
    PROVE(bit(v | w, i) == (bit(v, i) || bit(w, i)));
    PROVE((v | w) > 0 || (v == 0 && w == 0));
    PROVE(bit(v & w, i) == (bit(v, i) && bit(w, i)));
    PROVE((v & w) != 0 || !(bit(v, i) && bit(w, i)));
    if ((v & w) != 0) {
        uint64_t common = (uint64_t)__builtin_ctzll(v & w);
        PROVE(common < 64 && bit(v, common) && bit(w, common));
    }
}
