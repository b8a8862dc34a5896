// SPDX-License-Identifier: MIT
/* What entry.S calls for a trap. */
#pragma once

#include <stdint.h>

struct trap_frame;

/*
 * A trap that interrupted a user thread, whose registers are in its context.
 * Returns with the thread to resume as the CPU's current one.
 */
void trap_from_user(uint64_t vector, uint64_t error);

/* A trap that interrupted the kernel. Returns to where the frame says. */
void trap_in_kernel(struct trap_frame *frame);
