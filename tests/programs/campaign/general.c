// SPDX-License-Identifier: MIT
/*
 * The general's own entries are honest. What soldiers leave behind to others when they
 * die is charged to it, so in the end, when all have gone and it has let go of what it
 * gave them, it uses as much as in the beginning.
 */
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <rt/string.h>
#include <support/chance.h>
#include <support/check.h>
#include <support/child.h>
#include <support/usage.h>

#include "campaign.h"

#define SOLDIERS   5u
#define ENDPOINTS  4u
#define MEMORIES   3u
#define GRANTS_MAX 16u

/* Rounds of at most 10 ms that everybody has to come to an end in when it is over. */
#define PATIENCE 2000u

static struct {
    struct rt_ring *ring;
    uint64_t vm;
    uint64_t tally;
    struct capos_process_spawner spawner;
    struct capos_endpoint_factory factory;
    struct capos_frame_allocator frames;
    struct capos_fault_injector faults;
    uint64_t console;
    uint64_t endpoints[ENDPOINTS];
    uint64_t memories[MEMORIES];
    struct {
        struct capos_process_handle handle;
        struct rt_call wait;
        bool is_there;
    } soldiers[SOLDIERS];
    uint64_t ends[4]; /* enum capos_process_status of soldiers of its own */
    uint64_t refused;
    uint64_t failed; /* allocations */
} war;

struct orders orders_new(uint64_t seed, uint32_t depth)
{
    static const char digits[] = "0123456789abcdef";
    struct orders orders = {.seed = seed, .depth = depth};
    char *to = orders.name;

    memcpy(to, ORDERS_PREFIX, 2);
    for (uint32_t i = 0; i < 16; i++) {
        to[2u + i] = digits[seed >> (60u - 4u * i) & 15u];
    }
    to[18] = '.';
    to[19] = (char)('0' + depth % 10u);
    to[20] = '\0';
    return orders;
}

static uint64_t new_endpoint(void)
{
    struct capos_endpoint owner = {CAP_ID_NONE};

    CHECK_OK(capos_endpoint_factory_create(war.ring, war.factory, &owner));
    return owner.id;
}

static uint64_t new_memory(uint32_t pages)
{
    struct capos_memory_object memory = {CAP_ID_NONE};

    CHECK_OK(capos_frame_allocator_alloc_contiguous(war.ring, war.frames, pages, &memory));
    return memory.id;
}

static void add(struct child_grant grants[], uint32_t *count, const char *name,
                enum child_grant_kind kind, struct cap_transfer transfer)
{
    grants[(*count)++] = (struct child_grant){.name = capnp_text_from(name),
                                              .kind = kind,
                                              .give = transfer,
                                              .badge = chance(),
                                              .interface_id = CAMPAIGN_INTERFACE};
}

/* A mix of everything; what is not granted may come by way of others. */
static uint32_t equip(struct child_grant grants[], const struct orders *orders)
{
    static const char *const names[] = {"e0", "e1", "e2", "e3"};
    static const char *const objects[] = {"m0", "m1", "m2"};
    uint32_t count = 0;

    add(grants, &count, orders->name, CHILD_VIRTUAL_MEMORY, rt_nothing());
    add(grants, &count, TALLY_NAME, CHILD_CAPABILITY, rt_copy(war.tally));
    for (uint32_t i = 0; i < ENDPOINTS; i++) {
        bool owner = chance_one_in(2);
        struct cap_transfer facet = owner ? rt_copy(war.endpoints[i])
                                          : rt_mint(war.endpoints[i], chance(), CAMPAIGN_INTERFACE);
        add(grants, &count, names[i], CHILD_CAPABILITY, facet);
    }
    if (chance_one_in(2)) {
        uint32_t i = chance_below(MEMORIES);
        add(grants, &count, objects[i], CHILD_CAPABILITY, rt_copy(war.memories[i]));
    }
    if (!chance_one_in(4)) {
        add(grants, &count, "frames", CHILD_CAPABILITY, rt_copy(war.frames.id));
    }
    if (!chance_one_in(4)) {
        add(grants, &count, "endpoints", CHILD_CAPABILITY, rt_copy(war.factory.id));
    }
    if (chance_one_in(2)) {
        add(grants, &count, "spawner", CHILD_CAPABILITY, rt_copy(war.spawner.id));
    }
    if (chance_one_in(2)) {
        add(grants, &count, "capabilities", CHILD_CAPABILITY_MANAGER, rt_nothing());
    }
    if (chance_one_in(4)) {
        add(grants, &count, "console", CHILD_CAPABILITY, rt_copy(war.console));
    }
    if (chance_one_in(4)) {
        add(grants, &count, "fresh", CHILD_ENDPOINT, rt_nothing());
    }
    return count;
}

static void recruit(uint32_t i)
{
    struct orders orders = orders_new(chance(), 0);
    struct child child = child_default("soldier", "campaign");
    struct child_grant grants[GRANTS_MAX];
    uint64_t client = CAP_ID_NONE;

    child.grants = grants;
    child.grant_count = equip(grants, &orders);
    child.sq_entries = 2u << chance_below(6);
    child.cq_entries = child.sq_entries << chance_below(4);
    child.cq_entries = child.cq_entries < CAP_CQ_MIN ? CAP_CQ_MIN : child.cq_entries;
    child.area_bytes = 1024u << chance_below(7);
    child.frames = 60u + chance_below(600);
    child.slots = child.grant_count + chance_below(120);
    child.processes = chance_below(4);
    child.calls = child.processes != 0 ? 64u + chance_below(512) : 0;
    struct rt_status s =
        child_spawn(war.ring, war.spawner, &child, &war.soldiers[i].handle, &client);
    if (!rt_ok(s)) {
        war.refused++;
        return;
    }
    if (client != CAP_ID_NONE) {
        CHECK_OK(rt_release(war.ring, client));
    }
    CHECK_OK(capos_process_handle_wait_send(&war.soldiers[i].wait, war.ring, war.soldiers[i].handle,
                                            256));
    war.soldiers[i].is_there = true;
}

static void bury(uint32_t i)
{
    struct capos_process_handle_wait_results results;
    struct capnp_message m;

    CHECK_OK(rt_call_wait(&war.soldiers[i].wait));
    CHECK_OK(capos_process_handle_wait_take(&war.soldiers[i].wait, &m, &results));
    war.ends[capos_process_status_which(capos_process_handle_wait_results_get_status(results))]++;
    rt_call_end(&war.soldiers[i].wait);
    CHECK_OK(rt_release(war.ring, war.soldiers[i].handle.id));
    war.soldiers[i].is_there = false;
}

/* Takes those that have ended out of their places; how many are left. */
static uint32_t look_around(void)
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < SOLDIERS; i++) {
        if (war.soldiers[i].is_there && rt_call_wait_for(&war.soldiers[i].wait, CAP_TIMEOUT_POLL)) {
            bury(i);
        }
        left += war.soldiers[i].is_there ? 1 : 0;
    }
    return left;
}

static void interfere(void)
{
    uint32_t i = chance_below(SOLDIERS);

    if (war.soldiers[i].is_there && chance_one_in(12)) {
        CHECK_OK(capos_process_handle_kill(war.ring, war.soldiers[i].handle));
    }
    if (chance_one_in(16)) {
        i = chance_below(ENDPOINTS);
        CHECK_OK(rt_release(war.ring, war.endpoints[i]));
        war.endpoints[i] = new_endpoint();
    }
    if (chance_one_in(64)) {
        i = chance_below(MEMORIES);
        CHECK_OK(rt_release(war.ring, war.memories[i]));
        war.memories[i] = new_memory(1u + i);
    }
}

static void wait_a_moment(void)
{
    (void)rt_ring_enter(war.ring, 1, 1u + chance_below(10000000));
}

/* Has an allocation of the kernel fail, while the general does nothing, if it has the means. */
static void fail_an_allocation(uint64_t countdown)
{
    if (war.faults.id != CAP_ID_NONE) {
        CHECK_OK(capos_fault_injector_arm(war.ring, war.faults, countdown));
    }
}

static void disarm(void)
{
    uint64_t seen;
    uint64_t site = 0;

    if (war.faults.id != CAP_ID_NONE) {
        CHECK_OK(capos_fault_injector_disarm(war.ring, war.faults, &seen, &site));
        war.failed += site != 0 ? 1 : 0;
    }
}

static void wage(uint64_t entries)
{
    while (tally()->completed < entries) {
        for (uint32_t i = 0; i < SOLDIERS; i++) {
            if (!war.soldiers[i].is_there) {
                recruit(i);
            }
        }
        fail_an_allocation(1u + chance_below(200));
        wait_a_moment();
        disarm();
        interfere();
        (void)look_around();
    }
}

/* Everybody has come to an end, and all that they had has come home. */
static void make_peace(struct usage before)
{
    struct usage now;

    for (uint32_t i = 0; look_around() != 0; i++) {
        if (i >= PATIENCE) {
            demo_fail(__FILE__, __LINE__, "a soldier is stuck");
        }
        wait_a_moment();
    }
    for (uint32_t i = 0; i < ENDPOINTS; i++) {
        CHECK_OK(rt_release(war.ring, war.endpoints[i]));
    }
    for (uint32_t i = 0; i < MEMORIES; i++) {
        CHECK_OK(rt_release(war.ring, war.memories[i]));
    }
    now = usage_now(war.ring);
    for (uint32_t i = 0; i < PATIENCE && !usage_equal(now, before); i++) {
        wait_a_moment();
        now = usage_now(war.ring);
    }
    CHECK_EQ(now.processes, before.processes);
    CHECK_EQ(now.frames, before.frames);
    CHECK_EQ(now.slots, before.slots);
    CHECK_EQ(now.heap_bytes, before.heap_bytes);
}

int general(uint64_t seed, uint64_t entries)
{
    war.ring = demo_begin("campaign");
    war.vm = rt_capset_need("memory", CAPOS_VIRTUAL_MEMORY_ID);
    war.spawner.id = rt_capset_need("spawner", CAPOS_PROCESS_SPAWNER_ID);
    war.factory.id = rt_capset_need("endpoints", CAPOS_ENDPOINT_FACTORY_ID);
    war.frames.id = rt_capset_need("frames", CAPOS_FRAME_ALLOCATOR_ID);
    war.console = rt_capset_need("console", CAPOS_CONSOLE_ID);
    (void)rt_capset_first(rt_capset(), CAPOS_FAULT_INJECTOR_ID, &war.faults.id);
    chance_seed(seed);
    war.tally = new_memory(1);
    CHECK(tally_map(war.ring, war.vm, war.tally));
    struct usage before = usage_now(war.ring);
    for (uint32_t i = 0; i < ENDPOINTS; i++) {
        war.endpoints[i] = new_endpoint();
    }
    for (uint32_t i = 0; i < MEMORIES; i++) {
        war.memories[i] = new_memory(1u + i);
    }
    wage(entries);
    make_peace(before);
    tally_print();
    rt_printf("campaign: seed %lu: %lu entries, %lu soldiers, %lu exits, %lu traps, %lu counts put "
              "back\n",
              seed, tally()->completed, tally()->soldiers, tally()->exits, tally()->traps,
              tally()->corruptions);
    rt_printf("campaign: of its own: exited %lu, faulted %lu, killed %lu, failed to start %lu; "
              "%lu spawns refused, %lu allocations failed\n",
              war.ends[0], war.ends[1], war.ends[2], war.ends[3], war.refused, war.failed);
    return demo_end();
}
