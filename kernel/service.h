// SPDX-License-Identifier: MIT
/*
 * Services: the processes that the boot manifest declares, from their first start
 * to their last end.
 *
 *   services_init ─► spawned ─► runs ─► on_end ─► ended
 *                       ▲                  │ restart policy, count left
 *                       └──────────────────┘
 *
 * At boot all of them are spawned before any runs. A service has ended when its
 * process has been reaped and no restart is due; when the last has ended, the run
 * is over.
 */
#pragma once

#include <capos.capnp.h>
#include <lib/account.h>
#include <stdbool.h>
#include <stdint.h>

/* Why a run counts as failed whatever its services say. */
enum services_trouble { TROUBLE_NONE, TROUBLE_STALLED, TROUBLE_DEADLINE };

/*
 * Takes note of every service of a validated manifest, whose memory must stay
 * where it is. Budgets come out of `account`. `finished` is called, on the kernel
 * stack and between threads, when the last service has ended. ST_NO_MEMORY.
 */
enum status services_init(struct capos_manifest manifest, struct account *account,
                          void (*finished)(void));

/*
 * Spawns every service, and starts them all if each was spawned or is expected not
 * to be. False, with a sentence printed: one failed that should not have, and
 * nothing was started.
 */
bool services_start(void);

/* Nothing can make a thread ready any more: ends every process that is left. */
void services_stalled(void);

/* The run has lasted too long: ends every process, and restarts none. */
void services_deadline(void);

/* For the end of a run. */
enum services_trouble services_trouble(void);

/* Prints one line for each service. Returns how many ended otherwise than expected. */
uint32_t services_print_summary(void);

/* Gives everything back that services_init took. */
void services_fini(void);
