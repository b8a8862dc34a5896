// SPDX-License-Identifier: MIT
/*
 * CapabilityManager: what one process holds and may use up, to look at.
 *
 * Each process has at most one, made when it is born with one. It may be handed on
 * like anything else, and outlive the process: from the moment that the process is
 * ending it answers `disconnected`.
 */
#pragma once

#include "cap/cap.h"

struct process;

extern const struct cap_type capability_manager_type;

/* Makes that of this process, which has none, charged to it. ST_NO_MEMORY, ST_OVER_BUDGET. */
enum status capability_manager_create(struct process *p, struct cap_object **out);

/* The process is gone. */
void capability_manager_disconnect(struct cap_object *object);
