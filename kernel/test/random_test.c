// SPDX-License-Identifier: MIT
/*
 * Three processes that do anything at all: every opcode on every capability, with good
 * and bad buffers, while pages come and go, allocations fail, time passes, deferred work
 * is done or not, and one or the other dies and is started anew. After each step all
 * that the kernel keeps is checked, and that whoever waits has reason to; at the end,
 * that every entry has completed exactly once and that nothing is left (T-12 and T-27).
 *
 * In every fourth run the processes are hostile: while the kernel reads of their memory,
 * the memory changes. Their completions cannot be counted then; everything else holds.
 *
 *   random_test [SEED [STEPS]]     one run, the same every time; it tells its steps
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <abi/error.h>
#include <capos.capnp.h>

#include "cap/call.h"
#include "cap/endpoint.h"
#include "cap/entry.h"
#include "cap/table.h"
#include "cap/transfer.h"
#include "mem/fault.h"
#include "mem/paging.h"
#include "sched.h"
#include "test/host/host.h"
#include "test/world.h"
#include "work.h"

#define ACTORS    3u
#define TOKENS    4u
#define KEEPERS   2u
#define PAGES     4u
#define CALL_IDS  8u
#define SLOTS     24u
#define RUNS      120u
#define STEPS     600u
#define INTERFACE 0x5ce7eull

struct player {
    struct actor actor;
    uint64_t call_ids[CALL_IDS]; /* received lately */
    uint32_t call_id_next;
    uint64_t seen; /* entries up to here have completed */
    bool mapped[PAGES];
};

static struct player players[ACTORS];
static struct token tokens[TOKENS];
static struct keeper keepers[KEEPERS];
static bool hostile;
static bool tell;
static uint64_t state;
static uint64_t seed_now;
static uint32_t step_now;

static uint64_t chance(void)
{
    uint64_t z = (state += 0x9e3779b97f4a7c15ull);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

/* A number below n. */
static uint32_t below(uint32_t n)
{
    return (uint32_t)(chance() % n);
}

static bool one_in(uint32_t n)
{
    return below(n) == 0;
}

static void where(const char *sentence)
{
    (void)sentence;
    fprintf(stderr, "in step %u; again: random_test %lu\n", step_now, (unsigned long)seed_now);
}

static void stop_if(const char *wrong)
{
    if (wrong != NULL) {
        where(wrong);
        fail_msg("%s", wrong);
    }
}

static void say(const char *what, uint64_t a, uint64_t b)
{
    if (tell) {
        printf("%u: %s %lx %lx\n", step_now, what, (unsigned long)a, (unsigned long)b);
    }
}

/* ---------------------------------------------------------------------------
 * Entries */

/* Some capability of the player's, or none that is. */
static uint64_t some_capability(const struct player *p)
{
    const struct cap_table *table = &p->actor.p->caps;
    uint32_t cursor = below(SLOTS);
    const struct cap_slot *slot = cap_table_next(table, &cursor);

    if (one_in(12)) {
        return chance();
    }
    if (slot == NULL) {
        cursor = 0;
        slot = cap_table_next(table, &cursor);
    }
    return slot == NULL ? 0 : slot->id;
}

/* Somewhere in the message area, in a page that may be there, or anywhere. */
static uint64_t some_address(const struct player *p)
{
    switch (below(16)) {
    case 0:
        return chance();
    case 1:
        return p->actor.p->area_vaddr + below(8192);
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
        return actor_page(below(PAGES)) + 8u * below(512);
    default:
        return p->actor.p->area_vaddr + 8u * below(256);
    }
}

static uint32_t some_length(void)
{
    static const uint32_t lengths[] = {0,   8,   16,  24,   32,   64,           128,
                                       256, 264, 512, 4096, 8200, CAP_ROOM_MAX, 12};

    return one_in(3) ? lengths[below(sizeof lengths / sizeof *lengths)] : 8u * below(40);
}

/* Where the test can write the player's memory. NULL: nowhere, or not all of it. */
static uint8_t *reach(struct player *p, uint64_t addr, uint64_t bytes)
{
    struct process *process = p->actor.p;
    struct paddr frame;

    if (addr >= process->area_vaddr && addr - process->area_vaddr < process->area_bytes &&
        bytes <= process->area_bytes - (addr - process->area_vaddr)) {
        return process->area + (addr - process->area_vaddr);
    }
    uint64_t page = addr & ~(uint64_t)(FRAME_BYTES - 1);
    if (addr - page + bytes > FRAME_BYTES ||
        aspace_find(&process->aspace, (struct uaddr){page}, &frame, NULL) != ST_OK) {
        return NULL;
    }
    return (uint8_t *)phys_to_virt(frame) + (addr - page);
}

static void write_descriptors(struct player *p, const struct cap_sqe *sqe)
{
    uint64_t bytes = sqe->cap_count * sizeof(struct cap_transfer);
    uint8_t *at = reach(p, sqe->params_addr + sqe->params_len, bytes);

    for (uint32_t i = 0; at != NULL && i < sqe->cap_count; i++) {
        struct cap_transfer d = {.cap_id = some_capability(p), .mode = 1 + below(3)};
        if (d.mode == CAP_TRANSFER_MINT || one_in(20)) {
            d.badge = below(4);
            d.interface_id = INTERFACE;
        }
        if (one_in(30)) {
            d.mode = (uint32_t)chance();
        }
        memcpy(at + i * sizeof d, &d, sizeof d);
    }
}

/* A message that the methods of kernel objects can make something of: a struct of two words. */
static void write_message(struct player *p, const struct cap_sqe *sqe)
{
    const uint64_t words[3] = {2ull << 32, below(4), INTERFACE};
    uint8_t *at = reach(p, sqe->params_addr, sizeof words);

    if (at != NULL && sqe->params_len >= sizeof words) {
        memcpy(at, words, sizeof words);
    }
}

static uint64_t interface_of(const struct player *p, uint64_t cap_id)
{
    const struct cap_slot *slot = cap_table_lookup(&p->actor.p->caps, cap_id);

    return slot == NULL || one_in(20) ? chance() : slot->interface_id;
}

static void with_capabilities(struct player *p, struct cap_sqe *sqe)
{
    if (one_in(2)) {
        sqe->cap_count = (uint8_t)(one_in(20) ? below(80) : 1 + below(3));
        write_descriptors(p, sqe);
    }
}

static struct cap_sqe some_call(struct player *p)
{
    struct cap_sqe sqe = {.opcode = CAP_OP_CALL,
                          .cap_id = some_capability(p),
                          .method_id = (uint16_t)below(3),
                          .params_addr = some_address(p),
                          .params_len = some_length(),
                          .result_addr = some_address(p),
                          .result_len = some_length(),
                          .cap_room = one_in(2) ? 0 : below(6)};

    sqe.interface_id = interface_of(p, sqe.cap_id);
    write_message(p, &sqe);
    with_capabilities(p, &sqe);
    return sqe;
}

static struct cap_sqe some_recv(struct player *p)
{
    return (struct cap_sqe){.opcode = CAP_OP_RECV,
                            .cap_id = some_capability(p),
                            .result_addr = some_address(p),
                            .result_len = one_in(4) ? some_length() : 512,
                            .cap_room = below(6)};
}

static struct cap_sqe some_return(struct player *p)
{
    struct cap_sqe sqe = {.opcode = CAP_OP_RETURN,
                          .interface_id = p->call_ids[below(CALL_IDS)],
                          .params_addr = some_address(p),
                          .params_len = one_in(4) ? some_length() : 16};

    if (one_in(2)) {
        sqe.flags |= CAP_SQE_F_AGAIN;
    }
    if (one_in(5)) {
        sqe.flags |= CAP_SQE_F_EXCEPTION;
        sqe.method_id = (uint16_t)below(6);
    } else {
        with_capabilities(p, &sqe);
    }
    return sqe;
}

static struct cap_sqe some_entry(struct player *p)
{
    switch (below(17)) {
    case 0:
        return (struct cap_sqe){.opcode = CAP_OP_NOP, .cap_id = below(2)};
    case 1:
        return (struct cap_sqe){.opcode = CAP_OP_CANCEL,
                                .params_addr = 1 + below((uint32_t)p->actor.entry_count + 1)};
    case 2:
        return (struct cap_sqe){.opcode = CAP_OP_RELEASE, .cap_id = some_capability(p)};
    case 3:
        return (struct cap_sqe){.opcode = CAP_OP_COPY, .cap_id = some_capability(p)};
    case 4:
        return (struct cap_sqe){.opcode = (uint8_t)below(CAP_OP_COUNT + 2u),
                                .flags = (uint16_t)below(8)};
    case 5:
    case 6:
    case 7:
    case 8:
        return some_recv(p);
    case 9:
    case 10:
    case 11:
    case 12:
        return some_return(p);
    default:
        return some_call(p);
    }
}

/* Notes the ids of calls that have come. */
static void note_calls(struct player *p)
{
    struct actor *a = &p->actor;

    for (uint64_t e = 1; e <= a->entry_count; e++) {
        const struct entry *entry = &a->entries[e];
        if (entry->completions > 1 && !hostile) {
            stop_if("an entry has completed twice");
        }
        if (entry->completions == 1 && entry->cqe.detail >> CALL_ID_INDEX_BITS != 0) {
            p->call_ids[p->call_id_next++ % CALL_IDS] = entry->cqe.detail;
        }
    }
}

/* The ids of all records that serve, for those who cannot trust their completions. */
static void peek_calls(struct player *p)
{
    const struct call_pool *pool = &p->actor.p->thread.pool;

    for (uint32_t i = 0; i < pool->count; i++) {
        if (pool->records[i].state == CALL_SERVING) {
            p->call_ids[p->call_id_next++ % CALL_IDS] = pool->records[i].id;
        }
    }
}

/* What is pending is what the kernel keeps places for, once it has taken everything. */
static void check_pending(const struct player *p)
{
    const struct actor *a = &p->actor;
    const struct ring_view *ring = &a->p->thread.ring;
    uint32_t pending = 0;

    for (uint64_t e = 1; e <= a->entry_count; e++) {
        pending += a->entries[e].completions == 0 ? 1 : 0;
    }
    if (pending != ring_reserved(ring) + (a->sq_tail - ring->sq_head)) {
        stop_if("entries are pending that nobody will complete");
    }
}

static void after_run(struct player *p)
{
    if (!actor_lives(&p->actor) || p->actor.is_waiting) {
        return;
    }
    if (hostile) {
        peek_calls(p);
        return;
    }
    note_calls(p);
    if (one_in(2)) {
        peek_calls(p);
    }
    check_pending(p);
}

/* ---------------------------------------------------------------------------
 * Steps */

static void act(struct player *p)
{
    struct actor *a = &p->actor;
    uint32_t n = 1 + below(3);

    if (!actor_lives(a) || a->is_waiting) {
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct ring_view *ring = &a->p->thread.ring;
        if (hostile) {
            a->sq_tail = ring->sq_head;
        }
        if (a->sq_tail - ring->sq_head > ring->sq_mask) {
            break;
        }
        struct cap_sqe sqe = some_entry(p);
        say("entry of", (uint64_t)(p - players), sqe.opcode);
        (void)actor_submit(a, sqe);
    }
    if (one_in(8)) {
        alloc_fault = (struct alloc_fault){.countdown = 1 + below(4)};
    }
    if (one_in(6)) {
        (void)actor_wait(a, 1 + below(3), 1 + below(4));
    } else {
        actor_run(a);
    }
    alloc_fault = (struct alloc_fault){0};
    after_run(p);
}

/* A new endpoint of the player's; anybody may call it. */
static void give_endpoint(struct player *p)
{
    struct cap_object *owner;
    struct cap_object *client;

    if (endpoint_create(&p->actor.p->account, &owner, &client) != ST_OK) {
        return;
    }
    (void)actor_grant(&p->actor, owner);
    for (uint32_t i = 0; i < ACTORS; i++) {
        if (actor_lives(&players[i].actor)) {
            (void)actor_grant(&players[i].actor, client);
        }
    }
    cap_drop(owner);
    cap_drop(client);
}

static void give_kernel_object(struct player *p, uint64_t interface_id)
{
    (void)actor_grant(&p->actor, kernel_table_find(interface_id)->object);
}

static void start(struct player *p)
{
    static const struct actor_params params = {
        .slots = SLOTS, .sq_entries = 4, .cq_entries = 16, .frames = 64};

    if (p->actor.p != NULL) {
        return;
    }
    actor_forget(&p->actor);
    *p = (struct player){0};
    assert_true(actor_start(&p->actor, &params));
    p->actor.is_hostile = hostile;
    give_endpoint(p);
    give_kernel_object(p, CAPOS_ENDPOINT_FACTORY_ID);
    give_kernel_object(p, CAPOS_FRAME_ALLOCATOR_ID);
    (void)actor_grant(&p->actor, &tokens[below(TOKENS)].object);
    (void)actor_grant(&p->actor, &keepers[below(KEEPERS)].object);
}

static void turn_page(struct player *p)
{
    uint32_t page = below(PAGES);

    if (p->actor.p == NULL || p->actor.p->aspace.root.v == 0) {
        return;
    }
    if (p->mapped[page]) {
        actor_unmap(&p->actor, page);
    } else {
        actor_map(&p->actor, page, one_in(5) ? PAGE_READ : PAGE_WRITE);
    }
    p->mapped[page] = !p->mapped[page];
}

static void keeper_acts(struct keeper *k)
{
    static const uint64_t message[2];
    struct call *kept = k->kept;
    struct transfer *given = k->given;

    if (kept == NULL) {
        return;
    }
    bool refuses = one_in(3);
    k->kept = NULL;
    k->given = NULL;
    if (given != NULL && refuses) {
        transfer_abandon(given, k->caller);
    } else if (given != NULL) {
        transfer_receive(given, k->caller);
        for (uint32_t i = 0; i < given->count; i++) {
            cap_drop(given->items[i].hold.object);
        }
        transfer_free(given, k->caller);
    }
    if (refuses) {
        entry_refuse(kept, CAPNP_EXC_FAILED, "it was not to be");
        return;
    }
    struct cap_hold hold = {.object = &tokens[below(TOKENS)].object, .transferable = true};
    cap_hold(hold.object);
    (void)cap_call_answer(kept, message, sizeof message, &hold, 1);
}

static void step(void)
{
    struct player *p = &players[below(ACTORS)];

    switch (below(40)) {
    case 0:
        say("death of", (uint64_t)(p - players), 0);
        if (actor_lives(&p->actor)) {
            actor_kill(&p->actor);
        }
        break;
    case 1:
    case 2:
        start(p);
        break;
    case 3:
    case 4:
        turn_page(p);
        break;
    case 5:
    case 6:
        keeper_acts(&keepers[below(KEEPERS)]);
        break;
    case 7:
        sched_tick();
        break;
    case 8:
        if (actor_lives(&p->actor)) {
            give_endpoint(p);
        }
        break;
    case 9:
    case 10:
    case 11:
    case 12:
        (void)world_slice();
        break;
    default:
        act(p);
        break;
    }
    for (uint32_t i = 0; i < ACTORS; i++) {
        if (players[i].actor.is_waiting && one_in(2) && actor_goes_on(&players[i].actor)) {
            after_run(&players[i]);
        }
    }
}

static void check_tests_objects(void)
{
    for (uint32_t i = 0; i < TOKENS; i++) {
        if (tokens[i].object.holds != 1 + world_holds(&tokens[i].object)) {
            stop_if("a token is held by nobody who is there");
        }
    }
    for (uint32_t i = 0; i < KEEPERS; i++) {
        if (keepers[i].object.holds != 1 + world_holds(&keepers[i].object)) {
            stop_if("a keeper is held by nobody who is there");
        }
    }
}

/* ---------------------------------------------------------------------------
 * Hostile memory */

/* While the kernel reads, the program writes: near what is read, or anywhere in its ring. */
static void scribble(const void *address, size_t bytes)
{
    struct process *p = players[below(ACTORS)].actor.p;

    (void)address;
    (void)bytes;
    if (!one_in(6) || p == NULL || p->ring_nframes == 0) {
        return;
    }
    struct ring_view *ring = &p->thread.ring;
    uint64_t garbage = chance();
    switch (below(6)) {
    case 0:
        ring->header->sq_tail = one_in(2) ? (uint32_t)garbage : ring->sq_head + below(6);
        break;
    case 1:
        ring->header->cq_head = one_in(2) ? (uint32_t)garbage : ring->cq_tail - below(6);
        break;
    case 2:
        memcpy((uint8_t *)ring->sq + 8u * below(8u * (ring->sq_mask + 1)), &garbage,
               sizeof garbage);
        break;
    case 3:
        ring->header->sq_head = (uint32_t)garbage;
        ring->header->cq_tail = (uint32_t)garbage;
        break;
    default:
        memcpy(p->area + 8u * below(256), &garbage, sizeof garbage);
        break;
    }
}

/* ---------------------------------------------------------------------------
 * Runs */

static void cancel_all(struct player *p)
{
    struct actor *a = &p->actor;

    if (!actor_lives(a) || hostile) {
        return;
    }
    if (a->is_waiting) {
        a->p->thread.wanted = 0;
        a->is_waiting = false;
    }
    actor_run(a);
    for (uint64_t e = 1; e <= a->entry_count; e++) {
        if (a->entries[e].completions == 0) {
            (void)actor_do(a, (struct cap_sqe){.opcode = CAP_OP_CANCEL, .params_addr = e});
        }
    }
}

static void check_entries(const struct player *p)
{
    const struct actor *a = &p->actor;

    for (uint64_t e = 1; actor_lives(a) && !hostile && e <= a->entry_count; e++) {
        if (a->entries[e].completions != 1) {
            stop_if("at the end an entry has not completed exactly once");
        }
    }
}

static void end_all(void)
{
    host.observe = NULL;
    for (uint32_t i = 0; i < ACTORS; i++) {
        cancel_all(&players[i]);
        stop_if(world_check());
    }
    world_settle();
    for (uint32_t i = 0; i < ACTORS; i++) {
        check_entries(&players[i]);
        if (actor_lives(&players[i].actor)) {
            actor_kill(&players[i].actor);
        }
    }
    world_settle();
    for (uint32_t i = 0; i < ACTORS; i++) {
        actor_forget(&players[i].actor);
    }
    stop_if(world_check());
    stop_if(world_leftover());
    check_tests_objects();
}

static void run(uint64_t seed, uint32_t steps)
{
    state = seed;
    seed_now = seed;
    hostile = seed % 4 == 3;
    host.observe = hostile ? scribble : NULL;
    host.panicked = where;
    for (uint32_t i = 0; i < TOKENS; i++) {
        token_init(&tokens[i], "token");
    }
    for (uint32_t i = 0; i < KEEPERS; i++) {
        keeper_init(&keepers[i]);
    }
    world_remember();
    for (step_now = 1; step_now <= steps; step_now++) {
        step();
        stop_if(world_check());
        check_tests_objects();
    }
    end_all();
}

static void anything_at_all(void **unused)
{
    (void)unused;
    world_start();
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        run(seed, STEPS);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(anything_at_all)};

    if (argc > 1) {
        tell = true;
        world_start();
        run(strtoull(argv[1], NULL, 0), argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 0) : STEPS);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
