// SPDX-License-Identifier: MIT
/* How a refusal reaches the caller: a schema Exception in its result buffer. */
#pragma once

#include <capnp/call.h>
#include <stdint.h>

#include "cap/buffer.h"

/* What the completion of a refused call says. */
struct exception_words {
    uint16_t flags;
    uint32_t bytes; /* of message in the buffer */
};

/*
 * Writes the Exception into the buffer, or nothing if it does not fit or cannot be
 * written, and says what the completion is to say. `reason` is a static string.
 */
struct exception_words exception_write(const struct thread *t, const struct call_buffer *result,
                                       enum capnp_exception exception, const char *reason);
