// SPDX-License-Identifier: MIT
/*
 * Every message that differs in a single bit from a good one of a schema with every
 * feature, in one segment and in as many as there are: checked and read by the schema's
 * own code, by its tables, as text and as JSON, and walked, copied and made canonical
 * with no schema. No byte outside is touched; and what passes its schema's check has no
 * reader that fails.
 */
#include "gen/other.capnp.c"

#include "gen/everything.capnp.c"

#include "gen/other.schema.c"

#include "gen/everything.schema.c"

#include <capnp/canonical.h>
#include <capnp/frame.h>
#include <capnp/grow.h>
#include <capnp/json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORDS        1024u
#define SEGMENTS     256u
#define CAPABILITIES 2u

struct subject {
    const struct capnp_node_info *node;
    bool (*check)(struct capnp_message *m); /* by generated code */
    const char *text;                       /* NULL: built by code, for what text cannot say */
};

#define SUBJECT(type, value)                                                                       \
    {                                                                                              \
        &every_##type##_schema, check_##type, value                                                \
    }
#define CHECK(type)                                                                                \
    static bool check_##type(struct capnp_message *m)                                              \
    {                                                                                              \
        return every_##type##_check(every_##type##_read_root(m));                                  \
    }

CHECK(point)
CHECK(defaults)
CHECK(nested)
CHECK(lists)
CHECK(anything)
CHECK(shape)
CHECK(keywords)
CHECK(generics)
CHECK(point_list_type)

static const struct subject subjects[] = {
    SUBJECT(point, "(x = 3, y = 4, z = 5, name = \"n\")"),
    SUBJECT(defaults, "()"),
    SUBJECT(defaults, "(origin = (x = 1), primes = [2], list = [[], [\"q\"]], points = [()],"
                      " text = \"t\", data = 0x\"ff\", measure = ())"),
    SUBJECT(nested, "(inner = (most = (colour = red)), deep = (colour = count),"
                    " deeps = [(colour = green), ()])"),
    SUBJECT(lists,
            "(voids = [void, void], bools = [true, false, true], units = [metre, second],"
            " floats = [1.5, -inf, nan], texts = [\"a\", \"\"], datas = [\"x\", 0x\"00ff\"],"
            " measures = [(value = 2), ()], grid = [[1, -2], [], [3]], cube = [[[(x = 1)]], []],"
            " boolRows = [[true], [], [false, true]], textRows = [[\"a\"], []],"
            " shapes = [(circle = 2), (box = (width = 3, fill = (pattern = (name = \"p\")))),"
            " (path = [(x = 1)])], boxes = [(content = \"data\", open = (lid = \"lid\"))])"),
    SUBJECT(shape, "(box = (height = 2, fill = (pattern = (name = \"p\", coarse = 4))))"),
    SUBJECT(shape, "(path = [(), (y = 3, name = \"n\")], after = \"a\")"),
    SUBJECT(keywords, "(struct = \"s\", class = (goto = 4), case = (value = 5))"),
    SUBJECT(generics,
            "(text = (content = \"c\", rest = [(content = \"r\")], next = (open = (lid = \"l\"))),"
            " point = (content = (x = 1)), nested = (content = (content = (x = 9))),"
            " numbers = (content = [1, 2, 3]), pair = (first = \"f\", second = [(x = 1)]),"
            " half = (first = \"d\"), label = (key = \"k\", value = (name = \"v\")),"
            " growing = (value = \"g\", next = (value = (content = \"deep\"))))"),
    SUBJECT(point_list_type, "(value = [(x = 1, name = \"a\"), (), (z = 2)])"),
    SUBJECT(anything, NULL),
};

static uint64_t words[WORDS];
static volatile uint64_t sum; /* of all that is read */

/* ---------------------------------------------------------------------------
 * Good messages */

static void build_anything(struct capnp_arena *arena)
{
    struct every_anything_builder b = every_anything_build_root(arena);
    struct capnp_struct_builder any = capnp_any_init_struct(every_anything_init_any(b), 1, 1);

    capnp_set_u64(any, 0, 5);
    capnp_any_set_text(capnp_slot(any, 8), CAPNP_TEXT("inside"));
    (void)capnp_any_init_struct(every_anything_init_struct(b), 2, 0);
    (void)capnp_any_init_list(every_anything_init_list(b), CAPNP_ELEMENT_TWO_BYTES, 3);
    every_anything_set_capability(b, (struct capnp_capability){0, true});
    every_anything_set_handle(b, (struct every_handle_cap){{1, true}});
}

/* Builds the message into `words`; its bytes. */
static size_t build(const struct subject *s)
{
    struct capnp_arena arena;
    struct capnp_complaint complaint;

    capnp_arena_init(&arena, words, sizeof words);
    if (s->text == NULL) {
        build_anything(&arena);
    } else {
        struct capnp_text text = capnp_text_from(s->text);
        assert_true(capnp_text_parse(&text, s->node, &arena, &complaint));
    }
    assert_true(capnp_arena_ok(&arena));
    return capnp_arena_bytes(&arena);
}

static struct capnp_any root_of(struct capnp_message *m)
{
    return (struct capnp_any){
        .message = m,
        .segment = m->segments,
        .slot = m->segments[0].base,
        .depth = CAPNP_DEPTH_MAX + 1u,
    };
}

/* Each part of the message in a segment as long as it is. */
struct shreds {
    uint64_t *next;
    uint64_t *end;
};

static void *next_shred(void *context, uint32_t at_least, uint32_t *bytes)
{
    struct shreds *shreds = context;
    uint64_t *shred = shreds->next;

    *bytes = (at_least + 7u) / 8u * 8u;
    assert_true(*bytes / 8u <= (size_t)(shreds->end - shred));
    shreds->next += *bytes / 8u;
    return shred;
}

/* Copies the message into many segments, framed; its bytes. */
static size_t shred(size_t bytes, uint8_t *framed, size_t room)
{
    static uint64_t memory[2u * WORDS];
    struct shreds shreds = {.next = memory + 1, .end = memory + sizeof memory / sizeof *memory};
    struct capnp_segment table[SEGMENTS];
    struct capnp_growth growth = {
        .next = next_shred, .context = &shreds, .segments = table, .segments_max = SEGMENTS};
    struct capnp_arena arena;
    struct capnp_message m;

    capnp_message_open_flat(&m, words, bytes);
    capnp_message_capabilities(&m, CAPABILITIES);
    capnp_arena_init_growing(&arena, memory, 8, &growth);
    uint8_t *slot = capnp_arena_take(&arena, 1);
    capnp_store_u64(slot, 0);
    assert_true(
        capnp_any_copy((struct capnp_any_builder){.arena = &arena, .slot = slot}, root_of(&m)));
    uint32_t count = capnp_arena_segments(&arena);
    size_t len = capnp_frame_table_bytes(count);
    assert_true(len <= room);
    capnp_frame_write_table(framed, room, table, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(len + table[i].bytes <= room);
        memcpy(framed + len, table[i].base, table[i].bytes);
        len += table[i].bytes;
    }
    return len;
}

/* ---------------------------------------------------------------------------
 * Reading */

static void add(void *self, const char *bytes, size_t len)
{
    (void)self;
    for (size_t i = 0; i < len; i++) {
        sum += (uint8_t)bytes[i];
    }
}

static bool reopen(struct capnp_message *m, struct capnp_segment *segments, const uint8_t *bytes,
                   size_t len, bool framed)
{
    bool ok = framed ? capnp_message_open_framed(m, bytes, len, segments, SEGMENTS)
                     : capnp_message_open_flat(m, bytes, len);

    capnp_message_capabilities(m, CAPABILITIES);
    return ok && m->segments[0].bytes != 0;
}

/* All ways to read a message, each from the start. Whether its schema's check passes. */
static bool use(const struct subject *s, const uint8_t *bytes, size_t len, bool framed)
{
    static uint64_t copy[WORDS * 8u];
    const struct capnp_sink sink = {.write = add};
    struct capnp_segment segments[SEGMENTS];
    struct capnp_arena arena;
    struct capnp_message m;
    const char *problem;
    size_t canonical;

    if (!reopen(&m, segments, bytes, len, framed)) {
        return false;
    }
    bool good = s->check(&m);
    assert_int_equal(good, capnp_message_error(&m) == CAPNP_ERROR_NONE);

    reopen(&m, segments, bytes, len, framed);
    struct capnp_record r = capnp_record_root(s->node, &m);
    bool rendered = capnp_text_render(&r, CAPNP_STYLE_PRETTY, sink);
    assert_true(rendered || !good);

    reopen(&m, segments, bytes, len, framed);
    r = capnp_record_root(s->node, &m);
    (void)capnp_json_render(&r, CAPNP_STYLE_SHORT, sink, &problem);

    reopen(&m, segments, bytes, len, framed);
    sum += capnp_any_check(root_of(&m));
    reopen(&m, segments, bytes, len, framed);
    capnp_arena_init(&arena, copy, sizeof copy);
    struct capnp_struct_builder root = capnp_build_root(&arena, 0, 1);
    sum += capnp_any_copy(capnp_slot(root, 0), root_of(&m));
    reopen(&m, segments, bytes, len, framed);
    sum += capnp_canonical(&m, copy, sizeof copy, &canonical);
    return good;
}

/* ---------------------------------------------------------------------------
 * The sweep */

/* In memory of its own length, so that one byte beside it is one too many. */
static void sweep(const struct subject *s, const void *message, size_t len, bool framed)
{
    uint8_t *bytes = malloc(len);
    size_t refused = 0;

    memcpy(bytes, message, len);
    assert_true(use(s, bytes, len, framed));
    for (size_t bit = 0; bit < len * 8u; bit++) {
        bytes[bit / 8u] ^= (uint8_t)(1u << bit % 8u);
        refused += !use(s, bytes, len, framed);
        bytes[bit / 8u] ^= (uint8_t)(1u << bit % 8u);
    }
    free(bytes);
    /* Flips in values stay unnoticed, those in pointers do not. */
    assert_in_range(refused, 16, len * 8u);
}

static void flat(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        size_t bytes = build(&subjects[i]);
        sweep(&subjects[i], words, bytes, false);
    }
}

static void framed(void **state)
{
    static uint8_t message[WORDS * 8u];

    (void)state;
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        size_t bytes = shred(build(&subjects[i]), message, sizeof message);
        sweep(&subjects[i], message, bytes, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flat),
        cmocka_unit_test(framed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
