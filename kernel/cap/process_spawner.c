// SPDX-License-Identifier: MIT
#include "cap/process_spawner.h"

#include <abi/limits.h>
#include <lib/manifest.h>
#include <lib/ring.h>

#include "cap/call.h"
#include "cap/endpoint.h"
#include "cap/entry.h"
#include "cap/process_handle.h"
#include "cap/table.h"
#include "cap/transfer.h"
#include "mem/heap.h"
#include "panic.h"
#include "process.h"
#include "spawn.h"
#include "string.h"
#include "work.h"

/* A grant's capability is one of those that came with the call. */
#define NOT_GIVEN UINT8_MAX

_Static_assert(CAP_TRANSFER_MAX < NOT_GIVEN, "the index of what came fits");
_Static_assert(MANIFEST_CAPS_MAX + 1u <= CAP_TRANSFER_MAX, "handle and facets fit an answer");

/* What a spawn under way has of each grant, beside what spawn.c needs. */
struct spawning_grant {
    struct cap_hold client; /* of the fresh endpoints, in order, whatever grants they are of */
    char name[CAP_NAME_MAX];
    uint8_t given_index; /* among what came */
};

/* One spawn under way. Its grants, params.grants, lie behind the last of `own`. */
struct spawning {
    struct work work;
    struct list_node node;         /* among all that are under way */
    struct call *call;             /* kept; its caller pays and owns what was given */
    struct transfer *given;        /* NULL: nothing came */
    struct process_handle *handle; /* a hold; NULL: not made yet, or handed over */
    struct spawn_params params;
    struct spawn spawn;
    uint32_t client_count;
    struct spawning_grant own[]; /* one for each grant */
};

/* Bytes of it with n grants. */
#define SPAWNING_BYTES(n)                                                                          \
    (sizeof(struct spawning) + (n) * (sizeof(struct spawning_grant) + sizeof(struct spawn_grant)))

_Static_assert(_Alignof(struct spawn_grant) <= _Alignof(struct spawning_grant),
               "the one can lie behind the other");

/* With what rounding up to frames adds, and a handle. */
_Static_assert(sizeof(struct process) + SPAWNING_BYTES(MANIFEST_CAPS_MAX) +
                       sizeof(struct transfer_item) * CAP_TRANSFER_MAX + 512u + 4096u <=
                   PROCESS_HEAP_PER_CHILD - PROCESS_HEAP_PER_PROCESS,
               "whoever may have a child has the heap to spawn it");

/* Made by process_spawner_init. */
static struct {
    struct cap_object object;
    struct list_node under_way; /* struct spawning */
} spawner;

static const char no_memory[] = "the kernel has no memory left";
static const char no_budget[] = "the child would take more than the caller has left";

static struct process *caller_of(const struct spawning *s)
{
    return s->call->thread->process;
}

/* ---------------------------------------------------------------------------
 * Parameters. Each check says why not, or NULL. */

/* Which of those that came, each of which is granted once. */
static const char *check_given(struct spawning *s, struct capnp_call *call,
                               struct capnp_capability capability, uint32_t i, uint64_t *used)
{
    const struct cap_hold *hold = cap_call_given(call, capability);

    if (hold == NULL) {
        return "a grant names no capability";
    }
    if ((*used >> capability.index & 1u) != 0) {
        return "a capability that came is granted twice";
    }
    *used |= 1ull << capability.index;
    s->own[i].given_index = (uint8_t)capability.index;
    s->params.grants[i].hold = *hold;
    return NULL;
}

_Static_assert(CAP_TRANSFER_MAX <= 64, "`used` has a bit for each that came");

static const char *check_source(struct spawning *s, struct capnp_call *call,
                                struct capos_spawn_grant_source source, uint32_t i, uint64_t *used)
{
    struct spawn_grant *grant = &s->params.grants[i];
    struct capos_fresh_endpoint fresh;
    uint64_t interface_id;

    s->own[i].given_index = NOT_GIVEN;
    grant->source = SPAWN_HOLD;
    switch (capos_spawn_grant_source_which(source)) {
    case CAPOS_SPAWN_GRANT_SOURCE_CAPABILITY:
        return check_given(s, call, capos_spawn_grant_source_get_capability(source), i, used);
    case CAPOS_SPAWN_GRANT_SOURCE_ENDPOINT:
        fresh = capos_spawn_grant_source_get_endpoint(source);
        interface_id = capos_fresh_endpoint_get_interface_id(fresh);
        if (!endpoint_can_be_client(interface_id)) {
            return endpoint_not_a_client;
        }
        s->own[s->client_count++].client =
            (struct cap_hold){.interface_id = interface_id,
                              .badge = capos_fresh_endpoint_get_badge(fresh),
                              .transferable = true};
        return NULL;
    case CAPOS_SPAWN_GRANT_SOURCE_VIRTUAL_MEMORY:
        grant->source = SPAWN_VIRTUAL_MEMORY;
        return NULL;
    case CAPOS_SPAWN_GRANT_SOURCE_CAPABILITY_MANAGER:
        grant->source = SPAWN_CAPABILITY_MANAGER;
        return NULL;
    }
    return "a grant has a source of a kind that is not known";
}

static const char *check_grant_name(struct spawning *s, struct capnp_text name, uint32_t i)
{
    if (!manifest_name_is_valid(name)) {
        return "a grant's name is not one: 1 to 31 of a-z, 0-9, '-', '_' and '.'";
    }
    for (uint32_t other = 0; other < i; other++) {
        if (capnp_text_equal(s->params.grants[other].name, name)) {
            return "two grants have the same name";
        }
    }
    memcpy(s->own[i].name, name.ptr, name.len);
    s->params.grants[i].name = (struct capnp_text){.ptr = s->own[i].name, .len = name.len};
    return NULL;
}

static const char *check_grants(struct spawning *s, struct capnp_call *call,
                                struct capos_spawn_grant_list grants)
{
    uint64_t used = 0;

    for (uint32_t i = 0; i < s->params.grant_count; i++) {
        struct capos_spawn_grant grant = capos_spawn_grant_list_at(grants, i);
        const char *why = check_grant_name(s, capos_spawn_grant_get_name(grant), i);
        if (why == NULL) {
            why = check_source(s, call, capos_spawn_grant_get_source(grant), i, &used);
        }
        if (why != NULL) {
            return why;
        }
    }
    if (call->params_capabilities != 0 && used != UINT64_MAX >> (64 - call->params_capabilities)) {
        return "a capability that came is not granted";
    }
    return NULL;
}

static const char *check_sizes(struct spawning *s, struct capos_ring_sizes ring,
                               struct capos_limits limits)
{
    struct process_limits *out = &s->params.limits;

    if (ring_region_layout(capos_ring_sizes_get_sq_entries(ring),
                           capos_ring_sizes_get_cq_entries(ring),
                           capos_ring_sizes_get_area_bytes(ring), &s->params.ring) != ST_OK) {
        return "a ring cannot have these sizes";
    }
    *out = spawn_limits(limits, &s->params.ring);
    if (out->slots == 0 || out->slots < s->params.grant_count || out->slots > CAP_SLOTS_MAX) {
        return "the limit of slots is 0, less than what the child is born with, or too high";
    }
    if (out->frames == 0) {
        return "the limit of frames is 0";
    }
    return NULL;
}

static const char *check_params(struct spawning *s, struct capnp_call *call,
                                struct capos_process_spawner_spawn_params params)
{
    struct capnp_text name = capos_process_spawner_spawn_params_get_name(params);

    if (!manifest_name_is_valid(name)) {
        return "the child's name is not one: 1 to 31 of a-z, 0-9, '-', '_' and '.'";
    }
    s->params.program = program_find(capos_process_spawner_spawn_params_get_binary(params));
    if (s->params.program == NULL) {
        return "the boot manifest has no binary of that name";
    }
    memcpy(s->params.name, name.ptr, name.len);
    const char *why = check_grants(s, call, capos_process_spawner_spawn_params_get_grants(params));
    if (why == NULL) {
        why = check_sizes(s, capos_process_spawner_spawn_params_get_ring(params),
                          capos_process_spawner_spawn_params_get_limits(params));
    }
    return why;
}

/* ---------------------------------------------------------------------------
 * Making and unmaking */

/* Both facets of each endpoint that a grant asks for. What was made is dropped by undo. */
static enum status make_endpoints(struct spawning *s, struct account *payer)
{
    uint32_t next = 0;

    for (uint32_t i = 0; i < s->params.grant_count; i++) {
        struct spawn_grant *grant = &s->params.grants[i];

        if (grant->source != SPAWN_HOLD || s->own[i].given_index != NOT_GIVEN) {
            continue;
        }
        grant->hold = (struct cap_hold){.interface_id = CAPOS_ENDPOINT_ID, .transferable = true};
        enum status status =
            endpoint_create(payer, &grant->hold.object, &s->own[next++].client.object);
        if (status != ST_OK) {
            return status;
        }
    }
    return ST_OK;
}

/* Drops the fresh endpoints' owner facets, that the child is not to have. */
static void drop_owners(struct spawning *s)
{
    for (uint32_t i = 0; i < s->params.grant_count; i++) {
        struct cap_object *object = s->params.grants[i].hold.object;

        if (s->own[i].given_index == NOT_GIVEN && object != NULL) {
            cap_drop(object);
        }
    }
}

/* Drops what the caller was to have. */
static void drop_results(struct spawning *s)
{
    for (uint32_t i = 0; i < s->client_count; i++) {
        if (s->own[i].client.object != NULL) {
            cap_drop(s->own[i].client.object);
        }
    }
    if (s->handle != NULL) {
        cap_drop(process_handle_object(s->handle));
    }
}

static void forget(struct spawning *s, struct process *caller)
{
    list_remove(&s->node);
    heap_free(&caller->account, s);
}

/* Ends a spawn that has not worked: the capabilities are as they were. Frees `s`. */
static void undo(struct spawning *s, struct process *caller)
{
    drop_owners(s);
    drop_results(s);
    if (s->given != NULL) {
        transfer_abandon(s->given, caller);
    }
    forget(s, caller);
}

/* The caller has cancelled, or is being reaped. */
static void withdraw(struct call *call)
{
    struct spawning *s = call->keeper;

    work_cancel(&s->work);
    spawn_abandon(&s->spawn, "its spawner has given it up");
    undo(s, call->thread->process);
}

/* ---------------------------------------------------------------------------
 * The slices */

/* Answers with handle and client facets, whose holds go in any case. */
static bool answer(struct spawning *s)
{
    _Alignas(8) uint8_t message[CAP_ANSWER_BYTES_MAX];
    struct cap_hold holds[CAP_TRANSFER_MAX];
    struct capnp_arena arena;

    capnp_arena_init(&arena, message, sizeof message);
    struct capos_process_spawner_spawn_results_builder results =
        capos_process_spawner_spawn_results_build_root(&arena);
    holds[0] = (struct cap_hold){.object = process_handle_object(s->handle),
                                 .interface_id = CAPOS_PROCESS_HANDLE_ID};
    capos_process_spawner_spawn_results_set_handle(
        results, (struct capos_process_handle_cap){{.there = true, .index = 0}});
    struct capnp_list_builder clients =
        capos_process_spawner_spawn_results_init_clients(results, s->client_count);
    for (uint32_t i = 0; i < s->client_count; i++) {
        holds[1 + i] = s->own[i].client;
        capnp_list_builder_set_capability(clients, i, 1 + i);
    }
    ASSERT(capnp_arena_ok(&arena), "an answer of %u facets has no room", s->client_count);
    uint32_t count = 1 + s->client_count;
    s->handle = NULL;
    s->client_count = 0;
    return cap_call_answer(s->call, message, capnp_arena_bytes(&arena), holds, count);
}

/* What came is the child's, or nobody's: the transfer is over, its holds are in the grants. */
static void take_given(struct spawning *s, struct process *caller)
{
    if (s->given != NULL) {
        transfer_receive(s->given, caller);
        transfer_free(s->given, caller);
        s->given = NULL;
    }
}

/* The child is complete. */
static void finish(struct spawning *s)
{
    struct process *caller = caller_of(s);

    if (!answer(s)) {
        spawn_abandon(&s->spawn, "its spawner could not be told of it");
        undo(s, caller);
        return;
    }
    take_given(s, caller);
    spawn_start(&s->spawn);
    forget(s, caller);
}

/* The child's own limits were too small for it. It is being reaped. */
static void finish_failed(struct spawning *s)
{
    struct process *caller = caller_of(s);

    if (!answer(s)) {
        undo(s, caller);
        return;
    }
    take_given(s, caller);
    for (uint32_t i = 0; i < s->params.grant_count; i++) {
        if (s->params.grants[i].source == SPAWN_HOLD) {
            cap_drop(s->params.grants[i].hold.object);
        }
    }
    forget(s, caller);
}

static void refuse_kept(struct spawning *s, enum capnp_exception exception, const char *reason)
{
    struct process *caller = caller_of(s);

    entry_refuse(s->call, exception, reason);
    undo(s, caller);
}

static bool spawning_step(struct work *work)
{
    struct spawning *s = LIST_OWNER(work, struct spawning, work);

    if (caller_of(s)->state == PROCESS_DYING) {
        return false; /* it withdraws the call when it is reaped */
    }
    switch (spawn_step(&s->spawn)) {
    case ST_PENDING:
        return false;
    case ST_OK:
        finish(s);
        return true;
    case ST_OVER_BUDGET:
        finish_failed(s);
        return true;
    case ST_NO_MEMORY:
        refuse_kept(s, CAPNP_EXC_OVERLOADED, no_memory);
        return true;
    default:
        refuse_kept(s, CAPNP_EXC_FAILED, "the child was killed before it started");
        return true;
    }
}

/* Everything that can be had before the call is kept. ST_OVER_BUDGET, ST_NO_MEMORY, ST_DENIED. */
static enum status prepare(struct spawning *s, struct capnp_call *call)
{
    struct account *payer = &cap_call_process(call)->account;
    const char *reason;

    enum status status = process_handle_create(payer, &s->handle);
    if (status == ST_OK) {
        status = make_endpoints(s, payer);
    }
    if (status == ST_OK && call->params_capabilities != 0) {
        s->given = cap_call_keep_given(call);
        status = s->given != NULL ? ST_OK : ST_NO_MEMORY;
    }
    if (status != ST_OK) {
        return status;
    }
    s->params.parent = payer;
    s->params.on_end = process_handle_ended;
    s->params.owner = s->handle;
    status = spawn_begin(&s->spawn, &s->params, &reason);
    if (status == ST_OK) {
        process_handle_attach(s->handle, s->spawn.process);
    }
    return status;
}

static enum capnp_answer refuse_early(struct capnp_call *call, enum status status)
{
    if (status == ST_DENIED) {
        return capnp_call_refuse(call, CAPNP_EXC_FAILED,
                                 "the run is being ended, and nothing is started any more");
    }
    return capnp_call_refuse(call, CAPNP_EXC_OVERLOADED,
                             status == ST_OVER_BUDGET ? no_budget : no_memory);
}

static enum capnp_answer begin(struct spawning *s, struct capnp_call *call)
{
    struct process *caller = cap_call_process(call);

    enum status status = prepare(s, call);
    if (status != ST_OK) {
        undo(s, caller);
        return refuse_early(call, status);
    }
    s->call = cap_call_keep(call, s, withdraw);
    if (s->call == NULL) {
        spawn_abandon(&s->spawn, "its spawner could not wait for it");
        undo(s, caller);
        return capnp_call_refuse(call, CAPNP_EXC_OVERLOADED,
                                 "the caller has as many entries in flight as it may");
    }
    list_push_back(&spawner.under_way, &s->node);
    work_add(&s->work, spawning_step);
    return CAPNP_PENDING;
}

_Static_assert(MANIFEST_CAPS_MAX == 63 && CAP_NAME_MAX == 31, "the sentences say so");

static enum capnp_answer spawner_spawn(void *self, struct capnp_call *call,
                                       struct capos_process_spawner_spawn_params params,
                                       struct capos_process_spawner_spawn_results_builder results)
{
    (void)self;
    (void)results;
    struct account *payer = &cap_call_process(call)->account;
    uint32_t count =
        capos_spawn_grant_list_len(capos_process_spawner_spawn_params_get_grants(params));

    if (count > MANIFEST_CAPS_MAX) {
        return capnp_call_refuse(call, CAPNP_EXC_INVALID_ARGUMENT,
                                 "a process is born with at most 63 capabilities");
    }
    struct spawning *s = heap_alloc(payer, SPAWNING_BYTES(count));
    if (s == NULL) {
        return capnp_call_refuse(call, CAPNP_EXC_OVERLOADED, no_budget);
    }
    list_init(&s->node);
    s->params.grant_count = count;
    s->params.grants = (struct spawn_grant *)&s->own[count];
    const char *why = check_params(s, call, params);
    if (why != NULL) {
        heap_free(payer, s);
        return capnp_call_refuse(call, CAPNP_EXC_INVALID_ARGUMENT, why);
    }
    return begin(s, call);
}

static const struct capos_process_spawner_server methods = {.spawn = spawner_spawn};

static enum capnp_answer spawner_call(struct cap_object *object, struct capnp_call *call)
{
    return capos_process_spawner_dispatch_own(&methods, object, call);
}

/* What a spawn under way has: what it made, and what came with its call. */
static void spawning_each_hold(const struct spawning *s, void (*visit)(struct cap_object *held))
{
    visit(process_handle_object(s->handle));
    for (uint32_t i = 0; i < s->client_count; i++) {
        visit(s->own[i].client.object);
    }
    for (uint32_t i = 0; i < s->params.grant_count; i++) {
        const struct spawn_grant *grant = &s->params.grants[i];

        if (grant->source == SPAWN_HOLD && s->own[i].given_index == NOT_GIVEN) {
            visit(grant->hold.object);
        }
    }
    if (s->given != NULL) {
        transfer_each_hold(s->given, visit);
    }
}

static void spawner_each_hold(struct cap_object *object, void (*visit)(struct cap_object *held))
{
    (void)object;
    for (struct list_node *n = list_first(&spawner.under_way); n != NULL;
         n = list_next(&spawner.under_way, n)) {
        spawning_each_hold(LIST_OWNER(n, struct spawning, node), visit);
    }
}

const struct cap_type process_spawner_type = {
    .name = "ProcessSpawner",
    .kind = CAP_FULL,
    .interface_id = CAPOS_PROCESS_SPAWNER_ID,
    .call = spawner_call,
    .each_hold = spawner_each_hold,
};

void process_spawner_init(void)
{
    list_init(&spawner.under_way);
    cap_object_init(&spawner.object, &process_spawner_type);
    kernel_table_keep(&spawner.object);
}
