// SPDX-License-Identifier: MIT
/* How a process ended, in words on the console. */
#pragma once

#include "process.h"

/* Lines about the end of a process of this name, if there is anything to say of it. */
void report_print(const char *name, const struct process_report *report);

/* "exited 0", "page fault", "killed", …, 24 wide and without a line's end. */
void report_print_status(const struct process_status *status);
