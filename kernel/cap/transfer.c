// SPDX-License-Identifier: MIT
#include "cap/transfer.h"

#include <abi/error.h>
#include <abi/limits.h>

#include "arch/x86_64/cpu.h"
#include "cap/cap.h"
#include "cap/endpoint.h"
#include "cap/scratch.h"
#include "mem/heap.h"
#include "string.h"

/* The scratch: what was read, and the transfer that is made of it. */
struct scratch {
    struct cap_transfer descriptors[CAP_TRANSFER_MAX];
    _Alignas(struct transfer)
        uint8_t transfer[sizeof(struct transfer) + CAP_TRANSFER_MAX * sizeof(struct transfer_item)];
};

_Static_assert(sizeof(struct scratch) <= CPU_TRANSFER_BYTES, "the CPU's scratch holds it");

static void hold(struct cap_object *object)
{
    cap_hold(object);
}

static const struct transfer_rules rules = {
    .hold = hold, .drop = cap_drop, .mint = endpoint_mint_object};

int32_t transfer_read(struct thread *sender, const struct call_buffer *buffer, uint32_t offset,
                      uint32_t count, struct transfer **out)
{
    void *memory;

    if (count > CAP_TRANSFER_MAX) {
        return CAP_ERR_BAD_TRANSFER;
    }
    if (scratch_get(&cpu_self()->transfer, sizeof(struct scratch), &memory) != ST_OK) {
        return CAP_ERR_EXCEPTION;
    }
    struct scratch *scratch = memory;
    struct call_buffer from = buffer_from(buffer, offset);
    uint32_t bytes = count * (uint32_t)sizeof(struct cap_transfer);
    if (!buffer_copy_in(sender, scratch->descriptors, &from, bytes)) {
        return CAP_ERR_BAD_PARAMS;
    }
    struct transfer *transfer = (struct transfer *)(void *)scratch->transfer;
    transfer->kept = false;
    if (transfer_prepare(transfer, &rules, &sender->process->caps, scratch->descriptors, count) !=
        ST_OK) {
        return CAP_ERR_BAD_TRANSFER;
    }
    *out = transfer;
    return 0;
}

struct transfer *transfer_keep(struct transfer *transfer, struct process *sender)
{
    size_t bytes = transfer_bytes(transfer->count);
    struct transfer *kept = heap_alloc(&sender->account, bytes);

    if (kept != NULL) {
        memcpy(kept, transfer, bytes);
        kept->kept = true;
    }
    return kept;
}

void transfer_free(struct transfer *transfer, struct process *sender)
{
    if (transfer->kept) {
        heap_free(&sender->account, transfer);
    }
}

void transfer_deliver(struct transfer *transfer, struct process *sender, struct process *receiver,
                      const uint64_t ids[])
{
    uint32_t moved = transfer_commit(transfer, &sender->caps, &receiver->caps, ids);

    account_release(&sender->account, ACCOUNT_SLOTS, moved);
    transfer_free(transfer, sender);
}

void transfer_receive(struct transfer *transfer, struct process *sender)
{
    uint32_t moved = transfer_take(transfer, &sender->caps);

    account_release(&sender->account, ACCOUNT_SLOTS, moved);
}

void transfer_abandon(struct transfer *transfer, struct process *sender)
{
    transfer_rollback(transfer, &rules, &sender->caps);
    transfer_free(transfer, sender);
}

bool transfer_write_records(const struct thread *receiver, const struct call_buffer *buffer,
                            uint32_t offset, uint32_t count, const struct cap_record records[])
{
    struct call_buffer to = buffer_from(buffer, offset);

    return buffer_copy_out(receiver, &to, records, count * (uint32_t)sizeof records[0]);
}

void transfer_each_hold(const struct transfer *transfer, void (*visit)(struct cap_object *held))
{
    for (uint32_t i = 0; i < transfer->count; i++) {
        if (transfer->items[i].moved == CAP_ID_NONE) {
            visit(transfer->items[i].hold.object);
        }
    }
}
