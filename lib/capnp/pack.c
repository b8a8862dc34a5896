// SPDX-License-Identifier: MIT
/*
 * Packing and unpacking, a piece at a time.
 *
 * Both keep what a piece of input or of room broke off in their state and nowhere
 * else, so that every piece may end at any byte. Both have a way for a whole word
 * whose input and output are at hand, which is nearly always the case, and one for
 * single bytes at the ends of pieces.
 */
#include <capnp/pack.h>

/* Words that a run can have behind its first one. */
#define RUN_MAX 255u

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void taken(struct capnp_stream *s, size_t bytes)
{
    s->in += bytes;
    s->in_len -= bytes;
}

static void given(struct capnp_stream *s, size_t bytes)
{
    s->out += bytes;
    s->out_room -= bytes;
}

/* Moves as many as `left` bytes from input to output; returns how many are left. */
static uint16_t pass_on(struct capnp_stream *s, uint16_t left)
{
    size_t bytes = least(left, least(s->in_len, s->out_room));

    if (bytes != 0) {
        __builtin_memcpy(s->out, s->in, bytes);
        taken(s, bytes);
        given(s, bytes);
    }
    return (uint16_t)(left - bytes);
}

/* ---------------------------------------------------------------------------
 * Packing */

static unsigned zero_bytes(const uint8_t *word)
{
    unsigned zeros = 0;

    for (unsigned i = 0; i < 8u; i++) {
        zeros += word[i] == 0;
    }
    return zeros;
}

/* The words at the front of the input that are zero, at most a run of them. */
static uint8_t zero_run(const struct capnp_stream *s)
{
    size_t max = least(s->in_len / 8u, RUN_MAX);
    size_t words = 0;

    while (words < max && zero_bytes(s->in + words * 8u) == 8u) {
        words++;
    }
    return (uint8_t)words;
}

/* Those that packing would hardly make shorter: with fewer than two bytes of zero. */
static uint8_t raw_run(const struct capnp_stream *s)
{
    size_t max = least(s->in_len / 8u, RUN_MAX);
    size_t words = 0;

    while (words < max && zero_bytes(s->in + words * 8u) < 2u) {
        words++;
    }
    return (uint8_t)words;
}

/* Encodes the gathered word, and the length of the run that begins with it. */
static void encode(struct capnp_packer *p, struct capnp_stream *s)
{
    uint8_t tag = 0;
    uint8_t len = 1;

    for (unsigned i = 0; i < 8u; i++) {
        if (p->word[i] != 0) {
            tag = (uint8_t)(tag | 1u << i);
            p->pending[len++] = p->word[i];
        }
    }
    p->pending[0] = tag;
    if (tag == 0) {
        uint8_t run = zero_run(s);
        p->pending[len++] = run;
        taken(s, run * 8u);
    } else if (tag == 0xffu) {
        uint8_t run = raw_run(s);
        p->pending[len++] = run;
        p->raw_len = (uint16_t)(run * 8u);
    }
    p->word_len = 0;
    p->pending_at = 0;
    p->pending_len = len;
}

/* Gives what is pending; whether all of it is given. */
static bool flush(struct capnp_packer *p, struct capnp_stream *s)
{
    size_t bytes = least((size_t)(p->pending_len - p->pending_at), s->out_room);

    if (bytes != 0) {
        __builtin_memcpy(s->out, p->pending + p->pending_at, bytes);
        given(s, bytes);
        p->pending_at = (uint8_t)(p->pending_at + bytes);
    }
    return p->pending_at == p->pending_len;
}

enum capnp_pack_status capnp_pack(struct capnp_packer *p, struct capnp_stream *s)
{
    for (;;) {
        if (!flush(p, s)) {
            return CAPNP_PACK_OUTPUT;
        }
        p->raw_len = pass_on(s, p->raw_len);
        if (p->raw_len != 0 && s->in_len != 0) {
            return CAPNP_PACK_OUTPUT;
        }
        size_t bytes = p->raw_len != 0 ? 0 : least(8u - p->word_len, s->in_len);
        if (bytes != 0) {
            __builtin_memcpy(p->word + p->word_len, s->in, bytes);
            taken(s, bytes);
            p->word_len = (uint8_t)(p->word_len + bytes);
        }
        if (p->word_len < 8u) {
            break;
        }
        encode(p, s);
    }
    if (!s->last) {
        return CAPNP_PACK_INPUT;
    }
    return p->word_len == 0 && p->raw_len == 0 ? CAPNP_PACK_DONE : CAPNP_PACK_CORRUPT;
}

bool capnp_pack_all(void *out, size_t room, const void *in, size_t bytes, size_t *out_len)
{
    struct capnp_packer p = {0};
    struct capnp_stream s = {.in = in, .in_len = bytes, .out = out, .out_room = room, .last = true};

    if (capnp_pack(&p, &s) != CAPNP_PACK_DONE) {
        return false;
    }
    *out_len = room - s.out_room;
    return true;
}

/* ---------------------------------------------------------------------------
 * Unpacking */

/*
 *   TAG --> BYTES --> ZERO_COUNT --> ZEROS --> TAG      tag 0x00
 *                 \-> RAW_COUNT --> RAW --> TAG         tag 0xff
 *                 \-> TAG                               any other
 */
enum step {
    TAG = 0,    /* the next byte is a tag; also where an input may end */
    BYTES,      /* within a word */
    ZERO_COUNT, /* the next byte is how many words of zeros follow */
    ZEROS,
    RAW_COUNT, /* the next byte is how many words follow as they are */
    RAW,
};

static enum step step_behind_word(uint8_t tag)
{
    return tag == 0 ? ZERO_COUNT : tag == 0xffu ? RAW_COUNT : TAG;
}

/* A word whose tag and bytes have come, and for which there is room. */
static void unpack_word(struct capnp_unpacker *u, struct capnp_stream *s)
{
    uint8_t tag = s->in[0];
    size_t at = 1;

    for (unsigned i = 0; i < 8u; i++) {
        unsigned there = (unsigned)tag >> i & 1u;
        s->out[i] = there != 0 ? s->in[at] : 0;
        at += there;
    }
    taken(s, at);
    given(s, 8);
    u->step = (uint8_t)step_behind_word(tag);
}

/* The rest of a word, as far as input and room go; whether it is complete. */
static bool unpack_bytes(struct capnp_unpacker *u, struct capnp_stream *s)
{
    while (u->bit < 8u && s->out_room != 0) {
        bool there = ((unsigned)u->tag >> u->bit & 1u) != 0;
        if (there && s->in_len == 0) {
            return false;
        }
        *s->out = there ? *s->in : 0;
        taken(s, there);
        given(s, 1);
        u->bit++;
    }
    return u->bit == 8u;
}

/* What keeps a step from being completed. */
static enum capnp_pack_status wait(const struct capnp_stream *s, bool needs_input)
{
    if (!needs_input || s->in_len != 0) {
        return CAPNP_PACK_OUTPUT;
    }
    return s->last ? CAPNP_PACK_CORRUPT : CAPNP_PACK_INPUT;
}

/* Takes the number of words of a run. */
static void unpack_count(struct capnp_unpacker *u, struct capnp_stream *s, enum step run)
{
    uint8_t words = *s->in;

    u->run_len = (uint16_t)(words * 8u);
    u->step = (uint8_t)(words != 0 ? run : TAG);
    taken(s, 1);
}

enum capnp_pack_status capnp_unpack(struct capnp_unpacker *u, struct capnp_stream *s)
{
    for (;;) {
        size_t zeros;
        switch ((enum step)u->step) {
        case TAG:
            if (s->in_len == 0) {
                return s->last ? CAPNP_PACK_DONE : CAPNP_PACK_INPUT;
            }
            if (s->out_room == 0) {
                return CAPNP_PACK_OUTPUT;
            }
            if (s->in_len >= 9u && s->out_room >= 8u) {
                unpack_word(u, s);
                break;
            }
            u->tag = *s->in;
            u->bit = 0;
            u->step = BYTES;
            taken(s, 1);
            break;
        case BYTES:
            if (!unpack_bytes(u, s)) {
                return wait(s, s->out_room != 0);
            }
            u->step = (uint8_t)step_behind_word(u->tag);
            break;
        case ZERO_COUNT:
        case RAW_COUNT:
            if (s->in_len == 0) {
                return wait(s, true);
            }
            unpack_count(u, s, u->step == RAW_COUNT ? RAW : ZEROS);
            break;
        case ZEROS:
            zeros = least(u->run_len, s->out_room);
            if (zeros != 0) {
                __builtin_memset(s->out, 0, zeros);
            }
            given(s, zeros);
            u->run_len = (uint16_t)(u->run_len - zeros);
            if (u->run_len != 0) {
                return wait(s, false);
            }
            u->step = TAG;
            break;
        case RAW:
            u->run_len = pass_on(s, u->run_len);
            if (u->run_len != 0) {
                return wait(s, true);
            }
            u->step = TAG;
            break;
        }
    }
}

static unsigned bits_set(uint8_t tag)
{
    unsigned bits = 0;

    for (; tag != 0; tag = (uint8_t)(tag & (tag - 1u))) {
        bits++;
    }
    return bits;
}

bool capnp_unpacked_bytes(const void *in, size_t len, uint64_t *bytes)
{
    const uint8_t *p = in;
    uint64_t words = 0;

    for (size_t i = 0; i < len; words++) {
        uint8_t tag = p[i];
        size_t item = 1u + bits_set(tag);
        bool run = tag == 0 || tag == 0xffu;
        if (item + run > len - i) {
            return false;
        }
        i += item;
        if (run) {
            uint8_t count = p[i++];
            words += count;
            if (tag == 0xffu && count * 8u > len - i) {
                return false;
            }
            i += tag == 0xffu ? count * 8u : 0;
        }
    }
    *bytes = words * 8u;
    return true;
}

bool capnp_unpack_all(void *out, size_t room, const void *in, size_t len, size_t *out_len)
{
    struct capnp_unpacker u = {0};
    struct capnp_stream s = {.in = in, .in_len = len, .out = out, .out_room = room, .last = true};

    if (capnp_unpack(&u, &s) != CAPNP_PACK_DONE) {
        return false;
    }
    *out_len = room - s.out_room;
    return true;
}
