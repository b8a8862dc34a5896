// SPDX-License-Identifier: MIT
/*
 * The ring client and the server's loop, and a kernel of the test's own for them, which
 * works on the same region by the kernel's side of the protocol (lib/ring.h) and answers
 * as each test tells it to: at once, later, in another order, or not at all. A part of
 * the test that includes it, first of all.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The one function that enters the kernel is the test's. */
#define rt_cap_enter the_real_rt_cap_enter
#include <rt/syscall.h>
#undef rt_cap_enter

static int64_t rt_cap_enter(uint64_t min_complete, uint64_t timeout_ns);

#include "../ring.c"
#include "../server.c"

#include <capos.client.h>

#include <lib/ring.h>
#include <stdlib.h>
#include <string.h>

/* Entries that one test may submit. */
#define TAKEN_MAX 4096u

static struct {
    struct ring_layout layout;
    void *region;
    struct ring_view view;
    struct cap_sqe taken[TAKEN_MAX]; /* in the order in which they were submitted */
    uint32_t taken_count;
    uint32_t answered; /* of these, when in order */
    bool hold;         /* answer nothing by itself */
    uint32_t late;     /* but what was taken last, when it is entered so many times */
    int32_t result;    /* what each call gets */
    uint16_t flags;
    uint16_t cap_count;
    bool tells_detail; /* and not which entry it was */
    uint64_t detail;
    uint32_t refusals; /* how often cap_enter says that the ring is corrupt */
    uint32_t enters;
} kernel;

static struct rt_ring ring;

/* Where a panic goes on, in a test that provokes one. */
static jmp_buf panicked;

_Noreturn void rt_panic(const char *format, ...)
{
    (void)format;
    longjmp(panicked, 1);
}

static void kernel_answer(uint32_t which, int32_t result)
{
    uint32_t room;

    assert_int_equal(ring_cq_room(&kernel.view, &room), ST_OK);
    assert_true(room > 0);
    ring_post(&kernel.view, kernel.taken[which].user_data, result, kernel.flags, kernel.cap_count,
              kernel.tells_detail ? kernel.detail : which);
    ring_publish(&kernel.view);
}

static int64_t rt_cap_enter(uint64_t min_complete, uint64_t timeout_ns)
{
    uint32_t pending;
    uint32_t available;

    (void)min_complete;
    (void)timeout_ns;
    kernel.enters++;
    if (kernel.refusals != 0) {
        kernel.refusals--;
        return SYS_ERR_RING_CORRUPT;
    }
    assert_int_equal(ring_pending(&kernel.view, &pending), ST_OK);
    for (; pending != 0; pending--) {
        uint32_t room;
        assert_int_equal(ring_cq_room(&kernel.view, &room), ST_OK);
        if (room == 0) {
            break;
        }
        assert_true(kernel.taken_count < TAKEN_MAX);
        ring_take(&kernel.view, &kernel.taken[kernel.taken_count]);
        kernel.taken_count++;
        if (!kernel.hold) {
            kernel_answer(kernel.answered, kernel.result);
            kernel.answered++;
        }
    }
    ring_publish(&kernel.view);
    if (kernel.late != 0 && --kernel.late == 0) {
        kernel_answer(kernel.taken_count - 1u, kernel.result);
    }
    assert_int_equal(ring_available(&kernel.view, &available), ST_OK);
    return available;
}

static void set_up_area(uint32_t bytes)
{
    memset(&kernel, 0, sizeof kernel);
    assert_int_equal(ring_region_layout(4, 8, bytes, &kernel.layout), ST_OK);
    kernel.region = aligned_alloc(4096, kernel.layout.region_bytes);
    assert_non_null(kernel.region);
    memset(kernel.region, 0, kernel.layout.region_bytes);
    ring_format(kernel.region, &kernel.layout);
    ring_view_init(&kernel.view, kernel.region, &kernel.layout);
    assert_true(rt_ring_init(&ring, kernel.region));
}

static int set_up(void **state)
{
    (void)state;
    set_up_area(4096);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(kernel.region);
    return 0;
}

/* What a pointer of a message says that refers to capability i. */
#define CAP(i) ((struct capnp_capability){.index = (i), .there = true})

/* Ids that capabilities have which come with a call. */
#define CAME(i) (701u + (i))

/*
 * Has the entry `which`, whose receiver's buffer `call` has, complete with a call of a
 * method of interface 7, with these parameters and n capabilities.
 */
static inline void deliver(const struct rt_call *call, uint32_t which, uint64_t id,
                           struct cap_message_header header, const void *params)
{
    memcpy(call->results, &header, sizeof header);
    if (header.params_len != 0) {
        memcpy(call->results + sizeof header, params, header.params_len);
    }
    uint32_t bytes = (uint32_t)sizeof header + header.params_len;
    struct cap_record *records = (struct cap_record *)(void *)(call->results + bytes);
    for (uint16_t i = 0; i < header.cap_count; i++) {
        records[i] = (struct cap_record){.cap_id = CAME(i), .interface_id = 900};
    }
    kernel.cap_count = header.cap_count;
    kernel.tells_detail = true;
    kernel.detail = id;
    kernel_answer(which, (int32_t)bytes);
    kernel.cap_count = 0;
}
