// SPDX-License-Identifier: MIT
/*
 * Every error number that crosses between the kernel and a program, once.
 *
 * There are three layers and they are never mixed:
 *
 *   transport   the call did not happen, or its answer could not be delivered:
 *               a negative CQE result (CAP_ERR_*), or a negative return of a
 *               system call (SYS_ERR_*)
 *   exception   the call happened and the object refuses: CQE result is
 *               CAP_ERR_EXCEPTION, the type is in the CQE flags, the text is a
 *               Cap'n Proto `Exception` in the result buffer
 *   result      an ordinary outcome, in the interface's own schema
 *
 * The lists are X-macros so that kernel logs, runtime and manual print the same
 * name and sentence: X(name, number, "sentence").
 */
#pragma once

#include <stdint.h>

/* The result of a completion, when the transport failed. −1…−5 are the seed's. */
#define CAP_ERR_LIST(X)                                                                            \
    X(INVALID_REQUEST, -1, "the entry is malformed or its opcode is not in the ABI")               \
    X(BAD_PARAMS, -2, "the parameter buffer is misaligned, out of range or unreadable")            \
    X(BAD_RESULT, -3, "the result buffer is misaligned, out of range, unwritable or too short")    \
    X(INVOKE_FAILED, -4, "the capability id is stale, forged or was never valid")                  \
    X(UNSUPPORTED_OPCODE, -5, "the opcode or flag is reserved and not served yet")                 \
    X(EXCEPTION, -6, "the object refused the call; its type is in the flags")                      \
    X(WRONG_INTERFACE, -7, "the object does not serve the interface the entry names")              \
    X(BAD_TRANSFER, -8, "a capability may not be copied or moved, or its descriptor is malformed") \
    X(CANCELED, -9, "the call was cancelled by its caller")                                        \
    X(NOT_FOUND, -10, "nothing in flight carries that user data or call id")                       \
    X(NOT_DELIVERED, -11, "the answer could not be delivered; its capabilities have stayed")       \
    X(TOO_LARGE, -12, "the message or its capabilities are more than the receiver takes")

enum cap_err {
#define CAP_ERR_ENUM(name, number, sentence) CAP_ERR_##name = (number),
    CAP_ERR_LIST(CAP_ERR_ENUM)
#undef CAP_ERR_ENUM
};

/* What a system call returns in RAX, as a negative number, when it refuses. */
#define SYS_ERR_LIST(X)                                                                            \
    X(BAD_NUMBER, -1, "there is no such system call")                                              \
    X(BAD_ARGUMENT, -2, "an argument is out of range")                                             \
    X(RING_CORRUPT, -3, "a ring index was out of range; it was put back and counted")

enum sys_err {
#define SYS_ERR_ENUM(name, number, sentence) SYS_ERR_##name = (number),
    SYS_ERR_LIST(SYS_ERR_ENUM)
#undef SYS_ERR_ENUM
};

/*
 * Exception types say what the client should do. The first four are those of
 * Cap'n Proto RPC (rpc.capnp, Exception.Type), with its numbers.
 */
#define CAP_EXC_LIST(X)                                                                            \
    X(FAILED, 0, "log it, do not retry")                                                           \
    X(OVERLOADED, 1, "back off and retry")                                                         \
    X(DISCONNECTED, 2, "the object is gone; get a new one")                                        \
    X(UNIMPLEMENTED, 3, "the object has no such method; fall back")                                \
    X(INVALID_ARGUMENT, 4, "the arguments are wrong; correct them")

enum cap_exc {
#define CAP_EXC_ENUM(name, number, sentence) CAP_EXC_##name = (number),
    CAP_EXC_LIST(CAP_EXC_ENUM)
#undef CAP_EXC_ENUM
};

/*
 * How a process ended. The value travels with the status because two ends with
 * the same number are not the same end.
 */
#define PROC_END_LIST(X)                                                                           \
    X(NONE, 0, "running")                                                                          \
    X(EXITED, 1, "exited by itself with a code")                                                   \
    X(FAULTED, 2, "stopped by a processor exception")                                              \
    X(KILLED, 3, "stopped by the kernel or by a holder of its handle")                             \
    X(FAILED_TO_START, 4, "never ran")

enum proc_end {
#define PROC_END_ENUM(name, number, sentence) PROC_END_##name = (number),
    PROC_END_LIST(PROC_END_ENUM)
#undef PROC_END_ENUM
};
