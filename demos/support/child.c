// SPDX-License-Identifier: MIT
#include <support/child.h>

#include <abi/limits.h>

/* Bytes of a spawn's parameters: the fixed part with both names, and what a grant adds. */
#define FIXED_BYTES 256u
#define GRANT_BYTES 96u

/* Bytes of its answer: the fixed part, and what a client facet adds. */
#define ANSWER_BYTES 64u
#define CLIENT_BYTES 8u

struct child child_default(const char *name, const char *binary)
{
    return (struct child){.name = capnp_text_from(name),
                          .binary = capnp_text_from(binary),
                          .sq_entries = CAP_SQ_DEFAULT,
                          .cq_entries = CAP_CQ_DEFAULT,
                          .area_bytes = CAP_AREA_DEFAULT,
                          .frames = PROC_FRAMES_DEFAULT,
                          .slots = CAP_SLOTS_DEFAULT};
}

static uint32_t count_of(const struct child *child, enum child_grant_kind kind)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < child->grant_count; i++) {
        count += child->grants[i].kind == kind ? 1 : 0;
    }
    return count;
}

static void build_grant(struct rt_call *call, struct capos_spawn_grant_builder out,
                        const struct child_grant *grant)
{
    struct capos_spawn_grant_source_builder source = capos_spawn_grant_init_source(out);
    struct capos_fresh_endpoint_builder fresh;

    capos_spawn_grant_set_name(out, grant->name);
    switch (grant->kind) {
    case CHILD_CAPABILITY:
        capos_spawn_grant_source_set_capability(source, rt_call_give(call, grant->give));
        return;
    case CHILD_ENDPOINT:
        fresh = capos_spawn_grant_source_init_endpoint(source);
        capos_fresh_endpoint_set_badge(fresh, grant->badge);
        capos_fresh_endpoint_set_interface_id(fresh, grant->interface_id);
        return;
    case CHILD_VIRTUAL_MEMORY:
        capos_spawn_grant_source_set_virtual_memory(source);
        return;
    case CHILD_CAPABILITY_MANAGER:
        capos_spawn_grant_source_set_capability_manager(source);
        return;
    }
}

struct rt_status child_spawn_send(struct rt_call *call, struct rt_ring *ring,
                                  struct capos_process_spawner spawner, const struct child *child)
{
    uint32_t clients = count_of(child, CHILD_ENDPOINT);
    struct capos_process_spawner_spawn_params_builder params;
    struct capnp_arena arena;

    struct rt_status s = capos_process_spawner_spawn_begin(
        call, ring, FIXED_BYTES + child->grant_count * GRANT_BYTES,
        count_of(child, CHILD_CAPABILITY), RT_RESULTS_ROOM(ANSWER_BYTES + clients * CLIENT_BYTES),
        1 + clients, &arena, &params);
    if (!rt_ok(s)) {
        return s;
    }
    capos_process_spawner_spawn_params_set_name(params, child->name);
    capos_process_spawner_spawn_params_set_binary(params, child->binary);
    struct capos_spawn_grant_list_builder grants =
        capos_process_spawner_spawn_params_init_grants(params, child->grant_count);
    for (uint32_t i = 0; i < child->grant_count; i++) {
        build_grant(call, capos_spawn_grant_list_builder_at(grants, i), &child->grants[i]);
    }
    struct capos_ring_sizes_builder sizes = capos_process_spawner_spawn_params_init_ring(params);
    capos_ring_sizes_set_sq_entries(sizes, child->sq_entries);
    capos_ring_sizes_set_cq_entries(sizes, child->cq_entries);
    capos_ring_sizes_set_area_bytes(sizes, child->area_bytes);
    struct capos_limits_builder limits = capos_process_spawner_spawn_params_init_limits(params);
    capos_limits_set_frames(limits, child->frames);
    capos_limits_set_cap_slots(limits, child->slots);
    capos_limits_set_processes(limits, child->processes);
    capos_limits_set_calls(limits, child->calls);
    return capos_process_spawner_spawn_submit(call, spawner, &arena);
}

/* Takes what a completed spawn has brought. */
static struct rt_status take(struct rt_call *call, struct capos_process_handle *handle,
                             uint64_t clients[])
{
    struct capos_process_spawner_spawn_results results;
    struct capnp_message m;

    struct rt_status s = capos_process_spawner_spawn_take(call, &m, &results);
    if (!rt_ok(s)) {
        return s;
    }
    struct capnp_capability_list list = capos_process_spawner_spawn_results_get_clients(results);
    for (uint32_t i = 0; i < capnp_capability_list_len(list); i++) {
        clients[i] = rt_call_take(call, capnp_capability_list_at(list, i));
    }
    handle->id = rt_call_take(call, capos_process_spawner_spawn_results_get_handle(results).c);
    return s;
}

struct rt_status child_spawn(struct rt_ring *ring, struct capos_process_spawner spawner,
                             const struct child *child, struct capos_process_handle *handle,
                             uint64_t clients[])
{
    struct rt_call call;

    struct rt_status s = child_spawn_send(&call, ring, spawner, child);
    if (!rt_ok(s)) {
        return s;
    }
    s = rt_call_wait(&call);
    if (rt_ok(s)) {
        s = take(&call, handle, clients);
    }
    rt_call_end(&call);
    return s;
}
