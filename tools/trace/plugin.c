// SPDX-License-Identifier: MIT
/*
 * A plugin for QEMU that writes down the traffic of every ring (event.h).
 *
 *     -plugin trace.so,out=FILE,entry=ADDRESS,cpu=ADDRESS,memory=MIB
 *
 * `entry` is where the kernel's symbol syscall_entry lies, `cpu` its struct cpu, `memory`
 * the machine's RAM. The plugin looks at the machine in two places only: where a program
 * has entered the kernel, and where the kernel goes back to a program (SYSRET, IRET). At
 * the first, what waits in the submission queue is what the kernel is about to take; at
 * the second, what the completion queue has more than the last time is what the program is
 * about to see. So it depends on the ring, which is ABI, and on how the kernel says who
 * runs: struct cpu, thread and process, by the kernel's own headers. It reads the guest's
 * memory and changes nothing; the kernel is the one that always runs.
 *
 * The kernel is loaded at its link address less KERNEL_VMA (PVH, Multiboot2), which is how
 * the first instruction of its entry says where the guest's RAM lies here.
 */
#include <abi/error.h>
#include <abi/layout.h>
#include <abi/ring.h>
#include <lib/call.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/cpu.h"
#include "event.h"
#include "mem/addr.h"
#include "process.h"
#include "profile/qemu_plugin.h"
#include "thread.h"

/* Processes of one run; their numbers are never used twice. */
#define PROCESSES_MAX (1u << 20)

#define ENTRY_PRESENT (1ull << 0)
#define ENTRY_LARGE   (1ull << 7)
#define ENTRY_ADDRESS 0x000ffffffffff000ull
#define TABLE_ENTRIES 512u
#define TABLE_LEVELS  4u

/* An entry that has not completed, and where its result goes. */
struct open_entry {
    uint64_t number;
    uint64_t user_data;
    uint64_t result_addr;
    uint8_t opcode;
    bool again;
};

/* A call that was received: the buffer that it lies in takes the next one. */
struct received {
    uint64_t call_id;
    uint64_t addr;
};

struct seen {
    uint32_t completions; /* of its queue, by count */
    bool known;
    uint32_t open_count;
    uint32_t open_room;
    struct open_entry *open;   /* in the order in which they were submitted */
    struct received *received; /* by index of the call id */
};

static struct seen *seen; /* by process */
static uint64_t executed;
static uint64_t syscall_entry;
static uint64_t cpu_address;
static uint64_t memory_bytes;
static uint8_t *ram; /* NULL: the kernel has not been entered yet */
static FILE *out;

static void __attribute__((noreturn, format(printf, 1, 2))) give_up(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("trace: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    _Exit(1); /* not exit: QEMU's other threads are at work */
}

/* ---------------------------------------------------------------------------
 * The guest's memory */

/* NULL: there is no RAM of so many bytes. */
static const void *physical(uint64_t address, uint64_t bytes)
{
    return address < memory_bytes && bytes <= memory_bytes - address ? ram + address : NULL;
}

/* What the kernel points to. */
static const void *kernel_object(const void *pointer, uint64_t bytes)
{
    uint64_t address = (uint64_t)pointer;
    uint64_t base = address >= KERNEL_VMA ? KERNEL_VMA : DIRECT_MAP_BASE;
    const void *object = address < base ? NULL : physical(address - base, bytes);

    if (object == NULL) {
        give_up("the kernel points to 0x%lx, where there is no memory", address);
    }
    return object;
}

/* The byte at an address of a program, and how many more lie in its page. NULL: none. */
static const uint8_t *user_byte(const struct process *p, uint64_t address, uint64_t *left)
{
    uint64_t table = p->aspace.root.v;

    for (unsigned level = TABLE_LEVELS; level > 0; level--) {
        unsigned shift = FRAME_SHIFT + 9u * (level - 1u);
        const uint64_t *entries = physical(table, FRAME_BYTES);
        if (entries == NULL) {
            return NULL;
        }
        uint64_t entry = entries[address >> shift & (TABLE_ENTRIES - 1u)];
        if ((entry & ENTRY_PRESENT) == 0 || (level > 1 && (entry & ENTRY_LARGE) != 0)) {
            return NULL;
        }
        table = entry & ENTRY_ADDRESS;
    }
    uint64_t offset = address & (FRAME_BYTES - 1u);
    *left = FRAME_BYTES - offset;
    return physical(table + offset, *left);
}

static bool user_read(const struct process *p, uint64_t address, uint8_t *to, uint64_t bytes)
{
    while (bytes != 0) {
        uint64_t left = 0;
        const uint8_t *from = address < USER_END ? user_byte(p, address, &left) : NULL;
        if (from == NULL) {
            return false;
        }
        uint64_t n = bytes < left ? bytes : left;
        memcpy(to, from, n);
        to += n;
        address += n;
        bytes -= n;
    }
    return true;
}

/* ---------------------------------------------------------------------------
 * Events */

static void write_event(enum event_kind kind, uint64_t pid, const void *head, size_t head_bytes,
                        const void *rest, size_t rest_bytes)
{
    struct event event = {.kind = kind,
                          .bytes = (uint32_t)(head_bytes + rest_bytes),
                          .pid = pid,
                          .instructions = executed};

    if (fwrite(&event, sizeof event, 1, out) != 1 || fwrite(head, head_bytes, 1, out) != 1 ||
        (rest_bytes != 0 && fwrite(rest, rest_bytes, 1, out) != 1)) {
        give_up("the file cannot be written");
    }
}

static struct seen *seen_of(const struct process *p)
{
    if (p->pid >= PROCESSES_MAX) {
        give_up("more than %u processes", PROCESSES_MAX);
    }
    struct seen *s = &seen[p->pid];
    if (!s->known) {
        struct event_process event = {.name = {0}};
        memcpy(event.name, p->name, sizeof event.name);
        write_event(EVENT_PROCESS, p->pid, &event, sizeof event, NULL, 0);
        s->received = calloc(1u << CALL_ID_INDEX_BITS, sizeof *s->received);
        if (s->received == NULL) {
            give_up("no memory");
        }
        s->known = true;
    }
    return s;
}

static void open_add(struct seen *s, struct open_entry entry)
{
    if (s->open_count == s->open_room) {
        s->open_room = s->open_room * 2u + 64u;
        s->open = realloc(s->open, s->open_room * sizeof *s->open);
        if (s->open == NULL) {
            give_up("no memory");
        }
    }
    s->open[s->open_count++] = entry;
}

/* Takes out the first open entry with this user data. False: there is none. */
static bool open_take(struct seen *s, uint64_t user_data, struct open_entry *taken)
{
    for (uint32_t i = 0; i < s->open_count; i++) {
        if (s->open[i].user_data == user_data) {
            *taken = s->open[i];
            memmove(&s->open[i], &s->open[i + 1u], (s->open_count - i - 1u) * sizeof *s->open);
            s->open_count--;
            return true;
        }
    }
    return false;
}

static void write_entry(struct seen *s, const struct process *p, uint32_t number,
                        const struct cap_sqe *sqe)
{
    static uint8_t message[EVENT_BYTES_MAX];
    struct event_entry event = {.number = number, .sqe = *sqe};
    uint64_t result = sqe->result_addr;
    uint64_t bytes = 0;

    if (sqe->opcode == CAP_OP_CALL || sqe->opcode == CAP_OP_RETURN) {
        bytes = sqe->params_len + sqe->cap_count * sizeof(struct cap_transfer);
        event.is_readable = sqe->params_len <= CAP_MESSAGE_MAX &&
                            sqe->cap_count <= CAP_TRANSFER_MAX &&
                            user_read(p, sqe->params_addr, message, bytes);
    }
    if (sqe->opcode == CAP_OP_RETURN) {
        const struct received *call = &s->received[sqe->interface_id & CALL_ID_INDEX_MASK];
        result = call->call_id == sqe->interface_id ? call->addr : 0;
    }
    open_add(s, (struct open_entry){.number = number,
                                    .user_data = sqe->user_data,
                                    .result_addr = result,
                                    .opcode = sqe->opcode,
                                    .again = (sqe->flags & CAP_SQE_F_AGAIN) != 0});
    write_event(EVENT_ENTRY, p->pid, &event, sizeof event, message, event.is_readable ? bytes : 0);
}

/* How many bytes lie in the result buffer, with records. */
static uint64_t result_bytes(const struct cap_cqe *cqe)
{
    if (cqe->result >= 0) {
        return (uint64_t)cqe->result + cqe->cap_count * sizeof(struct cap_record);
    }
    return cqe->result == CAP_ERR_EXCEPTION ? cqe->detail : 0;
}

static void write_completion(struct seen *s, const struct process *p, const struct cap_cqe *cqe)
{
    static uint8_t result[EVENT_BYTES_MAX];
    struct event_completion event = {.number = EVENT_NO_ENTRY, .cqe = *cqe};
    struct open_entry entry = {.opcode = CAP_OP_NOP};
    uint64_t bytes = result_bytes(cqe);

    if (open_take(s, cqe->user_data, &entry)) {
        event.number = entry.number;
    }
    bool received = entry.opcode == CAP_OP_RECV || (entry.opcode == CAP_OP_RETURN && entry.again);
    if (received && cqe->result > 0) {
        s->received[cqe->detail & CALL_ID_INDEX_MASK] =
            (struct received){.call_id = cqe->detail, .addr = entry.result_addr};
    }
    bool has_result = entry.opcode == CAP_OP_CALL || (received && cqe->result > 0);
    if (!has_result || bytes > sizeof result || !user_read(p, entry.result_addr, result, bytes)) {
        bytes = 0;
    }
    write_event(EVENT_COMPLETION, p->pid, &event, sizeof event, result, bytes);
}

/* ---------------------------------------------------------------------------
 * The two places */

/* The thread that runs. NULL: the machine idles. */
static const struct thread *running(void)
{
    const struct cpu *cpu = kernel_object((const void *)cpu_address, sizeof *cpu);

    return cpu->current == NULL ? NULL : kernel_object(cpu->current, sizeof *cpu->current);
}

/* A program has entered the kernel: what waits is about to be taken. */
static void entered(unsigned cpu, void *context)
{
    (void)cpu;
    (void)context;
    const struct thread *t = running();
    if (t == NULL) {
        return;
    }
    const struct process *p = kernel_object(t->process, sizeof *p);
    struct seen *s = seen_of(p);
    const struct ring_view *view = &t->ring;
    const struct cap_ring_header *header = kernel_object(view->header, sizeof *header);
    uint32_t waiting = header->sq_tail - view->sq_head;

    /* Those that were written and not taken come again. */
    while (s->open_count != 0 &&
           (int32_t)((uint32_t)s->open[s->open_count - 1u].number - view->sq_head) >= 0) {
        s->open_count--;
    }
    for (uint32_t i = 0; i < waiting && waiting <= view->sq_entries; i++) {
        uint32_t number = view->sq_head + i;
        struct cap_sqe sqe;
        memcpy(&sqe, kernel_object(&view->sq[number & view->sq_mask], sizeof sqe), sizeof sqe);
        write_entry(s, p, number, &sqe);
    }
}

/* The kernel goes back to a program: what is new in the completion queue is about to be seen. */
static void left(unsigned cpu, void *context)
{
    (void)cpu;
    (void)context;
    const struct thread *t = ram == NULL ? NULL : running();
    if (t == NULL) {
        return;
    }
    const struct process *p = kernel_object(t->process, sizeof *p);
    struct seen *s = seen_of(p);
    while (s->completions != t->ring.cq_tail) {
        struct cap_cqe cqe;
        uint32_t at = s->completions & t->ring.cq_mask;
        memcpy(&cqe, kernel_object(&t->ring.cq[at], sizeof cqe), sizeof cqe);
        write_completion(s, p, &cqe);
        s->completions++;
    }
}

/* Whether the instruction leaves the kernel. */
static bool leaves(const struct qemu_plugin_insn *insn)
{
    static const uint8_t sysretq[] = {0x48, 0x0f, 0x07};
    static const uint8_t iretq[] = {0x48, 0xcf};
    const uint8_t *code = qemu_plugin_insn_data(insn);
    size_t size = qemu_plugin_insn_size(insn);

    return qemu_plugin_insn_vaddr(insn) >= KERNEL_VMA &&
           ((size == sizeof sysretq && memcmp(code, sysretq, size) == 0) ||
            (size == sizeof iretq && memcmp(code, iretq, size) == 0));
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t address = qemu_plugin_insn_vaddr(insn);
        void (*watch)(unsigned, void *) = leaves(insn) ? left : NULL;

        if (address == syscall_entry) {
            ram = (uint8_t *)qemu_plugin_insn_haddr(insn) - (address - KERNEL_VMA);
            watch = entered;
        }
        qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &executed, 1);
        if (watch != NULL) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, watch, QEMU_PLUGIN_CB_NO_REGS, NULL);
        }
    }
}

static void at_exit(uint64_t id, void *context)
{
    (void)id;
    (void)context;
    if (fclose(out) != 0) {
        give_up("the file cannot be written");
    }
}

/* The number of an argument NAME=NUMBER; 0: there is none. */
static uint64_t number_of(const char *name, int argc, char **argv)
{
    size_t len = strlen(name);

    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], name, len) == 0 && argv[i][len] == '=') {
            return strtoull(argv[i] + len + 1u, NULL, 0);
        }
    }
    return 0;
}

int qemu_plugin_install(uint64_t id, const struct qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    syscall_entry = number_of("entry", argc, argv);
    cpu_address = number_of("cpu", argc, argv);
    memory_bytes = number_of("memory", argc, argv) << 20;
    if (argc != 4 || strncmp(argv[0], "out=", 4) != 0 || syscall_entry == 0 || cpu_address == 0 ||
        memory_bytes == 0) {
        fprintf(stderr, "trace: wanted are out=FILE,entry=ADDRESS,cpu=ADDRESS,memory=MIB\n");
        return 1;
    }
    out = fopen(argv[0] + 4, "wb");
    seen = calloc(PROCESSES_MAX, sizeof *seen);
    if (out == NULL || seen == NULL) {
        fprintf(stderr, "trace: %s cannot be written\n", argv[0] + 4);
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    return 0;
}
