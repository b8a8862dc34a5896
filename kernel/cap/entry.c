// SPDX-License-Identifier: MIT
#include "cap/entry.h"

#include "cap/exception.h"

void entry_fail(struct call *call, enum cap_err error)
{
    entry_complete(call, error, 0, 0, 0);
}

void entry_refuse(struct call *call, enum capnp_exception exception, const char *reason)
{
    struct exception_words words = exception_write(call->thread, &call->result, exception, reason);

    entry_complete(call, CAP_ERR_EXCEPTION, words.flags, 0, words.bytes);
}
