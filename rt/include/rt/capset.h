// SPDX-License-Identifier: MIT
/*
 * What this process was born with: capabilities by name.
 *
 * A lookup names the interface as well, so that a capability of another type
 * than the program expects is refused here and not at the first call:
 *
 *     struct capos_console console = capos_console_need("console");
 *
 * The page is the kernel's and read-only, yet it is checked whole before it is
 * used; once open, readers need no further checks.
 */
#pragma once

#include <abi/capset.h>
#include <stdbool.h>
#include <stdint.h>

/* A CapSet that has been checked. A view: the page is borrowed and must stay mapped. */
struct rt_capset {
    const struct capset_entry *entries; /* in the order of the grants */
    uint32_t count;
};

enum rt_capset_fault {
    RT_CAPSET_OK,
    RT_CAPSET_BAD_MAGIC,
    RT_CAPSET_BAD_VERSION,
    RT_CAPSET_BAD_COUNT,
    RT_CAPSET_BAD_NAME,     /* length out of range, a NUL inside, or not zero behind */
    RT_CAPSET_BAD_ID,       /* CAP_ID_NONE */
    RT_CAPSET_BAD_RESERVED, /* a reserved field is not zero */
    RT_CAPSET_SAME_NAME,    /* two entries with one name */
};

/*
 * Checks the page and takes a view of it. NULL stands for a process that was
 * given nothing: an empty set. On anything but RT_CAPSET_OK, *out is untouched.
 */
enum rt_capset_fault rt_capset_open(struct rt_capset *out, const void *page);

/* One sentence for a fault. Never NULL; static. */
const char *rt_capset_fault_text(enum rt_capset_fault fault);

/* The process's own set, checked by the runtime before main. */
const struct rt_capset *rt_capset(void);

enum rt_capset_found {
    RT_CAPSET_FOUND,
    RT_CAPSET_UNKNOWN_NAME,
    RT_CAPSET_WRONG_INTERFACE, /* the name is there, with another interface id */
};

/* The id of the capability of that name and type. *cap_id is written only when found. */
enum rt_capset_found rt_capset_find(const struct rt_capset *set, const char *name,
                                    uint64_t interface_id, uint64_t *cap_id);

/* The first capability of that type, whatever its name. False: there is none. */
bool rt_capset_first(const struct rt_capset *set, uint64_t interface_id, uint64_t *cap_id);

/* Whether an entry of that name is there, whatever its type. */
bool rt_capset_has(const struct rt_capset *set, const char *name);

/* As rt_capset_find in the process's own set; a program that cannot go on without it panics. */
uint64_t rt_capset_need(const char *name, uint64_t interface_id);
