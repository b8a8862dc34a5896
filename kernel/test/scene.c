// SPDX-License-Identifier: MIT
#include "test/scene.h"

#include <abi/error.h>
#include <stdio.h>
#include <string.h>

#include "test/scene_acts.h"
#include "test/scene_cast.h"
#include "test/scene_outcome.h"

const char *scene_state_name(size_t state)
{
    return scene_states[state].name;
}

const char *scene_event_name(size_t event)
{
    return scene_events[event].name;
}

static void cancel_pending(struct actor *a, uint64_t but)
{
    for (uint64_t e = 1; actor_lives(a) && e <= a->entry_count; e++) {
        if (e != but && a->entries[e].completions == 0 && scene_record_of(a, e) != NULL) {
            (void)scene_perform(a, scene_cancel_of(e));
        }
    }
}

static void return_all(struct scene *s)
{
    const struct call *record;

    while (actor_lives(&s->receiver) && (record = scene_receiving(s)) != NULL &&
           record->state == CALL_SERVING) {
        const struct cap_cqe *cqe = actor_do(
            &s->receiver, (struct cap_sqe){.opcode = CAP_OP_RETURN, .interface_id = record->id});
        if (cqe == NULL || (cqe->result != 0 && cqe->result != CAP_ERR_NOT_DELIVERED)) {
            scene_complain(s, "winding up", "a RETURN does not end its call");
            return;
        }
    }
}

static void check_completions(struct scene *s, const char *who, const struct actor *a)
{
    static char sentence[128];

    for (uint64_t e = 1; actor_lives(a) && e <= a->entry_count; e++) {
        if (a->entries[e].completions != 1) {
            snprintf(sentence, sizeof sentence, "entry %lu of the %s completed %u times",
                     (unsigned long)e, who, a->entries[e].completions);
            scene_complain(s, "at the end", sentence);
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
        (void)scene_perform(&s->receiver, scene_release_of(s->owner));
    }
    world_settle();
    actor_take(&s->caller);
    actor_take(&s->receiver);
    if (s->keeper.kept == NULL && s->call != 0 && actor_lives(&s->caller) &&
        s->caller.entries[s->call].completions != 1) {
        scene_complain(s, "winding up", "the call never completes by itself");
    }
    cancel_pending(&s->caller, 0);
    scene_check(s, "winding up");
    check_completions(s, "caller", &s->caller);
    check_completions(s, "receiver", &s->receiver);
    if (actor_lives(&s->caller)) {
        actor_kill(&s->caller);
    }
    if (actor_lives(&s->receiver)) {
        actor_kill(&s->receiver);
    }
    world_settle();
    scene_check(s, "when all are gone");
    actor_forget(&s->caller);
    actor_forget(&s->receiver);
}

static void check_token(struct scene *s, const struct token *token)
{
    if (token->object.holds != 1) {
        scene_complain(s, "at the end", "a token is held by nobody who is there");
    }
}

static void check_objects(struct scene *s)
{
    const struct pair *const pairs[] = {&s->sent, &s->second, &s->answer};

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        check_token(s, &pairs[i]->moved);
        check_token(s, &pairs[i]->copied);
    }
    check_token(s, &s->filler);
    if (s->keeper.object.holds != 1 || s->keeper.kept != NULL || s->keeper.given != NULL) {
        scene_complain(s, "at the end", "the keeper still keeps something");
    }
    if (scene_endpoint_exists(s)) {
        scene_complain(s, "at the end", "the endpoint is still there");
    }
}

bool scene_needs_pages(size_t event)
{
    return strstr(scene_events[event].name, "unmapped") != NULL;
}

static uint32_t completions(const struct actor *a, uint64_t entry)
{
    return entry == 0 ? 0 : a->entries[entry].completions;
}

const char *scene_play(size_t state, size_t event, bool area, struct outcome *outcome)
{
    static struct scene scene;
    struct scene *s = &scene;

    world_remember();
    scene_begin(s, area);
    scene_states[state].make(s);
    scene_states[state].then(s);
    scene_check(s, "in the state");
    uint32_t calls_before = completions(&s->caller, s->call);
    uint32_t receives_before = completions(&s->receiver, s->receive);

    scene_events[event].happens(s);
    scene_check(s, "after the event");
    world_settle();
    actor_take(&s->caller);
    actor_take(&s->receiver);
    scene_check(s, "after the work");

    scene_tell(s, calls_before, receives_before, outcome);
    wind_up(s);
    check_objects(s);
    scene_complain(s, "at the end", world_leftover());
    return s->wrong[0] == '\0' ? NULL : s->wrong;
}
