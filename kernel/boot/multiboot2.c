// SPDX-License-Identifier: MIT
/*
 * The Multiboot2 front end: GRUB, from BIOS and from UEFI. What it hands over is
 * a list of tags in memory that counts as free, so all that is kept is copied
 * (Multiboot2 Specification version 2.0, section 3.6). The ACPI root pointer comes
 * as a copy, too, and is not kept.
 */
#include "boot/front_end.h"

#include <lib/bits.h>
#include <stdbool.h>

/* The information has a tag for every symbol table and module: more than this is damage. */
#define INFORMATION_MAX (16u << 20)

#define TAG_ALIGN       8u

enum multiboot2_tag_type {
    TAG_END = 0,
    TAG_COMMAND_LINE = 1,
    TAG_MODULE = 3,
    TAG_MEMORY_MAP = 6,
};

struct multiboot2_information {
    uint32_t bytes;
    uint32_t reserved;
};

struct multiboot2_tag {
    uint32_t type;
    uint32_t bytes; /* with this header, without what aligns the next */
};

struct multiboot2_module {
    struct multiboot2_tag tag;
    uint32_t start;
    uint32_t end;
};

struct multiboot2_memory_map {
    struct multiboot2_tag tag;
    uint32_t entry_bytes;
    uint32_t entry_version;
};

struct multiboot2_memory {
    uint64_t base;
    uint64_t bytes;
    uint32_t type;
    uint32_t reserved;
};

_Static_assert(sizeof(struct multiboot2_module) == 16, "Multiboot2 protocol");
_Static_assert(sizeof(struct multiboot2_memory_map) == 16, "Multiboot2 protocol");
_Static_assert(sizeof(struct multiboot2_memory) == 24, "Multiboot2 protocol");

static bool read_module(struct boot_info *info, const struct multiboot2_tag *tag)
{
    const struct multiboot2_module *module = (const struct multiboot2_module *)tag;

    if (tag->bytes < sizeof(*module) || module->end < module->start) {
        return false;
    }
    boot_info_add_module(info, module->start, module->end - module->start);
    return true;
}

static bool read_memory_map(struct boot_info *info, const struct multiboot2_tag *tag)
{
    const struct multiboot2_memory_map *map = (const struct multiboot2_memory_map *)tag;

    if (tag->bytes < sizeof(*map) || map->entry_bytes < sizeof(struct multiboot2_memory) ||
        map->entry_bytes % TAG_ALIGN != 0) {
        return false;
    }
    const char *entry = (const char *)(map + 1);
    uint32_t entries = (tag->bytes - (uint32_t)sizeof(*map)) / map->entry_bytes;
    for (uint32_t i = 0; i < entries; i++, entry += map->entry_bytes) {
        const struct multiboot2_memory *memory =
            (const struct multiboot2_memory *)(const void *)entry;
        boot_info_add_memory(info, memory->base, memory->bytes,
                             memory->type == E820_USABLE ? MEMORY_USABLE : MEMORY_RESERVED);
    }
    return true;
}

static bool read_tag(struct boot_info *info, const struct multiboot2_tag *tag)
{
    switch (tag->type) {
    case TAG_COMMAND_LINE:
        boot_info_set_command_line(info, (const char *)(tag + 1), tag->bytes - sizeof(*tag));
        return true;
    case TAG_MODULE:
        return read_module(info, tag);
    case TAG_MEMORY_MAP:
        return read_memory_map(info, tag);
    default:
        return true;
    }
}

/* False: a tag is not what it says, or the list has no end. */
static bool read_tags(struct boot_info *info, const char *information, uint32_t bytes)
{
    uint64_t offset = sizeof(struct multiboot2_information);

    while (bits_range_fits(offset, sizeof(struct multiboot2_tag), bytes)) {
        const struct multiboot2_tag *tag =
            (const struct multiboot2_tag *)(const void *)(information + offset);
        if (tag->type == TAG_END) {
            return true;
        }
        if (tag->bytes < sizeof(*tag) || !bits_range_fits(offset, tag->bytes, bytes) ||
            !read_tag(info, tag)) {
            return false;
        }
        offset = bits_round_up(offset + tag->bytes, TAG_ALIGN);
    }
    return false;
}

static bool read_information(struct boot_info *info, uint32_t phys)
{
    const struct multiboot2_information *information = boot_mapped(phys, sizeof(*information));

    if (information == NULL || phys % TAG_ALIGN != 0) {
        return false;
    }
    uint32_t bytes = information->bytes;
    if (bytes > INFORMATION_MAX || boot_mapped(phys, bytes) == NULL) {
        return false;
    }
    return read_tags(info, (const char *)information, bytes);
}

void multiboot2_front_end(uint32_t information)
{
    struct boot_info *info = boot_begin("Multiboot2");

    info->kernel_phys = boot_load_address();
    if (!read_information(info, information)) {
        boot_info_trouble(info, "the Multiboot2 information is damaged");
    }
    kernel_main(info);
}
