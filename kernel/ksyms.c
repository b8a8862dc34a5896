// SPDX-License-Identifier: MIT
#include "ksyms.h"

#include <stddef.h>

#include "link.h"

/* Made by tools/ksyms, ascending. Both numbers are offsets: into the text, and into the names. */
struct ksyms_entry {
    uint32_t address;
    uint32_t name;
};

extern const struct ksyms_entry ksyms_table[];
extern const uint32_t ksyms_count;
extern const char ksyms_names[];

const char *ksyms_find(uint64_t address, uint64_t *offset)
{
    uint32_t low = 0;
    uint32_t high = ksyms_count;

    if (address < (uint64_t)kernel_start || address >= (uint64_t)kernel_rodata_start) {
        return NULL;
    }
    address -= (uint64_t)kernel_start;

    /* Entries below `low` are at or before the address, those from `high` on behind it. */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (ksyms_table[middle].address <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return NULL;
    }
    *offset = address - ksyms_table[low - 1].address;
    return ksyms_names + ksyms_table[low - 1].name;
}
