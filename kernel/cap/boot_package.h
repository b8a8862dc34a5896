// SPDX-License-Identifier: MIT
/*
 * BootPackage: the boot manifest as the boot loader brought it, to read in pieces.
 * There is one, held by the kernel.
 */
#pragma once

#include "cap/cap.h"

extern const struct cap_type boot_package_type;

/* Makes it. Keeps `manifest`, which stays where it is and as it is. */
void boot_package_init(const void *manifest, uint64_t bytes);
