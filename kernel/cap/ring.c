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
 *   opcode row ─► decode (may refuse: CAP_ERR_*) ─► apply ─► completion
 *
 * Small messages live on the kernel stack; larger ones in the CPU's scratch,
 * which is allocated when it is first needed.
 */
#include "cap/ring.h"

#include <abi/error.h>
#include <abi/layout.h>
#include <abi/limits.h>
#include <abi/ring.h>
#include <capos.capnp.h>
#include <lib/ring.h>

#include "arch/x86_64/cpu.h"
#include "cap/table.h"
#include "mem/heap.h"
#include "mem/paging.h"
#include "mem/validate.h"
#include "panic.h"
#include "process.h"
#include "thread.h"
#include "words.h"

/* A message up to this size, in bytes, needs no scratch. */
#define STACK_MESSAGE_BYTES 256u

/* What becomes of an entry; the completion without its user data. */
struct outcome {
    int32_t result;
    uint16_t flags;
    uint64_t detail;
};

static inline struct outcome outcome_error(enum cap_err error)
{
    return (struct outcome){.result = error};
}

/*
 * A program's claim about a buffer, checked: where the kernel reaches it. In the
 * message area that is the direct map; elsewhere, the program's own mapping.
 */
struct buffer {
    uint8_t *area; /* NULL: not in the area */
    struct uaddr user;
    uint32_t len;
};

/* Alignment and length as abi/ring.h wants them; whether it is mapped is found out later. */
static inline bool buffer_decode(const struct thread *t, uint64_t addr, uint32_t len,
                                 struct buffer *out)
{
    if (__builtin_expect(((addr | len) & 7u) != 0 || len > CAP_MESSAGE_MAX, 0)) {
        return false;
    }
    uint64_t offset = addr - t->process->area_vaddr;
    bool inside = offset < t->process->area_bytes && len <= t->process->area_bytes - offset;
    *out = (struct buffer){
        .area = inside ? t->process->area + offset : NULL,
        .user = {addr},
        .len = len,
    };
    return true;
}

static __attribute__((noinline)) bool copy_in_slow(const struct thread *t, void *to,
                                                   struct uaddr from, uint32_t len)
{
    return user_copy_in(&t->process->aspace, to, from, len) == ST_OK;
}

static inline bool copy_in(const struct thread *t, void *to, const struct buffer *from)
{
    if (__builtin_expect(from->area == NULL && from->len != 0, 0)) {
        return copy_in_slow(t, to, from->user, from->len);
    }
    memcpy_words(to, from->area, from->len);
    return true;
}

static __attribute__((noinline)) bool copy_out_slow(const struct thread *t, struct uaddr to,
                                                    const void *from, uint32_t len)
{
    return user_copy_out(&t->process->aspace, to, from, len) == ST_OK;
}

/* len is at most to->len. False only if the call itself took the buffer's mapping away. */
static inline bool copy_out(const struct thread *t, const struct buffer *to, const void *from,
                            uint32_t len)
{
    if (__builtin_expect(to->area == NULL && len != 0, 0)) {
        return copy_out_slow(t, to->user, from, len);
    }
    memcpy_words(to->area, from, len);
    return true;
}

static __attribute__((noinline)) bool user_range_is_writable(const struct thread *t,
                                                             struct uaddr start, uint32_t len)
{
    if (!user_range_ok(start, len)) {
        return false;
    }
    uint64_t page = start.v & ~(uint64_t)(FRAME_BYTES - 1u);
    for (; page < start.v + len; page += FRAME_BYTES) {
        unsigned prot;
        enum status status = aspace_find(&t->process->aspace, (struct uaddr){page}, NULL, &prot);
        if (status != ST_OK || (prot & PAGE_WRITE) == 0) {
            return false;
        }
    }
    return true;
}

/* Before the call, so that a call which had an effect can always be answered. */
static inline bool buffer_is_writable(const struct thread *t, const struct buffer *b)
{
    return __builtin_expect(b->area != NULL || b->len == 0, 1) ||
           user_range_is_writable(t, b->user, b->len);
}

/* The completion of a call that the object refused: the type in flags, the text in the buffer. */
static __attribute__((noinline, cold)) struct outcome
refuse(const struct thread *t, const struct capnp_call *call, struct buffer result)
{
    _Alignas(8) uint8_t message[STACK_MESSAGE_BYTES];
    struct capnp_arena arena;
    struct outcome outcome = {.result = CAP_ERR_EXCEPTION, .flags = (uint16_t)call->exception};

    capnp_arena_init(&arena, message, sizeof message);
    struct capos_exception_builder e = capos_exception_build_root(&arena);
    capos_exception_set_type(e, (enum capos_exception_type)call->exception);
    capos_exception_set_reason(e, capnp_text_from(call->reason));
    uint32_t len = (uint32_t)capnp_arena_bytes(&arena);
    if (!capnp_arena_ok(&arena) || len > result.len || !copy_out(t, &result, message, len)) {
        outcome.flags |= CAP_CQE_F_TRUNCATED;
        return outcome;
    }
    outcome.detail = len;
    return outcome;
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
}

/* Invokes the object with messages in `in` and `out`, both large enough. */
static inline struct outcome invoke(struct thread *t, const struct cap_slot *slot, uint16_t method,
                                    const struct buffer *params, const struct buffer *result,
                                    void *in, void *out, uint32_t out_room)
{
    if (!copy_in(t, in, params)) {
        return outcome_error(CAP_ERR_BAD_PARAMS);
    }
    struct capnp_call call = {
        .interface_id = slot->object->type->interface_id,
        .badge = slot->badge,
        .method = method,
        .params = in,
        .params_bytes = params->len,
        .results = out,
        .results_room = out_room,
    };
    switch (slot->object->type->call(slot->object, &call)) {
    case CAPNP_ANSWERED:
        if (!copy_out(t, result, out, call.results_bytes)) {
            return outcome_error(CAP_ERR_BAD_RESULT);
        }
        return (struct outcome){.result = (int32_t)call.results_bytes};
    case CAPNP_REFUSED:
        return refuse(t, &call, *result);
    case CAPNP_NO_ROOM:
        return outcome_error(CAP_ERR_BAD_RESULT);
    case CAPNP_PENDING:
        break;
    }
    panic("%s answered \"pending\", which no kernel object does yet", slot->object->type->name);
}

static __attribute__((noinline)) struct outcome invoke_large(struct thread *t,
                                                             const struct cap_slot *slot,
                                                             uint16_t method, struct buffer params,
                                                             struct buffer result)
{
    if (params.len > CAP_KERNEL_MESSAGE_MAX) {
        return outcome_error(CAP_ERR_BAD_PARAMS);
    }
    void *scratch;
    enum status status =
        lazy_buffer_get(&cpu_self()->scratch, &scratch_source, CPU_SCRATCH_BYTES, &scratch);
    if (status != ST_OK) {
        struct capnp_call call = {0};
        capnp_call_refuse(&call, CAPNP_EXC_OVERLOADED, "the kernel has no memory for the message");
        return refuse(t, &call, result);
    }
    uint32_t room = result.len < CAP_KERNEL_MESSAGE_MAX ? result.len : CAP_KERNEL_MESSAGE_MAX;
    return invoke(t, slot, method, &params, &result, scratch,
                  (uint8_t *)scratch + CAP_KERNEL_MESSAGE_MAX, room);
}

static inline struct outcome op_call(struct thread *t, const struct cap_sqe *sqe)
{
    struct buffer params;
    struct buffer result;

    t->calls++;
    if (__builtin_expect((sqe->flags | sqe->pointer_index | sqe->reserved) != 0, 0)) {
        bool pipelined = sqe->flags == CAP_SQE_F_PIPELINE && sqe->reserved == 0;
        return outcome_error(pipelined ? CAP_ERR_UNSUPPORTED_OPCODE : CAP_ERR_INVALID_REQUEST);
    }
    const struct cap_slot *slot = cap_table_lookup(&t->process->caps, sqe->cap_id);
    if (__builtin_expect(slot == NULL, 0)) {
        return outcome_error(CAP_ERR_INVOKE_FAILED);
    }
    if (__builtin_expect(slot->object->type->interface_id != sqe->interface_id, 0)) {
        return outcome_error(CAP_ERR_WRONG_INTERFACE);
    }
    if (__builtin_expect(sqe->cap_count != 0, 0)) {
        return outcome_error(CAP_ERR_BAD_TRANSFER); /* no kernel object takes capabilities */
    }
    if (!buffer_decode(t, sqe->params_addr, sqe->params_len, &params)) {
        return outcome_error(CAP_ERR_BAD_PARAMS);
    }
    if (!buffer_decode(t, sqe->result_addr, sqe->result_len, &result) ||
        !buffer_is_writable(t, &result)) {
        return outcome_error(CAP_ERR_BAD_RESULT);
    }
    if (__builtin_expect(params.len > STACK_MESSAGE_BYTES || result.len > STACK_MESSAGE_BYTES, 0)) {
        return invoke_large(t, slot, sqe->method_id, params, result);
    }
    _Alignas(8) uint8_t in[STACK_MESSAGE_BYTES];
    _Alignas(8) uint8_t out[STACK_MESSAGE_BYTES];
    return invoke(t, slot, sqe->method_id, &params, &result, in, out, result.len);
}

/* Whether all fields that NOP and RELEASE do not use are zero. */
static inline bool unused_are_zero(const struct cap_sqe *sqe)
{
    return (sqe->cap_count | sqe->flags | sqe->method_id | sqe->pointer_index | sqe->interface_id |
            sqe->params_addr | sqe->result_addr | sqe->params_len | sqe->result_len |
            sqe->reserved) == 0;
}

static inline struct outcome op_nop(struct thread *t, const struct cap_sqe *sqe)
{
    (void)t;
    if (!unused_are_zero(sqe) || sqe->cap_id != 0) {
        return outcome_error(CAP_ERR_INVALID_REQUEST);
    }
    return (struct outcome){0};
}

static inline struct outcome op_release(struct thread *t, const struct cap_sqe *sqe)
{
    if (!unused_are_zero(sqe)) {
        return outcome_error(CAP_ERR_INVALID_REQUEST);
    }
    if (process_release_cap(t->process, sqe->cap_id) != ST_OK) {
        return outcome_error(CAP_ERR_INVOKE_FAILED);
    }
    return (struct outcome){0};
}

static inline struct outcome dispatch(struct thread *t, const struct cap_sqe *sqe)
{
    switch (sqe->opcode) {
    case CAP_OP_NOP:
        return op_nop(t, sqe);
    case CAP_OP_CALL:
        return op_call(t, sqe);
    case CAP_OP_RELEASE:
        return op_release(t, sqe);
    case CAP_OP_RECV:
    case CAP_OP_RETURN:
    case CAP_OP_CANCEL:
    case CAP_OP_FINISH:
        return outcome_error(CAP_ERR_UNSUPPORTED_OPCODE);
    default:
        return outcome_error(CAP_ERR_INVALID_REQUEST);
    }
}

_Static_assert(CAP_OP_COUNT == 7, "a new opcode needs its case in dispatch");

enum drain ring_drain_some(struct thread *t, uint32_t pending, uint32_t budget)
{
    struct ring_view *ring = &t->ring;
    uint32_t n = pending < budget ? pending : budget;
    enum drain drain = n == pending ? DRAIN_EMPTY : DRAIN_MORE;

    do {
        uint32_t room;
        if (ring_cq_room(ring, &room) != ST_OK) {
            drain = DRAIN_CORRUPT;
            break;
        }
        if (room == 0) {
            drain = DRAIN_NO_ROOM;
            break;
        }
        struct cap_sqe sqe;
        ring_take(ring, &sqe);
        struct outcome o = dispatch(t, &sqe);
        ring_post(ring, sqe.user_data, o.result, o.flags, 0, o.detail);
    } while (--n != 0);
    ring_publish(ring);
    return drain;
}
