// SPDX-License-Identifier: MIT
/* A run: from hardware that works to the last service's end. */
#pragma once

#include "boot/boot_info.h"

/*
 * Validates the manifest, makes the kernel's objects and starts the services.
 * Whatever is wrong with the manifest ends the run with a sentence before
 * anything has started.
 */
_Noreturn void system_start(const struct boot_info *info);
