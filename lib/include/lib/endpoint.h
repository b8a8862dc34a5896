// SPDX-License-Identifier: MIT
/*
 * An endpoint: where calls meet receivers.
 *
 * Calls that nobody receives yet wait in the order in which they came; receivers
 * that have nothing to do wait with the last one first, since its pages are the
 * warmest. The records are those of their threads' pools (lib/call.h), so an
 * endpoint has no storage of its own and its queues are bounded by the budgets of
 * those who wait in them.
 *
 *   OPEN ──────────────► CLOSED      the last owner facet is gone
 *         endpoint_close
 *
 * A closed endpoint takes nothing in; what waits in it is taken out, piece by piece,
 * and completed as disconnected.
 *
 * Invariants; endpoint_check() checks the first:
 *   1  calls holds QUEUED records and receivers ARMED ones, all of this endpoint
 *   2  both are not empty at once, unless somebody has undertaken to match them
 */
#pragma once

#include <lib/call.h>
#include <lib/list.h>
#include <stdbool.h>
#include <stddef.h>

struct endpoint {
    struct list_node calls;     /* oldest first */
    struct list_node receivers; /* latest first */
    bool closed;
    bool is_matching; /* somebody has undertaken to match, or end, what waits */
};

static inline void endpoint_init(struct endpoint *e)
{
    list_init(&e->calls);
    list_init(&e->receivers);
    e->closed = false;
    e->is_matching = false;
}

/* From now on nothing is taken in. */
static inline void endpoint_close(struct endpoint *e)
{
    e->closed = true;
}

/* Whether what comes is to be looked at by all the rules. */
static inline bool endpoint_is_unsettled(const struct endpoint *e)
{
    return e->closed || e->is_matching;
}

/* Whether a call goes to the first receiver at once: one waits, and nothing before the call. */
static inline bool endpoint_is_ready(const struct endpoint *e)
{
    return !endpoint_is_unsettled(e) && !list_is_empty(&e->receivers);
}

static inline bool endpoint_is_closed(const struct endpoint *e)
{
    return e->closed;
}

/* The oldest call that waits. NULL: none does. */
static inline struct call *endpoint_first_call(const struct endpoint *e)
{
    struct list_node *node = list_first(&e->calls);

    return node == NULL ? NULL : LIST_OWNER(node, struct call, node);
}

/* The receiver that the next call goes to. NULL: none waits. */
static inline struct call *endpoint_first_receiver(const struct endpoint *e)
{
    struct list_node *node = list_first(&e->receivers);

    return node == NULL ? NULL : LIST_OWNER(node, struct call, node);
}

/* A record out of every list waits as a call, behind the others. The endpoint is open. */
static inline void endpoint_queue(struct endpoint *e, struct call *call)
{
    call->state = CALL_QUEUED;
    call->endpoint = e;
    list_push_back(&e->calls, &call->node);
}

/* A record out of every list waits as a receiver, before the others. The endpoint is open. */
static inline void endpoint_arm(struct endpoint *e, struct call *receiver)
{
    receiver->state = CALL_ARMED;
    receiver->endpoint = e;
    list_push_front(&e->receivers, &receiver->node);
}

/* Whether the first invariant holds, with at most `most` records in each list. */
bool endpoint_check(const struct endpoint *e, size_t most);
