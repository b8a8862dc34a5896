// SPDX-License-Identifier: MIT
/* The 8254 timer, channel 0: IRQ_TIMER at a steady rate. */
#pragma once

#include <stdint.h>

#define PIT_INPUT_HZ 1193182u
#define PIT_HZ_MIN   19u /* the divisor has 16 bits */
#define PIT_HZ_MAX   10000u

/*
 * Starts ticking, or changes the rate; hz in PIT_HZ_MIN…PIT_HZ_MAX. Returns the
 * length of one tick in nanoseconds as the divisor makes it.
 */
uint64_t pit_start(uint32_t hz);

/* Stops ticking. An interrupt that is already pending still arrives. */
void pit_stop(void);
