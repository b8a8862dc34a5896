// SPDX-License-Identifier: MIT
/*
 * printf-style formatting into memory; rt/print.h says what formats there are.
 * Pure: no state, no output, no allocation.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#define RT_FORMAT(format_at, first_at) __attribute__((format(printf, format_at, first_at)))

/*
 * Writes at most room − 1 bytes and a NUL; nothing at all when room is 0 (then
 * `to` may be NULL). Returns the length the whole text has, without the NUL:
 * room or more means that it was cut.
 */
size_t rt_vsnprintf(char *to, size_t room, const char *format, va_list list) RT_FORMAT(3, 0);
size_t rt_snprintf(char *to, size_t room, const char *format, ...) RT_FORMAT(3, 4);
