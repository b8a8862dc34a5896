// SPDX-License-Identifier: MIT
#include "cap/call.h"

#include <abi/error.h>
#include <abi/limits.h>
#include <abi/ring.h>

#include "cap/buffer.h"
#include "cap/cap.h"
#include "cap/entry.h"
#include "cap/transfer.h"
#include "panic.h"
#include "process.h"

struct process *cap_call_process(struct capnp_call *c)
{
    return cap_call_of(c)->caller->process;
}

const struct cap_hold *cap_call_given(struct capnp_call *c, struct capnp_capability capability)
{
    const struct transfer *given = cap_call_of(c)->given;

    if (!capability.there) {
        return NULL;
    }
    ASSERT(given != NULL && capability.index < given->count,
           "dispatch let through a capability that did not come");
    return &given->items[capability.index].hold;
}

struct capnp_capability cap_call_give(struct capnp_call *c, struct cap_hold hold)
{
    struct cap_call *call = cap_call_of(c);

    ASSERT(call->result_count < CAP_CALL_RESULTS_MAX, "an answer brings too many capabilities");
    call->results[call->result_count] = hold;
    return (struct capnp_capability){.there = true, .index = call->result_count++};
}

struct call *cap_call_keep(struct capnp_call *c, void *keeper, void (*withdraw)(struct call *call))
{
    struct cap_call *call = cap_call_of(c);
    struct call *kept = entry_begin(call->caller, call->user_data);

    if (kept != NULL) {
        kept->state = CALL_KEPT;
        kept->result = call->result;
        kept->cap_room = call->cap_room;
        kept->keeper = keeper;
        kept->withdraw = withdraw;
    }
    return kept;
}

struct transfer *cap_call_keep_given(struct capnp_call *c)
{
    struct cap_call *call = cap_call_of(c);
    struct transfer *kept = transfer_keep(call->given, call->caller->process);

    if (kept != NULL) {
        call->given = NULL;
    }
    return kept;
}

static void drop_all(const struct cap_hold holds[], uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        cap_drop(holds[i].object);
    }
}

enum answer_fault cap_answer_deliver(struct thread *t, const struct call_buffer *result,
                                     uint32_t cap_room, const void *message, uint32_t bytes,
                                     const struct cap_hold holds[], uint32_t count)
{
    struct cap_record records[CAP_TRANSFER_MAX];
    uint32_t records_bytes = count * (uint32_t)sizeof records[0];
    struct process *p = t->process;

    ASSERT(count <= CAP_TRANSFER_MAX, "an answer brings %u capabilities", count);
    if (bytes + records_bytes > result->len || count > cap_room ||
        !buffer_copy_out(t, result, message, bytes) ||
        !transfer_records_fit(t, result, bytes, count)) {
        drop_all(holds, count);
        return ANSWER_BAD_RESULT;
    }
    if (process_make_room(p, count) != ST_OK) {
        drop_all(holds, count);
        return ANSWER_OVERLOADED;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t id;
        enum status status = cap_table_insert(&p->caps, &holds[i], &id);
        ASSERT(status == ST_OK, "a table with room for a capability has none");
        records[i] = (struct cap_record){.cap_id = id, .interface_id = holds[i].interface_id};
    }
    transfer_write_records(t, result, bytes, count, records);
    return ANSWER_DELIVERED;
}

bool cap_call_answer(struct call *call, const void *message, uint32_t bytes,
                     const struct cap_hold holds[], uint32_t count)
{
    switch (cap_answer_deliver(call->thread, &call->result, call->cap_room, message, bytes, holds,
                               count)) {
    case ANSWER_DELIVERED:
        entry_complete(call, (int32_t)bytes, 0, (uint16_t)count, 0);
        return true;
    case ANSWER_BAD_RESULT:
        entry_complete(call, CAP_ERR_BAD_RESULT, 0, 0, 0);
        return false;
    case ANSWER_OVERLOADED:
        break;
    }
    entry_refuse(call, CAPNP_EXC_OVERLOADED, answer_no_slots);
    return false;
}

const char answer_no_slots[] = "the caller's table has no room for the capabilities";
