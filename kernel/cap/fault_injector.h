// SPDX-License-Identifier: MIT
/*
 * FaultInjector: makes one allocation of the kernel fail, for tests that walk all of
 * them. Only a manifest can grant it, and none but a test's does.
 */
#pragma once

#include "cap/cap.h"

extern const struct cap_type fault_injector_type;

/* Makes the one there is. */
void fault_injector_init(void);
