// SPDX-License-Identifier: MIT
/*
 * Entries in flight: a record for each submission that completes later.
 *
 * Each thread has a pool of them, as many as it may keep completions reserved for
 * (lib/ring.h), so the pool is its budget of outstanding calls and nothing is
 * allocated on the way. A call between two processes is two records, the caller's
 * and the receiver's, which point to each other while it is being served:
 *
 *   the caller's                              the receiver's
 *
 *            no receiver waits                       no call waits
 *   FREE ──────────────────► QUEUED           FREE ───────────────► ARMED ◄───┐
 *    ▲ │                       │               ▲ │                    │       │
 *    │ │ a receiver waits      │ received      │ │ a call waits       │       │ RETURN
 *    │ └──────────► SERVED ◄───┘               │ └──► SERVING ◄───────┘       │ with
 *    │                │                        │         │  │                 │ F_AGAIN
 *    └────────────────┘ returned, cancelled,   └─────────┘  └─────────────────┘
 *                       or either party died     returned
 *
 *   FREE ──► KEPT ──► FREE       a call that an object of the kernel answers later
 *
 * QUEUED, SERVED, KEPT and ARMED owe a completion, for which the ring keeps a place;
 * SERVING owes none, since the RECV has completed. A served call whose caller has gone
 * leaves a SERVING record without a peer: its RETURN is told so.
 *
 * A record of ours that waits for somebody else's process holds the endpoint; one
 * that is SERVED does not, since the endpoint may close meanwhile.
 *
 * Invariants, checked by call_pool_check():
 *   1  a FREE record is in its pool's chain, a QUEUED or ARMED one in its endpoint's
 *      lists, and no other is in any
 *   2  a SERVED record has a SERVING peer, whose peer it is; a SERVING record
 *      has a peer that is SERVED, or none
 *   3  each FREE record is in the chain once
 */
#pragma once

#include <lib/list.h>
#include <stdbool.h>
#include <stdint.h>

struct endpoint;
struct thread;
struct transfer;

enum call_state { CALL_FREE, CALL_QUEUED, CALL_SERVED, CALL_KEPT, CALL_ARMED, CALL_SERVING };

/* A program's buffer whose place and length were checked. */
struct call_buffer {
    uint8_t *area; /* in the message area; NULL: elsewhere, at `addr` */
    uint64_t addr; /* in the program's address space; where `area` is NULL */
    uint32_t len;  /* bytes */
    uint32_t near; /* the same if it is in the message area; otherwise 0 */
};

/* What a caller says. Used while it is QUEUED; delivered from the stack otherwise. */
struct call_message {
    struct call_buffer params; /* descriptors not counted */
    uint64_t interface_id;
    uint64_t badge;
    uint16_t method_id;
    struct transfer *transfer; /* owned; NULL: no capabilities */
};

struct call {
    struct list_node node;  /* QUEUED ARMED */
    struct call *next_free; /* FREE */
    enum call_state state;
    uint32_t cap_room;          /* QUEUED SERVED KEPT ARMED SERVING: capabilities it takes */
    struct call *peer;          /* SERVED SERVING */
    struct endpoint *endpoint;  /* QUEUED ARMED SERVING: a hold */
    struct thread *thread;      /* [I] whose ring */
    uint64_t id;                /* what a RETURN names; its generation outlives each use */
    uint64_t user_data;         /* of the entry that this completes */
    struct call_buffer result;  /* where the answer or the received call goes */
    struct call_message queued; /* QUEUED */
    /* KEPT: who keeps it forgets it, since the caller has cancelled or died. */
    void (*withdraw)(struct call *call);
    void *keeper; /* KEPT */
};

/* A call id is the record's index in the low bits and a generation above; never 0. */
#define CALL_ID_INDEX_BITS 16u
#define CALL_ID_INDEX_MASK ((1ull << CALL_ID_INDEX_BITS) - 1)

struct call_pool {
    struct call *records; /* borrowed storage */
    uint32_t count;       /* [I] */
    struct call *free;    /* the first of those that are */
};

/* Makes a pool of `count` FREE records of this thread. Keeps `records` and `thread`. */
void call_pool_init(struct call_pool *pool, struct call *records, uint32_t count,
                    struct thread *thread);

/* A FREE record, out of the pool and still FREE: the caller gives it a state. NULL: none. */
static inline struct call *call_take(struct call_pool *pool)
{
    struct call *call = pool->free;

    if (__builtin_expect(call != NULL, 1)) {
        pool->free = call->next_free;
    }
    return call;
}

/* The same record, which has been looked at already. */
static inline void call_take_first(struct call_pool *pool, const struct call *first)
{
    pool->free = first->next_free;
}

/* Puts a record back that is in no list and holds no endpoint: it is FREE. */
static inline void call_put(struct call_pool *pool, struct call *call)
{
    call->state = CALL_FREE;
    call->next_free = pool->free;
    pool->free = call;
}

/* The record that serves the call of this id. NULL: it was answered, or never was. */
static inline struct call *call_find(const struct call_pool *pool, uint64_t id)
{
    uint32_t index = (uint32_t)(id & CALL_ID_INDEX_MASK);

    if (__builtin_expect(index >= pool->count, 0)) {
        return NULL;
    }
    struct call *call = &pool->records[index];
    return __builtin_expect(call->id == id && call->state == CALL_SERVING, 1) ? call : NULL;
}

/*
 * The first record, by place in the pool, of an entry with this user data that has
 * not completed. NULL: there is none. Looks at every record.
 */
struct call *call_find_entry(const struct call_pool *pool, uint64_t user_data);

/* Takes a record out of the list of an endpoint, if it is in one. */
static inline void call_unlist(struct call *call)
{
    if (call->state == CALL_QUEUED || call->state == CALL_ARMED) {
        list_unlink(&call->node);
    }
}

/*
 * A receiver takes a call: the caller's record becomes SERVED and the receiver's
 * SERVING, both being in no list. Returns the call's id.
 */
static inline uint64_t call_pair(struct call *caller, struct call *receiver)
{
    caller->state = CALL_SERVED;
    receiver->state = CALL_SERVING;
    caller->peer = receiver;
    receiver->peer = caller;
    receiver->id += 1ull << CALL_ID_INDEX_BITS;
    return receiver->id;
}

/* Parts a SERVED or SERVING record from its peer, if it has one, and returns that. */
static inline struct call *call_part(struct call *call)
{
    struct call *peer = call->peer;

    call->peer = NULL;
    if (peer != NULL) {
        peer->peer = NULL;
    }
    return peer;
}

/* Records that are not FREE, counted by walking the pool. For checks. */
uint32_t call_pool_used(const struct call_pool *pool);

/* Whether all invariants hold. Walks the pool. */
bool call_pool_check(const struct call_pool *pool);
