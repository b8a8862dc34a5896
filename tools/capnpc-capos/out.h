// SPDX-License-Identifier: MIT
/*
 * What the generator needs of a host: strings that live until the program ends,
 * a growing text, and the way out when the schema cannot be served.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Columns of a generated line. */
#define OUT_COLUMNS 100

/* A text being generated. Zero-initialised storage is an empty one. */
struct out {
    char *text;
    size_t len;
    size_t room;
};

/* Zeroed memory that lives until the program ends. */
void *out_alloc(size_t bytes);

/* A formatted string that lives until the program ends. */
__attribute__((format(printf, 1, 2))) const char *out_string(const char *format, ...);

/* Appends. */
__attribute__((format(printf, 2, 3))) void out_print(struct out *out, const char *format, ...);

/*
 * Appends the head of a function without what follows its closing bracket:
 * `result` (which ends in a blank or a star) and `name`, and the arguments, broken
 * into lines of OUT_COLUMNS less `tail` columns.
 */
void out_function(struct out *out, const char *result, const char *name, const char *const *args,
                  size_t count, size_t tail);

/*
 * Appends one line of code, which may be longer than OUT_COLUMNS: it is then
 * broken behind commas and operators, and goes on behind the bracket that is open,
 * or four columns further in.
 */
__attribute__((format(printf, 2, 3))) void out_line(struct out *out, const char *format, ...);

/*
 * Appends a comment with the text, indented by `indent`; nothing for an empty
 * text. Whatever the text is, it stays inside the comment.
 */
void out_comment(struct out *out, size_t indent, const char *text);

/* The bytes as a C string literal with its quotes. */
const char *out_literal(const void *bytes, size_t len);

/* Writes the text to a file, and makes the directories of its path. */
void out_write(const struct out *out, const char *path);

/* Prints one sentence that names the place, and ends the program with status 1. */
_Noreturn __attribute__((format(printf, 2, 3))) void out_refuse(const char *place,
                                                                const char *format, ...);
