// SPDX-License-Identifier: MIT
/*
 * Who is in a scene (scene.h), what they hold, and the entries that they make. For the files
 * of the scene alone.
 */
#pragma once

#include <abi/ring.h>
#include <stdbool.h>
#include <stdint.h>

#include "cap/endpoint.h"
#include "test/world.h"

#define SCENE_PARAMS_BYTES 16u  /* of an ordinary message */
#define SCENE_ROOM_BYTES   128u /* for an answer, or a call with its header */
#define SCENE_LONG_BYTES   200u /* more than anybody has room for, and yet a short message */
#define SCENE_INTERFACE    0x5ce7eull

/* Pages of the caller's, and of the receiver's; the event's own entry has others. */
enum { CALL_PARAMS, CALL_RESULT, EVENT_PARAMS, EVENT_RESULT };
enum { RECEIVE_ROOM, ANSWER, EVENT_ROOM };

/* Two capabilities that travel together, one moved and one copied. */
struct pair {
    struct token moved;
    struct token copied;
};

struct scene {
    struct actor caller;
    struct actor receiver;
    struct endpoint_object *endpoint;
    uint64_t client; /* the caller's capability, and the next */
    uint64_t object;
    uint64_t owner;        /* the receiver's */
    uint64_t caller_spare; /* owner facets of endpoints that nobody calls */
    uint64_t receiver_spare;
    struct keeper keeper;
    struct pair sent;   /* with the state's call */
    struct pair second; /* with the event's call */
    struct pair answer; /* with the answer */
    struct token filler;
    uint64_t call; /* the state's entries: 0 if there is none */
    uint64_t receive;
    uint64_t call_id;
    struct actor *actor; /* who made the event's entry; NULL: there is none */
    uint64_t entry;
    const struct pair *travelling; /* what `moved` tells of; NULL: nothing */
    bool cannot;
    bool in_area; /* buffers lie in the message areas; otherwise in pages that can be taken away */
    char wrong[320];
};

/* Everybody comes, with all that they need. */
void scene_begin(struct scene *s, bool in_area);

/* Writes down what is wrong, if nothing was before; what NULL: nothing is. */
void scene_complain(struct scene *s, const char *when, const char *what);

/* The same of the kernel's state. */
void scene_check(struct scene *s, const char *when);

/* Puts descriptors for the pair behind a message. */
void scene_describe(struct actor *a, uint64_t addr, uint32_t len, const struct pair *pair);

/* Entries; the caller's from these pages of its, and a RETURN with the message in ANSWER. */
struct cap_sqe scene_call_of(const struct scene *s, uint64_t cap_id, uint32_t params,
                             uint32_t result, uint32_t len);
struct cap_sqe scene_recv_of(const struct scene *s, const struct actor *a, uint64_t cap_id,
                             uint32_t page, uint32_t len);
struct cap_sqe scene_return_of(const struct scene *s, uint64_t call_id, uint32_t len);
struct cap_sqe scene_cancel_of(uint64_t entry);
struct cap_sqe scene_release_of(uint64_t cap_id);

/* Submits and lets it run; says the entry's number. */
uint64_t scene_perform(struct actor *a, struct cap_sqe sqe);
