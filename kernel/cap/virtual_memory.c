// SPDX-License-Identifier: MIT
/*
 * Each method checks all it was given, reserves what it needs in the table of regions,
 * and then changes pages. Only mapping can fail after that, when memory runs out, and
 * takes back what it had done.
 */
#include "cap/virtual_memory.h"

#include <abi/layout.h>
#include <abi/limits.h>
#include <capos.capnp.h>
#include <lib/bits.h>
#include <lib/region.h>

#include "cap/call.h"
#include "cap/memory_object.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "mem/paging.h"
#include "panic.h"
#include "process.h"

/* Regions that a process has room for at first. It doubles, up to PROC_REGIONS_MAX. */
#define REGIONS_FIRST 16u

struct virtual_memory {
    struct cap_object object; /* first */
    struct process *process;  /* NULL: it has ended */
    struct charge charge;
};

/* A row of pages that was checked. */
struct row {
    uint64_t first; /* page number */
    uint64_t pages;
    uint32_t at; /* of a row that is mapped: where the first of its regions is */
};

static uint64_t page_of(uint64_t address)
{
    return address >> FRAME_SHIFT;
}

static struct uaddr address_of(uint64_t page)
{
    return (struct uaddr){page << FRAME_SHIFT};
}

/* ---------------------------------------------------------------------------
 * Regions */

static void hold_memory(void *memory)
{
    cap_hold(memory);
}

static void drop_memory(void *memory)
{
    cap_drop(memory);
}

static const struct region_rules rules = {.hold = hold_memory, .drop = drop_memory};

/* Makes room for more regions. ST_FULL: there are as many as there may be. ST_NO_MEMORY. */
static enum status grow(struct process *p)
{
    uint32_t room = p->regions.room == 0 ? REGIONS_FIRST : 2u * p->regions.room;

    if (room > PROC_REGIONS_MAX) {
        return ST_FULL;
    }
    struct region *storage = heap_alloc(&p->account, room * sizeof *storage);
    if (storage == NULL) {
        return ST_NO_MEMORY;
    }
    heap_free(&p->account, region_table_grow(&p->regions, storage, room));
    return ST_OK;
}

_Static_assert(PROC_REGIONS_MAX % REGIONS_FIRST == 0 &&
                   ((PROC_REGIONS_MAX / REGIONS_FIRST) & (PROC_REGIONS_MAX / REGIONS_FIRST - 1)) ==
                       0,
               "doubling ends at the maximum");

/* The same, and enters a region for which there was too little. */
static __attribute__((noinline)) enum status grow_and_insert(struct process *p,
                                                             const struct region *region)
{
    enum status status = grow(p);

    return status == ST_OK ? region_insert(&p->regions, region) : status;
}

/* ---------------------------------------------------------------------------
 * Pages */

/* Maps page i of a region. */
static inline enum status map_page(struct process *p, const struct region *region, uint64_t i,
                                   unsigned prot)
{
    struct uaddr va = address_of(region->first + i);

    if (region->memory == NULL) {
        return aspace_map_fresh(&p->aspace, va, prot);
    }
    const struct memory_object *m = memory_object_of(region->memory);
    return aspace_map(&p->aspace, va, memory_object_frame(m, region->offset + i), prot, false);
}

/* Unmaps pages that are mapped; those of the address space's own are freed. */
static inline void unmap_pages(struct process *p, uint64_t first, uint64_t pages)
{
    for (uint64_t page = first; page != first + pages; page++) {
        enum status status = aspace_unmap(&p->aspace, address_of(page));
        ASSERT(status == ST_OK, "page %lx is in a region and not mapped", page << FRAME_SHIFT);
    }
}

/* Takes a region out again of which so many pages were mapped. */
static __attribute__((noinline)) void undo_region(struct process *p, const struct region *region,
                                                  uint64_t mapped)
{
    uint32_t at = region_covering(&p->regions, region->first, region->pages);

    ASSERT(at != REGION_NONE, "a region is not where it was entered");
    unmap_pages(p, region->first, mapped);
    region_remove(&p->regions, at, region->first, region->pages);
}

/* Enters and maps a region, all or nothing. ST_EXISTS: something is mapped there. */
static inline enum status map_region(struct process *p, const struct region *region, unsigned prot)
{
    enum status status = region_insert(&p->regions, region);
    if (__builtin_expect(status == ST_FULL, 0)) {
        status = grow_and_insert(p, region);
    }
    if (__builtin_expect(status != ST_OK, 0)) {
        return status;
    }
    uint64_t i = 0;
    do {
        status = map_page(p, region, i, prot);
        if (__builtin_expect(status != ST_OK, 0)) {
            undo_region(p, region, i);
            return status;
        }
        i++;
    } while (i < region->pages);
    return ST_OK;
}

/* ---------------------------------------------------------------------------
 * Arguments */

static enum capnp_answer invalid(struct capnp_call *call, const char *reason)
{
    return capnp_call_refuse(call, CAPNP_EXC_INVALID_ARGUMENT, reason);
}

/* Refuses a map or unmap for which there is no room. */
static __attribute__((noinline)) enum capnp_answer no_room(struct capnp_call *call,
                                                           enum status status)
{
    switch (status) {
    case ST_OVER_BUDGET:
        return capnp_call_refuse(call, CAPNP_EXC_OVERLOADED,
                                 "the process's budget does not hold so many pages and their "
                                 "page tables more");
    case ST_FULL:
        return capnp_call_refuse(call, CAPNP_EXC_OVERLOADED,
                                 "the process has as many stretches mapped as it may");
    case ST_NOT_FOUND:
        return capnp_call_refuse(call, CAPNP_EXC_OVERLOADED,
                                 "there is no room for so many pages in a row");
    default:
        return capnp_call_refuse(call, CAPNP_EXC_OVERLOADED, "the kernel has no memory for that");
    }
}

/* NULL, or what is wrong with a size. */
static inline const char *check_size(uint64_t bytes)
{
    if (bytes == 0 || bytes % FRAME_BYTES != 0) {
        return "a size is a multiple of 4096 bytes, and not 0";
    }
    if (bytes > (uint64_t)MEMORY_PAGES_MAX * FRAME_BYTES) {
        return "one call covers at most 1024 pages";
    }
    return NULL;
}

_Static_assert(FRAME_BYTES == 4096 && MEMORY_PAGES_MAX == 1024, "the sentences say so");

/* Whether a range is of whole pages, and of no more than one call covers: then it is a row. */
static inline bool is_row(uint64_t address, uint64_t bytes, struct row *row)
{
    row->first = page_of(address);
    row->pages = page_of(bytes);
    return (address | bytes) % FRAME_BYTES == 0 && row->pages - 1 < MEMORY_PAGES_MAX;
}

/* What is wrong with a range that is no row, or that the table of regions has refused. */
static __attribute__((noinline)) const char *fault_of(uint64_t address, uint64_t bytes,
                                                      const char *otherwise)
{
    const char *fault = check_size(bytes);

    if (fault != NULL) {
        return fault;
    }
    if (address % FRAME_BYTES != 0) {
        return "an address is a multiple of 4096";
    }
    if (address < USER_MAP_BASE || !bits_range_fits(address, bytes, USER_END)) {
        return "the range is not in the part of the address space that VirtualMemory is for";
    }
    return otherwise;
}

/* The range of an unmap or protect, which must be mapped: NULL and the row, or what is wrong. */
static inline const char *check_mapped(const struct process *p, uint64_t address, uint64_t bytes,
                                       struct row *row)
{
    if (__builtin_expect(is_row(address, bytes, row), 1)) {
        row->at = region_covering(&p->regions, row->first, row->pages);
        if (__builtin_expect(row->at != REGION_NONE, 1)) {
            return NULL;
        }
    }
    return fault_of(address, bytes, "not all of the range is mapped through VirtualMemory");
}

static const char *check_protection(enum capos_virtual_memory_protection protection, unsigned *prot)
{
    switch (protection) {
    case CAPOS_VIRTUAL_MEMORY_PROTECTION_READ:
        *prot = PAGE_READ;
        return NULL;
    case CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE:
        *prot = PAGE_WRITE;
        return NULL;
    case CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_EXECUTE:
        *prot = PAGE_EXEC;
        return NULL;
    default:
        return "there is no such protection";
    }
}

/* The process, or NULL if it has ended. */
static struct process *process_of(void *self)
{
    struct virtual_memory *vm = self;

    return vm->process == NULL || vm->process->state == PROCESS_DYING ? NULL : vm->process;
}

static enum capnp_answer disconnected(struct capnp_call *call)
{
    return capnp_call_refuse(call, CAPNP_EXC_DISCONNECTED,
                             "the process whose memory this is has ended");
}

/* ---------------------------------------------------------------------------
 * Methods */

/*
 * Maps `bytes` of a region's memory, or of fresh pages, at the hint or wherever there is
 * room, and gives the region its place. CAPNP_REFUSED: with a reason.
 */
static inline __attribute__((always_inline)) enum capnp_answer
map_somewhere(struct process *p, struct capnp_call *call, struct region *region, uint64_t hint,
              uint64_t bytes, unsigned prot)
{
    struct row row;
    enum status status = is_row(hint, bytes, &row) ? ST_OK : ST_INVALID;

    region->first = row.first;
    region->pages = row.pages;
    if (status == ST_OK && hint == 0) {
        status = region_find_gap(&p->regions, region->pages, &region->first);
    }
    cap_call_of(call)->took_long = region->pages > MEMORY_PAGES_SHORT;
    if (status == ST_OK) {
        status = map_region(p, region, prot);
    }
    if (__builtin_expect(status == ST_OK, 1)) {
        return CAPNP_ANSWERED;
    }
    return status == ST_INVALID || status == ST_EXISTS
               ? invalid(call, fault_of(hint, bytes, "something is mapped there"))
               : no_room(call, status);
}

static inline __attribute__((always_inline)) enum capnp_answer
vm_map(void *self, struct capnp_call *call, struct capos_virtual_memory_map_params params,
       struct capos_virtual_memory_map_results_builder results)
{
    struct process *p = process_of(self);
    struct region fresh = {.memory = NULL};
    unsigned prot;

    if (p == NULL) {
        return disconnected(call);
    }
    const char *fault =
        check_protection(capos_virtual_memory_map_params_get_protection(params), &prot);
    if (fault != NULL) {
        return invalid(call, fault);
    }
    enum capnp_answer answer =
        map_somewhere(p, call, &fresh, capos_virtual_memory_map_params_get_hint(params),
                      capos_virtual_memory_map_params_get_size(params), prot);
    if (answer == CAPNP_ANSWERED) {
        capos_virtual_memory_map_results_set_address(results, address_of(fresh.first).v);
    }
    return answer;
}

/* NULL and the region without its place, or what is wrong with a piece of memory. */
static const char *check_memory(const struct cap_hold *given, uint64_t offset, uint64_t bytes,
                                unsigned prot, struct region *region)
{
    const struct memory_object *m = given != NULL ? memory_object_of(given->object) : NULL;

    if (m == NULL) {
        return "mapObject takes a MemoryObject or a MemoryReader";
    }
    if (memory_object_is_reader(given->object) && prot != PAGE_READ) {
        return "a MemoryReader can be mapped for reading only";
    }
    if (offset % FRAME_BYTES != 0) {
        return "an offset is a multiple of 4096";
    }
    if (!bits_range_fits(offset, bytes, memory_object_pages(m) << FRAME_SHIFT)) {
        return "the range is not within the memory";
    }
    *region = (struct region){.memory = given->object, .offset = page_of(offset)};
    return NULL;
}

static inline enum capnp_answer
vm_map_object(void *self, struct capnp_call *call,
              struct capos_virtual_memory_map_object_params params,
              struct capos_virtual_memory_map_object_results_builder results)
{
    struct process *p = process_of(self);
    struct region region = {0};
    unsigned prot;

    if (p == NULL) {
        return disconnected(call);
    }
    uint64_t bytes = capos_virtual_memory_map_object_params_get_size(params);
    const struct cap_hold *given =
        cap_call_given(call, capos_virtual_memory_map_object_params_get_memory(params));
    const char *fault =
        check_protection(capos_virtual_memory_map_object_params_get_protection(params), &prot);
    if (fault == NULL) {
        fault = check_memory(given, capos_virtual_memory_map_object_params_get_offset(params),
                             bytes, prot, &region);
    }
    if (fault != NULL) {
        return invalid(call, fault);
    }
    enum capnp_answer answer = map_somewhere(
        p, call, &region, capos_virtual_memory_map_object_params_get_hint(params), bytes, prot);
    if (answer == CAPNP_ANSWERED) {
        capos_virtual_memory_map_object_results_set_address(results, address_of(region.first).v);
    }
    return answer;
}

static inline __attribute__((always_inline)) enum capnp_answer
vm_unmap(void *self, struct capnp_call *call, struct capos_virtual_memory_unmap_params params)
{
    struct process *p = process_of(self);
    struct row row;

    if (p == NULL) {
        return disconnected(call);
    }
    const char *fault = check_mapped(p, capos_virtual_memory_unmap_params_get_address(params),
                                     capos_virtual_memory_unmap_params_get_size(params), &row);
    if (fault != NULL) {
        return invalid(call, fault);
    }
    if (__builtin_expect(region_splits(&p->regions, row.at, row.first, row.pages), 0)) {
        enum status status = grow(p);
        if (status != ST_OK) {
            return no_room(call, status);
        }
    }
    cap_call_of(call)->took_long = row.pages > MEMORY_PAGES_SHORT;
    unmap_pages(p, row.first, row.pages); /* before the regions let go of the memory */
    region_remove(&p->regions, row.at, row.first, row.pages);
    return CAPNP_ANSWERED;
}

/* Whether a part of the row, which is mapped, shows a MemoryReader's pages. */
static bool has_reader(const struct process *p, const struct row *row)
{
    const struct region *r = &p->regions.regions[row->at];
    const struct region *end = &p->regions.regions[p->regions.count];

    for (; r != end && r->first < row->first + row->pages; r++) {
        if (r->memory != NULL && memory_object_is_reader(r->memory)) {
            return true;
        }
    }
    return false;
}

static inline enum capnp_answer vm_protect(void *self, struct capnp_call *call,
                                           struct capos_virtual_memory_protect_params params)
{
    struct process *p = process_of(self);
    struct row row;
    unsigned prot;

    if (p == NULL) {
        return disconnected(call);
    }
    const char *fault =
        check_protection(capos_virtual_memory_protect_params_get_protection(params), &prot);
    if (fault == NULL) {
        fault = check_mapped(p, capos_virtual_memory_protect_params_get_address(params),
                             capos_virtual_memory_protect_params_get_size(params), &row);
    }
    if (fault == NULL && prot != PAGE_READ && has_reader(p, &row)) {
        fault = "a MemoryReader can be mapped for reading only";
    }
    if (fault != NULL) {
        return invalid(call, fault);
    }
    cap_call_of(call)->took_long = row.pages > MEMORY_PAGES_SHORT;
    for (uint64_t page = row.first; page < row.first + row.pages; page++) {
        enum status status = aspace_protect(&p->aspace, address_of(page), prot);
        ASSERT(status == ST_OK, "page %lx is in a region and not mapped", page << FRAME_SHIFT);
    }
    return CAPNP_ANSWERED;
}

static const struct capos_virtual_memory_server methods = {
    .map = vm_map,
    .unmap = vm_unmap,
    .protect = vm_protect,
    .map_object = vm_map_object,
};

static enum capnp_answer vm_call(struct cap_object *object, struct capnp_call *call)
{
    return capos_virtual_memory_dispatch_own(&methods, object, call);
}

/* Nobody holds it: the process, if there still is one, keeps what is mapped. */
static void vm_destroy(struct cap_object *object)
{
    struct virtual_memory *vm = LIST_OWNER(object, struct virtual_memory, object);

    if (vm->process != NULL) {
        vm->process->vm = NULL;
    }
    account_drop(&vm->charge);
    heap_free(NULL, vm);
}

const struct cap_type virtual_memory_type = {
    .name = "VirtualMemory",
    .kind = CAP_FULL,
    .interface_id = CAPOS_VIRTUAL_MEMORY_ID,
    .call = vm_call,
    .destroy = vm_destroy,
};

/* ---------------------------------------------------------------------------
 * Its process */

enum status virtual_memory_create(struct process *p, struct cap_object **out)
{
    const uint64_t cost[ACCOUNT_KINDS] = {
        [ACCOUNT_HEAP_BYTES] = heap_charge(sizeof(struct virtual_memory)),
    };

    if (p->vm != NULL) {
        cap_hold(&p->vm->object);
        *out = &p->vm->object;
        return ST_OK;
    }
    struct virtual_memory *vm = heap_alloc(NULL, sizeof *vm);
    if (vm == NULL) {
        return ST_NO_MEMORY;
    }
    enum status status = account_take(&p->account, &vm->charge, cost);
    if (status != ST_OK) {
        heap_free(NULL, vm);
        return status;
    }
    if (p->regions.rules == NULL) {
        region_table_init(&p->regions, page_of(USER_MAP_BASE), page_of(USER_END), &rules);
    }
    cap_object_init(&vm->object, &virtual_memory_type);
    vm->process = p;
    p->vm = vm;
    *out = &vm->object;
    return ST_OK;
}

bool virtual_memory_reap(struct process *p, unsigned budget)
{
    for (unsigned i = 0; i < budget; i++) {
        if (!region_remove_last(&p->regions)) {
            heap_free(&p->account, region_table_grow(&p->regions, NULL, 0));
            if (p->vm != NULL) {
                p->vm->process = NULL;
                p->vm = NULL;
            }
            return true;
        }
    }
    return false;
}
