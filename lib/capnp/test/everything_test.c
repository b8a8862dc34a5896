// SPDX-License-Identifier: MIT
/*
 * Every feature of the schema language, through code generated from everything.capnp:
 * what is built is well-formed and reads as what went in; constants and defaults are
 * what the schema says; calls reach the method that was meant, inherited or not; the
 * tables describe the same messages.
 */
#include "gen/other.capnp.c"

#include "gen/everything.capnp.c"

#include "gen/other.schema.c"

#include "gen/everything.schema.c"

#include <capnp/text.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* A message being built, and then read. */
struct message {
    uint64_t words[512];
    struct capnp_arena arena;
    struct capnp_message m;
};

static struct capnp_arena *start(struct message *x)
{
    memset(x->words, 0xee, sizeof x->words);
    capnp_arena_init(&x->arena, x->words, sizeof x->words);
    return &x->arena;
}

static struct capnp_message *reopen(struct message *x, uint32_t capabilities)
{
    assert_true(capnp_arena_ok(&x->arena));
    assert_true(capnp_message_open_flat(&x->m, x->words, capnp_arena_bytes(&x->arena)));
    capnp_message_capabilities(&x->m, capabilities);
    return &x->m;
}

static void assert_text(struct capnp_text text, const char *expected)
{
    assert_true(capnp_text_equal(text, capnp_text_from(expected)));
}

static struct every_handle_cap handle(uint32_t index)
{
    return (struct every_handle_cap){{.index = index, .there = true}};
}

/* ---------------------------------------------------------------------------
 * Constants and defaults */

static void constants_of_numbers(void **state)
{
    (void)state;
    assert_true(EVERY_YES);
    assert_int_equal(EVERY_TINY, INT8_MIN);
    assert_int_equal(EVERY_SMALL, INT16_MIN);
    assert_int_equal(EVERY_MIDDLE, INT32_MIN);
    assert_true(EVERY_LARGE == INT64_MIN);
    assert_int_equal(EVERY_UNSIGNED8, UINT8_MAX);
    assert_int_equal(EVERY_UNSIGNED16, UINT16_MAX);
    assert_int_equal(EVERY_UNSIGNED32, UINT32_MAX);
    assert_true(EVERY_UNSIGNED64 == UINT64_MAX);
    assert_true(EVERY_HALF == 0.5f && EVERY_THIRD == 0.3333333333333333);
    assert_true(isinf(EVERY_INFINITE) && isinf(EVERY_LOWEST) && EVERY_LOWEST < 0);
    assert_true(isnan(EVERY_NO_NUMBER));
    assert_text(EVERY_GREETING, "good \"day\"\n");
    assert_text(EVERY_PRIME_TEXT, "good \"day\"\n");
    assert_int_equal(EVERY_BYTES.len, 4);
    assert_memory_equal(EVERY_BYTES.ptr, "\0\1\xfe\xff", 4);
    assert_int_equal(EVERY_UNIT, OTHER_UNIT_SECOND);
    assert_int_equal(EVERY_NESTED_INNER_INNERMOST_DEPTH, 3);
    assert_int_equal(EVERY_NESTED_INNER_INNERMOST_COLOUR_COUNT_2, 2);
    assert_int_equal(EVERY_NESTED_INNER_INNERMOST_COLOUR_COUNT, 3);
}

static void constants_of_words(void **state)
{
    struct capnp_message m;

    (void)state;
    struct capnp_u16_list primes = every_primes(&m);
    assert_int_equal(capnp_u16_list_len(primes), 4);
    assert_int_equal(capnp_u16_list_at(primes, 3), 7);
    struct capnp_bool_list flags = every_flags(&m);
    assert_int_equal(capnp_bool_list_len(flags), 4);
    assert_false(capnp_bool_list_at(flags, 1));
    assert_text(capnp_text_list_at(every_words(&m), 1), "two");
    struct capnp_any row = capnp_any_list_at(every_table(&m), 0);
    struct capnp_u8_list bytes = {capnp_any_list(row, CAPNP_ELEMENT_BYTE)};
    assert_int_equal(capnp_u8_list_at(bytes, 1), 2);
    struct every_point origin = every_origin(&m);
    assert_true(every_point_check(origin));
    assert_true(every_point_get_x(origin) == 1.5 && every_point_get_y(origin) == -2.5);
    struct every_point_list points = every_points(&m);
    assert_int_equal(every_point_list_len(points), 3);
    assert_text(every_point_get_name(every_point_list_at(points, 2)), "origin");
    assert_text(every_box_of_text_get_content(every_boxed(&m)), "inside");
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_NONE);
}

static void defaults(void **state)
{
    struct capnp_message m;

    (void)state;
    capnp_message_open_flat(&m, NULL, 0);
    struct every_defaults r = every_defaults_read_root(&m);
    assert_true(every_defaults_check(r));
    assert_false(every_defaults_has_origin(r));
    assert_true(every_point_get_x(every_defaults_get_origin(r)) == 1.5);
    assert_int_equal(capnp_u16_list_at(every_defaults_get_primes(r), 2), 5);
    struct capnp_any_list list = every_defaults_get_list(r);
    assert_int_equal(capnp_any_list_len(list), 3);
    assert_int_equal(capnp_text_list_len(every_defaults_at_list(list, 1)), 0);
    assert_text(capnp_text_list_at(every_defaults_at_list(list, 2), 0), "c");
    struct every_point nine = every_point_list_at(every_defaults_get_points(r), 0);
    assert_true(every_point_get_x(nine) == 9.0 && isinf(every_point_get_z(nine)));
    assert_text(every_defaults_get_text(r), "default");
    assert_int_equal(every_defaults_get_data(r).len, 2);
    assert_true(isnan(every_defaults_get_not_number(r)));
    assert_true(every_defaults_get_smallest(r) == 1e-30f);
    assert_int_equal(every_defaults_get_unit(r), OTHER_UNIT_SECOND);
    assert_true(every_defaults_get_yes(r));
    struct other_measure measure = every_defaults_get_measure(r);
    assert_true(other_measure_get_value(measure) == 2.0);
    assert_int_equal(other_measure_get_unit(measure), OTHER_UNIT_METRE);
    assert_text(other_measure_get_label(measure), "unlabelled");
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_NONE);
}

static void defaults_are_zeros(void **state)
{
    struct message x;

    (void)state;
    struct every_defaults_builder b = every_defaults_build_root(start(&x));
    every_defaults_set_smallest(b, 1e-30f);
    every_defaults_set_yes(b, true);
    every_defaults_set_unit(b, OTHER_UNIT_SECOND);
    for (unsigned i = 1; i <= EVERY_DEFAULTS_DATA_WORDS; i++) {
        assert_true(x.words[i] == 0);
    }
    every_defaults_set_not_number(b, 4.5);
    every_defaults_set_smallest(b, -7.0f);
    every_defaults_set_yes(b, false);
    struct every_defaults r = every_defaults_read_root(reopen(&x, 0));
    assert_true(every_defaults_get_not_number(r) == 4.5);
    assert_true(every_defaults_get_smallest(r) == -7.0f);
    assert_false(every_defaults_get_yes(r));
}

/* ---------------------------------------------------------------------------
 * Lists, anything, unions, names */

static void build_lists(struct every_lists_builder b)
{
    every_lists_init_voids(b, 3);
    struct capnp_list_builder bools = every_lists_init_bools(b, 10);
    capnp_list_builder_set_bool(bools, 9, true);
    struct capnp_list_builder units = every_lists_init_units(b, 2);
    capnp_list_builder_set_u16(units, 1, OTHER_UNIT_SECOND);
    capnp_list_builder_set_u32(every_lists_init_floats(b, 1), 0, capnp_f32_bits(2.5f));
    capnp_list_builder_set_text(every_lists_init_texts(b, 2), 1, CAPNP_TEXT("text"));
    capnp_list_builder_set_data(every_lists_init_datas(b, 1), 0, EVERY_BYTES);
    struct other_measure_list_builder measures = every_lists_init_measures(b, 2);
    other_measure_set_label(other_measure_list_builder_at(measures, 1), CAPNP_TEXT("label"));
    struct capnp_list_builder grid = every_lists_init_grid(b, 2);
    capnp_list_builder_set_u16(every_lists_nest_grid(grid, 1, 3), 2, (uint16_t)-5);
    struct capnp_list_builder cube = every_lists_init_cube(b, 1);
    struct capnp_list_builder plane = every_lists_nest_cube(cube, 0, 2);
    struct every_point_list_builder line = every_lists_nest2_cube(plane, 1, 2);
    every_point_set_name(every_point_list_builder_at(line, 1), CAPNP_TEXT("inmost"));
    struct capnp_list_builder rows = every_lists_init_bool_rows(b, 1);
    capnp_list_builder_set_bool(every_lists_nest_bool_rows(rows, 0, 2), 1, true);
    rows = every_lists_init_text_rows(b, 1);
    capnp_list_builder_set_text(every_lists_nest_text_rows(rows, 0, 1), 0, CAPNP_TEXT("cell"));
    capnp_list_builder_set_capability(every_lists_init_handles(b, 3), 2, 1);
    rows = every_lists_init_handle_rows(b, 1);
    capnp_list_builder_set_capability(every_lists_nest_handle_rows(rows, 0, 2), 0, 2);
    capnp_list_builder_set_capability(every_lists_init_any_handles(b, 1), 0, 0);
    struct every_box_of_data_list_builder boxes = every_lists_init_boxes(b, 1);
    every_box_of_data_set_content(every_box_of_data_list_builder_at(boxes, 0), EVERY_BYTES);
}

static void lists(void **state)
{
    struct message x;

    (void)state;
    build_lists(every_lists_build_root(start(&x)));
    struct every_lists r = every_lists_read_root(reopen(&x, 3));
    assert_true(every_lists_check(r));
    assert_int_equal(capnp_void_list_len(every_lists_get_voids(r)), 3);
    assert_true(capnp_bool_list_at(every_lists_get_bools(r), 9));
    assert_int_equal(capnp_u16_list_at(every_lists_get_units(r), 1), OTHER_UNIT_SECOND);
    assert_true(capnp_f32_list_at(every_lists_get_floats(r), 0) == 2.5f);
    assert_text(capnp_text_list_at(every_lists_get_texts(r), 1), "text");
    assert_int_equal(capnp_data_list_at(every_lists_get_datas(r), 0).len, 4);
    struct other_measure second = other_measure_list_at(every_lists_get_measures(r), 1);
    assert_text(other_measure_get_label(second), "label");
    struct capnp_i16_list row = every_lists_at_grid(every_lists_get_grid(r), 1);
    assert_int_equal(capnp_i16_list_at(row, 2), -5);
    struct capnp_any_list plane = every_lists_at_cube(every_lists_get_cube(r), 0);
    struct every_point_list line = every_lists_at2_cube(plane, 1);
    assert_text(every_point_get_name(every_point_list_at(line, 1)), "inmost");
    assert_true(capnp_bool_list_at(every_lists_at_bool_rows(every_lists_get_bool_rows(r), 0), 1));
    struct capnp_text_list cells = every_lists_at_text_rows(every_lists_get_text_rows(r), 0);
    assert_text(capnp_text_list_at(cells, 0), "cell");
    struct every_handle_cap_list handles = every_lists_get_handles(r);
    assert_false(every_handle_cap_list_at(handles, 0).c.there);
    assert_int_equal(every_handle_cap_list_at(handles, 2).c.index, 1);
    handles = every_lists_at_handle_rows(every_lists_get_handle_rows(r), 0);
    assert_int_equal(every_handle_cap_list_at(handles, 0).c.index, 2);
    assert_true(capnp_capability_list_at(every_lists_get_any_handles(r), 0).there);
    struct every_box_of_data box = every_box_of_data_list_at(every_lists_get_boxes(r), 0);
    assert_int_equal(every_box_of_data_get_content(box).len, 4);
    assert_int_equal(capnp_message_error(&x.m), CAPNP_ERROR_NONE);

    /* With one capability fewer, the last of them leads nowhere. */
    assert_false(every_lists_check(every_lists_read_root(reopen(&x, 2))));
    assert_int_equal(capnp_message_error(&x.m), CAPNP_ERROR_CAPABILITY);
}

static void anything(void **state)
{
    struct message x;
    struct every_file_cap none = {{.index = 9, .there = false}};

    (void)state;
    struct every_anything_builder b = every_anything_build_root(start(&x));
    capnp_any_set_text(every_anything_init_any(b), CAPNP_TEXT("any"));
    capnp_any_init_struct(every_anything_init_struct(b), 1, 1);
    capnp_any_init_list(every_anything_init_list(b), CAPNP_ELEMENT_BIT, 5);
    every_anything_set_capability(b, (struct capnp_capability){.index = 1, .there = true});
    every_anything_set_handle(b, handle(0));
    every_anything_set_file(b, none);
    struct every_anything r = every_anything_read_root(reopen(&x, 2));
    assert_true(every_anything_check(r));
    assert_text(capnp_any_text(every_anything_get_any(r)), "any");
    assert_int_equal(capnp_any_kind(every_anything_get_struct(r)), CAPNP_KIND_STRUCT);
    assert_int_equal(capnp_any_kind(every_anything_get_list(r)), CAPNP_KIND_LIST);
    assert_int_equal(every_anything_get_capability(r).index, 1);
    assert_true(every_anything_has_handle(r) && every_anything_get_handle(r).c.there);
    assert_false(every_anything_has_file(r) || every_anything_get_file(r).c.there);

    /* A list is no AnyStruct. */
    b = every_anything_build_root(start(&x));
    capnp_any_init_list(every_anything_init_struct(b), CAPNP_ELEMENT_BIT, 5);
    assert_false(every_anything_check(every_anything_read_root(reopen(&x, 0))));
    assert_int_equal(capnp_message_error(&x.m), CAPNP_ERROR_KIND);
}

static void unions_in_groups(void **state)
{
    struct message x;

    (void)state;
    struct every_shape_builder b = every_shape_build_root(start(&x));
    every_shape_set_circle(b, 3.0f);
    struct every_shape_box_builder box = every_shape_init_box(b);
    every_shape_box_set_height(box, 4);
    struct every_shape_box_fill_pattern_builder pattern =
        every_shape_box_fill_init_pattern(every_shape_box_init_fill(box));
    every_shape_box_fill_pattern_set_name(pattern, CAPNP_TEXT("dots"));
    every_shape_box_fill_pattern_set_coarse(pattern, 8);
    every_shape_set_after(b, CAPNP_TEXT("after"));
    struct every_shape r = every_shape_read_root(reopen(&x, 0));
    assert_true(every_shape_check(r));
    assert_true(every_shape_get_before(r));
    assert_int_equal(every_shape_which(r), EVERY_SHAPE_BOX);
    assert_true(every_shape_get_circle(r) == 0);
    struct every_shape_box read = every_shape_get_box(r);
    assert_int_equal(every_shape_box_get_width(read), 7);
    assert_int_equal(every_shape_box_get_height(read), 4);
    struct every_shape_box_fill fill = every_shape_box_get_fill(read);
    assert_int_equal(every_shape_box_fill_which(fill), EVERY_SHAPE_BOX_FILL_PATTERN);
    struct every_shape_box_fill_pattern read_pattern = every_shape_box_fill_get_pattern(fill);
    assert_text(every_shape_box_fill_pattern_get_name(read_pattern), "dots");
    assert_int_equal(every_shape_box_fill_pattern_get_coarse(read_pattern), 8);
    assert_text(every_shape_get_after(r), "after");

    /* Members whose values have the names of the struct's own macros. */
    every_shape_set_data_words(b, 1);
    assert_int_equal(every_shape_which(every_shape_read_root(reopen(&x, 0))),
                     EVERY_SHAPE_DATA_WORDS_2);
    every_shape_set_handle(b, handle(3));
    r = every_shape_read_root(reopen(&x, 4));
    assert_true(every_shape_check(r));
    assert_int_equal(every_shape_get_handle(r).c.index, 3);
    assert_int_equal(EVERY_SHAPE_WHICH_COUNT, 8);
}

static void names_that_are_taken(void **state)
{
    struct message x;

    (void)state;
    struct every_keywords_builder b = every_keywords_build_root(start(&x));
    every_keywords_set_int(b, -1);
    every_keywords_set_while(b, true);
    every_keywords_set_struct(b, CAPNP_TEXT("struct"));
    every_keywords_set_foo_bar(b, 1);
    every_keywords_set_foo_bar_2(b, 2);
    every_keywords_class_3_set_goto(every_keywords_init_class(b), 3);
    every_keywords_class_set_value(every_keywords_init_case(b), 4);
    struct every_keywords r = every_keywords_read_root(reopen(&x, 0));
    assert_true(every_keywords_check(r));
    assert_int_equal(every_keywords_get_int(r), -1);
    assert_true(every_keywords_get_while(r));
    assert_int_equal(every_keywords_get_foo_bar(r), 1);
    assert_int_equal(every_keywords_get_foo_bar_2(r), 2);
    assert_int_equal(every_keywords_class_3_get_goto(every_keywords_get_class(r)), 3);
    assert_int_equal(every_keywords_which(r), EVERY_KEYWORDS_CASE);
    assert_int_equal(every_keywords_class_get_value(every_keywords_get_case(r)), 4);
}

/* ---------------------------------------------------------------------------
 * Generics */

static void generics(void **state)
{
    struct message x;

    (void)state;
    struct every_generics_builder b = every_generics_build_root(start(&x));
    struct every_box_of_text_builder text = every_generics_init_text(b);
    every_box_of_text_set_content(text, CAPNP_TEXT("content"));
    every_box_of_text_set_content(every_box_of_text_init_next(text), CAPNP_TEXT("next"));
    every_box_of_text_open_set_lid(every_box_of_text_init_open(text), CAPNP_TEXT("lid"));
    every_point_set_y(every_box_of_point_init_content(every_generics_init_point(b)), 6.5);
    capnp_any_set_data(every_box_init_content(every_generics_init_anything(b)), EVERY_BYTES);
    every_box_of_handle_set_content(every_generics_init_handle(b), handle(0));
    struct capnp_list_builder numbers =
        every_box_of_list_of_u16_init_content(every_generics_init_numbers(b), 2);
    capnp_list_builder_set_u16(numbers, 1, 77);
    every_box_of_point_set_count(
        every_box_of_box_of_point_init_content(every_generics_init_nested(b)), 12);
    struct every_other_pair_of_text_and_list_of_point_builder pair = every_generics_init_pair(b);
    every_other_pair_of_text_and_list_of_point_set_first(pair, CAPNP_TEXT("first"));
    every_other_pair_of_text_and_list_of_point_init_second(pair, 5);

    struct every_generics r = every_generics_read_root(reopen(&x, 1));
    assert_true(every_generics_check(r));
    struct every_box_of_text box = every_generics_get_text(r);
    assert_text(every_box_of_text_get_content(box), "content");
    assert_text(every_box_of_text_get_content(every_box_of_text_get_next(box)), "next");
    assert_text(every_box_of_text_open_get_lid(every_box_of_text_get_open(box)), "lid");
    struct every_point point = every_box_of_point_get_content(every_generics_get_point(r));
    assert_true(every_point_get_y(point) == 6.5 && every_point_get_x(point) == 1.25);
    struct capnp_any any = every_box_get_content(every_generics_get_anything(r));
    assert_int_equal(capnp_any_data(any).len, 4);
    assert_true(every_box_of_handle_get_content(every_generics_get_handle(r)).c.there);
    struct capnp_u16_list read =
        every_box_of_list_of_u16_get_content(every_generics_get_numbers(r));
    assert_int_equal(capnp_u16_list_at(read, 1), 77);
    struct every_box_of_point inner =
        every_box_of_box_of_point_get_content(every_generics_get_nested(r));
    assert_int_equal(every_box_of_point_get_count(inner), 12);
    struct every_other_pair_of_text_and_list_of_point both = every_generics_get_pair(r);
    assert_int_equal(
        every_point_list_len(every_other_pair_of_text_and_list_of_point_get_second(both)), 5);

    /* The instance is the generic struct, whose content may be anything. */
    struct every_box plain = {box.s};
    assert_text(capnp_any_text(every_box_get_content(plain)), "content");
    struct every_box_of_text fallback = every_generics_get_with_default(r);
    assert_text(every_box_of_text_get_content(fallback), "by default");
    assert_int_equal(every_box_of_text_get_count(fallback), 5);
}

static void generics_are_checked(void **state)
{
    struct message x;

    (void)state;
    struct every_generics_builder b = every_generics_build_root(start(&x));
    struct every_box_builder plain = {every_generics_init_text(b).b};
    capnp_any_init_struct(every_box_init_content(plain), 1, 0);
    assert_false(every_generics_check(every_generics_read_root(reopen(&x, 0))));
    assert_int_equal(capnp_message_error(&x.m), CAPNP_ERROR_KIND);
}

/* ---------------------------------------------------------------------------
 * Calls */

struct exchange {
    struct message params;
    uint64_t results[64];
    struct capnp_message m; /* of the results */
    struct capnp_call call;
};

/* A call whose parameters have been built. */
static struct capnp_call *call(struct exchange *x, uint64_t interface_id, uint16_t method)
{
    memset(x->results, 0xee, sizeof x->results);
    x->call = (struct capnp_call){
        .interface_id = interface_id,
        .method = method,
        .params = x->params.words,
        .params_bytes = capnp_arena_bytes(&x->params.arena),
        .params_capabilities = 1,
        .results = x->results,
        .results_room = sizeof x->results,
    };
    return &x->call;
}

static struct capnp_message *results(struct exchange *x)
{
    assert_true(capnp_message_open_flat(&x->m, x->results, x->call.results_bytes));
    capnp_message_capabilities(&x->m, 1);
    return &x->m;
}

/* What a handler was called for: one letter a method. */
static enum capnp_answer note(void *self, char letter)
{
    *(char *)self = letter;
    return CAPNP_ANSWERED;
}

static enum capnp_answer file_seek(void *self, struct capnp_call *call,
                                   struct every_file_seek_params params,
                                   struct every_file_seek_results_builder results)
{
    (void)call;
    every_file_seek_results_set_offset(results, every_file_seek_params_get_offset(params) - 1);
    return note(self, 's');
}

static enum capnp_answer file_dispatch(void *self, struct capnp_call *call,
                                       struct every_point params,
                                       struct other_measure_builder results)
{
    (void)call;
    other_measure_set_value(results, every_point_get_x(params));
    return note(self, 'd');
}

static enum capnp_answer file_close(void *self, struct capnp_call *call, struct capnp_text reason)
{
    (void)call;
    assert_text(reason, "reason");
    return note(self, 'c');
}

static enum capnp_answer closeable_close(void *self, struct capnp_call *call)
{
    (void)call;
    return note(self, 'C');
}

static enum capnp_answer file_switch(void *self, struct capnp_call *call,
                                     struct every_writer_switch_params params,
                                     struct every_writer_switch_results_builder results)
{
    (void)call;
    every_writer_switch_results_set_return(results, every_writer_switch_params_get_int(params));
    return note(self, 'w');
}

static enum capnp_answer handle_same(void *self, struct capnp_call *call,
                                     struct every_handle_same_params params,
                                     struct every_handle_same_results_builder results)
{
    (void)call;
    every_handle_same_results_set_same(results, every_handle_same_params_get_other(params).c.there);
    return note(self, 'h');
}

static enum capnp_answer handle_clone(void *self, struct capnp_call *call,
                                      struct every_handle_clone_results_builder results)
{
    (void)call;
    every_handle_clone_results_set_handle(results, handle(0));
    return note(self, 'n');
}

static const struct every_file_server file_server = {
    .seek = file_seek,
    .dispatch_2 = file_dispatch,
    .close = file_close,
    .other_closeable_close = closeable_close,
    .switch_ = file_switch,
    .same = handle_same,
    .clone = handle_clone,
};

static void dispatch_of_what_is_inherited(void **state)
{
    struct exchange x;
    char seen = 0;

    (void)state;
    every_file_seek_params_build_root(start(&x.params));
    assert_int_equal(
        every_file_dispatch(&file_server, &seen, call(&x, EVERY_FILE_ID, EVERY_FILE_SEEK)),
        CAPNP_ANSWERED);
    assert_int_equal(seen, 's');
    assert_int_equal(
        every_file_seek_results_get_offset(every_file_seek_results_read_root(results(&x))), -2);

    every_point_set_x(every_point_build_root(start(&x.params)), 12.5);
    assert_int_equal(
        every_file_dispatch(&file_server, &seen, call(&x, EVERY_FILE_ID, EVERY_FILE_DISPATCH)),
        CAPNP_ANSWERED);
    assert_int_equal(seen, 'd');
    assert_true(other_measure_get_value(other_measure_read_root(results(&x))) == 12.5);

    /* The same number of three interfaces, and the same name of two. */
    every_reader_close_params_set_reason(every_reader_close_params_build_root(start(&x.params)),
                                         CAPNP_TEXT("reason"));
    every_file_dispatch(&file_server, &seen, call(&x, EVERY_READER_ID, EVERY_READER_CLOSE));
    assert_int_equal(seen, 'c');
    start(&x.params);
    every_file_dispatch(&file_server, &seen, call(&x, OTHER_CLOSEABLE_ID, OTHER_CLOSEABLE_CLOSE));
    assert_int_equal(seen, 'C');
    every_writer_switch_params_set_int(every_writer_switch_params_build_root(start(&x.params)), 5);
    every_file_dispatch(&file_server, &seen, call(&x, EVERY_WRITER_ID, EVERY_WRITER_SWITCH));
    assert_int_equal(seen, 'w');
    assert_int_equal(
        every_writer_switch_results_get_return(every_writer_switch_results_read_root(results(&x))),
        5);
}

static void dispatch_of_capabilities(void **state)
{
    struct exchange x;
    char seen = 0;

    (void)state;
    every_handle_same_params_set_other(every_handle_same_params_build_root(start(&x.params)),
                                       handle(0));
    every_file_dispatch(&file_server, &seen, call(&x, EVERY_HANDLE_ID, EVERY_HANDLE_SAME));
    assert_int_equal(seen, 'h');
    assert_true(
        every_handle_same_results_get_same(every_handle_same_results_read_root(results(&x))));
    call(&x, EVERY_HANDLE_ID, EVERY_HANDLE_SAME)->params_capabilities = 0;
    assert_int_equal(every_file_dispatch(&file_server, &seen, &x.call), CAPNP_REFUSED);
    assert_int_equal(x.call.exception, CAPNP_EXC_INVALID_ARGUMENT);
    start(&x.params);
    every_file_dispatch(&file_server, &seen, call(&x, EVERY_HANDLE_ID, EVERY_HANDLE_CLONE));
    struct every_handle_clone_results cloned = every_handle_clone_results_read_root(results(&x));
    assert_true(every_handle_clone_results_check(cloned));
    assert_true(every_handle_clone_results_get_handle(cloned).c.there);
}

static void dispatch_of_nothing(void **state)
{
    struct exchange x;
    char seen = 0;

    (void)state;
    start(&x.params);
    const struct {
        uint64_t id;
        uint16_t method;
    } unserved[] = {
        {EVERY_HANDLE_ID, EVERY_HANDLE_NAME},
        {EVERY_HANDLE_ID, EVERY_HANDLE_METHOD_COUNT},
        {EVERY_READER_ID, EVERY_READER_READ_SEND},
        {OTHER_CLOSEABLE_ID, OTHER_CLOSEABLE_METHOD_COUNT},
        {EVERY_FILE_ID, EVERY_FILE_METHOD_COUNT},
        {EVERY_STORE_ID, 0},
    };
    for (size_t i = 0; i < sizeof unserved / sizeof *unserved; i++) {
        struct capnp_call *c = call(&x, unserved[i].id, unserved[i].method);
        assert_int_equal(every_file_dispatch(&file_server, &seen, c), CAPNP_REFUSED);
        assert_int_equal(c->exception, CAPNP_EXC_UNIMPLEMENTED);
    }
    assert_int_equal(seen, 0);
}

static enum capnp_answer store_put(void *self, struct capnp_call *call, struct capnp_text key,
                                   struct capnp_text value,
                                   struct every_store_put_results_of_text_builder results)
{
    (void)call;
    assert_int_equal(key.len, 0);
    every_store_put_results_of_text_set_old(results, value);
    return note(self, 'p');
}

static void dispatch_of_generics(void **state)
{
    static const struct every_text_store_server server = {.put = store_put};
    struct exchange x;
    char seen = 0;

    (void)state;
    struct every_store_put_params_of_text_builder b =
        every_store_put_params_of_text_build_root(start(&x.params));
    every_store_put_params_of_text_set_value(b, CAPNP_TEXT("value"));
    every_text_store_dispatch(&server, &seen, call(&x, EVERY_STORE_ID, EVERY_STORE_PUT));
    assert_int_equal(seen, 'p');
    assert_text(every_store_put_results_of_text_get_old(
                    every_store_put_results_of_text_read_root(results(&x))),
                "value");
}

/* ---------------------------------------------------------------------------
 * Tables */

struct line {
    char text[1024];
    size_t len;
};

static void append(void *self, const char *bytes, size_t len)
{
    struct line *line = self;

    assert_in_range(line->len + len, 0, sizeof line->text - 1u);
    memcpy(line->text + line->len, bytes, len);
    line->len += len;
    line->text[line->len] = '\0';
}

static void tables_render(void **state)
{
    struct message x;
    struct line line = {.len = 0};

    (void)state;
    struct every_generics_builder b = every_generics_build_root(start(&x));
    every_box_of_text_set_content(every_generics_init_text(b), CAPNP_TEXT("text"));
    every_point_set_name(every_box_of_point_init_content(every_generics_init_point(b)),
                         CAPNP_TEXT("point"));
    struct capnp_record r = capnp_record_root(&every_generics_schema, reopen(&x, 0));
    assert_true(capnp_text_render(&r, CAPNP_STYLE_SHORT, (struct capnp_sink){append, &line}));
    assert_string_equal(
        line.text, "(text = (content = \"text\", count = 1, closed = void), "
                   "point = (content = (x = 1.25, y = 0, z = -inf, name = \"point\"), count = 1, "
                   "closed = void))");
}

static void tables_parse(void **state)
{
    struct message x;
    struct capnp_complaint complaint;
    struct capnp_text input =
        CAPNP_TEXT("(box = (width = 2, fill = (pattern = (name = \"n\", coarse = 9))), "
                   "before = false)");

    (void)state;
    assert_true(capnp_text_parse(&input, &every_shape_schema, start(&x), &complaint));
    struct every_shape r = every_shape_read_root(reopen(&x, 0));
    assert_true(every_shape_check(r));
    assert_false(every_shape_get_before(r));
    struct every_shape_box box = every_shape_get_box(r);
    assert_int_equal(every_shape_box_get_width(box), 2);
    struct every_shape_box_fill_pattern pattern =
        every_shape_box_fill_get_pattern(every_shape_box_get_fill(box));
    assert_int_equal(every_shape_box_fill_pattern_get_coarse(pattern), 9);
}

static void tables_name_everything(void **state)
{
    (void)state;
    for (size_t i = 1; i < every_schema_info.node_count; i++) {
        assert_true(every_schema_info.nodes[i - 1u]->id < every_schema_info.nodes[i]->id);
    }
    const struct capnp_node_info *file = capnp_schema_find(&every_schema_info, EVERY_FILE_ID);
    assert_ptr_equal(file, &every_file_schema);
    assert_int_equal(file->superclass_count, 3);
    assert_ptr_equal(file->superclasses[1].node, &every_writer_schema);
    assert_ptr_equal(every_reader_schema.superclasses[0].node, &other_closeable_schema);
    assert_string_equal(file->methods[EVERY_FILE_DISPATCH].name, "dispatch");
    assert_ptr_equal(file->methods[EVERY_FILE_DISPATCH].results, &other_measure_schema);
    assert_string_equal(file->methods[EVERY_FILE_STREAM].results->name, "StreamResult");
    assert_string_equal(every_store_schema.methods[EVERY_STORE_CONVERT].implicit_names[0], "U");
    assert_string_equal(every_handle_schema.doc, "Something to hold.\n");
    assert_string_equal(every_box_schema.param_names[0], "T");
    assert_int_equal(every_unsigned64_schema.value_bits, UINT64_MAX);
    assert_int_equal(capnp_node_enumerant(&other_unit_schema, CAPNP_TEXT("second")),
                     OTHER_UNIT_SECOND);
    const struct capnp_field_info *after =
        capnp_node_field(&every_shape_schema, CAPNP_TEXT("after"));
    assert_int_equal(after->ordinal, 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_of_numbers),
        cmocka_unit_test(constants_of_words),
        cmocka_unit_test(defaults),
        cmocka_unit_test(defaults_are_zeros),
        cmocka_unit_test(lists),
        cmocka_unit_test(anything),
        cmocka_unit_test(unions_in_groups),
        cmocka_unit_test(names_that_are_taken),
        cmocka_unit_test(generics),
        cmocka_unit_test(generics_are_checked),
        cmocka_unit_test(dispatch_of_what_is_inherited),
        cmocka_unit_test(dispatch_of_capabilities),
        cmocka_unit_test(dispatch_of_nothing),
        cmocka_unit_test(dispatch_of_generics),
        cmocka_unit_test(tables_render),
        cmocka_unit_test(tables_parse),
        cmocka_unit_test(tables_name_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
