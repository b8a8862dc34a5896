// SPDX-License-Identifier: MIT
#include <support/chance.h>

#include <rt/string.h>

static uint64_t state = 1;

void chance_seed(uint64_t seed)
{
    state = seed * 2u + 1u; /* which is never 0 */
}

uint64_t chance(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1dull;
}

uint32_t chance_below(uint32_t n)
{
    return (uint32_t)((chance() >> 32) * n >> 32);
}

bool chance_one_in(uint32_t n)
{
    return chance_below(n) == 0;
}

void chance_scribble(void *at, size_t bytes)
{
    for (size_t i = 0; i + sizeof(uint64_t) <= bytes; i += sizeof(uint64_t)) {
        uint64_t word = chance();
        memcpy((uint8_t *)at + i, &word, sizeof word);
    }
}

void chance_flip(void *at, size_t bytes, uint32_t bits)
{
    for (uint32_t i = 0; i < bits; i++) {
        uint32_t bit = chance_below((uint32_t)bytes * 8u);
        ((uint8_t *)at)[bit / 8u] ^= (uint8_t)(1u << bit % 8u);
    }
}
