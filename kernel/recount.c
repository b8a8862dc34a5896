// SPDX-License-Identifier: MIT
#include "recount.h"

#include "cap/cap.h"
#include "cap/in_flight.h"
#include "cap/memory_object.h"
#include "cap/table.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "print.h"
#include "process.h"
#include "string.h"

static const char *const charges[ACCOUNT_KINDS] = {
    [ACCOUNT_FRAMES] = "frames charged to processes",
    [ACCOUNT_HEAP_BYTES] = "heap bytes charged to processes",
    [ACCOUNT_SLOTS] = "slots charged to processes",
    [ACCOUNT_CALLS] = "calls charged to processes",
    [ACCOUNT_PROCESSES] = "processes charged",
};

static uint64_t slots_used(const struct cap_table *table)
{
    uint32_t cursor = 0;
    uint64_t count = 0;

    while (cap_table_next(table, &cursor) != NULL) {
        count++;
    }
    return count;
}

void recount_take(struct recount *out, const struct account *root)
{
    *out = (struct recount){
        .frames_free = frame_recount(),
        .frames_lent = memory_object_frames(),
        .heap_blocks = heap_live_blocks(),
        .heap_bytes = heap_live_bytes(),
        .objects = cap_object_count(),
        .slots = slots_used(kernel_table()),
        .processes = process_count(),
    };
    memcpy(out->charged, root->used, sizeof out->charged);
}

static uint32_t compare(const char *what, uint64_t before, uint64_t now)
{
    if (before == now) {
        return 0;
    }
    kprint("leak: %s: %lu at the start, %lu now\n", what, before, now);
    return 1;
}

static void count_hold(struct cap_object *held)
{
    held->counted++;
}

static void count_table(const struct cap_table *table)
{
    uint32_t cursor = 0;
    const struct cap_slot *slot;

    while ((slot = cap_table_next(table, &cursor)) != NULL) {
        count_hold(slot->object);
    }
}

/* Its slots, its entries in flight, and what it has mapped. */
static void count_process(struct process *p, void *context)
{
    (void)context;
    count_table(&p->caps);
    in_flight_each_hold(&p->thread, count_hold);
    for (uint32_t i = 0; i < p->regions.count; i++) {
        if (p->regions.regions[i].memory != NULL) {
            count_hold(p->regions.regions[i].memory);
        }
    }
}

static void check_object(const struct cap_object *object, void *context)
{
    uint32_t *differences = context;

    if (object->counted != object->holds) {
        kprint("leak: object %s: it says that it is held %lu times, and is %lu times\n",
               object->type->name, object->holds, object->counted);
        (*differences)++;
    }
}

uint32_t recount_holds(void (*each_other)(void (*visit)(struct cap_object *held)))
{
    uint32_t differences = 0;

    cap_object_each_hold(count_hold);
    count_table(kernel_table());
    process_each(count_process, NULL);
    if (each_other != NULL) {
        each_other(count_hold);
    }
    cap_object_each(check_object, &differences);
    return differences;
}

/* What the account has of this kind in things that may outlive the process. */
static uint64_t listed(const struct account *a, enum account_kind kind)
{
    uint64_t sum = 0;

    for (struct list_node *n = list_first(&a->charges); n != NULL; n = list_next(&a->charges, n)) {
        const struct charge *charge = LIST_OWNER(n, struct charge, node);

        sum += charge->lends ? 0 : charge->amount[kind];
    }
    return sum;
}

static uint32_t compare_charge(const struct process *p, enum account_kind kind, uint64_t counted)
{
    uint64_t charged = p->account.used[kind] - p->account.lent[kind];

    counted += listed(&p->account, kind);
    if (charged == counted) {
        return 0;
    }
    kprint("leak: %s (process %lu) has %lu of %s, and %lu are counted\n", p->name, p->pid, charged,
           charges[kind], counted);
    return 1;
}

/* Heap is charged by many; that it is at least what is listed is an invariant of the account. */
static void check_process(struct process *p, void *context)
{
    uint32_t *differences = context;

    *differences +=
        compare_charge(p, ACCOUNT_FRAMES, aspace_count_frames(&p->aspace) + p->ring_nframes);
    *differences += compare_charge(p, ACCOUNT_SLOTS, p->caps.used + p->caps.reserved);
    *differences += compare_charge(p, ACCOUNT_CALLS, p->thread.pool.count);
    *differences += compare_charge(p, ACCOUNT_PROCESSES, 1);
    if (!account_check(&p->account)) {
        kprint("leak: the account of %s (process %lu) breaks an invariant\n", p->name, p->pid);
        (*differences)++;
    }
}

uint32_t recount_accounts(void)
{
    uint32_t differences = 0;

    process_each(check_process, &differences);
    return differences;
}

uint32_t recount_compare(const struct recount *start, const struct account *root)
{
    struct recount now;
    uint32_t differences = 0;

    recount_take(&now, root);
    differences += compare("free frames", start->frames_free, now.frames_free);
    differences += compare("frames of memory objects", start->frames_lent, now.frames_lent);
    differences += compare("blocks of kernel heap", start->heap_blocks, now.heap_blocks);
    differences += compare("bytes of kernel heap", start->heap_bytes, now.heap_bytes);
    differences += compare("kernel objects", start->objects, now.objects);
    differences += compare("slots of the kernel's table", start->slots, now.slots);
    differences += compare("processes", start->processes, now.processes);
    for (unsigned kind = 0; kind < ACCOUNT_KINDS; kind++) {
        differences += compare(charges[kind], start->charged[kind], now.charged[kind]);
    }
    if (frame_free_count() != now.frames_free) {
        kprint("leak: the frame counter says %lu free, the bitmap %lu\n", frame_free_count(),
               now.frames_free);
        differences++;
    }
    if (!account_check(root)) {
        kprint("leak: the root account breaks an invariant\n");
        differences++;
    }
    return differences;
}
