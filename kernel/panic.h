// SPDX-License-Identifier: MIT
/*
 * The end, with a sentence: for broken invariants of the kernel's own, never for
 * anything a program or a boot loader can bring about.
 *
 * A panic prints the sentence, the registers if a trap brought it about, and a
 * symbolised backtrace, and leaves with EXIT_PANIC. It works in any context: it
 * takes no lock, allocates nothing, writes through the emergency path of the
 * serial port, and reads the stack so that a damaged one cannot fault it. A
 * panic within a panic says so and ends at once.
 */
#pragma once

struct trap_frame;

_Noreturn void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2), cold));

/* The same for a trap taken in kernel mode, with its registers and its stack. */
_Noreturn void panic_trap(const struct trap_frame *frame, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), cold));

/* An invariant, and the sentence that says what is wrong when it does not hold. */
#define ASSERT(condition, ...)                                                                     \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) {                                                   \
            panic(__VA_ARGS__);                                                                    \
        }                                                                                          \
    } while (0)
