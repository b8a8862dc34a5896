// SPDX-License-Identifier: MIT
#include <rt/ring.h>

#include <abi/layout.h>
#include <rt/panic.h>

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
        .sq_tail = h->sq_tail,
        .cq_head = h->cq_head,
        .chunk_bytes = h->area_bytes / RT_RING_CHUNKS,
        .chunks_free = ~0ull,
    };
    return true;
}

uint64_t rt_chunk_run(const struct rt_ring *ring, uint32_t bytes)
{
    uint32_t n = (bytes + ring->chunk_bytes - 1u) / ring->chunk_bytes;
    uint64_t starts = ring->chunks_free; /* bit i, in the end: a run of n starts there */

    if (n > RT_RING_CHUNKS) {
        return 0;
    }
    for (uint32_t i = 1; i < n; i++) {
        starts &= ring->chunks_free >> i;
    }
    if (starts == 0) {
        return 0;
    }
    uint64_t run = n == RT_RING_CHUNKS ? ~0ull : (1ull << n) - 1u;
    return run << __builtin_ctzll(starts);
}

bool rt_ring_push(struct rt_ring *ring, const struct cap_sqe *sqe)
{
    if (rt_ring_room(ring) == 0) {
        return false;
    }
    ring->sq[ring->sq_tail & ring->sq_mask] = *sqe;
    ring->sq_tail++;
    return true;
}

bool rt_ring_settle(struct rt_ring *ring)
{
    uint32_t tail = __atomic_load_n(&ring->header->cq_tail, __ATOMIC_ACQUIRE);
    uint32_t head = ring->cq_head;

    for (; head != tail; head++) {
        const struct cap_cqe *cqe = &ring->cq[head & ring->cq_mask];
        if ((cqe->user_data & RT_USER_DATA_CALL) != 0) {
            struct rt_call *call =
                (struct rt_call *)(uintptr_t)(cqe->user_data & ~RT_USER_DATA_CALL);
            call->cqe = *cqe;
            call->done = true;
        } else if (ring->stash_count < RT_RING_STASH) {
            uint32_t at = (ring->stash_head + ring->stash_count) % RT_RING_STASH;
            ring->stash[at] = *cqe;
            ring->stash_count++;
        } else {
            break;
        }
    }
    ring->cq_head = head;
    __atomic_store_n(&ring->header->cq_head, head, __ATOMIC_RELEASE);
    return head == tail;
}

void rt_ring_mend(struct rt_ring *ring)
{
    for (uint32_t i = 0; i < MEND_TRIES; i++) {
        __atomic_store_n(&ring->header->cq_head, ring->cq_head, __ATOMIC_RELEASE);
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
    return (struct rt_status){.code = RT_OK};
}

bool rt_ring_take(struct rt_ring *ring, struct cap_cqe *out)
{
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

struct rt_status rt_release(struct rt_ring *ring, uint64_t cap_id)
{
    struct rt_call call;

    struct rt_status s = rt_call_begin(&call, ring, 0, 0);
    if (rt_ok(s) && rt_ring_room(ring) == 0) {
        s = rt_ring_make_room(ring);
    }
    if (!rt_ok(s)) {
        return s;
    }
    ring->sq[ring->sq_tail & ring->sq_mask] = (struct cap_sqe){
        .opcode = CAP_OP_RELEASE,
        .cap_id = cap_id,
        .user_data = (uintptr_t)&call | RT_USER_DATA_CALL,
    };
    ring->sq_tail++;
    s = rt_call_wait(&call);
    rt_call_end(&call);
    return s;
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
