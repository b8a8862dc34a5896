// SPDX-License-Identifier: MIT
#include "convert.h"

#include <capnp/canonical.h>
#include <capnp/frame.h>
#include <capnp/json.h>
#include <capnp/pack.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The most bytes that a message, unpacked or parsed, may take. */
#define MESSAGE_BYTES_MAX ((size_t)1 << 30)
#define SEGMENTS_MAX      (1u << 20)

/*
 * The words that reading a message may traverse: so many times its length, and so
 * many more. The file is the user's own, so there is room for sharing and for lists
 * of nothing.
 */
#define BUDGET_FACTOR 64u
#define BUDGET_EXTRA  (1u << 22)

enum format format_named(const char *name, size_t len)
{
    static const char *const names[FORMAT_COUNT] = {
        [FORMAT_BINARY] = "binary", [FORMAT_PACKED] = "packed",
        [FORMAT_FLAT] = "flat",     [FORMAT_FLAT_PACKED] = "flat-packed",
        [FORMAT_TEXT] = "text",     [FORMAT_CANONICAL] = "canonical",
        [FORMAT_JSON] = "json",
    };
    unsigned i = 0;

    while (i < FORMAT_COUNT && (strlen(names[i]) != len || memcmp(names[i], name, len) != 0)) {
        i++;
    }
    return (enum format)i;
}

/* ---------------------------------------------------------------------------
 * Memory */

static void *allocate(size_t bytes)
{
    void *p = malloc(bytes + 8u);

    if (p == NULL) {
        fputs("capos-capnp: out of memory\n", stderr);
        exit(1);
    }
    return p;
}

/* Makes sure of room for so many bytes more. */
static uint8_t *buffer_room(struct buffer *buffer, size_t len)
{
    if (len > buffer->room - buffer->len) {
        size_t room = (buffer->room + len) * 2u;
        uint8_t *larger = allocate(room);
        if (buffer->len != 0) {
            memcpy(larger, buffer->bytes, buffer->len);
        }
        free(buffer->bytes);
        buffer->bytes = larger;
        buffer->room = room;
    }
    return buffer->bytes + buffer->len;
}

void buffer_add(struct buffer *buffer, const void *bytes, size_t len)
{
    uint8_t *at = buffer_room(buffer, len);

    if (len != 0) {
        memcpy(at, bytes, len);
        buffer->len += len;
    }
}

static void add_rendered(void *self, const char *bytes, size_t len)
{
    buffer_add(self, bytes, len);
}

static bool __attribute__((format(printf, 2, 3)))
refuse(struct conversion *c, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(c->problem, sizeof c->problem, format, args);
    va_end(args);
    return false;
}

static bool refuse_message(struct conversion *c, const struct capnp_message *m)
{
    return refuse(c, "%s", capnp_error_text(capnp_message_error(m)));
}

/* ---------------------------------------------------------------------------
 * One message out */

static struct capnp_any root_of(struct capnp_message *m)
{
    m->budget = m->limit;
    return (struct capnp_any){
        .message = m,
        .segment = &m->segments[0],
        .slot = m->segments[0].bytes == 0 ? NULL : m->segments[0].base,
        .depth = CAPNP_DEPTH_MAX + 1u,
    };
}

static size_t message_bytes(const struct capnp_message *m)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < m->segment_count; i++) {
        bytes += m->segments[i].bytes;
    }
    return bytes;
}

/* Copies the message into one segment, which the caller frees; room doubles until it fits. */
static bool copy_flat(struct conversion *c, struct capnp_message *m, uint8_t **words, size_t *bytes)
{
    if (capnp_any_kind(root_of(m)) != CAPNP_KIND_STRUCT && !capnp_any_is_null(root_of(m))) {
        return refuse(c, "the root of the message is no struct");
    }
    for (size_t room = message_bytes(m) + 64u; room <= MESSAGE_BYTES_MAX * 2u; room *= 2u) {
        struct capnp_arena arena;
        *words = allocate(room);
        capnp_arena_init(&arena, *words, room);
        struct capnp_any_builder root = {.arena = &arena, .slot = capnp_arena_take(&arena, 1)};
        bool null = capnp_any_is_null(root_of(m));
        if (null) {
            (void)capnp_any_init_struct(root, 0, 0);
        }
        if (null || capnp_any_copy(root, root_of(m))) {
            *bytes = capnp_arena_bytes(&arena);
            return true;
        }
        free(*words);
        *words = NULL;
        if (capnp_arena_ok(&arena)) {
            return refuse_message(c, m);
        }
    }
    return refuse(c, "a message becomes longer than %zu bytes", MESSAGE_BYTES_MAX);
}

static void add_packed(struct buffer *output, const uint8_t *bytes, size_t len)
{
    size_t room = (size_t)capnp_pack_bound(len);
    size_t packed = 0;

    if (capnp_pack_all(buffer_room(output, room), room, bytes, len, &packed)) {
        output->len += packed;
    }
}

/* One segment in one of the formats of words. */
static void add_words(struct conversion *c, const uint8_t *words, size_t bytes,
                      struct buffer *output)
{
    struct capnp_segment segment = {.base = words, .bytes = bytes};
    struct buffer framed = {.bytes = NULL};
    uint8_t table[8];

    if (c->to == FORMAT_FLAT || c->to == FORMAT_CANONICAL) {
        buffer_add(output, words, bytes);
        return;
    }
    if (c->to == FORMAT_FLAT_PACKED) {
        add_packed(output, words, bytes);
        return;
    }
    capnp_frame_write_table(table, sizeof table, &segment, 1);
    buffer_add(&framed, table, sizeof table);
    buffer_add(&framed, words, bytes);
    if (c->to == FORMAT_PACKED) {
        add_packed(output, framed.bytes, framed.len);
    } else {
        buffer_add(output, framed.bytes, framed.len);
    }
    free(framed.bytes);
}

static bool write_words(struct conversion *c, struct capnp_message *m, struct buffer *output)
{
    uint8_t *words = NULL;
    size_t bytes = 0;

    if (!copy_flat(c, m, &words, &bytes)) {
        return false;
    }
    add_words(c, words, bytes, output);
    free(words);
    return true;
}

static bool write_canonical(struct conversion *c, struct capnp_message *m, struct buffer *output)
{
    struct capnp_message flat;
    uint8_t *words = NULL;
    size_t bytes = 0;

    /* Sharing makes the canonical form longer than the message: so it is of a copy. */
    if (!copy_flat(c, m, &words, &bytes)) {
        return false;
    }
    capnp_message_open_flat(&flat, words, bytes);
    capnp_message_limit(&flat, bytes / 8u * BUDGET_FACTOR + BUDGET_EXTRA);
    bool ok = capnp_canonical(&flat, buffer_room(output, bytes), bytes, &bytes);
    if (ok) {
        output->len += bytes;
    } else {
        refuse_message(c, &flat);
    }
    free(words);
    return ok;
}

static bool write_readable(struct conversion *c, struct capnp_message *m, struct buffer *output)
{
    struct capnp_sink sink = {.write = add_rendered, .self = output};
    struct capnp_record root = capnp_record_root(c->type, m);
    const char *problem;

    if (c->to == FORMAT_TEXT && !capnp_text_render(&root, CAPNP_STYLE_PRETTY, sink)) {
        return refuse_message(c, m);
    }
    if (c->to == FORMAT_JSON && !capnp_json_render(&root, CAPNP_STYLE_PRETTY, sink, &problem)) {
        return refuse(c, "%s", problem);
    }
    buffer_add(output, "\n", 1);
    return true;
}

static bool write_message(struct conversion *c, struct capnp_message *m, struct buffer *output)
{
    capnp_message_limit(m, message_bytes(m) / 8u * BUDGET_FACTOR + BUDGET_EXTRA);
    switch (c->to) {
    case FORMAT_BINARY:
    case FORMAT_PACKED:
    case FORMAT_FLAT:
    case FORMAT_FLAT_PACKED:
        return write_words(c, m, output);
    case FORMAT_CANONICAL:
        return write_canonical(c, m, output);
    case FORMAT_TEXT:
    case FORMAT_JSON:
        return write_readable(c, m, output);
    case FORMAT_COUNT:
        break;
    }
    return false;
}

/* ---------------------------------------------------------------------------
 * All messages in */

static bool convert_flat(struct conversion *c, const uint8_t *input, size_t len,
                         struct buffer *output)
{
    struct capnp_message m;

    if (!capnp_message_open_flat(&m, input, len)) {
        return refuse_message(c, &m);
    }
    if (c->from == FORMAT_CANONICAL && !capnp_is_canonical(&m)) {
        return refuse(c, "the message is not in the canonical form");
    }
    return write_message(c, &m, output);
}

static bool convert_framed(struct conversion *c, const uint8_t *input, size_t len,
                           struct buffer *output)
{
    while (len != 0) {
        uint64_t bytes = 0;
        if (capnp_frame_measure(input, len, SEGMENTS_MAX, len, &bytes) != CAPNP_FRAME_WHOLE) {
            return refuse(c, "the input does not end with a whole message");
        }
        uint32_t count = capnp_load_u32(input) + 1u;
        struct capnp_segment *segments = allocate(count * sizeof *segments);
        struct capnp_message m;
        bool ok = capnp_message_open_framed(&m, input, (size_t)bytes, segments, count);
        ok = ok ? write_message(c, &m, output) : refuse_message(c, &m);
        free(segments);
        if (!ok) {
            return false;
        }
        input += bytes;
        len -= (size_t)bytes;
    }
    return true;
}

static bool convert_packed(struct conversion *c, const uint8_t *input, size_t len,
                           struct buffer *output)
{
    uint64_t bytes = 0;

    if (!capnp_unpacked_bytes(input, len, &bytes)) {
        return refuse(c, "the input is no packing of anything");
    }
    if (bytes > MESSAGE_BYTES_MAX) {
        return refuse(c, "the input unpacks to more than %zu bytes", MESSAGE_BYTES_MAX);
    }
    uint8_t *words = allocate((size_t)bytes);
    size_t unpacked = 0;
    bool ok = capnp_unpack_all(words, (size_t)bytes, input, len, &unpacked);
    if (!ok) {
        refuse(c, "the input is no packing of anything");
    } else if (c->from == FORMAT_PACKED) {
        ok = convert_framed(c, words, unpacked, output);
    } else {
        ok = convert_flat(c, words, unpacked, output);
    }
    free(words);
    return ok;
}

/* Parses one message into memory that doubles until it fits. */
static bool parse_one(struct conversion *c, struct capnp_text *input, uint8_t **words,
                      size_t *bytes)
{
    struct capnp_complaint complaint;

    for (size_t room = 4096; room <= MESSAGE_BYTES_MAX; room *= 4u) {
        struct capnp_text rest = *input;
        struct capnp_arena arena;
        *words = allocate(room);
        capnp_arena_init(&arena, *words, room);
        bool ok = c->from == FORMAT_TEXT ? capnp_text_parse(&rest, c->type, &arena, &complaint)
                                         : capnp_json_parse(&rest, c->type, &arena, &complaint);
        if (ok) {
            *input = rest;
            *bytes = capnp_arena_bytes(&arena);
            return true;
        }
        free(*words);
        *words = NULL;
        if (capnp_arena_ok(&arena)) {
            return refuse(c, "byte %u: %s", complaint.offset, complaint.sentence);
        }
    }
    return refuse(c, "a message becomes longer than %zu bytes", MESSAGE_BYTES_MAX);
}

static bool convert_readable(struct conversion *c, const uint8_t *input, size_t len,
                             struct buffer *output)
{
    struct capnp_text rest = {.ptr = (const char *)input, .len = (uint32_t)len};

    if (len > UINT32_MAX) {
        return refuse(c, "the input is longer than %u bytes", UINT32_MAX);
    }
    while (rest.len != 0) {
        struct capnp_message m;
        uint8_t *words = NULL;
        size_t bytes = 0;
        if (!parse_one(c, &rest, &words, &bytes)) {
            return false;
        }
        capnp_message_open_flat(&m, words, bytes);
        bool ok = write_message(c, &m, output);
        free(words);
        if (!ok) {
            return false;
        }
    }
    return true;
}

bool convert(struct conversion *c, const uint8_t *input, size_t len, struct buffer *output)
{
    if (len == 0) {
        return refuse(c, "the input is empty");
    }
    switch (c->from) {
    case FORMAT_BINARY:
        return convert_framed(c, input, len, output);
    case FORMAT_PACKED:
    case FORMAT_FLAT_PACKED:
        return convert_packed(c, input, len, output);
    case FORMAT_FLAT:
    case FORMAT_CANONICAL:
        return convert_flat(c, input, len, output);
    case FORMAT_TEXT:
    case FORMAT_JSON:
        return convert_readable(c, input, len, output);
    case FORMAT_COUNT:
        break;
    }
    return false;
}
