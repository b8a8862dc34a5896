// SPDX-License-Identifier: MIT
/*
 * Frames that were granted come back: when they are freed, when the last capability
 * and the last mapping of them is gone, when a call fails on the way, and when the
 * process ends, however it ends. What is freed twice, shared, mapped or somebody
 * else's is refused, and stays with whom it was.
 *
 * More services run this program to end while they hold all that they may, in every
 * way there is to hold it; the name of a Console says how. They are started so often
 * that all of it together is more than the machine has: unless it came back each
 * time, the later ones would find none.
 */
#include <abi/layout.h>
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <rt/string.h>
#include <support/check.h>
#include <support/raw.h>
#include <support/usage.h>

#define PAGE        ((uint64_t)USER_PAGE_BYTES)
#define FORGED      (1ull << 60)
#define OBJECTS_MAX CAP_SLOTS_DEFAULT
#define HOARD_PIECE 64u

static struct rt_ring *ring;
static struct capos_frame_allocator frames;
static struct capos_virtual_memory memory;

static struct capos_memory_object allocate(uint32_t pages)
{
    struct capos_memory_object object = {CAP_ID_NONE};

    CHECK_OK(capos_frame_allocator_alloc_contiguous(ring, frames, pages, &object));
    return object;
}

static struct capos_memory_reader reader_of(struct capos_memory_object object)
{
    struct capos_memory_reader reader = {CAP_ID_NONE};

    CHECK_OK(capos_memory_object_reader(ring, object, &reader));
    return reader;
}

static volatile uint8_t *map(struct capos_memory_object object, uint64_t pages)
{
    uint64_t address = 0;

    CHECK_OK(capos_virtual_memory_map_object(ring, memory, rt_copy(object.id), 0, 0, pages * PAGE,
                                             CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE, &address));
    return (volatile uint8_t *)(uintptr_t)address;
}

static void unmap(volatile uint8_t *pages, uint64_t count)
{
    CHECK_OK(capos_virtual_memory_unmap(ring, memory, (uintptr_t)pages, count * PAGE));
}

static struct rt_status free_frame(struct cap_transfer given)
{
    return capos_frame_allocator_free_frame(ring, frames, given);
}

static uint64_t size_of(struct capos_memory_object object)
{
    uint64_t bytes = 0;

    CHECK_OK(capos_memory_object_size(ring, object, &bytes));
    return bytes;
}

static bool is_stale(uint64_t cap_id)
{
    uint64_t bytes;

    return capos_memory_object_size(ring, (struct capos_memory_object){cap_id}, &bytes).code ==
           CAP_ERR_INVOKE_FAILED;
}

static uint64_t frames_used(void)
{
    return usage_now(ring).frames;
}

/* ---------------------------------------------------------------------------
 * Given and given back */

static void check_one_frame(void)
{
    uint64_t before = frames_used();
    struct capos_memory_object object = {CAP_ID_NONE};

    CHECK_OK(capos_frame_allocator_alloc_frame(ring, frames, &object));
    CHECK_EQ(size_of(object), PAGE);
    CHECK_EQ(frames_used(), before + 1);
    CHECK_OK(free_frame(rt_move(object.id)));
    CHECK_EQ(frames_used(), before);
    CHECK(is_stale(object.id));

    demo_case("a frame is freed twice");
    CHECK_EQ(free_frame(rt_move(object.id)).code, CAP_ERR_BAD_TRANSFER);
    CHECK_EQ(frames_used(), before);
    demo_case(NULL);
}

/* Freed memory is whoever's comes next, without what was in it. */
static void check_no_residue(void)
{
    for (unsigned round = 0; round < 4; round++) {
        struct capos_memory_object object = allocate(16);
        volatile uint8_t *pages = map(object, 16);
        for (uint64_t i = 0; i < 16 * PAGE; i++) {
            CHECK_EQ(pages[i], 0);
            pages[i] = 0xd1;
        }
        unmap(pages, 16);
        CHECK_OK(free_frame(rt_move(object.id)));
    }
}

/* Nobody calls free: the last who lets go does. */
static void check_let_go(void)
{
    uint64_t before = frames_used();
    struct capos_memory_object object = allocate(3);
    struct capos_memory_reader reader = reader_of(object);
    struct capos_memory_reader another = reader_of(object);

    CHECK_OK(rt_release(ring, object.id));
    CHECK_OK(rt_release(ring, reader.id));
    CHECK_EQ(frames_used(), before + 3);
    CHECK_OK(rt_release(ring, another.id));
    CHECK_EQ(frames_used(), before);

    demo_case("released in a batch");
    for (unsigned i = 0; i < 8; i++) {
        rt_drop(ring, allocate(2).id);
    }
    CHECK_EQ(frames_used(), before);
    demo_case(NULL);
}

/* ---------------------------------------------------------------------------
 * What must not be freed, and is not */

static void check_refused(void)
{
    struct capos_memory_object object = allocate(1);
    uint64_t console = rt_capset_need("console", CAPOS_CONSOLE_ID);
    struct usage before = usage_now(ring);

    demo_case("a frame is freed and kept");
    CHECK_REFUSED(free_frame(rt_copy(object.id)), CAP_EXC_INVALID_ARGUMENT);
    demo_case("nothing is freed");
    CHECK_REFUSED(free_frame(rt_nothing()), CAP_EXC_INVALID_ARGUMENT);
    demo_case("a Console is freed");
    CHECK_REFUSED(free_frame(rt_move(console)), CAP_EXC_INVALID_ARGUMENT);
    demo_case("the allocator is freed");
    CHECK_REFUSED(free_frame(rt_move(frames.id)), CAP_EXC_INVALID_ARGUMENT);
    demo_case("the address space is freed");
    CHECK_REFUSED(free_frame(rt_move(memory.id)), CAP_EXC_INVALID_ARGUMENT);
    demo_case("a forged capability is freed");
    CHECK_EQ(free_frame(rt_move(object.id ^ FORGED)).code, CAP_ERR_BAD_TRANSFER);
    demo_case("another slot's capability is freed");
    CHECK_EQ(free_frame(rt_move(object.id + 1)).code, CAP_ERR_BAD_TRANSFER);
    demo_case("capability 0 is freed");
    CHECK_EQ(free_frame((struct cap_transfer){.mode = CAP_TRANSFER_MOVE}).code,
             CAP_ERR_BAD_TRANSFER);
    demo_case("a frame is minted");
    CHECK_EQ(free_frame(rt_mint(object.id, 1, CAPOS_MEMORY_OBJECT_ID)).code, CAP_ERR_BAD_TRANSFER);
    demo_case("a frame moves with a badge");
    CHECK_EQ(free_frame(
                 (struct cap_transfer){.cap_id = object.id, .mode = CAP_TRANSFER_MOVE, .badge = 1})
                 .code,
             CAP_ERR_BAD_TRANSFER);
    demo_case("a frame goes in a mode that there is not");
    CHECK_EQ(free_frame((struct cap_transfer){.cap_id = object.id, .mode = 4}).code,
             CAP_ERR_BAD_TRANSFER);
    demo_case(NULL);

    CHECK(usage_equal(usage_now(ring), before));
    CHECK_EQ(size_of(object), PAGE);
    CHECK_OK(free_frame(rt_move(object.id)));
    CHECK_EQ(frames_used(), before.frames - 1);
}

/* Whoever else has it, or has it mapped, keeps it. */
static void check_shared(void)
{
    struct capos_memory_object object = allocate(2);
    uint64_t used = frames_used();

    demo_case("memory with a reader is freed");
    struct capos_memory_reader reader = reader_of(object);
    CHECK_REFUSED(free_frame(rt_move(object.id)), CAP_EXC_INVALID_ARGUMENT);
    demo_case("a reader is freed");
    CHECK_REFUSED(free_frame(rt_move(reader.id)), CAP_EXC_INVALID_ARGUMENT);
    CHECK_OK(rt_release(ring, reader.id));

    demo_case("mapped memory is freed");
    volatile uint8_t *pages = map(object, 2);
    pages[0] = 0x42;
    CHECK_REFUSED(free_frame(rt_move(object.id)), CAP_EXC_INVALID_ARGUMENT);
    CHECK_OK(capos_virtual_memory_unmap(ring, memory, (uintptr_t)pages, PAGE));
    CHECK_REFUSED(free_frame(rt_move(object.id)), CAP_EXC_INVALID_ARGUMENT);
    CHECK_OK(capos_virtual_memory_unmap(ring, memory, (uintptr_t)pages + PAGE, PAGE));
    CHECK(frames_used() <= used);
    CHECK_EQ(size_of(object), 2 * PAGE);
    CHECK_OK(free_frame(rt_move(object.id)));
    CHECK_EQ(frames_used(), used - 2);
    demo_case(NULL);
}

/* One entry with several descriptors, as the typed client would never build it. */
static int32_t free_raw(const struct cap_transfer given[], uint8_t count, uint32_t *exception)
{
    static uint64_t words[64];
    struct capnp_arena arena;

    capnp_arena_init(&arena, words, sizeof words);
    struct capos_frame_allocator_free_frame_params_builder params =
        capos_frame_allocator_free_frame_params_build_root(&arena);
    capos_frame_allocator_free_frame_params_set_memory(
        params, (struct capos_memory_object_cap){(struct capnp_capability){0, true}});
    uint32_t bytes = capnp_arena_bytes(&arena);
    if (count != 0) {
        memcpy((uint8_t *)words + bytes, given, count * sizeof *given);
    }
    struct cap_sqe sqe = {
        .opcode = CAP_OP_CALL,
        .cap_count = count,
        .method_id = CAPOS_FRAME_ALLOCATOR_FREE_FRAME,
        .cap_id = frames.id,
        .interface_id = CAPOS_FRAME_ALLOCATOR_ID,
        .params_addr = (uintptr_t)words,
        .params_len = bytes,
    };
    struct cap_cqe cqe = raw_complete(ring, &sqe);
    *exception = cqe.flags & CAP_CQE_F_EXC_MASK;
    return cqe.result;
}

static void check_raw_frees(void)
{
    struct capos_memory_object object = allocate(1);
    uint64_t used = frames_used();
    uint32_t exception;

    demo_case("the message names a capability that did not come");
    CHECK_EQ(free_raw(NULL, 0, &exception), CAP_ERR_EXCEPTION);
    CHECK_EQ(exception, CAP_EXC_INVALID_ARGUMENT);
    demo_case("one frame is moved twice in one call");
    const struct cap_transfer twice[] = {rt_move(object.id), rt_move(object.id)};
    CHECK_EQ(free_raw(twice, 2, &exception), CAP_ERR_BAD_TRANSFER);
    demo_case("one frame is moved and copied in one call");
    const struct cap_transfer also[] = {rt_move(object.id), rt_copy(object.id)};
    CHECK_EQ(free_raw(also, 2, &exception), CAP_ERR_BAD_TRANSFER);
    demo_case("a good descriptor before a bad one");
    const struct cap_transfer half[] = {rt_move(object.id), rt_move(object.id ^ FORGED)};
    CHECK_EQ(free_raw(half, 2, &exception), CAP_ERR_BAD_TRANSFER);
    demo_case("a descriptor with something in its reserved field");
    const struct cap_transfer reserved = {
        .cap_id = object.id, .mode = CAP_TRANSFER_MOVE, .reserved = 1};
    CHECK_EQ(free_raw(&reserved, 1, &exception), CAP_ERR_BAD_TRANSFER);
    CHECK_EQ(frames_used(), used);
    demo_case("and then as it should be");
    const struct cap_transfer once = rt_move(object.id);
    CHECK_EQ(free_raw(&once, 1, &exception), 0);
    CHECK_EQ(frames_used(), used - 1);
    demo_case(NULL);
}

/* ---------------------------------------------------------------------------
 * Allocation that fails leaves nothing */

static void check_counts(void)
{
    static const uint32_t counts[] = {0, MEMORY_PAGES_MAX + 1u, 1u << 31, UINT32_MAX};
    struct usage before = usage_now(ring);
    struct capos_memory_object object;

    demo_case("a count that there is not");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        CHECK_REFUSED(capos_frame_allocator_alloc_contiguous(ring, frames, counts[i], &object),
                      CAP_EXC_INVALID_ARGUMENT);
    }
    demo_case(NULL);
    CHECK(usage_equal(usage_now(ring), before));
}

/* A frame is made, and cannot be handed over. */
static void check_undeliverable(void)
{
    static uint64_t room[8];
    struct cap_sqe sqe = {
        .opcode = CAP_OP_CALL,
        .method_id = CAPOS_FRAME_ALLOCATOR_ALLOC_FRAME,
        .cap_id = frames.id,
        .interface_id = CAPOS_FRAME_ALLOCATOR_ID,
        .result_addr = (uintptr_t)room,
        .result_len = sizeof room,
    };
    struct usage before = usage_now(ring);

    demo_case("the caller takes no capability");
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_RESULT);
    demo_case("there is room for the message, and none for the record");
    sqe.cap_room = 1;
    sqe.result_len = 16;
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_RESULT);
    demo_case("there is no room at all");
    sqe.result_len = 0;
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_RESULT);
    demo_case(NULL);
    CHECK(usage_equal(usage_now(ring), before));
}

/* Frees the objects, and says whether that was all there was. */
static void free_all(const struct capos_memory_object objects[], uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        CHECK_OK(free_frame(rt_move(objects[i].id)));
    }
}

/* Frame by frame to the end of the budget, and object by object to the end of the table. */
static void check_limits(void)
{
    static struct capos_memory_object objects[OBJECTS_MAX];
    struct usage before = usage_now(ring);
    uint32_t rest = (uint32_t)(before.frames_max - before.frames);
    uint32_t count = 0;

    demo_case("one frame more than the budget");
    CHECK(rest > 8 && rest < MEMORY_PAGES_MAX);
    CHECK_REFUSED(capos_frame_allocator_alloc_contiguous(ring, frames, rest + 1, &objects[0]),
                  CAP_EXC_OVERLOADED);
    demo_case("the budget to the last frame");
    objects[count++] = allocate(rest - 4);
    while (frames_used() < before.frames_max) {
        objects[count++] = allocate(1);
    }
    CHECK_REFUSED(capos_frame_allocator_alloc_frame(ring, frames, &objects[count]),
                  CAP_EXC_OVERLOADED);
    CHECK_EQ(frames_used(), before.frames_max);
    free_all(objects, count);
    CHECK_EQ(frames_used(), before.frames);

    demo_case("the table to the last slot");
    uint64_t slots = before.slots_max - before.slots;
    CHECK(slots <= OBJECTS_MAX);
    for (count = 0; count < slots; count++) {
        objects[count] = allocate(1);
    }
    uint64_t used = frames_used();
    CHECK_REFUSED(capos_frame_allocator_alloc_frame(ring, frames, &objects[0]), CAP_EXC_OVERLOADED);
    CHECK_EQ(frames_used(), used);
    free_all(objects, count);
    CHECK(usage_now(ring).slots == before.slots);
    demo_case(NULL);
}

/* ---------------------------------------------------------------------------
 * Ends while holding everything */

/* Takes all frames of the budget, in pieces that are held in turn in every way there is. */
static void hoard(void)
{
    struct rt_status status;

    for (unsigned i = 0;; i++) {
        struct capos_memory_object object;
        status = capos_frame_allocator_alloc_contiguous(ring, frames, HOARD_PIECE, &object);
        if (!rt_ok(status)) {
            break;
        }
        switch (i % 4u) {
        case 0: /* by its capability alone */
            break;
        case 1: /* by capability, reader and mapping */
            (void)reader_of(object);
            map(object, HOARD_PIECE)[PAGE] = 1;
            break;
        case 2: /* by its reader alone */
            (void)reader_of(object);
            CHECK_OK(rt_release(ring, object.id));
            break;
        default: /* by two mappings alone, one of which has a hole */
            (void)map(object, HOARD_PIECE);
            unmap(map(object, HOARD_PIECE) + PAGE, 1);
            CHECK_OK(rt_release(ring, object.id));
            break;
        }
    }
    CHECK_REFUSED(status, CAP_EXC_OVERLOADED);
    struct usage usage = usage_now(ring);
    CHECK(usage.frames + HOARD_PIECE > usage.frames_max);
    CHECK(usage.frames_max > 4u * HOARD_PIECE);
}

int main(void)
{
    ring = demo_begin("frame-allocator-cleanup");
    frames = (struct capos_frame_allocator){rt_capset_need("frames", CAPOS_FRAME_ALLOCATOR_ID)};
    memory = (struct capos_virtual_memory){rt_capset_need("memory", CAPOS_VIRTUAL_MEMORY_ID)};
    if (rt_capset_has(rt_capset(), "exit-holding")) {
        hoard();
        return 0;
    }
    if (rt_capset_has(rt_capset(), "fault-holding")) {
        hoard();
        __builtin_trap();
    }
    check_one_frame();
    check_no_residue();
    check_let_go();
    check_refused();
    check_shared();
    check_raw_frees();
    check_counts();
    check_undeliverable();
    check_limits();
    rt_printf("frame-allocator-cleanup: every frame has come back, refused or freed\n");
    return demo_end();
}
