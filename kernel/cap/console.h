// SPDX-License-Identifier: MIT
/* Console: the serial port as a capability. There is one, held by the kernel. */
#pragma once

#include "cap/cap.h"

extern const struct cap_type console_type;

void console_init(void);

/* Time stamp counter at the first line a service wrote; 0: none did. */
uint64_t console_first_line_tsc(void);
