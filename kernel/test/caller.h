// SPDX-License-Identifier: MIT
/*
 * A program that calls objects of the kernel, for tests of their methods:
 *
 *     caller_start(NULL);
 *     uint64_t id = caller_kernel_object(CAPOS_NULL_CAP_ID);
 *     capos_null_cap_echo_params_set_value(
 *         capos_null_cap_echo_params_build_root(caller_params()), 7);
 *     caller_calls(id, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ECHO);
 *     ... capos_null_cap_echo_results_read_root(&caller_results) ...
 *     caller_end();
 *
 * What is not as it should be fails the test.
 */
#pragma once

#include <abi/ring.h>
#include <capnp/build.h>
#include <capos.capnp.h>

#include "test/world.h"

/* Its message area; a test that has it started otherwise gives it as much. */
#define CALLER_AREA_BYTES 65536u

#define INVALID           CAPOS_EXCEPTION_TYPE_INVALID_ARGUMENT
#define OVERLOADED        CAPOS_EXCEPTION_TYPE_OVERLOADED
#define DISCONNECTED      CAPOS_EXCEPTION_TYPE_DISCONNECTED
#define FAILED            CAPOS_EXCEPTION_TYPE_FAILED

extern struct actor caller;
extern struct capnp_message caller_results; /* of the last call */

/* The kernel, where there is none yet, and the program; NULL: with enough of everything. */
void caller_start(const struct actor_params *params);

/* Its end, and that of all that it has spawned; nothing may be left of them. */
void caller_end(void);

/* That everything in the kernel is sound. */
void caller_expect_sound(void);

/* Grants it the kernel's object of this interface. */
uint64_t caller_kernel_object(uint64_t interface_id);

/* Its newest capability for an object of this type. */
uint64_t caller_newest(const struct cap_type *type);

void caller_release(uint64_t cap_id);

/* Where the parameters of the next call are built. */
struct capnp_arena *caller_params(void);

/* Sends a capability with them, as the next index. */
struct capnp_capability caller_sends(uint64_t cap_id, uint16_t mode);

/* The entry of a call with what was built since caller_params(). */
struct cap_sqe caller_entry(uint64_t cap_id, uint64_t interface_id, uint16_t method);

/* Calls, does what work comes of it, and opens the results; or is refused, and nothing is left. */
void caller_calls(uint64_t cap_id, uint64_t interface_id, uint16_t method);
void caller_refused(uint64_t cap_id, uint64_t interface_id, uint16_t method,
                    enum capos_exception_type type, const char *reason);

/* The same of an entry's completion. */
void caller_open_results(const struct cap_cqe *cqe);
void caller_expect_exception(const struct cap_cqe *cqe, enum capos_exception_type type,
                             const char *reason);
