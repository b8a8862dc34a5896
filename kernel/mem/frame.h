// SPDX-License-Identifier: MIT
/*
 * Frames: 4 KiB pieces of RAM, the unit in which everything else gets memory.
 *
 * One bitmap covers the RAM of the boot memory map; a set of summary levels above
 * it makes allocation independent of how many frames are free. A frame is
 * charged to an account (ACCOUNT_FRAMES) before it is taken, and released when
 * it is given back to the same account; payer NULL is the kernel itself, which
 * has no budget.
 *
 * Memory below LOW_MEMORY_END is never handed out.
 */
#pragma once

#include <lib/account.h>
#include <lib/status.h>
#include <stdbool.h>
#include <stdint.h>

#include "boot/boot_info.h"
#include "mem/addr.h"

/*
 * Takes stock of the boot map and opens what lies below BOOT_MAPPED_END, the part
 * that the boot page tables reach. ST_NO_MEMORY: less than MEMORY_MIN_BYTES.
 */
enum status frame_init(const struct boot_info *info);

/*
 * Opens the rest: RAM above BOOT_MAPPED_END, and what the boot loader used. To be
 * called once, on the kernel's own page tables, when nothing of the boot loader
 * is needed any more.
 */
void frame_open_all(const struct boot_info *info);

/*
 * Takes one frame; its contents are whatever was left there. ST_NO_MEMORY,
 * ST_OVER_BUDGET.
 */
enum status frame_alloc(struct account *payer, struct paddr *out);

/* The same, filled with zeros. */
enum status frame_alloc_zeroed(struct account *payer, struct paddr *out);

/* The same for n frames wherever they lie, not zeroed: all or none. */
enum status frame_alloc_many(struct account *payer, uint64_t n, struct paddr out[]);

/* Takes n > 0 adjacent frames, not zeroed. Searches; not for hot paths. */
enum status frame_alloc_contiguous(struct account *payer, uint64_t n, struct paddr *out);

/* Gives back what frame_alloc or frame_alloc_zeroed took. Twice is our bug: asserted. */
void frame_free(struct account *payer, struct paddr frame);

/*
 * The same in two halves, for who gives back many: each frame, and then the charge for all
 * n of them. A frame that is all zeros again is had for nothing by the next who needs one.
 */
void frame_give_back(struct paddr frame);
void frame_give_back_zeroed(struct paddr frame);
void frame_release_charge(struct account *payer, uint64_t n);

/* Gives back the n frames of one frame_alloc_contiguous. */
void frame_free_contiguous(struct account *payer, struct paddr first, uint64_t n);

/* Frames that are free now. */
uint64_t frame_free_count(void);

/*
 * Free frames counted from the bitmap itself, with the zeroed ones, which are checked: the
 * ground that frame_free_count() must match.
 */
uint64_t frame_recount(void);

/* Frames that the bitmap covers, whether that one is free, and whether the bitmap is sound. */
uint64_t frame_total(void);
bool frame_is_free(struct paddr frame);
bool frame_check(void);
