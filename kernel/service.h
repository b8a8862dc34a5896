// SPDX-License-Identifier: MIT
/*
 * Services: the processes that the boot manifest declares for the kernel to start, from
 * their first start to their last end.
 *
 *   services_init ─► spawned ─► runs ─► on_end ─► ended
 *                       ▲                  │ restart policy, count left
 *                       └──────────────────┘
 *
 * At boot all of them are spawned before any runs. A service has ended when its
 * process has been reaped and no restart is due. When all have that are not daemons,
 * the run is over: the processes that are left are killed, daemons and what services
 * have spawned and left behind, and for a daemon that is as good as the expected end.
 *
 * Each export has one endpoint for the whole life of its service, whose process is
 * born with the owner facet; importers are born with client facets. Until a service
 * has ended, the kernel holds for it all that it is born with. So calls to a service
 * that is between two of its processes wait for the next one, calls to one that has
 * ended are disconnected, and a client that is restarted reaches the same endpoint.
 */
#pragma once

#include <capos.capnp.h>
#include <lib/account.h>
#include <stdbool.h>
#include <stdint.h>

#include "cap/cap.h"

/* Why a run counts as failed whatever its services say. */
enum services_trouble { TROUBLE_NONE, TROUBLE_STALLED, TROUBLE_DEADLINE };

/*
 * Takes note of every service of a validated manifest that the kernel starts, and makes
 * its endpoints. The manifest's memory must stay where it is. Budgets come out of
 * `account`, which pays for the endpoints too. `finished` is called, on the kernel stack
 * and between threads, when no process is left. An error: there is no memory.
 */
enum status services_init(struct capos_manifest manifest, struct account *account,
                          void (*finished)(void));

/*
 * Spawns every service, and starts them all if each was spawned or is expected not
 * to be. False, with a sentence printed: one failed that should not have, and
 * nothing was started.
 */
bool services_start(void);

/* Nothing can make a thread ready any more: ends the services that are no daemons. */
void services_stalled(void);

/* The run has lasted too long: the same. */
void services_deadline(void);

/* For the recount: calls `visit` for each hold that services have for their processes. */
void services_each_hold(void (*visit)(struct cap_object *held));

/* For the end of a run. */
enum services_trouble services_trouble(void);

/* Prints one line for each service. Returns how many ended otherwise than expected. */
uint32_t services_print_summary(void);

/* Gives everything back that services_init took. */
void services_fini(void);
