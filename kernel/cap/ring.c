// SPDX-License-Identifier: MIT
/*
 * From submission to completion.
 *
 * An entry is read once into a local. Decoding checks every field of that copy
 * and every buffer it names, and may refuse; only then is anything applied, and
 * what is applied completes. A message to an object of the kernel is copied in
 * whole before it is looked at, and its answer is built in kernel memory and
 * copied out, so a program that scribbles on its buffers meanwhile harms nobody.
 *
 *   opcode ─► decode (may refuse: CAP_ERR_*) ─► apply ─► completion
 *
 * Small messages live on the kernel stack; larger ones in the CPU's scratch,
 * which is allocated when it is first needed.
 */
#include "cap/ring.h"

#include <abi/error.h>
#include <abi/limits.h>
#include <abi/ring.h>
#include <capos.capnp.h>
#include <lib/ring.h>

#include "arch/x86_64/cpu.h"
#include "cap/buffer.h"
#include "cap/call.h"
#include "cap/endpoint.h"
#include "cap/exception.h"
#include "cap/short_call.h"
#include "cap/table.h"
#include "cap/transfer.h"
#include "mem/heap.h"
#include "panic.h"
#include "process.h"
#include "thread.h"

static const char no_memory[] = "the kernel has no memory for the message";

/* Completes an entry with a transport error. */
static __attribute__((noinline, cold)) void fail(struct thread *t, uint64_t user_data,
                                                 enum cap_err error)
{
    ring_post(&t->ring, user_data, error, 0, 0, 0);
}

/* Completes an entry that worked, with so many bytes of result. */
static inline void complete(struct thread *t, uint64_t user_data, uint32_t bytes)
{
    ring_post(&t->ring, user_data, (int32_t)bytes, 0, 0, 0);
}

/* Completes a call that the object refused: the type in flags, the text in the buffer. */
static __attribute__((noinline, cold)) void refuse(struct thread *t, uint64_t user_data,
                                                   enum capnp_exception exception,
                                                   const char *reason, struct call_buffer result)
{
    struct exception_words words = exception_write(t, &result, exception, reason);

    ring_post(&t->ring, user_data, CAP_ERR_EXCEPTION, words.flags, 0, words.bytes);
}

static void *scratch_alloc(void *context, size_t bytes)
{
    (void)context;
    return heap_alloc(NULL, bytes);
}

static void scratch_free(void *context, void *memory, size_t bytes)
{
    (void)context;
    (void)bytes;
    heap_free(NULL, memory);
}

static const struct lazy_buffer_source scratch_source = {.alloc = scratch_alloc,
                                                         .free = scratch_free};

void ring_scratch_drop(void)
{
    lazy_buffer_drop(&cpu_self()->scratch, &scratch_source);
    transfer_scratch_drop();
}

/*
 * Calls the object, with messages in `in` and `out`, both large enough, and
 * completes. Inline whatever the compiler thinks: the short call is what this file
 * is for.
 */
static inline __attribute__((always_inline)) void
invoke(struct thread *t, uint64_t user_data, const struct cap_slot *slot, uint16_t method,
       struct call_buffer params, struct call_buffer result, void *in, void *out, uint32_t out_room)
{
    struct cap_object *object = slot->object;

    if (__builtin_expect(!buffer_copy_in(t, in, &params, params.len), 0)) {
        fail(t, user_data, CAP_ERR_BAD_PARAMS);
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
            fail(t, user_data, CAP_ERR_BAD_RESULT);
            return;
        }
        complete(t, user_data, call.results_bytes);
        return;
    }
    ASSERT(answer != CAPNP_PENDING, "%s is plain and yet answers later", object->type->name);
    if (answer == CAPNP_REFUSED) {
        refuse(t, user_data, call.exception, call.reason, result);
    } else {
        fail(t, user_data, CAP_ERR_BAD_RESULT);
    }
}

static __attribute__((noinline)) void invoke_large(struct thread *t, uint64_t user_data,
                                                   const struct cap_slot *slot, uint16_t method,
                                                   struct call_buffer params,
                                                   struct call_buffer result)
{
    void *scratch;

    if (params.len > CAP_KERNEL_MESSAGE_MAX) {
        fail(t, user_data, CAP_ERR_BAD_PARAMS);
        return;
    }
    enum status status =
        lazy_buffer_get(&cpu_self()->scratch, &scratch_source, CPU_SCRATCH_BYTES, &scratch);
    if (status != ST_OK) {
        refuse(t, user_data, CAPNP_EXC_OVERLOADED, no_memory, result);
        return;
    }
    uint32_t room = result.len < CAP_KERNEL_MESSAGE_MAX ? result.len : CAP_KERNEL_MESSAGE_MAX;
    invoke(t, user_data, slot, method, params, result, scratch,
           (uint8_t *)scratch + CAP_KERNEL_MESSAGE_MAX, room);
}

/* Whether an entry is followed by the next, or the drain stops behind it for a while. */
enum go_on { GO_ON, STOP };

/*
 * Any buffers there may be: all the rules for them, in the order of docs/abi.md. Stops
 * for the sake of a message that is not short.
 */
static __attribute__((noinline)) enum go_on
call_plain(struct thread *t, const struct cap_slot *slot, struct cap_sqe sqe)
{
    struct call_buffer params;
    struct call_buffer result;

    if (!buffer_decode_message(t, sqe.params_addr, sqe.params_len, 0, &params)) {
        fail(t, sqe.user_data, CAP_ERR_BAD_PARAMS);
        return GO_ON;
    }
    if (!buffer_decode_room(t, sqe.result_addr, sqe.result_len, &result) ||
        !buffer_is_writable(t, &result)) {
        fail(t, sqe.user_data, CAP_ERR_BAD_RESULT);
        return GO_ON;
    }
    if (params.len > SHORT_MESSAGE_BYTES || result.len > SHORT_MESSAGE_BYTES) {
        invoke_large(t, sqe.user_data, slot, sqe.method_id, params, result);
        return params.len > SHORT_MESSAGE_BYTES ? STOP : GO_ON;
    }
    _Alignas(8) uint8_t in[SHORT_MESSAGE_BYTES];
    _Alignas(8) uint8_t out[SHORT_MESSAGE_BYTES];
    invoke(t, sqe.user_data, slot, sqe.method_id, params, result, in, out, result.len);
    return GO_ON;
}

/* ---------------------------------------------------------------------------
 * Calls with more to them than a message: capabilities, answers that come later */

/* What came with an answered call is the kernel's, and nobody there has kept it. */
static void drop_given(struct transfer *given, struct process *sender)
{
    transfer_receive(given, sender);
    for (uint32_t i = 0; i < given->count; i++) {
        cap_drop(given->items[i].hold.object);
    }
    transfer_free(given, sender);
}

static void complete_full(struct cap_call *call)
{
    struct thread *t = call->caller;
    uint32_t bytes = call->c.results_bytes;

    switch (cap_answer_deliver(t, &call->result, call->cap_room, call->c.results, bytes,
                               call->results, call->result_count)) {
    case ANSWER_DELIVERED:
        ring_post(&t->ring, call->user_data, (int32_t)bytes, 0, (uint16_t)call->result_count, 0);
        return;
    case ANSWER_BAD_RESULT:
        fail(t, call->user_data, CAP_ERR_BAD_RESULT);
        return;
    case ANSWER_OVERLOADED:
        refuse(t, call->user_data, CAPNP_EXC_OVERLOADED, answer_no_slots, call->result);
        return;
    }
}

/* Everything of the call is in kernel memory, and *call is complete. */
static void invoke_full(struct cap_call *call, const struct cap_slot *slot)
{
    struct process *p = call->caller->process;
    const struct cap_type *type = slot->object->type;
    enum capnp_answer answer = type->call(slot->object, &call->c);

    if (call->given != NULL && answer == CAPNP_ANSWERED) {
        drop_given(call->given, p);
    } else if (call->given != NULL) {
        transfer_abandon(call->given, p);
    }
    if (answer == CAPNP_ANSWERED) {
        complete_full(call);
        return;
    }
    for (uint32_t i = 0; i < call->result_count; i++) {
        cap_drop(call->results[i].object);
    }
    if (answer == CAPNP_REFUSED) {
        refuse(call->caller, call->user_data, call->c.exception, call->c.reason, call->result);
    } else if (answer == CAPNP_NO_ROOM) {
        fail(call->caller, call->user_data, CAP_ERR_BAD_RESULT);
    }
}

/* Copies the parameters in and invokes, with messages in `in` and `out`. */
static void enter_full(struct cap_call *call, const struct cap_slot *slot,
                       const struct call_buffer *params, void *in, void *out, uint32_t out_room)
{
    if (!buffer_copy_in(call->caller, in, params, params->len)) {
        if (call->given != NULL) {
            transfer_abandon(call->given, call->caller->process);
        }
        fail(call->caller, call->user_data, CAP_ERR_BAD_PARAMS);
        return;
    }
    call->c.interface_id = slot->interface_id;
    call->c.badge = slot->badge;
    call->c.params = in;
    call->c.params_bytes = params->len;
    call->c.params_capabilities = call->given != NULL ? call->given->count : 0;
    call->c.results = out;
    call->c.results_room = out_room;
    invoke_full(call, slot);
}

/* The descriptors behind the parameters, if there are any. False: the entry has been completed. */
static bool read_given(struct cap_call *call, const struct cap_sqe *sqe,
                       const struct call_buffer *params)
{
    if (sqe->cap_count == 0) {
        return true;
    }
    int32_t error =
        transfer_read(call->caller, params, sqe->params_len, sqe->cap_count, &call->given);
    if (error == CAP_ERR_EXCEPTION) {
        refuse(call->caller, sqe->user_data, CAPNP_EXC_OVERLOADED, no_memory, call->result);
    } else if (error != 0) {
        fail(call->caller, sqe->user_data, (enum cap_err)error);
    }
    return error == 0;
}

static __attribute__((noinline)) enum go_on call_full(struct thread *t, const struct cap_slot *slot,
                                                      struct cap_sqe sqe)
{
    uint32_t descriptors = sqe.cap_count * (uint32_t)sizeof(struct cap_transfer);
    struct cap_call call = {.c.method = sqe.method_id,
                            .caller = t,
                            .user_data = sqe.user_data,
                            .cap_room = sqe.cap_room};
    struct call_buffer params;

    if (!buffer_decode_message(t, sqe.params_addr, sqe.params_len, descriptors, &params)) {
        fail(t, sqe.user_data, CAP_ERR_BAD_PARAMS);
        return GO_ON;
    }
    if (!buffer_decode_room(t, sqe.result_addr, sqe.result_len, &call.result) ||
        !buffer_is_writable(t, &call.result)) {
        fail(t, sqe.user_data, CAP_ERR_BAD_RESULT);
        return GO_ON;
    }
    if (sqe.params_len > CAP_KERNEL_MESSAGE_MAX) {
        fail(t, sqe.user_data, CAP_ERR_BAD_PARAMS);
        return GO_ON;
    }
    uint32_t room =
        call.result.len < CAP_KERNEL_MESSAGE_MAX ? call.result.len : CAP_KERNEL_MESSAGE_MAX;
    void *scratch = NULL;
    if ((sqe.params_len > SHORT_MESSAGE_BYTES || room > SHORT_MESSAGE_BYTES) &&
        lazy_buffer_get(&cpu_self()->scratch, &scratch_source, CPU_SCRATCH_BYTES, &scratch) !=
            ST_OK) {
        refuse(t, sqe.user_data, CAPNP_EXC_OVERLOADED, no_memory, call.result);
        return GO_ON;
    }
    if (!read_given(&call, &sqe, &params)) {
        return GO_ON;
    }
    params.len = sqe.params_len;
    if (scratch != NULL) {
        enter_full(&call, slot, &params, scratch, (uint8_t *)scratch + CAP_KERNEL_MESSAGE_MAX,
                   room);
    } else {
        _Alignas(8) uint8_t in[SHORT_MESSAGE_BYTES];
        _Alignas(8) uint8_t out[SHORT_MESSAGE_BYTES];
        enter_full(&call, slot, &params, in, out, room);
    }
    return call.took_long || sqe.cap_count != 0 || t->state == THREAD_DEAD ? STOP : GO_ON;
}

/* An entry that carries capabilities or a message that is not short takes long. */
static enum go_on after(const struct cap_sqe *sqe)
{
    return sqe->cap_count != 0 || sqe->params_len > SHORT_MESSAGE_BYTES ? STOP : GO_ON;
}

/* Any CALL: all the rules. */
static enum go_on call_any(struct thread *t, const struct cap_sqe sqe)
{
    if ((sqe.flags | sqe.pointer_index | sqe.reserved) != 0 || sqe.cap_room > CAP_TRANSFER_MAX) {
        bool pipelined = sqe.flags == CAP_SQE_F_PIPELINE && sqe.reserved == 0 &&
                         sqe.cap_room <= CAP_TRANSFER_MAX;
        fail(t, sqe.user_data, pipelined ? CAP_ERR_UNSUPPORTED_OPCODE : CAP_ERR_INVALID_REQUEST);
        return GO_ON;
    }
    const struct cap_slot *slot = cap_table_lookup(&t->process->caps, sqe.cap_id);
    if (slot == NULL) {
        fail(t, sqe.user_data, CAP_ERR_INVOKE_FAILED);
        return GO_ON;
    }
    const struct cap_type *type = slot->object->type;
    if (type->kind == CAP_CLIENT) {
        endpoint_call(t, slot, &sqe);
        return after(&sqe);
    }
    if (type->interface_id != sqe.interface_id) {
        fail(t, sqe.user_data, CAP_ERR_WRONG_INTERFACE);
        return GO_ON;
    }
    if (type->kind == CAP_FULL || sqe.cap_count != 0) {
        return call_full(t, slot, sqe);
    }
    return call_plain(t, slot, sqe);
}

/*
 * From the short path to all the rules. The entry goes by its words: as a struct it would
 * be built in memory before the two paths part.
 */
static __attribute__((noinline)) enum go_on op_any(struct thread *t, uint64_t first,
                                                   uint64_t cap_id, uint64_t interface_id,
                                                   uint64_t params_addr, uint64_t result_addr,
                                                   uint64_t lengths, uint64_t user_data,
                                                   uint64_t last)
{
    struct cap_sqe sqe =
        ring_entry(first, cap_id, interface_id, params_addr, result_addr, lengths, user_data, last);

    if (sqe.opcode == CAP_OP_CALL) {
        return call_any(t, sqe);
    }
    return endpoint_return(t, &sqe) ? STOP : after(&sqe);
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
    invoke(t, w->user_data, slot, (uint16_t)(first >> 32), params, result, in, out, result_len);
    return true;
}

/* CALL: the short one here, whatever else it may be by op_any. So too RETURN. */
static inline __attribute__((always_inline)) enum go_on
op_call(struct thread *t, const struct cap_sqe *from, uint64_t first)
{
    struct ring_words w = ring_words(from);
    const struct cap_slot *slot = cap_table_lookup(&t->process->caps, w.cap_id);

    t->calls_taken++;
    if (__builtin_expect((first & FIRST_WORD_EXTRAS) == 0 && slot != NULL && w.last == 0, 1)) {
        enum cap_kind kind = slot->object->type->kind;

        if (kind == CAP_PLAIN && short_plain_call(t, slot, first, &w)) {
            return GO_ON;
        }
        if (kind == CAP_CLIENT && short_call(t, slot, first, &w)) {
            return GO_ON;
        }
    }
    return op_any(t, first, w.cap_id, w.interface_id, w.params_addr, w.result_addr, w.lengths,
                  w.user_data, w.last);
}

static inline __attribute__((always_inline)) enum go_on
op_return(struct thread *t, const struct cap_sqe *from, uint64_t first)
{
    struct ring_words w = ring_words(from);
    bool took_long;

    if (__builtin_expect(first == FIRST_WORD_RETURN_AGAIN &&
                             (w.cap_id | w.result_addr | w.lengths >> 32 | w.last) == 0,
                         1) &&
        short_return(t, &w, &took_long)) {
        return __builtin_expect(took_long, 0) ? STOP : GO_ON;
    }
    return op_any(t, first, w.cap_id, w.interface_id, w.params_addr, w.result_addr, w.lengths,
                  w.user_data, w.last);
}

static inline void op_nop(struct thread *t, const struct cap_sqe *from, uint64_t first)
{
    uint64_t user_data = shm_load64(&from->user_data);
    uint64_t rest = shm_load64(&from->cap_id) | shm_load64(&from->interface_id) |
                    shm_load64(&from->params_addr) | shm_load64(&from->result_addr) |
                    ring_lengths_word(from) | ring_last_word(from);

    if (__builtin_expect((first | rest) != 0, 0)) {
        fail(t, user_data, CAP_ERR_INVALID_REQUEST);
        return;
    }
    complete(t, user_data, 0);
}

static void op_release(struct thread *t, const struct cap_sqe *sqe)
{
    if ((sqe->cap_count | sqe->flags | sqe->method_id | sqe->pointer_index | sqe->interface_id |
         sqe->params_addr | sqe->result_addr | sqe->params_len | sqe->result_len | sqe->cap_room |
         sqe->reserved) != 0) {
        fail(t, sqe->user_data, CAP_ERR_INVALID_REQUEST);
        return;
    }
    if (process_release_cap(t->process, sqe->cap_id) != ST_OK) {
        fail(t, sqe->user_data, CAP_ERR_INVOKE_FAILED);
        return;
    }
    complete(t, sqe->user_data, 0);
}

/* Every other opcode. */
static __attribute__((noinline)) enum go_on op_other(struct thread *t, const struct cap_sqe *from,
                                                     uint64_t first)
{
    struct cap_sqe sqe = ring_rest(from, first);

    switch (sqe.opcode) {
    case CAP_OP_RELEASE:
        op_release(t, &sqe);
        return GO_ON;
    case CAP_OP_RECV:
        return endpoint_recv(t, &sqe) ? STOP : GO_ON;
    case CAP_OP_CANCEL:
        endpoint_cancel(t, &sqe);
        return STOP; /* it has looked at every record */
    case CAP_OP_FINISH:
        fail(t, sqe.user_data, CAP_ERR_UNSUPPORTED_OPCODE);
        return GO_ON;
    default:
        fail(t, sqe.user_data, CAP_ERR_INVALID_REQUEST);
        return GO_ON;
    }
}

static inline __attribute__((always_inline)) enum go_on dispatch(struct thread *t,
                                                                 const struct cap_sqe *from)
{
    uint64_t first = ring_first_word(from);

    switch ((uint8_t)first) {
    case CAP_OP_CALL:
        return op_call(t, from, first);
    case CAP_OP_RETURN:
        return op_return(t, from, first);
    case CAP_OP_NOP:
        op_nop(t, from, first);
        return GO_ON;
    default:
        return op_other(t, from, first);
    }
}

_Static_assert(CAP_OP_COUNT == 7, "a new opcode needs its case");
_Static_assert(CAP_OP_NOP == 0, "op_nop takes any other bit for a stray one");

enum drain ring_drain(struct thread *t, uint32_t pending, uint32_t budget)
{
    struct ring_view *ring = &t->ring;
    uint32_t last = ring->sq_head + (pending < budget ? pending : budget);
    enum drain drain = pending <= budget ? DRAIN_EMPTY : DRAIN_MORE;

    do {
        uint32_t room;
        if (__builtin_expect(ring_cq_room(ring, &room) != ST_OK, 0)) {
            drain = DRAIN_CORRUPT;
            break;
        }
        if (__builtin_expect(room == 0, 0)) {
            drain = DRAIN_NO_ROOM;
            break;
        }
        if (__builtin_expect(dispatch(t, ring_next(ring)) == STOP, 0)) {
            if (t->state == THREAD_DEAD) {
                drain = DRAIN_DEAD;
                break;
            }
            if (ring->sq_head != last) {
                drain = DRAIN_MORE;
                break;
            }
        }
    } while (ring->sq_head != last);
    ring_publish(ring);
    return drain;
}
