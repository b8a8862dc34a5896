// SPDX-License-Identifier: MIT
/*
 * The most that single entries can ask of the kernel, by their limits: as many pages mapped,
 * protected and unmapped as one call covers, and where that takes new page tables; as many
 * adjacent frames; the longest message with the most capabilities, called, received and
 * returned; the longest queue drained at once; and all of it left behind at the end. Run
 * under the plugin that measures for how long interrupts are off, and worth nothing else.
 */
#include <abi/layout.h>
#include <capos.client.h>
#include <rt/capset.h>
#include <support/check.h>

#define BYTES          ((uint64_t)MEMORY_PAGES_MAX * USER_PAGE_BYTES)
#define FAR            0x600000000000ull
#define SOME_INTERFACE 0x10e6e57e17ea5e5full

static struct rt_ring *ring;

static struct {
    uint64_t words[CAP_MESSAGE_MAX / 8u];
    struct cap_transfer transfers[CAP_TRANSFER_MAX];
} message;

static uint8_t room[CAP_ROOM_MAX];
static _Alignas(8) uint8_t answer[CAP_ROOM_MAX];

/* Twice: the first time frames are what they were, the second time they are this program's. */
static void map_most(struct capos_virtual_memory vm, struct capos_frame_allocator frames)
{
    struct capos_memory_object memory;
    uint64_t at;

    for (uint32_t i = 0; i < 2; i++) {
        CHECK_OK(capos_virtual_memory_map(ring, vm, FAR, BYTES,
                                          CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE, &at));
        CHECK_OK(capos_virtual_memory_protect(ring, vm, FAR, BYTES,
                                              CAPOS_VIRTUAL_MEMORY_PROTECTION_READ));
        CHECK_OK(capos_virtual_memory_unmap(ring, vm, FAR, BYTES));
        CHECK_OK(capos_frame_allocator_alloc_contiguous(ring, frames, MEMORY_PAGES_MAX, &memory));
        CHECK_OK(capos_virtual_memory_map_object(ring, vm, rt_copy(memory.id), 0, FAR, BYTES,
                                                 CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE, &at));
        CHECK_OK(capos_virtual_memory_unmap(ring, vm, FAR, BYTES));
        CHECK_OK(rt_release(ring, memory.id));
    }
}

static void push(struct cap_sqe sqe)
{
    CHECK(rt_ring_push(ring, &sqe));
}

static struct cap_cqe enter_and_take(void)
{
    struct cap_cqe cqe;

    CHECK(rt_ring_enter(ring, 1, CAP_TIMEOUT_FOREVER) >= 1);
    CHECK(rt_ring_take(ring, &cqe));
    return cqe;
}

/* To itself: a call with everything, that waits until it is received, and its answer. */
static void call_most(struct capos_endpoint_factory factory)
{
    struct capos_endpoint owner;
    uint64_t client;

    CHECK_OK(capos_endpoint_factory_create(ring, factory, &owner));
    CHECK_OK(capos_endpoint_mint(ring, owner, 0, SOME_INTERFACE, &client));
    for (uint32_t i = 0; i < CAP_TRANSFER_MAX; i++) {
        message.transfers[i] = rt_copy(client);
    }
    push((struct cap_sqe){.opcode = CAP_OP_CALL,
                          .cap_id = client,
                          .interface_id = SOME_INTERFACE,
                          .cap_count = CAP_TRANSFER_MAX,
                          .cap_room = CAP_TRANSFER_MAX,
                          .params_addr = (uintptr_t)message.words,
                          .params_len = CAP_MESSAGE_MAX,
                          .result_addr = (uintptr_t)answer,
                          .result_len = CAP_ROOM_MAX});
    push((struct cap_sqe){.opcode = CAP_OP_RECV,
                          .cap_id = owner.id,
                          .cap_room = CAP_TRANSFER_MAX,
                          .result_addr = (uintptr_t)room,
                          .result_len = CAP_ROOM_MAX});
    struct cap_cqe received = enter_and_take();
    CHECK_EQ(received.cap_count, CAP_TRANSFER_MAX);
    push((struct cap_sqe){.opcode = CAP_OP_RETURN,
                          .interface_id = received.detail,
                          .cap_count = CAP_TRANSFER_MAX,
                          .params_addr = (uintptr_t)message.words,
                          .params_len = CAP_MESSAGE_MAX});
    CHECK_EQ(enter_and_take().result, CAP_MESSAGE_MAX);
    CHECK_EQ(enter_and_take().result, 0);
}

static void drain_most(void)
{
    uint32_t count = 0;

    while (rt_ring_room(ring) != 0) {
        push((struct cap_sqe){.opcode = CAP_OP_NOP});
        count++;
    }
    CHECK_EQ(rt_ring_enter(ring, count, CAP_TIMEOUT_FOREVER), count);
}

int main(void)
{
    ring = demo_begin("longest");
    map_most((struct capos_virtual_memory){rt_capset_need("memory", CAPOS_VIRTUAL_MEMORY_ID)},
             (struct capos_frame_allocator){rt_capset_need("frames", CAPOS_FRAME_ALLOCATOR_ID)});
    call_most(
        (struct capos_endpoint_factory){rt_capset_need("endpoints", CAPOS_ENDPOINT_FACTORY_ID)});
    drain_most();
    return 0; /* with the queue of completions full */
}
