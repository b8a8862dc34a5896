// SPDX-License-Identifier: MIT
/*
 * Page tables: the kernel's own half, and one user half per address space.
 *
 * Invariants:
 *   1  nothing is writable and executable through any mapping: kernel text and
 *      constants are read-only in the direct map as well
 *   2  the kernel half is the same in every address space; its top-level entries
 *      are all made by paging_init() and never change
 *   3  a user page table that maps nothing does not exist: each entry that points
 *      to a table counts that table's present entries in bits the processor
 *      ignores, and the table goes when the count reaches zero
 *   4  the entry that an address space keeps from a walk, if it keeps one, points to a table
 *
 * Not reentrant: the kernel runs with interrupts off.
 */
#pragma once

#include <lib/account.h>
#include <lib/status.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/x86_64/cr.h"
#include "boot/boot_info.h"
#include "mem/addr.h"

/* What a user mapping allows, besides reading. Both together are refused. */
enum page_prot { PAGE_READ = 0, PAGE_WRITE = 1, PAGE_EXEC = 2 };

/* The user half of an address space. The members are paging.c's. */
struct aspace {
    struct paddr root;
    struct account *payer; /* borrowed; pays for page tables and owned pages */
    uint64_t pages;        /* user pages mapped */
    uint64_t owned;        /* of these: pages that aspace_destroy_step gives back */
    uint64_t tables;       /* frames of page tables, the root included */
    uint64_t top_used;     /* present entries of the root's user half */
    uint64_t near;         /* the table of pages that was walked to last: address / what one maps */
    uint64_t *near_table;  /* and the entry that points to it */
};

/*
 * Builds the kernel's own tables and moves onto them: image by section, direct map
 * of all RAM in `info`, no identity map. Needs frames and NX. ST_NO_MEMORY.
 */
enum status paging_init(const struct boot_info *info);

/* Leaves whatever address space is active for the kernel's own, which has no user half. */
void paging_activate_kernel(void);

/*
 * Whether invariant 1 holds: walks all kernel tables. Also that nothing of the user
 * half is mapped in the kernel's own root. For checks.
 */
bool paging_check(void);

/*
 * Maps `pages` pages of fresh stack below *top, with an unmapped guard page on
 * either side. For the lifetime of the kernel: there is no way to give it back.
 * ST_NO_MEMORY.
 */
enum status kstack_alloc(uint64_t pages, uint64_t *top);

/* Whether an address lies in a page that is left unmapped to catch a stack overflow. */
bool kstack_is_guard(uint64_t vaddr);

/*
 * An empty address space. Keeps `payer` until it is destroyed; pays one frame.
 * ST_NO_MEMORY, ST_OVER_BUDGET.
 */
enum status aspace_create(struct aspace *as, struct account *payer);

/*
 * Maps one page. `owned` hands the frame, which the payer has been charged for, to
 * the address space: aspace_unmap or aspace_destroy_step frees it. Page tables that are
 * missing are charged to the payer.
 * ST_INVALID (not page-aligned, outside USER_BASE…USER_END), ST_DENIED (writable
 * and executable), ST_EXISTS, ST_NO_MEMORY, ST_OVER_BUDGET.
 */
enum status aspace_map(struct aspace *as, struct uaddr va, struct paddr frame, unsigned prot,
                       bool owned);

/* The same with a zeroed frame of the payer's, which is owned. */
enum status aspace_map_fresh(struct aspace *as, struct uaddr va, unsigned prot);

/* As aspace_map for n pages side by side, onto these frames: all or none. */
enum status aspace_map_pages(struct aspace *as, struct uaddr va, const struct paddr frames[],
                             uint64_t n, unsigned prot, bool owned);

/* Takes one page out, and frees its frame if that is owned. ST_INVALID, ST_NOT_FOUND. */
enum status aspace_unmap(struct aspace *as, struct uaddr va);

/* Changes what one mapped page allows. ST_INVALID, ST_DENIED, ST_NOT_FOUND. */
enum status aspace_protect(struct aspace *as, struct uaddr va, unsigned prot);

/* What is mapped at va; either result may be NULL. ST_INVALID, ST_NOT_FOUND. */
enum status aspace_find(const struct aspace *as, struct uaddr va, struct paddr *out,
                        unsigned *prot);

/*
 * Frees owned pages and page tables, about `budget` > 0 of them; true when all is
 * gone, the root included, and `as` is zero. Pages that are not owned are left to
 * whoever owns them. The address space must not be the active one.
 */
bool aspace_destroy_step(struct aspace *as, unsigned budget);

/* Loads it, unless it is loaded already. */
void aspace_activate(const struct aspace *as);

/* Loads one that is not loaded: for the switch between threads. */
static inline void aspace_load(const struct aspace *as)
{
    cr3_write(as->root.v);
}

/* Whether it is the one that the processor uses now. */
bool aspace_is_active(const struct aspace *as);

/* Owned pages and page tables, counted by walking the tables. For checks, not hot paths. */
uint64_t aspace_count_frames(const struct aspace *as);
