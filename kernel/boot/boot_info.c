// SPDX-License-Identifier: MIT
#include "boot/boot_info.h"

#include <stdbool.h>

#include "link.h"
#include "string.h"

void boot_info_trouble(struct boot_info *info, const char *sentence)
{
    if (info->trouble == NULL) {
        info->trouble = sentence;
    }
}

void boot_info_add_memory(struct boot_info *info, uint64_t base, uint64_t bytes,
                          enum memory_kind kind)
{
    if (!memory_map_add(&info->raw, base, bytes, kind, PHYS_LIMIT)) {
        boot_info_trouble(info, "the boot memory map has too many entries");
    }
}

void boot_info_add_module(struct boot_info *info, uint64_t base, uint64_t bytes)
{
    if (info->module_count == 0) {
        info->module_base = base;
        info->module_bytes = bytes;
    }
    info->module_count++;
}

void boot_info_set_command_line(struct boot_info *info, const char *text, size_t room)
{
    size_t len = 0;

    while (len < BOOT_COMMAND_LINE_MAX - 1 && len < room && text[len] != '\0') {
        info->command_line[len] = text[len];
        len++;
    }
    info->command_line[len] = '\0';
}

/* Finds room for the module in the map. More than one is somebody else's refusal. */
static void place_module(struct boot_info *info)
{
    if (info->module_count == 0 || info->module_bytes == 0) {
        return;
    }
    if (info->module_base >= PHYS_LIMIT || info->module_bytes > PHYS_LIMIT - info->module_base) {
        boot_info_trouble(info, "the boot module lies beyond the memory that the kernel can use");
        return;
    }
    boot_info_add_memory(info, info->module_base, info->module_bytes, MEMORY_MODULE);
}

void boot_info_finish(struct boot_info *info)
{
    uint64_t kernel_bytes = (uint64_t)(kernel_end - kernel_start);

    if (info->raw.count == 0) {
        boot_info_trouble(info, "the boot loader handed over no memory map");
    }
    place_module(info);
    boot_info_add_memory(info, info->kernel_phys, kernel_bytes, MEMORY_KERNEL);
    memory_map_normalise(&info->raw, &info->map);

    if (info->trouble == NULL &&
        !memory_map_covers(&info->map, info->kernel_phys, kernel_bytes, MEMORY_KERNEL)) {
        boot_info_trouble(info, "the kernel lies beyond the memory that it can use");
    }
    if (info->trouble == NULL && info->module_count != 0 &&
        !memory_map_covers(&info->map, info->module_base, info->module_bytes, MEMORY_MODULE)) {
        boot_info_trouble(info, "the boot module overlaps the kernel or reserved memory");
    }
}

const char *boot_info_option(const struct boot_info *info, const char *name, size_t *len)
{
    size_t name_len = strlen(name);
    const char *word = info->command_line;

    while (*word != '\0') {
        size_t word_len = 0;
        while (word[word_len] != '\0' && word[word_len] != ' ') {
            word_len++;
        }
        if (word_len > name_len && word[name_len] == '=' && memcmp(word, name, name_len) == 0) {
            *len = word_len - name_len - 1;
            return word + name_len + 1;
        }
        word += word_len;
        while (*word == ' ') {
            word++;
        }
    }
    return NULL;
}
