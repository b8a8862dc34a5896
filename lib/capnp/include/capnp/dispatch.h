// SPDX-License-Identifier: MIT
/*
 * The ends of a call that generated dispatch functions share, and a server as a value.
 */
#pragma once

#include <capnp/build.h>
#include <capnp/call.h>

/* The object serves no such interface or method. */
static inline enum capnp_answer capnp_call_unimplemented(struct capnp_call *call)
{
    return capnp_call_refuse(call, CAPNP_EXC_UNIMPLEMENTED, "the object has no such method");
}

/* The parameters are not a message of their type. */
static inline enum capnp_answer capnp_call_malformed(struct capnp_call *call)
{
    return capnp_call_refuse(call, CAPNP_EXC_INVALID_ARGUMENT,
                             "the parameters are not a valid message of the method's type");
}

/* Begins the results, a struct of this shape. False: there is no room for so much. */
static inline CAPNP_INLINE bool capnp_call_build(const struct capnp_call *call,
                                                 struct capnp_arena *arena, uint16_t data_words,
                                                 uint16_t pointer_count,
                                                 struct capnp_struct_builder *root)
{
    if (CAPNP_UNLIKELY(call->results_room < CAPNP_ROOT_BYTES(data_words, pointer_count))) {
        return false;
    }
    *arena = (struct capnp_arena){
        .base = call->results,
        .room = call->results_room,
        .used = CAPNP_ROOT_BYTES(data_words, pointer_count),
    };
    *root = capnp_flat_root(arena->base, data_words, pointer_count);
    root->arena = arena;
    return true;
}

/* What the handler answered, and how long the results are that it built. */
static inline CAPNP_INLINE enum capnp_answer
capnp_call_built(struct capnp_call *call, const struct capnp_arena *arena, enum capnp_answer answer)
{
    if (answer != CAPNP_ANSWERED) {
        return answer;
    }
    if (!capnp_arena_ok(arena)) {
        return CAPNP_NO_ROOM;
    }
    call->results_bytes = capnp_arena_bytes(arena);
    return CAPNP_ANSWERED;
}

/*
 * Who serves an interface, whatever it is: what a loop needs that serves many. A
 * generated X_service makes it.
 */
struct capnp_service {
    bool (*serves)(uint64_t interface_id); /* this one, or one that it inherits from */
    enum capnp_answer (*dispatch)(const void *server, void *self, struct capnp_call *call);
    const void *server; /* the interface's struct of handlers */
    void *self;         /* what they are called with */
};
