// SPDX-License-Identifier: MIT
/*
 * Calls desks, as the names of its capabilities say, in the order of its CapSet:
 *
 *     ask-…    answered: says by whom, and as who
 *     end-N    answered, and the desk ends with N
 *     drop-N   not answered, since the desk ends with N
 *     fault-…  not answered, since the desk faults
 *     gone-…   not answered, since nobody serves it any more
 *
 * What is not answered is disconnected. The answer says what the CapSet says: badge
 * and interface.
 */
#include "../desk/desk.h"

#include <abi/error.h>
#include <capos.capnp.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <rt/ring.h>
#include <rt/string.h>
#include <support/check.h>

static const struct visit {
    const char *prefix;
    enum desk_method method;
    bool answered;
} visits[] = {
    {"ask-", DESK_ASK, true},      {"end-", DESK_END, true},   {"drop-", DESK_DROP, false},
    {"fault-", DESK_FAULT, false}, {"gone-", DESK_ASK, false},
};

static void call(struct rt_ring *ring, const struct capset_entry *entry, const struct visit *visit,
                 uint64_t code)
{
    struct desk_answer answer;
    struct rt_call call;

    CHECK(rt_ok(rt_call_begin(&call, ring, sizeof code, RT_RESULTS_ROOM(sizeof answer))));
    memcpy(call.params, &code, sizeof code);
    CHECK(rt_ok(rt_call_submit(&call, entry->cap_id, entry->interface_id, (uint16_t)visit->method,
                               sizeof code)));
    struct rt_status s = rt_call_wait(&call);
    if (visit->answered) {
        CHECK_EQ(s.code, RT_OK);
        CHECK_EQ(rt_call_results_bytes(&call), sizeof answer);
        memcpy(&answer, call.results, sizeof answer);
        CHECK_EQ(answer.badge, entry->badge);
        CHECK_EQ(answer.interface_id, entry->interface_id);
        (void)rt_printf("visitor: %s answered by process %lu, badge %lu\n", visit->prefix,
                        answer.pid, answer.badge);
    } else {
        CHECK_EQ(s.code, CAP_ERR_EXCEPTION);
        CHECK_EQ(s.exception, CAP_EXC_DISCONNECTED);
        (void)rt_printf("visitor: %s disconnected\n", visit->prefix);
    }
    rt_call_end(&call);
}

static void visit_one(struct rt_ring *ring, const struct capset_entry *entry)
{
    for (size_t i = 0; i < sizeof visits / sizeof *visits; i++) {
        size_t len = strlen(visits[i].prefix);
        if (entry->name_len > len && memcmp(entry->name, visits[i].prefix, len) == 0) {
            call(ring, entry, &visits[i], (uint64_t)(entry->name[len] - '0'));
        }
    }
}

int main(void)
{
    struct rt_ring *ring = demo_begin("visitor");
    const struct rt_capset *set = rt_capset();

    for (uint32_t i = 0; i < set->count; i++) {
        visit_one(ring, &set->entries[i]);
    }
    return demo_end();
}
