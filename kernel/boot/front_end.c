// SPDX-License-Identifier: MIT
#include "boot/front_end.h"

#include "arch/x86_64/tsc.h"
#include "link.h"

static struct boot_info boot_info;

struct boot_info *boot_begin(const char *protocol)
{
    boot_info.entry_tsc = tsc_read();
    boot_info.protocol = protocol;
    return &boot_info;
}

uint64_t boot_load_address(void)
{
    return (uint64_t)kernel_start - KERNEL_VMA;
}

const void *boot_mapped(uint64_t phys, uint64_t bytes)
{
    if (phys == 0 || phys >= BOOT_MAPPED_END || bytes > BOOT_MAPPED_END - phys) {
        return NULL;
    }
    return phys_to_virt((struct paddr){phys});
}

void boot_read_command_line(struct boot_info *info, uint64_t phys)
{
    const char *text = boot_mapped(phys, 1);

    if (text == NULL) {
        boot_info_trouble(info, "the boot command line lies beyond the mapped memory");
        return;
    }
    boot_info_set_command_line(info, text, (size_t)(BOOT_MAPPED_END - phys));
}
