// SPDX-License-Identifier: MIT
/*
 * COPY beside RELEASE: what a second slot holds, who pays for it, and each thing that is
 * refused, after which table, account and object are as they were.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <abi/error.h>
#include <string.h>

#include "cap/endpoint.h"
#include "test/world.h"

/* More than a new table has room for, so that it grows on the way. */
#define SLOTS     100u

#define INTERFACE 0x5ce7eull
#define BADGE     7u

static struct actor actor;
static struct token token;
static uint64_t cap; /* of the token */

static void start_with(uint32_t slots)
{
    const struct actor_params params = {.slots = slots};

    world_start();
    world_remember();
    assert_true(actor_start(&actor, &params));
    token_init(&token, "token");
    cap = actor_grant(&actor, &token.object);
    assert_int_not_equal(cap, CAP_ID_NONE);
}

static int start(void **state)
{
    (void)state;
    start_with(SLOTS);
    return 0;
}

static int end(void **state)
{
    struct actor *const actors[] = {&actor};

    (void)state;
    assert_null(world_end(actors, 1));
    assert_int_equal(token.object.holds, 1);
    return 0;
}

static struct cap_cqe do_op(enum cap_op op, uint64_t cap_id)
{
    const struct cap_cqe *cqe =
        actor_do(&actor, (struct cap_sqe){.opcode = (uint8_t)op, .cap_id = cap_id});

    assert_non_null(cqe);
    assert_null(world_check());
    return *cqe;
}

static uint64_t used(void)
{
    return actor.p->account.used[ACCOUNT_SLOTS];
}

static uint64_t copy_of(uint64_t cap_id)
{
    uint64_t holds = token.object.holds;
    uint64_t before = used();
    struct cap_cqe cqe = do_op(CAP_OP_COPY, cap_id);

    assert_int_equal(cqe.result, 0);
    assert_int_equal(cqe.flags | cqe.cap_count | cqe.reserved, 0);
    assert_int_equal(token.object.holds, holds + 1);
    assert_int_equal(used(), before + 1);
    return cqe.detail;
}

static void expect_refused(struct cap_sqe sqe, int32_t error, uint16_t flags)
{
    uint64_t holds = token.object.holds;
    uint64_t before = used();
    uint32_t slots = cap_table_used(&actor.p->caps);
    const struct cap_cqe *cqe = actor_do(&actor, sqe);

    assert_non_null(cqe);
    assert_int_equal(cqe->result, error);
    assert_int_equal(cqe->flags, flags);
    assert_int_equal(cqe->detail, 0);
    assert_int_equal(token.object.holds, holds);
    assert_int_equal(used(), before);
    assert_int_equal(cap_table_used(&actor.p->caps), slots);
    assert_null(world_check());
}

static void test_both_are_held_and_each_is_let_go_of_by_itself(void **state)
{
    (void)state;
    uint64_t copy = copy_of(cap);
    uint64_t again = copy_of(copy); /* a copy is as good as what it was made of */
    const struct cap_slot *slot = cap_table_lookup(&actor.p->caps, cap);
    const struct cap_slot *second = cap_table_lookup(&actor.p->caps, again);

    assert_true(copy != cap && again != cap && again != copy);
    assert_ptr_equal(second->object, slot->object);
    assert_int_equal(second->interface_id, slot->interface_id);
    assert_int_equal(do_op(CAP_OP_RELEASE, cap).result, 0);
    assert_int_equal(do_op(CAP_OP_RELEASE, cap).result, CAP_ERR_INVOKE_FAILED);
    assert_non_null(cap_table_lookup(&actor.p->caps, copy));
    assert_int_equal(do_op(CAP_OP_RELEASE, copy).result, 0);
    assert_int_equal(token.object.holds, 2); /* the test's, and the last copy's */
    assert_int_equal(do_op(CAP_OP_RELEASE, again).result, 0);
    assert_int_equal(used(), 0);
}

/* An endpoint of the actor's: its client facet, and the owner facet. */
static uint64_t make_endpoint(uint64_t *owner, struct cap_object **client)
{
    struct cap_object *o;
    uint64_t id;

    assert_int_equal(endpoint_create(&actor.p->account, &o, client), ST_OK);
    *owner = actor_grant(&actor, o);
    cap_drop(o);
    const struct cap_hold facet = {
        .object = *client, .interface_id = INTERFACE, .badge = BADGE, .transferable = true};
    assert_int_equal(process_reserve_caps(actor.p, 1, &id), ST_OK);
    cap_table_commit(&actor.p->caps, id, &facet); /* with the hold of who made it */
    return id;
}

/* Interface and badge are the facet's; and an endpoint is open while one owner facet is held. */
static void test_facets(void **state)
{
    (void)state;
    struct cap_object *c;
    uint64_t owner;
    uint64_t id = make_endpoint(&owner, &c);

    const struct cap_slot *slot = cap_table_lookup(&actor.p->caps, do_op(CAP_OP_COPY, id).detail);
    assert_non_null(slot);
    assert_ptr_equal(slot->object, c);
    assert_int_equal(slot->interface_id, INTERFACE);
    assert_int_equal(slot->badge, BADGE);

    uint64_t second = do_op(CAP_OP_COPY, owner).detail;
    assert_int_equal(do_op(CAP_OP_RELEASE, owner).result, 0);
    struct cap_sqe call = {.opcode = CAP_OP_CALL, .cap_id = id, .interface_id = INTERFACE};
    uint64_t entry = actor_submit(&actor, call);
    actor_run(&actor);
    assert_null(actor_done(&actor, entry)); /* it waits */
    assert_int_equal(do_op(CAP_OP_RELEASE, second).result, 0);
    world_settle();
    actor_take(&actor);
    assert_non_null(actor_done(&actor, entry));
    assert_int_equal(actor_done(&actor, entry)->result, CAP_ERR_EXCEPTION);
    assert_int_equal(actor_done(&actor, entry)->flags & CAP_CQE_F_EXC_MASK, CAP_EXC_DISCONNECTED);
}

static void test_an_id_that_is_not_valid(void **state)
{
    const uint64_t ids[] = {CAP_ID_NONE, cap + 1, cap + (1ull << CAP_ID_INDEX_BITS), ~0ull};

    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        expect_refused((struct cap_sqe){.opcode = CAP_OP_COPY, .cap_id = ids[i]},
                       CAP_ERR_INVOKE_FAILED, 0);
    }
}

/* What a transfer would not copy: the same rule, and the same error. */
static void test_what_may_not_be_copied(void **state)
{
    (void)state;
    struct cap_hold kept = {.object = &token.object, .transferable = false};
    uint64_t id;

    assert_int_equal(process_reserve_caps(actor.p, 1, &id), ST_OK);
    cap_hold(&token.object);
    cap_table_commit(&actor.p->caps, id, &kept);
    expect_refused((struct cap_sqe){.opcode = CAP_OP_COPY, .cap_id = id}, CAP_ERR_BAD_TRANSFER, 0);

    /* Nor what is on its way, with a call that nobody receives. */
    struct cap_object *c;
    uint64_t owner;
    const struct cap_transfer move = {.cap_id = cap, .mode = CAP_TRANSFER_MOVE};
    struct cap_sqe call = {.opcode = CAP_OP_CALL,
                           .cap_count = 1,
                           .cap_id = make_endpoint(&owner, &c),
                           .params_addr = actor.p->area_vaddr};
    memcpy(actor.p->area, &move, sizeof move);
    uint64_t entry = actor_submit(&actor, call);
    actor_run(&actor);
    assert_true(actor_is_moving(&actor, cap));
    expect_refused((struct cap_sqe){.opcode = CAP_OP_COPY, .cap_id = cap}, CAP_ERR_BAD_TRANSFER, 0);
    (void)actor_do(&actor, (struct cap_sqe){.opcode = CAP_OP_CANCEL, .params_addr = entry});
    (void)copy_of(cap);
}

/* Each bit of each word but opcode, capability and user data. */
static void test_unused_fields(void **state)
{
    (void)state;
    for (uint32_t bit = 8; bit < 512; bit++) {
        uint32_t word = bit / 64;
        if (word == offsetof(struct cap_sqe, cap_id) / 8 ||
            word == offsetof(struct cap_sqe, user_data) / 8) {
            continue;
        }
        uint64_t words[8] = {CAP_OP_COPY, cap};
        struct cap_sqe sqe;
        words[word] |= 1ull << bit % 64;
        memcpy(&sqe, words, sizeof sqe);
        expect_refused(sqe, CAP_ERR_INVALID_REQUEST, 0);
    }
}

/* The table grows up to the budget of slots, and no further. */
static void test_until_no_slot_is_left(void **state)
{
    const struct cap_sqe sqe = {.opcode = CAP_OP_COPY, .cap_id = cap};
    uint32_t count = actor.p->caps.count;
    uint64_t ids[SLOTS];

    (void)state;
    for (uint32_t i = 1; i < SLOTS; i++) {
        ids[i] = copy_of(cap);
    }
    assert_true(actor.p->caps.count > count);
    expect_refused(sqe, CAP_ERR_EXCEPTION, CAP_EXC_OVERLOADED | CAP_CQE_F_TRUNCATED);
    assert_int_equal(do_op(CAP_OP_RELEASE, ids[1]).result, 0);
    (void)copy_of(cap);
    expect_refused(sqe, CAP_ERR_EXCEPTION, CAP_EXC_OVERLOADED | CAP_CQE_F_TRUNCATED);
}

/* So too where the table is as large as the budget: it does not grow for nothing. */
static void test_a_table_of_the_budget_s_size(void **state)
{
    uint32_t count = actor.p->caps.count;

    (void)end(state);
    start_with(count);
    assert_int_equal(actor.p->caps.count, count);
    while (cap_table_free(&actor.p->caps) != 0) {
        (void)copy_of(cap);
    }
    expect_refused((struct cap_sqe){.opcode = CAP_OP_COPY, .cap_id = cap}, CAP_ERR_EXCEPTION,
                   CAP_EXC_OVERLOADED | CAP_CQE_F_TRUNCATED);
    assert_int_equal(actor.p->caps.count, count);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, start, end)
    const struct CMUnitTest tests[] = {
        TEST(both_are_held_and_each_is_let_go_of_by_itself),
        TEST(facets),
        TEST(an_id_that_is_not_valid),
        TEST(what_may_not_be_copied),
        TEST(unused_fields),
        TEST(until_no_slot_is_left),
        TEST(a_table_of_the_budget_s_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
