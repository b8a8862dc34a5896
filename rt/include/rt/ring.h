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
 * The area is divided into 64 chunks of equal size. A call takes at least one; that
 * bounds the calls in flight. A word says which are free: bit set, chunk free. Those that
 * calls of one chunk have given back are not in it but at hand, the last on top, until a
 * run of several is wanted and none is left. Of runs, the one that was taken last is tried
 * first.
 *
 *   begin ──► submit ──► wait ──► (read results) ──► end      send: begin and submit in one
 *     │                   ▲ ▲
 *     │                   │ └ cancel: it then completes as cancelled, or was quicker
 *     └── end (give up)   └ any number of calls may be submitted before waiting
 *
 * Capabilities go with a message as descriptors and come as ids of the own table; in
 * the message itself stand their numbers. A call that may bring or carry some begins
 * with rt_call_begin_with:
 *
 *   give   while the parameters are built: says what goes along, and gives the
 *          pointer to set
 *   take   while the results are read: the id that a pointer stands for, which is
 *          the caller's from then on. End releases what came and was not taken
 *
 * Releases are entries like others, and nobody waits for them: they go to the kernel
 * with whatever is submitted next.
 *
 * Entering the kernel publishes sq_tail and cq_head, in one store. Until then an entry
 * is seen by nobody, so that its message may be built after it.
 *
 * Memory order: that store is a release that publishes the entries before it; the load
 * of cq_tail is an acquire that pairs with the kernel's release after writing the
 * completion. On one CPU, with the kernel working only inside cap_enter, these cost
 * nothing.
 */
#pragma once

#include <abi/error.h>
#include <abi/ring.h>
#include <abi/syscall.h>
#include <capnp/read.h>
#include <rt/syscall.h>
#include <rt/transfer.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RT_RING_CHUNKS 64u

/* Raw completions met while waiting for a call are kept here until taken. */
#define RT_RING_STASH 64u

/* User data of rt_call_*; raw entries must leave this bit clear. */
#define RT_USER_DATA_CALL (1ull << 63)

/* Room for the message that says why an object refuses; what does not fit is not told. */
#define RT_REFUSAL_BYTES 160u

/* So much room for results that a refusal finds some too. */
#define RT_RESULTS_ROOM(bytes) ((bytes) > RT_REFUSAL_BYTES ? (bytes) : RT_REFUSAL_BYTES)

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

struct rt_ring;

/* Of a completion what concerns its call: the middle of a struct cap_cqe. */
struct rt_outcome {
    int32_t result;
    uint16_t flags;
    uint16_t cap_count;
    uint64_t detail;
};

_Static_assert(offsetof(struct cap_cqe, detail) - offsetof(struct cap_cqe, result) ==
                   offsetof(struct rt_outcome, detail),
               "an outcome is copied as it lies in the completion");

/* The result of what has not completed yet; no enum cap_err. */
#define RT_PENDING INT32_MIN

/* What a call has of the message area. */
enum rt_hold { RT_HOLDS_NOTHING, RT_HOLDS_CHUNK, RT_HOLDS_CHUNK_AND_TAKES, RT_HOLDS_RUN };

/*
 * One call in flight. Lives where the caller puts it, and must not move or die
 * between submit and end.
 */
struct rt_call {
    struct rt_ring *ring;
    uint8_t *params;       /* in the message area, not cleared */
    uint8_t *results;      /* in the message area, behind the parameters */
    uint32_t params_room;  /* bytes */
    uint32_t results_room; /* bytes, with the records of capabilities */
    uint64_t chunks;       /* the run, if it holds one */
    struct rt_outcome cqe; /* valid once the result is not RT_PENDING */
    uint8_t give_room;     /* capabilities that can go with it */
    uint8_t given;         /* that do; one more than there is room for: too many were wanted */
    uint8_t take_room;     /* that can come with the answer */
    uint8_t holds;         /* enum rt_hold */
};

struct rt_ring {
    struct cap_ring_header *header;
    struct cap_sqe *sq;
    const struct cap_cqe *cq;
    uint8_t *area;
    struct cap_sqe *sq_next;      /* where the next to write lies, and there is room */
    struct cap_sqe *sq_stop;      /* before this; otherwise rt_ring_make_room finds both */
    _Alignas(8) uint32_t sq_tail; /* next to write, and */
    uint32_t cq_head;             /* next to take; published by rt_ring_enter, as they lie */
    uint32_t sq_mask;
    uint32_t cq_mask;
    uint32_t chunk_bytes;
    bool borrowed;
    uint64_t chunks_free; /* but for those at hand */
    uint64_t run;         /* of several, that was taken last, whether or not it is free, */
    uint32_t run_bytes;   /* and how long it is */
    uint32_t spare_count; /* chunks at hand */
    uint8_t *spare[1u + RT_RING_CHUNKS]; /* from the second on, behind one that is none */
    struct cap_cqe stash[RT_RING_STASH]; /* raw completions, oldest at stash_head */
    uint32_t stash_head;
    uint32_t stash_count;
    struct rt_call unheeded;        /* completes for entries that nobody waits for */
    char refusal[RT_REFUSAL_BYTES]; /* as a string; empty before the first */
};

/*
 * Checks the region's header (magic, version, features, sizes and offsets
 * against each other) and takes it. Keeps `region`, which must stay mapped.
 * False: the region is not a ring this runtime understands.
 */
bool rt_ring_init(struct rt_ring *ring, void *region);

/*
 * Goes on from these counts, for a program that has worked on the region by itself
 * meanwhile: the next entry to write, and the next completion to take.
 */
void rt_ring_go_on(struct rt_ring *ring, uint32_t sq_tail, uint32_t cq_head);

/* Takes the region as the thread's own ring. Called by the runtime at entry, once. */
bool rt_ring_setup(void *region);

/*
 * The thread's own ring, set up by the runtime at entry. It has one owner: a
 * second borrow before rt_ring_return gives NULL.
 */
struct rt_ring *rt_ring_borrow(void);
void rt_ring_return(struct rt_ring *ring);

_Static_assert(offsetof(struct rt_ring, sq_tail) % 8u == 0 &&
                   offsetof(struct rt_ring, cq_head) == offsetof(struct rt_ring, sq_tail) + 4u &&
                   offsetof(struct cap_ring_header, cq_head) ==
                       offsetof(struct cap_ring_header, sq_tail) + 4u,
               "both counts are published by one store");

/* Shows the kernel what was pushed and what was taken, for when it is entered next. */
static inline void rt_ring_publish(struct rt_ring *ring)
{
    uint64_t counts;

    __builtin_memcpy(&counts, (uint8_t *)ring + offsetof(struct rt_ring, sq_tail), sizeof counts);
    __atomic_store_n((uint64_t *)(void *)&ring->header->sq_tail, counts, __ATOMIC_RELEASE);
}

/*
 * Publishes, and enters the kernel; see abi/syscall.h. Returns what cap_enter returns:
 * completions available, or an enum sys_err.
 */
static inline int64_t rt_ring_enter(struct rt_ring *ring, uint64_t min_complete,
                                    uint64_t timeout_ns)
{
    rt_ring_publish(ring);
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

/* Completions that are in the queue. */
static inline uint32_t rt_ring_there(const struct rt_ring *ring)
{
    return __atomic_load_n(&ring->header->cq_tail, __ATOMIC_ACQUIRE) - ring->cq_head;
}

/* Whether no completion waits to be taken, neither a raw one nor a call's. */
static inline bool rt_ring_is_empty(const struct rt_ring *ring)
{
    return rt_ring_there(ring) == 0 && ring->stash_count == 0;
}

/* The completion that lies first in a queue that is not empty. */
static inline const struct cap_cqe *rt_ring_first(const struct rt_ring *ring)
{
    return &ring->cq[ring->cq_head & ring->cq_mask];
}

/* Of a completion the result, the flags and the count of capabilities, lowest bits first. */
static inline uint64_t rt_cqe_word(const struct cap_cqe *cqe)
{
    uint64_t word;

    __builtin_memcpy(&word, (const uint8_t *)cqe + offsetof(struct cap_cqe, result), sizeof word);
    return word;
}

/* Takes the completion that lies first in the queue. */
static inline void rt_ring_advance(struct rt_ring *ring)
{
    ring->cq_head++;
}

/* Raw level: takes the oldest raw completion, settling calls on the way. False: none. */
bool rt_ring_take(struct rt_ring *ring, struct cap_cqe *out);

/* Chunks that no call holds. */
uint32_t rt_ring_free_chunks(const struct rt_ring *ring);

/* The slow part of rt_call_begin_with: more than a chunk is wanted, or none is at hand. */
struct rt_status rt_call_begin_slowly(struct rt_call *call, struct rt_ring *ring,
                                      uint32_t params_room, uint32_t results_room, uint32_t give,
                                      uint32_t take);

/* Begins a call in a chunk at hand, in which so much finds room. */
static inline void rt_call_begin_in(struct rt_call *call, struct rt_ring *ring, uint8_t *chunk,
                                    uint32_t params_room, uint32_t results_room, uint32_t give,
                                    uint32_t take)
{
    enum rt_hold holds = take != 0 ? RT_HOLDS_CHUNK_AND_TAKES : RT_HOLDS_CHUNK;
    /* Both rooms; and give_room, given, take_room and holds: one store each. */
    uint32_t rooms[] = {params_room, results_room};
    uint32_t last = give | take << 16 | (uint32_t)holds << 24;

    ring->spare_count--;
    call->ring = ring;
    call->params = chunk;
    call->results = chunk + params_room + give * (uint32_t)sizeof(struct cap_transfer);
    __builtin_memcpy((uint8_t *)call + offsetof(struct rt_call, params_room), rooms, sizeof rooms);
    call->cqe.result = RT_PENDING;
    __builtin_memcpy((uint8_t *)call + offsetof(struct rt_call, give_room), &last, sizeof last);
}

/*
 * Takes room for a call: at least so many bytes for parameters and results, each
 * rounded up to 8; and for the descriptors and records of up to `give` capabilities that
 * it can bring, and up to `take` that come with its answer. RT_ERR_NO_AREA: not to be had
 * now, or more than CAP_TRANSFER_MAX, and nothing was taken.
 */
static inline struct rt_status rt_call_begin_with(struct rt_call *call, struct rt_ring *ring,
                                                  uint32_t params_bytes, uint32_t results_bytes,
                                                  uint32_t give, uint32_t take)
{
    uint32_t gives = give * (uint32_t)sizeof(struct cap_transfer);
    uint32_t takes = take * (uint32_t)sizeof(struct cap_record);
    uint32_t params_room = (params_bytes + 7u) & ~7u;
    uint32_t results_room = ((results_bytes + 7u) & ~7u) + takes;
    uint8_t *chunk = ring->spare[ring->spare_count];

    if (__builtin_expect(give > CAP_TRANSFER_MAX || take > CAP_TRANSFER_MAX ||
                             params_bytes > CAP_MESSAGE_MAX ||
                             results_bytes > CAP_MESSAGE_MAX - takes,
                         0)) {
        return (struct rt_status){.code = RT_ERR_NO_AREA};
    }
    if (__builtin_expect(params_room + gives + results_room > ring->chunk_bytes || chunk == 0, 0)) {
        return rt_call_begin_slowly(call, ring, params_room, results_room, give, take);
    }
    rt_call_begin_in(call, ring, chunk, params_room, results_room, give, take);
    return (struct rt_status){.code = RT_OK};
}

/* The same for a call that neither brings nor takes capabilities. */
static inline struct rt_status rt_call_begin(struct rt_call *call, struct rt_ring *ring,
                                             uint32_t params_bytes, uint32_t results_bytes)
{
    return rt_call_begin_with(call, ring, params_bytes, results_bytes, 0, 0);
}

/*
 * Has a capability go with the message that is being built in the call's parameters,
 * and says how that refers to it. None for rt_nothing; none, too, for one more than
 * there is room for, and then the call cannot be submitted. Its descriptor is noted behind
 * the room for parameters.
 */
static inline struct capnp_capability rt_call_give(struct rt_call *call, struct cap_transfer give)
{
    if (give.mode == 0) {
        return (struct capnp_capability){.there = false};
    }
    if (__builtin_expect(call->given >= call->give_room, 0)) {
        call->given = (uint8_t)(call->give_room + 1u);
        return (struct capnp_capability){.there = false};
    }
    uint8_t *at = call->params + call->params_room + call->given * sizeof give;
    __builtin_memcpy(at, &give, sizeof give);
    return (struct capnp_capability){.index = call->given++, .there = true};
}

/* Moves what was given to where it belongs, behind so many bytes of message. */
void rt_call_move_given(struct rt_call *call, uint32_t params_len);

/*
 * The slow part of rt_ring_has_room: reads the head again, and hands full queues to the
 * kernel until there is room. RT_ERR_RING: raw completions block the queue.
 */
struct rt_status rt_ring_make_room(struct rt_ring *ring);

/* Whether there is room for an entry, or could be made; if not, raw completions block the queue. */
static inline bool rt_ring_has_room(struct rt_ring *ring)
{
    return __builtin_expect(ring->sq_next < ring->sq_stop, 1) || rt_ok(rt_ring_make_room(ring));
}

/* The next entry, where there is room, to be filled in whole before the ring is used again. */
static inline struct cap_sqe *rt_ring_entry(struct rt_ring *ring)
{
    ring->sq_tail++;
    return ring->sq_next++;
}

/*
 * Writes the next entry, where there is room. Field by field, which compilers put together
 * to whole words; the structure as one would be cleared first.
 */
static inline void rt_ring_write(struct rt_ring *ring, struct cap_sqe sqe)
{
    uint64_t lengths = sqe.params_len | (uint64_t)sqe.result_len << 32;
    struct cap_sqe *to = rt_ring_entry(ring);

    to->opcode = sqe.opcode;
    to->cap_count = sqe.cap_count;
    to->flags = sqe.flags;
    to->method_id = sqe.method_id;
    to->pointer_index = sqe.pointer_index;
    to->cap_id = sqe.cap_id;
    to->interface_id = sqe.interface_id;
    to->params_addr = sqe.params_addr;
    to->result_addr = sqe.result_addr;
    __builtin_memcpy((uint8_t *)to + offsetof(struct cap_sqe, params_len), &lengths,
                     sizeof lengths);
    to->user_data = sqe.user_data;
    to->cap_room = sqe.cap_room;
    to->reserved = sqe.reserved;
}

/* What tells the call's completion from all others. */
static inline uint64_t rt_call_user_data(const struct rt_call *call)
{
    return (uintptr_t)call | RT_USER_DATA_CALL;
}

/*
 * Queues the call with the first params_len bytes of its room as parameters, which are
 * read when the kernel is entered next. Where the queue is full it is entered before. From
 * here on rt_call_wait must be called before rt_call_end.
 */
static inline struct rt_status rt_call_submit(struct rt_call *call, uint64_t cap_id,
                                              uint64_t interface_id, uint16_t method,
                                              uint32_t params_len)
{
    if (__builtin_expect(!rt_ring_has_room(call->ring), 0)) {
        return (struct rt_status){.code = RT_ERR_RING};
    }
    rt_ring_write(call->ring, (struct cap_sqe){
                                  .opcode = CAP_OP_CALL,
                                  .method_id = method,
                                  .cap_id = cap_id,
                                  .interface_id = interface_id,
                                  .params_addr = (uintptr_t)call->params,
                                  .result_addr = (uintptr_t)call->results,
                                  .params_len = params_len,
                                  .result_len = call->results_room,
                                  .user_data = rt_call_user_data(call),
                              });
    return (struct rt_status){.code = RT_OK};
}

/*
 * Queues a call in the chunk at hand, and says where that is. NULL: there is none, or it does
 * not hold so much, or the queue has no room; nothing was queued.
 */
static inline uint8_t *rt_call_queue(struct rt_call *call, struct rt_ring *ring,
                                     uint32_t params_len, uint32_t results_bytes, uint64_t cap_id,
                                     uint64_t interface_id, uint16_t method)
{
    uint32_t params_room = (params_len + 7u) & ~7u;
    uint32_t results_room = (results_bytes + 7u) & ~7u;
    uint8_t *chunk = ring->spare[ring->spare_count];

    if (__builtin_expect(params_len > CAP_MESSAGE_MAX || results_bytes > CAP_MESSAGE_MAX ||
                             params_room + results_room > ring->chunk_bytes || chunk == 0 ||
                             ring->sq_next >= ring->sq_stop,
                         0)) {
        return 0;
    }
    rt_ring_write(ring, (struct cap_sqe){
                            .opcode = CAP_OP_CALL,
                            .method_id = method,
                            .cap_id = cap_id,
                            .interface_id = interface_id,
                            .params_addr = (uintptr_t)chunk,
                            .result_addr = (uintptr_t)chunk + params_room,
                            .params_len = params_len,
                            .result_len = results_room,
                            .user_data = rt_call_user_data(call),
                        });
    return chunk;
}

/* Begins the call that was queued so. */
static inline void rt_call_begin_queued(struct rt_call *call, struct rt_ring *ring, uint8_t *chunk,
                                        uint32_t params_len, uint32_t results_bytes)
{
    rt_call_begin_in(call, ring, chunk, (params_len + 7u) & ~7u, (results_bytes + 7u) & ~7u, 0, 0);
}

/* The slow part of rt_call_send. */
struct rt_status rt_call_send_slowly(struct rt_call *call, struct rt_ring *ring,
                                     uint32_t params_len, uint32_t results_bytes, uint64_t cap_id,
                                     uint64_t interface_id, uint16_t method);

/*
 * Begins a call and queues it, with parameters of this length, which are built then: they
 * are read when the kernel is entered next. When that fails, the call has not begun.
 */
static inline struct rt_status rt_call_send(struct rt_call *call, struct rt_ring *ring,
                                            uint32_t params_len, uint32_t results_bytes,
                                            uint64_t cap_id, uint64_t interface_id, uint16_t method)
{
    uint8_t *chunk =
        rt_call_queue(call, ring, params_len, results_bytes, cap_id, interface_id, method);

    if (__builtin_expect(chunk == 0, 0)) {
        return rt_call_send_slowly(call, ring, params_len, results_bytes, cap_id, interface_id,
                                   method);
    }
    rt_call_begin_queued(call, ring, chunk, params_len, results_bytes);
    return (struct rt_status){.code = RT_OK};
}

/*
 * As rt_call_submit for a call that was begun by rt_call_begin_with: what was given goes
 * with it. RT_ERR_BUILD: more was given than there is room for, and nothing was queued.
 */
static inline __attribute__((always_inline)) struct rt_status
rt_call_submit_with(struct rt_call *call, uint64_t cap_id, uint64_t interface_id, uint16_t method,
                    uint32_t params_len)
{
    if (__builtin_expect(call->given > call->give_room, 0)) {
        return (struct rt_status){.code = RT_ERR_BUILD};
    }
    if (__builtin_expect(!rt_ring_has_room(call->ring), 0)) {
        return (struct rt_status){.code = RT_ERR_RING};
    }
    if (__builtin_expect(params_len != call->params_room, 0)) {
        rt_call_move_given(call, params_len);
    }
    rt_ring_write(call->ring, (struct cap_sqe){
                                  .opcode = CAP_OP_CALL,
                                  .cap_count = call->given,
                                  .method_id = method,
                                  .cap_id = cap_id,
                                  .interface_id = interface_id,
                                  .params_addr = (uintptr_t)call->params,
                                  .result_addr = (uintptr_t)call->results,
                                  .params_len = params_len,
                                  .result_len = call->results_room,
                                  .user_data = rt_call_user_data(call),
                                  .cap_room = call->take_room,
                              });
    call->cqe.result = RT_PENDING;
    call->given = 0;
    return (struct rt_status){.code = RT_OK};
}

/*
 * Takes every completion that is there: settles calls, stashes raw ones. False: the
 * stash is full, and a raw completion blocks the rest of the queue.
 */
bool rt_ring_settle(struct rt_ring *ring);

/* Notes how the call's entry completed. */
static inline void rt_call_settle(struct rt_call *call, const struct cap_cqe *cqe)
{
    __builtin_memcpy(&call->cqe, (const uint8_t *)cqe + offsetof(struct cap_cqe, result),
                     sizeof call->cqe);
}

/* Whether the call's completion has been taken. */
static inline bool rt_call_is_done(const struct rt_call *call)
{
    return call->cqe.result != RT_PENDING;
}

/*
 * The slow parts of waiting. The first puts counts right that the program has damaged;
 * the second is reached when raw completions fill the stash and the call is behind
 * them. What cannot be helped ends in a panic: a call in flight refers to memory of its
 * caller's, which cannot be left.
 */
void rt_ring_mend(struct rt_ring *ring);
_Noreturn void rt_ring_overfull(void);

/*
 * Has the ring remember what the object says that refused this call: see rt_refusal.
 * Returns the exception's type.
 */
uint32_t rt_call_refused(const struct rt_call *call);

/* The slow part of rt_call_wait: it has not completed yet, or not with success. */
struct rt_status rt_call_wait_slowly(struct rt_call *call);

/* Waits, without time-out, until this call has completed, and says how. */
static inline struct rt_status rt_call_wait(struct rt_call *call)
{
    if (__builtin_expect(call->cqe.result < 0, 0)) {
        return rt_call_wait_slowly(call);
    }
    return (struct rt_status){.code = RT_OK};
}

/*
 * Enters the kernel for a call that has just been queued, and so is not there yet. Its
 * completion, not yet taken, where that is the only one, and a success; NULL otherwise.
 */
static inline const struct cap_cqe *rt_call_enter(const struct rt_call *call, struct rt_ring *ring)
{
    int64_t there = rt_ring_enter(ring, 1, CAP_TIMEOUT_FOREVER);
    const struct cap_cqe *cqe = rt_ring_first(ring);

    return __builtin_expect(
               there == 1 && cqe->user_data == rt_call_user_data(call) && cqe->result >= 0, 1)
               ? cqe
               : 0;
}

/* As rt_call_wait, for a call that has just been submitted. */
static inline struct rt_status rt_call_finish(struct rt_call *call)
{
    struct rt_ring *ring = call->ring;
    const struct cap_cqe *cqe = rt_call_enter(call, ring);

    if (__builtin_expect(cqe == 0, 0)) {
        return rt_call_wait_slowly(call);
    }
    rt_call_settle(call, cqe);
    rt_ring_advance(ring);
    return (struct rt_status){.code = RT_OK};
}

/*
 * The same for a call of which only rt_call_queue was done, when its parameters are built. True:
 * its results can be read until the ring is used again, and it need not end, as the chunk has
 * stayed at hand. False: it has begun, and is to be waited for and ended as others are.
 */
static inline bool rt_call_finish_queued(struct rt_call *call, struct rt_ring *ring, uint8_t *chunk,
                                         uint32_t params_len, uint32_t results_bytes)
{
    const struct cap_cqe *cqe = rt_call_enter(call, ring);

    if (__builtin_expect(cqe == 0, 0)) {
        rt_call_begin_queued(call, ring, chunk, params_len, results_bytes);
        return false;
    }
    call->results = chunk + ((params_len + 7u) & ~7u);
    call->cqe.result = cqe->result;
    rt_ring_advance(ring);
    return true;
}

/*
 * Whether the call has completed, waiting for it for at most so long; rt_call_wait
 * then does not wait. The time begins anew when something else completes meanwhile.
 * With CAP_TIMEOUT_POLL it only looks, after what is queued has been submitted.
 */
bool rt_call_wait_for(struct rt_call *call, uint64_t timeout_ns);

/* Waits until one of n ≥ 1 calls of one ring has completed; the place of the first such. */
uint32_t rt_call_wait_any(struct rt_call *const calls[], uint32_t n);

/*
 * Gives the call up. It still has to be waited for: it completes with CAP_ERR_CANCELED,
 * or as if nothing had been said, when the answer was quicker. RT_ERR_RING: as
 * rt_ring_make_room, and the call goes on.
 */
struct rt_status rt_call_cancel(struct rt_call *call);

/*
 * The sentence with which an object refused, in the last call of this ring that was
 * refused; empty if it gave none, or there was no room for it. Good until the next.
 */
static inline const char *rt_refusal(const struct rt_ring *ring)
{
    return ring->refusal;
}

/*
 * The capabilities that came with the answer of a completed call, cqe.cap_count of
 * them; the id of one that has been taken is CAP_ID_NONE.
 */
static inline struct cap_record *rt_call_records(const struct rt_call *call)
{
    return (struct cap_record *)(void *)(call->results + call->cqe.result);
}

/*
 * Takes a capability that came with the answer of a completed call: the id is the
 * caller's now. CAP_ID_NONE for none, for one that did not come, and the second time.
 */
static inline uint64_t rt_call_take(struct rt_call *call, struct capnp_capability capability)
{
    if (__builtin_expect(!capability.there || call->cqe.result < 0 ||
                             capability.index >= call->cqe.cap_count,
                         0)) {
        return CAP_ID_NONE;
    }
    struct cap_record *record = &rt_call_records(call)[capability.index];
    uint64_t id = record->cap_id;
    record->cap_id = CAP_ID_NONE;
    return id;
}

/* The part of rt_call_drop where something came. */
void rt_call_drop_some(struct rt_call *call);

/* Releases what came with the answer and has not been taken; nothing where nothing came. */
static inline void rt_call_drop(struct rt_call *call)
{
    if (call->cqe.result >= 0 && call->cqe.cap_count != 0) {
        rt_call_drop_some(call);
    }
}

/* The general part of rt_call_end: drops what came, and gives a run back. */
void rt_call_end_with(struct rt_call *call);

/*
 * Gives the room back, and releases capabilities that were not taken. The results, and
 * every reader of them, end here. Nothing happens the second time.
 */
static inline void rt_call_end(struct rt_call *call)
{
    struct rt_ring *ring = call->ring;

    if (__builtin_expect(call->holds != RT_HOLDS_CHUNK, 0)) {
        rt_call_end_with(call);
        return;
    }
    ring->spare[++ring->spare_count] = call->params;
    call->holds = RT_HOLDS_NOTHING;
}

/* Bytes of result message, once rt_call_wait was RT_OK. */
static inline uint32_t rt_call_results_bytes(const struct rt_call *call)
{
    return (uint32_t)call->cqe.result;
}

/* ---------------------------------------------------------------------------
 * Copying and letting go of capabilities */

/*
 * Puts a copy of a capability into another slot of the own table, waits for it, and says
 * its id, or CAP_ID_NONE: both are let go of, each by itself. CAP_ERR_INVOKE_FAILED: there
 * is no such capability; CAP_ERR_BAD_TRANSFER: it may not be copied, or is on its way
 * elsewhere; overloaded: there is no slot left. (To give somebody a copy takes none of
 * this: rt_copy.)
 */
struct rt_status rt_duplicate(struct rt_ring *ring, uint64_t cap_id, uint64_t *copy);

/*
 * Queues the same for a call that has begun, whose room it does not use: many of them cost
 * one entry into the kernel. rt_call_copied is the id, once rt_call_wait was RT_OK.
 */
struct rt_status rt_call_copy(struct rt_call *call, uint64_t cap_id);

static inline uint64_t rt_call_copied(const struct rt_call *call)
{
    return call->cqe.detail;
}

/* Empties a slot of the own capability table; waits for it. */
struct rt_status rt_release(struct rt_ring *ring, uint64_t cap_id);

/*
 * Queues the same and does not wait: many of them cost one entry into the kernel, with
 * whatever comes next. CAP_ID_NONE is nothing to let go of.
 */
void rt_drop(struct rt_ring *ring, uint64_t cap_id);

/*
 * A capability that is let go of at the end of a block:
 *
 *     RT_OWNED memory = rt_own(ring, id);
 *
 * rt_disown gives the id back to be used in another way, and leaves nothing.
 */
struct rt_owned {
    struct rt_ring *ring;
    uint64_t id;
};

#define RT_OWNED __attribute__((cleanup(rt_owned_drop))) struct rt_owned

static inline struct rt_owned rt_own(struct rt_ring *ring, uint64_t cap_id)
{
    return (struct rt_owned){.ring = ring, .id = cap_id};
}

static inline uint64_t rt_disown(struct rt_owned *owned)
{
    uint64_t id = owned->id;

    owned->id = CAP_ID_NONE;
    return id;
}

static inline void rt_owned_drop(struct rt_owned *owned)
{
    rt_drop(owned->ring, rt_disown(owned));
}

/* ---------------------------------------------------------------------------
 * The other side: calls of an endpoint. <rt/server.h> is a loop over these. */

/*
 * Takes room to receive calls with up to params_bytes of parameters and `take`
 * capabilities, and to answer each with up to answer_bytes and `give` capabilities.
 */
struct rt_status rt_call_begin_serving(struct rt_call *call, struct rt_ring *ring,
                                       uint32_t params_bytes, uint32_t answer_bytes, uint32_t take,
                                       uint32_t give);

/* Queues the receiving of one call of this endpoint, whose owner facet `endpoint` is. */
struct rt_status rt_call_receive(struct rt_call *call, uint64_t endpoint);

/* Once it has completed without error: what came, with its parameters behind the header. */
static inline const struct cap_message_header *rt_call_received(const struct rt_call *call)
{
    return (const struct cap_message_header *)(const void *)call->results;
}

/* The same: what names it when it is answered. */
static inline uint64_t rt_call_received_id(const struct rt_call *call)
{
    return call->cqe.detail;
}

/*
 * Queues the answer to a received call: the first `bytes` of the call's parameters, and
 * what was given. `call` is what it was received by, or any that has begun. Capabilities
 * that came and were not taken are released. Completes at once; with `again`,
 * when the next call has come, which was received by the same `call`. RT_ERR_BUILD: more
 * was given than there is room for, and nothing was queued.
 */
struct rt_status rt_call_return(struct rt_call *call, uint64_t call_id, uint32_t bytes, bool again);

/* The same with an exception; a sentence for which there is no room is left out. */
struct rt_status rt_call_return_refusal(struct rt_call *call, uint64_t call_id,
                                        enum cap_exc exception, const char *reason, bool again);
