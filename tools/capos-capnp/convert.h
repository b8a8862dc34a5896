// SPDX-License-Identifier: MIT
/*
 * Streams of messages from one format into another.
 */
#pragma once

#include <capnp/reflect.h>

enum format {
    FORMAT_BINARY,      /* stream framing, one message behind the other */
    FORMAT_PACKED,      /* the same, packed */
    FORMAT_FLAT,        /* one message of one segment, without framing */
    FORMAT_FLAT_PACKED, /* the same, packed */
    FORMAT_CANONICAL,   /* flat, in the canonical form */
    FORMAT_TEXT,
    FORMAT_JSON,
    FORMAT_COUNT,
};

/* The format of this name, of which `len` bytes count; FORMAT_COUNT if it is none. */
enum format format_named(const char *name, size_t len);

/* Bytes that grow. All zero at the start; the owner frees `bytes`. */
struct buffer {
    uint8_t *bytes;
    size_t len;
    size_t room;
};

/* Adds bytes at the end. */
void buffer_add(struct buffer *buffer, const void *bytes, size_t len);

struct conversion {
    enum format from;
    enum format to;
    const struct capnp_node_info *type;
    char problem[256]; /* why the input was refused, without a line break */
};

/*
 * Converts all messages of the input, and adds them to the output. False, with the
 * reason in `problem`: one of them is malformed, or cannot be said in the other
 * format; the output then holds part of it.
 */
bool convert(struct conversion *c, const uint8_t *input, size_t len, struct buffer *output);
