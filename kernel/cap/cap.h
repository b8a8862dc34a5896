// SPDX-License-Identifier: MIT
/*
 * Kernel objects: what capabilities refer to.
 *
 * An object is a struct that begins with struct cap_object; its type says what it
 * can do. It lives while it is held: each slot of a table, each call in flight, each
 * mapping, each object that refers to it and each grant of a service that has not ended
 * counts one hold, taken with cap_hold and given back with cap_drop.
 * Nobody else may keep a pointer to it. Every object is in one list from creation
 * to its last drop, so that the recount at the end of a run can find what leaked.
 *
 * Invariants, checked by the recount:
 *   1  an object's `holds` is the number of slots that refer to it, in all tables,
 *      plus its calls in flight, mappings, objects that refer to it, and grants (A1, A3)
 *   2  an object with no holds does not exist
 */
#pragma once

#include <capnp/call.h>
#include <lib/account.h>
#include <lib/cap_table.h>
#include <lib/list.h>
#include <lib/status.h>
#include <stdint.h>

#include "panic.h"

struct cap_object;

/* What a CALL of an object takes. */
enum cap_kind {
    CAP_FULL,   /* `call`, in a struct cap_call (cap/call.h) */
    CAP_PLAIN,  /* `call`, by methods that look at nothing but the message */
    CAP_CLIENT, /* an endpoint's client facet: whoever receives there answers */
};

/* One row for each kind of object; all of them are listed in cap.c. */
struct cap_type {
    const char *name;
    enum cap_kind kind;
    uint64_t interface_id; /* CAP_CLIENT: none; each slot says its own */
    /* Serves one call: a generated dispatch with the type's methods. CAP_CLIENT: NULL. */
    enum capnp_answer (*call)(struct cap_object *object, struct capnp_call *call);
    /*
     * The last hold is gone: gives back what the object is made of. NULL: the kernel's table
     * holds it for good.
     */
    void (*destroy)(struct cap_object *object);
    /*
     * For the recount: calls `visit` with each object that this one holds, itself perhaps,
     * once a hold. NULL: it never holds any.
     */
    void (*each_hold)(struct cap_object *object, void (*visit)(struct cap_object *held));
};

struct cap_object {
    const struct cap_type *type; /* [I] */
    enum cap_kind kind;          /* [I] the type's, a load nearer to a call */
    uint64_t holds;              /* [s] */
    struct list_node node;       /* [s] in the list of all objects */
    uint64_t counted;            /* the recount's: holds that it has found */
};

/*
 * Starts an object with one hold, the creator's. Its storage is the creator's
 * until destroy. The type must be in the table of types: asserted.
 */
void cap_object_init(struct cap_object *object, const struct cap_type *type);

/* Takes one hold more. */
static inline void cap_hold(struct cap_object *object)
{
    object->holds++;
}

/* The last hold of an object was given back: its end. */
void cap_end(struct cap_object *object);

/* Gives one hold back; the object may be gone afterwards. */
static inline void cap_drop(struct cap_object *object)
{
    ASSERT(object->holds != 0, "%s dropped once more than it was held", object->type->name);
    object->holds--;
    if (object->holds == 0) {
        cap_end(object);
    }
}

/* Starts the list of objects and the kernel's table, and makes the objects there is one of. */
void cap_init(void);

/* Objects that exist, counted by walking the list. */
uint64_t cap_object_count(void);

/*
 * For the recount: sets `counted` of every object to 0, and calls `visit` for each hold
 * that some object has.
 */
void cap_object_each_hold(void (*visit)(struct cap_object *held));

/* Calls `visit` for every object. It must not create or drop any. */
void cap_object_each(void (*visit)(const struct cap_object *object, void *context), void *context);
