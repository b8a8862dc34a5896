// SPDX-License-Identifier: MIT
/* Writes the longest texts that the Console takes, a full queue of them at a time, for ever. */
#include <capos.capnp.h>
#include <rt/capset.h>
#include <rt/string.h>
#include <support/check.h>
#include <support/raw.h>

static struct raw_message message;
static char text[CAP_CONSOLE_WRITE_MAX];

int main(void)
{
    struct rt_ring *ring = demo_begin("flood");
    struct cap_cqe cqe;

    memset(text, '.', sizeof text);
    struct cap_sqe sqe =
        raw_console_write(rt_capset_need("console", CAPOS_CONSOLE_ID), &message, text, sizeof text);
    for (;;) {
        while (rt_ring_push(ring, &sqe)) {
        }
        CHECK(rt_ring_enter(ring, 1, CAP_TIMEOUT_FOREVER) > 0);
        while (rt_ring_take(ring, &cqe)) {
            CHECK_EQ(cqe.result, 0);
        }
    }
}
