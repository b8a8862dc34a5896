// SPDX-License-Identifier: MIT
/*
 * Levels are numbered as the hardware's manuals do: 4 is the root, the entries of
 * level 1 are pages. An entry that points to a user table carries in bits 52…61,
 * which the processor ignores, how many entries of that table are present; the
 * root has no entry, so struct aspace counts for it.
 */
#include "mem/paging.h"

#include <abi/layout.h>
#include <lib/bits.h>
#include <stddef.h>

#include "arch/x86_64/cr.h"
#include "arch/x86_64/features.h"
#include "link.h"
#include "mem/frame.h"
#include "panic.h"
#include "string.h"

#define ENTRIES       512u
#define TOP_LEVEL     4u

#define ENTRY_PRESENT (1ull << 0)
#define ENTRY_WRITE   (1ull << 1)
#define ENTRY_USER    (1ull << 2)
#define ENTRY_LARGE   (1ull << 7) /* levels 2 and 3 */
#define ENTRY_GLOBAL  (1ull << 8)
#define ENTRY_OWNED   (1ull << 9) /* ours: aspace_destroy_step frees the frame */
#define ENTRY_NX      (1ull << 63)
#define ENTRY_ADDRESS 0x000ffffffffff000ull

#define COUNT_ONE     (1ull << 52)
#define COUNT_MASK    (0x3ffull << 52)

/* Bytes that the pages of one table map; no number of a table. */
#define TABLE_SPAN (ENTRIES * (uint64_t)FRAME_BYTES)
#define NEAR_NONE  UINT64_MAX

/* Top-level entries from here on are the kernel's. */
#define KERNEL_HALF 256u

#define PROT_ALL    (PAGE_WRITE | PAGE_EXEC)

_Static_assert(USER_PAGE_BYTES == FRAME_BYTES, "a page is a frame");
_Static_assert(PHYS_LIMIT <= 512ull << 30, "the direct map has one top-level entry");

/* The kernel's own root, whose upper half every address space shares. */
static struct paddr kernel_root;

/* Where the next kernel stack's lower guard page goes, and how far stacks go so far. */
static uint64_t kstack_next = KSTACK_BASE;

static uint64_t *table_at(uint64_t entry)
{
    return phys_to_virt((struct paddr){entry & ENTRY_ADDRESS});
}

static unsigned index_at(uint64_t va, unsigned level)
{
    return (unsigned)(va >> (FRAME_SHIFT + 9 * (level - 1))) & (ENTRIES - 1);
}

/* Bytes that one entry of a level maps. */
static uint64_t span(unsigned level)
{
    return 1ull << (FRAME_SHIFT + 9 * (level - 1));
}

/* ------------------------------------------------------------------------- */
/* The kernel half. */

/* The table that *entry points to, made if missing. ST_NO_MEMORY. */
static enum status kernel_table_below(uint64_t *entry, uint64_t **out)
{
    if ((*entry & ENTRY_PRESENT) == 0) {
        struct paddr frame;
        enum status status = frame_alloc_zeroed(NULL, &frame);
        if (status != ST_OK) {
            return status;
        }
        *entry = frame.v | ENTRY_PRESENT | ENTRY_WRITE;
    }
    *out = table_at(*entry);
    return ST_OK;
}

/* Maps one page of the size that a level's entries have. */
static enum status kernel_map_one(uint64_t va, uint64_t pa, unsigned leaf, uint64_t flags)
{
    uint64_t *table = phys_to_virt(kernel_root);

    for (unsigned level = TOP_LEVEL; level > leaf; level--) {
        enum status status = kernel_table_below(&table[index_at(va, level)], &table);
        if (status != ST_OK) {
            return status;
        }
    }
    table[index_at(va, leaf)] =
        pa | flags | ENTRY_PRESENT | ENTRY_GLOBAL | (leaf > 1 ? ENTRY_LARGE : 0);
    return ST_OK;
}

/* The highest level whose pages fit at this place, no higher than `largest`. */
static unsigned level_that_fits(uint64_t va, uint64_t pa, uint64_t bytes, unsigned largest)
{
    unsigned level = largest;

    while (level > 1 && ((va | pa) % span(level) != 0 || bytes < span(level))) {
        level--;
    }
    return level;
}

static enum status kernel_map(uint64_t va, uint64_t pa, uint64_t bytes, uint64_t flags,
                              unsigned largest)
{
    while (bytes > 0) {
        unsigned level = level_that_fits(va, pa, bytes, largest);
        enum status status = kernel_map_one(va, pa, level, flags);
        if (status != ST_OK) {
            return status;
        }
        va += span(level);
        pa += span(level);
        bytes -= span(level);
    }
    return ST_OK;
}

/* The image at its link address, each section with its own protection. */
static enum status map_image(uint64_t kernel_phys)
{
    const struct section {
        const char *start;
        const char *end;
        uint64_t flags;
    } sections[] = {
        {kernel_start, kernel_rodata_start, 0},
        {kernel_rodata_start, kernel_data_start, ENTRY_NX},
        {kernel_data_start, boot_stack_guard, ENTRY_NX | ENTRY_WRITE},
        {boot_stack_guard + FRAME_BYTES, kernel_end, ENTRY_NX | ENTRY_WRITE},
    };

    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        const struct section *s = &sections[i];
        enum status status =
            kernel_map((uint64_t)s->start, kernel_phys + (uint64_t)(s->start - kernel_start),
                       (uint64_t)(s->end - s->start), s->flags, 1);
        if (status != ST_OK) {
            return status;
        }
    }
    return ST_OK;
}

static enum status direct_map(uint64_t base, uint64_t bytes, uint64_t flags)
{
    unsigned largest = features_get()->huge_pages ? 3 : 2;

    return kernel_map(DIRECT_MAP_BASE + base, base, bytes, flags | ENTRY_NX, largest);
}

/* All RAM. Of the kernel's image only data can be written here either. */
static enum status map_ram(const struct boot_info *info)
{
    uint64_t fixed_bytes = (uint64_t)(kernel_data_start - kernel_start);

    for (uint32_t i = 0; i < info->map.count; i++) {
        const struct memory_region *region = &info->map.region[i];
        enum status status = ST_OK;
        uint64_t fixed = region->kind == MEMORY_KERNEL ? fixed_bytes : 0;

        if (region->kind == MEMORY_RESERVED) {
            continue;
        }
        status = direct_map(region->base, fixed, 0);
        if (status == ST_OK) {
            status = direct_map(region->base + fixed, region->bytes - fixed, ENTRY_WRITE);
        }
        if (status != ST_OK) {
            return status;
        }
    }
    return ST_OK;
}

/* Makes sure that no top-level entry of the kernel half has to be added later. */
static enum status reserve_stacks(void)
{
    uint64_t *root = phys_to_virt(kernel_root);
    uint64_t *table;

    return kernel_table_below(&root[index_at(KSTACK_BASE, TOP_LEVEL)], &table);
}

enum status paging_init(const struct boot_info *info)
{
    enum status status = frame_alloc_zeroed(NULL, &kernel_root);

    if (status == ST_OK) {
        status = map_image(info->kernel_phys);
    }
    if (status == ST_OK) {
        status = map_ram(info);
    }
    if (status == ST_OK) {
        status = reserve_stacks();
    }
    if (status == ST_OK) {
        paging_activate_kernel();
    }
    return status;
}

void paging_activate_kernel(void)
{
    cr3_write(kernel_root.v);
}

enum status kstack_alloc(uint64_t pages, uint64_t *top)
{
    uint64_t bottom = kstack_next + FRAME_BYTES;

    for (uint64_t i = 0; i < pages; i++) {
        struct paddr frame;
        enum status status = frame_alloc_zeroed(NULL, &frame);
        if (status == ST_OK) {
            status = kernel_map_one(bottom + i * FRAME_BYTES, frame.v, 1, ENTRY_NX | ENTRY_WRITE);
        }
        if (status != ST_OK) {
            return status;
        }
    }
    *top = bottom + pages * FRAME_BYTES;
    kstack_next = *top;
    return ST_OK;
}

/* The entry that maps an address in the kernel half; 0: none does. */
static uint64_t kernel_find(uint64_t va)
{
    const uint64_t *table = phys_to_virt(kernel_root);

    for (unsigned level = TOP_LEVEL;; level--) {
        uint64_t entry = table[index_at(va, level)];
        if ((entry & ENTRY_PRESENT) == 0) {
            return 0;
        }
        if (level == 1 || (entry & ENTRY_LARGE) != 0) {
            return entry;
        }
        table = table_at(entry);
    }
}

/* Whether a page, of a level above 1 a large one, obeys invariant 1. */
static bool page_is_safe(uint64_t entry, unsigned level)
{
    uint64_t pa = entry & ENTRY_ADDRESS & ~(span(level) - 1);

    if ((entry & ENTRY_NX) != 0) {
        return true;
    }
    for (uint64_t i = 0; i < span(level); i += FRAME_BYTES) {
        if ((kernel_find(DIRECT_MAP_BASE + pa + i) & ENTRY_WRITE) != 0) {
            return false;
        }
    }
    return (entry & ENTRY_WRITE) == 0;
}

static bool table_is_safe(const uint64_t *table, unsigned level)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        uint64_t entry = table[i];
        if ((entry & ENTRY_PRESENT) == 0) {
            continue;
        }
        bool page = level == 1 || (level < TOP_LEVEL && (entry & ENTRY_LARGE) != 0);
        bool user_half = level == TOP_LEVEL && i < KERNEL_HALF;
        if (user_half ||
            !(page ? page_is_safe(entry, level) : table_is_safe(table_at(entry), level - 1))) {
            return false;
        }
    }
    return true;
}

bool paging_check(void)
{
    return table_is_safe(phys_to_virt(kernel_root), TOP_LEVEL);
}

bool kstack_is_guard(uint64_t vaddr)
{
    if (vaddr - (uint64_t)boot_stack_guard < FRAME_BYTES) {
        return true;
    }
    return vaddr >= KSTACK_BASE && vaddr < kstack_next + FRAME_BYTES && kernel_find(vaddr) == 0;
}

/* ------------------------------------------------------------------------- */
/* User halves. */

/* The entries on the way to a page: entry[level] lies in the table of that level. */
struct path {
    uint64_t *entry[TOP_LEVEL + 1];
};

static uint64_t entry_count(uint64_t entry)
{
    return (entry & COUNT_MASK) / COUNT_ONE;
}

/* Adds one to the count of the table that path->entry[level] lies in, or takes one off. */
static void count_up(struct aspace *as, const struct path *path, unsigned level)
{
    if (level == TOP_LEVEL) {
        as->top_used++;
    } else {
        *path->entry[level + 1] += COUNT_ONE;
    }
}

static void count_down(struct aspace *as, const struct path *path, unsigned level)
{
    if (level == TOP_LEVEL) {
        as->top_used--;
    } else {
        *path->entry[level + 1] -= COUNT_ONE;
    }
}

static bool page_is_user(struct uaddr va)
{
    return va.v % FRAME_BYTES == 0 && va.v >= USER_BASE && va.v < USER_END;
}

static uint64_t leaf_flags(unsigned prot, bool owned)
{
    return ENTRY_PRESENT | ENTRY_USER | (owned ? ENTRY_OWNED : 0) |
           ((prot & PAGE_WRITE) != 0 ? ENTRY_WRITE : 0) | ((prot & PAGE_EXEC) != 0 ? 0 : ENTRY_NX);
}

/* Whether a page may be mapped here like this. ST_INVALID, ST_DENIED. */
static enum status check_mapping(struct uaddr va, unsigned prot)
{
    if (!page_is_user(va) || (prot & ~(unsigned)PROT_ALL) != 0) {
        return ST_INVALID;
    }
    return prot == PROT_ALL ? ST_DENIED : ST_OK;
}

/* Walks to a page that is mapped. ST_NOT_FOUND. */
static enum status walk(const struct aspace *as, uint64_t va, struct path *path)
{
    uint64_t *table = phys_to_virt(as->root);

    for (unsigned level = TOP_LEVEL; level >= 1; level--) {
        path->entry[level] = &table[index_at(va, level)];
        if ((*path->entry[level] & ENTRY_PRESENT) == 0) {
            return ST_NOT_FOUND;
        }
        table = table_at(*path->entry[level]);
    }
    return ST_OK;
}

/*
 * Frees the tables on a path that map nothing any more, upwards from level
 * `lowest`, that of the table whose entry was cleared last.
 */
static void prune(struct aspace *as, uint64_t va, const struct path *path, unsigned lowest)
{
    as->near = NEAR_NONE;
    for (unsigned level = lowest + 1; level <= TOP_LEVEL; level++) {
        uint64_t entry = *path->entry[level];
        if (entry_count(entry) != 0) {
            break;
        }
        *path->entry[level] = 0;
        count_down(as, path, level);
        frame_give_back_zeroed((struct paddr){entry & ENTRY_ADDRESS});
        frame_release_charge(as->payer, 1);
        as->tables--;
    }
    if (aspace_is_active(as)) {
        tlb_forget(va);
    }
}

/* Where the entry of a page is, and the one of the table that it lies in. */
struct place {
    uint64_t *table;
    uint64_t *page;
};

/* Whether a page's table is the last that was walked to: pages side by side take one walk. */
static inline bool is_near(const struct aspace *as, uint64_t va)
{
    return __builtin_expect(va / TABLE_SPAN == as->near, 1);
}

/* The place of a page that is near. */
static inline struct place near_place(const struct aspace *as, uint64_t va)
{
    return (struct place){as->near_table, &table_at(*as->near_table)[index_at(va, 1)]};
}

static void set_near(struct aspace *as, uint64_t va, const struct path *path)
{
    as->near = va / TABLE_SPAN;
    as->near_table = path->entry[2];
}

/* Walks to a page that is mapped, which is near then. ST_NOT_FOUND. */
static __attribute__((noinline)) enum status walk_far(struct aspace *as, uint64_t va)
{
    struct path path;
    enum status status = walk(as, va, &path);

    if (status == ST_OK) {
        set_near(as, va, &path);
    }
    return status;
}

/*
 * Walks to the place of a page, which is near then, making tables that are missing; undone on
 * failure.
 */
static __attribute__((noinline)) enum status walk_making(struct aspace *as, uint64_t va)
{
    uint64_t *table = phys_to_virt(as->root);
    struct path path;

    for (unsigned level = TOP_LEVEL; level > 1; level--) {
        path.entry[level] = &table[index_at(va, level)];
        if ((*path.entry[level] & ENTRY_PRESENT) == 0) {
            struct paddr frame;
            enum status status = frame_alloc_zeroed(as->payer, &frame);
            if (status != ST_OK) {
                prune(as, va, &path, level);
                return status;
            }
            *path.entry[level] = frame.v | ENTRY_PRESENT | ENTRY_WRITE | ENTRY_USER;
            count_up(as, &path, level);
            as->tables++;
        }
        table = table_at(*path.entry[level]);
    }
    set_near(as, va, &path);
    return ST_OK;
}

enum status aspace_create(struct aspace *as, struct account *payer)
{
    struct paddr root;
    enum status status = frame_alloc(payer, &root);

    if (status != ST_OK) {
        return status;
    }
    uint64_t *table = phys_to_virt(root);
    const uint64_t *kernel = phys_to_virt(kernel_root);
    memset(table, 0, KERNEL_HALF * sizeof(*table));
    memcpy(table + KERNEL_HALF, kernel + KERNEL_HALF, (ENTRIES - KERNEL_HALF) * sizeof(*table));
    *as = (struct aspace){.root = root, .payer = payer, .tables = 1, .near = NEAR_NONE};
    return ST_OK;
}

/* Fills `n` entries of one table, from the place on. ST_EXISTS: one was taken, none is filled. */
static inline enum status fill_entries(struct aspace *as, struct place place,
                                       const struct paddr frames[], uint64_t n, uint64_t flags)
{
    uint64_t *entries = place.page;

    for (uint64_t i = 0; i < n; i++) {
        if ((entries[i] & ENTRY_PRESENT) != 0) {
            return ST_EXISTS;
        }
    }
    for (uint64_t i = 0; i < n; i++) {
        entries[i] = frames[i].v | flags;
    }
    *place.table += n * COUNT_ONE;
    as->pages += n;
    as->owned += (flags & ENTRY_OWNED) != 0 ? n : 0;
    return ST_OK;
}

static inline __attribute__((always_inline)) enum status
map_page(struct aspace *as, struct uaddr va, struct paddr frame, unsigned prot, bool owned)
{
    enum status status = check_mapping(va, prot);
    if (status == ST_OK && !is_near(as, va.v)) {
        status = walk_making(as, va.v);
    }
    return status == ST_OK
               ? fill_entries(as, near_place(as, va.v), &frame, 1, leaf_flags(prot, owned))
               : status;
}

enum status aspace_map(struct aspace *as, struct uaddr va, struct paddr frame, unsigned prot,
                       bool owned)
{
    return map_page(as, va, frame, prot, owned);
}

enum status aspace_map_fresh(struct aspace *as, struct uaddr va, unsigned prot)
{
    struct paddr frame;
    enum status status = frame_alloc_zeroed(as->payer, &frame);

    if (__builtin_expect(status != ST_OK, 0)) {
        return status;
    }
    status = map_page(as, va, frame, prot, true);
    if (__builtin_expect(status != ST_OK, 0)) {
        frame_free(as->payer, frame);
    }
    return status;
}

/* How many of n pages from `va` on lie in the table of the first. */
static uint64_t pages_in_table(uint64_t va, uint64_t n)
{
    uint64_t room = ENTRIES - index_at(va, 1);

    return n < room ? n : room;
}

/* Frees what holds the place of a page, the last that was mapped in its table. */
static __attribute__((noinline)) void leave_table(struct aspace *as, uint64_t va)
{
    struct path path;

    (void)walk(as, va, &path); /* as far as there are tables: to a page that is not mapped */
    prune(as, va, &path, 1);
}

/* Takes one page out, and says what its entry was. ST_NOT_FOUND. */
static inline enum status take_out(struct aspace *as, uint64_t va, uint64_t *entry)
{
    if (!is_near(as, va) && walk_far(as, va) != ST_OK) {
        return ST_NOT_FOUND;
    }
    struct place place = near_place(as, va);
    *entry = *place.page;
    if ((*entry & ENTRY_PRESENT) == 0) {
        return ST_NOT_FOUND;
    }
    *place.page = 0;
    as->pages--;
    as->owned -= (*entry & ENTRY_OWNED) != 0 ? 1 : 0;
    *place.table -= COUNT_ONE;
    if (aspace_is_active(as)) {
        tlb_forget(va);
    }
    if (__builtin_expect(entry_count(*place.table) == 0, 0)) {
        leave_table(as, va);
    }
    return ST_OK;
}

enum status aspace_map_pages(struct aspace *as, struct uaddr va, const struct paddr frames[],
                             uint64_t n, unsigned prot, bool owned)
{
    uint64_t done = 0;

    enum status status = check_mapping(va, prot);
    if (status == ST_OK && n > (USER_END - va.v) / FRAME_BYTES) {
        status = ST_INVALID;
    }
    while (status == ST_OK && done < n) {
        uint64_t at = va.v + done * FRAME_BYTES;
        uint64_t count = pages_in_table(at, n - done);

        if (!is_near(as, at)) {
            status = walk_making(as, at);
        }
        if (status == ST_OK) {
            status =
                fill_entries(as, near_place(as, at), frames + done, count, leaf_flags(prot, owned));
        }
        done += status == ST_OK ? count : 0;
    }
    for (uint64_t i = 0; status != ST_OK && i < done; i++) {
        uint64_t entry;
        (void)take_out(as, va.v + i * FRAME_BYTES, &entry);
    }
    return status;
}

enum status aspace_unmap(struct aspace *as, struct uaddr va)
{
    uint64_t entry;

    if (!page_is_user(va)) {
        return ST_INVALID;
    }
    enum status status = take_out(as, va.v, &entry);
    if (status == ST_OK && (entry & ENTRY_OWNED) != 0) {
        frame_free(as->payer, (struct paddr){entry & ENTRY_ADDRESS});
    }
    return status;
}

enum status aspace_protect(struct aspace *as, struct uaddr va, unsigned prot)
{
    struct path path;

    enum status status = check_mapping(va, prot);
    if (status != ST_OK) {
        return status;
    }
    status = walk(as, va.v, &path);
    if (status != ST_OK) {
        return status;
    }
    uint64_t entry = *path.entry[1];
    *path.entry[1] = (entry & ENTRY_ADDRESS) | leaf_flags(prot, (entry & ENTRY_OWNED) != 0);
    if (aspace_is_active(as)) {
        tlb_forget(va.v);
    }
    return ST_OK;
}

enum status aspace_find(const struct aspace *as, struct uaddr va, struct paddr *out, unsigned *prot)
{
    struct path path;

    if (!page_is_user((struct uaddr){bits_round_down(va.v, FRAME_BYTES)})) {
        return ST_INVALID;
    }
    enum status status = walk(as, va.v, &path);
    if (status != ST_OK) {
        return status;
    }
    uint64_t entry = *path.entry[1];
    if (out != NULL) {
        *out = (struct paddr){entry & ENTRY_ADDRESS};
    }
    if (prot != NULL) {
        *prot = ((entry & ENTRY_WRITE) != 0 ? PAGE_WRITE : PAGE_READ) |
                ((entry & ENTRY_NX) != 0 ? PAGE_READ : PAGE_EXEC);
    }
    return ST_OK;
}

/* A slice of taking down. */
struct teardown {
    unsigned budget; /* frames and pages that may still go */
    uint64_t freed;  /* frames given back, whose charge is released at the end */
};

/* The first entry at or behind i that is present; there is one. Eight empty ones at a time. */
static uint64_t next_present(const uint64_t *table, uint64_t i)
{
    while ((table[i] & ENTRY_PRESENT) == 0) {
        const uint64_t *eight = &table[i];

        i += i % 8 == 0 && (eight[0] | eight[1] | eight[2] | eight[3] | eight[4] | eight[5] |
                            eight[6] | eight[7]) == 0
                 ? 8
                 : 1;
    }
    return i;
}

static void give_back(struct teardown *slice, uint64_t entry)
{
    frame_give_back((struct paddr){entry & ENTRY_ADDRESS});
    slice->freed++;
}

/* Empties a table of pages whose entries *entry counts. False: the budget is spent first. */
static bool drop_pages(struct aspace *as, uint64_t *entry, struct teardown *slice)
{
    uint64_t *table = table_at(*entry);

    for (uint64_t i = 0; entry_count(*entry) != 0; i++) {
        if (slice->budget == 0) {
            return false;
        }
        i = next_present(table, i);
        if ((table[i] & ENTRY_OWNED) != 0) {
            give_back(slice, table[i]);
            as->owned--;
        }
        table[i] = 0;
        as->pages--;
        slice->budget--;
        *entry -= COUNT_ONE;
    }
    return true;
}

/*
 * Empties and frees the table that *entry, of a level above 1, points to, and
 * everything below it. False: the budget is spent first; entry and counts are then
 * as true as before, so that a next call goes on.
 */
static bool drop_table(struct aspace *as, uint64_t *entry, unsigned level, struct teardown *slice)
{
    uint64_t *table = table_at(*entry);

    if (level == 2) {
        if (!drop_pages(as, entry, slice)) {
            return false;
        }
    } else {
        for (uint64_t i = 0; entry_count(*entry) != 0; i++) {
            i = next_present(table, i);
            if (slice->budget == 0 || !drop_table(as, &table[i], level - 1, slice)) {
                return false;
            }
            table[i] = 0;
            *entry -= COUNT_ONE;
        }
    }
    frame_give_back_zeroed((struct paddr){*entry & ENTRY_ADDRESS});
    slice->freed++;
    as->tables--;
    slice->budget -= slice->budget > 0 ? 1 : 0;
    return true;
}

/* Empties the root's user half. */
static bool drop_all(struct aspace *as, struct teardown *slice)
{
    uint64_t *root = phys_to_virt(as->root);

    for (uint64_t i = 0; as->top_used != 0; i++) {
        i = next_present(root, i);
        if (slice->budget == 0 || !drop_table(as, &root[i], TOP_LEVEL, slice)) {
            return false;
        }
        root[i] = 0;
        as->top_used--;
    }
    return true;
}

bool aspace_destroy_step(struct aspace *as, unsigned budget)
{
    struct teardown slice = {.budget = budget};

    as->near = NEAR_NONE;
    ASSERT(!aspace_is_active(as), "the active address space cannot be taken down");
    bool done = drop_all(as, &slice);
    frame_release_charge(as->payer, slice.freed);
    if (!done) {
        return false;
    }
    ASSERT(as->pages == 0 && as->owned == 0 && as->tables == 1,
           "an empty address space has %lu pages and %lu tables", as->pages, as->tables);
    frame_free(as->payer, as->root);
    *as = (struct aspace){0};
    return true;
}

void aspace_activate(const struct aspace *as)
{
    if (!aspace_is_active(as)) {
        cr3_write(as->root.v);
    }
}

bool aspace_is_active(const struct aspace *as)
{
    return cr3_read() == as->root.v;
}

/* Owned pages and tables below a table, with it; level is that of the table's own entries. */
static uint64_t count_table(const uint64_t *table, unsigned level, unsigned entries)
{
    uint64_t frames = 1;

    for (unsigned i = 0; i < entries; i++) {
        if ((table[i] & ENTRY_PRESENT) == 0) {
            continue;
        }
        if (level == 1) {
            frames += (table[i] & ENTRY_OWNED) != 0 ? 1 : 0;
        } else {
            frames += count_table(table_at(table[i]), level - 1, ENTRIES);
        }
    }
    return frames;
}

uint64_t aspace_count_frames(const struct aspace *as)
{
    return as->root.v == 0 ? 0 : count_table(phys_to_virt(as->root), TOP_LEVEL, KERNEL_HALF);
}
