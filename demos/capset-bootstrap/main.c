// SPDX-License-Identifier: MIT
/*
 * The CapSet page says exactly what was granted, in order, and typed lookup
 * refuses what does not fit. What it names works; what was released from it does
 * not come back. The table below repeats the manifest's entry.
 *
 * That the page cannot be written takes a program that dies of trying:
 * tests/programs/trespass.
 */
#include <abi/layout.h>
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <rt/string.h>
#include <support/check.h>
#include <support/raw.h>

static const char *const granted[] = {"console", "second", "a-name-of-exactly-31-characters"};

#define GRANTED (sizeof granted / sizeof *granted)

static const struct capset_header *page(void)
{
    return (const struct capset_header *)(uintptr_t)USER_CAPSET_VADDR;
}

static void check_page(void)
{
    const struct capset_entry *entries = (const void *)(page() + 1);

    CHECK_EQ(page()->magic, CAPSET_MAGIC);
    CHECK_EQ(page()->version, CAPSET_VERSION);
    CHECK_EQ(page()->count, GRANTED);
    for (size_t i = 0; i < GRANTED; i++) {
        CHECK_EQ(entries[i].name_len, strlen(granted[i]));
        CHECK_EQ(memcmp(entries[i].name, granted[i], entries[i].name_len), 0);
        CHECK_EQ(entries[i].interface_id, CAPOS_CONSOLE_ID);
        CHECK_EQ(entries[i].badge, 0);
        CHECK(entries[i].cap_id != CAP_ID_NONE);
        for (size_t j = 0; j < i; j++) {
            CHECK(entries[i].cap_id != entries[j].cap_id);
        }
    }
}

/* Nothing of the kernel's lies behind the entries. */
static void check_rest_is_zero(void)
{
    const unsigned char *bytes = (const unsigned char *)page();

    for (size_t at = sizeof(struct capset_header) + GRANTED * sizeof(struct capset_entry);
         at < USER_PAGE_BYTES; at++) {
        CHECK_EQ(bytes[at], 0);
    }
}

static void check_lookup(void)
{
    const struct rt_capset *set = rt_capset();
    uint64_t id = 0;

    CHECK(strlen(granted[2]) == CAP_NAME_MAX);
    for (size_t i = 0; i < GRANTED; i++) {
        CHECK_EQ(rt_capset_find(set, granted[i], CAPOS_CONSOLE_ID, &id), RT_CAPSET_FOUND);
        CHECK_EQ(id, set->entries[i].cap_id);
        CHECK_EQ(rt_capset_find(set, granted[i], CAPOS_NULL_CAP_ID, &id),
                 RT_CAPSET_WRONG_INTERFACE);
        CHECK_EQ(rt_capset_find(set, granted[i], 0, &id), RT_CAPSET_WRONG_INTERFACE);
    }
    CHECK_EQ(rt_capset_find(set, "nothing", CAPOS_CONSOLE_ID, &id), RT_CAPSET_UNKNOWN_NAME);
    CHECK_EQ(rt_capset_find(set, "", CAPOS_CONSOLE_ID, &id), RT_CAPSET_UNKNOWN_NAME);
    CHECK_EQ(rt_capset_find(set, "Console", CAPOS_CONSOLE_ID, &id), RT_CAPSET_UNKNOWN_NAME);
    CHECK_EQ(rt_capset_find(set, "console ", CAPOS_CONSOLE_ID, &id), RT_CAPSET_UNKNOWN_NAME);
}

/* Each grant is a hold of its own: giving one up leaves the others, and its id is spent. */
static void check_release(struct rt_ring *ring)
{
    struct capos_console second = {rt_capset_need("second", CAPOS_CONSOLE_ID)};
    struct capos_console third = {rt_capset_need(granted[2], CAPOS_CONSOLE_ID)};

    CHECK(rt_ok(
        capos_console_write_line(ring, second, CAPNP_TEXT("capset-bootstrap: by a second name"))));
    CHECK(rt_ok(rt_release(ring, second.id)));
    CHECK_EQ(capos_console_write_line(ring, second, CAPNP_TEXT("gone")).code,
             CAP_ERR_INVOKE_FAILED);
    CHECK_EQ(rt_release(ring, second.id).code, CAP_ERR_INVOKE_FAILED);
    CHECK(rt_ok(
        capos_console_write_line(ring, third, CAPNP_TEXT("capset-bootstrap: and by a third"))));
}

int main(void)
{
    struct rt_ring *ring = demo_begin("capset-bootstrap");

    check_page();
    check_rest_is_zero();
    check_lookup();
    check_release(ring);
    return demo_end();
}
