// SPDX-License-Identifier: MIT
/*
 * Has each allocation of the kernel fail, one after the other, until none is left to
 * fail, in the operation that the name of its console says. Each time whoever asked is
 * told that there is no memory, and everything is as it was: what is charged, and what
 * is held. What failed is printed:
 *
 *     X <operation> <k> <where in the kernel>
 *
 * Each operation is walked twice, since what the kernel makes once and keeps moves the
 * places of what comes behind; and once more with a table in which no slot is free, so
 * that it has to grow. Then it is tried with no slot left to have, with one, and so on;
 * and a child is started with one frame, with two, and so on.
 *
 * Born with nothing it is a child, which exits.
 */
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <rt/string.h>
#include <support/check.h>
#include <support/child.h>
#include <support/usage.h>

#define SOME_INTERFACE 0x5e5510a1d1b1c0deull

/* Parameters and results of a call have room for a message, though none is sent. */
#define ROOM      64u
#define LIST_ROOM 6144u

/* Capabilities that come with a call, and with its answer. */
#define CALL_BRINGS   3u
#define ANSWER_BRINGS 2u

/* More than there can be. */
#define ALLOCATIONS_MAX 1000u
#define SLOTS_MAX       1024u

#define PAGE_BYTES      4096u
#define PAGES           3u

/* Far from anything else: nothing of the way there is mapped. */
#define MAP_HINT 0x5000000000ull

/* As many as a child needs that starts, and more. */
#define CHILD_FRAMES 128u

static struct {
    struct rt_ring *ring;
    struct capos_fault_injector injector;
    struct capos_capability_manager manager;
    struct capos_process_spawner spawner;
    struct capos_endpoint_factory endpoints;
    struct capos_frame_allocator frames;
    struct capos_virtual_memory space;
    struct capos_memory_object memory;
    uint64_t console;
    uint64_t owner; /* an endpoint of the own */
    uint64_t self;  /* its client facet */
    uint64_t facet; /* another, to be moved */
    uint64_t spare[SLOTS_MAX];
    uint32_t child_frames;
    bool child_started;
} faults;

static struct capnp_capability came(uint16_t index)
{
    return (struct capnp_capability){.there = true, .index = index};
}

/* ---------------------------------------------------------------------------
 * All there is */

struct state {
    struct usage usage;
    uint64_t count;    /* capabilities */
    uint64_t contents; /* of which the order, and so the slot, does not matter */
};

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * 0x9e3779b97f4a7c15ull;
}

static uint64_t hash_of(struct capos_capability_info info)
{
    struct capnp_text object = capos_capability_info_get_object(info);
    uint64_t hash = mix(1, capos_capability_info_get_interface_id(info));

    hash = mix(hash, capos_capability_info_get_badge(info));
    hash = mix(hash, capos_capability_info_get_transferable(info));
    for (uint32_t i = 0; i < object.len; i++) {
        hash = mix(hash, (uint8_t)object.ptr[i]);
    }
    return hash ^ hash >> 29;
}

/* Adds one part of the list, and says where the next begins; 0: there is none. */
static uint32_t add_part(struct state *state, uint32_t first)
{
    struct capos_capability_manager_list_results results;
    struct capnp_message m;
    struct rt_call call;

    CHECK_OK(
        capos_capability_manager_list_call(&call, faults.ring, faults.manager, first, LIST_ROOM));
    CHECK_OK(capos_capability_manager_list_take(&call, &m, &results));
    struct capos_capability_info_list list =
        capos_capability_manager_list_results_get_capabilities(results);
    for (uint32_t i = 0; i < capos_capability_info_list_len(list); i++) {
        state->contents += hash_of(capos_capability_info_list_at(list, i));
        state->count++;
    }
    uint32_t next = capos_capability_manager_list_results_get_next(results);
    rt_call_end(&call);
    return next;
}

/* Once no child is left: what did not start is being reaped. */
static struct state state_now(void)
{
    struct state state = {.usage = usage_now(faults.ring)};
    uint32_t next = 0;

    for (unsigned i = 0; i < 100 && state.usage.processes != 0; i++) {
        (void)rt_ring_enter(faults.ring, 1, 1000000);
        state.usage = usage_now(faults.ring);
    }
    CHECK_EQ(state.usage.processes, 0);
    do {
        next = add_part(&state, next);
    } while (next != 0);
    return state;
}

static void expect_same(const struct state *was, const struct state *is)
{
    CHECK_EQ(is->usage.frames, was->usage.frames);
    CHECK_EQ(is->usage.heap_bytes, was->usage.heap_bytes);
    CHECK_EQ(is->usage.slots, was->usage.slots);
    CHECK_EQ(is->count, was->count);
    CHECK(is->contents == was->contents);
}

/* ---------------------------------------------------------------------------
 * Operations: each does one thing, undoes it if it came about, and says whether it did */

static struct rt_status ok(void)
{
    return (struct rt_status){.code = RT_OK};
}

static struct rt_status create(void)
{
    struct capos_endpoint owner;

    struct rt_status s = capos_endpoint_factory_create(faults.ring, faults.endpoints, &owner);
    if (rt_ok(s)) {
        CHECK_OK(rt_release(faults.ring, owner.id));
    }
    return s;
}

static struct rt_status mint(void)
{
    struct capos_endpoint owner = {faults.owner};
    uint64_t client;

    struct rt_status s = capos_endpoint_mint(faults.ring, owner, 1, SOME_INTERFACE, &client);
    if (rt_ok(s)) {
        CHECK_OK(rt_release(faults.ring, client));
    }
    return s;
}

static struct rt_status copy(void)
{
    uint64_t id;

    struct rt_status s = rt_duplicate(faults.ring, faults.owner, &id);
    if (rt_ok(s)) {
        CHECK_OK(rt_release(faults.ring, id));
    }
    return s;
}

static struct rt_status reader(void)
{
    struct capos_memory_reader reader;

    struct rt_status s = capos_memory_object_reader(faults.ring, faults.memory, &reader);
    if (rt_ok(s)) {
        CHECK_OK(rt_release(faults.ring, reader.id));
    }
    return s;
}

/* An answer that is not short. */
static struct rt_status list(void)
{
    struct rt_call call;

    CHECK_OK(capos_capability_manager_list_send(&call, faults.ring, faults.manager, 0, LIST_ROOM));
    struct rt_status s = rt_call_wait(&call);
    rt_call_end(&call);
    return s;
}

static struct rt_status take_memory(uint32_t count)
{
    struct capos_memory_object memory;

    struct rt_status s =
        count == 1
            ? capos_frame_allocator_alloc_frame(faults.ring, faults.frames, &memory)
            : capos_frame_allocator_alloc_contiguous(faults.ring, faults.frames, count, &memory);
    if (rt_ok(s)) {
        CHECK_OK(rt_release(faults.ring, memory.id));
    }
    return s;
}

static struct rt_status page(void)
{
    return take_memory(1);
}

static struct rt_status pages(void)
{
    return take_memory(PAGES);
}

static struct rt_status map(void)
{
    uint64_t address;

    struct rt_status s =
        capos_virtual_memory_map(faults.ring, faults.space, MAP_HINT, PAGES * PAGE_BYTES,
                                 CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE, &address);
    if (rt_ok(s)) {
        CHECK_OK(
            capos_virtual_memory_unmap(faults.ring, faults.space, address, PAGES * PAGE_BYTES));
    }
    return s;
}

/* How the child ends. Of one with all it needs: it exits. */
static void expect_end(struct capos_process_handle handle)
{
    struct capos_process_handle_wait_results results;
    struct capnp_message m;
    struct rt_call call;

    CHECK_OK(capos_process_handle_wait_call(&call, faults.ring, handle, 256));
    CHECK_OK(capos_process_handle_wait_take(&call, &m, &results));
    enum capos_process_status_which end =
        capos_process_status_which(capos_process_handle_wait_results_get_status(results));
    rt_call_end(&call);
    faults.child_started = end == CAPOS_PROCESS_STATUS_EXITED;
    if (faults.child_frames < CHILD_FRAMES && !faults.child_started) {
        CHECK_EQ(end, CAPOS_PROCESS_STATUS_FAILED_TO_START);
    } else {
        CHECK(faults.child_started);
    }
}

static struct rt_status spawn(void)
{
    const struct child_grant grants[] = {
        {.name = CAPNP_TEXT("copied"), .give = rt_copy(faults.console)},
        {.name = CAPNP_TEXT("minted"), .give = rt_mint(faults.owner, 1, SOME_INTERFACE)},
        {.name = CAPNP_TEXT("fresh"), .kind = CHILD_ENDPOINT, .interface_id = SOME_INTERFACE},
        {.name = CAPNP_TEXT("another"), .kind = CHILD_ENDPOINT, .interface_id = SOME_INTERFACE},
        {.name = CAPNP_TEXT("memory"), .kind = CHILD_VIRTUAL_MEMORY},
        {.name = CAPNP_TEXT("capabilities"), .kind = CHILD_CAPABILITY_MANAGER},
        {.name = CAPNP_TEXT("moved"), .give = rt_move(faults.facet)},
    };
    struct child child = child_default("child", "faults");
    struct capos_process_handle handle = {CAP_ID_NONE};
    uint64_t clients[2];

    child.grants = grants;
    child.grant_count = sizeof grants / sizeof *grants;
    child.frames = faults.child_frames;
    child.slots = 8;
    struct rt_status s = child_spawn(faults.ring, faults.spawner, &child, &handle, clients);
    if (!rt_ok(s)) {
        CHECK(rt_refusal(faults.ring)[0] != '\0');
        return s;
    }
    expect_end(handle);
    CHECK_OK(rt_release(faults.ring, handle.id));
    CHECK_OK(rt_release(faults.ring, clients[0]));
    CHECK_OK(rt_release(faults.ring, clients[1]));
    struct capos_endpoint owner = {faults.owner}; /* the facet went with the child */
    CHECK_OK(capos_endpoint_mint(faults.ring, owner, 0, SOME_INTERFACE, &faults.facet));
    return s;
}

/* The call, which moves a capability, copies one and mints one. */
static void begin_call(struct rt_call *call)
{
    CHECK_OK(rt_call_begin_with(call, faults.ring, ROOM, 256, CALL_BRINGS, ANSWER_BRINGS));
    (void)rt_call_give(call, rt_move(faults.facet));
    (void)rt_call_give(call, rt_copy(faults.console));
    (void)rt_call_give(call, rt_mint(faults.owner, 7, SOME_INTERFACE));
    CHECK_OK(rt_call_submit_with(call, faults.self, SOME_INTERFACE, 0, 0));
}

/* A call that waits with its capabilities, and is given up. */
static struct rt_status queue(void)
{
    struct rt_call call;

    begin_call(&call);
    if (!rt_call_wait_for(&call, CAP_TIMEOUT_POLL)) {
        CHECK_OK(rt_call_cancel(&call));
        CHECK_EQ(rt_call_wait(&call).code, CAP_ERR_CANCELED);
        rt_call_end(&call);
        return ok();
    }
    struct rt_status s = rt_call_wait(&call);
    rt_call_end(&call);
    return s;
}

static void begin_receive(struct rt_call *receiver)
{
    CHECK_OK(rt_call_begin_serving(receiver, faults.ring, ROOM, ROOM, CALL_BRINGS, ANSWER_BRINGS));
    CHECK_OK(rt_call_receive(receiver, faults.owner));
}

/* The receiver, which nothing reached, gives up. */
static void end_receive(struct rt_call *receiver)
{
    CHECK_OK(rt_call_cancel(receiver));
    CHECK_EQ(rt_call_wait(receiver).code, CAP_ERR_CANCELED);
    rt_call_end(receiver);
}

/* Answers with two of those that came; without, where there was no memory to say which. */
static struct rt_status answer(struct rt_call *receiver, const uint64_t ids[CALL_BRINGS])
{
    uint64_t id = rt_call_received_id(receiver);

    (void)rt_call_give(receiver, rt_move(ids[0]));
    (void)rt_call_give(receiver, rt_copy(ids[1]));
    CHECK_OK(rt_call_return(receiver, id, 0, false));
    struct rt_status s = rt_call_wait(receiver);
    if (s.code == CAP_ERR_EXCEPTION) {
        struct rt_call plain;

        CHECK_OK(rt_call_begin_serving(&plain, faults.ring, ROOM, ROOM, 0, 0));
        CHECK_OK(rt_call_return(&plain, id, 0, false));
        CHECK_OK(rt_call_wait(&plain));
        rt_call_end(&plain);
    }
    return s;
}

/* Receives, answers, and takes the answer; what was to be moved is the facet afterwards. */
static struct rt_status serve(struct rt_call *receiver, struct rt_call *call)
{
    uint64_t ids[CALL_BRINGS];

    CHECK_OK(rt_call_wait(receiver));
    CHECK_EQ(receiver->cqe.cap_count, CALL_BRINGS);
    for (uint16_t i = 0; i < CALL_BRINGS; i++) {
        ids[i] = rt_call_take(receiver, came(i));
    }
    struct rt_status returned = answer(receiver, ids);
    struct rt_status s = rt_call_wait(call);
    if (rt_ok(returned)) {
        CHECK_OK(s);
        faults.facet = rt_call_take(call, came(0));
    } else {
        CHECK(returned.code == CAP_ERR_EXCEPTION ? rt_ok(s)
                                                 : returned.code == CAP_ERR_NOT_DELIVERED);
        s = returned.code == CAP_ERR_EXCEPTION ? returned : s;
        faults.facet = ids[0];
    }
    CHECK_OK(rt_release(faults.ring, ids[1]));
    CHECK_OK(rt_release(faults.ring, ids[2]));
    return s;
}

static struct rt_status meet(struct rt_call *receiver, struct rt_call *call)
{
    struct rt_status s;

    (void)rt_call_wait_any((struct rt_call *[]){call, receiver}, 2);
    if (rt_call_is_done(call)) {
        s = rt_call_wait(call);
        end_receive(receiver);
    } else {
        s = serve(receiver, call);
        rt_call_end(receiver);
    }
    rt_call_end(call);
    return s;
}

/* A call and its answer, each with capabilities; a receiver waits for the call. */
static struct rt_status deliver(void)
{
    struct rt_call receiver;
    struct rt_call call;

    begin_receive(&receiver);
    CHECK(!rt_call_wait_for(&receiver, CAP_TIMEOUT_POLL));
    begin_call(&call);
    return meet(&receiver, &call);
}

/* The same; the call waits for a receiver. */
static struct rt_status receive(void)
{
    struct rt_call receiver;
    struct rt_call call;

    begin_call(&call);
    if (rt_call_wait_for(&call, CAP_TIMEOUT_POLL)) {
        struct rt_status s = rt_call_wait(&call);
        rt_call_end(&call);
        return s;
    }
    begin_receive(&receiver);
    return meet(&receiver, &call);
}

static const struct operation {
    const char *name;
    struct rt_status (*act)(void);
} operations[] = {
    {"create", create}, {"mint", mint},   {"copy", copy},       {"reader", reader},
    {"list", list},     {"page", page},   {"pages", pages},     {"map", map},
    {"spawn", spawn},   {"queue", queue}, {"deliver", deliver}, {"receive", receive},
};

/* ---------------------------------------------------------------------------
 * Walking */

/* Has the k-th allocation fail. False: there is none, and the operation has worked. */
static bool try(const struct operation *operation, uint32_t k)
{
    struct state before = state_now();
    uint64_t seen;
    uint64_t site;

    CHECK_OK(capos_fault_injector_arm(faults.ring, faults.injector, k));
    struct rt_status s = operation->act();
    CHECK_OK(capos_fault_injector_disarm(faults.ring, faults.injector, &seen, &site));
    if (site == 0) {
        CHECK_OK(s);
        return false;
    }
    CHECK_REFUSED(s, CAP_EXC_OVERLOADED);
    struct state after = state_now();
    expect_same(&before, &after);
    rt_printf("X %s %u %lx\n", operation->name, k, site);
    return true;
}

static void walk(const struct operation *operation)
{
    for (uint32_t k = 1; try(operation, k); k++) {
        CHECK(k < ALLOCATIONS_MAX);
    }
    struct state before = state_now();
    CHECK_OK(operation->act()); /* having worked, it has left nothing either */
    struct state after = state_now();
    expect_same(&before, &after);
}

/* The first of all, when the kernel has not made yet what it keeps. */
static void try_cold(const struct operation *operation)
{
    uint64_t seen;
    uint64_t site;

    CHECK_OK(capos_fault_injector_arm(faults.ring, faults.injector, 1));
    struct rt_status s = operation->act();
    CHECK_OK(capos_fault_injector_disarm(faults.ring, faults.injector, &seen, &site));
    if (site == 0) {
        CHECK_OK(s);
        return;
    }
    CHECK_REFUSED(s, CAP_EXC_OVERLOADED);
    rt_printf("X %s 1 %lx\n", operation->name, site);
}

static uint64_t new_facet(void)
{
    struct capos_endpoint owner = {faults.owner};
    uint64_t client;

    CHECK_OK(capos_endpoint_mint(faults.ring, owner, 0, SOME_INTERFACE, &client));
    return client;
}

/*
 * Fills the table until the kernel has made it larger, and then that one too, to its
 * last slot: it is twice as large.
 */
static void fill_table(void)
{
    struct usage before = usage_now(faults.ring);
    struct usage now = before;

    while (now.heap_bytes == before.heap_bytes) {
        (void)new_facet();
        now = usage_now(faults.ring);
        CHECK(now.slots < SLOTS_MAX);
    }
    uint64_t full = 2 * (now.slots - 1);
    for (uint64_t slots = now.slots; slots < full; slots++) {
        (void)new_facet();
    }
    CHECK_EQ(usage_now(faults.ring).heap_bytes, now.heap_bytes);
}

/* Whether the operation works. If not, it was refused, and everything is as it was. */
static bool try_short(const struct operation *operation)
{
    struct state before = state_now();

    struct rt_status s = operation->act();
    if (rt_ok(s)) {
        return true;
    }
    CHECK_REFUSED(s, CAP_EXC_OVERLOADED);
    struct state after = state_now();
    expect_same(&before, &after);
    return false;
}

static void walk_slots(const struct operation *operation)
{
    struct capos_endpoint owner = {faults.owner};
    uint64_t *spare = faults.spare;

    while (rt_ok(capos_endpoint_mint(faults.ring, owner, 0, SOME_INTERFACE, spare))) {
        spare++;
        CHECK(spare < faults.spare + SLOTS_MAX);
    }
    while (!try_short(operation)) {
        CHECK(spare > faults.spare);
        spare--;
        CHECK_OK(rt_release(faults.ring, *spare));
    }
}

/* Children with frames of their own from one on, until one starts. */
static void walk_child(void)
{
    struct state before = state_now();

    faults.child_started = false;
    for (uint32_t frames = 1; !faults.child_started; frames++) {
        faults.child_frames = frames;
        CHECK_OK(spawn());
        struct state after = state_now();
        expect_same(&before, &after);
    }
    CHECK(faults.child_frames < CHILD_FRAMES);
}

static const struct operation *find_operation(const struct capset_entry *entry)
{
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        const struct operation *operation = &operations[i];

        if (strlen(operation->name) == entry->name_len &&
            memcmp(operation->name, entry->name, entry->name_len) == 0) {
            return operation;
        }
    }
    demo_fail(__FILE__, __LINE__, "the console is named like an operation");
}

int main(void)
{
    struct capos_endpoint endpoint;

    if (!rt_capset_has(rt_capset(), "faults")) {
        return 0;
    }
    faults.ring = demo_begin("faults");
    faults.console = rt_capset()->entries[0].cap_id;
    faults.injector.id = rt_capset_need("faults", CAPOS_FAULT_INJECTOR_ID);
    faults.manager.id = rt_capset_need("capabilities", CAPOS_CAPABILITY_MANAGER_ID);
    faults.spawner.id = rt_capset_need("spawner", CAPOS_PROCESS_SPAWNER_ID);
    faults.endpoints.id = rt_capset_need("endpoints", CAPOS_ENDPOINT_FACTORY_ID);
    const struct operation *operation = find_operation(&rt_capset()->entries[0]);
    faults.frames.id = rt_capset_need("frames", CAPOS_FRAME_ALLOCATOR_ID);
    faults.space.id = rt_capset_need("memory", CAPOS_VIRTUAL_MEMORY_ID);
    faults.child_frames = CHILD_FRAMES;
    CHECK_OK(capos_frame_allocator_alloc_frame(faults.ring, faults.frames, &faults.memory));
    CHECK_OK(capos_endpoint_factory_create(faults.ring, faults.endpoints, &endpoint));
    faults.owner = endpoint.id;
    faults.self = new_facet();
    faults.facet = new_facet();
    try_cold(operation);
    if (operation->act == map) {
        CHECK_OK(map()); /* room for mappings stays charged, whatever becomes of one */
    }
    walk(operation);
    walk(operation);
    fill_table();
    walk(operation);
    walk_slots(operation);
    if (operation->act == spawn) {
        walk_child();
    }
    return demo_end();
}
