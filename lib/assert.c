// SPDX-License-Identifier: MIT
/*
 * The assert of last resort: stops where it stands. Kernel and tests put a better
 * one in its place at link time.
 */
#include <lib/assert.h>

__attribute__((weak)) _Noreturn void lib_assert_failed(const char *sentence, const char *file,
                                                       int line)
{
    (void)sentence;
    (void)file;
    (void)line;
    __builtin_trap();
}
