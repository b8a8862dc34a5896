// SPDX-License-Identifier: MIT
/*
 * The general part of reading: pointers of every kind, wherever they lead.
 *
 * A pointer is read in two steps. resolve() follows it, through a far pointer's
 * landing pad if there is one, to a place inside a segment and the word that
 * says what lies there; it is the only function that computes a place. Then
 * struct_at(), scalar_list_at() or struct_list_at() compares the size which that
 * word claims with the words that are left behind the place. Nobody else turns a
 * count into an address.
 */
#include <capnp/read.h>

/* The low two bits of a pointer. */
enum { TAG_STRUCT = 0, TAG_LIST = 1, TAG_FAR = 2, TAG_OTHER = CAPNP_CAPABILITY_TAG };

/* Where a pointer leads: start is at most the segment's length. */
struct place {
    const struct capnp_segment *segment;
    uint64_t start; /* words from the segment's base */
    uint64_t word;  /* kind and size: a struct or list pointer, offset ignored */
};

const char *capnp_error_text(enum capnp_error error)
{
#define ERROR_SENTENCE(name, sentence) [CAPNP_ERROR_##name] = (sentence),
    static const char *const sentences[] = {CAPNP_ERROR_LIST(ERROR_SENTENCE)};
#undef ERROR_SENTENCE

    return (size_t)error < sizeof sentences / sizeof *sentences ? sentences[error]
                                                                : "an unknown error";
}

void capnp_message_fail(struct capnp_message *m, enum capnp_error error)
{
    if (m->error == CAPNP_ERROR_NONE) {
        m->error = error;
    }
}

/* Fails, as an expression of the callers below. */
static bool fail(struct capnp_message *m, enum capnp_error error)
{
    capnp_message_fail(m, error);
    return false;
}

static bool charge(struct capnp_message *m, uint64_t words)
{
    if (words > m->budget) {
        return fail(m, CAPNP_ERROR_BUDGET);
    }
    m->budget -= words;
    return true;
}

bool capnp_message_open_segments(struct capnp_message *m, const struct capnp_segment *segments,
                                 uint32_t count)
{
    uint64_t words = 0;

    capnp_message_open_flat(m, NULL, 0);
    if (count == 0) {
        return fail(m, CAPNP_ERROR_FRAMING);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (segments[i].bytes % 8u != 0 || segments[i].bytes >> 32 > 7u) {
            return fail(m, CAPNP_ERROR_FRAMING);
        }
        words += segments[i].bytes / 8u;
    }
    m->segments = segments;
    m->segment_count = count;
    capnp_message_limit(m, words * CAPNP_BUDGET_FACTOR + CAPNP_BUDGET_EXTRA);
    return true;
}

bool capnp_message_open_framed(struct capnp_message *m, const void *bytes, size_t len,
                               struct capnp_segment *segments, uint32_t max_segments)
{
    const uint8_t *base = bytes;

    capnp_message_open_flat(m, base, 0);
    if (len < 8u) {
        return fail(m, CAPNP_ERROR_FRAMING);
    }
    uint64_t count = (uint64_t)capnp_load_u32(base) + 1u;
    uint64_t table_bytes = (4u * (count + 1u) + 7u) / 8u * 8u;
    if (count > max_segments || table_bytes > len) {
        return fail(m, CAPNP_ERROR_FRAMING);
    }
    uint64_t start = table_bytes;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t words = capnp_load_u32(base + 4u * (i + 1u));
        if (words > (len - start) / 8u) {
            return fail(m, CAPNP_ERROR_FRAMING);
        }
        segments[i] = (struct capnp_segment){.base = base + start, .bytes = words * 8u};
        start += words * 8u;
    }
    if (start != len || segments[0].bytes == 0) {
        return fail(m, CAPNP_ERROR_FRAMING);
    }
    m->segments = segments;
    m->segment_count = (uint32_t)count;
    capnp_message_limit(m, len / 8u * CAPNP_BUDGET_FACTOR + CAPNP_BUDGET_EXTRA);
    return true;
}

/* ---------------------------------------------------------------------------
 * From a pointer to a place */

static uint64_t words_of(const struct capnp_segment *segment)
{
    return segment->bytes / 8u;
}

static const uint8_t *word_at(const struct capnp_segment *segment, uint64_t index)
{
    return segment->base + index * 8u;
}

/* The place that `word`, a struct or list pointer at word `here`, leads to. */
static bool resolve_near(struct capnp_message *m, const struct capnp_segment *segment,
                         uint64_t here, uint64_t word, struct place *out)
{
    int64_t offset = (int32_t)(uint32_t)word >> 2;
    uint64_t start = here + 1u + (uint64_t)offset; /* below zero wraps to far above the end */

    if (start > words_of(segment)) {
        return fail(m, CAPNP_ERROR_BOUNDS);
    }
    *out = (struct place){.segment = segment, .start = start, .word = word};
    return true;
}

/* The segment that a far pointer names, if `words` words are there where it points. */
static const struct capnp_segment *far_target(struct capnp_message *m, uint64_t far_word,
                                              uint64_t words, uint64_t *start)
{
    uint64_t id = far_word >> 32;

    if (id >= m->segment_count) {
        capnp_message_fail(m, CAPNP_ERROR_FAR);
        return NULL;
    }
    const struct capnp_segment *segment = &m->segments[id];
    *start = (uint32_t)far_word >> 3;
    if (*start > words_of(segment) || words > words_of(segment) - *start) {
        capnp_message_fail(m, CAPNP_ERROR_BOUNDS);
        return NULL;
    }
    return segment;
}

/*
 * A far pointer leads to one word, an ordinary pointer that counts from there, or
 * to two: a far pointer to the content, and a pointer without offset that says
 * what the content is. Longer chains do not exist.
 */
static bool resolve_far(struct capnp_message *m, uint64_t word, struct place *out)
{
    bool two_words = (word & 4u) != 0;
    uint64_t at;

    const struct capnp_segment *segment = far_target(m, word, two_words ? 2 : 1, &at);
    if (segment == NULL) {
        return false;
    }
    uint64_t pad = capnp_load_u64(word_at(segment, at));
    if (!two_words) {
        if ((pad & 3u) == TAG_FAR) {
            return fail(m, CAPNP_ERROR_FAR);
        }
        return resolve_near(m, segment, at, pad, out);
    }
    uint64_t tag = capnp_load_u64(word_at(segment, at + 1u));
    if ((pad & 7u) != TAG_FAR || (tag & 0xfffffffeu) != 0) {
        return fail(m, CAPNP_ERROR_FAR);
    }
    uint64_t start;
    segment = far_target(m, pad, 0, &start);
    if (segment == NULL) {
        return false;
    }
    *out = (struct place){.segment = segment, .start = start, .word = tag};
    return true;
}

/* The place of a pointer that is not null. */
static bool resolve(struct capnp_any p, struct place *out)
{
    uint64_t word = capnp_load_u64(p.slot);

    if ((word & 3u) == TAG_FAR) {
        return resolve_far(p.message, word, out);
    }
    if ((word & 3u) == TAG_OTHER) {
        return fail(p.message, CAPNP_ERROR_KIND);
    }
    return resolve_near(p.message, p.segment, (uint64_t)(p.slot - p.segment->base) / 8u, word, out);
}

/* The levels left below what the pointer leads to. */
static uint16_t depth_below(struct capnp_any p)
{
    uint16_t depth = p.depth & CAPNP_DEPTH_LEVELS;

    return depth == 0 ? 0 : (uint16_t)(depth - 1u);
}

/* The place of a pointer that leads a level down, unless it is null or may not. */
static bool descend(struct capnp_any p, struct place *out)
{
    if (capnp_any_is_null(p)) {
        return false;
    }
    if (p.depth == 0) {
        return fail(p.message, CAPNP_ERROR_DEPTH);
    }
    return resolve(p, out);
}

enum capnp_kind capnp_any_kind(struct capnp_any p)
{
    struct place place;

    if (capnp_any_is_null(p)) {
        return CAPNP_KIND_NULL;
    }
    uint64_t word = capnp_load_u64(p.slot);
    if ((word & 3u) == TAG_OTHER) {
        return (uint32_t)word == TAG_OTHER ? CAPNP_KIND_CAPABILITY : CAPNP_KIND_BROKEN;
    }
    if (!resolve(p, &place) || (place.word & 2u) != 0) {
        return CAPNP_KIND_BROKEN;
    }
    return (place.word & 3u) == TAG_LIST ? CAPNP_KIND_LIST : CAPNP_KIND_STRUCT;
}

/* ---------------------------------------------------------------------------
 * Structs */

static struct capnp_struct struct_at(struct capnp_message *m, struct place place, uint16_t depth)
{
    struct capnp_struct none = {.message = m, .segment = place.segment, .depth = depth};
    uint32_t data_words = (uint16_t)(place.word >> 32);
    uint32_t pointer_count = (uint16_t)(place.word >> 48);

    if ((place.word & 3u) != TAG_STRUCT) {
        capnp_message_fail(m, CAPNP_ERROR_KIND);
        return none;
    }
    if (data_words + pointer_count > words_of(place.segment) - place.start) {
        capnp_message_fail(m, CAPNP_ERROR_BOUNDS);
        return none;
    }
    if (!charge(m, data_words + pointer_count + 1u)) {
        return none;
    }
    return (struct capnp_struct){
        .message = m,
        .segment = place.segment,
        .data = word_at(place.segment, place.start),
        .data_bytes = data_words * 8u,
        .pointer_count = (uint16_t)pointer_count,
        .depth = depth,
    };
}

struct capnp_struct capnp_any_struct(struct capnp_any p)
{
    uint16_t depth = depth_below(p);
    struct place place;

    if (!descend(p, &place)) {
        return (struct capnp_struct){.message = p.message, .segment = p.segment, .depth = depth};
    }
    return struct_at(p.message, place, depth);
}

struct capnp_struct capnp_root_any_shape(struct capnp_message *m)
{
    m->budget = m->limit;
    return capnp_any_struct((struct capnp_any){
        .message = m,
        .segment = &m->segments[0],
        .slot = m->segments[0].bytes == 0 ? NULL : m->segments[0].base,
        .depth = CAPNP_DEPTH_MAX + 1u,
    });
}

/* The data section of at least data_words words: as it lies, or filled up in `scratch`. */
static const uint8_t *whole_data(struct capnp_struct s, uint16_t data_words, uint64_t *scratch)
{
    uint32_t wanted = data_words * 8u;

    if (s.data_bytes >= wanted && s.data != NULL) {
        return s.data;
    }
    __builtin_memset(scratch, 0, wanted);
    if (s.data != NULL) {
        __builtin_memcpy(scratch, s.data, s.data_bytes);
    }
    return (const uint8_t *)scratch;
}

const uint8_t *capnp_plain_root_any_shape(const void *words, size_t bytes, uint16_t data_words,
                                          uint64_t *scratch)
{
    struct capnp_message m;

    capnp_message_open_flat(&m, words, bytes);
    struct capnp_struct s = capnp_root_any_shape(&m);
    return m.error != CAPNP_ERROR_NONE ? NULL : whole_data(s, data_words, scratch);
}

/* ---------------------------------------------------------------------------
 * Lists */

/* Bits of data in an element of a scalar size. */
static const uint8_t element_bits[] = {
    [CAPNP_ELEMENT_VOID] = 0,        [CAPNP_ELEMENT_BIT] = 1,
    [CAPNP_ELEMENT_BYTE] = 8,        [CAPNP_ELEMENT_TWO_BYTES] = 16,
    [CAPNP_ELEMENT_FOUR_BYTES] = 32, [CAPNP_ELEMENT_EIGHT_BYTES] = 64,
    [CAPNP_ELEMENT_POINTER] = 0,     [CAPNP_ELEMENT_STRUCT] = 0,
};

/* The list of a place whose elements are scalars or pointers. */
static bool scalar_list_at(struct capnp_message *m, struct place place, struct capnp_list *list)
{
    enum capnp_element found = (enum capnp_element)(place.word >> 32 & 7u);
    uint64_t count = place.word >> 35;
    uint64_t bits = found == CAPNP_ELEMENT_POINTER ? 64u : element_bits[found];
    uint64_t words = (count * bits + 63u) / 64u;

    if (words > words_of(place.segment) - place.start) {
        return fail(m, CAPNP_ERROR_BOUNDS);
    }
    if (!charge(m, 1u + (bits == 0 ? count : words))) {
        return false;
    }
    list->data = word_at(place.segment, place.start);
    list->len = (uint32_t)count;
    list->step = (uint32_t)(bits / 8u);
    list->data_bytes = found == CAPNP_ELEMENT_POINTER ? 0 : list->step;
    list->pointer_count = found == CAPNP_ELEMENT_POINTER;
    return true;
}

/* The list of a place whose elements are structs: a tag with their number and shape, and they. */
static bool struct_list_at(struct capnp_message *m, struct place place, struct capnp_list *list)
{
    uint64_t words = place.word >> 35; /* without the tag */
    uint64_t room = words_of(place.segment) - place.start;

    if (room == 0 || words > room - 1u) {
        return fail(m, CAPNP_ERROR_BOUNDS);
    }
    uint64_t tag = capnp_load_u64(word_at(place.segment, place.start));
    uint64_t count = (uint32_t)tag >> 2;
    uint64_t data_words = (uint16_t)(tag >> 32);
    uint64_t pointer_count = (uint16_t)(tag >> 48);
    if ((tag & 3u) != TAG_STRUCT) {
        return fail(m, CAPNP_ERROR_KIND);
    }
    if (count * (data_words + pointer_count) > words) {
        return fail(m, CAPNP_ERROR_SIZE);
    }
    if (!charge(m, 1u + words + (data_words + pointer_count == 0 ? count : 0))) {
        return false;
    }
    list->data = word_at(place.segment, place.start + 1u);
    list->len = (uint32_t)count;
    list->step = (uint32_t)(data_words + pointer_count) * 8u;
    list->data_bytes = (uint32_t)data_words * 8u;
    list->pointer_count = (uint16_t)pointer_count;
    return true;
}

/* Whether elements as they were found can be read as the schema says. */
static bool elements_fit(const struct capnp_list *list, enum capnp_element found,
                         enum capnp_element wanted)
{
    switch (wanted) {
    case CAPNP_ELEMENT_VOID:
        return true;
    case CAPNP_ELEMENT_STRUCT:
        return found != CAPNP_ELEMENT_BIT;
    case CAPNP_ELEMENT_BIT:
        return found == CAPNP_ELEMENT_BIT;
    case CAPNP_ELEMENT_POINTER:
        return list->pointer_count != 0;
    case CAPNP_ELEMENT_BYTE:
    case CAPNP_ELEMENT_TWO_BYTES:
    case CAPNP_ELEMENT_FOUR_BYTES:
    case CAPNP_ELEMENT_EIGHT_BYTES:
        return list->data_bytes * 8u >= element_bits[wanted];
    }
    return false;
}

struct capnp_list capnp_any_list(struct capnp_any p, enum capnp_element element)
{
    struct capnp_list none = {.message = p.message, .segment = p.segment, .depth = depth_below(p)};
    struct place place;

    if (!descend(p, &place)) {
        return none;
    }
    if ((place.word & 3u) != TAG_LIST) {
        capnp_message_fail(p.message, CAPNP_ERROR_KIND);
        return none;
    }
    struct capnp_list list = none;
    list.segment = place.segment;
    enum capnp_element found = (enum capnp_element)(place.word >> 32 & 7u);
    bool there = found == CAPNP_ELEMENT_STRUCT ? struct_list_at(p.message, place, &list)
                                               : scalar_list_at(p.message, place, &list);
    if (!there) {
        return none;
    }
    if (!elements_fit(&list, found, element)) {
        capnp_message_fail(p.message, CAPNP_ERROR_KIND);
        return none;
    }
    return list;
}

enum capnp_element capnp_any_list_element(struct capnp_any p)
{
    struct place place;

    if (capnp_any_is_null(p) || !resolve(p, &place) || (place.word & 3u) != TAG_LIST) {
        return CAPNP_ELEMENT_VOID;
    }
    return (enum capnp_element)(place.word >> 32 & 7u);
}

struct capnp_data capnp_data_any_shape(struct capnp_message *m, const struct capnp_segment *segment,
                                       const uint8_t *slot)
{
    struct capnp_any p = {.message = m, .segment = segment, .slot = slot};
    struct capnp_data none = {.ptr = NULL, .len = 0};
    struct capnp_list list = {.message = m};
    struct place place;

    if (capnp_any_is_null(p) || !resolve(p, &place)) {
        return none;
    }
    if ((place.word & 3u) != TAG_LIST || (place.word >> 32 & 7u) != CAPNP_ELEMENT_BYTE) {
        capnp_message_fail(m, CAPNP_ERROR_KIND);
        return none;
    }
    if (!scalar_list_at(m, place, &list)) {
        return none;
    }
    return (struct capnp_data){.ptr = list.data, .len = list.len};
}

const uint8_t *capnp_bytes_root_any_shape(const void *words, size_t bytes, uint16_t data_words,
                                          uint16_t pointer_count, uint32_t texts, uint64_t *scratch,
                                          struct capnp_data *fields)
{
    struct capnp_message m;

    if (!capnp_message_open_flat(&m, words, bytes)) {
        return NULL;
    }
    struct capnp_struct s = capnp_root(&m, data_words, pointer_count);
    for (uint16_t i = 0; i < pointer_count; i++) {
        fields[i] = capnp_get_data(s, i);
        if ((texts >> i & 1u) != 0) {
            (void)capnp_get_text(s, i);
        }
    }
    return m.error == CAPNP_ERROR_NONE ? whole_data(s, data_words, scratch) : NULL;
}

/* ---------------------------------------------------------------------------
 * Capabilities */

void capnp_capability_fail(struct capnp_message *m, uint64_t word)
{
    capnp_message_fail(m, (uint32_t)word == TAG_OTHER ? CAPNP_ERROR_CAPABILITY : CAPNP_ERROR_KIND);
}

/* ---------------------------------------------------------------------------
 * Checks without a schema. They call each other; CAPNP_DEPTH_MAX bounds how deep. */

bool capnp_struct_check_pointers(struct capnp_struct s)
{
    for (uint16_t i = 0; i < s.pointer_count; i++) {
        if (!capnp_any_check(capnp_get_any(s, i))) {
            return false;
        }
    }
    return true;
}

static bool check_list(struct capnp_any p)
{
    struct capnp_list list = capnp_any_list(p, CAPNP_ELEMENT_VOID);

    if (list.pointer_count == 0) {
        return true;
    }
    for (uint32_t i = 0; i < list.len; i++) {
        if (!capnp_struct_check_pointers(capnp_list_struct(list, i))) {
            return false;
        }
    }
    return true;
}

bool capnp_any_check(struct capnp_any p)
{
    bool inside = true;

    switch (capnp_any_kind(p)) {
    case CAPNP_KIND_NULL:
        return true;
    case CAPNP_KIND_STRUCT:
        inside = capnp_struct_check_pointers(capnp_any_struct(p));
        break;
    case CAPNP_KIND_LIST:
        inside = check_list(p);
        break;
    case CAPNP_KIND_CAPABILITY:
        return capnp_any_capability(p).there;
    case CAPNP_KIND_BROKEN:
        return fail(p.message, CAPNP_ERROR_KIND);
    }
    return inside && p.message->error == CAPNP_ERROR_NONE;
}

/* ---------------------------------------------------------------------------
 * UTF-8 */

bool capnp_text_is_utf8(struct capnp_text text)
{
    const uint8_t *p = (const uint8_t *)text.ptr;
    uint32_t i = 0;

    while (i < text.len) {
        uint8_t lead = p[i++];
        if (lead < 0x80u) {
            continue;
        }
        /* How many bytes follow, and what the first of them may be: RFC 3629, section 4. */
        uint32_t more = lead >= 0xf0u ? 3 : lead >= 0xe0u ? 2 : 1;
        uint8_t low = lead == 0xe0u ? 0xa0u : lead == 0xf0u ? 0x90u : 0x80u;
        uint8_t high = lead == 0xedu ? 0x9fu : lead == 0xf4u ? 0x8fu : 0xbfu;
        if (lead < 0xc2u || lead > 0xf4u || more > text.len - i || p[i] < low || p[i] > high) {
            return false;
        }
        for (uint32_t k = 1; k < more; k++) {
            if ((p[i + k] & 0xc0u) != 0x80u) {
                return false;
            }
        }
        i += more;
    }
    return true;
}
