// SPDX-License-Identifier: MIT
/* Where every boot protocol meets. */
#pragma once

#include "boot/boot_info.h"

/* Brings the machine up, in order, and starts the system. On the boot stack. */
_Noreturn void kernel_main(struct boot_info *info);
