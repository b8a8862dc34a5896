// SPDX-License-Identifier: MIT
/*
 * FrameAllocator: makes memory objects, charged to whoever calls. There is one; what a
 * process can get from it is bounded by its own budget of frames.
 */
#pragma once

#include "cap/cap.h"

extern const struct cap_type frame_allocator_type;

/* Makes the one there is, which the kernel's table holds. */
void frame_allocator_init(void);
