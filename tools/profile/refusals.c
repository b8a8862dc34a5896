// SPDX-License-Identifier: MIT
/*
 * A plugin for QEMU that counts how often each place of the kernel was refused what it
 * wanted to charge to an account:
 *
 *     -plugin refusals.so,out=FILE,refused=ADDRESS,through=ADDRESS,...
 *
 *     <address of the call> <count>
 *
 * all hexadecimal. `refused` is the function that every refused charge ends in; a function
 * that charges for others, and jumps there, is named by `through`, and what is counted then
 * is the call of it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_plugin.h"

#define CALL        0xe8u /* and how far it is from behind it */
#define CALL_SIZE   5u

#define THROUGH_MAX 8u
#define PLACES_MAX  256u

static struct place {
    uint64_t address;
    uint64_t count;
} places[PLACES_MAX];

static uint32_t used;
static uint64_t through[THROUGH_MAX];
static uint32_t through_count;
static uint64_t refused;
static uint64_t last; /* call of any of these functions */
static FILE *out;

static bool charges_for_others(uint64_t function)
{
    for (uint32_t i = 0; i < through_count; i++) {
        if (through[i] == function) {
            return true;
        }
    }
    return false;
}

static void at_call(unsigned cpu, void *address)
{
    (void)cpu;
    last = (uintptr_t)address;
}

static void at_refusal(unsigned cpu, void *context)
{
    uint32_t i = 0;

    (void)cpu;
    (void)context;
    while (i < used && places[i].address != last) {
        i++;
    }
    if (i == PLACES_MAX) {
        fprintf(stderr, "refusals: more than %u places\n", PLACES_MAX);
        exit(1);
    }
    used += i == used ? 1 : 0;
    places[i].address = last;
    places[i].count++;
}

/* Where an instruction calls to; 0: it is none that calls an address. */
static uint64_t called_by(const struct qemu_plugin_insn *insn)
{
    const uint8_t *bytes = qemu_plugin_insn_data(insn);
    int32_t distance;

    if (qemu_plugin_insn_size(insn) != CALL_SIZE || bytes[0] != CALL) {
        return 0;
    }
    memcpy(&distance, bytes + 1, sizeof distance);
    return qemu_plugin_insn_vaddr(insn) + CALL_SIZE + (uint64_t)(int64_t)distance;
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t address = qemu_plugin_insn_vaddr(insn);
        uint64_t called = called_by(insn);

        if (called != 0 && (called == refused || charges_for_others(called))) {
            qemu_plugin_register_vcpu_insn_exec_cb(
                insn, at_call, QEMU_PLUGIN_CB_NO_REGS,
                (void *)(uintptr_t)address); // NOLINT(performance-no-int-to-ptr)
        }
        if (address == refused) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, at_refusal, QEMU_PLUGIN_CB_NO_REGS, NULL);
        }
    }
}

static void at_exit(uint64_t id, void *context)
{
    (void)id;
    (void)context;
    for (uint32_t i = 0; i < used; i++) {
        fprintf(out, "%lx %lx\n", places[i].address, places[i].count);
    }
    if (fclose(out) != 0) {
        fprintf(stderr, "refusals: the file could not be written\n");
    }
}

/* The arguments behind the first. False: one is none that there is. */
static bool take_arguments(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "refused=", 8) == 0) {
            refused = strtoull(argv[i] + 8, NULL, 16);
        } else if (strncmp(argv[i], "through=", 8) == 0 && through_count < THROUGH_MAX) {
            through[through_count++] = strtoull(argv[i] + 8, NULL, 16);
        } else {
            return false;
        }
    }
    return refused != 0;
}

int qemu_plugin_install(uint64_t id, const struct qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    if (!take_arguments(argc, argv)) {
        fprintf(stderr, "refusals: what is wanted is out=FILE,refused=ADDRESS[,through=ADDRESS]\n");
        return 1;
    }
    out = qemu_plugin_start("refusals", id, translated, at_exit, argc != 0 ? 1 : 0, argv);
    return out == NULL ? 1 : 0;
}
