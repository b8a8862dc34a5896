// SPDX-License-Identifier: MIT
/*
 * JSON by tables that the generator made: what annotations of json.capnp do, and the
 * limits. How it all looks is compared with the stock tool elsewhere, by conversions.
 */
#include "gen/annotated.capnp.c"
#include "gen/annotated.schema.c"

#include <capnp/json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collect.h"

/* As in json_object.c. */
#define PLACES_MAX 32u

static uint64_t words[4096];

static bool parse(const char *json, const struct capnp_node_info *node, struct capnp_arena *arena)
{
    struct capnp_text input = capnp_text_from(json);
    struct capnp_complaint complaint;

    capnp_arena_init(arena, words, sizeof words);
    bool ok = capnp_json_parse(&input, node, arena, &complaint);
    assert_int_equal(ok, complaint.sentence == NULL);
    assert_true(!ok || input.len == 0);
    return ok;
}

/* Parses, and renders what came of it. */
static const char *again_as(const char *json, const struct capnp_node_info *node,
                            enum capnp_style style)
{
    struct capnp_arena arena;
    struct capnp_message m;
    const char *problem = NULL;

    assert_true(parse(json, node, &arena));
    capnp_message_open_flat(&m, words, capnp_arena_bytes(&arena));
    struct capnp_record r = capnp_record_root(node, &m);
    output_len = 0;
    assert_true(capnp_json_render(&r, style, (struct capnp_sink){.write = collect}, &problem));
    return output;
}

static const char *again(const char *json, const struct capnp_node_info *node)
{
    return again_as(json, node, CAPNP_STYLE_SHORT);
}

static void test_tables(void **state)
{
    const struct capnp_node_info *all = &annotated_all_schema;

    (void)state;
    assert_string_equal(all->json_union->tag, "kind");
    assert_string_equal(all->json_union->value, "value");
    assert_string_equal(all->fields[0].json->name, "some_name");
    assert_null(all->fields[0].json->prefix);
    assert_int_equal(all->fields[1].json->data, CAPNP_JSON_BASE64);
    assert_int_equal(all->fields[2].json->data, CAPNP_JSON_HEX);
    assert_null(all->fields[3].json);
    assert_string_equal(annotated_all_place_schema.fields[1].json->name, "Y");
    assert_string_equal(annotated_all_shape_schema.json_union->tag, "shape");
    assert_null(annotated_all_shape_schema.json_union->value);
    assert_null(annotated_all_untagged_schema.json_union->tag);
    assert_null(annotated_inner_schema.json_union);
    assert_string_equal(annotated_colour_schema.enumerants[0].json_name, "RED ONE");
    assert_null(annotated_colour_schema.enumerants[1].json_name);
}

static void test_round_trip(void **state)
{
    static const char json[] =
        "{\"some_name\":\"x\",\"bytes\":\"YWJj\",\"hex\":\"00ff\",\"colour\":\"green\","
        "\"place-x\":-1,\"place-Y\":\"y\",\"place-z\":3,\"shape\":\"SQUARE\",\"sq_side\":4,"
        "\"sq_turn\":\"by\",\"sq_degrees\":90,\"tagged\":{\"which\":\"b\",\"b.DEEP\":\"5\"},"
        "\"untagged\":{\"e\":\"!\"},\"flat_DEEP\":\"6\",\"kind\":\"inner\","
        "\"value\":{\"DEEP\":\"7\",\"text\":\"t\"}}";

    (void)state;
    assert_string_equal(again(json, &annotated_all_schema), json);
}

/* Long values on lines of their own say what they say in one line. */
static void test_pretty(void **state)
{
    static const char json[] =
        "{\"some_name\":\"a text that is long enough to stand in a line of its own, by a lot\","
        "\"bytes\":\"YQ==\",\"hex\":\"00ff\",\"plainBytes\":[1,2,255],\"colour\":\"RED ONE\","
        "\"colours\":[\"RED ONE\",\"green\"],\"place-x\":0,\"place-z\":0,\"shape\":\"circle\","
        "\"radius\":0,\"tagged\":{\"which\":\"a\",\"a\":0},\"untagged\":{\"d\":0},"
        "\"more\":[{\"bytes\":\"YWI=\"},{\"some_name\":\"another text that is long enough to stand "
        "in a line of its own, and by far\"}]}";
    static char pretty[sizeof output];
    static char shorter[sizeof output];

    (void)state;
    (void)again_as(json, &annotated_all_schema, CAPNP_STYLE_PRETTY);
    memcpy(pretty, output, sizeof output);
    assert_non_null(strstr(pretty, "\n  \"bytes\": \"YQ==\""));
    assert_non_null(strstr(pretty, "[1, 2, 255]"));
    (void)again(json, &annotated_all_schema);
    memcpy(shorter, output, sizeof output);
    assert_string_equal(again(pretty, &annotated_all_schema), shorter);
}

static void test_generated_readers_agree(void **state)
{
    struct capnp_arena arena;
    struct capnp_message m;

    (void)state;
    assert_true(parse("{\"value\":\"dw==\",\"kind\":\"coded\",\"flat_text\":\"t\","
                      "\"radius\":2,\"shape\":\"circle\",\"colour\":2}",
                      &annotated_all_schema, &arena));
    capnp_message_open_flat(&m, words, capnp_arena_bytes(&arena));
    struct annotated_all r = annotated_all_read_root(&m);
    assert_true(annotated_all_check(r));
    assert_int_equal(annotated_all_which(r), ANNOTATED_ALL_CODED);
    assert_int_equal(annotated_all_get_coded(r).len, 1);
    assert_int_equal(annotated_all_get_coded(r).ptr[0], 'w');
    assert_int_equal(annotated_all_get_colour(r), ANNOTATED_COLOUR_BLUE);
    struct capnp_text text = annotated_inner_get_text(annotated_all_get_flat(r));
    assert_true(capnp_text_equal(text, CAPNP_TEXT("t")));
    assert_int_equal(annotated_all_shape_which(annotated_all_get_shape(r)),
                     ANNOTATED_ALL_SHAPE_CIRCLE);
}

/* A tag within a member that has a tag: each pass through the object makes one known. */
static void test_tags_in_any_order(void **state)
{
    static const char *const orders[] = {
        "{\"shape\":\"SQUARE\",\"sq_turn\":\"by\",\"sq_degrees\":9}",
        "{\"sq_turn\":\"by\",\"shape\":\"SQUARE\",\"sq_degrees\":9}",
        "{\"sq_degrees\":9,\"sq_turn\":\"by\",\"shape\":\"SQUARE\"}",
        "{\"sq_degrees\":9,\"shape\":\"SQUARE\",\"sq_turn\":\"by\"}",
        "{\"sq_turn\":\"by\",\"sq_degrees\":8,\"shape\":\"SQUARE\",\"sq_degrees\":9}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        assert_non_null(strstr(again(orders[i], &annotated_all_schema), "\"sq_degrees\":9"));
    }
}

static void test_refusals(void **state)
{
    static const char *const bad[] = {
        "{\"kind\":1}",
        "{\"kind\":\"word\",\"kind\":\"word\"}",
        "{\"shape\":\"other\",\"radius\":1}",
        "{\"bytes\":[1]}",
        "{\"bytes\":\"Y\"}",
        "{\"bytes\":\"Y=Y\"}",
        "{\"bytes\":\"Y\\u00e9\"}",
        "{\"hex\":\"0\"}",
        "{\"hex\":\"0x\"}",
        "{\"hex\":\"00",
        "{\"colour\":\"blue\"}",
    };
    struct capnp_arena arena;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(parse(bad[i], &annotated_all_schema, &arena));
    }
}

/* As many structs as are remembered may be flattened into an object, and no more. */
static void test_flattened_structs(void **state)
{
    static const struct capnp_field_info leaf_field = {
        .name = "x",
        .discriminant = CAPNP_NO_DISCRIMINANT,
        .type = {.kind = CAPNP_TYPE_UINT8},
    };
    static const struct capnp_node_info leaf = {
        .kind = CAPNP_NODE_STRUCT, .data_words = 1, .field_count = 1, .fields = &leaf_field};
    static char names[PLACES_MAX + 1u][8];
    static struct capnp_json_field flat[PLACES_MAX + 1u];
    static struct capnp_field_info fields[PLACES_MAX + 1u];
    struct capnp_node_info node = {
        .kind = CAPNP_NODE_STRUCT, .pointer_count = PLACES_MAX + 1u, .fields = fields};
    struct capnp_arena arena;
    char json[1024] = "{";

    (void)state;
    for (uint32_t i = 0; i <= PLACES_MAX; i++) {
        snprintf(names[i], sizeof names[i], "%u_", i);
        flat[i].prefix = names[i];
        fields[i] = (struct capnp_field_info){
            .name = names[i],
            .discriminant = CAPNP_NO_DISCRIMINANT,
            .offset = i,
            .type = {.kind = CAPNP_TYPE_STRUCT, .node = &leaf},
            .json = &flat[i],
        };
        size_t used = strlen(json);
        snprintf(json + used, sizeof json - used, "%s\"%u_x\":1", i == 0 ? "" : ",", i);
    }
    node.field_count = PLACES_MAX + 1u;
    size_t len = strlen(json);
    snprintf(json + len, sizeof json - len, "}");
    assert_false(parse(json, &node, &arena));
    len -= strlen(",\"32_x\":1");
    snprintf(json + len, sizeof json - len, "}");
    assert_true(parse(json, &node, &arena));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_pretty),
        cmocka_unit_test(test_generated_readers_agree),
        cmocka_unit_test(test_tags_in_any_order),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_flattened_structs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
