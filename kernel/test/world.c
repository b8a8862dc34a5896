// SPDX-License-Identifier: MIT
#include "test/world.h"

#include <abi/layout.h>
#include <abi/syscall.h>
#include <capos.capnp.h>
#include <lib/elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/cpu.h"
#include "cap/boot_package.h"
#include "cap/call.h"
#include "cap/endpoint.h"
#include "cap/entry.h"
#include "cap/process_handle.h"
#include "cap/process_spawner.h"
#include "cap/ring.h"
#include "cap/table.h"
#include "cap/transfer.h"
#include "cap/virtual_memory.h"
#include "mem/frame.h"
#include "mem/paging.h"
#include "panic.h"
#include "recount.h"
#include "sched.h"
#include "spawn.h"
#include "test/host/host.h"
#include "work.h"

#define TICK_HZ     1000u
#define CHILD_CALLS 64u /* in flight, that each child may be given */
#define NS_PER_TICK 1000000ull

static struct account root;
static struct recount remembered;

/* An actor's process is gone. */
static void ended(void *owner, const struct process_report *report);

/* ---------------------------------------------------------------------------
 * Objects of the tests' own. They are in no list: cap.c does not know their types. */

static enum capnp_answer token_call(struct cap_object *object, struct capnp_call *call)
{
    (void)object;
    call->results_bytes = 0;
    return CAPNP_ANSWERED;
}

static void token_destroy(struct cap_object *object)
{
    ((struct token *)(void *)object)->is_gone = true;
}

static const struct cap_type token_type = {.name = "token",
                                           .kind = CAP_PLAIN,
                                           .interface_id = 0x70cebull,
                                           .call = token_call,
                                           .destroy = token_destroy};

void token_init(struct token *token, const char *name)
{
    *token = (struct token){.object = {.type = &token_type, .holds = 1}, .name = name};
    list_init(&token->object.node);
}

static void keeper_withdraw(struct call *call)
{
    struct keeper *keeper = call->keeper;

    ASSERT(keeper->kept == call, "a call is withdrawn that is not kept");
    keeper->kept = NULL;
    if (keeper->given != NULL) {
        transfer_abandon(keeper->given, call->thread->process);
        keeper->given = NULL;
    }
}

static enum capnp_answer keeper_call(struct cap_object *object, struct capnp_call *call)
{
    struct keeper *keeper = (struct keeper *)(void *)object;

    if (keeper->kept != NULL) {
        return capnp_call_refuse(call, CAPNP_EXC_OVERLOADED, "one is kept already");
    }
    bool brings = call->params_capabilities != 0;
    if (brings) {
        keeper->given = cap_call_keep_given(call);
        if (keeper->given == NULL) {
            return capnp_call_refuse(call, CAPNP_EXC_OVERLOADED, "no memory for what came");
        }
    }
    keeper->caller = cap_call_process(call);
    keeper->kept = cap_call_keep(call, keeper, keeper_withdraw);
    if (keeper->kept == NULL) {
        if (brings) {
            transfer_abandon(keeper->given, keeper->caller);
            keeper->given = NULL;
        }
        return capnp_call_refuse(call, CAPNP_EXC_OVERLOADED, "too many in flight");
    }
    return CAPNP_PENDING;
}

static void keeper_destroy(struct cap_object *object)
{
    struct keeper *keeper = (struct keeper *)(void *)object;

    ASSERT(keeper->kept == NULL || keeper->kept->keeper == keeper, "it keeps somebody else's");
    keeper->is_gone = true;
}

static const struct cap_type keeper_type = {.name = "keeper",
                                            .kind = CAP_FULL,
                                            .interface_id = 0xcee9e4ull,
                                            .call = keeper_call,
                                            .destroy = keeper_destroy};

void keeper_init(struct keeper *keeper)
{
    *keeper = (struct keeper){.object = {.type = &keeper_type, .holds = 1}};
    list_init(&keeper->object.node);
}

/* ---------------------------------------------------------------------------
 * The kernel */

static void nothing(void)
{
}

static struct capnp_data image(void);

/* A manifest of one binary, WORLD_BINARY, for the ProcessSpawner. */
static void open_manifest(void)
{
    static _Alignas(8) uint8_t bytes[1024];
    static struct capnp_message message;
    struct capnp_arena arena;

    capnp_arena_init(&arena, bytes, sizeof bytes);
    struct capos_manifest_builder manifest = capos_manifest_build_root(&arena);
    struct capos_binary_builder binary =
        capos_binary_list_builder_at(capos_manifest_init_binaries(manifest, 1), 0);
    capos_binary_set_name(binary, CAPNP_TEXT(WORLD_BINARY));
    capos_binary_set_image(binary, image());
    ASSERT(capnp_arena_ok(&arena) &&
               capnp_message_open_flat(&message, bytes, capnp_arena_bytes(&arena)),
           "no manifest");
    struct capos_manifest opened = capos_manifest_read_root(&message);
    ASSERT(capos_manifest_check(opened), "a manifest that is none");
    program_init(opened);
    process_spawner_init();
    boot_package_init(bytes, capnp_arena_bytes(&arena));
}

static const struct sched_events events = {.stalled = nothing, .deadline = nothing};

void world_start(void)
{
    static bool started;
    const uint64_t max[ACCOUNT_KINDS] = {[ACCOUNT_FRAMES] = 1u << 20,
                                         [ACCOUNT_HEAP_BYTES] = 1ull << 34,
                                         [ACCOUNT_SLOTS] = 1u << 20,
                                         [ACCOUNT_CALLS] = 1u << 20,
                                         [ACCOUNT_PROCESSES] = 1u << 16};

    if (started) {
        return;
    }
    started = true;
    host.frames = 1u << 16;
    host_start();
    account_init(&root, max);
    cap_init();
    open_manifest();
    process_init();
    sched_init(TICK_HZ, 0, &events);
}

struct account *world_account(void)
{
    return &root;
}

bool world_slice(void)
{
    if (work_is_empty()) {
        return false;
    }
    work_run_slice();
    return true;
}

void world_settle(void)
{
    while (world_slice()) {
    }
}

static void end_child(struct process *p, void *context)
{
    (void)context;
    if (p->on_end != ended && p->state == PROCESS_LIVE) {
        process_kill(p, "a test ends it");
    }
}

void world_end_children(void)
{
    process_each(end_child, NULL);
    world_settle();
}

void world_remember(void)
{
    ring_scratch_drop();
    recount_take(&remembered, &root);
}

const char *world_leftover(void)
{
    ring_scratch_drop();
    uint32_t differences =
        recount_compare(&remembered, &root) + recount_holds(NULL) + recount_accounts();
    return differences == 0 ? NULL : "something was left behind";
}

/* ---------------------------------------------------------------------------
 * Checks */

static char finding[256];

/* Holds on one object, by whoever refers to it. */
struct census {
    const struct cap_object *object;
    uint64_t holds;
};

static void count_slots(const struct cap_table *table, struct census *census)
{
    uint32_t cursor = 0;
    const struct cap_slot *slot;

    while ((slot = cap_table_next(table, &cursor)) != NULL) {
        census->holds += slot->object == census->object ? 1 : 0;
    }
}

static void count_transfer(const struct transfer *transfer, struct census *census)
{
    for (uint32_t i = 0; transfer != NULL && i < transfer->count; i++) {
        const struct transfer_item *item = &transfer->items[i];
        bool own = item->moved == CAP_ID_NONE && item->hold.object == census->object;
        census->holds += own ? 1 : 0;
    }
}

static const struct endpoint_object *endpoint_of(const struct endpoint *e)
{
    return (
        const struct endpoint_object *)(const void *)((const char *)e -
                                                      offsetof(struct endpoint_object, endpoint));
}

static void count_call(const struct call *call, struct census *census)
{
    switch (call->state) {
    case CALL_QUEUED:
        count_transfer(call->queued.transfer, census);
        break;
    case CALL_KEPT:
        if (call->withdraw == keeper_withdraw) {
            count_transfer(((const struct keeper *)call->keeper)->given, census);
        }
        return;
    case CALL_ARMED:
    case CALL_SERVING:
        break;
    case CALL_FREE:
    case CALL_SERVED:
        return;
    }
    census->holds += &endpoint_of(call->endpoint)->client == census->object ? 1 : 0;
}

static void count_process(struct process *p, void *context)
{
    struct census *census = context;

    count_slots(&p->caps, census);
    if (p->on_end == process_handle_ended) {
        census->holds += process_handle_object(p->owner) == census->object ? 1 : 0;
    }
    for (uint32_t i = 0; i < p->thread.pool.count; i++) {
        count_call(&p->thread.pool.records[i], census);
    }
}

uint64_t world_holds(const struct cap_object *object)
{
    struct census census = {.object = object};

    count_slots(kernel_table(), &census);
    process_each(count_process, &census);
    return census.holds;
}

static void check_endpoint(const struct endpoint_object *o, uint64_t outside)
{
    bool owned = o->owner.holds != 0;

    if (!endpoint_check(&o->endpoint, 4096)) {
        snprintf(finding, sizeof finding, "an endpoint breaks an invariant");
    } else if (o->client.holds !=
               outside + (owned ? 1u : 0u) + (o->endpoint.is_matching ? 1u : 0u)) {
        snprintf(finding, sizeof finding, "client facet: %lu holds, %lu counted outside",
                 o->client.holds, outside);
    } else if (owned == endpoint_is_closed(&o->endpoint)) {
        snprintf(finding, sizeof finding, "an endpoint is closed and has an owner, or neither");
    } else if (endpoint_first_call(&o->endpoint) != NULL &&
               endpoint_first_receiver(&o->endpoint) != NULL && !o->endpoint.is_matching) {
        snprintf(finding, sizeof finding, "calls and receivers wait, and nobody matches them");
    }
}

static void check_object(const struct cap_object *object, void *context)
{
    uint64_t holds = world_holds(object);

    (void)context;
    if (object->type == &endpoint_client_type) {
        check_endpoint((const struct endpoint_object *)(const void *)object, holds);
    } else if (object->type->interface_id != 0 && object->holds != holds &&
               strncmp(object->type->name, "Memory", 6) != 0) {
        snprintf(finding, sizeof finding, "%s: %lu holds, %lu counted", object->type->name,
                 object->holds, holds);
    }
}

/* Tokens and keepers are found by who refers to them. */
static void check_slot(const struct cap_slot *slot)
{
    const struct cap_object *object = slot->object;

    if ((object->type == &token_type || object->type == &keeper_type) &&
        object->holds < world_holds(object)) {
        snprintf(finding, sizeof finding, "%s: fewer holds than are counted", object->type->name);
    }
}

/* Whether an actor waits in cap_enter though there is what it waits for. */
static bool waits_in_vain(const struct process *p)
{
    const struct actor *a = p->on_end == ended ? p->owner : NULL;
    const struct ring_view *ring = &p->thread.ring;

    return a != NULL && !a->is_hostile && a->is_waiting && thread_state_waits(p->thread.state) &&
           ring->cq_tail - ring->header->cq_head >= p->thread.context.rax;
}

static void check_process(struct process *p, void *context)
{
    const struct call_pool *pool = &p->thread.pool;
    uint32_t owed = 0;
    uint32_t moving = 0;
    uint32_t locked = 0;
    uint32_t cursor = 0;
    const struct cap_slot *slot;

    (void)context;
    for (uint32_t i = 0; i < pool->count; i++) {
        const struct call *call = &pool->records[i];
        const struct transfer *transfer = NULL;

        owed += call->state != CALL_FREE && call->state != CALL_SERVING ? 1 : 0;
        if (call->state == CALL_QUEUED) {
            transfer = call->queued.transfer;
        } else if (call->state == CALL_KEPT && call->withdraw == keeper_withdraw) {
            transfer = ((const struct keeper *)call->keeper)->given;
        }
        for (uint32_t k = 0; transfer != NULL && k < transfer->count; k++) {
            moving += transfer->items[k].moved != CAP_ID_NONE ? 1 : 0;
        }
    }
    while ((slot = cap_table_next(&p->caps, &cursor)) != NULL) {
        locked += (cap_table_flags(&p->caps, slot) & CAP_SLOT_F_MOVING) != 0 ? 1 : 0;
        check_slot(slot);
    }
    if (!call_pool_check(pool)) {
        snprintf(finding, sizeof finding, "process %lu: a record breaks an invariant", p->pid);
    } else if (!cap_table_check(&p->caps) || p->caps.reserved != 0) {
        snprintf(finding, sizeof finding, "process %lu: the table breaks an invariant", p->pid);
    } else if (p->ring_nframes != 0 && !ring_view_check(&p->thread.ring)) {
        snprintf(finding, sizeof finding, "process %lu: the ring breaks an invariant", p->pid);
    } else if (ring_reserved(&p->thread.ring) != owed && p->state == PROCESS_LIVE) {
        snprintf(finding, sizeof finding, "process %lu: %u places kept, %u owed", p->pid,
                 ring_reserved(&p->thread.ring), owed);
    } else if (p->account.used[ACCOUNT_SLOTS] - p->account.lent[ACCOUNT_SLOTS] != p->caps.used) {
        snprintf(finding, sizeof finding, "process %lu: %lu slots charged, %u used", p->pid,
                 p->account.used[ACCOUNT_SLOTS], p->caps.used);
    } else if (waits_in_vain(p)) {
        snprintf(finding, sizeof finding, "process %lu: it waits for what has come", p->pid);
    } else if (locked != moving) {
        snprintf(finding, sizeof finding, "process %lu: %u slots locked, %u being moved", p->pid,
                 locked, moving);
    } else if (!account_check(&p->account)) {
        snprintf(finding, sizeof finding, "process %lu: the account breaks an invariant", p->pid);
    }
}

const char *world_check(void)
{
    finding[0] = '\0';
    process_each(check_process, NULL);
    cap_object_each(check_object, NULL);
    if (!account_check(&root)) {
        return "the root account breaks an invariant";
    }
    return finding[0] == '\0' ? NULL : finding;
}

/* ---------------------------------------------------------------------------
 * Actors */

/* A program of one page, which is never run. */
static struct capnp_data image(void)
{
    static _Alignas(8) uint8_t file[256];
    static const uint8_t ident[16] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    const uint16_t type_and_machine[2] = {2, 62};
    const uint32_t version = 1;
    const uint64_t entry_and_phoff[2] = {USER_IMAGE_BASE, 64};
    const uint16_t sizes[3] = {64, 56, 1};
    const uint32_t load_rx[2] = {1, 5};
    const uint64_t segment[6] = {0, USER_IMAGE_BASE, USER_IMAGE_BASE, 256, 256, 4096};

    memcpy(file, ident, sizeof ident);
    memcpy(file + 16, type_and_machine, sizeof type_and_machine);
    memcpy(file + 20, &version, sizeof version);
    memcpy(file + 24, entry_and_phoff, sizeof entry_and_phoff);
    memcpy(file + 52, sizes, sizeof sizes);
    memcpy(file + 64, load_rx, sizeof load_rx);
    memcpy(file + 72, segment, sizeof segment);
    return (struct capnp_data){.ptr = file, .len = sizeof file};
}

static void ended(void *owner, const struct process_report *report)
{
    struct actor *a = owner;

    a->p = NULL;
    a->report = *report;
}

/* Until it is told to run; what completes meanwhile does not wake it. */
static void rest(struct actor *a)
{
    struct thread *t = &a->p->thread;
    struct cpu *cpu = cpu_self();

    if (t->state == THREAD_DEAD) {
        return;
    }
    sched_forget(t);
    t->state = THREAD_WAITING;
    t->wanted = 0;
    if (cpu->next == t) {
        cpu->next = NULL;
    }
}

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
    return value != 0 ? value : otherwise;
}

bool actor_start(struct actor *a, const struct actor_params *params)
{
    static const struct actor_params plain;
    const struct actor_params *wanted = params != NULL ? params : &plain;
    struct spawn_params *sp = calloc(1, sizeof *sp);
    struct spawn spawn;
    const char *reason;
    uint32_t calls = or_default(wanted->cq_entries, 16) - or_default(wanted->sq_entries, 8);

    *a = (struct actor){0};
    ASSERT(sp != NULL, "the host has no memory");
    sp->parent = &root;
    sp->program = program_find(CAPNP_TEXT(WORLD_BINARY));
    sp->limits = (struct process_limits){.frames = wanted->frames != 0 ? wanted->frames : 256,
                                         .slots = or_default(wanted->slots, 64),
                                         .calls = calls + wanted->children * CHILD_CALLS,
                                         .processes = wanted->children};
    sp->on_end = ended;
    sp->owner = a;
    enum status status =
        ring_region_layout(or_default(wanted->sq_entries, 8), or_default(wanted->cq_entries, 16),
                           or_default(wanted->area_bytes, 4096), &sp->ring);
    ASSERT(status == ST_OK, "no such ring");
    status = spawn_begin(&spawn, sp, &reason);
    if (status == ST_OK) {
        a->p = spawn.process;
        do {
            status = spawn_step(&spawn);
        } while (status == ST_PENDING);
    }
    if (status == ST_OK) {
        spawn_start(&spawn);
    }
    free(sp);
    if (status != ST_OK) {
        return false;
    }
    rest(a);
    return true;
}

void actor_kill(struct actor *a)
{
    process_kill(a->p, "a test ends it");
}

void actor_forget(struct actor *a)
{
    ASSERT(a->p == NULL, "an actor is forgotten that is there");
    free(a->entries);
    *a = (struct actor){0};
}

bool actor_lives(const struct actor *a)
{
    return a->p != NULL && a->p->state == PROCESS_LIVE;
}

uint64_t actor_submit(struct actor *a, struct cap_sqe sqe)
{
    struct ring_view *ring = &a->p->thread.ring;

    if (a->entry_count + 1 >= a->entry_room) {
        a->entry_room = 2 * a->entry_room + 64;
        a->entries = realloc(a->entries, a->entry_room * sizeof *a->entries);
        ASSERT(a->entries != NULL, "the host has no memory");
    }
    sqe.user_data = ++a->entry_count;
    a->entries[sqe.user_data] = (struct entry){0};
    ASSERT(a->sq_tail - ring->sq_head <= ring->sq_mask, "an actor submits more than its ring has");
    ring->sq[a->sq_tail & ring->sq_mask] = sqe;
    a->sq_tail++;
    ring->header->sq_tail = a->sq_tail;
    return sqe.user_data;
}

void actor_take(struct actor *a)
{
    if (!actor_lives(a)) {
        return;
    }
    struct ring_view *ring = &a->p->thread.ring;

    if (a->is_hostile) {
        a->cq_head = ring->cq_tail;
    }
    while (a->cq_head != ring->header->cq_tail && !a->is_hostile) {
        struct cap_cqe cqe = ring->cq[a->cq_head & ring->cq_mask];

        ASSERT(cqe.user_data != 0 && cqe.user_data <= a->entry_count,
               "a completion of what was never submitted");
        a->entries[cqe.user_data].completions++;
        a->entries[cqe.user_data].cqe = cqe;
        a->cq_head++;
    }
    ring->header->cq_head = a->cq_head;
}

void actor_run(struct actor *a)
{
    struct thread *t = &a->p->thread;
    struct cpu *cpu = cpu_self();
    enum went went;

    ASSERT(actor_lives(a), "a dead actor is to run");
    do {
        sched_forget(t); /* wherever it was */
        t->draining = false;
        t->state = THREAD_RUNNING;
        cpu->current = t;
        thread_load(t);
        went = sched_cap_enter(t, 0, CAP_TIMEOUT_POLL);
    } while (went != WENT_ON && t->state != THREAD_DEAD);
    cpu->current = NULL;
    rest(a);
    actor_take(a);
}

const struct cap_cqe *actor_do(struct actor *a, struct cap_sqe sqe)
{
    uint64_t entry = actor_submit(a, sqe);

    actor_run(a);
    return actor_done(a, entry);
}

const struct cap_cqe *actor_done(const struct actor *a, uint64_t entry)
{
    return a->entries[entry].completions != 0 ? &a->entries[entry].cqe : NULL;
}

bool actor_wait(struct actor *a, uint32_t min_complete, uint32_t ticks)
{
    struct thread *t = &a->p->thread;
    struct cpu *cpu = cpu_self();
    enum went went;

    sched_forget(t);
    t->state = THREAD_RUNNING;
    cpu->current = t;
    thread_load(t);
    went = sched_cap_enter(t, min_complete, ticks != 0 ? ticks * NS_PER_TICK : CAP_TIMEOUT_FOREVER);
    cpu->current = NULL;
    if (went == WENT_ON || t->state == THREAD_DEAD) {
        rest(a);
        actor_take(a);
        return false;
    }
    a->is_waiting = true;
    return true;
}

bool actor_goes_on(struct actor *a)
{
    if (!actor_lives(a) || thread_state_waits(a->p->thread.state)) {
        return false;
    }
    a->is_waiting = false;
    rest(a);
    actor_run(a); /* what its drain has left */
    return true;
}

bool actor_waits_in_vain(struct actor *a, uint32_t ticks)
{
    struct thread *t = &a->p->thread;
    struct cpu *cpu = cpu_self();

    actor_take(a);
    t->state = THREAD_RUNNING;
    cpu->current = t;
    thread_load(t);
    bool waited = sched_cap_enter(t, 1, ticks * NS_PER_TICK) == WENT_WAIT &&
                  t->state == THREAD_TIMED && timer_is_pending(&t->timeout);
    for (uint32_t i = 0; i <= ticks && t->state == THREAD_TIMED; i++) {
        sched_tick();
    }
    bool woken = t->state == THREAD_READY && t->context.rax == 0;
    rest(a);
    return waited && woken;
}

uint64_t actor_page(uint32_t n)
{
    return ACTOR_PAGES + (uint64_t)n * FRAME_BYTES;
}

void actor_map(struct actor *a, uint32_t n, unsigned prot)
{
    enum status status = aspace_map_fresh(&a->p->aspace, (struct uaddr){actor_page(n)}, prot);
    ASSERT(status == ST_OK, "a test's page cannot be mapped: %s", status_text(status));
}

void actor_unmap(struct actor *a, uint32_t n)
{
    enum status status = aspace_unmap(&a->p->aspace, (struct uaddr){actor_page(n)});
    ASSERT(status == ST_OK, "a test's page is not mapped");
}

void *actor_memory(struct actor *a, uint64_t addr)
{
    struct paddr frame;
    uint64_t offset = addr - a->p->area_vaddr;

    if (offset < a->p->area_bytes) {
        return a->p->area + offset;
    }
    enum status status = aspace_find(
        &a->p->aspace, (struct uaddr){addr & ~(uint64_t)(FRAME_BYTES - 1)}, &frame, NULL);
    ASSERT(status == ST_OK, "a test looks where nothing is mapped");
    return (uint8_t *)phys_to_virt(frame) + addr % FRAME_BYTES;
}

uint64_t actor_grant(struct actor *a, struct cap_object *object)
{
    struct cap_hold hold = {
        .object = object, .interface_id = object->type->interface_id, .transferable = true};
    uint64_t id;

    if (process_reserve_caps(a->p, 1, &id) != ST_OK) {
        return CAP_ID_NONE;
    }
    cap_hold(object);
    cap_table_commit(&a->p->caps, id, &hold);
    return id;
}

uint64_t actor_finds(const struct actor *a, const struct cap_object *object)
{
    uint32_t cursor = 0;
    const struct cap_slot *slot;

    while (a->p != NULL && (slot = cap_table_next(&a->p->caps, &cursor)) != NULL) {
        if (slot->object == object) {
            return slot->id;
        }
    }
    return CAP_ID_NONE;
}

bool actor_is_moving(const struct actor *a, uint64_t cap_id)
{
    const struct cap_slot *slot = cap_table_lookup(&a->p->caps, cap_id);

    return slot != NULL && (cap_table_flags(&a->p->caps, slot) & CAP_SLOT_F_MOVING) != 0;
}

const char *world_end(struct actor *const actors[], uint32_t count)
{
    const char *before = world_check();

    for (uint32_t i = 0; i < count; i++) {
        if (actor_lives(actors[i])) {
            actor_kill(actors[i]);
        }
    }
    world_settle();
    for (uint32_t i = 0; i < count; i++) {
        actor_forget(actors[i]);
    }
    const char *after = world_check();
    const char *wrong = before != NULL ? before : after;
    return wrong != NULL ? wrong : world_leftover();
}
