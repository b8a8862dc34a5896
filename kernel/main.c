// SPDX-License-Identifier: MIT
/*
 * The order in which the machine comes up. Each line needs those above it; what
 * can be wrong with the machine or the boot loader ends here with a sentence, and
 * nothing has started.
 */
#include "main.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/features.h"
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/gdt.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/pic.h"
#include "mem/frame.h"
#include "mem/paging.h"
#include "pci.h"
#include "power.h"
#include "print.h"
#include "sanitize.h"
#include "selftest.h"
#include "serial.h"
#include "system.h"

/* Ends a boot that cannot go on, unless there is nothing to say. */
static void refuse(const char *sentence, enum exit_code code)
{
    if (sentence != NULL) {
        kprint("capos: %s\n", sentence);
        power_off(code);
    }
}

static void need_memory(enum status status, const struct boot_info *info)
{
    if (status != ST_OK) {
        kprint("capos: %lu KiB of memory are usable, %llu are needed\n",
               memory_map_bytes(&info->map, MEMORY_USABLE) >> 10, MEMORY_MIN_BYTES >> 10);
        power_off(EXIT_MEMORY);
    }
}

static void need_one_module(const struct boot_info *info)
{
    if (info->module_count != 1) {
        kprint("capos: the boot loader handed over %u modules; the manifest must be the only one\n",
               info->module_count);
        power_off(EXIT_MANIFEST);
    }
}

static void print_memory(const struct boot_info *info)
{
    kprint("capos: booted by %s, %lu MiB of memory, %lu MiB free\n", info->protocol,
           (memory_map_bytes(&info->map, MEMORY_USABLE) +
            memory_map_bytes(&info->map, MEMORY_RECLAIMABLE)) >>
               20,
           (frame_free_count() << FRAME_SHIFT) >> 20);
}

void kernel_main(struct boot_info *info)
{
    serial_init();                        /* from here on there are words */
    refuse(features_init(), EXIT_PANIC);  /* NX on: page tables need it */
    fpu_init();                           /* SSE, for programs and for clearing pages */
    gdt_init();                           /* selectors, TSS, a stack for double faults */
    idt_init();                           /* from here on a fault is a panic with a backtrace */
    boot_info_finish(info);               /* the memory map, sorted out */
    refuse(info->trouble, EXIT_MEMORY);   /* what the front end did not like */
    need_memory(frame_init(info), info);  /* the frame bitmap, over low RAM */
    need_memory(paging_init(info), info); /* own page tables, W^X, direct map */
    frame_open_all(info);                 /* all RAM, the boot loader's too */
    sanitize_init();                      /* a shadow of it, in the sanitized kernel */
    gdt_guard_stacks();                   /* interrupt stacks between guard pages */
    features_enable();                    /* SMEP, SMAP, UMIP, global pages */
    features_print();
    pic_init();                     /* every interrupt masked */
    cpu_init(gdt_boot_stack_top()); /* this CPU's struct; system calls */
    print_memory(info);
    selftest_run(info); /* only if the command line asks for one */
    pci_list(info);     /* likewise */
    need_one_module(info);
    system_start(info); /* the manifest, and everything it names */
}
