// SPDX-License-Identifier: MIT
#include <lib/frame_ledger.h>

#include <stddef.h>

void frame_ledger_init(struct frame_ledger *ledger)
{
    list_init(&ledger->grants);
    ledger->frames = 0;
}

enum status frame_ledger_open(struct frame_grant *grant, struct account *payer, uint64_t count,
                              uint64_t heap_bytes)
{
    const uint64_t amount[ACCOUNT_KINDS] = {
        [ACCOUNT_FRAMES] = count,
        [ACCOUNT_HEAP_BYTES] = heap_bytes,
    };

    enum status status = account_take(payer, &grant->charge, amount);
    if (status != ST_OK) {
        return status;
    }
    list_init(&grant->node);
    grant->count = count;
    return ST_OK;
}

void frame_ledger_add(struct frame_ledger *ledger, struct frame_grant *grant, uint64_t first)
{
    grant->first = first;
    list_push_back(&ledger->grants, &grant->node);
    ledger->frames += grant->count;
}

void frame_ledger_close(struct frame_ledger *ledger, struct frame_grant *grant)
{
    if (list_is_linked(&grant->node)) {
        list_remove(&grant->node);
        ledger->frames -= grant->count;
    }
    account_drop(&grant->charge);
}

static const struct frame_grant *grant_of(const struct list_node *node)
{
    return LIST_OWNER(node, const struct frame_grant, node);
}

static bool overlap(const struct frame_grant *a, const struct frame_grant *b)
{
    return a->first < b->first + b->count && b->first < a->first + a->count;
}

bool frame_ledger_check(const struct frame_ledger *ledger)
{
    const struct list_node *head = &ledger->grants;
    uint64_t frames = 0;

    if (!list_check(head, SIZE_MAX)) {
        return false;
    }
    for (const struct list_node *n = list_first(head); n != NULL; n = list_next(head, n)) {
        const struct frame_grant *g = grant_of(n);

        if (g->charge.account == NULL || g->charge.amount[ACCOUNT_FRAMES] != g->count) {
            return false;
        }
        for (const struct list_node *m = list_next(head, n); m != NULL; m = list_next(head, m)) {
            if (overlap(g, grant_of(m))) {
                return false;
            }
        }
        frames += g->count;
    }
    return frames == ledger->frames;
}
