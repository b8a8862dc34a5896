// SPDX-License-Identifier: MIT
/* The EndpointFactory: makes endpoints for who calls it, at its expense. */
#pragma once

#include "cap/cap.h"

extern const struct cap_type endpoint_factory_type;

/* Makes the EndpointFactory. */
void endpoint_factory_init(void);
