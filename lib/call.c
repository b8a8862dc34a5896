// SPDX-License-Identifier: MIT
#include <lib/call.h>

#include <lib/assert.h>

void call_pool_init(struct call_pool *pool, struct call *records, uint32_t count,
                    struct thread *thread)
{
    LIB_ASSERT(count <= CALL_ID_INDEX_MASK, "a call id has room for the index");
    *pool = (struct call_pool){.records = records, .count = count};
    for (uint32_t i = count; i > 0; i--) {
        struct call *call = &records[i - 1];

        *call = (struct call){
            .state = CALL_FREE, .thread = thread, .id = i - 1, .next_free = pool->free};
        list_init(&call->node);
        pool->free = call;
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
    const struct list_node *node = &call->node;
    const struct call *peer = call->peer;

    switch (call->state) {
    case CALL_FREE:
        return call->endpoint == NULL;
    case CALL_QUEUED:
    case CALL_ARMED:
        return list_is_linked(node) && node->prev->next == node && node->next->prev == node &&
               call->endpoint != NULL;
    case CALL_SERVED:
        return peer != NULL && peer->peer == call && peer->state == CALL_SERVING;
    case CALL_SERVING:
        return call->endpoint != NULL &&
               (peer == NULL || (peer->peer == call && peer->state == CALL_SERVED));
    case CALL_KEPT:
        return call->withdraw != NULL;
    }
    return false;
}

uint32_t call_pool_used(const struct call_pool *pool)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < pool->count; i++) {
        used += pool->records[i].state != CALL_FREE ? 1 : 0;
    }
    return used;
}

/* Whether the chain of FREE records is as long as it must be and holds no other. */
static bool chain_is_sound(const struct call_pool *pool)
{
    const struct call *call = pool->free;

    for (uint32_t i = call_pool_used(pool); i < pool->count; i++) {
        if (call == NULL || call->state != CALL_FREE) {
            return false;
        }
        call = call->next_free;
    }
    return call == NULL;
}

bool call_pool_check(const struct call_pool *pool)
{
    for (uint32_t i = 0; i < pool->count; i++) {
        const struct call *call = &pool->records[i];

        if ((call->id & CALL_ID_INDEX_MASK) != i || !record_is_sound(call)) {
            return false;
        }
    }
    return chain_is_sound(pool);
}
