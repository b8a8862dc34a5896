// SPDX-License-Identifier: MIT
#include <lib/transfer.h>

#include <lib/assert.h>

static enum status prepare_copy(struct transfer_item *item, const struct transfer_rules *rules,
                                const struct cap_table *from, const struct cap_slot *slot)
{
    enum status status = transfer_copy(from, slot, &item->hold);

    if (status == ST_OK) {
        rules->hold(slot->object);
        item->moved = CAP_ID_NONE;
    }
    return status;
}

static enum status prepare_move(struct transfer_item *item, struct cap_table *from,
                                const struct cap_slot *slot)
{
    enum status status = cap_table_move_begin(from, slot->id);

    if (status == ST_OK) {
        *item = (struct transfer_item){.hold = transfer_hold_of(slot), .moved = slot->id};
    }
    return status;
}

static enum status prepare_mint(struct transfer_item *item, const struct transfer_rules *rules,
                                const struct cap_slot *owner, const struct cap_transfer *descriptor)
{
    struct cap_object *client = rules->mint(owner, descriptor->interface_id);

    if (client == NULL) {
        return ST_DENIED;
    }
    rules->hold(client);
    *item = (struct transfer_item){.hold = {.object = client,
                                            .interface_id = descriptor->interface_id,
                                            .badge = descriptor->badge,
                                            .transferable = true},
                                   .moved = CAP_ID_NONE};
    return ST_OK;
}

static enum status prepare_one(struct transfer_item *item, const struct transfer_rules *rules,
                               struct cap_table *from, const struct cap_transfer *descriptor)
{
    const struct cap_slot *slot = cap_table_lookup(from, descriptor->cap_id);
    bool plain = descriptor->badge == 0 && descriptor->interface_id == 0;

    if (slot == NULL) {
        return ST_STALE;
    }
    if (descriptor->reserved != 0) {
        return ST_INVALID;
    }
    switch (descriptor->mode) {
    case CAP_TRANSFER_COPY:
        return plain ? prepare_copy(item, rules, from, slot) : ST_INVALID;
    case CAP_TRANSFER_MOVE:
        return plain ? prepare_move(item, from, slot) : ST_INVALID;
    case CAP_TRANSFER_MINT:
        return prepare_mint(item, rules, slot, descriptor);
    default:
        return ST_INVALID;
    }
}

enum status transfer_prepare(struct transfer *transfer, const struct transfer_rules *rules,
                             struct cap_table *from, const struct cap_transfer descriptors[],
                             uint32_t n)
{
    transfer->count = 0;
    for (uint32_t i = 0; i < n; i++) {
        enum status status = prepare_one(&transfer->items[i], rules, from, &descriptors[i]);

        if (status != ST_OK) {
            transfer_rollback(transfer, rules, from);
            return status;
        }
        transfer->count++;
    }
    return ST_OK;
}

/* Makes one hold the receiver's. Returns how many slots that has emptied. */
static uint32_t take_one(struct transfer_item *item, struct cap_table *from)
{
    if (item->moved == CAP_ID_NONE) {
        return 0;
    }
    cap_table_move_commit(from, item->moved, &item->hold);
    return 1;
}

uint32_t transfer_take(struct transfer *transfer, struct cap_table *from)
{
    uint32_t moved = 0;

    for (uint32_t i = 0; i < transfer->count; i++) {
        moved += take_one(&transfer->items[i], from);
    }
    return moved;
}

uint32_t transfer_commit(struct transfer *transfer, struct cap_table *from, struct cap_table *to,
                         struct cap_record records[])
{
    uint32_t moved = 0;

    for (uint32_t i = 0; i < transfer->count; i++) {
        struct transfer_item *item = &transfer->items[i];

        moved += take_one(item, from);
        enum status status = cap_table_insert(to, &item->hold, &records[i].cap_id);
        LIB_ASSERT(status == ST_OK, "the receiver's table has room");
        records[i].interface_id = item->hold.interface_id;
    }
    return moved;
}

void transfer_rollback(struct transfer *transfer, const struct transfer_rules *rules,
                       struct cap_table *from)
{
    for (uint32_t i = transfer->count; i > 0; i--) {
        const struct transfer_item *item = &transfer->items[i - 1];

        if (item->moved != CAP_ID_NONE) {
            cap_table_move_cancel(from, item->moved);
        } else {
            rules->drop(item->hold.object);
        }
    }
    transfer->count = 0;
}
