// SPDX-License-Identifier: MIT
/*
 * Batches that do not go through to their end: there is room for fewer completions than
 * entries; or the count of those that were taken turns out to be none, in the middle.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <abi/error.h>
#include <abi/syscall.h>
#include <lib/ring.h>

#include "cap/endpoint.h"
#include "test/world.h"

#define SQ        8u
#define CQ        16u
#define INTERFACE 0x5ce7eull

static struct actor actor;
static struct ring_view *ring;

static int begin(void **state)
{
    const struct actor_params params = {.sq_entries = SQ, .cq_entries = CQ};

    (void)state;
    world_start();
    world_remember();
    assert_true(actor_start(&actor, &params));
    ring = &actor.p->thread.ring;
    return 0;
}

static int end(void **state)
{
    struct actor *const actors[] = {&actor};

    (void)state;
    assert_null(world_end(actors, 1));
    return 0;
}

static void submit(uint32_t n)
{
    while (n-- != 0) {
        (void)actor_submit(&actor, (struct cap_sqe){.opcode = CAP_OP_NOP});
    }
}

/* Enters without taking anything, and waits for more than there can be. */
static void enter_and_wait(void)
{
    assert_true(actor_wait(&actor, CQ, 0));
    assert_true(ring_view_check(ring));
}

/* As many are taken as there is room for, and the rest when completions have been taken. */
static void room_for_fewer(void **state)
{
    (void)state;
    const uint32_t posted = CQ - 3u;

    for (uint32_t n = posted; n != 0; n -= n < SQ ? n : SQ) {
        submit(n < SQ ? n : SQ);
        enter_and_wait();
    }
    assert_int_equal(ring->cq_tail, posted);
    submit(SQ);
    assert_false(actor_wait(&actor, CQ, 0)); /* the queue is full: as many as it waits for */
    assert_int_equal(actor_done(&actor, CQ)->result, 0);
    assert_null(actor_done(&actor, CQ + 1));
    assert_int_equal(ring->sq_head, CQ);
    actor_run(&actor);
    for (uint64_t entry = 1; entry <= posted + SQ; entry++) {
        assert_int_equal(actor.entries[entry].completions, 1);
    }
}

/* What was taken before is shown; what comes behind stays, for when the count is good again. */
static void a_count_that_is_none_in_the_middle(void **state)
{
    (void)state;
    uint32_t corruptions = ring->corruptions;

    for (uint32_t n = 0; n < 2; n++) {
        submit(n == 0 ? SQ : SQ - 3u);
        enter_and_wait();
    }
    submit(SQ);
    ring->header->cq_head = ring->cq_tail + 7u;
    assert_false(actor_wait(&actor, 1, 0));
    assert_int_equal((int64_t)actor.p->thread.context.rax, SYS_ERR_RING_CORRUPT);
    assert_int_equal(ring->corruptions, corruptions + 1);
    assert_int_equal(ring->header->sq_head, CQ); /* three more, for which there was room */
    assert_int_equal(ring->header->cq_tail, CQ);
    assert_true(ring_view_check(ring));
    actor_run(&actor);
    for (uint64_t entry = 1; entry <= CQ - 3u + SQ; entry++) {
        assert_int_equal(actor.entries[entry].completions, 1);
    }
}

/* ---------------------------------------------------------------------------
 * A process that calls itself */

static uint64_t slots_used(void)
{
    return actor.p->account.used[ACCOUNT_SLOTS];
}

/* What it moves is in another slot then, what it copies in two; it pays for what it has. */
static void to_oneself(void **state)
{
    (void)state;
    struct cap_object *o;
    struct cap_object *c;
    struct token token;
    struct cap_transfer give;
    struct cap_record record;

    assert_int_equal(endpoint_create(&actor.p->account, &o, &c), ST_OK);
    token_init(&token, "token");
    uint64_t owner = actor_grant(&actor, o);
    uint64_t client = actor_grant(&actor, c);
    uint64_t cap = actor_grant(&actor, &token.object);
    cap_drop(o);
    cap_drop(c);
    for (uint32_t mode = CAP_TRANSFER_COPY; mode <= CAP_TRANSFER_MOVE; mode++) {
        uint64_t before = slots_used();
        give = (struct cap_transfer){.cap_id = cap, .mode = mode};
        __builtin_memcpy(actor.p->area, &give, sizeof give);
        uint64_t receiving =
            actor_submit(&actor, (struct cap_sqe){.opcode = CAP_OP_RECV,
                                                  .cap_id = owner,
                                                  .result_addr = actor.p->area_vaddr + 1024,
                                                  .result_len = 256,
                                                  .cap_room = 1});
        uint64_t calling =
            actor_submit(&actor, (struct cap_sqe){.opcode = CAP_OP_CALL,
                                                  .cap_count = 1,
                                                  .cap_id = client,
                                                  .interface_id = INTERFACE,
                                                  .params_addr = actor.p->area_vaddr,
                                                  .result_addr = actor.p->area_vaddr + 2048});
        actor_run(&actor);
        assert_null(world_check());
        assert_int_equal(actor_done(&actor, receiving)->cap_count, 1);
        __builtin_memcpy(&record, actor.p->area + 1024 + sizeof(struct cap_message_header),
                         sizeof record);
        assert_true(record.cap_id != cap);
        assert_ptr_equal(cap_table_lookup(&actor.p->caps, record.cap_id)->object, &token.object);
        bool moved = mode == CAP_TRANSFER_MOVE;
        assert_true((cap_table_lookup(&actor.p->caps, cap) == NULL) == moved);
        assert_int_equal(slots_used(), before + (moved ? 0 : 1));
        assert_int_equal(token.object.holds, 3); /* the test's and two slots' */
        (void)actor_do(&actor,
                       (struct cap_sqe){.opcode = CAP_OP_RETURN,
                                        .interface_id = actor_done(&actor, receiving)->detail,
                                        .params_addr = actor.p->area_vaddr});
        assert_int_equal(actor.entries[calling].completions, 1);
        assert_int_equal(actor_done(&actor, calling)->result, 0);
    }
    while (actor_finds(&actor, &token.object) != CAP_ID_NONE) {
        (void)actor_do(&actor, (struct cap_sqe){.opcode = CAP_OP_RELEASE,
                                                .cap_id = actor_finds(&actor, &token.object)});
    }
    assert_int_equal(token.object.holds, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(room_for_fewer),
        TEST(a_count_that_is_none_in_the_middle),
        TEST(to_oneself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
