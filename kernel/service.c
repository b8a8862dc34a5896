// SPDX-License-Identifier: MIT
#include "service.h"

#include <lib/manifest.h>

#include "arch/x86_64/idt.h"
#include "cap/table.h"
#include "mem/heap.h"
#include "panic.h"
#include "print.h"
#include "process.h"
#include "sched.h"
#include "spawn.h"
#include "string.h"

struct service {
    struct capos_service manifest; /* [I] */
    char name[CAP_NAME_MAX + 1];   /* [I] */
    struct spawn_params params;    /* [I] after services_init */
    struct spawn spawn;
    struct work spawning; /* a restart under way */
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
    uint32_t running; /* those that have not ended */
    enum services_trouble trouble;
    void (*finished)(void);
} services;

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

/* Whether the end is the one that the manifest expects. */
static bool is_expected(const struct service *s, const struct process_status *status)
{
    struct capos_process_status expect = capos_service_get_expect(s->manifest);

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

static bool restart_is_due(const struct service *s)
{
    if (s->restarts_left == 0 || services.trouble != TROUBLE_NONE) {
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

static void print_fault(const struct service *s, const struct process_report *report)
{
    const struct process_status *status = &report->status;

    kprint("capos: %s (process %lu): %s at rip %lx", s->name, report->pid,
           exception_name(status->vector), status->rip);
    if (status->vector == TRAP_PAGE_FAULT) {
        kprint(", %s %lx, which is %s",
               (status->error & PF_FETCH) != 0   ? "executing"
               : (status->error & PF_WRITE) != 0 ? "writing"
                                                 : "reading",
               status->address,
               (status->error & PF_PRESENT) != 0 ? "mapped and does not allow it" : "not mapped");
    } else if (status->error != 0) {
        kprint(", error code %lx", status->error);
    }
    kprint("\n");
}

static void print_end(const struct service *s, const struct process_report *report)
{
    const struct process_status *status = &report->status;

    if (report->corruptions != 0) {
        kprint("capos: %s (process %lu): %lu ring counts were out of range and put back\n", s->name,
               report->pid, report->corruptions);
    }
    switch (status->end) {
    case PROC_END_FAULTED:
        print_fault(s, report);
        return;
    case PROC_END_KILLED:
        kprint("capos: %s (process %lu): killed: %s\n", s->name, report->pid, status->reason);
        return;
    case PROC_END_FAILED_TO_START:
        kprint("capos: %s: failed to start: %s\n", s->name, status->reason);
        return;
    case PROC_END_EXITED:
        if (status->code != 0) {
            kprint("capos: %s (process %lu): exited with code %ld\n", s->name, report->pid,
                   status->code);
        }
        return;
    case PROC_END_NONE:
        break;
    }
    panic("service %s ended without a status", s->name);
}

/* A process of the service is gone, and all it had with it. */
static void on_end(void *owner, const struct process_report *report)
{
    struct service *s = owner;

    s->status = report->status;
    s->calls += report->calls;
    s->frames_left += report->frames_left;
    if (report->frames_peak > s->frames_peak) {
        s->frames_peak = report->frames_peak;
    }
    if (!is_expected(s, &report->status)) {
        print_end(s, report);
    }
    if (restart_is_due(s)) {
        s->restarts_left--;
        start_again(s);
        return;
    }
    services.running--;
    if (services.running == 0) {
        services.finished();
    }
}

/* The same for a service of which not even the process could be made. */
static void never_started(struct service *s, const char *reason)
{
    on_end(s,
           &(struct process_report){.status = {.end = PROC_END_FAILED_TO_START, .reason = reason}});
}

/* A slice of a restart. */
static bool spawn_again_step(struct work *work)
{
    struct service *s = LIST_OWNER(work, struct service, spawning);
    const char *reason;

    if (s->spawn.process == NULL) {
        if (services.trouble != TROUBLE_NONE) {
            never_started(s, "the run was being ended");
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

/* What the validated manifest says of one grant, in the kernel's own terms. */
static struct spawn_grant grant_of(const struct service *s, struct capos_cap_grant grant)
{
    struct spawn_grant out = {.name = capos_cap_grant_get_name(grant), .source = SPAWN_HOLD};
    const struct cap_slot *held;

    switch (capos_cap_grant_source_get_kernel(capos_cap_grant_get_source(grant))) {
    case CAPOS_KERNEL_OBJECT_VIRTUAL_MEMORY:
        out.source = SPAWN_VIRTUAL_MEMORY;
        return out;
    case CAPOS_KERNEL_OBJECT_CAPABILITY_MANAGER:
        out.source = SPAWN_CAPABILITY_MANAGER;
        return out;
    default:
        held = kernel_table_find(capos_cap_grant_get_interface_id(grant));
        ASSERT(held != NULL, "the manifest grants %s an object that the kernel does not hold",
               s->name);
        out.hold = (struct cap_hold){
            .object = held->object, .interface_id = held->interface_id, .transferable = true};
        return out;
    }
}

static void take_grants(struct service *s)
{
    struct capos_cap_grant_list caps = capos_service_get_caps(s->manifest);

    s->params.grant_count = capos_cap_grant_list_len(caps);
    for (uint32_t i = 0; i < s->params.grant_count; i++) {
        s->params.grants[i] = grant_of(s, capos_cap_grant_list_at(caps, i));
    }
}

static void service_init(struct service *s, struct capos_manifest manifest, uint32_t index,
                         struct account *account)
{
    s->manifest = manifest_service_at(manifest, index);
    struct capnp_text name = capos_service_get_name(s->manifest);
    struct capos_binary binary;
    struct capos_ring_sizes ring = capos_service_get_ring(s->manifest);
    struct capos_limits limits = capos_service_get_limits(s->manifest);

    memcpy(s->name, name.ptr, name.len);
    s->restarts_left = capos_restart_get_count(capos_service_get_restart(s->manifest));
    s->params.parent = account;
    s->params.on_end = on_end;
    s->params.owner = s;
    bool found = manifest_find_binary(manifest, capos_service_get_binary(s->manifest), &binary);
    ASSERT(found, "the manifest has no binary for %s", s->name);
    s->params.image = capos_binary_get_image(binary);
    enum status status = ring_region_layout(capos_ring_sizes_get_sq_entries(ring),
                                            capos_ring_sizes_get_cq_entries(ring),
                                            capos_ring_sizes_get_area_bytes(ring), &s->params.ring);
    ASSERT(status == ST_OK, "the manifest's ring sizes for %s: %s", s->name, status_text(status));
    s->params.limits = spawn_limits(limits, &s->params.ring);
    take_grants(s);
}

enum status services_init(struct capos_manifest manifest, struct account *account,
                          void (*finished)(void))
{
    services.count = manifest_service_count(manifest);
    services.list = heap_alloc(NULL, services.count * sizeof *services.list);
    if (services.list == NULL) {
        return ST_NO_MEMORY;
    }
    for (uint32_t i = 0; i < services.count; i++) {
        service_init(&services.list[i], manifest, i, account);
    }
    services.running = services.count;
    services.finished = finished;
    return ST_OK;
}

void services_fini(void)
{
    heap_free(NULL, services.list);
    services.list = NULL;
}

/* Spawns without starting. Never started, or failing on the way: says why. */
static bool spawn_wholly(struct service *s, const char **reason)
{
    s->starts++;
    if (spawn_begin(&s->spawn, &s->params, reason) != ST_OK) {
        return false;
    }
    enum status status;
    do {
        status = spawn_step(&s->spawn);
    } while (status == ST_PENDING);
    *reason = status_text(status);
    return status == ST_OK;
}

bool services_start(void)
{
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
    return true;
}

static void kill_one(struct process *p, void *context)
{
    process_kill(p, context);
}

void services_stalled(void)
{
    static char reason[] = "it waits for completions, and nothing in flight can bring any";

    ASSERT(process_count() != 0, "idle, and no process is left");
    services.trouble = TROUBLE_STALLED;
    process_each(kill_one, reason);
}

void services_deadline(void)
{
    static char reason[] = "the run's deadline has passed";

    services.trouble = TROUBLE_DEADLINE;
    process_each(kill_one, reason);
}

enum services_trouble services_trouble(void)
{
    return services.trouble;
}

/* "exited 0", "page fault", "killed", … */
static void print_status(const struct process_status *status)
{
    switch (status->end) {
    case PROC_END_EXITED:
        kprint("exited %-17ld", status->code);
        return;
    case PROC_END_FAULTED:
        kprint("%-24s", exception_name(status->vector));
        return;
    case PROC_END_KILLED:
        kprint("%-24s", "killed");
        return;
    case PROC_END_FAILED_TO_START:
        kprint("%-24s", "failed to start");
        return;
    case PROC_END_NONE:
        kprint("%-24s", "running");
        return;
    }
}

uint32_t services_print_summary(void)
{
    uint32_t unexpected = 0;

    kprint("%-31s  %-24s  %10s  %6s  %6s\n", "service", "status", "calls", "frames", "starts");
    for (uint32_t i = 0; i < services.count; i++) {
        const struct service *s = &services.list[i];
        bool expected = is_expected(s, &s->status);

        kprint("%-31s  ", s->name);
        print_status(&s->status);
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
