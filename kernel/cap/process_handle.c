// SPDX-License-Identifier: MIT
#include "cap/process_handle.h"

#include <capos.capnp.h>
#include <lib/list.h>

#include "cap/call.h"
#include "mem/heap.h"
#include "panic.h"
#include "work.h"

/* Waits that one slice answers. */
#define ANSWERS_PER_SLICE 16u

/* Bytes of the message that says how a process ended; a reason is a short sentence. */
#define STATUS_BYTES_MAX 512u

struct process_handle {
    struct cap_object object; /* first */
    struct charge charge;
    struct process *process; /* NULL: not attached yet, or ended */
    struct process_status status;
    struct list_node waiters; /* struct call; those of ended ones are being answered */
    struct work answering;
};

/* Whether the handle holds itself: a process refers to it, or it has waiters to answer. */
static bool is_needed(const struct process_handle *h)
{
    return h->process != NULL || !list_is_empty(&h->waiters);
}

static void write_status(struct capos_process_status_builder out,
                         const struct process_status *status)
{
    struct capos_fault_builder fault;

    switch (status->end) {
    case PROC_END_EXITED:
        capos_process_status_set_exited(out, status->code);
        return;
    case PROC_END_FAULTED:
        fault = capos_process_status_init_faulted(out);
        capos_fault_set_vector(fault, status->vector);
        capos_fault_set_address(fault, status->address);
        capos_fault_set_rip(fault, status->rip);
        return;
    case PROC_END_KILLED:
        capos_process_status_set_killed(out, capnp_text_from(status->reason));
        return;
    case PROC_END_FAILED_TO_START:
        capos_process_status_set_failed_to_start(out, capnp_text_from(status->reason));
        return;
    case PROC_END_NONE:
        break;
    }
    panic("the status of a process that has not ended was asked for");
}

static void answer(struct process_handle *h, struct call *call)
{
    _Alignas(8) uint8_t message[STATUS_BYTES_MAX];
    struct capnp_arena arena;

    capnp_arena_init(&arena, message, sizeof message);
    write_status(capos_process_handle_wait_results_init_status(
                     capos_process_handle_wait_results_build_root(&arena)),
                 &h->status);
    ASSERT(capnp_arena_ok(&arena), "a reason is longer than a status has room for: %s",
           h->status.reason);
    (void)cap_call_answer(call, message, capnp_arena_bytes(&arena), NULL, 0);
}

static bool answer_some(struct work *work)
{
    struct process_handle *h = LIST_OWNER(work, struct process_handle, answering);

    for (unsigned i = 0; i < ANSWERS_PER_SLICE; i++) {
        struct list_node *node = list_pop_front(&h->waiters);
        if (node == NULL) {
            cap_drop(&h->object);
            return true;
        }
        answer(h, LIST_OWNER(node, struct call, node));
    }
    return false;
}

void process_handle_ended(void *owner, const struct process_report *report)
{
    struct process_handle *h = owner;

    h->status = report->status;
    h->process = NULL;
    if (is_needed(h)) {
        work_add(&h->answering, answer_some);
    } else {
        cap_drop(&h->object);
    }
}

static void withdraw(struct call *call)
{
    list_remove(&call->node);
}

static enum capnp_answer handle_wait(void *self, struct capnp_call *call,
                                     struct capos_process_handle_wait_results_builder results)
{
    struct process_handle *h = self;

    if (h->process == NULL) {
        write_status(capos_process_handle_wait_results_init_status(results), &h->status);
        return CAPNP_ANSWERED;
    }
    struct call *kept = cap_call_keep(call, h, withdraw);
    if (kept == NULL) {
        return capnp_call_refuse(call, CAPNP_EXC_OVERLOADED,
                                 "the caller has as many entries in flight as it may");
    }
    list_push_back(&h->waiters, &kept->node);
    return CAPNP_PENDING;
}

static enum capnp_answer handle_kill(void *self, struct capnp_call *call)
{
    (void)call;
    const struct process_handle *h = self;

    if (h->process != NULL) {
        process_kill(h->process, "a holder of its handle ended it");
    }
    return CAPNP_ANSWERED;
}

static const struct capos_process_handle_server methods = {
    .wait = handle_wait,
    .kill = handle_kill,
};

static enum capnp_answer handle_call(struct cap_object *object, struct capnp_call *call)
{
    return capos_process_handle_dispatch_own(&methods, object, call);
}

static void handle_destroy(struct cap_object *object)
{
    struct process_handle *h = (struct process_handle *)object;

    account_drop(&h->charge);
    heap_free(NULL, h);
}

static void handle_each_hold(struct cap_object *object, void (*visit)(struct cap_object *held))
{
    if (is_needed((const struct process_handle *)object)) {
        visit(object);
    }
}

const struct cap_type process_handle_type = {
    .name = "ProcessHandle",
    .kind = CAP_FULL,
    .interface_id = CAPOS_PROCESS_HANDLE_ID,
    .call = handle_call,
    .destroy = handle_destroy,
    .each_hold = handle_each_hold,
};

enum status process_handle_create(struct account *payer, struct process_handle **out)
{
    struct process_handle *h = heap_alloc(NULL, sizeof *h);
    uint64_t cost[ACCOUNT_KINDS] = {[ACCOUNT_HEAP_BYTES] = heap_charge(sizeof *h)};

    if (h == NULL) {
        return ST_NO_MEMORY;
    }
    enum status status = account_take(payer, &h->charge, cost);
    if (status != ST_OK) {
        heap_free(NULL, h);
        return status;
    }
    cap_object_init(&h->object, &process_handle_type);
    list_init(&h->waiters);
    *out = h;
    return ST_OK;
}

struct cap_object *process_handle_object(struct process_handle *handle)
{
    return &handle->object;
}

void process_handle_attach(struct process_handle *handle, struct process *p)
{
    cap_hold(&handle->object);
    handle->process = p;
}
