// SPDX-License-Identifier: MIT
/*
 * The same between processes: a server that does what its callers' methods say, and
 * callers that see to it that somebody dies at each point.
 */
#include "play.h"

#include <abi/layout.h>
#include <capos.capnp.h>
#include <rt/capset.h>
#include <rt/string.h>
#include <rt/syscall.h>
#include <support/raw.h>

#define HEADER ((uint32_t)sizeof(struct cap_message_header))

enum method {
    ECHO,      /* answers with what came, and lets go of the capabilities */
    GIVE_BACK, /* answers with the capabilities that came */
    KEEP,      /* does not answer, and keeps the capabilities */
    RESOLVE,   /* answers the call that was kept, then this one: how that went */
    RALLY,     /* answers whether somebody has said STOP */
    STOP,
    DIE, /* ends without an answer */
};

/* What RESOLVE says. */
struct resolved {
    int64_t result; /* of the RETURN */
    uint64_t held;  /* capabilities that the server still had after it, and lets go of */
};

/* ---------------------------------------------------------------------------
 * The server */

#define NEXT 1u /* the tag of whatever brings the next call */

static uint64_t kept_call;
static uint64_t kept[CAP_TRANSFER_MAX];
static uint8_t kept_count;
static uint64_t stopped;

static uint8_t take_came(uint64_t ids[CAP_TRANSFER_MAX])
{
    uint8_t n = (uint8_t)play_header()->cap_count;

    for (uint32_t i = 0; i < n; i++) {
        ids[i] = play_came(i).cap_id;
    }
    return n;
}

static void drop_came(void)
{
    for (uint32_t i = 0; i < play_header()->cap_count; i++) {
        play_drop(play_came(i).cap_id);
    }
}

/* Descriptors that move all of these; good until the next. */
static const struct cap_transfer *moves_of(const uint64_t ids[], uint8_t n)
{
    static struct cap_transfer moves[CAP_TRANSFER_MAX];

    for (uint32_t i = 0; i < n; i++) {
        moves[i] = (struct cap_transfer){.cap_id = ids[i], .mode = CAP_TRANSFER_MOVE};
    }
    return moves;
}

static void answer_again(struct cap_sqe sqe)
{
    sqe.flags = CAP_SQE_F_AGAIN;
    play_push(sqe, NEXT);
}

static void answer_words(uint64_t call_id, const void *words, uint32_t bytes)
{
    memcpy(play_reply->bytes, words, bytes);
    answer_again(play_return(call_id, bytes));
}

static struct resolved resolve(void)
{
    struct cap_sqe sqe = play_return_with(kept_call, 8, moves_of(kept, kept_count), kept_count);
    struct resolved resolved = {.result = play_do(sqe).result};

    for (uint32_t i = 0; i < kept_count; i++) {
        if (play_is_held(kept[i])) {
            resolved.held++;
            play_drop(kept[i]);
        }
    }
    return resolved;
}

static void serve(uint64_t owner, uint64_t call_id)
{
    uint64_t came[CAP_TRANSFER_MAX];
    uint8_t n;
    struct resolved resolved;
    struct cap_sqe sqe;

    switch ((enum method)play_header()->method_id) {
    case ECHO:
        drop_came();
        sqe = play_return(call_id, play_header()->params_len);
        sqe.params_addr = play_at(play_inbox->bytes) + HEADER;
        answer_again(sqe);
        return;
    case GIVE_BACK:
        n = take_came(came);
        answer_again(play_return_with(call_id, 0, moves_of(came, n), n));
        return;
    case KEEP:
        kept_call = call_id;
        kept_count = take_came(kept);
        play_push(play_recv(owner, CAP_ROOM_MAX, CAP_TRANSFER_MAX), NEXT);
        return;
    case RESOLVE:
        resolved = resolve();
        answer_words(call_id, &resolved, sizeof resolved);
        return;
    case RALLY:
        answer_words(call_id, &stopped, sizeof stopped);
        return;
    case STOP:
        stopped = 1;
        answer_words(call_id, &stopped, sizeof stopped);
        return;
    case DIE:
        rt_exit(0);
    }
    CHECK(false);
}

void part_serve(uint64_t owner)
{
    play_push(play_recv(owner, CAP_ROOM_MAX, CAP_TRANSFER_MAX), NEXT);
    for (;;) {
        struct cap_cqe cqe = play_wait(NEXT);
        if (cqe.result == CAP_ERR_NOT_DELIVERED) {
            play_push(play_recv(owner, CAP_ROOM_MAX, CAP_TRANSFER_MAX), NEXT);
            continue;
        }
        CHECK(cqe.result >= 0);
        serve(owner, cqe.detail);
    }
}

/* ---------------------------------------------------------------------------
 * Callers */

static uint64_t stage;

static struct cap_sqe ask(enum method method, uint32_t bytes)
{
    struct cap_sqe sqe = play_call(stage, bytes, CAP_ROOM_MAX);

    sqe.method_id = (uint16_t)method;
    return sqe;
}

static struct cap_sqe ask_with(enum method method, const struct cap_transfer transfers[], uint8_t n)
{
    struct cap_sqe sqe = play_call_with(stage, 0, CAP_ROOM_MAX, transfers, n);

    sqe.method_id = (uint16_t)method;
    return sqe;
}

/* What became of the call that the server had kept. */
static void check_resolved(int64_t result, uint64_t held)
{
    struct resolved resolved;

    play_push(ask(RESOLVE, 0), 900);
    CHECK_EQ(play_wait(900).result, sizeof resolved);
    memcpy(&resolved, play_answer->bytes, sizeof resolved);
    CHECK_EQ(resolved.result, result);
    CHECK_EQ(resolved.held, held);
}

static void refused(uint64_t tag, uint32_t type)
{
    struct cap_cqe cqe = play_wait(tag);

    CHECK_EQ(cqe.result, CAP_ERR_EXCEPTION);
    CHECK_EQ(cqe.flags & CAP_CQE_F_EXC_MASK, type);
}

static void check_echoes(void)
{
    static const uint32_t lengths[] = {0, 8, 256, 264, 4088, 4096, 4104, 8192, 65528, 65536};

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint32_t n = lengths[i];
        memset(play_answer->bytes, 0, n + 8u);
        play_push(ask(ECHO, n), 1);
        CHECK_EQ(play_wait(1).result, n);
        CHECK_EQ(memcmp(play_answer->bytes, play_question->bytes, n), 0);
        CHECK_EQ(play_answer->bytes[n], 0);
        if (n <= play_ring->header->area_bytes / 2u) { /* from and into the message area */
            struct cap_sqe sqe = ask(ECHO, n);
            uint8_t *in = play_ring->area;
            uint8_t *out = in + play_ring->header->area_bytes / 2u;
            memcpy(in, play_question->bytes, n);
            memset(out, 0, n);
            sqe.params_addr = play_at(in);
            sqe.result_addr = play_at(out);
            sqe.result_len = n;
            play_push(sqe, 1);
            CHECK_EQ(play_wait(1).result, n);
            CHECK_EQ(memcmp(out, play_question->bytes, n), 0);
        }
    }
    play_push(ask(ECHO, 65536), 1); /* two that cross */
    play_push(ask(ECHO, 65536), 2);
    CHECK_EQ(play_wait(2).result, 65536);
    CHECK_EQ(play_wait(1).result, 65536);
}

/* Buffers that are bad are so in the address space they belong to, whoever runs. */
static void check_bad_places(void)
{
    uint64_t page = play_map(1);
    static const uint64_t bad[] = {8, USER_END - 8, 0x7000000000ull, 0xffff800000001000ull};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cap_sqe sqe = ask(ECHO, 64);
        sqe.params_addr = bad[i];
        play_push(sqe, 1);
        CHECK_EQ(play_wait(1).result, CAP_ERR_BAD_PARAMS);
    }
    struct cap_sqe sqe = ask(KEEP, 0); /* the buffer goes while the call is in service */
    sqe.result_addr = page;
    sqe.result_len = 64;
    play_push(sqe, 1);
    play_push(ask(ECHO, 0), 2);
    CHECK_EQ(play_wait(2).result, 0);
    play_unmap(page, 1);
    check_resolved(CAP_ERR_NOT_DELIVERED, 0);
    play_result(1, CAP_ERR_BAD_RESULT);
}

static void check_capabilities(void)
{
    uint64_t owner = play_endpoint();
    uint64_t facet = play_mint(owner, 5, 55);
    struct cap_transfer move = {.cap_id = facet, .mode = CAP_TRANSFER_MOVE};

    play_push(ask_with(GIVE_BACK, &move, 1), 1); /* there and back */
    struct cap_cqe cqe = play_wait(1);
    CHECK_EQ(cqe.result, 0);
    CHECK_EQ(cqe.cap_count, 1);
    CHECK(!play_is_held(facet));
    CHECK_EQ(play_given(0, 0).interface_id, 55);
    facet = play_given(0, 0).cap_id;

    move.cap_id = facet; /* kept, given up, and gone with the server's letting go of it */
    play_push(ask_with(KEEP, &move, 1), 1);
    play_push(ask(ECHO, 0), 2);
    CHECK_EQ(play_wait(2).result, 0);
    CHECK(!play_is_held(facet));
    play_now(play_cancel(1), 0);
    play_result(1, CAP_ERR_CANCELED);
    check_resolved(CAP_ERR_NOT_DELIVERED, 1);

    move = (struct cap_transfer){.cap_id = owner, .mode = CAP_TRANSFER_MOVE};
    facet = play_mint(owner, 6, 66); /* the owner facet, which the server lets go of */
    play_push(play_call(facet, 8, 128), 3);
    play_push(ask_with(ECHO, &move, 1), 1);
    CHECK_EQ(play_wait(1).result, 0);
    refused(3, CAP_EXC_DISCONNECTED);
    play_drop(facet);
}

/* More than the server has slots for: only who sends too much is told. */
static void check_full_server(void)
{
    struct cap_transfer many[CAP_TRANSFER_MAX];

    for (uint32_t i = 0; i < CAP_TRANSFER_MAX; i++) {
        many[i] = (struct cap_transfer){.cap_id = play_console, .mode = CAP_TRANSFER_COPY};
    }
    play_push(ask_with(KEEP, many, CAP_TRANSFER_MAX), 1);
    play_push(ask_with(ECHO, many, CAP_TRANSFER_MAX), 2);
    refused(2, CAP_EXC_OVERLOADED);
    play_push(ask(ECHO, 8), 2);
    CHECK_EQ(play_wait(2).result, 8);
    check_resolved(0, 0);
    struct cap_cqe cqe = play_take(1);
    CHECK_EQ(cqe.result, 8);
    CHECK_EQ(cqe.cap_count, CAP_TRANSFER_MAX);
}

/* More completions than one are waited for, and come one by one. */
static void check_min_complete(void)
{
    for (uint64_t tag = 1; tag <= 5; tag++) {
        play_push(ask(ECHO, 8), tag);
    }
    CHECK_EQ(rt_ring_enter(play_ring, 5, CAP_TIMEOUT_FOREVER), 5);
    for (uint64_t tag = 1; tag <= 5; tag++) {
        play_result(tag, 8);
    }
    play_push(ask(KEEP, 0), 1); /* a time-out leaves the call where it is */
    CHECK_EQ(rt_ring_enter(play_ring, 1, 30000000), 0);
    CHECK_EQ(rt_ring_enter(play_ring, 1, 1), 0);
    check_resolved(0, 0);
    play_result(1, 8);
}

/* The victim dies with a call in service and others behind it; its endpoint says when. */
static void check_victim(uint64_t pulse)
{
    play_push(play_call(pulse, 0, 0), 1);
    refused(1, CAP_EXC_DISCONNECTED);
    check_resolved(CAP_ERR_NOT_DELIVERED, 2);
    play_push(ask(ECHO, 8), 1);
    CHECK_EQ(play_wait(1).result, 8);
}

/* The server dies with a call in service and others that wait, which carry something. */
static void check_dying_server(void)
{
    uint64_t owner = play_endpoint();
    uint64_t gone = play_mint(owner, 5, 55);
    uint64_t stays = play_mint(owner, 5, 55);
    struct cap_transfer move = {.cap_id = gone, .mode = CAP_TRANSFER_MOVE};

    play_push(ask_with(KEEP, &move, 1), 1);
    play_push(ask(DIE, 0), 2);
    uint8_t *at = play_question->bytes + 4096;
    move.cap_id = stays;
    memcpy(at, &move, sizeof move);
    struct cap_sqe sqe = ask(ECHO, 0);
    sqe.params_addr = play_at(at);
    sqe.cap_count = 1;
    play_push(sqe, 3);
    play_push(ask(ECHO, 8), 4);
    for (uint64_t tag = 1; tag <= 4; tag++) {
        refused(tag, CAP_EXC_DISCONNECTED);
    }
    CHECK(!play_is_held(gone));
    play_drop(stays);
    play_push(ask(ECHO, 8), 1); /* and from now on */
    refused(1, CAP_EXC_DISCONNECTED);
    play_drop(owner);
    play_quiet();
}

void part_lead(uint64_t server, uint64_t pulse)
{
    stage = server;
    check_victim(pulse);
    check_echoes();
    check_bad_places();
    check_capabilities();
    check_full_server();
    check_min_complete();
    check_dying_server();
}

_Noreturn void part_fall(uint64_t server)
{
    uint64_t owner = play_endpoint();
    struct cap_transfer all[] = {
        {.cap_id = owner, .mode = CAP_TRANSFER_COPY},
        {.cap_id = owner, .mode = CAP_TRANSFER_MINT, .badge = 1, .interface_id = 1},
    };

    stage = server;
    play_push(ask_with(KEEP, all, 2), 1);
    play_push(ask(ECHO, 0), 2);
    CHECK_EQ(play_wait(2).result, 0); /* so the one before it is in service */
    for (uint64_t tag = 3; tag < 3 + play_most / 2u; tag++) {
        all[0].mode = CAP_TRANSFER_MOVE;
        play_push(tag == 3 ? ask_with(ECHO, all, 1) : ask(ECHO, 65536), tag);
    }
    (void)rt_ring_enter(play_ring, 0, CAP_TIMEOUT_POLL);
    __builtin_trap();
}

/* ---------------------------------------------------------------------------
 * Turns */

void part_rally(uint64_t server)
{
    uint64_t stop;

    stage = server;
    do {
        play_push(ask(RALLY, 0), 1);
        CHECK_EQ(play_wait(1).result, sizeof stop);
        memcpy(&stop, play_answer->bytes, sizeof stop);
    } while (stop == 0);
}

void part_spin(uint64_t server)
{
    stage = server;
    for (uint64_t i = 0; i < 30000000; i++) {
        __asm__ volatile("");
    }
    play_push(ask(STOP, 0), 1);
    CHECK_EQ(play_wait(1).result, sizeof(uint64_t));
}

#define LONG_CALLS (CAP_SQ_DEFAULT / 2u)

/* Takes long messages in one batch, with a line behind each. */
static void batch(uint64_t owner, uint64_t client, const struct cap_sqe *line)
{
    uint64_t ids[LONG_CALLS];

    for (uint64_t tag = 0; tag < LONG_CALLS; tag++) {
        play_push(play_call(client, CAP_MESSAGE_MAX, 0), tag);
    }
    play_pending(0);
    for (uint64_t tag = 0; tag < LONG_CALLS; tag++) {
        play_push(play_recv(owner, CAP_ROOM_MAX, 0), 10 + tag);
        play_push(*line, 20 + tag);
    }
    for (uint64_t tag = 0; tag < LONG_CALLS; tag++) {
        ids[tag] = play_take(10 + tag).detail;
        play_result(20 + tag, 0);
    }
    for (uint64_t tag = 0; tag < LONG_CALLS; tag++) {
        play_now(play_return(ids[tag], 0), 0);
        play_result(tag, 0);
    }
}

void part_batch(const char *name)
{
    static struct raw_message message;
    struct cap_sqe line = raw_console_line(play_console, &message, name, strlen(name));
    uint64_t owner = play_endpoint();
    uint64_t client = play_client(owner);

    for (uint32_t i = 0; i < 20; i++) {
        batch(owner, client, &line);
    }
}
