// SPDX-License-Identifier: MIT
/*
 * Spawns a process of every program that the names of its capabilities name, as
 * spawn-PROGRAM, and leaves them to themselves: it lets go of their handles, and ends;
 * in the middle of spawning one more, if it is granted "hurry".
 */
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/string.h>
#include <support/check.h>
#include <support/child.h>

static const char prefix[] = "spawn-";

#define PREFIX_LEN (sizeof prefix - 1)

static struct child child_of(const struct capset_entry *entry)
{
    struct child child = child_default("child", "");

    child.binary = (struct capnp_text){.ptr = (const char *)entry->name + PREFIX_LEN,
                                       .len = entry->name_len - (uint32_t)PREFIX_LEN};
    child.name = child.binary;
    return child;
}

static bool names_program(const struct capset_entry *entry)
{
    return entry->name_len > PREFIX_LEN && memcmp(entry->name, prefix, PREFIX_LEN) == 0;
}

int main(void)
{
    struct rt_ring *ring = rt_ring_borrow();
    struct capos_process_spawner spawner = {rt_capset_need("spawner", CAPOS_PROCESS_SPAWNER_ID)};
    const struct rt_capset *set = rt_capset();
    struct capos_process_handle handle;
    struct rt_call call;

    for (uint32_t i = 0; i < set->count; i++) {
        struct child child = child_of(&set->entries[i]);
        if (names_program(&set->entries[i])) {
            CHECK(rt_ok(child_spawn(ring, spawner, &child, &handle, NULL)));
        }
    }
    if (rt_capset_has(set, "hurry")) {
        struct child child = child_default("hurry", "endpoint"); /* large: several slices */
        child.frames = 256;
        CHECK(rt_ok(child_spawn_send(&call, ring, spawner, &child)));
        CHECK(!rt_call_wait_for(&call, CAP_TIMEOUT_POLL));
    }
    return 0;
}
