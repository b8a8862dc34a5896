// SPDX-License-Identifier: MIT
/*
 * Calls of FrameAllocator, MemoryObject and VirtualMemory by raw entries: any id, any
 * interface, any descriptor. Each waits for its completion and gives one number for
 * how it ended, so that a table can name it.
 */
#pragma once

#include <abi/error.h>
#include <abi/ring.h>
#include <capos.capnp.h>
#include <stdint.h>

#define PAGE 4096ull

/* How a call ended: OK, a CAP_ERR_* or, for an exception, this of its type. */
#define OK        0
#define EXC(type) (100 + (int)CAP_EXC_##type)

/* What the answer to the latest call that was served brought. */
struct answer {
    uint64_t value;  /* its first number: an address or a size */
    uint64_t second; /* its second */
    uint64_t cap;    /* CAP_ID_NONE: none */
    uint64_t interface_id;
};

extern struct answer answer;

/* The process's own; CAP_ID_NONE if it was not granted. */
extern uint64_t frame_allocator;
extern uint64_t virtual_memory;
extern uint64_t console;
extern uint64_t fault_injector;
extern uint64_t endpoint; /* its owner facet */
extern uint64_t peer;     /* a client facet of another's */

/* What another process is called as here. */
#define PEER_INTERFACE 0x1234u

/* Finds them in the CapSet. */
void calls_init(void);

/* Ends the process with a sentence unless the two are equal. */
void expect(const char *what, int wanted, int got);

/* A descriptor. */
struct cap_transfer copy_of(uint64_t cap);
struct cap_transfer move_of(uint64_t cap);

/*
 * A call with the first `bytes` bytes of the message that `build` gave an arena for, with
 * `count` descriptors behind it, and room for so many capabilities in the answer.
 */
struct capnp_arena *build(void);
int call(uint64_t cap, uint64_t interface_id, uint16_t method, uint32_t bytes,
         const struct cap_transfer gives[], uint8_t count, uint32_t cap_room);

int alloc_frame(void);
int alloc_contiguous(uint32_t count);
int free_frame(struct cap_transfer memory);
int memory_size(uint64_t memory);
int memory_reader(uint64_t memory);
int map(uint64_t hint, uint64_t size, unsigned protection);
int unmap(uint64_t address, uint64_t size);
int protect(uint64_t address, uint64_t size, unsigned protection);
int map_object(struct cap_transfer memory, uint64_t offset, uint64_t hint, uint64_t size,
               unsigned protection);
int release(uint64_t cap);

/* Has the so many-th allocation of the kernel from now on fail; and says, then, where it did. */
void arm(uint64_t countdown);
uint64_t disarm(void);

/* A call that has come, with up to two capabilities. */
struct received {
    uint64_t call_id;
    uint16_t method;
    uint16_t cap_count;
    uint64_t caps[2];
};

int receive(struct received *out);
int answer_call(uint64_t call_id);

/* Frames that the process can still have, found by taking them all and giving them back. */
uint32_t frames_left(void);

/* An address that the compiler knows nothing about. */
volatile uint8_t *at(uint64_t address);
