// SPDX-License-Identifier: MIT
#include "mem/fault.h"

struct alloc_fault alloc_fault;

bool alloc_fault_count(const void *site)
{
    alloc_fault.seen++;
    alloc_fault.countdown--;
    if (alloc_fault.countdown != 0) {
        return false;
    }
    alloc_fault.site = (uint64_t)site;
    return true;
}
