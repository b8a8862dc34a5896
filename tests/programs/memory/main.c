// SPDX-License-Identifier: MIT
/*
 * FrameAllocator, MemoryObject and VirtualMemory from outside: one part of it, the one
 * that the name of its Console says.
 */
#include <rt/capset.h>
#include <stddef.h>

#include "calls.h"
#include "parts.h"

static const struct {
    const char *name;
    void (*part)(void);
} parts[] = {
    {"refusals-of-frames", refusals_of_frames},
    {"refusals-of-mapping", refusals_of_mapping},
    {"refusals-of-objects", refusals_of_objects},
    {"uses", uses},
    {"limit-of-frames", limit_of_frames},
    {"limit-of-page-tables", limit_of_page_tables},
    {"limit-of-regions", limit_of_regions},
    {"limit-of-slots", limit_of_slots},
    {"leave-much", leave_much},
    {"limit-of-machine", limit_of_machine},
    {"each-allocation", each_allocation},
    {"keeper", keeper},
    {"lender", lender},
    {"write-read-only", write_read_only},
    {"execute-writable", execute_writable},
    {"touch-unmapped", touch_unmapped},
    {"touch-after-unmap", touch_after_unmap},
    {"write-after-protect", write_after_protect},
    {"execute-after-protect", execute_after_protect},
    {"write-reader", write_reader},
    {"touch-part-unmapped", touch_part_unmapped},
};

int main(void)
{
    calls_init();
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (rt_capset_has(rt_capset(), parts[i].name)) {
            parts[i].part();
            return 0;
        }
    }
    return 2; /* no such part */
}
