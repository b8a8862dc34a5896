// SPDX-License-Identifier: MIT
/*
 * A plugin for QEMU that measures for how many instructions the guest keeps interrupts off.
 *
 *     -plugin interrupts.so,out=FILE
 *
 * capOS runs with interrupts off in kernel mode, but for the instruction behind each STI,
 * so a stretch begins where the kernel is entered, or behind an STI, and ends where a
 * program goes on, or at the next STI. What comes before the first program and after the
 * last is not a stretch: there is nobody whom it could keep waiting. The file has the
 * longest one, with where it was every now and then, and how many there were of each
 * magnitude:
 *
 *     longest <instructions>
 *     at <address>                          each SAMPLE_EVERY instructions
 *     below <power of two> <stretches>
 *
 * A repeated string instruction counts once for each repetition, as under -icount.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "qemu_plugin.h"

#define SAMPLE_EVERY 512u
#define SAMPLES_MAX  256u
#define MAGNITUDES   40u

#define KERNEL_HALF  (1ull << 63)
#define STI          0xfb

static uint64_t executed; /* of this stretch */
static uint64_t samples[SAMPLES_MAX];
static uint64_t longest;
static uint64_t longest_samples[SAMPLES_MAX];
static uint64_t stretches[MAGNITUDES];
static int has_begun; /* a program has run */
static FILE *out;

static uint32_t samples_of(uint64_t instructions)
{
    uint64_t n = instructions / SAMPLE_EVERY;

    return n < SAMPLES_MAX ? (uint32_t)n : SAMPLES_MAX;
}

static void end_stretch(void)
{
    uint32_t magnitude = 0;

    while (executed >> magnitude != 0) {
        magnitude++;
    }
    if (has_begun && executed != 0) {
        stretches[magnitude]++;
        if (executed > longest) {
            longest = executed;
            memcpy(longest_samples, samples, sizeof samples);
        }
    }
    executed = 0;
}

static void in_program(unsigned cpu, void *context)
{
    (void)cpu;
    (void)context;
    if (executed != 0) { /* or it is the firmware's */
        end_stretch();
        has_begun = 1;
    }
}

static void at_sti(unsigned cpu, void *context)
{
    (void)cpu;
    (void)context;
    end_stretch();
}

static void in_kernel(unsigned cpu, void *address)
{
    uint32_t at = samples_of(executed);

    (void)cpu;
    if (at < SAMPLES_MAX) {
        samples[at] = (uint64_t)(uintptr_t)address;
    }
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
    uint64_t address = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));

    (void)id;
    if (address < KERNEL_HALF) {
        qemu_plugin_register_vcpu_tb_exec_cb(tb, in_program, QEMU_PLUGIN_CB_NO_REGS, NULL);
        return;
    }
    qemu_plugin_register_vcpu_tb_exec_cb(tb, in_kernel, QEMU_PLUGIN_CB_NO_REGS,
                                         (void *)(uintptr_t)address);
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

        if (qemu_plugin_insn_size(insn) == 1 &&
            *(const uint8_t *)qemu_plugin_insn_data(insn) == STI) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, at_sti, QEMU_PLUGIN_CB_NO_REGS, NULL);
        }
        qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &executed, 1);
    }
}

static void at_exit(uint64_t id, void *context)
{
    (void)id;
    (void)context;
    fprintf(out, "longest %lu\n", longest);
    for (uint32_t i = 0; i < samples_of(longest); i++) {
        fprintf(out, "at %lx\n", longest_samples[i]);
    }
    for (uint32_t i = 0; i < MAGNITUDES; i++) {
        if (stretches[i] != 0) {
            fprintf(out, "below %lu %lu\n", 1ul << i, stretches[i]);
        }
    }
    if (fclose(out) != 0) {
        fprintf(stderr, "interrupts: the file could not be written\n");
    }
}

int qemu_plugin_install(uint64_t id, const struct qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    out = qemu_plugin_start("interrupts", id, translated, at_exit, argc, argv);
    return out == NULL ? 1 : 0;
}
