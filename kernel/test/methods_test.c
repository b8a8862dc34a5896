// SPDX-License-Identifier: MIT
/*
 * Each method of each kernel object, called by a program: what it answers, and each thing
 * that it refuses with the exception and sentence for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <abi/error.h>
#include <abi/layout.h>
#include <abi/limits.h>
#include <capos.capnp.h>

#include "cap/boot_package.h"
#include "cap/capability_manager.h"
#include "cap/endpoint.h"
#include "cap/matching.h"
#include "cap/memory_object.h"
#include "cap/process_handle.h"
#include "cap/table.h"
#include "cap/virtual_memory.h"
#include "mem/fault.h"
#include "recount.h"
#include "test/world.h"

#define AREA    65536u
#define ROOM    16384u /* of parameters and of results, each */
#define PAGE    4096u
#define PLACE   0x60000000ull
#define SERVICE 0x5ce7eull

/* Who calls, and where its messages are: parameters first, then results. */
static struct actor a;
static struct capnp_arena arena;
static struct capnp_message results;
static uint32_t came; /* capabilities that go with the parameters */

static void start(const struct actor_params *params)
{
    struct actor_params wanted = {
        .slots = 400, .frames = 2048, .cq_entries = 32, .area_bytes = AREA, .children = 4};

    world_start();
    world_remember();
    assert_true(actor_start(&a, params != NULL ? params : &wanted));
}

static void expect_sound(void)
{
    const char *wrong = world_check();

    if (wrong != NULL) {
        fail_msg("%s", wrong);
    }
    assert_int_equal(recount_holds(NULL), 0);
    assert_int_equal(recount_accounts(), 0);
}

static void end(void)
{
    actor_kill(&a);
    world_settle();
    world_end_children();
    expect_sound();
    actor_forget(&a);
    assert_null(world_leftover());
}

/* ---------------------------------------------------------------------------
 * Calls */

static uint64_t kernel_object(uint64_t interface_id)
{
    return actor_grant(&a, kernel_table_find(interface_id)->object);
}

/* Where the parameters of the next call are built. */
static struct capnp_arena *params(void)
{
    void *at = actor_memory(&a, a.p->area_vaddr);

    memset(at, 0, ROOM);
    capnp_arena_init(&arena, at, ROOM / 2);
    came = 0;
    return &arena;
}

/* Sends a capability with them, as the next index. */
static struct capnp_capability with(uint64_t cap_id, uint16_t mode)
{
    struct cap_transfer *d = actor_memory(&a, a.p->area_vaddr + ROOM / 2);

    d[came] = (struct cap_transfer){.cap_id = cap_id, .mode = mode};
    return (struct capnp_capability){.there = true, .index = came++};
}

/* The entry of a call with what was built since params(). */
static struct cap_sqe entry(uint64_t cap_id, uint64_t interface_id, uint16_t method)
{
    uint32_t bytes = (uint32_t)capnp_arena_bytes(&arena);
    uint64_t area = a.p->area_vaddr;

    assert_true(capnp_arena_ok(&arena));
    memmove(actor_memory(&a, area + bytes), actor_memory(&a, area + ROOM / 2),
            came * sizeof(struct cap_transfer));
    return (struct cap_sqe){.opcode = CAP_OP_CALL,
                            .cap_id = cap_id,
                            .interface_id = interface_id,
                            .method_id = method,
                            .params_addr = area,
                            .params_len = bytes,
                            .cap_count = (uint8_t)came,
                            .result_addr = area + ROOM,
                            .result_len = ROOM,
                            .cap_room = CAP_TRANSFER_MAX};
}

static void open_results(const struct cap_cqe *cqe)
{
    assert_non_null(cqe);
    assert_true(cqe->result >= 0);
    capnp_message_open_flat(&results, actor_memory(&a, a.p->area_vaddr + ROOM),
                            (uint32_t)cqe->result);
}

/* Calls, does what work comes of it, and opens the results. */
static void call(uint64_t cap_id, uint64_t interface_id, uint16_t method)
{
    uint64_t e = actor_submit(&a, entry(cap_id, interface_id, method));

    actor_run(&a);
    world_settle();
    actor_take(&a);
    open_results(actor_done(&a, e));
}

static void expect_exception(const struct cap_cqe *cqe, enum capos_exception_type type,
                             const char *reason)
{
    assert_non_null(cqe);
    assert_int_equal(cqe->result, CAP_ERR_EXCEPTION);
    assert_int_equal(cqe->flags & CAP_CQE_F_EXC_MASK, type);
    capnp_message_open_flat(&results, actor_memory(&a, a.p->area_vaddr + ROOM), ROOM);
    struct capnp_text text = capos_exception_get_reason(capos_exception_read_root(&results));
    if (!capnp_text_equal(text, capnp_text_from(reason))) {
        fail_msg("\"%.*s\", not \"%s\"", (int)text.len, text.ptr, reason);
    }
}

static void refused(uint64_t cap_id, uint64_t interface_id, uint16_t method,
                    enum capos_exception_type type, const char *reason)
{
    uint64_t e = actor_submit(&a, entry(cap_id, interface_id, method));

    actor_run(&a);
    world_settle();
    actor_take(&a);
    expect_exception(actor_done(&a, e), type, reason);
    expect_sound();
}

#define INVALID      CAPOS_EXCEPTION_TYPE_INVALID_ARGUMENT
#define OVERLOADED   CAPOS_EXCEPTION_TYPE_OVERLOADED
#define DISCONNECTED CAPOS_EXCEPTION_TYPE_DISCONNECTED
#define FAILED       CAPOS_EXCEPTION_TYPE_FAILED

/* The actor's newest capability for an object of this type. */
static uint64_t newest(const struct cap_type *type)
{
    uint64_t found = CAP_ID_NONE;
    uint32_t cursor = 0;
    const struct cap_slot *slot;

    while ((slot = cap_table_next(&a.p->caps, &cursor)) != NULL) {
        if (slot->object->type == type) {
            found = slot->id;
        }
    }
    assert_int_not_equal(found, CAP_ID_NONE);
    return found;
}

static void release(uint64_t cap_id)
{
    assert_int_equal(process_release_cap(a.p, cap_id), ST_OK);
}

/* ---------------------------------------------------------------------------
 * Small ones */

static void test_console(void **state)
{
    static char text[PAGE + 1];

    (void)state;
    start(NULL);
    uint64_t id = kernel_object(CAPOS_CONSOLE_ID);
    memset(text, 'x', sizeof text);
    struct capnp_data most = {.ptr = (const uint8_t *)text, .len = PAGE};
    struct capnp_data more = {.ptr = (const uint8_t *)text, .len = PAGE + 1};

    capos_console_write_params_set_data(capos_console_write_params_build_root(params()), most);
    call(id, CAPOS_CONSOLE_ID, CAPOS_CONSOLE_WRITE);
    capos_console_write_params_set_data(capos_console_write_params_build_root(params()), more);
    refused(id, CAPOS_CONSOLE_ID, CAPOS_CONSOLE_WRITE, INVALID,
            "Console.write takes at most 4096 bytes");

    struct capnp_text line = {.ptr = text, .len = PAGE};
    capos_console_write_line_params_set_text(capos_console_write_line_params_build_root(params()),
                                             line);
    call(id, CAPOS_CONSOLE_ID, CAPOS_CONSOLE_WRITE_LINE);
    line.len++;
    capos_console_write_line_params_set_text(capos_console_write_line_params_build_root(params()),
                                             line);
    refused(id, CAPOS_CONSOLE_ID, CAPOS_CONSOLE_WRITE_LINE, INVALID,
            "Console.writeLine takes at most 4096 bytes");
    capos_console_write_line_params_set_text(capos_console_write_line_params_build_root(params()),
                                             CAPNP_TEXT("\xff"));
    refused(id, CAPOS_CONSOLE_ID, CAPOS_CONSOLE_WRITE_LINE, INVALID,
            "Console.writeLine takes UTF-8 text");
    end();
}

static void test_null_cap(void **state)
{
    uint8_t bytes[65] = {1, 2, 3};

    (void)state;
    start(NULL);
    uint64_t id = kernel_object(CAPOS_NULL_CAP_ID);

    (void)params();
    call(id, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_PING);
    struct capos_null_cap_echo_params_builder echo =
        capos_null_cap_echo_params_build_root(params());
    capos_null_cap_echo_params_set_value(echo, 7);
    capos_null_cap_echo_params_set_data(echo, (struct capnp_data){.ptr = bytes, .len = 64});
    call(id, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ECHO);
    struct capos_null_cap_echo_results echoed = capos_null_cap_echo_results_read_root(&results);
    assert_int_equal(capos_null_cap_echo_results_get_value(echoed), 7);
    assert_int_equal(capos_null_cap_echo_results_get_data(echoed).len, 64);
    assert_memory_equal(capos_null_cap_echo_results_get_data(echoed).ptr, bytes, 64);

    echo = capos_null_cap_echo_params_build_root(params());
    capos_null_cap_echo_params_set_data(echo, (struct capnp_data){.ptr = bytes, .len = 65});
    refused(id, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ECHO, INVALID,
            "NullCap.echo takes at most 64 bytes of data");

    struct capos_null_cap_add_params_builder add = capos_null_cap_add_params_build_root(params());
    capos_null_cap_add_params_set_a(add, UINT64_MAX);
    capos_null_cap_add_params_set_c(add, 3);
    call(id, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ADD);
    struct capos_null_cap_add_results sum = capos_null_cap_add_results_read_root(&results);
    assert_int_equal(capos_null_cap_add_results_get_sum(sum), 2);
    assert_true(capos_null_cap_add_results_get_carry(sum));
    end();
}

static void test_boot_package(void **state)
{
    (void)state;
    start(NULL);
    uint64_t id = kernel_object(CAPOS_BOOT_PACKAGE_ID);

    (void)params();
    call(id, CAPOS_BOOT_PACKAGE_ID, CAPOS_BOOT_PACKAGE_MANIFEST_SIZE);
    uint64_t bytes = capos_boot_package_manifest_size_results_get_bytes(
        capos_boot_package_manifest_size_results_read_root(&results));
    assert_in_range(bytes, 256, 1024);

    const uint64_t offsets[] = {0, bytes - 8, bytes, UINT64_MAX};
    const uint64_t lens[] = {bytes, 8, 0, 0};
    for (unsigned i = 0; i < 4; i++) {
        struct capos_boot_package_read_manifest_params_builder p =
            capos_boot_package_read_manifest_params_build_root(params());
        capos_boot_package_read_manifest_params_set_offset(p, offsets[i]);
        capos_boot_package_read_manifest_params_set_max_bytes(p, BOOT_READ_MAX);
        call(id, CAPOS_BOOT_PACKAGE_ID, CAPOS_BOOT_PACKAGE_READ_MANIFEST);
        struct capnp_data data = capos_boot_package_read_manifest_results_get_data(
            capos_boot_package_read_manifest_results_read_root(&results));
        assert_int_equal(data.len, lens[i]);
    }
    capos_boot_package_read_manifest_params_set_max_bytes(
        capos_boot_package_read_manifest_params_build_root(params()), BOOT_READ_MAX + 1);
    refused(id, CAPOS_BOOT_PACKAGE_ID, CAPOS_BOOT_PACKAGE_READ_MANIFEST, INVALID,
            "BootPackage.readManifest reads at most 4096 bytes at a time");
    /* The same by a short call, whose answer has room for the reason and no more. */
    struct cap_sqe sqe = entry(id, CAPOS_BOOT_PACKAGE_ID, CAPOS_BOOT_PACKAGE_READ_MANIFEST);
    sqe.result_len = SHORT_MESSAGE_BYTES;
    sqe.cap_room = 0;
    expect_exception(actor_do(&a, sqe), INVALID,
                     "BootPackage.readManifest reads at most 4096 bytes at a time");
    end();
}

static void test_endpoint(void **state)
{
    struct cap_object *owner;
    struct cap_object *client;
    const uint64_t wrong[] = {0, CAPOS_ENDPOINT_ID};

    (void)state;
    start(NULL);
    assert_int_equal(endpoint_create(&a.p->account, &owner, &client), ST_OK);
    uint64_t id = actor_grant(&a, owner);
    cap_drop(owner);
    cap_drop(client);
    for (unsigned i = 0; i < 2; i++) {
        struct capos_endpoint_mint_params_builder mint =
            capos_endpoint_mint_params_build_root(params());
        capos_endpoint_mint_params_set_interface_id(mint, wrong[i]);
        refused(id, CAPOS_ENDPOINT_ID, CAPOS_ENDPOINT_MINT, INVALID, endpoint_not_a_client);
    }
    struct capos_endpoint_mint_params_builder mint =
        capos_endpoint_mint_params_build_root(params());
    capos_endpoint_mint_params_set_interface_id(mint, SERVICE);
    call(id, CAPOS_ENDPOINT_ID, CAPOS_ENDPOINT_MINT);

    /* A call that waits has a hold on the endpoint, and on what came with it. */
    uint64_t minted = newest(&endpoint_client_type);
    (void)params();
    (void)with(actor_grant(&a, kernel_table_find(CAPOS_CONSOLE_ID)->object), CAP_TRANSFER_COPY);
    assert_null(actor_do(&a, entry(minted, SERVICE, 0)));
    expect_sound();
    end();
}

/* ---------------------------------------------------------------------------
 * Memory */

static void free_params(uint64_t memory, uint16_t mode)
{
    struct capos_frame_allocator_free_frame_params_builder p =
        capos_frame_allocator_free_frame_params_build_root(params());

    capos_frame_allocator_free_frame_params_set_memory(
        p, (struct capos_memory_object_cap){with(memory, mode)});
}

static void test_frames(void **state)
{
    static const char whose[] = "FrameAllocator.freeFrame takes memory that is moved here, that "
                                "nobody else holds, and that is mapped nowhere";
    static const char what[] = "FrameAllocator.freeFrame takes a MemoryObject";
    const uint32_t wrong[] = {0, MEMORY_PAGES_MAX + 1};

    (void)state;
    start(NULL);
    uint64_t id = kernel_object(CAPOS_FRAME_ALLOCATOR_ID);
    for (unsigned i = 0; i < 2; i++) {
        capos_frame_allocator_alloc_contiguous_params_set_count(
            capos_frame_allocator_alloc_contiguous_params_build_root(params()), wrong[i]);
        refused(id, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_ALLOC_CONTIGUOUS, INVALID,
                "FrameAllocator.allocContiguous makes 1 to 1024 pages");
    }
    (void)params();
    call(id, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_ALLOC_FRAME);
    uint64_t memory = newest(&memory_object_type);

    capos_frame_allocator_free_frame_params_build_root(params());
    refused(id, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_FREE_FRAME, INVALID, what);
    free_params(id, CAP_TRANSFER_COPY);
    refused(id, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_FREE_FRAME, INVALID, what);
    free_params(memory, CAP_TRANSFER_COPY);
    refused(id, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_FREE_FRAME, INVALID, whose);
    uint64_t frames = memory_object_frames();
    free_params(memory, CAP_TRANSFER_MOVE);
    call(id, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_FREE_FRAME);
    assert_int_equal(memory_object_frames(), frames - 1);
    assert_true(memory_object_check());
    end();
}

static void test_frames_beyond_budget(void **state)
{
    const struct actor_params poor = {.frames = 64, .area_bytes = AREA};

    (void)state;
    start(&poor);
    uint64_t id = kernel_object(CAPOS_FRAME_ALLOCATOR_ID);
    capos_frame_allocator_alloc_contiguous_params_set_count(
        capos_frame_allocator_alloc_contiguous_params_build_root(params()), 64);
    uint64_t e = actor_submit(
        &a, entry(id, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_ALLOC_CONTIGUOUS));
    actor_run(&a);
    assert_int_equal(actor_done(&a, e)->flags & CAP_CQE_F_EXC_MASK, OVERLOADED);
    end();
}

static void test_memory_object(void **state)
{
    struct cap_object *memory;

    (void)state;
    start(NULL);
    assert_int_equal(memory_object_create(&a.p->account, 3, &memory), ST_OK);
    uint64_t id = actor_grant(&a, memory);
    cap_drop(memory);
    (void)params();
    call(id, CAPOS_MEMORY_OBJECT_ID, CAPOS_MEMORY_OBJECT_SIZE);
    assert_int_equal(capos_memory_object_size_results_get_bytes(
                         capos_memory_object_size_results_read_root(&results)),
                     3 * PAGE);
    /* The second reader is the first one, held once more. */
    for (unsigned i = 0; i < 2; i++) {
        (void)params();
        call(id, CAPOS_MEMORY_OBJECT_ID, CAPOS_MEMORY_OBJECT_READER);
        expect_sound();
    }
    uint64_t reader = newest(&memory_reader_type);
    (void)params();
    call(reader, CAPOS_MEMORY_READER_ID, CAPOS_MEMORY_READER_SIZE);
    assert_int_equal(capos_memory_reader_size_results_get_bytes(
                         capos_memory_reader_size_results_read_root(&results)),
                     3 * PAGE);
    end();
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
    uint64_t id = actor_grant(&a, vm);
    cap_drop(vm);
    return id;
}

static void map_params(uint64_t hint, uint64_t size, enum capos_virtual_memory_protection prot)
{
    struct capos_virtual_memory_map_params_builder p =
        capos_virtual_memory_map_params_build_root(params());

    capos_virtual_memory_map_params_set_hint(p, hint);
    capos_virtual_memory_map_params_set_size(p, size);
    capos_virtual_memory_map_params_set_protection(p, prot);
}

static void unmap_params(uint64_t address, uint64_t size)
{
    struct capos_virtual_memory_unmap_params_builder p =
        capos_virtual_memory_unmap_params_build_root(params());

    capos_virtual_memory_unmap_params_set_address(p, address);
    capos_virtual_memory_unmap_params_set_size(p, size);
}

static void protect_params(uint64_t address, uint64_t size,
                           enum capos_virtual_memory_protection prot)
{
    struct capos_virtual_memory_protect_params_builder p =
        capos_virtual_memory_protect_params_build_root(params());

    capos_virtual_memory_protect_params_set_address(p, address);
    capos_virtual_memory_protect_params_set_size(p, size);
    capos_virtual_memory_protect_params_set_protection(p, prot);
}

/* Of the capability, CAP_ID_NONE: none comes. */
static void map_object_params(uint64_t memory, uint64_t offset, uint64_t hint, uint64_t size,
                              enum capos_virtual_memory_protection prot)
{
    struct capos_virtual_memory_map_object_params_builder p =
        capos_virtual_memory_map_object_params_build_root(params());

    if (memory != CAP_ID_NONE) {
        capos_virtual_memory_map_object_params_set_memory(p, with(memory, CAP_TRANSFER_COPY));
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
    start(NULL);
    uint64_t id = grant_vm(a.p);
    map_params(PLACE, 3 * PAGE, WRITE);
    call(id, VM(MAP));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        map_params(wrong[i].hint, wrong[i].size, wrong[i].prot);
        refused(id, VM(MAP), INVALID, wrong[i].reason);
    }
    map_params(0, 2 * PAGE, EXEC);
    call(id, VM(MAP));
    uint64_t address = capos_virtual_memory_map_results_get_address(
        capos_virtual_memory_map_results_read_root(&results));
    assert_in_range(address, USER_MAP_BASE, USER_END - 2 * PAGE);

    unmap_params(address, 3 * PAGE);
    refused(id, VM(UNMAP), INVALID, not_mapped);
    unmap_params(address + 1, PAGE);
    refused(id, VM(UNMAP), INVALID, no_address);
    protect_params(address, 3 * PAGE, READ);
    refused(id, VM(PROTECT), INVALID, not_mapped);
    protect_params(address, PAGE, NONE);
    refused(id, VM(PROTECT), INVALID, no_protection);

    uint64_t pages = a.p->aspace.pages;
    protect_params(PLACE, 3 * PAGE, READ);
    call(id, VM(PROTECT));
    unmap_params(PLACE + PAGE, PAGE);
    call(id, VM(UNMAP));
    unmap_params(PLACE + PAGE, PAGE);
    refused(id, VM(UNMAP), INVALID, not_mapped);
    unmap_params(address, 2 * PAGE);
    call(id, VM(UNMAP));
    assert_int_equal(a.p->aspace.pages, pages - 3);
    end();
}

/* As many stretches as there may be: no more are made, not by splitting one either. */
static void test_map_stretches(void **state)
{
    static const char reason[] = "the process has as many stretches mapped as it may";

    (void)state;
    start(NULL);
    uint64_t id = grant_vm(a.p);
    for (uint64_t i = 0; i < PROC_REGIONS_MAX; i++) {
        map_params(PLACE + i * 4 * PAGE, 3 * PAGE, WRITE);
        call(id, VM(MAP));
    }
    map_params(PLACE + PROC_REGIONS_MAX * 4ull * PAGE, PAGE, WRITE);
    refused(id, VM(MAP), OVERLOADED, reason);
    unmap_params(PLACE + PAGE, PAGE);
    refused(id, VM(UNMAP), OVERLOADED, reason);
    end();
}

static void test_map_beyond_budget(void **state)
{
    const struct actor_params poor = {.frames = 128, .area_bytes = AREA};

    (void)state;
    start(&poor);
    uint64_t id = grant_vm(a.p);
    uint64_t pages = a.p->aspace.pages;
    map_params(PLACE, (uint64_t)MEMORY_PAGES_MAX * PAGE, WRITE);
    refused(id, VM(MAP), OVERLOADED,
            "the process's budget does not hold so many pages and their page tables more");
    assert_int_equal(a.p->aspace.pages, pages);
    end();
}

static void test_map_object(void **state)
{
    static const char what[] = "mapObject takes a MemoryObject or a MemoryReader";
    static const char within[] = "the range is not within the memory";
    struct cap_object *memory;

    (void)state;
    start(NULL);
    uint64_t id = grant_vm(a.p);
    assert_int_equal(memory_object_create(&a.p->account, 3, &memory), ST_OK);
    uint64_t object = actor_grant(&a, memory);
    cap_drop(memory);
    (void)params();
    call(object, CAPOS_MEMORY_OBJECT_ID, CAPOS_MEMORY_OBJECT_READER);
    uint64_t reader = newest(&memory_reader_type);

    map_object_params(CAP_ID_NONE, 0, PLACE, PAGE, READ);
    refused(id, VM(MAP_OBJECT), INVALID, what);
    map_object_params(id, 0, PLACE, PAGE, READ);
    refused(id, VM(MAP_OBJECT), INVALID, what);
    map_object_params(object, 0, PLACE, PAGE, NONE);
    refused(id, VM(MAP_OBJECT), INVALID, no_protection);
    map_object_params(reader, 0, PLACE, PAGE, WRITE);
    refused(id, VM(MAP_OBJECT), INVALID, read_only);
    map_object_params(object, 1, PLACE, PAGE, READ);
    refused(id, VM(MAP_OBJECT), INVALID, "an offset is a multiple of 4096");
    map_object_params(object, PAGE, PLACE, 3 * PAGE, READ);
    refused(id, VM(MAP_OBJECT), INVALID, within);
    map_object_params(object, 0, PLACE, 1, READ);
    refused(id, VM(MAP_OBJECT), INVALID, no_multiple);

    map_object_params(object, PAGE, PLACE, 2 * PAGE, WRITE);
    call(id, VM(MAP_OBJECT));
    map_object_params(reader, 0, PLACE + 2 * PAGE, PAGE, READ);
    call(id, VM(MAP_OBJECT));
    expect_sound();
    protect_params(PLACE, 3 * PAGE, WRITE);
    refused(id, VM(PROTECT), INVALID, read_only);
    protect_params(PLACE, 3 * PAGE, READ);
    call(id, VM(PROTECT));
    protect_params(PLACE, 2 * PAGE, WRITE);
    call(id, VM(PROTECT));
    unmap_params(PLACE, 3 * PAGE);
    call(id, VM(UNMAP));
    end();
}

static void test_map_of_the_dead(void **state)
{
    static const char gone[] = "the process whose memory this is has ended";
    struct actor b;

    (void)state;
    start(NULL);
    assert_true(actor_start(&b, NULL));
    uint64_t id = grant_vm(b.p);
    actor_kill(&b);
    world_settle();
    actor_forget(&b);
    map_params(0, PAGE, READ);
    refused(id, VM(MAP), DISCONNECTED, gone);
    unmap_params(PLACE, PAGE);
    refused(id, VM(UNMAP), DISCONNECTED, gone);
    protect_params(PLACE, PAGE, READ);
    refused(id, VM(PROTECT), DISCONNECTED, gone);
    map_object_params(id, 0, 0, PAGE, READ);
    refused(id, VM(MAP_OBJECT), DISCONNECTED, gone);
    end();
}

static void test_fault_injector(void **state)
{
    (void)state;
    start(NULL);
    uint64_t id = kernel_object(CAPOS_FAULT_INJECTOR_ID);
    uint64_t vm = grant_vm(a.p);

    capos_fault_injector_arm_params_set_countdown(
        capos_fault_injector_arm_params_build_root(params()), 1);
    call(id, CAPOS_FAULT_INJECTOR_ID, CAPOS_FAULT_INJECTOR_ARM);
    map_params(PLACE, PAGE, WRITE);
    refused(vm, VM(MAP), OVERLOADED, "the kernel has no memory for that");
    (void)params();
    call(id, CAPOS_FAULT_INJECTOR_ID, CAPOS_FAULT_INJECTOR_DISARM);
    struct capos_fault_injector_disarm_results r =
        capos_fault_injector_disarm_results_read_root(&results);
    assert_int_not_equal(capos_fault_injector_disarm_results_get_site(r), 0);
    assert_int_equal(alloc_fault.countdown, 0);
    end();
}

/* ---------------------------------------------------------------------------
 * Processes */

#define SPAWN CAPOS_PROCESS_SPAWNER_ID, CAPOS_PROCESS_SPAWNER_SPAWN

static struct capos_spawn_grant_list_builder grants; /* of spawn_params */

/* Parameters of a spawn that works, with room for grants; what a test changes, it sets again. */
static struct capos_process_spawner_spawn_params_builder spawn_params(uint32_t count)
{
    struct capos_process_spawner_spawn_params_builder p =
        capos_process_spawner_spawn_params_build_root(params());

    capos_process_spawner_spawn_params_set_name(p, CAPNP_TEXT("child"));
    capos_process_spawner_spawn_params_set_binary(p, CAPNP_TEXT(WORLD_BINARY));
    struct capos_limits_builder limits = capos_process_spawner_spawn_params_init_limits(p);
    capos_limits_set_frames(limits, 64);
    capos_limits_set_cap_slots(limits, 16);
    grants = capos_process_spawner_spawn_params_init_grants(p, count);
    return p;
}

static struct capos_spawn_grant_source_builder grant(uint32_t i, const char *name)
{
    struct capos_spawn_grant_builder g = capos_spawn_grant_list_builder_at(grants, i);

    capos_spawn_grant_set_name(g, capnp_text_from(name));
    return capos_spawn_grant_init_source(g);
}

static void find_child(struct process *p, void *context)
{
    if (p != a.p && p->state != PROCESS_DYING) {
        *(struct process **)context = p;
    }
}

/* The one process that is not the actor. */
static struct process *child(void)
{
    struct process *found = NULL;

    process_each(find_child, &found);
    assert_non_null(found);
    return found;
}

/* Spawns one with nothing; the handle is the newest. */
static uint64_t spawn(uint64_t spawner)
{
    (void)spawn_params(0);
    call(spawner, SPAWN);
    return newest(&process_handle_type);
}

static struct capos_process_status ended_as(void)
{
    return capos_process_handle_wait_results_get_status(
        capos_process_handle_wait_results_read_root(&results));
}

static void wait_on(uint64_t handle)
{
    (void)params();
    call(handle, CAPOS_PROCESS_HANDLE_ID, CAPOS_PROCESS_HANDLE_WAIT);
}

static void test_spawn_refused(void **state)
{
    static const char child_name[] =
        "the child's name is not one: 1 to 31 of a-z, 0-9, '-', '_' and '.'";
    static const char grant_name[] =
        "a grant's name is not one: 1 to 31 of a-z, 0-9, '-', '_' and '.'";
    static const char slots[] =
        "the limit of slots is 0, less than what the child is born with, or too high";
    struct capos_process_spawner_spawn_params_builder p;

    (void)state;
    start(NULL);
    uint64_t id = kernel_object(CAPOS_PROCESS_SPAWNER_ID);
    uint64_t console = kernel_object(CAPOS_CONSOLE_ID);

    capos_process_spawner_spawn_params_set_name(spawn_params(0), CAPNP_TEXT("Child"));
    refused(id, SPAWN, INVALID, child_name);
    capos_process_spawner_spawn_params_set_binary(spawn_params(0), CAPNP_TEXT("none"));
    refused(id, SPAWN, INVALID, "the boot manifest has no binary of that name");
    (void)spawn_params(MANIFEST_CAPS_MAX + 1);
    refused(id, SPAWN, INVALID, "a process is born with at most 63 capabilities");

    (void)spawn_params(1);
    capos_spawn_grant_source_set_virtual_memory(grant(0, ""));
    refused(id, SPAWN, INVALID, grant_name);
    (void)spawn_params(2);
    capos_spawn_grant_source_set_virtual_memory(grant(0, "same"));
    capos_spawn_grant_source_set_capability_manager(grant(1, "same"));
    refused(id, SPAWN, INVALID, "two grants have the same name");
    (void)spawn_params(1);
    capos_spawn_grant_source_set_capability(grant(0, "none"),
                                            (struct capnp_capability){.there = false});
    refused(id, SPAWN, INVALID, "a grant names no capability");
    (void)spawn_params(2);
    struct capnp_capability once = with(console, CAP_TRANSFER_COPY);
    capos_spawn_grant_source_set_capability(grant(0, "one"), once);
    capos_spawn_grant_source_set_capability(grant(1, "two"), once);
    refused(id, SPAWN, INVALID, "a capability that came is granted twice");
    (void)spawn_params(1);
    (void)with(console, CAP_TRANSFER_COPY);
    capos_spawn_grant_source_set_virtual_memory(grant(0, "memory"));
    refused(id, SPAWN, INVALID, "a capability that came is not granted");
    (void)spawn_params(1);
    (void)capos_spawn_grant_source_init_endpoint(grant(0, "endpoint"));
    refused(id, SPAWN, INVALID, endpoint_not_a_client);

    struct capos_ring_sizes_builder ring =
        capos_process_spawner_spawn_params_init_ring(spawn_params(0));
    capos_ring_sizes_set_sq_entries(ring, 3);
    refused(id, SPAWN, INVALID, "a ring cannot have these sizes");
    const uint32_t counts[] = {0, 1, CAP_SLOTS_MAX + 1};
    for (unsigned i = 0; i < 3; i++) {
        p = spawn_params(2);
        capos_spawn_grant_source_set_virtual_memory(grant(0, "memory"));
        capos_spawn_grant_source_set_capability_manager(grant(1, "manager"));
        capos_limits_set_cap_slots(capos_process_spawner_spawn_params_init_limits(p), counts[i]);
        refused(id, SPAWN, INVALID, slots);
    }
    capos_limits_set_frames(capos_process_spawner_spawn_params_init_limits(spawn_params(0)), 0);
    refused(id, SPAWN, INVALID, "the limit of frames is 0");
    capos_limits_set_frames(capos_process_spawner_spawn_params_init_limits(spawn_params(0)), 4096);
    refused(id, SPAWN, OVERLOADED, "the child would take more than the caller has left");
    end();
}

/* All four kinds of end, told to who waits and to who asks later. */
static void test_ends(void **state)
{
    (void)state;
    start(NULL);
    uint64_t id = kernel_object(CAPOS_PROCESS_SPAWNER_ID);

    uint64_t handle = spawn(id);
    (void)params();
    uint64_t waiting =
        actor_submit(&a, entry(handle, CAPOS_PROCESS_HANDLE_ID, CAPOS_PROCESS_HANDLE_WAIT));
    actor_run(&a);
    assert_null(actor_done(&a, waiting));
    expect_sound();
    process_exit(child(), 3);
    world_settle();
    actor_take(&a);
    open_results(actor_done(&a, waiting));
    assert_int_equal(capos_process_status_get_exited(ended_as()), 3);
    wait_on(handle);
    assert_int_equal(capos_process_status_get_exited(ended_as()), 3);
    (void)params();
    call(handle, CAPOS_PROCESS_HANDLE_ID, CAPOS_PROCESS_HANDLE_KILL);
    wait_on(handle);
    assert_int_equal(capos_process_status_which(ended_as()), CAPOS_PROCESS_STATUS_EXITED);
    release(handle);

    handle = spawn(id);
    process_fault(child(), 14, 4, 0xdead000);
    world_settle();
    wait_on(handle);
    assert_int_equal(capos_process_status_which(ended_as()), CAPOS_PROCESS_STATUS_FAULTED);
    struct capos_fault fault = capos_process_status_get_faulted(ended_as());
    assert_int_equal(capos_fault_get_vector(fault), 14);
    assert_int_equal(capos_fault_get_address(fault), 0xdead000);
    release(handle);

    handle = spawn(id);
    (void)params();
    call(handle, CAPOS_PROCESS_HANDLE_ID, CAPOS_PROCESS_HANDLE_KILL);
    wait_on(handle);
    assert_true(capnp_text_equal(capos_process_status_get_killed(ended_as()),
                                 CAPNP_TEXT("a holder of its handle ended it")));
    release(handle);
    end();
}

/* Its own limits are too small for it: it is born, and ends before it runs. */
static void test_failed_to_start(void **state)
{
    (void)state;
    start(NULL);
    uint64_t id = kernel_object(CAPOS_PROCESS_SPAWNER_ID);
    struct token token;

    token_init(&token, "given");
    struct capos_process_spawner_spawn_params_builder p = spawn_params(3);
    capos_spawn_grant_source_set_capability(
        grant(0, "token"), with(actor_grant(&a, &token.object), CAP_TRANSFER_MOVE));
    struct capos_fresh_endpoint_builder fresh =
        capos_spawn_grant_source_init_endpoint(grant(1, "endpoint"));
    capos_fresh_endpoint_set_interface_id(fresh, SERVICE);
    capos_spawn_grant_source_set_virtual_memory(grant(2, "memory"));
    capos_limits_set_frames(capos_process_spawner_spawn_params_init_limits(p), 8);
    call(id, SPAWN);
    uint64_t handle = newest(&process_handle_type);
    wait_on(handle);
    assert_int_equal(capos_process_status_which(ended_as()), CAPOS_PROCESS_STATUS_FAILED_TO_START);
    assert_int_equal(token.object.holds, 1);
    end();
}

/* Does slices of work until the spawn that was asked for is under way with a process. */
static uint64_t begin_spawn(uint64_t spawner, struct token *token)
{
    (void)spawn_params(2);

    capos_spawn_grant_source_set_capability(
        grant(0, "token"), with(actor_grant(&a, &token->object), CAP_TRANSFER_MOVE));
    struct capos_fresh_endpoint_builder fresh =
        capos_spawn_grant_source_init_endpoint(grant(1, "endpoint"));
    capos_fresh_endpoint_set_interface_id(fresh, SERVICE);
    uint64_t e = actor_submit(&a, entry(spawner, SPAWN));
    actor_run(&a);
    assert_null(actor_done(&a, e));
    assert_int_equal(recount_holds(NULL), 0);
    return e;
}

static void test_killed_before_it_starts(void **state)
{
    struct token token;

    (void)state;
    start(NULL);
    uint64_t id = kernel_object(CAPOS_PROCESS_SPAWNER_ID);
    token_init(&token, "given");
    uint64_t e = begin_spawn(id, &token);
    process_kill(child(), "a test ends it");
    world_settle();
    actor_take(&a);
    expect_exception(actor_done(&a, e), FAILED, "the child was killed before it started");
    assert_int_not_equal(actor_finds(&a, &token.object), CAP_ID_NONE);
    end();
    assert_int_equal(token.object.holds, 1);
}

static void test_spawner_ends_first(void **state)
{
    struct token token;

    (void)state;
    start(NULL);
    token_init(&token, "given");
    (void)begin_spawn(kernel_object(CAPOS_PROCESS_SPAWNER_ID), &token);
    end();
    assert_int_equal(token.object.holds, 1);
}

/* As many entries in flight as there may be: no more waits, and no spawn. */
static void test_too_many_in_flight(void **state)
{
    static const char reason[] = "the caller has as many entries in flight as it may";

    (void)state;
    start(NULL);
    uint64_t id = kernel_object(CAPOS_PROCESS_SPAWNER_ID);
    uint64_t handle = spawn(id);
    uint64_t e;

    (void)params();
    do {
        e = actor_submit(&a, entry(handle, CAPOS_PROCESS_HANDLE_ID, CAPOS_PROCESS_HANDLE_WAIT));
        actor_run(&a);
        assert_true(e < 256);
    } while (actor_done(&a, e) == NULL);
    expect_exception(actor_done(&a, e), OVERLOADED, reason);
    (void)spawn_params(0);
    refused(id, SPAWN, OVERLOADED, reason);
    end();
}

/* ---------------------------------------------------------------------------
 * CapabilityManager */

static uint64_t grant_manager(struct process *p)
{
    struct cap_object *manager;

    assert_int_equal(capability_manager_create(p, &manager), ST_OK);
    uint64_t id = actor_grant(&a, manager);
    cap_drop(manager);
    return id;
}

/* From slot `first` on; returns how many are listed, and *next. */
static uint32_t list(uint64_t id, uint32_t first, uint32_t *next)
{
    capos_capability_manager_list_params_set_first(
        capos_capability_manager_list_params_build_root(params()), first);
    call(id, CAPOS_CAPABILITY_MANAGER_ID, CAPOS_CAPABILITY_MANAGER_LIST);
    struct capos_capability_manager_list_results r =
        capos_capability_manager_list_results_read_root(&results);
    *next = capos_capability_manager_list_results_get_next(r);
    return capos_capability_info_list_len(
        capos_capability_manager_list_results_get_capabilities(r));
}

static void test_manager(void **state)
{
    struct token token;
    uint32_t next = 0;
    uint32_t listed = 0;

    (void)state;
    start(NULL);
    token_init(&token, "many");
    uint64_t id = grant_manager(a.p);
    uint64_t spawner = kernel_object(CAPOS_PROCESS_SPAWNER_ID);
    for (unsigned i = 0; i < 2 * CAP_LIST_MAX; i++) {
        assert_int_not_equal(actor_grant(&a, &token.object), CAP_ID_NONE);
    }
    do {
        uint32_t from = next;
        uint32_t n = list(id, from, &next);
        assert_in_range(n, 0, CAP_LIST_MAX);
        assert_true(next == 0 || next > from);
        listed += n;
    } while (next != 0);
    assert_int_equal(listed, a.p->caps.used);
    assert_int_equal(list(id, UINT32_MAX, &next), 0);
    assert_int_equal(next, 0);

    (void)params();
    call(id, CAPOS_CAPABILITY_MANAGER_ID, CAPOS_CAPABILITY_MANAGER_USAGE);
    struct capos_capability_manager_usage_results usage =
        capos_capability_manager_usage_results_read_root(&results);
    assert_int_equal(capos_usage_get_used(capos_capability_manager_usage_results_get_slots(usage)),
                     listed);
    assert_int_equal(capos_usage_get_max(capos_capability_manager_usage_results_get_frames(usage)),
                     2048);

    /* A child is born with its capabilities by their names, and may be given more. */
    (void)spawn_params(1);
    capos_spawn_grant_source_set_virtual_memory(grant(0, "memory"));
    call(spawner, SPAWN);
    uint64_t of_child = grant_manager(child());
    assert_int_equal(list(of_child, 0, &next), 1);
    struct capos_capability_info info = capos_capability_info_list_at(
        capos_capability_manager_list_results_get_capabilities(
            capos_capability_manager_list_results_read_root(&results)),
        0);
    assert_true(capnp_text_equal(capos_capability_info_get_name(info), CAPNP_TEXT("memory")));
    assert_true(
        capnp_text_equal(capos_capability_info_get_object(info), CAPNP_TEXT("VirtualMemory")));
    process_kill(child(), "a test ends it");
    world_settle();
    (void)capos_capability_manager_list_params_build_root(params());
    refused(of_child, CAPOS_CAPABILITY_MANAGER_ID, CAPOS_CAPABILITY_MANAGER_LIST, DISCONNECTED,
            "the process that this CapabilityManager is of has ended");
    (void)params();
    refused(of_child, CAPOS_CAPABILITY_MANAGER_ID, CAPOS_CAPABILITY_MANAGER_USAGE, DISCONNECTED,
            "the process that this CapabilityManager is of has ended");
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_console),
        cmocka_unit_test(test_null_cap),
        cmocka_unit_test(test_boot_package),
        cmocka_unit_test(test_endpoint),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_frames_beyond_budget),
        cmocka_unit_test(test_memory_object),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_map_stretches),
        cmocka_unit_test(test_map_beyond_budget),
        cmocka_unit_test(test_map_object),
        cmocka_unit_test(test_map_of_the_dead),
        cmocka_unit_test(test_fault_injector),
        cmocka_unit_test(test_spawn_refused),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_failed_to_start),
        cmocka_unit_test(test_killed_before_it_starts),
        cmocka_unit_test(test_spawner_ends_first),
        cmocka_unit_test(test_too_many_in_flight),
        cmocka_unit_test(test_manager),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
