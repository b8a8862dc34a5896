// SPDX-License-Identifier: MIT
/*
 * What a boot loader told us, in one form for all boot protocols.
 *
 * A front end (pvh.c, multiboot2.c, limine.c) fills the one struct boot_info,
 * copying what it needs out of the loader's memory, which may be gone later.
 * It runs before the serial port is set up and cannot stop: what it does not like
 * it leaves as a sentence in `trouble`. boot_info_finish() adds what is the same
 * for all, and kernel_main() stops where there is trouble.
 */
#pragma once

#include <lib/memory_map.h>
#include <stddef.h>
#include <stdint.h>

#include "mem/addr.h"

#define BOOT_COMMAND_LINE_MAX 256u

/* The boot page tables map physical memory up to here. */
#define BOOT_MAPPED_END (4ull << 30)

/* The documented minimum: bytes of usable RAM, besides kernel and boot module. */
#define MEMORY_MIN_BYTES (16ull << 20)

struct boot_info {
    const char *protocol;  /* "PVH", "Multiboot2" or "Limine" */
    uint64_t entry_tsc;    /* time stamp counter when the front end was entered */
    const char *trouble;   /* why we cannot go on, a sentence; NULL: nothing so far */
    struct memory_map raw; /* as the loader says; front ends only */
    struct memory_map map; /* normalised, kernel and module in it */
    uint32_t module_count; /* all that were handed over; good is exactly one */
    uint64_t module_base;  /* physical, of the first module, any alignment */
    uint64_t module_bytes;
    uint64_t kernel_phys; /* where the first byte of the image lies */
    uint64_t rsdp;        /* physical address of the ACPI root pointer; 0: unknown */
    char command_line[BOOT_COMMAND_LINE_MAX]; /* terminated; cut when longer */
};

/* For front ends: the first thing that is wrong stays. */
void boot_info_trouble(struct boot_info *info, const char *sentence);

/* For front ends: adds an entry of the loader's memory map. */
void boot_info_add_memory(struct boot_info *info, uint64_t base, uint64_t bytes,
                          enum memory_kind kind);

/* For front ends: takes the first of the modules, and counts all. */
void boot_info_add_module(struct boot_info *info, uint64_t base, uint64_t bytes);

/* For front ends: copies at most `room` bytes of a command line, up to its NUL. */
void boot_info_set_command_line(struct boot_info *info, const char *text, size_t room);

/* Normalises the map, and checks that kernel and module lie where they can. */
void boot_info_finish(struct boot_info *info);

/* The value of "name=value" on the command line, up to the next space. NULL: not there. */
const char *boot_info_option(const struct boot_info *info, const char *name, size_t *len);
