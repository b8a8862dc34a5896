// SPDX-License-Identifier: MIT
/*
 * Messages as text, in the notation of schema files: (name = "x", sizes = [1, 2]).
 *
 * Rendering follows the stock tool byte for byte, and parsing takes what it takes.
 * Both work by the tables of <capnp/reflect.h>. Nothing is allocated: what is
 * rendered goes to a sink, what is parsed is built in the caller's arena.
 *
 * What text cannot say is the same as there: capabilities and AnyPointers are
 * rendered as <external capability> and <opaque pointer>, enumerants that the
 * schema does not know as (number), and none of them can be parsed.
 *
 * Numbers are converted exactly, with integers alone: this runs without a C
 * library and without floating-point registers.
 */
#pragma once

#include <capnp/reflect.h>

/* Where rendered bytes go, in pieces, in order. */
struct capnp_sink {
    void (*write)(void *self, const char *bytes, size_t len);
    void *self;
};

enum capnp_style {
    CAPNP_STYLE_SHORT,  /* all in one line */
    CAPNP_STYLE_PRETTY, /* long values on lines of their own, indented */
};

/*
 * Renders a struct, without a line break at the end. False, with nothing written and
 * the error in the message: it is malformed or takes more than its budget.
 */
bool capnp_text_render(const struct capnp_record *r, enum capnp_style style,
                       struct capnp_sink sink);

/* Why input was refused. `sentence` is NULL if it was not. */
struct capnp_complaint {
    const char *sentence;
    uint32_t offset; /* bytes into the input */
};

/*
 * Parses a struct of this type at the beginning of the input, builds it as the root
 * of an empty arena, and moves the input behind it and the blanks that follow.
 * False, with the reason in `complaint`: the input is malformed or does not agree
 * with the schema, or it did not fit, which capnp_arena_ok tells apart.
 */
bool capnp_text_parse(struct capnp_text *input, const struct capnp_node_info *node,
                      struct capnp_arena *arena, struct capnp_complaint *complaint);

/* ---------------------------------------------------------------------------
 * Numbers, which JSON has too. Floats are given as their bits. */

/* Values nested in each other that are parsed, in text and in JSON. */
#define CAPNP_NESTING_MAX 64u

/* Room for any number, as it is formatted here. */
#define CAPNP_NUMBER_MAX 32u

/* Write a number to `out` and return how long it is; no NUL byte follows. */
uint32_t capnp_format_unsigned(uint64_t v, char out[static CAPNP_NUMBER_MAX]);
uint32_t capnp_format_signed(int64_t v, char out[static CAPNP_NUMBER_MAX]);

/*
 * With as few digits as the stock tool: 15, or 17 where 15 are not enough for a
 * Float64; 6, or 8, for a Float32. inf, -inf and nan for what is no number.
 */
uint32_t capnp_format_f64(uint64_t bits, char out[static CAPNP_NUMBER_MAX]);
uint32_t capnp_format_f32(uint32_t bits, char out[static CAPNP_NUMBER_MAX]);

/*
 * The Float64 nearest to a decimal number without sign: digits, a fraction after a
 * point, an exponent after e or E. Infinity if it is too large. False: it is no number.
 */
bool capnp_parse_f64(struct capnp_text text, uint64_t *bits);

/* Between floats; to the nearest, even where two are as near. */
uint32_t capnp_f32_from_f64(uint64_t bits);
uint64_t capnp_f64_from_f32(uint32_t bits);
uint64_t capnp_f64_from_unsigned(uint64_t v);
uint32_t capnp_f32_from_unsigned(uint64_t v);

/* Whether a Float64 is a whole number that has a magnitude in 64 bits, and which. */
bool capnp_f64_whole(uint64_t bits, uint64_t *magnitude);

#define CAPNP_F64_SIGN ((uint64_t)1 << 63)
#define CAPNP_F64_INF  ((uint64_t)0x7ff << 52)
#define CAPNP_F64_NAN  ((uint64_t)0x7ff8 << 48)
