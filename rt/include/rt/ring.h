// SPDX-License-Identifier: MIT
/*
 * The ring client: one per thread, with one owner.
 *
 * It has two levels. Generated typed clients use rt_call_*: a call takes a piece
 * of the message area for its parameters and results, is submitted, waited for
 * in any order, and gives the piece back. Programs that test the kernel use
 * rt_ring_push/rt_ring_take: entries as they like them. Both can be mixed:
 * completions are told apart by the top bit of user_data, which belongs to
 * rt_call_*.
 *
 * The area is divided into 64 chunks of equal size, kept in one word: bit set,
 * chunk free. A call takes at least one; that bounds the calls in flight.
 *
 *   begin ──► submit ──► wait ──► (read results) ──► end
 *     │                   ▲
 *     └── end (give up)   └ any number of calls may be submitted before waiting
 *
 * Memory order: the store of sq_tail is a release that publishes the entries
 * before it; the load of cq_tail is an acquire that pairs with the kernel's
 * release after writing the completion. On one CPU, with the kernel working only
 * inside cap_enter, these cost nothing.
 */
#pragma once

#include <abi/error.h>
#include <abi/ring.h>
#include <abi/syscall.h>
#include <rt/syscall.h>
#include <stdbool.h>
#include <stdint.h>

#define RT_RING_CHUNKS 64u

/* Raw completions met while waiting for a call are kept here until taken. */
#define RT_RING_STASH 64u

/* User data of rt_call_*; raw entries must leave this bit clear. */
#define RT_USER_DATA_CALL (1ull << 63)

/* Why a call did not give a result. code is RT_OK, or a CAP_ERR_* of abi/error.h. */
struct rt_status {
    int32_t code;
    uint32_t exception; /* enum cap_exc; meaningful when code is CAP_ERR_EXCEPTION */
};

#define RT_OK 0

/* The runtime's own refusals, apart from every CAP_ERR_*. */
#define RT_ERR_NO_AREA (-1001) /* no run of free chunks is long enough; finish a call first */
#define RT_ERR_BUILD   (-1002) /* the parameters did not fit their message */
#define RT_ERR_MESSAGE (-1003) /* the results are not a valid message of their type */
#define RT_ERR_RING    (-1004) /* the queue is full and stays so: take raw completions first */

static inline bool rt_ok(struct rt_status s)
{
    return s.code == RT_OK;
}

/* One sentence for a status. Never NULL; static. */
const char *rt_status_text(struct rt_status s);

struct rt_ring {
    struct cap_ring_header *header;
    struct cap_sqe *sq;
    const struct cap_cqe *cq;
    uint8_t *area;
    uint32_t sq_mask;
    uint32_t cq_mask;
    uint32_t sq_tail; /* next to write; published by rt_ring_enter */
    uint32_t cq_head; /* next to take */
    uint32_t chunk_bytes;
    bool borrowed;
    uint64_t chunks_free;
    struct cap_cqe stash[RT_RING_STASH]; /* raw completions, oldest at stash_head */
    uint32_t stash_head;
    uint32_t stash_count;
};

/*
 * Checks the region's header (magic, version, features, sizes and offsets
 * against each other) and takes it. Keeps `region`, which must stay mapped.
 * False: the region is not a ring this runtime understands.
 */
bool rt_ring_init(struct rt_ring *ring, void *region);

/* Takes the region as the thread's own ring. Called by the runtime at entry, once. */
bool rt_ring_setup(void *region);

/*
 * The thread's own ring, set up by the runtime at entry. It has one owner: a
 * second borrow before rt_ring_return gives NULL.
 */
struct rt_ring *rt_ring_borrow(void);
void rt_ring_return(struct rt_ring *ring);

/*
 * Publishes what was pushed and enters the kernel; see abi/syscall.h. Returns
 * what cap_enter returns: completions available, or an enum sys_err.
 */
static inline int64_t rt_ring_enter(struct rt_ring *ring, uint64_t min_complete,
                                    uint64_t timeout_ns)
{
    __atomic_store_n(&ring->header->sq_tail, ring->sq_tail, __ATOMIC_RELEASE);
    return rt_cap_enter(min_complete, timeout_ns);
}

/* Entries that can be pushed before the next rt_ring_enter. */
static inline uint32_t rt_ring_room(const struct rt_ring *ring)
{
    uint32_t head = __atomic_load_n(&ring->header->sq_head, __ATOMIC_ACQUIRE);
    return ring->sq_mask + 1u - (ring->sq_tail - head);
}

/* Raw level: copies one entry in, as it is. False: the queue is full; enter first. */
bool rt_ring_push(struct rt_ring *ring, const struct cap_sqe *sqe);

/* Raw level: takes the oldest raw completion, settling calls on the way. False: none. */
bool rt_ring_take(struct rt_ring *ring, struct cap_cqe *out);

/*
 * One call in flight. Lives where the caller puts it, and must not move or die
 * between submit and end.
 */
struct rt_call {
    struct rt_ring *ring;
    uint8_t *params;       /* in the message area, zeroed by the builder */
    uint8_t *results;      /* in the message area, behind the parameters */
    uint32_t params_room;  /* bytes */
    uint32_t results_room; /* bytes */
    uint64_t chunks;       /* the run it holds; 0 when ended */
    struct cap_cqe cqe;    /* valid once done */
    bool done;
};

/* The slow part of rt_call_begin: a run of free chunks of so many bytes; 0: there is none. */
uint64_t rt_chunk_run(const struct rt_ring *ring, uint32_t bytes);

/*
 * Takes room for a call: at least so many bytes for parameters and results, each
 * rounded up to 8. RT_ERR_NO_AREA: not to be had now, and nothing was taken.
 */
static inline struct rt_status rt_call_begin(struct rt_call *call, struct rt_ring *ring,
                                             uint32_t params_bytes, uint32_t results_bytes)
{
    if (params_bytes > CAP_MESSAGE_MAX || results_bytes > CAP_MESSAGE_MAX) {
        return (struct rt_status){.code = RT_ERR_NO_AREA};
    }
    uint32_t params_room = (params_bytes + 7u) & ~7u;
    uint32_t results_room = (results_bytes + 7u) & ~7u;
    uint64_t chunks = ring->chunks_free & -ring->chunks_free; /* the first free one */

    if (__builtin_expect(params_room + results_room > ring->chunk_bytes, 0)) {
        chunks = rt_chunk_run(ring, params_room + results_room);
    }
    if (__builtin_expect(chunks == 0, 0)) {
        return (struct rt_status){.code = RT_ERR_NO_AREA};
    }
    ring->chunks_free &= ~chunks;
    call->params = ring->area + (uint64_t)__builtin_ctzll(chunks) * ring->chunk_bytes;
    call->ring = ring;
    call->results = call->params + params_room;
    call->params_room = params_room;
    call->results_room = results_room;
    call->chunks = chunks;
    call->done = false;
    return (struct rt_status){.code = RT_OK};
}

/*
 * The slow part of rt_call_submit: hands full queues to the kernel until there is
 * room. RT_ERR_RING: raw completions block the queue.
 */
struct rt_status rt_ring_make_room(struct rt_ring *ring);

/*
 * Queues the call with the first params_len bytes of its room as parameters.
 * Enters the kernel only when the queue is full. From here on rt_call_wait must
 * be called before rt_call_end.
 */
static inline struct rt_status rt_call_submit(struct rt_call *call, uint64_t cap_id,
                                              uint64_t interface_id, uint16_t method,
                                              uint32_t params_len)
{
    struct rt_ring *ring = call->ring;

    if (__builtin_expect(rt_ring_room(ring) == 0, 0)) {
        struct rt_status s = rt_ring_make_room(ring);
        if (!rt_ok(s)) {
            return s;
        }
    }
    struct cap_sqe *sqe = &ring->sq[ring->sq_tail & ring->sq_mask];
    *sqe = (struct cap_sqe){
        .opcode = CAP_OP_CALL,
        .method_id = method,
        .cap_id = cap_id,
        .interface_id = interface_id,
        .params_addr = (uintptr_t)call->params,
        .result_addr = (uintptr_t)call->results,
        .params_len = params_len,
        .result_len = call->results_room,
        .user_data = (uintptr_t)call | RT_USER_DATA_CALL,
    };
    ring->sq_tail++;
    return (struct rt_status){.code = RT_OK};
}

/*
 * Takes every completion that is there: settles calls, stashes raw ones. False: the
 * stash is full, and a raw completion blocks the rest of the queue.
 */
bool rt_ring_settle(struct rt_ring *ring);

/*
 * The slow parts of rt_call_wait. The first puts counts right that the program has
 * damaged; the second is reached when raw completions fill the stash and the call
 * is behind them. What cannot be helped ends in a panic: a call in flight refers to
 * memory of its caller's, which cannot be left.
 */
void rt_ring_mend(struct rt_ring *ring);
_Noreturn void rt_ring_overfull(void);

/* Waits, without time-out, until this call has completed, and says how. */
static inline struct rt_status rt_call_wait(struct rt_call *call)
{
    struct rt_ring *ring = call->ring;

    while (!call->done) {
        if (__builtin_expect(rt_ring_enter(ring, 1, CAP_TIMEOUT_FOREVER) < 0, 0)) {
            rt_ring_mend(ring);
        }
        if (__builtin_expect(!rt_ring_settle(ring), 0) && !call->done) {
            rt_ring_overfull();
        }
    }
    if (__builtin_expect(call->cqe.result < 0, 0)) {
        return (struct rt_status){.code = call->cqe.result,
                                  .exception = call->cqe.flags & CAP_CQE_F_EXC_MASK};
    }
    return (struct rt_status){.code = RT_OK};
}

/* Gives the room back. The results, and every reader of them, end here. */
static inline void rt_call_end(struct rt_call *call)
{
    call->ring->chunks_free |= call->chunks;
    call->chunks = 0;
}

/* Bytes of result message, once rt_call_wait was RT_OK. */
static inline uint32_t rt_call_results_bytes(const struct rt_call *call)
{
    return (uint32_t)call->cqe.result;
}

/* Empties a slot of the own capability table; waits for it. */
struct rt_status rt_release(struct rt_ring *ring, uint64_t cap_id);
