// SPDX-License-Identifier: MIT
#include "test/caller.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <abi/error.h>
#include <abi/limits.h>

#include "cap/table.h"
#include "recount.h"

#define ROOM 16384u /* of parameters and of results, each */

struct actor caller;
struct capnp_message caller_results;

static struct capnp_arena arena;
static uint32_t came; /* capabilities that go with the parameters */

void caller_start(const struct actor_params *params)
{
    struct actor_params wanted = {.slots = 400,
                                  .frames = 2048,
                                  .cq_entries = 32,
                                  .area_bytes = CALLER_AREA_BYTES,
                                  .children = 4};

    world_start();
    world_remember();
    assert_true(actor_start(&caller, params != NULL ? params : &wanted));
}

void caller_expect_sound(void)
{
    const char *wrong = world_check();

    if (wrong != NULL) {
        fail_msg("%s", wrong);
    }
    assert_int_equal(recount_holds(NULL), 0);
    assert_int_equal(recount_accounts(), 0);
}

void caller_end(void)
{
    actor_kill(&caller);
    world_settle();
    world_end_children();
    caller_expect_sound();
    actor_forget(&caller);
    assert_null(world_leftover());
}

/* ---------------------------------------------------------------------------
 * Calls */

uint64_t caller_kernel_object(uint64_t interface_id)
{
    return actor_grant(&caller, kernel_table_find(interface_id)->object);
}

struct capnp_arena *caller_params(void)
{
    void *at = actor_memory(&caller, caller.p->area_vaddr);

    memset(at, 0, ROOM);
    capnp_arena_init(&arena, at, ROOM / 2);
    came = 0;
    return &arena;
}

struct capnp_capability caller_sends(uint64_t cap_id, uint16_t mode)
{
    struct cap_transfer *d = actor_memory(&caller, caller.p->area_vaddr + ROOM / 2);

    d[came] = (struct cap_transfer){.cap_id = cap_id, .mode = mode};
    return (struct capnp_capability){.there = true, .index = came++};
}

struct cap_sqe caller_entry(uint64_t cap_id, uint64_t interface_id, uint16_t method)
{
    uint32_t bytes = (uint32_t)capnp_arena_bytes(&arena);
    uint64_t area = caller.p->area_vaddr;

    assert_true(capnp_arena_ok(&arena));
    memmove(actor_memory(&caller, area + bytes), actor_memory(&caller, area + ROOM / 2),
            came * sizeof(struct cap_transfer));
    return (struct cap_sqe){.opcode = CAP_OP_CALL,
                            .cap_id = cap_id,
                            .interface_id = interface_id,
                            .method_id = method,
                            .params_addr = area,
                            .params_len = bytes,
                            .cap_count = (uint8_t)came,
                            .result_addr = area + ROOM,
                            .result_len = ROOM,
                            .cap_room = CAP_TRANSFER_MAX};
}

void caller_open_results(const struct cap_cqe *cqe)
{
    assert_non_null(cqe);
    assert_true(cqe->result >= 0);
    capnp_message_open_flat(&caller_results, actor_memory(&caller, caller.p->area_vaddr + ROOM),
                            (uint32_t)cqe->result);
}

void caller_calls(uint64_t cap_id, uint64_t interface_id, uint16_t method)
{
    uint64_t e = actor_submit(&caller, caller_entry(cap_id, interface_id, method));

    actor_run(&caller);
    world_settle();
    actor_take(&caller);
    caller_open_results(actor_done(&caller, e));
}

void caller_expect_exception(const struct cap_cqe *cqe, enum capos_exception_type type,
                             const char *reason)
{
    assert_non_null(cqe);
    assert_int_equal(cqe->result, CAP_ERR_EXCEPTION);
    assert_int_equal(cqe->flags & CAP_CQE_F_EXC_MASK, type);
    capnp_message_open_flat(&caller_results, actor_memory(&caller, caller.p->area_vaddr + ROOM),
                            ROOM);
    struct capnp_text text = capos_exception_get_reason(capos_exception_read_root(&caller_results));
    if (!capnp_text_equal(text, capnp_text_from(reason))) {
        fail_msg("\"%.*s\", not \"%s\"", (int)text.len, text.ptr, reason);
    }
}

void caller_refused(uint64_t cap_id, uint64_t interface_id, uint16_t method,
                    enum capos_exception_type type, const char *reason)
{
    uint64_t e = actor_submit(&caller, caller_entry(cap_id, interface_id, method));

    actor_run(&caller);
    world_settle();
    actor_take(&caller);
    caller_expect_exception(actor_done(&caller, e), type, reason);
    caller_expect_sound();
}

uint64_t caller_newest(const struct cap_type *type)
{
    uint64_t found = CAP_ID_NONE;
    uint32_t cursor = 0;
    const struct cap_slot *slot;

    while ((slot = cap_table_next(&caller.p->caps, &cursor)) != NULL) {
        if (slot->object->type == type) {
            found = slot->id;
        }
    }
    assert_int_not_equal(found, CAP_ID_NONE);
    return found;
}

void caller_release(uint64_t cap_id)
{
    assert_int_equal(process_release_cap(caller.p, cap_id), ST_OK);
}
