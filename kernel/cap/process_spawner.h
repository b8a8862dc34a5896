// SPDX-License-Identifier: MIT
/*
 * ProcessSpawner: starts the programs of the boot manifest. There is one, held by the
 * kernel.
 *
 * A spawn checks all its parameters, makes what the child needs, keeps the call and goes
 * on in slices:
 *
 *   spawn ─► kept ─► built ─► answered ─► started
 *     │       │        │         │
 *     └───────┴────────┴─────────┴──► refused, withdrawn or not delivered: as before
 *
 * The child is complete when the call is answered, and starts in the same slice: not
 * before, so that a child whose spawner never learns of it has never run. What was to be
 * moved stays locked in the caller's table until then, so all of it is still the
 * caller's whatever fails: a parameter, the caller's budget, the memory of the machine,
 * the answer's delivery, or the caller itself.
 *
 * Only a child that its own limits are too small for is no failure of the spawn: it is
 * spawned, has what it was granted, and wait on its handle says `failedToStart`.
 *
 * The child's name is what people read. Nothing goes by it, so two may have the same.
 */
#pragma once

#include "cap/cap.h"

extern const struct cap_type process_spawner_type;

/* Makes it. */
void process_spawner_init(void);
