// SPDX-License-Identifier: MIT
#include "out.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Every piece of memory handed out, so that it stays reachable to the end. */
struct piece {
    struct piece *next;
    max_align_t bytes[];
};

static struct piece *pieces;

void *out_alloc(size_t bytes)
{
    struct piece *piece = calloc(1, sizeof *piece + bytes);

    if (piece == NULL) {
        out_refuse("capnpc-capos", "out of memory");
    }
    piece->next = pieces;
    pieces = piece;
    return piece->bytes;
}

const char *out_string(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *string = out_alloc((size_t)len + 1u);
    va_start(args, format);
    vsnprintf(string, (size_t)len + 1u, format, args);
    va_end(args);
    return string;
}

void out_print(struct out *out, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    size_t len = (size_t)vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (out->room - out->len <= len) {
        size_t room = (out->room + len + 1u) * 2u;
        char *text = out_alloc(room);
        if (out->len != 0) {
            memcpy(text, out->text, out->len);
        }
        out->text = text;
        out->room = room;
    }
    va_start(args, format);
    vsnprintf(out->text + out->len, len + 1u, format, args);
    va_end(args);
    out->len += len;
}

/* Whether the arguments, filled into lines from `column` on, stay inside them. */
static bool args_fit(const char *const *args, size_t count, size_t column, size_t tail)
{
    for (size_t i = 0; i < count; i++) {
        if (column + strlen(args[i]) + 1u + (i + 1u == count ? tail : 0) > OUT_COLUMNS) {
            return false;
        }
    }
    return true;
}

void out_function(struct out *out, const char *result, const char *name, const char *const *args,
                  size_t count, size_t tail)
{
    size_t indent = strlen(result) + strlen(name) + 1u;

    if (args_fit(args, count, indent, tail)) {
        out_print(out, "%s%s(", result, name);
    } else {
        size_t len = strlen(result);
        bool blank = len != 0 && result[len - 1u] == ' ';
        out_print(out, "%.*s\n%s(", (int)(len - blank), result, name);
        indent = strlen(name) + 1u;
    }
    size_t column = indent;
    for (size_t i = 0; i < count; i++) {
        bool last = i + 1u == count;
        size_t width = strlen(args[i]) + 1u + (last ? tail : 0);
        if (i != 0 && column + 1u + width > OUT_COLUMNS) {
            out_print(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (i != 0) {
            out_print(out, " ");
            column++;
        }
        out_print(out, "%s%s", args[i], last ? "" : ",");
        column += strlen(args[i]) + 1u;
    }
    out_print(out, "%s)", count == 0 ? "void" : "");
}

/*
 * Where to break a line so that its first part has at most `columns` columns, not
 * inside quotes: behind the last comma or operator that a blank follows or, where
 * there is none, behind the last bracket that opens. Zero: there is no such place.
 */
static size_t break_at(const char *line, size_t blanks, size_t columns)
{
    bool quoted = false;
    size_t op = 0;
    size_t bracket = 0;

    for (size_t i = 0; line[i] != '\0' && i <= columns; i++) {
        if (line[i] == '\\' && line[i + 1u] != '\0') {
            i++;
        } else if (line[i] == '"') {
            quoted = !quoted;
        } else if (i > blanks && !quoted && line[i] == ' ' && strchr(",=&?:+", line[i - 1u])) {
            op = i;
        } else if (i > blanks && !quoted && strchr("({", line[i - 1u]) != NULL) {
            bracket = i;
        }
    }
    return op != 0 ? op : bracket;
}

/* The column behind the last bracket that the first `len` columns open and do not close. */
static size_t open_bracket(const char *line, size_t len)
{
    unsigned closed = 0;

    for (size_t i = len; i > 0; i--) {
        char c = line[i - 1u];
        if (c == ')' || c == '}') {
            closed++;
        } else if ((c == '(' || c == '{') && closed > 0) {
            closed--;
        } else if (c == '(' || c == '{') {
            return i;
        }
    }
    return 0;
}

void out_line(struct out *out, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *line = out_alloc((size_t)len + 1u);
    va_start(args, format);
    vsnprintf(line, (size_t)len + 1u, format, args);
    va_end(args);

    size_t indent = strspn(line, " ");
    size_t blanks = indent; /* before the part at hand */
    size_t room = OUT_COLUMNS;
    bool first = true;
    while (strlen(line) > room) {
        size_t at = break_at(line, blanks, room);
        if (at == 0) {
            break;
        }
        size_t left = first ? open_bracket(line, at) : 0;
        bool aligned = left != 0 && left + strlen(line + at) <= OUT_COLUMNS;
        size_t column = aligned ? left : indent + 4u;
        out_print(out, "%.*s\n%*s", (int)at, line, (int)column, "");
        line += line[at] == ' ' ? at + 1u : at;
        blanks = 0;
        room = OUT_COLUMNS - column;
        first = false;
    }
    out_print(out, "%s\n", line);
}

/* One line of a comment, so that nothing in it ends the comment or begins another. */
static void comment_line(struct out *out, const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line[i];
        bool control = c < ' ' || c == 0x7f;
        out_print(out, "%c", control ? ' ' : c);
        if (i + 1u < len &&
            ((c == '*' && line[i + 1u] == '/') || (c == '/' && line[i + 1u] == '*'))) {
            out_print(out, " ");
        }
    }
}

void out_comment(struct out *out, size_t indent, const char *text)
{
    size_t len = strlen(text);

    while (len != 0 && text[len - 1u] == '\n') {
        len--;
    }
    if (len == 0) {
        return;
    }
    bool one_line = memchr(text, '\n', len) == NULL && indent + len + 6u <= OUT_COLUMNS;
    out_print(out, "%*s/*%s", (int)indent, "", one_line ? " " : "");
    if (one_line) {
        comment_line(out, text, len);
        out_print(out, " */\n");
        return;
    }
    const char *end = text + len;
    for (const char *line = text; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop == NULL ? end : stop;
        out_print(out, "\n%*s *%s", (int)indent, "", stop == line ? "" : " ");
        comment_line(out, line, (size_t)(stop - line));
        line = stop + 1;
    }
    out_print(out, "\n%*s */\n", (int)indent, "");
}

const char *out_literal(const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    struct out text = {0};

    out_print(&text, "\"");
    for (size_t i = 0; i < len; i++) {
        if (p[i] == '"' || p[i] == '\\' || p[i] == '?') {
            out_print(&text, "\\%c", p[i]);
        } else if (p[i] == '\n') {
            out_print(&text, "\\n");
        } else if (p[i] < ' ' || p[i] >= 0x7f) {
            out_print(&text, "\\%03o", p[i]);
        } else {
            out_print(&text, "%c", p[i]);
        }
    }
    out_print(&text, "\"");
    return text.text;
}

void out_write(const struct out *out, const char *path)
{
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        const char *directory = out_string("%.*s", (int)(slash - path), path);
        if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
            out_refuse(directory, "cannot make the directory: %s", strerror(errno));
        }
    }
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        out_refuse(path, "cannot write: %s", strerror(errno));
    }
    bool written = fwrite(out->text, 1, out->len, file) == out->len;
    if (fclose(file) != 0 || !written) {
        out_refuse(path, "cannot write: %s", strerror(errno));
    }
}

void out_refuse(const char *place, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "%s: ", place);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}
