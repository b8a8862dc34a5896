// SPDX-License-Identifier: MIT
#include "service.h"

#include <lib/manifest.h>

#include "cap/endpoint.h"
#include "cap/table.h"
#include "mem/heap.h"
#include "panic.h"
#include "print.h"
#include "process.h"
#include "report.h"
#include "sched.h"
#include "spawn.h"
#include "string.h"

struct service {
    struct capos_service manifest; /* [I] */
    char name[CAP_NAME_MAX + 1];   /* [I] */
    /* [I] after services_init. Of each grant that is a hold the service has one itself. */
    struct spawn_params params;
    struct spawn_grant grants[MANIFEST_CAPS_MAX];
    uint32_t first_export; /* [I] among the grants: owner facets stand behind the others */
    bool daemon;           /* [I] */
    struct spawn spawn;    /* its process is NULL when there is none */
    struct work spawning;  /* a restart under way */
    uint64_t restarts_left;
    uint64_t starts;
    uint64_t calls;               /* of all starts */
    uint64_t frames_peak;         /* of the largest */
    uint64_t frames_left;         /* of all starts: a leak */
    struct process_status status; /* of the last end */
};

/* Wired by services_init. */
static struct {
    struct service *list; /* owned */
    uint32_t count;
    uint32_t left;           /* those that have not ended */
    uint32_t awaited;        /* of these, no daemons; one more until all are started */
    struct account *account; /* who pays for all */
    uint64_t heap_frames;    /* set aside there for the heap that services may cause */
    enum services_trouble trouble;
    bool closing;
    struct work closing_work;
    void (*finished)(void);
} services;

/* Why daemons are killed. */
static const char dismissed[] = "only daemons were left";

static void start_again(struct service *s);

/* Starts the spawned process, which takes over a hold of each grant. */
static void start(struct service *s)
{
    for (uint32_t i = 0; i < s->params.grant_count; i++) {
        if (s->params.grants[i].source == SPAWN_HOLD) {
            cap_hold(s->params.grants[i].hold.object);
        }
    }
    spawn_start(&s->spawn);
}

/* Whether the end is the one that the manifest expects, or that of a daemon. */
static bool is_expected(const struct service *s, const struct process_status *status)
{
    struct capos_process_status expect = capos_service_get_expect(s->manifest);

    if (s->daemon && status->end == PROC_END_KILLED && status->reason == dismissed) {
        return true;
    }
    switch (capos_process_status_which(expect)) {
    case CAPOS_PROCESS_STATUS_EXITED:
        return status->end == PROC_END_EXITED &&
               status->code == capos_process_status_get_exited(expect);
    case CAPOS_PROCESS_STATUS_FAULTED:
        return status->end == PROC_END_FAULTED &&
               status->vector == capos_fault_get_vector(capos_process_status_get_faulted(expect));
    case CAPOS_PROCESS_STATUS_KILLED:
        return status->end == PROC_END_KILLED &&
               capnp_text_equal(capos_process_status_get_killed(expect),
                                capnp_text_from(status->reason));
    case CAPOS_PROCESS_STATUS_FAILED_TO_START:
        return status->end == PROC_END_FAILED_TO_START &&
               capnp_text_equal(capos_process_status_get_failed_to_start(expect),
                                capnp_text_from(status->reason));
    }
    return false;
}

/* Nothing is restarted any more. */
static bool run_is_ending(void)
{
    return services.closing || services.trouble != TROUBLE_NONE;
}

static bool restart_is_due(const struct service *s)
{
    if (s->restarts_left == 0 || run_is_ending()) {
        return false;
    }
    switch (capos_restart_get_policy(capos_service_get_restart(s->manifest))) {
    case CAPOS_RESTART_POLICY_ALWAYS:
        return true;
    case CAPOS_RESTART_POLICY_ON_FAILURE:
        return !is_expected(s, &s->status);
    default:
        return false;
    }
}

/* Waits until every process is gone and nothing is left to be done, then ends the run. */
static bool close_step(struct work *work)
{
    (void)work;
    if (services.left != 0 || process_is_any() || !work_is_empty()) {
        return false;
    }
    services.finished();
    return true;
}

/* Nobody is left that the run waits for: ends daemons, and what services have left behind. */
static void close_run(void)
{
    services.closing = true;
    process_close_all(dismissed);
    work_add(&services.closing_work, close_step);
}

/* One service less to wait for, or all are started. */
static void await_less(void)
{
    services.awaited--;
    if (services.awaited == 0) {
        close_run();
    }
}

/* The service has ended for good: what it would be born with is not needed any more. */
static void drop_grants(struct service *s)
{
    for (uint32_t i = 0; i < s->params.grant_count; i++) {
        if (s->params.grants[i].source == SPAWN_HOLD) {
            cap_drop(s->params.grants[i].hold.object);
        }
    }
    s->params.grant_count = 0;
}

void services_each_hold(void (*visit)(struct cap_object *held))
{
    for (uint32_t i = 0; i < services.count; i++) {
        const struct spawn_params *params = &services.list[i].params;

        for (uint32_t k = 0; k < params->grant_count; k++) {
            if (params->grants[k].source == SPAWN_HOLD) {
                visit(params->grants[k].hold.object);
            }
        }
    }
}

/* A process of the service is gone, and all it had with it. */
static void on_end(void *owner, const struct process_report *report)
{
    struct service *s = owner;

    s->spawn.process = NULL;
    s->status = report->status;
    s->calls += report->calls;
    s->frames_left += report->frames_left;
    if (report->frames_peak > s->frames_peak) {
        s->frames_peak = report->frames_peak;
    }
    if (!is_expected(s, &report->status)) {
        report_print(s->name, report);
    }
    if (restart_is_due(s)) {
        s->restarts_left--;
        start_again(s);
        return;
    }
    drop_grants(s);
    services.left--;
    if (!s->daemon) {
        await_less();
    }
}

/* The same for a service of which not even the process could be made. */
static void never_started(struct service *s, const char *reason)
{
    on_end(s,
           &(struct process_report){.status = {.end = PROC_END_FAILED_TO_START, .reason = reason}});
}

/* The same for one that would have been restarted, but the run is being ended. */
static void not_restarted(struct service *s)
{
    struct process_status daemon = {.end = PROC_END_KILLED, .reason = dismissed};
    struct process_status other = {.end = PROC_END_FAILED_TO_START,
                                   .reason = "the run was being ended"};

    on_end(s, &(struct process_report){.status = s->daemon ? daemon : other});
}

/* A slice of a restart. */
static bool spawn_again_step(struct work *work)
{
    struct service *s = LIST_OWNER(work, struct service, spawning);
    const char *reason;

    if (s->spawn.process == NULL) {
        if (run_is_ending()) {
            not_restarted(s);
            return true;
        }
        if (spawn_begin(&s->spawn, &s->params, &reason) != ST_OK) {
            never_started(s, reason);
            return true;
        }
        return false;
    }
    switch (spawn_step(&s->spawn)) {
    case ST_PENDING:
        return false;
    case ST_OK:
        start(s);
        return true;
    default:
        return true; /* on_end will be told */
    }
}

static void start_again(struct service *s)
{
    s->starts++;
    s->spawn.process = NULL;
    work_add(&s->spawning, spawn_again_step);
}

/*
 * Endpoints for the service's exports. Their owner facets stand among its grants, behind
 * the others, and are what keeps them open.
 */
static enum status make_exports(struct service *s, struct account *payer)
{
    struct capos_export_list exports = capos_service_get_exports(s->manifest);

    s->first_export = capos_cap_grant_list_len(capos_service_get_caps(s->manifest));
    s->params.grant_count = s->first_export + capos_export_list_len(exports);
    for (uint32_t i = s->first_export; i < s->params.grant_count; i++) {
        struct capos_export one = capos_export_list_at(exports, i - s->first_export);
        struct spawn_grant *grant = &s->params.grants[i];
        struct cap_object *client;

        *grant =
            (struct spawn_grant){.name = capos_export_get_name(one),
                                 .source = SPAWN_HOLD,
                                 .hold = {.interface_id = CAPOS_ENDPOINT_ID, .transferable = true}};
        enum status status = endpoint_create(payer, &grant->hold.object, &client);
        if (status != ST_OK) {
            return status;
        }
        cap_drop(client); /* the owner facet keeps it */
    }
    return ST_OK;
}

static struct service *find_service(struct capnp_text name)
{
    for (uint32_t i = 0; i < services.count; i++) {
        if (capnp_text_equal(capos_service_get_name(services.list[i].manifest), name)) {
            return &services.list[i];
        }
    }
    panic("the manifest names a service that the kernel does not start");
}

/* A client facet of another service's export, or of one of its own. */
static struct cap_object *import_of(struct capos_service_export source, uint64_t interface_id)
{
    struct service *server = find_service(capos_service_export_get_service(source));
    uint32_t index;

    bool found =
        manifest_find_export(server->manifest, capos_service_export_get_export(source), &index);
    ASSERT(found, "the manifest names an export that %s does not have", server->name);
    struct cap_object *owner = server->params.grants[server->first_export + index].hold.object;
    struct cap_object *client =
        endpoint_mint_object(&(struct cap_slot){.object = owner}, interface_id);
    ASSERT(client != NULL, "an export of %s has an interface that no client can have",
           server->name);
    return client;
}

/* The kernel's own object of this interface. */
static struct cap_object *object_of(const struct service *s, uint64_t interface_id)
{
    const struct cap_slot *held = kernel_table_find(interface_id);

    ASSERT(held != NULL, "the manifest grants %s an object that the kernel does not hold", s->name);
    return held->object;
}

/* What the validated manifest says of one grant, in the kernel's own terms. */
static struct spawn_grant grant_of(const struct service *s, struct capos_cap_grant grant)
{
    struct capos_cap_grant_source source = capos_cap_grant_get_source(grant);
    struct spawn_grant out = {.name = capos_cap_grant_get_name(grant),
                              .source = SPAWN_HOLD,
                              .hold = {.interface_id = capos_cap_grant_get_interface_id(grant),
                                       .badge = capos_cap_grant_get_badge(grant),
                                       .transferable = true}};

    if (capos_cap_grant_source_which(source) == CAPOS_CAP_GRANT_SOURCE_SERVICE) {
        out.hold.object =
            import_of(capos_cap_grant_source_get_service(source), out.hold.interface_id);
    } else {
        switch (capos_cap_grant_source_get_kernel(source)) {
        case CAPOS_KERNEL_OBJECT_VIRTUAL_MEMORY:
            return (struct spawn_grant){.name = out.name, .source = SPAWN_VIRTUAL_MEMORY};
        case CAPOS_KERNEL_OBJECT_CAPABILITY_MANAGER:
            return (struct spawn_grant){.name = out.name, .source = SPAWN_CAPABILITY_MANAGER};
        default:
            out.hold.object = object_of(s, out.hold.interface_id);
            break;
        }
    }
    cap_hold(out.hold.object);
    return out;
}

/* Every export there is has its endpoint by now. */
static void take_grants(struct service *s)
{
    struct capos_cap_grant_list caps = capos_service_get_caps(s->manifest);

    for (uint32_t i = 0; i < s->first_export; i++) {
        s->params.grants[i] = grant_of(s, capos_cap_grant_list_at(caps, i));
    }
}

/* All but its grants. */
static void service_init(struct service *s, struct capos_manifest manifest, uint32_t index,
                         struct account *account)
{
    s->manifest = manifest_service_at(manifest, index);
    s->daemon = capos_service_get_daemon(s->manifest);
    struct capnp_text name = capos_service_get_name(s->manifest);
    struct capos_ring_sizes ring = capos_service_get_ring(s->manifest);
    struct capos_limits limits = capos_service_get_limits(s->manifest);

    memcpy(s->name, name.ptr, name.len);
    memcpy(s->params.name, name.ptr, name.len);
    s->restarts_left = capos_restart_get_count(capos_service_get_restart(s->manifest));
    s->params.parent = account;
    s->params.on_end = on_end;
    s->params.owner = s;
    s->params.grants = s->grants;
    s->params.program = program_find(capos_service_get_binary(s->manifest));
    ASSERT(s->params.program != NULL, "the manifest has no binary for %s", s->name);
    enum status status = ring_region_layout(capos_ring_sizes_get_sq_entries(ring),
                                            capos_ring_sizes_get_cq_entries(ring),
                                            capos_ring_sizes_get_area_bytes(ring), &s->params.ring);
    ASSERT(status == ST_OK, "the manifest's ring sizes for %s: %s", s->name, status_text(status));
    s->params.limits = spawn_limits(limits, &s->params.ring);
}

enum status services_init(struct capos_manifest manifest, struct account *account,
                          void (*finished)(void))
{
    uint32_t count = manifest_service_count(manifest);

    services.list = heap_alloc(NULL, count * sizeof *services.list);
    if (services.list == NULL) {
        return ST_NO_MEMORY;
    }
    services.awaited = 1;
    for (uint32_t i = 0; i < count; i++) {
        if (!manifest_kernel_starts(manifest_service_at(manifest, i))) {
            continue;
        }
        struct service *s = &services.list[services.count++];
        service_init(s, manifest, i, account);
        services.awaited += s->daemon ? 0 : 1;
        enum status status = make_exports(s, account);
        if (status != ST_OK) {
            return status;
        }
    }
    for (uint32_t i = 0; i < services.count; i++) {
        take_grants(&services.list[i]);
    }
    services.left = services.count;
    services.account = account;
    services.finished = finished;
    return ST_OK;
}

void services_fini(void)
{
    account_release(services.account, ACCOUNT_FRAMES, services.heap_frames);
    services.heap_frames = 0;
    heap_free(NULL, services.list);
    services.list = NULL;
}

/*
 * Takes the service's heap out of the frames too, to the end of the run: what it was
 * promised is there, whoever has all the frames that he was promised.
 */
static enum status begin_first(struct service *s, const char **reason)
{
    uint64_t heap_frames = process_heap_frames(&s->params.limits);

    enum status status = account_charge(services.account, ACCOUNT_FRAMES, heap_frames);
    if (status != ST_OK) {
        *reason = status_text(status);
        return status;
    }
    status = spawn_begin(&s->spawn, &s->params, reason);
    if (status != ST_OK) {
        account_release(services.account, ACCOUNT_FRAMES, heap_frames);
        return status;
    }
    services.heap_frames += heap_frames;
    return ST_OK;
}

/* Spawns without starting. Never started, or failing on the way: says why. */
static bool spawn_wholly(struct service *s, const char **reason)
{
    s->starts++;
    enum status status = begin_first(s, reason);
    if (status != ST_OK) {
        return false;
    }
    do {
        status = spawn_step(&s->spawn);
    } while (status == ST_PENDING);
    *reason = status_text(status);
    return status == ST_OK;
}

bool services_start(void)
{
    kprint("capos: starting %u services\n", services.count);
    for (uint32_t i = 0; i < services.count; i++) {
        struct service *s = &services.list[i];
        const char *reason;

        if (spawn_wholly(s, &reason)) {
            continue;
        }
        struct process_status failed = {.end = PROC_END_FAILED_TO_START, .reason = reason};
        if (!is_expected(s, &failed)) {
            kprint("capos: service \"%s\" cannot be spawned: %s; nothing was started\n", s->name,
                   reason);
            return false;
        }
        if (s->spawn.process == NULL) {
            never_started(s, reason);
        }
    }
    for (uint32_t i = 0; i < services.count; i++) {
        struct service *s = &services.list[i];
        struct process *p = s->spawn.process;

        if (p != NULL && p->state == PROCESS_BUILDING) {
            start(s);
        }
    }
    await_less();
    return true;
}

/* Kills what the run waits for. The others follow when that is gone. */
static void kill_awaited(const char *reason)
{
    for (uint32_t i = 0; i < services.count; i++) {
        struct service *s = &services.list[i];

        if (!s->daemon && s->spawn.process != NULL) {
            process_kill(s->spawn.process, reason);
        }
    }
}

void services_stalled(void)
{
    ASSERT(services.awaited != 0, "idle, and no service is left to wait for");
    services.trouble = TROUBLE_STALLED;
    kill_awaited("it waits for completions, and nothing in flight can bring any");
}

void services_deadline(void)
{
    if (!services.closing) {
        services.trouble = TROUBLE_DEADLINE;
        kill_awaited("the run's deadline has passed");
    }
}

enum services_trouble services_trouble(void)
{
    return services.trouble;
}

uint32_t services_print_summary(void)
{
    uint32_t unexpected = 0;

    kprint("%-31s  %-24s  %10s  %6s  %6s\n", "service", "status", "calls", "frames", "starts");
    for (uint32_t i = 0; i < services.count; i++) {
        const struct service *s = &services.list[i];
        bool expected = is_expected(s, &s->status);

        kprint("%-31s  ", s->name);
        report_print_status(&s->status);
        kprint("  %10lu  %6lu  %6lu%s\n", s->calls, s->frames_peak, s->starts,
               expected ? "" : "  not as expected");
        if (!expected) {
            unexpected++;
        }
        if (s->frames_left != 0) {
            kprint("%-31s  left %lu frames charged to nobody\n", "", s->frames_left);
        }
    }
    return unexpected;
}
