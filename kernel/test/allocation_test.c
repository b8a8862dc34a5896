// SPDX-License-Identifier: MIT
/*
 * Every allocation, failed in its turn: for each thing that takes memory, the first
 * allocation is made to fail, then the second, until none is left to fail. Each time
 * the one who asked is told, everything is as it was, and asking again works (T-10 and T-16).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <abi/error.h>
#include <capos.capnp.h>

#include "cap/endpoint.h"
#include "cap/memory_object.h"
#include "cap/ring.h"
#include "cap/table.h"
#include "cap/virtual_memory.h"
#include "mem/fault.h"
#include "mem/heap.h"
#include "mem/paging.h"
#include "test/world.h"

#define ROOM        4096u
#define MESSAGE     16u
#define PARAMS_PAGE 0u
#define RESULT_PAGE 1u
#define INTERFACE   0x5ce7eull
#define SLOTS       400u
#define K_MAX       200u

struct stage {
    struct actor a; /* acts */
    struct actor b; /* is called, and answers */
    struct token moved;
    struct token copied;
    struct token filler;
    uint64_t owner;  /* b's */
    uint64_t client; /* a's */
    uint64_t target; /* a's, of an object of the kernel */
    uint64_t call_id;
    uint64_t call; /* a's entry, if it was submitted before */
};

/* One thing to do that takes memory. */
struct trial {
    const char *name;
    void (*prepare)(struct stage *s);
    struct cap_sqe (*entry)(struct stage *s);
    /* What the entry came to, once all work is done; NULL: it is pending. */
    bool (*failed)(const struct stage *s, const struct cap_cqe *cqe);
    bool (*worked)(const struct stage *s, const struct cap_cqe *cqe);
    bool by_b;     /* it is b's entry */
    bool is_final; /* a failure ends the call: there is nothing to ask for again */
};

/* ---------------------------------------------------------------------------
 * All there is of the two, and of the kernel's memory */

struct state {
    struct cap_table table;
    uint8_t *storage;
    size_t storage_bytes;
    uint64_t used[ACCOUNT_KINDS];
    uint64_t lent[ACCOUNT_KINDS];
    uint64_t pages;
    uint64_t frames;
    uint32_t in_flight;
    uint32_t reserved;
};

struct picture {
    struct state a;
    struct state b;
    uint64_t objects;
    uint64_t heap_blocks;
    uint64_t heap_bytes;
};

/* Room for mappings, which a process keeps, once it has it, whatever becomes of the mapping. */
static uint64_t region_room_bytes(const struct process *p)
{
    uint64_t bytes = p->regions.room * sizeof(struct region);

    return bytes == 0 ? 0 : heap_charge(bytes);
}

static void take_state(struct state *state, const struct actor *actor)
{
    const struct process *p = actor->p;

    *state = (struct state){.table = p->caps,
                            .storage_bytes = cap_table_storage_bytes(p->caps.count),
                            .pages = p->aspace.pages,
                            .frames = aspace_count_frames(&p->aspace),
                            .in_flight = call_pool_used(&p->thread.pool),
                            .reserved = ring_reserved(&p->thread.ring)};
    state->storage = malloc(state->storage_bytes);
    assert_non_null(state->storage);
    memcpy(state->storage, p->caps.slots, state->storage_bytes);
    memcpy(state->used, p->account.used, sizeof state->used);
    state->used[ACCOUNT_HEAP_BYTES] -= region_room_bytes(p);
    memcpy(state->lent, p->account.lent, sizeof state->lent);
}

static void take_picture(struct picture *picture, const struct stage *s)
{
    ring_scratch_drop();
    take_state(&picture->a, &s->a);
    take_state(&picture->b, &s->b);
    picture->objects = cap_object_count();
    picture->heap_blocks = heap_live_blocks() - (s->a.p->regions.room != 0 ? 1 : 0);
    picture->heap_bytes = heap_live_bytes() - region_room_bytes(s->a.p);
}

static void drop_picture(struct picture *picture)
{
    free(picture->a.storage);
    free(picture->b.storage);
}

static void expect_same_state(const struct state *was, const struct state *is)
{
    assert_int_equal(was->table.used, is->table.used);
    assert_int_equal(was->table.reserved, is->table.reserved);
    assert_int_equal(was->storage_bytes, is->storage_bytes);
    assert_ptr_equal(was->table.slots, is->table.slots);
    assert_int_equal(was->table.free_first, is->table.free_first);
    assert_memory_equal(was->storage, is->storage, was->storage_bytes);
    assert_memory_equal(was->used, is->used, sizeof was->used);
    assert_memory_equal(was->lent, is->lent, sizeof was->lent);
    assert_int_equal(was->pages, is->pages);
    assert_int_equal(was->frames, is->frames);
    assert_int_equal(was->in_flight, is->in_flight);
    assert_int_equal(was->reserved, is->reserved);
}

static void expect_same(const struct picture *was, const struct picture *is)
{
    expect_same_state(&was->a, &is->a);
    expect_same_state(&was->b, &is->b);
    assert_int_equal(was->objects, is->objects);
    assert_int_equal(was->heap_blocks, is->heap_blocks);
    assert_int_equal(was->heap_bytes, is->heap_bytes);
}

/* ---------------------------------------------------------------------------
 * The stage */

static void stage_init(struct stage *s)
{
    static const struct actor_params params = {.slots = SLOTS, .frames = 1024, .children = 2};
    struct cap_object *owner;
    struct cap_object *client;

    *s = (struct stage){0};
    assert_true(actor_start(&s->a, &params) && actor_start(&s->b, &params));
    for (uint32_t page = PARAMS_PAGE; page <= RESULT_PAGE; page++) {
        actor_map(&s->a, page, PAGE_WRITE);
        actor_map(&s->b, page, PAGE_WRITE);
    }
    token_init(&s->moved, "moved");
    token_init(&s->copied, "copied");
    token_init(&s->filler, "filler");
    assert_int_equal(endpoint_create(&s->b.p->account, &owner, &client), ST_OK);
    s->owner = actor_grant(&s->b, owner);
    s->client = actor_grant(&s->a, client);
    cap_drop(owner);
    cap_drop(client);
}

static void stage_end(struct stage *s)
{
    actor_kill(&s->a);
    actor_kill(&s->b);
    world_settle();
    world_end_children();
    actor_forget(&s->a);
    actor_forget(&s->b);
    assert_int_equal(s->moved.object.holds, 1);
    assert_int_equal(s->copied.object.holds, 1);
    assert_int_equal(s->filler.object.holds, 1);
}

/* Fills the actor's table up to its storage, so that the next slot makes it grow. */
static void fill(struct stage *s, struct actor *actor)
{
    while (cap_table_free(&actor->p->caps) != 0) {
        assert_int_not_equal(actor_grant(actor, &s->filler.object), CAP_ID_NONE);
    }
}

/* The actor's message, `len` bytes, with both tokens behind it. */
static void bring_tokens(struct stage *s, struct actor *actor, uint32_t len, struct cap_sqe *sqe)
{
    uint64_t moved = actor_finds(actor, &s->moved.object);
    uint64_t copied = actor_finds(actor, &s->copied.object);
    struct cap_transfer *d = actor_memory(actor, actor_page(PARAMS_PAGE) + len);

    d[0] = (struct cap_transfer){.cap_id = moved, .mode = CAP_TRANSFER_MOVE};
    d[1] = (struct cap_transfer){.cap_id = copied, .mode = CAP_TRANSFER_COPY};
    sqe->cap_count = 2;
}

static void give_tokens(struct stage *s, struct actor *actor)
{
    (void)actor_grant(actor, &s->moved.object);
    (void)actor_grant(actor, &s->copied.object);
}

static bool has_both(const struct stage *s, const struct actor *actor)
{
    uint64_t moved = actor_finds(actor, &s->moved.object);

    return moved != CAP_ID_NONE && !actor_is_moving(actor, moved) &&
           actor_finds(actor, &s->copied.object) != CAP_ID_NONE;
}

static struct cap_sqe call_entry(uint64_t cap_id, uint64_t interface_id, uint16_t method,
                                 uint32_t len)
{
    return (struct cap_sqe){.opcode = CAP_OP_CALL,
                            .cap_id = cap_id,
                            .interface_id = interface_id,
                            .method_id = method,
                            .params_addr = actor_page(PARAMS_PAGE),
                            .params_len = len,
                            .result_addr = actor_page(RESULT_PAGE),
                            .result_len = ROOM,
                            .cap_room = 4};
}

static bool is_overloaded(const struct stage *s, const struct cap_cqe *cqe)
{
    (void)s;
    return cqe != NULL && cqe->result == CAP_ERR_EXCEPTION &&
           (cqe->flags & CAP_CQE_F_EXC_MASK) == CAP_EXC_OVERLOADED;
}

static bool is_done(const struct stage *s, const struct cap_cqe *cqe)
{
    (void)s;
    return cqe != NULL && cqe->result >= 0;
}

/* ---------------------------------------------------------------------------
 * Calls and transfers */

static void prepare_call(struct stage *s)
{
    give_tokens(s, &s->a);
}

static struct cap_sqe tokens_entry(struct stage *s)
{
    struct cap_sqe sqe = call_entry(s->client, INTERFACE, 0, MESSAGE);

    bring_tokens(s, &s->a, MESSAGE, &sqe);
    return sqe;
}

static bool call_failed(const struct stage *s, const struct cap_cqe *cqe)
{
    return is_overloaded(s, cqe) && has_both(s, &s->a);
}

static bool call_waits(const struct stage *s, const struct cap_cqe *cqe)
{
    return cqe == NULL && actor_is_moving(&s->a, actor_finds(&s->a, &s->moved.object));
}

static struct cap_sqe recv_entry(struct stage *s)
{
    return (struct cap_sqe){.opcode = CAP_OP_RECV,
                            .cap_id = s->owner,
                            .result_addr = actor_page(RESULT_PAGE),
                            .result_len = ROOM,
                            .cap_room = 4};
}

static void prepare_delivery(struct stage *s)
{
    prepare_call(s);
    fill(s, &s->b);
    assert_null(actor_do(&s->b, recv_entry(s)));
}

static bool call_delivered(const struct stage *s, const struct cap_cqe *cqe)
{
    return cqe == NULL && has_both(s, &s->b);
}

static void prepare_recv(struct stage *s)
{
    prepare_call(s);
    fill(s, &s->b);
    s->call = actor_submit(&s->a, tokens_entry(s));
    actor_run(&s->a);
}

/* The caller is told, and keeps everything; the receiver waits on. */
static bool recv_failed(const struct stage *s, const struct cap_cqe *cqe)
{
    return cqe == NULL && is_overloaded(s, actor_done(&s->a, s->call)) && has_both(s, &s->a);
}

static bool recv_worked(const struct stage *s, const struct cap_cqe *cqe)
{
    return is_done(s, cqe) && has_both(s, &s->b);
}

static void prepare_return(struct stage *s)
{
    give_tokens(s, &s->b);
    s->call = actor_submit(&s->a, call_entry(s->client, INTERFACE, 0, MESSAGE));
    actor_run(&s->a);
    const struct cap_cqe *cqe = actor_do(&s->b, recv_entry(s));
    assert_non_null(cqe);
    s->call_id = cqe->detail;
    fill(s, &s->a);
}

static struct cap_sqe return_entry(struct stage *s)
{
    struct cap_sqe sqe = {.opcode = CAP_OP_RETURN,
                          .interface_id = s->call_id,
                          .params_addr = actor_page(PARAMS_PAGE),
                          .params_len = MESSAGE};

    bring_tokens(s, &s->b, MESSAGE, &sqe);
    return sqe;
}

/* Either the answer was not even read, and the call goes on; or it was not delivered. */
static bool return_failed(const struct stage *s, const struct cap_cqe *cqe)
{
    const struct cap_cqe *call = actor_done(&s->a, s->call);
    bool unread = is_overloaded(s, cqe) && call == NULL;
    bool undelivered =
        cqe != NULL && cqe->result == CAP_ERR_NOT_DELIVERED && is_overloaded(s, call);

    return (unread || undelivered) && has_both(s, &s->b);
}

static bool return_worked(const struct stage *s, const struct cap_cqe *cqe)
{
    return is_done(s, cqe) && is_done(s, actor_done(&s->a, s->call)) && has_both(s, &s->a);
}

/* ---------------------------------------------------------------------------
 * Objects of the kernel */

static void give_kernel_object(struct stage *s, uint64_t interface_id)
{
    s->target = actor_grant(&s->a, kernel_table_find(interface_id)->object);
}

static void prepare_endpoint(struct stage *s)
{
    give_kernel_object(s, CAPOS_ENDPOINT_FACTORY_ID);
    fill(s, &s->a);
}

static struct cap_sqe endpoint_entry(struct stage *s)
{
    return call_entry(s->target, CAPOS_ENDPOINT_FACTORY_ID, CAPOS_ENDPOINT_FACTORY_CREATE, 0);
}

static void prepare_memory(struct stage *s)
{
    give_kernel_object(s, CAPOS_FRAME_ALLOCATOR_ID);
    fill(s, &s->a);
}

/* Where parameters are built. */
static void begin(struct stage *s, struct capnp_arena *arena)
{
    capnp_arena_init(arena, actor_memory(&s->a, actor_page(PARAMS_PAGE)), ROOM / 2);
}

static struct cap_sqe memory_entry(struct stage *s)
{
    struct capnp_arena arena;

    begin(s, &arena);
    capos_frame_allocator_alloc_contiguous_params_set_count(
        capos_frame_allocator_alloc_contiguous_params_build_root(&arena), 5);
    return call_entry(s->target, CAPOS_FRAME_ALLOCATOR_ID, CAPOS_FRAME_ALLOCATOR_ALLOC_CONTIGUOUS,
                      capnp_arena_bytes(&arena));
}

static void prepare_map(struct stage *s)
{
    struct cap_object *vm;

    assert_int_equal(virtual_memory_create(s->a.p, &vm), ST_OK);
    s->target = actor_grant(&s->a, vm);
    cap_drop(vm);
}

static struct cap_sqe map_entry(struct stage *s)
{
    struct capnp_arena arena;

    begin(s, &arena);
    struct capos_virtual_memory_map_params_builder params =
        capos_virtual_memory_map_params_build_root(&arena);
    capos_virtual_memory_map_params_set_hint(params, 0x60000000);
    capos_virtual_memory_map_params_set_size(params, 5u * 4096u);
    capos_virtual_memory_map_params_set_protection(params,
                                                   CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE);
    return call_entry(s->target, CAPOS_VIRTUAL_MEMORY_ID, CAPOS_VIRTUAL_MEMORY_MAP,
                      capnp_arena_bytes(&arena));
}

static void prepare_map_object(struct stage *s)
{
    struct cap_object *memory;

    prepare_map(s);
    assert_int_equal(memory_object_create(&s->a.p->account, 5, &memory), ST_OK);
    s->call_id = actor_grant(&s->a, memory);
    cap_drop(memory);
}

static struct cap_sqe map_object_entry(struct stage *s)
{
    struct capnp_arena arena;

    begin(s, &arena);
    struct capos_virtual_memory_map_object_params_builder params =
        capos_virtual_memory_map_object_params_build_root(&arena);
    capos_virtual_memory_map_object_params_set_memory(params,
                                                      (struct capnp_capability){.there = true});
    capos_virtual_memory_map_object_params_set_hint(params, 0x60000000);
    capos_virtual_memory_map_object_params_set_size(params, 5u * 4096u);
    capos_virtual_memory_map_object_params_set_protection(params,
                                                          CAPOS_VIRTUAL_MEMORY_PROTECTION_READ);
    struct cap_sqe sqe = call_entry(s->target, CAPOS_VIRTUAL_MEMORY_ID,
                                    CAPOS_VIRTUAL_MEMORY_MAP_OBJECT, capnp_arena_bytes(&arena));
    struct cap_transfer *d = actor_memory(&s->a, sqe.params_addr + sqe.params_len);
    *d = (struct cap_transfer){.cap_id = s->call_id, .mode = CAP_TRANSFER_COPY};
    sqe.cap_count = 1;
    return sqe;
}

static void prepare_spawn(struct stage *s)
{
    give_kernel_object(s, CAPOS_PROCESS_SPAWNER_ID);
    give_tokens(s, &s->a);
    fill(s, &s->a);
}

static struct capos_spawn_grant_source_builder grant(struct capos_spawn_grant_list_builder grants,
                                                     uint32_t i, struct capnp_text name)
{
    struct capos_spawn_grant_builder g = capos_spawn_grant_list_builder_at(grants, i);

    capos_spawn_grant_set_name(g, name);
    return capos_spawn_grant_init_source(g);
}

static struct cap_sqe spawn_entry(struct stage *s)
{
    struct capnp_arena arena;

    begin(s, &arena);
    struct capos_process_spawner_spawn_params_builder params =
        capos_process_spawner_spawn_params_build_root(&arena);
    capos_process_spawner_spawn_params_set_name(params, CAPNP_TEXT("child"));
    capos_process_spawner_spawn_params_set_binary(params, CAPNP_TEXT(WORLD_BINARY));
    struct capos_spawn_grant_list_builder grants =
        capos_process_spawner_spawn_params_init_grants(params, 5);
    capos_spawn_grant_source_set_capability(grant(grants, 0, CAPNP_TEXT("moved")),
                                            (struct capnp_capability){.there = true, .index = 0});
    capos_spawn_grant_source_set_capability(grant(grants, 1, CAPNP_TEXT("copied")),
                                            (struct capnp_capability){.there = true, .index = 1});
    struct capos_fresh_endpoint_builder fresh =
        capos_spawn_grant_source_init_endpoint(grant(grants, 2, CAPNP_TEXT("endpoint")));
    capos_fresh_endpoint_set_interface_id(fresh, INTERFACE);
    capos_spawn_grant_source_set_virtual_memory(grant(grants, 3, CAPNP_TEXT("memory")));
    capos_spawn_grant_source_set_capability_manager(grant(grants, 4, CAPNP_TEXT("manager")));
    struct capos_limits_builder limits = capos_process_spawner_spawn_params_init_limits(params);
    capos_limits_set_frames(limits, 64);
    capos_limits_set_cap_slots(limits, 16);
    assert_true(capnp_arena_ok(&arena));
    struct cap_sqe sqe = call_entry(s->target, CAPOS_PROCESS_SPAWNER_ID,
                                    CAPOS_PROCESS_SPAWNER_SPAWN, capnp_arena_bytes(&arena));
    bring_tokens(s, &s->a, sqe.params_len, &sqe);
    return sqe;
}

static bool spawn_worked(const struct stage *s, const struct cap_cqe *cqe)
{
    return is_done(s, cqe) && cqe->cap_count == 2 &&
           actor_finds(&s->a, &s->moved.object) == CAP_ID_NONE;
}

static void prepare_copy(struct stage *s)
{
    s->target = actor_grant(&s->a, &s->copied.object);
    fill(s, &s->a);
}

static struct cap_sqe copy_entry(struct stage *s)
{
    return (struct cap_sqe){.opcode = CAP_OP_COPY, .cap_id = s->target};
}

static void prepare_large(struct stage *s)
{
    give_kernel_object(s, CAPOS_NULL_CAP_ID);
}

static struct cap_sqe large_entry(struct stage *s)
{
    struct cap_sqe sqe = call_entry(s->target, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_PING, 0);

    sqe.params_len = 1024;
    return sqe;
}

static const struct trial trials[] = {
    {"call that waits", prepare_call, tokens_entry, call_failed, call_waits, false, false},
    {"call that is delivered", prepare_delivery, tokens_entry, call_failed, call_delivered, false,
     false},
    {"RECV of a call", prepare_recv, recv_entry, recv_failed, recv_worked, true, true},
    {"RETURN", prepare_return, return_entry, return_failed, return_worked, true, true},
    {"message that is not short", prepare_large, large_entry, is_overloaded, is_done, false, false},
    {"COPY", prepare_copy, copy_entry, is_overloaded, is_done, false, false},
    {"EndpointFactory.create", prepare_endpoint, endpoint_entry, is_overloaded, is_done, false,
     false},
    {"FrameAllocator.allocContiguous", prepare_memory, memory_entry, is_overloaded, is_done, false,
     false},
    {"VirtualMemory.map", prepare_map, map_entry, is_overloaded, is_done, false, false},
    {"VirtualMemory.mapObject", prepare_map_object, map_object_entry, is_overloaded, is_done, false,
     false},
    {"ProcessSpawner.spawn", prepare_spawn, spawn_entry, is_overloaded, spawn_worked, false, false},
};

/* ---------------------------------------------------------------------------
 * Each allocation in its turn */

static struct actor *who(const struct trial *trial, struct stage *s)
{
    return trial->by_b ? &s->b : &s->a;
}

/* Does it, with all that comes of it; the completion, NULL while there is none. */
static const struct cap_cqe *attempt(const struct trial *trial, struct stage *s)
{
    struct actor *actor = who(trial, s);
    uint64_t entry = actor_submit(actor, trial->entry(s));

    actor_run(actor);
    world_settle();
    actor_take(&s->a);
    actor_take(&s->b);
    return actor_done(actor, entry);
}

static void expect_sound(void)
{
    const char *wrong = world_check();

    if (wrong != NULL) {
        fail_msg("%s", wrong);
    }
}

/* Fails the k-th allocation. False: there are not so many. */
static bool try_k(const struct trial *trial, uint64_t k)
{
    static struct stage stage;
    struct stage *s = &stage;
    struct picture before;
    struct picture after;

    world_remember();
    stage_init(s);
    trial->prepare(s);
    take_picture(&before, s);
    alloc_fault = (struct alloc_fault){.countdown = k};
    const struct cap_cqe *cqe = attempt(trial, s);
    bool failed = alloc_fault.site != 0;
    alloc_fault = (struct alloc_fault){0};
    expect_sound();
    if (failed) {
        assert_true(trial->failed(s, cqe));
        take_picture(&after, s);
        if (!trial->is_final) {
            expect_same(&before, &after);
            cqe = attempt(trial, s);
            assert_true(trial->worked(s, cqe));
        }
        drop_picture(&after);
    } else {
        assert_true(trial->worked(s, cqe));
    }
    expect_sound();
    drop_picture(&before);
    stage_end(s);
    assert_null(world_leftover());
    return failed;
}

static void each_allocation(void **state)
{
    const struct trial *trial = *state;
    uint64_t k = 1;

    world_start();
    while (try_k(trial, k)) {
        k++;
        assert_true(k < K_MAX);
    }
    assert_int_not_equal(k, 1);
    if (getenv("COUNT") != NULL) {
        print_message("%s: %lu allocations\n", trial->name, (unsigned long)(k - 1));
    }
}

/* The same for what the kernel itself starts. */
static void each_of_a_start(void **state)
{
    struct actor a;
    bool started = false;

    (void)state;
    world_start();
    for (uint64_t k = 1; !started; k++) {
        assert_true(k < K_MAX);
        world_remember();
        alloc_fault = (struct alloc_fault){.countdown = k};
        started = actor_start(&a, NULL);
        assert_int_equal(started, alloc_fault.site == 0);
        alloc_fault = (struct alloc_fault){0};
        if (started) {
            actor_kill(&a);
        }
        world_settle();
        assert_null(a.p);
        actor_forget(&a);
        expect_sound();
        assert_null(world_leftover());
    }
}

#define TRIALS (sizeof trials / sizeof *trials)

int main(void)
{
    static struct CMUnitTest tests[TRIALS + 1];

    for (size_t i = 0; i < TRIALS; i++) {
        tests[i] = (struct CMUnitTest){.name = trials[i].name,
                                       .test_func = each_allocation,
                                       .initial_state = (void *)(uintptr_t)&trials[i]};
    }
    tests[TRIALS] = (struct CMUnitTest){.name = "start", .test_func = each_of_a_start};
    return _cmocka_run_group_tests("allocations", tests, TRIALS + 1, NULL, NULL);
}
