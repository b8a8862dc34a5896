// SPDX-License-Identifier: MIT
/*
 * What proofs/wp/cap_table.h takes for granted of shifts and masks, for all values there are.
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
