// SPDX-License-Identifier: MIT
/*
 * Whole files, in and out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report.h"

/*
 * Reads a file of at most `most` bytes into fresh memory, which the caller frees.
 * `at` is the place that named the file, or NULL.
 */
bool file_read(struct report *report, const struct place *at, const char *path, size_t most,
               uint8_t **bytes, size_t *len);

/*
 * Writes a file so that others see the old one or the whole new one, and nothing
 * in between. On failure the old one is untouched and nothing is left behind.
 * What is there already must be a regular file.
 */
bool file_replace(struct report *report, const char *path, const uint8_t *bytes, size_t len);
