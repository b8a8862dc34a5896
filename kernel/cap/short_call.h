// SPDX-License-Identifier: MIT
/*
 * Short calls: messages that are short and lie in the message areas, with few capabilities.
 * To a plain object of the kernel; to a process whose receiver waits; and the answer to a
 * caller that is there. One test says that all of this is so; then no rule of cap/ring.c
 * and cap/ipc.c is broken, and what is left of them is a copy, two records and a
 * completion. Whatever else there may be goes there.
 *
 * For the drain (cap/drain.h), which is one piece of code with this.
 */
#pragma once

#include <abi/ring.h>
#include <lib/endpoint.h>
#include <lib/shm.h>
#include <stdbool.h>

#include "cap/buffer.h"
#include "cap/cap.h"
#include "cap/endpoint.h"
#include "cap/entry.h"
#include "cap/matching.h"
#include "cap/ring.h"
#include "cap/transfer.h"
#include "process.h"
#include "thread.h"
#include "words.h"

/* The first words of a short entry: a CALL leaves these bits zero, a RETURN is exactly this. */
#define FIRST_WORD_EXTRAS       0xffff0000ffffff00ull
#define FIRST_WORD_RETURN_AGAIN (CAP_OP_RETURN | (uint64_t)CAP_SQE_F_AGAIN << 16)

/*
 * How long its messages may be. A LONG one takes long, so where others come with it, it is
 * not for the drain itself but for cap/ring.c, which has one more instance of the same code.
 */
enum reach { REACH_SHORT, REACH_LONG };

static inline uint64_t reach_bytes(enum reach reach)
{
    return reach == REACH_SHORT ? SHORT_MESSAGE_BYTES : LONG_MESSAGE_BYTES;
}

/* Whether both lengths are whole numbers of words, and no more than that: the limit is a mask. */
static inline bool lengths_fit(uint64_t lengths, enum reach reach)
{
    return (lengths & ~(reach_bytes(reach) << 32 | reach_bytes(reach))) == 0;
}

_Static_assert((SHORT_MESSAGE_BYTES & (SHORT_MESSAGE_BYTES + 8u)) == 0 &&
                   (LONG_MESSAGE_BYTES & (LONG_MESSAGE_BYTES + 8u)) == 0 &&
                   SHORT_MESSAGE_BYTES % 8u == 0 && LONG_MESSAGE_BYTES % 8u == 0,
               "lengths_fit masks lengths");

/*
 * Whether an address begins a word so far from the end of the message area that any
 * message of this reach there lies in it. Rotated, an offset that is none, or not a whole
 * number of words, is a huge one.
 */
static inline bool is_in_area(const struct process *p, uint64_t addr, enum reach reach)
{
    uint64_t bytes = addr - p->area_vaddr;
    uint64_t places = reach == REACH_SHORT ? p->area_short_places : p->area_long_places;

    return (bytes >> 3 | bytes << 61) < places;
}

/* Where the kernel reaches what a program sees at an address in its area. */
static inline uint8_t *in_area(const struct process *p, uint64_t addr)
{
    return (uint8_t *)(addr + p->area_delta);
}

/* The other way round. */
static inline uint64_t from_area(const struct process *p, const uint8_t *at)
{
    return (uint64_t)at - p->area_delta;
}

/* Posts the completion that a record owes. Some thread is current. */
static inline __attribute__((always_inline)) void short_post(const struct call *call,
                                                             uint64_t result, uint32_t cap_count,
                                                             uint64_t detail, struct thread **next)
{
    struct thread *t = call->thread;

    ring_post_reserved(&t->ring, call->user_data, (int32_t)result, 0, (uint16_t)cap_count, detail);
    sched_completed_by_current(t, next);
}

/*
 * Hands over the n capabilities that come behind `bytes` of message, and writes their records
 * where the message will end. False: not in this way, and nothing has changed.
 */
static inline __attribute__((always_inline)) bool
short_transfer(struct thread *t, const uint8_t *message, uint64_t bytes, uint32_t n,
               enum reach reach, const struct call *target, uint64_t header)
{
    return bytes + n * sizeof(struct cap_transfer) <= reach_bytes(reach) &&
           header + bytes + n * sizeof(struct cap_record) <= target->result.near &&
           n <= target->cap_room &&
           transfer_at_once(t->process, message + bytes, n, target->thread->process,
                            target->result.area + header + bytes);
}

/*
 * Delivers a call, with n capabilities and room for so many with its answer, to the
 * receiver that waits. Of `late`, the entry or a copy, interface and user data are read only
 * then. False: it is not a short call, or nobody waits.
 */
static inline __attribute__((always_inline)) bool
short_call(struct thread *t, const struct cap_slot *slot, uint64_t first,
           const struct ring_words *w, const struct cap_sqe *late, enum reach reach, uint32_t n,
           uint32_t cap_room, struct thread **next)
{
    const struct process *p = thread_process(t);
    struct endpoint *e = &endpoint_of_client(slot->object)->endpoint;
    struct call *receiver = LIST_OWNER(e->receivers.next, struct call, node);
    struct call *caller = t->pool.free;
    uint32_t bytes = (uint32_t)w->lengths;

    if (__builtin_expect(!endpoint_is_ready(e) || caller == NULL, 0) ||
        __builtin_expect(!lengths_fit(w->lengths, reach), 0) ||
        __builtin_expect(!is_in_area(p, w->params_addr, reach), 0) ||
        __builtin_expect(!is_in_area(p, w->result_addr, reach), 0) ||
        __builtin_expect(sizeof(struct cap_message_header) + bytes > receiver->result.near, 0)) {
        return false;
    }
    uint64_t badge = slot->badge; /* the slot may be one that is moved */
    if (n != 0 && !short_transfer(t, in_area(p, w->params_addr), bytes, n, reach, receiver,
                                  sizeof(struct cap_message_header))) {
        return false;
    }
    entry_begin_first(t, caller, shm_load64(&late->user_data));
    caller->result.area = in_area(p, w->result_addr);
    caller->result.len = (uint32_t)(w->lengths >> 32);
    caller->result.near = (uint32_t)(w->lengths >> 32);
    struct cap_message_header *header = (struct cap_message_header *)(void *)receiver->result.area;
    header->interface_id = shm_load64(&late->interface_id);
    header->badge = badge;
    /* Two fields in one store: the method, behind which the first word is zero, and n. */
    shm_store32((uint32_t *)(void *)&header->method_id, (uint32_t)(first >> 32) | n << 16);
    header->params_len = bytes;
    header->reserved = 0;
    memcpy_words(header + 1, in_area(p, w->params_addr), bytes);
    list_unlink(&receiver->node);
    caller->cap_room = cap_room;
    short_post(receiver, sizeof *header + bytes, n, call_pair(caller, receiver), next);
    return true;
}

/*
 * Delivers an answer with n capabilities and has the receiver receive again. False: it is
 * not a short answer of this kind. *took_long: receiving kept interrupts out for a while.
 */
static inline __attribute__((always_inline)) bool
short_return(struct thread *t, const struct ring_words *w, enum reach reach, uint32_t n,
             bool *took_long, struct thread **next)
{
    const struct process *p = thread_process(t);
    struct call *receiver = call_find(&t->pool, w->interface_id);
    uint64_t bytes = w->lengths;

    if (__builtin_expect(receiver == NULL || (bytes & ~reach_bytes(reach)) != 0, 0) ||
        __builtin_expect(!is_in_area(p, w->params_addr, reach), 0)) {
        return false;
    }
    struct call *caller = receiver->peer;
    if (__builtin_expect(caller == NULL || bytes > caller->result.near, 0)) {
        return false;
    }
    if (n != 0 && !short_transfer(t, in_area(p, w->params_addr), bytes, n, reach, caller, 0)) {
        return false;
    }
    memcpy_words(caller->result.area, in_area(p, w->params_addr), bytes);
    call_put(&caller->thread->pool, caller);
    short_post(caller, bytes, n, 0, next);

    ring_reserve(&t->ring);
    receiver->user_data = w->user_data;
    struct endpoint *e = receiver->endpoint;
    if (__builtin_expect(endpoint_is_unsettled(e) || !list_is_empty(&e->calls), 0)) {
        next_put(next);
        *took_long = matching_receive(e, receiver);
        next_fetch(next);
    } else {
        endpoint_arm(e, receiver);
        *took_long = false;
    }
    return true;
}

/* Whether a call of an object of the kernel has its interface, and short messages in the area. */
static inline bool is_short_call(const struct process *p, const struct cap_slot *slot,
                                 const struct ring_words *w)
{
    return __builtin_expect(slot->object->type->interface_id == w->interface_id, 1) &&
           __builtin_expect(lengths_fit(w->lengths, REACH_SHORT), 1) &&
           __builtin_expect(is_in_area(p, w->params_addr, REACH_SHORT), 1) &&
           __builtin_expect(is_in_area(p, w->result_addr, REACH_SHORT), 1);
}

/* Completes a call that a plain object has not answered. */
static __attribute__((noinline, cold)) void plain_refused(struct thread *t, uint64_t user_data,
                                                          const struct capnp_call *call,
                                                          enum capnp_answer answer,
                                                          struct call_buffer result)
{
    ASSERT(answer != CAPNP_PENDING, "an object is plain and yet answers later");
    if (answer == CAPNP_REFUSED) {
        ring_refuse(t, user_data, call->exception, call->reason, result);
    } else {
        ring_fail(t, user_data, CAP_ERR_BAD_RESULT);
    }
}

_Static_assert(offsetof(struct capnp_call, params_capabilities) ==
                       offsetof(struct capnp_call, method) + 2u &&
                   offsetof(struct capnp_call, results_room) ==
                       offsetof(struct capnp_call, params_bytes) + 4u,
               "short_plain_call fills two fields at a time");

/*
 * The call to a plain object, which is_short_call has looked at, and which looks at nothing but
 * the message, so the rest is not filled in. The parameters are copied, to be checked and used
 * as they were then; the results are built where they go, since what builds them only writes.
 */
static inline __attribute__((always_inline)) void short_plain_call(struct thread *t,
                                                                   const struct cap_slot *slot,
                                                                   uint64_t first,
                                                                   const struct ring_words *w)
{
    const struct process *p = thread_process(t);
    struct cap_object *object = slot->object;

    _Alignas(8) uint8_t in[SHORT_MESSAGE_BYTES];
    uint64_t user_data = w->user_data;
    uint32_t method = (uint32_t)(first >> 32);
    struct capnp_call call;

    memcpy_words(in, in_area(p, w->params_addr), (uint32_t)w->lengths);
    /* Two fields in one store, twice: the method, behind which the word is zero; the lengths. */
    __builtin_memcpy((uint8_t *)&call + offsetof(struct capnp_call, method), &method,
                     sizeof method);
    __builtin_memcpy((uint8_t *)&call + offsetof(struct capnp_call, params_bytes), &w->lengths,
                     sizeof w->lengths);
    call.params = in;
    call.results = in_area(p, w->result_addr);
    enum capnp_answer answer = object->type->call(object, &call);
    if (__builtin_expect(answer != CAPNP_ANSWERED, 0)) {
        plain_refused(t, user_data, &call, answer,
                      (struct call_buffer){.area = call.results,
                                           .len = call.results_room,
                                           .near = call.results_room});
        return;
    }
    ring_complete(t, user_data, call.results_bytes);
}
