// SPDX-License-Identifier: MIT
/*
 * Canonical form: made, recognised, and equality, which is having the same one.
 *
 * All three walk structs and lists as they come. The functions of each walk call
 * each other; the depth limit of the message bounds how deep, its budget how much.
 *
 * A struct is trimmed: only what lies before its trailing zero words and its
 * trailing null pointers counts. Whether that is the whole struct is what tells a
 * canonical struct, and two structs are equal when their trimmed parts are.
 */
#include <capnp/canonical.h>

/* What of a struct counts. */
struct shape {
    uint16_t data_words;
    uint16_t pointer_count;
};

/* The data word that begins at this byte; lists of scalars can have less than a word. */
static uint64_t data_word(struct capnp_struct s, uint32_t byte)
{
    uint64_t word = 0;
    uint32_t bytes = s.data_bytes - byte < 8u ? s.data_bytes - byte : 8u;

    __builtin_memcpy(&word, s.data + byte, bytes);
    return word;
}

static struct shape trimmed(struct capnp_struct s)
{
    struct shape shape = {
        .data_words = (uint16_t)((s.data_bytes + 7u) / 8u),
        .pointer_count = s.pointer_count,
    };

    while (shape.data_words != 0 && data_word(s, (shape.data_words - 1u) * 8u) == 0) {
        shape.data_words--;
    }
    while (shape.pointer_count != 0 && !capnp_has(s, (uint16_t)(shape.pointer_count - 1u))) {
        shape.pointer_count--;
    }
    return shape;
}

/* The smallest shape that all elements of a list of structs fit in. */
static struct shape trimmed_elements(struct capnp_list l)
{
    struct shape largest = {0, 0};

    for (uint32_t i = 0; i < l.len && l.step != 0; i++) {
        struct shape s = trimmed(capnp_list_struct(l, i));
        largest.data_words = s.data_words > largest.data_words ? s.data_words : largest.data_words;
        largest.pointer_count =
            s.pointer_count > largest.pointer_count ? s.pointer_count : largest.pointer_count;
    }
    return largest;
}

/* The bytes of a list of scalars, the last of a list of bits counted whole. */
static uint64_t scalar_bytes(struct capnp_list l, enum capnp_element element)
{
    return element == CAPNP_ELEMENT_BIT ? (l.len + UINT64_C(7)) / 8u : (uint64_t)l.len * l.step;
}

/* The bits of a list's last byte that are elements. */
static uint8_t last_byte_mask(struct capnp_list l, enum capnp_element element)
{
    uint32_t bits = element == CAPNP_ELEMENT_BIT ? l.len % 8u : 0;

    return (uint8_t)(bits == 0 ? 0xffu : (1u << bits) - 1u);
}

/* ---------------------------------------------------------------------------
 * Making */

/* Copies what counts of one struct to where its place is already. */
static bool fill_struct(struct capnp_arena *arena, uint8_t *to, struct shape place,
                        struct capnp_struct from)
{
    uint32_t bytes =
        place.data_words * 8u < from.data_bytes ? place.data_words * 8u : from.data_bytes;

    if (bytes != 0) {
        __builtin_memcpy(to, from.data, bytes);
    }
    for (uint16_t i = 0; i < place.pointer_count && i < from.pointer_count; i++) {
        struct capnp_any_builder slot = {
            .arena = arena,
            .slot = to + (place.data_words + (uint32_t)i) * 8u,
        };
        if (!capnp_any_copy_canonical(slot, capnp_get_any(from, i))) {
            return false;
        }
    }
    return true;
}

static bool make_struct(struct capnp_any_builder to, struct capnp_any from)
{
    struct capnp_struct s = capnp_any_struct(from);

    if (s.message->error != CAPNP_ERROR_NONE) {
        return false;
    }
    struct shape shape = trimmed(s);
    struct capnp_struct_builder b =
        capnp_any_init_struct(to, shape.data_words, shape.pointer_count);
    return b.data != NULL && fill_struct(to.arena, b.data, shape, s);
}

static bool make_struct_list(struct capnp_any_builder to, struct capnp_list l)
{
    struct shape shape = trimmed_elements(l);
    struct capnp_list_builder b =
        capnp_any_init_struct_list(to, shape.data_words, shape.pointer_count, l.len);

    if (b.data == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < l.len && b.step != 0; i++) {
        uint8_t *place = b.data + (uint64_t)i * b.step;
        if (!fill_struct(to.arena, place, shape, capnp_list_struct(l, i))) {
            return false;
        }
    }
    return true;
}

static bool make_list(struct capnp_any_builder to, struct capnp_any from)
{
    enum capnp_element element = capnp_any_list_element(from);
    struct capnp_list l = capnp_any_list(from, CAPNP_ELEMENT_VOID);

    if (l.message->error != CAPNP_ERROR_NONE) {
        return false;
    }
    if (element == CAPNP_ELEMENT_STRUCT) {
        return make_struct_list(to, l);
    }
    struct capnp_list_builder b = capnp_any_init_list(to, element, l.len);
    if (b.data == NULL) {
        return false;
    }
    if (element == CAPNP_ELEMENT_POINTER) {
        for (uint32_t i = 0; i < l.len; i++) {
            if (!capnp_any_copy_canonical(capnp_list_builder_any(b, i), capnp_list_any(l, i))) {
                return false;
            }
        }
        return true;
    }
    uint64_t bytes = scalar_bytes(l, element);
    if (bytes != 0) {
        __builtin_memcpy(b.data, l.data, bytes);
        b.data[bytes - 1u] &= last_byte_mask(l, element);
    }
    return true;
}

bool capnp_any_copy_canonical(struct capnp_any_builder to, struct capnp_any from)
{
    if (to.slot == NULL) {
        return false;
    }
    switch (capnp_any_kind(from)) {
    case CAPNP_KIND_NULL:
        capnp_any_set_null(to);
        return true;
    case CAPNP_KIND_STRUCT:
        return make_struct(to, from);
    case CAPNP_KIND_LIST:
        return make_list(to, from);
    case CAPNP_KIND_CAPABILITY:
    case CAPNP_KIND_BROKEN:
        break;
    }
    capnp_message_fail(from.message, CAPNP_ERROR_KIND);
    return false;
}

bool capnp_canonical(struct capnp_message *m, void *out, size_t room, size_t *bytes)
{
    struct capnp_arena arena;
    struct capnp_struct root = capnp_root_any_shape(m);

    capnp_arena_init(&arena, out, room);
    if (m->error != CAPNP_ERROR_NONE) {
        return false;
    }
    struct shape shape = trimmed(root);
    struct capnp_struct_builder b = capnp_build_root(&arena, shape.data_words, shape.pointer_count);
    if (b.data == NULL || !fill_struct(&arena, b.data, shape, root)) {
        return false;
    }
    *bytes = capnp_arena_bytes(&arena);
    return true;
}

/* ---------------------------------------------------------------------------
 * Recognising */

/* How far the walk in preorder has come: the next thing must begin there. */
struct walk {
    const uint8_t *next;
};

static bool is_canonical(struct walk *walk, struct capnp_any p);

/* Whether what was found has this shape and no more. */
static bool has_shape(uint32_t data_bytes, uint16_t pointer_count, struct shape shape)
{
    return data_bytes == shape.data_words * 8u && pointer_count == shape.pointer_count;
}

static bool pointers_are_canonical(struct walk *walk, struct capnp_struct s)
{
    for (uint16_t i = 0; i < s.pointer_count; i++) {
        if (!is_canonical(walk, capnp_get_any(s, i))) {
            return false;
        }
    }
    return true;
}

static bool struct_is_canonical(struct walk *walk, struct capnp_any p)
{
    struct capnp_struct s = capnp_any_struct(p);
    uint32_t bytes = s.data_bytes + s.pointer_count * 8u;

    if (s.message->error != CAPNP_ERROR_NONE ||
        !has_shape(s.data_bytes, s.pointer_count, trimmed(s))) {
        return false;
    }
    if (bytes == 0) {
        return s.data == p.slot;
    }
    if (s.data != walk->next) {
        return false;
    }
    walk->next += bytes;
    return pointers_are_canonical(walk, s);
}

/* Whether the bytes from the end of a list to the next whole word are zero. */
static bool padding_is_zero(const uint8_t *data, uint64_t bytes)
{
    while (bytes % 8u != 0) {
        if (data[bytes++] != 0) {
            return false;
        }
    }
    return true;
}

static bool list_is_canonical(struct walk *walk, struct capnp_any p)
{
    enum capnp_element element = capnp_any_list_element(p);
    struct capnp_list l = capnp_any_list(p, CAPNP_ELEMENT_VOID);
    uint64_t words = capnp_load_u64(p.slot) >> 35;

    if (l.message->error != CAPNP_ERROR_NONE) {
        return false;
    }
    if (element == CAPNP_ELEMENT_STRUCT) {
        if (l.data - 8 != walk->next || words * 8u != (uint64_t)l.len * l.step ||
            !has_shape(l.data_bytes, l.pointer_count, trimmed_elements(l))) {
            return false;
        }
        walk->next = l.data + words * 8u;
    } else {
        uint64_t bytes = scalar_bytes(l, element);
        if (l.data != walk->next || !padding_is_zero(l.data, bytes) ||
            (bytes != 0 && (l.data[bytes - 1u] & ~last_byte_mask(l, element)) != 0)) {
            return false;
        }
        walk->next = l.data + (bytes + 7u) / 8u * 8u;
    }
    for (uint32_t i = 0; i < l.len && l.pointer_count != 0; i++) {
        if (!pointers_are_canonical(walk, capnp_list_struct(l, i))) {
            return false;
        }
    }
    return true;
}

static bool is_canonical(struct walk *walk, struct capnp_any p)
{
    if (capnp_any_is_null(p)) {
        return true;
    }
    /* Not the kind of what a far pointer leads to, but the pointer's own. */
    switch (capnp_load_u64(p.slot) & 3u) {
    case 0:
        return struct_is_canonical(walk, p);
    case 1:
        return list_is_canonical(walk, p);
    default:
        return false;
    }
}

bool capnp_is_canonical(const struct capnp_message *m)
{
    struct capnp_message own = *m;
    const struct capnp_segment *segment = &m->segments[0];
    struct walk walk = {.next = segment->base + 8};

    if (m->error != CAPNP_ERROR_NONE || m->segment_count != 1 || segment->bytes == 0) {
        return false;
    }
    own.budget = own.limit;
    struct capnp_any root = {
        .message = &own,
        .segment = segment,
        .slot = segment->base,
        .depth = CAPNP_DEPTH_MAX + 1u,
    };
    uint64_t word = capnp_load_u64(root.slot);
    return word != 0 && (word & 3u) == 0 && struct_is_canonical(&walk, root) &&
           walk.next == segment->base + segment->bytes;
}

/* ---------------------------------------------------------------------------
 * Comparing */

static bool structs_equal(struct capnp_struct a, struct capnp_struct b)
{
    struct shape shape = trimmed(a);
    struct shape other = trimmed(b);

    if (shape.data_words != other.data_words || shape.pointer_count != other.pointer_count) {
        return false;
    }
    for (uint32_t i = 0; i < shape.data_words; i++) {
        if (data_word(a, i * 8u) != data_word(b, i * 8u)) {
            return false;
        }
    }
    for (uint16_t i = 0; i < shape.pointer_count; i++) {
        if (!capnp_any_equal(capnp_get_any(a, i), capnp_get_any(b, i))) {
            return false;
        }
    }
    return true;
}

static bool lists_equal(struct capnp_any a, struct capnp_any b)
{
    enum capnp_element element = capnp_any_list_element(a);
    bool same_element = element == capnp_any_list_element(b);
    struct capnp_list left = capnp_any_list(a, CAPNP_ELEMENT_VOID);
    struct capnp_list right = capnp_any_list(b, CAPNP_ELEMENT_VOID);

    if (!same_element || left.len != right.len || a.message->error != CAPNP_ERROR_NONE ||
        b.message->error != CAPNP_ERROR_NONE) {
        return false;
    }
    if (element != CAPNP_ELEMENT_STRUCT && element != CAPNP_ELEMENT_POINTER) {
        uint64_t bytes = scalar_bytes(left, element);
        return bytes == 0 || (__builtin_memcmp(left.data, right.data, bytes - 1u) == 0 &&
                              ((left.data[bytes - 1u] ^ right.data[bytes - 1u]) &
                               last_byte_mask(left, element)) == 0);
    }
    for (uint32_t i = 0; i < left.len; i++) {
        if (!structs_equal(capnp_list_struct(left, i), capnp_list_struct(right, i))) {
            return false;
        }
    }
    return true;
}

/* Notes the error of a pointer of no kind, if it has none yet. */
static void note_broken(struct capnp_any p)
{
    if (capnp_any_kind(p) == CAPNP_KIND_BROKEN) {
        capnp_message_fail(p.message, CAPNP_ERROR_KIND);
    }
}

bool capnp_any_equal(struct capnp_any a, struct capnp_any b)
{
    enum capnp_kind kind = capnp_any_kind(a);
    bool equal = kind == capnp_any_kind(b);

    if (!equal) {
        note_broken(a);
        note_broken(b);
        return false;
    }
    switch (kind) {
    case CAPNP_KIND_NULL:
        return true;
    case CAPNP_KIND_STRUCT:
        equal = structs_equal(capnp_any_struct(a), capnp_any_struct(b));
        break;
    case CAPNP_KIND_LIST:
        equal = lists_equal(a, b);
        break;
    case CAPNP_KIND_CAPABILITY:
        equal = capnp_any_capability(a).index == capnp_any_capability(b).index;
        break;
    case CAPNP_KIND_BROKEN:
        note_broken(a);
        note_broken(b);
        break;
    }
    return equal && a.message->error == CAPNP_ERROR_NONE && b.message->error == CAPNP_ERROR_NONE;
}
