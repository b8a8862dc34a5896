// SPDX-License-Identifier: MIT
/*
 * What the groups of the spawn smoke share: the capabilities they spawn with, children
 * that play a part, and how those end. Everything here fails the smoke if it does not
 * work.
 */
#pragma once

#include <capos.client.h>
#include <support/child.h>

#include "role.h"

/* Bytes of room for how a process ended. */
#define STATUS_BYTES 512u

/* Any interface that a client facet may have. */
#define SOME_INTERFACE 0x5e5510a1d1b1c0deull

struct smoke {
    struct rt_ring *ring;
    struct capos_process_spawner spawner;
    struct capos_endpoint_factory endpoints;
    struct capos_capability_manager manager;
    uint64_t console;
};

extern struct smoke smoke;

/* A child of this program that needs little. Keeps `grants`. */
struct child small_child(const struct child_grant *grants, uint32_t count);

/* A grant of the console under this name, which tells the child its part. */
struct child_grant role(const char *name);

/* Spawns, and says what came of it. */
struct rt_status try_spawn(const struct child *child, struct capos_process_handle *handle);

/* Spawns what can be spawned. */
struct capos_process_handle spawn(const struct child *child);
struct capos_process_handle spawn_role(const char *name);

/* Queues a wait. */
void send_wait(struct rt_call *call, struct capos_process_handle handle);

/* How a process has ended; the caller ends the call when it has looked. */
struct capos_process_status status_of(struct rt_call *call, struct capnp_message *m);

/* Waits for a queued wait, whose process must have ended so, and ends it. */
void check_exit(struct rt_call *call, int64_t code);
void check_killed(struct rt_call *call);

/* The same with a wait of its own. */
void expect_exit(struct capos_process_handle handle, int64_t code);
void expect_killed(struct capos_process_handle handle);

void kill(struct capos_process_handle handle);
void release(struct capos_process_handle handle);

/* The owner facet of a new endpoint: a capability that is worth moving. */
uint64_t new_endpoint(void);

/* A queued call that must end in this error, or this exception; named on the console. */
void expect_error(const char *name, struct rt_call *call, int32_t code);
void expect_refusal(const char *name, struct rt_call *call, uint32_t exception);
