// SPDX-License-Identifier: MIT
/*
 * Long work in short slices: spawning and reaping processes.
 *
 * The kernel never blocks and does a bounded amount at a time, so what takes
 * long is a struct with a step function. The scheduler runs one step of one item
 * each time it chooses a thread, and the items take turns.
 */
#pragma once

#include <lib/list.h>
#include <stdbool.h>

struct work {
    struct list_node node;
    /* Does one bounded slice. True: finished, and the item may be gone. */
    bool (*step)(struct work *work);
};

/* `added` is called whenever there is an item more: it sees to it that work_run_slice is. */
void work_init(void (*added)(void));

/* Queues an item that is not queued. Keeps it until its step has said true. */
void work_add(struct work *work, bool (*step)(struct work *work));

/* Takes an item out that is queued; its step is not called again. */
void work_cancel(struct work *work);

/* Runs one slice of the first item, which goes to the back if it is not finished. */
void work_run_slice(void);

/* What is queued. */
extern struct list_node work_queue;

static inline bool work_is_empty(void)
{
    return list_is_empty(&work_queue);
}
