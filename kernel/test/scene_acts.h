// SPDX-License-Identifier: MIT
/* What a scene begins with, and what then happens in it. For the files of the scene alone. */
#pragma once

#include "test/scene_cast.h"

struct scene_state {
    const char *name;
    void (*make)(struct scene *s);
    void (*then)(struct scene *s);
};

struct scene_event {
    const char *name;
    void (*happens)(struct scene *s);
};

/* As many as scene.h says. */
extern const struct scene_state scene_states[];
extern const struct scene_event scene_events[];
