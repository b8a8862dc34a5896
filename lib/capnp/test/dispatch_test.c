// SPDX-License-Identifier: MIT
/*
 * Dispatch: the right handler with checked parameters, or the right refusal
 * without one.
 */
#include "messages.h"
#include "words.h"

#include <capos.capnp.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* What the handlers saw. */
struct seen {
    unsigned calls;
    uint64_t a;
    char text[64];
};

static enum capnp_answer ping(void *self, struct capnp_call *call)
{
    struct seen *seen = self;

    (void)call;
    seen->calls++;
    return CAPNP_ANSWERED;
}

static enum capnp_answer echo(void *self, struct capnp_call *call, uint64_t value,
                              struct capnp_data data,
                              struct capos_null_cap_echo_results_builder results)
{
    struct seen *seen = self;

    seen->calls++;
    if (data.len > 64) {
        return capnp_call_refuse(call, CAPNP_EXC_INVALID_ARGUMENT, "more than 64 bytes");
    }
    capos_null_cap_echo_results_set_value(results, value);
    capos_null_cap_echo_results_set_data(results, data);
    return CAPNP_ANSWERED;
}

static enum capnp_answer add(void *self, struct capnp_call *call,
                             struct capos_null_cap_add_params params,
                             struct capos_null_cap_add_results_builder results)
{
    struct seen *seen = self;

    (void)call;
    seen->calls++;
    seen->a = capos_null_cap_add_params_get_a(params);
    capos_null_cap_add_results_set_sum(results, seen->a + capos_null_cap_add_params_get_b(params) +
                                                    capos_null_cap_add_params_get_c(params));
    capos_null_cap_add_results_set_count(results, seen->calls);
    return CAPNP_ANSWERED;
}

static const struct capos_null_cap_server null_server = {.ping = ping, .echo = echo, .add = add};

static enum capnp_answer write_line(void *self, struct capnp_call *call, struct capnp_text text)
{
    struct seen *seen = self;

    (void)call;
    seen->calls++;
    assert_in_range(text.len, 0, sizeof seen->text - 1u);
    memcpy(seen->text, text.ptr, text.len + 1u);
    return CAPNP_PENDING;
}

/* Serves writeLine and not write. */
static const struct capos_console_server console_server = {.write_line = write_line};

struct exchange {
    uint64_t params[32];
    uint64_t results[32];
    struct capnp_arena arena;
    struct capnp_call call;
    struct seen seen;
};

static void exchange_init(struct exchange *x, uint64_t interface_id, uint16_t method)
{
    memset(x, 0, sizeof *x);
    memset(x->results, 0xee, sizeof x->results);
    capnp_arena_init(&x->arena, x->params, sizeof x->params);
    x->call = (struct capnp_call){
        .interface_id = interface_id,
        .method = method,
        .params = x->params,
        .results = x->results,
        .results_room = sizeof x->results,
        .results_bytes = 12345,
    };
}

static enum capnp_answer exchange_null(struct exchange *x)
{
    return capos_null_cap_dispatch(&null_server, &x->seen, &x->call);
}

static void methods_of_nothing(void **state)
{
    struct exchange x;

    (void)state;
    exchange_init(&x, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_PING);
    assert_int_equal(exchange_null(&x), CAPNP_ANSWERED);
    assert_int_equal(x.call.results_bytes, 0);
    assert_int_equal(x.seen.calls, 1);
    x.call.params_bytes = 8; /* a null root */
    assert_int_equal(exchange_null(&x), CAPNP_ANSWERED);
    x.call.params_bytes = 12;
    assert_int_equal(exchange_null(&x), CAPNP_REFUSED);
    assert_int_equal(x.call.exception, CAPNP_EXC_INVALID_ARGUMENT);
    x.params[0] = STRUCT_AT(5, 1, 0);
    x.call.params_bytes = 16;
    assert_int_equal(exchange_null(&x), CAPNP_REFUSED);
    assert_int_equal(x.seen.calls, 2);
}

static void methods_of_scalars(void **state)
{
    struct capnp_message m;
    struct exchange x;

    (void)state;
    exchange_init(&x, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ADD);
    struct capos_null_cap_add_params_builder b = capos_null_cap_add_params_build_root(&x.arena);
    capos_null_cap_add_params_set_a(b, 40);
    capos_null_cap_add_params_set_b(b, 2);
    x.call.params_bytes = capnp_arena_bytes(&x.arena);
    assert_int_equal(x.call.params_bytes, CAPOS_NULL_CAP_ADD_PARAMS_BYTES);
    assert_int_equal(exchange_null(&x), CAPNP_ANSWERED);
    assert_int_equal(x.call.results_bytes, CAPOS_NULL_CAP_ADD_RESULTS_BYTES);
    capnp_message_open_flat(&m, x.results, x.call.results_bytes);
    struct capos_null_cap_add_results r = capos_null_cap_add_results_read_root(&m);
    assert_int_equal(capos_null_cap_add_results_get_sum(r), 42);
    assert_false(capos_null_cap_add_results_get_carry(r));
    assert_int_equal(capos_null_cap_add_results_get_count(r), 1);
    /* No message at all: every parameter is its default. */
    x.call.params_bytes = 0;
    assert_int_equal(exchange_null(&x), CAPNP_ANSWERED);
    assert_int_equal(x.seen.a, 0);
}

static void methods_of_bytes(void **state)
{
    static const uint8_t bytes[100] = {1, 2, 3};
    struct capnp_message m;
    struct exchange x;

    (void)state;
    exchange_init(&x, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ECHO);
    struct capos_null_cap_echo_params_builder b = capos_null_cap_echo_params_build_root(&x.arena);
    capos_null_cap_echo_params_set_value(b, 77);
    capos_null_cap_echo_params_set_data(b, (struct capnp_data){.ptr = bytes, .len = 3});
    x.call.params_bytes = capnp_arena_bytes(&x.arena);
    assert_int_equal(exchange_null(&x), CAPNP_ANSWERED);
    capnp_message_open_flat(&m, x.results, x.call.results_bytes);
    struct capos_null_cap_echo_results r = capos_null_cap_echo_results_read_root(&m);
    assert_true(capos_null_cap_echo_results_check(r));
    assert_int_equal(capos_null_cap_echo_results_get_value(r), 77);
    assert_int_equal(capos_null_cap_echo_results_get_data(r).len, 3);
    assert_memory_equal(capos_null_cap_echo_results_get_data(r).ptr, bytes, 3);

    exchange_init(&x, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ECHO);
    b = capos_null_cap_echo_params_build_root(&x.arena);
    capos_null_cap_echo_params_set_data(b, (struct capnp_data){.ptr = bytes, .len = 65});
    x.call.params_bytes = capnp_arena_bytes(&x.arena);
    assert_int_equal(exchange_null(&x), CAPNP_REFUSED);
    assert_string_equal(x.call.reason, "more than 64 bytes");
}

/* Of bytes there is one layout that the dispatch knows itself; all others are as good. */
static void methods_of_bytes_in_another_layout(void **state)
{
    static const uint8_t bytes[16] = {1, 2, 3};
    struct capnp_message m;
    struct exchange x;

    (void)state;
    for (uint32_t len = 0; len <= sizeof bytes; len += sizeof bytes) {
        exchange_init(&x, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ECHO);
        struct capos_null_cap_echo_params_builder b =
            capos_null_cap_echo_params_build_root(&x.arena);
        capos_null_cap_echo_params_set_value(b, 77);
        if (len != 0) { /* behind words that nothing points to */
            capos_null_cap_echo_params_set_data(b, (struct capnp_data){.ptr = bytes, .len = 9});
            capos_null_cap_echo_params_set_data(b, (struct capnp_data){.ptr = bytes, .len = len});
        }
        x.call.params_bytes = capnp_arena_bytes(&x.arena);
        assert_int_equal(exchange_null(&x), CAPNP_ANSWERED);
        capnp_message_open_flat(&m, x.results, x.call.results_bytes);
        struct capos_null_cap_echo_results r = capos_null_cap_echo_results_read_root(&m);
        assert_true(capos_null_cap_echo_results_check(r));
        assert_int_equal(capos_null_cap_echo_results_get_value(r), 77);
        assert_int_equal(capos_null_cap_echo_results_get_data(r).len, len);
        assert_memory_equal(capos_null_cap_echo_results_get_data(r).ptr, bytes, len);
    }
    x.params[2] += 4; /* the data begin one word later, and so end outside */
    assert_int_equal(exchange_null(&x), CAPNP_REFUSED);
    assert_int_equal(x.call.exception, CAPNP_EXC_INVALID_ARGUMENT);
    assert_int_equal(x.seen.calls, 1);
}

static void answers_that_come_later(void **state)
{
    struct exchange x;

    (void)state;
    exchange_init(&x, CAPOS_CONSOLE_ID, CAPOS_CONSOLE_WRITE_LINE);
    capos_console_write_line_params_set_text(capos_console_write_line_params_build_root(&x.arena),
                                             CAPNP_TEXT("hello"));
    x.call.params_bytes = capnp_arena_bytes(&x.arena);
    assert_int_equal(capos_console_dispatch(&console_server, &x.seen, &x.call), CAPNP_PENDING);
    assert_string_equal(x.seen.text, "hello");
}

/* No message at all, and a null root: every parameter is its default. */
static void bytes_that_are_not_there(void **state)
{
    struct exchange x;

    (void)state;
    for (uint32_t bytes = 0; bytes <= 8; bytes += 8) {
        exchange_init(&x, CAPOS_CONSOLE_ID, CAPOS_CONSOLE_WRITE_LINE);
        strcpy(x.seen.text, "before");
        x.call.params_bytes = bytes;
        assert_int_equal(capos_console_dispatch(&console_server, &x.seen, &x.call), CAPNP_PENDING);
        assert_string_equal(x.seen.text, "");
        exchange_init(&x, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ECHO);
        x.call.params_bytes = bytes;
        assert_int_equal(exchange_null(&x), CAPNP_ANSWERED);
        assert_int_equal(x.results[1], 0);
    }
}

static void refuse_unimplemented(struct exchange *x, enum capnp_answer answer)
{
    assert_int_equal(answer, CAPNP_REFUSED);
    assert_int_equal(x->call.exception, CAPNP_EXC_UNIMPLEMENTED);
    assert_non_null(x->call.reason);
    assert_int_equal(x->seen.calls, 0);
}

static void what_is_not_served(void **state)
{
    struct exchange x;

    (void)state;
    for (uint32_t method = CAPOS_NULL_CAP_METHOD_COUNT; method <= UINT16_MAX; method += 1009) {
        exchange_init(&x, CAPOS_NULL_CAP_ID, (uint16_t)method);
        refuse_unimplemented(&x, exchange_null(&x));
    }
    exchange_init(&x, CAPOS_CONSOLE_ID, CAPOS_NULL_CAP_PING);
    refuse_unimplemented(&x, exchange_null(&x));
    exchange_init(&x, CAPOS_CONSOLE_ID, CAPOS_CONSOLE_WRITE);
    refuse_unimplemented(&x, capos_console_dispatch(&console_server, &x.seen, &x.call));
}

static void malformed_parameters(void **state)
{
    static const uint64_t bad[][4] = {
        {STRUCT_AT(9, 1, 1), 0, 0, 0},
        {STRUCT_AT(0, 1, 1), 0, LIST_AT(0, CAPNP_ELEMENT_BYTE, 9), 0},
        {STRUCT_AT(0, 1, 1), 0, STRUCT_AT(0, 1, 0), 0},
        {STRUCT_AT(0, 1, 1), 0, CAPABILITY(0), 0},
        {STRUCT_AT(0, 1, 1), 0, FAR(1, 0), 0},
        {LIST_AT(0, CAPNP_ELEMENT_BYTE, 1), 0, 0, 0},
    };
    struct exchange x;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        exchange_init(&x, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ECHO);
        memcpy(x.params, bad[i], sizeof bad[i]);
        x.call.params_bytes = sizeof bad[i];
        assert_int_equal(exchange_null(&x), CAPNP_REFUSED);
        assert_int_equal(x.call.exception, CAPNP_EXC_INVALID_ARGUMENT);
        assert_int_equal(x.seen.calls, 0);
    }
    for (uint32_t bytes = 1; bytes < 8; bytes++) {
        exchange_init(&x, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ADD);
        x.call.params_bytes = bytes;
        assert_int_equal(exchange_null(&x), CAPNP_REFUSED);
        assert_int_equal(x.call.exception, CAPNP_EXC_INVALID_ARGUMENT);
    }
}

/* The handler is not called when not even an empty answer would fit. */
static void no_room_for_the_answer(void **state)
{
    static const uint8_t bytes[16];
    struct exchange x;

    (void)state;
    for (uint32_t room = 0; room <= 48; room++) {
        exchange_init(&x, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ECHO);
        capos_null_cap_echo_params_set_data(capos_null_cap_echo_params_build_root(&x.arena),
                                            (struct capnp_data){.ptr = bytes, .len = sizeof bytes});
        x.call.params_bytes = capnp_arena_bytes(&x.arena);
        x.call.results_room = room;
        assert_int_equal(exchange_null(&x), room < 40 ? CAPNP_NO_ROOM : CAPNP_ANSWERED);
        assert_int_equal(x.seen.calls, room >= CAPOS_NULL_CAP_ECHO_RESULTS_BYTES);
        for (uint32_t i = room; i < sizeof x.results; i++) {
            assert_int_equal(((uint8_t *)x.results)[i], 0xee);
        }
    }
}

/* Whatever the parameters are, dispatch ends and touches nothing else. */
static void every_bit_of_the_parameters(void **state)
{
    static const uint8_t bytes[16] = {9, 8, 7};
    struct exchange x;
    uint64_t good[32];

    (void)state;
    exchange_init(&x, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ECHO);
    capos_null_cap_echo_params_set_data(capos_null_cap_echo_params_build_root(&x.arena),
                                        (struct capnp_data){.ptr = bytes, .len = sizeof bytes});
    uint32_t len = capnp_arena_bytes(&x.arena);
    memcpy(good, x.params, sizeof good);
    for (uint16_t method = 0; method < CAPOS_NULL_CAP_METHOD_COUNT; method++) {
        for (uint32_t bit = 0; bit < len * 8u; bit++) {
            uint8_t *params = malloc(len);
            exchange_init(&x, CAPOS_NULL_CAP_ID, method);
            memcpy(params, good, len);
            params[bit / 8u] ^= (uint8_t)(1u << bit % 8u);
            x.call.params = params;
            x.call.params_bytes = len;
            assert_in_range(exchange_null(&x), CAPNP_ANSWERED, CAPNP_REFUSED);
            free(params);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_of_nothing),
        cmocka_unit_test(methods_of_scalars),
        cmocka_unit_test(methods_of_bytes),
        cmocka_unit_test(methods_of_bytes_in_another_layout),
        cmocka_unit_test(answers_that_come_later),
        cmocka_unit_test(bytes_that_are_not_there),
        cmocka_unit_test(what_is_not_served),
        cmocka_unit_test(malformed_parameters),
        cmocka_unit_test(no_room_for_the_answer),
        cmocka_unit_test(every_bit_of_the_parameters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
