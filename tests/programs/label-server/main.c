// SPDX-License-Identifier: MIT
/* The server of docs/runtime.md. */
#include <capos.client.h>
#include <rt/print.h>
#include <rt/server.h>

static enum capnp_answer write_line(void *self, struct capnp_call *call, struct capnp_text text)
{
    (void)self;
    rt_printf("client %lu: %.*s\n", call->badge, (int)text.len, text.ptr);
    return CAPNP_ANSWERED;
}

int main(void)
{
    static const struct capos_console_server handlers = {.write_line = write_line};
    struct rt_ring *ring = rt_ring_borrow();

    rt_print_to(ring, capos_console_need("console"));
    struct rt_status s =
        rt_serve(ring, capos_endpoint_need("labelled").id, capos_console_service(&handlers, NULL));
    return rt_ok(s) ? 0 : 1;
}
