// SPDX-License-Identifier: MIT
/*
 * Messages in many segments: whatever the segments' sizes are, what was built is
 * what is read, near, far and double-far; framed, it reads back the same; and a
 * grower that gives nothing, too little or too late makes the arena full.
 */
#include "gen/sample.capnp.c"
#include "messages.h"
#include "words.h"

#include <capnp/canonical.h>
#include <capnp/frame.h>
#include <capnp/grow.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SEGMENTS_MAX 200u

/* Gives blocks of the size that is wanted or more, each one filled with rubbish. */
struct source {
    uint32_t least; /* bytes that a segment has, or as many as are asked for */
    uint32_t calls;
    uint32_t calls_max;
    void *blocks[SEGMENTS_MAX];
};

static void *next_block(void *context, uint32_t at_least, uint32_t *bytes)
{
    struct source *source = context;

    if (source->calls == source->calls_max) {
        return NULL;
    }
    *bytes = at_least > source->least ? at_least : source->least;
    void *block = malloc(*bytes);
    memset(block, 0xcd, *bytes);
    source->blocks[source->calls++] = block;
    return block;
}

struct built {
    struct source source;
    struct capnp_segment table[SEGMENTS_MAX];
    struct capnp_growth growth;
    struct capnp_arena arena;
};

/* An arena whose first segment has `first` bytes and the others at least `least`. */
static void begin(struct built *b, uint32_t first, uint32_t least, uint32_t calls_max)
{
    b->source = (struct source){.least = first, .calls_max = SEGMENTS_MAX};
    b->growth = (struct capnp_growth){
        .next = next_block,
        .context = &b->source,
        .segments = b->table,
        .segments_max = SEGMENTS_MAX,
    };
    uint32_t bytes;
    void *buffer = next_block(&b->source, first, &bytes);
    b->source.least = least;
    b->source.calls_max = calls_max + 1u;
    capnp_arena_init_growing(&b->arena, buffer, bytes, &b->growth);
}

static void end(struct built *b)
{
    for (uint32_t i = 0; i < b->source.calls; i++) {
        free(b->source.blocks[i]);
    }
}

/* Copies a flat message's root into the arena. */
static bool copy_root(struct built *b, const void *bytes, size_t len, uint16_t pointers)
{
    struct capnp_message m;
    bool copied = true;

    capnp_message_open_flat(&m, bytes, len);
    struct capnp_struct from = capnp_root(&m, (uint16_t)0, pointers);
    struct capnp_struct_builder root = capnp_build_root(&b->arena, 0, pointers);
    for (uint16_t i = 0; i < from.pointer_count && i < pointers; i++) {
        copied = capnp_any_copy(capnp_slot(root, i * 8u), capnp_get_any(from, i)) && copied;
    }
    return copied;
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

/* The words of the segments, framed in one block and opened. */
static uint8_t *frame(const struct built *b, uint32_t count, size_t *len)
{
    uint64_t total = capnp_frame_table_bytes(count);

    for (uint32_t i = 0; i < count; i++) {
        total += b->table[i].bytes;
    }
    uint8_t *bytes = malloc(total);
    assert_true(capnp_frame_write_table(bytes, total, b->table, count));
    uint8_t *p = bytes + capnp_frame_table_bytes(count);
    for (uint32_t i = 0; i < count; i++) {
        memcpy(p, b->table[i].base, b->table[i].bytes);
        p += b->table[i].bytes;
    }
    *len = (size_t)total;
    return bytes;
}

/* How many far pointers of one kind the message has; words of text are never taken for one here. */
static unsigned count_far(const struct built *b, uint32_t count, uint64_t kind)
{
    unsigned found = 0;

    for (uint32_t i = 0; i < count; i++) {
        for (uint64_t at = 0; at < b->table[i].bytes; at += 8) {
            uint64_t word = capnp_load_u64(b->table[i].base + at);
            found += (word & 7u) == kind && word >> 32 < count &&
                     (uint32_t)word < b->table[word >> 32].bytes && word >> 32 != 0;
        }
    }
    return found;
}

static void segments_of_every_size(void **state)
{
    static const struct {
        const uint8_t *bytes;
        size_t len;
        uint16_t pointers;
    } messages[] = {{tree_flat, sizeof tree_flat, 4}, {lists_flat, sizeof lists_flat, 13}};
    unsigned far_one = 0;
    unsigned far_two = 0;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        for (uint32_t size = 8; size <= 400; size += 8) {
            for (uint32_t first = 8u + messages[i].pointers * 8u; first <= 200; first += 24) {
                struct capnp_segment segments[SEGMENTS_MAX];
                struct capnp_message m;
                struct capnp_message flat;
                struct built b;
                begin(&b, first, size, SEGMENTS_MAX);
                assert_true(
                    copy_root(&b, messages[i].bytes, messages[i].len, messages[i].pointers));
                assert_true(capnp_arena_ok(&b.arena));
                uint32_t count = capnp_arena_segments(&b.arena);
                assert_in_range(count, 1, SEGMENTS_MAX);
                assert_true(capnp_message_open_segments(&m, b.table, count));
                capnp_message_open_flat(&flat, messages[i].bytes, messages[i].len);
                assert_true(capnp_any_equal(root_of(&m), root_of(&flat)));
                far_one += count_far(&b, count, 2);
                far_two += count_far(&b, count, 6);
                size_t len;
                uint8_t *framed = frame(&b, count, &len);
                assert_true(capnp_message_open_framed(&m, framed, len, segments, SEGMENTS_MAX));
                assert_int_equal(m.segment_count, count);
                assert_true(capnp_any_check(root_of(&m)));
                assert_true(capnp_any_equal(root_of(&m), root_of(&flat)));
                free(framed);
                end(&b);
            }
        }
    }
    assert_in_range(far_one, 100, 1000000);
    assert_in_range(far_two, 100, 1000000);
}

/* With a grower that gives ever more segments and then none: full, and well-formed. */
static void growers_that_stop(void **state)
{
    (void)state;
    for (uint32_t calls = 0; calls < 40; calls++) {
        struct capnp_message m;
        struct built b;
        begin(&b, 48, 24, calls);
        bool copied = copy_root(&b, tree_flat, sizeof tree_flat, 4);
        assert_int_equal(capnp_arena_ok(&b.arena), copied);
        assert_true(calls != 0 || !copied);
        assert_true(calls != 39 || copied);
        assert_true(capnp_message_open_segments(&m, b.table, capnp_arena_segments(&b.arena)));
        assert_true(capnp_any_check(root_of(&m)));
        /* Once full, always full. */
        if (!copied) {
            b.source.calls_max = SEGMENTS_MAX;
            uint32_t before = b.source.calls;
            assert_null(capnp_arena_take(&b.arena, 1));
            assert_int_equal(b.source.calls, before);
        }
        end(&b);
    }
}

static void *too_little(void *context, uint32_t at_least, uint32_t *bytes)
{
    *bytes = at_least - 8u;
    return context;
}

static void growers_that_lie(void **state)
{
    uint64_t first[4];
    uint64_t other[4];
    struct capnp_segment table[2];
    struct capnp_growth growth = {
        .next = too_little, .context = other, .segments = table, .segments_max = 2};
    struct capnp_arena a;

    (void)state;
    capnp_arena_init_growing(&a, first, sizeof first, &growth);
    struct capnp_struct_builder root = capnp_build_root(&a, 0, 3);
    capnp_any_set_text(capnp_slot(root, 0), CAPNP_TEXT("x"));
    assert_false(capnp_arena_ok(&a));
    assert_int_equal(capnp_arena_segments(&a), 1);
    /* A table with no more entries, and no function at all. */
    growth.segments_max = 1;
    capnp_arena_init_growing(&a, first, sizeof first, &growth);
    assert_null(capnp_arena_take(&a, 5));
    growth = (struct capnp_growth){.segments = table, .segments_max = 2};
    capnp_arena_init_growing(&a, first, sizeof first, &growth);
    assert_int_equal(capnp_arena_segments(&a), 0);
    assert_null(capnp_arena_take(&a, 5));
}

static void root_needs_the_first_segment(void **state)
{
    struct built b;

    (void)state;
    begin(&b, 16, 64, 4);
    assert_null(capnp_build_root(&b.arena, 1, 1).data);
    assert_false(capnp_arena_ok(&b.arena));
    assert_int_equal(capnp_arena_segments(&b.arena), 0);
    end(&b);
}

/* Data that are built in place: in the segment that has room for them, or in the next. */
static void in_place(void **state)
{
    (void)state;
    for (uint32_t len = 0; len < 80; len++) {
        struct capnp_message m;
        struct built b;
        begin(&b, 64, 8, 1);
        struct capnp_struct_builder root = capnp_build_root(&b.arena, 0, 1);
        uint8_t *room = capnp_any_room_data(capnp_slot(root, 0), len);
        assert_non_null(room);
        memset(room, 'x', len);
        uint32_t count = capnp_arena_segments(&b.arena);
        assert_int_equal(count, len <= 48 ? 1 : 2);
        assert_true(capnp_message_open_segments(&m, b.table, count));
        struct capnp_data data = capnp_get_data(capnp_root(&m, 0, 1), 0);
        assert_ptr_equal(data.ptr, room);
        assert_int_equal(data.len, len);
        for (uint32_t i = len; i % 8u != 0; i++) {
            assert_int_equal(room[i], 0);
        }
        end(&b);
    }
    struct built b;
    begin(&b, 16, 8, 0);
    assert_null(capnp_any_room_data(capnp_slot(capnp_build_root(&b.arena, 0, 1), 0), 1));
    assert_false(capnp_arena_ok(&b.arena));
    end(&b);
}

/* Capabilities: written, read, copied across segments, and refused when they did not come along. */
static void capabilities(void **state)
{
    struct capnp_message m;
    struct capnp_message n;
    struct built b;
    struct built c;

    (void)state;
    begin(&b, 24, 24, 8);
    struct capnp_struct_builder root = capnp_build_root(&b.arena, 0, 2);
    capnp_any_set_capability(capnp_slot(root, 0), 7);
    struct capnp_list_builder l =
        capnp_any_init_list(capnp_slot(root, 8), CAPNP_ELEMENT_POINTER, 3);
    capnp_list_builder_set_capability(l, 2, UINT32_MAX - 1u);
    assert_true(capnp_message_open_segments(&m, b.table, capnp_arena_segments(&b.arena)));
    assert_false(capnp_any_check(root_of(&m)));
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_CAPABILITY);

    assert_true(capnp_message_open_segments(&m, b.table, capnp_arena_segments(&b.arena)));
    capnp_message_capabilities(&m, UINT32_MAX);
    assert_true(capnp_any_check(root_of(&m)));
    struct capnp_struct s = capnp_root(&m, 0, 2);
    assert_true(capnp_get_capability(s, 0).there);
    assert_int_equal(capnp_get_capability(s, 0).index, 7);
    struct capnp_capability_list list = {capnp_get_list(s, 1, CAPNP_ELEMENT_POINTER)};
    assert_int_equal(capnp_capability_list_len(list), 3);
    assert_false(capnp_capability_list_at(list, 0).there);
    assert_int_equal(capnp_capability_list_at(list, 2).index, UINT32_MAX - 1u);
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_NONE);

    begin(&c, 24, 16, 8);
    struct capnp_struct_builder copy = capnp_build_root(&c.arena, 0, 2);
    assert_true(capnp_any_copy(capnp_slot(copy, 0), capnp_get_any(s, 0)));
    assert_true(capnp_any_copy(capnp_slot(copy, 8), capnp_get_any(s, 1)));
    assert_true(capnp_message_open_segments(&n, c.table, capnp_arena_segments(&c.arena)));
    capnp_message_capabilities(&n, UINT32_MAX);
    assert_true(capnp_any_equal(root_of(&m), root_of(&n)));
    end(&c);
    /* Not of this message, or not a capability at all. */
    capnp_message_capabilities(&m, 7);
    assert_false(capnp_get_capability(s, 0).there);
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_CAPABILITY);
    end(&b);
    static const uint64_t no_capability[] = {7, STRUCT_AT(-1, 0, 0), LIST_AT(0, 2, 0), 0x0b,
                                             0x100000007};
    for (size_t i = 0; i < sizeof no_capability / sizeof *no_capability; i++) {
        uint64_t words[] = {STRUCT_AT(0, 0, 1), no_capability[i]};
        struct fixture f;
        fixture_flat(&f, words, sizeof words);
        capnp_message_capabilities(&f.m, UINT32_MAX);
        assert_false(capnp_get_capability(capnp_root(&f.m, 0, 1), 0).there);
        assert_int_equal(capnp_message_error(&f.m), CAPNP_ERROR_KIND);
        fixture_free(&f);
    }
}

static void open_segments(void **state)
{
    uint64_t words[2] = {0, 0};
    struct capnp_segment segments[2] = {{(const uint8_t *)words, 8}, {NULL, 0}};
    struct capnp_message m;

    (void)state;
    assert_false(capnp_message_open_segments(&m, segments, 0));
    assert_int_equal(capnp_message_error(&m), CAPNP_ERROR_FRAMING);
    assert_true(capnp_message_open_segments(&m, segments, 2));
    segments[1].bytes = 4;
    assert_false(capnp_message_open_segments(&m, segments, 2));
    segments[1].bytes = 1ull << 35;
    assert_false(capnp_message_open_segments(&m, segments, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_of_every_size),
        cmocka_unit_test(growers_that_stop),
        cmocka_unit_test(growers_that_lie),
        cmocka_unit_test(root_needs_the_first_segment),
        cmocka_unit_test(capabilities),
        cmocka_unit_test(open_segments),
        cmocka_unit_test(in_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
