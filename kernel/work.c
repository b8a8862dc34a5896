// SPDX-License-Identifier: MIT
#include "work.h"

struct list_node work_queue;
static void (*on_added)(void);

void work_init(void (*added)(void))
{
    on_added = added;
    list_init(&work_queue);
}

void work_add(struct work *work, bool (*step)(struct work *work))
{
    work->step = step;
    list_init(&work->node);
    list_push_back(&work_queue, &work->node);
    on_added();
}

void work_cancel(struct work *work)
{
    list_remove(&work->node);
}

void work_run_slice(void)
{
    struct list_node *node = list_pop_front(&work_queue);

    if (node == NULL) {
        return;
    }
    struct work *work = LIST_OWNER(node, struct work, node);
    if (!work->step(work)) {
        list_push_back(&work_queue, node);
    }
}
