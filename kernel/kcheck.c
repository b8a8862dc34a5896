// SPDX-License-Identifier: MIT
#include "kcheck.h"

#include "cap/endpoint.h"
#include "cap/memory_object.h"
#include "cap/table.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "mem/paging.h"
#include "panic.h"
#include "print.h"
#include "process.h"
#include "recount.h"
#include "sched.h"

/* Entries that wait in one endpoint, at most: of every process there can be. */
#define WAITING_MAX (1ull << 32)

static uint32_t expect(bool holds, const char *what)
{
    if (holds) {
        return 0;
    }
    kprint("check: %s breaks an invariant\n", what);
    return 1;
}

static uint32_t expect_of(const struct process *p, bool holds, const char *what)
{
    if (holds) {
        return 0;
    }
    kprint("check: the %s of %s (process %lu) breaks an invariant\n", what, p->name, p->pid);
    return 1;
}

static void check_process(struct process *p, void *context)
{
    uint32_t *found = context;
    bool has_ring = p->ring_nframes != 0;

    *found += expect_of(p, p->caps_storage == NULL || cap_table_check(&p->caps), "table");
    *found += expect_of(p, !has_ring || ring_view_check(&p->thread.ring), "ring");
    *found += expect_of(p, call_pool_check(&p->thread.pool), "pool of calls");
    *found += expect_of(p, region_table_check(&p->regions), "regions");
}

static void check_object(const struct cap_object *object, void *context)
{
    uint32_t *found = context;

    if (object->type == &endpoint_client_type) {
        /* Only its list of all objects has them constant. */
        struct endpoint_object *o = endpoint_of_client((struct cap_object *)(uintptr_t)object);
        *found += expect(endpoint_check(&o->endpoint, WAITING_MAX), "an endpoint");
    }
}

uint32_t kcheck(void (*each_other)(void (*visit)(struct cap_object *held)))
{
    uint32_t found = 0;

    found += recount_holds(each_other);
    found += recount_accounts();
    found += expect(cap_table_check(kernel_table()), "the kernel's table");
    found += expect(frame_check(), "the frame bitmap");
    found += expect(heap_check(), "the heap");
    found += expect(memory_object_check(), "the ledger of memory objects");
    found += expect(sched_check(), "the scheduler");
    process_each(check_process, &found);
    cap_object_each(check_object, &found);
    return found;
}
