// SPDX-License-Identifier: MIT
/*
 * The ring: shared memory through which a thread calls and is answered.
 *
 * One region per thread, mapped read-write at USER_RING_VADDR:
 *
 *   header | submission entries | completion entries | message area
 *
 * Head and tail are free-running 32-bit counts; the entry of count n lies at
 * n & (entries − 1). The program writes submission entries and publishes them
 * by advancing sq_tail; the kernel takes them inside cap_enter and advances
 * sq_head. The kernel writes completions and advances cq_tail; the program takes
 * them and advances cq_head. Every publishing store is a release, every load of
 * the other side's count an acquire.
 *
 * The kernel keeps its own copy of every count and size and reads only sq_tail
 * and cq_head. A count that moved backwards or beyond what can be is corruption:
 * the kernel puts it back, adds one to `corruptions`, and cap_enter takes no
 * further entry and returns SYS_ERR_RING_CORRUPT. Nobody else notices.
 *
 * A completion is never dropped: an entry is taken only when there is room for
 * its completion, and one that completes later (CALL of an endpoint, RECV, RETURN
 * with F_AGAIN) keeps a place. At most cq_entries − sq_entries entries can be in
 * flight, calls that were received and not returned included; more complete at once
 * as `overloaded`.
 *
 * Messages are Cap'n Proto, one segment, no framing (the stock tool's `flat`),
 * 8-byte aligned, a whole number of words, at most CAP_MESSAGE_MAX bytes. Length
 * 0 stands for a struct of defaults. They may lie anywhere in the program's
 * memory; in the message area the kernel reaches them without a page walk.
 */
#pragma once

#include <abi/limits.h>
#include <stddef.h>
#include <stdint.h>

#define CAP_RING_MAGIC       0x474e4952504143ull /* "CAPRING", little endian */
#define CAP_RING_ABI_VERSION 1u

/* Feature bits: none yet. A program refuses bits it does not know. */
#define CAP_RING_FEATURES 0u

struct cap_ring_header {
    /* Written once by the kernel, before the program runs. */
    uint64_t magic;
    uint32_t abi_version;
    uint32_t features;
    uint32_t sq_entries;
    uint32_t cq_entries;
    uint32_t sq_offset; /* bytes from the region's start, here and below */
    uint32_t cq_offset;
    uint32_t area_offset;
    uint32_t area_bytes;
    uint32_t region_bytes; /* whole pages */
    uint32_t reserved0[5];

    /* Written by the program. */
    uint32_t sq_tail;
    uint32_t cq_head;
    uint32_t reserved1[14];

    /* Written by the kernel; copies for the program to read. */
    uint32_t sq_head;
    uint32_t cq_tail;
    uint32_t corruptions; /* counts put back so far, wraps */
    uint32_t reserved2[13];
};

/*
 * Opcodes. Those marked reserved complete with CAP_ERR_UNSUPPORTED_OPCODE; any
 * number not listed completes with CAP_ERR_INVALID_REQUEST.
 */
enum cap_op {
    CAP_OP_NOP = 0,     /* completes with 0 */
    CAP_OP_CALL = 1,    /* invoke a method */
    CAP_OP_RECV = 2,    /* take the next call of an endpoint */
    CAP_OP_RETURN = 3,  /* answer a call that was taken */
    CAP_OP_RELEASE = 4, /* empty a slot of the own capability table */
    CAP_OP_CANCEL = 5,  /* give up an entry in flight */
    CAP_OP_FINISH = 6,  /* reserved: drop an answer that is still referred to */
    CAP_OP_COPY = 7,    /* fill another slot of the own table with what one holds */
    CAP_OP_COUNT
};

/* Submission flags. A set bit that the opcode does not know is CAP_ERR_INVALID_REQUEST. */
#define CAP_SQE_F_NONE      0u
#define CAP_SQE_F_PIPELINE  1u /* CALL: cap_id is an answer; reserved: UNSUPPORTED_OPCODE */
#define CAP_SQE_F_EXCEPTION 2u /* RETURN: the parameters are an Exception, method_id its type */
#define CAP_SQE_F_AGAIN     4u /* RETURN: then receive again, as the RECV before did */

/*
 * A submission. Fields an opcode does not use must be zero.
 *
 *   NOP       user_data
 *   CALL      cap_id, interface_id, method_id, params, cap_count, result, cap_room, user_data
 *   RECV      cap_id (owner facet), result, cap_room, user_data
 *   RETURN    interface_id (call id), params, cap_count, user_data; with F_EXCEPTION method_id
 *   RELEASE   cap_id, user_data
 *   CANCEL    params_addr (user_data of the entry to give up), user_data
 *   COPY      cap_id, user_data
 *
 * RECV, and RETURN with F_AGAIN, complete when a call has come. The buffer then holds
 * a struct cap_message_header, the parameters, and a struct cap_record for each
 * capability that came; the completion's result counts the first two, its detail is
 * the call id. One call id is good for one RETURN.
 *
 * A RETURN that fails leaves the call in service if the entry was malformed; it ends
 * the call if the answer could not be delivered (CAP_ERR_NOT_DELIVERED). In neither
 * case is anything received again.
 *
 * The detail of a COPY that worked is the new id. What CAP_TRANSFER_COPY would not copy
 * is refused as it would be, with CAP_ERR_BAD_TRANSFER; where there is no slot left, it is
 * an exception, overloaded.
 */
struct cap_sqe {
    uint8_t opcode;
    uint8_t cap_count; /* transfer descriptors behind the parameters */
    uint16_t flags;
    uint16_t method_id;     /* Cap'n Proto method ordinal; RETURN: enum cap_exc */
    uint16_t pointer_index; /* pipelining */
    uint64_t cap_id;        /* or answer id */
    uint64_t interface_id;  /* RETURN: call id */
    uint64_t params_addr;
    uint64_t result_addr;
    uint32_t params_len; /* bytes of message; the descriptors come behind them */
    uint32_t result_len; /* bytes there is room for, records included */
    uint64_t user_data;  /* comes back in the completion, uninterpreted */
    uint32_t cap_room;   /* capabilities that are taken with the result or call, at most */
    uint32_t reserved;
};

/*
 * A transfer descriptor. `cap_count` of them follow the parameters of a CALL or
 * RETURN, outside their length. A capability pointer in the message is an index
 * into them; so it is, on the other side, into the records.
 */
enum cap_transfer_mode {
    CAP_TRANSFER_COPY = 1, /* both have it */
    CAP_TRANSFER_MOVE = 2, /* the receiver has it instead; locked here until it is delivered */
    CAP_TRANSFER_MINT = 3, /* the receiver has a new client facet; cap_id is the owner facet */
};

struct cap_transfer {
    uint64_t cap_id;
    uint32_t mode; /* enum cap_transfer_mode */
    uint32_t reserved;
    uint64_t badge;        /* MINT; otherwise zero */
    uint64_t interface_id; /* MINT: what the client serves, not 0; otherwise zero */
};

/* A capability that has come: it is in the own table now. */
struct cap_record {
    uint64_t cap_id;
    uint64_t interface_id;
};

/* What a receiver finds before the parameters of a call. */
struct cap_message_header {
    uint64_t interface_id; /* as the caller named it */
    uint64_t badge;        /* of the client facet that was called */
    uint16_t method_id;
    uint16_t cap_count;  /* records behind the parameters */
    uint32_t params_len; /* bytes */
    uint64_t reserved;   /* zero */
};

/* Completion flags: an exception's type, and whether its text was cut short. */
#define CAP_CQE_F_EXC_MASK  0x000fu
#define CAP_CQE_F_TRUNCATED 0x0010u /* no room for the Exception message, in whole */

struct cap_cqe {
    uint64_t user_data;
    int32_t result; /* ≥ 0: bytes of result message; < 0: enum cap_err */
    uint16_t flags;
    uint16_t cap_count; /* capability records behind the result */
    uint64_t detail;    /* RECV: call id. COPY: new id. CAP_ERR_EXCEPTION: bytes of Exception */
    uint64_t reserved;  /* zero */
};

/*
 * A capability id: index in the low bits, generation above. Ids are local to one
 * table. A generation is never used twice for one index; 0 is never valid.
 */
#define CAP_ID_INDEX_BITS 20u
#define CAP_ID_NONE       0ull

_Static_assert(sizeof(struct cap_ring_header) == 192, "ring header is ABI");
_Static_assert(offsetof(struct cap_ring_header, sq_entries) == 16, "ring header is ABI");
_Static_assert(offsetof(struct cap_ring_header, region_bytes) == 40, "ring header is ABI");
_Static_assert(offsetof(struct cap_ring_header, sq_tail) == 64, "program's line");
_Static_assert(offsetof(struct cap_ring_header, cq_head) == 68, "program's line");
_Static_assert(offsetof(struct cap_ring_header, sq_head) == 128, "kernel's line");
_Static_assert(offsetof(struct cap_ring_header, cq_tail) == 132, "kernel's line");
_Static_assert(offsetof(struct cap_ring_header, corruptions) == 136, "kernel's line");

_Static_assert(sizeof(struct cap_sqe) == 64, "SQE is ABI");
_Static_assert(offsetof(struct cap_sqe, cap_id) == 8, "SQE is ABI");
_Static_assert(offsetof(struct cap_sqe, interface_id) == 16, "SQE is ABI");
_Static_assert(offsetof(struct cap_sqe, params_addr) == 24, "SQE is ABI");
_Static_assert(offsetof(struct cap_sqe, result_addr) == 32, "SQE is ABI");
_Static_assert(offsetof(struct cap_sqe, params_len) == 40, "SQE is ABI");
_Static_assert(offsetof(struct cap_sqe, result_len) == 44, "SQE is ABI");
_Static_assert(offsetof(struct cap_sqe, user_data) == 48, "SQE is ABI");
_Static_assert(offsetof(struct cap_sqe, cap_room) == 56, "SQE is ABI");
_Static_assert(offsetof(struct cap_sqe, reserved) == 60, "SQE is ABI");

_Static_assert(sizeof(struct cap_transfer) == 32, "transfer descriptor is ABI");
_Static_assert(offsetof(struct cap_transfer, mode) == 8, "transfer descriptor is ABI");
_Static_assert(offsetof(struct cap_transfer, badge) == 16, "transfer descriptor is ABI");
_Static_assert(sizeof(struct cap_record) == 16, "capability record is ABI");
_Static_assert(sizeof(struct cap_message_header) == 32, "message header is ABI");
_Static_assert(offsetof(struct cap_message_header, method_id) == 16, "message header is ABI");
_Static_assert(offsetof(struct cap_message_header, params_len) == 20, "message header is ABI");

_Static_assert(sizeof(struct cap_cqe) == 32, "CQE is ABI");
_Static_assert(offsetof(struct cap_cqe, result) == 8, "CQE is ABI");
_Static_assert(offsetof(struct cap_cqe, flags) == 12, "CQE is ABI");
_Static_assert(offsetof(struct cap_cqe, detail) == 16, "CQE is ABI");
