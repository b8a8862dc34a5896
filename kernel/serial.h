// SPDX-License-Identifier: MIT
/*
 * The first serial port, 115,200 baud, 8N1, polled. A machine without one is fine:
 * what is written is dropped, and no wait is unbounded.
 */
#pragma once

#include <stddef.h>

/* Sets the port up, or finds that there is none. */
void serial_init(void);

/* Writes the bytes as they are. */
void serial_write(const char *text, size_t len);

/*
 * The same for panics: depends on nothing but the port, may interrupt
 * serial_write at any instruction, works before serial_init.
 */
void serial_write_emergency(const char *text, size_t len);
