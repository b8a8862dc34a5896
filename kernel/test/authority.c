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
#include "mem/heap.h"
#include "mem/paging.h"
#include "test/authority_model.h"
#include "test/world.h"

#define ACTORS    AUTHORITY_ACTORS
#define SQ        4u
#define CQ        (SQ + MODEL_RECORDS)
#define NAMES     (5u * AUTHORITY_STEPS_MAX + 1u) /* a process that starts gives most */
#define INTERFACE 0x5ce7eull

_Static_assert(ACTORS == MODEL_PEOPLE && AUTHORITY_STEPS_MAX <= MODEL_OPERATIONS,
               "the model has room for all");

/* Of each entry in flight, in the message area or in a page: what it sends, and its result. */
#define BUFFER_BYTES 256u
#define RESULT_AT    128u
#define RESULT_BYTES (BUFFER_BYTES - RESULT_AT)
#define BUFFERS_NEAR (4096u / BUFFER_BYTES)
#define BUFFERS      (2u * BUFFERS_NEAR)

/* The kernel's side of an endpoint of the model's. */
struct facets {
    struct cap_object *owner;
    struct cap_object *client;
};

static struct model m;
static struct actor actors[ACTORS];
static uint64_t users[ACTORS][BUFFERS]; /* the last entry that has had this buffer; 0: none */
static uint64_t ids[NAMES];             /* by name; CAP_ID_NONE: not seen yet */
static uint32_t holders[NAMES];         /* in whose table it is, or was */
static struct facets endpoints[AUTHORITY_STEPS_MAX];
static struct charge spent[ACTORS];
static uint64_t own_heap[ACTORS]; /* what a process takes itself */
static struct token tokens[MODEL_TOKENS];
static uint64_t badge; /* the last one, and the last word sent */
static uint64_t word;

static char wrong[256];
static uint32_t step_now;

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition) && wrong[0] == '\0') {                                                    \
            snprintf(wrong, sizeof wrong, "step %u: %s:%d: not so: %s", step_now, __FILE__,        \
                     __LINE__, #condition);                                                        \
        }                                                                                          \
    } while (0)

/* ---------------------------------------------------------------------------
 * Names and ids */

/* An id that the kernel has given: it is a new one in that table. */
static void bind(uint32_t actor, uint64_t name, uint64_t id)
{
    REQUIRE(id != CAP_ID_NONE);
    for (uint64_t other = 1; other <= m.last_name; other++) {
        REQUIRE(holders[other] != actor || ids[other] != id);
    }
    ids[name] = id;
    holders[name] = actor;
}

/* The model's slot of this id. NULL: there is none. */
static const struct model_slot *find(uint32_t actor, uint64_t id)
{
    const struct model_person *p = &m.people[actor];

    for (uint32_t i = 0; i < p->used; i++) {
        if (ids[p->slots[i].name] == id) {
            return &p->slots[i];
        }
    }
    return NULL;
}

static uint64_t name_of(uint32_t actor, uint64_t id)
{
    const struct model_slot *slot = find(actor, id);

    return slot != NULL ? slot->name : MODEL_NO_NAME;
}

/* The n-th, counted round, of its slots that have this kind; if there is none, of all. */
static uint64_t slot_of(uint32_t actor, enum model_kind kind, uint32_t n)
{
    const struct model_person *p = &m.people[actor];
    uint64_t names[MODEL_SLOTS];
    uint32_t count = 0;

    for (uint32_t i = 0; i < p->used; i++) {
        if (p->slots[i].held.kind == kind) {
            names[count++] = p->slots[i].name;
        }
    }
    if (count != 0) {
        return ids[names[n % count]];
    }
    return p->used == 0 ? CAP_ID_NONE : ids[p->slots[n % p->used].name];
}

static uint64_t id_of(uint32_t actor, enum model_kind kind, uint8_t code)
{
    uint32_t which = code / AUTHORITY_WAYS % AUTHORITY_IDS;
    uint32_t n = code / (AUTHORITY_WAYS * AUTHORITY_IDS);
    uint64_t id = slot_of(which == AUTHORITY_OTHERS ? (actor + 1) % ACTORS : actor, kind, n);

    switch (which) {
    case AUTHORITY_EARLIER:
        return id - (1ull << CAP_ID_INDEX_BITS);
    case AUTHORITY_LATER:
        return id + (1ull << CAP_ID_INDEX_BITS);
    default:
        return id;
    }
}

/* ---------------------------------------------------------------------------
 * Messages */

/* What is sent: as it lies in memory, and for the model. */
struct parcel {
    struct {
        uint64_t word;
        struct cap_transfer descriptors[MODEL_ITEMS];
    } bytes;
    struct model_letter letter;
};

/* Each has a word of its own. */
static struct parcel new_parcel(void)
{
    word += 0x9e3779b97f4a7c15ull;
    return (struct parcel){.bytes.word = word, .letter.word = word};
}

/* What is minted from is an owner facet, and the rest may be anything. */
static void add_to(struct parcel *parcel, uint32_t actor, uint8_t code)
{
    static const uint8_t modes[AUTHORITY_WAYS] = {[AUTHORITY_COPY] = CAP_TRANSFER_COPY,
                                                  [AUTHORITY_MOVE] = CAP_TRANSFER_MOVE,
                                                  [AUTHORITY_MINT] = CAP_TRANSFER_MINT,
                                                  [AUTHORITY_NO_WAY] = 77};
    static const uint8_t ways[AUTHORITY_WAYS] = {[AUTHORITY_COPY] = MODEL_COPY,
                                                 [AUTHORITY_MOVE] = MODEL_MOVE,
                                                 [AUTHORITY_MINT] = MODEL_MINT,
                                                 [AUTHORITY_NO_WAY] = MODEL_NO_WAY};
    enum authority_way way = code % AUTHORITY_WAYS;
    bool mints = way == AUTHORITY_MINT;
    uint64_t id = id_of(actor, mints ? MODEL_OWNER : MODEL_ANY, code);

    badge++;
    if (way == AUTHORITY_NONE) {
        return;
    }
    parcel->bytes.descriptors[parcel->letter.count] =
        (struct cap_transfer){.cap_id = id,
                              .mode = modes[way],
                              .badge = mints ? badge : 0,
                              .interface_id = mints ? INTERFACE : 0};
    parcel->letter.wanted[parcel->letter.count++] = (struct model_wanted){
        .way = ways[way], .name = name_of(actor, id), .interface_id = INTERFACE, .badge = badge};
}

static uint64_t address_of(uint32_t actor, uint32_t buffer)
{
    return buffer < BUFFERS_NEAR ? actors[actor].p->area_vaddr + (uint64_t)buffer * BUFFER_BYTES
                                 : actor_page(0) + (uint64_t)(buffer - BUFFERS_NEAR) * BUFFER_BYTES;
}

static void *memory_of(uint32_t actor, uint32_t buffer)
{
    return actor_memory(&actors[actor], address_of(actor, buffer));
}

static uint8_t *result_in(uint32_t actor, uint32_t buffer)
{
    return (uint8_t *)memory_of(actor, buffer) + RESULT_AT;
}

/* Finds a buffer for the next entry, which is in the message area or far from it, and writes. */
static uint32_t begin_entry(uint32_t actor, bool far, const struct parcel *parcel)
{
    uint32_t buffer = far ? BUFFERS_NEAR : 0;

    while (users[actor][buffer] != 0 && model_is_in_use(&m, actor, users[actor][buffer])) {
        buffer++;
    }
    users[actor][buffer] = actors[actor].entry_count + 1;
    memcpy(memory_of(actor, buffer), &parcel->bytes, sizeof parcel->bytes);
    memset(result_in(actor, buffer), 0, RESULT_BYTES);
    return buffer;
}

/* Bytes that come, its capabilities not counted. */
static uint32_t bytes_of(enum model_arrival arrival)
{
    switch (arrival) {
    case MODEL_RECEIVED:
        return sizeof(struct cap_message_header) + sizeof word;
    case MODEL_ANSWERED:
        return sizeof word;
    case MODEL_MADE:
        return 2 * sizeof word; /* the struct that has it, and the pointer in there */
    case MODEL_NOTHING:
        break;
    }
    return 0;
}

/* ---------------------------------------------------------------------------
 * Instructions: the kernel's part, and then the model's */

/* Its number. */
static uint64_t submit(uint32_t actor, struct cap_sqe sqe)
{
    (void)actor_do(&actors[actor], sqe);
    world_settle();
    return actors[actor].entry_count;
}

/* The kernel has made an endpoint, and says so in this buffer: it is a new one. */
static void meet_endpoint(uint32_t actor, uint32_t buffer, struct facets *facets)
{
    const struct cap_record *record =
        (const void *)(result_in(actor, buffer) + bytes_of(MODEL_MADE));
    const struct cap_slot *slot = cap_table_lookup(&actors[actor].p->caps, record->cap_id);

    REQUIRE(slot != NULL && slot->object->type == &endpoint_type);
    if (wrong[0] != '\0') {
        return;
    }
    *facets =
        (struct facets){.owner = slot->object, .client = &endpoint_of_owner(slot->object)->client};
    REQUIRE(facets->owner->holds == 1 && facets->client->holds == 1);
}

static void do_call(uint32_t actor, bool far, uint64_t target, uint64_t interface_id,
                    const struct parcel *parcel)
{
    uint32_t buffer = begin_entry(actor, far, parcel);
    uint64_t addr = address_of(actor, buffer);
    uint64_t entry = submit(actor, (struct cap_sqe){.opcode = CAP_OP_CALL,
                                                    .cap_count = (uint8_t)parcel->letter.count,
                                                    .cap_id = target,
                                                    .interface_id = interface_id,
                                                    .params_addr = addr,
                                                    .params_len = sizeof parcel->bytes.word,
                                                    .result_addr = addr + RESULT_AT,
                                                    .result_len = RESULT_BYTES,
                                                    .cap_room = MODEL_ITEMS});
    model_call(&m, actor, entry, name_of(actor, target), interface_id, &parcel->letter);
    if (m.people[actor].ends[entry].arrival == MODEL_MADE) {
        meet_endpoint(actor, buffer, &endpoints[m.endpoint_count - 1]);
    }
}

static void do_recv(uint32_t actor, bool far, uint64_t owner)
{
    static const struct parcel nothing;
    uint64_t addr = address_of(actor, begin_entry(actor, far, &nothing));
    uint64_t entry = submit(actor, (struct cap_sqe){.opcode = CAP_OP_RECV,
                                                    .cap_id = owner,
                                                    .result_addr = addr + RESULT_AT,
                                                    .result_len = RESULT_BYTES,
                                                    .cap_room = MODEL_ITEMS});
    model_recv(&m, actor, entry, name_of(actor, owner));
}

static void do_return(uint32_t actor, bool far, bool again, uint32_t which,
                      const struct parcel *parcel)
{
    struct model_call *call = model_served_by(&m, actor, which);
    uint64_t id = call != NULL ? actors[actor].entries[call->server_entry].cqe.detail : which;
    uint64_t addr = address_of(actor, begin_entry(actor, far, parcel));
    uint64_t entry = submit(actor, (struct cap_sqe){.opcode = CAP_OP_RETURN,
                                                    .flags = again ? CAP_SQE_F_AGAIN : 0,
                                                    .cap_count = (uint8_t)parcel->letter.count,
                                                    .interface_id = id,
                                                    .params_addr = addr,
                                                    .params_len = sizeof parcel->bytes.word});
    model_return(&m, actor, entry, again, call, &parcel->letter);
}

static void do_release(uint32_t actor, uint64_t id)
{
    uint64_t entry = submit(actor, (struct cap_sqe){.opcode = CAP_OP_RELEASE, .cap_id = id});

    model_release(&m, actor, entry, name_of(actor, id));
}

static void do_copy(uint32_t actor, uint64_t id)
{
    uint64_t entry = submit(actor, (struct cap_sqe){.opcode = CAP_OP_COPY, .cap_id = id});
    uint64_t copy = model_copy(&m, actor, entry, name_of(actor, id));

    if (copy != MODEL_NO_NAME) {
        bind(actor, copy, actors[actor].entries[entry].cqe.detail);
    }
}

/* Gives up the n-th, counted round, of those in flight; if there are none, what is none. */
static void do_cancel(uint32_t actor, uint32_t n)
{
    uint64_t pending[MODEL_ENTRIES];
    uint32_t count = 0;

    for (uint64_t e = 1; e <= actors[actor].entry_count; e++) {
        if (!m.people[actor].ends[e].is_done) {
            pending[count++] = e;
        }
    }
    uint64_t target = count == 0 ? n : pending[n % count];
    uint64_t entry =
        submit(actor, (struct cap_sqe){.opcode = CAP_OP_CANCEL, .params_addr = target});
    model_cancel(&m, actor, entry, target);
}

/* An empty message, which is a word of zeros, asks a factory for an endpoint. */
static void do_make(uint32_t actor, bool far, uint64_t target)
{
    static const struct parcel nothing;

    do_call(actor, far, target, CAPOS_ENDPOINT_FACTORY_ID, &nothing);
}

static void do_spend(uint32_t actor)
{
    struct account *account = &actors[actor].p->account;
    uint64_t amount[ACCOUNT_KINDS] = {[ACCOUNT_HEAP_BYTES] =
                                          account_left(account, ACCOUNT_HEAP_BYTES)};

    if (m.people[actor].spent != 0) {
        account_drop(&spent[actor]);
    } else if (amount[ACCOUNT_HEAP_BYTES] == 0 ||
               account_take(account, &spent[actor], amount) != ST_OK) {
        abort(); /* its slots and records are used up sooner than its heap */
    }
    model_spend(&m, actor);
}

static void grant(uint32_t actor, struct cap_object *object, enum model_kind kind, uint32_t index)
{
    struct model_held held = {
        .kind = kind, .index = index, .interface_id = object->type->interface_id};
    uint64_t id = actor_grant(&actors[actor], object);
    uint64_t name = model_grant(&m, actor, &held);

    REQUIRE((id == CAP_ID_NONE) == (name == MODEL_NO_NAME));
    if (name != MODEL_NO_NAME) {
        bind(actor, name, id);
    }
}

/* The kernel holds it, and everybody. */
static struct cap_object *factory(void)
{
    return kernel_table_find(CAPOS_ENDPOINT_FACTORY_ID)->object;
}

static void do_start(uint32_t actor)
{
    static const struct actor_params params = {
        .slots = MODEL_SLOTS, .sq_entries = SQ, .cq_entries = CQ};
    uint32_t index = model_endpoint(&m, actor);
    struct facets *e = &endpoints[index];

    if (!actor_start(&actors[actor], &params)) {
        abort();
    }
    struct account *account = &actors[actor].p->account;
    own_heap[actor] = account->used[ACCOUNT_HEAP_BYTES];
    model_start(&m, actor, account_left(account, ACCOUNT_HEAP_BYTES));
    if (endpoint_create(account, &e->owner, &e->client) != ST_OK) {
        abort();
    }
    memset(users[actor], 0, sizeof users[actor]);
    actor_map(&actors[actor], 0, PAGE_WRITE);
    grant(actor, e->owner, MODEL_OWNER, index);
    for (uint32_t a = 0; a < ACTORS; a++) {
        if (m.people[a].lives) {
            grant(a, e->client, MODEL_CLIENT, index);
        }
    }
    grant(actor, &tokens[index % MODEL_TOKENS].object, MODEL_TOKEN, index % MODEL_TOKENS);
    grant(actor, factory(), MODEL_FACTORY, 0);
    cap_drop(e->owner);
    cap_drop(e->client);
}

/* Ids of its table may come again in the next. */
static void do_die(uint32_t actor)
{
    actor_kill(&actors[actor]);
    world_settle();
    actor_forget(&actors[actor]);
    account_drop(&spent[actor]);
    model_die(&m, actor);
    for (uint64_t name = 1; name <= m.last_name; name++) {
        if (holders[name] == actor) {
            ids[name] = CAP_ID_NONE;
        }
    }
}

/* ---------------------------------------------------------------------------
 * Side by side */

static const struct cap_object *object_of(const struct model_held *held)
{
    switch (held->kind) {
    case MODEL_TOKEN:
        return &tokens[held->index].object;
    case MODEL_FACTORY:
        return factory();
    case MODEL_OWNER:
        return endpoints[held->index].owner;
    case MODEL_CLIENT:
        return endpoints[held->index].client;
    case MODEL_ANY:
        break;
    }
    return NULL;
}

/* A2 and A3: the table has what the model has, and nothing else. */
static void compare_table(uint32_t actor)
{
    const struct cap_table *table = &actors[actor].p->caps;
    const struct cap_slot *slot;
    uint32_t cursor = 0;
    uint32_t count = 0;

    while ((slot = cap_table_next(table, &cursor)) != NULL) {
        const struct model_slot *expected = find(actor, slot->id);

        REQUIRE(expected != NULL);
        if (expected == NULL) {
            return;
        }
        uint8_t flags = CAP_SLOT_F_TRANSFERABLE | (expected->is_moving ? CAP_SLOT_F_MOVING : 0);
        REQUIRE(slot->object == object_of(&expected->held));
        REQUIRE(slot->interface_id == expected->held.interface_id);
        REQUIRE(slot->badge == expected->held.badge);
        REQUIRE(cap_table_flags(table, slot) == flags);
        count++;
    }
    REQUIRE(count == m.people[actor].used);
}

/* What has come; whose capabilities have new ids when it has just come. */
static void compare_message(uint32_t actor, const uint8_t *result,
                            const struct model_message *message)
{
    const struct cap_message_header *header = (const void *)result;
    const uint8_t *behind = result + bytes_of(message->arrival);
    const struct cap_record *records = (const void *)behind;
    const uint64_t *sent = (const void *)(behind - sizeof word);

    if (message->arrival == MODEL_RECEIVED) {
        REQUIRE(header->badge == message->badge);
        REQUIRE(header->interface_id == message->interface_id);
        REQUIRE(header->params_len == sizeof word);
        REQUIRE(header->cap_count == message->count);
    }
    REQUIRE(message->arrival == MODEL_MADE || *sent == message->word);
    for (uint32_t i = 0; i < message->count; i++) {
        if (ids[message->names[i]] == CAP_ID_NONE) {
            bind(actor, message->names[i], records[i].cap_id);
        }
        REQUIRE(records[i].cap_id == ids[message->names[i]]);
    }
}

/* Where results go lies what has come, and nothing else. */
static void compare_results(uint32_t actor)
{
    static const uint8_t nothing[RESULT_BYTES];

    for (uint32_t b = 0; b < BUFFERS && wrong[0] == '\0'; b++) {
        const struct model_message *message = &m.people[actor].messages[users[actor][b]];
        const uint8_t *result = result_in(actor, b);

        if (message->arrival != MODEL_NOTHING) {
            compare_message(actor, result, message);
        } else if (!message->is_unknown) {
            REQUIRE(memcmp(result, nothing, RESULT_BYTES) == 0);
        }
    }
}

static void compare_entries(uint32_t actor)
{
    for (uint64_t e = 1; e <= actors[actor].entry_count; e++) {
        const struct model_end *end = &m.people[actor].ends[e];
        const struct entry *entry = &actors[actor].entries[e];

        REQUIRE(entry->completions == (end->is_done ? 1 : 0));
        if (!end->is_done || wrong[0] != '\0') {
            continue;
        }
        REQUIRE(entry->cqe.result ==
                (end->error != 0 ? end->error : (int32_t)bytes_of(end->arrival)));
        REQUIRE(entry->cqe.cap_count == end->count);
        REQUIRE((entry->cqe.flags & CAP_CQE_F_EXC_MASK) == end->exception);
    }
}

/* A1: nothing else holds an object. One that nobody holds is not there any more. */
static void compare_holds(void)
{
    for (uint32_t i = 0; i < MODEL_TOKENS; i++) {
        REQUIRE(tokens[i].object.holds == 1 + model_holds(&m, MODEL_TOKEN, i));
    }
    REQUIRE(factory()->holds == 1 + model_holds(&m, MODEL_FACTORY, 0));
    for (uint32_t e = 0; e < m.endpoint_count; e++) {
        if (!m.endpoints[e].is_gone) {
            REQUIRE(endpoints[e].owner->holds == model_holds(&m, MODEL_OWNER, e));
            REQUIRE(endpoints[e].client->holds == model_client_holds(&m, e));
        }
    }
}

static void compare_account(uint32_t actor)
{
    const struct account *account = &actors[actor].p->account;

    REQUIRE(account->used[ACCOUNT_SLOTS] == m.people[actor].used);
    REQUIRE(account->used[ACCOUNT_HEAP_BYTES] == own_heap[actor] + model_heap(&m, actor));
}

static void compare(void)
{
    const char *unsound = world_check();

    if (unsound != NULL && wrong[0] == '\0') {
        snprintf(wrong, sizeof wrong, "step %u: %.200s", step_now, unsound);
    }
    for (uint32_t a = 0; a < ACTORS; a++) {
        if (m.people[a].lives) {
            actor_take(&actors[a]);
            compare_entries(a);
            compare_results(a);
            compare_table(a);
            compare_account(a);
        }
    }
    compare_holds();
}

/* ---------------------------------------------------------------------------
 * Programs */

static void do_two(uint32_t actor, bool far, bool again, uint32_t which,
                   const struct parcel *parcel)
{
    if (which % 2 != 0) {
        do_return(actor, far, again, which / 2, parcel);
    } else {
        do_call(actor, far, slot_of(actor, MODEL_CLIENT, which / 2), INTERFACE, parcel);
    }
}

static void step(const uint8_t code[4])
{
    uint32_t actor = code[1] % ACTORS;
    bool again = code[1] / AUTHORITY_AGAIN % 2 != 0;
    bool far = code[1] / AUTHORITY_FAR % 2 != 0;
    enum authority_op op = code[0] % AUTHORITY_OPS;
    struct parcel parcel = new_parcel();

    if ((op == AUTHORITY_START) == m.people[actor].lives) {
        return; /* who is there is not started, and who is not does nothing */
    }
    if (op == AUTHORITY_TWO) {
        add_to(&parcel, actor, code[2]);
    }
    add_to(&parcel, actor, code[3]);
    switch (op) {
    case AUTHORITY_START:
        do_start(actor);
        break;
    case AUTHORITY_DIE:
        do_die(actor);
        break;
    case AUTHORITY_CALL:
        do_call(actor, far, id_of(actor, MODEL_CLIENT, code[2]), INTERFACE, &parcel);
        break;
    case AUTHORITY_RECV:
        do_recv(actor, far, id_of(actor, MODEL_OWNER, code[2]));
        break;
    case AUTHORITY_RETURN:
        do_return(actor, far, again, code[2], &parcel);
        break;
    case AUTHORITY_RELEASE:
        do_release(actor, id_of(actor, MODEL_ANY, code[2]));
        break;
    case AUTHORITY_COPY_IT:
        do_copy(actor, id_of(actor, MODEL_ANY, code[2]));
        break;
    case AUTHORITY_CANCEL:
        do_cancel(actor, code[2]);
        break;
    case AUTHORITY_MAKE:
        do_make(actor, far, id_of(actor, MODEL_FACTORY, code[2]));
        break;
    case AUTHORITY_SPEND:
        do_spend(actor);
        break;
    case AUTHORITY_TWO:
    case AUTHORITY_OPS:
        do_two(actor, far, again, code[1] / AUTHORITY_ANSWER, &parcel);
        break;
    }
    model_settle(&m);
    compare();
}

static void end_all(void)
{
    for (uint32_t a = 0; a < ACTORS; a++) {
        if (m.people[a].lives) {
            do_die(a);
            model_settle(&m);
            compare();
        }
    }
    REQUIRE(world_leftover() == NULL);
}

const char *authority_play(const uint8_t *program, size_t bytes)
{
    world_start();
    m = (struct model){
        .prices = {.endpoint = heap_charge(sizeof(struct endpoint_object)),
                   .letter = {0, heap_charge(transfer_bytes(1)), heap_charge(transfer_bytes(2))}},
        .owner_interface_id = endpoint_type.interface_id};
    memset(ids, 0, sizeof ids);
    wrong[0] = '\0';
    badge = 0;
    word = 0;
    for (uint32_t i = 0; i < MODEL_TOKENS; i++) {
        token_init(&tokens[i], "token");
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
