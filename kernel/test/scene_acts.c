// SPDX-License-Identifier: MIT
#include "test/scene_acts.h"

#include <abi/error.h>

#include "cap/call.h"
#include "cap/entry.h"
#include "cap/transfer.h"
#include "mem/paging.h"

/* ---------------------------------------------------------------------------
 * States */
static void arm(struct scene *s)
{
    s->receive = scene_perform(
        &s->receiver, scene_recv_of(s, &s->receiver, s->owner, RECEIVE_ROOM, SCENE_ROOM_BYTES));
}

static void call(struct scene *s)
{
    s->call = scene_perform(
        &s->caller, scene_call_of(s, s->client, CALL_PARAMS, CALL_RESULT, SCENE_PARAMS_BYTES));
}

static void call_with(struct scene *s, uint64_t cap_id, uint64_t interface_id)
{
    struct cap_sqe sqe = scene_call_of(s, cap_id, CALL_PARAMS, CALL_RESULT, SCENE_PARAMS_BYTES);

    scene_describe(&s->caller, sqe.params_addr, SCENE_PARAMS_BYTES, &s->sent);
    sqe.cap_count = 2;
    sqe.interface_id = interface_id;
    s->travelling = &s->sent;
    s->call = scene_perform(&s->caller, sqe);
}

static void idle(struct scene *s)
{
    (void)s;
}

static void queued_with(struct scene *s)
{
    call_with(s, s->client, SCENE_INTERFACE);
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
    (void)scene_perform(&s->caller, scene_cancel_of(s->call));
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
    (void)scene_perform(&s->receiver, scene_release_of(s->owner));
}

static void caller_is_dying(struct scene *s)
{
    actor_kill(&s->caller);
}

static void receiver_is_dying(struct scene *s)
{
    actor_kill(&s->receiver);
}

const struct scene_state scene_states[] = {
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

const size_t scene_state_count = sizeof scene_states / sizeof *scene_states;

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
    s->entry = scene_perform(a, sqe);
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
static void fill_records(const struct scene *s, struct actor *a, uint64_t spare)
{
    while (actor_lives(a) && call_pool_used(&a->p->thread.pool) < a->p->thread.pool.count) {
        (void)scene_perform(a, scene_recv_of(s, a, spare, EVENT_ROOM, SCENE_ROOM_BYTES));
    }
}

static void caller_cancels(struct scene *s)
{
    enter(s, &s->caller, scene_cancel_of(s->call));
}

static void receiver_cancels(struct scene *s)
{
    enter(s, &s->receiver, scene_cancel_of(s->receive));
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
    enter(s, &s->receiver, scene_release_of(s->owner));
}

static void client_released(struct scene *s)
{
    enter(s, &s->caller, scene_release_of(s->client));
}

static void times_out(struct scene *s, struct actor *a)
{
    s->cannot = !actor_lives(a);
    if (!s->cannot && !actor_waits_in_vain(a, 2)) {
        scene_complain(s, "time-out", "it did not wait, or not in vain");
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
    struct cap_sqe sqe = scene_call_of(s, s->client, EVENT_PARAMS, EVENT_RESULT, len);

    if (s->in_area) {
        sqe.cap_room = 0; /* so that it is a short call, where it can be */
    }
    enter(s, &s->caller, sqe);
}

static void calls(struct scene *s)
{
    event_call(s, SCENE_PARAMS_BYTES);
}

static void event_call_with(struct scene *s)
{
    struct cap_sqe sqe =
        scene_call_of(s, s->client, EVENT_PARAMS, EVENT_RESULT, SCENE_PARAMS_BYTES);

    sqe.cap_count = 2;
    if (actor_lives(&s->caller)) {
        scene_describe(&s->caller, sqe.params_addr, SCENE_PARAMS_BYTES, &s->second);
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
    struct cap_sqe sqe =
        scene_call_of(s, s->client, EVENT_PARAMS, EVENT_RESULT, SCENE_PARAMS_BYTES);

    sqe.cap_count = 3; /* the third is all zeros */
    if (actor_lives(&s->caller)) {
        scene_describe(&s->caller, sqe.params_addr, SCENE_PARAMS_BYTES, &s->second);
        s->travelling = &s->second;
    }
    enter(s, &s->caller, sqe);
}

static void calls_without_record(struct scene *s)
{
    fill_records(s, &s->caller, s->caller_spare);
    event_call_with(s);
}

static void calls_without_params(struct scene *s)
{
    take_page(&s->caller, EVENT_PARAMS);
    event_call(s, SCENE_PARAMS_BYTES);
}

static void calls_without_result(struct scene *s)
{
    take_page(&s->caller, EVENT_RESULT);
    event_call(s, SCENE_PARAMS_BYTES);
}

static void calls_receiver_without_buffer(struct scene *s)
{
    take_page(&s->receiver, RECEIVE_ROOM);
    event_call_with(s);
}

static void calls_too_long(struct scene *s)
{
    event_call(s, SCENE_LONG_BYTES);
}

static void calls_receiver_full(struct scene *s)
{
    fill_table(s, &s->receiver);
    event_call_with(s);
}

static void event_recv(struct scene *s, uint32_t len)
{
    enter(s, &s->receiver, scene_recv_of(s, &s->receiver, s->owner, EVENT_ROOM, len));
}

static void receives(struct scene *s)
{
    event_recv(s, SCENE_ROOM_BYTES);
}

static void receives_without_record(struct scene *s)
{
    fill_records(s, &s->receiver, s->receiver_spare);
    event_recv(s, SCENE_ROOM_BYTES);
}

static void receives_without_buffer(struct scene *s)
{
    take_page(&s->receiver, EVENT_ROOM);
    event_recv(s, SCENE_ROOM_BYTES);
}

static void receives_too_small(struct scene *s)
{
    event_recv(s, sizeof(struct cap_message_header));
}

static void receives_full(struct scene *s)
{
    fill_table(s, &s->receiver);
    event_recv(s, SCENE_ROOM_BYTES);
}

static void receives_caller_without_params(struct scene *s)
{
    take_page(&s->caller, CALL_PARAMS);
    event_recv(s, SCENE_ROOM_BYTES);
}

static void receives_caller_without_result(struct scene *s)
{
    take_page(&s->caller, CALL_RESULT);
    event_recv(s, SCENE_ROOM_BYTES);
}

static void returns(struct scene *s)
{
    enter(s, &s->receiver, scene_return_of(s, s->call_id, SCENE_PARAMS_BYTES));
}

static void event_return_with(struct scene *s)
{
    struct cap_sqe sqe = scene_return_of(s, s->call_id, SCENE_PARAMS_BYTES);

    sqe.cap_count = 2;
    if (actor_lives(&s->receiver)) {
        scene_describe(&s->receiver, sqe.params_addr, SCENE_PARAMS_BYTES, &s->answer);
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
    struct cap_sqe sqe = scene_return_of(s, s->call_id, SCENE_PARAMS_BYTES);

    sqe.cap_count = 3;
    if (actor_lives(&s->receiver)) {
        scene_describe(&s->receiver, sqe.params_addr, SCENE_PARAMS_BYTES, &s->answer);
        s->travelling = &s->answer;
    }
    enter(s, &s->receiver, sqe);
}

static void returns_again(struct scene *s)
{
    struct cap_sqe sqe = scene_return_of(s, s->call_id, SCENE_PARAMS_BYTES);

    sqe.flags = CAP_SQE_F_AGAIN;
    enter(s, &s->receiver, sqe);
}

static void returns_again_to_another(struct scene *s)
{
    if (actor_lives(&s->caller)) {
        (void)scene_perform(&s->caller, scene_call_of(s, s->client, EVENT_PARAMS, EVENT_RESULT,
                                                      SCENE_PARAMS_BYTES));
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
    struct cap_sqe sqe = scene_return_of(s, s->call_id, SCENE_PARAMS_BYTES);

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
    enter(s, &s->receiver, scene_return_of(s, s->call_id, SCENE_LONG_BYTES));
}

static void returns_again_too_long(struct scene *s)
{
    struct cap_sqe sqe = scene_return_of(s, s->call_id, SCENE_LONG_BYTES);

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
    static const uint64_t message[SCENE_PARAMS_BYTES / 8u];
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

const struct scene_event scene_events[] = {
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

const size_t scene_event_count = sizeof scene_events / sizeof *scene_events;
