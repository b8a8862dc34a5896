// SPDX-License-Identifier: MIT
#include "test/scene_cast.h"

#include <abi/ring.h>
#include <stdio.h>

#include "mem/paging.h"
#include "panic.h"

#define AREA_STEP 1024u
#define SLOTS     16u
#define CAP_ROOM  4u

void scene_complain(struct scene *s, const char *when, const char *what)
{
    if (s->wrong[0] == '\0' && what != NULL) {
        snprintf(s->wrong, sizeof s->wrong, "%s: %s", when, what);
    }
}

void scene_check(struct scene *s, const char *when)
{
    scene_complain(s, when, world_check());
}

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

void scene_begin(struct scene *s, bool in_area)
{
    static const struct actor_params params = {.slots = SLOTS};

    *s = (struct scene){.in_area = in_area};
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

static uint64_t place(const struct scene *s, const struct actor *a, uint32_t n)
{
    return s->in_area ? a->p->area_vaddr + n * AREA_STEP : actor_page(n);
}

void scene_describe(struct actor *a, uint64_t addr, uint32_t len, const struct pair *pair)
{
    struct cap_transfer *d = actor_memory(a, addr + len);

    d[0] = (struct cap_transfer){.cap_id = actor_finds(a, &pair->moved.object),
                                 .mode = CAP_TRANSFER_MOVE};
    d[1] = (struct cap_transfer){.cap_id = actor_finds(a, &pair->copied.object),
                                 .mode = CAP_TRANSFER_COPY};
}

struct cap_sqe scene_call_of(const struct scene *s, uint64_t cap_id, uint32_t params,
                             uint32_t result, uint32_t len)
{
    return (struct cap_sqe){.opcode = CAP_OP_CALL,
                            .cap_id = cap_id,
                            .interface_id = SCENE_INTERFACE,
                            .params_addr = place(s, &s->caller, params),
                            .params_len = len,
                            .result_addr = place(s, &s->caller, result),
                            .result_len = SCENE_ROOM_BYTES,
                            .cap_room = CAP_ROOM};
}

struct cap_sqe scene_recv_of(const struct scene *s, const struct actor *a, uint64_t cap_id,
                             uint32_t page, uint32_t len)
{
    return (struct cap_sqe){.opcode = CAP_OP_RECV,
                            .cap_id = cap_id,
                            .result_addr = place(s, a, page),
                            .result_len = len,
                            .cap_room = CAP_ROOM};
}

struct cap_sqe scene_cancel_of(uint64_t entry)
{
    return (struct cap_sqe){.opcode = CAP_OP_CANCEL, .params_addr = entry};
}

struct cap_sqe scene_release_of(uint64_t cap_id)
{
    return (struct cap_sqe){.opcode = CAP_OP_RELEASE, .cap_id = cap_id};
}

struct cap_sqe scene_return_of(const struct scene *s, uint64_t call_id, uint32_t len)
{
    return (struct cap_sqe){.opcode = CAP_OP_RETURN,
                            .interface_id = call_id,
                            .params_addr = place(s, &s->receiver, ANSWER),
                            .params_len = len};
}

uint64_t scene_perform(struct actor *a, struct cap_sqe sqe)
{
    uint64_t entry = actor_submit(a, sqe);

    actor_run(a);
    return entry;
}
