// SPDX-License-Identifier: MIT
/* What a printer writes, in one string. For a test file that has included cmocka. */
#pragma once

#include <stddef.h>
#include <string.h>

static char output[65536];
static size_t output_len;

static void collect(void *self, const char *bytes, size_t len)
{
    (void)self;
    assert_true(output_len + len < sizeof output);
    memcpy(output + output_len, bytes, len);
    output_len += len;
    output[output_len] = '\0';
}
