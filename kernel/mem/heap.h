// SPDX-License-Identifier: MIT
/*
 * The kernel heap: small objects cut from frames, large ones from adjacent frames.
 *
 * A request is rounded up to a size class, and the class size is what the payer
 * is charged (ACCOUNT_HEAP_BYTES). The frames behind belong to the kernel's pool;
 * a frame whose last object is freed goes back at once, so an idle kernel has the
 * frames it had before.
 */
#pragma once

#include <lib/account.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Zeroed memory, aligned to 16. NULL: no frame is left or the payer has no budget,
 * and nothing was charged. payer NULL is the kernel itself. bytes > 0.
 */
void *heap_alloc(struct account *payer, size_t bytes);

/* Gives back, releasing the charge of the same payer. NULL is allowed and does nothing. */
void heap_free(struct account *payer, void *p);

/* What a request of so many bytes is charged. */
size_t heap_charge(size_t bytes);

/* Bytes (by class size), objects and frames in use, counted by walking every heap page. */
uint64_t heap_live_bytes(void);
uint64_t heap_live_blocks(void);
uint64_t heap_live_frames(void);

/* Whether every page is in the list that it belongs in. */
bool heap_check(void);
