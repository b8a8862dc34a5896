// SPDX-License-Identifier: MIT
#include <capos.capnp.h>
#include <support/chance.h>

#include "campaign.h"

#define HELD_MAX  48u
#define CALLS_MAX 32u

static struct {
    uint64_t id;
    enum row kind;
} held[HELD_MAX];

static uint32_t held_count;
static uint64_t calls[CALLS_MAX];
static uint32_t calls_count;

static enum row kind_of(uint64_t interface_id)
{
    static const uint64_t interfaces[KINDS] = {
        [ROW_OWNER] = CAPOS_ENDPOINT_ID,
        [ROW_FACTORY] = CAPOS_ENDPOINT_FACTORY_ID,
        [ROW_FRAMES] = CAPOS_FRAME_ALLOCATOR_ID,
        [ROW_MEMORY] = CAPOS_MEMORY_OBJECT_ID,
        [ROW_READER] = CAPOS_MEMORY_READER_ID,
        [ROW_VM] = CAPOS_VIRTUAL_MEMORY_ID,
        [ROW_SPAWNER] = CAPOS_PROCESS_SPAWNER_ID,
        [ROW_HANDLE] = CAPOS_PROCESS_HANDLE_ID,
        [ROW_MANAGER] = CAPOS_CAPABILITY_MANAGER_ID,
        [ROW_CONSOLE] = CAPOS_CONSOLE_ID,
    };

    for (uint32_t kind = 0; kind < KINDS; kind++) {
        if (interfaces[kind] == interface_id && kind != ROW_CLIENT) {
            return (enum row)kind;
        }
    }
    return ROW_CLIENT;
}

static void add(uint64_t id, enum row kind)
{
    uint32_t at = held_count < HELD_MAX ? held_count++ : chance_below(HELD_MAX);

    held[at].id = id;
    held[at].kind = kind;
}

void stock_add(uint64_t id, uint64_t interface_id)
{
    add(id, kind_of(interface_id));
}

void stock_add_copy(uint64_t of, uint64_t id)
{
    for (uint32_t i = 0; i < held_count; i++) {
        if (held[i].id == of) {
            add(id, held[i].kind);
            return;
        }
    }
}

void stock_remove(uint64_t id)
{
    for (uint32_t i = 0; i < held_count; i++) {
        if (held[i].id == id) {
            held[i] = held[--held_count];
            return;
        }
    }
}

uint64_t stock_any(enum row *kind)
{
    if (held_count == 0) {
        *kind = ROW_CLIENT;
        return CAP_ID_NONE;
    }
    uint32_t i = chance_below(held_count);
    *kind = held[i].kind;
    return held[i].id;
}

uint64_t stock_of(enum row kind, enum row *actual)
{
    uint32_t from = held_count != 0 ? chance_below(held_count) : 0;

    for (uint32_t n = 0; n < held_count; n++) {
        uint32_t i = (from + n) % held_count;
        if (held[i].kind == kind) {
            *actual = kind;
            return held[i].id;
        }
    }
    return stock_any(actual);
}

void stock_add_call(uint64_t call_id)
{
    calls[calls_count < CALLS_MAX ? calls_count++ : chance_below(CALLS_MAX)] = call_id;
}

bool stock_is_rich(void)
{
    return held_count > HELD_MAX / 3u;
}

bool stock_is_poor(void)
{
    return held_count < 4u;
}

bool stock_has_call(void)
{
    return calls_count != 0;
}

uint64_t stock_call(void)
{
    if (calls_count == 0) {
        return chance_below(4) + ((uint64_t)chance_below(4) << 16);
    }
    uint32_t i = chance_below(calls_count);
    uint64_t call_id = calls[i];
    if (!chance_one_in(8)) {
        calls[i] = calls[--calls_count];
    }
    return call_id;
}
