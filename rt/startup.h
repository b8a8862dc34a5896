// SPDX-License-Identifier: MIT
/* What the runtime's own files tell each other before main; not for programs. */
#pragma once

#include <stdint.h>

/* Where control goes from _start, with the kernel's three arguments. */
_Noreturn void rt_entry(void *region, uint64_t pid, const void *capset_page);

/*
 * Tells the panic path its ring and its Console. The region's header has been
 * checked; its geometry is copied now, so that what the program does to the header
 * later is no matter. CAP_ID_NONE: panics are silent.
 */
void rt_panic_setup(void *region, uint64_t console_id);
