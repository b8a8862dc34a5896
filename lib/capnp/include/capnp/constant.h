// SPDX-License-Identifier: MIT
/*
 * Constants that are lists and structs: words that generated code holds.
 */
#pragma once

#include <capnp/read.h>

/*
 * The root pointer of a constant, which is opened as the message m. Readers of it
 * are good for as long as m is, and may read as often as they like: the words are
 * the program's own.
 */
static inline struct capnp_any capnp_constant(struct capnp_message *m,
                                              const struct capnp_segment *words)
{
    capnp_message_open_flat(m, words->base, words->bytes);
    m->budget = UINT64_MAX;
    return (struct capnp_any){
        .message = m,
        .segment = &m->segments[0],
        .slot = m->segments[0].base,
        .depth = CAPNP_DEPTH_MAX,
    };
}
