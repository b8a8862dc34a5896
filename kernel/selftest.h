// SPDX-License-Identifier: MIT
/*
 * Faults and shortages on request: capos.test=NAME on the kernel's command line
 * makes the kernel do the one thing that must be caught, instead of starting the
 * system. Tests look at the sentence and at the exit code.
 */
#pragma once

#include "boot/boot_info.h"

/* Returns only if the command line asks for no test. */
void selftest_run(const struct boot_info *info);
