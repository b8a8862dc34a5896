// SPDX-License-Identifier: MIT
#include <rt/panic.h>

#include <abi/ring.h>
#include <capos.capnp.h>
#include <rt/entry.h>
#include <rt/syscall.h>
#include <stdbool.h>

#include "startup.h"

/* Bytes of one sentence, and words of the message it travels in. */
#define SENTENCE_BYTES 512u
#define MESSAGE_WORDS  (SENTENCE_BYTES / 8u + 8u)

/* Tries to get an entry taken, and how long each may wait. */
#define TRIES       3u
#define TRY_TIME_NS 1000000000ull

static struct {
    struct cap_ring_header *header; /* NULL: not set up */
    struct cap_sqe *sq;
    uint32_t sq_mask;
    uint64_t console_id;
} line;

void rt_panic_setup(void *region, uint64_t console_id)
{
    struct cap_ring_header *h = region;

    line.header = h;
    line.sq = (struct cap_sqe *)(void *)((uint8_t *)region + h->sq_offset);
    line.sq_mask = h->sq_entries - 1u;
    line.console_id = console_id;
}

/* Takes every completion there is, unread. */
static void drop_completions(void)
{
    uint32_t tail = __atomic_load_n(&line.header->cq_tail, __ATOMIC_ACQUIRE);
    __atomic_store_n(&line.header->cq_head, tail, __ATOMIC_RELEASE);
}

/* Lets the kernel take what the program had published, and repair what it had damaged. */
static void settle(void)
{
    for (uint32_t i = 0; i < CAP_SQ_MAX; i++) {
        rt_cap_enter(0, CAP_TIMEOUT_POLL);
        drop_completions();
        if (__atomic_load_n(&line.header->sq_head, __ATOMIC_ACQUIRE) == line.header->sq_tail) {
            return;
        }
    }
}

/*
 * Has one entry taken. Each try publishes the same entry at the same place, so it
 * is taken once, whichever index was bad and is put back on the way.
 */
static void submit(const struct cap_sqe *sqe)
{
    uint32_t tail = line.header->sq_tail;

    line.sq[tail & line.sq_mask] = *sqe;
    for (uint32_t i = 0; i < TRIES; i++) {
        __atomic_store_n(&line.header->sq_tail, tail + 1u, __ATOMIC_RELEASE);
        rt_cap_enter(1, TRY_TIME_NS);
        drop_completions();
        if (__atomic_load_n(&line.header->sq_head, __ATOMIC_ACQUIRE) == tail + 1u) {
            return;
        }
    }
}

void rt_emergency_line(const char *text)
{
    static uint64_t message[MESSAGE_WORDS];
    struct capnp_arena arena;

    if (line.header == NULL || line.console_id == CAP_ID_NONE) {
        return;
    }
    capnp_arena_init(&arena, message, sizeof message);
    struct capos_console_write_line_params_builder params =
        capos_console_write_line_params_build_root(&arena);
    capos_console_write_line_params_set_text(params, capnp_text_from(text));
    if (!capnp_arena_ok(&arena)) {
        return;
    }
    settle();
    submit(&(struct cap_sqe){
        .opcode = CAP_OP_CALL,
        .method_id = CAPOS_CONSOLE_WRITE_LINE,
        .cap_id = line.console_id,
        .interface_id = CAPOS_CONSOLE_ID,
        .params_addr = (uintptr_t)message,
        .params_len = (uint32_t)capnp_arena_bytes(&arena),
    });
}

_Noreturn void rt_panic(const char *format, ...)
{
    static char sentence[SENTENCE_BYTES];
    static bool panicking;
    va_list arguments;

    if (!panicking) {
        panicking = true;
        size_t n = rt_snprintf(sentence, sizeof sentence, "process %lu: panic: ", rt_pid());
        va_start(arguments, format);
        rt_vsnprintf(sentence + n, sizeof sentence - n, format, arguments);
        va_end(arguments);
        rt_emergency_line(sentence);
    }
    rt_exit(RT_EXIT_PANIC);
}
