// SPDX-License-Identifier: MIT
/*
 * Asserts for lib: what only a bug of ours can break, never what a program or a
 * file says. Always compiled in.
 */
#pragma once

/*
 * Called once an assert has failed, with the sentence of the invariant. The
 * definition in lib is weak and stops at a trap instruction; the kernel replaces
 * it by a panic, a test by a function that records and jumps.
 */
_Noreturn void lib_assert_failed(const char *sentence, const char *file, int line);

#define LIB_ASSERT(condition, sentence)                                                            \
    (__builtin_expect(!(condition), 0) ? lib_assert_failed((sentence), __FILE__, __LINE__)         \
                                       : (void)0)
