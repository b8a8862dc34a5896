// SPDX-License-Identifier: MIT
/*
 * From submission to completion.
 *
 * An entry is read once into a local. Decoding checks every field of that copy
 * and every buffer it names, and may refuse; only then is anything applied, and
 * what is applied completes. A message to an object of the kernel is copied in
 * whole before it is looked at, and its answer is built in kernel memory and
 * copied out, or written where it goes and not read again (cap/short_call.h). So a
 * program that scribbles on its buffers meanwhile harms nobody.
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
#include "cap/exception.h"
#include "cap/ipc.h"
#include "cap/matching.h"
#include "cap/scratch.h"
#include "cap/short_call.h"
#include "cap/table.h"
#include "cap/transfer.h"
#include "panic.h"
#include "process.h"
#include "thread.h"

/* Where the first word of an entry has its method, and how many capabilities come along. */
#define FIRST_WORD_METHOD    0x0000ffff00000000ull
#define FIRST_WORD_CAP_COUNT 0x000000000000ff00ull

static const char no_memory[] = "the kernel has no memory for the message";

void ring_fail(struct thread *t, uint64_t user_data, enum cap_err error)
{
    ring_post(&t->ring, user_data, error, 0, 0, 0);
}

void ring_refuse(struct thread *t, uint64_t user_data, enum capnp_exception exception,
                 const char *reason, struct call_buffer result)
{
    struct exception_words words = exception_write(t, &result, exception, reason);

    ring_post(&t->ring, user_data, CAP_ERR_EXCEPTION, words.flags, 0, words.bytes);
}

bool ring_read_transfer(struct thread *t, const struct cap_sqe *sqe,
                        const struct call_buffer *params, struct call_buffer result,
                        struct transfer **out)
{
    int32_t error = transfer_read(t, params, sqe->params_len, sqe->cap_count, out);
    if (error == CAP_ERR_EXCEPTION) {
        ring_refuse(t, sqe->user_data, CAPNP_EXC_OVERLOADED, no_memory, result);
    } else if (error != 0) {
        ring_fail(t, sqe->user_data, (enum cap_err)error);
    }
    return error == 0;
}

void ring_scratch_drop(void)
{
    scratch_drop(&cpu_self()->scratch);
    scratch_drop(&cpu_self()->transfer);
}

/* Calls the object, with messages in `in` and `out`, both large enough, and completes. */
static void plain_invoke(struct thread *t, uint64_t user_data, const struct cap_slot *slot,
                         uint16_t method, struct call_buffer params, struct call_buffer result,
                         void *in, void *out, uint32_t out_room)
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
    plain_refused(t, user_data, &call, answer, result);
}

static __attribute__((noinline)) void invoke_large(struct thread *t, uint64_t user_data,
                                                   const struct cap_slot *slot, uint16_t method,
                                                   struct call_buffer params,
                                                   struct call_buffer result)
{
    void *scratch;

    if (params.len > CAP_KERNEL_MESSAGE_MAX) {
        ring_fail(t, user_data, CAP_ERR_BAD_PARAMS);
        return;
    }
    enum status status = scratch_get(&cpu_self()->scratch, CPU_SCRATCH_BYTES, &scratch);
    if (status != ST_OK) {
        ring_refuse(t, user_data, CAPNP_EXC_OVERLOADED, no_memory, result);
        return;
    }
    uint32_t room = result.len < CAP_KERNEL_MESSAGE_MAX ? result.len : CAP_KERNEL_MESSAGE_MAX;
    plain_invoke(t, user_data, slot, method, params, result, scratch,
                 (uint8_t *)scratch + CAP_KERNEL_MESSAGE_MAX, room);
}

/*
 * Any buffers there may be: all the rules for them, in the order of docs/abi.md. Stops
 * for the sake of a message that is not short.
 */
static __attribute__((noinline)) enum go_on
call_plain(struct thread *t, const struct cap_slot *slot, const struct cap_sqe *sqe)
{
    struct call_buffer params;
    struct call_buffer result;

    if (!ring_decode_call(t, sqe, 0, &params, &result)) {
        return GO_ON;
    }
    if (params.len > SHORT_MESSAGE_BYTES || result.len > SHORT_MESSAGE_BYTES) {
        invoke_large(t, sqe->user_data, slot, sqe->method_id, params, result);
        return params.len > SHORT_MESSAGE_BYTES ? STOP : GO_ON;
    }
    _Alignas(8) uint8_t in[SHORT_MESSAGE_BYTES];
    _Alignas(8) uint8_t out[SHORT_MESSAGE_BYTES];
    plain_invoke(t, sqe->user_data, slot, sqe->method_id, params, result, in, out, result.len);
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

static __attribute__((noinline)) void complete_with_caps(struct cap_call *call)
{
    struct thread *t = call->caller;
    uint32_t bytes = call->c.results_bytes;

    switch (cap_answer_deliver(t, &call->result, call->cap_room, call->c.results, bytes,
                               call->results, call->result_count)) {
    case ANSWER_DELIVERED:
        ring_post(&t->ring, call->user_data, (int32_t)bytes, 0, (uint16_t)call->result_count, 0);
        return;
    case ANSWER_BAD_RESULT:
        ring_fail(t, call->user_data, CAP_ERR_BAD_RESULT);
        return;
    case ANSWER_OVERLOADED:
        ring_refuse(t, call->user_data, CAPNP_EXC_OVERLOADED, answer_no_slots, call->result);
        return;
    }
}

/* Completes a call that was answered at once. */
static inline void complete_full(struct cap_call *call)
{
    if (call->result_count != 0) {
        complete_with_caps(call);
    } else if (buffer_copy_out(call->caller, &call->result, call->c.results,
                               call->c.results_bytes)) {
        ring_complete(call->caller, call->user_data, call->c.results_bytes);
    } else {
        ring_fail(call->caller, call->user_data, CAP_ERR_BAD_RESULT);
    }
}

/* Completes one that was not answered, unless it will be. */
static __attribute__((noinline)) void not_answered(struct cap_call *call, enum capnp_answer answer)
{
    if (call->given != NULL) {
        transfer_abandon(call->given, call->caller->process);
    }
    for (uint32_t i = 0; i < call->result_count; i++) {
        cap_drop(call->results[i].object);
    }
    if (answer == CAPNP_REFUSED) {
        ring_refuse(call->caller, call->user_data, call->c.exception, call->c.reason, call->result);
    } else if (answer == CAPNP_NO_ROOM) {
        ring_fail(call->caller, call->user_data, CAP_ERR_BAD_RESULT);
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
        ring_fail(call->caller, call->user_data, CAP_ERR_BAD_PARAMS);
        return;
    }
    call->c.interface_id = slot->interface_id;
    call->c.badge = slot->badge;
    call->c.params = in;
    call->c.params_bytes = params->len;
    call->c.params_capabilities = call->given != NULL ? (uint16_t)call->given->count : 0;
    call->c.results = out;
    call->c.results_room = out_room;
    enum capnp_answer answer = slot->object->type->call(slot->object, &call->c);
    if (__builtin_expect(answer != CAPNP_ANSWERED, 0)) {
        not_answered(call, answer);
        return;
    }
    if (call->given != NULL) {
        drop_given(call->given, call->caller->process);
    }
    complete_full(call);
}

/* Whether the drain goes on behind a full call. */
static inline enum go_on after_full(const struct cap_call *call)
{
    return call->took_long || call->caller->state == THREAD_DEAD ? STOP : GO_ON;
}

static __attribute__((noinline)) enum go_on call_full(struct thread *t, const struct cap_slot *slot,
                                                      const struct cap_sqe *sqe)
{
    uint32_t descriptors = sqe->cap_count * (uint32_t)sizeof(struct cap_transfer);
    struct cap_call call = {.c.method = sqe->method_id,
                            .caller = t,
                            .user_data = sqe->user_data,
                            .cap_room = sqe->cap_room};
    struct call_buffer params;

    if (!ring_decode_call(t, sqe, descriptors, &params, &call.result)) {
        return GO_ON;
    }
    if (sqe->params_len > CAP_KERNEL_MESSAGE_MAX) {
        ring_fail(t, sqe->user_data, CAP_ERR_BAD_PARAMS);
        return GO_ON;
    }
    uint32_t room =
        call.result.len < CAP_KERNEL_MESSAGE_MAX ? call.result.len : CAP_KERNEL_MESSAGE_MAX;
    void *scratch = NULL;
    if ((sqe->params_len > SHORT_MESSAGE_BYTES || room > SHORT_MESSAGE_BYTES) &&
        scratch_get(&cpu_self()->scratch, CPU_SCRATCH_BYTES, &scratch) != ST_OK) {
        ring_refuse(t, sqe->user_data, CAPNP_EXC_OVERLOADED, no_memory, call.result);
        return GO_ON;
    }
    if (sqe->cap_count != 0 && !ring_read_transfer(t, sqe, &params, call.result, &call.given)) {
        return GO_ON;
    }
    params.len = sqe->params_len;
    if (scratch != NULL) {
        enter_full(&call, slot, &params, scratch, (uint8_t *)scratch + CAP_KERNEL_MESSAGE_MAX,
                   room);
    } else {
        _Alignas(8) uint8_t in[SHORT_MESSAGE_BYTES];
        _Alignas(8) uint8_t out[SHORT_MESSAGE_BYTES];
        enter_full(&call, slot, &params, in, out, room);
    }
    return sqe->cap_count != 0 ? STOP : after_full(&call);
}

/* Of what call_full decodes and sets up, nothing but the call itself is left. */
static inline __attribute__((always_inline)) enum go_on
call_full_short(struct thread *t, const struct cap_slot *slot, uint64_t first,
                const uint8_t *params, uint8_t *result, uint64_t user_data, uint64_t lengths,
                uint32_t cap_room)
{
    _Alignas(8) uint8_t in[SHORT_MESSAGE_BYTES];
    _Alignas(8) uint8_t out[SHORT_MESSAGE_BYTES];
    uint32_t room = (uint32_t)(lengths >> 32);
    struct cap_call call;

    memcpy_words(in, params, (uint32_t)lengths);
    call.c.interface_id = slot->interface_id;
    call.c.badge = slot->badge;
    call.c.method = (uint16_t)(first >> 32);
    call.c.params = in;
    call.c.params_bytes = (uint32_t)lengths;
    call.c.params_capabilities = 0;
    call.c.results = out;
    call.c.results_room = room;
    call.caller = t;
    call.user_data = user_data;
    call.result.area = result;
    call.result.addr = from_area(t->process, result);
    call.result.len = room;
    call.result.near = room;
    call.cap_room = cap_room;
    call.given = NULL;
    call.took_long = false;
    call.result_count = 0;
    enum capnp_answer answer = slot->object->type->call(slot->object, &call.c);
    if (__builtin_expect(answer != CAPNP_ANSWERED, 0)) {
        not_answered(&call, answer);
    } else if (call.result_count != 0) {
        complete_with_caps(&call);
    } else {
        memcpy_words(result, out, call.c.results_bytes);
        ring_complete(t, user_data, call.c.results_bytes);
    }
    return after_full(&call);
}

enum go_on ring_call_full(struct thread *t, const struct cap_slot *slot, uint64_t first,
                          const uint8_t *params, uint8_t *result, uint64_t user_data,
                          uint64_t lengths)
{
    return call_full_short(t, slot, first, params, result, user_data, lengths, 0);
}

/* An entry that carries capabilities or a message that is not short takes long. */
static enum go_on after(const struct cap_sqe *sqe)
{
    return sqe->cap_count != 0 || sqe->params_len > SHORT_MESSAGE_BYTES ? STOP : GO_ON;
}

/* Any CALL, of what its capability id has been found to mean: all the rules. */
static inline __attribute__((always_inline)) enum go_on
call_any(struct thread *t, const struct cap_slot *slot, const struct cap_sqe *sqe)
{
    if ((sqe->flags | sqe->pointer_index | sqe->reserved) != 0 ||
        sqe->cap_room > CAP_TRANSFER_MAX) {
        bool pipelined = sqe->flags == CAP_SQE_F_PIPELINE && sqe->reserved == 0 &&
                         sqe->cap_room <= CAP_TRANSFER_MAX;
        ring_fail(t, sqe->user_data,
                  pipelined ? CAP_ERR_UNSUPPORTED_OPCODE : CAP_ERR_INVALID_REQUEST);
        return GO_ON;
    }
    if (slot == NULL) {
        ring_fail(t, sqe->user_data, CAP_ERR_INVOKE_FAILED);
        return GO_ON;
    }
    const struct cap_type *type = slot->object->type;
    if (type->kind == CAP_CLIENT) {
        ipc_call(t, slot, sqe);
        return after(sqe);
    }
    if (type->interface_id != sqe->interface_id) {
        ring_fail(t, sqe->user_data, CAP_ERR_WRONG_INTERFACE);
        return GO_ON;
    }
    if (type->kind == CAP_FULL || sqe->cap_count != 0) {
        return call_full(t, slot, sqe);
    }
    return call_plain(t, slot, sqe);
}

/* A CALL of another process, or a RETURN, that would be short but for its length. */
static inline __attribute__((always_inline)) bool
op_long(struct thread *t, const struct cap_slot *slot, uint64_t first, const struct ring_words *w,
        const struct cap_sqe *late)
{
    bool took_long;

    if (first == FIRST_WORD_RETURN_AGAIN && (w->cap_id | w->result_addr | w->last) == 0) {
        return short_return(t, w, REACH_LONG, 0, &took_long, NULL);
    }
    if ((uint8_t)first != CAP_OP_CALL || (first & FIRST_WORD_EXTRAS) != 0 || w->last != 0) {
        return false;
    }
    return slot != NULL && slot->object->type->kind == CAP_CLIENT &&
           short_call(t, slot, first, w, late, REACH_LONG, 0, 0, NULL);
}

/* One that would be short but for its capabilities, those that it brings or takes. */
static inline __attribute__((always_inline)) bool
op_almost_short(struct thread *t, const struct cap_slot *slot, uint64_t first,
                const struct ring_words *w, const struct cap_sqe *late, enum go_on *go_on)
{
    const struct process *p = thread_process(t);
    uint64_t kind = first & ~FIRST_WORD_CAP_COUNT;
    uint32_t n = (uint8_t)(first >> 8);

    *go_on = n != 0 ? STOP : GO_ON;
    if (kind == FIRST_WORD_RETURN_AGAIN) {
        bool took_long;
        return n != 0 && (w->cap_id | w->result_addr | w->last) == 0 &&
               short_return(t, w, REACH_SHORT, n, &took_long, NULL);
    }
    if ((kind & ~FIRST_WORD_METHOD) != CAP_OP_CALL || w->last > CAP_TRANSFER_MAX || slot == NULL) {
        return false;
    }
    const struct cap_type *type = slot->object->type;
    if (type->kind == CAP_CLIENT) {
        return (n | w->last) != 0 &&
               short_call(t, slot, first, w, late, REACH_SHORT, n, (uint32_t)w->last, NULL);
    }
    if (type->kind != CAP_FULL || n != 0 || !is_short_call(p, slot, w)) {
        return false;
    }
    *go_on = call_full_short(t, slot, first, in_area(p, w->params_addr), in_area(p, w->result_addr),
                             w->user_data, w->lengths, (uint32_t)w->last);
    return true;
}

enum go_on ring_op_any(struct thread *t, uint64_t first, uint64_t cap_id, uint64_t interface_id,
                       uint64_t params_addr, uint64_t result_addr, uint64_t lengths,
                       uint64_t user_data, uint64_t last)
{
    const struct cap_slot *slot = cap_table_lookup(&t->process->caps, cap_id);
    struct ring_words w = {cap_id,  interface_id, params_addr, result_addr,
                           lengths, user_data,    last};
    struct cap_sqe late;
    enum go_on go_on = STOP;

    late.interface_id = interface_id;
    late.user_data = user_data;
    if (lengths_fit(lengths, REACH_SHORT) ? op_almost_short(t, slot, first, &w, &late, &go_on)
                                          : op_long(t, slot, first, &w, &late)) {
        return go_on;
    }
    struct cap_sqe sqe =
        ring_entry(first, cap_id, interface_id, params_addr, result_addr, lengths, user_data, last);
    if (sqe.opcode == CAP_OP_CALL) {
        return call_any(t, slot, &sqe);
    }
    return ipc_return(t, &sqe) ? STOP : after(&sqe);
}

/* Whether an entry says more than its opcode and a capability. */
static inline bool says_more(const struct cap_sqe *from, uint64_t first)
{
    return __builtin_expect(ring_or_behind_cap(from, first >> 8) != 0, 0);
}

static __attribute__((noinline)) enum go_on op_release(struct thread *t, const struct cap_sqe *from,
                                                       uint64_t first)
{
    uint64_t user_data = shm_load64(&from->user_data);

    if (says_more(from, first)) {
        ring_fail(t, user_data, CAP_ERR_INVALID_REQUEST);
    } else if (process_release_cap(t->process, shm_load64(&from->cap_id)) != ST_OK) {
        ring_fail(t, user_data, CAP_ERR_INVOKE_FAILED);
    } else {
        ring_complete(t, user_data, 0);
    }
    return GO_ON;
}

/* A copy that was not made for this reason: it is when the table has grown, or is refused. */
static __attribute__((noinline, cold)) enum go_on
copy_otherwise(struct thread *t, uint64_t cap_id, uint64_t user_data, enum status status)
{
    struct process *p = t->process;
    uint64_t copy = CAP_ID_NONE;

    if (status == ST_FULL) {
        status = process_make_room(p, 1);
        if (status == ST_OK) {
            account_release(&p->account, ACCOUNT_SLOTS, 1); /* it is charged with the copy */
            status = process_copy_cap(p, cap_id, &copy);
        }
    }
    if (status == ST_OK) {
        ring_post(&t->ring, user_data, 0, 0, 0, copy);
    } else if (status == ST_STALE) {
        ring_fail(t, user_data, CAP_ERR_INVOKE_FAILED);
    } else if (status == ST_DENIED) {
        ring_fail(t, user_data, CAP_ERR_BAD_TRANSFER);
    } else {
        ring_refuse(t, user_data, CAPNP_EXC_OVERLOADED, answer_no_slots,
                    (struct call_buffer){.len = 0});
    }
    return GO_ON;
}

static __attribute__((noinline)) enum go_on op_copy(struct thread *t, const struct cap_sqe *from,
                                                    uint64_t first)
{
    uint64_t user_data = shm_load64(&from->user_data);
    uint64_t cap_id = shm_load64(&from->cap_id);
    uint64_t copy = CAP_ID_NONE;

    if (says_more(from, first)) {
        ring_fail(t, user_data, CAP_ERR_INVALID_REQUEST);
        return GO_ON;
    }
    enum status status = process_copy_cap(t->process, cap_id, &copy);
    if (__builtin_expect(status != ST_OK, 0)) {
        return copy_otherwise(t, cap_id, user_data, status);
    }
    ring_post(&t->ring, user_data, 0, 0, 0, copy);
    return GO_ON;
}

static __attribute__((noinline)) enum go_on op_rare(struct thread *t, const struct cap_sqe *from,
                                                    uint64_t first)
{
    struct cap_sqe sqe = ring_rest(from, first);

    switch (sqe.opcode) {
    case CAP_OP_RECV:
        return ipc_recv(t, &sqe) ? STOP : GO_ON;
    case CAP_OP_CANCEL:
        ipc_cancel(t, &sqe);
        return STOP; /* it has looked at every record */
    case CAP_OP_FINISH:
        ring_fail(t, sqe.user_data, CAP_ERR_UNSUPPORTED_OPCODE);
        return GO_ON;
    default:
        ring_fail(t, sqe.user_data, CAP_ERR_INVALID_REQUEST);
        return GO_ON;
    }
}

enum go_on ring_op_other(struct thread *t, const struct cap_sqe *from, uint64_t first)
{
    switch ((uint8_t)first) {
    case CAP_OP_RELEASE:
        return op_release(t, from, first);
    case CAP_OP_COPY:
        return op_copy(t, from, first);
    default:
        return op_rare(t, from, first);
    }
}
