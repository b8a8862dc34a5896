// SPDX-License-Identifier: MIT
/*
 * Packing: the encoding of words that leaves zero bytes out, and back.
 *
 * Each word becomes a tag byte, whose bits say which of its bytes are not zero,
 * and those bytes. Behind the tag 0x00 comes how many words of zeros follow (0 to
 * 255); behind the tag 0xff and its eight bytes, how many words follow as they are.
 *
 * Both directions work on whatever the caller has at hand: pieces of input, pieces
 * of room for output. A call takes and gives as much as it can, moves the stream's
 * pointers along, and says what it waits for:
 *
 *   struct capnp_unpacker u = {0};
 *   struct capnp_stream s = {.in = in, .in_len = n, .out = out, .out_room = room, .last = true};
 *   switch (capnp_unpack(&u, &s)) ...
 *
 * Nothing is allocated; a call's work is bounded by in_len + out_room. Bytes that
 * are no packing of anything are found, and never lead out of the buffers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a call works on. Borrowed for the call, which moves all four of them along. */
struct capnp_stream {
    const uint8_t *in;
    size_t in_len; /* bytes that are still there to take */
    uint8_t *out;
    size_t out_room; /* bytes that may still be given */
    bool last;       /* no input follows these bytes */
};

/* What a call waits for. */
enum capnp_pack_status {
    CAPNP_PACK_DONE,    /* all of the last input was taken, and all of it has been given */
    CAPNP_PACK_INPUT,   /* all input was taken; more of it, please */
    CAPNP_PACK_OUTPUT,  /* all room is used; more of it, please */
    CAPNP_PACK_CORRUPT, /* the last input ends within a word */
};

/* Between two calls of capnp_pack. All zero at the start. */
struct capnp_packer {
    uint8_t word[8];     /* the beginning of a word whose end has not come yet */
    uint8_t word_len;    /* its bytes */
    uint8_t pending[10]; /* what was encoded and did not fit in the output */
    uint8_t pending_at;
    uint8_t pending_len;
    uint16_t raw_len; /* bytes that are next taken as they are */
};

/* Between two calls of capnp_unpack. All zero at the start. */
struct capnp_unpacker {
    uint8_t step; /* what the next byte is: see pack.c */
    uint8_t tag;
    uint8_t bit;      /* which byte of the word is next */
    uint16_t run_len; /* bytes of the run that are still to be given */
};

/*
 * Packs words. Runs end with the input of a call, so that the same words in other
 * pieces may give other bytes, of which all unpack to the same. Corrupt: the input
 * is not a whole number of words.
 */
enum capnp_pack_status capnp_pack(struct capnp_packer *p, struct capnp_stream *s);

/*
 * Unpacks to words. Corrupt: the input ends within a word or a run. With less room
 * than the input needs it stops at the room's last byte, from which it goes on.
 */
enum capnp_pack_status capnp_unpack(struct capnp_unpacker *u, struct capnp_stream *s);

/* Whether what was unpacked so far ends with a word and a run of the input. */
static inline bool capnp_unpacker_at_boundary(const struct capnp_unpacker *u)
{
    return u->step == 0;
}

/* The most bytes that `bytes` bytes of words can become when packed in one call. */
static inline uint64_t capnp_pack_bound(uint64_t bytes)
{
    return bytes + (bytes / 8u + 3u) / 2u;
}

/*
 * Packs all of `bytes` bytes at once. False: they are no whole number of words, or
 * do not fit in `room` (capnp_pack_bound(bytes) is enough); `out` is then spoiled.
 */
bool capnp_pack_all(void *out, size_t room, const void *in, size_t bytes, size_t *out_len);

/*
 * How long packed bytes become. False: they are malformed. Costs a walk over their
 * tags, so that room can be found, or refused, before anything is unpacked; each
 * packed byte can become 1,024.
 */
bool capnp_unpacked_bytes(const void *in, size_t len, uint64_t *bytes);

/*
 * Unpacks all of `len` bytes at once. False: they are malformed, or become more
 * than `room` bytes; `out` is then spoiled.
 */
bool capnp_unpack_all(void *out, size_t room, const void *in, size_t len, size_t *out_len);
