// SPDX-License-Identifier: MIT
/*
 * The kernel's side of the ring protocol (abi/ring.h): indices, room and entries,
 * and nothing of what the entries mean. This is the hottest code there is, so it
 * is static inline, without loops or calls; only repairs are out of line.
 *
 * The kernel works from a struct ring_view, its own copy of every count and size.
 * Of the shared region it reads two words, sq_tail and cq_head, and the entries it
 * takes. A drain goes:
 *
 *   ring_pending    how many submissions wait (or a corrupt index, put back)
 *   ring_cq_room    is there room for one more completion?  no: stop taking
 *   ring_at         where an entry lies, whose words are then read, each once; or
 *   ring_take       the oldest entry as a whole
 *   ring_post       it completed at once, or
 *   ring_reserve    it completes later, by ring_post_reserved
 *   ring_publish    shows the program what was taken and posted, once a batch
 *   ring_available  what cap_enter returns
 *
 * A completion is never dropped: an entry is taken only when there is room for
 * its completion, and one that completes later keeps its place reserved. At most
 * cq_entries − sq_entries places can be reserved, so that entries that complete
 * at once always find room when the program takes its completions.
 *
 * Every release has its acquire:
 *
 *   program stores sq_tail  → ring_pending     the entries before it are written
 *   ring_publish of sq_head → program's load   the entries before it were read and
 *                                              may be overwritten
 *   ring_publish of cq_tail → program's load   the completions before it are written
 *   program stores cq_head  → ring_available   the completions before it were read and
 *                                              may be overwritten
 *
 * A program may write anything anywhere in its region at any time. It then misreads
 * its own completions or loses its own entries; the view does not change but by
 * these functions.
 *
 * Invariants, checked by ring_view_check():
 *   1  cq_tail − room_head completions + `cq_room` + places kept = entries of the queue,
 *      and room_head is not beyond cq_head: the room is at least so much
 *   2  places kept ≤ cq_entries − sq_entries
 *   3  both numbers of entries are powers of two, and sq_entries ≤ cq_entries
 */
#pragma once

#include <abi/layout.h>
#include <abi/limits.h>
#include <abi/ring.h>
#include <lib/shm.h>
#include <lib/status.h>
#include <stdbool.h>
#include <stdint.h>

/* Where things lie in a region; all in bytes from its start. */
struct ring_layout {
    uint32_t sq_entries;
    uint32_t cq_entries;
    uint32_t sq_offset;
    uint32_t cq_offset;
    uint32_t area_offset;
    uint32_t area_bytes;
    uint32_t region_bytes; /* whole pages */
};

/* The largest ring that ring_region_layout() accepts fits its window. */
_Static_assert(sizeof(struct cap_ring_header) + CAP_SQ_MAX * sizeof(struct cap_sqe) +
                       CAP_CQ_MAX * sizeof(struct cap_cqe) + CAP_AREA_MAX <=
                   USER_RING_BYTES,
               "the largest ring region exceeds USER_RING_BYTES");

/* One line of cache. */
struct ring_view {
    struct cap_ring_header *header; /* [u] */
    struct cap_sqe *sq;             /* [u] */
    struct cap_cqe *cq;             /* [u] */
    uint32_t sq_entries;            /* [I] */
    uint32_t sq_mask;               /* [I] */
    uint32_t cq_mask;               /* [I] */
    uint32_t cq_head;               /* the program's, as last read and accepted */
    uint32_t sq_head;               /* next submission to take */
    uint32_t cq_tail;               /* next completion to write */
    uint32_t cq_room;               /* completions that can be posted or reserved, as of: */
    uint32_t room_head;             /* cq_head when that was last counted */
    uint32_t corruptions;           /* indices put back so far, wraps */
};

_Static_assert(sizeof(struct ring_view) == 64, "a view is one cache line");

/* Two counts that lie side by side, in one aligned word: for ring_publish. */
_Static_assert(offsetof(struct ring_view, cq_tail) == offsetof(struct ring_view, sq_head) + 4 &&
                   offsetof(struct cap_ring_header, cq_tail) ==
                       offsetof(struct cap_ring_header, sq_head) + 4 &&
                   offsetof(struct ring_view, sq_head) % 8 == 0 &&
                   offsetof(struct cap_ring_header, sq_head) % 8 == 0,
               "both counts are published by one store");

/*
 * Computes a region's layout. ST_INVALID: a size is not a power of two or outside
 * its limits (abi/limits.h), or there are fewer completion than submission entries.
 */
enum status ring_region_layout(uint32_t sq_entries, uint32_t cq_entries, uint32_t area_bytes,
                               struct ring_layout *layout);

/*
 * Makes a region of what is all zeros: writes the header for this layout. `region` is
 * 64-byte aligned and has layout->region_bytes bytes.
 */
void ring_format(void *region, const struct ring_layout *layout);

/*
 * Starts the kernel's view of a formatted region. Keeps `region`. No more than
 * CAP_DRAIN_BUDGET submissions are a batch.
 */
void ring_view_init(struct ring_view *view, void *region, const struct ring_layout *layout);

/* Whether all invariants hold. Reads no shared memory. */
bool ring_view_check(const struct ring_view *view);

/*
 * Puts a corrupt index of the program's back to the kernel's copy, counts that, and
 * shows the count. What was submitted and not taken is forgotten by the first; what
 * was completed and not yet seen as taken is there again by the second.
 */
void ring_repair_sq(struct ring_view *view);
void ring_repair_cq(struct ring_view *view);

/* The program's tail, which may be out of range. */
static inline uint32_t ring_tail(const struct ring_view *view)
{
    return shm_load32_acquire(&view->header->sq_tail);
}

/*
 * How many submissions can be taken now. Reads sq_tail. ST_INVALID: it is out of
 * range; it has been put back, and none can be taken. (A tail that moves back
 * within what was not taken yet only withdraws those entries.)
 */
static inline enum status ring_pending(struct ring_view *view, uint32_t *pending)
{
    uint32_t n = ring_tail(view) - view->sq_head;

    if (__builtin_expect(n > view->sq_entries, 0)) {
        ring_repair_sq(view);
        return ST_INVALID;
    }
    *pending = n;
    return ST_OK;
}

/*
 * How many completions the program has not taken. Reads cq_head. ST_INVALID: it
 * moved back or beyond cq_tail; it has been put back.
 */
static inline __attribute__((always_inline)) enum status ring_available(struct ring_view *view,
                                                                        uint32_t *available)
{
    uint32_t head = shm_load32_acquire(&view->header->cq_head);
    uint32_t posted = view->cq_tail - view->cq_head;
    uint32_t taken = head - view->cq_head;
    uint32_t left;

    if (__builtin_expect(__builtin_sub_overflow(posted, taken, &left), 0)) {
        ring_repair_cq(view);
        return ST_INVALID;
    }
    view->cq_head = head;
    *available = left;
    return ST_OK;
}

/*
 * How many completions can be posted or reserved. Reads cq_head only if by the
 * kernel's copy there is no room. ST_INVALID: as ring_available.
 */
static inline enum status ring_cq_room(struct ring_view *view, uint32_t *room)
{
    if (__builtin_expect(view->cq_room == 0, 0)) {
        uint32_t available;

        if (view->room_head == view->cq_head) {
            enum status status = ring_available(view, &available);

            if (status != ST_OK) {
                return status;
            }
        }
        view->cq_room = view->cq_head - view->room_head;
        view->room_head = view->cq_head;
    }
    *room = view->cq_room;
    return ST_OK;
}

/* Where the submission of this count lies. */
static inline const struct cap_sqe *ring_at(const struct ring_view *view, uint32_t count)
{
    return &view->sq[count & view->sq_mask];
}

/*
 * Takes the oldest submission: where it lies. Only when ring_pending said that there is
 * one more and ring_cq_room that there is room. Its fields are then read, each once.
 */
static inline const struct cap_sqe *ring_next(struct ring_view *view)
{
    return ring_at(view, view->sq_head++);
}

/*
 * The first and the last words of an entry: opcode, capability count, flags, method and
 * pointer index, and capability room and reserved field, lowest bits first.
 */
static inline uint64_t ring_first_word(const struct cap_sqe *from)
{
    return shm_load64((const uint64_t *)(const void *)from);
}

static inline uint64_t ring_last_word(const struct cap_sqe *from)
{
    return shm_load64((const uint64_t *)(const void *)&from->cap_room);
}

/* Both lengths. */
static inline uint64_t ring_lengths_word(const struct cap_sqe *from)
{
    return shm_load64((const uint64_t *)(const void *)&from->params_len);
}

/* Its words behind the first. */
struct ring_words {
    uint64_t cap_id;
    uint64_t interface_id;
    uint64_t params_addr;
    uint64_t result_addr;
    uint64_t lengths; /* params_len, result_len */
    uint64_t user_data;
    uint64_t last;
};

/* All but interface and user data, which not everything needs soon. */
static inline __attribute__((always_inline)) struct ring_words
ring_words_but_late(const struct cap_sqe *from)
{
    return (struct ring_words){
        .cap_id = shm_load64(&from->cap_id),
        .params_addr = shm_load64(&from->params_addr),
        .result_addr = shm_load64(&from->result_addr),
        .lengths = ring_lengths_word(from),
        .last = ring_last_word(from),
    };
}

/* And these. */
static inline __attribute__((always_inline)) void ring_words_late(const struct cap_sqe *from,
                                                                  struct ring_words *w)
{
    w->interface_id = shm_load64(&from->interface_id);
    w->user_data = shm_load64(&from->user_data);
}

static inline __attribute__((always_inline)) struct ring_words
ring_words(const struct cap_sqe *from)
{
    struct ring_words w = ring_words_but_late(from);

    ring_words_late(from, &w);
    return w;
}

/* All of an entry but user data, capability and first word, or'ed to other bits. */
static inline uint64_t ring_or_behind_cap(const struct cap_sqe *from, uint64_t bits)
{
    bits = shm_or64(bits, &from->interface_id);
    bits = shm_or64(bits, &from->params_addr);
    bits = shm_or64(bits, &from->result_addr);
    bits = shm_or64(bits, (const uint64_t *)(const void *)&from->params_len);
    return shm_or64(bits, (const uint64_t *)(const void *)&from->cap_room);
}

/* Everything of an entry but its user data, in one word, with the first, which has been read. */
static inline uint64_t ring_or_rest(const struct cap_sqe *from, uint64_t first)
{
    return ring_or_behind_cap(from, shm_or64(first, &from->cap_id));
}

/* The entry that these eight words are. */
static inline __attribute__((always_inline)) struct cap_sqe
ring_entry(uint64_t first, uint64_t cap_id, uint64_t interface_id, uint64_t params_addr,
           uint64_t result_addr, uint64_t lengths, uint64_t user_data, uint64_t last)
{
    return (struct cap_sqe){
        .opcode = (uint8_t)first,
        .cap_count = (uint8_t)(first >> 8),
        .flags = (uint16_t)(first >> 16),
        .method_id = (uint16_t)(first >> 32),
        .pointer_index = (uint16_t)(first >> 48),
        .cap_id = cap_id,
        .interface_id = interface_id,
        .params_addr = params_addr,
        .result_addr = result_addr,
        .params_len = (uint32_t)lengths,
        .result_len = (uint32_t)(lengths >> 32),
        .user_data = user_data,
        .cap_room = (uint32_t)last,
        .reserved = (uint32_t)(last >> 32),
    };
}

/* The whole entry, of which the first word has been read. */
static inline struct cap_sqe ring_rest(const struct cap_sqe *from, uint64_t first)
{
    return ring_entry(first, shm_load64(&from->cap_id), shm_load64(&from->interface_id),
                      shm_load64(&from->params_addr), shm_load64(&from->result_addr),
                      ring_lengths_word(from), shm_load64(&from->user_data), ring_last_word(from));
}

/* Takes the oldest submission, whole. */
static inline void ring_take(struct ring_view *view, struct cap_sqe *sqe)
{
    const struct cap_sqe *from = ring_next(view);

    *sqe = ring_rest(from, ring_first_word(from));
}

/*
 * Writes the next completion; the program sees it after the count that is returned has been
 * published.
 */
static inline __attribute__((always_inline)) uint32_t
ring_write_cqe(struct ring_view *view, uint64_t user_data, int32_t result, uint16_t flags,
               uint16_t cap_count, uint64_t detail)
{
    uint32_t tail = view->cq_tail;
    struct cap_cqe *cqe = &view->cq[tail & view->cq_mask];

    view->cq_tail = tail + 1;
    /* result, flags and cap_count lie side by side: one store for the three. */
    shm_store64(&cqe->user_data, user_data);
    shm_store64((uint64_t *)(void *)&cqe->result,
                (uint32_t)result | (uint64_t)flags << 32 | (uint64_t)cap_count << 48);
    shm_store64(&cqe->detail, detail);
    shm_store64(&cqe->reserved, 0);
    return tail + 1;
}

/* Completes an entry at once. Only when there is room, as ring_take demands anyway. */
static inline __attribute__((always_inline)) void ring_post(struct ring_view *view,
                                                            uint64_t user_data, int32_t result,
                                                            uint16_t flags, uint16_t cap_count,
                                                            uint64_t detail)
{
    view->cq_room--;
    (void)ring_write_cqe(view, user_data, result, flags, cap_count, detail);
}

/* Places kept for entries that complete later. */
static inline uint32_t ring_reserved(const struct ring_view *view)
{
    return view->cq_mask + 1u - (view->cq_tail - view->room_head) - view->cq_room;
}

/*
 * Keeps a place for the completion of an entry that completes later. Only when there is
 * room, and fewer than cq_entries − sq_entries are kept: whoever keeps one has a record
 * for it (lib/call.h), of which there are no more.
 */
static inline void ring_reserve(struct ring_view *view)
{
    view->cq_room--;
}

/* Completes an entry into the place kept for it, and shows the program that. */
static inline __attribute__((always_inline)) void
ring_post_reserved(struct ring_view *view, uint64_t user_data, int32_t result, uint16_t flags,
                   uint16_t cap_count, uint64_t detail)
{
    uint32_t tail = ring_write_cqe(view, user_data, result, flags, cap_count, detail);

    shm_store32_release(&view->header->cq_tail, tail);
}

/* Shows the program what was taken and posted. */
static inline __attribute__((always_inline)) void ring_publish(struct ring_view *view)
{
    shm_store64_release((uint64_t *)(void *)&view->header->sq_head,
                        view->sq_head | (uint64_t)view->cq_tail << 32);
}
