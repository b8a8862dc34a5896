// SPDX-License-Identifier: MIT
/*
 * Entries in flight: whatever completes later (lib/call.h) takes a record of its
 * thread's pool and with it a place in the completion queue, and gives both back when
 * it completes.
 */
#pragma once

#include <abi/error.h>
#include <capnp/call.h>
#include <lib/call.h>
#include <lib/ring.h>
#include <stdint.h>

#include "panic.h"
#include "sched.h"
#include "thread.h"

/* Takes the first record of the pool, which there is, and keeps a place for its completion. */
static inline void entry_begin_first(struct thread *t, struct call *first, uint64_t user_data)
{
    call_take_first(&t->pool, first);
    ring_reserve(&t->ring);
    first->user_data = user_data;
}

/*
 * Takes a record and keeps a place for its completion. NULL: there are as many in
 * flight as there may be; the entry is to be completed as overloaded.
 */
static inline struct call *entry_begin(struct thread *t, uint64_t user_data)
{
    struct call *call = t->pool.free;

    if (__builtin_expect(call == NULL, 0)) {
        return NULL;
    }
    entry_begin_first(t, call, user_data);
    return call;
}

/* Posts the completion that a record owes, and wakes its thread if that waits for it. */
static inline void entry_post(const struct call *call, int32_t result, uint16_t flags,
                              uint16_t cap_count, uint64_t detail)
{
    struct thread *t = call->thread;

    ring_post_reserved(&t->ring, call->user_data, result, flags, cap_count, detail);
    sched_completed(t);
}

/* Completes the entry of a record that is in no list and has no peer, and frees it. */
static inline void entry_complete(struct call *call, int32_t result, uint16_t flags,
                                  uint16_t cap_count, uint64_t detail)
{
    entry_post(call, result, flags, cap_count, detail);
    call_put(&call->thread->pool, call);
}

/* The same for a transport error, and for a refusal; `reason` is a static string. */
void entry_fail(struct call *call, enum cap_err error);
void entry_refuse(struct call *call, enum capnp_exception exception, const char *reason);
