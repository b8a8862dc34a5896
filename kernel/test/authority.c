// SPDX-License-Identifier: MIT
#include "test/authority.h"

#include <abi/error.h>
#include <abi/limits.h>
#include <abi/ring.h>
#include <capos.capnp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cap/endpoint.h"
#include "cap/table.h"
#include "mem/paging.h"
#include "test/world.h"

#define ACTORS    AUTHORITY_ACTORS
#define TOKENS    2u
#define SLOTS     9u
#define SQ        4u
#define CQ        8u
#define RECORDS   (CQ - SQ)
#define ITEMS     2u
#define CALLS     (2u * ACTORS * RECORDS)
#define ENTRIES   (AUTHORITY_STEPS_MAX + 1u)
#define IDS       (ITEMS * AUTHORITY_STEPS_MAX * 2u)
#define INTERFACE 0x5ce7eull

/* Of each entry in flight, in the message area or in a page: what it sends along, its result. */
#define BUFFER_BYTES 256u
#define RESULT_AT    128u

/* ---------------------------------------------------------------------------
 * The model */

enum kind { TOKEN, OWNER, CLIENT, ANY };

struct held {
    enum kind kind;
    uint32_t index; /* of the token, or of the endpoint */
    uint64_t interface_id;
    uint64_t badge;
};

struct slot {
    uint64_t id;
    struct held held;
    bool moving;
};

/* What an entry came to. */
struct end {
    bool is_done;
    int32_t result;
    uint16_t exception; /* where the result says that there is one */
    uint16_t cap_count;
};

struct person {
    struct actor actor;
    bool lives;
    struct slot slots[SLOTS];
    uint32_t used;
    uint64_t ids[IDS]; /* all that ever were in its table */
    uint32_t id_count;
    struct end ends[ENTRIES];  /* by entry, from 1 */
    uint64_t buffers[ENTRIES]; /* where its message goes, and behind that its result */
};

struct item {
    struct held held;
    uint64_t moved; /* the sender's id; CAP_ID_NONE: copied or minted */
};

struct known_call {
    enum { NO_CALL, QUEUED, SERVED } state;
    uint32_t caller;
    uint64_t entry;
    bool caller_gone;
    uint32_t endpoint;
    uint64_t badge;
    struct item items[ITEMS];
    uint32_t count;
    uint64_t order;
    uint32_t server;
    uint64_t call_id;
    uint64_t buffer; /* the server's entry whose result it lies in */
};

struct receive {
    bool is_armed;
    uint32_t actor;
    uint64_t entry;
    uint64_t buffer; /* the entry whose result it is, of an AGAIN another */
    uint32_t endpoint;
    uint64_t order;
};

struct endpoint_model {
    struct cap_object *owner;
    struct cap_object *client;
    bool is_closed;
};

static struct {
    struct person people[ACTORS];
    struct token tokens[TOKENS];
    struct endpoint_model endpoints[AUTHORITY_STEPS_MAX];
    uint32_t endpoint_count;
    struct known_call calls[CALLS];
    struct receive receives[ACTORS * RECORDS];
    uint64_t order;
    uint64_t badge;
} m;

static char wrong[256];
static uint32_t step_now;

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition) && wrong[0] == '\0') {                                                    \
            snprintf(wrong, sizeof wrong, "step %u: %s:%d: not so: %s", step_now, __FILE__,        \
                     __LINE__, #condition);                                                        \
        }                                                                                          \
    } while (0)

static struct slot *find(struct person *p, uint64_t id)
{
    for (uint32_t i = 0; i < p->used; i++) {
        if (p->slots[i].id == id) {
            return &p->slots[i];
        }
    }
    return NULL;
}

static void remove_slot(struct person *p, uint64_t id)
{
    struct slot *slot = find(p, id);

    p->used--;
    *slot = p->slots[p->used];
}

/* An id that the kernel has given: it is a new one. */
static void add_slot(struct person *p, uint64_t id, const struct held *held)
{
    REQUIRE(p->used < SLOTS && p->id_count < IDS);
    if (wrong[0] != '\0') {
        return;
    }
    for (uint32_t i = 0; i < p->id_count; i++) {
        REQUIRE(p->ids[i] != id);
    }
    p->ids[p->id_count++] = id;
    p->slots[p->used++] = (struct slot){.id = id, .held = *held};
}

static void end_entry(uint32_t actor, uint64_t entry, int32_t result, uint16_t exception,
                      uint32_t cap_count)
{
    REQUIRE(!m.people[actor].ends[entry].is_done);
    m.people[actor].ends[entry] = (struct end){.is_done = true,
                                               .result = result,
                                               .exception = exception,
                                               .cap_count = (uint16_t)cap_count};
}

static void refuse(uint32_t actor, uint64_t entry, uint16_t exception)
{
    end_entry(actor, entry, CAP_ERR_EXCEPTION, exception, 0);
}

/* Entries of an actor's that have a record. */
static uint32_t records_used(uint32_t actor)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < CALLS; i++) {
        const struct known_call *c = &m.calls[i];
        n += c->state != NO_CALL && c->caller == actor && !c->caller_gone ? 1 : 0;
        n += c->state == SERVED && c->server == actor ? 1 : 0;
    }
    for (uint32_t i = 0; i < ACTORS * RECORDS; i++) {
        n += m.receives[i].is_armed && m.receives[i].actor == actor ? 1 : 0;
    }
    return n;
}

static bool is_same(const struct held *a, enum kind kind, uint32_t index)
{
    return a->kind == kind && a->index == index;
}

/* Slots, and copies on their way, that hold this object. */
static uint64_t holds_of(enum kind kind, uint32_t index)
{
    uint64_t n = 0;

    for (uint32_t a = 0; a < ACTORS; a++) {
        for (uint32_t i = 0; i < m.people[a].used; i++) {
            n += is_same(&m.people[a].slots[i].held, kind, index) ? 1 : 0;
        }
    }
    for (uint32_t i = 0; i < CALLS; i++) {
        const struct known_call *c = &m.calls[i];
        for (uint32_t k = 0; c->state == QUEUED && k < c->count; k++) {
            bool own = c->items[k].moved == CAP_ID_NONE;
            n += own && is_same(&c->items[k].held, kind, index) ? 1 : 0;
        }
    }
    return n;
}

/* Entries that keep an endpoint: calls in its queue, receivers, and those that serve one. */
static uint64_t records_of(uint32_t endpoint)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < CALLS; i++) {
        n += m.calls[i].state != NO_CALL && m.calls[i].endpoint == endpoint ? 1 : 0;
    }
    for (uint32_t i = 0; i < ACTORS * RECORDS; i++) {
        n += m.receives[i].is_armed && m.receives[i].endpoint == endpoint ? 1 : 0;
    }
    return n;
}

static void unlock(uint32_t actor, const struct item items[], uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct slot *slot = find(&m.people[actor], items[i].moved);
        if (slot != NULL) {
            slot->moving = false;
        }
    }
}

/* A call is over that was queued: what it brings stays where it was. */
static void unqueue(struct known_call *c)
{
    unlock(c->caller, c->items, c->count);
    c->state = NO_CALL;
}

/* The oldest call that waits in an endpoint, or the receiver that came last; NULL: none. */
static struct known_call *first_call(uint32_t endpoint)
{
    struct known_call *first = NULL;

    for (uint32_t i = 0; i < CALLS; i++) {
        struct known_call *c = &m.calls[i];
        bool waits = c->state == QUEUED && c->endpoint == endpoint;
        first = waits && (first == NULL || c->order < first->order) ? c : first;
    }
    return first;
}

static struct receive *first_receive(uint32_t endpoint)
{
    struct receive *first = NULL;

    for (uint32_t i = 0; i < ACTORS * RECORDS; i++) {
        struct receive *r = &m.receives[i];
        bool waits = r->is_armed && r->endpoint == endpoint;
        first = waits && (first == NULL || r->order > first->order) ? r : first;
    }
    return first;
}

/* Ends what waits in endpoints that nobody owns any more; which may have brought others' owners. */
static void close_endpoints(void)
{
    bool any;

    do {
        any = false;
        for (uint32_t e = 0; e < m.endpoint_count; e++) {
            struct known_call *c;
            struct receive *r;

            if (m.endpoints[e].is_closed || holds_of(OWNER, e) != 0) {
                continue;
            }
            any = true;
            m.endpoints[e].is_closed = true;
            while ((c = first_call(e)) != NULL) {
                unqueue(c);
                refuse(c->caller, c->entry, CAP_EXC_DISCONNECTED);
            }
            while ((r = first_receive(e)) != NULL) {
                r->is_armed = false;
                refuse(r->actor, r->entry, CAP_EXC_DISCONNECTED);
            }
        }
    } while (any);
}

/* ---------------------------------------------------------------------------
 * Buffers, and what is sent along */

/* Whether a buffer is some entry's that has not completed, or will be used by an AGAIN. */
static bool is_buffer_used(uint32_t actor, uint64_t buffer)
{
    const struct person *p = &m.people[actor];
    bool is_used = false;

    for (uint64_t e = 1; e <= p->actor.entry_count; e++) {
        is_used = is_used || (!p->ends[e].is_done && p->buffers[e] == buffer);
    }
    for (uint32_t i = 0; i < CALLS; i++) {
        const struct known_call *c = &m.calls[i];
        is_used = is_used ||
                  (c->state == SERVED && c->server == actor && p->buffers[c->buffer] == buffer);
    }
    for (uint32_t i = 0; i < ACTORS * RECORDS; i++) {
        const struct receive *r = &m.receives[i];
        is_used = is_used || (r->is_armed && r->actor == actor && p->buffers[r->buffer] == buffer);
    }
    return is_used;
}

/* Finds a buffer for the next entry, which is in the message area or far from it. */
static uint64_t begin_entry(uint32_t actor, bool far)
{
    struct person *p = &m.people[actor];
    uint64_t buffer = far ? actor_page(0) : p->actor.p->area_vaddr;

    while (is_buffer_used(actor, buffer)) {
        buffer += BUFFER_BYTES;
    }
    p->buffers[p->actor.entry_count + 1] = buffer;
    return p->actor.entry_count + 1;
}

static const void *result_of(struct person *p, uint64_t entry)
{
    return actor_memory(&p->actor, p->buffers[entry] + RESULT_AT);
}

struct wanted {
    enum authority_way way;
    uint64_t id;
};

/* The n-th, counted round, of its slots that have this kind; if there is none, of all. */
static uint64_t slot_of(const struct person *p, enum kind kind, uint32_t n)
{
    uint64_t ids[SLOTS];
    uint32_t count = 0;

    for (uint32_t i = 0; i < p->used; i++) {
        if (p->slots[i].held.kind == kind) {
            ids[count++] = p->slots[i].id;
        }
    }
    if (count != 0) {
        return ids[n % count];
    }
    return p->used == 0 ? CAP_ID_NONE : p->slots[n % p->used].id;
}

static uint64_t id_of(uint32_t actor, enum kind kind, uint8_t code)
{
    uint32_t which = code / AUTHORITY_WAYS % AUTHORITY_IDS;
    uint32_t n = code / (AUTHORITY_WAYS * AUTHORITY_IDS);
    uint64_t id =
        slot_of(&m.people[which == AUTHORITY_OTHERS ? (actor + 1) % ACTORS : actor], kind, n);

    switch (which) {
    case AUTHORITY_EARLIER:
        return id - (1ull << CAP_ID_INDEX_BITS);
    case AUTHORITY_LATER:
        return id + (1ull << CAP_ID_INDEX_BITS);
    default:
        return id;
    }
}

/* What is minted from is an owner facet, and the rest may be anything. */
static struct wanted wanted_of(uint32_t actor, uint8_t code)
{
    enum authority_way way = code % AUTHORITY_WAYS;

    return (struct wanted){.way = way,
                           .id = id_of(actor, way == AUTHORITY_MINT ? OWNER : ANY, code)};
}

/* Writes the descriptors where the next entry has its message, which is empty. */
static uint8_t write_wanted(struct person *p, const struct wanted wanted[], uint32_t count)
{
    static const uint8_t modes[AUTHORITY_WAYS] = {[AUTHORITY_COPY] = CAP_TRANSFER_COPY,
                                                  [AUTHORITY_MOVE] = CAP_TRANSFER_MOVE,
                                                  [AUTHORITY_MINT] = CAP_TRANSFER_MINT,
                                                  [AUTHORITY_NO_WAY] = 77};
    struct cap_transfer *d = actor_memory(&p->actor, p->buffers[p->actor.entry_count + 1]);
    uint8_t n = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (wanted[i].way == AUTHORITY_NONE) {
            continue;
        }
        bool mints = wanted[i].way == AUTHORITY_MINT;
        d[n++] = (struct cap_transfer){.cap_id = wanted[i].id,
                                       .mode = modes[wanted[i].way],
                                       .badge = mints ? m.badge + i : 0,
                                       .interface_id = mints ? INTERFACE : 0};
    }
    return n;
}

/* One of those, in the model. False: it is refused. */
static bool prepare_one(struct person *p, const struct wanted *wanted, uint64_t badge,
                        struct item *item)
{
    struct slot *slot = find(p, wanted->id);

    if (slot == NULL) {
        return false;
    }
    *item = (struct item){.held = slot->held, .moved = CAP_ID_NONE};
    switch (wanted->way) {
    case AUTHORITY_COPY:
        return !slot->moving;
    case AUTHORITY_MOVE:
        item->moved = slot->moving ? CAP_ID_NONE : slot->id;
        slot->moving = true;
        return item->moved != CAP_ID_NONE;
    case AUTHORITY_MINT:
        item->held.kind = CLIENT;
        item->held.interface_id = INTERFACE;
        item->held.badge = badge;
        return slot->held.kind == OWNER;
    default:
        return false;
    }
}

/* All or none. */
static bool prepare(uint32_t actor, const struct wanted wanted[], uint32_t count,
                    struct item items[ITEMS], uint32_t *n)
{
    *n = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (wanted[i].way == AUTHORITY_NONE) {
            continue;
        }
        if (!prepare_one(&m.people[actor], &wanted[i], m.badge + i, &items[*n])) {
            unlock(actor, items, *n);
            return false;
        }
        ++*n;
    }
    return true;
}

/* Everything arrives, under the ids that the kernel has written down. */
static void arrive(uint32_t from, uint32_t to, const struct item items[], uint32_t count,
                   const struct cap_record records[])
{
    for (uint32_t i = 0; i < count; i++) {
        if (items[i].moved != CAP_ID_NONE) {
            remove_slot(&m.people[from], items[i].moved);
        }
        REQUIRE(records[i].interface_id == items[i].held.interface_id);
        add_slot(&m.people[to], records[i].cap_id, &items[i].held);
    }
}

/* ---------------------------------------------------------------------------
 * Calls */

/* A call reaches a receiver, or fails because that has no slots. */
static bool deliver(struct known_call *c, struct receive *r)
{
    struct person *to = &m.people[r->actor];

    if (to->used + c->count > SLOTS) {
        unqueue(c);
        refuse(c->caller, c->entry, CAP_EXC_OVERLOADED);
        return false;
    }
    const struct cap_cqe *cqe = actor_done(&to->actor, r->entry);
    REQUIRE(cqe != NULL);
    if (cqe == NULL) {
        return false;
    }
    const struct cap_message_header *header = result_of(to, r->buffer);
    REQUIRE(header->badge == c->badge && header->interface_id == INTERFACE &&
            header->cap_count == c->count);
    arrive(c->caller, r->actor, c->items, c->count,
           (const struct cap_record *)(const void *)(header + 1));
    end_entry(r->actor, r->entry, sizeof *header, 0, c->count);
    r->is_armed = false;
    c->state = SERVED;
    c->server = r->actor;
    c->call_id = cqe->detail;
    c->buffer = r->buffer;
    return true;
}

static void receive(struct receive *r)
{
    struct known_call *c;

    while ((c = first_call(r->endpoint)) != NULL) {
        if (deliver(c, r) || wrong[0] != '\0') {
            return;
        }
    }
}

static struct receive *new_receive(uint32_t actor, uint64_t entry, uint64_t buffer,
                                   uint32_t endpoint)
{
    struct receive *r = m.receives;

    while (r->is_armed) {
        r++;
    }
    *r = (struct receive){.is_armed = true,
                          .actor = actor,
                          .entry = entry,
                          .buffer = buffer,
                          .endpoint = endpoint,
                          .order = ++m.order};
    return r;
}

static void model_call(uint32_t actor, uint64_t entry, uint64_t target,
                       const struct wanted wanted[], uint32_t count)
{
    const struct slot *slot = find(&m.people[actor], target);
    struct known_call *c = m.calls;

    while (c->state != NO_CALL) {
        c++;
    }
    if (slot == NULL) {
        end_entry(actor, entry, CAP_ERR_INVOKE_FAILED, 0, 0);
        return;
    }
    if (slot->held.kind != CLIENT) {
        end_entry(actor, entry, CAP_ERR_WRONG_INTERFACE, 0, 0);
        return;
    }
    *c = (struct known_call){.caller = actor,
                             .entry = entry,
                             .endpoint = slot->held.index,
                             .badge = slot->held.badge,
                             .order = ++m.order};
    if (m.endpoints[c->endpoint].is_closed) {
        refuse(actor, entry, CAP_EXC_DISCONNECTED);
        return;
    }
    bool is_full = records_used(actor) == RECORDS;
    if (!prepare(actor, wanted, count, c->items, &c->count)) {
        end_entry(actor, entry, CAP_ERR_BAD_TRANSFER, 0, 0);
        return;
    }
    if (is_full) {
        unlock(actor, c->items, c->count);
        refuse(actor, entry, CAP_EXC_OVERLOADED);
        return;
    }
    struct receive *r = first_receive(c->endpoint);
    c->state = QUEUED;
    if (r != NULL) {
        (void)deliver(c, r); /* nobody waits before it */
    }
}

static void do_call(uint32_t actor, bool far, uint64_t target, const struct wanted wanted[],
                    uint32_t count)
{
    struct person *p = &m.people[actor];
    uint64_t entry = begin_entry(actor, far);
    uint8_t n = write_wanted(p, wanted, count);
    (void)actor_do(&p->actor, (struct cap_sqe){.opcode = CAP_OP_CALL,
                                               .cap_count = n,
                                               .cap_id = target,
                                               .interface_id = INTERFACE,
                                               .params_addr = p->buffers[entry],
                                               .result_addr = p->buffers[entry] + RESULT_AT,
                                               .result_len = BUFFER_BYTES - RESULT_AT,
                                               .cap_room = ITEMS});
    world_settle();
    for (uint32_t a = 0; a < ACTORS; a++) {
        actor_take(&m.people[a].actor);
    }
    model_call(actor, entry, target, wanted, count);
}

static void do_recv(uint32_t actor, bool far, uint64_t owner)
{
    struct person *p = &m.people[actor];
    uint64_t entry = begin_entry(actor, far);
    (void)actor_do(&p->actor, (struct cap_sqe){.opcode = CAP_OP_RECV,
                                               .cap_id = owner,
                                               .result_addr = p->buffers[entry] + RESULT_AT,
                                               .result_len = BUFFER_BYTES - RESULT_AT,
                                               .cap_room = ITEMS});
    world_settle();
    const struct slot *slot = find(p, owner);
    if (slot == NULL) {
        end_entry(actor, entry, CAP_ERR_INVOKE_FAILED, 0, 0);
    } else if (slot->held.kind != OWNER) {
        end_entry(actor, entry, CAP_ERR_WRONG_INTERFACE, 0, 0);
    } else if (records_used(actor) == RECORDS) {
        refuse(actor, entry, CAP_EXC_OVERLOADED);
    } else {
        receive(new_receive(actor, entry, entry, slot->held.index));
    }
}

/* The n-th, counted round, of the calls that an actor serves. NULL: it serves none. */
static struct known_call *served_by(uint32_t actor, uint32_t n)
{
    struct known_call *found[CALLS];
    uint32_t count = 0;

    for (uint32_t i = 0; i < CALLS; i++) {
        if (m.calls[i].state == SERVED && m.calls[i].server == actor) {
            found[count++] = &m.calls[i];
        }
    }
    return count == 0 ? NULL : found[n % count];
}

static void model_return(uint32_t actor, uint64_t entry, bool again, struct known_call *c,
                         const struct wanted wanted[], uint32_t count)
{
    struct item items[ITEMS];
    uint32_t n;

    if (c == NULL) {
        end_entry(actor, entry, CAP_ERR_NOT_FOUND, 0, 0);
        return;
    }
    if (!prepare(actor, wanted, count, items, &n)) {
        end_entry(actor, entry, CAP_ERR_BAD_TRANSFER, 0, 0);
        return;
    }
    struct person *caller = &m.people[c->caller];
    c->state = NO_CALL;
    if (c->caller_gone || caller->used + n > SLOTS) {
        unlock(actor, items, n);
        end_entry(actor, entry, CAP_ERR_NOT_DELIVERED, 0, 0);
        if (!c->caller_gone) {
            refuse(c->caller, c->entry, CAP_EXC_OVERLOADED);
        }
        return;
    }
    arrive(actor, c->caller, items, n, result_of(caller, c->entry));
    end_entry(c->caller, c->entry, 0, 0, n);
    if (!again) {
        end_entry(actor, entry, 0, 0, 0);
        return;
    }
    if (m.endpoints[c->endpoint].is_closed) {
        refuse(actor, entry, CAP_EXC_DISCONNECTED);
        return;
    }
    receive(new_receive(actor, entry, c->buffer, c->endpoint));
}

static void do_return(uint32_t actor, bool far, bool again, uint32_t which,
                      const struct wanted wanted[], uint32_t count)
{
    struct person *p = &m.people[actor];
    struct known_call *c = served_by(actor, which);
    uint64_t entry = begin_entry(actor, far);
    uint8_t n = write_wanted(p, wanted, count);
    (void)actor_do(&p->actor, (struct cap_sqe){.opcode = CAP_OP_RETURN,
                                               .flags = again ? CAP_SQE_F_AGAIN : 0,
                                               .cap_count = n,
                                               .interface_id = c != NULL ? c->call_id : which,
                                               .params_addr = p->buffers[entry]});
    world_settle();
    model_return(actor, entry, again, c, wanted, count);
}

static void do_release(uint32_t actor, uint64_t id)
{
    struct person *p = &m.people[actor];
    uint64_t entry = p->actor.entry_count + 1;

    (void)actor_do(&p->actor, (struct cap_sqe){.opcode = CAP_OP_RELEASE, .cap_id = id});
    world_settle();
    const struct slot *slot = find(p, id);
    if (slot == NULL || slot->moving) {
        end_entry(actor, entry, CAP_ERR_INVOKE_FAILED, 0, 0);
        return;
    }
    remove_slot(p, id);
    end_entry(actor, entry, 0, 0, 0);
}

static void do_copy(uint32_t actor, uint64_t id)
{
    struct person *p = &m.people[actor];
    uint64_t entry = p->actor.entry_count + 1;

    const struct cap_cqe *cqe =
        actor_do(&p->actor, (struct cap_sqe){.opcode = CAP_OP_COPY, .cap_id = id});
    world_settle();
    const struct slot *slot = find(p, id);
    if (slot == NULL) {
        end_entry(actor, entry, CAP_ERR_INVOKE_FAILED, 0, 0);
    } else if (slot->moving) {
        end_entry(actor, entry, CAP_ERR_BAD_TRANSFER, 0, 0);
    } else if (p->used == SLOTS) {
        refuse(actor, entry, CAP_EXC_OVERLOADED);
    } else {
        REQUIRE(cqe != NULL);
        add_slot(p, cqe != NULL ? cqe->detail : CAP_ID_NONE, &slot->held);
        end_entry(actor, entry, 0, 0, 0);
    }
}

static void model_cancel(uint32_t actor, uint64_t entry, uint64_t target)
{
    for (uint32_t i = 0; i < CALLS; i++) {
        struct known_call *c = &m.calls[i];
        if (c->state == NO_CALL || c->caller_gone || c->caller != actor || c->entry != target) {
            continue;
        }
        if (c->state == QUEUED) {
            unqueue(c);
        } else {
            c->caller_gone = true;
        }
    }
    for (uint32_t i = 0; i < ACTORS * RECORDS; i++) {
        struct receive *r = &m.receives[i];
        r->is_armed = r->is_armed && (r->actor != actor || r->entry != target);
    }
    end_entry(actor, target, CAP_ERR_CANCELED, 0, 0);
    end_entry(actor, entry, 0, 0, 0);
}

/* Gives up the n-th, counted round, of those in flight. */
static void do_cancel(uint32_t actor, uint32_t n)
{
    struct person *p = &m.people[actor];
    uint64_t entry = p->actor.entry_count + 1;
    uint64_t pending[ENTRIES];
    uint32_t count = 0;

    for (uint64_t e = 1; e < entry; e++) {
        if (!p->ends[e].is_done) {
            pending[count++] = e;
        }
    }
    uint64_t target = count == 0 ? n : pending[n % count];
    (void)actor_do(&p->actor, (struct cap_sqe){.opcode = CAP_OP_CANCEL, .params_addr = target});
    world_settle();
    if (count == 0) {
        end_entry(actor, entry, CAP_ERR_NOT_FOUND, 0, 0);
    } else {
        model_cancel(actor, entry, target);
    }
}

/* ---------------------------------------------------------------------------
 * Lives */

static void grant(uint32_t actor, struct cap_object *object, enum kind kind, uint32_t index)
{
    struct person *p = &m.people[actor];
    struct held held = {.kind = kind, .index = index, .interface_id = object->type->interface_id};
    uint64_t id = actor_grant(&p->actor, object);

    REQUIRE((id == CAP_ID_NONE) == (p->used == SLOTS));
    if (id != CAP_ID_NONE) {
        add_slot(p, id, &held);
    }
}

static void do_start(uint32_t actor)
{
    static const struct actor_params params = {.slots = SLOTS, .sq_entries = SQ, .cq_entries = CQ};
    struct person *p = &m.people[actor];
    struct endpoint_model *e = &m.endpoints[m.endpoint_count];

    *p = (struct person){.lives = true};
    if (!actor_start(&p->actor, &params) ||
        endpoint_create(&p->actor.p->account, &e->owner, &e->client) != ST_OK) {
        abort();
    }
    actor_map(&p->actor, 0, PAGE_WRITE);
    uint32_t index = m.endpoint_count++;
    grant(actor, e->owner, OWNER, index);
    for (uint32_t a = 0; a < ACTORS; a++) {
        if (m.people[a].lives) {
            grant(a, e->client, CLIENT, index);
        }
    }
    grant(actor, &m.tokens[index % TOKENS].object, TOKEN, index % TOKENS);
    cap_drop(e->owner);
    cap_drop(e->client);
}

static void do_die(uint32_t actor)
{
    struct person *p = &m.people[actor];

    actor_kill(&p->actor);
    world_settle();
    actor_forget(&p->actor);
    p->lives = false;
    p->used = 0;
    for (uint32_t i = 0; i < CALLS; i++) {
        struct known_call *c = &m.calls[i];
        bool is_callers = c->state != NO_CALL && c->caller == actor;

        if (c->state == SERVED && c->server == actor) {
            if (!c->caller_gone && !is_callers) {
                refuse(c->caller, c->entry, CAP_EXC_DISCONNECTED);
            }
            c->state = NO_CALL;
        } else if (c->state == SERVED && is_callers) {
            c->caller_gone = true;
        } else if (is_callers) {
            c->state = NO_CALL;
        }
    }
    for (uint32_t i = 0; i < ACTORS * RECORDS; i++) {
        m.receives[i].is_armed = m.receives[i].is_armed && m.receives[i].actor != actor;
    }
}

/* ---------------------------------------------------------------------------
 * Side by side */

static const struct cap_object *object_of(const struct held *held)
{
    switch (held->kind) {
    case TOKEN:
        return &m.tokens[held->index].object;
    case OWNER:
        return m.endpoints[held->index].owner;
    case CLIENT:
        return m.endpoints[held->index].client;
    case ANY:
        break;
    }
    return NULL;
}

/* A2 and A3: the table has what the model has, and nothing else. */
static void compare_table(struct person *p)
{
    const struct cap_table *table = &p->actor.p->caps;
    const struct cap_slot *slot;
    uint32_t cursor = 0;
    uint32_t count = 0;

    while ((slot = cap_table_next(table, &cursor)) != NULL) {
        const struct slot *expected = find(p, slot->id);

        REQUIRE(expected != NULL);
        if (expected == NULL) {
            return;
        }
        uint8_t flags = CAP_SLOT_F_TRANSFERABLE | (expected->moving ? CAP_SLOT_F_MOVING : 0);
        REQUIRE(slot->object == object_of(&expected->held));
        REQUIRE(slot->interface_id == expected->held.interface_id);
        REQUIRE(slot->badge == expected->held.badge);
        REQUIRE(cap_table_flags(table, slot) == flags);
        count++;
    }
    REQUIRE(count == p->used);
}

static void compare_entries(const struct person *p)
{
    for (uint64_t e = 1; e <= p->actor.entry_count; e++) {
        const struct end *end = &p->ends[e];
        const struct entry *entry = &p->actor.entries[e];

        REQUIRE(entry->completions == (end->is_done ? 1 : 0));
        if (!end->is_done || wrong[0] != '\0') {
            continue;
        }
        REQUIRE(entry->cqe.result == end->result);
        REQUIRE(entry->cqe.cap_count == end->cap_count);
        REQUIRE((entry->cqe.flags & CAP_CQE_F_EXC_MASK) == end->exception);
    }
}

/* A1: nothing else holds an object. One that nobody holds is not there any more. */
static void compare_holds(void)
{
    for (uint32_t i = 0; i < TOKENS; i++) {
        REQUIRE(m.tokens[i].object.holds == 1 + holds_of(TOKEN, i));
    }
    for (uint32_t e = 0; e < m.endpoint_count; e++) {
        const struct endpoint_model *endpoint = &m.endpoints[e];
        uint64_t owners = holds_of(OWNER, e);
        uint64_t clients = holds_of(CLIENT, e) + records_of(e) + (owners != 0 ? 1 : 0);

        REQUIRE(owners == 0 || endpoint->owner->holds == owners);
        REQUIRE(clients == 0 || endpoint->client->holds == clients);
    }
}

static void compare(void)
{
    const char *unsound = world_check();

    if (unsound != NULL && wrong[0] == '\0') {
        snprintf(wrong, sizeof wrong, "step %u: %.200s", step_now, unsound);
    }
    for (uint32_t a = 0; a < ACTORS; a++) {
        if (m.people[a].lives) {
            actor_take(&m.people[a].actor);
            compare_table(&m.people[a]);
            compare_entries(&m.people[a]);
        }
    }
    compare_holds();
}

static void do_two(uint32_t actor, bool far, bool again, uint32_t which,
                   const struct wanted wanted[])
{
    if (which % 2 != 0) {
        do_return(actor, far, again, which / 2, wanted, 2);
    } else {
        do_call(actor, far, slot_of(&m.people[actor], CLIENT, which / 2), wanted, 2);
    }
}

static void step(const uint8_t code[4])
{
    uint32_t actor = code[1] % ACTORS;
    bool again = code[1] / AUTHORITY_AGAIN % 2 != 0;
    bool far = code[1] / AUTHORITY_FAR % 2 != 0;
    struct wanted wanted[2] = {wanted_of(actor, code[2]), wanted_of(actor, code[3])};
    enum authority_op op = code[0] % AUTHORITY_OPS;

    if ((op == AUTHORITY_START) == m.people[actor].lives) {
        return; /* who is there is not started, and who is not does nothing */
    }
    m.badge += 2;
    switch (op) {
    case AUTHORITY_START:
        do_start(actor);
        break;
    case AUTHORITY_DIE:
        do_die(actor);
        break;
    case AUTHORITY_CALL:
        do_call(actor, far, id_of(actor, CLIENT, code[2]), &wanted[1], 1);
        break;
    case AUTHORITY_RECV:
        do_recv(actor, far, id_of(actor, OWNER, code[2]));
        break;
    case AUTHORITY_RETURN:
        do_return(actor, far, again, code[2], &wanted[1], 1);
        break;
    case AUTHORITY_RELEASE:
        do_release(actor, id_of(actor, ANY, code[2]));
        break;
    case AUTHORITY_COPY_IT:
        do_copy(actor, id_of(actor, ANY, code[2]));
        break;
    case AUTHORITY_CANCEL:
        do_cancel(actor, code[2]);
        break;
    case AUTHORITY_TWO:
    case AUTHORITY_OPS:
        do_two(actor, far, again, code[1] / AUTHORITY_ANSWER, wanted);
        break;
    }
    close_endpoints();
    compare();
}

static void end_all(void)
{
    for (uint32_t a = 0; a < ACTORS; a++) {
        if (m.people[a].lives) {
            do_die(a);
            close_endpoints();
            compare();
        }
    }
    REQUIRE(world_leftover() == NULL);
}

const char *authority_play(const uint8_t *program, size_t bytes)
{
    world_start();
    memset(&m, 0, sizeof m);
    wrong[0] = '\0';
    for (uint32_t i = 0; i < TOKENS; i++) {
        token_init(&m.tokens[i], "token");
    }
    world_remember();
    for (step_now = 0; step_now < AUTHORITY_STEPS_MAX && 4u * step_now + 4 <= bytes; step_now++) {
        step(&program[4u * step_now]);
        if (wrong[0] != '\0') {
            return wrong;
        }
    }
    end_all();
    return wrong[0] == '\0' ? NULL : wrong;
}
