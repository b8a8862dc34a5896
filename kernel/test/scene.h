// SPDX-License-Identifier: MIT
/*
 * A caller, a receiver and an endpoint between them, on the hosted kernel, with a call
 * in any of the states that docs/endpoints.md names, and everything that can happen
 * to it. An outcome is what the table there says in a row, in its words.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SCENE_WORDS 40u /* bytes of one cell, at most */

struct outcome {
    char next[SCENE_WORDS];
    char call[SCENE_WORDS];
    char receive[SCENE_WORDS];
    char entry[SCENE_WORDS];
    char moved[SCENE_WORDS];
};

extern const size_t scene_state_count;
extern const size_t scene_event_count;

/* Their names, as the table has them. */
const char *scene_state_name(size_t state);
const char *scene_event_name(size_t event);

/* Whether an event takes a page away, and so does not happen in message areas. */
bool scene_needs_pages(size_t event);

/*
 * Makes the state, lets the event happen, and does what is left to do: then everybody
 * winds up and ends. *outcome is what came of it; next is "cannot" where the one who
 * acts is ending or has nothing to act on. Returns what went wrong besides, in the
 * kernel's state at any time or in what was left at the end; NULL: nothing. `area`: all
 * messages lie in message areas.
 */
const char *scene_play(size_t state, size_t event, bool area, struct outcome *outcome);
