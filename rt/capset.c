// SPDX-License-Identifier: MIT
#include <rt/capset.h>

#include <abi/ring.h>
#include <rt/string.h>

static bool all_zero(const void *at, size_t bytes)
{
    const unsigned char *p = at;

    for (size_t i = 0; i < bytes; i++) {
        if (p[i] != 0) {
            return false;
        }
    }
    return true;
}

static bool name_well_formed(const struct capset_entry *e)
{
    return e->name_len >= 1 && e->name_len <= CAP_NAME_MAX &&
           memchr(e->name, '\0', e->name_len) == NULL &&
           all_zero(e->name + e->name_len, (size_t)CAP_NAME_MAX - e->name_len);
}

static bool same_name(const struct capset_entry *a, const struct capset_entry *b)
{
    return a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0;
}

static enum rt_capset_fault check_entry(const struct capset_entry *entries, uint32_t i)
{
    const struct capset_entry *e = &entries[i];

    if (!name_well_formed(e)) {
        return RT_CAPSET_BAD_NAME;
    }
    if (e->cap_id == CAP_ID_NONE) {
        return RT_CAPSET_BAD_ID;
    }
    if (e->reserved != 0) {
        return RT_CAPSET_BAD_RESERVED;
    }
    for (uint32_t before = 0; before < i; before++) {
        if (same_name(e, &entries[before])) {
            return RT_CAPSET_SAME_NAME;
        }
    }
    return RT_CAPSET_OK;
}

enum rt_capset_fault rt_capset_open(struct rt_capset *out, const void *page)
{
    if (page == NULL) {
        *out = (struct rt_capset){.entries = NULL, .count = 0};
        return RT_CAPSET_OK;
    }
    const struct capset_header *h = page;
    if (h->magic != CAPSET_MAGIC) {
        return RT_CAPSET_BAD_MAGIC;
    }
    if (h->version != CAPSET_VERSION) {
        return RT_CAPSET_BAD_VERSION;
    }
    if (h->count > CAPSET_ENTRIES_MAX) {
        return RT_CAPSET_BAD_COUNT;
    }
    if (!all_zero(h->reserved, sizeof h->reserved)) {
        return RT_CAPSET_BAD_RESERVED;
    }
    const struct capset_entry *entries = (const void *)(h + 1);
    for (uint32_t i = 0; i < h->count; i++) {
        enum rt_capset_fault fault = check_entry(entries, i);
        if (fault != RT_CAPSET_OK) {
            return fault;
        }
    }
    *out = (struct rt_capset){.entries = entries, .count = h->count};
    return RT_CAPSET_OK;
}

const char *rt_capset_fault_text(enum rt_capset_fault fault)
{
    switch (fault) {
    case RT_CAPSET_OK:
        return "nothing is wrong";
    case RT_CAPSET_BAD_MAGIC:
        return "the page does not begin as a CapSet does";
    case RT_CAPSET_BAD_VERSION:
        return "the CapSet is of another version";
    case RT_CAPSET_BAD_COUNT:
        return "the CapSet claims more entries than a page holds";
    case RT_CAPSET_BAD_NAME:
        return "an entry's name is empty, too long, or not padded with zeros";
    case RT_CAPSET_BAD_ID:
        return "an entry has no capability id";
    case RT_CAPSET_BAD_RESERVED:
        return "a reserved field is not zero";
    case RT_CAPSET_SAME_NAME:
        return "two entries have the same name";
    }
    return "a fault that is in no list";
}

/* The entry of that name, or NULL. */
static const struct capset_entry *find_name(const struct rt_capset *set, const char *name)
{
    size_t length = strnlen(name, CAP_NAME_MAX + 1u);

    for (uint32_t i = 0; i < set->count; i++) {
        const struct capset_entry *e = &set->entries[i];
        if (e->name_len == length && memcmp(e->name, name, length) == 0) {
            return e;
        }
    }
    return NULL;
}

enum rt_capset_found rt_capset_find(const struct rt_capset *set, const char *name,
                                    uint64_t interface_id, uint64_t *cap_id)
{
    const struct capset_entry *e = find_name(set, name);

    if (e == NULL) {
        return RT_CAPSET_UNKNOWN_NAME;
    }
    if (e->interface_id != interface_id) {
        return RT_CAPSET_WRONG_INTERFACE;
    }
    *cap_id = e->cap_id;
    return RT_CAPSET_FOUND;
}

bool rt_capset_first(const struct rt_capset *set, uint64_t interface_id, uint64_t *cap_id)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->entries[i].interface_id == interface_id) {
            *cap_id = set->entries[i].cap_id;
            return true;
        }
    }
    return false;
}

bool rt_capset_has(const struct rt_capset *set, const char *name)
{
    return find_name(set, name) != NULL;
}
