// SPDX-License-Identifier: MIT
/*
 * Formatted output.
 *
 * Formats are those of printf: flags - 0 + space #, width and precision as
 * digits or *, lengths hh h l ll z t j, conversions d i u x X o c s p %. There is
 * no floating point and no %n. A conversion that is not in this list ends the
 * output with "%?", so that a mistake is seen and no argument is misread.
 *
 * rt_printf collects text and hands each whole line to Console.writeLine; a line
 * longer than RT_PRINT_LINE is handed over in parts with Console.write. It needs a
 * Console and the ring, which the ring's owner lends it once with rt_print_to:
 *
 *     struct rt_ring *ring = rt_ring_borrow();
 *     rt_print_to(ring, capos_console_need("console"));
 *     rt_printf("pid %lu\n", rt_pid());
 */
#pragma once

#include <capos.client.h>
#include <rt/format.h>
#include <rt/ring.h>
#include <stdbool.h>

#define RT_PRINT_LINE 512u /* bytes of one line that are kept together */

/* From now on rt_printf writes there. Keeps the ring; a NULL ring turns output off. */
void rt_print_to(struct rt_ring *ring, struct capos_console console);

/*
 * Prints. False: something could not be written (no Console, or the call failed)
 * and is lost. Text without a newline at its end waits for one, or for
 * rt_print_flush.
 */
bool rt_printf(const char *format, ...) RT_FORMAT(1, 2);
bool rt_vprintf(const char *format, va_list arguments) RT_FORMAT(1, 0);

/* Writes what is waiting, with no newline added. The runtime does it after main. */
bool rt_print_flush(void);
