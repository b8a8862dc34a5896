// SPDX-License-Identifier: MIT
/*
 * A plugin for QEMU that counts how often each instruction of the guest is executed, and
 * what those copy that are made for copying.
 *
 *     -plugin count.so,out=FILE
 *
 * The guest brackets what is to be counted by two executions of a marker, an
 * instruction that does nothing (MARKER below). Each bracket is a section of the file:
 *
 *     section
 *     <address> <host page> <count> <copied> <bytes of the instruction>
 *
 * all hexadecimal; `copied` is what a string instruction (rep movs) has moved, bytes.
 *
 * Two processes have the same addresses: the page of the host's memory in which an
 * instruction lies tells them apart, and its bytes say which program it is of. Counters
 * are bumped inline, in translated code, so counting changes nothing that the guest
 * can see; with -icount each count is exact.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_plugin.h"

/* xchg %bx, %bx */
static const uint8_t marker[] = {0x66, 0x87, 0xdb};

/* Of different instructions; a boot and all rows execute about a tenth of it. */
#define COUNTERS_MAX (1u << 18)
#define INSN_BYTES   15u

struct counter {
    uint64_t address; /* 0: free */
    uint64_t page;
    uint64_t count;
    uint64_t copied;       /* bytes read and written, by a string instruction */
    uint64_t count_before; /* when the bracket was opened */
    uint64_t copied_before;
    uint8_t size;
    uint8_t bytes[INSN_BYTES];
};

static struct counter counters[COUNTERS_MAX];
static uint32_t used;
static FILE *out;
static int is_open; /* between two markers */

/* The counter of an instruction, which is a new one the first time. */
static struct counter *counter_of(const struct qemu_plugin_insn *insn)
{
    uint64_t address = qemu_plugin_insn_vaddr(insn);
    uint64_t page = (uint64_t)(uintptr_t)qemu_plugin_insn_haddr(insn) >> 12;
    uint32_t at = (uint32_t)((address ^ page << 20) * 0x9e3779b97f4a7c15u >> 40) % COUNTERS_MAX;

    while (counters[at].address != 0 &&
           (counters[at].address != address || counters[at].page != page)) {
        at = (at + 1u) % COUNTERS_MAX;
    }
    struct counter *c = &counters[at];
    if (c->address == 0) {
        if (++used == COUNTERS_MAX) {
            fprintf(stderr, "count: more than %u different instructions\n", COUNTERS_MAX);
            exit(1);
        }
        size_t size = qemu_plugin_insn_size(insn);
        c->address = address;
        c->page = page;
        c->size = (uint8_t)(size < INSN_BYTES ? size : INSN_BYTES);
        memcpy(c->bytes, qemu_plugin_insn_data(insn), c->size);
    }
    return c;
}

static void write_section(void)
{
    fprintf(out, "section\n");
    for (uint32_t i = 0; i < COUNTERS_MAX; i++) {
        const struct counter *c = &counters[i];
        if (c->count != c->count_before) {
            fprintf(out, "%lx %lx %lx %lx ", c->address, c->page, c->count - c->count_before,
                    (c->copied - c->copied_before) / 2);
            for (uint32_t k = 0; k < c->size; k++) {
                fprintf(out, "%02x", c->bytes[k]);
            }
            fputc('\n', out);
        }
    }
}

/* A marker is about to be executed. */
static void marked(unsigned cpu, void *context)
{
    (void)cpu;
    (void)context;
    if (is_open) {
        write_section();
    } else {
        for (uint32_t i = 0; i < COUNTERS_MAX; i++) {
            counters[i].count_before = counters[i].count;
            counters[i].copied_before = counters[i].copied;
        }
    }
    is_open = !is_open;
}

/* Bytes that a repeated string copy moves at a time; 0: the instruction is none. */
static uint64_t copy_width(const struct counter *c)
{
    const uint8_t *at = c->bytes;

    if (*at++ != 0xf3) {
        return 0;
    }
    bool is_wide = *at == 0x48;
    at += is_wide ? 1 : 0;
    return *at == 0xa4 ? 1 : *at != 0xa5 ? 0 : is_wide ? 8 : 4;
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        struct counter *c = counter_of(insn);
        if (c->size == sizeof marker && memcmp(c->bytes, marker, sizeof marker) == 0) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, marked, QEMU_PLUGIN_CB_NO_REGS, NULL);
        } else {
            qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &c->count,
                                                       1);
            if (copy_width(c) != 0) {
                qemu_plugin_register_vcpu_mem_inline(insn, QEMU_PLUGIN_MEM_RW,
                                                     QEMU_PLUGIN_INLINE_ADD_U64, &c->copied,
                                                     copy_width(c));
            }
        }
    }
}

static void at_exit(uint64_t id, void *context)
{
    (void)id;
    (void)context;
    if (fclose(out) != 0) {
        fprintf(stderr, "count: the file could not be written\n");
    }
}

int qemu_plugin_install(uint64_t id, const struct qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    out = qemu_plugin_start("count", id, translated, at_exit, argc, argv);
    return out == NULL ? 1 : 0;
}
