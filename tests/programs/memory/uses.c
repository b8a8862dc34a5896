// SPDX-License-Identifier: MIT
/* What must work: contents, sharing, lifetimes. */
#include <abi/layout.h>

#include "calls.h"
#include "parts.h"

#define READ    CAPOS_VIRTUAL_MEMORY_PROTECTION_READ
#define WRITE   CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE
#define EXECUTE CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_EXECUTE
#define FAR     (USER_MAP_BASE + 0x10000000)

/* How many bytes of a row of pages are not this. */
static uint64_t others(uint64_t address, uint64_t bytes, uint8_t value)
{
    uint64_t count = 0;

    for (uint64_t i = 0; i < bytes; i++) {
        count += *at(address + i) != value ? 1 : 0;
    }
    return count;
}

static void fill(uint64_t address, uint64_t bytes, uint8_t value)
{
    for (uint64_t i = 0; i < bytes; i++) {
        *at(address + i) = value;
    }
}

/* Memory is zero whatever was in its frames before. */
static void fresh_memory_is_zero(void)
{
    for (unsigned round = 0; round < 4; round++) {
        expect("map", OK, map(0, 5 * PAGE, WRITE));
        uint64_t address = answer.value;
        expect("fresh pages are zero", 0, (int)others(address, 5 * PAGE, 0));
        fill(address, 5 * PAGE, 0xee);
        expect("unmap", OK, unmap(address, 5 * PAGE));

        expect("allocContiguous", OK, alloc_contiguous(5));
        uint64_t memory = answer.cap;
        expect("mapObject", OK, map_object(copy_of(memory), 0, 0, 5 * PAGE, WRITE));
        address = answer.value;
        expect("fresh memory is zero", 0, (int)others(address, 5 * PAGE, 0));
        fill(address, 5 * PAGE, 0xdd);
        expect("unmap", OK, unmap(address, 5 * PAGE));
        expect("freeFrame", OK, free_frame(move_of(memory)));
    }
}

static void mappings_of_one_object_agree(void)
{
    expect("allocContiguous", OK, alloc_contiguous(4));
    uint64_t memory = answer.cap;
    expect("what came is a MemoryObject", 1, answer.interface_id == CAPOS_MEMORY_OBJECT_ID);
    expect("size", OK, memory_size(memory));
    expect("size is 4 pages", 4 * PAGE, (int)answer.value);
    expect("reader", OK, memory_reader(memory));
    uint64_t reader = answer.cap;
    expect("what came is a MemoryReader", 1, answer.interface_id == CAPOS_MEMORY_READER_ID);
    expect("size of the reader", OK,
           call(reader, CAPOS_MEMORY_READER_ID, CAPOS_MEMORY_READER_SIZE, 0, NULL, 0, 0));
    expect("its size is the same", 4 * PAGE, (int)answer.value);

    expect("mapObject", OK, map_object(copy_of(memory), 0, FAR, 4 * PAGE, WRITE));
    expect("the address is the hint", 1, answer.value == FAR);
    expect("mapObject of a part", OK, map_object(copy_of(reader), PAGE, 0, 2 * PAGE, READ));
    uint64_t part = answer.value;
    for (uint8_t i = 0; i < 4; i++) {
        *at(FAR + i * PAGE + 7) = (uint8_t)(i + 1);
    }
    expect("page 1 through the reader", 2, *at(part + 7));
    expect("page 2 through the reader", 3, *at(part + PAGE + 7));

    /* Cut in two, both halves still show what they did; the capabilities are not needed. */
    expect("unmap of page 1", OK, unmap(FAR + PAGE, PAGE));
    expect("release", OK, release(memory));
    expect("release", OK, release(reader));
    *at(FAR + 2 * PAGE + 7) = 33;
    expect("page 0", 1, *at(FAR + 7));
    expect("page 2 through the reader", 33, *at(part + PAGE + 7));
    expect("unmap", OK, unmap(FAR, PAGE));
    expect("unmap", OK, unmap(part, 2 * PAGE));
    expect("page 3", 4, *at(FAR + 3 * PAGE + 7));
    expect("unmap", OK, unmap(FAR + 2 * PAGE, 2 * PAGE));
}

/* A mapping holds what was moved into it. */
static void moved_into_a_mapping(void)
{
    expect("allocFrame", OK, alloc_frame());
    uint64_t memory = answer.cap;
    expect("mapObject", OK, map_object(move_of(memory), 0, FAR, PAGE, WRITE));
    expect("the slot is empty", CAP_ERR_INVOKE_FAILED, memory_size(memory));
    *at(FAR) = 5;
    expect("unmap", OK, unmap(FAR, PAGE));
}

static void code_can_be_written_and_then_run(void)
{
    expect("map", OK, map(FAR, PAGE, WRITE));
    *at(FAR) = 0xb8; /* mov $42, %eax; ret */
    *at(FAR + 1) = 42;
    *at(FAR + 5) = 0xc3;
    expect("protect", OK, protect(FAR, PAGE, EXECUTE));
    int got;
    __asm__ volatile("call *%1" : "=a"(got) : "r"(FAR) : "memory");
    expect("the code ran", 42, got);
    expect("protect", OK, protect(FAR, PAGE, WRITE));
    *at(FAR) = 0;
    expect("unmap", OK, unmap(FAR, PAGE));
}

/* Many regions, unmapped by one call; neighbours joined; the first and the last page. */
static void rows_of_regions(void)
{
    expect("allocContiguous", OK, alloc_contiguous(2));
    uint64_t memory = answer.cap;
    for (uint64_t i = 0; i < 12; i++) {
        uint64_t place = FAR + i * 2 * PAGE;
        expect("a piece", OK,
               i % 3 == 0 ? map_object(copy_of(memory), 0, place, 2 * PAGE, WRITE)
                          : map(place, 2 * PAGE, WRITE));
        *at(place + PAGE) = (uint8_t)i;
    }
    expect("protect across them", OK, protect(FAR + PAGE, 20 * PAGE, READ));
    expect("unmap across them", OK, unmap(FAR + PAGE, 22 * PAGE));
    expect("unmap of the rest", OK, unmap(FAR, PAGE));
    expect("unmap of the rest", OK, unmap(FAR + 23 * PAGE, PAGE));
    expect("freeFrame", OK, free_frame(move_of(memory)));

    expect("map of the first page", OK, map(USER_MAP_BASE, PAGE, WRITE));
    expect("map of the last page", OK, map(USER_END - PAGE, PAGE, WRITE));
    *at(USER_MAP_BASE) = 1;
    *at(USER_END - 1) = 2;
    expect("the hint 0 finds the next page", OK, map(0, PAGE, WRITE));
    expect("the next page", 1, answer.value == USER_MAP_BASE + PAGE);
    expect("unmap", OK, unmap(USER_MAP_BASE, 2 * PAGE));
    expect("unmap", OK, unmap(USER_END - PAGE, PAGE));
}

/* A result and parameters in memory that was mapped a moment ago. */
static void left_mapped(void)
{
    expect("allocContiguous", OK, alloc_contiguous(3));
    uint64_t memory = answer.cap;
    expect("mapObject", OK, map_object(copy_of(memory), 0, 0, 3 * PAGE, WRITE));
    expect("mapObject", OK, map_object(move_of(memory), PAGE, 0, PAGE, READ));
    expect("map", OK, map(0, 3 * PAGE, WRITE));
}

void uses(void)
{
    uint32_t before = frames_left();

    fresh_memory_is_zero();
    mappings_of_one_object_agree();
    moved_into_a_mapping();
    code_can_be_written_and_then_run();
    rows_of_regions();
    expect("frames left are as before", (int)before, (int)frames_left());
    left_mapped(); /* for the process's end to give back */
}
