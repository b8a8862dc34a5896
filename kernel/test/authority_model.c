// SPDX-License-Identifier: MIT
#include "test/authority_model.h"

#include <abi/error.h>
#include <stdlib.h>

/* For what no program can bring about. */
static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static struct model_slot *find(struct model_person *p, uint64_t name)
{
    for (uint32_t i = 0; i < p->used; i++) {
        if (p->slots[i].name == name) {
            return &p->slots[i];
        }
    }
    return NULL;
}

static void remove_slot(struct model_person *p, uint64_t name)
{
    struct model_slot *slot = find(p, name);

    p->used--;
    *slot = p->slots[p->used];
}

static uint64_t add_slot(struct model *m, uint32_t person, const struct model_held *held)
{
    struct model_person *p = &m->people[person];

    require(p->used < MODEL_SLOTS);
    p->slots[p->used++] = (struct model_slot){.name = ++m->last_name, .held = *held};
    return m->last_name;
}

static void end_entry(struct model *m, uint32_t person, uint64_t entry, struct model_end end)
{
    require(!m->people[person].ends[entry].is_done);
    end.is_done = true;
    m->people[person].ends[entry] = end;
}

static void succeed(struct model *m, uint32_t person, uint64_t entry)
{
    end_entry(m, person, entry, (struct model_end){0});
}

static void fail(struct model *m, uint32_t person, uint64_t entry, int32_t error)
{
    end_entry(m, person, entry, (struct model_end){.error = error});
}

/* Something comes to lie there that is not of the model. */
static void spoil(struct model *m, uint32_t person, uint64_t place)
{
    m->people[person].messages[place] = (struct model_message){.is_unknown = true};
}

static void refuse(struct model *m, uint32_t person, uint64_t entry, uint16_t exception)
{
    spoil(m, person, entry);
    end_entry(m, person, entry,
              (struct model_end){.error = CAP_ERR_EXCEPTION, .exception = exception});
}

/* Whether somebody has as many entries in flight as there can be. */
static bool is_busy(const struct model *m, uint32_t person)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < MODEL_CALLS; i++) {
        const struct model_call *c = &m->calls[i];
        n += c->state != MODEL_NO_CALL && c->caller == person && !c->caller_gone ? 1 : 0;
        n += c->state == MODEL_SERVED && c->server == person ? 1 : 0;
    }
    for (uint32_t i = 0; i < MODEL_RECEIVERS; i++) {
        n += m->receivers[i].is_armed && m->receivers[i].person == person ? 1 : 0;
    }
    return n == MODEL_RECORDS;
}

static bool is_same(const struct model_held *a, enum model_kind kind, uint32_t index)
{
    return a->kind == kind && a->index == index;
}

uint64_t model_holds(const struct model *m, enum model_kind kind, uint32_t index)
{
    uint64_t n = 0;

    for (uint32_t p = 0; p < MODEL_PEOPLE; p++) {
        for (uint32_t i = 0; i < m->people[p].used; i++) {
            n += is_same(&m->people[p].slots[i].held, kind, index) ? 1 : 0;
        }
    }
    for (uint32_t i = 0; i < MODEL_CALLS; i++) {
        const struct model_call *c = &m->calls[i];
        for (uint32_t k = 0; c->state == MODEL_QUEUED && k < c->count; k++) {
            bool own = c->items[k].moved == MODEL_NO_NAME;
            n += own && is_same(&c->items[k].held, kind, index) ? 1 : 0;
        }
    }
    return n;
}

/* Its owner facet; calls in its queue, receivers, and entries that serve one. */
uint64_t model_client_holds(const struct model *m, uint32_t endpoint)
{
    uint64_t n = model_holds(m, MODEL_CLIENT, endpoint);

    n += model_holds(m, MODEL_OWNER, endpoint) != 0 ? 1 : 0;

    for (uint32_t i = 0; i < MODEL_CALLS; i++) {
        n += m->calls[i].state != MODEL_NO_CALL && m->calls[i].endpoint == endpoint ? 1 : 0;
    }
    for (uint32_t i = 0; i < MODEL_RECEIVERS; i++) {
        n += m->receivers[i].is_armed && m->receivers[i].endpoint == endpoint ? 1 : 0;
    }
    return n;
}

uint64_t model_heap(const struct model *m, uint32_t person)
{
    uint64_t bytes = m->people[person].spent;

    for (uint32_t e = 0; e < m->endpoint_count; e++) {
        const struct model_endpoint *endpoint = &m->endpoints[e];
        bool pays = endpoint->maker == person && !endpoint->is_gone;
        bytes += pays ? m->prices.endpoint : 0;
    }
    for (uint32_t i = 0; i < MODEL_CALLS; i++) {
        const struct model_call *c = &m->calls[i];
        bool pays = c->state == MODEL_QUEUED && c->caller == person;
        bytes += pays ? m->prices.letter[c->count] : 0;
    }
    return bytes;
}

static bool can_pay(const struct model *m, uint32_t person, uint64_t price)
{
    return price <= m->people[person].heap - model_heap(m, person);
}

bool model_is_in_use(const struct model *m, uint32_t person, uint64_t entry)
{
    bool is_used = !m->people[person].ends[entry].is_done;

    for (uint32_t i = 0; i < MODEL_CALLS; i++) {
        const struct model_call *c = &m->calls[i];
        is_used = is_used || (c->state == MODEL_SERVED && c->server == person && c->place == entry);
    }
    for (uint32_t i = 0; i < MODEL_RECEIVERS; i++) {
        const struct model_receiver *r = &m->receivers[i];
        is_used = is_used || (r->is_armed && r->person == person && r->place == entry);
    }
    return is_used;
}

/* ---------------------------------------------------------------------------
 * What is sent along */

static void unlock(struct model *m, uint32_t person, const struct model_item items[],
                   uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct model_slot *slot = find(&m->people[person], items[i].moved);
        if (slot != NULL) {
            slot->is_moving = false;
        }
    }
}

/* False: it is refused. */
static bool prepare_one(struct model_person *p, const struct model_wanted *wanted,
                        struct model_item *item)
{
    struct model_slot *slot = find(p, wanted->name);

    if (slot == NULL) {
        return false;
    }
    *item = (struct model_item){.held = slot->held};
    switch (wanted->way) {
    case MODEL_COPY:
        return !slot->is_moving;
    case MODEL_MOVE:
        item->moved = slot->is_moving ? MODEL_NO_NAME : slot->name;
        slot->is_moving = true;
        return item->moved != MODEL_NO_NAME;
    case MODEL_MINT:
        item->held.kind = MODEL_CLIENT;
        item->held.interface_id = wanted->interface_id;
        item->held.badge = wanted->badge;
        return slot->held.kind == MODEL_OWNER;
    case MODEL_NO_WAY:
        break;
    }
    return false;
}

/* All or none. */
static bool prepare(struct model *m, uint32_t person, const struct model_letter *letter,
                    struct model_item items[])
{
    for (uint32_t i = 0; i < letter->count; i++) {
        if (!prepare_one(&m->people[person], &letter->wanted[i], &items[i])) {
            unlock(m, person, items, i);
            return false;
        }
    }
    return true;
}

/* A message arrives with all that it brings, and this entry is done. */
static void arrive(struct model *m, uint32_t from, const struct model_item items[], uint32_t to,
                   uint64_t entry, uint64_t place, struct model_message message)
{
    for (uint32_t i = 0; i < message.count; i++) {
        if (items[i].moved != MODEL_NO_NAME) {
            remove_slot(&m->people[from], items[i].moved);
        }
        message.names[i] = add_slot(m, to, &items[i].held);
    }
    m->people[to].messages[place] = message;
    end_entry(m, to, entry, (struct model_end){.arrival = message.arrival, .count = message.count});
}

/* ---------------------------------------------------------------------------
 * Who waits in an endpoint */

/* A call is over that was queued: what it brings stays where it was. */
static void unqueue(struct model *m, struct model_call *c)
{
    unlock(m, c->caller, c->items, c->count);
    c->state = MODEL_NO_CALL;
}

/* The oldest call. NULL: none. */
static struct model_call *first_call(struct model *m, uint32_t endpoint)
{
    struct model_call *first = NULL;

    for (uint32_t i = 0; i < MODEL_CALLS; i++) {
        struct model_call *c = &m->calls[i];
        bool waits = c->state == MODEL_QUEUED && c->endpoint == endpoint;
        first = waits && (first == NULL || c->order < first->order) ? c : first;
    }
    return first;
}

/* The receiver that came last. NULL: none. */
static struct model_receiver *first_receiver(struct model *m, uint32_t endpoint)
{
    struct model_receiver *first = NULL;

    for (uint32_t i = 0; i < MODEL_RECEIVERS; i++) {
        struct model_receiver *r = &m->receivers[i];
        bool waits = r->is_armed && r->endpoint == endpoint;
        first = waits && (first == NULL || r->order > first->order) ? r : first;
    }
    return first;
}

static void close_endpoint(struct model *m, uint32_t endpoint)
{
    struct model_call *c;
    struct model_receiver *r;

    m->endpoints[endpoint].is_closed = true;
    while ((c = first_call(m, endpoint)) != NULL) {
        unqueue(m, c);
        refuse(m, c->caller, c->entry, CAP_EXC_DISCONNECTED);
    }
    while ((r = first_receiver(m, endpoint)) != NULL) {
        r->is_armed = false;
        refuse(m, r->person, r->entry, CAP_EXC_DISCONNECTED);
    }
}

/* What waited in one may have brought the owner of another. */
void model_settle(struct model *m)
{
    bool any;

    do {
        any = false;
        for (uint32_t e = 0; e < m->endpoint_count; e++) {
            if (!m->endpoints[e].is_closed && model_holds(m, MODEL_OWNER, e) == 0) {
                close_endpoint(m, e);
                any = true;
            }
        }
    } while (any);
    for (uint32_t e = 0; e < m->endpoint_count; e++) {
        struct model_endpoint *endpoint = &m->endpoints[e];
        endpoint->is_gone = endpoint->is_gone || model_client_holds(m, e) == 0;
    }
}

/* ---------------------------------------------------------------------------
 * Calls */

/* A call reaches a receiver, or fails because that has no slots. */
static bool deliver(struct model *m, struct model_call *c, struct model_receiver *r)
{
    if (m->people[r->person].used + c->count > MODEL_SLOTS) {
        unqueue(m, c);
        refuse(m, c->caller, c->entry, CAP_EXC_OVERLOADED);
        return false;
    }
    arrive(m, c->caller, c->items, r->person, r->entry, r->place,
           (struct model_message){.arrival = MODEL_RECEIVED,
                                  .interface_id = c->interface_id,
                                  .badge = c->badge,
                                  .word = c->word,
                                  .count = c->count});
    r->is_armed = false;
    c->state = MODEL_SERVED;
    c->server = r->person;
    c->server_entry = r->entry;
    c->place = r->place;
    return true;
}

/* Until it is done it may be tried with messages that cannot be delivered. */
static void receive(struct model *m, uint32_t person, uint64_t entry, uint64_t place,
                    uint32_t endpoint)
{
    struct model_receiver *r = m->receivers;
    struct model_call *c;

    while (r->is_armed) {
        r++;
    }
    *r = (struct model_receiver){.is_armed = true,
                                 .person = person,
                                 .entry = entry,
                                 .place = place,
                                 .endpoint = endpoint,
                                 .order = ++m->order};
    spoil(m, person, place);
    while (r->is_armed && (c = first_call(m, endpoint)) != NULL) {
        (void)deliver(m, c, r);
    }
}

static void make(struct model *m, uint32_t person, uint64_t entry)
{
    struct model_item item = {.held = {.kind = MODEL_OWNER}};

    if (m->people[person].used == MODEL_SLOTS || !can_pay(m, person, m->prices.endpoint)) {
        refuse(m, person, entry, CAP_EXC_OVERLOADED);
        return;
    }
    item.held.index = model_endpoint(m, person);
    item.held.interface_id = m->owner_interface_id;
    arrive(m, person, &item, person, entry, entry,
           (struct model_message){.arrival = MODEL_MADE, .count = 1});
}

void model_call(struct model *m, uint32_t person, uint64_t entry, uint64_t target,
                uint64_t interface_id, const struct model_letter *letter)
{
    const struct model_slot *slot = find(&m->people[person], target);
    struct model_call *c = m->calls;

    while (c->state != MODEL_NO_CALL) {
        c++;
    }
    if (slot == NULL) {
        fail(m, person, entry, CAP_ERR_INVOKE_FAILED);
        return;
    }
    if (slot->held.kind == MODEL_FACTORY && slot->held.interface_id == interface_id) {
        make(m, person, entry);
        return;
    }
    if (slot->held.kind != MODEL_CLIENT) {
        fail(m, person, entry, CAP_ERR_WRONG_INTERFACE);
        return;
    }
    *c = (struct model_call){.caller = person,
                             .entry = entry,
                             .endpoint = slot->held.index,
                             .interface_id = interface_id,
                             .badge = slot->held.badge,
                             .word = letter->word,
                             .count = letter->count,
                             .order = ++m->order};
    if (m->endpoints[c->endpoint].is_closed) {
        refuse(m, person, entry, CAP_EXC_DISCONNECTED);
        return;
    }
    if (!prepare(m, person, letter, c->items)) {
        fail(m, person, entry, CAP_ERR_BAD_TRANSFER);
        return;
    }
    struct model_receiver *r = first_receiver(m, c->endpoint);
    if (is_busy(m, person) || (r == NULL && !can_pay(m, person, m->prices.letter[c->count]))) {
        unlock(m, person, c->items, c->count);
        refuse(m, person, entry, CAP_EXC_OVERLOADED);
        return;
    }
    c->state = MODEL_QUEUED;
    if (r != NULL) {
        (void)deliver(m, c, r); /* nobody waits before it */
    }
}

void model_recv(struct model *m, uint32_t person, uint64_t entry, uint64_t owner)
{
    const struct model_slot *slot = find(&m->people[person], owner);

    if (slot == NULL) {
        fail(m, person, entry, CAP_ERR_INVOKE_FAILED);
    } else if (slot->held.kind != MODEL_OWNER) {
        fail(m, person, entry, CAP_ERR_WRONG_INTERFACE);
    } else if (is_busy(m, person)) {
        refuse(m, person, entry, CAP_EXC_OVERLOADED);
    } else {
        receive(m, person, entry, entry, slot->held.index);
    }
}

struct model_call *model_served_by(struct model *m, uint32_t person, uint32_t n)
{
    struct model_call *found[MODEL_CALLS];
    uint32_t count = 0;

    for (uint32_t i = 0; i < MODEL_CALLS; i++) {
        if (m->calls[i].state == MODEL_SERVED && m->calls[i].server == person) {
            found[count++] = &m->calls[i];
        }
    }
    return count == 0 ? NULL : found[n % count];
}

void model_return(struct model *m, uint32_t person, uint64_t entry, bool again,
                  struct model_call *call, const struct model_letter *letter)
{
    struct model_item items[MODEL_ITEMS];
    uint32_t count = letter->count;

    if (call == NULL) {
        fail(m, person, entry, CAP_ERR_NOT_FOUND);
        return;
    }
    if (!prepare(m, person, letter, items)) {
        fail(m, person, entry, CAP_ERR_BAD_TRANSFER);
        return;
    }
    call->state = MODEL_NO_CALL;
    if (call->caller_gone || m->people[call->caller].used + count > MODEL_SLOTS) {
        unlock(m, person, items, count);
        fail(m, person, entry, CAP_ERR_NOT_DELIVERED);
        if (!call->caller_gone) {
            refuse(m, call->caller, call->entry, CAP_EXC_OVERLOADED);
        }
        return;
    }
    arrive(m, person, items, call->caller, call->entry, call->entry,
           (struct model_message){.arrival = MODEL_ANSWERED, .word = letter->word, .count = count});
    if (!again) {
        succeed(m, person, entry);
        return;
    }
    spoil(m, person, call->place);
    if (m->endpoints[call->endpoint].is_closed) {
        refuse(m, person, entry, CAP_EXC_DISCONNECTED);
    } else {
        receive(m, person, entry, call->place, call->endpoint);
    }
}

void model_cancel(struct model *m, uint32_t person, uint64_t entry, uint64_t target)
{
    if (target == 0 || target >= entry || m->people[person].ends[target].is_done) {
        fail(m, person, entry, CAP_ERR_NOT_FOUND);
        return;
    }
    for (uint32_t i = 0; i < MODEL_CALLS; i++) {
        struct model_call *c = &m->calls[i];
        if (c->state == MODEL_NO_CALL || c->caller_gone || c->caller != person ||
            c->entry != target) {
            continue;
        }
        if (c->state == MODEL_QUEUED) {
            unqueue(m, c);
        } else {
            c->caller_gone = true;
        }
    }
    for (uint32_t i = 0; i < MODEL_RECEIVERS; i++) {
        struct model_receiver *r = &m->receivers[i];
        r->is_armed = r->is_armed && (r->person != person || r->entry != target);
    }
    fail(m, person, target, CAP_ERR_CANCELED);
    succeed(m, person, entry);
}

/* ---------------------------------------------------------------------------
 * What is held */

void model_release(struct model *m, uint32_t person, uint64_t entry, uint64_t name)
{
    const struct model_slot *slot = find(&m->people[person], name);

    if (slot == NULL || slot->is_moving) {
        fail(m, person, entry, CAP_ERR_INVOKE_FAILED);
        return;
    }
    remove_slot(&m->people[person], name);
    succeed(m, person, entry);
}

uint64_t model_copy(struct model *m, uint32_t person, uint64_t entry, uint64_t name)
{
    const struct model_slot *slot = find(&m->people[person], name);

    if (slot == NULL) {
        fail(m, person, entry, CAP_ERR_INVOKE_FAILED);
        return MODEL_NO_NAME;
    }
    if (slot->is_moving) {
        fail(m, person, entry, CAP_ERR_BAD_TRANSFER);
        return MODEL_NO_NAME;
    }
    if (m->people[person].used == MODEL_SLOTS) {
        refuse(m, person, entry, CAP_EXC_OVERLOADED);
        return MODEL_NO_NAME;
    }
    succeed(m, person, entry);
    return add_slot(m, person, &slot->held);
}

uint64_t model_grant(struct model *m, uint32_t person, const struct model_held *held)
{
    return m->people[person].used == MODEL_SLOTS ? MODEL_NO_NAME : add_slot(m, person, held);
}

uint32_t model_endpoint(struct model *m, uint32_t maker)
{
    m->endpoints[m->endpoint_count] = (struct model_endpoint){.maker = maker};
    return m->endpoint_count++;
}

void model_spend(struct model *m, uint32_t person)
{
    struct model_person *p = &m->people[person];

    p->spent = p->spent == 0 ? p->heap - model_heap(m, person) : 0;
}

/* ---------------------------------------------------------------------------
 * Lives */

void model_start(struct model *m, uint32_t person, uint64_t heap)
{
    m->people[person] = (struct model_person){.lives = true, .heap = heap};
}

void model_die(struct model *m, uint32_t person)
{
    m->people[person].lives = false;
    m->people[person].used = 0;
    for (uint32_t e = 0; e < m->endpoint_count; e++) {
        struct model_endpoint *endpoint = &m->endpoints[e];
        endpoint->maker = endpoint->maker == person ? MODEL_NOBODY : endpoint->maker;
    }
    for (uint32_t i = 0; i < MODEL_CALLS; i++) {
        struct model_call *c = &m->calls[i];
        bool is_callers = c->state != MODEL_NO_CALL && c->caller == person;

        if (c->state == MODEL_SERVED && c->server == person) {
            if (!c->caller_gone && !is_callers) {
                refuse(m, c->caller, c->entry, CAP_EXC_DISCONNECTED);
            }
            c->state = MODEL_NO_CALL;
        } else if (c->state == MODEL_SERVED && is_callers) {
            c->caller_gone = true;
        } else if (is_callers) {
            c->state = MODEL_NO_CALL;
        }
    }
    for (uint32_t i = 0; i < MODEL_RECEIVERS; i++) {
        struct model_receiver *r = &m->receivers[i];
        r->is_armed = r->is_armed && r->person != person;
    }
}
