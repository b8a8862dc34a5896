// SPDX-License-Identifier: MIT
/* Bytes as a program for the table of regions and its model (lib/test/region_model.h). */
#include "../lib/test/region_model.h"

/* The name is the fuzzer's. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    region_model_run(data, size);
    return 0;
}
