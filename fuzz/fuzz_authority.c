// SPDX-License-Identifier: MIT
/*
 * Bytes as a program for three processes on the hosted kernel, beside a model of who may do
 * what (kernel/test/authority.h).
 */
#include <stdio.h>
#include <stdlib.h>

#include "test/authority.h"

/* The name is the fuzzer's. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *wrong = authority_play(data, size);

    if (wrong != NULL) {
        fprintf(stderr, "%s\n", wrong);
        abort();
    }
    return 0;
}
