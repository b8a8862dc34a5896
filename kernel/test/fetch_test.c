// SPDX-License-Identifier: MIT
/*
 * The kernel reads each byte of an entry and of a message once, so what a program changes
 * behind a check can make no difference. Every load is counted; and everything is done once
 * more where what has been read is changed at once, and comes to the same (T-01).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <capos.capnp.h>

#include "cap/endpoint.h"
#include "cap/table.h"
#include "mem/addr.h"
#include "mem/paging.h"
#include "test/host/host.h"
#include "test/world.h"

#define INTERFACE   0x5ce7eull
#define MESSAGE     64u
#define PARAMS_PAGE 0u
#define RESULT_PAGE 1u
#define ENTRY_BYTES (8u * sizeof(struct cap_sqe))

/* What is watched of one actor: its submission queue, a page, the start of its message area. */
struct watched {
    uint8_t *start;
    size_t bytes;
    uint8_t loads[FRAME_BYTES];
    uint8_t bytes_before[FRAME_BYTES];
};

/* What entries come to, in their order. */
#define OUTCOMES_MAX 64u

struct outcomes {
    struct cap_cqe cqes[OUTCOMES_MAX];
    uint32_t count;
};

static struct actor caller;
static struct actor receiver;
static struct watched watched[6];
static size_t watched_count;
static struct token token;
static uint64_t owner;
static uint64_t client;
static uint64_t object;
static uint64_t factory;

static void watch(void *start, size_t bytes)
{
    watched[watched_count] = (struct watched){.start = start, .bytes = bytes};
    watched_count++;
}

static void watch_actor(struct actor *a)
{
    watch(a->p->thread.ring.sq, ENTRY_BYTES);
    watch(actor_memory(a, actor_page(PARAMS_PAGE)), FRAME_BYTES);
    watch(a->p->area, 2048);
}

static bool twice;
static bool changing; /* what has been read */
static struct outcomes usual;
static struct outcomes outcomes;

/* The load before this one, which has been done by now. */
static uint8_t *read_last;
static size_t read_last_bytes;

static void change(uint8_t *address, size_t bytes)
{
    for (size_t i = 0; changing && i < read_last_bytes; i++) {
        read_last[i] ^= 0xff;
    }
    read_last = address;
    read_last_bytes = bytes;
}

static void observe(const void *address, size_t bytes)
{
    bool is_watched = false;
    struct watched *w = watched;

    for (; w != watched + watched_count; w++) {
        size_t at = (size_t)((const uint8_t *)address - w->start);
        if (at >= w->bytes) {
            continue;
        }
        is_watched = true;
        for (size_t k = at; k < at + bytes && k < w->bytes; k++) {
            twice = twice || w->loads[k] != 0;
            w->loads[k]++;
        }
        change(w->start + at, bytes);
    }
    if (!is_watched) {
        change(NULL, 0);
    }
}

static void start_counting(void)
{
    for (size_t i = 0; i < watched_count; i++) {
        memset(watched[i].loads, 0, sizeof watched[i].loads);
        memcpy(watched[i].bytes_before, watched[i].start, watched[i].bytes);
    }
    twice = false;
    read_last_bytes = 0;
    host.observe = observe;
}

/* Nothing was read twice. What was changed is put back, for the next entry. */
static void stop_counting(void)
{
    host.observe = NULL;
    assert_false(twice);
    for (size_t i = 0; changing && i < watched_count; i++) {
        memcpy(watched[i].start, watched[i].bytes_before, watched[i].bytes);
    }
}

static void note(const struct cap_cqe *cqe)
{
    static const struct cap_cqe none;
    struct cap_cqe *noted = &outcomes.cqes[outcomes.count++];

    assert_true(outcomes.count <= OUTCOMES_MAX);
    *noted = cqe != NULL ? *cqe : none;
    noted->detail = 0; /* call ids are never the same */
}

static int begin(void **state)
{
    struct cap_object *o;
    struct cap_object *c;

    (void)state;
    world_start();
    assert_true(actor_start(&caller, NULL) && actor_start(&receiver, NULL));
    for (uint32_t page = PARAMS_PAGE; page <= RESULT_PAGE; page++) {
        actor_map(&caller, page, PAGE_WRITE);
        actor_map(&receiver, page, PAGE_WRITE);
    }
    assert_int_equal(endpoint_create(&receiver.p->account, &o, &c), ST_OK);
    owner = actor_grant(&receiver, o);
    client = actor_grant(&caller, c);
    cap_drop(o);
    cap_drop(c);
    object = actor_grant(&caller, kernel_table_find(CAPOS_NULL_CAP_ID)->object);
    factory = actor_grant(&caller, kernel_table_find(CAPOS_ENDPOINT_FACTORY_ID)->object);
    token_init(&token, "token");
    (void)actor_grant(&caller, &token.object);
    (void)actor_grant(&receiver, &token.object);
    watched_count = 0;
    watch_actor(&caller);
    watch_actor(&receiver);
    outcomes.count = 0;
    changing = false;
    return 0;
}

static int begin_changing(void **state)
{
    int failed = begin(state);

    changing = true;
    return failed;
}

static int end(void **state)
{
    (void)state;
    host.observe = NULL;
    actor_kill(&caller);
    actor_kill(&receiver);
    world_settle();
    actor_forget(&caller);
    actor_forget(&receiver);
    usual = outcomes;
    return 0;
}

/* Everything came to the same as in the test before, which was the same but for the changes. */
static int end_changing(void **state)
{
    const struct outcomes expected = usual;

    (void)end(state);
    assert_int_equal(outcomes.count, expected.count);
    assert_memory_equal(outcomes.cqes, expected.cqes, outcomes.count * sizeof expected.cqes[0]);
    return 0;
}

/* Does it, and whatever comes of it; nothing was read twice. */
static const struct cap_cqe *do_once(struct actor *a, struct cap_sqe sqe)
{
    start_counting();
    const struct cap_cqe *cqe = actor_do(a, sqe);
    stop_counting();
    note(cqe);
    return cqe;
}

/* Addresses of messages: in the message area, and in a page. */
static uint64_t address_of(const struct actor *a, bool far)
{
    return far ? actor_page(PARAMS_PAGE) : a->p->area_vaddr;
}

static uint64_t result_of(const struct actor *a, bool far)
{
    return far ? actor_page(RESULT_PAGE) : a->p->area_vaddr + 2048;
}

static struct cap_sqe call_of(uint64_t cap_id, uint64_t interface_id, bool far, uint32_t len)
{
    return (struct cap_sqe){.opcode = CAP_OP_CALL,
                            .cap_id = cap_id,
                            .interface_id = interface_id,
                            .params_addr = address_of(&caller, far),
                            .params_len = len,
                            .result_addr = result_of(&caller, far),
                            .result_len = 1024,
                            .cap_room = 2};
}

static void bring(struct actor *a, struct cap_sqe *sqe)
{
    struct cap_transfer *d = actor_memory(a, sqe->params_addr + sqe->params_len);

    *d = (struct cap_transfer){.cap_id = actor_finds(a, &token.object), .mode = CAP_TRANSFER_COPY};
    sqe->cap_count = 1;
}

static void plain_entries(void **state)
{
    (void)state;
    (void)do_once(&caller, (struct cap_sqe){.opcode = CAP_OP_NOP});
    (void)do_once(&caller, (struct cap_sqe){.opcode = CAP_OP_CANCEL, .params_addr = 77});
    (void)do_once(&caller, (struct cap_sqe){.opcode = CAP_OP_COPY,
                                            .cap_id = actor_finds(&caller, &token.object)});
    (void)do_once(&caller, (struct cap_sqe){.opcode = CAP_OP_RELEASE,
                                            .cap_id = actor_finds(&caller, &token.object)});
    (void)do_once(&caller, (struct cap_sqe){.opcode = CAP_OP_FINISH});
    (void)do_once(&caller, (struct cap_sqe){.opcode = 200});
}

static void calls_of_objects(void **state)
{
    (void)state;
    for (unsigned far = 0; far <= 1; far++) {
        const uint32_t lengths[] = {0, MESSAGE, 512};
        for (unsigned i = 0; i < 3; i++) {
            struct cap_sqe sqe = call_of(object, CAPOS_NULL_CAP_ID, far != 0, lengths[i]);
            assert_non_null(do_once(&caller, sqe));
            bring(&caller, &sqe);
            assert_non_null(do_once(&caller, sqe));
            sqe = call_of(factory, CAPOS_ENDPOINT_FACTORY_ID, far != 0, lengths[i]);
            assert_non_null(do_once(&caller, sqe));
            bring(&caller, &sqe);
            assert_non_null(do_once(&caller, sqe));
        }
    }
}

static struct cap_sqe recv_of(bool far)
{
    return (struct cap_sqe){.opcode = CAP_OP_RECV,
                            .cap_id = owner,
                            .result_addr = result_of(&receiver, far),
                            .result_len = 1024,
                            .cap_room = 2};
}

/* A call and its answer, received before or after it was made. */
static void call_and_answer(bool before, bool far, bool brings)
{
    uint64_t receive = 0;

    if (before) {
        receive = actor_submit(&receiver, recv_of(far));
        actor_run(&receiver);
    }
    struct cap_sqe sqe = call_of(client, INTERFACE, far, MESSAGE);
    if (brings) {
        bring(&caller, &sqe);
    } else {
        sqe.cap_room = 0; /* so that it may be a short call */
    }
    start_counting();
    assert_null(actor_do(&caller, sqe));
    if (!before) {
        receive = actor_submit(&receiver, recv_of(far));
        actor_run(&receiver); /* the caller's message is read now, and not before */
    }
    stop_counting();
    actor_take(&receiver);
    const struct cap_cqe *come = actor_done(&receiver, receive);
    assert_non_null(come);
    assert_true(come->result > 0);
    note(come);
    struct cap_sqe answer = {.opcode = CAP_OP_RETURN,
                             .interface_id = come->detail,
                             .params_addr = address_of(&receiver, far),
                             .params_len = MESSAGE};
    if (brings) {
        bring(&receiver, &answer);
    }
    const struct cap_cqe *done = do_once(&receiver, answer);
    assert_non_null(done);
    assert_int_equal(done->result, 0);
}

static void calls_between_processes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        call_and_answer((i & 1u) != 0, (i & 2u) != 0, (i & 4u) != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain_entries, begin, end),
        {"plain_entries, changing what was read", plain_entries, begin_changing, end_changing,
         NULL},
        cmocka_unit_test_setup_teardown(calls_of_objects, begin, end),
        {"calls_of_objects, changing what was read", calls_of_objects, begin_changing, end_changing,
         NULL},
        cmocka_unit_test_setup_teardown(calls_between_processes, begin, end),
        {"calls_between_processes, changing what was read", calls_between_processes, begin_changing,
         end_changing, NULL},
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
