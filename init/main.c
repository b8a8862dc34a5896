// SPDX-License-Identifier: MIT
/*
 * init: starts the services that the boot manifest leaves to it, and sees to them until
 * the last has ended.
 *
 *   read the manifest ─► validate ─► endpoints for the exports ─► spawn each service
 *                                                                       │
 *          summary ◄─ none left ◄─ an end: compare, restart or let go ◄─┴─ wait for all
 *
 * init makes the endpoint of every export and keeps for a service, while that may still
 * be restarted, what it is born with: the owner facets of its exports, and the client
 * facets that its grants name, with their badges. It gets copies. So calls that come
 * while a service is being restarted wait for its successor, and when it is gone for
 * good they end.
 *
 * What a service is granted of the kernel's objects is what init holds itself. Its own
 * memory and table a service gets new.
 */
#include <abi/limits.h>
#include <capos.client.h>
#include <lib/manifest.h>
#include <rt/alloc.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <rt/string.h>
#include <support/child.h>

/* As many can be waited for at once; each takes a piece of the message area. */
#define SERVICES_MAX 48u

/* Bytes of room for how a service ended. */
#define STATUS_BYTES 512u

/* Bytes of a reason that are kept. */
#define REASON_MAX    MANIFEST_REASON_MAX

#define MAP_BYTES_MAX ((uint64_t)MEMORY_PAGES_MAX * 4096u)

/* How a service ended: the C form of ProcessStatus. */
struct end {
    enum capos_process_status_which which;
    int64_t code;
    uint8_t vector;
    uint64_t address;
    uint64_t rip;
    char reason[REASON_MAX + 1];
};

struct service {
    struct capos_service manifest;
    char name[CAP_NAME_MAX + 1];
    uint64_t owners[MANIFEST_EXPORTS_MAX]; /* owner facets of its exports */
    uint64_t clients[MANIFEST_CAPS_MAX];   /* of its grants: client facets of others' exports */
    struct capos_process_handle handle;    /* CAP_ID_NONE: not spawned */
    struct rt_call wait;
    bool running;
    uint32_t restarts_left;
    uint32_t starts;
    struct end end; /* the last */
};

static struct {
    struct rt_ring *ring;
    struct capos_process_spawner spawner;
    struct capos_endpoint_factory endpoints;
    struct capos_manifest manifest;
    struct service *list;
    uint32_t count;
    bool closing; /* only daemons are left: nothing is restarted */
} init;

/* Says why init cannot go on, and ends it. */
static _Noreturn void give_up(const char *what, struct rt_status s)
{
    rt_printf("init: %s: %s%s%s\n", what, rt_status_text(s),
              s.code == CAP_ERR_EXCEPTION ? ": " : "",
              s.code == CAP_ERR_EXCEPTION ? rt_refusal(init.ring) : "");
    (void)rt_print_flush();
    rt_exit(1);
}

static void must(const char *what, struct rt_status s)
{
    if (!rt_ok(s)) {
        give_up(what, s);
    }
}

/* ---------------------------------------------------------------------------
 * The manifest */

/* Fresh memory for so many bytes, in one piece. */
static uint8_t *map_memory(uint64_t bytes)
{
    struct capos_virtual_memory vm = {rt_capset_need("memory", CAPOS_VIRTUAL_MEMORY_ID)};
    uint64_t left = (bytes + 4095u) / 4096u * 4096u;
    uint64_t start = 0;
    uint64_t hint = 0;

    while (left != 0) {
        uint64_t size = left < MAP_BYTES_MAX ? left : MAP_BYTES_MAX;
        uint64_t at = 0;

        must("memory for the manifest",
             capos_virtual_memory_map(init.ring, vm, hint, size,
                                      CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE, &at));
        start = start == 0 ? at : start;
        hint = at + size;
        left -= size;
    }
    return (uint8_t *)(uintptr_t)start;
}

/* One piece of the manifest; how many bytes there were. */
static uint32_t read_piece(struct capos_boot_package package, uint64_t offset, uint8_t *to)
{
    struct capnp_data data = {.ptr = NULL, .len = 0};
    struct rt_call call;

    must("reading the manifest",
         capos_boot_package_read_manifest_call(&call, init.ring, package, offset, BOOT_READ_MAX,
                                               BOOT_READ_MAX + 64u));
    must("a piece of the manifest", capos_boot_package_read_manifest_take(&call, &data));
    memcpy(to, data.ptr, data.len);
    rt_call_end(&call);
    return data.len;
}

static void open_manifest(void)
{
    static struct capnp_message message;
    struct capos_boot_package package = {rt_capset_need("boot", CAPOS_BOOT_PACKAGE_ID)};
    struct manifest_fault fault;
    uint64_t bytes = 0;

    must("the manifest's size", capos_boot_package_manifest_size(init.ring, package, &bytes));
    uint8_t *copy = map_memory(bytes);
    for (uint64_t at = 0; at < bytes;) {
        uint32_t n = read_piece(package, at, copy + at);
        if (n == 0) {
            give_up("the manifest is shorter than it says", (struct rt_status){RT_ERR_MESSAGE, 0});
        }
        at += n;
    }
    if (!manifest_open(copy, bytes, &message, &init.manifest, &fault)) {
        char text[MANIFEST_FAULT_TEXT_ROOM];
        (void)manifest_fault_text(&fault, text, sizeof text);
        rt_printf("init: %s\n", text);
        (void)rt_print_flush();
        rt_exit(1);
    }
}

static void take_services(void)
{
    uint32_t count = manifest_service_count(init.manifest);

    init.list = calloc(SERVICES_MAX, sizeof *init.list);
    for (uint32_t i = 0; i < count; i++) {
        struct capos_service manifest = manifest_service_at(init.manifest, i);
        struct capnp_text name = capos_service_get_name(manifest);

        if (manifest_kernel_starts(manifest)) {
            continue;
        }
        if (init.list == NULL || init.count == SERVICES_MAX) {
            rt_printf("init: there are more services than the %u it can wait for\n", SERVICES_MAX);
            (void)rt_print_flush();
            rt_exit(1);
        }
        struct service *s = &init.list[init.count++];
        s->manifest = manifest;
        memcpy(s->name, name.ptr, name.len);
        s->restarts_left = capos_restart_get_count(capos_service_get_restart(manifest));
    }
}

static struct service *find_service(struct capnp_text name)
{
    for (uint32_t i = 0; i < init.count; i++) {
        if (capnp_text_equal(capos_service_get_name(init.list[i].manifest), name)) {
            return &init.list[i];
        }
    }
    return NULL; /* the validator lets no such name through */
}

/* ---------------------------------------------------------------------------
 * Starting */

static uint32_t export_count(const struct service *s)
{
    return capos_export_list_len(capos_service_get_exports(s->manifest));
}

static void make_endpoints(struct service *s)
{
    for (uint32_t i = 0; i < export_count(s); i++) {
        struct capos_endpoint owner = {CAP_ID_NONE};

        must("an endpoint", capos_endpoint_factory_create(init.ring, init.endpoints, &owner));
        s->owners[i] = owner.id;
    }
}

static bool is_import(struct capos_cap_grant grant)
{
    return capos_cap_grant_source_which(capos_cap_grant_get_source(grant)) ==
           CAPOS_CAP_GRANT_SOURCE_SERVICE;
}

/* A client facet of some service's export. */
static uint64_t make_client(struct capos_cap_grant grant)
{
    struct capos_service_export from =
        capos_cap_grant_source_get_service(capos_cap_grant_get_source(grant));
    const struct service *server = find_service(capos_service_export_get_service(from));
    uint64_t client = CAP_ID_NONE;
    uint32_t index;

    if (server != NULL &&
        manifest_find_export(server->manifest, capos_service_export_get_export(from), &index)) {
        must("a client facet",
             capos_endpoint_mint(init.ring, (struct capos_endpoint){server->owners[index]},
                                 capos_cap_grant_get_badge(grant),
                                 capos_cap_grant_get_interface_id(grant), &client));
    }
    return client;
}

/* Every export has its endpoint by now. */
static void make_clients(struct service *s)
{
    struct capos_cap_grant_list caps = capos_service_get_caps(s->manifest);

    for (uint32_t i = 0; i < capos_cap_grant_list_len(caps); i++) {
        if (is_import(capos_cap_grant_list_at(caps, i))) {
            s->clients[i] = make_client(capos_cap_grant_list_at(caps, i));
        }
    }
}

/* False: init does not hold what is to be granted. */
static bool fill_grant(struct child_grant *out, struct capos_cap_grant grant, uint64_t client)
{
    struct capos_cap_grant_source source = capos_cap_grant_get_source(grant);
    uint64_t id;

    *out = (struct child_grant){.name = capos_cap_grant_get_name(grant), .kind = CHILD_CAPABILITY};
    if (is_import(grant)) {
        out->give = rt_copy(client);
        return true;
    }
    switch (capos_cap_grant_source_get_kernel(source)) {
    case CAPOS_KERNEL_OBJECT_VIRTUAL_MEMORY:
        out->kind = CHILD_VIRTUAL_MEMORY;
        return true;
    case CAPOS_KERNEL_OBJECT_CAPABILITY_MANAGER:
        out->kind = CHILD_CAPABILITY_MANAGER;
        return true;
    default:
        if (!rt_capset_first(rt_capset(), capos_cap_grant_get_interface_id(grant), &id)) {
            return false;
        }
        out->give = rt_copy(id);
        return true;
    }
}

/* Grants and exports, in the order of the CapSet. False: init does not hold one of them. */
static bool fill_grants(const struct service *s, struct child_grant grants[CAPSET_ENTRIES_MAX],
                        uint32_t *count)
{
    struct capos_cap_grant_list caps = capos_service_get_caps(s->manifest);
    struct capos_export_list exports = capos_service_get_exports(s->manifest);

    *count = capos_cap_grant_list_len(caps);
    for (uint32_t i = 0; i < *count; i++) {
        if (!fill_grant(&grants[i], capos_cap_grant_list_at(caps, i), s->clients[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < export_count(s); i++) {
        grants[(*count)++] = (struct child_grant){
            .name = capos_export_get_name(capos_export_list_at(exports, i)),
            .kind = CHILD_CAPABILITY,
            .give = rt_copy(s->owners[i]),
        };
    }
    return true;
}

static void copy_reason(struct end *end, struct capnp_text reason)
{
    memcpy(end->reason, reason.ptr, reason.len < REASON_MAX ? reason.len : REASON_MAX);
}

static void failed_to_start(struct service *s, const char *reason)
{
    s->end = (struct end){.which = CAPOS_PROCESS_STATUS_FAILED_TO_START};
    copy_reason(&s->end, capnp_text_from(reason));
}

/* Spawns the service and waits for it. False: it has failed to start, and why is its end. */
static bool start(struct service *s)
{
    struct capos_ring_sizes ring = capos_service_get_ring(s->manifest);
    struct capos_limits limits = capos_service_get_limits(s->manifest);
    struct child_grant grants[CAPSET_ENTRIES_MAX];
    struct child child = {.name = capos_service_get_name(s->manifest),
                          .binary = capos_service_get_binary(s->manifest),
                          .grants = grants,
                          .sq_entries = capos_ring_sizes_get_sq_entries(ring),
                          .cq_entries = capos_ring_sizes_get_cq_entries(ring),
                          .area_bytes = capos_ring_sizes_get_area_bytes(ring),
                          .frames = capos_limits_get_frames(limits),
                          .slots = capos_limits_get_cap_slots(limits),
                          .processes = capos_limits_get_processes(limits),
                          .calls = capos_limits_get_calls(limits)};

    s->starts++;
    if (!fill_grants(s, grants, &child.grant_count)) {
        failed_to_start(s, "init does not hold what it is to be granted");
        return false;
    }
    struct rt_status status = child_spawn(init.ring, init.spawner, &child, &s->handle, NULL);
    if (!rt_ok(status)) {
        failed_to_start(s, status.code == CAP_ERR_EXCEPTION ? rt_refusal(init.ring)
                                                            : rt_status_text(status));
        return false;
    }
    must("waiting for a service",
         capos_process_handle_wait_send(&s->wait, init.ring, s->handle, STATUS_BYTES));
    s->running = true;
    return true;
}

/* ---------------------------------------------------------------------------
 * Ends */

static void take_end(struct service *s)
{
    struct capos_process_handle_wait_results results;
    struct capnp_message m;

    must("waiting for a service", rt_call_wait(&s->wait));
    must("a service's status", capos_process_handle_wait_take(&s->wait, &m, &results));
    struct capos_process_status status = capos_process_handle_wait_results_get_status(results);
    struct capos_fault fault;
    s->end = (struct end){.which = capos_process_status_which(status)};
    switch (s->end.which) {
    case CAPOS_PROCESS_STATUS_EXITED:
        s->end.code = capos_process_status_get_exited(status);
        break;
    case CAPOS_PROCESS_STATUS_FAULTED:
        fault = capos_process_status_get_faulted(status);
        s->end.vector = capos_fault_get_vector(fault);
        s->end.address = capos_fault_get_address(fault);
        s->end.rip = capos_fault_get_rip(fault);
        break;
    case CAPOS_PROCESS_STATUS_KILLED:
        copy_reason(&s->end, capos_process_status_get_killed(status));
        break;
    case CAPOS_PROCESS_STATUS_FAILED_TO_START:
        copy_reason(&s->end, capos_process_status_get_failed_to_start(status));
        break;
    }
    rt_call_end(&s->wait);
    rt_drop(init.ring, s->handle.id);
    s->handle.id = CAP_ID_NONE;
    s->running = false;
}

static bool is_daemon(const struct service *s)
{
    return capos_service_get_daemon(s->manifest);
}

static bool is_expected(const struct service *s)
{
    struct capos_process_status expect = capos_service_get_expect(s->manifest);
    const struct end *end = &s->end;

    if (is_daemon(s) && init.closing && end->which == CAPOS_PROCESS_STATUS_KILLED) {
        return true;
    }
    if (end->which != capos_process_status_which(expect)) {
        return false;
    }
    switch (end->which) {
    case CAPOS_PROCESS_STATUS_EXITED:
        return end->code == capos_process_status_get_exited(expect);
    case CAPOS_PROCESS_STATUS_FAULTED:
        return end->vector == capos_fault_get_vector(capos_process_status_get_faulted(expect));
    case CAPOS_PROCESS_STATUS_KILLED:
        return capnp_text_equal(capnp_text_from(end->reason),
                                capos_process_status_get_killed(expect));
    case CAPOS_PROCESS_STATUS_FAILED_TO_START:
        return capnp_text_equal(capnp_text_from(end->reason),
                                capos_process_status_get_failed_to_start(expect));
    }
    return false;
}

static bool restart_is_due(const struct service *s)
{
    if (s->restarts_left == 0 || init.closing) {
        return false;
    }
    switch (capos_restart_get_policy(capos_service_get_restart(s->manifest))) {
    case CAPOS_RESTART_POLICY_ALWAYS:
        return true;
    case CAPOS_RESTART_POLICY_ON_FAILURE:
        return !is_expected(s);
    default:
        return false;
    }
}

static void print_end(const struct service *s)
{
    const struct end *end = &s->end;

    switch (end->which) {
    case CAPOS_PROCESS_STATUS_EXITED:
        rt_printf("%-31s  exited %ld", s->name, end->code);
        break;
    case CAPOS_PROCESS_STATUS_FAULTED:
        rt_printf("%-31s  exception %u at rip %lx, address %lx", s->name, end->vector, end->rip,
                  end->address);
        break;
    case CAPOS_PROCESS_STATUS_KILLED:
        rt_printf("%-31s  killed: %s", s->name, end->reason);
        break;
    case CAPOS_PROCESS_STATUS_FAILED_TO_START:
        rt_printf("%-31s  failed to start: %s", s->name, end->reason);
        break;
    }
    rt_printf(", starts %u%s\n", s->starts, is_expected(s) ? "" : ", not as expected");
}

/* The service has ended for good: who calls it is to hear of it. */
static void let_go(struct service *s)
{
    for (uint32_t i = 0; i < export_count(s); i++) {
        rt_drop(init.ring, s->owners[i]);
    }
    for (uint32_t i = 0; i < MANIFEST_CAPS_MAX; i++) {
        rt_drop(init.ring, s->clients[i]); /* nothing where there is none */
    }
}

/* Starts it, again and again if its policy says so where it does not start. */
static void start_or_let_go(struct service *s)
{
    while (!start(s)) {
        if (!restart_is_due(s)) {
            let_go(s);
            return;
        }
        s->restarts_left--;
    }
}

/* Services that run; of them, if asked, no daemons. */
static uint32_t count_running(bool daemons_too)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < init.count; i++) {
        count += init.list[i].running && (daemons_too || !is_daemon(&init.list[i])) ? 1 : 0;
    }
    return count;
}

/* Only daemons are left: they are not needed any more. */
static void close(void)
{
    init.closing = true;
    for (uint32_t i = 0; i < init.count; i++) {
        if (init.list[i].running) {
            must("ending a daemon", capos_process_handle_kill(init.ring, init.list[i].handle));
        }
    }
}

/* Waits until some service ends. */
static struct service *next_end(void)
{
    struct rt_call *calls[SERVICES_MAX];
    struct service *of[SERVICES_MAX];
    uint32_t n = 0;

    for (uint32_t i = 0; i < init.count; i++) {
        if (init.list[i].running) {
            of[n] = &init.list[i];
            calls[n++] = &init.list[i].wait;
        }
    }
    return of[rt_call_wait_any(calls, n)];
}

static void see_to_services(void)
{
    while (count_running(true) != 0) {
        if (!init.closing && count_running(false) == 0) {
            close();
        }
        struct service *s = next_end();
        take_end(s);
        if (restart_is_due(s)) {
            s->restarts_left--;
            start_or_let_go(s);
        } else {
            let_go(s);
        }
    }
}

int main(void)
{
    uint32_t unexpected = 0;

    init.ring = rt_ring_borrow();
    rt_print_to(init.ring, (struct capos_console){rt_capset_need("console", CAPOS_CONSOLE_ID)});
    init.spawner.id = rt_capset_need("spawner", CAPOS_PROCESS_SPAWNER_ID);
    init.endpoints.id = rt_capset_need("endpoints", CAPOS_ENDPOINT_FACTORY_ID);
    open_manifest();
    take_services();
    rt_printf("init: starting %u services\n", init.count);
    for (uint32_t i = 0; i < init.count; i++) {
        make_endpoints(&init.list[i]);
    }
    for (uint32_t i = 0; i < init.count; i++) {
        make_clients(&init.list[i]);
    }
    for (uint32_t i = 0; i < init.count; i++) {
        start_or_let_go(&init.list[i]);
    }
    see_to_services();
    rt_printf("\n");
    for (uint32_t i = 0; i < init.count; i++) {
        print_end(&init.list[i]);
        unexpected += is_expected(&init.list[i]) ? 0 : 1;
    }
    if (unexpected != 0) {
        rt_printf("init: failed: %u services did not end as expected\n", unexpected);
        return 1;
    }
    rt_printf("init: passed: every service ended as expected\n");
    return 0;
}
