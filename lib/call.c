// SPDX-License-Identifier: MIT
#include <lib/call.h>

#include <lib/assert.h>

void call_pool_init(struct call_pool *pool, struct call *records, uint32_t count,
                    struct thread *thread)
{
    LIB_ASSERT(count <= CALL_ID_INDEX_MASK, "a call id has room for the index");
    *pool = (struct call_pool){.records = records, .count = count};
    list_init(&pool->free);
    for (uint32_t i = 0; i < count; i++) {
        records[i] = (struct call){.state = CALL_FREE, .thread = thread, .id = i};
        list_init(&records[i].node);
        list_push_back(&pool->free, &records[i].node);
    }
}

struct call *call_find_entry(const struct call_pool *pool, uint64_t user_data)
{
    for (uint32_t i = 0; i < pool->count; i++) {
        struct call *call = &pool->records[i];
        bool completes = call->state != CALL_FREE && call->state != CALL_SERVING;

        if (completes && call->user_data == user_data) {
            return call;
        }
    }
    return NULL;
}

static bool record_is_sound(const struct call *call)
{
    bool linked = list_is_linked(&call->node);
    const struct call *peer = call->peer;

    switch (call->state) {
    case CALL_FREE:
        return linked && peer == NULL && call->endpoint == NULL;
    case CALL_QUEUED:
    case CALL_ARMED:
        return linked && peer == NULL && call->endpoint != NULL;
    case CALL_SERVED:
        return !linked && peer != NULL && peer->peer == call && peer->state == CALL_SERVING;
    case CALL_SERVING:
        return !linked && call->endpoint != NULL &&
               (peer == NULL || (peer->peer == call && peer->state == CALL_SERVED));
    case CALL_KEPT:
        return peer == NULL && call->withdraw != NULL;
    }
    return false;
}

bool call_pool_check(const struct call_pool *pool)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < pool->count; i++) {
        const struct call *call = &pool->records[i];

        if ((call->id & CALL_ID_INDEX_MASK) != i || !record_is_sound(call)) {
            return false;
        }
        used += call->state != CALL_FREE ? 1 : 0;
    }
    return used == pool->used && list_check(&pool->free, pool->count);
}
