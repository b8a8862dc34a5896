// SPDX-License-Identifier: MIT
/* The client of docs/runtime.md. */
#include <capos.client.h>

int main(void)
{
    struct rt_ring *ring = rt_ring_borrow();
    struct capos_console console = capos_console_need("console");

    struct rt_status s = capos_console_write_line(ring, console, CAPNP_TEXT("hello"));
    return rt_ok(s) ? 0 : 1;
}
