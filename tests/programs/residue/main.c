// SPDX-License-Identifier: MIT
/*
 * Paints every register a program has with a pattern of its own (general, x87, SSE,
 * the two control words, flags, data segments), then lets others run: by being
 * preempted, by waiting in cap_enter, by system calls that come straight back. A
 * preempted program must find everything as it was; after a system call it finds
 * what docs/abi.md says, and never anything of the kernel's or of another program.
 *
 * Meant to run several times side by side, which only differ in their process ids,
 * of which the patterns are made.
 */
#include <abi/layout.h>
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/entry.h>
#include <rt/string.h>
#include <rt/syscall.h>
#include <support/check.h>

#define ROUNDS 12u

/* Long enough for several ticks at 1,000 Hz. */
#define SPINS   1500000u

#define WAIT_NS 2000000u

enum { RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP, R8, R9, R10, R11, R12, R13, R14, R15, GENERAL };

/* All of them; the assembly below knows the offsets. */
struct registers {
    uint64_t general[GENERAL]; /* RSP is left out */
    uint64_t flags;
    uint64_t unused;
    struct {
        uint16_t x87_control;
        uint16_t x87_status;
        uint8_t x87_tags;
        uint8_t zero;
        uint16_t x87_opcode;
        uint64_t x87_instruction;
        uint64_t x87_operand;
        uint32_t mxcsr;
        uint32_t mxcsr_mask;
        uint64_t x87[8][2]; /* ten bytes each */
        uint64_t sse[16][2];
        uint64_t rest[12];
    } vectors; /* as FXSAVE64 stores them */
};

_Static_assert(offsetof(struct registers, flags) == 128, "the assembly below");
_Static_assert(offsetof(struct registers, vectors) == 144, "the assembly below");
_Static_assert(sizeof(struct registers) == 144 + 512, "an FXSAVE image");

/* What is loaded, and what was there afterwards. */
_Alignas(16) struct registers residue_want;
_Alignas(16) struct registers residue_got;
uint64_t residue_spins;

/* Behind the system call's instruction. */
extern const char residue_return[];

/* Loads residue_want; spins, or makes the system call it says; stores residue_got. */
void residue_spin(void);
void residue_call(void);

/* Memory operands only, so that every register holds its pattern when it matters. */
#define EACH(m)                                                                                    \
    m(0, rax) m(8, rbx) m(16, rcx) m(24, rdx) m(32, rsi) m(40, rdi) m(48, rbp) m(64, r8) m(72, r9) \
        m(80, r10) m(88, r11) m(96, r12) m(104, r13) m(112, r14) m(120, r15)
#define LOAD(offset, name)  "movq residue_want+" #offset "(%rip), %" #name "\n"
#define STORE(offset, name) "movq %" #name ", residue_got+" #offset "(%rip)\n"
#define BEGIN                                                                                      \
    "pushq %rbx\n pushq %rbp\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n pushfq\n"       \
    "fxrstor64 residue_want+144(%rip)\n"                                                           \
    "pushq residue_want+128(%rip)\n popfq\n" EACH(LOAD)
#define END                                                                                        \
    EACH(STORE)                                                                                    \
    "pushfq\n popq residue_got+128(%rip)\n"                                                        \
    "fxsave64 residue_got+144(%rip)\n"                                                             \
    "popfq\n popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbp\n popq %rbx\n ret\n"

__asm__(".text\n"
        "residue_spin:\n" BEGIN "1: decq residue_spins(%rip)\n jnz 1b\n" END "residue_call:\n" BEGIN
        "syscall\n residue_return:\n" END);

#define FLAG_DIRECTION   (1ull << 10)
#define FLAG_NESTED      (1ull << 14)
#define FLAG_ALIGNMENT   (1ull << 18)
#define FLAG_ID          (1ull << 21)
#define FLAGS            (FLAG_DIRECTION | FLAG_NESTED | FLAG_ALIGNMENT | FLAG_ID)

#define X87_PAYLOAD_MASK 0xffffull /* of the second word: sign and exponent */

/* No two registers of any two programs have the same. */
static uint64_t pattern(uint64_t round, uint64_t which)
{
    return 0x5a00000000000000ull | rt_pid() << 32 | round << 16 | which << 4 | 0xb;
}

static void paint(uint64_t round)
{
    struct registers *w = &residue_want;

    for (uint64_t i = 0; i < GENERAL; i++) {
        w->general[i] = pattern(round, i);
    }
    w->flags = (FLAGS & (0ull - (rt_pid() + round) % 2u)) | 0x202u;
    /* Exceptions masked; precision and rounding vary, and so do the sticky flags. */
    w->vectors.x87_control = (uint16_t)(0x7f | ((rt_pid() + round) % 4u) << 10 | 0x200);
    w->vectors.x87_tags = 0xff;
    w->vectors.mxcsr = (uint32_t)(0x1f80u | (rt_pid() + round) % 4u << 13 | (rt_pid() & 0x3fu));
    for (uint64_t i = 0; i < 8; i++) {
        w->vectors.x87[i][0] = 1ull << 63 | pattern(round, 32 + i);
        w->vectors.x87[i][1] = 0x3f00u | (rt_pid() & 0xffu);
    }
    for (uint64_t i = 0; i < 16; i++) {
        w->vectors.sse[i][0] = pattern(round, 64 + i);
        w->vectors.sse[i][1] = ~pattern(round, 96 + i);
    }
    memset(&residue_got, 0xee, sizeof residue_got);
}

static void check_controls(void)
{
    CHECK_EQ(residue_got.vectors.x87_control, residue_want.vectors.x87_control);
    CHECK_EQ(residue_got.vectors.mxcsr, residue_want.vectors.mxcsr);
    CHECK(residue_got.vectors.x87_instruction < USER_END);
    CHECK(residue_got.vectors.x87_operand < USER_END);
}

/* Null, or what this program has loaded: then SS, the one selector there is for data. */
static void check_segments(bool may_be_loaded)
{
    uint16_t ds;
    uint16_t es;
    uint16_t gs;
    uint16_t ss;

    __asm__ volatile("mov %%ds, %0\n\tmov %%es, %1\n\tmov %%gs, %2\n\tmov %%ss, %3"
                     : "=r"(ds), "=r"(es), "=r"(gs), "=r"(ss));
    CHECK(ds == 0 || (may_be_loaded && ds == ss));
    CHECK(es == 0 || (may_be_loaded && es == ss));
    CHECK(gs == 0 || (may_be_loaded && gs == ss));
}

static void load_segments(void)
{
    __asm__ volatile("mov %%ss, %%eax\n\tmov %%eax, %%ds\n\tmov %%eax, %%es\n\tmov %%eax, %%gs"
                     :
                     :
                     : "rax");
}

static void check_preemption(uint64_t round)
{
    paint(round);
    residue_spins = SPINS;
    residue_spin();
    for (uint32_t i = 0; i < GENERAL; i++) {
        if (i != RSP) {
            CHECK_EQ(residue_got.general[i], residue_want.general[i]);
        }
    }
    CHECK_EQ(residue_got.flags & FLAGS, residue_want.flags & FLAGS);
    check_controls();
    CHECK_EQ(residue_got.vectors.x87_tags, residue_want.vectors.x87_tags);
    for (uint32_t i = 0; i < 8; i++) {
        CHECK_EQ(residue_got.vectors.x87[i][0], residue_want.vectors.x87[i][0]);
        CHECK_EQ(residue_got.vectors.x87[i][1] & X87_PAYLOAD_MASK, residue_want.vectors.x87[i][1]);
    }
    CHECK_EQ(
        memcmp(residue_got.vectors.sse, residue_want.vectors.sse, sizeof residue_want.vectors.sse),
        0);
}

static void check_zero_or_own(const uint64_t got[2], const uint64_t want[2], uint64_t mask)
{
    bool zero = got[0] == 0 && (got[1] & mask) == 0;
    bool own = got[0] == want[0] && ((got[1] ^ want[1]) & mask) == 0;

    CHECK(zero || own);
}

static void check_call(uint64_t round, uint64_t number, uint64_t arg0, uint64_t arg1,
                       int64_t result)
{
    static const uint8_t kept[] = {RBX, RBP, R12, R13, R14, R15};
    static const uint8_t zeroed[] = {RDI, RSI, RDX, R8, R9, R10};

    paint(round);
    residue_want.general[RAX] = number;
    residue_want.general[RDI] = arg0;
    residue_want.general[RSI] = arg1;
    residue_call();
    CHECK_EQ(residue_got.general[RAX], result);
    for (uint32_t i = 0; i < sizeof kept; i++) {
        CHECK_EQ(residue_got.general[kept[i]], residue_want.general[kept[i]]);
    }
    for (uint32_t i = 0; i < sizeof zeroed; i++) {
        CHECK_EQ(residue_got.general[zeroed[i]], 0);
    }
    CHECK_EQ(residue_got.general[RCX], (uintptr_t)residue_return);
    CHECK_EQ(residue_got.general[R11] & FLAGS, residue_want.flags & FLAGS);
    CHECK_EQ(residue_got.general[R11] >> 22, 0);
    CHECK_EQ(residue_got.flags & FLAGS, residue_want.flags & FLAGS);
    check_controls();
    for (uint32_t i = 0; i < 8; i++) {
        check_zero_or_own(residue_got.vectors.x87[i], residue_want.vectors.x87[i],
                          X87_PAYLOAD_MASK);
    }
    for (uint32_t i = 0; i < 16; i++) {
        check_zero_or_own(residue_got.vectors.sse[i], residue_want.vectors.sse[i], ~0ull);
    }
}

/* The kernel copies messages forwards, whatever the program's direction flag says. */
static void check_call_with_messages(struct rt_ring *ring, uint64_t round)
{
    struct capos_null_cap null = {rt_capset_need("null", CAPOS_NULL_CAP_ID)};
    struct rt_call call;
    uint64_t sum;
    uint64_t count;
    bool carry;

    CHECK(rt_ok(capos_null_cap_add_send(&call, ring, null, ~0ull, round, 1)));
    rt_ring_publish(ring);
    check_call(round, SYS_CAP_ENTER, 1, CAP_TIMEOUT_FOREVER, 1);
    CHECK(rt_ok(rt_call_wait(&call)));
    CHECK(rt_ok(capos_null_cap_add_take(&call, &sum, &carry, &count)));
    CHECK_EQ(sum, round);
    CHECK(carry);
    rt_call_end(&call);
}

/* An x87 exception that has not been delivered yet is not delivered to the kernel. */
static void leave_exception_pending(void)
{
    static const uint16_t control = 0x037b; /* division by zero is not masked */
    uint16_t status;

    __asm__ volatile("fninit\n\tfldcw %1\n\tfld1\n\tfldz\n\tfdivrp\n\tfnstsw %0"
                     : "=m"(status)
                     : "m"(control));
    CHECK((status & 0x80u) != 0);
}

static void check_pending_exception(void)
{
    leave_exception_pending();
    CHECK_EQ(rt_cap_enter(1, WAIT_NS), 0);
    __asm__ volatile("fninit");
    leave_exception_pending();
    for (uint64_t spins = SPINS; spins != 0; spins--) {
        __asm__ volatile("" : : : "memory");
    }
    __asm__ volatile("fninit");
}

int main(void)
{
    struct rt_ring *ring = demo_begin("residue");
    bool loads_segments = rt_pid() % 2u == 0;

    CHECK(ring != NULL);
    check_segments(false);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        if (loads_segments) {
            load_segments();
        }
        rt_ring_publish(ring); /* nothing is left to be taken by those that enter themselves */
        check_preemption(round);
        check_segments(loads_segments);
        check_call(round, SYS_CAP_ENTER, 1, WAIT_NS, 0);
        check_segments(loads_segments);
        check_call(round, SYS_CAP_ENTER, 0, CAP_TIMEOUT_POLL, 0);
        check_call(round, SYS_CAP_ENTER, ~0ull, 0, SYS_ERR_BAD_ARGUMENT);
        check_call(round, 0x123456789abcdef0ull, 1, 2, SYS_ERR_BAD_NUMBER);
        check_call_with_messages(ring, round);
    }
    rt_ring_publish(ring);
    check_pending_exception();
    return demo_end();
}
