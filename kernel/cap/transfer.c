// SPDX-License-Identifier: MIT
#include "cap/transfer.h"

#include <abi/error.h>
#include <abi/limits.h>
#include <lib/shm.h>

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
                      struct cap_record records[])
{
    uint32_t moved = transfer_commit(transfer, &sender->caps, &receiver->caps, records);

    account_release(&sender->account, ACCOUNT_SLOTS, moved);
    transfer_free(transfer, sender);
}

/* One that is copied or moved. False: it is not, or something is in its way. */
static inline bool one_at_once(struct process *sender, const struct cap_transfer *from,
                               struct process *receiver, struct cap_record *record)
{
    uint64_t mode = shm_load64((const uint64_t *)(const void *)&from->mode);
    const struct cap_transfer descriptor = {.cap_id = shm_load64(&from->cap_id),
                                            .mode = (uint32_t)mode,
                                            .reserved = (uint32_t)(mode >> 32),
                                            .badge = shm_load64(&from->badge),
                                            .interface_id = shm_load64(&from->interface_id)};
    struct cap_object *object;
    bool moved;

    if (cap_table_free(&receiver->caps) == 0 ||
        account_left(&receiver->account, ACCOUNT_SLOTS) == 0 ||
        !transfer_one(&sender->caps, &receiver->caps, &descriptor, record, &moved, &object)) {
        return false;
    }
    account_add(&receiver->account, ACCOUNT_SLOTS, 1);
    if (moved) {
        account_release(&sender->account, ACCOUNT_SLOTS, 1);
    } else {
        cap_hold(object);
    }
    return true;
}

/* Any that are not too many, by all the rules. */
static __attribute__((noinline)) bool several_at_once(struct process *sender,
                                                      const void *descriptors, uint32_t n,
                                                      struct process *receiver, void *records)
{
    struct cap_transfer local[TRANSFER_AT_ONCE_MAX];
    _Alignas(struct transfer) uint8_t
        storage[sizeof(struct transfer) + TRANSFER_AT_ONCE_MAX * sizeof(struct transfer_item)];
    struct transfer *transfer = (struct transfer *)(void *)storage;

    if (n > TRANSFER_AT_ONCE_MAX || cap_table_free(&receiver->caps) < n) {
        return false;
    }
    memcpy_words(local, descriptors, n * sizeof local[0]);
    if (transfer_prepare(transfer, &rules, &sender->caps, local, n) != ST_OK) {
        return false;
    }
    if (account_charge(&receiver->account, ACCOUNT_SLOTS, n) != ST_OK) {
        transfer_rollback(transfer, &rules, &sender->caps);
        return false;
    }
    uint32_t moved = transfer_commit(transfer, &sender->caps, &receiver->caps, records);
    account_release(&sender->account, ACCOUNT_SLOTS, moved);
    return true;
}

bool transfer_at_once(struct process *sender, const void *descriptors, uint32_t n,
                      struct process *receiver, void *records)
{
    return (n == 1 && one_at_once(sender, descriptors, receiver, records)) ||
           several_at_once(sender, descriptors, n, receiver, records);
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

void transfer_each_hold(const struct transfer *transfer, void (*visit)(struct cap_object *held))
{
    for (uint32_t i = 0; i < transfer->count; i++) {
        if (transfer->items[i].moved == CAP_ID_NONE) {
            visit(transfer->items[i].hold.object);
        }
    }
}
