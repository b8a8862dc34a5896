// SPDX-License-Identifier: MIT
#include "test/scene_outcome.h"

#include <abi/error.h>
#include <stdio.h>
#include <string.h>

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

const struct call *scene_record_of(const struct actor *a, uint64_t entry)
{
    return a->p == NULL || entry == 0 ? NULL : call_find_entry(&a->p->thread.pool, entry);
}

const struct call *scene_receiving(const struct scene *s)
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

bool scene_endpoint_exists(const struct scene *s)
{
    const struct cap_object *found = &s->endpoint->client;

    cap_object_each(find_client, &found);
    return found == NULL;
}

static const char *where_call_is(const struct scene *s)
{
    uint64_t made = s->actor == &s->caller ? s->entry : 0;
    const struct call *caller = scene_record_of(&s->caller, s->call != 0 ? s->call : made);
    const struct call *receiver = scene_receiving(s);

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

    if (!scene_endpoint_exists(s)) {
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
static void check_copy(struct scene *s)
{
    const struct pair *pair = s->travelling;
    const struct actor *from = pair == &s->answer ? &s->receiver : &s->caller;
    const struct actor *to = pair == &s->answer ? &s->caller : &s->receiver;

    if (from->p != NULL && actor_finds(from, &pair->copied.object) == CAP_ID_NONE) {
        scene_complain(s, "after the event", "a sender has lost what it copied");
    }
    if (to->p != NULL && (actor_finds(to, &pair->copied.object) != CAP_ID_NONE) !=
                             (actor_finds(to, &pair->moved.object) != CAP_ID_NONE)) {
        scene_complain(s, "after the event", "a transfer came in part");
    }
}

void scene_tell(struct scene *s, uint32_t calls_before, uint32_t receives_before,
                struct outcome *outcome)
{
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
}
