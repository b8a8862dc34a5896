// SPDX-License-Identifier: MIT
/*
 * The two system calls. Everything else is a ring entry.
 *
 * Instruction: SYSCALL. Number in RAX, arguments in RDI and RSI, result in RAX.
 *
 *   kept        RBX RBP RSP R12 R13 R14 R15, FS base, MXCSR, x87 control word
 *   zeroed      RDI RSI RDX R8 R9 R10
 *   destroyed   RCX (return address), R11 (flags), arithmetic flags
 *   dead        XMM0–15 and the x87 stack: their contents after the call are
 *               zero or the caller's own, never another program's. A wrapper
 *               must declare them clobbered.
 *
 * cap_enter(min_complete, timeout_ns)
 *     Takes submissions, posts completions, and returns how many completions
 *     the queue holds. If they are fewer than min_complete, waits for more until
 *     the time is up: 0 does not wait, CAP_TIMEOUT_FOREVER waits for as long as
 *     it takes. Times are rounded up to the kernel's tick.
 *     Errors: SYS_ERR_BAD_ARGUMENT (min_complete above the completion queue's
 *     size, timeout_ns above CAP_TIMEOUT_MAX_NS and not FOREVER; nothing was
 *     taken), SYS_ERR_RING_CORRUPT (see abi/ring.h).
 *
 * exit(code)
 *     Ends the process with a 64-bit code. Does not return.
 *
 * Any other number returns SYS_ERR_BAD_NUMBER and does nothing.
 *
 * At a program's first instruction: RDI ring region, RSI process id, RDX CapSet
 * page, RSP ≡ 8 (mod 16) with a zero return address on top as at a function's
 * entry (System V AMD64 ABI 3.2.2), DF clear, every other register zero.
 */
#pragma once

#define SYS_CAP_ENTER       0
#define SYS_EXIT            1

#define CAP_TIMEOUT_POLL    0ull
#define CAP_TIMEOUT_FOREVER 0xffffffffffffffffull
