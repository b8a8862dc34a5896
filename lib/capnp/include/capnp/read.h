// SPDX-License-Identifier: MIT
/*
 * Reading Cap'n Proto messages from anyone, friend or foe.
 *
 * A message is opened in place and read through small value types; nothing is
 * allocated, copied or written. Whatever the bytes are, reading stays inside
 * them and ends: an accessor that meets a malformed pointer returns the default
 * of its field and leaves the reason in the message, where it stays.
 *
 *   struct capnp_message m;
 *   capnp_message_open_flat(&m, words, bytes);
 *   struct capos_manifest r = capos_manifest_read_root(&m);
 *   if (!capos_manifest_check(r)) ...               capnp_message_error(&m) says why
 *   struct capnp_text name = capos_service_get_name(...);
 *
 * Generated accessors (<x.capnp.h>) are thin wrappers of the functions here, with
 * the offsets and defaults of the schema. Programs use this file for messages,
 * texts, data and lists of scalars; the rest is for generated code.
 *
 * Always true, and what every function here relies on:
 *   1  a non-empty reader lies wholly inside its segment: its data section, its
 *      pointer section, every element of its list
 *   2  bounds are computed in 64 bits from counts and compared as counts; no
 *      address is formed before it is known to be inside
 *   3  each step through a pointer costs at least one word of the message's
 *      budget, and each level of nesting one of CAPNP_DEPTH_MAX, so that neither
 *      cycles nor lists of nothing can make work out of few bytes
 *   4  loads go through memcpy: no alignment is assumed
 *
 * The memory under a message must not change while it is read: whoever gets it
 * through shared memory copies it first.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "messages are read in place, which takes a little-endian machine"
#endif

#define CAPNP_LIKELY(x)   __builtin_expect(!!(x), 1)
#define CAPNP_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Of what is short only where its arguments are known. */
#define CAPNP_INLINE __attribute__((always_inline))

/* Of what is rare, in headers, so that what is not need save nothing for it. */
#define CAPNP_APART __attribute__((noinline, unused))

/* Levels of pointers below the root; as in the reference implementation. */
#define CAPNP_DEPTH_MAX 64u

/*
 * Set in the depth of a root of exactly the shape that the schema says, and in
 * nothing else: its fields are read without a call. It chooses between two ways to
 * the same result, and means nothing.
 */
#define CAPNP_DEPTH_QUICK 0x8000u

/* The rest of a depth: its levels. */
#define CAPNP_DEPTH_LEVELS 0x7fffu

/*
 * The words that may be traversed in a message of n words: so many times n, and
 * so many more. Reading everything once costs at most n, except that elements of
 * size zero count one word each.
 */
#define CAPNP_BUDGET_FACTOR 8u /* as many as bytes in a word */
#define CAPNP_BUDGET_EXTRA  512u

/* The most pointers of a struct of bytes that is read without the general reader. */
#define CAPNP_BYTES_MAX 8u

/* The longest message that is recognised as its builder lays it down, about. */
#define CAPNP_BUILT_MAX (1u << 28)

/* Why a message could not be read. X(name, "sentence"). */
#define CAPNP_ERROR_LIST(X)                                                                        \
    X(NONE, "the message is well-formed as far as it was read")                                    \
    X(FRAMING, "the segment table does not agree with the length of the message")                  \
    X(BOUNDS, "a pointer leads out of its segment")                                                \
    X(KIND, "a pointer is of another kind than the schema says")                                   \
    X(FAR, "a far pointer names no segment, or its landing pad is malformed")                      \
    X(SIZE, "a list of structs claims more elements than its words can hold")                      \
    X(TEXT, "a text does not end in a NUL byte")                                                   \
    X(DEPTH, "pointers are nested too deeply")                                                     \
    X(BUDGET, "the message makes its reader traverse too much")                                    \
    X(INDEX, "an element behind the end of a list was asked for")                                  \
    X(CAPABILITY, "a capability pointer names no capability that came with the message")

enum capnp_error {
#define CAPNP_ERROR_ENUM(name, sentence) CAPNP_ERROR_##name,
    CAPNP_ERROR_LIST(CAPNP_ERROR_ENUM)
#undef CAPNP_ERROR_ENUM
};

/* The sentence for an error. Never NULL; static. */
const char *capnp_error_text(enum capnp_error error);

struct capnp_segment {
    const uint8_t *base;
    uint64_t bytes; /* a multiple of 8 */
};

/*
 * An open message. Borrows its bytes; must stay where it was opened for as long
 * as its readers are used, since they point to it.
 */
struct capnp_message {
    const struct capnp_segment *segments;
    uint32_t segment_count;
    enum capnp_error error;    /* the first that was met; never cleared */
    uint64_t budget;           /* words that may still be traversed */
    struct capnp_segment flat; /* segments points here for one without a table */
    uint64_t limit;            /* the budget of each reading from the root */
    uint32_t capabilities;     /* how many came with it; indices are below */
};

/* UTF-8 by convention, without the terminating NUL; see capnp_text_is_utf8. */
struct capnp_text {
    const char *ptr; /* ptr[len] is NUL when it was read from a message */
    uint32_t len;    /* bytes */
};

struct capnp_data {
    const uint8_t *ptr;
    uint32_t len; /* bytes */
};

/* A struct somewhere in a message. With both sizes 0 it reads as all defaults. */
struct capnp_struct {
    struct capnp_message *message;
    const struct capnp_segment *segment;
    const uint8_t *data; /* the pointer section lies data_bytes behind */
    uint32_t data_bytes;
    uint16_t pointer_count;
    uint16_t depth; /* levels that may still follow, and CAPNP_DEPTH_QUICK */
};

/* A pointer slot in a message; slot is NULL for one that is not there. */
struct capnp_any {
    struct capnp_message *message;
    const struct capnp_segment *segment;
    const uint8_t *slot;
    uint16_t depth;
};

/*
 * A list. Each element is seen as a struct of data_bytes and pointer_count, step
 * bytes apart, which is how lists of scalars and of structs read as each other.
 * Lists of Bool are packed: step is 0, and only capnp_bool_list_at knows.
 */
struct capnp_list {
    struct capnp_message *message;
    const struct capnp_segment *segment;
    const uint8_t *data;
    uint32_t len; /* elements */
    uint32_t step;
    uint32_t data_bytes;
    uint16_t pointer_count;
    uint16_t depth;
};

/* A capability that came with a message, or none. */
struct capnp_capability {
    uint32_t index; /* into the table that came with the message */
    bool there;     /* false: the pointer is null */
};

/* How the elements of a list are laid out: the size codes of the encoding. */
enum capnp_element {
    CAPNP_ELEMENT_VOID = 0,
    CAPNP_ELEMENT_BIT = 1,
    CAPNP_ELEMENT_BYTE = 2,
    CAPNP_ELEMENT_TWO_BYTES = 3,
    CAPNP_ELEMENT_FOUR_BYTES = 4,
    CAPNP_ELEMENT_EIGHT_BYTES = 5,
    CAPNP_ELEMENT_POINTER = 6,
    CAPNP_ELEMENT_STRUCT = 7,
};

/* What a pointer says it leads to. */
enum capnp_kind {
    CAPNP_KIND_NULL,
    CAPNP_KIND_STRUCT,
    CAPNP_KIND_LIST,
    CAPNP_KIND_CAPABILITY,
    CAPNP_KIND_BROKEN, /* a far pointer that leads nowhere, or a reserved kind */
};

/* ---------------------------------------------------------------------------
 * Messages */

/* The message of one segment without a table, whose length is a whole number of words. */
static inline void capnp_message_begin_flat(struct capnp_message *m, const void *words,
                                            size_t bytes)
{
    uint64_t limit = (uint64_t)bytes * (CAPNP_BUDGET_FACTOR / 8u) + CAPNP_BUDGET_EXTRA;

    m->flat = (struct capnp_segment){.base = words, .bytes = bytes};
    m->segments = &m->flat;
    m->segment_count = 1;
    m->error = CAPNP_ERROR_NONE;
    m->budget = limit;
    m->limit = limit;
    m->capabilities = 0;
}

/*
 * Opens one segment without a table, the stock tool's `flat`. Borrows `words`.
 * No bytes at all are a message of defaults. False, with the error in `m`: the
 * length is not a whole number of words.
 */
static inline bool capnp_message_open_flat(struct capnp_message *m, const void *words, size_t bytes)
{
    capnp_message_begin_flat(m, words, bytes);
    if (CAPNP_UNLIKELY(bytes % 8u != 0)) {
        m->flat.bytes = 0;
        m->error = CAPNP_ERROR_FRAMING;
        return false;
    }
    return true;
}

/*
 * Opens a message in stream framing that fills `bytes` exactly, with at most
 * max_segments segments, which it lists in `segments`. Borrows both. False, with
 * the error in `m`: the table is malformed or too long, or disagrees with `len`.
 */
bool capnp_message_open_framed(struct capnp_message *m, const void *bytes, size_t len,
                               struct capnp_segment *segments, uint32_t max_segments);

/*
 * Opens segments that lie wherever they lie. Borrows them and their table. False,
 * with the error in `m`: there are none, or one is not a whole number of words.
 */
bool capnp_message_open_segments(struct capnp_message *m, const struct capnp_segment *segments,
                                 uint32_t count);

/*
 * Says how many capabilities came with the message: none, until this is called, so
 * that every pointer to one is refused.
 */
static inline void capnp_message_capabilities(struct capnp_message *m, uint32_t count)
{
    m->capabilities = count;
}

/* The first error met so far. */
static inline enum capnp_error capnp_message_error(const struct capnp_message *m)
{
    return m->error;
}

/* Sets how many words each reading from the root may traverse. */
static inline void capnp_message_limit(struct capnp_message *m, uint64_t words)
{
    m->limit = words;
    m->budget = words;
}

/* Notes an error, if it is the first. */
void capnp_message_fail(struct capnp_message *m, enum capnp_error error);

/* ---------------------------------------------------------------------------
 * Texts */

#define CAPNP_TEXT(literal)                                                                        \
    ((struct capnp_text){.ptr = "" literal "", .len = (uint32_t)sizeof(literal) - 1u})

/* A view of a C string, borrowed for as long as the text is used. */
static inline struct capnp_text capnp_text_from(const char *string)
{
    uint32_t len = 0;

    while (string[len] != '\0') {
        len++;
    }
    return (struct capnp_text){.ptr = string, .len = len};
}

static inline bool capnp_text_equal(struct capnp_text a, struct capnp_text b)
{
    return a.len == b.len && (a.len == 0 || __builtin_memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Whether the text is UTF-8: shortest forms only, no surrogates, up to U+10FFFF. */
bool capnp_text_is_utf8(struct capnp_text text);

/* ---------------------------------------------------------------------------
 * Loads */

static inline bool capnp_load_bit(const uint8_t *p, uint32_t bit)
{
    return ((uint32_t)p[bit / 8u] >> bit % 8u & 1u) != 0;
}

static inline uint16_t capnp_load_u16(const uint8_t *p)
{
    uint16_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t capnp_load_u32(const uint8_t *p)
{
    uint32_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t capnp_load_u64(const uint8_t *p)
{
    uint64_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

/* ---------------------------------------------------------------------------
 * The root */

/* The word that points to a struct of this shape, directly behind it. */
#define CAPNP_STRUCT_WORD(data_words, pointer_count)                                               \
    ((uint64_t)(data_words) << 32 | (uint64_t)(pointer_count) << 48)

/* The root, whatever its shape. */
struct capnp_struct capnp_root_any_shape(struct capnp_message *m);

/*
 * The message's root struct. A root of exactly the schema's own shape, directly
 * behind its pointer, is recognised by two compares.
 */
static inline struct capnp_struct capnp_root(struct capnp_message *m, uint16_t data_words,
                                             uint16_t pointer_count)
{
    uint32_t words = 1u + data_words + pointer_count;

    if (CAPNP_LIKELY(m->segments[0].bytes >= words * 8u &&
                     capnp_load_u64(m->segments[0].base) ==
                         CAPNP_STRUCT_WORD(data_words, pointer_count) &&
                     data_words + pointer_count != 0 && m->limit >= words)) {
        m->budget = m->limit - words;
        return (struct capnp_struct){
            .message = m,
            .segment = &m->segments[0],
            .data = m->segments[0].base + 8,
            .data_bytes = data_words * 8u,
            .pointer_count = pointer_count,
            .depth = CAPNP_DEPTH_MAX | CAPNP_DEPTH_QUICK,
        };
    }
    /* What is known without looking, so that the compiler knows it too. */
    struct capnp_struct s = capnp_root_any_shape(m);
    s.message = m;
    s.depth = CAPNP_DEPTH_MAX;
    return s;
}

/* The general part of capnp_plain_root. */
const uint8_t *capnp_plain_root_any_shape(const void *words, size_t bytes, uint16_t data_words,
                                          uint64_t *scratch);

/*
 * The data section of a flat message whose root has no pointers in the schema, if it lies just
 * as its builder lays it down: data_words words; or if both have nothing. NULL: it may be as good.
 */
static inline const uint8_t *capnp_plain_root_as_built(const void *words, size_t bytes,
                                                       uint16_t data_words)
{
    if (data_words == 0) {
        return CAPNP_LIKELY(bytes == 0) ? (const uint8_t *)"" : NULL;
    }
    return CAPNP_LIKELY(bytes == 8u + data_words * 8u &&
                        capnp_load_u64(words) == CAPNP_STRUCT_WORD(data_words, 0))
               ? (const uint8_t *)words + 8
               : NULL;
}

/*
 * The data section of a flat message whose root has no pointers in the schema:
 * at least data_words words, in the message or, when it was sent by somebody with
 * an older schema, filled up with zeros in `scratch` (data_words words). NULL: the
 * message is malformed. What a newer sender added is not looked at.
 */
static inline const uint8_t *capnp_plain_root(const void *words, size_t bytes, uint16_t data_words,
                                              uint64_t *scratch)
{
    const uint8_t *data = capnp_plain_root_as_built(words, bytes, data_words);

    return CAPNP_LIKELY(data != NULL)
               ? data
               : capnp_plain_root_any_shape(words, bytes, data_words, scratch);
}

/* The reader of a data section of data_words words, as capnp_plain_root gives it. */
static inline struct capnp_struct capnp_plain_struct(const uint8_t *data, uint16_t data_words)
{
    return (struct capnp_struct){.data = data, .data_bytes = data_words * 8u};
}

/*
 * The end of every generated check: whether no error was met. A whole message
 * that passed has had its traversal bounded, so its budget is lifted: accessors
 * cannot fail any more, however often it is read.
 */
static inline bool capnp_check_passed(struct capnp_struct s)
{
    /* What has no message has no pointers, and nothing of it can fail. */
    if (s.pointer_count == 0 && s.message == NULL) {
        return true;
    }
    if (s.message->error != CAPNP_ERROR_NONE) {
        return false;
    }
    if ((s.depth & CAPNP_DEPTH_LEVELS) == CAPNP_DEPTH_MAX) {
        s.message->budget = UINT64_MAX;
    }
    return true;
}

/* ---------------------------------------------------------------------------
 * Fields of a struct. `byte` and `bit` are offsets into the data section; a field
 * that the sender did not know reads as zero. Defaults are the caller's to XOR. */

static inline bool capnp_get_bool(struct capnp_struct s, uint32_t bit)
{
    return bit / 8u < s.data_bytes && capnp_load_bit(s.data, bit);
}

static inline uint8_t capnp_get_u8(struct capnp_struct s, uint32_t byte)
{
    return byte + 1u <= s.data_bytes ? s.data[byte] : 0;
}

static inline uint16_t capnp_get_u16(struct capnp_struct s, uint32_t byte)
{
    return byte + 2u <= s.data_bytes ? capnp_load_u16(s.data + byte) : 0;
}

static inline uint32_t capnp_get_u32(struct capnp_struct s, uint32_t byte)
{
    return byte + 4u <= s.data_bytes ? capnp_load_u32(s.data + byte) : 0;
}

static inline uint64_t capnp_get_u64(struct capnp_struct s, uint32_t byte)
{
    return byte + 8u <= s.data_bytes ? capnp_load_u64(s.data + byte) : 0;
}

#ifdef __SSE2__
static inline float capnp_f32_from_bits(uint32_t bits)
{
    float v;
    __builtin_memcpy(&v, &bits, sizeof v);
    return v;
}

static inline double capnp_f64_from_bits(uint64_t bits)
{
    double v;
    __builtin_memcpy(&v, &bits, sizeof v);
    return v;
}
#endif

static inline struct capnp_any capnp_get_any(struct capnp_struct s, uint16_t index)
{
    return (struct capnp_any){
        .message = s.message,
        .segment = s.segment,
        .slot = index < s.pointer_count ? s.data + s.data_bytes + index * 8u : NULL,
        .depth = s.depth,
    };
}

/* The pointer that a field of a union has while another is set: there is none. */
static inline struct capnp_any capnp_no_any(struct capnp_struct s)
{
    return (struct capnp_any){.message = s.message, .segment = s.segment, .depth = s.depth};
}

/* Whether a pointer field is set. */
static inline bool capnp_has(struct capnp_struct s, uint16_t index)
{
    return index < s.pointer_count && capnp_load_u64(s.data + s.data_bytes + index * 8u) != 0;
}

/* ---------------------------------------------------------------------------
 * Pointers. Each function takes the pointer for what the schema says it is; null
 * reads as empty, and so does what is malformed, with the error noted. */

static inline bool capnp_any_is_null(struct capnp_any p)
{
    return p.slot == NULL || capnp_load_u64(p.slot) == 0;
}

enum capnp_kind capnp_any_kind(struct capnp_any p);

/* How the elements of a list are laid out; CAPNP_ELEMENT_VOID for what is no list. */
enum capnp_element capnp_any_list_element(struct capnp_any p);

/* A struct of any shape. */
struct capnp_struct capnp_any_struct(struct capnp_any p);

/*
 * A list whose elements can be read as `element`: the same size, a larger scalar,
 * or structs that begin with such a field; CAPNP_ELEMENT_STRUCT takes every list
 * but one of Bool, and CAPNP_ELEMENT_VOID takes every list.
 */
struct capnp_list capnp_any_list(struct capnp_any p, enum capnp_element element);

/* The general part of capnp_any_data. */
struct capnp_data capnp_data_any_shape(struct capnp_message *m, const struct capnp_segment *segment,
                                       const uint8_t *slot);

/* The bytes of a Data; the pointer may be NULL when there are none. */
static inline struct capnp_data capnp_any_data(struct capnp_any p)
{
    if ((p.depth & CAPNP_DEPTH_QUICK) != 0 && CAPNP_LIKELY(p.slot != NULL)) {
        uint64_t word = capnp_load_u64(p.slot);
        /* A list of bytes, near, and behind its pointer. */
        if (CAPNP_LIKELY((word & 0x780000003u) == 0x200000001u)) {
            uint64_t offset = (uint64_t)(uint32_t)word * 2u - 2u;
            uint64_t start = (uint64_t)(p.slot - p.segment->base) + 8u + offset;
            uint64_t bytes = word >> 35;
            uint64_t cost = bytes / 8u + 2u;
            /* Both sizes are whole words, so that padding need not be counted. */
            if (CAPNP_LIKELY(start + bytes <= p.segment->bytes && cost <= p.message->budget)) {
                p.message->budget -= cost;
                return (struct capnp_data){.ptr = p.segment->base + start, .len = (uint32_t)bytes};
            }
        }
    }
    return capnp_data_any_shape(p.message, p.segment, p.slot);
}

/* A Text, which must end in a NUL byte; never a NULL pointer. */
static inline struct capnp_text capnp_any_text(struct capnp_any p)
{
    struct capnp_data bytes = capnp_any_data(p);

    if (bytes.len != 0 && bytes.ptr[bytes.len - 1u] == 0) {
        return (struct capnp_text){.ptr = (const char *)bytes.ptr, .len = bytes.len - 1u};
    }
    if (!capnp_any_is_null(p)) {
        capnp_message_fail(p.message, CAPNP_ERROR_TEXT);
    }
    return CAPNP_TEXT("");
}

/*
 * The data section of a flat message of a root with pointers to bytes only, if it lies just
 * as its builder lays it down: the bytes behind the struct, in the order of their pointers,
 * each where the one before ends, and nothing else. Bit i of `texts` says that pointer i is of
 * a Text, the others are of Data. What they lead to goes to fields[i], a text with its NUL
 * byte. It is a few compares for each word that is not data. NULL: a message of another
 * layout, or with nothing behind its last pointer, may be as good.
 */
static inline CAPNP_INLINE const uint8_t *
capnp_bytes_root_as_built(const void *words, size_t bytes, uint16_t data_words,
                          uint16_t pointer_count, uint32_t texts, struct capnp_data *fields)
{
    const uint8_t *base = words;
    uint64_t end = 8u + (data_words + pointer_count) * 8u; /* of what has been recognised */

    /* One word behind the struct at least, and so few that no length is mistaken. */
    if (CAPNP_UNLIKELY(bytes - (end + 8u) > CAPNP_BUILT_MAX ||
                       capnp_load_u64(base) != CAPNP_STRUCT_WORD(data_words, pointer_count))) {
        return NULL;
    }
    for (uint32_t i = 0; i < pointer_count; i++) {
        uint64_t slot = 8u + (data_words + i) * 8u;
        uint64_t word = capnp_load_u64(base + slot);
        /* The length, and behind it, in its upper bits, how the rest differs: not at all. */
        uint64_t rest = (uint64_t)CAPNP_ELEMENT_BYTE << 32 | ((end - slot) / 2u - 4u) | 1u;
        uint64_t len = (word >> 35 | word << 29) - (rest << 29);
        /* All of what is behind the last, which so is whole words. */
        if (i + 1u < pointer_count
                ? CAPNP_UNLIKELY(len > bytes || ((end + len + 7u) & ~7ull) >= bytes)
                : CAPNP_UNLIKELY(((end + len + 7u) & ~7ull) != bytes)) {
            return NULL;
        }
        if ((texts >> i & 1u) != 0 && (len == 0 || base[end + len - 1u] != 0)) {
            return NULL;
        }
        fields[i] = (struct capnp_data){.ptr = base + end, .len = (uint32_t)len};
        end = (end + len + 7u) & ~7ull;
    }
    return base + 8;
}

/* The general part of capnp_bytes_root. */
const uint8_t *capnp_bytes_root_any_shape(const void *words, size_t bytes, uint16_t data_words,
                                          uint16_t pointer_count, uint32_t texts, uint64_t *scratch,
                                          struct capnp_data *fields);

/*
 * Opens a flat message whose root has pointers to bytes only, and checks all of it: the
 * data section as capnp_plain_root gives it, and what pointer i leads to in fields[i], a
 * text with its NUL byte, nothing for null. NULL: the message is malformed. `scratch` is
 * data_words words, and not NULL if they are none.
 */
static inline CAPNP_INLINE const uint8_t *
capnp_bytes_root(const void *words, size_t bytes, uint16_t data_words, uint16_t pointer_count,
                 uint32_t texts, uint64_t *scratch, struct capnp_data *fields)
{
    struct capnp_data found[CAPNP_BYTES_MAX];
    const uint8_t *data =
        capnp_bytes_root_as_built(words, bytes, data_words, pointer_count, texts, fields);

    if (CAPNP_LIKELY(data != NULL)) {
        return data;
    }
    /* Found apart, so that in the likely case nothing of it need be in memory. */
    data =
        capnp_bytes_root_any_shape(words, bytes, data_words, pointer_count, texts, scratch, found);
    for (uint32_t i = 0; i < pointer_count && data != NULL; i++) {
        fields[i] = found[i];
    }
    return data;
}

/* A Text among such fields, whose NUL byte has been seen; never a NULL pointer. */
static inline struct capnp_text capnp_field_text(struct capnp_data field)
{
    return field.len == 0
               ? CAPNP_TEXT("")
               : (struct capnp_text){.ptr = (const char *)field.ptr, .len = field.len - 1u};
}

/* The lower half of a pointer to a capability; the upper is its index. */
#define CAPNP_CAPABILITY_TAG 3u

/* Notes what is wrong with this word, as a pointer to a capability. */
void capnp_capability_fail(struct capnp_message *m, uint64_t word);

/* The capability of a pointer; none for null, and for what names none that came. */
static inline struct capnp_capability capnp_any_capability(struct capnp_any p)
{
    uint64_t word = p.slot == NULL ? 0 : capnp_load_u64(p.slot);

    if (__builtin_expect(
            (uint32_t)word == CAPNP_CAPABILITY_TAG && word >> 32 < p.message->capabilities, 1)) {
        return (struct capnp_capability){.index = (uint32_t)(word >> 32), .there = true};
    }
    if (word != 0) {
        capnp_capability_fail(p.message, word);
    }
    return (struct capnp_capability){.index = 0, .there = false};
}

/*
 * Walks everything behind the pointer without a schema: kinds, bounds, depth, budget
 * and the indices of capabilities. True if the message has no error.
 */
bool capnp_any_check(struct capnp_any p);

/* Walks what is behind every pointer of one struct, as capnp_any_check does. */
bool capnp_struct_check_pointers(struct capnp_struct s);

static inline struct capnp_struct capnp_get_struct(struct capnp_struct s, uint16_t index)
{
    return capnp_any_struct(capnp_get_any(s, index));
}

static inline struct capnp_list capnp_get_list(struct capnp_struct s, uint16_t index,
                                               enum capnp_element element)
{
    return capnp_any_list(capnp_get_any(s, index), element);
}

static inline struct capnp_data capnp_get_data(struct capnp_struct s, uint16_t index)
{
    return capnp_any_data(capnp_get_any(s, index));
}

static inline struct capnp_text capnp_get_text(struct capnp_struct s, uint16_t index)
{
    return capnp_any_text(capnp_get_any(s, index));
}

static inline struct capnp_capability capnp_get_capability(struct capnp_struct s, uint16_t index)
{
    return capnp_any_capability(capnp_get_any(s, index));
}

/*
 * The root pointer of a default value, a segment of constants that generated code
 * holds, in place of a pointer that is null. Readers of it report to the message
 * that lacked the value.
 */
static inline struct capnp_any capnp_any_or_default(struct capnp_any p,
                                                    const struct capnp_segment *fallback)
{
    if (!capnp_any_is_null(p)) {
        return p;
    }
    p.segment = fallback;
    p.slot = fallback->base;
    return p;
}

/* ---------------------------------------------------------------------------
 * Elements of a list. Behind its end they read as defaults, and the error is
 * noted: asking for them is a mistake of the reader's own. */

/* Where element i begins; the caller has checked that it is there. */
static inline const uint8_t *capnp_list_element(struct capnp_list l, uint32_t i)
{
    return l.data + (uint64_t)i * l.step;
}

/* Whether there is an element i. */
static inline bool capnp_list_has(struct capnp_list l, uint32_t i)
{
    if (CAPNP_UNLIKELY(i >= l.len)) {
        capnp_message_fail(l.message, CAPNP_ERROR_INDEX);
        return false;
    }
    return true;
}

static inline struct capnp_struct capnp_list_struct(struct capnp_list l, uint32_t i)
{
    if (!capnp_list_has(l, i)) {
        return (struct capnp_struct){.message = l.message, .segment = l.segment, .depth = l.depth};
    }
    return (struct capnp_struct){
        .message = l.message,
        .segment = l.segment,
        .data = capnp_list_element(l, i),
        .data_bytes = l.data_bytes,
        .pointer_count = l.pointer_count,
        .depth = l.depth,
    };
}

static inline struct capnp_any capnp_list_any(struct capnp_list l, uint32_t i)
{
    return capnp_get_any(capnp_list_struct(l, i), 0);
}
