// SPDX-License-Identifier: MIT
/*
 * A call of an object of the kernel, as its method sees it beyond the message:
 * who calls, the capabilities that came, those that go back, and answering later.
 *
 * A method gets a struct capnp_call from the generated dispatch; it is the first
 * member of a struct cap_call. A method that answers at once fills its results and
 * returns. One that answers later keeps the call and returns CAPNP_PENDING:
 *
 *   cap_call_keep ──► cap_call_answer, entry_refuse        exactly one of them, or
 *                └──► withdraw(record)                     the caller has cancelled or
 *                                                          died: forget it
 *
 * Capabilities that came with the parameters are borrowed for the time of the call;
 * cap_call_keep_given makes them the method's. If the method refuses, all of
 * them stay with the caller.
 */
#pragma once

#include <capnp/call.h>
#include <capnp/read.h>
#include <lib/call.h>
#include <lib/cap_table.h>
#include <lib/transfer.h>
#include <stdbool.h>
#include <stdint.h>

struct process;
struct thread;

/* Capabilities that one answer given at once can bring. */
#define CAP_CALL_RESULTS_MAX 2u

/* Bytes of a message that is built for a kept call. */
#define CAP_ANSWER_BYTES_MAX 2048u

struct cap_call {
    struct capnp_call c; /* first: cap_call_of finds the rest */
    struct thread *caller;
    uint64_t user_data;        /* of the entry */
    struct call_buffer result; /* where the answer goes */
    struct transfer *given;    /* what came with the parameters; NULL: nothing */
    uint32_t cap_room;         /* of the entry */
    uint32_t result_count;
    bool took_long; /* set by a method that kept interrupts out for a while */
    struct cap_hold results[CAP_CALL_RESULTS_MAX];
};

static inline struct cap_call *cap_call_of(struct capnp_call *c)
{
    return (struct cap_call *)(void *)c;
}

/* The process that calls; it pays for what the call makes. */
struct process *cap_call_process(struct capnp_call *c);

/*
 * What a capability of the parameters refers to, borrowed for the call. NULL: the
 * pointer is null. (Dispatch has checked that it names one that came.)
 */
const struct cap_hold *cap_call_given(struct capnp_call *c, struct capnp_capability capability);

/*
 * Sends a capability back with the answer, and says how the message refers to it.
 * Takes over the hold; if the answer cannot be delivered, it is dropped. At most
 * CAP_CALL_RESULTS_MAX, asserted.
 */
struct capnp_capability cap_call_give(struct capnp_call *c, struct cap_hold hold);

/*
 * Keeps the call to be answered later; the method then returns CAPNP_PENDING.
 * `withdraw` is called, with record->keeper = keeper, if the caller cancels it or
 * dies first; the record is not to be used from then on. NULL: the caller has as
 * many entries in flight as it may; refuse as overloaded.
 */
struct call *cap_call_keep(struct capnp_call *c, void *keeper, void (*withdraw)(struct call *call));

/*
 * Makes the capabilities that came the method's own, for a call that it keeps:
 * slots that are to be moved stay locked in the caller's table. Charged to the
 * caller. To be ended by transfer_receive and transfer_free, or by
 * transfer_abandon (cap/transfer.h). NULL: no memory. The call must
 * have brought some.
 */
struct transfer *cap_call_keep_given(struct capnp_call *c);

/*
 * Answers a kept call with a message of `bytes` (a multiple of 8) and `count`
 * capabilities, whose holds it takes over whatever happens. False: the answer could
 * not be delivered (the caller's buffer, table or budget), and it was told so.
 */
bool cap_call_answer(struct call *call, const void *message, uint32_t bytes,
                     const struct cap_hold holds[], uint32_t count);

/* What became of an answer. */
enum answer_fault { ANSWER_DELIVERED, ANSWER_BAD_RESULT, ANSWER_OVERLOADED };

/* The sentence for the last of them. */
extern const char answer_no_slots[];

/*
 * Writes an answer and its capabilities' records into the caller's buffer and puts the
 * capabilities into its table, all or nothing; takes the holds over in any case. For
 * the two that complete the entry then: the ring and cap_call_answer.
 */
enum answer_fault cap_answer_deliver(struct thread *t, const struct call_buffer *result,
                                     uint32_t cap_room, const void *message, uint32_t bytes,
                                     const struct cap_hold holds[], uint32_t count);
