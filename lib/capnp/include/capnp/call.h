// SPDX-License-Identifier: MIT
/*
 * One call as a server sees it. Generated dispatch functions fill and read it;
 * kernel objects and services in processes use the same ones.
 *
 * A dispatch function checks the whole parameter message against its schema
 * before it calls the handler, so a handler never sees a malformed pointer. A
 * handler either answers, having built its results, or refuses with an
 * exception, or says that the answer comes later.
 */
#pragma once

#include <stdint.h>

/* Types and numbers of Cap'n Proto RPC's Exception.Type; the last is capOS's own. */
enum capnp_exception {
    CAPNP_EXC_FAILED = 0,
    CAPNP_EXC_OVERLOADED = 1,
    CAPNP_EXC_DISCONNECTED = 2,
    CAPNP_EXC_UNIMPLEMENTED = 3,
    CAPNP_EXC_INVALID_ARGUMENT = 4,
};

enum capnp_answer {
    CAPNP_ANSWERED, /* results are built; results_bytes says how long they are */
    CAPNP_REFUSED,  /* exception and reason are set */
    CAPNP_NO_ROOM,  /* the results do not fit in results_room */
    CAPNP_PENDING,  /* the answer comes later; the server has kept what it needs */
};

struct capnp_call {
    uint64_t interface_id;
    uint64_t badge;
    uint16_t method;
    uint16_t params_capabilities;   /* how many came with the parameters */
    enum capnp_exception exception; /* set with CAPNP_REFUSED */
    const char *reason;             /* one static sentence, set with CAPNP_REFUSED */
    const void *params;             /* message, 8-byte aligned; borrowed for the call */
    void *results;                  /* 8-byte aligned; where the result message is built */
    uint32_t params_bytes;          /* multiple of 8; 0: all defaults */
    uint32_t results_room;          /* bytes */
    uint32_t results_bytes;         /* set by dispatch with CAPNP_ANSWERED; 0: all defaults */
};

/* Refuses the call. Keeps `reason`, which must be a static string. */
static inline enum capnp_answer
capnp_call_refuse(struct capnp_call *call, enum capnp_exception exception, const char *reason)
{
    call->exception = exception;
    call->reason = reason;
    return CAPNP_REFUSED;
}
