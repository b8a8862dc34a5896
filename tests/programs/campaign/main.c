// SPDX-License-Identifier: MIT
/*
 * A campaign: some processes, each with a bit of everything, that call, receive, answer,
 * cancel, spawn, kill, map, unmap, hand on, let go and die at random, respawned as they
 * end. Nobody knows what a single entry will come to; what is known is that the kernel
 * stands, that nothing hangs, and that in the end everything has come home.
 *
 * "seed-N" and "entries-N" are what the run is told by the names of two capabilities. The
 * order of what happens depends on the timer, so a seed gives the same entries, but not
 * the same run.
 */
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/string.h>
#include <support/check.h>

#include "campaign.h"

/* The number behind a prefix, in some base. False: the name begins otherwise. */
static bool number_behind(const struct capset_entry *e, const char *prefix, uint32_t base,
                          uint64_t *out, uint32_t *end)
{
    uint32_t at = (uint32_t)strlen(prefix);
    uint64_t n = 0;

    if (e->name_len < at || memcmp(e->name, prefix, at) != 0) {
        return false;
    }
    for (; at < e->name_len && e->name[at] != '.'; at++) {
        char c = e->name[at];
        n = n * base + (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *out = n;
    *end = at;
    return true;
}

/* Whether this process is a soldier, with what orders. */
static bool read_orders(struct orders *orders)
{
    const struct rt_capset *set = rt_capset();
    uint32_t end;

    for (uint32_t i = 0; i < set->count; i++) {
        const struct capset_entry *e = &set->entries[i];
        if (number_behind(e, ORDERS_PREFIX, 16, &orders->seed, &end)) {
            orders->depth = end + 1u < e->name_len ? (uint32_t)(e->name[end + 1u] - '0') : 0;
            orders->vm = e->cap_id;
            return true;
        }
    }
    return false;
}

static uint64_t parameter(const char *prefix)
{
    const struct rt_capset *set = rt_capset();
    uint64_t n;
    uint32_t end;

    for (uint32_t i = 0; i < set->count; i++) {
        if (number_behind(&set->entries[i], prefix, 10, &n, &end)) {
            return n;
        }
    }
    CHECK(false);
    return 0;
}

int main(void)
{
    struct orders orders;

    if (read_orders(&orders)) {
        return soldier(orders);
    }
    return general(parameter("seed-"), parameter("entries-"));
}
