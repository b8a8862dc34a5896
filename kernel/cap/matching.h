// SPDX-License-Identifier: MIT
/*
 * How calls and receivers meet in an endpoint: the oldest call and the receiver that
 * came last. In order: a call goes straight to a receiver only where none waits
 * before it.
 *
 * One entry tries MATCH_TRIES of them at most; what is left then, and what waits where
 * an endpoint closes, is matched or ended as work, in slices of as many.
 */
#pragma once

#include <lib/call.h>
#include <stdbool.h>

#include "cap/endpoint.h"

/* A message up to this size, in bytes, is short: handing it over is no long work. */
#define SHORT_MESSAGE_BYTES 504u

/* Up to this one, between message areas, it is copied in one go. */
#define LONG_MESSAGE_BYTES 8184u

/* Why a call to a closed endpoint is refused. */
extern const char matching_closed[];

/*
 * Sends a call from a record that is in no list: to the first receiver whose buffer is
 * there, or into the queue, behind those that wait. Takes over what the message
 * carries, and completes the entry if it fails.
 */
void matching_send(struct endpoint *e, struct call *caller, const struct call_message *message);

/*
 * A receiver's record, in no list and holding the endpoint, takes the next call or
 * waits for one. True: that kept interrupts out for a while.
 */
bool matching_receive(struct endpoint *e, struct call *receiver);

/* Undertakes to match, or end, what waits. */
void matching_begin(struct endpoint_object *o);

/* A record that leaves its endpoint's list, or stops serving, lets go of the endpoint. */
void matching_leave(struct call *call);

/* Takes a call out of the queue, with what it carries. */
void matching_unqueue(struct call *caller);
