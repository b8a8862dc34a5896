// SPDX-License-Identifier: MIT
#include "cap/in_flight.h"

#include "cap/entry.h"
#include "cap/matching.h"
#include "cap/transfer.h"
#include "panic.h"

void in_flight_withdraw(struct call *call)
{
    struct call *peer;

    switch (call->state) {
    case CALL_QUEUED:
        matching_unqueue(call);
        return;
    case CALL_ARMED:
        matching_leave(call);
        return;
    case CALL_SERVED:
        (void)call_part(call);
        return;
    case CALL_KEPT:
        call->withdraw(call);
        return;
    case CALL_SERVING:
        peer = call_part(call);
        matching_leave(call);
        if (peer != NULL) {
            entry_refuse(peer, CAPNP_EXC_DISCONNECTED, "the process that served the call is gone");
        }
        return;
    case CALL_FREE:
        break;
    }
    panic("a free record was to be withdrawn");
}

bool in_flight_reap(struct thread *t, uint32_t budget)
{
    struct call_pool *pool = &t->pool;

    for (uint32_t i = 0; i < budget && t->reap_cursor != pool->count; i++) {
        struct call *call = &pool->records[t->reap_cursor++];

        if (call->state != CALL_FREE) {
            in_flight_withdraw(call);
            call_put(pool, call);
        }
    }
    return t->reap_cursor == pool->count;
}

void in_flight_each_hold(const struct thread *t, void (*visit)(struct cap_object *held))
{
    for (uint32_t i = 0; i < t->pool.count; i++) {
        const struct call *call = &t->pool.records[i];

        if (call->endpoint != NULL) {
            visit(&endpoint_object_of(call->endpoint)->client);
        }
        if (call->state == CALL_QUEUED && call->queued.transfer != NULL) {
            transfer_each_hold(call->queued.transfer, visit);
        }
    }
}
