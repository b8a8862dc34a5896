// SPDX-License-Identifier: MIT
/*
 * Messages as JSON, by the tables of <capnp/reflect.h>, as the stock tool's
 * `convert` maps them:
 *
 *   Void, Bool                      null, true or false
 *   integers up to 32 bits, floats  numbers; "NaN", "Infinity", "-Infinity"
 *   Int64, UInt64                   strings of decimal digits
 *   enums                           their names; numbers for unknown ones
 *   Text, Data                      strings; arrays of bytes
 *   lists, structs, groups          arrays, objects
 *
 * A struct shows its pointers that are not null, all its numbers, and last the
 * member of its union, even where that is null. Parsing also takes numbers for
 * 64-bit integers, which are exact, strings for all numbers, and null for NaN; it
 * skips members that the schema does not know.
 *
 * Capabilities and AnyPointers have no form in JSON. Annotations of json.capnp are
 * not known here.
 */
#pragma once

#include <capnp/text.h>

/*
 * Renders a struct, without a line break at the end. False, with nothing written and
 * the reason in *problem: the message is malformed, or holds what JSON cannot say.
 */
bool capnp_json_render(const struct capnp_record *r, enum capnp_style style, struct capnp_sink sink,
                       const char **problem);

/*
 * Parses an object at the beginning of the input as a struct of this type, builds it
 * as the root of an empty arena, and moves the input behind it and the blanks that
 * follow. False, with the reason in `complaint`: the input is malformed or does not
 * agree with the schema, or it did not fit, which capnp_arena_ok tells apart.
 */
bool capnp_json_parse(struct capnp_text *input, const struct capnp_node_info *node,
                      struct capnp_arena *arena, struct capnp_complaint *complaint);
