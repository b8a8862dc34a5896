// SPDX-License-Identifier: MIT
/*
 * The end of a program that found a bug in itself.
 *
 * The sentence is written by a path of its own: no heap, no state of the ring
 * client, which may be what broke. It uses the Console that the runtime found in
 * the CapSet before main, gives what is still in the submission queue a chance to
 * be taken, and waits a bounded time. Then the process exits with RT_EXIT_PANIC,
 * whether or not the sentence could be written.
 */
#pragma once

#include <rt/format.h>

_Noreturn void rt_panic(const char *format, ...) RT_FORMAT(1, 2);

/* Writes one line by the panic path and returns. For reports about a damaged ring. */
void rt_emergency_line(const char *text);

/* For what only the program's own bug can break. Always compiled in. */
#define RT_ASSERT(condition)                                                                       \
    ((condition) ? (void)0                                                                         \
                 : rt_panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #condition))
