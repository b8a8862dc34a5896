// SPDX-License-Identifier: MIT
#include "cap/frame_alloc.h"

#include <abi/limits.h>
#include <capos.capnp.h>

#include "cap/call.h"
#include "cap/memory_object.h"
#include "cap/table.h"
#include "process.h"

static enum capnp_answer refuse(struct capnp_call *call, enum status status)
{
    return capnp_call_refuse(call, CAPNP_EXC_OVERLOADED,
                             status == ST_OVER_BUDGET
                                 ? "the caller's budget does not hold so many frames more"
                                 : "there are not so many free frames in a row");
}

/* Makes an object for the caller and says how the answer refers to it. */
static inline enum status allocate(struct capnp_call *call, uint32_t pages,
                                   struct capos_memory_object_cap *out)
{
    struct cap_object *object;

    cap_call_of(call)->took_long = pages > MEMORY_PAGES_SHORT;
    enum status status = memory_object_create(&cap_call_process(call)->account, pages, &object);
    if (status == ST_OK) {
        struct cap_hold hold = {
            .object = object, .interface_id = CAPOS_MEMORY_OBJECT_ID, .transferable = true};
        *out = (struct capos_memory_object_cap){cap_call_give(call, hold)};
    }
    return status;
}

static inline enum capnp_answer
alloc_frame(void *self, struct capnp_call *call,
            struct capos_frame_allocator_alloc_frame_results_builder results)
{
    (void)self;
    struct capos_memory_object_cap memory;

    enum status status = allocate(call, 1, &memory);
    if (status != ST_OK) {
        return refuse(call, status);
    }
    capos_frame_allocator_alloc_frame_results_set_memory(results, memory);
    return CAPNP_ANSWERED;
}

static inline enum capnp_answer
alloc_contiguous(void *self, struct capnp_call *call,
                 struct capos_frame_allocator_alloc_contiguous_params params,
                 struct capos_frame_allocator_alloc_contiguous_results_builder results)
{
    (void)self;
    uint32_t count = capos_frame_allocator_alloc_contiguous_params_get_count(params);
    struct capos_memory_object_cap memory;

    if (count == 0 || count > MEMORY_PAGES_MAX) {
        return capnp_call_refuse(call, CAPNP_EXC_INVALID_ARGUMENT,
                                 "FrameAllocator.allocContiguous makes 1 to 1024 pages");
    }
    enum status status = allocate(call, count, &memory);
    if (status != ST_OK) {
        return refuse(call, status);
    }
    capos_frame_allocator_alloc_contiguous_results_set_memory(results, memory);
    return CAPNP_ANSWERED;
}

_Static_assert(MEMORY_PAGES_MAX == 1024, "a sentence above says so");

/*
 * Nothing is to be done: when the answer is on its way, the hold that was moved here is
 * dropped, and it is the last.
 */
static inline enum capnp_answer free_frame(void *self, struct capnp_call *call,
                                           struct capos_frame_allocator_free_frame_params params)
{
    (void)self;
    struct capos_memory_object_cap memory =
        capos_frame_allocator_free_frame_params_get_memory(params);
    const struct cap_hold *given = cap_call_given(call, memory.c);

    if (given == NULL || given->object->type != &memory_object_type) {
        return capnp_call_refuse(call, CAPNP_EXC_INVALID_ARGUMENT,
                                 "FrameAllocator.freeFrame takes a MemoryObject");
    }
    if (given->object->holds != 1) {
        return capnp_call_refuse(call, CAPNP_EXC_INVALID_ARGUMENT,
                                 "FrameAllocator.freeFrame takes memory that is moved here, that "
                                 "nobody else holds, and that is mapped nowhere");
    }
    return CAPNP_ANSWERED;
}

static const struct capos_frame_allocator_server methods = {
    .alloc_frame = alloc_frame,
    .free_frame = free_frame,
    .alloc_contiguous = alloc_contiguous,
};

static enum capnp_answer allocator_call(struct cap_object *object, struct capnp_call *call)
{
    return capos_frame_allocator_dispatch_own(&methods, object, call);
}

const struct cap_type frame_allocator_type = {
    .name = "FrameAllocator",
    .kind = CAP_FULL,
    .interface_id = CAPOS_FRAME_ALLOCATOR_ID,
    .call = allocator_call,
};

static struct cap_object allocator;

void frame_allocator_init(void)
{
    cap_object_init(&allocator, &frame_allocator_type);
    kernel_table_keep(&allocator);
}
