// SPDX-License-Identifier: MIT
/*
 * Where messages between two processes may lie: at each place about the ends of the message
 * area and of the ring's last page, aligned and not, in lengths about the limits of the
 * short and the long way, a call arrives whole, and so does its answer, or it is refused
 * as abi/ring.h has it. What lies across the area's end is in the program's memory as long
 * as it is on that page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <abi/error.h>
#include <abi/layout.h>
#include <lib/bits.h>

#include "cap/endpoint.h"
#include "cap/matching.h"
#include "mem/addr.h"
#include "test/world.h"

#define INTERFACE    0x5ce7eull
#define LARGE_AREA   16384u
#define HEADER_BYTES ((uint32_t)sizeof(struct cap_message_header))

static struct actor caller;
static struct actor server;
static uint64_t owner;
static uint64_t client;

static void start(uint32_t area_bytes)
{
    const struct actor_params params = {.area_bytes = area_bytes};
    const struct actor_params large = {.area_bytes = LARGE_AREA}; /* takes whatever comes */
    struct cap_object *o;
    struct cap_object *c;

    world_start();
    world_remember();
    assert_true(actor_start(&caller, &params) && actor_start(&server, &large));
    assert_int_equal(endpoint_create(&server.p->account, &o, &c), ST_OK);
    owner = actor_grant(&server, o);
    client = actor_grant(&caller, c);
    cap_drop(o);
    cap_drop(c);
}

static void end(void)
{
    struct actor *const actors[] = {&caller, &server};

    assert_null(world_end(actors, 2));
}

/* Bytes from the start of the area to the end of its last page. */
static uint64_t mapped(const struct actor *a)
{
    return USER_RING_VADDR + a->p->ring_nframes * FRAME_BYTES - a->p->area_vaddr;
}

static bool is_good(const struct actor *a, uint64_t addr, uint32_t len)
{
    return addr % 8u == 0 && bits_range_fits(addr - a->p->area_vaddr, len, mapped(a));
}

static uint8_t *at(const struct actor *a, uint64_t addr)
{
    return a->p->area + (addr - a->p->area_vaddr); /* the ring's frames are adjacent */
}

static void paint(const struct actor *a, uint8_t first)
{
    for (uint64_t i = 0; i < mapped(a); i++) {
        a->p->area[i] = (uint8_t)(first + i * 7u);
    }
}

/* The server answers the call, from a place of its own, and receives again. */
static void answer(uint64_t call_id, uint64_t addr, uint32_t len)
{
    (void)actor_submit(&server, (struct cap_sqe){.opcode = CAP_OP_RETURN,
                                                 .flags = CAP_SQE_F_AGAIN,
                                                 .interface_id = call_id,
                                                 .params_addr = addr,
                                                 .params_len = len});
}

/*
 * A message of `len` bytes at `params` of the caller's, for whose answer there are as many
 * at `result`; the server answers from where the same lies in its own area.
 */
static void round_trip(uint64_t params, uint64_t result, uint32_t len)
{
    uint32_t room = HEADER_BYTES + len;
    uint64_t receiving = actor_submit(&server, (struct cap_sqe){.opcode = CAP_OP_RECV,
                                                                .cap_id = owner,
                                                                .result_addr = server.p->area_vaddr,
                                                                .result_len = room});
    actor_run(&server);
    paint(&caller, (uint8_t)len);
    uint64_t entry = actor_submit(&caller, (struct cap_sqe){.opcode = CAP_OP_CALL,
                                                            .cap_id = client,
                                                            .interface_id = INTERFACE,
                                                            .params_addr = params,
                                                            .params_len = len,
                                                            .result_addr = result,
                                                            .result_len = len});
    actor_run(&caller);
    actor_take(&server);
    const struct cap_cqe *received = actor_done(&server, receiving);

    if (!is_good(&caller, params, len) || !is_good(&caller, result, len)) {
        /* Whether parameters are there is found out when they are copied, which is last. */
        bool by_result = params % 8u == 0 && !is_good(&caller, result, len);
        assert_null(received);
        assert_int_equal(actor_done(&caller, entry)->result,
                         by_result ? CAP_ERR_BAD_RESULT : CAP_ERR_BAD_PARAMS);
        uint64_t cancel = actor_submit(
            &server, (struct cap_sqe){.opcode = CAP_OP_CANCEL, .params_addr = receiving});
        actor_run(&server);
        assert_int_equal(actor_done(&server, cancel)->result, 0);
        return;
    }
    assert_int_equal(received->result, room);
    assert_memory_equal(server.p->area + HEADER_BYTES, at(&caller, params), len);

    paint(&server, (uint8_t)(len + 1u));
    uint64_t from = server.p->area_vaddr + (params - caller.p->area_vaddr);
    answer(received->detail, from, len);
    actor_run(&server);
    actor_take(&caller);
    assert_int_equal(actor_done(&caller, entry)->result, len);
    assert_memory_equal(at(&caller, result), at(&server, from), len);
    uint64_t cancel = actor_submit(
        &server, (struct cap_sqe){.opcode = CAP_OP_CANCEL, .params_addr = receiving + 1u});
    actor_run(&server);
    assert_int_equal(actor_done(&server, cancel)->result, 0);
}

/* Where a message of this length ends at or about `end`, but not in front of the area. */
static uint64_t place(uint64_t end, uint32_t len, int64_t by)
{
    uint64_t first = caller.p->area_vaddr;
    uint64_t from = end - len + (uint64_t)by;

    return from < first ? first : from; /* before it are the queues */
}

/* At and about each place where a message of this length begins or ends what there is. */
static void about_the_ends(uint32_t len)
{
    static const int64_t off[] = {-64, -16, -8, -4, -1, 0, 1, 4, 8, 16, 64};
    uint64_t first = caller.p->area_vaddr;
    uint64_t ends[] = {first + caller.p->area_bytes, first + mapped(&caller)};

    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++) {
        for (size_t k = 0; k < 2; k++) {
            round_trip(place(ends[k], len, off[i]), first, len);
            round_trip(first, place(ends[k], len, off[i]), len);
        }
        round_trip(place(first + len, len, off[i]), place(ends[0], len, 0), len);
    }
}

static void test_areas(void **state)
{
    static const uint32_t about[] = {0, SHORT_MESSAGE_BYTES, LONG_MESSAGE_BYTES};

    (void)state;
    for (uint32_t area = 4096; area <= LARGE_AREA; area *= 2) {
        start(area);
        for (size_t i = 0; i < sizeof about / sizeof about[0]; i++) {
            for (int d = -16; d <= 16; d += 8) {
                int64_t len = (int64_t)about[i] + d;
                if (len > 0) {
                    about_the_ends((uint32_t)len);
                }
            }
        }
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_areas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
