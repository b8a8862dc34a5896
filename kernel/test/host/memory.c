// SPDX-License-Identifier: MIT
/*
 * Heap, frames and address spaces out of this program's own heap, so that the
 * sanitizer sees each block's ends and its life. What is charged to whom follows the
 * headers' contracts; sizes are rounded by a rule of our own.
 *
 * A frame's physical address is what phys_to_virt() turns into its address here.
 */
#include <abi/layout.h>
#include <stdlib.h>
#include <string.h>

#include "mem/fault.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "mem/paging.h"
#include "mem/validate.h"
#include "panic.h"
#include "test/host/host.h"

#define TABLE_SHIFT 21 /* what one page table maps */

/* ---------------------------------------------------------------------------
 * The heap */

/* In front of each block; a multiple of 16. */
struct block {
    struct account *payer;
    size_t charge;
    size_t magic;
    size_t unused;
};

#define BLOCK_MAGIC ((size_t)0x6b636f6c62)

static uint64_t live_blocks;
static uint64_t live_bytes;

size_t heap_charge(size_t bytes)
{
    return (bytes + 31u) & ~(size_t)31;
}

void *heap_alloc(struct account *payer, size_t bytes)
{
    size_t charge = heap_charge(bytes);

    ASSERT(bytes != 0, "nothing was asked for");
    if (alloc_fails(__builtin_return_address(0))) {
        return NULL;
    }
    if (payer != NULL && account_charge(payer, ACCOUNT_HEAP_BYTES, charge) != ST_OK) {
        return NULL;
    }
    struct block *block = calloc(1, sizeof *block + bytes);
    ASSERT(block != NULL, "the host has no memory");
    *block = (struct block){.payer = payer, .charge = charge, .magic = BLOCK_MAGIC};
    live_blocks++;
    live_bytes += charge;
    return block + 1;
}

void heap_free(struct account *payer, void *p)
{
    if (p == NULL) {
        return;
    }
    struct block *block = (struct block *)p - 1;
    ASSERT(block->magic == BLOCK_MAGIC && block->payer == payer,
           "a block is freed that is none, or not for whom it was allocated");
    if (payer != NULL) {
        account_release(payer, ACCOUNT_HEAP_BYTES, block->charge);
    }
    live_blocks--;
    live_bytes -= block->charge;
    free(block);
}

uint64_t heap_live_bytes(void)
{
    return live_bytes;
}

uint64_t heap_live_blocks(void)
{
    return live_blocks;
}

uint64_t heap_live_frames(void)
{
    return 0;
}

/* ---------------------------------------------------------------------------
 * Frames */

static uint64_t frames_used;

static enum status take_frames(struct account *payer, uint64_t n, struct paddr *out,
                               const void *site)
{
    if (alloc_fails(site) || n > host.frames - frames_used) {
        return ST_NO_MEMORY;
    }
    if (payer != NULL) {
        enum status status = account_charge(payer, ACCOUNT_FRAMES, n);
        if (status != ST_OK) {
            return status;
        }
    }
    void *memory = aligned_alloc(FRAME_BYTES, n * FRAME_BYTES);
    ASSERT(memory != NULL, "the host has no memory");
    memset(memory, 0xa5, n * FRAME_BYTES);
    frames_used += n;
    *out = virt_to_phys(memory);
    return ST_OK;
}

enum status frame_alloc_contiguous(struct account *payer, uint64_t n, struct paddr *out)
{
    return take_frames(payer, n, out, __builtin_return_address(0));
}

enum status frame_alloc(struct account *payer, struct paddr *out)
{
    return take_frames(payer, 1, out, __builtin_return_address(0));
}

enum status frame_alloc_zeroed(struct account *payer, struct paddr *out)
{
    enum status status = take_frames(payer, 1, out, __builtin_return_address(0));

    if (status == ST_OK) {
        memset(phys_to_virt(*out), 0, FRAME_BYTES);
    }
    return status;
}

enum status frame_alloc_many(struct account *payer, uint64_t n, struct paddr out[])
{
    enum status status = ST_OK;
    uint64_t i = 0;

    while (i < n && status == ST_OK) {
        status = take_frames(payer, 1, &out[i], __builtin_return_address(0));
        i += status == ST_OK ? 1 : 0;
    }
    while (status != ST_OK && i > 0) {
        i--;
        frame_free(payer, out[i]);
    }
    return status;
}

void frame_free_contiguous(struct account *payer, struct paddr first, uint64_t n)
{
    if (payer != NULL) {
        account_release(payer, ACCOUNT_FRAMES, n);
    }
    ASSERT(n <= frames_used, "more frames are freed than there are");
    frames_used -= n;
    free(phys_to_virt(first));
}

void frame_free(struct account *payer, struct paddr frame)
{
    frame_free_contiguous(payer, frame, 1);
}

uint64_t frame_free_count(void)
{
    return host.frames - frames_used;
}

uint64_t frame_recount(void)
{
    return host.frames - frames_used;
}

/* ---------------------------------------------------------------------------
 * Address spaces: a list of pages, in a frame that stands for the root table, and one of
 * the page tables that there would be, each with its frame. */

struct page {
    uint64_t va;
    struct paddr frame;
    unsigned prot;
    bool owned;
};

struct table {
    uint64_t number; /* va >> TABLE_SHIFT */
    uint64_t pages;
    struct paddr frame;
};

struct root {
    struct page *pages;
    struct table *tables;
};

static const struct aspace *active;

static struct root *root_of(const struct aspace *as)
{
    return phys_to_virt(as->root);
}

static struct page *page_at(const struct aspace *as, uint64_t va)
{
    struct root *root = root_of(as);

    for (uint64_t i = 0; i < as->pages; i++) {
        if (root->pages[i].va == va) {
            return &root->pages[i];
        }
    }
    return NULL;
}

/* Tables are counted with the root. */
static struct table *table_for(const struct aspace *as, uint64_t va)
{
    struct root *root = root_of(as);

    for (uint64_t i = 0; i + 1 < as->tables; i++) {
        if (root->tables[i].number == va >> TABLE_SHIFT) {
            return &root->tables[i];
        }
    }
    return NULL;
}

static void *larger(void *array, size_t bytes)
{
    void *moved = realloc(array, bytes);

    ASSERT(moved != NULL, "the host has no memory");
    return moved;
}

static enum status make_table(struct aspace *as, uint64_t va)
{
    struct root *root = root_of(as);
    struct paddr frame;

    enum status status = frame_alloc_zeroed(as->payer, &frame);
    if (status == ST_OK) {
        root->tables = larger(root->tables, as->tables * sizeof *root->tables);
        root->tables[as->tables - 1] =
            (struct table){.number = va >> TABLE_SHIFT, .pages = 0, .frame = frame};
        as->tables++;
    }
    return status;
}

static void leave_table(struct aspace *as, uint64_t va)
{
    struct root *root = root_of(as);
    struct table *table = table_for(as, va);

    table->pages--;
    if (table->pages == 0) {
        frame_free(as->payer, table->frame);
        as->tables--;
        *table = root->tables[as->tables - 1];
    }
}

static bool va_is_valid(struct uaddr va)
{
    return va.v % FRAME_BYTES == 0 && user_range_ok(va, FRAME_BYTES);
}

enum status aspace_create(struct aspace *as, struct account *payer)
{
    struct paddr frame;

    enum status status = frame_alloc_zeroed(payer, &frame);
    if (status == ST_OK) {
        *as = (struct aspace){.root = frame, .payer = payer, .tables = 1};
    }
    return status;
}

enum status aspace_map(struct aspace *as, struct uaddr va, struct paddr frame, unsigned prot,
                       bool owned)
{
    if (!va_is_valid(va)) {
        return ST_INVALID;
    }
    if ((prot & PAGE_WRITE) != 0 && (prot & PAGE_EXEC) != 0) {
        return ST_DENIED;
    }
    if (page_at(as, va.v) != NULL) {
        return ST_EXISTS;
    }
    if (table_for(as, va.v) == NULL) {
        enum status status = make_table(as, va.v);
        if (status != ST_OK) {
            return status;
        }
    }
    table_for(as, va.v)->pages++;
    struct root *root = root_of(as);
    root->pages = larger(root->pages, (as->pages + 1) * sizeof *root->pages);
    root->pages[as->pages++] =
        (struct page){.va = va.v, .frame = frame, .prot = prot, .owned = owned};
    as->owned += owned ? 1 : 0;
    return ST_OK;
}

static void forget_page(struct aspace *as, struct page *page)
{
    struct root *root = root_of(as);
    uint64_t va = page->va;

    as->owned -= page->owned ? 1 : 0;
    as->pages--;
    *page = root->pages[as->pages];
    leave_table(as, va);
}

enum status aspace_map_pages(struct aspace *as, struct uaddr va, const struct paddr frames[],
                             uint64_t n, unsigned prot, bool owned)
{
    enum status status = ST_OK;
    uint64_t i = 0;

    while (i < n && status == ST_OK) {
        status = aspace_map(as, (struct uaddr){va.v + i * FRAME_BYTES}, frames[i], prot, owned);
        i += status == ST_OK ? 1 : 0;
    }
    while (status != ST_OK && i > 0) {
        i--;
        forget_page(as, page_at(as, va.v + i * FRAME_BYTES));
    }
    return status;
}

enum status aspace_map_fresh(struct aspace *as, struct uaddr va, unsigned prot)
{
    struct paddr frame;
    enum status status = frame_alloc_zeroed(as->payer, &frame);

    if (status == ST_OK) {
        status = aspace_map(as, va, frame, prot, true);
        if (status != ST_OK) {
            frame_free(as->payer, frame);
        }
    }
    return status;
}

/* Takes a page out, and frees its frame if that is owned. */
static void drop_page(struct aspace *as, struct page *page)
{
    if (page->owned) {
        frame_free(as->payer, page->frame);
    }
    forget_page(as, page);
}

enum status aspace_unmap(struct aspace *as, struct uaddr va)
{
    if (!va_is_valid(va)) {
        return ST_INVALID;
    }
    struct page *page = page_at(as, va.v);
    if (page == NULL) {
        return ST_NOT_FOUND;
    }
    drop_page(as, page);
    return ST_OK;
}

enum status aspace_protect(struct aspace *as, struct uaddr va, unsigned prot)
{
    if (!va_is_valid(va)) {
        return ST_INVALID;
    }
    if ((prot & PAGE_WRITE) != 0 && (prot & PAGE_EXEC) != 0) {
        return ST_DENIED;
    }
    struct page *page = page_at(as, va.v);
    if (page == NULL) {
        return ST_NOT_FOUND;
    }
    page->prot = prot;
    return ST_OK;
}

enum status aspace_find(const struct aspace *as, struct uaddr va, struct paddr *out, unsigned *prot)
{
    if (!va_is_valid(va)) {
        return ST_INVALID;
    }
    const struct page *page = page_at(as, va.v);
    if (page == NULL) {
        return ST_NOT_FOUND;
    }
    if (out != NULL) {
        *out = page->frame;
    }
    if (prot != NULL) {
        *prot = page->prot;
    }
    return ST_OK;
}

bool aspace_destroy_step(struct aspace *as, unsigned budget)
{
    struct root *root = root_of(as);

    ASSERT(as != active, "the active address space is destroyed");
    for (unsigned i = 0; i < budget && as->pages != 0; i++) {
        drop_page(as, &root->pages[as->pages - 1]);
    }
    if (as->pages != 0) {
        return false;
    }
    free(root->pages);
    free(root->tables);
    frame_free(as->payer, as->root);
    *as = (struct aspace){0};
    return true;
}

void aspace_activate(const struct aspace *as)
{
    active = as;
}

void paging_activate_kernel(void)
{
    active = NULL;
}

bool aspace_is_active(const struct aspace *as)
{
    return active == as;
}

uint64_t aspace_count_frames(const struct aspace *as)
{
    return as->owned + as->tables;
}

/* ---------------------------------------------------------------------------
 * Copies through the active address space */

bool user_range_ok(struct uaddr start, size_t n)
{
    return start.v >= USER_BASE && n <= USER_END - USER_BASE && start.v <= USER_END - n;
}

/* Where a byte of the address space lies, and how many of `n` follow it there. NULL: fault. */
static uint8_t *piece_at(const struct aspace *as, uint64_t va, unsigned prot, size_t *n)
{
    const struct page *page = page_at(as, va & ~(uint64_t)(FRAME_BYTES - 1));

    if (page == NULL || (page->prot & prot) != prot) {
        return NULL;
    }
    uint64_t offset = va % FRAME_BYTES;
    *n = *n < FRAME_BYTES - offset ? *n : FRAME_BYTES - offset;
    return (uint8_t *)phys_to_virt(page->frame) + offset;
}

static enum status user_copy(const struct aspace *as, uint64_t va, void *ours, size_t n, bool out)
{
    ASSERT(as == active, "a copy through an address space that is not active");
    if (!user_range_ok((struct uaddr){va}, n)) {
        return ST_FAULT;
    }
    for (size_t done = 0; done < n;) {
        size_t some = n - done;
        uint8_t *theirs = piece_at(as, va + done, out ? PAGE_WRITE : PAGE_READ, &some);
        if (theirs == NULL) {
            return ST_FAULT;
        }
        if (out) {
            memmove(theirs, (uint8_t *)ours + done, some);
        } else {
            host_observe(theirs, some);
            memmove((uint8_t *)ours + done, theirs, some);
        }
        done += some;
    }
    return ST_OK;
}

enum status user_copy_in(const struct aspace *as, void *dst, struct uaddr src, size_t n)
{
    return user_copy(as, src.v, dst, n, false);
}

enum status user_copy_out(const struct aspace *as, struct uaddr dst, const void *src, size_t n)
{
    return user_copy(as, dst.v, (void *)(uintptr_t)src, n, true);
}
