// SPDX-License-Identifier: MIT
/*
 * What a process can learn: from its CapabilityManager, all that it holds and may use
 * up; from a BootPackage, the manifest. A CapabilityManager handed on to another
 * process tells that of its own, until that has ended.
 *
 * With a grant named "hand-over" it is the child, which hands its own over by a call.
 */
#include <abi/limits.h>
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <rt/string.h>
#include <support/check.h>
#include <support/child.h>

#define SOME_INTERFACE 0x5e5510a1d1b1c0deull

/* Capabilities beside those it is born with: more than one answer lists. */
#define MORE 100u

/* Room for an answer of CAP_LIST_MAX entries. */
#define LIST_BYTES 6144u

static struct {
    struct rt_ring *ring;
    struct capos_capability_manager manager;
    struct capos_boot_package boot;
    struct capos_process_spawner spawner;
    struct capos_endpoint_factory endpoints;
} inventory;

/* ---------------------------------------------------------------------------
 * Lists */

/* One answer, which the caller ends. */
static struct capos_capability_info_list list_from(struct rt_call *call, struct capnp_message *m,
                                                   struct capos_capability_manager manager,
                                                   uint32_t first, uint32_t *next)
{
    struct capos_capability_manager_list_results r;

    CHECK_EQ(
        capos_capability_manager_list_call(call, inventory.ring, manager, first, LIST_BYTES).code,
        RT_OK);
    CHECK_EQ(capos_capability_manager_list_take(call, m, &r).code, RT_OK);
    *next = capos_capability_manager_list_results_get_next(r);
    return capos_capability_manager_list_results_get_capabilities(r);
}

struct found {
    uint32_t count;
    uint32_t nameless;
    uint32_t not_transferable;
};

/* What the CapSet says of this id must be said here too. */
static void check_info(struct capos_capability_info info, struct found *found)
{
    const struct rt_capset *set = rt_capset();
    struct capnp_text name = capos_capability_info_get_name(info);
    bool born_with = false;

    for (uint32_t i = 0; i < set->count; i++) {
        const struct capset_entry *entry = &set->entries[i];
        if (entry->cap_id == capos_capability_info_get_id(info)) {
            struct capnp_text expected = {.ptr = entry->name, .len = entry->name_len};
            CHECK(capnp_text_equal(name, expected));
            CHECK_EQ(capos_capability_info_get_interface_id(info), entry->interface_id);
            CHECK_EQ(capos_capability_info_get_badge(info), entry->badge);
            born_with = true;
        }
    }
    CHECK(born_with || name.len == 0);
    CHECK(capos_capability_info_get_object(info).len != 0);
    found->count++;
    found->nameless += born_with ? 0 : 1;
    found->not_transferable += capos_capability_info_get_transferable(info) ? 0 : 1;
}

static struct found list_all(void)
{
    struct found found = {0};
    uint32_t next = 0;

    do {
        struct capnp_message m;
        struct rt_call call;
        uint32_t first = next;
        struct capos_capability_info_list list =
            list_from(&call, &m, inventory.manager, first, &next);
        uint32_t n = capos_capability_info_list_len(list);

        CHECK(n <= CAP_LIST_MAX);
        CHECK(next == 0 || next > first);
        for (uint32_t i = 0; i < n; i++) {
            check_info(capos_capability_info_list_at(list, i), &found);
        }
        rt_call_end(&call);
    } while (next != 0);
    return found;
}

static uint64_t slots_used(void)
{
    struct capos_capability_manager_usage_results r;
    struct capnp_message m;
    struct rt_call call;

    CHECK_EQ(
        capos_capability_manager_usage_call(&call, inventory.ring, inventory.manager, 512).code,
        RT_OK);
    CHECK_EQ(capos_capability_manager_usage_take(&call, &m, &r).code, RT_OK);
    struct capos_usage slots = capos_capability_manager_usage_results_get_slots(r);
    uint64_t used = capos_usage_get_used(slots);
    CHECK(used <= capos_usage_get_peak(slots));
    CHECK(capos_usage_get_peak(slots) <= capos_usage_get_max(slots));
    rt_call_end(&call);
    return used;
}

static uint64_t new_endpoint(void)
{
    struct capos_endpoint owner = {CAP_ID_NONE};

    CHECK_EQ(capos_endpoint_factory_create(inventory.ring, inventory.endpoints, &owner).code,
             RT_OK);
    return owner.id;
}

static void own_table(void)
{
    static uint64_t more[MORE];
    struct capnp_message m;
    struct rt_call call;
    uint32_t next;

    struct found found = list_all();
    CHECK_EQ(found.count, rt_capset()->count);
    CHECK_EQ(found.nameless, 0);
    for (uint32_t i = 0; i < MORE; i++) {
        more[i] = new_endpoint();
    }
    found = list_all();
    CHECK_EQ(found.count, rt_capset()->count + MORE);
    CHECK_EQ(found.count, slots_used());
    CHECK_EQ(found.nameless, MORE);
    CHECK_EQ(found.not_transferable, 0);
    for (uint32_t i = 0; i < MORE; i++) {
        CHECK_EQ(rt_release(inventory.ring, more[i]).code, RT_OK);
    }
    CHECK_EQ(list_all().count, rt_capset()->count);

    /* Behind the table, and far behind it. */
    for (uint32_t i = 0; i < 2; i++) {
        struct capos_capability_info_list list =
            list_from(&call, &m, inventory.manager, i == 0 ? CAP_SLOTS_MAX : UINT32_MAX, &next);
        CHECK_EQ(capos_capability_info_list_len(list), 0);
        CHECK_EQ(next, 0);
        rt_call_end(&call);
    }
}

/* ---------------------------------------------------------------------------
 * Another process's table */

static int hand_over(void)
{
    struct rt_ring *ring = rt_ring_borrow();
    struct rt_call call;

    CHECK_EQ(rt_call_begin_with(&call, ring, 16, 64, 1, 0).code, RT_OK);
    (void)rt_call_give(&call, rt_copy(rt_capset_need("capabilities", CAPOS_CAPABILITY_MANAGER_ID)));
    CHECK_EQ(rt_call_submit_with(&call, rt_capset_need("hand-over", SOME_INTERFACE), SOME_INTERFACE,
                                 0, 0)
                 .code,
             RT_OK);
    CHECK_EQ(rt_call_wait(&call).code, RT_OK);
    rt_call_end(&call);
    return 0;
}

static struct capos_process_handle spawn_child(uint64_t endpoint)
{
    const struct child_grant grants[] = {
        {.name = CAPNP_TEXT("hand-over"), .give = rt_mint(endpoint, 77, SOME_INTERFACE)},
        {.name = CAPNP_TEXT("capabilities"), .kind = CHILD_CAPABILITY_MANAGER},
    };
    struct child child = child_default("child", "inventory");
    struct capos_process_handle handle = {CAP_ID_NONE};

    child.grants = grants;
    child.grant_count = 2;
    child.frames = 128;
    child.slots = 8;
    CHECK_EQ(child_spawn(inventory.ring, inventory.spawner, &child, &handle, NULL).code, RT_OK);
    return handle;
}

/* Two capabilities, of which one is a client facet with its badge. */
static void check_child_table(struct capos_capability_manager manager)
{
    struct capnp_message m;
    struct rt_call call;
    uint32_t next;
    struct capos_capability_info_list list = list_from(&call, &m, manager, 0, &next);

    CHECK_EQ(capos_capability_info_list_len(list), 2);
    CHECK_EQ(next, 0);
    struct capos_capability_info facet = capos_capability_info_list_at(list, 0);
    CHECK(capnp_text_equal(capos_capability_info_get_name(facet), CAPNP_TEXT("hand-over")));
    CHECK_EQ(capos_capability_info_get_badge(facet), 77);
    CHECK_EQ(capos_capability_info_get_interface_id(facet), SOME_INTERFACE);
    rt_call_end(&call);
}

static void other_table(void)
{
    uint64_t endpoint = new_endpoint();
    struct capos_process_handle handle = spawn_child(endpoint);
    struct rt_call serving;
    struct rt_call call;

    CHECK_EQ(list_all().not_transferable, 1); /* the handle */
    CHECK_EQ(rt_call_begin_serving(&serving, inventory.ring, 64, 64, 1, 0).code, RT_OK);
    CHECK_EQ(rt_call_receive(&serving, endpoint).code, RT_OK);
    CHECK_EQ(rt_call_wait(&serving).code, RT_OK);
    uint64_t id = rt_call_received_id(&serving);
    CHECK_EQ(rt_call_received(&serving)->cap_count, 1);
    struct capos_capability_manager manager = {
        rt_call_take(&serving, (struct capnp_capability){.there = true, .index = 0})};
    CHECK(manager.id != CAP_ID_NONE);
    check_child_table(manager);
    CHECK_EQ(rt_call_return(&serving, id, 0, false).code, RT_OK);
    CHECK_EQ(rt_call_wait(&serving).code, RT_OK);
    rt_call_end(&serving);
    CHECK_EQ(capos_process_handle_wait_call(&call, inventory.ring, handle, 256).code, RT_OK);
    rt_call_end(&call);

    struct rt_status s =
        capos_capability_manager_list_call(&call, inventory.ring, manager, 0, LIST_BYTES);
    CHECK_EQ(s.code, CAP_ERR_EXCEPTION);
    CHECK_EQ(s.exception, CAP_EXC_DISCONNECTED);
    s = capos_capability_manager_usage_call(&call, inventory.ring, manager, 512);
    CHECK_EQ(s.code, CAP_ERR_EXCEPTION);
    CHECK_EQ(s.exception, CAP_EXC_DISCONNECTED);
    CHECK_EQ(rt_release(inventory.ring, manager.id).code, RT_OK);
    CHECK_EQ(rt_release(inventory.ring, endpoint).code, RT_OK);
}

/* ---------------------------------------------------------------------------
 * The manifest */

/* How many bytes come, and into `to`. */
static uint32_t read_at(uint64_t offset, uint32_t most, uint8_t to[BOOT_READ_MAX])
{
    struct capnp_data data = {.ptr = NULL, .len = 0};
    struct rt_call call;

    CHECK_EQ(capos_boot_package_read_manifest_call(&call, inventory.ring, inventory.boot, offset,
                                                   most, BOOT_READ_MAX + 64)
                 .code,
             RT_OK);
    CHECK_EQ(capos_boot_package_read_manifest_take(&call, &data).code, RT_OK);
    CHECK(data.len <= most);
    memcpy(to, data.ptr, data.len);
    rt_call_end(&call);
    return data.len;
}

static void boot_package(void)
{
    static uint8_t whole[BOOT_READ_MAX];
    static uint8_t piece[BOOT_READ_MAX];
    struct rt_call call;
    uint64_t bytes = 0;

    CHECK_EQ(capos_boot_package_manifest_size(inventory.ring, inventory.boot, &bytes).code, RT_OK);
    CHECK(bytes > BOOT_READ_MAX); /* this program is in it */
    CHECK_EQ(bytes % 8, 0);
    CHECK_EQ(read_at(0, BOOT_READ_MAX, whole), BOOT_READ_MAX);
    CHECK_EQ(read_at(1, 1001, piece), 1001);
    CHECK_EQ(memcmp(piece, whole + 1, 1001), 0);
    CHECK_EQ(read_at(0, 0, piece), 0);
    CHECK_EQ(read_at(bytes - 1, BOOT_READ_MAX, piece), 1);
    CHECK_EQ(read_at(bytes, BOOT_READ_MAX, piece), 0);
    CHECK_EQ(read_at(UINT64_MAX, BOOT_READ_MAX, piece), 0);
    struct rt_status s = capos_boot_package_read_manifest_call(
        &call, inventory.ring, inventory.boot, 0, BOOT_READ_MAX + 1, BOOT_READ_MAX + 64);
    CHECK_EQ(s.code, CAP_ERR_EXCEPTION);
    CHECK_EQ(s.exception, CAP_EXC_INVALID_ARGUMENT);
    s = capos_boot_package_read_manifest_call(&call, inventory.ring, inventory.boot, 0,
                                              BOOT_READ_MAX, 1024);
    CHECK_EQ(s.code, CAP_ERR_BAD_RESULT); /* more than there is room for */
}

int main(void)
{
    if (rt_capset_has(rt_capset(), "hand-over")) {
        return hand_over();
    }
    inventory.ring = demo_begin("inventory");
    inventory.manager.id = rt_capset_need("capabilities", CAPOS_CAPABILITY_MANAGER_ID);
    inventory.boot.id = rt_capset_need("boot", CAPOS_BOOT_PACKAGE_ID);
    inventory.spawner.id = rt_capset_need("spawner", CAPOS_PROCESS_SPAWNER_ID);
    inventory.endpoints.id = rt_capset_need("endpoints", CAPOS_ENDPOINT_FACTORY_ID);
    own_table();
    other_table();
    boot_package();
    return demo_end();
}
