// SPDX-License-Identifier: MIT
/*
 * What a boot loader told us, in one form for all boot protocols.
 *
 * Each front end (pvh.c, multiboot2.c, limine.c) copies everything it needs out
 * of the loader's memory into the one struct boot_info, and hands the memory map
 * through boot/memory_map.h, which makes it sorted, page-aligned and free of
 * overlaps. Front ends cannot print or stop yet: what they do not like they say in
 * `trouble`, and kernel_main() stops with that sentence.
 */
#pragma once

#include <stdint.h>

/* Memory maps with more entries, after merging neighbours of one kind, are refused. */
#define BOOT_RAW_REGIONS_MAX  512u
#define BOOT_REGIONS_MAX      (2u * BOOT_RAW_REGIONS_MAX)

#define BOOT_COMMAND_LINE_MAX 256u

/* The boot page tables map physical memory up to here. */
#define BOOT_MAPPED_END (4ull << 30)

/* The documented minimum: bytes of usable RAM besides kernel and boot module. */
#define MEMORY_MIN_BYTES (16ull << 20)

/* In rising order of precedence where regions overlap. */
enum boot_memory_kind {
    BOOT_MEMORY_USABLE,
    BOOT_MEMORY_RECLAIMABLE, /* the boot loader's, free once the kernel has its own page tables */
    BOOT_MEMORY_MODULE,
    BOOT_MEMORY_RESERVED, /* everything else that was listed; not RAM of ours */
    BOOT_MEMORY_KERNEL    /* the kernel's image, from link.ld's start to its end */
};

struct boot_region {
    uint64_t base; /* physical; a multiple of the page size once normalised */
    uint64_t bytes;
    enum boot_memory_kind kind;
};

struct boot_info {
    const char *protocol; /* "PVH", "Multiboot2" or "Limine" */
    const char *trouble;  /* why we cannot go on, as a sentence; NULL: nothing */
    struct boot_region regions[BOOT_REGIONS_MAX]; /* ascending, no two overlap */
    uint32_t region_count;
    uint32_t module_count; /* all that were handed over; good is exactly one */
    uint64_t module_base;  /* physical, of the first module, any alignment */
    uint64_t module_bytes;
    uint64_t kernel_phys; /* where the first byte of the image lies */
    uint64_t rsdp;        /* physical address of the ACPI root pointer; 0: unknown */
    char command_line[BOOT_COMMAND_LINE_MAX]; /* terminated; cut when longer */
};
