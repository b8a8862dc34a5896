// SPDX-License-Identifier: MIT
/*
 * Accesses that must end the process. Most touch the page while it is allowed first, so
 * that the processor has a translation of it that the kernel must make it forget.
 */
#include <abi/layout.h>

#include "calls.h"
#include "parts.h"

#define PLACE (USER_MAP_BASE + 0x200000)

static void execute(uint64_t address)
{
    __asm__ volatile("call *%0" : : "r"(address) : "memory");
}

void write_read_only(void)
{
    expect("map", OK, map(PLACE, PAGE, CAPOS_VIRTUAL_MEMORY_PROTECTION_READ));
    (void)*at(PLACE);
    *at(PLACE) = 1;
}

void execute_writable(void)
{
    expect("map", OK, map(PLACE, PAGE, CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE));
    *at(PLACE) = 0xc3; /* ret */
    execute(PLACE);
}

void touch_unmapped(void)
{
    expect("map", OK, map(PLACE, PAGE, CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE));
    *at(PLACE) = 1;
    (void)*at(PLACE + PAGE);
}

void touch_after_unmap(void)
{
    expect("map", OK, map(PLACE, PAGE, CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE));
    *at(PLACE) = 1;
    expect("unmap", OK, unmap(PLACE, PAGE));
    (void)*at(PLACE);
}

void touch_part_unmapped(void)
{
    expect("map", OK, map(PLACE, 3 * PAGE, CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE));
    *at(PLACE) = 1;
    *at(PLACE + PAGE) = 1;
    *at(PLACE + 2 * PAGE) = 1;
    expect("unmap", OK, unmap(PLACE + PAGE, PAGE));
    *at(PLACE) = 2;
    *at(PLACE + 2 * PAGE) = 2;
    *at(PLACE + PAGE) = 2;
}

void write_after_protect(void)
{
    expect("map", OK, map(PLACE, PAGE, CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE));
    *at(PLACE) = 1;
    expect("protect", OK, protect(PLACE, PAGE, CAPOS_VIRTUAL_MEMORY_PROTECTION_READ));
    *at(PLACE) = 2;
}

void execute_after_protect(void)
{
    expect("map", OK, map(PLACE, PAGE, CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE));
    *at(PLACE) = 0xc3;
    expect("protect", OK, protect(PLACE, PAGE, CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_EXECUTE));
    execute(PLACE);
    expect("protect", OK, protect(PLACE, PAGE, CAPOS_VIRTUAL_MEMORY_PROTECTION_READ));
    execute(PLACE);
}

void write_reader(void)
{
    expect("allocFrame", OK, alloc_frame());
    uint64_t memory = answer.cap;
    expect("reader", OK, memory_reader(memory));
    uint64_t reader = answer.cap;
    expect("mapObject", OK,
           map_object(copy_of(reader), 0, PLACE, PAGE, CAPOS_VIRTUAL_MEMORY_PROTECTION_READ));
    (void)*at(PLACE);
    *at(PLACE) = 1;
}
