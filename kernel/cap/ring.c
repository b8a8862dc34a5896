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
#include <abi/layout.h>
#include <abi/limits.h>
#include <abi/ring.h>
#include <capos.capnp.h>
#include <lib/bits.h>
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
    bool inside = bits_range_fits(offset, len, t->process->area_bytes);
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

/* Completes a call that the object refused: the type in flags, the text in the buffer. */
static __attribute__((noinline, cold)) void refuse(struct thread *t, uint64_t user_data,
                                                   enum capnp_exception exception,
                                                   const char *reason, struct buffer result)
{
    _Alignas(8) uint8_t message[STACK_MESSAGE_BYTES];
    struct capnp_arena arena;
    uint16_t flags = (uint16_t)exception;

    capnp_arena_init(&arena, message, sizeof message);
    struct capos_exception_builder e = capos_exception_build_root(&arena);
    capos_exception_set_type(e, (enum capos_exception_type)exception);
    capos_exception_set_reason(e, capnp_text_from(reason));
    uint32_t len = (uint32_t)capnp_arena_bytes(&arena);
    if (!capnp_arena_ok(&arena) || len > result.len || !copy_out(t, &result, message, len)) {
        len = 0;
        flags |= CAP_CQE_F_TRUNCATED;
    }
    ring_post(&t->ring, user_data, CAP_ERR_EXCEPTION, flags, 0, len);
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

/*
 * Calls the object, with messages in `in` and `out`, both large enough, and
 * completes. Inline whatever the compiler thinks: the short call is what this file
 * is for.
 */
static inline __attribute__((always_inline)) void
invoke(struct thread *t, uint64_t user_data, const struct cap_slot *slot, uint16_t method,
       struct buffer params, struct buffer result, void *in, void *out, uint32_t out_room)
{
    struct cap_object *object = slot->object;

    if (__builtin_expect(!copy_in(t, in, &params), 0)) {
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
        if (__builtin_expect(!copy_out(t, &result, out, call.results_bytes), 0)) {
            fail(t, user_data, CAP_ERR_BAD_RESULT);
            return;
        }
        complete(t, user_data, call.results_bytes);
        return;
    }
    ASSERT(answer != CAPNP_PENDING, "%s answers later, which no kernel object does",
           object->type->name);
    if (answer == CAPNP_REFUSED) {
        refuse(t, user_data, call.exception, call.reason, result);
    } else {
        fail(t, user_data, CAP_ERR_BAD_RESULT);
    }
}

static __attribute__((noinline)) void invoke_large(struct thread *t, uint64_t user_data,
                                                   const struct cap_slot *slot, uint16_t method,
                                                   struct buffer params, struct buffer result)
{
    void *scratch;

    if (params.len > CAP_KERNEL_MESSAGE_MAX) {
        fail(t, user_data, CAP_ERR_BAD_PARAMS);
        return;
    }
    enum status status =
        lazy_buffer_get(&cpu_self()->scratch, &scratch_source, CPU_SCRATCH_BYTES, &scratch);
    if (status != ST_OK) {
        refuse(t, user_data, CAPNP_EXC_OVERLOADED, "the kernel has no memory for the message",
               result);
        return;
    }
    uint32_t room = result.len < CAP_KERNEL_MESSAGE_MAX ? result.len : CAP_KERNEL_MESSAGE_MAX;
    invoke(t, user_data, slot, method, params, result, scratch,
           (uint8_t *)scratch + CAP_KERNEL_MESSAGE_MAX, room);
}

/* Flags, or fields that are reserved in a CALL. */
static __attribute__((noinline, cold)) void fail_extras(struct thread *t, uint64_t user_data,
                                                        uint16_t flags, uint64_t reserved)
{
    bool pipelined = flags == CAP_SQE_F_PIPELINE && reserved == 0;

    fail(t, user_data, pipelined ? CAP_ERR_UNSUPPORTED_OPCODE : CAP_ERR_INVALID_REQUEST);
}

/*
 * Any buffers there may be: all the rules for them, in the order of docs/abi.md.
 * True if it took long, for the sake of a message that is not short.
 */
static __attribute__((noinline)) bool call_any(struct thread *t, const struct cap_slot *slot,
                                               struct cap_sqe sqe)
{
    struct buffer params;
    struct buffer result;

    if (!buffer_decode(t, sqe.params_addr, sqe.params_len, &params)) {
        fail(t, sqe.user_data, CAP_ERR_BAD_PARAMS);
        return false;
    }
    if (!buffer_decode(t, sqe.result_addr, sqe.result_len, &result) ||
        !buffer_is_writable(t, &result)) {
        fail(t, sqe.user_data, CAP_ERR_BAD_RESULT);
        return false;
    }
    if (params.len > STACK_MESSAGE_BYTES || result.len > STACK_MESSAGE_BYTES) {
        invoke_large(t, sqe.user_data, slot, sqe.method_id, params, result);
        return params.len > STACK_MESSAGE_BYTES;
    }
    _Alignas(8) uint8_t in[STACK_MESSAGE_BYTES];
    _Alignas(8) uint8_t out[STACK_MESSAGE_BYTES];
    invoke(t, sqe.user_data, slot, sqe.method_id, params, result, in, out, result.len);
    return false;
}

/*
 * A short call: both buffers are aligned and short and begin so far from the end of
 * the message area that they lie in it whatever their lengths. Such buffers break
 * no rule of call_any.
 */
static inline bool is_short(const struct process *p, const struct cap_sqe *sqe)
{
    uint64_t last = p->area_bytes - STACK_MESSAGE_BYTES; /* an area is never smaller */

    return ((sqe->params_addr | sqe->result_addr | sqe->params_len | sqe->result_len) & 7u) == 0 &&
           sqe->params_len <= STACK_MESSAGE_BYTES && sqe->result_len <= STACK_MESSAGE_BYTES &&
           sqe->params_addr - p->area_vaddr <= last && sqe->result_addr - p->area_vaddr <= last;
}

_Static_assert(CAP_AREA_MIN >= STACK_MESSAGE_BYTES, "is_short would wrap");

/* True as call_any; so too dispatch. */
static inline __attribute__((always_inline)) bool op_call(struct thread *t,
                                                          const struct cap_sqe *sqe)
{
    const struct process *p = t->process;

    t->calls++;
    if (__builtin_expect((sqe->flags | sqe->pointer_index | sqe->reserved) != 0, 0)) {
        fail_extras(t, sqe->user_data, sqe->flags, sqe->reserved);
        return false;
    }
    const struct cap_slot *slot = cap_table_lookup(&p->caps, sqe->cap_id);
    if (__builtin_expect(slot == NULL, 0)) {
        fail(t, sqe->user_data, CAP_ERR_INVOKE_FAILED);
        return false;
    }
    if (__builtin_expect(slot->object->type->interface_id != sqe->interface_id, 0)) {
        fail(t, sqe->user_data, CAP_ERR_WRONG_INTERFACE);
        return false;
    }
    if (__builtin_expect(sqe->cap_count != 0, 0)) {
        fail(t, sqe->user_data, CAP_ERR_BAD_TRANSFER); /* no kernel object takes any */
        return false;
    }
    if (__builtin_expect(!is_short(p, sqe), 0)) {
        return call_any(t, slot, *sqe);
    }
    struct buffer params = {.area = p->area + (sqe->params_addr - p->area_vaddr),
                            .len = sqe->params_len};
    struct buffer result = {.area = p->area + (sqe->result_addr - p->area_vaddr),
                            .len = sqe->result_len};
    _Alignas(8) uint8_t in[STACK_MESSAGE_BYTES];
    _Alignas(8) uint8_t out[STACK_MESSAGE_BYTES];
    invoke(t, sqe->user_data, slot, sqe->method_id, params, result, in, out, result.len);
    return false;
}

/* Whether all fields that NOP and RELEASE do not use are zero. */
static inline bool unused_are_zero(const struct cap_sqe *sqe)
{
    return (sqe->cap_count | sqe->flags | sqe->method_id | sqe->pointer_index | sqe->interface_id |
            sqe->params_addr | sqe->result_addr | sqe->params_len | sqe->result_len |
            sqe->reserved) == 0;
}

static inline void op_nop(struct thread *t, const struct cap_sqe *sqe)
{
    if (__builtin_expect(!unused_are_zero(sqe) || sqe->cap_id != 0, 0)) {
        fail(t, sqe->user_data, CAP_ERR_INVALID_REQUEST);
        return;
    }
    complete(t, sqe->user_data, 0);
}

static inline void op_release(struct thread *t, const struct cap_sqe *sqe)
{
    if (!unused_are_zero(sqe)) {
        fail(t, sqe->user_data, CAP_ERR_INVALID_REQUEST);
        return;
    }
    if (process_release_cap(t->process, sqe->cap_id) != ST_OK) {
        fail(t, sqe->user_data, CAP_ERR_INVOKE_FAILED);
        return;
    }
    complete(t, sqe->user_data, 0);
}

static inline bool dispatch(struct thread *t, const struct cap_sqe *sqe)
{
    switch (sqe->opcode) {
    case CAP_OP_CALL:
        return op_call(t, sqe);
    case CAP_OP_NOP:
        op_nop(t, sqe);
        return false;
    case CAP_OP_RELEASE:
        op_release(t, sqe);
        return false;
    case CAP_OP_RECV:
    case CAP_OP_RETURN:
    case CAP_OP_CANCEL:
    case CAP_OP_FINISH:
        fail(t, sqe->user_data, CAP_ERR_UNSUPPORTED_OPCODE);
        return false;
    default:
        fail(t, sqe->user_data, CAP_ERR_INVALID_REQUEST);
        return false;
    }
}

_Static_assert(CAP_OP_COUNT == 7, "a new opcode needs its case in dispatch");

enum drain ring_drain_some(struct thread *t, uint32_t pending, uint32_t budget)
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
        struct cap_sqe sqe;
        ring_take(ring, &sqe);
        if (dispatch(t, &sqe) && ring->sq_head != last) {
            drain = DRAIN_MORE;
            break;
        }
    } while (ring->sq_head != last);
    ring_publish(ring);
    return drain;
}
