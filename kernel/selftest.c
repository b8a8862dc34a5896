// SPDX-License-Identifier: MIT
#include "selftest.h"

#include <abi/layout.h>
#include <stdbool.h>

#include "arch/x86_64/features.h"
#include "link.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "mem/paging.h"
#include "mem/validate.h"
#include "panic.h"
#include "power.h"
#include "print.h"
#include "sanitize.h"
#include "string.h"

#define OPTION "capos.test"

/* A machine instruction: ret. */
#define RETURN_INSTRUCTION 0xc3

/* Each test ends with a panic or power_off; coming back means that nothing caught it. */

static void test_panic(void)
{
    panic("asked for by " OPTION);
}

static void test_null(void)
{
    volatile uint64_t *null;

    __asm__("xorl %k0, %k0" : "=r"(null)); /* the compiler must not know */
    *null = 1;
}

static void test_write_text(void)
{
    *(volatile char *)(uint64_t)kernel_start = 0;
}

/* The text again, by its address in the direct map. */
static const struct boot_info *boot;

static void test_write_text_alias(void)
{
    *(volatile char *)phys_to_virt((struct paddr){boot->kernel_phys}) = 0;
}

static void test_write_rodata(void)
{
    *(volatile char *)(uint64_t)kernel_rodata_start = 0;
}

static void call_bytes(const void *p)
{
    void (*function)(void);

    memcpy(&function, &p, sizeof(function));
    function();
}

static void test_exec_data(void)
{
    static uint8_t code[] = {RETURN_INSTRUCTION};

    call_bytes(code);
}

static void test_exec_direct_map(void)
{
    struct paddr frame;

    ASSERT(frame_alloc(NULL, &frame) == ST_OK, "no frame");
    memset(phys_to_virt(frame), RETURN_INSTRUCTION, FRAME_BYTES);
    call_bytes(phys_to_virt(frame));
}

/* An address space with one page of `ret` at USER_BASE, active. */
static void *user_page(unsigned prot)
{
    static struct aspace as;
    struct uaddr at = {USER_BASE};
    struct paddr frame;
    void *page;

    ASSERT(frame_alloc(NULL, &frame) == ST_OK, "no frame");
    memset(phys_to_virt(frame), RETURN_INSTRUCTION, FRAME_BYTES);
    ASSERT(aspace_create(&as, NULL) == ST_OK, "no address space");
    ASSERT(aspace_map(&as, at, frame, prot, true) == ST_OK, "no mapping");
    aspace_activate(&as);
    memcpy(&page, &at, sizeof(page));
    return page;
}

/* On a processor without the feature there is nothing to show. */
static void need(bool feature, const char *name)
{
    if (!feature) {
        kprint("capos: " OPTION ": this processor has no %s\n", name);
        power_off(EXIT_PASS);
    }
}

static void test_smap(void)
{
    need(features_get()->smap, "SMAP");
    *(volatile uint8_t *)user_page(PAGE_WRITE) = 0;
}

static void test_smep(void)
{
    need(features_get()->smep, "SMEP");
    call_bytes(user_page(PAGE_EXEC));
}

/* Far deeper than any stack. */
static uint64_t recurse(uint64_t depth)
{
    volatile uint64_t here[64];

    here[0] = depth;
    return depth == 0 ? 0 : recurse(depth - 1) + here[0];
}

static void test_guard(void)
{
    kprint("%lu\n", recurse(1000000));
}

static void test_double_panic(void)
{
    __asm__ volatile("movq $1, %rbp"); /* nothing a backtrace could follow */
    panic("asked for by " OPTION ", with a damaged stack");
}

static void pass(const char *what)
{
    kprint("capos: " OPTION ": %s\n", what);
    power_off(EXIT_PASS);
}

/* Blocks are chained through their first word, so that taking them all needs nothing else. */
static void *take_all(size_t bytes, uint64_t *count)
{
    void *chain = NULL;
    void **block;

    for (*count = 0; (block = heap_alloc(NULL, bytes)) != NULL; ++*count) {
        *block = chain;
        chain = block;
    }
    return chain;
}

static void give_back(void *chain)
{
    while (chain != NULL) {
        void *next = *(void **)chain;
        heap_free(NULL, chain);
        chain = next;
    }
}

static void test_heap(void)
{
    static const size_t sizes[] = {16, 48, 500, 2016, 5000, 300000};
    uint64_t before = frame_free_count();

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t count;
        void *chain = take_all(sizes[i], &count);
        ASSERT(heap_live_blocks() == count, "%lu blocks, %lu counted", count, heap_live_blocks());
        ASSERT(heap_live_bytes() == count * heap_charge(sizes[i]), "%lu bytes are too many",
               heap_live_bytes());
        ASSERT(heap_live_frames() == before - frame_free_count(), "the heap has lost a frame");
        give_back(chain);
        ASSERT(frame_free_count() == before && heap_live_blocks() == 0, "the heap kept a frame");
        kprint("capos: " OPTION ": %lu blocks of %zu bytes\n", count, sizes[i]);
    }
    pass("the heap was exhausted and gave everything back");
}

/* All frames into one address space, which so runs out in the middle of a mapping. */
static void test_frames(void)
{
    struct aspace as;
    uint64_t before = frame_free_count();
    uint64_t slices = 0;
    struct uaddr at = {USER_MAP_BASE};
    struct paddr frame = {0};
    enum status status = ST_OK;

    ASSERT(before == frame_recount(), "%lu frames are free, %lu counted", before, frame_recount());
    for (unsigned i = 0; i < 2; i++) { /* it is kept, and counted, and taken like any other below */
        uint64_t last = frame.v;
        ASSERT(frame_alloc_zeroed(NULL, &frame) == ST_OK, "no frame");
        ASSERT(i == 0 || frame.v == last, "a zeroed frame is not the next");
        frame_give_back_zeroed(frame);
        ASSERT(frame_free_count() == before && frame_recount() == before, "a frame was lost");
    }
    ASSERT(aspace_create(&as, NULL) == ST_OK, "no address space");
    while (status == ST_OK && frame_alloc(NULL, &frame) == ST_OK) {
        status = aspace_map(&as, at, frame, PAGE_WRITE, true);
        at.v += 77ull * FRAME_BYTES; /* so that page tables are a good part */
    }
    if (status != ST_OK) {
        frame_free(NULL, frame);
    }
    ASSERT(as.pages > before / 16 && frame_free_count() <= 1, "frames were left");
    ASSERT(aspace_count_frames(&as) == as.owned + as.tables, "page tables disagree with counts");
    kprint("capos: " OPTION ": %lu pages under %lu tables\n", as.pages, as.tables);
    while (!aspace_destroy_step(&as, 64)) {
        slices++;
    }
    ASSERT(frame_free_count() == before && frame_recount() == before, "frames were lost");
    ASSERT(slices >= before / 80, "%lu slices are not many", slices);
    pass("all frames were taken and given back");
}

/* Pages under two tables, in turn: the way to one that is remembered is not taken for the other. */
static void test_near_tables(struct aspace *as, struct uaddr at)
{
    const struct uaddr pages[] = {at, {at.v + (1ull << 21)}, {at.v + FRAME_BYTES}};
    uint64_t word;

    for (unsigned i = 0; i < 3; i++) {
        ASSERT(aspace_map_fresh(as, pages[i], PAGE_WRITE) == ST_OK, "mapping in turn");
        ASSERT(user_copy_in(as, &word, pages[i], 8) == ST_OK && word == 0, "a fresh page");
        ASSERT(aspace_map_fresh(as, pages[i], PAGE_WRITE) == ST_EXISTS, "mapping twice in turn");
    }
    ASSERT(as->tables == 5 && as->owned == 3 && aspace_count_frames(as) == 8, "two page tables");
    for (unsigned i = 0; i < 3; i++) {
        ASSERT(aspace_unmap(as, pages[i]) == ST_OK, "unmapping in turn");
        ASSERT(user_copy_in(as, &word, pages[i], 8) == ST_FAULT, "reading it then");
    }
    ASSERT(as->tables == 1 && aspace_count_frames(as) == 1, "a page table was kept");
}

static void test_aspace(void)
{
    struct aspace as;
    uint64_t before = frame_free_count();
    struct uaddr at = {USER_MAP_BASE};
    struct paddr frame;
    struct paddr found;
    unsigned prot;
    uint64_t word = 42;

    ASSERT(aspace_create(&as, NULL) == ST_OK && frame_alloc_zeroed(NULL, &frame) == ST_OK,
           "no memory");
    ASSERT(aspace_map(&as, at, frame, PAGE_WRITE | PAGE_EXEC, true) == ST_DENIED, "W and X");
    ASSERT(aspace_map(&as, (struct uaddr){USER_END}, frame, 0, true) == ST_INVALID, "the end");
    ASSERT(aspace_map(&as, (struct uaddr){0}, frame, 0, true) == ST_INVALID, "the null page");
    ASSERT(aspace_map(&as, (struct uaddr){at.v + 1}, frame, 0, true) == ST_INVALID, "alignment");
    ASSERT(aspace_map(&as, at, frame, PAGE_READ, true) == ST_OK, "mapping");
    ASSERT(aspace_map(&as, at, frame, PAGE_READ, true) == ST_EXISTS, "mapping twice");
    ASSERT(aspace_find(&as, at, &found, &prot) == ST_OK && found.v == frame.v && prot == PAGE_READ,
           "finding");

    aspace_activate(&as);
    ASSERT(user_copy_in(&as, &word, at, 8) == ST_OK && word == 0, "copying in");
    word = 42;
    ASSERT(user_copy_out(&as, at, &word, 8) == ST_FAULT, "writing a read-only page");
    ASSERT(aspace_protect(&as, at, PAGE_WRITE) == ST_OK, "protecting");
    ASSERT(user_copy_out(&as, (struct uaddr){at.v + 4093}, &word, 3) == ST_OK, "the last bytes");
    ASSERT(user_copy_out(&as, (struct uaddr){at.v + 4089}, &word, 8) == ST_FAULT, "over the end");
    ASSERT(user_copy_out(&as, (struct uaddr){at.v + 4090}, &word, 7) == ST_FAULT, "the tail");
    ASSERT(user_copy_in(&as, &word, (struct uaddr){DIRECT_MAP_BASE}, 8) == ST_FAULT, "the kernel");
    ASSERT(user_copy_in(&as, &word, (struct uaddr){1ull << 63 >> 8}, 8) == ST_FAULT, "no address");
    ASSERT(user_copy_in(&as, &word, (struct uaddr){USER_END - 4}, 8) == ST_FAULT, "past the end");
    ASSERT(user_copy_in(&as, &word, at, SIZE_MAX) == ST_FAULT, "wrapping");
    ASSERT(user_copy_in(&as, &word, (struct uaddr){USER_END}, 0) == ST_OK, "nothing at the end");
    ASSERT(aspace_unmap(&as, (struct uaddr){USER_END}) == ST_INVALID, "unmapping the end");
    ASSERT(aspace_unmap(&as, (struct uaddr){at.v + FRAME_BYTES}) == ST_NOT_FOUND, "the next page");
    ASSERT(aspace_unmap(&as, at) == ST_OK && frame_is_free(frame), "unmapping");
    ASSERT(user_copy_in(&as, &word, at, 8) == ST_FAULT, "reading what was unmapped");
    ASSERT(aspace_unmap(&as, at) == ST_NOT_FOUND, "unmapping twice");
    ASSERT(as.tables == 1 && aspace_count_frames(&as) == 1, "empty page tables were kept");
    test_near_tables(&as, at);

    paging_activate_kernel();
    ASSERT(aspace_destroy_step(&as, 1), "an empty address space took more than one step");
    ASSERT(frame_free_count() == before, "frames were lost");
    pass("mapping, protection and user copies do what they say");
}

static void test_paging(void)
{
    uint64_t word;

    ASSERT(paging_check(), "something is writable and executable, or the user half is not empty");
    ASSERT(kernel_read_word((uint64_t)boot_stack_top - 8, &word), "the stack is not mapped");
    ASSERT(!kernel_read_word((uint64_t)boot_stack_guard, &word), "the guard page is mapped");
    ASSERT(kstack_is_guard((uint64_t)boot_stack_guard) && kstack_is_guard(KSTACK_BASE) &&
               !kstack_is_guard(KSTACK_BASE + FRAME_BYTES),
           "guard pages are not told apart");
    pass("nothing is writable and executable");
}

void selftest_run(const struct boot_info *info)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"panic", test_panic},
        {"panic-damaged-stack", test_double_panic},
        {"pf-null", test_null},
        {"write-text", test_write_text},
        {"write-text-alias", test_write_text_alias},
        {"write-rodata", test_write_rodata},
        {"exec-data", test_exec_data},
        {"exec-direct-map", test_exec_direct_map},
        {"smap", test_smap},
        {"smep", test_smep},
        {"guard", test_guard},
        {"heap", test_heap},
        {"frames", test_frames},
        {"aspace", test_aspace},
        {"paging", test_paging},
    };
    size_t len;
    const char *name = boot_info_option(info, OPTION, &len);

    if (name == NULL) {
        return;
    }
    boot = info;
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        if (strlen(tests[i].name) == len && memcmp(tests[i].name, name, len) == 0) {
            tests[i].run();
            kprint("capos: " OPTION "=%s: nothing caught it\n", tests[i].name);
            power_off(EXIT_FAILED);
        }
    }
    sanitize_selftest(name, len);
    kprint("capos: " OPTION ": there is no test \"%.*s\"\n", (int)len, name);
    power_off(EXIT_FAILED);
}
