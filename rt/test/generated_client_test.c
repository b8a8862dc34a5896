// SPDX-License-Identifier: MIT
/*
 * Generated calls of interfaces that inherit and of generic ones, over a ring at whose
 * other end the generated dispatch of the same interface answers: each client function
 * reaches the method it is named for, with its parameters, and brings back the results.
 */
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

#include "../../lib/capnp/test/gen/other.capnp.c"

#include "../../lib/capnp/test/gen/everything.capnp.c"

#include "../../lib/capnp/test/gen/everything.client.h"

#include <lib/ring.h>
#include <stdlib.h>
#include <string.h>

#define TARGET 77u /* the capability that is called */
#define CLONED 88u /* the one that comes back */
#define GIVEN  99u /* the one that is given */

static struct {
    struct ring_layout layout;
    void *region;
    struct ring_view view;
    enum capnp_answer (*serve)(struct capnp_call *call);
    uint8_t params[256]; /* of the last call */
    uint32_t params_bytes;
    struct cap_transfer given; /* with the last call */
    uint16_t cap_count;        /* that come with the next answer */
} kernel;

static struct rt_ring ring;
static char seen; /* the method that was served last: one letter each */

_Noreturn void rt_panic(const char *format, ...)
{
    (void)format;
    abort();
}

/* ---------------------------------------------------------------------------
 * The other end */

static void answer(const struct cap_sqe *sqe)
{
    const uint8_t *params = (const uint8_t *)(uintptr_t)sqe->params_addr;
    uint8_t *results = (uint8_t *)(uintptr_t)sqe->result_addr;
    struct capnp_call call = {
        .interface_id = sqe->interface_id,
        .method = sqe->method_id,
        .params = params,
        .params_bytes = sqe->params_len,
        .params_capabilities = sqe->cap_count,
        .results = results,
        .results_room = sqe->result_len,
    };
    int32_t result = CAP_ERR_EXCEPTION;
    uint16_t flags = 0;
    uint16_t cap_count = 0;

    assert_int_equal(sqe->opcode, CAP_OP_CALL);
    assert_int_equal(sqe->cap_id, TARGET);
    assert_in_range(sqe->params_len, 0, sizeof kernel.params);
    memcpy(kernel.params, params, sqe->params_len);
    kernel.params_bytes = sqe->params_len;
    if (sqe->cap_count != 0) {
        memcpy(&kernel.given, params + sqe->params_len, sizeof kernel.given);
    }
    switch (kernel.serve(&call)) {
    case CAPNP_ANSWERED:
        result = (int32_t)call.results_bytes;
        cap_count = kernel.cap_count;
        break;
    case CAPNP_REFUSED:
        flags = (uint16_t)call.exception;
        break;
    case CAPNP_NO_ROOM:
    case CAPNP_PENDING:
        fail();
    }
    if (cap_count != 0) {
        struct cap_record record = {.cap_id = CLONED, .interface_id = EVERY_HANDLE_ID};
        memcpy(results + call.results_bytes, &record, sizeof record);
    }
    ring_post(&kernel.view, sqe->user_data, result, flags, cap_count, 0);
}

static int64_t rt_cap_enter(uint64_t min_complete, uint64_t timeout_ns)
{
    uint32_t pending;
    uint32_t available;

    (void)min_complete;
    (void)timeout_ns;
    assert_int_equal(ring_pending(&kernel.view, &pending), ST_OK);
    for (; pending != 0; pending--) {
        struct cap_sqe sqe;
        uint32_t room;
        assert_int_equal(ring_cq_room(&kernel.view, &room), ST_OK);
        ring_take(&kernel.view, &sqe);
        answer(&sqe);
    }
    ring_publish(&kernel.view);
    assert_int_equal(ring_available(&kernel.view, &available), ST_OK);
    return available;
}

static int set_up(void **state)
{
    (void)state;
    memset(&kernel, 0, sizeof kernel);
    assert_int_equal(ring_region_layout(4, 8, 16384, &kernel.layout), ST_OK);
    kernel.region = aligned_alloc(4096, kernel.layout.region_bytes);
    assert_non_null(kernel.region);
    memset(kernel.region, 0, kernel.layout.region_bytes);
    ring_format(kernel.region, &kernel.layout);
    ring_view_init(&kernel.view, kernel.region, &kernel.layout);
    assert_true(rt_ring_init(&ring, kernel.region));
    seen = '\0';
    return 0;
}

/* No call leaves anything behind in the area. */
static int tear_down(void **state)
{
    (void)state;
    free(kernel.region);
    return rt_ring_free_chunks(&ring) == RT_RING_CHUNKS ? 0 : -1;
}

static enum capnp_answer note(char letter)
{
    seen = letter;
    return CAPNP_ANSWERED;
}

static void expect_seen(struct rt_status s, char letter)
{
    assert_int_equal(s.code, RT_OK);
    assert_int_equal(seen, letter);
    seen = '\0';
}

static void expect_text(struct capnp_text text, const char *wanted)
{
    assert_true(capnp_text_equal(text, capnp_text_from(wanted)));
}

/* ---------------------------------------------------------------------------
 * A file, which is a reader, a writer and a handle */

static enum capnp_answer seek(void *self, struct capnp_call *call,
                              struct every_file_seek_params params,
                              struct every_file_seek_results_builder results)
{
    (void)self;
    (void)call;
    every_file_seek_results_set_offset(results, every_file_seek_params_get_offset(params) - 1);
    return note('s');
}

static enum capnp_answer dispatch_point(void *self, struct capnp_call *call,
                                        struct every_point params,
                                        struct other_measure_builder results)
{
    (void)self;
    (void)call;
    expect_text(every_point_get_name(params), "here");
    other_measure_set_value(results, every_point_get_x(params));
    return note('d');
}

static enum capnp_answer stream(void *self, struct capnp_call *call, struct capnp_data data)
{
    (void)self;
    (void)call;
    assert_int_equal(data.len, 3);
    return note('t');
}

static enum capnp_answer empty(void *self, struct capnp_call *call)
{
    (void)self;
    (void)call;
    return note('e');
}

static enum capnp_answer read_some(void *self, struct capnp_call *call,
                                   struct every_reader_read_params params,
                                   struct every_reader_read_results_builder results)
{
    static const uint8_t bytes[] = {1, 2, 3, 4, 5};
    uint32_t count = every_reader_read_params_get_count(params);

    (void)self;
    (void)call;
    every_reader_read_results_set_data(results, (struct capnp_data){.ptr = bytes, .len = count});
    return note('r');
}

static enum capnp_answer close_reader(void *self, struct capnp_call *call, struct capnp_text reason)
{
    (void)self;
    (void)call;
    expect_text(reason, "enough");
    return note('c');
}

static enum capnp_answer close_other(void *self, struct capnp_call *call)
{
    (void)self;
    (void)call;
    return note('C');
}

static enum capnp_answer write_some(void *self, struct capnp_call *call, struct capnp_data data,
                                    struct every_writer_write_results_builder results)
{
    (void)self;
    (void)call;
    every_writer_write_results_set_count(results, data.len);
    return note('w');
}

static enum capnp_answer switch_over(void *self, struct capnp_call *call,
                                     struct every_writer_switch_params params,
                                     struct every_writer_switch_results_builder results)
{
    int32_t value = every_writer_switch_params_get_int(params);

    (void)self;
    (void)call;
    every_writer_switch_results_set_return(
        results, every_writer_switch_params_get_while(params) ? value : -value);
    return note('S');
}

/* Gives back the body, built in place. */
static enum capnp_answer post(void *self, struct capnp_call *call,
                              struct every_writer_post_params params,
                              struct every_writer_post_results_builder results)
{
    struct capnp_data body = every_writer_post_params_get_body(params);

    (void)self;
    (void)call;
    expect_text(every_writer_post_params_get_to(params), "someone");
    assert_int_equal(every_writer_post_params_get_count(params), 1234);
    assert_true(every_writer_post_params_get_other(params).there);
    assert_int_equal(every_writer_post_params_get_head(params).len, 3);
    uint8_t *room = every_writer_post_results_room_body(results, body.len);
    if (room == NULL) {
        return capnp_call_refuse(call, CAPNP_EXC_OVERLOADED, "there is no room for the body");
    }
    memcpy(room, body.ptr, body.len);
    return note('P');
}

static enum capnp_answer name(void *self, struct capnp_call *call,
                              struct every_handle_name_results_builder results)
{
    (void)self;
    (void)call;
    every_handle_name_results_set_name(results, CAPNP_TEXT("a file"));
    return note('n');
}

static enum capnp_answer clone(void *self, struct capnp_call *call,
                               struct every_handle_clone_results_builder results)
{
    (void)self;
    (void)call;
    every_handle_clone_results_set_handle(results, (struct every_handle_cap){{0, true}});
    return note('l');
}

static enum capnp_answer same(void *self, struct capnp_call *call,
                              struct every_handle_same_params params,
                              struct every_handle_same_results_builder results)
{
    (void)self;
    (void)call;
    every_handle_same_results_set_same(results, every_handle_same_params_get_other(params).c.there);
    return note('=');
}

static enum capnp_answer serve_file(struct capnp_call *call)
{
    static const struct every_file_server server = {
        .seek = seek,
        .dispatch_2 = dispatch_point,
        .stream = stream,
        .empty = empty,
        .read = read_some,
        .close = close_reader,
        .other_closeable_close = close_other,
        .write = write_some,
        .switch_ = switch_over,
        .post = post,
        .name = name,
        .clone = clone,
        .same = same,
    };

    return every_file_dispatch(&server, NULL, call);
}

static const struct every_file file = {TARGET};

static void test_own_methods(void **state)
{
    struct every_point_builder point;
    struct capnp_arena arena;
    struct capnp_message m;
    struct other_measure measure;
    struct rt_call call;
    int64_t offset = 0;

    (void)state;
    kernel.serve = serve_file;
    expect_seen(every_file_seek(&ring, file, -40, &offset), 's');
    assert_int_equal(offset, -41);
    expect_seen(every_file_empty(&ring, file), 'e');
    struct capnp_data data = {.ptr = (const uint8_t *)"abc", .len = 3};
    expect_seen(every_file_stream(&ring, file, data), 't');

    assert_true(rt_ok(every_file_dispatch_2_begin(&call, &ring, 128, 128, &arena, &point)));
    every_point_set_x(point, 2.5);
    every_point_set_name(point, CAPNP_TEXT("here"));
    assert_true(rt_ok(every_file_dispatch_2_submit(&call, file, &arena)));
    expect_seen(rt_call_wait(&call), 'd');
    assert_true(rt_ok(every_file_dispatch_2_take(&call, &m, &measure)));
    assert_true(other_measure_get_value(measure) == 2.5);
    rt_call_end(&call);
}

static void test_inherited_methods(void **state)
{
    struct capnp_data data = {.ptr = (const uint8_t *)"1234567", .len = 7};
    struct capnp_data bytes;
    struct capnp_text text;
    struct rt_call call;
    uint32_t count = 0;
    int32_t result = 0;

    (void)state;
    kernel.serve = serve_file;
    expect_seen(every_file_read_call(&call, &ring, file, 4, 128), 'r');
    assert_true(rt_ok(every_file_read_take(&call, &bytes)));
    assert_int_equal(bytes.len, 4);
    assert_int_equal(bytes.ptr[3], 4);
    rt_call_end(&call);
    expect_seen(every_file_write(&ring, file, data, &count), 'w');
    assert_int_equal(count, 7);
    expect_seen(every_file_switch(&ring, file, 5, false, &result), 'S');
    assert_int_equal(result, -5);
    expect_seen(every_file_name_call(&call, &ring, file, 128), 'n');
    assert_true(rt_ok(every_file_name_take(&call, &text)));
    expect_text(text, "a file");
    rt_call_end(&call);

    /* One name of two interfaces, of which one is inherited twice. */
    expect_seen(every_file_close(&ring, file, CAPNP_TEXT("enough")), 'c');
    expect_seen(every_file_other_closeable_close(&ring, file), 'C');
    /* The same methods by the interfaces that they come from. */
    struct every_reader reader = {TARGET};
    struct every_handle handle = {TARGET};
    expect_seen(every_reader_close(&ring, reader, CAPNP_TEXT("enough")), 'c');
    expect_seen(every_reader_other_closeable_close(&ring, reader), 'C');
    expect_seen(every_handle_name_call(&call, &ring, handle, 128), 'n');
    rt_call_end(&call);
}

static void test_capabilities(void **state)
{
    struct every_handle cloned = {0};
    bool is_same = false;

    (void)state;
    kernel.serve = serve_file;
    expect_seen(every_file_same(&ring, file, rt_copy(GIVEN), &is_same), '=');
    assert_true(is_same);
    assert_int_equal(kernel.given.cap_id, GIVEN);
    assert_int_equal(kernel.given.mode, CAP_TRANSFER_COPY);
    expect_seen(every_file_same(&ring, file, rt_nothing(), &is_same), '=');
    assert_false(is_same);
    kernel.cap_count = 1;
    expect_seen(every_file_clone(&ring, file, &cloned), 'l');
    assert_int_equal(cloned.id, CLONED);
    /* Results that name a capability which did not come. */
    kernel.cap_count = 0;
    assert_int_equal(every_file_clone(&ring, file, &cloned).code, RT_ERR_MESSAGE);
}

static const uint8_t head[] = {1, 2, 3};
static const uint8_t body[] = {9, 8, 7, 6, 5, 4, 3, 2, 1};

/* Begins a call of post, and writes its data where they go. */
static struct rt_status begin_post(struct rt_call *call, uint32_t body_len, uint32_t results_room)
{
    struct capnp_data_room head_room = {.len = sizeof head};
    struct capnp_data_room body_room = {.len = body_len};

    struct rt_status s = every_file_post_begin(call, &ring, &head_room, CAPNP_TEXT("someone"),
                                               rt_copy(GIVEN), &body_room, 1234, results_room);
    if (rt_ok(s)) {
        memcpy(head_room.ptr, head, sizeof head);
        memcpy(body_room.ptr, body, body_len);
    }
    return s;
}

/* Data that are built in place make the same message, whatever lay there. */
static void test_data_in_place(void **state)
{
    struct capnp_data back;
    struct rt_call call;
    uint8_t copied[sizeof kernel.params];

    (void)state;
    kernel.serve = serve_file;
    memset(ring.area, 0xa5, kernel.layout.area_bytes);
    expect_seen(every_file_post_call(&call, &ring, file, (struct capnp_data){head, sizeof head},
                                     CAPNP_TEXT("someone"), rt_copy(GIVEN),
                                     (struct capnp_data){body, sizeof body}, 1234, 128),
                'P');
    uint32_t bytes = kernel.params_bytes;
    memcpy(copied, kernel.params, bytes);
    rt_call_end(&call);

    memset(ring.area, 0xa5, kernel.layout.area_bytes);
    kernel.given.cap_id = 0;
    assert_true(rt_ok(begin_post(&call, sizeof body, 128)));
    assert_true(rt_ok(every_file_post_submit(&call, file)));
    expect_seen(rt_call_wait(&call), 'P');
    assert_int_equal(kernel.params_bytes, bytes);
    assert_memory_equal(kernel.params, copied, bytes);
    assert_int_equal(kernel.given.cap_id, GIVEN);
    assert_true(rt_ok(every_file_post_take(&call, &back)));
    assert_int_equal(back.len, sizeof body);
    assert_memory_equal(back.ptr, body, sizeof body);
    rt_call_end(&call);
}

/*
 * The area does not hold them; the answer has no room for them; more is given than there is
 * room for. No data at all are none too many.
 */
static void test_data_in_place_that_do_not_fit(void **state)
{
    struct capnp_data_room room = {.len = kernel.layout.area_bytes};
    struct rt_call call;

    (void)state;
    kernel.serve = serve_file;
    assert_int_equal(every_file_write_begin(&call, &ring, &room).code, RT_ERR_NO_AREA);
    room.len = UINT32_MAX;
    assert_int_equal(every_file_write_begin(&call, &ring, &room).code, RT_ERR_NO_AREA);
    assert_true(rt_ok(begin_post(&call, 0, 128)));
    assert_true(rt_ok(every_file_post_submit(&call, file)));
    expect_seen(rt_call_wait(&call), 'P');
    rt_call_end(&call);

    assert_true(rt_ok(begin_post(&call, sizeof body, 24)));
    assert_true(rt_ok(every_file_post_submit(&call, file)));
    struct rt_status s = rt_call_wait(&call);
    assert_int_equal(s.code, CAP_ERR_EXCEPTION);
    assert_int_equal(s.exception, CAP_EXC_OVERLOADED);
    rt_call_end(&call);

    assert_true(rt_ok(begin_post(&call, sizeof body, 128)));
    (void)rt_call_give(&call, rt_copy(GIVEN));
    assert_int_equal(every_file_post_submit(&call, file).code, RT_ERR_BUILD);
}

static void test_what_is_not_served(void **state)
{
    (void)state;
    kernel.serve = serve_file;
    struct rt_status s = every_file_read_send_2(&ring, file);
    assert_int_equal(s.code, CAP_ERR_EXCEPTION);
    assert_int_equal(s.exception, CAP_EXC_UNIMPLEMENTED);
    struct every_text_store store = {TARGET};
    s = every_text_store_clear(&ring, store);
    assert_int_equal(s.code, CAP_ERR_EXCEPTION);
    assert_int_equal(s.exception, CAP_EXC_UNIMPLEMENTED);
}

/* ---------------------------------------------------------------------------
 * A store of texts, which is a generic store with its parameter bound */

static enum capnp_answer put(void *self, struct capnp_call *call, struct capnp_text key,
                             struct capnp_text value,
                             struct every_store_put_results_of_text_builder results)
{
    (void)self;
    (void)call;
    expect_text(key, "key");
    every_store_put_results_of_text_set_old(results, value);
    return note('p');
}

static enum capnp_answer list(void *self, struct capnp_call *call,
                              struct every_store_list_results_of_text_builder results)
{
    (void)self;
    (void)call;
    struct every_box_of_text_list_builder all =
        every_store_list_results_of_text_init_all(results, 2);
    every_box_of_text_set_content(every_box_of_text_list_builder_at(all, 1), CAPNP_TEXT("second"));
    return note('l');
}

static enum capnp_answer clear(void *self, struct capnp_call *call)
{
    (void)self;
    (void)call;
    return note('x');
}

static enum capnp_answer serve_store(struct capnp_call *call)
{
    static const struct every_text_store_server server = {.put = put, .list = list, .clear = clear};

    return every_text_store_dispatch(&server, NULL, call);
}

static void test_generic_methods(void **state)
{
    struct every_text_store store = {TARGET};
    struct capnp_text old;
    struct every_store_list_results_of_text listed;
    struct capnp_message m;
    struct rt_call call;

    (void)state;
    kernel.serve = serve_store;
    expect_seen(every_text_store_clear(&ring, store), 'x');
    expect_seen(every_text_store_put_call(&call, &ring, store, CAPNP_TEXT("key"),
                                          CAPNP_TEXT("a value"), 128),
                'p');
    assert_true(rt_ok(every_text_store_put_take(&call, &old)));
    expect_text(old, "a value");
    rt_call_end(&call);
    expect_seen(every_text_store_list_call(&call, &ring, store, 512), 'l');
    assert_true(rt_ok(every_text_store_list_take(&call, &m, &listed)));
    struct every_box_of_text_list all = every_store_list_results_of_text_get_all(listed);
    assert_int_equal(every_box_of_text_list_len(all), 2);
    expect_text(every_box_of_text_get_content(every_box_of_text_list_at(all, 1)), "second");
    rt_call_end(&call);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_own_methods),
        TEST(test_inherited_methods),
        TEST(test_capabilities),
        TEST(test_data_in_place),
        TEST(test_data_in_place_that_do_not_fit),
        TEST(test_what_is_not_served),
        TEST(test_generic_methods),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
