// SPDX-License-Identifier: MIT
/*
 * Building a Cap'n Proto message in memory that the caller brings.
 *
 * The message is one segment, unless it may grow (<capnp/grow.h>). Structs, lists and texts are
 * laid down one behind the other as they are asked for; each is zeroed when it is, so the memory
 * may hold anything before and nothing of that ever gets into the message. Texts and data that
 * are built in place are the exception: where their bytes go, the memory keeps what it held
 * until they are written, which is for whoever asked for the room to do.
 *
 *   struct capnp_arena a;
 *   capnp_arena_init(&a, buffer, sizeof buffer);
 *   struct capos_manifest_builder b = capos_manifest_build_root(&a);   first, once
 *   capos_manifest_set_schema_version(b, 1);
 *   if (!capnp_arena_ok(&a)) ...                                       it did not fit
 *   send(buffer, capnp_arena_bytes(&a));
 *
 * Running out of room needs no handling on the way: what does not fit gives a
 * builder of nothing, on which setters do nothing, and capnp_arena_ok says so at
 * the end. Once it is false it stays false.
 *
 * Setting a pointer field twice is allowed; the first value stays in the message
 * as words that nothing points to. Always true: used ≤ room, and every pointer
 * in the arena leads to a place inside [0, used). Where things lie is known from
 * the builders alone and never read back, so that the buffer may be memory which
 * somebody else writes to: that spoils the message, and nothing but the message.
 *
 * An arena that has grown has no room of its own, room = used, so that what finds
 * room without a call knows that everything so far lies in one segment.
 */
#pragma once

#include <capnp/read.h>

/* Whether a sanitizer looks at each access that compilers know of. */
#if defined(__SANITIZE_ADDRESS__)
#define CAPNP_CHECKED 1
#elif defined(__has_feature)
#define CAPNP_CHECKED __has_feature(address_sanitizer)
#else
#define CAPNP_CHECKED 0
#endif

/* The most elements a list can have, and the most words its structs can take. */
#define CAPNP_LIST_MAX ((1u << 29) - 1u)

/* The bytes of a message that is a root struct of this shape and nothing else. */
#define CAPNP_ROOT_BYTES(data_words, pointer_count) (8u * (1u + (data_words) + (pointer_count)))

struct capnp_growth;

struct capnp_arena {
    uint8_t *base;
    uint32_t room;               /* bytes, a multiple of 8 */
    uint32_t used;               /* bytes, a multiple of 8 */
    bool full;                   /* something did not fit */
    struct capnp_growth *growth; /* NULL: the message stays in one segment */
};

/* A struct being built. data is NULL when there was no room for it. */
struct capnp_struct_builder {
    struct capnp_arena *arena;
    uint8_t *data;
};

/* A list being built, with the shape that the schema gives its elements. */
struct capnp_list_builder {
    struct capnp_arena *arena;
    uint8_t *data;
    uint32_t len;
    uint32_t step; /* bytes from element to element; 0 for lists of Bool and Void */
};

/* A pointer field being set; slot is NULL when there was no room for its struct. */
struct capnp_any_builder {
    struct capnp_arena *arena;
    uint8_t *slot;
};

/* Where data that are built in place go: so many bytes, which are wanted before there is room. */
struct capnp_data_room {
    uint8_t *ptr;
    uint32_t len;
};

/* ---------------------------------------------------------------------------
 * How much room things take */

static inline uint64_t capnp_bytes(uint32_t len)
{
    return ((uint64_t)len + 7u) / 8u * 8u;
}

static inline uint64_t capnp_data_bytes(struct capnp_data data)
{
    return capnp_bytes(data.len);
}

static inline uint64_t capnp_text_bytes(struct capnp_text text)
{
    return ((uint64_t)text.len + 8u) / 8u * 8u;
}

/* As many bytes in 32 bits; the most there are if they are more, which no room has. */
static inline uint32_t capnp_room(uint64_t bytes)
{
    return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

/* ---------------------------------------------------------------------------
 * The arena */

/* Starts an empty message in `bytes` bytes at `buffer`, which the arena keeps. */
static inline void capnp_arena_init(struct capnp_arena *a, void *buffer, size_t bytes)
{
    a->base = buffer;
    a->room = (uint32_t)(bytes < UINT32_MAX ? bytes : UINT32_MAX);
    a->used = 0;
    a->full = false;
    a->growth = NULL;
}

/* Whether everything fitted so far. */
static inline bool capnp_arena_ok(const struct capnp_arena *a)
{
    return !a->full;
}

/* How long the message is, a multiple of 8. */
static inline uint32_t capnp_arena_bytes(const struct capnp_arena *a)
{
    return a->used;
}

/* The general part of capnp_arena_take: in the next segment of an arena that grows. */
uint8_t *capnp_arena_take_more(struct capnp_arena *a, uint64_t words);

/* Room for `words` words, not zeroed. NULL, and full from now on: there is not so much. */
static inline uint8_t *capnp_arena_take(struct capnp_arena *a, uint64_t words)
{
    if (CAPNP_UNLIKELY(words > (a->room - a->used) / 8u)) {
        return capnp_arena_take_more(a, words);
    }
    uint8_t *p = a->base + a->used;
    a->used += (uint32_t)words * 8u;
    return p;
}

static inline void capnp_store_u16(uint8_t *p, uint16_t v)
{
    __builtin_memcpy(p, &v, sizeof v);
}

static inline void capnp_store_u32(uint8_t *p, uint32_t v)
{
    __builtin_memcpy(p, &v, sizeof v);
}

static inline void capnp_store_u64(uint8_t *p, uint64_t v)
{
    __builtin_memcpy(p, &v, sizeof v);
}

/* Makes a slot point to a place in the arena; the rest of the word is `word`. */
static inline void capnp_store_pointer(uint8_t *slot, const uint8_t *to, uint64_t word)
{
    /* Half the distance in bytes: that in words, before the two bits of the kind. */
    uint32_t offset = (uint32_t)((uint64_t)(to - slot) >> 1) - 4u;

    capnp_store_u64(slot, word | offset);
}

/* Makes a slot point to what was taken last, in any segment; the rest of the word is `word`. */
void capnp_arena_point(struct capnp_arena *a, uint8_t *slot, const uint8_t *to, uint64_t word);

/* ---------------------------------------------------------------------------
 * Structs */

/* The word of a root pointer. A struct of nothing points to itself: a word of zeros is null. */
static inline uint64_t capnp_root_word(uint16_t data_words, uint16_t pointer_count)
{
    return (data_words | pointer_count) == 0 ? 0xfffffffcu
                                             : CAPNP_STRUCT_WORD(data_words, pointer_count);
}

/*
 * The message's root, for which its first segment must have room. Must be the first
 * thing in the arena; else nothing fits any more.
 */
static inline struct capnp_struct_builder
capnp_build_root(struct capnp_arena *a, uint16_t data_words, uint16_t pointer_count)
{
    uint32_t words = 1u + data_words + pointer_count;

    if (CAPNP_UNLIKELY(a->used != 0 || a->room < words * 8u)) {
        a->full = true;
        a->room = a->used;
        return (struct capnp_struct_builder){.arena = a, .data = NULL};
    }
    uint8_t *p = a->base;
    a->used = words * 8u;
    capnp_store_u64(p, capnp_root_word(data_words, pointer_count));
    __builtin_memset(p + 8, 0, (words - 1u) * 8u);
    return (struct capnp_struct_builder){.arena = a, .data = p + 8};
}

static inline void capnp_set_bool(struct capnp_struct_builder b, uint32_t bit, bool v)
{
    if (b.data != NULL) {
        uint8_t mask = (uint8_t)(1u << bit % 8u);
        b.data[bit / 8u] = (uint8_t)(v ? b.data[bit / 8u] | mask : b.data[bit / 8u] & ~mask);
    }
}

static inline void capnp_set_u8(struct capnp_struct_builder b, uint32_t byte, uint8_t v)
{
    if (b.data != NULL) {
        b.data[byte] = v;
    }
}

static inline void capnp_set_u16(struct capnp_struct_builder b, uint32_t byte, uint16_t v)
{
    if (b.data != NULL) {
        capnp_store_u16(b.data + byte, v);
    }
}

static inline void capnp_set_u32(struct capnp_struct_builder b, uint32_t byte, uint32_t v)
{
    if (b.data != NULL) {
        capnp_store_u32(b.data + byte, v);
    }
}

static inline void capnp_set_u64(struct capnp_struct_builder b, uint32_t byte, uint64_t v)
{
    if (b.data != NULL) {
        capnp_store_u64(b.data + byte, v);
    }
}

#ifdef __SSE2__
static inline uint32_t capnp_f32_bits(float v)
{
    uint32_t bits;
    __builtin_memcpy(&bits, &v, sizeof bits);
    return bits;
}

static inline uint64_t capnp_f64_bits(double v)
{
    uint64_t bits;
    __builtin_memcpy(&bits, &v, sizeof bits);
    return bits;
}
#endif

/* The pointer field whose slot lies `byte` bytes behind the start of the data section. */
static inline struct capnp_any_builder capnp_slot(struct capnp_struct_builder b, uint32_t byte)
{
    return (struct capnp_any_builder){
        .arena = b.arena,
        .slot = b.data == NULL ? NULL : b.data + byte,
    };
}

/* ---------------------------------------------------------------------------
 * What a pointer field can be set to */

static inline void capnp_any_set_null(struct capnp_any_builder p)
{
    if (p.slot != NULL) {
        capnp_store_u64(p.slot, 0);
    }
}

/* The word of a pointer to so many bytes, but for where they lie. */
static inline uint64_t capnp_bytes_word(uint64_t bytes)
{
    return bytes << 35 | (uint64_t)CAPNP_ELEMENT_BYTE << 32 | 1u;
}

/* Writes 8 to 16 bytes, and zeros up to `taken`, a whole number of words. */
static inline void capnp_lay_down_short(uint8_t *to, const void *bytes, uint32_t len,
                                        uint32_t taken)
{
    uint64_t first = capnp_load_u64((const uint8_t *)bytes);
    uint64_t last = capnp_load_u64((const uint8_t *)bytes + len - 8u);

    capnp_store_u64(to + taken - 8u, 0);
    capnp_store_u64(to, first);
    capnp_store_u64(to + len - 8u, last);
}

/*
 * Copies bytes upwards, in line where it can: so that who builds something short calls nothing,
 * and no register but three is lost to what is longer.
 */
static inline void capnp_copy(uint8_t *to, const void *bytes, uint32_t len)
{
#if defined(__x86_64__) && !CAPNP_CHECKED
    uint64_t words = len / 8u;
    uint64_t rest = len % 8u;

    __asm__ volatile("rep movsq" : "+D"(to), "+S"(bytes), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(bytes), "+c"(rest) : : "memory");
#else
    for (uint32_t i = 0; i < len; i++) {
        to[i] = ((const uint8_t *)bytes)[i];
    }
#endif
}

/* The same for any number of bytes. */
static inline void capnp_lay_down(uint8_t *to, const void *bytes, uint32_t len, uint32_t taken)
{
    if (taken != 0) {
        capnp_store_u64(to + taken - 8u, 0);
    }
    capnp_copy(to, bytes, len);
}

/* Of capnp_any_set_bytes the part for an arena that may grow. Returns what becomes of it. */
struct capnp_arena capnp_arena_set_bytes(struct capnp_arena a, uint8_t *slot, const void *bytes,
                                         uint32_t len, uint32_t pad);

/*
 * Lays down `len` bytes and `pad` zeros behind them, at most 1, as a list of bytes.
 * The 8 to 16 bytes of a small call are two words, which may overlap. Nothing that is
 * called gets the arena's address, so that it can live in registers.
 */
static inline CAPNP_INLINE void capnp_any_set_bytes(struct capnp_any_builder p, const void *bytes,
                                                    uint32_t len, uint32_t pad)
{
    struct capnp_arena *a = p.arena;

    if (CAPNP_UNLIKELY(p.slot == NULL)) {
        return;
    }
    if (CAPNP_UNLIKELY(a->growth != NULL)) {
        *a = capnp_arena_set_bytes(*a, p.slot, bytes, len, pad);
        return;
    }
    uint8_t *to = a->base + a->used;
    uint32_t taken = (len + pad + 7u) & ~7u;
    if (CAPNP_UNLIKELY(len >= CAPNP_LIST_MAX || taken > a->room - a->used)) {
        a->full = true;
        a->room = a->used;
        return;
    }
    if (CAPNP_LIKELY(len - 8u <= 8u)) {
        capnp_lay_down_short(to, bytes, len, taken);
    } else {
        capnp_lay_down(to, bytes, len, taken);
    }
    a->used += taken;
    capnp_store_pointer(p.slot, to, capnp_bytes_word((uint64_t)len + pad));
}

/* Copies the data in; it must not lie in the arena. */
static inline CAPNP_INLINE void capnp_any_set_data(struct capnp_any_builder p,
                                                   struct capnp_data data)
{
    capnp_any_set_bytes(p, data.ptr, data.len, 0);
}

/* Copies the text in, and ends it with a NUL byte; it must not lie in the arena. */
static inline CAPNP_INLINE void capnp_any_set_text(struct capnp_any_builder p,
                                                   struct capnp_text text)
{
    capnp_any_set_bytes(p, text.ptr, text.len, 1);
}

/* The general part of capnp_any_room_bytes. Returns what becomes of the arena. */
struct capnp_arena capnp_arena_room_bytes(struct capnp_arena a, uint8_t *slot, uint32_t len,
                                          uint32_t pad, uint8_t **room);

/*
 * Room for `len` bytes as a list of bytes, and for `pad` zeros behind them, at most 1. Of
 * it only the last word is written, with zeros. NULL: there is not so much. As above,
 * nothing that is called gets the arena's address.
 */
static inline uint8_t *capnp_any_room_bytes(struct capnp_any_builder p, uint32_t len, uint32_t pad)
{
    struct capnp_arena *a = p.arena;
    uint64_t bytes = ((uint64_t)len + pad + 7u) & ~7ull;

    if (CAPNP_UNLIKELY(p.slot == NULL)) {
        return NULL;
    }
    if (CAPNP_UNLIKELY(a->growth != NULL || len - 1u >= CAPNP_LIST_MAX - 1u ||
                       bytes > a->room - a->used)) {
        uint8_t *room;
        *a = capnp_arena_room_bytes(*a, p.slot, len, pad, &room);
        return room;
    }
    uint8_t *to = a->base + a->used;
    a->used += (uint32_t)bytes;
    capnp_store_u64(to + bytes - 8u, 0);
    capnp_store_pointer(p.slot, to, capnp_bytes_word((uint64_t)len + pad));
    return to;
}

/* Room for data, to be written there; what nobody writes goes along as it lies. */
static inline uint8_t *capnp_any_room_data(struct capnp_any_builder p, uint32_t len)
{
    return capnp_any_room_bytes(p, len, 0);
}

/* The same for a text, which has its NUL byte behind it already. */
static inline char *capnp_any_room_text(struct capnp_any_builder p, uint32_t len)
{
    return (char *)capnp_any_room_bytes(p, len, 1);
}

/*
 * A flat message without an arena: a root of this shape, and behind it the bytes of its
 * texts and data, for which the caller has made room. `end` is what the message takes
 * so far, CAPNP_ROOT_BYTES in the beginning; `slot` is where in it the pointer lies.
 * Returns what it takes then.
 */
static inline struct capnp_struct_builder capnp_flat_root(uint8_t *message, uint16_t data_words,
                                                          uint16_t pointer_count)
{
    capnp_store_u64(message, capnp_root_word(data_words, pointer_count));
    __builtin_memset(message + 8, 0, (data_words + pointer_count) * 8u);
    return (struct capnp_struct_builder){.arena = NULL, .data = message + 8};
}

static inline uint32_t capnp_flat_bytes(uint8_t *message, uint32_t slot, uint32_t end,
                                        const void *bytes, uint32_t len, uint32_t pad)
{
    uint32_t taken = (len + pad + 7u) & ~7u;

    /* Before the bytes are read, so that compilers see that the slot need not be cleared first. */
    capnp_store_pointer(message + slot, message + end, capnp_bytes_word((uint64_t)len + pad));
    if (CAPNP_LIKELY(len - 8u <= 8u)) {
        capnp_lay_down_short(message + end, bytes, len, taken);
    } else {
        capnp_lay_down(message + end, bytes, len, taken);
    }
    return end + taken;
}

static inline uint32_t capnp_flat_data(uint8_t *message, uint32_t slot, uint32_t end,
                                       struct capnp_data data)
{
    return capnp_flat_bytes(message, slot, end, data.ptr, data.len, 0);
}

static inline uint32_t capnp_flat_text(uint8_t *message, uint32_t slot, uint32_t end,
                                       struct capnp_text text)
{
    return capnp_flat_bytes(message, slot, end, text.ptr, text.len, 1);
}

/* The same for data that are built in place: only their last word is written, with zeros. */
static inline uint32_t capnp_flat_room(uint8_t *message, uint32_t slot, uint32_t end,
                                       struct capnp_data_room *room)
{
    uint32_t bytes = (room->len + 7u) & ~7u;

    room->ptr = message + end;
    if (CAPNP_LIKELY(bytes != 0)) {
        capnp_store_u64(message + end + bytes - 8u, 0);
    }
    capnp_store_pointer(message + slot, message + end, capnp_bytes_word(room->len));
    return end + bytes;
}

/* Points to a capability of the table that goes with the message. */
static inline void capnp_any_set_capability(struct capnp_any_builder p, uint32_t index)
{
    if (p.slot != NULL) {
        capnp_store_u64(p.slot, (uint64_t)index << 32 | 3u);
    }
}

/* Lays down a struct of defaults. */
struct capnp_struct_builder capnp_any_init_struct(struct capnp_any_builder p, uint16_t data_words,
                                                  uint16_t pointer_count);

/* Lays down a list of `len` zeros, which are scalars, bits or pointers. */
struct capnp_list_builder capnp_any_init_list(struct capnp_any_builder p,
                                              enum capnp_element element, uint32_t len);

/* Lays down a list of `len` structs of defaults. */
struct capnp_list_builder capnp_any_init_struct_list(struct capnp_any_builder p,
                                                     uint16_t data_words, uint16_t pointer_count,
                                                     uint32_t len);

/*
 * Copies what a pointer of a message leads to, all of it, with no schema. Fields
 * that only a newer schema knows are kept, and so are the indices of capabilities.
 * False: the original is malformed, names capabilities that did not come with it or
 * takes more than its budget, or it did not fit; the copy is then incomplete, though
 * well-formed.
 */
bool capnp_any_copy(struct capnp_any_builder to, struct capnp_any from);

/* ---------------------------------------------------------------------------
 * Elements of a list. Setting one behind its end does nothing but make the arena
 * full: the message would not be what its builder meant. */

static inline bool capnp_list_builder_has(struct capnp_list_builder l, uint32_t i)
{
    if (CAPNP_LIKELY(i < l.len)) {
        return true;
    }
    capnp_arena_take(l.arena, UINT64_MAX);
    return false;
}

static inline struct capnp_struct_builder capnp_list_builder_struct(struct capnp_list_builder l,
                                                                    uint32_t i)
{
    return (struct capnp_struct_builder){
        .arena = l.arena,
        .data = capnp_list_builder_has(l, i) ? l.data + (uint64_t)i * l.step : NULL,
    };
}

static inline struct capnp_any_builder capnp_list_builder_any(struct capnp_list_builder l,
                                                              uint32_t i)
{
    return capnp_slot(capnp_list_builder_struct(l, i), 0);
}

static inline void capnp_list_builder_set_bool(struct capnp_list_builder l, uint32_t i, bool v)
{
    if (capnp_list_builder_has(l, i)) {
        capnp_set_bool((struct capnp_struct_builder){.arena = l.arena, .data = l.data}, i, v);
    }
}

static inline void capnp_list_builder_set_u8(struct capnp_list_builder l, uint32_t i, uint8_t v)
{
    capnp_set_u8(capnp_list_builder_struct(l, i), 0, v);
}

static inline void capnp_list_builder_set_u16(struct capnp_list_builder l, uint32_t i, uint16_t v)
{
    capnp_set_u16(capnp_list_builder_struct(l, i), 0, v);
}

static inline void capnp_list_builder_set_u32(struct capnp_list_builder l, uint32_t i, uint32_t v)
{
    capnp_set_u32(capnp_list_builder_struct(l, i), 0, v);
}

static inline void capnp_list_builder_set_u64(struct capnp_list_builder l, uint32_t i, uint64_t v)
{
    capnp_set_u64(capnp_list_builder_struct(l, i), 0, v);
}

static inline void capnp_list_builder_set_text(struct capnp_list_builder l, uint32_t i,
                                               struct capnp_text text)
{
    capnp_any_set_text(capnp_list_builder_any(l, i), text);
}

static inline void capnp_list_builder_set_capability(struct capnp_list_builder l, uint32_t i,
                                                     uint32_t index)
{
    capnp_any_set_capability(capnp_list_builder_any(l, i), index);
}

static inline void capnp_list_builder_set_data(struct capnp_list_builder l, uint32_t i,
                                               struct capnp_data data)
{
    capnp_any_set_data(capnp_list_builder_any(l, i), data);
}
