// SPDX-License-Identifier: MIT
#include "calls.h"

#include <rt/capset.h>
#include <rt/panic.h>
#include <rt/ring.h>
#include <rt/string.h>

#define FRAMES_MAX 512u

static struct rt_ring *ring;
static struct capnp_arena arena;

/* A message with descriptors behind it, and an answer with a record behind it. */
static _Alignas(8) uint8_t message[512];
static _Alignas(8) uint8_t result[256];

struct answer answer;
uint64_t frame_allocator;
uint64_t virtual_memory;
uint64_t console;
uint64_t fault_injector;
uint64_t endpoint;
uint64_t peer;

void calls_init(void)
{
    const struct rt_capset *set = rt_capset();

    ring = rt_ring_borrow();
    for (uint32_t i = 0; i < set->count; i++) {
        const struct capset_entry *e = &set->entries[i];
        if (e->interface_id == CAPOS_FRAME_ALLOCATOR_ID) {
            frame_allocator = e->cap_id;
        } else if (e->interface_id == CAPOS_VIRTUAL_MEMORY_ID) {
            virtual_memory = e->cap_id;
        } else if (e->interface_id == CAPOS_CONSOLE_ID) {
            console = e->cap_id;
        } else if (e->interface_id == CAPOS_FAULT_INJECTOR_ID) {
            fault_injector = e->cap_id;
        } else if (e->interface_id == CAPOS_ENDPOINT_ID) {
            endpoint = e->cap_id;
        } else if (e->interface_id == PEER_INTERFACE) {
            peer = e->cap_id;
        }
    }
}

void expect(const char *what, int wanted, int got)
{
    if (wanted != got) {
        rt_ring_return(ring);
        rt_panic("%s: %d instead of %d", what, got, wanted);
    }
}

struct cap_transfer copy_of(uint64_t cap)
{
    return (struct cap_transfer){.cap_id = cap, .mode = CAP_TRANSFER_COPY};
}

struct cap_transfer move_of(uint64_t cap)
{
    return (struct cap_transfer){.cap_id = cap, .mode = CAP_TRANSFER_MOVE};
}

struct capnp_arena *build(void)
{
    capnp_arena_init(&arena, message, 256);
    return &arena;
}

/* Enters one entry and waits for its completion. */
static struct cap_cqe complete(const struct cap_sqe *sqe)
{
    struct cap_cqe cqe;

    if (!rt_ring_push(ring, sqe)) {
        rt_panic("the ring is full");
    }
    do {
        (void)rt_ring_enter(ring, 1, CAP_TIMEOUT_FOREVER);
    } while (!rt_ring_take(ring, &cqe));
    return cqe;
}

int call(uint64_t cap, uint64_t interface_id, uint16_t method, uint32_t bytes,
         const struct cap_transfer gives[], uint8_t count, uint32_t cap_room)
{
    memcpy(message + bytes, gives, count * sizeof *gives);
    struct cap_cqe cqe = complete(&(struct cap_sqe){.opcode = CAP_OP_CALL,
                                                    .cap_count = count,
                                                    .method_id = method,
                                                    .cap_id = cap,
                                                    .interface_id = interface_id,
                                                    .params_addr = (uintptr_t)message,
                                                    .params_len = bytes,
                                                    .result_addr = (uintptr_t)result,
                                                    .result_len = sizeof result,
                                                    .cap_room = cap_room});
    if (cqe.result == CAP_ERR_EXCEPTION) {
        return 100 + (cqe.flags & CAP_CQE_F_EXC_MASK);
    }
    if (cqe.result < 0) {
        return cqe.result;
    }
    answer = (struct answer){.cap = CAP_ID_NONE};
    if (cqe.cap_count != 0) {
        struct cap_record record;
        memcpy(&record, result + cqe.result, sizeof record);
        answer.cap = record.cap_id;
        answer.interface_id = record.interface_id;
    }
    /* Every result here is a capability, or one number or two: none is more than this. */
    struct capnp_message m;
    if (capnp_message_open_flat(&m, result, (size_t)cqe.result)) {
        struct capos_fault_injector_disarm_results r =
            capos_fault_injector_disarm_results_read_root(&m);
        answer.value = capos_fault_injector_disarm_results_get_seen(r);
        answer.second = capos_fault_injector_disarm_results_get_site(r);
    }
    return OK;
}

int alloc_frame(void)
{
    return call(frame_allocator, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_ALLOC_FRAME, 0,
                NULL, 0, 1);
}

int alloc_contiguous(uint32_t count)
{
    struct capnp_arena *a = build();

    capos_frame_allocator_alloc_contiguous_params_set_count(
        capos_frame_allocator_alloc_contiguous_params_build_root(a), count);
    return call(frame_allocator, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_ALLOC_CONTIGUOUS,
                (uint32_t)capnp_arena_bytes(a), NULL, 0, 1);
}

int free_frame(struct cap_transfer memory)
{
    struct capnp_arena *a = build();
    struct capos_memory_object_cap first = {{.index = 0, .there = true}};

    capos_frame_allocator_free_frame_params_set_memory(
        capos_frame_allocator_free_frame_params_build_root(a), first);
    return call(frame_allocator, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_FREE_FRAME,
                (uint32_t)capnp_arena_bytes(a), &memory, 1, 0);
}

int memory_size(uint64_t memory)
{
    return call(memory, CAPOS_MEMORY_OBJECT_ID, CAPOS_MEMORY_OBJECT_SIZE, 0, NULL, 0, 0);
}

int memory_reader(uint64_t memory)
{
    return call(memory, CAPOS_MEMORY_OBJECT_ID, CAPOS_MEMORY_OBJECT_READER, 0, NULL, 0, 1);
}

int map(uint64_t hint, uint64_t size, unsigned protection)
{
    struct capnp_arena *a = build();
    struct capos_virtual_memory_map_params_builder b =
        capos_virtual_memory_map_params_build_root(a);

    capos_virtual_memory_map_params_set_hint(b, hint);
    capos_virtual_memory_map_params_set_size(b, size);
    capos_virtual_memory_map_params_set_protection(
        b, (enum capos_virtual_memory_protection)protection);
    return call(virtual_memory, CAPOS_VIRTUAL_MEMORY_ID, CAPOS_VIRTUAL_MEMORY_MAP,
                (uint32_t)capnp_arena_bytes(a), NULL, 0, 0);
}

int unmap(uint64_t address, uint64_t size)
{
    struct capnp_arena *a = build();
    struct capos_virtual_memory_unmap_params_builder b =
        capos_virtual_memory_unmap_params_build_root(a);

    capos_virtual_memory_unmap_params_set_address(b, address);
    capos_virtual_memory_unmap_params_set_size(b, size);
    return call(virtual_memory, CAPOS_VIRTUAL_MEMORY_ID, CAPOS_VIRTUAL_MEMORY_UNMAP,
                (uint32_t)capnp_arena_bytes(a), NULL, 0, 0);
}

int protect(uint64_t address, uint64_t size, unsigned protection)
{
    struct capnp_arena *a = build();
    struct capos_virtual_memory_protect_params_builder b =
        capos_virtual_memory_protect_params_build_root(a);

    capos_virtual_memory_protect_params_set_address(b, address);
    capos_virtual_memory_protect_params_set_size(b, size);
    capos_virtual_memory_protect_params_set_protection(
        b, (enum capos_virtual_memory_protection)protection);
    return call(virtual_memory, CAPOS_VIRTUAL_MEMORY_ID, CAPOS_VIRTUAL_MEMORY_PROTECT,
                (uint32_t)capnp_arena_bytes(a), NULL, 0, 0);
}

int map_object(struct cap_transfer memory, uint64_t offset, uint64_t hint, uint64_t size,
               unsigned protection)
{
    struct capnp_arena *a = build();
    struct capos_virtual_memory_map_object_params_builder b =
        capos_virtual_memory_map_object_params_build_root(a);

    capos_virtual_memory_map_object_params_set_memory(
        b, (struct capnp_capability){.index = 0, .there = true});
    capos_virtual_memory_map_object_params_set_offset(b, offset);
    capos_virtual_memory_map_object_params_set_hint(b, hint);
    capos_virtual_memory_map_object_params_set_size(b, size);
    capos_virtual_memory_map_object_params_set_protection(
        b, (enum capos_virtual_memory_protection)protection);
    return call(virtual_memory, CAPOS_VIRTUAL_MEMORY_ID, CAPOS_VIRTUAL_MEMORY_MAP_OBJECT,
                (uint32_t)capnp_arena_bytes(a), &memory, 1, 0);
}

int release(uint64_t cap)
{
    return complete(&(struct cap_sqe){.opcode = CAP_OP_RELEASE, .cap_id = cap}).result;
}

void arm(uint64_t countdown)
{
    struct capnp_arena *a = build();

    capos_fault_injector_arm_params_set_countdown(capos_fault_injector_arm_params_build_root(a),
                                                  countdown);
    expect("arm", OK,
           call(fault_injector, CAPOS_FAULT_INJECTOR_ID, CAPOS_FAULT_INJECTOR_ARM,
                (uint32_t)capnp_arena_bytes(a), NULL, 0, 0));
}

uint64_t disarm(void)
{
    expect(
        "disarm", OK,
        call(fault_injector, CAPOS_FAULT_INJECTOR_ID, CAPOS_FAULT_INJECTOR_DISARM, 0, NULL, 0, 0));
    return answer.second;
}

int receive(struct received *out)
{
    struct cap_message_header header;
    struct cap_record records[2];
    struct cap_cqe cqe = complete(&(struct cap_sqe){.opcode = CAP_OP_RECV,
                                                    .cap_id = endpoint,
                                                    .result_addr = (uintptr_t)result,
                                                    .result_len = sizeof result,
                                                    .cap_room = 2});

    if (cqe.result < 0) {
        return cqe.result;
    }
    memcpy(&header, result, sizeof header);
    memcpy(records, result + cqe.result, sizeof records);
    *out = (struct received){.call_id = cqe.detail,
                             .method = header.method_id,
                             .cap_count = header.cap_count,
                             .caps = {records[0].cap_id, records[1].cap_id}};
    return OK;
}

int answer_call(uint64_t call_id)
{
    return complete(&(struct cap_sqe){.opcode = CAP_OP_RETURN, .interface_id = call_id}).result;
}

uint32_t frames_left(void)
{
    static uint64_t held[FRAMES_MAX];
    uint32_t count = 0;

    while (count < FRAMES_MAX && alloc_frame() == OK) {
        held[count++] = answer.cap;
    }
    expect("the last frame", EXC(OVERLOADED), alloc_frame());
    for (uint32_t i = 0; i < count; i++) {
        expect("giving a frame back", OK, free_frame(move_of(held[i])));
    }
    return count;
}

volatile uint8_t *at(uint64_t address)
{
    volatile uint8_t *p;

    __asm__("" : "=r"(p) : "0"(address));
    return p;
}
