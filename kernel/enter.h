// SPDX-License-Identifier: MIT
/* What entry.S calls for the SYSCALL instruction. */
#pragma once

#include <stdint.h>

struct thread;

/*
 * A system call of the current thread `t`, whose context holds everything that it keeps.
 * Returns the thread that goes on, which is current then, has all of it in its context
 * and entered by a system call, too; or does not return, but resumes whoever is current.
 * Preserves no register that the compiler was told it need not.
 */
struct thread *enter(uint64_t arg0, uint64_t arg1, struct thread *t, uint64_t number);
