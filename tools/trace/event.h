// SPDX-License-Identifier: MIT
/*
 * What the plugin writes down of a run and the trace is made of: the traffic of every
 * ring, in the order in which it happened.
 *
 *   ENTRY        a program enters the kernel, and this entry waits in its ring. One that
 *                is not taken then is written again the next time.
 *   COMPLETION   the kernel goes back to a program, and this completion is new to it
 *
 * An event is a struct event and `bytes` bytes behind it. Everything is as it lies in the
 * guest's memory, which has this machine's byte order.
 */
#pragma once

#include <abi/capset.h>
#include <abi/limits.h>
#include <abi/ring.h>
#include <stdint.h>

enum event_kind {
    EVENT_PROCESS = 1, /* struct event_process, before the first other event of a process */
    EVENT_ENTRY,       /* struct event_entry, then the parameters and descriptors */
    EVENT_COMPLETION,  /* struct event_completion, then what lies in the result buffer */
};

struct event {
    uint32_t kind;
    uint32_t bytes;
    uint64_t pid;
    uint64_t instructions; /* executed by the machine so far */
};

struct event_process {
    char name[CAP_NAME_MAX + 1];
};

/* The number of an entry that a completion is not known to belong to. */
#define EVENT_NO_ENTRY UINT64_MAX

struct event_entry {
    uint64_t number; /* the count of the submission queue */
    struct cap_sqe sqe;
    uint64_t is_readable; /* whether the parameters are there */
};

struct event_completion {
    uint64_t number; /* of its entry */
    struct cap_cqe cqe;
};

/* The largest message with all that may come with it, and a header. */
#define EVENT_BYTES_MAX                                                                            \
    (CAP_MESSAGE_MAX + 64u * 32u + sizeof(struct cap_message_header) +                             \
     sizeof(struct event_completion) + sizeof(struct event_entry))
