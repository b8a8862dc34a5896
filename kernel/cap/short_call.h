// SPDX-License-Identifier: MIT
/*
 * Short calls: no capabilities, messages that are short and lie in the message areas.
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
#include <stdbool.h>

#include "cap/buffer.h"
#include "cap/cap.h"
#include "cap/endpoint.h"
#include "cap/entry.h"
#include "cap/matching.h"
#include "cap/ring.h"
#include "process.h"
#include "thread.h"
#include "words.h"

_Static_assert(CAP_AREA_MIN >= SHORT_MESSAGE_BYTES, "is_short would wrap");

/* The first words of a short entry: a CALL leaves these bits zero, a RETURN is exactly this. */
#define FIRST_WORD_EXTRAS       0xffff0000ffffff00ull
#define FIRST_WORD_RETURN_AGAIN (CAP_OP_RETURN | (uint64_t)CAP_SQE_F_AGAIN << 16)

/*
 * Whether a buffer is aligned and short and begins so far from the end of the message
 * area that it lies in it whatever its length.
 */
static inline bool is_short(const struct process *p, uint64_t addr, uint32_t len)
{
    uint64_t last = p->area_bytes - SHORT_MESSAGE_BYTES; /* an area is never smaller */

    return ((addr | len) & 7u) == 0 && len <= SHORT_MESSAGE_BYTES && addr - p->area_vaddr <= last;
}

/* Whether both buffers of an entry are. */
static inline bool both_are_short(const struct process *p, uint64_t params_addr,
                                  uint32_t params_len, uint64_t result_addr, uint32_t result_len)
{
    uint64_t last = p->area_bytes - SHORT_MESSAGE_BYTES;

    return ((params_addr | result_addr | params_len | result_len) & 7u) == 0 &&
           params_len <= SHORT_MESSAGE_BYTES && result_len <= SHORT_MESSAGE_BYTES &&
           params_addr - p->area_vaddr <= last && result_addr - p->area_vaddr <= last;
}

/* Where the kernel reaches what a program sees at an address in its area. */
static inline uint8_t *in_area(const struct process *p, uint64_t addr)
{
    return p->area + (addr - p->area_vaddr);
}

/* Delivers a call to the receiver that waits. False: it is not a short call, or nobody waits. */
static inline __attribute__((always_inline)) bool short_call(struct thread *t,
                                                             const struct cap_slot *slot,
                                                             uint64_t first,
                                                             const struct ring_words *w)
{
    const struct process *p = t->process;
    struct endpoint *e = &endpoint_of_client(slot->object)->endpoint;
    struct call *receiver = endpoint_first_receiver(e);
    uint32_t bytes = (uint32_t)w->lengths;
    uint32_t room = (uint32_t)(w->lengths >> 32);

    if (__builtin_expect(receiver == NULL || endpoint_first_call(e) != NULL, 0) ||
        __builtin_expect(endpoint_is_closed(e), 0) ||
        __builtin_expect(!both_are_short(p, w->params_addr, bytes, w->result_addr, room), 0) ||
        __builtin_expect(receiver->result.area == NULL ||
                             sizeof(struct cap_message_header) + bytes > receiver->result.len,
                         0)) {
        return false;
    }
    struct call *caller = entry_begin(t, w->user_data);
    if (__builtin_expect(caller == NULL, 0)) {
        return false;
    }
    caller->result = (struct call_buffer){
        .area = in_area(p, w->result_addr), .addr = w->result_addr, .len = room};
    caller->cap_room = 0;
    struct cap_message_header *header = (struct cap_message_header *)(void *)receiver->result.area;
    *header = (struct cap_message_header){.interface_id = w->interface_id,
                                          .badge = slot->badge,
                                          .method_id = (uint16_t)(first >> 32),
                                          .params_len = bytes};
    memcpy_words(header + 1, in_area(p, w->params_addr), bytes);
    uint64_t id = call_pair(caller, receiver);
    entry_post(receiver, (int32_t)(sizeof *header + bytes), 0, 0, id);
    return true;
}

/*
 * Delivers an answer and has the receiver receive again. False: it is not a short
 * answer of this kind. *took_long: receiving kept interrupts out for a while.
 */
static inline __attribute__((always_inline)) bool
short_return(struct thread *t, const struct ring_words *w, bool *took_long)
{
    const struct process *p = t->process;
    struct call *receiver = call_find(&t->pool, w->interface_id);
    uint32_t bytes = (uint32_t)w->lengths;

    if (__builtin_expect(receiver == NULL || !is_short(p, w->params_addr, bytes), 0)) {
        return false;
    }
    struct call *caller = receiver->peer;
    if (__builtin_expect(
            caller == NULL || caller->result.area == NULL || bytes > caller->result.len, 0)) {
        return false;
    }
    memcpy_words(caller->result.area, in_area(p, w->params_addr), bytes);
    (void)call_part(caller);
    entry_complete(caller, (int32_t)bytes, 0, 0, 0);

    enum status status = ring_reserve(&t->ring);
    ASSERT(status == ST_OK, "a ring keeps fewer places than its thread has records");
    receiver->user_data = w->user_data;
    struct endpoint *e = receiver->endpoint;
    if (__builtin_expect(endpoint_is_closed(e) || endpoint_first_call(e) != NULL, 0)) {
        *took_long = matching_receive(e, receiver);
    } else {
        endpoint_arm(e, receiver);
        *took_long = false;
    }
    return true;
}

/*
 * Calls the object, with messages in `in` and `out`, both large enough, and
 * completes. Inline whatever the compiler thinks: the short call is what this file
 * is for.
 */
static inline __attribute__((always_inline)) void
plain_invoke(struct thread *t, uint64_t user_data, const struct cap_slot *slot, uint16_t method,
             struct call_buffer params, struct call_buffer result, void *in, void *out,
             uint32_t out_room)
{
    struct cap_object *object = slot->object;

    if (__builtin_expect(!buffer_copy_in(t, in, &params, params.len), 0)) {
        ring_fail(t, user_data, CAP_ERR_BAD_PARAMS);
        return;
    }
    struct capnp_call call;
    call.interface_id = object->type->interface_id;
    call.badge = slot->badge;
    call.method = method;
    call.params = in;
    call.params_bytes = params.len;
    call.params_capabilities = 0;
    call.results = out;
    call.results_room = out_room;
    enum capnp_answer answer = object->type->call(object, &call);
    if (__builtin_expect(answer == CAPNP_ANSWERED, 1)) {
        if (__builtin_expect(!buffer_copy_out(t, &result, out, call.results_bytes), 0)) {
            ring_fail(t, user_data, CAP_ERR_BAD_RESULT);
            return;
        }
        ring_complete(t, user_data, call.results_bytes);
        return;
    }
    ASSERT(answer != CAPNP_PENDING, "%s is plain and yet answers later", object->type->name);
    if (answer == CAPNP_REFUSED) {
        ring_refuse(t, user_data, call.exception, call.reason, result);
    } else {
        ring_fail(t, user_data, CAP_ERR_BAD_RESULT);
    }
}

/* The short call to a plain object. False: it is not one. */
static inline __attribute__((always_inline)) bool short_plain_call(struct thread *t,
                                                                   const struct cap_slot *slot,
                                                                   uint64_t first,
                                                                   const struct ring_words *w)
{
    const struct process *p = t->process;
    uint32_t params_len = (uint32_t)w->lengths;
    uint32_t result_len = (uint32_t)(w->lengths >> 32);

    if (__builtin_expect(
            slot->object->type->interface_id != w->interface_id ||
                !both_are_short(p, w->params_addr, params_len, w->result_addr, result_len),
            0)) {
        return false;
    }
    struct call_buffer params = {.area = in_area(p, w->params_addr), .len = params_len};
    struct call_buffer result = {.area = in_area(p, w->result_addr), .len = result_len};
    _Alignas(8) uint8_t in[SHORT_MESSAGE_BYTES];
    _Alignas(8) uint8_t out[SHORT_MESSAGE_BYTES];
    plain_invoke(t, w->user_data, slot, (uint16_t)(first >> 32), params, result, in, out,
                 result_len);
    return true;
}
