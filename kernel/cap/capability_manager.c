// SPDX-License-Identifier: MIT
#include "cap/capability_manager.h"

#include <abi/capset.h>
#include <abi/limits.h>
#include <capos.capnp.h>

#include "mem/heap.h"
#include "process.h"

/* Slots that one call looks at. A table may have many that are not used. */
#define LIST_SLOTS_MAX 1024u

struct capability_manager {
    struct cap_object object;
    struct charge charge;
    struct process *process; /* NULL: gone */
};

/* The process, unless it is ending or gone. */
static struct process *live_process(const struct capability_manager *m)
{
    return m->process != NULL && m->process->state != PROCESS_DYING ? m->process : NULL;
}

static enum capnp_answer refuse_gone(struct capnp_call *call)
{
    return capnp_call_refuse(call, CAPNP_EXC_DISCONNECTED,
                             "the process that this CapabilityManager is of has ended");
}

/* The name under which the process was born with the capability; empty if it was not. */
static struct capnp_text birth_name(const struct process *p, uint64_t id)
{
    const struct capset_entry *entries = (const struct capset_entry *)(p->capset + 1);

    for (uint32_t i = 0; i < p->capset->count; i++) {
        if (entries[i].cap_id == id) {
            return (struct capnp_text){.ptr = entries[i].name, .len = entries[i].name_len};
        }
    }
    return CAPNP_TEXT("");
}

static void describe(struct capos_capability_info_builder info, const struct process *p,
                     const struct cap_slot *slot)
{
    bool transferable = (cap_table_flags(&p->caps, slot) & CAP_SLOT_F_TRANSFERABLE) != 0;

    capos_capability_info_set_id(info, slot->id);
    capos_capability_info_set_interface_id(info, slot->interface_id);
    capos_capability_info_set_badge(info, slot->badge);
    capos_capability_info_set_name(info, birth_name(p, slot->id));
    capos_capability_info_set_object(info, capnp_text_from(slot->object->type->name));
    capos_capability_info_set_transferable(info, transferable);
}

static enum capnp_answer manager_list(void *self, struct capnp_call *call,
                                      struct capos_capability_manager_list_params params,
                                      struct capos_capability_manager_list_results_builder results)
{
    const struct process *p = live_process(self);
    const struct cap_slot *found[CAP_LIST_MAX];
    uint32_t count = 0;

    if (p == NULL) {
        return refuse_gone(call);
    }
    uint32_t first = capos_capability_manager_list_params_get_first(params);
    uint32_t next = first;
    while (next < p->caps.count && next - first < LIST_SLOTS_MAX && count < CAP_LIST_MAX) {
        const struct cap_slot *slot = &p->caps.slots[next++];
        if (slot->id != CAP_SLOT_EMPTY) {
            found[count++] = slot;
        }
    }
    struct capos_capability_info_list_builder list =
        capos_capability_manager_list_results_init_capabilities(results, count);
    for (uint32_t i = 0; i < count; i++) {
        describe(capos_capability_info_list_builder_at(list, i), p, found[i]);
    }
    capos_capability_manager_list_results_set_next(results, next < p->caps.count ? next : 0);
    return CAPNP_ANSWERED;
}

/* The account counts the process itself among the processes; the schema, its children only. */
static void describe_usage(struct capos_usage_builder usage, const struct account *a,
                           enum account_kind kind)
{
    uint64_t itself = kind == ACCOUNT_PROCESSES ? 1 : 0;

    capos_usage_set_used(usage, a->used[kind] - itself);
    capos_usage_set_peak(usage, a->peak[kind] - itself);
    capos_usage_set_max(usage, a->max[kind] - itself);
}

static enum capnp_answer
manager_usage(void *self, struct capnp_call *call,
              struct capos_capability_manager_usage_results_builder results)
{
    const struct process *p = live_process(self);

    if (p == NULL) {
        return refuse_gone(call);
    }
    const struct account *a = &p->account;
    describe_usage(capos_capability_manager_usage_results_init_frames(results), a, ACCOUNT_FRAMES);
    describe_usage(capos_capability_manager_usage_results_init_heap_bytes(results), a,
                   ACCOUNT_HEAP_BYTES);
    describe_usage(capos_capability_manager_usage_results_init_slots(results), a, ACCOUNT_SLOTS);
    describe_usage(capos_capability_manager_usage_results_init_calls(results), a, ACCOUNT_CALLS);
    describe_usage(capos_capability_manager_usage_results_init_processes(results), a,
                   ACCOUNT_PROCESSES);
    return CAPNP_ANSWERED;
}

static const struct capos_capability_manager_server methods = {
    .list = manager_list,
    .usage = manager_usage,
};

static enum capnp_answer manager_call(struct cap_object *object, struct capnp_call *call)
{
    return capos_capability_manager_dispatch_own(&methods, object, call);
}

static void manager_destroy(struct cap_object *object)
{
    struct capability_manager *m = (struct capability_manager *)object;

    if (m->process != NULL) {
        m->process->manager = NULL;
    }
    account_drop(&m->charge);
    heap_free(NULL, m);
}

const struct cap_type capability_manager_type = {
    .name = "CapabilityManager",
    .kind = CAP_PLAIN,
    .interface_id = CAPOS_CAPABILITY_MANAGER_ID,
    .call = manager_call,
    .destroy = manager_destroy,
};

enum status capability_manager_create(struct process *p, struct cap_object **out)
{
    struct capability_manager *m = heap_alloc(NULL, sizeof *m);
    uint64_t cost[ACCOUNT_KINDS] = {[ACCOUNT_HEAP_BYTES] = heap_charge(sizeof *m)};

    if (m == NULL) {
        return ST_NO_MEMORY;
    }
    enum status status = account_take(&p->account, &m->charge, cost);
    if (status != ST_OK) {
        heap_free(NULL, m);
        return status;
    }
    cap_object_init(&m->object, &capability_manager_type);
    m->process = p;
    p->manager = &m->object;
    *out = &m->object;
    return ST_OK;
}

void capability_manager_disconnect(struct cap_object *object)
{
    ((struct capability_manager *)object)->process = NULL;
}
