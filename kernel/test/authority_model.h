// SPDX-License-Identifier: MIT
/*
 * Who may do what, in the simplest words there are: a model of capability tables, transfers
 * and endpoints, and of the heap that they take of somebody's budget. It knows nothing of the
 * kernel; authority.h drives the two side by side.
 *
 * What people hold has names, which the model gives and never gives again. Each operation is
 * an entry of somebody's: it writes down what this one and others have come to, and what has
 * arrived where. What follows of itself is done by model_settle.
 *
 *   call:      QUEUED ──► SERVED ──► none       the caller of one that is SERVED may go
 *   receiver:  armed ──► none
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MODEL_PEOPLE     3u
#define MODEL_SLOTS      10u  /* that each has */
#define MODEL_RECORDS    4u   /* entries of each that are in flight */
#define MODEL_ITEMS      2u   /* capabilities that come with one message */
#define MODEL_TOKENS     2u   /* objects that do nothing but be held */
#define MODEL_OPERATIONS 400u /* in all */

#define MODEL_CALLS      (2u * MODEL_PEOPLE * MODEL_RECORDS)
#define MODEL_RECEIVERS  (MODEL_PEOPLE * MODEL_RECORDS)
#define MODEL_ENTRIES    (MODEL_OPERATIONS + 1u) /* they count from 1 */

#define MODEL_NO_NAME    0u
#define MODEL_NOBODY     MODEL_PEOPLE

enum model_kind {
    MODEL_TOKEN,
    MODEL_FACTORY, /* makes endpoints; there is one */
    MODEL_OWNER,
    MODEL_CLIENT,
    MODEL_ANY, /* to look for one */
};

struct model_held {
    enum model_kind kind;
    uint32_t index; /* of the token, or of the endpoint; 0 */
    uint64_t interface_id;
    uint64_t badge;
};

struct model_slot {
    uint64_t name;
    struct model_held held;
    bool is_moving;
};

/* What comes to an entry: a call that it has received, an answer, or what the factory made. */
enum model_arrival { MODEL_NOTHING, MODEL_RECEIVED, MODEL_ANSWERED, MODEL_MADE };

/* What an entry came to. */
struct model_end {
    bool is_done;
    int32_t error;      /* 0: none */
    uint16_t exception; /* where the error says that there is one */
    enum model_arrival arrival;
    uint32_t count; /* of capabilities that came */
};

/* What lies where the result of an entry goes. NOTHING: what lay there before. */
struct model_message {
    enum model_arrival arrival;
    bool is_unknown; /* what came is not of the model: a reason, or a part of a message */
    uint64_t word;
    uint64_t interface_id; /* RECEIVED */
    uint64_t badge;        /* RECEIVED */
    uint32_t count;
    uint64_t names[MODEL_ITEMS];
};

struct model_person {
    bool lives;
    struct model_slot slots[MODEL_SLOTS];
    uint32_t used;
    uint64_t heap;  /* its budget of it, for endpoints and messages that wait */
    uint64_t spent; /* of that, on other things */
    struct model_end ends[MODEL_ENTRIES];
    struct model_message messages[MODEL_ENTRIES];
};

/* What is sent along with a message, as it was asked for, and as it is. */
struct model_wanted {
    enum { MODEL_COPY, MODEL_MOVE, MODEL_MINT, MODEL_NO_WAY } way;
    uint64_t name;
    uint64_t interface_id; /* MINT */
    uint64_t badge;        /* MINT */
};

/* What somebody sends: a word, and capabilities. */
struct model_letter {
    uint64_t word;
    uint32_t count;
    struct model_wanted wanted[MODEL_ITEMS];
};

struct model_item {
    struct model_held held;
    uint64_t moved; /* the sender's; NO_NAME: copied or minted */
};

struct model_call {
    enum { MODEL_NO_CALL, MODEL_QUEUED, MODEL_SERVED } state;
    uint32_t caller;
    uint64_t entry;
    bool caller_gone;
    uint32_t endpoint;
    uint64_t interface_id;
    uint64_t badge;
    uint64_t word;
    struct model_item items[MODEL_ITEMS]; /* QUEUED */
    uint32_t count;
    uint64_t order;
    uint32_t server;       /* SERVED, and the next two */
    uint64_t server_entry; /* which has received it */
    uint64_t place;        /* the server's entry where it lies */
};

struct model_receiver {
    bool is_armed;
    uint32_t person;
    uint64_t entry;
    uint64_t place; /* the entry where a call will lie; of a RETURN that receives again, another */
    uint32_t endpoint;
    uint64_t order;
};

struct model_endpoint {
    uint32_t maker; /* who pays for it; NOBODY: he is gone */
    bool is_closed;
    bool is_gone;
};

/* What is taken of somebody's heap. */
struct model_prices {
    uint64_t endpoint;
    uint64_t letter[MODEL_ITEMS + 1]; /* that waits, by the capabilities that it brings */
};

struct model {
    struct model_prices prices;
    struct model_person people[MODEL_PEOPLE];
    struct model_endpoint endpoints[MODEL_OPERATIONS];
    uint32_t endpoint_count;
    uint64_t owner_interface_id; /* of every owner facet */
    struct model_call calls[MODEL_CALLS];
    struct model_receiver receivers[MODEL_RECEIVERS];
    uint64_t order;
    uint64_t last_name;
};

/* Somebody comes, with a budget of heap, or goes with all he has. */
void model_start(struct model *m, uint32_t person, uint64_t heap);
void model_die(struct model *m, uint32_t person);

/* Spends all heap that somebody has left, or gives back what was so spent. */
void model_spend(struct model *m, uint32_t person);

/* A new endpoint of somebody's that nobody holds; its index. */
uint32_t model_endpoint(struct model *m, uint32_t maker);

/* Gives somebody a hold; its name there. NO_NAME: no slot is left. */
uint64_t model_grant(struct model *m, uint32_t person, const struct model_held *held);

/*
 * Operations: each is the next entry of this person's. A call of the factory's makes an
 * endpoint.
 */
void model_call(struct model *m, uint32_t person, uint64_t entry, uint64_t target,
                uint64_t interface_id, const struct model_letter *letter);
void model_recv(struct model *m, uint32_t person, uint64_t entry, uint64_t owner);
void model_return(struct model *m, uint32_t person, uint64_t entry, bool again,
                  struct model_call *call, const struct model_letter *letter);
void model_release(struct model *m, uint32_t person, uint64_t entry, uint64_t name);
void model_cancel(struct model *m, uint32_t person, uint64_t entry, uint64_t target);

/* The copy's name. NO_NAME: it is refused. */
uint64_t model_copy(struct model *m, uint32_t person, uint64_t entry, uint64_t name);

/* Ends what waits in endpoints that nobody owns any more. */
void model_settle(struct model *m);

/* The n-th, counted round, of the calls that somebody serves. NULL: he serves none. */
struct model_call *model_served_by(struct model *m, uint32_t person, uint32_t n);

/* Whether an entry has not completed, or a message will lie or be answered where it has its own. */
bool model_is_in_use(const struct model *m, uint32_t person, uint64_t entry);

/* Slots, and copies on their way, that hold this object. */
uint64_t model_holds(const struct model *m, enum model_kind kind, uint32_t index);

/* The same of an endpoint's client facet, with what else has a hold on that. */
uint64_t model_client_holds(const struct model *m, uint32_t endpoint);

/* Heap that somebody's endpoints and messages take, and what he has spent. */
uint64_t model_heap(const struct model *m, uint32_t person);
