// SPDX-License-Identifier: MIT
/*
 * Everything of the largest size that abi/limits.h allows: the manifest gives this
 * program the longest queues and message area, and it brings the largest
 * thread-local storage itself. Each is used up to its last place, and no further.
 */
#include <abi/layout.h>
#include <capos.client.h>
#include <rt/capset.h>
#include <support/check.h>
#include <support/raw.h>

/* With the control block above it, PROC_TLS_MAX; its alignment is the control block's size. */
static _Thread_local _Alignas(64) volatile uint8_t block[PROC_TLS_MAX - 64u];

static struct rt_ring *ring;

static void check_tls(void)
{
    CHECK_EQ((uintptr_t)block, USER_TLS_TOP - PROC_TLS_MAX);
    for (size_t i = 0; i < sizeof block; i += USER_PAGE_BYTES) {
        CHECK_EQ(block[i], 0);
    }
    block[sizeof block - 1] = 1;
    CHECK_EQ(block[sizeof block - 1], 1);
}

static void push_nops(uint64_t first, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        CHECK(rt_ring_push(ring, &(struct cap_sqe){.opcode = CAP_OP_NOP, .user_data = first + i}));
    }
}

/* Every place of both queues at once: one batch after the other, and none taken back. */
static void check_queues(void)
{
    struct cap_cqe cqe;

    CHECK_EQ(ring->sq_mask + 1u, CAP_SQ_MAX);
    CHECK_EQ(ring->cq_mask + 1u, CAP_CQ_MAX);
    for (uint32_t done = 0; done < CAP_CQ_MAX; done += CAP_SQ_MAX) {
        push_nops(done, CAP_SQ_MAX);
        CHECK_EQ(rt_ring_room(ring), 0);
        CHECK_EQ(rt_ring_enter(ring, 0, CAP_TIMEOUT_POLL), done + CAP_SQ_MAX);
    }
    push_nops(CAP_CQ_MAX, 1);
    CHECK_EQ(rt_ring_enter(ring, CAP_CQ_MAX, CAP_TIMEOUT_FOREVER), CAP_CQ_MAX);
    CHECK_EQ(rt_ring_room(ring), CAP_SQ_MAX - 1u); /* no room for its completion */
    for (uint64_t i = 0; i < CAP_CQ_MAX; i++) {
        CHECK(rt_ring_take(ring, &cqe));
        CHECK_EQ(cqe.user_data, i);
        CHECK_EQ(cqe.result, 0);
    }
    CHECK_EQ(rt_ring_enter(ring, 1, CAP_TIMEOUT_FOREVER), 1);
    CHECK(rt_ring_take(ring, &cqe));
    CHECK_EQ(cqe.user_data, CAP_CQ_MAX);
}

/* An empty message in the area's last word is served; a longer one would leave the region. */
static void check_area(uint64_t console)
{
    static struct raw_message message;
    struct cap_sqe sqe = raw_console_write(console, &message, NULL, 0);

    CHECK_EQ(ring->header->area_bytes, CAP_AREA_MAX);
    sqe.params_addr = (uintptr_t)ring->area + CAP_AREA_MAX - 8u;
    sqe.params_len = 8;
    sqe.result_addr = (uintptr_t)ring->area;
    sqe.result_len = CAP_MESSAGE_MAX;
    CHECK_EQ(raw_result(ring, &sqe), 0);
    sqe.params_addr = USER_RING_VADDR + ring->header->region_bytes - 8u;
    sqe.params_len = 16;
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_PARAMS);
}

int main(void)
{
    ring = demo_begin("largest");
    check_tls();
    check_queues();
    check_area(rt_capset_need("console", CAPOS_CONSOLE_ID));
    return demo_end();
}
