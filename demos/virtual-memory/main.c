// SPDX-License-Identifier: MIT
/*
 * Memory that a process maps for itself: it is there, it is zeroed, it has the
 * protection that was asked for, for the program as for the kernel that works for it,
 * and what was given back has come back. Nothing else of the address space can be
 * touched through the capability, and no request, however large or crooked, leaves
 * anything behind.
 *
 * More services run this program, each to do one thing that must end it: the name of
 * its Console says what. Were it allowed, the exit code would be 1.
 */
#include <abi/layout.h>
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <rt/string.h>
#include <support/check.h>
#include <support/raw.h>
#include <support/usage.h>

#define PAGE         ((uint64_t)USER_PAGE_BYTES)
#define READ         CAPOS_VIRTUAL_MEMORY_PROTECTION_READ
#define READ_WRITE   CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE
#define READ_EXECUTE CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_EXECUTE

/* Where this program maps what has to lie at a certain place, far from where the kernel begins. */
#define PLACE       (USER_MAP_BASE + (64ull << 20))
#define PLACE_PAGES 8u

/* A page that the kernel maps for a program, in whose neighbourhood nothing is to be had. */
#define IMAGE         USER_IMAGE_BASE
#define STACK         (USER_STACK_TOP - PAGE)
#define GUARD         (USER_STACK_TOP - USER_STACK_BYTES - PAGE)
#define TLS           (USER_TLS_TOP - PAGE)
#define KERNEL        0xffffffff80000000ull
#define DIRECT_MAP    0xffff800000000000ull
#define NON_CANONICAL 0x0000800000000000ull
#define LAST_PAGE     0xfffffffffffff000ull

static struct rt_ring *ring;
static struct capos_virtual_memory memory;

/* An address that the compiler knows nothing about. */
static volatile uint8_t *at(uint64_t address)
{
    volatile uint8_t *p;

    __asm__("" : "=r"(p) : "0"(address));
    return p;
}

static uint64_t map(uint64_t hint, uint64_t pages, enum capos_virtual_memory_protection protection)
{
    uint64_t address = 0;

    CHECK_OK(capos_virtual_memory_map(ring, memory, hint, pages * PAGE, protection, &address));
    CHECK_EQ(address % PAGE, 0);
    CHECK(address >= USER_MAP_BASE && address + pages * PAGE <= USER_END);
    CHECK(hint == 0 || address == hint);
    return address;
}

static void unmap(uint64_t address, uint64_t pages)
{
    CHECK_OK(capos_virtual_memory_unmap(ring, memory, address, pages * PAGE));
}

static void protect(uint64_t address, uint64_t pages,
                    enum capos_virtual_memory_protection protection)
{
    CHECK_OK(capos_virtual_memory_protect(ring, memory, address, pages * PAGE, protection));
}

static struct capos_memory_object allocate(uint32_t pages)
{
    struct capos_frame_allocator frames = {rt_capset_need("frames", CAPOS_FRAME_ALLOCATOR_ID)};
    struct capos_memory_object object = {CAP_ID_NONE};

    CHECK_OK(capos_frame_allocator_alloc_contiguous(ring, frames, pages, &object));
    return object;
}

/* Each byte of the pages is the value. */
static void check_filled(uint64_t address, uint64_t pages, uint8_t value)
{
    for (uint64_t i = 0; i < pages * PAGE; i++) {
        CHECK_EQ(at(address)[i], value);
    }
}

static void fill(uint64_t address, uint64_t pages, uint8_t value)
{
    for (uint64_t i = 0; i < pages * PAGE; i++) {
        at(address)[i] = value;
    }
}

/* ---------------------------------------------------------------------------
 * What there is */

/* Mapped, written, unmapped, mapped again: there, zeroed each time, and given back. */
static void check_reuse(void)
{
    struct usage before = usage_now(ring);

    for (unsigned round = 0; round < 3; round++) {
        uint64_t address = map(0, 4, READ_WRITE);
        CHECK(usage_now(ring).frames >= before.frames + 4);
        check_filled(address, 4, 0);
        fill(address, 4, (uint8_t)(0xa0u + round));
        check_filled(address, 4, (uint8_t)(0xa0u + round));
        unmap(address, 4);
        CHECK_EQ(usage_now(ring).frames, before.frames);
    }
}

/* A piece out of the middle: both ends stay as they are, and the piece can be had again. */
static void check_pieces(void)
{
    uint64_t address = map(PLACE, PLACE_PAGES, READ_WRITE);

    fill(address, PLACE_PAGES, 0x11);
    unmap(address + 3 * PAGE, 2);
    check_filled(address, 3, 0x11);
    check_filled(address + 5 * PAGE, PLACE_PAGES - 5, 0x11);
    (void)map(address + 3 * PAGE, 2, READ_WRITE);
    check_filled(address + 3 * PAGE, 2, 0);
    unmap(address, PLACE_PAGES);
}

/* The program's own writes end it; see the parts. The kernel's on its behalf are refused. */
static void check_kernel_obeys_protection(void)
{
    uint64_t address = map(0, 2, READ_WRITE);
    uint64_t console = rt_capset_need("console", CAPOS_CONSOLE_ID);
    static struct raw_message message;
    struct cap_sqe sqe = raw_console_write(console, &message, NULL, 0);

    sqe.result_addr = address;
    sqe.result_len = 64;
    CHECK_EQ(raw_result(ring, &sqe), 0);
    protect(address, 1, READ);
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_RESULT);
    sqe.result_addr = address + PAGE - 8; /* from there into one that can be written */
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_RESULT);
    protect(address, 1, READ_EXECUTE);
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_RESULT);
    protect(address, 1, READ_WRITE);
    CHECK_EQ(raw_result(ring, &sqe), 0);
    unmap(address, 2);
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_RESULT);
    sqe = raw_console_write(console, &message, NULL, 0);
    sqe.params_addr = address;
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_PARAMS);
}

/* Written as data and then made code: writable and executable in turn, never at once. */
static void check_code(void)
{
    static const uint8_t code[] = {0xb8, 0x2a, 0x00, 0x00, 0x00, 0xc3}; /* mov $42, %eax; ret */
    uint64_t address = map(0, 1, READ_WRITE);
    uint64_t answer;

    for (size_t i = 0; i < sizeof code; i++) {
        at(address)[i] = code[i];
    }
    protect(address, 1, READ_EXECUTE);
    __asm__ volatile("call *%1" : "=a"(answer) : "r"(address) : "memory", "cc");
    CHECK_EQ(answer, 42);
    protect(address, 1, READ_WRITE);
    CHECK_EQ(at(address)[0], code[0]);
    unmap(address, 1);
}

/* One memory at two places, and through its reader at a third: what is written at one is there. */
static void check_shared(void)
{
    struct usage before = usage_now(ring);
    struct capos_memory_object object = allocate(4);
    struct capos_memory_reader reader;
    uint64_t one, two, seen;

    CHECK_OK(capos_memory_object_reader(ring, object, &reader));
    CHECK_OK(capos_virtual_memory_map_object(ring, memory, rt_copy(object.id), 0, 0, 4 * PAGE,
                                             READ_WRITE, &one));
    CHECK_OK(capos_virtual_memory_map_object(ring, memory, rt_copy(object.id), 2 * PAGE, PLACE,
                                             2 * PAGE, READ_WRITE, &two));
    CHECK_EQ(two, PLACE);
    CHECK_OK(capos_virtual_memory_map_object(ring, memory, rt_copy(reader.id), 3 * PAGE, 0, PAGE,
                                             READ, &seen));
    check_filled(one, 4, 0);
    fill(two, 2, 0x55);
    check_filled(one, 2, 0);
    check_filled(one + 2 * PAGE, 2, 0x55);
    check_filled(seen, 1, 0x55);

    /* Mapped, it is held, though nobody names it any more. */
    CHECK_OK(rt_release(ring, object.id));
    CHECK_OK(rt_release(ring, reader.id));
    unmap(one, 4);
    unmap(two, 2);
    check_filled(seen, 1, 0x55);
    CHECK(usage_now(ring).frames >= before.frames + 4);
    unmap(seen, 1);
    CHECK_EQ(usage_now(ring).frames, before.frames);
}

/* ---------------------------------------------------------------------------
 * What is refused. PLACE is mapped, all but a hole in the middle. */

#define HOLE (PLACE + 4 * PAGE)
#define HUGE (MEMORY_PAGES_MAX * PAGE + PAGE)

/* A request as the table below has them, whatever its arguments. */
static struct rt_status try_map(uint64_t hint, uint64_t size, unsigned protection)
{
    uint64_t address;

    return capos_virtual_memory_map(ring, memory, hint, size,
                                    (enum capos_virtual_memory_protection)protection, &address);
}

static struct rt_status try_unmap(uint64_t address, uint64_t size, unsigned protection)
{
    (void)protection;
    return capos_virtual_memory_unmap(ring, memory, address, size);
}

static struct rt_status try_protect(uint64_t address, uint64_t size, unsigned protection)
{
    return capos_virtual_memory_protect(ring, memory, address, size,
                                        (enum capos_virtual_memory_protection)protection);
}

static const struct {
    const char *name;
    struct rt_status (*try)(uint64_t address, uint64_t size, unsigned protection);
    uint64_t address;
    uint64_t size;
    unsigned protection;
} refused[] = {
    {"map nothing", try_map, HOLE, 0, READ},
    {"map a byte", try_map, HOLE, 1, READ},
    {"map a page and a byte", try_map, 0, PAGE + 1, READ},
    {"map one page more than one call may", try_map, 0, HUGE, READ},
    {"map half of everything", try_map, 0, 1ull << 63, READ},
    {"map everything but a page", try_map, 0, LAST_PAGE, READ},
    {"map at an odd address", try_map, HOLE + 1, PAGE, READ},
    {"map at an address not of a page", try_map, HOLE + 8, PAGE, READ},
    {"map at the first page", try_map, PAGE, PAGE, READ},
    {"map over the image", try_map, IMAGE, PAGE, READ_WRITE},
    {"map behind the image", try_map, USER_IMAGE_END - PAGE, PAGE, READ_WRITE},
    {"map over the stack", try_map, STACK, PAGE, READ_WRITE},
    {"map over the guard below the stack", try_map, GUARD, PAGE, READ_WRITE},
    {"map over thread-local storage", try_map, TLS, PAGE, READ_WRITE},
    {"map over the CapSet", try_map, USER_CAPSET_VADDR, PAGE, READ_WRITE},
    {"map over the ring", try_map, USER_RING_VADDR, PAGE, READ_WRITE},
    {"map behind the ring", try_map, USER_RING_VADDR + USER_RING_BYTES, PAGE, READ_WRITE},
    {"map from the fixed window into the free part", try_map, USER_MAP_BASE - PAGE, 2 * PAGE, READ},
    {"map the last page, which stays empty", try_map, USER_END, PAGE, READ},
    {"map over the end", try_map, USER_END - PAGE, 2 * PAGE, READ},
    {"map at a non-canonical address", try_map, NON_CANONICAL, PAGE, READ},
    {"map over the direct map", try_map, DIRECT_MAP, PAGE, READ_WRITE},
    {"map over the kernel", try_map, KERNEL, PAGE, READ_WRITE},
    {"map around the end of all addresses", try_map, LAST_PAGE, 2 * PAGE, READ},
    {"map up to the end of all addresses", try_map, LAST_PAGE, PAGE, READ},
    {"map what is mapped", try_map, PLACE, PAGE, READ},
    {"map with the end in what is mapped", try_map, PLACE - PAGE, 2 * PAGE, READ},
    {"map with the beginning in what is mapped", try_map, HOLE - PAGE, 2 * PAGE, READ},
    {"map around what is mapped", try_map, PLACE - PAGE, 16 * PAGE, READ},
    {"map writable and executable, were it the next number", try_map, HOLE, PAGE, 3},
    {"map with protection bits", try_map, HOLE, PAGE, 7},
    {"map with all bits of protection", try_map, HOLE, PAGE, 0xffff},

    {"unmap nothing", try_unmap, PLACE, 0, 0},
    {"unmap a byte", try_unmap, PLACE, 1, 0},
    {"unmap at an odd address", try_unmap, PLACE + 1, PAGE, 0},
    {"unmap one page more than one call may", try_unmap, PLACE, HUGE, 0},
    {"unmap what nobody mapped", try_unmap, PLACE - PAGE, PAGE, 0},
    {"unmap the hole", try_unmap, HOLE, PAGE, 0},
    {"unmap across the hole", try_unmap, PLACE, PLACE_PAGES *PAGE, 0},
    {"unmap from before", try_unmap, PLACE - PAGE, 2 * PAGE, 0},
    {"unmap beyond the end", try_unmap, PLACE + (PLACE_PAGES - 1) * PAGE, 2 * PAGE, 0},
    {"unmap the image", try_unmap, IMAGE, PAGE, 0},
    {"unmap the stack", try_unmap, STACK, PAGE, 0},
    {"unmap thread-local storage", try_unmap, TLS, PAGE, 0},
    {"unmap the CapSet", try_unmap, USER_CAPSET_VADDR, PAGE, 0},
    {"unmap the ring", try_unmap, USER_RING_VADDR, PAGE, 0},
    {"unmap the kernel", try_unmap, KERNEL, PAGE, 0},
    {"unmap the direct map", try_unmap, DIRECT_MAP, PAGE, 0},
    {"unmap around the end of all addresses", try_unmap, LAST_PAGE, 2 * PAGE, 0},
    {"unmap address 0", try_unmap, 0, PAGE, 0},

    {"protect nothing", try_protect, PLACE, 0, READ},
    {"protect a byte", try_protect, PLACE, 1, READ},
    {"protect at an odd address", try_protect, PLACE + 1, PAGE, READ},
    {"protect across the hole", try_protect, PLACE, PLACE_PAGES *PAGE, READ},
    {"protect as writable and executable, were it the next number", try_protect, PLACE, PAGE, 3},
    {"protect with all bits of protection", try_protect, PLACE, PAGE, 0xffff},
    {"make the image writable", try_protect, IMAGE, PAGE, READ_WRITE},
    {"make the stack executable", try_protect, STACK, PAGE, READ_EXECUTE},
    {"make the CapSet writable", try_protect, USER_CAPSET_VADDR, PAGE, READ_WRITE},
    {"make the ring executable", try_protect, USER_RING_VADDR, PAGE, READ_EXECUTE},
    {"make the kernel writable", try_protect, KERNEL, PAGE, READ_WRITE},
    {"protect around the end of all addresses", try_protect, LAST_PAGE, 2 * PAGE, READ},
};

static void check_refused(void)
{
    (void)map(PLACE, PLACE_PAGES, READ_WRITE);
    unmap(HOLE, 1);
    fill(PLACE, 4, 0x77);
    struct usage before = usage_now(ring);

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        demo_case(refused[i].name);
        CHECK_REFUSED(refused[i].try(refused[i].address, refused[i].size, refused[i].protection),
                      CAP_EXC_INVALID_ARGUMENT);
        CHECK(rt_refusal(ring)[0] != '\0');
        CHECK(usage_equal(usage_now(ring), before));
    }
    demo_case(NULL);
    fill(PLACE, 1, 0x78); /* it is as it was: there and writable */
    check_filled(PLACE + PAGE, 3, 0x77);
    unmap(PLACE, 4);
    unmap(HOLE + PAGE, PLACE_PAGES - 5);
    demo_case("unmap twice");
    CHECK_REFUSED(capos_virtual_memory_unmap(ring, memory, PLACE, PAGE), CAP_EXC_INVALID_ARGUMENT);
    demo_case(NULL);
}

/* What mapObject is given, and where in it. */
static void check_refused_objects(void)
{
    struct capos_memory_object object = allocate(2);
    struct capos_memory_reader reader;
    uint64_t console = rt_capset_need("console", CAPOS_CONSOLE_ID);
    uint64_t address;

    CHECK_OK(capos_memory_object_reader(ring, object, &reader));
    const struct {
        const char *name;
        struct cap_transfer given;
        uint64_t offset;
        uint64_t size;
        enum capos_virtual_memory_protection protection;
    } cases[] = {
        {"map no object", rt_nothing(), 0, PAGE, READ},
        {"map a Console", rt_copy(console), 0, PAGE, READ},
        {"map the address space itself", rt_copy(memory.id), 0, PAGE, READ},
        {"map nothing of an object", rt_copy(object.id), 0, 0, READ},
        {"map more than the object", rt_copy(object.id), 0, 3 * PAGE, READ},
        {"map over the end of the object", rt_copy(object.id), PAGE, 2 * PAGE, READ},
        {"map behind the object", rt_copy(object.id), 2 * PAGE, PAGE, READ},
        {"map from an odd offset", rt_copy(object.id), 1, PAGE, READ},
        {"map from an offset that overflows", rt_copy(object.id), LAST_PAGE, 2 * PAGE, READ},
        {"map a reader for writing", rt_copy(reader.id), 0, PAGE, READ_WRITE},
        {"map a reader for executing", rt_copy(reader.id), 0, PAGE, READ_EXECUTE},
        {"move a Console here", rt_move(console), 0, PAGE, READ},
        {"move the object for more than it is", rt_move(object.id), 0, 3 * PAGE, READ},
    };
    struct usage before = usage_now(ring);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        demo_case(cases[i].name);
        CHECK_REFUSED(capos_virtual_memory_map_object(ring, memory, cases[i].given, cases[i].offset,
                                                      0, cases[i].size, cases[i].protection,
                                                      &address),
                      CAP_EXC_INVALID_ARGUMENT);
        CHECK(usage_equal(usage_now(ring), before));
    }
    demo_case("map an id that was never given");
    CHECK_EQ(capos_virtual_memory_map_object(ring, memory, rt_copy(object.id + (1ull << 32)), 0, 0,
                                             PAGE, READ, &address)
                 .code,
             CAP_ERR_BAD_TRANSFER);

    demo_case("a reader's page does not become writable");
    CHECK_OK(capos_virtual_memory_map_object(ring, memory, rt_copy(reader.id), 0, PLACE, PAGE, READ,
                                             &address));
    (void)map(PLACE + PAGE, 1, READ_WRITE);
    CHECK_REFUSED(capos_virtual_memory_protect(ring, memory, PLACE, PAGE, READ_WRITE),
                  CAP_EXC_INVALID_ARGUMENT);
    CHECK_REFUSED(capos_virtual_memory_protect(ring, memory, PLACE, 2 * PAGE, READ_EXECUTE),
                  CAP_EXC_INVALID_ARGUMENT);
    at(PLACE + PAGE)[0] = 1; /* the second has stayed as it was, too */
    demo_case(NULL);
    unmap(PLACE, 2);
    CHECK_OK(rt_release(ring, object.id));
    CHECK_OK(rt_release(ring, reader.id));
}

/* ---------------------------------------------------------------------------
 * Limits */

/* As many stretches as there may be, each with a gap behind it. */
static void check_stretches(void)
{
    struct usage before = usage_now(ring);
    uint64_t place = PLACE;

    for (unsigned i = 0; i < PROC_REGIONS_MAX - 1u; i++) {
        place = map(place, 1, READ) + 2 * PAGE;
    }
    (void)map(place, 3, READ);
    demo_case("one stretch too many");
    CHECK_REFUSED(try_map(place + 4 * PAGE, PAGE, READ), CAP_EXC_OVERLOADED);
    demo_case("an unmap that would make two of one");
    CHECK_REFUSED(try_unmap(place + PAGE, PAGE, 0), CAP_EXC_OVERLOADED);
    demo_case(NULL);
    check_filled(place, 3, 0);
    unmap(place, 1); /* from an end it does not */
    unmap(place + PAGE, 2);
    (void)map(place, 1, READ);
    for (place = PLACE; place < PLACE + 2 * PROC_REGIONS_MAX * PAGE; place += 2 * PAGE) {
        unmap(place, 1);
    }
    CHECK_EQ(usage_now(ring).frames, before.frames);
}

/* Until the budget is used up, and then it is all there again. */
static void check_budget(void)
{
    struct usage before = usage_now(ring);
    uint64_t rest = before.frames_max - before.frames;
    uint64_t pages = 0;

    demo_case("more than the budget in one call");
    CHECK(rest < MEMORY_PAGES_MAX);
    CHECK_REFUSED(try_map(PLACE, MEMORY_PAGES_MAX * PAGE, READ_WRITE), CAP_EXC_OVERLOADED);
    CHECK_EQ(usage_now(ring).frames, before.frames);

    demo_case("page by page up to the budget");
    for (struct rt_status status; pages <= rest; pages++) {
        status = try_map(PLACE + pages * PAGE, PAGE, READ_WRITE);
        if (!rt_ok(status)) {
            CHECK_REFUSED(status, CAP_EXC_OVERLOADED);
            break;
        }
    }
    CHECK_EQ(usage_now(ring).frames, before.frames_max);
    CHECK(pages < rest && pages + 8 > rest); /* a few are page tables */
    fill(PLACE, pages, 0x99);
    unmap(PLACE, pages);
    CHECK_EQ(usage_now(ring).frames, before.frames);
    demo_case(NULL);
}

/* Without the capability nothing more can be mapped; what is mapped stays. */
static void check_release(void)
{
    uint64_t address = map(0, 1, READ_WRITE);
    uint64_t more;

    fill(address, 1, 0x33);
    CHECK_OK(rt_release(ring, memory.id));
    CHECK_EQ(capos_virtual_memory_map(ring, memory, 0, PAGE, READ, &more).code,
             CAP_ERR_INVOKE_FAILED);
    CHECK_EQ(capos_virtual_memory_unmap(ring, memory, address, PAGE).code, CAP_ERR_INVOKE_FAILED);
    check_filled(address, 1, 0x33);
}

/* ---------------------------------------------------------------------------
 * What ends a process. All but the last step is checked, and the line says so. */

static void write_what_is_read_only(void)
{
    uint64_t address = map(0, 1, READ_WRITE);

    fill(address, 1, 1);
    protect(address, 1, READ);
    check_filled(address, 1, 1);
    rt_printf("virtual-memory: about to write what was made read-only\n");
    at(address)[0] = 2;
}

static void write_a_reader(void)
{
    struct capos_memory_reader reader;
    uint64_t address;

    CHECK_OK(capos_memory_object_reader(ring, allocate(1), &reader));
    CHECK_OK(capos_virtual_memory_map_object(ring, memory, rt_move(reader.id), 0, 0, PAGE, READ,
                                             &address));
    check_filled(address, 1, 0);
    rt_printf("virtual-memory: about to write through a reader\n");
    at(address)[0] = 2;
}

static void execute_what_is_writable(void)
{
    uint64_t address = map(0, 1, READ_WRITE);

    at(address)[0] = 0xc3; /* ret */
    rt_printf("virtual-memory: about to execute what is writable\n");
    __asm__ volatile("call *%0" : : "r"(address) : "memory");
}

static void read_what_is_unmapped(void)
{
    uint64_t address = map(0, 1, READ_WRITE);

    at(address)[0] = 1;
    unmap(address, 1);
    rt_printf("virtual-memory: about to read what was unmapped\n");
    (void)at(address)[0];
}

static const struct {
    const char *name;
    void (*act)(void);
} parts[] = {
    {"write-read-only", write_what_is_read_only},
    {"write-reader", write_a_reader},
    {"execute-writable", execute_what_is_writable},
    {"read-unmapped", read_what_is_unmapped},
};

int main(void)
{
    ring = demo_begin("virtual-memory");
    memory = (struct capos_virtual_memory){rt_capset_need("memory", CAPOS_VIRTUAL_MEMORY_ID)};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (rt_capset_has(rt_capset(), parts[i].name)) {
            parts[i].act();
            return 1; /* it was allowed */
        }
    }
    check_reuse();
    check_pieces();
    check_kernel_obeys_protection();
    check_code();
    check_shared();
    check_refused();
    check_refused_objects();
    check_stretches();
    check_budget();
    check_release();
    rt_printf("virtual-memory: %zu hostile requests refused, and nothing left behind\n",
              sizeof refused / sizeof *refused);
    return demo_end();
}
