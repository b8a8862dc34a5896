// SPDX-License-Identifier: MIT
/* Checks as the system runs: in the sanitized kernel only, since each walks all there is. */
#include "kcheck.h"

#include "panic.h"

/* Entries between two checks. */
#define KCHECK_EVERY 1024u

static struct {
    void (*each_other)(void (*visit)(struct cap_object *held));
    bool has_begun;
    uint32_t entries; /* since the last */
} often;

void kcheck_begin(void (*each_other)(void (*visit)(struct cap_object *held)))
{
    often.each_other = each_other;
    often.has_begun = true;
}

void kcheck_count(uint32_t entries)
{
    often.entries += entries;
    if (!often.has_begun || often.entries < KCHECK_EVERY) {
        return;
    }
    often.entries = 0;
    uint32_t found = kcheck(often.each_other);
    ASSERT(found == 0, "kcheck: %u invariants are broken in the middle of a run", found);
}
