// SPDX-License-Identifier: MIT
/* The SYSCALL instruction: how it is set up and what entry.S calls for it. */
#pragma once

#include <stdint.h>

/* Sets STAR, LSTAR and SFMASK of this CPU and switches SYSCALL on. */
void syscall_init(void);

/*
 * A system call of the current thread, whose kept registers are in its context.
 * Returns with the thread to resume as the CPU's current one.
 */
void syscall_enter(uint64_t arg0, uint64_t arg1, uint64_t number);
