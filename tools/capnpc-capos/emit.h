// SPDX-License-Identifier: MIT
/*
 * The files that are generated from one schema file. Each function fills an
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

/* x.schema.h and x.schema.c: tables of all declarations. */
void emit_schema_header(const struct model_file *file, struct out *out);
void emit_schema_source(const struct model *model, const struct model_file *file, struct out *out);

/* The path of a schema file with this behind it instead of .capnp. */
const char *emit_path(const char *path, const char *suffix);

/* Parts of them. */
void emit_reader(const struct model *model, const struct decl *decl, struct out *out);
void emit_builder(const struct model *model, const struct decl *decl, struct out *out);
void emit_capability_type(const struct decl *decl, struct out *out);
void emit_server(const struct model *model, const struct decl *decl, struct out *out);
void emit_const(const struct model *model, const struct decl *decl, struct out *out);
void emit_const_words(const struct model *model, const struct decl *decl, struct out *out);

/* Whether a constant is words to be read, and so needs the types. */
bool emit_const_is_words(const struct model *model, const struct decl *decl);

/* The words of a pointer's value, as a static table. Returns their bytes. */
uint32_t emit_words(const char *name, struct capnp_any value, const char *label, struct out *out);

/* A comment as a string: one literal a line, those behind the first indented by `indent`. */
const char *emit_doc_literal(const char *doc, int indent);

/* The words of a pointer's value: NAME_words, and NAME with the suffix, the segment of them. */
void emit_segment(const char *name, const char *suffix, struct capnp_any value, const char *label,
                  struct out *out);

/* x.capnp.c: the checks of the file's structs that are not inline. */
void emit_checks(const struct model *model, const struct model_file *file, struct out *out);

/*
 * A list whose elements are lists gives each as a pointer. These are the functions
 * that take them for what they are: STRUCT_at_FIELD, and STRUCT_nest_FIELD for
 * building; STRUCT_at2_FIELD for the lists in those.
 */
const char *emit_nested_name(const struct decl *owner, const char *verb, unsigned level,
                             const char *field);
void emit_nested_at(const struct field *field, struct out *out);
void emit_nested_init(const struct field *field, struct out *out);

/* Whether it is scalars, and Text or Data among them, so that they are given as values. */
bool emit_is_values(const struct model *model, const struct decl *decl);

/*
 * Opens and checks a message of such a struct, or of one without pointers, given as the two
 * arguments that say where it is; returns `otherwise` if it is malformed. `form` is the end of
 * <capnp/read.h>'s functions: "" for every message, "_as_built" for those of the usual layout
 * alone, "_any_shape" for the others. Behind it emit_value_of is the value of a field, and `params`
 * a reader of the struct without pointers.
 */
void emit_open_plain(const struct model *model, const struct decl *decl, const char *form,
                     const char *message, const char *otherwise, struct out *out);
const char *emit_value_of(const struct decl *decl, const struct field *field);

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

/* The bits of a scalar value, as many as its type has. */
uint64_t emit_value_bits(struct schema_value value);

/* What a value of a list, struct or AnyPointer is; null for another. */
struct capnp_any emit_value_pointer(struct schema_value value);

/* The default of a field, and that of a scalar one as the bits that are XORed. */
struct schema_value emit_default_value(const struct field *field);
uint64_t emit_default_bits(const struct field *field);

/* Whether the default of a pointer field is something. */
bool emit_has_default(const struct field *field);

/* Whether it is a segment of words, which the source file holds. */
bool emit_has_default_words(const struct field *field);

/* The offset of a field in its data section: bytes, or bits for a Bool. */
uint32_t emit_offset(const struct field *field);

/* The type of a capability, without `struct`. */
const char *emit_capability(const struct type *type);

/* The size code of a list's elements, as the runtime names it. */
const char *emit_element(const struct type *element);

/* The runtime's or the schema's type of a list, without `struct`. */
const char *emit_list_name(const struct type *element);

/* What builds a list, without `struct`; and the expression that lays down `len` at a slot. */
const char *emit_list_builder_name(const struct type *element);
const char *emit_list_builder(const struct type *element, const char *slot);
