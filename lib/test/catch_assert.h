// SPDX-License-Identifier: MIT
/*
 * For tests of asserts: a failed one becomes a failure of the test, or what
 * expect_assert_failure() waits for. Included once in a test program.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <lib/assert.h>

_Noreturn void lib_assert_failed(const char *sentence, const char *file, int line)
{
    mock_assert(0, sentence, file, line);
    abort();
}
