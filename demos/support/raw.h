// SPDX-License-Identifier: MIT
/*
 * Entries as a hostile or careless program would write them: nothing here checks
 * anything before the kernel does.
 *
 *     struct cap_sqe sqe = raw_console_line(console, &message, "text");
 *     sqe.params_addr += 4;
 *     CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_PARAMS);
 */
#pragma once

#include <abi/ring.h>
#include <rt/ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A parameter message outside the message area, large enough for the largest line there may be. */
struct raw_message {
    uint64_t words[CAP_KERNEL_MESSAGE_MAX / 8u + 8u];
    uint32_t bytes;
};

/* A raw entry's user data while raw_complete waits for it. */
#define RAW_USER_DATA 0x5261772d656e7472ull

/*
 * Submits one entry, with RAW_USER_DATA, and gives its completion. Fails the demo
 * if there is not exactly one completion, or if an unused field of it is not zero.
 * The ring must have no raw completions waiting, and the entry none to bring about.
 */
struct cap_cqe raw_complete(struct rt_ring *ring, const struct cap_sqe *sqe);

/* The same, of which only the result matters. */
int32_t raw_result(struct rt_ring *ring, const struct cap_sqe *sqe);

/* The same for a call that must end in an exception: its type. Anything else fails the demo. */
uint32_t raw_exception(struct rt_ring *ring, const struct cap_sqe *sqe);

/* Raw completions that raw_await may meet and keep while it waits for another. */
#define RAW_KEPT_MAX 64u

/*
 * Queues one entry with user data of its own, nothing awaited: it is submitted with the
 * next raw_await, raw_has_completed or entry into the kernel. The queue must have room.
 */
void raw_send(struct rt_ring *ring, const struct cap_sqe *sqe);

/* Waits for the completion with this user data. Others that come first are kept. */
struct cap_cqe raw_await(struct rt_ring *ring, uint64_t user_data);

/*
 * Whether the completion with this user data is there, after a look into the kernel that
 * does not wait. It stays for raw_await. What the kernel defers may need some looks.
 */
bool raw_has_completed(struct rt_ring *ring, uint64_t user_data);

/* Completions that have come and that nobody awaited. */
uint32_t raw_kept(struct rt_ring *ring);

/*
 * A call of Console.writeLine or Console.write with n bytes of payload, whatever
 * they are. The message is built in `message`, which must live until the completion.
 */
struct cap_sqe raw_console_line(uint64_t console, struct raw_message *message, const char *text,
                                size_t n);
struct cap_sqe raw_console_write(uint64_t console, struct raw_message *message, const void *data,
                                 size_t n);
