// SPDX-License-Identifier: MIT
/*
 * The program's heap: RT_ALLOC_BYTES of zeroed memory that belong to the image,
 * present only in programs that call one of these. It does not grow.
 *
 * Exhaustion gives NULL. A pointer freed twice, a pointer that never came from
 * here and a block written past its end are bugs of the program: rt_panic says so
 * at the free that finds them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define RT_ALLOC_BYTES (256u * 1024u)

/* Aligned to 16. malloc(0) is a block of its own, to be freed like any other. */
void *malloc(size_t bytes);

/* Zeroed. A product that does not fit size_t gives NULL. */
void *calloc(size_t count, size_t bytes);

/*
 * Moves if it must; NULL leaves the old block as it was. realloc(NULL, n) is
 * malloc(n); realloc(p, 0) keeps a block of the least size.
 */
void *realloc(void *p, size_t bytes);

/* NULL is allowed and does nothing. */
void free(void *p);

/* Blocks handed out and not freed. */
size_t rt_alloc_live(void);

/* Whether the heap's own invariants hold; see rt/heap.h. */
bool rt_alloc_check(void);
