// SPDX-License-Identifier: MIT
/* What has come of a scene, in words. For the files of the scene alone. */
#pragma once

#include <lib/call.h>

#include "test/scene.h"
#include "test/scene_cast.h"

/* The record of an actor's entry. NULL: it has none, or no more. */
const struct call *scene_record_of(const struct actor *a, uint64_t entry);

/* The receiver's record in this endpoint that serves, or else one that waits. */
const struct call *scene_receiving(const struct scene *s);

bool scene_endpoint_exists(const struct scene *s);

/* Of the state's entries, which had so many completions before the event. */
void scene_tell(struct scene *s, uint32_t calls_before, uint32_t receives_before,
                struct outcome *outcome);
