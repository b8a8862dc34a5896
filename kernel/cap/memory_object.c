// SPDX-License-Identifier: MIT
#include "cap/memory_object.h"

#include <capos.capnp.h>

#include "arch/x86_64/clear.h"
#include "cap/call.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "panic.h"

/* Every frame that is part of a memory object. */
static struct frame_ledger ledger;

void memory_object_init(void)
{
    frame_ledger_init(&ledger);
}

/* Zeroed frames in a row. The object's grant pays for them. */
static enum status take_frames(uint32_t pages, struct paddr *first)
{
    if (pages == 1) {
        return frame_alloc_zeroed(NULL, first);
    }
    enum status status = frame_alloc_contiguous(NULL, pages, first);
    for (uint32_t i = 0; status == ST_OK && i < pages; i++) {
        clear_page((uint8_t *)phys_to_virt(*first) + (uint64_t)i * FRAME_BYTES);
    }
    return status;
}

enum status memory_object_create(struct account *payer, uint32_t pages, struct cap_object **out)
{
    struct memory_object *m = heap_alloc(NULL, sizeof *m);
    struct paddr first;

    if (m == NULL) {
        return ST_NO_MEMORY;
    }
    enum status status = frame_ledger_open(&m->grant, payer, pages, heap_charge(sizeof *m));
    if (status != ST_OK) {
        goto undo_alloc;
    }
    status = take_frames(pages, &first);
    if (status != ST_OK) {
        goto undo_grant;
    }
    frame_ledger_add(&ledger, &m->grant, first.v >> FRAME_SHIFT);
    cap_object_init(&m->object, &memory_object_type);
    *out = &m->object;
    return ST_OK;

undo_grant:
    frame_ledger_close(&ledger, &m->grant);
undo_alloc:
    heap_free(NULL, m);
    return status;
}

static void object_destroy(struct cap_object *object)
{
    struct memory_object *m = memory_object_of(object);

    frame_free_contiguous(NULL, memory_object_frame(m, 0), memory_object_pages(m));
    frame_ledger_close(&ledger, &m->grant);
    heap_free(NULL, m);
}

/* The last hold on the reader is gone; the object may have others. */
static void reader_destroy(struct cap_object *reader)
{
    cap_drop(&memory_object_of(reader)->object);
}

struct memory_object *memory_object_of(struct cap_object *facet)
{
    if (facet->type == &memory_object_type) {
        return LIST_OWNER(facet, struct memory_object, object);
    }
    if (facet->type == &memory_reader_type) {
        return LIST_OWNER(facet, struct memory_object, reader);
    }
    return NULL;
}

uint64_t memory_object_frames(void)
{
    return ledger.frames;
}

bool memory_object_check(void)
{
    return frame_ledger_check(&ledger);
}

static uint64_t size_bytes(struct cap_object *facet)
{
    return memory_object_pages(memory_object_of(facet)) << FRAME_SHIFT;
}

static inline enum capnp_answer object_size(void *self, struct capnp_call *call,
                                            struct capos_memory_object_size_results_builder results)
{
    (void)call;
    capos_memory_object_size_results_set_bytes(results, size_bytes(self));
    return CAPNP_ANSWERED;
}

/* One hold on the reader for the caller, who holds the object meanwhile. */
static inline enum capnp_answer
object_reader(void *self, struct capnp_call *call,
              struct capos_memory_object_reader_results_builder results)
{
    struct memory_object *m = memory_object_of(self);

    if (m->reader.holds == 0) {
        cap_object_init(&m->reader, &memory_reader_type);
        cap_hold(&m->object);
    } else {
        cap_hold(&m->reader);
    }
    struct cap_hold hold = {
        .object = &m->reader, .interface_id = CAPOS_MEMORY_READER_ID, .transferable = true};
    capos_memory_object_reader_results_set_reader(
        results, (struct capos_memory_reader_cap){cap_call_give(call, hold)});
    return CAPNP_ANSWERED;
}

static const struct capos_memory_object_server object_methods = {
    .size = object_size,
    .reader = object_reader,
};

static enum capnp_answer object_call(struct cap_object *object, struct capnp_call *call)
{
    return capos_memory_object_dispatch_own(&object_methods, object, call);
}

static inline enum capnp_answer reader_size(void *self, struct capnp_call *call,
                                            struct capos_memory_reader_size_results_builder results)
{
    (void)call;
    capos_memory_reader_size_results_set_bytes(results, size_bytes(self));
    return CAPNP_ANSWERED;
}

static const struct capos_memory_reader_server reader_methods = {.size = reader_size};

static enum capnp_answer reader_call(struct cap_object *object, struct capnp_call *call)
{
    return capos_memory_reader_dispatch_own(&reader_methods, object, call);
}

const struct cap_type memory_object_type = {
    .name = "MemoryObject",
    .kind = CAP_FULL,
    .interface_id = CAPOS_MEMORY_OBJECT_ID,
    .call = object_call,
    .destroy = object_destroy,
};

static void reader_each_hold(struct cap_object *reader, void (*visit)(struct cap_object *held))
{
    visit(&memory_object_of(reader)->object);
}

const struct cap_type memory_reader_type = {
    .name = "MemoryReader",
    .kind = CAP_PLAIN,
    .interface_id = CAPOS_MEMORY_READER_ID,
    .call = reader_call,
    .destroy = reader_destroy,
    .each_hold = reader_each_hold,
};
