// SPDX-License-Identifier: MIT
/*
 * Each method of the objects that memory comes from, as methods_test.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <abi/layout.h>
#include <abi/limits.h>
#include <capos.capnp.h>

#include "cap/memory_object.h"
#include "cap/virtual_memory.h"
#include "mem/fault.h"
#include "test/caller.h"

#define PAGE  4096u
#define PLACE 0x60000000ull

/* ---------------------------------------------------------------------------
 * Memory */

static void free_params(uint64_t memory, uint16_t mode)
{
    struct capos_frame_allocator_free_frame_params_builder p =
        capos_frame_allocator_free_frame_params_build_root(caller_params());

    capos_frame_allocator_free_frame_params_set_memory(
        p, (struct capos_memory_object_cap){caller_sends(memory, mode)});
}

static void test_frames(void **state)
{
    static const char whose[] = "FrameAllocator.freeFrame takes memory that is moved here, that "
                                "nobody else holds, and that is mapped nowhere";
    static const char what[] = "FrameAllocator.freeFrame takes a MemoryObject";
    const uint32_t wrong[] = {0, MEMORY_PAGES_MAX + 1};

    (void)state;
    caller_start(NULL);
    uint64_t id = caller_kernel_object(CAPOS_FRAME_ALLOCATOR_ID);
    for (unsigned i = 0; i < 2; i++) {
        capos_frame_allocator_alloc_contiguous_params_set_count(
            capos_frame_allocator_alloc_contiguous_params_build_root(caller_params()), wrong[i]);
        caller_refused(id, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_ALLOC_CONTIGUOUS,
                       INVALID, "FrameAllocator.allocContiguous makes 1 to 1024 pages");
    }
    (void)caller_params();
    caller_calls(id, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_ALLOC_FRAME);
    uint64_t memory = caller_newest(&memory_object_type);

    capos_frame_allocator_free_frame_params_build_root(caller_params());
    caller_refused(id, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_FREE_FRAME, INVALID, what);
    free_params(id, CAP_TRANSFER_COPY);
    caller_refused(id, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_FREE_FRAME, INVALID, what);
    free_params(memory, CAP_TRANSFER_COPY);
    caller_refused(id, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_FREE_FRAME, INVALID, whose);
    uint64_t frames = memory_object_frames();
    free_params(memory, CAP_TRANSFER_MOVE);
    caller_calls(id, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_FREE_FRAME);
    assert_int_equal(memory_object_frames(), frames - 1);
    assert_true(memory_object_check());
    caller_end();
}

static void test_frames_beyond_budget(void **state)
{
    const struct actor_params poor = {.frames = 64, .area_bytes = CALLER_AREA_BYTES};

    (void)state;
    caller_start(&poor);
    uint64_t id = caller_kernel_object(CAPOS_FRAME_ALLOCATOR_ID);
    capos_frame_allocator_alloc_contiguous_params_set_count(
        capos_frame_allocator_alloc_contiguous_params_build_root(caller_params()), 64);
    uint64_t e = actor_submit(&caller, caller_entry(id, CAPOS_FRAME_ALLOCATOR_ID,
                                                    CAPOS_FRAME_ALLOCATOR_ALLOC_CONTIGUOUS));
    actor_run(&caller);
    assert_int_equal(actor_done(&caller, e)->flags & CAP_CQE_F_EXC_MASK, OVERLOADED);
    caller_end();
}

static void test_memory_object(void **state)
{
    struct cap_object *memory;

    (void)state;
    caller_start(NULL);
    assert_int_equal(memory_object_create(&caller.p->account, 3, &memory), ST_OK);
    uint64_t id = actor_grant(&caller, memory);
    cap_drop(memory);
    (void)caller_params();
    caller_calls(id, CAPOS_MEMORY_OBJECT_ID, CAPOS_MEMORY_OBJECT_SIZE);
    assert_int_equal(capos_memory_object_size_results_get_bytes(
                         capos_memory_object_size_results_read_root(&caller_results)),
                     3 * PAGE);
    /* The second reader is the first one, held once more. */
    for (unsigned i = 0; i < 2; i++) {
        (void)caller_params();
        caller_calls(id, CAPOS_MEMORY_OBJECT_ID, CAPOS_MEMORY_OBJECT_READER);
        caller_expect_sound();
    }
    uint64_t reader = caller_newest(&memory_reader_type);
    (void)caller_params();
    caller_calls(reader, CAPOS_MEMORY_READER_ID, CAPOS_MEMORY_READER_SIZE);
    assert_int_equal(capos_memory_reader_size_results_get_bytes(
                         capos_memory_reader_size_results_read_root(&caller_results)),
                     3 * PAGE);
    caller_end();
}

/* ---------------------------------------------------------------------------
 * VirtualMemory */

#define READ  CAPOS_VIRTUAL_MEMORY_PROTECTION_READ
#define WRITE CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE
#define EXEC  CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_EXECUTE
#define NONE  ((enum capos_virtual_memory_protection)3)

static uint64_t grant_vm(struct process *p)
{
    struct cap_object *vm;

    assert_int_equal(virtual_memory_create(p, &vm), ST_OK);
    uint64_t id = actor_grant(&caller, vm);
    cap_drop(vm);
    return id;
}

static void map_params(uint64_t hint, uint64_t size, enum capos_virtual_memory_protection prot)
{
    struct capos_virtual_memory_map_params_builder p =
        capos_virtual_memory_map_params_build_root(caller_params());

    capos_virtual_memory_map_params_set_hint(p, hint);
    capos_virtual_memory_map_params_set_size(p, size);
    capos_virtual_memory_map_params_set_protection(p, prot);
}

static void unmap_params(uint64_t address, uint64_t size)
{
    struct capos_virtual_memory_unmap_params_builder p =
        capos_virtual_memory_unmap_params_build_root(caller_params());

    capos_virtual_memory_unmap_params_set_address(p, address);
    capos_virtual_memory_unmap_params_set_size(p, size);
}

static void protect_params(uint64_t address, uint64_t size,
                           enum capos_virtual_memory_protection prot)
{
    struct capos_virtual_memory_protect_params_builder p =
        capos_virtual_memory_protect_params_build_root(caller_params());

    capos_virtual_memory_protect_params_set_address(p, address);
    capos_virtual_memory_protect_params_set_size(p, size);
    capos_virtual_memory_protect_params_set_protection(p, prot);
}

/* Of the capability, CAP_ID_NONE: none comes. */
static void map_object_params(uint64_t memory, uint64_t offset, uint64_t hint, uint64_t size,
                              enum capos_virtual_memory_protection prot)
{
    struct capos_virtual_memory_map_object_params_builder p =
        capos_virtual_memory_map_object_params_build_root(caller_params());

    if (memory != CAP_ID_NONE) {
        capos_virtual_memory_map_object_params_set_memory(p,
                                                          caller_sends(memory, CAP_TRANSFER_COPY));
    }
    capos_virtual_memory_map_object_params_set_offset(p, offset);
    capos_virtual_memory_map_object_params_set_hint(p, hint);
    capos_virtual_memory_map_object_params_set_size(p, size);
    capos_virtual_memory_map_object_params_set_protection(p, prot);
}

#define VM(method) CAPOS_VIRTUAL_MEMORY_ID, CAPOS_VIRTUAL_MEMORY_##method

static const char no_multiple[] = "a size is a multiple of 4096 bytes, and not 0";
static const char too_many[] = "one call covers at most 1024 pages";
static const char no_address[] = "an address is a multiple of 4096";
static const char elsewhere[] =
    "the range is not in the part of the address space that VirtualMemory is for";
static const char not_mapped[] = "not all of the range is mapped through VirtualMemory";
static const char no_protection[] = "there is no such protection";
static const char read_only[] = "a MemoryReader can be mapped for reading only";

static void test_map(void **state)
{
    static const struct {
        uint64_t hint;
        uint64_t size;
        enum capos_virtual_memory_protection prot;
        const char *reason;
    } wrong[] = {
        {0, 0, READ, no_multiple},
        {0, PAGE + 1, READ, no_multiple},
        {0, (uint64_t)(MEMORY_PAGES_MAX + 1) * PAGE, READ, too_many},
        {PLACE, 0, READ, no_multiple},
        {PLACE + 1, PAGE, READ, no_address},
        {USER_MAP_BASE - PAGE, PAGE, READ, elsewhere},
        {USER_END - PAGE, 2 * PAGE, READ, elsewhere},
        {0 - (uint64_t)PAGE, 2 * PAGE, READ, elsewhere},
        {PLACE, PAGE, NONE, no_protection},
        {PLACE + 2 * PAGE, 2 * PAGE, READ, "something is mapped there"},
    };

    (void)state;
    caller_start(NULL);
    uint64_t id = grant_vm(caller.p);
    map_params(PLACE, 3 * PAGE, WRITE);
    caller_calls(id, VM(MAP));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        map_params(wrong[i].hint, wrong[i].size, wrong[i].prot);
        caller_refused(id, VM(MAP), INVALID, wrong[i].reason);
    }
    map_params(0, 2 * PAGE, EXEC);
    caller_calls(id, VM(MAP));
    uint64_t address = capos_virtual_memory_map_results_get_address(
        capos_virtual_memory_map_results_read_root(&caller_results));
    assert_in_range(address, USER_MAP_BASE, USER_END - 2 * PAGE);

    unmap_params(address, 3 * PAGE);
    caller_refused(id, VM(UNMAP), INVALID, not_mapped);
    unmap_params(address + 1, PAGE);
    caller_refused(id, VM(UNMAP), INVALID, no_address);
    protect_params(address, 3 * PAGE, READ);
    caller_refused(id, VM(PROTECT), INVALID, not_mapped);
    protect_params(address, PAGE, NONE);
    caller_refused(id, VM(PROTECT), INVALID, no_protection);

    uint64_t pages = caller.p->aspace.pages;
    protect_params(PLACE, 3 * PAGE, READ);
    caller_calls(id, VM(PROTECT));
    unmap_params(PLACE + PAGE, PAGE);
    caller_calls(id, VM(UNMAP));
    unmap_params(PLACE + PAGE, PAGE);
    caller_refused(id, VM(UNMAP), INVALID, not_mapped);
    unmap_params(address, 2 * PAGE);
    caller_calls(id, VM(UNMAP));
    assert_int_equal(caller.p->aspace.pages, pages - 3);
    caller_end();
}

/* As many stretches as there may be: no more are made, not by splitting one either. */
static void test_map_stretches(void **state)
{
    static const char reason[] = "the process has as many stretches mapped as it may";

    (void)state;
    caller_start(NULL);
    uint64_t id = grant_vm(caller.p);
    for (uint64_t i = 0; i < PROC_REGIONS_MAX; i++) {
        map_params(PLACE + i * 4 * PAGE, 3 * PAGE, WRITE);
        caller_calls(id, VM(MAP));
    }
    map_params(PLACE + PROC_REGIONS_MAX * 4ull * PAGE, PAGE, WRITE);
    caller_refused(id, VM(MAP), OVERLOADED, reason);
    unmap_params(PLACE + PAGE, PAGE);
    caller_refused(id, VM(UNMAP), OVERLOADED, reason);
    caller_end();
}

static void test_map_beyond_budget(void **state)
{
    const struct actor_params poor = {.frames = 128, .area_bytes = CALLER_AREA_BYTES};

    (void)state;
    caller_start(&poor);
    uint64_t id = grant_vm(caller.p);
    uint64_t pages = caller.p->aspace.pages;
    map_params(PLACE, (uint64_t)MEMORY_PAGES_MAX * PAGE, WRITE);
    caller_refused(id, VM(MAP), OVERLOADED,
                   "the process's budget does not hold so many pages and their page tables more");
    assert_int_equal(caller.p->aspace.pages, pages);
    caller_end();
}

static void test_map_object(void **state)
{
    static const char what[] = "mapObject takes a MemoryObject or a MemoryReader";
    static const char within[] = "the range is not within the memory";
    struct cap_object *memory;

    (void)state;
    caller_start(NULL);
    uint64_t id = grant_vm(caller.p);
    assert_int_equal(memory_object_create(&caller.p->account, 3, &memory), ST_OK);
    uint64_t object = actor_grant(&caller, memory);
    cap_drop(memory);
    (void)caller_params();
    caller_calls(object, CAPOS_MEMORY_OBJECT_ID, CAPOS_MEMORY_OBJECT_READER);
    uint64_t reader = caller_newest(&memory_reader_type);

    map_object_params(CAP_ID_NONE, 0, PLACE, PAGE, READ);
    caller_refused(id, VM(MAP_OBJECT), INVALID, what);
    map_object_params(id, 0, PLACE, PAGE, READ);
    caller_refused(id, VM(MAP_OBJECT), INVALID, what);
    map_object_params(object, 0, PLACE, PAGE, NONE);
    caller_refused(id, VM(MAP_OBJECT), INVALID, no_protection);
    map_object_params(reader, 0, PLACE, PAGE, WRITE);
    caller_refused(id, VM(MAP_OBJECT), INVALID, read_only);
    map_object_params(object, 1, PLACE, PAGE, READ);
    caller_refused(id, VM(MAP_OBJECT), INVALID, "an offset is a multiple of 4096");
    map_object_params(object, PAGE, PLACE, 3 * PAGE, READ);
    caller_refused(id, VM(MAP_OBJECT), INVALID, within);
    map_object_params(object, 0, PLACE, 1, READ);
    caller_refused(id, VM(MAP_OBJECT), INVALID, no_multiple);

    map_object_params(object, PAGE, PLACE, 2 * PAGE, WRITE);
    caller_calls(id, VM(MAP_OBJECT));
    map_object_params(reader, 0, PLACE + 2 * PAGE, PAGE, READ);
    caller_calls(id, VM(MAP_OBJECT));
    caller_expect_sound();
    protect_params(PLACE, 3 * PAGE, WRITE);
    caller_refused(id, VM(PROTECT), INVALID, read_only);
    protect_params(PLACE, 3 * PAGE, READ);
    caller_calls(id, VM(PROTECT));
    protect_params(PLACE, 2 * PAGE, WRITE);
    caller_calls(id, VM(PROTECT));
    unmap_params(PLACE, 3 * PAGE);
    caller_calls(id, VM(UNMAP));
    caller_end();
}

static void test_map_of_the_dead(void **state)
{
    static const char gone[] = "the process whose memory this is has ended";
    struct actor b;

    (void)state;
    caller_start(NULL);
    assert_true(actor_start(&b, NULL));
    uint64_t id = grant_vm(b.p);
    actor_kill(&b);
    world_settle();
    actor_forget(&b);
    map_params(0, PAGE, READ);
    caller_refused(id, VM(MAP), DISCONNECTED, gone);
    unmap_params(PLACE, PAGE);
    caller_refused(id, VM(UNMAP), DISCONNECTED, gone);
    protect_params(PLACE, PAGE, READ);
    caller_refused(id, VM(PROTECT), DISCONNECTED, gone);
    map_object_params(id, 0, 0, PAGE, READ);
    caller_refused(id, VM(MAP_OBJECT), DISCONNECTED, gone);
    caller_end();
}

static void test_fault_injector(void **state)
{
    (void)state;
    caller_start(NULL);
    uint64_t id = caller_kernel_object(CAPOS_FAULT_INJECTOR_ID);
    uint64_t vm = grant_vm(caller.p);

    capos_fault_injector_arm_params_set_countdown(
        capos_fault_injector_arm_params_build_root(caller_params()), 1);
    caller_calls(id, CAPOS_FAULT_INJECTOR_ID, CAPOS_FAULT_INJECTOR_ARM);
    map_params(PLACE, PAGE, WRITE);
    caller_refused(vm, VM(MAP), OVERLOADED, "the kernel has no memory for that");
    (void)caller_params();
    caller_calls(id, CAPOS_FAULT_INJECTOR_ID, CAPOS_FAULT_INJECTOR_DISARM);
    struct capos_fault_injector_disarm_results r =
        capos_fault_injector_disarm_results_read_root(&caller_results);
    assert_int_not_equal(capos_fault_injector_disarm_results_get_site(r), 0);
    assert_int_equal(alloc_fault.countdown, 0);
    caller_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),         cmocka_unit_test(test_frames_beyond_budget),
        cmocka_unit_test(test_memory_object),  cmocka_unit_test(test_map),
        cmocka_unit_test(test_map_stretches),  cmocka_unit_test(test_map_beyond_budget),
        cmocka_unit_test(test_map_object),     cmocka_unit_test(test_map_of_the_dead),
        cmocka_unit_test(test_fault_injector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
