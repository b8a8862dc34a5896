// SPDX-License-Identifier: MIT
/*
 * What the spawn smoke's program does as a child of itself. The part is told by the
 * name of a capability that it was born with; without one it exits with 0.
 */
#pragma once

#include <rt/ring.h>
#include <stdbool.h>

#define ROLE_EXIT  "exit-7" /* exits with 7 */
#define ROLE_FAULT "fault"  /* reads address 8 */
#define ROLE_WAIT  "wait"   /* waits for what never comes */
#define ROLE_ECHO  "echo"   /* an endpoint: answers one call with its badge */
#define ROLE_NEST  "nest"   /* a ProcessSpawner: spawns children for ever */

/* Whether this process is the smoke itself. */
bool role_is_parent(void);

/* Plays the part that it has been given. Returns the exit code. */
int role_play(struct rt_ring *ring);
