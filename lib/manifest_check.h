// SPDX-License-Identifier: MIT
/*
 * The parts of the manifest's validator (lib/manifest.h), among themselves:
 *
 *   manifest.c            names and lookups; binaries, services and the whole
 *   manifest_authority.c  grants and exports
 *   manifest_needs.c      ring, limits, restart and expectation
 *   manifest_fault.c      the sentence for what was refused
 *
 * Each *check_* function returns whether its part is as that header promises, and has
 * otherwise left the reason in the fault. A place in the manifest is carried as a small
 * struct and becomes text only when something is refused there.
 */
#pragma once

#include <lib/manifest.h>

/* "list[index].sublist[subindex].field"; parts that are NULL are left out. */
struct manifest_place {
    const char *list;
    uint32_t index;
    const char *sublist;
    uint32_t subindex;
    const char *field;
};

struct manifest_check {
    const uint8_t *start; /* of the message */
    struct capos_manifest manifest;
    struct manifest_fault *fault;
};

/* The same place, one field further in. */
static inline struct manifest_place manifest_field(struct manifest_place at, const char *field)
{
    at.field = field;
    return at;
}

/* Notes why and where, and returns false for the caller to pass on. */
bool manifest_refuse(struct manifest_check *check, struct manifest_place at, struct capnp_text name,
                     struct manifest_fault why);

/* The same for a name that the entry `other` of the list has already. */
bool manifest_refuse_taken(struct manifest_check *check, struct manifest_place at,
                           struct capnp_text name, uint32_t other);

/* Whether it is a name, and whether a list is short enough. */
bool manifest_check_name(struct manifest_check *check, struct manifest_place at,
                         struct capnp_text name);
bool manifest_check_count(struct manifest_check *check, struct manifest_place at, uint32_t count,
                          uint32_t most);

/* Of the service at this place: its grants and exports; and all else but name and starter. */
bool manifest_check_authority(struct manifest_check *check, struct capos_service service,
                              struct manifest_place at);
bool manifest_check_needs(struct manifest_check *check, struct capos_service service,
                          struct capos_binary binary, struct manifest_place at);
