// SPDX-License-Identifier: MIT
#include <rt/entry.h>

#include <abi/ring.h>
#include <capos.capnp.h>
#include <rt/capset.h>
#include <rt/panic.h>
#include <rt/print.h>
#include <rt/ring.h>
#include <rt/syscall.h>
#include <stddef.h>

#include "startup.h"

/* start.S fills the struct by these offsets. */
_Static_assert(offsetof(struct rt_birth, rsp) == 56, "start.S agrees");
_Static_assert(offsetof(struct rt_birth, r15) == 120, "start.S agrees");
_Static_assert(offsetof(struct rt_birth, rflags) == 128, "start.S agrees");
_Static_assert(offsetof(struct rt_birth, return_address) == 136, "start.S agrees");
_Static_assert(offsetof(struct rt_birth, vectors) == 144, "start.S agrees");

/* The program's. */
int main(void);

/* Present only in programs that print. */
extern bool rt_print_flush(void) __attribute__((weak));

static struct rt_capset own_capset;
static uint64_t own_pid;

_Noreturn void rt_entry(void *region, uint64_t pid, const void *capset_page)
{
    uint64_t console_id = CAP_ID_NONE;

    if (!rt_ring_setup(region)) {
        rt_exit(RT_EXIT_BAD_RING);
    }
    if (rt_capset_open(&own_capset, capset_page) != RT_CAPSET_OK) {
        rt_exit(RT_EXIT_BAD_CAPSET);
    }
    if (pid == 0) {
        rt_exit(RT_EXIT_BAD_PID);
    }
    own_pid = pid;
    (void)rt_capset_first(&own_capset, CAPOS_CONSOLE_ID, &console_id);
    rt_panic_setup(region, console_id);

    int code = main();
    if (rt_print_flush != NULL) {
        rt_print_flush();
    }
    rt_exit(code);
}

uint64_t rt_pid(void)
{
    return own_pid;
}

const struct rt_capset *rt_capset(void)
{
    return &own_capset;
}

uint64_t rt_capset_need(const char *name, uint64_t interface_id)
{
    uint64_t cap_id = CAP_ID_NONE;

    switch (rt_capset_find(&own_capset, name, interface_id, &cap_id)) {
    case RT_CAPSET_FOUND:
        break;
    case RT_CAPSET_UNKNOWN_NAME:
        rt_panic("no capability named \"%s\" was granted", name);
    case RT_CAPSET_WRONG_INTERFACE:
        rt_panic("the capability \"%s\" is not of interface %#lx", name, interface_id);
    }
    return cap_id;
}
