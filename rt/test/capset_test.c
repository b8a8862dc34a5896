// SPDX-License-Identifier: MIT
/* CapSet pages, honest and hostile. The page ends where readable memory ends. */
#include <rt/capset.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CONSOLE 0xf0a4b1c86d2e7395ull
#define OTHER   0x9b7d20f3e81c5a64ull

struct page {
    struct capset_header header;
    struct capset_entry entries[CAPSET_ENTRIES_MAX];
};

_Static_assert(sizeof(struct page) == 4096, "a CapSet is one page");

static void put(struct page *page, uint32_t i, const char *name, uint64_t id, uint64_t interface_id)
{
    struct capset_entry *e = &page->entries[i];

    e->cap_id = id;
    e->interface_id = interface_id;
    e->name_len = (uint8_t)strlen(name);
    memcpy(e->name, name, strlen(name));
}

/* A good page of two entries, allocated by itself so that the sanitizer guards its end. */
static int make_page(void **state)
{
    struct page *page = calloc(1, sizeof *page);

    page->header =
        (struct capset_header){.magic = CAPSET_MAGIC, .version = CAPSET_VERSION, .count = 2};
    put(page, 0, "console", 0x100001, CONSOLE);
    put(page, 1, "spare", 0x100002, OTHER);
    *state = page;
    return 0;
}

static int free_page(void **state)
{
    free(*state);
    return 0;
}

static enum rt_capset_fault open_page(const struct page *page)
{
    struct rt_capset set = {.count = 77};
    enum rt_capset_fault fault = rt_capset_open(&set, page);

    assert_int_equal(set.count, fault == RT_CAPSET_OK ? page->header.count : 77);
    return fault;
}

static void lookups(void **state)
{
    struct rt_capset set;
    uint64_t id = 5;

    assert_int_equal(rt_capset_open(&set, *state), RT_CAPSET_OK);
    assert_int_equal(rt_capset_find(&set, "console", CONSOLE, &id), RT_CAPSET_FOUND);
    assert_int_equal(id, 0x100001);
    id = 5;
    assert_int_equal(rt_capset_find(&set, "console", OTHER, &id), RT_CAPSET_WRONG_INTERFACE);
    assert_int_equal(rt_capset_find(&set, "consol", CONSOLE, &id), RT_CAPSET_UNKNOWN_NAME);
    assert_int_equal(rt_capset_find(&set, "consoles", CONSOLE, &id), RT_CAPSET_UNKNOWN_NAME);
    assert_int_equal(rt_capset_find(&set, "", CONSOLE, &id), RT_CAPSET_UNKNOWN_NAME);
    assert_int_equal(
        rt_capset_find(&set, "a name that is longer than any name may be", CONSOLE, &id),
        RT_CAPSET_UNKNOWN_NAME);
    assert_int_equal(id, 5);
    assert_true(rt_capset_has(&set, "spare"));
    assert_false(rt_capset_has(&set, "spar"));
    assert_true(rt_capset_first(&set, OTHER, &id));
    assert_int_equal(id, 0x100002);
    assert_false(rt_capset_first(&set, 1, &id));
}

static void nothing_granted(void **state)
{
    struct page *page = *state;
    struct rt_capset set;
    uint64_t id;

    assert_int_equal(rt_capset_open(&set, NULL), RT_CAPSET_OK);
    assert_int_equal(rt_capset_find(&set, "console", CONSOLE, &id), RT_CAPSET_UNKNOWN_NAME);
    page->header.count = 0;
    assert_int_equal(rt_capset_open(&set, page), RT_CAPSET_OK);
    assert_int_equal(rt_capset_find(&set, "console", CONSOLE, &id), RT_CAPSET_UNKNOWN_NAME);
}

static void headers(void **state)
{
    struct page *page = *state;

    page->header.magic ^= 1;
    assert_int_equal(open_page(page), RT_CAPSET_BAD_MAGIC);
    page->header.magic ^= 1;
    page->header.version++;
    assert_int_equal(open_page(page), RT_CAPSET_BAD_VERSION);
    page->header.version--;
    for (uint32_t bit = 6; bit < 32; bit++) {
        page->header.count = 1u << bit;
        assert_int_equal(open_page(page), RT_CAPSET_BAD_COUNT);
    }
    page->header.count = 2;
    for (size_t i = 0; i < 6; i++) {
        page->header.reserved[i] = 1;
        assert_int_equal(open_page(page), RT_CAPSET_BAD_RESERVED);
        page->header.reserved[i] = 0;
    }
    assert_int_equal(open_page(page), RT_CAPSET_OK);
}

static void names(void **state)
{
    struct page *page = *state;
    struct capset_entry *e = &page->entries[1];

    e->name_len = 0;
    assert_int_equal(open_page(page), RT_CAPSET_BAD_NAME);
    e->name_len = CAP_NAME_MAX + 1u;
    assert_int_equal(open_page(page), RT_CAPSET_BAD_NAME);
    e->name_len = 255;
    assert_int_equal(open_page(page), RT_CAPSET_BAD_NAME);
    e->name_len = 6; /* a NUL inside */
    assert_int_equal(open_page(page), RT_CAPSET_BAD_NAME);
    e->name_len = 4; /* "spar", and an e behind */
    assert_int_equal(open_page(page), RT_CAPSET_BAD_NAME);
    memset(e->name, 'x', CAP_NAME_MAX);
    e->name_len = CAP_NAME_MAX;
    assert_int_equal(open_page(page), RT_CAPSET_OK);
    page->entries[0] = *e;
    assert_int_equal(open_page(page), RT_CAPSET_SAME_NAME);
}

static void entries(void **state)
{
    struct page *page = *state;

    page->entries[1].cap_id = 0;
    assert_int_equal(open_page(page), RT_CAPSET_BAD_ID);
    page->entries[1].cap_id = 1;
    page->entries[1].reserved = 1ull << 63;
    assert_int_equal(open_page(page), RT_CAPSET_BAD_RESERVED);
}

static void a_full_page(void **state)
{
    struct page *page = *state;
    struct rt_capset set;
    uint64_t id;
    char name[] = "n00";

    for (uint32_t i = 0; i < CAPSET_ENTRIES_MAX; i++) {
        memset(&page->entries[i], 0, sizeof page->entries[i]);
        name[1] = (char)('0' + i / 10u);
        name[2] = (char)('0' + i % 10u);
        put(page, i, name, 1000u + i, CONSOLE);
    }
    page->header.count = CAPSET_ENTRIES_MAX;
    assert_int_equal(rt_capset_open(&set, page), RT_CAPSET_OK);
    assert_int_equal(rt_capset_find(&set, "n62", CONSOLE, &id), RT_CAPSET_FOUND);
    assert_int_equal(id, 1062);
}

/* Whatever one byte is changed to, opening ends and stays inside the page. */
static void every_byte_changed(void **state)
{
    struct page *page = *state;
    unsigned char *bytes = (unsigned char *)page;

    for (size_t at = 0; at < sizeof page->header + 2 * sizeof page->entries[0]; at++) {
        for (unsigned flip = 1; flip < 256; flip++) {
            struct rt_capset set = {0};
            bytes[at] ^= (unsigned char)flip;
            enum rt_capset_fault fault = rt_capset_open(&set, page);
            assert_true(strlen(rt_capset_fault_text(fault)) > 10);
            if (fault == RT_CAPSET_OK) {
                uint64_t id;
                (void)rt_capset_find(&set, "console", CONSOLE, &id);
            }
            bytes[at] ^= (unsigned char)flip;
        }
    }
    assert_int_equal(open_page(page), RT_CAPSET_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lookups, make_page, free_page),
        cmocka_unit_test_setup_teardown(nothing_granted, make_page, free_page),
        cmocka_unit_test_setup_teardown(headers, make_page, free_page),
        cmocka_unit_test_setup_teardown(names, make_page, free_page),
        cmocka_unit_test_setup_teardown(entries, make_page, free_page),
        cmocka_unit_test_setup_teardown(a_full_page, make_page, free_page),
        cmocka_unit_test_setup_teardown(every_byte_changed, make_page, free_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
