// SPDX-License-Identifier: MIT
/* Capabilities that come along with calls and answers (T-09). */
#include "play.h"

#include <capos.capnp.h>
#include <rt/string.h>

#define HEADER ((uint32_t)sizeof(struct cap_message_header))
#define MANY   CAP_TRANSFER_MAX

static uint64_t owner;
static uint64_t client;
static uint64_t stale;
static uint64_t spare; /* another endpoint's owner facet */

static struct cap_transfer copy_of(uint64_t id)
{
    return (struct cap_transfer){.cap_id = id, .mode = CAP_TRANSFER_COPY};
}

static struct cap_transfer move_of(uint64_t id)
{
    return (struct cap_transfer){.cap_id = id, .mode = CAP_TRANSFER_MOVE};
}

static struct cap_transfer mint_of(uint64_t id, uint64_t badge, uint64_t interface_id)
{
    return (struct cap_transfer){
        .cap_id = id, .mode = CAP_TRANSFER_MINT, .badge = badge, .interface_id = interface_id};
}

static void cancel(uint64_t tag)
{
    play_now(play_cancel(tag), 0);
    play_result(tag, CAP_ERR_CANCELED);
}

/* A call with these, received: the id to answer to. Its tag is 1. */
static uint64_t send(const struct cap_transfer transfers[], uint8_t n)
{
    play_push(play_call_with(client, 16, CAP_ROOM_MAX, transfers, n), 1);
    play_push(play_recv(owner, CAP_ROOM_MAX, MANY), 2);
    return play_received(2, 16, n);
}

static void answer(uint64_t id)
{
    play_now(play_return(id, 0), 0);
    play_result(1, 0);
}

static void check_copy(void)
{
    struct cap_transfer copy = copy_of(spare);
    uint64_t id = send(&copy, 1);
    struct cap_record got = play_came(0);

    CHECK_EQ(got.interface_id, CAPOS_ENDPOINT_ID);
    CHECK(got.cap_id != spare);
    CHECK(play_is_held(got.cap_id) && play_is_held(spare));
    answer(id);
    play_drop(got.cap_id);
    CHECK(play_is_held(spare));
}

static void check_move(void)
{
    uint64_t facet = play_mint(spare, 5, 55);
    struct cap_transfer move = move_of(facet);
    uint64_t id = send(&move, 1);
    struct cap_record got = play_came(0);

    CHECK_EQ(got.interface_id, 55);
    CHECK(!play_is_held(facet));
    CHECK(play_is_held(got.cap_id));
    move = move_of(got.cap_id); /* and back, with the answer */
    play_now(play_return_with(id, 24, &move, 1), 0);
    struct cap_cqe cqe = play_take(1);
    CHECK_EQ(cqe.result, 24);
    CHECK_EQ(cqe.cap_count, 1);
    CHECK(!play_is_held(got.cap_id));
    play_drop(play_given(24, 0).cap_id);
}

/* A client facet's badge and interface are what its owner said, and come unchanged. */
static void check_mint(void)
{
    struct cap_transfer mint = mint_of(owner, 0xfeedull, 77);
    uint64_t id = send(&mint, 1);
    struct cap_record got = play_came(0);

    CHECK_EQ(got.interface_id, 77);
    answer(id);
    struct cap_transfer copy = copy_of(got.cap_id); /* downstream */
    id = send(&copy, 1);
    struct cap_record second = play_came(0);
    CHECK_EQ(second.interface_id, 77);
    answer(id);
    play_push(play_call(second.cap_id, 8, 8), 1);
    play_push(play_recv(owner, 64, 0), 2);
    id = play_received(2, 8, 0);
    CHECK_EQ(play_header()->badge, 0xfeedull);
    answer(id);
    play_drop(got.cap_id);
    play_drop(second.cap_id);
}

/* In the order of the descriptors, one capability as often as it is named. */
static void check_mixture(void)
{
    uint64_t facet = play_mint(spare, 5, 55);
    struct cap_transfer all[] = {
        copy_of(facet), copy_of(play_console),  copy_of(facet), mint_of(owner, 1, 101),
        move_of(facet), mint_of(spare, 2, 102), copy_of(owner), copy_of(play_console)};
    static const uint64_t interfaces[] = {
        55, CAPOS_CONSOLE_ID, 55, 101, 55, 102, CAPOS_ENDPOINT_ID, CAPOS_CONSOLE_ID};
    uint64_t id = send(all, 8);

    CHECK(!play_is_held(facet));
    uint64_t ids[8];
    for (uint32_t i = 0; i < 8; i++) {
        ids[i] = play_came(i).cap_id;
        CHECK_EQ(play_came(i).interface_id, interfaces[i]);
        CHECK(play_is_held(ids[i]));
        for (uint32_t k = 0; k < i; k++) {
            CHECK(ids[i] != ids[k]);
        }
    }
    answer(id);
    for (uint32_t i = 0; i < 8; i++) {
        play_drop(ids[i]);
    }
}

/* Owner facet and client facet of the very endpoint: it serves on, and then from elsewhere. */
static void check_endpoint_through_itself(void)
{
    struct cap_transfer moves[] = {move_of(client), move_of(owner)};
    uint64_t id = send(moves, 2);
    uint64_t before = owner;

    CHECK(!play_is_held(client) && !play_is_held(owner));
    client = play_came(0).cap_id;
    owner = play_came(1).cap_id;
    answer(id);
    play_now(play_recv(before, 64, 0), CAP_ERR_INVOKE_FAILED);
    id = send(NULL, 0);
    answer(id);
}

/* Whatever is wrong with one descriptor, all of them have been for nothing. */
static void check_bad_descriptors(void)
{
    uint64_t facet = play_mint(spare, 5, 55);
    struct cap_transfer bad[] = {
        {.mode = CAP_TRANSFER_COPY},
        copy_of(stale),
        move_of(stale),
        mint_of(stale, 1, 1),
        copy_of(facet + (1ull << CAP_ID_INDEX_BITS)),
        copy_of(facet ^ 1u << 19),
        copy_of(~0ull),
        move_of(~0ull),
        {.cap_id = facet, .mode = 0},
        {.cap_id = facet, .mode = 4},
        {.cap_id = facet, .mode = 0xffffffffu},
        {.cap_id = facet, .mode = CAP_TRANSFER_COPY | 0x100u},
        {.cap_id = facet, .mode = CAP_TRANSFER_COPY, .reserved = 1},
        {.cap_id = facet, .mode = CAP_TRANSFER_MOVE, .reserved = 0x80000000u},
        {.cap_id = owner, .mode = CAP_TRANSFER_MINT, .reserved = 1, .interface_id = 1},
        {.cap_id = facet, .mode = CAP_TRANSFER_COPY, .badge = 1},
        {.cap_id = facet, .mode = CAP_TRANSFER_COPY, .badge = 5, .interface_id = 55},
        {.cap_id = facet, .mode = CAP_TRANSFER_COPY, .interface_id = 55},
        {.cap_id = facet, .mode = CAP_TRANSFER_MOVE, .badge = 5},
        {.cap_id = facet, .mode = CAP_TRANSFER_MOVE, .interface_id = 55},
        mint_of(facet, 9, 55),
        mint_of(client, 9, 55),
        mint_of(play_console, 9, CAPOS_CONSOLE_ID),
        mint_of(play_factory, 9, CAPOS_ENDPOINT_FACTORY_ID),
        mint_of(owner, 9, 0),
        mint_of(owner, 9, CAPOS_ENDPOINT_ID),
    };

    play_push(play_call(client, 8, CAP_ROOM_MAX), 3); /* to be answered badly */
    play_push(play_recv(owner, CAP_ROOM_MAX, MANY), 2);
    uint64_t id = play_received(2, 8, 0);
    play_push(play_recv(owner, CAP_ROOM_MAX, MANY), 2);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cap_transfer all[MANY];
        for (uint32_t k = 0; k < MANY; k++) {
            all[k] = k % 3u == 0   ? copy_of(play_console)
                     : k % 3u == 1 ? mint_of(owner, k, 1000u + k)
                                   : copy_of(spare);
        }
        all[2] = move_of(facet);
        for (uint32_t n = 1; n <= MANY; n += n < 4 ? 1 : 20) {
            struct cap_transfer saved = all[n - 1];
            all[n - 1] = bad[i];
            play_check_now(__LINE__, "descriptor of a call",
                           play_call_with(client, 8, 0, all, (uint8_t)n), CAP_ERR_BAD_TRANSFER);
            play_check_now(__LINE__, "descriptor of an answer",
                           play_return_with(id, 8, all, (uint8_t)n), CAP_ERR_BAD_TRANSFER);
            all[n - 1] = saved;
        }
        CHECK(play_is_held(facet));
    }
    struct cap_transfer twice[] = {move_of(facet), move_of(facet)};
    play_now(play_call_with(client, 8, 0, twice, 2), CAP_ERR_BAD_TRANSFER);
    twice[1] = copy_of(facet);
    play_now(play_call_with(client, 8, 0, twice, 2), CAP_ERR_BAD_TRANSFER);
    play_pending(2);
    play_pending(3);
    cancel(2);
    play_now(play_return(id, 0), 0); /* the call was in service all the while */
    play_result(3, 0);
    play_drop(facet); /* not locked */
}

/* What is on its way is still held, and used, and nothing else. */
static void check_locked_while_moving(void)
{
    uint64_t facet = play_mint(owner, 5, 55);
    struct cap_transfer move = move_of(facet);
    struct cap_transfer copy = copy_of(facet);

    play_push(play_call_with(client, 8, 0, &move, 1), 1);
    play_pending(1);
    play_now(play_release(facet), CAP_ERR_INVOKE_FAILED);
    play_now(play_copy(facet), CAP_ERR_BAD_TRANSFER);
    play_now(play_call_with(client, 8, 0, &move, 1), CAP_ERR_BAD_TRANSFER);
    play_now(play_call_with(client, 8, 0, &copy, 1), CAP_ERR_BAD_TRANSFER);
    play_push(play_call(facet, 8, 0), 3);
    play_pending(3);
    cancel(3);
    cancel(1);
    play_push(play_call_with(client, 8, 0, &copy, 1), 1);
    play_pending(1);
    cancel(1);
    play_drop(facet);
}

/* A call that fails gives back what it carried. */
static void check_given_back(void)
{
    uint64_t facet = play_mint(spare, 5, 55);
    struct cap_transfer both[] = {move_of(facet), copy_of(play_console)};
    struct cap_sqe sqe;

    play_push(play_recv(owner, CAP_ROOM_MAX, 1), 2); /* too many for the receiver */
    play_now(play_call_with(client, 8, 0, both, 2), CAP_ERR_TOO_LARGE);
    CHECK(play_is_held(facet));
    cancel(2);

    play_push(play_call_with(client, 8, 0, both, 2), 1); /* the same, after having waited */
    play_push(play_recv(owner, CAP_ROOM_MAX, 1), 2);
    play_result(1, CAP_ERR_TOO_LARGE);
    cancel(2);
    CHECK(play_is_held(facet));

    uint64_t page = play_map(1); /* the receiver's buffer has no place for the records */
    sqe = play_recv(owner, HEADER + 24u, 2);
    sqe.result_addr = page + 4096u - HEADER - 8u;
    play_now(sqe, CAP_ERR_BAD_RESULT);
    play_unmap(page, 1);

    uint64_t pages = play_map(2);
    sqe = play_recv(owner, HEADER + 8u + 32u, 2);
    sqe.result_addr = pages + 4096u - HEADER - 8u;
    play_push(sqe, 2);
    play_pending(2);
    play_unmap(pages + 4096u, 1);
    play_push(play_call_with(client, 8, 0, both, 2), 1);
    play_result(2, CAP_ERR_BAD_RESULT);
    play_pending(1);
    play_push(play_recv(owner, CAP_ROOM_MAX, 2), 2); /* the next has it */
    uint64_t id = play_received(2, 8, 2);
    CHECK(!play_is_held(facet));
    facet = play_came(0).cap_id;
    play_drop(play_came(1).cap_id);
    answer(id);
    play_unmap(pages, 1);
    play_drop(facet);
}

/* An answer that fails leaves with the server what it carried. */
static void check_answer_given_back(void)
{
    uint64_t facet = play_mint(spare, 5, 55);
    struct cap_transfer both[] = {move_of(facet), copy_of(play_console)};

    for (uint32_t which = 0; which < 4; which++) {
        uint64_t pages = play_map(2);
        struct cap_sqe sqe = play_call(client, 8, which == 0 ? 32 : 40); /* 8 + 2 records are 40 */
        sqe.result_addr = pages + 4096u - 8u;
        sqe.cap_room = which == 1 ? 1 : 2;
        play_push(sqe, 1);
        play_push(play_recv(owner, 64, 0), 2);
        uint64_t id = play_received(2, 8, 0);
        if (which == 2) {
            play_unmap(pages + 4096u, 1); /* where the records would be */
        } else if (which == 3) {
            cancel(1);
        }
        play_now(play_return_with(id, 8, both, 2), CAP_ERR_NOT_DELIVERED);
        if (which != 3) {
            play_result(1, CAP_ERR_BAD_RESULT);
        }
        CHECK(play_is_held(facet));
        play_unmap(pages, which == 2 ? 1 : 2);
    }
    play_drop(facet);
}

/* The most there may be, and one more; with the longest message, and without any. */
static void check_many(void)
{
    struct cap_transfer all[MANY + 1u];

    for (uint32_t i = 0; i <= MANY; i++) {
        all[i] = mint_of(owner, i, 1000u + i);
    }
    for (uint32_t bytes = 0; bytes <= CAP_MESSAGE_MAX; bytes += CAP_MESSAGE_MAX) {
        play_push(play_call_with(client, bytes, CAP_ROOM_MAX, all, MANY), 1);
        play_push(play_recv(owner, CAP_ROOM_MAX, MANY), 2);
        uint64_t id = play_received(2, bytes, MANY);
        CHECK_EQ(memcmp(play_inbox->bytes + HEADER, play_question->bytes, bytes), 0);
        struct cap_transfer back[MANY];
        for (uint32_t i = 0; i < MANY; i++) {
            CHECK_EQ(play_came(i).interface_id, 1000u + i);
            back[i] = copy_of(play_came(0).cap_id);
        }
        uint64_t came[MANY];
        for (uint32_t i = 0; i < MANY; i++) {
            came[i] = play_came(i).cap_id;
        }
        for (uint32_t i = 1; i < MANY; i++) {
            play_drop(came[i]);
        }
        play_now(play_return_with(id, bytes, back, MANY), 0);
        struct cap_cqe cqe = play_take(1);
        CHECK_EQ(cqe.result, bytes);
        CHECK_EQ(cqe.cap_count, MANY);
        uint64_t given[MANY];
        for (uint32_t i = 0; i < MANY; i++) {
            given[i] = play_given(bytes, i).cap_id;
            CHECK_EQ(play_given(bytes, i).interface_id, 1000);
        }
        for (uint32_t i = 0; i < MANY; i++) {
            play_drop(given[i]);
        }
        play_drop(came[0]);
    }
    play_now(play_call_with(client, 8, 0, all, MANY + 1u), CAP_ERR_BAD_TRANSFER);
    play_quiet();
}

/*
 * As many that wait as there may be, each with as many as there may be: they wait at
 * the caller's expense, and where that is too much, it is told.
 */
static void check_many_waiting(void)
{
    struct cap_transfer all[MANY];
    uint32_t refused = 0;

    for (uint32_t i = 0; i < MANY; i++) {
        all[i] = copy_of(play_console);
    }
    for (uint64_t tag = 0; tag < play_most; tag++) {
        all[1] = tag == play_most / 2u ? move_of(spare) : copy_of(play_console);
        play_push(play_call_with(client, 8, 0, all, MANY), 1000 + tag);
        if (play_has(1000 + tag)) {
            play_refused(1000 + tag, CAP_EXC_OVERLOADED);
            refused++;
        }
    }
    CHECK(refused != 0 || play_most < CAP_CQ_DEFAULT);
    CHECK(refused < play_most);
    for (uint64_t tag = 0; tag < play_most - refused; tag++) {
        cancel(1000 + tag); /* those that came first had the memory */
    }
    CHECK(play_is_held(play_console));
    CHECK(play_is_held(spare));
    play_quiet();
}

/* Pointers in a message are the server's to read: the kernel passes every bit of them on. */
static void check_uninspected(void)
{
    uint64_t words[8] = {0x0000000300000003ull, 3, ~0ull, 0xffffffff00000003ull, 2, 1, 0x7ull, 3};

    memcpy(play_question->bytes, words, sizeof words);
    struct cap_transfer copy = copy_of(play_console);
    play_push(play_call_with(client, 64, 0, &copy, 1), 1);
    play_push(play_recv(owner, 256, 1), 2);
    uint64_t id = play_received(2, 64, 1);
    CHECK_EQ(memcmp(play_inbox->bytes + HEADER, words, sizeof words), 0);
    play_drop(play_came(0).cap_id);
    answer(id);
}

/* To an object of the kernel that does not want them: what is copied is dropped. */
static void check_to_kernel_objects(void)
{
    uint64_t facet = play_mint(spare, 5, 55);
    struct cap_transfer both[] = {copy_of(play_console), move_of(facet)};
    struct cap_sqe sqe = play_call_with(play_factory, 0, 128, both, 2);

    sqe.interface_id = CAPOS_ENDPOINT_FACTORY_ID;
    sqe.method_id = CAPOS_ENDPOINT_FACTORY_METHOD_COUNT; /* refused: it stays */
    play_push(sqe, 1);
    play_refused(1, CAP_EXC_UNIMPLEMENTED);
    CHECK(play_is_held(facet));
    play_drop(facet);

    uint64_t gone = play_mint(spare, 5, 55);
    both[1] = move_of(gone);
    sqe = play_call_with(play_factory, 0, 128, both, 2);
    sqe.interface_id = CAPOS_ENDPOINT_FACTORY_ID;
    sqe.method_id = CAPOS_ENDPOINT_FACTORY_CREATE; /* answered: it has gone there */
    struct cap_cqe cqe = play_do(sqe);
    CHECK(cqe.result > 0);
    CHECK(!play_is_held(gone));
    play_drop(play_given((uint32_t)cqe.result, 0).cap_id);

    both[1] = copy_of(stale);
    sqe = play_call_with(play_factory, 0, 128, both, 2);
    sqe.interface_id = CAPOS_ENDPOINT_FACTORY_ID;
    play_now(sqe, CAP_ERR_BAD_TRANSFER);
}

void act_transfers(void)
{
    owner = play_endpoint();
    client = play_client(owner);
    spare = play_endpoint();
    stale = play_client(owner);
    play_drop(stale);
    check_copy();
    check_move();
    check_mint();
    check_mixture();
    check_endpoint_through_itself();
    check_bad_descriptors();
    check_locked_while_moving();
    check_given_back();
    check_answer_given_back();
    check_many();
    check_many_waiting();
    check_uninspected();
    check_to_kernel_objects();
    play_drop(client);
    play_drop(owner);
    play_drop(spare);
    play_quiet();
}

/*
 * A cycle: an endpoint that only a call in its own queue keeps; calls that wait with
 * capabilities, copied, moved and minted; one in service; receivers.
 */
void act_leave_behind(void)
{
    uint64_t cycle = play_endpoint();
    uint64_t into = play_client(cycle);
    struct cap_transfer loop[] = {copy_of(cycle), move_of(into), mint_of(cycle, 1, 1)};

    play_push(play_call_with(into, 8, 0, loop, 3), 1);
    play_pending(1);
    play_drop(cycle);

    owner = play_endpoint();
    client = play_client(owner);
    play_push(play_call(client, 8, 8), 2);
    play_push(play_recv(owner, 64, 0), 3);
    (void)play_received(3, 8, 0);
    struct cap_transfer self[] = {move_of(client), move_of(owner)};
    play_push(play_call_with(client, 8, 0, self, 2), 4);
    spare = play_endpoint();
    play_push(play_recv(spare, 64, 0), 5);
    struct cap_transfer across[] = {copy_of(spare), mint_of(spare, 1, 1)};
    play_push(play_call_with(client, 8, 0, across, 2), 6);
    play_pending(4);
    play_pending(6);
}
