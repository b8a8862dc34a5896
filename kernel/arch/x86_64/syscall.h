// SPDX-License-Identifier: MIT
/* The SYSCALL instruction: how it is set up and what entry.S calls for it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct thread;

/* In RAX and RDX when a function returns it. */
struct syscall_result {
    int64_t value;
    bool resume; /* false: there is no value yet, or never; another thread must run */
};

/*
 * A system call of the current thread `t`. With `resume`, it goes on with the
 * value; otherwise entry.S saves what C code preserves and calls sched_switch().
 */
struct syscall_result syscall_enter(struct thread *t, uint64_t arg0, uint64_t arg1,
                                    uint64_t number);
