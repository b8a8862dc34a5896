// SPDX-License-Identifier: MIT
#include <rt/ring.h>

#include <abi/layout.h>
#include <capos.capnp.h>
#include <rt/panic.h>

#include "queue.h"

/* Entries that rt_ring_mend tries; one is enough unless somebody damages the ring meanwhile. */
#define MEND_TRIES 3u

#define ERROR_SENTENCE(name, number, sentence)                                                     \
    case CAP_ERR_##name:                                                                           \
        return sentence;
#define EXCEPTION_SENTENCE(name, number, sentence) [number] = sentence,

const char *rt_status_text(struct rt_status s)
{
    static const char *const exceptions[] = {CAP_EXC_LIST(EXCEPTION_SENTENCE)};

    if (s.code == CAP_ERR_EXCEPTION && s.exception < sizeof exceptions / sizeof *exceptions) {
        return exceptions[s.exception];
    }
    switch (s.code) {
    case RT_OK:
        return "success";
    case RT_ERR_NO_AREA:
        return "the message area has no free run that long; end a call first";
    case RT_ERR_BUILD:
        return "the parameters did not fit their message";
    case RT_ERR_MESSAGE:
        return "the results are not a valid message of their type";
    case RT_ERR_RING:
        return "the submission queue is full and stays so; take raw completions first";
        CAP_ERR_LIST(ERROR_SENTENCE)
    default:
        return "a number that is in no list";
    }
}

static bool is_power_of_two(uint32_t n)
{
    return n != 0 && (n & (n - 1u)) == 0;
}

/* Whether [offset, offset + bytes) lies in the region, behind the header, on a cache line. */
static bool part_fits(const struct cap_ring_header *h, uint32_t offset, uint64_t bytes)
{
    return offset >= sizeof *h && offset % 64u == 0 && offset <= h->region_bytes &&
           bytes <= h->region_bytes - offset;
}

bool rt_ring_init(struct rt_ring *ring, void *region)
{
    struct cap_ring_header *h = region;

    if (h->magic != CAP_RING_MAGIC || h->abi_version != CAP_RING_ABI_VERSION ||
        h->features != CAP_RING_FEATURES) {
        return false;
    }
    if (!is_power_of_two(h->sq_entries) || !is_power_of_two(h->cq_entries) ||
        !is_power_of_two(h->area_bytes) || h->sq_entries < CAP_SQ_MIN ||
        h->sq_entries > CAP_SQ_MAX || h->cq_entries < h->sq_entries || h->cq_entries > CAP_CQ_MAX ||
        h->area_bytes < CAP_AREA_MIN || h->area_bytes > CAP_AREA_MAX ||
        h->region_bytes > USER_RING_BYTES) {
        return false;
    }
    if (!part_fits(h, h->sq_offset, (uint64_t)h->sq_entries * sizeof(struct cap_sqe)) ||
        !part_fits(h, h->cq_offset, (uint64_t)h->cq_entries * sizeof(struct cap_cqe)) ||
        !part_fits(h, h->area_offset, h->area_bytes)) {
        return false;
    }
    uint8_t *base = region;
    *ring = (struct rt_ring){
        .header = h,
        .sq = (struct cap_sqe *)(void *)(base + h->sq_offset),
        .cq = (const struct cap_cqe *)(const void *)(base + h->cq_offset),
        .area = base + h->area_offset,
        .sq_mask = h->sq_entries - 1u,
        .cq_mask = h->cq_entries - 1u,
        .chunk_bytes = h->area_bytes / RT_RING_CHUNKS,
        .chunks_free = ~0ull,
        .run = ~0ull,
        .run_bytes = h->area_bytes,
    };
    rt_ring_go_on(ring, h->sq_tail, h->cq_head);
    return true;
}

void rt_ring_go_on(struct rt_ring *ring, uint32_t sq_tail, uint32_t cq_head)
{
    ring->sq_tail = sq_tail;
    ring->cq_head = cq_head;
    ring->sq_next = &ring->sq[sq_tail & ring->sq_mask];
    ring->sq_stop = ring->sq_next;
}

uint32_t rt_ring_free_chunks(const struct rt_ring *ring)
{
    uint32_t n = ring->spare_count;

    for (uint64_t free = ring->chunks_free; free != 0; free &= free - 1u) {
        n++;
    }
    return n;
}

/* A run of n free chunks in the word; 0: there is none. */
static uint64_t find_run(uint64_t free, uint32_t n)
{
    uint64_t starts = free; /* bit i, in the end: a run of n starts there */

    for (uint32_t i = 1; i < n; i++) {
        starts &= free >> i;
    }
    if (starts == 0) {
        return 0;
    }
    uint64_t run = n == RT_RING_CHUNKS ? ~0ull : (1ull << n) - 1u;
    return run << __builtin_ctzll(starts);
}

/* Puts the chunks at hand back into the word. */
static void put_spares_back(struct rt_ring *ring)
{
    while (ring->spare_count != 0) {
        uint8_t *chunk = ring->spare[ring->spare_count--];
        ring->chunks_free |= 1ull << (uint64_t)(chunk - ring->area) / ring->chunk_bytes;
    }
}

/* Has the ring note a free run of so many bytes as the one that was taken last. */
static bool look_for_run(struct rt_ring *ring, uint32_t bytes)
{
    uint32_t n = (bytes + ring->chunk_bytes - 1u) / ring->chunk_bytes;

    if (n > RT_RING_CHUNKS) {
        return false;
    }
    uint64_t run = find_run(ring->chunks_free, n);
    if (run == 0) {
        put_spares_back(ring);
        run = find_run(ring->chunks_free, n);
    }
    if (run == 0) {
        return false;
    }
    ring->run = run;
    ring->run_bytes = n * ring->chunk_bytes;
    return true;
}

/* Whether the run that was taken last is free, and what is taken for so many bytes. */
static inline bool last_run_fits(const struct rt_ring *ring, uint32_t bytes)
{
    return ring->run_bytes - bytes < ring->chunk_bytes && (ring->run & ~ring->chunks_free) == 0;
}

/* Of rt_call_begin_slowly the part where another run is wanted; begins anew when there is one. */
static __attribute__((noinline)) struct rt_status
begin_elsewhere(struct rt_call *call, struct rt_ring *ring, uint32_t params_room,
                uint32_t results_room, uint32_t give, uint32_t take)
{
    uint32_t gives = give * (uint32_t)sizeof(struct cap_transfer);

    if (!look_for_run(ring, params_room + gives + results_room)) {
        return (struct rt_status){.code = RT_ERR_NO_AREA};
    }
    return rt_call_begin_slowly(call, ring, params_room, results_room, give, take);
}

struct rt_status rt_call_begin_slowly(struct rt_call *call, struct rt_ring *ring,
                                      uint32_t params_room, uint32_t results_room, uint32_t give,
                                      uint32_t take)
{
    uint32_t gives = give * (uint32_t)sizeof(struct cap_transfer);
    uint32_t bytes = params_room + gives + results_room;
    uint64_t chunks;

    if (bytes <= ring->chunk_bytes && ring->chunks_free != 0) {
        chunks = ring->chunks_free & -ring->chunks_free;
        call->holds = take != 0 ? RT_HOLDS_CHUNK_AND_TAKES : RT_HOLDS_CHUNK;
    } else if (last_run_fits(ring, bytes)) {
        chunks = ring->run;
        call->holds = RT_HOLDS_RUN;
    } else {
        return begin_elsewhere(call, ring, params_room, results_room, give, take);
    }
    ring->chunks_free &= ~chunks;
    call->ring = ring;
    call->params = ring->area + (uint64_t)__builtin_ctzll(chunks) * ring->chunk_bytes;
    call->results = call->params + params_room + gives;
    call->params_room = params_room;
    call->results_room = results_room;
    call->chunks = chunks;
    call->cqe.result = RT_PENDING;
    call->give_room = (uint8_t)give;
    call->given = 0;
    call->take_room = (uint8_t)take;
    return (struct rt_status){.code = RT_OK};
}

bool rt_ring_push(struct rt_ring *ring, const struct cap_sqe *sqe)
{
    if (rt_ring_room(ring) == 0) {
        return false;
    }
    ring->sq[ring->sq_tail & ring->sq_mask] = *sqe;
    ring->sq_tail++;
    ring->sq_stop = ring->sq; /* so that rt_ring_has_room looks again */
    return true;
}

/* Takes completions that lie in a row. How many: not all, where the next does not fit the stash. */
static inline uint32_t settle_row(struct rt_ring *ring, const struct cap_cqe *row, uint32_t n)
{
    const struct cap_cqe *cqe = row;

    for (const struct cap_cqe *end = row + n; cqe != end; cqe++) {
        if (__builtin_expect((cqe->user_data & RT_USER_DATA_CALL) != 0, 1)) {
            struct rt_call *call =
                (struct rt_call *)(uintptr_t)(cqe->user_data & ~RT_USER_DATA_CALL);
            rt_call_settle(call, cqe);
        } else if (ring->stash_count < RT_RING_STASH) {
            uint32_t at = (ring->stash_head + ring->stash_count) % RT_RING_STASH;
            ring->stash[at] = *cqe;
            ring->stash_count++;
        } else {
            break;
        }
    }
    return (uint32_t)(cqe - row);
}

bool rt_ring_settle(struct rt_ring *ring)
{
    uint32_t tail = __atomic_load_n(&ring->header->cq_tail, __ATOMIC_ACQUIRE);

    while (ring->cq_head != tail) {
        uint32_t to_end = ring->cq_mask + 1u - (ring->cq_head & ring->cq_mask);
        uint32_t there = tail - ring->cq_head;
        uint32_t n = there < to_end ? there : to_end;
        uint32_t taken = settle_row(ring, rt_ring_first(ring), n);
        ring->cq_head += taken;
        if (taken != n) {
            return false;
        }
    }
    return true;
}

void rt_ring_mend(struct rt_ring *ring)
{
    for (uint32_t i = 0; i < MEND_TRIES; i++) {
        if (rt_ring_enter(ring, 0, CAP_TIMEOUT_POLL) >= 0) {
            return;
        }
    }
    rt_panic("the kernel refuses the ring, though its counts have been put right");
}

_Noreturn void rt_ring_overfull(void)
{
    rt_panic("a call waits behind %u raw completions that nobody takes", RT_RING_STASH);
}

/* Reads how far the kernel has come, and so where the room for entries begins and ends. */
static void note_room(struct rt_ring *ring)
{
    uint32_t at = ring->sq_tail & ring->sq_mask;
    uint32_t room = rt_ring_room(ring);
    uint32_t to_end = ring->sq_mask + 1u - at;

    ring->sq_next = &ring->sq[at];
    ring->sq_stop = ring->sq_next + (room < to_end ? room : to_end);
}

struct rt_status rt_ring_make_room(struct rt_ring *ring)
{
    while (rt_ring_room(ring) == 0) {
        if (rt_ring_enter(ring, 0, CAP_TIMEOUT_POLL) < 0) {
            rt_ring_mend(ring);
        }
        if (!rt_ring_settle(ring) && rt_ring_room(ring) == 0) {
            return (struct rt_status){.code = RT_ERR_RING};
        }
    }
    note_room(ring);
    return (struct rt_status){.code = RT_OK};
}

bool rt_ring_take(struct rt_ring *ring, struct cap_cqe *out)
{
    if (rt_ring_is_empty(ring)) {
        return false;
    }
    const struct cap_cqe *first = rt_ring_first(ring);
    if (ring->stash_count == 0 && (first->user_data & RT_USER_DATA_CALL) == 0) {
        *out = *first;
        rt_ring_advance(ring);
        return true;
    }
    if (ring->stash_count == 0) {
        rt_ring_settle(ring);
    }
    if (ring->stash_count == 0) {
        return false;
    }
    *out = ring->stash[ring->stash_head];
    ring->stash_head = (ring->stash_head + 1u) % RT_RING_STASH;
    ring->stash_count--;
    return true;
}

static struct rt_status success(void)
{
    return (struct rt_status){.code = RT_OK};
}

static struct rt_status error(int32_t code)
{
    return (struct rt_status){.code = code};
}

/* Queues an entry, making room for it first where there is none. */
static inline struct rt_status queue(struct rt_ring *ring, struct cap_sqe sqe)
{
    if (!rt_ring_has_room(ring)) {
        return error(RT_ERR_RING);
    }
    rt_ring_write(ring, sqe);
    return success();
}

struct rt_status rt_call_send_slowly(struct rt_call *call, struct rt_ring *ring,
                                     uint32_t params_len, uint32_t results_bytes, uint64_t cap_id,
                                     uint64_t interface_id, uint16_t method)
{
    struct rt_status s = rt_call_begin(call, ring, params_len, results_bytes);

    if (!rt_ok(s)) {
        return s;
    }
    s = rt_call_submit(call, cap_id, interface_id, method, params_len);
    if (!rt_ok(s)) {
        rt_call_end(call);
    }
    return s;
}

/* ---------------------------------------------------------------------------
 * Waiting */

/* Takes what has completed, after a time in the kernel. */
static void enter(struct rt_ring *ring, uint64_t min_complete, uint64_t timeout_ns)
{
    if (rt_ring_enter(ring, min_complete, timeout_ns) < 0) {
        rt_ring_mend(ring);
    }
}

struct rt_status rt_call_wait_slowly(struct rt_call *call)
{
    struct rt_ring *ring = call->ring;

    while (!rt_call_is_done(call)) {
        bool blocked = !rt_ring_settle(ring);
        if (rt_call_is_done(call)) {
            break;
        }
        if (blocked) {
            rt_ring_overfull();
        }
        enter(ring, 1, CAP_TIMEOUT_FOREVER);
        note_room(ring); /* a batch has been taken, and most likely the next one comes */
    }
    if (call->cqe.result >= 0) {
        return success();
    }
    if (call->cqe.result != CAP_ERR_EXCEPTION) {
        return error(call->cqe.result);
    }
    return (struct rt_status){.code = CAP_ERR_EXCEPTION, .exception = rt_call_refused(call)};
}

bool rt_call_wait_for(struct rt_call *call, uint64_t timeout_ns)
{
    if (!rt_call_is_done(call)) {
        enter(call->ring, timeout_ns == CAP_TIMEOUT_POLL ? 0 : 1, timeout_ns);
        (void)rt_ring_settle(call->ring);
    }
    return rt_call_is_done(call);
}

uint32_t rt_call_wait_any(struct rt_call *const calls[], uint32_t n)
{
    struct rt_ring *ring = calls[0]->ring;
    bool blocked = false;

    for (;;) {
        for (uint32_t i = 0; i < n; i++) {
            if (rt_call_is_done(calls[i])) {
                return i;
            }
        }
        if (blocked) {
            rt_ring_overfull();
        }
        enter(ring, 1, CAP_TIMEOUT_FOREVER);
        blocked = !rt_ring_settle(ring);
    }
}

struct rt_status rt_queue_cancel(struct rt_ring *ring, uint64_t user_data)
{
    return queue(ring, (struct cap_sqe){
                           .opcode = CAP_OP_CANCEL,
                           .params_addr = user_data,
                           .user_data = rt_call_user_data(&ring->unheeded),
                       });
}

struct rt_status rt_call_cancel(struct rt_call *call)
{
    return rt_queue_cancel(call->ring, rt_call_user_data(call));
}

uint32_t rt_call_refused(const struct rt_call *call)
{
    struct rt_ring *ring = call->ring;
    struct capnp_message m;
    struct capnp_text reason = CAPNP_TEXT("");
    uint64_t bytes = (call->cqe.flags & CAP_CQE_F_TRUNCATED) != 0 ? 0 : call->cqe.detail;

    if (bytes <= call->results_room &&
        capnp_message_open_flat(&m, call->results, (uint32_t)bytes)) {
        reason = capos_exception_get_reason(capos_exception_read_root(&m));
    }
    size_t n = reason.len < sizeof ring->refusal ? reason.len : sizeof ring->refusal - 1u;
    __builtin_memcpy(ring->refusal, reason.ptr, n);
    ring->refusal[n] = '\0';
    return call->cqe.flags & CAP_CQE_F_EXC_MASK;
}

/* ---------------------------------------------------------------------------
 * Capabilities with calls */

void rt_call_move_given(struct rt_call *call, uint32_t params_len)
{
    const uint8_t *from = call->params + call->params_room;
    uint8_t *to = call->params + params_len;
    struct cap_transfer one;

    for (uint32_t i = 0; i < call->given; i++) { /* to lower addresses, one after the other */
        __builtin_memcpy(&one, from + i * sizeof one, sizeof one);
        __builtin_memcpy(to + i * sizeof one, &one, sizeof one);
    }
}

void rt_call_drop_some(struct rt_call *call)
{
    for (uint32_t i = 0; i < call->cqe.cap_count; i++) {
        rt_drop(call->ring, rt_call_take(call, (struct capnp_capability){i, true}));
    }
}

void rt_call_end_with(struct rt_call *call)
{
    struct rt_ring *ring = call->ring;

    if (call->holds == RT_HOLDS_NOTHING) {
        return;
    }
    rt_call_drop(call);
    if (call->holds == RT_HOLDS_RUN) {
        ring->chunks_free |= call->chunks;
    } else {
        ring->spare[++ring->spare_count] = call->params;
    }
    call->holds = RT_HOLDS_NOTHING;
}

/* ---------------------------------------------------------------------------
 * Copying and letting go */

/* Queues an entry that names a capability and nothing else, and completes the call. */
static inline struct rt_status queue_of_slot(struct rt_call *call, enum cap_op op, uint64_t cap_id)
{
    return queue(call->ring, (struct cap_sqe){
                                 .opcode = (uint8_t)op,
                                 .cap_id = cap_id,
                                 .user_data = rt_call_user_data(call),
                             });
}

/* The same alone. */
static inline struct rt_status do_of_slot(struct rt_call *call, struct rt_ring *ring,
                                          enum cap_op op, uint64_t cap_id)
{
    struct rt_status s = rt_call_begin(call, ring, 0, 0);

    if (!rt_ok(s)) {
        return s;
    }
    s = queue_of_slot(call, op, cap_id);
    if (rt_ok(s)) {
        s = rt_call_finish(call);
    }
    rt_call_end(call);
    return s;
}

struct rt_status rt_call_copy(struct rt_call *call, uint64_t cap_id)
{
    return queue_of_slot(call, CAP_OP_COPY, cap_id);
}

struct rt_status rt_duplicate(struct rt_ring *ring, uint64_t cap_id, uint64_t *copy)
{
    struct rt_call call;
    struct rt_status s = do_of_slot(&call, ring, CAP_OP_COPY, cap_id);

    *copy = rt_ok(s) ? rt_call_copied(&call) : CAP_ID_NONE;
    return s;
}

struct rt_status rt_release(struct rt_ring *ring, uint64_t cap_id)
{
    struct rt_call call;

    return do_of_slot(&call, ring, CAP_OP_RELEASE, cap_id);
}

void rt_drop(struct rt_ring *ring, uint64_t cap_id)
{
    if (cap_id == CAP_ID_NONE) {
        return;
    }
    struct rt_status s = queue(ring, (struct cap_sqe){
                                         .opcode = CAP_OP_RELEASE,
                                         .cap_id = cap_id,
                                         .user_data = rt_call_user_data(&ring->unheeded),
                                     });
    if (!rt_ok(s)) {
        rt_ring_overfull();
    }
}

/* ---------------------------------------------------------------------------
 * The other side */

struct rt_status rt_call_begin_serving(struct rt_call *call, struct rt_ring *ring,
                                       uint32_t params_bytes, uint32_t answer_bytes, uint32_t take,
                                       uint32_t give)
{
    if (params_bytes > CAP_MESSAGE_MAX) {
        return error(RT_ERR_NO_AREA);
    }
    uint32_t bytes = params_bytes + (uint32_t)sizeof(struct cap_message_header);
    return rt_call_begin_with(call, ring, answer_bytes, bytes, give, take);
}

struct rt_status rt_queue_receive(struct rt_call *call, uint64_t endpoint, uint64_t user_data)
{
    struct rt_status s = queue(call->ring, (struct cap_sqe){
                                               .opcode = CAP_OP_RECV,
                                               .cap_id = endpoint,
                                               .result_addr = (uintptr_t)call->results,
                                               .result_len = call->results_room,
                                               .user_data = user_data,
                                               .cap_room = call->take_room,
                                           });
    if (rt_ok(s)) {
        call->cqe.result = RT_PENDING;
        call->given = 0;
    }
    return s;
}

struct rt_status rt_call_receive(struct rt_call *call, uint64_t endpoint)
{
    return rt_queue_receive(call, endpoint, rt_call_user_data(call));
}

struct rt_status rt_call_return(struct rt_call *call, uint64_t call_id, uint32_t bytes, bool again)
{
    return rt_queue_return(call, call_id, bytes, again, rt_call_user_data(call));
}

struct rt_status rt_queue_refusal(struct rt_call *call, uint64_t call_id, enum cap_exc exception,
                                  const char *reason, bool again, uint64_t user_data)
{
    struct capnp_arena arena;
    struct cap_sqe sqe = {
        .opcode = CAP_OP_RETURN,
        .flags = (uint16_t)(CAP_SQE_F_EXCEPTION | (again ? CAP_SQE_F_AGAIN : CAP_SQE_F_NONE)),
        .method_id = (uint16_t)exception,
        .interface_id = call_id,
        .user_data = user_data,
    };

    capnp_arena_init(&arena, call->params, call->params_room);
    struct capos_exception_builder e = capos_exception_build_root(&arena);
    capos_exception_set_type(e, (enum capos_exception_type)exception);
    capos_exception_set_reason(e, capnp_text_from(reason));
    call->given = 0;
    sqe.params_len = capnp_arena_ok(&arena) ? (uint32_t)capnp_arena_bytes(&arena) : 0;
    return rt_queue_answer(call, sqe);
}

struct rt_status rt_call_return_refusal(struct rt_call *call, uint64_t call_id,
                                        enum cap_exc exception, const char *reason, bool again)
{
    return rt_queue_refusal(call, call_id, exception, reason, again, rt_call_user_data(call));
}

/* The thread's own ring: one thread a process, so one. */
static struct rt_ring own;

struct rt_ring *rt_ring_borrow(void)
{
    if (own.borrowed || own.header == 0) {
        return 0;
    }
    own.borrowed = true;
    return &own;
}

void rt_ring_return(struct rt_ring *ring)
{
    ring->borrowed = false;
}

bool rt_ring_setup(void *region)
{
    return rt_ring_init(&own, region);
}
