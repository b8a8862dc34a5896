// SPDX-License-Identifier: MIT
/*
 * Transfers between processes: the pure logic of lib/transfer.h joined to objects,
 * budgets and user memory.
 *
 *   transfer_read ──► transfer_deliver     into slots that process_make_room made free
 *        │       └──► transfer_abandon     everything is the sender's again
 *        └─ transfer_keep ──► the same two, later
 *
 *   transfer_at_once         all of it, where it is short and nothing is in its way
 *
 * One that has just been read lies in this CPU's scratch, and there is only one
 * such; one that has to wait is kept on the heap, charged to the sender.
 */
#pragma once

#include <abi/ring.h>
#include <lib/transfer.h>
#include <stdint.h>

#include "cap/buffer.h"
#include "panic.h"

/*
 * Reads `count` > 0 descriptors that lie in the buffer from `offset` on, and prepares
 * what they say. 0, or CAP_ERR_BAD_PARAMS (unreadable), CAP_ERR_BAD_TRANSFER,
 * CAP_ERR_EXCEPTION (overloaded: the kernel has no memory for its scratch).
 */
int32_t transfer_read(struct thread *sender, const struct call_buffer *buffer, uint32_t offset,
                      uint32_t count, struct transfer **out);

/* Moves one from the scratch to the heap. NULL: no memory or budget; it is still in the scratch. */
struct transfer *transfer_keep(struct transfer *transfer, struct process *sender);

/*
 * Puts all of it into the receiver's table, where process_make_room has made room, and
 * lists it; frees it if it was kept (A1, A2). Cannot fail.
 */
void transfer_deliver(struct transfer *transfer, struct process *sender, struct process *receiver,
                      struct cap_record records[]);

/* Capabilities that transfer_at_once moves at most. */
#define TRANSFER_AT_ONCE_MAX 4u

/*
 * The whole of a transfer between two message areas: n > 0 descriptors are read, and as
 * many records written. False: it cannot be done, or takes more than that, and nothing has
 * changed; the long way finds out which, and says so.
 */
bool transfer_at_once(struct process *sender, const void *descriptors, uint32_t n,
                      struct process *receiver, void *records);

/*
 * The same for the kernel as receiver: the holds in `items`, which stay readable
 * until transfer_free, are the caller's.
 */
void transfer_receive(struct transfer *transfer, struct process *sender);

/* Gives everything back, and frees it if it was kept. */
void transfer_abandon(struct transfer *transfer, struct process *sender);

/* Frees what transfer_receive has emptied. */
void transfer_free(struct transfer *transfer, struct process *sender);

/*
 * Whether the records of `count` capabilities can be written at `offset` of the buffer,
 * which is long enough. That is asked before the capabilities are put into a table, as
 * only then their ids are known.
 */
static inline bool transfer_records_fit(const struct thread *receiver,
                                        const struct call_buffer *buffer, uint32_t offset,
                                        uint32_t count)
{
    struct call_buffer to = buffer_from(buffer, offset);

    to.len = count * (uint32_t)sizeof(struct cap_record);
    return buffer_is_writable(receiver, &to);
}

/* Writes them, when it was found that they can be and no mapping has changed since. */
static inline void transfer_write_records(const struct thread *receiver,
                                          const struct call_buffer *buffer, uint32_t offset,
                                          uint32_t count, const struct cap_record records[])
{
    struct call_buffer to = buffer_from(buffer, offset);

    bool written =
        buffer_copy_out(receiver, &to, records, count * (uint32_t)sizeof(struct cap_record));
    ASSERT(written, "there is no more room for records");
}

/* For the recount: calls `visit` for each hold of its own; what moves is still its slot's. */
void transfer_each_hold(const struct transfer *transfer, void (*visit)(struct cap_object *held));
