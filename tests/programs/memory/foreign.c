// SPDX-License-Identifier: MIT
/*
 * The lender gives its address space and a piece of memory to the keeper, and then lives
 * with what the keeper does there, until that takes a page from under it. The keeper is
 * left with an address space that nobody has any more, and with memory that is as good
 * as before.
 */
#include <abi/layout.h>
#include <stddef.h>

#include "calls.h"
#include "parts.h"

#define READ  CAPOS_VIRTUAL_MEMORY_PROTECTION_READ
#define WRITE CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE
#define THERE 0x500000000000ull /* in the lender's address space */
#define HERE  0x510000000000ull

enum { LEND, TAKE_AWAY };

void keeper(void)
{
    uint64_t own = virtual_memory;
    uint32_t before = frames_left();
    struct received lent;
    struct received call;

    expect("RECV", OK, receive(&lent));
    expect("the method", LEND, lent.method);
    expect("two capabilities came", 2, lent.cap_count);
    uint64_t memory = lent.caps[1];
    virtual_memory = lent.caps[0];
    expect("map, there", OK, map(THERE, 2 * PAGE, WRITE));
    expect("mapObject, there", OK, map_object(copy_of(memory), PAGE, THERE + 2 * PAGE, PAGE, READ));
    expect("its pages were not mine to pay for", (int)before, (int)frames_left());
    expect("RETURN", OK, answer_call(lent.call_id));

    expect("RECV", OK, receive(&call));
    expect("the method", TAKE_AWAY, call.method);
    expect("unmap, there", OK, unmap(THERE + PAGE, PAGE));
    expect("RETURN", OK, answer_call(call.call_id));

    while (unmap(THERE + PAGE, PAGE) == EXC(INVALID_ARGUMENT)) {
        /* the lender has not run yet */
    }
    expect("unmap when it has ended", EXC(DISCONNECTED), unmap(THERE, PAGE));
    expect("map when it has ended", EXC(DISCONNECTED), map(0, PAGE, WRITE));
    expect("protect when it has ended", EXC(DISCONNECTED), protect(THERE, PAGE, READ));
    expect("mapObject when it has ended", EXC(DISCONNECTED),
           map_object(copy_of(memory), 0, 0, PAGE, READ));
    expect("nonsense when it has ended", EXC(DISCONNECTED), map(1, 1, 77));
    expect("release of the address space", OK, release(virtual_memory));

    virtual_memory = own;
    expect("mapObject, here", OK, map_object(copy_of(memory), 0, HERE, 2 * PAGE, WRITE));
    expect("what the lender has written", 7, *at(HERE));
    expect("and later", 8, *at(HERE + PAGE));
    expect("unmap", OK, unmap(HERE, 2 * PAGE));
    while (free_frame(move_of(memory)) == EXC(INVALID_ARGUMENT)) {
        /* the lender's own holds go in slices */
    }
    expect("size of what was freed", CAP_ERR_INVOKE_FAILED, memory_size(memory));
    expect("frames left are as before", (int)before, (int)frames_left());
}

void lender(void)
{
    expect("allocContiguous", OK, alloc_contiguous(2));
    uint64_t memory = answer.cap;
    const struct cap_transfer gives[] = {copy_of(virtual_memory), copy_of(memory)};

    expect("mapObject", OK, map_object(copy_of(memory), 0, HERE, 2 * PAGE, WRITE));
    *at(HERE) = 7;
    expect("the call that lends", OK, call(peer, PEER_INTERFACE, LEND, 0, gives, 2, 0));
    expect("a page that was mapped here is zero", 0, *at(THERE));
    *at(THERE) = 1;
    *at(THERE + PAGE) = 1;
    *at(HERE + PAGE) = 8;
    expect("my memory, mapped by another", 8, *at(THERE + 2 * PAGE));
    expect("another one's mapping is in the way", EXC(INVALID_ARGUMENT), map(THERE, PAGE, WRITE));
    expect("the call that takes away", OK, call(peer, PEER_INTERFACE, TAKE_AWAY, 0, NULL, 0, 0));
    *at(THERE) = 2;
    *at(THERE + PAGE) = 2; /* ends here */
}
