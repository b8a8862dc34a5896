// SPDX-License-Identifier: MIT
/*
 * How a demo begins, checks and ends. It proves something by a row of CHECKs; the
 * first that does not hold is printed with its place and ends the process with
 * the line number as its exit code, so that even a demo without a Console says
 * where. One that held throughout ends with "<name>: pass" and 0.
 *
 *     int main(void)
 *     {
 *         struct rt_ring *ring = demo_begin("ring-nop");
 *         CHECK_EQ(rt_ring_room(ring), 16);
 *         return demo_end();
 *     }
 */
#pragma once

#include <abi/capset.h>
#include <abi/error.h>
#include <rt/ring.h>
#include <stdint.h>

/*
 * Borrows the thread's ring and sends rt_printf to the first Console of the
 * CapSet, if there is one. Keeps `name`, which must be static.
 */
struct rt_ring *demo_begin(const char *name);

/* Prints the pass line. Returns the exit code of success. */
int demo_end(void);

/* The number that an entry of the CapSet has as its name: how a test's manifest says one. */
uint64_t demo_number(const struct capset_entry *entry);

/*
 * Names what is tried next, for tables of cases: a check that fails before the next
 * name says it. Keeps `name`, which must be static. NULL: nothing in particular.
 */
void demo_case(const char *name);

/*
 * Prints what did not hold and exits. Uses the panic path, since the ring may be
 * what is broken.
 */
_Noreturn void demo_fail(const char *file, int line, const char *text);
_Noreturn void demo_fail_values(const char *file, int line, const char *text, int64_t actual,
                                int64_t expected);

#define CHECK(condition) ((condition) ? (void)0 : demo_fail(__FILE__, __LINE__, #condition))

/* For integers up to 64 bits. */
#define CHECK_EQ(actual, expected)                                                                 \
    demo_check_equal(__FILE__, __LINE__, #actual " = " #expected, (int64_t)(actual),               \
                     (int64_t)(expected))

/* A call that was answered, and one whose object refused it with this type of exception. */
#define CHECK_OK(status) CHECK_EQ((status).code, RT_OK)
#define CHECK_REFUSED(status, expected)                                                            \
    do {                                                                                           \
        struct rt_status status_ = (status);                                                       \
        demo_check_equal(__FILE__, __LINE__, #status " is refused", status_.code,                  \
                         CAP_ERR_EXCEPTION);                                                       \
        demo_check_equal(__FILE__, __LINE__, #status " is refused as " #expected,                  \
                         status_.exception, (expected));                                           \
    } while (0)

static inline void demo_check_equal(const char *file, int line, const char *text, int64_t actual,
                                    int64_t expected)
{
    if (actual != expected) {
        demo_fail_values(file, line, text, actual, expected);
    }
}
