// SPDX-License-Identifier: MIT
/*
 * How a function inside kernel or lib says that it refused. 0 is success; a
 * result comes out through the last pointer parameter, written only on success;
 * on failure nothing has changed, unless the function says otherwise.
 *
 * These never cross to a program: what it is told is a transport code
 * (abi/error.h), which kernel/cap/ring.c chooses. Modules whose callers must tell reasons
 * apart (ELF, manifest) have a small enum of their own.
 */
#pragma once

#define STATUS_LIST(X)                                                                             \
    X(OK, "success")                                                                               \
    X(INVALID, "an argument is malformed or out of range")                                         \
    X(NO_MEMORY, "no frame or heap left")                                                          \
    X(OVER_BUDGET, "the account that would be charged has no more")                                \
    X(FULL, "a bounded table or queue is full")                                                    \
    X(NOT_FOUND, "nothing there by that name, id or address")                                      \
    X(EXISTS, "something is there already")                                                        \
    X(STALE, "the id was valid once, or never")                                                    \
    X(WRONG_TYPE, "the object is of another type")                                                 \
    X(FAULT, "user memory could not be reached")                                                   \
    X(DENIED, "the rules forbid it")                                                               \
    X(PENDING, "not finished; call again")

/* GCC attaches "do not ignore" to the type by [[nodiscard]], clang 14 by the GNU attribute. */
#if defined(__clang__)
#define STATUS_NODISCARD __attribute__((warn_unused_result))
#else
#define STATUS_NODISCARD [[nodiscard]]
#endif

enum STATUS_NODISCARD status {
#define STATUS_ENUM(name, sentence) ST_##name,
    STATUS_LIST(STATUS_ENUM)
#undef STATUS_ENUM
};

/* The sentence for a status, for logs. Never NULL; borrowed for ever. */
const char *status_text(enum status status);
