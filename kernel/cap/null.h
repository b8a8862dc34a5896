// SPDX-License-Identifier: MIT
/*
 * NullCap: an object that does next to nothing, to measure what a call costs. It
 * is in every kernel; only manifests that measure grant it.
 */
#pragma once

#include "cap/cap.h"

extern const struct cap_type null_cap_type;

/* A new one; its first hold is the caller's. ST_NO_MEMORY. */
enum status null_cap_create(struct cap_object **object);
