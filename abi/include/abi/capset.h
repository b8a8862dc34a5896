// SPDX-License-Identifier: MIT
/*
 * The CapSet: what a process was born with, by name, in the order in which it
 * was granted. One read-only page at USER_CAPSET_VADDR. The ids are those of the
 * process's own table; the page grants nothing, it only says where to look.
 */
#pragma once

#include <abi/limits.h>
#include <stddef.h>
#include <stdint.h>

#define CAPSET_MAGIC   0x544553504143ull /* "CAPSET", little endian */
#define CAPSET_VERSION 1u

struct capset_entry {
    uint64_t cap_id;
    uint64_t interface_id;
    uint8_t name_len;        /* 1…CAP_NAME_MAX */
    char name[CAP_NAME_MAX]; /* not terminated; unused bytes are zero */
    uint64_t badge;          /* endpoint facets; otherwise zero */
    uint64_t reserved;       /* zero */
};

struct capset_header {
    uint64_t magic;
    uint32_t version;
    uint32_t count;       /* entries that follow, at most CAPSET_ENTRIES_MAX */
    uint64_t reserved[6]; /* zero */
};

#define CAPSET_ENTRIES_MAX 63u

_Static_assert(sizeof(struct capset_entry) == 64, "capset entry is ABI");
_Static_assert(offsetof(struct capset_entry, name_len) == 16, "capset entry is ABI");
_Static_assert(offsetof(struct capset_entry, badge) == 48, "capset entry is ABI");
_Static_assert(sizeof(struct capset_header) == 64, "capset header is ABI");
_Static_assert(sizeof(struct capset_header) + CAPSET_ENTRIES_MAX * sizeof(struct capset_entry) ==
                   4096,
               "a CapSet is one page");
