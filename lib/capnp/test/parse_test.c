// SPDX-License-Identifier: MIT
/*
 * What text and JSON are refused for, each with its sentence, and the forms that are seldom
 * written and are taken. How common ones look is compared with the stock tool elsewhere, by
 * conversions.
 */
#include "gen/annotated.schema.c"
#include "gen/everything.schema.c"
#include "gen/other.schema.c"
#include "gen/sample.schema.c"

#include <capnp/json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collect.h"

struct format {
    bool (*parse)(struct capnp_text *input, const struct capnp_node_info *node,
                  struct capnp_arena *arena, struct capnp_complaint *complaint);
    bool is_json;
};

static const struct format text_format = {capnp_text_parse, false};
static const struct format json_format = {capnp_json_parse, true};

struct bad {
    const struct capnp_node_info *node;
    const char *input;
    const char *sentence;
};

/* What is taken, and what it is by the short form of the same format. */
struct good {
    const struct capnp_node_info *node;
    const char *input;
    const char *again;
};

static uint64_t words[4096];

/* The sentence that it is refused with, NULL if it is taken; `at` is where. */
static const char *complaint_of(const struct format *format, const struct capnp_node_info *node,
                                struct capnp_text input, size_t room, uint32_t *at)
{
    struct capnp_complaint complaint;
    struct capnp_arena arena;
    uint32_t len = input.len;

    capnp_arena_init(&arena, words, room);
    bool ok = format->parse(&input, node, &arena, &complaint);
    assert_int_equal(ok, complaint.sentence == NULL);
    assert_true(complaint.offset <= len);
    *at = complaint.offset;
    return complaint.sentence;
}

static void expect_refused(const struct format *format, const struct bad *bad, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t at;
        const char *sentence =
            complaint_of(format, bad[i].node, capnp_text_from(bad[i].input), sizeof words, &at);
        if (sentence == NULL || strcmp(sentence, bad[i].sentence) != 0) {
            fail_msg("%s: \"%s\"", bad[i].input, sentence != NULL ? sentence : "taken");
        }
    }
}

static void expect_taken(const struct format *format, const struct good *good, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct capnp_message m;
        const char *problem;
        uint32_t at;
        const char *sentence =
            complaint_of(format, good[i].node, capnp_text_from(good[i].input), sizeof words, &at);
        if (sentence != NULL) {
            fail_msg("%s: %u: %s", good[i].input, at, sentence);
        }
        capnp_message_open_flat(&m, words, sizeof words);
        struct capnp_record r = capnp_record_root(good[i].node, &m);
        struct capnp_sink sink = {.write = collect};
        output_len = 0;
        assert_true(format->is_json ? capnp_json_render(&r, CAPNP_STYLE_SHORT, sink, &problem)
                                    : capnp_text_render(&r, CAPNP_STYLE_SHORT, sink));
        assert_string_equal(output, good[i].again);
    }
}

/* Cut off anywhere it is refused, and with any byte replaced it is taken or refused. */
static void expect_sound(const struct format *format, const struct capnp_node_info *node,
                         const char *input)
{
    static const char others[] = {'\0', '"', '\\', '(', ')', '[', ']', '{', '}', ',',  ':',
                                  '=',  '-', '0',  'x', 'e', '.', ' ', '#', 'u', '\n', '\xef'};
    struct capnp_text text = capnp_text_from(input);
    uint32_t at;

    assert_null(complaint_of(format, node, text, sizeof words, &at));
    for (uint32_t len = 0; len < text.len; len++) {
        /* Of its own size, so that a byte read too far is found. */
        char *copy = malloc(len + 1u);
        assert_non_null(copy);
        memcpy(copy, input, len);
        struct capnp_text cut = {.ptr = copy, .len = len};
        assert_non_null(complaint_of(format, node, cut, sizeof words, &at));
        free(copy);
    }
    for (uint32_t i = 0; i < text.len; i++) {
        for (size_t k = 0; k < sizeof others; k++) {
            char copy[2048];
            assert_true(text.len <= sizeof copy);
            memcpy(copy, input, text.len);
            copy[i] = others[k];
            (void)complaint_of(format, node, (struct capnp_text){.ptr = copy, .len = text.len},
                               sizeof words, &at);
        }
    }
    for (size_t room = 8; room < 64; room += 8) {
        assert_string_equal(complaint_of(format, node, text, room, &at),
                            "there is no room for the message");
    }
}

static const char too_deep[] = "values are nested too deeply";

/* `head`, and then so many times `open`. */
static bool is_too_deep(const struct format *format, const struct capnp_node_info *node,
                        const char *head, const char *open, unsigned depth)
{
    char input[16 * (CAPNP_NESTING_MAX + 4u)];
    size_t at = 0;
    uint32_t place;

    for (unsigned i = 0; i <= depth; i++) {
        for (const char *c = i == 0 ? head : open; *c != '\0'; c++) {
            assert_true(at < sizeof input);
            input[at++] = *c;
        }
    }
    const char *complaint = complaint_of(
        format, node, (struct capnp_text){.ptr = input, .len = (uint32_t)at}, sizeof words, &place);
    assert_non_null(complaint); /* nothing is closed */
    return strcmp(complaint, too_deep) == 0;
}

/* So deep is taken, and no deeper. */
static void expect_deepest(const struct format *format, const struct capnp_node_info *node,
                           const char *head, const char *open, unsigned deepest)
{
    assert_false(is_too_deep(format, node, head, open, deepest));
    assert_true(is_too_deep(format, node, head, open, deepest + 1u));
}

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define SCALARS  &sample_scalars_schema
#define LISTS    &sample_lists_schema
#define TREE     &sample_tree_schema
#define ANY      &every_anything_schema
#define ALL      &annotated_all_schema

/* ---------------------------------------------------------------------------
 * Text */

static void test_text_refused(void **state)
{
    static const struct bad bad[] = {
        {SCALARS, "", "the text ends too early"},
        {SCALARS, "[]", "a struct in brackets is wanted here"},
        {SCALARS, "(1 = 2)", "the name of a field is wanted here"},
        {SCALARS, "(none = 2)", "the struct has no field of this name"},
        {SCALARS, "(u8 : 2)", "a field needs a value: name = value"},
        {SCALARS, "(u8 = 2 u16 = 3)", "a comma or the closing bracket is wanted here"},
        {SCALARS, "(u8 = 256)", "the number does not fit in its field"},
        {SCALARS, "(u8 = -1)", "the number does not fit in its field"},
        {SCALARS, "(i8 = 128)", "the number does not fit in its field"},
        {SCALARS, "(i8 = -129)", "the number does not fit in its field"},
        {SCALARS, "(i64 = 9223372036854775808)", "the number does not fit in its field"},
        {SCALARS, "(u64 = 18446744073709551616)", "the number does not fit in 64 bits"},
        {SCALARS, "(u8 = 1.5)", "a whole number is wanted here"},
        {SCALARS, "(u8 = 08)", "this is no number"},
        {SCALARS, "(u8 = 0x)", "this is no number"},
        {SCALARS, "(u8 = 0xg)", "this is no number"},
        {SCALARS, "(u8 = 1z)", "this is no number"},
        {SCALARS, "(u8 = ;)", "this character has no meaning here"},
        {SCALARS, "(u8 = (u8 = 1))", "the type is no struct"},
        {SCALARS, "(u8 = ())", "the type is no struct"},
        {SCALARS, "(u8 = (1, 2))", "a closing bracket is wanted here"},
        {SCALARS, "(u8 = (1 2))", "a comma or the closing bracket is wanted here"},
        {SCALARS, "(u8 = (none))", "a whole number is wanted here"},
        {SCALARS, "(f64 = 1.2.3)", "a number is wanted here"},
        {SCALARS, "(f64 = -nan)", "a number is wanted here"},
        {SCALARS, "(f64 = \"1\")", "a number is wanted here"},
        {SCALARS, "(f64 = -9223372036854775809)", "the number does not fit in 64 bits"},
        {SCALARS, "(yes = 1)", "a name is wanted here"},
        {SCALARS, "(yes = void)", "the type has no value of this name"},
        {SCALARS, "(void = true)", "the type has no value of this name"},
        {SCALARS, "(colour = blue)", "the type has no value of this name"},
        {TREE, "(name = 1)", "Text is wanted here"},
        {TREE, "(name = 0x\"00\")", "Text is wanted here"},
        {TREE, "(name = \"\\q\")", "a string has an escape or digit that means nothing"},
        {TREE, "(name = \"\\xg0\")", "a string has an escape or digit that means nothing"},
        {TREE, "(name = \"\\x0g\")", "a string has an escape or digit that means nothing"},
        {TREE, "(name = \"\\x0\")", "a string has an escape or digit that means nothing"},
        {TREE, "(name = \"a\" \"\\q\")", "a string has an escape or digit that means nothing"},
        {TREE, "(name = \"a\nb\")", "a string has no end"},
        {TREE, "(left = 1)", "a struct is wanted here"},
        {LISTS, "(datas = [1])", "Data is wanted here"},
        {LISTS, "(datas = [0x\"0\"])", "a string has an escape or digit that means nothing"},
        {LISTS, "(datas = [0x\"0g\"])", "a string has an escape or digit that means nothing"},
        {LISTS, "(datas = [0x\"g0\"])", "a string has an escape or digit that means nothing"},
        {LISTS, "(u16s = 1)", "a list is wanted here"},
        {LISTS, "(u16s = [1 2])", "a comma or the closing bracket is wanted here"},
        {LISTS, "(u16s = [1)", "a bracket closes what is not open"},
        {LISTS, "(u16s = [;])", "this character has no meaning here"},
        {LISTS, "(u16s = [\"])", "a string has no end"},
        {ANY, "(any = void)", "values of this type cannot be written"},
        {ANY, "(handle = 1)", "values of this type cannot be written"},
    };

    (void)state;
    expect_refused(&text_format, bad, COUNT(bad));
}

static void test_text_taken(void **state)
{
    static const struct good good[] = {
        {TREE, "()", "()"},
        {TREE, "\xef\xbb\xbf # a remark\n( name = \"a\" # another\n \"b\",)", "(name = \"ab\")"},
        {TREE, "(name = (\"a\"), left = (name = \"l\"))", "(name = \"a\", left = (name = \"l\"))"},
        {LISTS, "(u16s = [0x1F, 017, (9), 0,])", "(u16s = [31, 15, 9, 0])"},
        {LISTS, "(i8s = [-128, 127, -0])", "(i8s = [-128, 127, 0])"},
        {LISTS, "(f64s = [1, -2, 0.5, 1e+3, 1E-1, -inf, inf, nan, -0])",
         "(f64s = [1, -2, 0.5, 1000, 0.1, -inf, inf, nan, 0])"},
        {LISTS, "(datas = [0x\"00 fF\", \"\\n\\012\\1\\?\"])",
         "(datas = [\"\\000\\377\", \"\\n\\n\\001?\"])"},
        {LISTS, "(grid = [[1], [], [2, 3]], bools = [true, false], voids = [void])",
         "(voids = [void], bools = [true, false], grid = [[1], [], [2, 3]])"},
    };

    (void)state;
    expect_taken(&text_format, good, COUNT(good));
}

static void test_text_sound(void **state)
{
    (void)state;
    expect_sound(
        &text_format, LISTS,
        "(voids = [void], bools = [true, false], u16s = [0x1f, 017], f64s = [1.5e-3, -inf],"
        " colours = [red], texts = [\"a\\x41\\n\\101\", \"b\" \"c\"], datas = [0x\"00 ff\"],"
        " scalars = [(i8 = -1, f32 = 2)], grid = [[1], []])");
}

static void test_text_nesting(void **state)
{
    (void)state;
    expect_deepest(&text_format, TREE, "", "(left=", CAPNP_NESTING_MAX);
}

/* ---------------------------------------------------------------------------
 * JSON */

static void test_json_refused(void **state)
{
    static const struct bad bad[] = {
        {SCALARS, "", "the text ends too early"},
        {SCALARS, "[]", "an object is wanted here"},
        {SCALARS, "{1:2}", "the name of a member is wanted here"},
        {SCALARS, "{\"u8\" 2}", "a colon is wanted here"},
        {SCALARS, "{\"u8\":2 \"u16\":3}", "a comma or the closing bracket is wanted here"},
        {SCALARS, "{\"u8\":256}", "the number does not fit in its field"},
        {SCALARS, "{\"u8\":-1}", "the number does not fit in its field"},
        {SCALARS, "{\"i8\":128}", "the number does not fit in its field"},
        {SCALARS, "{\"i8\":-129}", "the number does not fit in its field"},
        {SCALARS, "{\"i64\":\"9223372036854775808\"}", "the number does not fit in its field"},
        {SCALARS, "{\"u64\":\"18446744073709551616\"}", "this is no whole number of 64 bits"},
        {SCALARS, "{\"u64\":18446744073709551616}", "this is no whole number of 64 bits"},
        {SCALARS, "{\"u64\":1.5}", "this is no whole number of 64 bits"},
        {SCALARS, "{\"u64\":1e30}", "this is no whole number of 64 bits"},
        {SCALARS, "{\"u64\":1e-1}", "this is no whole number of 64 bits"},
        {SCALARS, "{\"u64\":\"\"}", "this is no whole number of 64 bits"},
        {SCALARS, "{\"u64\":\"0xg\"}", "this is no whole number of 64 bits"},
        {SCALARS, "{\"u64\":\"1.0\"}", "this is no whole number of 64 bits"},
        {SCALARS, "{\"u64\":true}", "this is no value"},
        {SCALARS, "{\"u64\":1e}", "an exponent has no digits"},
        {SCALARS, "{\"f64\":\"one\"}", "this is no number"},
        {SCALARS, "{\"f64\":nan}", "this is no value"},
        {SCALARS, "{\"yes\":1}", "true or false is wanted here"},
        {SCALARS, "{\"colour\":\"blue\"}", "the enum has no value of this name"},
        {SCALARS, "{\"colour\":true}", "this is no value"},
        {SCALARS, "{\"none\":tru}", "this is no value"},
        {SCALARS, "{\"none\":[1 2]}", "a comma or the closing bracket is wanted here"},
        {SCALARS, "{\"none\":{1:2}}", "a string is wanted here"},
        {SCALARS, "{\"none\":{\"a\" 2}}", "a colon is wanted here"},
        {SCALARS, "{\"none\":{\"a\":;}}", "this is no value"},
        {SCALARS, "{\"none\":{\"a\":1;}}", "a comma or the closing bracket is wanted here"},
        {TREE, "{\"name\":1}", "a string is wanted here"},
        {TREE, "{\"name\":\"\\q\"}", "a string has an escape that means nothing"},
        {TREE, "{\"name\":\"\\u00g0\"}", "\\u is followed by what is no character"},
        {TREE, "{\"name\":\"\\ud800\"}", "\\u is followed by what is no character"},
        {TREE, "{\"name\":\"\\udc00\"}", "\\u is followed by what is no character"},
        {TREE, "{\"name\":\"\\ud800\\u0041\"}", "\\u is followed by what is no character"},
        {TREE, "{\"name\":\"\\ud800\\ue000\"}", "\\u is followed by what is no character"},
        {TREE, "{\"left\":1}", "an object is wanted here"},
        {LISTS, "{\"u16s\":1}", "an array is wanted here"},
        {LISTS, "{\"u16s\":[1,70000]}", "the number does not fit in its field"},
        {LISTS, "{\"datas\":[\"00\"]}", "an array is wanted here"},
        {LISTS, "{\"datas\":[[\"0\"]]}", "a byte is wanted here, from 0 to 255"},
        {LISTS, "{\"datas\":[[256]]}", "the number does not fit in its field"},
        {ALL, "{\"bytes\":1}", "a string is wanted here"},
        {ALL, "{\"bytes\":\"Y=Y\"}", "this is no symbol of Base64"},
        {ALL, "{\"bytes\":\"Y\"}", "a string ends within a byte"},
        {ALL, "{\"hex\":\"0\"}", "a string ends within a byte"},
        {ALL, "{\"hex\":\"0\\u0416\"}", "this is no hexadecimal digit"},
        {ANY, "{\"any\":1}", "JSON has no form for values of this type"},
        {ANY, "{\"handle\":1}", "JSON has no form for values of this type"},
    };

    (void)state;
    expect_refused(&json_format, bad, COUNT(bad));
}

static void test_json_taken(void **state)
{
    static const struct good good[] = {
        {TREE, " { } ", "{}"},
        {TREE, "{\"x\":[1,[],{\"a\":null,\"b\":true}],\"y\":false,\"name\":\"\\u0041\\/\\b\"}",
         "{\"name\":\"A/\\b\"}"},
        {TREE, "{\"name\":\"\\u00e9\\u20ac\\ud83d\\ude00\"}", "{\"name\":\"é€😀\"}"},
        {LISTS, "{\"u16s\":[\"0x1F\",\"12\",1.5e1,2.0]}", "{\"u16s\":[31,12,15,2]}"},
        {LISTS, "{\"i64s\":[\"-9223372036854775808\",-1]}",
         "{\"i64s\":[\"-9223372036854775808\",\"-1\"]}"},
        {LISTS,
         "{\"f64s\":[null,\"NaN\",\"nan\",\"-Infinity\",\"inf\",\"-inf\",\"1.5\",1e+2,1E-1,-0.0]}",
         "{\"f64s\":[\"NaN\",\"NaN\",\"NaN\",\"-Infinity\",\"Infinity\",\"-Infinity\",1.5,100,0.1,"
         "-0]}"},
        {LISTS, "{\"datas\":[[0, 255],[]],\"bools\":[true,false],\"voids\":[null,1]}",
         "{\"voids\":[null,null],\"bools\":[true,false],\"datas\":[[0,255],[]]}"},
        {LISTS, "{\"colours\":[\"red\",1,\"darkBlue\"]}",
         "{\"colours\":[\"red\",\"green\",\"darkBlue\"]}"},
    };

    (void)state;
    expect_taken(&json_format, good, COUNT(good));
}

static void test_json_sound(void **state)
{
    (void)state;
    expect_sound(
        &json_format, LISTS,
        "{\"voids\":[null],\"bools\":[true,false],\"u16s\":[\"0x1f\",1.5e1],\"f64s\":[null,"
        "-1.5E-3],\"colours\":[\"red\"],\"texts\":[\"a\\u0041\\ud83d\\ude00\\n\"],"
        "\"datas\":[[0,255]],\"scalars\":[{\"i8\":-1}],\"none\":{\"a\":[1,{}]}}");
    expect_sound(
        &json_format, ALL,
        "{\"some_name\":\"x\",\"bytes\":\"YW Jj\",\"hex\":\"00ff\",\"place-x\":-1,"
        "\"shape\":\"SQUARE\",\"sq_side\":4,\"sq_turn\":\"by\",\"sq_degrees\":90,\"tagged\":"
        "{\"which\":\"b\",\"b.DEEP\":\"5\"},\"untagged\":{\"e\":\"!\"},\"kind\":\"inner\","
        "\"value\":{\"DEEP\":\"7\",\"text\":\"t\"},\"box\":{\"it\":{\"text\":\"u\"}}}");
}

static void test_json_nesting(void **state)
{
    (void)state;
    expect_deepest(&json_format, TREE, "", "{\"left\":", CAPNP_NESTING_MAX);
    expect_deepest(&json_format, SCALARS, "", "{\"left\":", CAPNP_NESTING_MAX); /* unknown */
    expect_deepest(&json_format, SCALARS, "{\"none\":", "[", CAPNP_NESTING_MAX - 1u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_refused), cmocka_unit_test(test_text_taken),
        cmocka_unit_test(test_text_sound),   cmocka_unit_test(test_text_nesting),
        cmocka_unit_test(test_json_refused), cmocka_unit_test(test_json_taken),
        cmocka_unit_test(test_json_sound),   cmocka_unit_test(test_json_nesting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
