// SPDX-License-Identifier: MIT
/*
 * Making entries: a quarter are right ones with bits flipped, a quarter noise, and
 * half are right but for one or two mistakes, or none.
 */
#pragma once

#include <abi/ring.h>

/* Builds the messages that entries carry. Needs the seed and the model's ring. */
void entries_init(void);

/* One of them. It does not harm the program, except perhaps in its ring. */
struct cap_sqe entries_any(void);
