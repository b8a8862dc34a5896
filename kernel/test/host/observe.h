// SPDX-License-Identifier: MIT
/* Included before everything else in each file of the hosted kernel: its loads are seen. */
#pragma once

#include <stddef.h>

void host_observe(const void *address, size_t bytes);

#define SHM_OBSERVE(address, bytes) host_observe((address), (bytes))
