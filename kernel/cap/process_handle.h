// SPDX-License-Identifier: MIT
/*
 * ProcessHandle: a process that was spawned, for its spawner to wait for and to end.
 *
 *   process_handle_create ─► process_handle_attach ─► RUNNING ─► process_handle_ended ─► ENDED
 *
 * While it is RUNNING each wait is kept; when the process has been reaped wholly all of
 * them are answered, some at a time, and from then on a wait is answered at once. The
 * process refers to its handle, which is one hold; so a handle that everybody has let go
 * of lives until the process has ended, and tells nobody.
 */
#pragma once

#include <lib/account.h>
#include <lib/status.h>

#include "cap/cap.h"
#include "process.h"

struct process_handle;

extern const struct cap_type process_handle_type;

/* A handle of no process yet, charged to `payer`: one hold, the caller's. */
enum status process_handle_create(struct account *payer, struct process_handle **out);

/* The object whose hold that is. */
struct cap_object *process_handle_object(struct process_handle *handle);

/* From now on the process refers to the handle, which is its owner. */
void process_handle_attach(struct process_handle *handle, struct process *p);

/* What such a process has as its on_end; `owner` is the handle. */
void process_handle_ended(void *owner, const struct process_report *report);
