// SPDX-License-Identifier: MIT
#include "cap/exception.h"

#include <abi/ring.h>
#include <capos.capnp.h>

/* Bytes of the longest Exception of the kernel's own. */
#define EXCEPTION_BYTES 256u

struct exception_words exception_write(const struct thread *t, const struct call_buffer *result,
                                       enum capnp_exception exception, const char *reason)
{
    _Alignas(8) uint8_t message[EXCEPTION_BYTES];
    struct capnp_arena arena;
    uint16_t type = (uint16_t)exception;

    capnp_arena_init(&arena, message, sizeof message);
    struct capos_exception_builder e = capos_exception_build_root(&arena);
    capos_exception_set_type(e, (enum capos_exception_type)exception);
    capos_exception_set_reason(e, capnp_text_from(reason));
    uint32_t bytes = (uint32_t)capnp_arena_bytes(&arena);
    if (!capnp_arena_ok(&arena) || bytes > result->len ||
        !buffer_copy_out(t, result, message, bytes)) {
        return (struct exception_words){.flags = type | CAP_CQE_F_TRUNCATED};
    }
    return (struct exception_words){.flags = type, .bytes = bytes};
}
