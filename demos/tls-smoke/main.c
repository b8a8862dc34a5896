// SPDX-License-Identifier: MIT
/*
 * What belongs to one thread stays with it: its thread-local storage, found through
 * the FS base, and its vector and x87 registers. Two services run this program at
 * the same time, each with values made from its own process id, and both compute
 * and sleep for long enough to take the processor from each other many times.
 */
#include <abi/layout.h>
#include <rt/entry.h>
#include <rt/print.h>
#include <rt/string.h>
#include <support/check.h>

#define ROUNDS      8u
#define SPINS       2000000u
#define SLEEP_NS    3000000ull
#define TABLE_WORDS 64u

/* From the image: .tdata. Volatile, lest the compiler answer for the memory. */
static _Thread_local volatile uint64_t initial = 0x1122334455667788ull;
static _Thread_local char text[] = "a template";
static _Thread_local _Alignas(64) volatile uint8_t aligned = 7;

/* Zero to begin with: .tbss, more than a page of it. */
static _Thread_local volatile uint64_t zeroed[TABLE_WORDS * 10u];
static _Thread_local volatile uint64_t table[TABLE_WORDS];

/* The thread pointer, which by the SysV ABI lies at its own address. */
static uintptr_t thread_pointer(void)
{
    uintptr_t fs_base;

    __asm__ volatile("movq %%fs:0, %0" : "=r"(fs_base));
    return fs_base;
}

static void check_template(void)
{
    CHECK_EQ(initial, 0x1122334455667788ull);
    CHECK_EQ(strcmp(text, "a template"), 0);
    CHECK_EQ(aligned, 7);
    uintptr_t at = (uintptr_t)&aligned;
    __asm__("" : "+r"(at)); /* the compiler takes it for granted */
    CHECK_EQ(at % 64u, 0);
    for (size_t i = 0; i < sizeof zeroed / sizeof *zeroed; i++) {
        CHECK_EQ(zeroed[i], 0);
    }
    CHECK(thread_pointer() <= USER_TLS_TOP);
    CHECK((uintptr_t)&initial < thread_pointer());
    CHECK((uintptr_t)&table[TABLE_WORDS - 1u] < thread_pointer());
    CHECK_EQ(*(uint64_t *)thread_pointer(), thread_pointer());
}

static uint64_t value_of(uint64_t i)
{
    return rt_pid() * 0x0101010101010101ull ^ i * 0x9e3779b97f4a7c15ull;
}

static void fill(void)
{
    initial = value_of(1000);
    text[0] = (char)('a' + rt_pid() % 26u);
    for (uint64_t i = 0; i < TABLE_WORDS; i++) {
        table[i] = value_of(i);
    }
}

static void check_filled(uintptr_t base)
{
    CHECK_EQ(thread_pointer(), base);
    CHECK_EQ(initial, value_of(1000));
    CHECK_EQ(text[0], 'a' + (int)(rt_pid() % 26u));
    for (uint64_t i = 0; i < TABLE_WORDS; i++) {
        CHECK_EQ(table[i], value_of(i));
    }
}

/*
 * Paints all sixteen XMM registers, an x87 register and the control words, spins
 * for so long that others run, and looks again. Only the spin's own counter is
 * touched in between.
 */
static void check_vectors(void)
{
    static uint64_t in[16][2] __attribute__((aligned(16)));
    static uint64_t out[16][2] __attribute__((aligned(16)));
    double x87_in = (double)rt_pid() + 0.5;
    double x87_out = 0;
    const uint32_t mxcsr_in = 0x1f80u | (uint32_t)(rt_pid() % 4u) << 13; /* rounding */
    uint32_t mxcsr_out = 0;
    const uint32_t mxcsr_usual = 0x1f80u;
    uint64_t spins = SPINS;

    for (uint64_t n = 0; n < 16; n++) {
        in[n][0] = value_of(2u * n);
        in[n][1] = value_of(2u * n + 1u);
    }
    __asm__ volatile("ldmxcsr %[mxcsr_in]\n\t"
                     "fldl %[x87_in]\n\t"
                     ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n\t"
                     "movaps 16 * \\n(%[in]), %%xmm\\n\n\t"
                     ".endr\n"
                     "1:\n\t"
                     "decq %[spins]\n\t"
                     "jnz 1b\n\t"
                     ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n\t"
                     "movaps %%xmm\\n, 16 * \\n(%[out])\n\t"
                     ".endr\n\t"
                     "fstpl %[x87_out]\n\t"
                     "stmxcsr %[mxcsr_out]\n\t"
                     "ldmxcsr %[mxcsr_usual]"
                     : [spins] "+r"(spins), [x87_out] "=m"(x87_out), [mxcsr_out] "=m"(mxcsr_out)
                     : [in] "r"(in), [out] "r"(out), [x87_in] "m"(x87_in), [mxcsr_in] "m"(mxcsr_in),
                       [mxcsr_usual] "m"(mxcsr_usual)
                     : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
                       "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
                       "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");
    CHECK_EQ(memcmp(in, out, sizeof in), 0);
    CHECK(x87_out == x87_in);
    CHECK_EQ(mxcsr_out, mxcsr_in);
}

int main(void)
{
    struct rt_ring *ring = demo_begin("tls-smoke");

    check_template();
    fill();
    uintptr_t base = thread_pointer();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        check_vectors(); /* preempted */
        check_filled(base);
        CHECK_EQ(rt_ring_enter(ring, 1, SLEEP_NS), 0); /* blocked */
        check_filled(base);
    }
    return demo_end();
}
