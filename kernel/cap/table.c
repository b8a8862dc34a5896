// SPDX-License-Identifier: MIT
#include "cap/table.h"

#include "mem/frame.h"
#include "panic.h"

static struct cap_table own;
static _Alignas(8) uint8_t storage[KERNEL_TABLE_SLOTS * (sizeof(struct cap_slot) + 1u)];

void kernel_table_init(void)
{
    enum status status = cap_table_init(&own, storage, sizeof storage);
    ASSERT(status == ST_OK, "kernel table: %s", status_text(status));
}

struct cap_table *kernel_table(void)
{
    return &own;
}

void kernel_table_keep(struct cap_object *object)
{
    struct cap_hold hold = {
        .object = object, .interface_id = object->type->interface_id, .transferable = true};
    uint64_t id;

    enum status status = cap_table_insert(&own, &hold, &id);
    ASSERT(status == ST_OK, "kernel table has no room for %s", object->type->name);
}

const struct cap_slot *kernel_table_find(uint64_t interface_id)
{
    uint32_t cursor = 0;
    const struct cap_slot *slot;

    while ((slot = cap_table_next(&own, &cursor)) != NULL) {
        if (slot->interface_id == interface_id) {
            return slot;
        }
    }
    return NULL;
}

enum status cap_table_grant(struct cap_table *table, struct cap_object *object, uint64_t badge,
                            bool transferable, uint64_t *id)
{
    struct cap_hold hold = {.object = object,
                            .interface_id = object->type->interface_id,
                            .badge = badge,
                            .transferable = transferable};

    enum status status = cap_table_insert(table, &hold, id);
    if (status == ST_OK) {
        cap_hold(object);
    }
    return status;
}
