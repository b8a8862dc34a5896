// SPDX-License-Identifier: MIT
/*
 * Each limit, reached: `overloaded` for whoever reached it, nothing lost on the way, and
 * all works as before when something has been given back.
 */
#include <abi/layout.h>
#include <abi/limits.h>
#include <stdbool.h>

#include "calls.h"
#include "parts.h"

#define READ  CAPOS_VIRTUAL_MEMORY_PROTECTION_READ
#define WRITE CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE

/* Where nothing is mapped, so that a page needs a table of each of three levels. */
#define FAR           0x600000000000ull
#define TABLES        3u

#define HELD_MAX      512u
#define TRIES         1000u
#define LARGE         (MEMORY_PAGES_MAX * PAGE)
#define BEFORE_BORDER (FAR + 0x200000 - 2 * PAGE)

static uint64_t held[HELD_MAX];

/* Takes so many frames, one by one. */
static void take(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        expect("allocFrame", OK, alloc_frame());
        held[i] = answer.cap;
    }
}

static void give_back(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        expect("freeFrame", OK, free_frame(move_of(held[i])));
    }
}

void limit_of_frames(void)
{
    uint32_t total = frames_left();

    take(total);
    for (unsigned i = 0; i < TRIES; i++) {
        expect("one frame more", EXC(OVERLOADED), alloc_frame());
        expect("two frames more", EXC(OVERLOADED), alloc_contiguous(2));
        expect("one page more", EXC(OVERLOADED), map(0, PAGE, WRITE));
    }
    expect("the memory there is", OK, memory_size(held[0]));
    expect("its reader", OK, memory_reader(held[0]));
    expect("release of the reader", OK, release(answer.cap));
    give_back(1);
    expect("a frame again", OK, alloc_frame());
    held[0] = answer.cap;
    give_back(total);

    expect("one more than there are", EXC(OVERLOADED), alloc_contiguous(total + 1));
    expect("as many as may be at once", EXC(OVERLOADED), alloc_contiguous(MEMORY_PAGES_MAX));
    expect("all at once", OK, alloc_contiguous(total));
    uint64_t memory = answer.cap;
    expect("one frame more", EXC(OVERLOADED), alloc_frame());
    expect("freeFrame", OK, free_frame(move_of(memory)));
    expect("as many pages as may be at once", EXC(OVERLOADED),
           map(0, MEMORY_PAGES_MAX * PAGE, WRITE));
    expect("all at once, without a table", EXC(OVERLOADED), map(0, total * PAGE, WRITE));
    expect("frames left are as before", (int)total, (int)frames_left());
    expect("what there is with its tables", OK, map(FAR, (total - TABLES) * PAGE, WRITE));
    expect("frames left", 0, (int)frames_left());
    expect("unmap", OK, unmap(FAR, (total - TABLES) * PAGE));
    expect("frames left are as before", (int)total, (int)frames_left());
}

/* With each number of frames left that is too low, and the first that is not. */
static void fail_at_each_frame(uint32_t total, uint64_t object, uint64_t place, uint32_t needed)
{
    for (uint32_t left = 0; left <= needed; left++) {
        take(total - left);
        expect("what can fail at each frame", left < needed ? EXC(OVERLOADED) : OK,
               object != CAP_ID_NONE ? map_object(copy_of(object), 0, place, 4 * PAGE, READ)
                                     : map(place, 4 * PAGE, WRITE));
        if (left == needed) {
            expect("unmap", OK, unmap(place, 4 * PAGE));
        } else {
            expect("nothing is mapped", EXC(INVALID_ARGUMENT), unmap(place, PAGE));
        }
        expect("frames left are as before", (int)left, (int)frames_left());
        give_back(total - left);
    }
}

void limit_of_page_tables(void)
{
    uint32_t total = frames_left();

    fail_at_each_frame(total, CAP_ID_NONE, FAR, 4 + TABLES);
    fail_at_each_frame(total, CAP_ID_NONE, BEFORE_BORDER, 4 + TABLES + 1);
    expect("allocContiguous", OK, alloc_contiguous(4));
    uint64_t memory = answer.cap;
    fail_at_each_frame(total - 4, memory, FAR, TABLES);
    fail_at_each_frame(total - 4, memory, BEFORE_BORDER, TABLES + 1);
    expect("freeFrame", OK, free_frame(move_of(memory)));
    expect("frames left are as before", (int)total, (int)frames_left());
}

void limit_of_regions(void)
{
    uint32_t total = frames_left();

    expect("allocContiguous", OK, alloc_contiguous(3));
    uint64_t memory = answer.cap;
    expect("the first region", OK, map_object(copy_of(memory), 0, FAR, 3 * PAGE, WRITE));
    for (uint64_t i = 1; i < PROC_REGIONS_MAX; i++) {
        expect("a region", OK,
               map_object(copy_of(memory), i % 3 * PAGE, FAR + (2 * i + 2) * PAGE, PAGE, WRITE));
        *at(FAR + (2 * i + 2) * PAGE) = (uint8_t)i;
    }
    for (unsigned i = 0; i < TRIES; i++) {
        expect("a region more", EXC(OVERLOADED), map_object(copy_of(memory), 0, 0, PAGE, WRITE));
        expect("an anonymous region more", EXC(OVERLOADED), map(0, PAGE, WRITE));
        expect("a region made two", EXC(OVERLOADED), unmap(FAR + PAGE, PAGE));
    }
    expect("a part of a region", OK, protect(FAR + PAGE, PAGE, READ));
    expect("the start of a region", OK, unmap(FAR, PAGE));
    expect("not another one", EXC(OVERLOADED), map(FAR, PAGE, WRITE));
    expect("all of a region", OK, unmap(FAR + PAGE, 2 * PAGE));
    expect("another one instead", OK, map(FAR, PAGE, WRITE));
    expect("which grows", OK, map(FAR + PAGE, PAGE, WRITE));
    expect("unmap", OK, unmap(FAR, 2 * PAGE));
    for (uint64_t i = 1; i < PROC_REGIONS_MAX; i++) {
        expect("unmap", OK, unmap(FAR + (2 * i + 2) * PAGE, PAGE));
    }
    expect("freeFrame", OK, free_frame(move_of(memory)));
    expect("frames left are as before", (int)total, (int)frames_left());
}

void limit_of_slots(void)
{
    uint32_t count = 0;

    while (count < HELD_MAX && alloc_frame() == OK) {
        held[count++] = answer.cap;
    }
    /* Frames are left: if a failed call lost one, they would be used up. */
    for (unsigned i = 0; i < TRIES; i++) {
        expect("no slot for a MemoryObject", EXC(OVERLOADED), alloc_frame());
        expect("no slot for a MemoryReader", EXC(OVERLOADED), memory_reader(held[0]));
    }
    for (unsigned i = 0; i < TRIES; i++) {
        expect("no room for a record", CAP_ERR_BAD_RESULT,
               call(frame_allocator, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_ALLOC_FRAME, 0,
                    NULL, 0, 0));
    }
    expect("a mapping needs no slot", OK, map(0, PAGE, WRITE));
    give_back(count);
    take(count);
    give_back(count);
}

/* Ends holding all it can: each start finds as much as the one before. */
void leave_much(void)
{
    uint32_t total = frames_left();

    expect("frames at the start", 1, total >= 110);
    expect("allocContiguous", OK, alloc_contiguous(60));
    uint64_t object = answer.cap;
    for (uint64_t i = 0; i < PROC_REGIONS_MAX - 1; i++) {
        expect("mapObject", OK,
               map_object(copy_of(object), i % 60 * PAGE, FAR + 2 * i * PAGE, PAGE, WRITE));
        *at(FAR + 2 * i * PAGE) = 1;
    }
    expect("reader", OK, memory_reader(object));
    expect("release", OK, release(object));
    expect("map", OK, map(0, 20 * PAGE, WRITE));
    while (alloc_frame() == OK) {
    }
}

/* Nearly all that the machine has, in the largest pieces; twice. */
void limit_of_machine(void)
{
    uint32_t calls[2] = {0, 0};

    for (unsigned round = 0; round < 2; round++) {
        while (map(FAR + calls[round] * LARGE, LARGE, WRITE) == OK) {
            *at(FAR + calls[round] * LARGE) = 1;
            calls[round]++;
        }
        expect("a large piece more", EXC(OVERLOADED), map(0, LARGE, WRITE));
        for (uint32_t i = 0; i < calls[round]; i++) {
            expect("unmap", OK, unmap(FAR + i * LARGE, LARGE));
        }
    }
    expect("there was something", 1, calls[0] > 4);
    expect("as much as the first time", (int)calls[0], (int)calls[1]);
}

/* ------------------------------------------------------------------------- */
/* Each allocation of the kernel that an act causes fails once. */

static uint64_t memory;

static int act_alloc_frame(void)
{
    return alloc_frame();
}

static int act_alloc_contiguous(void)
{
    return alloc_contiguous(5);
}

static int act_map(void)
{
    return map(BEFORE_BORDER, 4 * PAGE, WRITE);
}

static int act_map_object(void)
{
    return map_object(copy_of(memory), 0, BEFORE_BORDER, 4 * PAGE, WRITE);
}

/* Makes two regions of one, for which the table of regions has to grow. */
static int act_split(void)
{
    return unmap(FAR + PAGE, PAGE);
}

static int undo_alloc(void)
{
    return free_frame(move_of(answer.cap));
}

static int undo_map(void)
{
    return unmap(BEFORE_BORDER, 4 * PAGE);
}

static int undo_nothing(void)
{
    return OK;
}

/* There are at least so many; how many more, depends on what the kernel's heap has left. */
static void fail_each(const char *what, uint32_t least, int (*act)(void), int (*undo)(void))
{
    uint32_t before = frames_left();

    for (uint32_t k = 1;; k++) {
        arm(k);
        int code = act();
        struct answer made = answer;
        bool failed = disarm() != 0;
        answer = made;
        expect(what, failed ? EXC(OVERLOADED) : OK, code);
        if (!failed) {
            expect(what, OK, undo());
            expect("allocations there were", 1, k > least);
            return;
        }
        expect("frames left are as before", (int)before, (int)frames_left());
    }
}

void each_allocation(void)
{
    uint32_t before = frames_left();

    /* The object, and its frame or frames. */
    fail_each("allocFrame", 2, act_alloc_frame, undo_alloc);
    fail_each("allocContiguous", 2, act_alloc_contiguous, undo_alloc);
    /* Four pages and four tables; and the table of regions, which then stays. */
    fail_each("map", 8, act_map, undo_map);
    expect("allocContiguous", OK, alloc_contiguous(4));
    memory = answer.cap;
    fail_each("mapObject", 4, act_map_object, undo_map);

    expect("map", OK, map(FAR, 3 * PAGE, WRITE));
    for (uint64_t i = 2; i < 17; i++) {
        expect("map", OK, map(FAR + 2 * i * PAGE, PAGE, WRITE));
    }
    fail_each("unmap", 1, act_split, undo_nothing);
    expect("unmap", OK, unmap(FAR, PAGE));
    expect("unmap", OK, unmap(FAR + 2 * PAGE, PAGE));
    for (uint64_t i = 2; i < 17; i++) {
        expect("unmap", OK, unmap(FAR + 2 * i * PAGE, PAGE));
    }
    expect("freeFrame", OK, free_frame(move_of(memory)));
    expect("frames left are as before", (int)before, (int)frames_left());
}
