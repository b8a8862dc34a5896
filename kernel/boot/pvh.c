// SPDX-License-Identifier: MIT
/*
 * The PVH front end: what `qemu -kernel` and micro-VMs start a kernel by. The
 * start info is version 1 of struct hvm_start_info (Xen's public headers): the
 * first module is the -initrd, and the memory map is in the terms of E820.
 */
#include "boot/front_end.h"

#define PVH_MAGIC 0x336ec578u

/* More than any firmware has; a bound for a count that we did not make. */
#define PVH_ENTRIES_MAX 4096u

struct pvh_start_info {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;
    uint32_t module_count;
    uint64_t modules;
    uint64_t command_line;
    uint64_t rsdp;
    uint64_t memory_map; /* since version 1 */
    uint32_t memory_map_count;
    uint32_t reserved;
};

/* The firmware of micro-VMs puts the list of these at no multiple of eight. */
struct __attribute__((packed)) pvh_module {
    uint64_t base;
    uint64_t bytes;
    uint64_t command_line;
    uint64_t reserved;
};

struct pvh_memory {
    uint64_t base;
    uint64_t bytes;
    uint32_t type;
    uint32_t reserved;
};

_Static_assert(sizeof(struct pvh_start_info) == 56, "PVH protocol");
_Static_assert(sizeof(struct pvh_module) == 32, "PVH protocol");
_Static_assert(sizeof(struct pvh_memory) == 24, "PVH protocol");

static void read_memory_map(struct boot_info *info, const struct pvh_start_info *start)
{
    const struct pvh_memory *entries =
        boot_mapped(start->memory_map, start->memory_map_count * sizeof(struct pvh_memory));

    if (entries == NULL) {
        boot_info_trouble(info, "the PVH memory map lies beyond the mapped memory");
        return;
    }
    for (uint32_t i = 0; i < start->memory_map_count; i++) {
        boot_info_add_memory(info, entries[i].base, entries[i].bytes,
                             entries[i].type == E820_USABLE ? MEMORY_USABLE : MEMORY_RESERVED);
    }
}

static void read_modules(struct boot_info *info, const struct pvh_start_info *start)
{
    const struct pvh_module *modules =
        boot_mapped(start->modules, start->module_count * sizeof(struct pvh_module));

    if (start->module_count == 0) {
        return;
    }
    if (modules == NULL) {
        boot_info_trouble(info, "the PVH module list lies beyond the mapped memory");
        return;
    }
    for (uint32_t i = 0; i < start->module_count; i++) {
        boot_info_add_module(info, modules[i].base, modules[i].bytes);
    }
}

static void read_start_info(struct boot_info *info, const struct pvh_start_info *start)
{
    if (start == NULL || start->magic != PVH_MAGIC || start->version == 0 ||
        start->memory_map_count > PVH_ENTRIES_MAX || start->module_count > PVH_ENTRIES_MAX) {
        boot_info_trouble(info, "the PVH start info is not one, or has no memory map");
        return;
    }
    info->rsdp = start->rsdp;
    if (start->command_line != 0) {
        boot_read_command_line(info, start->command_line);
    }
    read_memory_map(info, start);
    read_modules(info, start);
}

void pvh_front_end(uint32_t start_info)
{
    struct boot_info *info = boot_begin("PVH");

    info->kernel_phys = boot_load_address();
    read_start_info(info, boot_mapped(start_info, sizeof(struct pvh_start_info)));
    kernel_main(info);
}
