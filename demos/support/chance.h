// SPDX-License-Identifier: MIT
/* Numbers that look random and are the same for the same seed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void chance_seed(uint64_t seed);

/* Any 64 bits. */
uint64_t chance(void);

/* Less than n, which is not 0. */
uint32_t chance_below(uint32_t n);

/* True once in n times. */
bool chance_one_in(uint32_t n);

/* Noise over whole words. */
void chance_scribble(void *at, size_t bytes);

/* Flips so many bits, some perhaps twice. */
void chance_flip(void *at, size_t bytes, uint32_t bits);
