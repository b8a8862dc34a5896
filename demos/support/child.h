// SPDX-License-Identifier: MIT
/* A process to be spawned, in the terms of a program, and the call that spawns it. */
#pragma once

#include <capos.client.h>
#include <rt/ring.h>
#include <stdint.h>

enum child_grant_kind {
    CHILD_CAPABILITY, /* as `give` says */
    CHILD_ENDPOINT,   /* a fresh one; the client facet has this badge and interface */
    CHILD_VIRTUAL_MEMORY,
    CHILD_CAPABILITY_MANAGER,
};

struct child_grant {
    struct capnp_text name;
    enum child_grant_kind kind;
    struct cap_transfer give;
    uint64_t badge;
    uint64_t interface_id;
};

struct child {
    struct capnp_text name;
    struct capnp_text binary;
    const struct child_grant *grants;
    uint32_t grant_count;
    uint32_t sq_entries;
    uint32_t cq_entries;
    uint32_t area_bytes;
    uint32_t frames;
    uint32_t slots;
    uint32_t processes;
    uint32_t calls;
};

/* What a program gets that asks for nothing: the schema's defaults. */
struct child child_default(const char *name, const char *binary);

/*
 * Queues the call, which the caller waits for and ends. RT_ERR_NO_AREA, RT_ERR_BUILD,
 * RT_ERR_RING: nothing was queued and the call has ended.
 */
struct rt_status child_spawn_send(struct rt_call *call, struct rt_ring *ring,
                                  struct capos_process_spawner spawner, const struct child *child);

/*
 * Sends and waits: the handle, and the client facet of each fresh endpoint, in
 * clients[], which has room for them. A refusal's sentence is rt_refusal's.
 */
struct rt_status child_spawn(struct rt_ring *ring, struct capos_process_spawner spawner,
                             const struct child *child, struct capos_process_handle *handle,
                             uint64_t clients[]);
