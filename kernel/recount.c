// SPDX-License-Identifier: MIT
#include "recount.h"

#include "cap/cap.h"
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

struct holders {
    const struct cap_object *object;
    uint64_t slots;
};

static void count_in_table(const struct cap_table *table, struct holders *h)
{
    uint32_t cursor = 0;
    const struct cap_slot *slot;

    while ((slot = cap_table_next(table, &cursor)) != NULL) {
        if (slot->object == h->object) {
            h->slots++;
        }
    }
}

static void count_in_process(struct process *p, void *context)
{
    count_in_table(&p->caps, context);
}

static void check_object(const struct cap_object *object, void *context)
{
    struct holders h = {.object = object};
    uint32_t *differences = context;

    count_in_table(kernel_table(), &h);
    process_each(count_in_process, &h);
    if (h.slots != object->holds) {
        kprint("leak: object %s: %lu holds counted, %lu slots refer to it\n", object->type->name,
               object->holds, h.slots);
        (*differences)++;
    }
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
    cap_object_each(check_object, &differences);
    if (frame_free_count() != now.frames_free) {
        kprint("leak: the frame counter says %lu free, the bitmap %lu\n", frame_free_count(),
               now.frames_free);
        differences++;
    }
    if (!account_check(root)) {
        kprint("leak: the root account breaks an invariant\n");
        differences++;
    }
    if (!cap_table_check(kernel_table())) {
        kprint("leak: the kernel's capability table breaks an invariant\n");
        differences++;
    }
    return differences;
}
