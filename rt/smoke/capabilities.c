// SPDX-License-Identifier: MIT
#include "smoke.h"

#include <capos.client.h>
#include <rt/server.h>
#include <rt/string.h>
#include <support/check.h>

#define BADGE     0xbad9e5ull
#define PAGE      4096u
#define TICKS_FEW 20000000ull /* nanoseconds */

static struct rt_ring *ring;
static struct rt_server server;

/* What the handlers saw, and whether they keep what they are asked. */
static uint64_t pings;
static uint64_t last_badge;
static uint64_t last_size;
static bool keep;
static uint64_t kept_id;

/* ---------------------------------------------------------------------------
 * The server: a NullCap and a FrameAllocator of its own */

static enum capnp_answer ping(void *self, struct capnp_call *call)
{
    (void)self;
    pings++;
    last_badge = call->badge;
    if (keep) {
        kept_id = rt_request_id(call);
        return CAPNP_PENDING;
    }
    return CAPNP_ANSWERED;
}

static enum capnp_answer echo(void *self, struct capnp_call *call, uint64_t value,
                              struct capnp_data data,
                              struct capos_null_cap_echo_results_builder results)
{
    (void)self;
    (void)call;
    capos_null_cap_echo_results_set_value(results, value);
    capos_null_cap_echo_results_set_data(results, data);
    return CAPNP_ANSWERED;
}

/* Hands on what it has from the kernel's allocator. */
static enum capnp_answer
alloc_frame(void *self, struct capnp_call *call,
            struct capos_frame_allocator_alloc_frame_results_builder results)
{
    const struct capos_frame_allocator *frames = self;
    struct capos_memory_object memory;

    if (!rt_ok(capos_frame_allocator_alloc_frame(ring, *frames, &memory))) {
        return capnp_call_refuse(call, CAPNP_EXC_OVERLOADED, "the kernel has none");
    }
    capos_frame_allocator_alloc_frame_results_set_memory(
        results, (struct capos_memory_object_cap){rt_request_give(call, rt_move(memory.id))});
    return CAPNP_ANSWERED;
}

/* Calls what it is given, while its own caller waits. */
static enum capnp_answer free_frame(void *self, struct capnp_call *call,
                                    struct capos_frame_allocator_free_frame_params params)
{
    (void)self;
    RT_OWNED memory = rt_own(
        ring, rt_request_take(call, capos_frame_allocator_free_frame_params_get_memory(params).c));

    if (memory.id == CAP_ID_NONE) {
        return capnp_call_refuse(call, CAPNP_EXC_INVALID_ARGUMENT, "there is no memory to free");
    }
    CHECK(
        rt_ok(capos_memory_object_size(ring, (struct capos_memory_object){memory.id}, &last_size)));
    return CAPNP_ANSWERED;
}

/* ---------------------------------------------------------------------------
 * The client */

/* Serves until this call has completed; how it did. */
static struct rt_status served(struct rt_call *call)
{
    while (!rt_call_wait_for(call, CAP_TIMEOUT_POLL)) {
        rt_server_step(&server, CAP_TIMEOUT_POLL);
    }
    return rt_call_wait(call);
}

/* The same for one that must be refused, with this sentence. */
static void check_refused(struct rt_call *call, enum cap_exc type, const char *reason)
{
    struct rt_status s = served(call);

    rt_call_end(call);
    CHECK_EQ(s.code, CAP_ERR_EXCEPTION);
    CHECK_EQ(s.exception, type);
    CHECK_EQ(strcmp(rt_refusal(ring), reason), 0);
}

static uint64_t slots_used(struct capos_capability_manager manager)
{
    struct capos_capability_manager_usage_results usage;
    struct capnp_message m;
    struct rt_call call;

    CHECK(rt_ok(capos_capability_manager_usage_call(&call, ring, manager, 512)));
    CHECK(rt_ok(capos_capability_manager_usage_take(&call, &m, &usage)));
    uint64_t used = capos_usage_get_used(capos_capability_manager_usage_results_get_slots(usage));
    rt_call_end(&call);
    return used;
}

static void check_messages(struct capos_null_cap null)
{
    struct capnp_data data = {.ptr = NULL, .len = 0};
    uint64_t value = 0;
    struct rt_call call;
    struct rt_call calls[3];

    CHECK(rt_ok(capos_null_cap_ping_send(&call, ring, null)));
    CHECK(rt_ok(served(&call)));
    rt_call_end(&call);
    CHECK_EQ(pings, 1);
    CHECK_EQ(last_badge, BADGE);

    CHECK(rt_ok(capos_null_cap_echo_send(&call, ring, null, 7,
                                         (struct capnp_data){(const uint8_t *)"echo", 4}, 128)));
    CHECK(rt_ok(served(&call)));
    CHECK(rt_ok(capos_null_cap_echo_take(&call, &value, &data)));
    CHECK_EQ(value, 7);
    CHECK_EQ(data.len, 4);
    CHECK_EQ(memcmp(data.ptr, "echo", 4), 0);
    rt_call_end(&call);

    /* More calls than receivers, waited for as they complete. */
    for (size_t i = 0; i < 3; i++) {
        CHECK(rt_ok(capos_null_cap_ping_send(&calls[i], ring, null)));
    }
    for (size_t i = 3; i-- > 0;) {
        CHECK(rt_ok(served(&calls[i])));
    }
    CHECK_EQ(rt_call_wait_any((struct rt_call *const[]){&calls[0], &calls[1]}, 2), 0);
    for (size_t i = 0; i < 3; i++) {
        rt_call_end(&calls[i]);
    }
    CHECK_EQ(pings, 4);

    /* What fails is its caller's; the server goes on. */
    CHECK(rt_ok(capos_null_cap_add_send(&call, ring, null, 1, 2, 3)));
    check_refused(&call, CAP_EXC_UNIMPLEMENTED, "the object has no such method");
    CHECK(rt_ok(capos_console_write_line_send(&call, ring, (struct capos_console){null.id},
                                              CAPNP_TEXT("to nobody"))));
    check_refused(&call, CAP_EXC_UNIMPLEMENTED, "the object has no such method");
    CHECK(rt_ok(capos_null_cap_echo_send(&call, ring, null, 7,
                                         (struct capnp_data){(const uint8_t *)"echo", 4}, 8)));
    CHECK_EQ(served(&call).code, CAP_ERR_BAD_RESULT); /* there is no room for the answer */
    rt_call_end(&call);
    uint8_t much[600] = {0};
    CHECK(rt_ok(capos_null_cap_echo_send(&call, ring, null, 7,
                                         (struct capnp_data){much, sizeof much}, 128)));
    CHECK_EQ(served(&call).code, CAP_ERR_TOO_LARGE); /* nor at the server for the call */
    rt_call_end(&call);
    CHECK(rt_ok(rt_call_begin(&call, ring, 16, 128)));
    memset(call.params, 0xff, 16);
    CHECK(rt_ok(rt_call_submit(&call, null.id, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ECHO, 16)));
    check_refused(&call, CAP_EXC_INVALID_ARGUMENT,
                  "the parameters are not a valid message of the method's type");
    CHECK(rt_ok(capos_null_cap_ping_send(&call, ring, null)));
    CHECK(rt_ok(served(&call)));
    rt_call_end(&call);
}

static void check_transfers(struct capos_frame_allocator remote,
                            struct capos_frame_allocator frames)
{
    struct capos_memory_object memory;
    struct capos_memory_object own;
    struct rt_call call;
    uint64_t bytes;

    CHECK(rt_ok(capos_frame_allocator_alloc_frame_send(&call, ring, remote)));
    CHECK(rt_ok(served(&call)));
    CHECK_EQ(rt_call_records(&call)->interface_id, CAPOS_MEMORY_OBJECT_ID);
    CHECK(rt_ok(capos_frame_allocator_alloc_frame_take(&call, &memory)));
    rt_call_end(&call);
    CHECK(rt_ok(capos_memory_object_size(ring, memory, &bytes)));
    CHECK_EQ(bytes, PAGE);

    /* Copied, the server's is another; moved, ours is gone. */
    CHECK(rt_ok(capos_frame_allocator_free_frame_send(&call, ring, remote, rt_copy(memory.id))));
    CHECK(rt_ok(served(&call)));
    rt_call_end(&call);
    CHECK_EQ(last_size, PAGE);
    CHECK(rt_ok(capos_memory_object_size(ring, memory, &bytes)));
    CHECK(rt_ok(capos_frame_allocator_free_frame_send(&call, ring, remote, rt_move(memory.id))));
    CHECK(rt_ok(served(&call)));
    rt_call_end(&call);
    CHECK_EQ(capos_memory_object_size(ring, memory, &bytes).code, CAP_ERR_INVOKE_FAILED);
    CHECK(rt_ok(capos_frame_allocator_free_frame_send(&call, ring, remote, rt_nothing())));
    check_refused(&call, CAP_EXC_INVALID_ARGUMENT, "there is no memory to free");

    /* An answer that nobody takes is released with its call. */
    CHECK(rt_ok(capos_frame_allocator_alloc_frame_send(&call, ring, remote)));
    CHECK(rt_ok(served(&call)));
    rt_call_end(&call);

    /* To the kernel: what is refused has stayed. */
    CHECK(rt_ok(capos_frame_allocator_alloc_frame(ring, frames, &own)));
    CHECK_EQ(capos_frame_allocator_free_frame(ring, frames, rt_copy(own.id)).exception,
             CAP_EXC_INVALID_ARGUMENT);
    CHECK(strlen(rt_refusal(ring)) != 0);
    CHECK_EQ(capos_frame_allocator_free_frame(ring, frames, rt_copy(memory.id)).code,
             CAP_ERR_BAD_TRANSFER);
    CHECK(rt_ok(capos_frame_allocator_free_frame(ring, frames, rt_move(own.id))));
    CHECK_EQ(capos_memory_object_size(ring, own, &bytes).code, CAP_ERR_INVOKE_FAILED);
}

/* One more in the own table, alone and many at once: each is held and let go of by itself. */
static void check_copies(struct capos_frame_allocator frames,
                         struct capos_capability_manager manager)
{
    struct rt_call calls[3];
    struct capos_memory_object memory;
    struct capos_memory_object copy;
    uint64_t before = slots_used(manager);
    uint64_t bytes;

    CHECK(rt_ok(capos_frame_allocator_alloc_frame(ring, frames, &memory)));
    CHECK(rt_ok(rt_duplicate(ring, memory.id, &copy.id)));
    CHECK(copy.id != memory.id);
    CHECK_EQ(slots_used(manager), before + 2);
    for (uint32_t i = 0; i < 3; i++) {
        CHECK(rt_ok(rt_call_begin(&calls[i], ring, 0, 0)));
        CHECK(rt_ok(rt_call_copy(&calls[i], i == 1 ? CAP_ID_NONE : memory.id)));
    }
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_EQ(rt_call_wait(&calls[i]).code, i == 1 ? CAP_ERR_INVOKE_FAILED : RT_OK);
        rt_drop(ring, i == 1 ? CAP_ID_NONE : rt_call_copied(&calls[i]));
        rt_call_end(&calls[i]);
    }
    CHECK(rt_ok(rt_release(ring, memory.id)));
    CHECK_EQ(rt_duplicate(ring, memory.id, &memory.id).code, CAP_ERR_INVOKE_FAILED);
    CHECK_EQ(memory.id, CAP_ID_NONE);
    CHECK(rt_ok(capos_memory_object_size(ring, copy, &bytes)));
    CHECK_EQ(bytes, PAGE);
    CHECK(rt_ok(rt_release(ring, copy.id)));
    CHECK_EQ(slots_used(manager), before);
}

/* Kept calls, and calls given up. */
static void check_later(struct capos_null_cap null)
{
    struct rt_answer answer;
    struct rt_call call;

    keep = true;
    CHECK(rt_ok(capos_null_cap_ping_send(&call, ring, null)));
    rt_server_step(&server, CAP_TIMEOUT_POLL);
    rt_server_step(&server, CAP_TIMEOUT_POLL);
    CHECK(!rt_call_wait_for(&call, TICKS_FEW));
    CHECK(rt_ok(rt_answer_begin(&answer, ring, kept_id, 8, 0)));
    CHECK(rt_ok(rt_answer_send(&answer)));
    CHECK(rt_ok(served(&call)));
    rt_call_end(&call);
    CHECK_EQ(rt_answer_refuse(ring, kept_id, CAP_EXC_FAILED, "twice").code, CAP_ERR_NOT_FOUND);

    CHECK(rt_ok(capos_null_cap_ping_send(&call, ring, null)));
    rt_server_step(&server, CAP_TIMEOUT_POLL);
    rt_server_step(&server, CAP_TIMEOUT_POLL);
    CHECK(rt_ok(rt_answer_refuse(ring, kept_id, CAP_EXC_DISCONNECTED, "not today")));
    check_refused(&call, CAP_EXC_DISCONNECTED, "not today");

    CHECK(rt_ok(capos_null_cap_ping_send(&call, ring, null)));
    rt_server_step(&server, CAP_TIMEOUT_POLL);
    rt_server_step(&server, CAP_TIMEOUT_POLL);
    CHECK(rt_ok(rt_call_cancel(&call)));
    CHECK_EQ(rt_call_wait(&call).code, CAP_ERR_CANCELED);
    rt_call_end(&call);
    CHECK_EQ(rt_answer_refuse(ring, kept_id, CAP_EXC_FAILED, "late").code, CAP_ERR_NOT_DELIVERED);
    keep = false;
}

static void check_end(struct capos_endpoint endpoint, struct capos_null_cap null)
{
    struct rt_call call;

    rt_server_stop(&server);
    CHECK(rt_ok(rt_server_run(&server)));
    CHECK(rt_ok(capos_null_cap_ping_send(&call, ring, null)));
    CHECK(!rt_call_wait_for(&call, CAP_TIMEOUT_POLL)); /* it waits for a receiver */
    CHECK(rt_ok(rt_release(ring, endpoint.id)));
    struct rt_status s = rt_call_wait(&call);
    rt_call_end(&call);
    CHECK_EQ(s.code, CAP_ERR_EXCEPTION);
    CHECK_EQ(s.exception, CAP_EXC_DISCONNECTED);
    CHECK_EQ(capos_null_cap_ping(ring, null).exception, CAP_EXC_DISCONNECTED);
}

void check_capabilities(struct rt_ring *own)
{
    static const struct capos_null_cap_server null_handlers = {.ping = ping, .echo = echo};
    static const struct capos_frame_allocator_server frame_handlers = {.alloc_frame = alloc_frame,
                                                                       .free_frame = free_frame};
    struct capos_endpoint_factory factory = capos_endpoint_factory_need("endpoints");
    struct capos_frame_allocator frames = capos_frame_allocator_need("frames");
    struct capos_capability_manager manager = capos_capability_manager_need("capabilities");
    struct capnp_service services[] = {
        capos_null_cap_service(&null_handlers, NULL),
        capos_frame_allocator_service(&frame_handlers, &frames),
    };
    struct capos_endpoint endpoint;
    struct capos_null_cap null;
    struct capos_frame_allocator remote;

    ring = own;
    uint64_t before = slots_used(manager);
    CHECK(rt_ok(capos_endpoint_factory_create(ring, factory, &endpoint)));
    CHECK(rt_ok(capos_endpoint_mint(ring, endpoint, BADGE, CAPOS_NULL_CAP_ID, &null.id)));
    CHECK(rt_ok(capos_endpoint_mint(ring, endpoint, BADGE, CAPOS_FRAME_ALLOCATOR_ID, &remote.id)));
    CHECK_EQ(capos_endpoint_mint(ring, endpoint, BADGE, 0, &remote.id).exception,
             CAP_EXC_INVALID_ARGUMENT);
    server.ring = ring;
    CHECK(rt_ok(rt_server_offer(&server, &(struct rt_offer){
                                             .endpoint = endpoint.id,
                                             .services = services,
                                             .service_count = 2,
                                             .receivers = 2,
                                         })));
    check_messages(null);
    check_transfers(remote, frames);
    check_copies(frames, manager);
    check_later(null);
    check_end(endpoint, null);
    rt_drop(ring, null.id);
    rt_drop(ring, remote.id);
    CHECK_EQ(slots_used(manager), before);
    CHECK_EQ(rt_ring_free_chunks(ring), RT_RING_CHUNKS);
}
