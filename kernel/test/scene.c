// SPDX-License-Identifier: MIT
#include "test/scene.h"

#include <abi/error.h>
#include <abi/syscall.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cap/call.h"
#include "cap/endpoint.h"
#include "cap/entry.h"
#include "cap/transfer.h"
#include "mem/paging.h"
#include "panic.h"
#include "test/world.h"

#define PARAMS_BYTES 16u  /* of an ordinary message */
#define ROOM_BYTES   128u /* for an answer, or a call with its header */
#define LONG_BYTES   200u /* more than anybody has room for, and yet a short message */
#define CAP_ROOM     4u
#define AREA_STEP    1024u
#define SLOTS        16u
#define INTERFACE    0x5ce7eull

/* Pages of the caller's, and of the receiver's; the event's own entry has others. */
enum { CALL_PARAMS, CALL_RESULT, EVENT_PARAMS, EVENT_RESULT };
enum { RECEIVE_ROOM, ANSWER, EVENT_ROOM };

/* Two capabilities that travel together, one moved and one copied. */
struct pair {
    struct token moved;
    struct token copied;
};

struct scene {
    struct actor caller;
    struct actor receiver;
    struct endpoint_object *endpoint;
    uint64_t client; /* the caller's capability, and the next */
    uint64_t object;
    uint64_t owner;        /* the receiver's */
    uint64_t caller_spare; /* owner facets of endpoints that nobody calls */
    uint64_t receiver_spare;
    struct keeper keeper;
    struct pair sent;   /* with the state's call */
    struct pair second; /* with the event's call */
    struct pair answer; /* with the answer */
    struct token filler;
    uint64_t call; /* the state's entries: 0 if there is none */
    uint64_t receive;
    uint64_t call_id;
    struct actor *actor; /* who made the event's entry; NULL: there is none */
    uint64_t entry;
    const struct pair *travelling; /* what `moved` tells of; NULL: nothing */
    bool cannot;
};

/* ---------------------------------------------------------------------------
 * What is wrong, if anything is */

static char wrong[320];

static void complain(const char *when, const char *what)
{
    if (wrong[0] == '\0' && what != NULL) {
        snprintf(wrong, sizeof wrong, "%s: %s", when, what);
    }
}

static void check(const char *when)
{
    complain(when, world_check());
}

/* ---------------------------------------------------------------------------
 * The cast */

static void pair_init(struct pair *pair, struct actor *owner)
{
    token_init(&pair->moved, "moved");
    token_init(&pair->copied, "copied");
    (void)actor_grant(owner, &pair->moved.object);
    (void)actor_grant(owner, &pair->copied.object);
}

/* An endpoint's owner facet for `a`; `client`, if it is to be called, gets the other. */
static struct endpoint_object *give_endpoint(struct actor *a, struct actor *client,
                                             uint64_t *owner_id, uint64_t *client_id)
{
    struct cap_object *owner;
    struct cap_object *facet;

    enum status status = endpoint_create(&a->p->account, &owner, &facet);
    ASSERT(status == ST_OK, "no endpoint for a scene");
    *owner_id = actor_grant(a, owner);
    if (client != NULL) {
        *client_id = actor_grant(client, facet);
    }
    cap_drop(owner);
    cap_drop(facet);
    return (struct endpoint_object *)(void *)facet;
}

static void scene_init(struct scene *s)
{
    static const struct actor_params params = {.slots = SLOTS};

    *s = (struct scene){0};
    ASSERT(actor_start(&s->caller, &params) && actor_start(&s->receiver, &params),
           "no processes for a scene");
    for (uint32_t page = CALL_PARAMS; page <= EVENT_RESULT; page++) {
        actor_map(&s->caller, page, PAGE_WRITE);
    }
    for (uint32_t page = RECEIVE_ROOM; page <= EVENT_ROOM; page++) {
        actor_map(&s->receiver, page, PAGE_WRITE);
    }
    s->endpoint = give_endpoint(&s->receiver, &s->caller, &s->owner, &s->client);
    (void)give_endpoint(&s->caller, NULL, &s->caller_spare, NULL);
    (void)give_endpoint(&s->receiver, NULL, &s->receiver_spare, NULL);
    keeper_init(&s->keeper);
    s->object = actor_grant(&s->caller, &s->keeper.object);
    pair_init(&s->sent, &s->caller);
    pair_init(&s->second, &s->caller);
    pair_init(&s->answer, &s->receiver);
    token_init(&s->filler, "filler");
}

/* ---------------------------------------------------------------------------
 * Entries */

/* Buffers lie in the message areas; otherwise in the pages that can be taken away. */
static bool in_area;

static uint64_t place(const struct actor *a, uint32_t n)
{
    return in_area ? a->p->area_vaddr + n * AREA_STEP : actor_page(n);
}

/* Puts descriptors for the pair behind a message. */
static void describe(struct actor *a, uint64_t addr, uint32_t len, const struct pair *pair)
{
    struct cap_transfer *d = actor_memory(a, addr + len);

    d[0] = (struct cap_transfer){.cap_id = actor_finds(a, &pair->moved.object),
                                 .mode = CAP_TRANSFER_MOVE};
    d[1] = (struct cap_transfer){.cap_id = actor_finds(a, &pair->copied.object),
                                 .mode = CAP_TRANSFER_COPY};
}

/* A CALL from these pages of the caller's. */
static struct cap_sqe call_of(const struct scene *s, uint64_t cap_id, uint32_t params,
                              uint32_t result, uint32_t len)
{
    return (struct cap_sqe){.opcode = CAP_OP_CALL,
                            .cap_id = cap_id,
                            .interface_id = INTERFACE,
                            .params_addr = place(&s->caller, params),
                            .params_len = len,
                            .result_addr = place(&s->caller, result),
                            .result_len = ROOM_BYTES,
                            .cap_room = CAP_ROOM};
}

static struct cap_sqe recv_of(const struct actor *a, uint64_t cap_id, uint32_t page, uint32_t len)
{
    return (struct cap_sqe){.opcode = CAP_OP_RECV,
                            .cap_id = cap_id,
                            .result_addr = place(a, page),
                            .result_len = len,
                            .cap_room = CAP_ROOM};
}

static struct cap_sqe cancel_of(uint64_t entry)
{
    return (struct cap_sqe){.opcode = CAP_OP_CANCEL, .params_addr = entry};
}

static struct cap_sqe release_of(uint64_t cap_id)
{
    return (struct cap_sqe){.opcode = CAP_OP_RELEASE, .cap_id = cap_id};
}

static struct cap_sqe return_of(const struct scene *s, uint64_t call_id, uint32_t len)
{
    return (struct cap_sqe){.opcode = CAP_OP_RETURN,
                            .interface_id = call_id,
                            .params_addr = place(&s->receiver, ANSWER),
                            .params_len = len};
}

/* Submits and lets it run; says the entry's number. */
static uint64_t perform(struct actor *a, struct cap_sqe sqe)
{
    uint64_t entry = actor_submit(a, sqe);

    actor_run(a);
    return entry;
}

/* ---------------------------------------------------------------------------
 * States */

static void arm(struct scene *s)
{
    s->receive = perform(&s->receiver, recv_of(&s->receiver, s->owner, RECEIVE_ROOM, ROOM_BYTES));
}

static void call(struct scene *s)
{
    s->call = perform(&s->caller, call_of(s, s->client, CALL_PARAMS, CALL_RESULT, PARAMS_BYTES));
}

static void call_with(struct scene *s, uint64_t cap_id, uint64_t interface_id)
{
    struct cap_sqe sqe = call_of(s, cap_id, CALL_PARAMS, CALL_RESULT, PARAMS_BYTES);

    describe(&s->caller, sqe.params_addr, PARAMS_BYTES, &s->sent);
    sqe.cap_count = 2;
    sqe.interface_id = interface_id;
    s->travelling = &s->sent;
    s->call = perform(&s->caller, sqe);
}

static void idle(struct scene *s)
{
    (void)s;
}

static void queued_with(struct scene *s)
{
    call_with(s, s->client, INTERFACE);
}

static void served(struct scene *s)
{
    arm(s);
    queued_with(s);
    actor_take(&s->receiver);
    s->call_id = actor_done(&s->receiver, s->receive)->detail;
}

static void abandoned(struct scene *s)
{
    served(s);
    (void)perform(&s->caller, cancel_of(s->call));
}

static void kept(struct scene *s)
{
    call_with(s, s->object, s->keeper.object.type->interface_id);
}

static void nobody(struct scene *s)
{
    (void)s;
}

static void release_owner(struct scene *s)
{
    (void)perform(&s->receiver, release_of(s->owner));
}

static void caller_is_dying(struct scene *s)
{
    actor_kill(&s->caller);
}

static void receiver_is_dying(struct scene *s)
{
    actor_kill(&s->receiver);
}

static const struct {
    const char *name;
    void (*make)(struct scene *s);
    void (*then)(struct scene *s);
} states[] = {
    {"idle", idle, nobody},
    {"armed", arm, nobody},
    {"queued", call, nobody},
    {"queued with capabilities", queued_with, nobody},
    {"served", served, nobody},
    {"served, caller gone", abandoned, nobody},
    {"kept", kept, nobody},
    {"closed", idle, release_owner},
    {"armed, closed", arm, release_owner},
    {"queued, closed", queued_with, release_owner},
    {"served, closed", served, release_owner},
    {"served, caller gone, closed", abandoned, release_owner},
    {"queued, caller dying", queued_with, caller_is_dying},
    {"served, caller dying", served, caller_is_dying},
    {"kept, caller dying", kept, caller_is_dying},
    {"armed, receiver dying", arm, receiver_is_dying},
    {"queued, receiver dying", queued_with, receiver_is_dying},
    {"served, receiver dying", served, receiver_is_dying},
    {"served, caller gone, receiver dying", abandoned, receiver_is_dying},
};

#define STATES (sizeof states / sizeof *states)

/* ---------------------------------------------------------------------------
 * Events */

/* The event is an entry of this actor's, if that can still act. */
static void enter(struct scene *s, struct actor *a, struct cap_sqe sqe)
{
    if (!actor_lives(a)) {
        s->cannot = true;
        return;
    }
    s->actor = a;
    s->entry = perform(a, sqe);
}

/* Takes a page away from somebody who may be dying; its address space is still there. */
static void take_page(struct actor *a, uint32_t page)
{
    if (a->p != NULL) {
        actor_unmap(a, page);
    }
}

/* Uses up the slots that an actor may have. */
static void fill_table(struct scene *s, struct actor *a)
{
    while (actor_grant(a, &s->filler.object) != CAP_ID_NONE) {
    }
}

/* Uses up the records that an actor has. */
static void fill_records(struct actor *a, uint64_t spare)
{
    while (actor_lives(a) && call_pool_used(&a->p->thread.pool) < a->p->thread.pool.count) {
        (void)perform(a, recv_of(a, spare, EVENT_ROOM, ROOM_BYTES));
    }
}

static void caller_cancels(struct scene *s)
{
    enter(s, &s->caller, cancel_of(s->call));
}

static void receiver_cancels(struct scene *s)
{
    enter(s, &s->receiver, cancel_of(s->receive));
}

static void dies(struct scene *s, struct actor *a)
{
    s->cannot = !actor_lives(a);
    if (!s->cannot) {
        actor_kill(a);
    }
}

static void caller_dies(struct scene *s)
{
    dies(s, &s->caller);
}

static void receiver_dies(struct scene *s)
{
    dies(s, &s->receiver);
}

static void owner_released(struct scene *s)
{
    enter(s, &s->receiver, release_of(s->owner));
}

static void client_released(struct scene *s)
{
    enter(s, &s->caller, release_of(s->client));
}

static void times_out(struct scene *s, struct actor *a)
{
    s->cannot = !actor_lives(a);
    if (!s->cannot && !actor_waits_in_vain(a, 2)) {
        complain("time-out", "it did not wait, or not in vain");
    }
}

static void caller_times_out(struct scene *s)
{
    times_out(s, &s->caller);
}

static void receiver_times_out(struct scene *s)
{
    times_out(s, &s->receiver);
}

/* The slices of work that are due after every event, and nothing else. */
static void work_is_done(struct scene *s)
{
    (void)s;
}

static void event_call(struct scene *s, uint32_t len)
{
    struct cap_sqe sqe = call_of(s, s->client, EVENT_PARAMS, EVENT_RESULT, len);

    if (in_area) {
        sqe.cap_room = 0; /* so that it is a short call, where it can be */
    }
    enter(s, &s->caller, sqe);
}

static void calls(struct scene *s)
{
    event_call(s, PARAMS_BYTES);
}

static void event_call_with(struct scene *s)
{
    struct cap_sqe sqe = call_of(s, s->client, EVENT_PARAMS, EVENT_RESULT, PARAMS_BYTES);

    sqe.cap_count = 2;
    if (actor_lives(&s->caller)) {
        describe(&s->caller, sqe.params_addr, PARAMS_BYTES, &s->second);
        s->travelling = &s->second;
    }
    enter(s, &s->caller, sqe);
}

static void calls_with(struct scene *s)
{
    event_call_with(s);
}

static void calls_with_forged(struct scene *s)
{
    struct cap_sqe sqe = call_of(s, s->client, EVENT_PARAMS, EVENT_RESULT, PARAMS_BYTES);

    sqe.cap_count = 3; /* the third is all zeros */
    if (actor_lives(&s->caller)) {
        describe(&s->caller, sqe.params_addr, PARAMS_BYTES, &s->second);
        s->travelling = &s->second;
    }
    enter(s, &s->caller, sqe);
}

static void calls_without_record(struct scene *s)
{
    fill_records(&s->caller, s->caller_spare);
    event_call_with(s);
}

static void calls_without_params(struct scene *s)
{
    take_page(&s->caller, EVENT_PARAMS);
    event_call(s, PARAMS_BYTES);
}

static void calls_without_result(struct scene *s)
{
    take_page(&s->caller, EVENT_RESULT);
    event_call(s, PARAMS_BYTES);
}

static void calls_receiver_without_buffer(struct scene *s)
{
    take_page(&s->receiver, RECEIVE_ROOM);
    event_call_with(s);
}

static void calls_too_long(struct scene *s)
{
    event_call(s, LONG_BYTES);
}

static void calls_receiver_full(struct scene *s)
{
    fill_table(s, &s->receiver);
    event_call_with(s);
}

static void event_recv(struct scene *s, uint32_t len)
{
    enter(s, &s->receiver, recv_of(&s->receiver, s->owner, EVENT_ROOM, len));
}

static void receives(struct scene *s)
{
    event_recv(s, ROOM_BYTES);
}

static void receives_without_record(struct scene *s)
{
    fill_records(&s->receiver, s->receiver_spare);
    event_recv(s, ROOM_BYTES);
}

static void receives_without_buffer(struct scene *s)
{
    take_page(&s->receiver, EVENT_ROOM);
    event_recv(s, ROOM_BYTES);
}

static void receives_too_small(struct scene *s)
{
    event_recv(s, sizeof(struct cap_message_header));
}

static void receives_full(struct scene *s)
{
    fill_table(s, &s->receiver);
    event_recv(s, ROOM_BYTES);
}

static void receives_caller_without_params(struct scene *s)
{
    take_page(&s->caller, CALL_PARAMS);
    event_recv(s, ROOM_BYTES);
}

static void receives_caller_without_result(struct scene *s)
{
    take_page(&s->caller, CALL_RESULT);
    event_recv(s, ROOM_BYTES);
}

static void returns(struct scene *s)
{
    enter(s, &s->receiver, return_of(s, s->call_id, PARAMS_BYTES));
}

static void event_return_with(struct scene *s)
{
    struct cap_sqe sqe = return_of(s, s->call_id, PARAMS_BYTES);

    sqe.cap_count = 2;
    if (actor_lives(&s->receiver)) {
        describe(&s->receiver, sqe.params_addr, PARAMS_BYTES, &s->answer);
        s->travelling = &s->answer;
    }
    enter(s, &s->receiver, sqe);
}

static void returns_with(struct scene *s)
{
    event_return_with(s);
}

static void returns_with_forged(struct scene *s)
{
    struct cap_sqe sqe = return_of(s, s->call_id, PARAMS_BYTES);

    sqe.cap_count = 3;
    if (actor_lives(&s->receiver)) {
        describe(&s->receiver, sqe.params_addr, PARAMS_BYTES, &s->answer);
        s->travelling = &s->answer;
    }
    enter(s, &s->receiver, sqe);
}

static void returns_again(struct scene *s)
{
    struct cap_sqe sqe = return_of(s, s->call_id, PARAMS_BYTES);

    sqe.flags = CAP_SQE_F_AGAIN;
    enter(s, &s->receiver, sqe);
}

static void returns_again_to_another(struct scene *s)
{
    if (actor_lives(&s->caller)) {
        (void)perform(&s->caller, call_of(s, s->client, EVENT_PARAMS, EVENT_RESULT, PARAMS_BYTES));
    }
    returns_again(s);
}

static void returns_again_without_buffer(struct scene *s)
{
    take_page(&s->receiver, RECEIVE_ROOM);
    returns_again_to_another(s);
}

static void returns_twice(struct scene *s)
{
    returns(s);
    if (!s->cannot) {
        returns(s);
    }
}

static void returns_exception(struct scene *s)
{
    struct cap_sqe sqe = return_of(s, s->call_id, PARAMS_BYTES);

    sqe.flags = CAP_SQE_F_EXCEPTION;
    sqe.method_id = CAP_EXC_UNIMPLEMENTED;
    enter(s, &s->receiver, sqe);
}

static void returns_exception_without_buffer(struct scene *s)
{
    take_page(&s->caller, CALL_RESULT);
    returns_exception(s);
}

static void returns_exception_without_message(struct scene *s)
{
    take_page(&s->receiver, ANSWER);
    returns_exception(s);
}

static void returns_without_message(struct scene *s)
{
    take_page(&s->receiver, ANSWER);
    returns(s);
}

static void returns_caller_without_buffer(struct scene *s)
{
    take_page(&s->caller, CALL_RESULT);
    event_return_with(s);
}

static void returns_too_long(struct scene *s)
{
    enter(s, &s->receiver, return_of(s, s->call_id, LONG_BYTES));
}

static void returns_again_too_long(struct scene *s)
{
    struct cap_sqe sqe = return_of(s, s->call_id, LONG_BYTES);

    sqe.flags = CAP_SQE_F_AGAIN;
    enter(s, &s->receiver, sqe);
}

static void returns_caller_full(struct scene *s)
{
    fill_table(s, &s->caller);
    event_return_with(s);
}

/* The object that keeps the call takes what came and gives what the answer brings. */
static void object_answer(struct scene *s)
{
    static const uint64_t message[PARAMS_BYTES / 8u];
    struct call *record = s->keeper.kept;
    struct cap_hold holds[2] = {{.object = &s->answer.moved.object, .transferable = true},
                                {.object = &s->answer.copied.object, .transferable = true}};

    if (record == NULL) {
        s->cannot = true;
        return;
    }
    transfer_receive(s->keeper.given, s->keeper.caller);
    for (uint32_t i = 0; i < s->keeper.given->count; i++) {
        cap_drop(s->keeper.given->items[i].hold.object);
    }
    transfer_free(s->keeper.given, s->keeper.caller);
    s->keeper.given = NULL;
    s->keeper.kept = NULL;
    cap_hold(holds[0].object);
    cap_hold(holds[1].object);
    (void)cap_call_answer(record, message, sizeof message, holds, 2);
    actor_take(&s->caller);
}

static void object_answers(struct scene *s)
{
    object_answer(s);
}

static void object_answers_without_buffer(struct scene *s)
{
    take_page(&s->caller, CALL_RESULT);
    object_answer(s);
}

static void object_answers_full(struct scene *s)
{
    fill_table(s, &s->caller);
    object_answer(s);
}

static void object_refuses(struct scene *s)
{
    struct call *record = s->keeper.kept;

    if (record == NULL) {
        s->cannot = true;
        return;
    }
    transfer_abandon(s->keeper.given, s->keeper.caller);
    s->keeper.given = NULL;
    s->keeper.kept = NULL;
    entry_refuse(record, CAPNP_EXC_FAILED, "it was not to be");
    actor_take(&s->caller);
}

static const struct {
    const char *name;
    void (*happens)(struct scene *s);
} events[] = {
    {"caller cancels", caller_cancels},
    {"receiver cancels", receiver_cancels},
    {"caller dies", caller_dies},
    {"receiver dies", receiver_dies},
    {"owner released", owner_released},
    {"client released", client_released},
    {"caller times out", caller_times_out},
    {"receiver times out", receiver_times_out},
    {"work is done", work_is_done},
    {"CALL", calls},
    {"CALL with capabilities", calls_with},
    {"CALL, one is forged", calls_with_forged},
    {"CALL, no record left", calls_without_record},
    {"CALL, params unmapped", calls_without_params},
    {"CALL, result unmapped", calls_without_result},
    {"CALL, receiver's buffer unmapped", calls_receiver_without_buffer},
    {"CALL, receiver too small", calls_too_long},
    {"CALL, receiver's table full", calls_receiver_full},
    {"RECV", receives},
    {"RECV, no record left", receives_without_record},
    {"RECV, buffer unmapped", receives_without_buffer},
    {"RECV, too small", receives_too_small},
    {"RECV, table full", receives_full},
    {"RECV, caller's params unmapped", receives_caller_without_params},
    {"RECV, caller's result unmapped", receives_caller_without_result},
    {"RETURN", returns},
    {"RETURN with capabilities", returns_with},
    {"RETURN, one is forged", returns_with_forged},
    {"RETURN AGAIN", returns_again},
    {"RETURN AGAIN, another waits", returns_again_to_another},
    {"RETURN AGAIN, another waits, buffer unmapped", returns_again_without_buffer},
    {"second RETURN", returns_twice},
    {"RETURN with exception", returns_exception},
    {"RETURN with exception, result unmapped", returns_exception_without_buffer},
    {"RETURN with exception, message unmapped", returns_exception_without_message},
    {"RETURN, message unmapped", returns_without_message},
    {"RETURN, result unmapped", returns_caller_without_buffer},
    {"RETURN, caller too small", returns_too_long},
    {"RETURN AGAIN, caller too small", returns_again_too_long},
    {"RETURN, caller's table full", returns_caller_full},
    {"object answers", object_answers},
    {"object answers, result unmapped", object_answers_without_buffer},
    {"object answers, table full", object_answers_full},
    {"object refuses", object_refuses},
};

#define EVENTS (sizeof events / sizeof *events)

const size_t scene_state_count = STATES;
const size_t scene_event_count = EVENTS;

const char *scene_state_name(size_t state)
{
    return states[state].name;
}

const char *scene_event_name(size_t event)
{
    return events[event].name;
}

/* ---------------------------------------------------------------------------
 * Outcomes */

static void say(char cell[SCENE_WORDS], const char *words)
{
    snprintf(cell, SCENE_WORDS, "%s", words);
}

static const char *error_name(int32_t result)
{
    switch (result) {
#define NAME(name, number, sentence)                                                               \
    case CAP_ERR_##name:                                                                           \
        return #name;
        CAP_ERR_LIST(NAME)
#undef NAME
    default:
        return "an unknown error";
    }
}

static const char *exception_of(const struct cap_cqe *cqe)
{
    switch (cqe->flags & CAP_CQE_F_EXC_MASK) {
    case CAP_EXC_FAILED:
        return "failed";
    case CAP_EXC_OVERLOADED:
        return "overloaded";
    case CAP_EXC_DISCONNECTED:
        return "disconnected";
    case CAP_EXC_UNIMPLEMENTED:
        return "unimplemented";
    case CAP_EXC_INVALID_ARGUMENT:
        return "invalid argument";
    default:
        return "an unknown exception";
    }
}

static void say_completion(char cell[SCENE_WORDS], const struct cap_cqe *cqe)
{
    if (cqe->result == CAP_ERR_EXCEPTION) {
        bool cut = (cqe->flags & CAP_CQE_F_TRUNCATED) != 0;
        snprintf(cell, SCENE_WORDS, "%s%s", exception_of(cqe), cut ? ", cut" : "");
    } else if (cqe->result < 0) {
        say(cell, error_name(cqe->result));
    } else if (cqe->cap_count != 0) {
        snprintf(cell, SCENE_WORDS, "done, with %u", cqe->cap_count);
    } else {
        say(cell, "done");
    }
}

/* What the event brought an entry that had `before` completions. */
static void say_entry(char cell[SCENE_WORDS], const struct actor *a, uint64_t entry,
                      uint32_t before, const char *pending)
{
    if (entry == 0 || a->p == NULL || a->entries[entry].completions == before) {
        say(cell, entry == 0 || a->p == NULL ? "–" : pending);
        return;
    }
    say_completion(cell, &a->entries[entry].cqe);
}

static const struct call *record_of(const struct actor *a, uint64_t entry)
{
    return a->p == NULL || entry == 0 ? NULL : call_find_entry(&a->p->thread.pool, entry);
}

/* The receiver's record in this endpoint that serves, or else one that waits. */
static const struct call *receiving(const struct scene *s)
{
    const struct call *armed = NULL;

    for (uint32_t i = 0; s->receiver.p != NULL && i < s->receiver.p->thread.pool.count; i++) {
        const struct call *record = &s->receiver.p->thread.pool.records[i];
        if (record->endpoint != &s->endpoint->endpoint) {
            continue;
        }
        if (record->state == CALL_SERVING) {
            return record;
        }
        armed = record->state == CALL_ARMED ? record : armed;
    }
    return armed;
}

static void find_client(const struct cap_object *object, void *context)
{
    const struct cap_object **found = context;

    if (object == *found) {
        *found = NULL;
    }
}

static bool endpoint_exists(const struct scene *s)
{
    const struct cap_object *found = &s->endpoint->client;

    cap_object_each(find_client, &found);
    return found == NULL;
}

static const char *where_call_is(const struct scene *s)
{
    uint64_t made = s->actor == &s->caller ? s->entry : 0;
    const struct call *caller = record_of(&s->caller, s->call != 0 ? s->call : made);
    const struct call *receiver = receiving(s);

    if (caller != NULL && caller->state == CALL_KEPT) {
        return "kept";
    }
    if (caller != NULL && caller->state == CALL_QUEUED) {
        return caller->queued.transfer != NULL ? "queued with capabilities" : "queued";
    }
    if (receiver != NULL && receiver->state == CALL_SERVING) {
        return receiver->peer != NULL ? "served" : "served, caller gone";
    }
    return receiver != NULL ? "armed" : "idle";
}

static void say_state(char cell[SCENE_WORDS], const struct scene *s)
{
    const char *where = where_call_is(s);

    if (!endpoint_exists(s)) {
        say(cell, strcmp(where, "kept") == 0 ? "kept" : "gone");
    } else if (strcmp(where, "kept") == 0 || !s->endpoint->endpoint.closed) {
        say(cell, where);
    } else if (strcmp(where, "idle") == 0) {
        say(cell, "closed");
    } else {
        snprintf(cell, SCENE_WORDS, "%s, closed", where);
    }
}

/* Who has the capability that was moved. */
static void say_moved(char cell[SCENE_WORDS], const struct scene *s)
{
    const struct token *moved = &s->travelling->moved;
    uint64_t at_caller = actor_finds(&s->caller, &moved->object);
    uint64_t at_receiver = actor_finds(&s->receiver, &moved->object);

    if (at_caller != CAP_ID_NONE && at_receiver != CAP_ID_NONE) {
        say(cell, "both");
    } else if (at_caller != CAP_ID_NONE) {
        say(cell, actor_is_moving(&s->caller, at_caller) ? "caller, locked" : "caller");
    } else if (at_receiver != CAP_ID_NONE) {
        say(cell, actor_is_moving(&s->receiver, at_receiver) ? "receiver, locked" : "receiver");
    } else {
        say(cell, "gone");
    }
}

/* The copy is with the target exactly if the moved one is, and always with its sender. */
static void check_copy(const struct scene *s)
{
    const struct pair *pair = s->travelling;
    const struct actor *from = pair == &s->answer ? &s->receiver : &s->caller;
    const struct actor *to = pair == &s->answer ? &s->caller : &s->receiver;

    if (from->p != NULL && actor_finds(from, &pair->copied.object) == CAP_ID_NONE) {
        complain("after the event", "a sender has lost what it copied");
    }
    if (to->p != NULL && (actor_finds(to, &pair->copied.object) != CAP_ID_NONE) !=
                             (actor_finds(to, &pair->moved.object) != CAP_ID_NONE)) {
        complain("after the event", "a transfer came in part");
    }
}

static uint32_t completions(const struct actor *a, uint64_t entry)
{
    return entry == 0 ? 0 : a->entries[entry].completions;
}

/* ---------------------------------------------------------------------------
 * The end */

static void cancel_pending(struct actor *a, uint64_t but)
{
    for (uint64_t e = 1; actor_lives(a) && e <= a->entry_count; e++) {
        if (e != but && a->entries[e].completions == 0 && record_of(a, e) != NULL) {
            (void)perform(a, cancel_of(e));
        }
    }
}

static void return_all(struct scene *s)
{
    const struct call *record;

    while (actor_lives(&s->receiver) && (record = receiving(s)) != NULL &&
           record->state == CALL_SERVING) {
        const struct cap_cqe *cqe = actor_do(
            &s->receiver, (struct cap_sqe){.opcode = CAP_OP_RETURN, .interface_id = record->id});
        if (cqe == NULL || (cqe->result != 0 && cqe->result != CAP_ERR_NOT_DELIVERED)) {
            complain("winding up", "a RETURN does not end its call");
            return;
        }
    }
}

static void check_completions(const char *who, const struct actor *a)
{
    static char sentence[128];

    for (uint64_t e = 1; actor_lives(a) && e <= a->entry_count; e++) {
        if (a->entries[e].completions != 1) {
            snprintf(sentence, sizeof sentence, "entry %lu of the %s completed %u times",
                     (unsigned long)e, who, a->entries[e].completions);
            complain("at the end", sentence);
        }
    }
}

/*
 * The receiver ends what it has; then nothing of the caller's may be pending but a
 * kept call.
 */
static void wind_up(struct scene *s)
{
    cancel_pending(&s->receiver, 0);
    return_all(s);
    if (actor_lives(&s->receiver)) {
        (void)perform(&s->receiver, release_of(s->owner));
    }
    world_settle();
    actor_take(&s->caller);
    actor_take(&s->receiver);
    if (s->keeper.kept == NULL && s->call != 0 && actor_lives(&s->caller) &&
        s->caller.entries[s->call].completions != 1) {
        complain("winding up", "the call never completes by itself");
    }
    cancel_pending(&s->caller, 0);
    check("winding up");
    check_completions("caller", &s->caller);
    check_completions("receiver", &s->receiver);
    if (actor_lives(&s->caller)) {
        actor_kill(&s->caller);
    }
    if (actor_lives(&s->receiver)) {
        actor_kill(&s->receiver);
    }
    world_settle();
    check("when all are gone");
    actor_forget(&s->caller);
    actor_forget(&s->receiver);
}

static void check_token(const struct token *token)
{
    if (token->object.holds != 1) {
        complain("at the end", "a token is held by nobody who is there");
    }
}

static void check_objects(const struct scene *s)
{
    const struct pair *const pairs[] = {&s->sent, &s->second, &s->answer};

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        check_token(&pairs[i]->moved);
        check_token(&pairs[i]->copied);
    }
    check_token(&s->filler);
    if (s->keeper.object.holds != 1 || s->keeper.kept != NULL || s->keeper.given != NULL) {
        complain("at the end", "the keeper still keeps something");
    }
    if (endpoint_exists(s)) {
        complain("at the end", "the endpoint is still there");
    }
}

bool scene_needs_pages(size_t event)
{
    return strstr(events[event].name, "unmapped") != NULL;
}

const char *scene_play(size_t state, size_t event, bool area, struct outcome *outcome)
{
    static struct scene scene;
    struct scene *s = &scene;

    wrong[0] = '\0';
    in_area = area;
    world_remember();
    scene_init(s);
    states[state].make(s);
    states[state].then(s);
    check("in the state");
    uint32_t calls_before = completions(&s->caller, s->call);
    uint32_t receives_before = completions(&s->receiver, s->receive);

    events[event].happens(s);
    check("after the event");
    world_settle();
    actor_take(&s->caller);
    actor_take(&s->receiver);
    check("after the work");

    *outcome = (struct outcome){0};
    say_entry(outcome->call, &s->caller, s->call, calls_before, "–");
    say_entry(outcome->receive, &s->receiver, s->receive, receives_before, "–");
    say(outcome->entry, "–");
    if (s->actor != NULL) {
        say_entry(outcome->entry, s->actor, s->entry, 0, "waits");
    }
    say_state(outcome->next, s);
    say(outcome->moved, "–");
    if (s->travelling != NULL) {
        say_moved(outcome->moved, s);
        check_copy(s);
    }
    if (s->cannot) {
        *outcome = (struct outcome){"cannot", "–", "–", "–", "–"};
    }
    wind_up(s);
    check_objects(s);
    complain("at the end", world_leftover());
    return wrong[0] == '\0' ? NULL : wrong;
}
