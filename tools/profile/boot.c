// SPDX-License-Identifier: MIT
/*
 * A plugin for QEMU that counts what a boot takes, from the kernel's entry on:
 *
 *     -plugin boot.so,out=FILE
 *
 *     user <instructions>      before the first of a program
 *     end <instructions>       at the end of the run
 *
 * The kernel's entry is the first instruction where its front end lies, before paging;
 * those of the firmware come before it. A program's is the first at a low address after
 * the kernel has run at its high ones.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "qemu_plugin.h"

#define FRONT_END     0x200000ull /* with the rest of the kernel's image, before paging */
#define FRONT_END_END 0x300000ull
#define USER_BASE     0x400000ull
#define KERNEL_HALF   0x8000000000000000ull

static uint64_t executed;
static uint64_t at_entry;
static uint64_t at_user;
static bool is_entered;
static bool is_high;
static bool is_user;
static FILE *out;

static void low(unsigned cpu, void *address)
{
    (void)cpu;
    uint64_t at = (uintptr_t)address;

    if (!is_entered && at >= FRONT_END && at < FRONT_END_END) {
        is_entered = true;
        at_entry = executed;
    } else if (is_high && !is_user && at >= USER_BASE) {
        is_user = true;
        at_user = executed;
    }
}

static void high(unsigned cpu, void *address)
{
    (void)cpu;
    (void)address;
    is_high = true;
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, 0);
    uint64_t at = qemu_plugin_insn_vaddr(first);

    qemu_plugin_register_vcpu_tb_exec_cb(
        tb, at < KERNEL_HALF ? low : high, QEMU_PLUGIN_CB_NO_REGS,
        (void *)(uintptr_t)at); // NOLINT(performance-no-int-to-ptr)
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        qemu_plugin_register_vcpu_insn_exec_inline(qemu_plugin_tb_get_insn(tb, i),
                                                   QEMU_PLUGIN_INLINE_ADD_U64, &executed, 1);
    }
}

static void at_exit(uint64_t id, void *context)
{
    (void)id;
    (void)context;
    fprintf(out, "user %lu\nend %lu\n", at_user - at_entry, executed - at_entry);
    if (fclose(out) != 0) {
        fprintf(stderr, "boot: the file could not be written\n");
    }
}

int qemu_plugin_install(uint64_t id, const struct qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    out = qemu_plugin_start("boot", id, translated, at_exit, argc, argv);
    return out == NULL ? 1 : 0;
}
