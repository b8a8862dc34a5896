/* SPDX-License-Identifier: MIT */
/*
 * Debian ships QEMU without the header of its plugin interface; what is used of
 * version 1 (QEMU 7.2) is declared here, and what our plugins have in common.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info_t;

enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_mem_rw { QEMU_PLUGIN_MEM_RW = 3 };

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
                                           void (*translated)(uint64_t id,
                                                              struct qemu_plugin_tb *));
void qemu_plugin_register_atexit_cb(uint64_t id, void (*at_exit)(uint64_t id, void *),
                                    void *context);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
                                          void (*executed)(unsigned cpu, void *),
                                          enum qemu_plugin_cb_flags flags, void *context);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
                                                enum qemu_plugin_op op, void *counter,
                                                uint64_t summand);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                            void (*executed)(unsigned cpu, void *),
                                            enum qemu_plugin_cb_flags flags, void *context);

void qemu_plugin_register_vcpu_mem_inline(struct qemu_plugin_insn *insn, enum qemu_plugin_mem_rw rw,
                                          enum qemu_plugin_op op, void *counter, uint64_t summand);

extern __attribute__((visibility("default"))) int qemu_plugin_version;
int qemu_plugin_version = 1;

__attribute__((visibility("default"))) int
qemu_plugin_install(uint64_t id, const struct qemu_info_t *info, int argc, char **argv);

/*
 * Opens the file that the one argument, out=FILE, names, and has the plugin called when code
 * is translated, and at the end. NULL: it has been said why not.
 */
static inline FILE *qemu_plugin_start(const char *plugin, uint64_t id,
                                      void (*translated)(uint64_t id, struct qemu_plugin_tb *),
                                      void (*at_exit)(uint64_t id, void *), int argc, char **argv)
{
    FILE *out = argc == 1 && strncmp(argv[0], "out=", 4) == 0 ? fopen(argv[0] + 4, "w") : NULL;

    if (out == NULL) {
        fprintf(stderr, "%s: what is wanted is out=FILE, a file that can be written\n", plugin);
        return NULL;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    return out;
}
