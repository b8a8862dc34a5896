// SPDX-License-Identifier: MIT
/*
 * Bytes as JSON, as text and as a message of a struct with fields of every kind.
 * What is taken is rendered; and JSON of JSON is the same again.
 *
 * The struct is described here by hand, as a generator would describe it. It has
 * annotations of every kind, a union that is flattened with all its members, and in it
 * a struct that is.
 */
#include <capnp/json.h>

#include <stdlib.h>
#include <string.h>

/* The name is the fuzzer's. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM (1u << 16)

static const struct capnp_enumerant_info colours[] = {
    {.name = "red", .doc = ""}, {.name = "green", .doc = "", .json_name = "GREEN"}};
static const struct capnp_node_info colour = {
    .kind = CAPNP_NODE_ENUM, .id = 1, .enumerants = colours, .enumerant_count = 2};

static const struct capnp_node_info all;
static const struct capnp_type_info element_bool = {.kind = CAPNP_TYPE_BOOL};
static const struct capnp_type_info element_text = {.kind = CAPNP_TYPE_TEXT};
static const struct capnp_type_info element_all = {.kind = CAPNP_TYPE_STRUCT, .node = &all};
static const struct capnp_type_info element_list = {.kind = CAPNP_TYPE_LIST,
                                                    .element = &element_all};

#define FIELD(field_name, at, ...)                                                                 \
    {                                                                                              \
        .name = (field_name), .doc = "", .discriminant = CAPNP_NO_DISCRIMINANT, .offset = (at),    \
        .type = {                                                                                  \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static const struct capnp_json_field as_base64 = {.data = CAPNP_JSON_BASE64};
static const struct capnp_json_field as_hex = {.name = "x", .data = CAPNP_JSON_HEX};
static const struct capnp_json_field flat = {.prefix = ""};
static const struct capnp_json_field flat_leaf = {.name = "LEAF", .prefix = "l_"};

static const struct capnp_field_info leaf_fields[] = {
    FIELD("n", 0, .kind = CAPNP_TYPE_INT64),
    FIELD("t", 0, .kind = CAPNP_TYPE_TEXT),
};
static const struct capnp_node_info leaf = {.kind = CAPNP_NODE_STRUCT,
                                            .id = 4,
                                            .data_words = 1,
                                            .pointer_count = 1,
                                            .fields = leaf_fields,
                                            .field_count = 2};

static const struct capnp_field_info choice_fields[] = {
    {.name = "leaf",
     .doc = "",
     .discriminant = 0,
     .offset = 7,
     .type = {.kind = CAPNP_TYPE_STRUCT, .node = &leaf},
     .json = &flat_leaf},
    {.name = "hex",
     .doc = "",
     .discriminant = 1,
     .offset = 7,
     .type = {.kind = CAPNP_TYPE_DATA},
     .json = &as_hex},
    {.name = "none", .doc = "", .discriminant = 2, .type = {.kind = CAPNP_TYPE_VOID}},
};
static const struct capnp_json_union choice_union = {.tag = "choice", .value = "value"};
static const struct capnp_node_info choice = {.kind = CAPNP_NODE_STRUCT,
                                              .id = 5,
                                              .data_words = 5,
                                              .pointer_count = 8,
                                              .is_group = true,
                                              .union_count = 3,
                                              .union_offset = 19,
                                              .fields = choice_fields,
                                              .field_count = 3,
                                              .json_union = &choice_union};

static const struct capnp_field_info group_fields[] = {
    {.name = "number",
     .doc = "",
     .discriminant = 0,
     .offset = 7,
     .type = {.kind = CAPNP_TYPE_INT32},
     .default_bits = 5},
    {.name = "word", .doc = "", .discriminant = 1, .offset = 6, .type = {.kind = CAPNP_TYPE_TEXT}},
    {.name = "again",
     .doc = "",
     .discriminant = 2,
     .offset = 6,
     .type = {.kind = CAPNP_TYPE_STRUCT, .node = &all}},
};
static const struct capnp_node_info group = {.kind = CAPNP_NODE_STRUCT,
                                             .id = 3,
                                             .data_words = 5,
                                             .pointer_count = 8,
                                             .is_group = true,
                                             .union_count = 3,
                                             .union_offset = 18,
                                             .fields = group_fields,
                                             .field_count = 3};

static const struct capnp_field_info fields[] = {
    FIELD("void", 0, .kind = CAPNP_TYPE_VOID),
    FIELD("bool", 0, .kind = CAPNP_TYPE_BOOL),
    FIELD("i8", 1, .kind = CAPNP_TYPE_INT8),
    FIELD("u16", 1, .kind = CAPNP_TYPE_UINT16),
    FIELD("f32", 1, .kind = CAPNP_TYPE_FLOAT32),
    FIELD("f64", 1, .kind = CAPNP_TYPE_FLOAT64),
    FIELD("u64", 2, .kind = CAPNP_TYPE_UINT64),
    FIELD("colour", 16, .kind = CAPNP_TYPE_ENUM, .node = &colour),
    FIELD("text", 0, .kind = CAPNP_TYPE_TEXT),
    FIELD("data", 1, .kind = CAPNP_TYPE_DATA),
    FIELD("bools", 2, .kind = CAPNP_TYPE_LIST, .element = &element_bool),
    FIELD("texts", 3, .kind = CAPNP_TYPE_LIST, .element = &element_text),
    FIELD("lists", 4, .kind = CAPNP_TYPE_LIST, .element = &element_list),
    FIELD("inner", 5, .kind = CAPNP_TYPE_STRUCT, .node = &all),
    {.name = "group",
     .doc = "",
     .discriminant = CAPNP_NO_DISCRIMINANT,
     .is_group = true,
     .type = {.kind = CAPNP_TYPE_STRUCT, .node = &group}},
    {.name = "choice",
     .doc = "",
     .discriminant = CAPNP_NO_DISCRIMINANT,
     .is_group = true,
     .type = {.kind = CAPNP_TYPE_STRUCT, .node = &choice},
     .json = &flat},
    {.name = "coded",
     .doc = "",
     .discriminant = CAPNP_NO_DISCRIMINANT,
     .offset = 1,
     .type = {.kind = CAPNP_TYPE_DATA},
     .json = &as_base64},
};
static const struct capnp_node_info all = {.kind = CAPNP_NODE_STRUCT,
                                           .id = 2,
                                           .data_words = 5,
                                           .pointer_count = 8,
                                           .fields = fields,
                                           .field_count = sizeof fields / sizeof *fields};

struct output {
    char *bytes;
    size_t len;
};

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void collect(void *self, const char *bytes, size_t len)
{
    struct output *o = self;

    o->bytes = realloc(o->bytes, o->len + len + 1u);
    require(o->bytes != NULL);
    memcpy(o->bytes + o->len, bytes, len);
    o->len += len;
}

/* The JSON of a flat message; nothing if it is refused. */
static struct output render(const void *words, size_t bytes)
{
    struct output o = {.bytes = NULL};
    struct output text = {.bytes = NULL};
    struct capnp_message m;
    const char *problem = NULL;

    capnp_message_open_flat(&m, words, bytes & ~(size_t)7u);
    struct capnp_record r = capnp_record_root(&all, &m);
    bool ok = capnp_json_render(&r, CAPNP_STYLE_PRETTY,
                                (struct capnp_sink){.write = collect, .self = &o}, &problem);
    require(ok || (problem != NULL && o.len == 0));
    (void)capnp_text_render(&r, CAPNP_STYLE_PRETTY,
                            (struct capnp_sink){.write = collect, .self = &text});
    free(text.bytes);
    return o;
}

/* Parses as JSON into an arena; its length, or 0. */
static size_t parse(const char *bytes, size_t len, void *words)
{
    struct capnp_text input = {.ptr = bytes, .len = (uint32_t)len};
    struct capnp_complaint complaint;
    struct capnp_arena arena;

    capnp_arena_init(&arena, words, ROOM);
    bool ok = capnp_json_parse(&input, &all, &arena, &complaint);
    require(ok == (complaint.sentence == NULL) || !capnp_arena_ok(&arena));
    require(complaint.offset <= len);
    return ok ? capnp_arena_bytes(&arena) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t words[ROOM / 8u];
    struct capnp_text input = {.ptr = (const char *)data, .len = (uint32_t)size};
    struct capnp_complaint complaint;
    struct capnp_arena arena;

    free(render(data, size).bytes);
    capnp_arena_init(&arena, words, ROOM);
    if (capnp_text_parse(&input, &all, &arena, &complaint)) {
        free(render(words, capnp_arena_bytes(&arena)).bytes);
    }
    size_t bytes = parse((const char *)data, size, words);
    if (bytes != 0) {
        struct output once = render(words, bytes);
        bytes = once.len == 0 ? 0 : parse(once.bytes, once.len, words);
        struct output twice = bytes == 0 ? (struct output){.bytes = NULL} : render(words, bytes);
        require(twice.len == 0 ||
                (twice.len == once.len && memcmp(once.bytes, twice.bytes, once.len) == 0));
        free(once.bytes);
        free(twice.bytes);
    }
    return 0;
}
