// SPDX-License-Identifier: MIT
/*
 * Bytes as a program for the capability table and its model (lib/test/cap_table_model.h).
 * Generations of four bits, so that slots wear out within one input.
 */
#define CAP_ID_GENERATION_BITS 4u

#include "../lib/cap_table.c"

#include "../lib/test/cap_table_model.h"

/* The name is the fuzzer's. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    model_run(data, size);
    return 0;
}
