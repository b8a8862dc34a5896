// SPDX-License-Identifier: MIT
/*
 * The runtime's own proof: what a program is born with, what the runtime gives it,
 * and what the two system calls keep, clear and refuse (T-29).
 */
#include <abi/layout.h>
#include <abi/limits.h>
#include <capos.client.h>
#include <rt/alloc.h>
#include <rt/capset.h>
#include <rt/entry.h>
#include <rt/print.h>
#include <rt/string.h>
#include <rt/syscall.h>
#include <support/check.h>
#include <support/raw.h>

#include "probe.h"
#include "smoke.h"

/* Filled by the runtime's first instructions. */
struct rt_birth rt_birth;

#define MS 1000000ull

/* Bits of RFLAGS. */
#define FLAG_ALWAYS     0x002u
#define FLAG_TRAP       0x100u
#define FLAG_INTERRUPTS 0x200u
#define FLAG_DIRECTION  0x400u
#define FLAG_IOPL       0x3000u
#define FLAG_NESTED     0x4000u
#define FLAG_ALIGNMENT  0x40000u

static bool all_zero(const uint8_t *at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (at[i] != 0) {
            return false;
        }
    }
    return true;
}

static void check_birth_registers(void)
{
    const struct rt_birth *b = &rt_birth;

    CHECK_EQ(b->rdi, USER_RING_VADDR);
    CHECK_EQ(b->rsi, rt_pid());
    CHECK_EQ(b->rdx, USER_CAPSET_VADDR);
    CHECK_EQ(b->rsp % 16u, 8);
    CHECK_EQ(b->rsp, USER_STACK_TOP - 8u);
    CHECK_EQ(b->return_address, 0);
    CHECK_EQ(b->rax | b->rbx | b->rcx | b->rbp | b->r8 | b->r9, 0);
    CHECK_EQ(b->r10 | b->r11 | b->r12 | b->r13 | b->r14 | b->r15, 0);
    CHECK_EQ(b->rflags, FLAG_ALWAYS | FLAG_INTERRUPTS);
}

/* The fields of an FXSAVE64 image that a program's start defines. */
static void check_birth_vectors(void)
{
    const uint8_t *image = rt_birth.vectors;
    uint16_t x87_control;
    uint16_t x87_status;
    uint32_t mxcsr;

    memcpy(&x87_control, image, sizeof x87_control);
    memcpy(&x87_status, image + 2, sizeof x87_status);
    memcpy(&mxcsr, image + 24, sizeof mxcsr);
    CHECK_EQ(x87_control, 0x37f);
    CHECK_EQ(x87_status, 0);
    CHECK_EQ(image[4], 0); /* no x87 register in use */
    CHECK_EQ(mxcsr, 0x1f80);
    CHECK(all_zero(image + 32, 8u * 16u));   /* x87 registers */
    CHECK(all_zero(image + 160, 16u * 16u)); /* XMM registers */
}

static void check_bootstrap(struct rt_ring *ring)
{
    uint64_t id = 0;

    CHECK(rt_pid() != 0);
    CHECK_EQ((uintptr_t)__builtin_frame_address(0) % 16u, 0);
    CHECK_EQ(rt_capset()->count, 4);
    CHECK_EQ(rt_capset_find(rt_capset(), "console", CAPOS_CONSOLE_ID, &id), RT_CAPSET_FOUND);
    CHECK(id != CAP_ID_NONE);
    CHECK_EQ(ring->header->magic, CAP_RING_MAGIC);
    CHECK_EQ(ring->sq_mask + 1u, CAP_SQ_DEFAULT);
    CHECK_EQ(ring->cq_mask + 1u, CAP_CQ_DEFAULT);
    CHECK_EQ(ring->header->area_bytes, CAP_AREA_DEFAULT);
}

/* What was never touched is zero: nothing of anybody else's is left in it. */
static void check_fresh_memory(const struct rt_ring *ring)
{
    const uint8_t *stack = (const uint8_t *)(uintptr_t)(USER_STACK_TOP - USER_STACK_BYTES);

    CHECK(all_zero(stack, USER_STACK_BYTES / 2u));
    CHECK(all_zero((const uint8_t *)ring->sq, (ring->sq_mask + 1u) * sizeof *ring->sq));
    CHECK(all_zero((const uint8_t *)ring->cq, (ring->cq_mask + 1u) * sizeof *ring->cq));
    CHECK(all_zero(ring->area, ring->header->area_bytes));
    const uint8_t *end = ring->area + ring->header->area_bytes;
    const uint8_t *region = (const uint8_t *)ring->header;
    CHECK(all_zero(end, (size_t)(region + ring->header->region_bytes - end)));
}

static void check_one_owner(struct rt_ring *ring)
{
    CHECK(rt_ring_borrow() == NULL);
    rt_ring_return(ring);
    CHECK(rt_ring_borrow() == ring);
    CHECK(rt_ring_borrow() == NULL);
}

static void check_heap(void)
{
    enum { BLOCKS = 40 };
    unsigned char *blocks[BLOCKS];

    for (size_t i = 0; i < BLOCKS; i++) {
        size_t n = 1u + i * 97u;
        blocks[i] = malloc(n);
        CHECK(blocks[i] != NULL);
        CHECK_EQ((uintptr_t)blocks[i] % 16u, 0);
        memset(blocks[i], (int)i, n);
    }
    CHECK_EQ(rt_alloc_live(), BLOCKS);
    for (size_t i = 0; i < BLOCKS; i += 2) {
        free(blocks[i]);
    }
    for (size_t i = 1; i < BLOCKS; i += 2) {
        size_t n = 1u + i * 97u;
        blocks[i] = realloc(blocks[i], n + 500u);
        CHECK(blocks[i] != NULL);
        CHECK_EQ(blocks[i][0], i);
        CHECK_EQ(blocks[i][n - 1u], i);
        free(blocks[i]);
    }
    CHECK_EQ(rt_alloc_live(), 0);
    CHECK(rt_alloc_check());

    /* Exhaustion is an answer, and it passes. */
    CHECK(malloc(RT_ALLOC_BYTES) == NULL);
    CHECK(calloc(SIZE_MAX / 2u, 3) == NULL);
    unsigned char *most = calloc(1, RT_ALLOC_BYTES - 64u);
    CHECK(most != NULL);
    CHECK(all_zero(most, RT_ALLOC_BYTES - 64u));
    CHECK(malloc(64) == NULL);
    free(most);
    CHECK(rt_alloc_check());
}

static void check_format(void)
{
    char out[64];

    CHECK_EQ(rt_snprintf(out, sizeof out, "%s %d %#lx %5.2s|%-4u|", "a", -5, 0xfeul, "xyz", 7u),
             21);
    CHECK_EQ(strcmp(out, "a -5 0xfe    xy|7   |"), 0);
    CHECK_EQ(rt_snprintf(out, 4, "%s", "longer"), 6);
    CHECK_EQ(strcmp(out, "lon"), 0);
    CHECK(rt_printf("smoke: pid %lu, %u capabilities, ", rt_pid(), rt_capset()->count));
    CHECK(rt_printf("stack at %p\n", (void *)(uintptr_t)rt_birth.rsp));
}

/* Calls in flight together, waited for in the opposite order, raw entries among them. */
static void check_out_of_order(struct rt_ring *ring)
{
    struct capos_console console = {rt_capset_need("console", CAPOS_CONSOLE_ID)};
    struct rt_call calls[4];
    struct cap_cqe cqe;

    for (uint64_t i = 0; i < 4; i++) {
        CHECK(rt_ring_push(ring, &(struct cap_sqe){.opcode = CAP_OP_NOP, .user_data = 100u + i}));
        CHECK(rt_ok(capos_console_write_send(&calls[i], ring, console,
                                             (struct capnp_data){.ptr = NULL, .len = 0})));
    }
    for (size_t i = 4; i-- > 0;) {
        CHECK(rt_ok(rt_call_wait(&calls[i])));
        CHECK_EQ(rt_call_results_bytes(&calls[i]), 0);
        rt_call_end(&calls[i]);
    }
    CHECK_EQ(rt_ring_free_chunks(ring), RT_RING_CHUNKS);
    for (uint64_t i = 0; i < 4; i++) {
        CHECK(rt_ring_take(ring, &cqe));
        CHECK_EQ(cqe.user_data, 100u + i);
        CHECK_EQ(cqe.result, 0);
    }
    CHECK(!rt_ring_take(ring, &cqe));
}

/* Every number but the two is refused, also those that only begin like one of them. */
static void check_bad_numbers(void)
{
    static const uint64_t numbers[] = {
        2,
        3,
        7,
        60,
        255,
        256,
        0x7fffffff,
        0x80000000,
        0xffffffff,
        0x100000000,
        0x100000001,
        0x7fffffffffffffff,
        0x8000000000000000,
        0x8000000000000001,
        0xfffffffffffffffe,
        0xffffffffffffffff,
    };

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        CHECK_EQ(rt_syscall2(numbers[i], 0, 0), SYS_ERR_BAD_NUMBER);
        CHECK_EQ(rt_syscall2(numbers[i], ~0ull, ~0ull), SYS_ERR_BAD_NUMBER);
    }
}

/* Arguments that are refused take nothing; those at the edge are served. */
static void check_enter_arguments(struct rt_ring *ring)
{
    static const uint64_t bad_times[] = {CAP_TIMEOUT_MAX_NS + 1, 1ull << 63, (1ull << 63) - 1,
                                         CAP_TIMEOUT_FOREVER - 1};
    uint64_t cq = ring->cq_mask + 1u;
    const uint64_t bad_counts[] = {cq + 1, 1ull << 32, 1ull << 32 | 1, 1ull << 63, ~0ull};
    struct cap_cqe cqe;

    CHECK(rt_ring_push(ring, &(struct cap_sqe){.opcode = CAP_OP_NOP, .user_data = 1}));
    for (size_t i = 0; i < sizeof bad_times / sizeof *bad_times; i++) {
        CHECK_EQ(rt_ring_enter(ring, 0, bad_times[i]), SYS_ERR_BAD_ARGUMENT);
        CHECK_EQ(rt_ring_enter(ring, 1, bad_times[i]), SYS_ERR_BAD_ARGUMENT);
    }
    for (size_t i = 0; i < sizeof bad_counts / sizeof *bad_counts; i++) {
        CHECK_EQ(rt_ring_enter(ring, bad_counts[i], CAP_TIMEOUT_POLL), SYS_ERR_BAD_ARGUMENT);
        CHECK_EQ(rt_ring_enter(ring, bad_counts[i], CAP_TIMEOUT_FOREVER), SYS_ERR_BAD_ARGUMENT);
    }
    CHECK_EQ(rt_ring_room(ring), ring->sq_mask); /* the entry is still there */
    CHECK(!rt_ring_take(ring, &cqe));

    CHECK_EQ(rt_ring_enter(ring, 1, CAP_TIMEOUT_FOREVER), 1);
    CHECK_EQ(rt_ring_enter(ring, 1, CAP_TIMEOUT_FOREVER), 1); /* not taken, so still available */
    CHECK_EQ(rt_ring_enter(ring, 1, CAP_TIMEOUT_MAX_NS), 1);
    CHECK_EQ(rt_ring_enter(ring, 0, CAP_TIMEOUT_FOREVER), 1);
    CHECK_EQ(rt_ring_enter(ring, cq, CAP_TIMEOUT_POLL), 1);
    CHECK(rt_ring_take(ring, &cqe));
    CHECK_EQ(cqe.user_data, 1);
}

/* Nothing to complete: a time-out ends the wait, and none ends at once. */
static void check_timeouts(struct rt_ring *ring)
{
    CHECK_EQ(rt_ring_enter(ring, 0, CAP_TIMEOUT_POLL), 0);
    CHECK_EQ(rt_ring_enter(ring, 0, CAP_TIMEOUT_FOREVER), 0);
    CHECK_EQ(rt_ring_enter(ring, 1, CAP_TIMEOUT_POLL), 0);
    CHECK_EQ(rt_ring_enter(ring, 1, 1), 0);
    CHECK_EQ(rt_ring_enter(ring, 1, 25 * MS), 0);
    CHECK_EQ(rt_ring_enter(ring, ring->cq_mask + 1u, 1), 0);
}

static void paint(struct probe *probe, uint64_t number, uint64_t rdi, uint64_t rsi)
{
    memset(probe, 0, sizeof *probe);
    probe->number = number;
    probe->rdi = rdi;
    probe->rsi = rsi;
    for (size_t n = 0; n < 16; n++) {
        memset(probe->vectors_in[n], (int)(0xa0u + n), 16);
    }
}

/* Kept, zeroed, destroyed and dead, as abi/syscall.h says. */
static void check_registers_after(const struct probe *p)
{
    CHECK_EQ(p->rbx, PROBE_PAINT(3));
    CHECK_EQ(p->rbp, PROBE_PAINT(5));
    CHECK_EQ(p->r12, PROBE_PAINT(12));
    CHECK_EQ(p->r13, PROBE_PAINT(13));
    CHECK_EQ(p->r14, PROBE_PAINT(14));
    CHECK_EQ(p->r15, PROBE_PAINT(15));
    CHECK_EQ(p->rdi_out | p->rsi_out | p->rdx | p->r8 | p->r9 | p->r10, 0);

    uintptr_t here = (uintptr_t)&probe_syscall;
    CHECK(p->rcx == 0 || p->rcx - here < 512u);
    CHECK(p->r11 < 1u << 22);
    CHECK_EQ(p->rflags & (FLAG_DIRECTION | FLAG_TRAP | FLAG_NESTED | FLAG_IOPL | FLAG_ALIGNMENT),
             0);
    CHECK((p->rflags & FLAG_INTERRUPTS) != 0);

    for (size_t n = 0; n < 16; n++) {
        CHECK(all_zero(p->vectors_out[n], 16) ||
              memcmp(p->vectors_out[n], p->vectors_in[n], 16) == 0);
    }
}

static void check_registers(void)
{
    struct probe probe;

    paint(&probe, SYS_CAP_ENTER, 0, CAP_TIMEOUT_POLL);
    probe_syscall(&probe);
    CHECK_EQ(probe.rax, 0);
    check_registers_after(&probe);

    paint(&probe, SYS_CAP_ENTER, 1, 15 * MS); /* others run meanwhile */
    probe_syscall(&probe);
    CHECK_EQ(probe.rax, 0);
    check_registers_after(&probe);

    paint(&probe, SYS_CAP_ENTER, ~0ull, 0);
    probe_syscall(&probe);
    CHECK_EQ(probe.rax, SYS_ERR_BAD_ARGUMENT);
    check_registers_after(&probe);

    paint(&probe, 4711, 1, 2);
    probe_syscall(&probe);
    CHECK_EQ(probe.rax, SYS_ERR_BAD_NUMBER);
    check_registers_after(&probe);
}

/* The control words that the ABI keeps, across a call that returns at once and one that waits. */
static void check_control_words(struct rt_ring *ring)
{
    static const uint64_t times[] = {CAP_TIMEOUT_POLL, 15 * MS};
    const uint32_t mxcsr = 0x1f80u | 0x6000u; /* round towards zero */
    const uint16_t x87_control = 0x027f;      /* double precision */

    for (size_t i = 0; i < 2; i++) {
        uint32_t mxcsr_after;
        uint16_t x87_after;

        __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(mxcsr), "m"(x87_control));
        int64_t available = rt_ring_enter(ring, 1, times[i]);
        __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr_after), "=m"(x87_after));
        CHECK_EQ(available, 0);
        CHECK_EQ(mxcsr_after, mxcsr);
        CHECK_EQ(x87_after, x87_control);
    }
    __asm__ volatile("ldmxcsr %0\n\tfninit" : : "m"((const uint32_t){0x1f80u}));
}

/* The client's refusals, which reach no kernel. */
static void check_client_limits(struct rt_ring *ring)
{
    struct rt_call call;
    struct rt_call all;

    CHECK_EQ(rt_call_begin(&call, ring, CAP_AREA_DEFAULT, 8).code, RT_ERR_NO_AREA);
    CHECK_EQ(rt_call_begin(&call, ring, UINT32_MAX, UINT32_MAX).code, RT_ERR_NO_AREA);
    CHECK(rt_ok(rt_call_begin(&all, ring, CAP_AREA_DEFAULT / 2, CAP_AREA_DEFAULT / 2)));
    CHECK_EQ(rt_call_begin(&call, ring, 8, 0).code, RT_ERR_NO_AREA);
    rt_call_end(&all);
    CHECK_EQ(rt_ring_free_chunks(ring), RT_RING_CHUNKS);
    CHECK_EQ(rt_release(ring, CAP_ID_NONE).code, CAP_ERR_INVOKE_FAILED);
}

int main(void)
{
    struct rt_ring *ring = demo_begin("smoke");

    check_fresh_memory(ring);
    check_birth_registers();
    check_birth_vectors();
    check_bootstrap(ring);
    check_one_owner(ring);
    check_heap();
    check_format();
    check_out_of_order(ring);
    check_bad_numbers();
    check_enter_arguments(ring);
    check_timeouts(ring);
    check_registers();
    check_control_words(ring);
    check_client_limits(ring);
    check_capabilities(ring);
    return demo_end();
}
