// SPDX-License-Identifier: MIT
/* A page of memory, and a whole process, from its making to its end. */
#include "rows.h"

#include <rt/capset.h>
#include <support/child.h>

#define PAGE      4096u
#define NEIGHBOUR 0x50000000ull
#define MAP_HINT  (NEIGHBOUR + PAGE)

static struct capos_virtual_memory memory;
static struct capos_process_spawner spawner;

/*
 * Maps the page before the one of the row, so that the page tables there are: in seL4's row
 * they are made beforehand too.
 */
void process_begin(void)
{
    uint64_t at;

    memory.id = rt_capset_need("memory", CAPOS_VIRTUAL_MEMORY_ID);
    spawner.id = rt_capset_need("spawner", CAPOS_PROCESS_SPAWNER_ID);
    CHECK(rt_ok(capos_virtual_memory_map(bench.ring, memory, NEIGHBOUR, PAGE,
                                         CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE, &at)));
}

/*
 * A fresh page beside another: allocated and mapped, read as zero and written, unmapped and
 * given back.
 */
void page(uint32_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t at;
        CHECK(rt_ok(capos_virtual_memory_map(bench.ring, memory, MAP_HINT, PAGE,
                                             CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE, &at)));
        volatile uint64_t *word = (volatile uint64_t *)(uintptr_t)at; // NOLINT(performance-*)
        CHECK(*word == 0);
        *word = i;
        CHECK(rt_ok(capos_virtual_memory_unmap(bench.ring, memory, at, PAGE)));
    }
}

/* A process that exits at once, until nothing of it is left and its handle is let go of. */
void spawn(uint32_t n)
{
    struct child child = child_default("child", "child");

    child.sq_entries = 4;
    child.cq_entries = 8;
    child.area_bytes = CAP_AREA_MIN;
    child.frames = 64;
    child.slots = 4;
    for (; n != 0; n--) {
        struct capos_process_handle handle = {CAP_ID_NONE};
        struct capos_process_handle_wait_results results;
        struct capnp_message m;
        struct rt_call call;
        CHECK_OK(child_spawn(bench.ring, spawner, &child, &handle, NULL));
        CHECK_OK(capos_process_handle_wait_call(&call, bench.ring, handle, 64));
        CHECK_OK(capos_process_handle_wait_take(&call, &m, &results));
        struct capos_process_status status = capos_process_handle_wait_results_get_status(results);
        CHECK_EQ(capos_process_status_which(status), CAPOS_PROCESS_STATUS_EXITED);
        CHECK_EQ(capos_process_status_get_exited(status), 0);
        rt_call_end(&call);
        CHECK_OK(rt_release(bench.ring, handle.id));
    }
}
