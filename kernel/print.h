// SPDX-License-Identifier: MIT
/*
 * Formatted lines on the serial port.
 *
 * Formats: %s %.*s %c %d %i %u %x %X %p %% with l, ll and z, a width, 0 and -.
 * %s of NULL prints "(null)". No locks, no heap, about 300 bytes of stack.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

void kprint(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Formats into a sink that takes the text piece by piece. */
void kprint_to(void (*sink)(const char *text, size_t len), const char *fmt, va_list list)
    __attribute__((format(printf, 2, 0)));
