// SPDX-License-Identifier: MIT
/* What must be refused, each with its exact code; and nothing is lost by it (T-04). */
#include <abi/layout.h>
#include <abi/limits.h>
#include <rt/format.h>
#include <stddef.h>

#include "calls.h"
#include "parts.h"

#define READ     CAPOS_VIRTUAL_MEMORY_PROTECTION_READ
#define WRITE    CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE
#define EXECUTE  CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_EXECUTE
#define INVALID  EXC(INVALID_ARGUMENT)

#define PLACE    (USER_MAP_BASE + 0x400000)
#define MOST     (MEMORY_PAGES_MAX * PAGE)
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Ids that are no capability of ours, as each method must be called with and given. */
static const uint64_t no_caps[] = {
    CAP_ID_NONE,
    1,
    0xfffff,               /* an index that no table has */
    1ull << 40,            /* a generation of slot 0 that was not given out */
    (1ull << 20) | 0xffff, /* of a slot that is not there */
    0xffff800000000000ull, /* a kernel address */
    0x7fffffffffffffffull, /* the largest number with a sign */
    UINT64_MAX,            /* and without */
};

/* ------------------------------------------------------------------------- */
/* Through a wrong id, a wrong interface, a wrong method. */

static void refusals_of_calls(uint64_t cap, uint64_t interface_id, uint16_t methods)
{
    for (size_t i = 0; i < COUNT(no_caps); i++) {
        expect("a call of no capability", CAP_ERR_INVOKE_FAILED,
               call(no_caps[i], interface_id, 0, 0, NULL, 0, 1));
    }
    expect("a call of a console as this", CAP_ERR_WRONG_INTERFACE,
           call(console, interface_id, 0, 0, NULL, 0, 1));
    expect("a call of this as a console", CAP_ERR_WRONG_INTERFACE,
           call(cap, CAPOS_CONSOLE_ID, 0, 0, NULL, 0, 1));
    expect("interface 0", CAP_ERR_WRONG_INTERFACE, call(cap, 0, 0, 0, NULL, 0, 1));
    expect("the method behind the last", EXC(UNIMPLEMENTED),
           call(cap, interface_id, methods, 0, NULL, 0, 1));
    expect("the last number of a method", EXC(UNIMPLEMENTED),
           call(cap, interface_id, UINT16_MAX, 0, NULL, 0, 1));
}

/* What a capability in a message must not be, for a method that takes one. */
static void refusals_of_given(int (*give)(struct cap_transfer))
{
    for (size_t i = 0; i < COUNT(no_caps); i++) {
        expect("a copy of no capability", CAP_ERR_BAD_TRANSFER, give(copy_of(no_caps[i])));
        expect("a move of no capability", CAP_ERR_BAD_TRANSFER, give(move_of(no_caps[i])));
    }
    expect("a console", INVALID, give(copy_of(console)));
    expect("a console, moved", INVALID, give(move_of(console)));
    expect("an address space", INVALID, give(copy_of(virtual_memory)));
    expect("the allocator itself", INVALID, give(move_of(frame_allocator)));
    expect("mode 0", CAP_ERR_BAD_TRANSFER, give((struct cap_transfer){.cap_id = console}));
    expect("mode 4", CAP_ERR_BAD_TRANSFER,
           give((struct cap_transfer){.cap_id = console, .mode = 4}));
    expect("a facet of what has none", CAP_ERR_BAD_TRANSFER,
           give((struct cap_transfer){
               .cap_id = console, .mode = CAP_TRANSFER_MINT, .interface_id = 5}));
    expect("a badge on a copy", CAP_ERR_BAD_TRANSFER,
           give((struct cap_transfer){.cap_id = console, .mode = CAP_TRANSFER_COPY, .badge = 1}));
}

/* ------------------------------------------------------------------------- */
/* FrameAllocator */

/* freeFrame with a message whose pointer is null, or not to the capability that came. */
static void refusals_of_pointers(uint64_t memory)
{
    struct cap_transfer moved = move_of(memory);

    expect("freeFrame of nothing", INVALID,
           call(frame_allocator, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_FREE_FRAME, 0,
                NULL, 0, 0));
    expect("freeFrame of nothing, with a capability", INVALID,
           call(frame_allocator, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_FREE_FRAME, 0,
                &moved, 1, 0));
    for (uint32_t index = 1; index != 0; index *= 2) {
        struct capnp_arena *a = build();
        capos_frame_allocator_free_frame_params_set_memory(
            capos_frame_allocator_free_frame_params_build_root(a),
            (struct capos_memory_object_cap){{.index = index, .there = true}});
        expect("freeFrame of what did not come", INVALID,
               call(frame_allocator, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_FREE_FRAME,
                    (uint32_t)capnp_arena_bytes(a), &moved, 1, 0));
    }
    expect("it is still there", OK, memory_size(memory));
}

static void refusals_of_free(void)
{
    expect("allocFrame", OK, alloc_frame());
    uint64_t memory = answer.cap;

    refusals_of_pointers(memory);
    expect("a copy", INVALID, free_frame(copy_of(memory)));
    expect("reader", OK, memory_reader(memory));
    uint64_t reader = answer.cap;
    expect("freeFrame of a reader", INVALID, free_frame(move_of(reader)));
    expect("freeFrame of what a reader is held of", INVALID, free_frame(move_of(memory)));
    expect("release of the reader", OK, release(reader));

    expect("mapObject", OK, map_object(copy_of(memory), 0, PLACE, PAGE, WRITE));
    expect("freeFrame of what is mapped", INVALID, free_frame(move_of(memory)));
    *at(PLACE) = 1;
    expect("unmap", OK, unmap(PLACE, PAGE));

    /* What is being moved cannot be sent a second time. */
    struct cap_transfer twice[2] = {move_of(memory), move_of(memory)};
    struct capnp_arena *a = build();
    capos_frame_allocator_free_frame_params_set_memory(
        capos_frame_allocator_free_frame_params_build_root(a),
        (struct capos_memory_object_cap){{.index = 0, .there = true}});
    uint32_t bytes = (uint32_t)capnp_arena_bytes(a);
    expect("a move, twice", CAP_ERR_BAD_TRANSFER,
           call(frame_allocator, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_FREE_FRAME, bytes,
                twice, 2, 0));
    twice[1] = copy_of(memory);
    expect("a move and a copy", CAP_ERR_BAD_TRANSFER,
           call(frame_allocator, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_FREE_FRAME, bytes,
                twice, 2, 0));

    expect("freeFrame", OK, free_frame(move_of(memory)));
    expect("freeFrame again", CAP_ERR_BAD_TRANSFER, free_frame(move_of(memory)));
    expect("size of what was freed", CAP_ERR_INVOKE_FAILED, memory_size(memory));
    expect("mapObject of what was freed", CAP_ERR_BAD_TRANSFER,
           map_object(copy_of(memory), 0, 0, PAGE, READ));
    expect("release of what was freed", CAP_ERR_INVOKE_FAILED, release(memory));
}

void refusals_of_frames(void)
{
    uint32_t before = frames_left();

    refusals_of_calls(frame_allocator, CAPOS_FRAME_ALLOCATOR_ID,
                      CAPOS_FRAME_ALLOCATOR_METHOD_COUNT);
    refusals_of_given(free_frame);
    refusals_of_free();
    expect("no pages", INVALID, alloc_contiguous(0));
    expect("one page more than may be", INVALID, alloc_contiguous(MEMORY_PAGES_MAX + 1));
    for (uint32_t count = MEMORY_PAGES_MAX * 2; count != 0; count *= 2) {
        expect("a huge count", INVALID, alloc_contiguous(count));
    }
    expect("the largest count", INVALID, alloc_contiguous(UINT32_MAX));

    expect("allocFrame", OK, alloc_frame());
    uint64_t memory = answer.cap;
    refusals_of_calls(memory, CAPOS_MEMORY_OBJECT_ID, CAPOS_MEMORY_OBJECT_METHOD_COUNT);
    expect("reader", OK, memory_reader(memory));
    uint64_t reader = answer.cap;
    refusals_of_calls(reader, CAPOS_MEMORY_READER_ID, CAPOS_MEMORY_READER_METHOD_COUNT);
    expect("a reader called as the object", CAP_ERR_WRONG_INTERFACE, memory_size(reader));
    expect("the object called as a reader", CAP_ERR_WRONG_INTERFACE,
           call(memory, CAPOS_MEMORY_READER_ID, 0, 0, NULL, 0, 0));
    expect("release", OK, release(memory));
    expect("a reader has no reader", EXC(UNIMPLEMENTED),
           call(reader, CAPOS_MEMORY_READER_ID, CAPOS_MEMORY_OBJECT_READER, 0, NULL, 0, 1));
    expect("release", OK, release(reader));
    expect("frames left are as before", (int)before, (int)frames_left());
}

/* ------------------------------------------------------------------------- */
/* VirtualMemory */

/* Ranges that no method takes. */
static const struct {
    uint64_t address;
    uint64_t size;
} ranges[] = {
    {PLACE, 0},
    {PLACE, 1},
    {PLACE, PAGE - 1},
    {PLACE, PAGE + 1},
    {PLACE, MOST + PAGE},
    {PLACE, MOST * 2},
    {PLACE, 1ull << 32},
    {PLACE, 1ull << 63},
    {PLACE, UINT64_MAX},
    {PLACE, UINT64_MAX - (PAGE - 1)},
    {PLACE, 0 - PLACE},
    {PLACE + 1, PAGE},
    {PLACE + 8, PAGE},
    {PLACE - 1, PAGE},
    {PLACE + PAGE - 1, PAGE},
    {1, PAGE},
    {PAGE, PAGE},
    {USER_BASE, PAGE},
    {USER_BASE - PAGE, PAGE},
    {USER_IMAGE_BASE, PAGE},
    {USER_IMAGE_END - PAGE, PAGE},
    {USER_STACK_TOP - USER_STACK_BYTES, PAGE},
    {USER_STACK_TOP - PAGE, PAGE},
    {USER_STACK_TOP - USER_STACK_BYTES - PAGE, PAGE},
    {USER_TLS_TOP - PAGE, PAGE},
    {USER_CAPSET_VADDR, PAGE},
    {USER_RING_VADDR, PAGE},
    {USER_RING_VADDR + USER_RING_BYTES - PAGE, PAGE},
    {USER_MAP_BASE - PAGE, PAGE},
    {USER_MAP_BASE - PAGE, 2 * PAGE},
    {USER_END, PAGE},
    {USER_END - PAGE, 2 * PAGE},
    {USER_END - MOST + PAGE, MOST},
    {USER_END + PAGE, PAGE},
    {0x0000800000000000ull, PAGE},
    {0x8000000000000000ull, PAGE},
    {0xffff800000000000ull, PAGE},
    {0xffff7ffffffff000ull, 2 * PAGE},
    {0xffffffff80200000ull, PAGE},
    {UINT64_MAX - (PAGE - 1), PAGE},
    {UINT64_MAX - (PAGE - 1), 2 * PAGE},
    {UINT64_MAX, PAGE},
};

static const unsigned no_protections[] = {3, 4, 7, 0x100, 0x7fff, 0x8000, 0xffff};

static int map_given(struct cap_transfer memory)
{
    return map_object(memory, 0, 0, PAGE, READ);
}

void refusals_of_mapping(void)
{
    uint32_t before = frames_left();

    refusals_of_calls(virtual_memory, CAPOS_VIRTUAL_MEMORY_ID, CAPOS_VIRTUAL_MEMORY_METHOD_COUNT);
    /* Twice: without any region, and beside one that must stay as it is. */
    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT(ranges); i++) {
            expect("map", INVALID, map(ranges[i].address, ranges[i].size, WRITE));
            expect("unmap", INVALID, unmap(ranges[i].address, ranges[i].size));
            expect("protect", INVALID, protect(ranges[i].address, ranges[i].size, READ));
        }
        expect("unmap at 0", INVALID, unmap(0, PAGE));
        expect("protect at 0", INVALID, protect(0, PAGE, READ));
        for (size_t i = 0; i < 11; i++) { /* the sizes among them are no better without a hint */
            expect("map of a bad size", INVALID, map(0, ranges[i].size, WRITE));
        }
        for (size_t i = 0; i < COUNT(no_protections); i++) {
            expect("map with no protection", INVALID, map(0, PAGE, no_protections[i]));
            expect("protect with none", INVALID, protect(PLACE, PAGE, no_protections[i]));
        }
        if (round == 0) {
            expect("map", OK, map(PLACE, 4 * PAGE, WRITE));
        }
    }

    for (uint64_t first = 0; first < 6; first++) {
        for (uint64_t pages = 1; pages < 8; pages++) {
            uint64_t address = PLACE - PAGE + first * PAGE;
            bool touches = first + pages > 1 && first < 5;
            bool within = first >= 1 && first + pages <= 5;
            if (touches) {
                expect("map over a region", INVALID, map(address, pages * PAGE, WRITE));
            }
            if (!within) {
                expect("unmap over a border", INVALID, unmap(address, pages * PAGE));
                expect("protect over a border", INVALID, protect(address, pages * PAGE, READ));
            }
        }
    }
    for (uint64_t i = 0; i < 4; i++) {
        *at(PLACE + i * PAGE) = 1; /* nothing has happened to any of it */
    }
    expect("unmap", OK, unmap(PLACE + PAGE, PAGE));
    expect("unmap again", INVALID, unmap(PLACE + PAGE, PAGE));
    expect("protect of what is unmapped", INVALID, protect(PLACE + PAGE, PAGE, READ));
    expect("unmap over a hole", INVALID, unmap(PLACE, 4 * PAGE));
    expect("protect over a hole", INVALID, protect(PLACE, 4 * PAGE, READ));
    *at(PLACE) = 1;
    expect("unmap", OK, unmap(PLACE, PAGE));
    expect("unmap", OK, unmap(PLACE + 2 * PAGE, 2 * PAGE));
    expect("frames left are as before", (int)before, (int)frames_left());
}

void refusals_of_objects(void)
{
    static const struct {
        uint64_t offset;
        uint64_t size;
    } pieces[] = {
        {0, 0},
        {0, 5 * PAGE},
        {PAGE, 4 * PAGE},
        {4 * PAGE, PAGE},
        {3 * PAGE, 2 * PAGE},
        {5 * PAGE, PAGE},
        {1, PAGE},
        {PAGE - 1, PAGE},
        {8, PAGE},
        {0, 1},
        {0, PAGE + 1},
        {0, PAGE - 1},
        {UINT64_MAX, PAGE},
        {UINT64_MAX - (PAGE - 1), PAGE},
        {UINT64_MAX - (PAGE - 1), 2 * PAGE},
        {0 - 4 * PAGE, 4 * PAGE},
        {1ull << 63, PAGE},
        {1ull << 32, PAGE},
        {0, MOST},
        {0, MOST + PAGE},
        {0, UINT64_MAX},
        {0, 1ull << 63},
        {PAGE, UINT64_MAX - (PAGE - 1)},
    };
    uint32_t before = frames_left();

    refusals_of_given(map_given);
    expect("mapObject of nothing", INVALID,
           call(virtual_memory, CAPOS_VIRTUAL_MEMORY_ID, CAPOS_VIRTUAL_MEMORY_MAP_OBJECT, 0, NULL,
                0, 0));
    expect("allocContiguous", OK, alloc_contiguous(4));
    uint64_t memory = answer.cap;
    expect("reader", OK, memory_reader(memory));
    uint64_t reader = answer.cap;

    for (size_t i = 0; i < COUNT(ranges); i++) {
        expect("mapObject at a bad place", INVALID,
               map_object(copy_of(memory), 0, ranges[i].address, ranges[i].size, WRITE));
    }
    for (size_t i = 0; i < COUNT(pieces); i++) {
        expect("mapObject of a bad piece", INVALID,
               map_object(copy_of(memory), pieces[i].offset, 0, pieces[i].size, WRITE));
        expect("mapObject of a bad piece, moved", INVALID,
               map_object(move_of(reader), pieces[i].offset, PLACE, pieces[i].size, READ));
    }
    for (size_t i = 0; i < COUNT(no_protections); i++) {
        expect("mapObject with no protection", INVALID,
               map_object(copy_of(memory), 0, 0, PAGE, no_protections[i]));
    }
    expect("a reader, writable", INVALID, map_object(copy_of(reader), 0, 0, PAGE, WRITE));
    expect("a reader, executable", INVALID, map_object(move_of(reader), 0, 0, PAGE, EXECUTE));
    expect("mapObject", OK, map_object(copy_of(reader), 0, PLACE, 2 * PAGE, READ));
    expect("map", OK, map(PLACE + 2 * PAGE, PAGE, WRITE));
    expect("mapObject over both", INVALID,
           map_object(copy_of(memory), 0, PLACE + PAGE, 2 * PAGE, READ));
    expect("a reader made writable", INVALID, protect(PLACE, PAGE, WRITE));
    expect("a reader made executable", INVALID, protect(PLACE + PAGE, PAGE, EXECUTE));
    expect("both made writable", INVALID, protect(PLACE + PAGE, 2 * PAGE, WRITE));
    *at(PLACE + 2 * PAGE) = 1;
    expect("both made what they may be", OK, protect(PLACE, 3 * PAGE, READ));
    expect("unmap", OK, unmap(PLACE, 3 * PAGE));
    expect("release", OK, release(reader));
    expect("freeFrame", OK, free_frame(move_of(memory)));
    expect("frames left are as before", (int)before, (int)frames_left());
}
