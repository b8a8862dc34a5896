// SPDX-License-Identifier: MIT
/*
 * What the kernel knows, as this program works it out: its capabilities, its ring,
 * its memory, and from these what an entry may come to.
 */
#pragma once

#include <abi/error.h>
#include <abi/layout.h>
#include <abi/ring.h>
#include <stdbool.h>
#include <stdint.h>

#define MODEL_DECOY_BYTES (20u * USER_PAGE_BYTES)

/* Where entries may point to: between two pages that must stay as they are. */
extern uint8_t model_decoy[USER_PAGE_BYTES + MODEL_DECOY_BYTES + USER_PAGE_BYTES];
#define MODEL_DECOY    ((uint64_t)(uintptr_t)model_decoy + USER_PAGE_BYTES)

#define MODEL_CAPS_MAX 18u

extern struct model_cap {
    uint64_t id;
    uint64_t interface;
    bool kept; /* not to be released */
    bool live;
} model_caps[MODEL_CAPS_MAX];

extern uint32_t model_cap_count;

/* Fills model_caps from the CapSet. Returns the seed that the first name stands for. */
uint64_t model_take_capset(void);

/* Index of a capability that is still there; model_cap_count: there is none with this id. */
uint32_t model_find_cap(uint64_t id);

/* The ring as the kernel must see it; counts run freely. */
extern struct model_ring {
    struct cap_ring_header *header;
    struct cap_sqe *sq;
    const struct cap_cqe *cq;
    uint64_t end; /* address behind the region */
    uint32_t sq_entries;
    uint32_t cq_entries;
    uint32_t area_offset;
    uint32_t area_bytes;
    uint32_t sq_head;
    uint32_t cq_tail;
    uint32_t cq_known; /* cq_head as the kernel last accepted it */
    uint32_t cq_head;  /* the next completion to look at */
} model_ring;

/* Its header as the kernel wrote it. */
extern struct cap_ring_header model_header;

/* Whether a result there could harm the program itself, beyond its ring; or its ring. */
bool model_harms_program(const struct cap_sqe *sqe);
bool model_harms_ring(const struct cap_sqe *sqe);

/* A set of results: bit n for code -n, bit 0 for success. */
#define MAY(code)  (1u << -(code))
#define SUCCESS    1u
#define BY_OBJECT  (SUCCESS | MAY(CAP_ERR_EXCEPTION) | MAY(CAP_ERR_BAD_RESULT))
#define ANYTHING   0x1fffu
#define CODES_SEEN 13u

/* The results that somebody can get who has no endpoint, nor a client of one. */
#define ALL_RESULTS (0x1ffu /* success, and the first eight */ | MAY(CAP_ERR_NOT_FOUND))

/* What an entry may come to. Has its effect: a RELEASE that works takes the capability away. */
uint32_t model_verdict(const struct cap_sqe *s);
