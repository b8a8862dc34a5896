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
 * Annotations of json.capnp change what things are called, and where they stand:
 *
 *   $name            another name, of a field, a union's member or an enum's value
 *   $flatten         the members of a field's struct are members of the object that the
 *                    field is in, with a prefix before their names
 *   $discriminator   before the member of a union there is a tag, a member whose value is
 *                    the name of the one that is set; that itself is called `valueName`
 *                    if there is one, and left out if it is Void
 *   $base64, $hex    Data as a string
 *
 * Where a union has a tag, what is flattened out of it or called `valueName` is read as
 * the tag says, wherever that stands; without a tag it is skipped. Of $notification,
 * which is about methods, messages say nothing.
 *
 * Capabilities and AnyPointers have no form in JSON.
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
