// SPDX-License-Identifier: MIT
/*
 * Takes of one thing, which the name of its console says, until there is no more; goes
 * on asking, and is refused each time; gives it all back; and begins again, for as long
 * as it is let. Whoever else runs must not notice.
 *
 * Born with nothing it is a child, which waits.
 */
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <rt/string.h>
#include <support/check.h>
#include <support/child.h>
#include <support/usage.h>

#define SOME_INTERFACE 0x5e5510a1d1b1c0deull

/* Frames of a large piece. */
#define PIECE_PAGES 128u

/* What can be had at most, and how often more is asked for. */
#define HAVE_MAX  8192u
#define ASK_AGAIN 100u

static struct {
    struct rt_ring *ring;
    struct capos_process_spawner spawner;
    struct capos_endpoint_factory endpoints;
    struct capos_frame_allocator frames;
    struct capos_endpoint owner;
    uint64_t client;        /* its facet */
    uint64_t ids[HAVE_MAX]; /* what was taken */
    uint32_t count;
} glutton;

static struct cap_transfer copies[CAP_TRANSFER_MAX];

static void open_endpoint(void)
{
    CHECK_OK(capos_endpoint_factory_create(glutton.ring, glutton.endpoints, &glutton.owner));
    CHECK_OK(capos_endpoint_mint(glutton.ring, glutton.owner, 0, SOME_INTERFACE, &glutton.client));
}

/* ---------------------------------------------------------------------------
 * What can be taken: one more each time, whose id is in *id */

static struct rt_status take_slot(uint64_t *id)
{
    return capos_endpoint_mint(glutton.ring, glutton.owner, 0, SOME_INTERFACE, id);
}

static struct rt_status take_frame(uint64_t *id)
{
    struct capos_memory_object memory = {CAP_ID_NONE};

    struct rt_status s = capos_frame_allocator_alloc_frame(glutton.ring, glutton.frames, &memory);
    *id = memory.id;
    return s;
}

/* Large pieces first. */
static struct rt_status take_piece(uint64_t *id)
{
    struct capos_memory_object memory = {CAP_ID_NONE};

    struct rt_status s =
        capos_frame_allocator_alloc_contiguous(glutton.ring, glutton.frames, PIECE_PAGES, &memory);
    *id = memory.id;
    return rt_ok(s) ? s : take_frame(id);
}

static struct rt_status take_process(uint64_t *id)
{
    struct child child = child_default("child", "glutton");
    struct capos_process_handle handle = {CAP_ID_NONE};

    child.frames = 64;
    child.slots = 4;
    struct rt_status s = child_spawn(glutton.ring, glutton.spawner, &child, &handle, NULL);
    *id = handle.id;
    return s;
}

/* Queues a call that brings so many copies. */
static struct rt_status take_call_with(uint8_t copied)
{
    struct cap_sqe sqe = {.opcode = CAP_OP_CALL,
                          .cap_id = glutton.client,
                          .interface_id = SOME_INTERFACE,
                          .cap_count = copied,
                          .params_addr = copied == 0 ? 0 : (uintptr_t)copies};
    struct cap_cqe cqe;

    for (uint32_t i = 0; i < copied; i++) {
        copies[i] = rt_copy(glutton.client);
    }
    CHECK(rt_ring_push(glutton.ring, &sqe));
    CHECK(rt_ring_enter(glutton.ring, 0, CAP_TIMEOUT_POLL) >= 0);
    if (!rt_ring_take(glutton.ring, &cqe)) {
        return (struct rt_status){.code = RT_OK}; /* it waits */
    }
    return (struct rt_status){.code = cqe.result, .exception = cqe.flags & CAP_CQE_F_EXC_MASK};
}

static struct rt_status take_call(uint64_t *id)
{
    (void)id;
    return take_call_with(0);
}

/*
 * The capabilities that a call in a queue brings are kept in the kernel's heap. When there
 * is not enough of it for many, a process cannot be had, which is found out the sooner the
 * less there is; and when not for one, an endpoint cannot either.
 */
static struct rt_status take_heap(uint64_t *id)
{
    struct capos_endpoint owner;

    struct rt_status s = take_call_with(CAP_TRANSFER_MAX);
    if (rt_ok(s)) {
        return s;
    }
    CHECK_REFUSED(take_process(id), CAP_EXC_OVERLOADED);
    s = take_call_with(1);
    if (!rt_ok(s)) {
        CHECK_REFUSED(capos_endpoint_factory_create(glutton.ring, glutton.endpoints, &owner),
                      CAP_EXC_OVERLOADED);
    }
    return s;
}

/* ---------------------------------------------------------------------------
 * All of it given back */

static void drop_all(void)
{
    while (glutton.count > 0) {
        CHECK_OK(rt_release(glutton.ring, glutton.ids[--glutton.count]));
    }
}

static void end_all(void)
{
    while (glutton.count > 0) {
        struct capos_process_handle handle = {glutton.ids[--glutton.count]};
        struct rt_call call;

        CHECK_OK(capos_process_handle_kill(glutton.ring, handle));
        CHECK_OK(capos_process_handle_wait_call(&call, glutton.ring, handle, 256));
        rt_call_end(&call);
        CHECK_OK(rt_release(glutton.ring, handle.id));
    }
}

/* The calls end with their endpoint. */
static void disconnect_all(void)
{
    struct cap_cqe cqe;

    CHECK_OK(rt_release(glutton.ring, glutton.owner.id));
    for (; glutton.count > 0; glutton.count--) {
        while (!rt_ring_take(glutton.ring, &cqe)) {
            CHECK(rt_ring_enter(glutton.ring, 1, CAP_TIMEOUT_FOREVER) >= 0);
        }
        CHECK_EQ(cqe.result, CAP_ERR_EXCEPTION);
        CHECK_EQ(cqe.flags & CAP_CQE_F_EXC_MASK, CAP_EXC_DISCONNECTED);
    }
    CHECK_OK(rt_release(glutton.ring, glutton.client));
    open_endpoint();
}

static const struct taste {
    const char *name;
    struct rt_status (*take)(uint64_t *id);
    void (*give_back)(void);
} tastes[] = {
    {"slots", take_slot, drop_all},       {"memory", take_frame, drop_all},
    {"machine", take_piece, drop_all},    {"processes", take_process, end_all},
    {"calls", take_call, disconnect_all}, {"heap", take_heap, disconnect_all},
};

static const struct taste *find_taste(const struct capset_entry *entry)
{
    for (size_t i = 0; i < sizeof tastes / sizeof *tastes; i++) {
        const struct taste *taste = &tastes[i];

        if (strlen(taste->name) == entry->name_len &&
            memcmp(taste->name, entry->name, entry->name_len) == 0) {
            return taste;
        }
    }
    demo_fail(__FILE__, __LINE__, "the console is named like what is to be taken");
}

/* Everything there is. Says how much that was. */
static uint32_t gorge(const struct taste *taste)
{
    uint64_t id;
    struct rt_status s;

    for (;;) {
        id = CAP_ID_NONE;
        s = taste->take(&id);
        if (!rt_ok(s)) {
            break;
        }
        CHECK(glutton.count < HAVE_MAX);
        glutton.ids[glutton.count++] = id;
    }
    CHECK_REFUSED(s, CAP_EXC_OVERLOADED);
    for (uint32_t i = 0; i < ASK_AGAIN; i++) {
        CHECK_REFUSED(taste->take(&id), CAP_EXC_OVERLOADED);
    }
    return glutton.count;
}

int main(void)
{
    if (rt_capset()->count == 0) {
        (void)rt_cap_enter(1, CAP_TIMEOUT_FOREVER);
        return 1;
    }
    glutton.ring = demo_begin("glutton");
    glutton.spawner.id = rt_capset_need("spawner", CAPOS_PROCESS_SPAWNER_ID);
    glutton.endpoints.id = rt_capset_need("endpoints", CAPOS_ENDPOINT_FACTORY_ID);
    glutton.frames.id = rt_capset_need("frames", CAPOS_FRAME_ALLOCATOR_ID);
    const struct taste *taste = find_taste(&rt_capset()->entries[0]);
    open_endpoint();
    uint32_t most = gorge(taste);
    rt_printf("glutton: %s: %u, and no more\n", taste->name, most);
    taste->give_back();
    struct usage before = usage_now(glutton.ring);
    for (uint32_t i = 0;; i++) {
        uint32_t count = gorge(taste); /* pieces of memory come in different sizes */
        CHECK(count == most || taste->take == take_piece);
        taste->give_back();
        CHECK(usage_equal(usage_now(glutton.ring), before));
        if (i == 0) {
            rt_printf("glutton: %s: all given back\n", taste->name);
        }
    }
}
