// SPDX-License-Identifier: MIT
/*
 * The three files that are generated from one schema file. Each function fills an
 * empty text. What they print must compile without a warning under gcc and clang,
 * as C17, hosted and freestanding.
 */
#pragma once

#include "model.h"
#include "out.h"

/* x.capnp.h: types, accessors, checks, builders, servers. */
void emit_header(const struct model *model, const struct model_file *file, struct out *out);

/* x.capnp.c: checks that are not inline, names, defaults, what there is to know of interfaces. */
void emit_source(const struct model *model, const struct model_file *file, struct out *out);

/* x.client.h: calls over the ring. Empty when the file declares no interface. */
void emit_client(const struct model *model, const struct model_file *file, struct out *out);

/* Parts of them. */
void emit_reader(const struct model *model, const struct decl *decl, struct out *out);
void emit_builder(const struct model *model, const struct decl *decl, struct out *out);
void emit_server(const struct model *model, const struct decl *decl, struct out *out);

/* The lines at the top of each file. */
void emit_top(const struct model_file *file, const char *purpose, struct out *out);

/* ---------------------------------------------------------------------------
 * What C calls a type */

/* As the result of a getter, with a blank at its end. */
const char *emit_reader_type(const struct type *type);

/* As the argument of a setter, with a blank at its end. Not for lists, structs and pointers. */
const char *emit_value_type(const struct type *type);

/* The name of the runtime's accessors for a scalar of these bits: u8, u16, u32 or u64. */
const char *emit_scalar(const struct type *type);

/* The default of a scalar field, as the bits that are XORed. */
uint64_t emit_default_bits(const struct field *field);

/* Whether the default of a pointer field is something. */
bool emit_has_default(const struct field *field);

/* The offset of a field in its data section: bytes, or bits for a Bool. */
uint32_t emit_offset(const struct field *field);

/* The size code of a list's elements, as the runtime names it. */
const char *emit_element(const struct type *element);

/* The runtime's or the schema's type of a list, without `struct`. */
const char *emit_list_name(const struct type *element);
