// SPDX-License-Identifier: MIT
/*
 * What entry.S calls for the SYSCALL instruction, when the context of the current thread `t`
 * holds everything that it keeps. Neither returns: each goes on in user mode with whoever is
 * to run then.
 */
#pragma once

#include <stdint.h>

struct thread;

/* The system call cap_enter. */
_Noreturn void enter(uint64_t min_complete, uint64_t timeout_ns, struct thread *t);

/* Any other number. */
_Noreturn void enter_other(uint64_t arg0, uint64_t arg1, struct thread *t, uint64_t number);
