// SPDX-License-Identifier: MIT
/*
 * Both sides of a call, played by one thread: entries as they are, and completions
 * by the tag that their entry had, in whatever order they come.
 *
 *     play_push(play_call(client, &question, &answer), 1);
 *     play_push(play_recv(owner, &inbox), 2);
 *     uint64_t id = play_received(2, …);
 *     play_now(play_return(id, &reply), 0);
 *     play_result(1, 8);
 */
#pragma once

#include <abi/error.h>
#include <abi/limits.h>
#include <abi/ring.h>
#include <rt/ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <support/check.h>

/* What every client facet here is known as, unless a test says otherwise. */
#define PLAY_INTERFACE 0xe4d9017a2c6b35f8ull

#define PLAY_BADGE     0x1122334455667788ull

/*
 * Room for the largest message with all that can come around it: in the message area where
 * that is large enough, and elsewhere otherwise.
 */
struct play_room {
    _Alignas(64) uint8_t bytes[CAP_ROOM_MAX + CAP_TRANSFER_MAX * sizeof(struct cap_transfer)];
};

extern struct play_room *play_question; /* what a caller says */
extern struct play_room *play_answer;   /* where it is answered */
extern struct play_room *play_inbox;    /* where a receiver finds the call */
extern struct play_room *play_reply;    /* what it answers */

/* Completions that there is room for here. */
#define PLAY_CQ_MAX 256u

extern struct rt_ring *play_ring;
extern uint32_t play_most; /* entries in flight that there can be */
extern uint64_t play_factory;
extern uint64_t play_console;
extern uint64_t play_memory; /* VirtualMemory of this process */

void play_begin(void);

/* ---------------------------------------------------------------------------
 * Entries */

static inline uint64_t play_at(const void *p)
{
    return (uintptr_t)p;
}

/* A call with play_question's first `bytes`, answered in play_answer with up to `room` bytes. */
struct cap_sqe play_call(uint64_t client, uint32_t bytes, uint32_t room);

/* The same with `n` descriptors, which are put behind the question, and room for as many back. */
struct cap_sqe play_call_with(uint64_t client, uint32_t bytes, uint32_t room,
                              const struct cap_transfer descriptors[], uint8_t n);

/* Receives into play_inbox, up to `room` bytes and `caps` capabilities. */
struct cap_sqe play_recv(uint64_t owner, uint32_t room, uint32_t caps);

/* Answers with play_reply's first `bytes`. */
struct cap_sqe play_return(uint64_t call_id, uint32_t bytes);
struct cap_sqe play_return_with(uint64_t call_id, uint32_t bytes,
                                const struct cap_transfer descriptors[], uint8_t n);

struct cap_sqe play_cancel(uint64_t tag);
struct cap_sqe play_release(uint64_t id);
struct cap_sqe play_copy(uint64_t id);

/* ---------------------------------------------------------------------------
 * Completions */

/* Queues an entry with this tag; at most a submission queue of them at a time. */
void play_push(struct cap_sqe sqe, uint64_t tag);

/* Whether the entry of this tag has completed; looks at once, and does not wait. */
bool play_has(uint64_t tag);

/* The completion of this tag, which has come. */
struct cap_cqe play_take(uint64_t tag);

/* Waits for the completion of this tag, which is yet to come. */
struct cap_cqe play_wait(uint64_t tag);

/* An entry that completes at once: its completion. */
struct cap_cqe play_do(struct cap_sqe sqe);

/* That an entry completes at once, or one has completed, with this result; or was refused so. */
#define play_now(sqe, result)   play_check_now(__LINE__, NULL, (sqe), (result))
#define play_result(tag, r)     play_check_result(__LINE__, (tag), (r))
#define play_refused(tag, type) play_check_refused(__LINE__, (tag), (type))
#define play_pending(tag)       CHECK(!play_has(tag))

/* What these stand for; `name`, which may be NULL, is that of the case. */
void play_check_now(int line, const char *name, struct cap_sqe sqe, int64_t result);
void play_check_result(int line, uint64_t tag, int64_t result);
void play_check_refused(int line, uint64_t tag, uint32_t type);

/* Nothing has come that was not taken, and nothing is in flight. */
void play_quiet(void);

/*
 * A RECV of this tag has completed: what lies in play_inbox is such a call. Its id.
 */
uint64_t play_received(uint64_t tag, uint32_t bytes, uint32_t caps);

static inline const struct cap_message_header *play_header(void)
{
    return (const struct cap_message_header *)(const void *)play_inbox->bytes;
}

/* The i-th capability behind the message in play_inbox or play_answer. */
struct cap_record play_came(uint32_t i);
struct cap_record play_given(uint32_t bytes, uint32_t i);

/* ---------------------------------------------------------------------------
 * Objects */

/* A new endpoint's owner facet. */
uint64_t play_endpoint(void);

/* A client facet of it. */
uint64_t play_mint(uint64_t owner, uint64_t badge, uint64_t interface_id);
uint64_t play_client(uint64_t owner);

void play_drop(uint64_t id);

/* Whether an id is valid: asks the kernel, without any effect. */
bool play_is_held(uint64_t id);

/* Fresh pages, and letting go of them. */
uint64_t play_map(uint32_t pages);
void play_unmap(uint64_t address, uint32_t pages);
void play_make_readonly(uint64_t address, uint32_t pages);

/* ---------------------------------------------------------------------------
 * The acts, each of which leaves nothing in flight and holds what it held before. */

void act_shapes(void);    /* entries that are malformed, and buffers at every bad place */
void act_calls(void);     /* calls that are answered, or not */
void act_cancel(void);    /* in each state */
void act_ends(void);      /* the owner facet goes, in each state */
void act_limits(void);    /* as many in flight as there may be, full tables */
void act_transfers(void); /* capabilities that come along */
void act_queues(void);    /* those that wait, and receivers that do not suit them */

/* Leaves as much as possible in flight, for the kernel to clean up. */
void act_leave_behind(void);

/* Calls that the kernel answers later, by a ProcessSpawner. Leaves some in flight. */
void act_kept(uint64_t spawner);

/* Allocations that fail, by a FaultInjector. */
void act_faults(uint64_t injector);

/* With a ring whose queues are equally long: nothing can be in flight. */
void act_square(void);

/* ---------------------------------------------------------------------------
 * Parts, of several processes each of which has one. */

/* Serves, for ever or until a caller has it end. */
_Noreturn void part_serve(uint64_t owner);

/* Has the server go through everything; waits before that for the end of whom `pulse` calls. */
void part_lead(uint64_t server, uint64_t pulse);

/* Faults in the middle of calls. */
_Noreturn void part_fall(uint64_t server);

/* Calls without a pause, until somebody else, who only computes, has come to an end. */
void part_rally(uint64_t server);
void part_spin(uint64_t server);

/* Receives long messages, and says its name behind each. */
void part_batch(const char *name);
