// SPDX-License-Identifier: MIT
/*
 * The Limine front end (the Limine boot protocol, base revision 2).
 *
 * The kernel contains requests, which the loader finds by their identifiers and
 * answers by storing a pointer. It has loaded the image wherever there was room,
 * and enters in 64-bit mode on page tables of its own, with a direct map of its
 * own, which all pointers go through. They are read before anything else; then
 * the kernel moves onto the boot page tables that the other protocols start with,
 * keeping only the loader's mapping of the image.
 */
#include "boot/front_end.h"

#include <stdbool.h>

#include "arch/x86_64/cr.h"
#include "link.h"

#define BASE_REVISION 2u

#define REQUEST_ID(a, b)                                                                           \
    {                                                                                              \
        0xc7b1dd30df4c8b88, 0x0a82e883a194f07b, (a), (b)                                           \
    }

/* A request and every response begin so; what follows differs. */
struct limine_request {
    uint64_t id[4];
    uint64_t revision;
    const void *response;
};

struct limine_hhdm {
    uint64_t revision;
    uint64_t offset;
};

struct limine_kernel_address {
    uint64_t revision;
    uint64_t physical;
    uint64_t virtual;
};

struct limine_memory {
    uint64_t base;
    uint64_t bytes;
    uint64_t type;
};

struct limine_memory_map {
    uint64_t revision;
    uint64_t count;
    const struct limine_memory *const *entries;
};

/* The protocol goes on behind what is read here. */
struct limine_file {
    uint64_t revision;
    uint64_t address;
    uint64_t bytes;
    const char *path;
    const char *command_line;
};

struct limine_kernel_file {
    uint64_t revision;
    const struct limine_file *file;
};

struct limine_modules {
    uint64_t revision;
    uint64_t count;
    const struct limine_file *const *files;
};

struct limine_rsdp {
    uint64_t revision;
    uint64_t address;
};

enum limine_memory_type {
    LIMINE_USABLE = 0,
    LIMINE_LOADER_RECLAIMABLE = 5,
    LIMINE_KERNEL_AND_MODULES = 6,
};

/*
 * Written by the loader, which the compiler does not see: volatile. `used`, since
 * nothing here refers to all of them. No markers around them are needed: without
 * markers the loader searches the whole image.
 */
#define REQUEST static volatile __attribute__((used, section(".limine"), aligned(8)))

/* The loader puts 0 in place of a base revision that it serves. */
REQUEST uint64_t base_revision[3] = {0xf9562b2d5c95a6c8, 0x6a7b384944536bdc, BASE_REVISION};

REQUEST struct limine_request hhdm_request = {
    .id = REQUEST_ID(0x48dcf1cb8ad2b852, 0x63984e959a98244b)};
REQUEST struct limine_request memory_map_request = {
    .id = REQUEST_ID(0x67cf3d9d378a806f, 0xe304acdfc50c3c62)};
REQUEST struct limine_request kernel_address_request = {
    .id = REQUEST_ID(0x71ba76863cc55f63, 0xb2644a48c516a487)};
REQUEST struct limine_request kernel_file_request = {
    .id = REQUEST_ID(0xad97e90e83f1ed67, 0x31eb5d1c5ff23b69)};
REQUEST struct limine_request modules_request = {
    .id = REQUEST_ID(0x3e7e279702be32af, 0xca1c4f3bd1280cee)};
REQUEST struct limine_request rsdp_request = {
    .id = REQUEST_ID(0xc5e77b6b397e7b43, 0x27637845accdcf3c)};

/* The boot page tables, in boot.S. */
#define TABLE_ENTRIES 512ul
#define DIRECTORIES   4ul

extern uint64_t boot_pml4[TABLE_ENTRIES];
extern uint64_t boot_pdpt_low[TABLE_ENTRIES];
extern uint64_t boot_directories[DIRECTORIES * TABLE_ENTRIES];

#define TABLE_BITS   0x003ull /* present, writable */
#define LARGE_BITS   0x083ull /* the same, 2 MiB */
#define ADDRESS_BITS 0x000ffffffffff000ull

#define LARGE_BYTES  0x200000ull

/* Entries of the root: where the direct map begins, and where the kernel lies. */
#define ROOT_DIRECT_MAP 256u
#define ROOT_KERNEL     511u

static enum memory_kind kind_of(uint64_t type)
{
    switch (type) {
    case LIMINE_USABLE:
        return MEMORY_USABLE;
    case LIMINE_LOADER_RECLAIMABLE:
        return MEMORY_RECLAIMABLE;
    default:
        return MEMORY_RESERVED;
    }
}

/*
 * What the kernel and the modules lie in is left out: both are added by themselves,
 * and a reserved region would win over the module.
 */
static void read_memory_map(struct boot_info *info, const struct limine_memory_map *map)
{
    for (uint64_t i = 0; i < map->count; i++) {
        const struct limine_memory *memory = map->entries[i];
        if (memory->type != LIMINE_KERNEL_AND_MODULES) {
            boot_info_add_memory(info, memory->base, memory->bytes, kind_of(memory->type));
        }
    }
}

static void read_modules(struct boot_info *info, uint64_t hhdm)
{
    const struct limine_modules *modules = modules_request.response;

    for (uint64_t i = 0; modules != NULL && i < modules->count; i++) {
        boot_info_add_module(info, modules->files[i]->address - hhdm, modules->files[i]->bytes);
    }
}

static void read_command_line(struct boot_info *info)
{
    const struct limine_kernel_file *kernel = kernel_file_request.response;

    if (kernel != NULL && kernel->file->command_line != NULL) {
        boot_info_set_command_line(info, kernel->file->command_line, BOOT_COMMAND_LINE_MAX);
    }
}

static uint64_t image_phys(const struct boot_info *info, const void *p)
{
    return (uint64_t)p - (uint64_t)kernel_start + info->kernel_phys;
}

/* Moves onto the boot page tables. The image's own entry stays as the loader made it. */
static void leave_loader_tables(const struct boot_info *info, uint64_t hhdm)
{
    const uint64_t *loader = (const uint64_t *)(hhdm + (cr3_read() & ADDRESS_BITS));

    for (uint64_t i = 0; i < DIRECTORIES * TABLE_ENTRIES; i++) {
        boot_directories[i] = i * LARGE_BYTES | LARGE_BITS;
    }
    for (uint64_t i = 0; i < DIRECTORIES; i++) {
        boot_pdpt_low[i] = image_phys(info, &boot_directories[i * TABLE_ENTRIES]) | TABLE_BITS;
    }
    boot_pml4[ROOT_DIRECT_MAP] = image_phys(info, boot_pdpt_low) | TABLE_BITS;
    boot_pml4[ROOT_KERNEL] = loader[ROOT_KERNEL];
    cr3_write(image_phys(info, boot_pml4));
}

void limine_front_end(void)
{
    struct boot_info *info = boot_begin("Limine");
    const struct limine_hhdm *hhdm = hhdm_request.response;
    const struct limine_kernel_address *kernel = kernel_address_request.response;
    const struct limine_memory_map *map = memory_map_request.response;
    const struct limine_rsdp *rsdp = rsdp_request.response;

    if (base_revision[2] != 0 || hhdm == NULL || kernel == NULL || map == NULL) {
        boot_info_trouble(info, "this version of Limine is too old, or does not answer");
        kernel_main(info);
    }
    /* The image's first page need not be the first that was loaded. */
    info->kernel_phys = kernel->physical + ((uint64_t)kernel_start - kernel->virtual);
    info->rsdp = rsdp == NULL ? 0 : rsdp->address - hhdm->offset;
    read_memory_map(info, map);
    read_modules(info, hhdm->offset);
    read_command_line(info);
    leave_loader_tables(info, hhdm->offset);
    kernel_main(info);
}
