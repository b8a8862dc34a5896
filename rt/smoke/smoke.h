// SPDX-License-Identifier: MIT
/* The parts of the smoke program. */
#pragma once

#include <rt/ring.h>

/*
 * What the runtime makes of capabilities: a server and its client, both this program,
 * on its own one ring. Leaves nothing behind.
 */
void check_capabilities(struct rt_ring *own);
