// SPDX-License-Identifier: MIT
#include <lib/endpoint.h>

static bool list_holds(const struct endpoint *e, const struct list_node *head,
                       enum call_state state, size_t most)
{
    if (!list_check(head, most)) {
        return false;
    }
    for (struct list_node *n = list_first(head); n != NULL; n = list_next(head, n)) {
        const struct call *call = LIST_OWNER(n, struct call, node);

        if (call->state != state || call->endpoint != e) {
            return false;
        }
    }
    return true;
}

bool endpoint_check(const struct endpoint *e, size_t most)
{
    return list_holds(e, &e->calls, CALL_QUEUED, most) &&
           list_holds(e, &e->receivers, CALL_ARMED, most);
}
