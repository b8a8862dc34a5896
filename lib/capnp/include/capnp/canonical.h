// SPDX-License-Identifier: MIT
/*
 * One form for each value: canonical messages, and comparing without a schema.
 *
 * Equal values can lie in messages in many ways. The canonical form is the one way
 * that the specification names, so that its bytes can be compared, hashed and
 * signed: one segment, everything in preorder without gaps, each struct without
 * its trailing zero words and null pointers, each list of structs with elements
 * just large enough for the largest of them, padding of zeros, no far pointers and
 * no capabilities. It is what the stock tool calls `canonical`.
 *
 * None of this knows defaults: a field that holds its default, set, is zero, and
 * one that a newer schema added and nobody set is not there; both are the same
 * here. What a null pointer and a struct of nothing mean may differ, and so do they.
 *
 * Work and depth are bounded by the messages' budget and CAPNP_DEPTH_MAX; nothing
 * is allocated.
 */
#pragma once

#include <capnp/build.h>

/*
 * Writes the canonical form of a message to `out`, which must not overlap it. As many
 * bytes as the message has are enough (8 for one of none), unless pointers of it share
 * what they lead to. False: the message is malformed or holds capabilities (the error
 * is in `m`), or the form did not fit (there is none); `out` is then spoiled.
 */
bool capnp_canonical(struct capnp_message *m, void *out, size_t room, size_t *bytes);

/*
 * Writes the canonical form of what the pointer leads to behind it in the arena, as
 * capnp_any_copy does with what it finds. All of the arena must be built so, from
 * its root on, for the message to be canonical. False as above.
 */
bool capnp_any_copy_canonical(struct capnp_any_builder to, struct capnp_any from);

/* Whether the message is the canonical form of its value. No error is noted for one that is not. */
bool capnp_is_canonical(const struct capnp_message *m);

/*
 * Whether two pointers lead to the same value: both null; structs whose fields are
 * the same, where what one lacks is zero in the other; lists of the same length and
 * size code whose elements are the same, where those of structs compare as structs;
 * capabilities of the same index. The two may be of one message or of two. False if
 * either is malformed too, with the error in its message.
 */
bool capnp_any_equal(struct capnp_any a, struct capnp_any b);
