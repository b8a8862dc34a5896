// SPDX-License-Identifier: MIT
/* What the front ends of the boot protocols share, and how boot.S calls them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "boot/boot_info.h"
#include "main.h"

/* Memory that is free for use, in the terms of E820, PVH and Multiboot2 alike. */
#define E820_USABLE 1u

/* Called by boot.S on the boot stack, with the physical address the loader left. */
_Noreturn void pvh_front_end(uint32_t start_info);
_Noreturn void multiboot2_front_end(uint32_t information);
_Noreturn void limine_front_end(void);

/* First thing of a front end: the one struct boot_info, otherwise zero. Good for ever. */
struct boot_info *boot_begin(const char *protocol);

/* Where loaders that obey the ELF's load addresses have put the image. */
uint64_t boot_load_address(void);

/* Physical memory through the boot page tables. NULL: not, or not wholly, mapped by them. */
const void *boot_mapped(uint64_t phys, uint64_t bytes);

/* Takes a NUL-terminated command line at a physical address. */
void boot_read_command_line(struct boot_info *info, uint64_t phys);
