// SPDX-License-Identifier: MIT
#include "page.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static const char head[] =
    "<!-- Written by tools/interface-pages from schema/capos.capnp; do not edit. -->\n";

/* The exception types, which begin the lines of a method's comment that say when. */
static const char *const exceptions[] = {"failed", "overloaded", "disconnected", "unimplemented",
                                         "invalidArgument"};

/* ---------------------------------------------------------------------------
 * Declarations, in the order of their names */

/* The name with those of its scopes: "Exception.Type". */
static const char *full_name(const struct capnp_node_info *node)
{
    const char *colon = strchr(node->display_name, ':');

    return colon == NULL ? node->display_name : colon + 1;
}

static bool is_interface(const struct capnp_node_info *node)
{
    return node->kind == CAPNP_NODE_INTERFACE;
}

/* A struct or enum that somebody wrote: no group, and no parameters or results. */
static bool is_type(const struct capnp_node_info *node)
{
    return node->kind == CAPNP_NODE_ENUM ||
           (node->kind == CAPNP_NODE_STRUCT && !node->is_group && node->scope_id != 0);
}

/* The next by name of those that are wanted; NULL: there is none. Start with NULL. */
static const struct capnp_node_info *next_of(const struct capnp_schema_info *schema,
                                             bool (*wanted)(const struct capnp_node_info *),
                                             const struct capnp_node_info *after)
{
    const struct capnp_node_info *best = NULL;

    for (size_t i = 0; i < schema->node_count; i++) {
        const struct capnp_node_info *node = schema->nodes[i];

        if (wanted(node) && (after == NULL || strcmp(full_name(node), full_name(after)) > 0) &&
            (best == NULL || strcmp(full_name(node), full_name(best)) < 0)) {
            best = node;
        }
    }
    return best;
}

/* The interface that a type is declared in; NULL: none. */
static const struct capnp_node_info *home_of(const struct capnp_schema_info *schema,
                                             const struct capnp_node_info *node)
{
    const struct capnp_node_info *scope = capnp_schema_find(schema, node->scope_id);

    return scope != NULL && is_interface(scope) ? scope : NULL;
}

/* ---------------------------------------------------------------------------
 * Text */

static bool is_constant_char(char c)
{
    return isupper((unsigned char)c) || isdigit((unsigned char)c) || c == '_';
}

/* Whether a word is the name of a constant, which Markdown shows as code: CAP_LIST_MAX. */
static bool is_constant(const char *word, size_t len)
{
    bool underscore = false;

    for (size_t i = 0; i < len; i++) {
        if (!is_constant_char(word[i])) {
            return false;
        }
        underscore = underscore || word[i] == '_';
    }
    return underscore && isupper((unsigned char)word[0]);
}

/* Some of a comment, in one line. */
static void put_line(FILE *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t word = 0;
        while (i + word < len && is_constant_char(text[i + word])) {
            word++;
        }
        if (is_constant(text + i, word)) {
            fprintf(out, "`%.*s`", (int)word, text + i);
        } else if (text[i] == '\n') {
            fputc(' ', out);
            word = 1;
        } else {
            word = word == 0 ? 1 : word;
            fprintf(out, text[i] == '|' || text[i] == '<' ? "\\%.*s" : "%.*s", (int)word, text + i);
        }
        i += word;
    }
}

static size_t line_len(const char *text)
{
    const char *end = strchr(text, '\n');

    return end == NULL ? strlen(text) : (size_t)(end - text);
}

/* The line behind this one. */
static const char *next_line(const char *text)
{
    text += line_len(text);
    return *text == '\0' ? text : text + 1;
}

/* The exception type that a line begins with; NULL: none. */
static const char *exception_of(const char *line)
{
    for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++) {
        size_t len = strlen(exceptions[i]);
        if (strncmp(line, exceptions[i], len) == 0 && strncmp(line + len, ": ", 2) == 0) {
            return exceptions[i];
        }
    }
    return NULL;
}

/* Lines of a comment up to its first refusal or empty line, as one line. Returns the rest. */
static const char *put_paragraph(FILE *out, const char *doc)
{
    const char *gap = "";

    while (*doc != '\0' && *doc != '\n' && exception_of(doc) == NULL) {
        fputs(gap, out);
        put_line(out, doc, line_len(doc));
        gap = " ";
        doc = next_line(doc);
    }
    return doc;
}

/* The first sentence of a comment, which ends where a line or another sentence does. */
static size_t sentence_len(const char *doc)
{
    size_t i = 0;

    while (doc[i] != '\0' && !(doc[i] == '.' && (doc[i + 1] == ' ' || doc[i + 1] == '\n'))) {
        i++;
    }
    return doc[i] == '\0' ? i : i + 1;
}

/* What a comment says before its refusals, in paragraphs. Returns the refusals. */
static const char *put_doc(FILE *out, const char *doc)
{
    while (*doc != '\0' && exception_of(doc) == NULL) {
        doc = put_paragraph(out, doc);
        fputs("\n\n", out);
        while (*doc == '\n') {
            doc++;
        }
    }
    return doc;
}

/* The comment of a member, for a cell of a table. */
static void put_cell(FILE *out, const char *doc)
{
    while (*doc != '\0') {
        doc = put_paragraph(out, doc);
        doc = *doc == '\n' ? doc + 1 : doc;
        fputs(*doc == '\0' ? "" : " ", out);
    }
}

/* ---------------------------------------------------------------------------
 * Types */

static const char *const type_names[] = {
    [CAPNP_TYPE_VOID] = "Void",       [CAPNP_TYPE_BOOL] = "Bool",
    [CAPNP_TYPE_INT8] = "Int8",       [CAPNP_TYPE_INT16] = "Int16",
    [CAPNP_TYPE_INT32] = "Int32",     [CAPNP_TYPE_INT64] = "Int64",
    [CAPNP_TYPE_UINT8] = "UInt8",     [CAPNP_TYPE_UINT16] = "UInt16",
    [CAPNP_TYPE_UINT32] = "UInt32",   [CAPNP_TYPE_UINT64] = "UInt64",
    [CAPNP_TYPE_FLOAT32] = "Float32", [CAPNP_TYPE_FLOAT64] = "Float64",
    [CAPNP_TYPE_TEXT] = "Text",       [CAPNP_TYPE_DATA] = "Data",
    [CAPNP_TYPE_ANY] = "Capability",  [CAPNP_TYPE_PARAMETER] = "AnyPointer",
};

/* A heading's name in a link, as the site and most readers of Markdown make it. */
static void put_anchor(FILE *out, const char *name)
{
    for (; *name != '\0'; name++) {
        if (isalnum((unsigned char)*name)) {
            fputc(tolower((unsigned char)*name), out);
        }
    }
}

static void put_link(FILE *out, const struct capnp_schema_info *schema,
                     const struct capnp_node_info *node)
{
    const struct capnp_node_info *home = home_of(schema, node);

    if (is_interface(node)) {
        fprintf(out, "[%s](%s.md)", node->name, node->name);
        return;
    }
    fprintf(out, "[%s](%s.md#", full_name(node), home == NULL ? "types" : home->name);
    put_anchor(out, full_name(node));
    fputc(')', out);
}

static void put_type(FILE *out, const struct capnp_schema_info *schema,
                     const struct capnp_type_info *type)
{
    if (type->kind == CAPNP_TYPE_LIST) {
        fputs("List(", out);
        put_type(out, schema, type->element);
        fputc(')', out);
    } else if (type->node != NULL) {
        put_link(out, schema, type->node);
    } else {
        fputs(type_names[type->kind], out);
    }
}

static void put_default(FILE *out, const struct capnp_field_info *field)
{
    if (!field->has_default || capnp_type_is_pointer(field->type.kind)) {
        return;
    }
    if (field->type.kind == CAPNP_TYPE_BOOL) {
        fputs(field->default_bits != 0 ? " = true" : " = false", out);
    } else {
        fprintf(out, " = %" PRIu64, field->default_bits);
    }
}

/* Whether any member has a comment. */
static bool has_docs(const struct capnp_node_info *node)
{
    for (uint32_t i = 0; i < node->field_count; i++) {
        const struct capnp_field_info *field = &node->fields[i];

        if (*field->doc != '\0' || (field->is_group && has_docs(field->type.node))) {
            return true;
        }
    }
    return false;
}

/* Rows of a struct's members; those of a group under its name. */
static void put_members(FILE *out, const struct capnp_schema_info *schema,
                        const struct capnp_node_info *node, const char *prefix, bool docs)
{
    for (uint32_t i = 0; i < node->field_count; i++) {
        const struct capnp_field_info *field = &node->fields[i];
        bool in_union = field->discriminant != CAPNP_NO_DISCRIMINANT;

        fprintf(out, "| %s`%s%s` | ", in_union ? "or " : "", prefix, field->name);
        if (field->is_group) {
            fputs(field->type.node->union_count != 0 ? "one of |" : "all of |", out);
        } else {
            put_type(out, schema, &field->type);
            put_default(out, field);
            fputs(" |", out);
        }
        if (docs) {
            fputc(' ', out);
            put_cell(out, field->doc);
            fputs(" |", out);
        }
        fputc('\n', out);
        if (field->is_group) {
            char inner[256];
            (void)snprintf(inner, sizeof inner, "%s%s.", prefix, field->name);
            put_members(out, schema, field->type.node, inner, docs);
        }
    }
}

static void put_struct(FILE *out, const struct capnp_schema_info *schema,
                       const struct capnp_node_info *node, const char *title)
{
    if (node->field_count == 0) {
        return;
    }
    bool docs = has_docs(node);

    fprintf(out, docs ? "| %s | Type | |\n|---|---|---|\n" : "| %s | Type |\n|---|---|\n", title);
    put_members(out, schema, node, "", docs);
    fputc('\n', out);
}

static void put_enum(FILE *out, const struct capnp_node_info *node)
{
    bool docs = false;

    for (uint32_t i = 0; i < node->enumerant_count; i++) {
        docs = docs || *node->enumerants[i].doc != '\0';
    }
    fputs(docs ? "| Value | | |\n|---|---:|---|\n" : "| Value | |\n|---|---:|\n", out);
    for (uint32_t i = 0; i < node->enumerant_count; i++) {
        fprintf(out, "| `%s` | %u |", node->enumerants[i].name, i);
        if (docs) {
            fputc(' ', out);
            put_cell(out, node->enumerants[i].doc);
            fputs(" |", out);
        }
        fputc('\n', out);
    }
    fputc('\n', out);
}

static void put_declaration(FILE *out, const struct capnp_schema_info *schema,
                            const struct capnp_node_info *node)
{
    fprintf(out, "## %s\n\n", full_name(node));
    (void)put_doc(out, node->doc);
    if (node->kind == CAPNP_NODE_ENUM) {
        put_enum(out, node);
    } else {
        put_struct(out, schema, node, "Member");
    }
}

/* ---------------------------------------------------------------------------
 * Methods */

static void put_refusals(FILE *out, const char *doc)
{
    if (*doc == '\0') {
        return;
    }
    fputs("| Refused as | when |\n|---|---|\n", out);
    while (*doc != '\0') {
        const char *exception = exception_of(doc);
        if (exception == NULL) {
            break;
        }
        fprintf(out, "| `%s` | ", exception);
        doc = put_paragraph(out, doc + strlen(exception) + 2);
        fputs(" |\n", out);
    }
    fputc('\n', out);
}

/* (a :UInt64, b :List(Text)) */
static void put_signature(FILE *out, const struct capnp_node_info *node)
{
    const char *gap = "";

    fputc('(', out);
    for (uint32_t i = 0; i < node->field_count; i++) {
        const struct capnp_type_info *type = &node->fields[i].type;

        fprintf(out, "%s%s :", gap, node->fields[i].name);
        unsigned lists = 0;
        for (; type->kind == CAPNP_TYPE_LIST; type = type->element) {
            fputs("List(", out);
            lists++;
        }
        fputs(type->node != NULL ? type->node->name : type_names[type->kind], out);
        for (; lists != 0; lists--) {
            fputc(')', out);
        }
        gap = ", ";
    }
    fputc(')', out);
}

static void put_method(FILE *out, const struct capnp_schema_info *schema,
                       const struct capnp_method_node *method, uint32_t number)
{
    fprintf(out, "## %s\n\n```capnp\n%s @%u ", method->name, method->name, number);
    put_signature(out, method->params);
    fputs(" -> ", out);
    put_signature(out, method->results);
    fputs(";\n```\n\n", out);
    const char *refusals = put_doc(out, method->doc);
    put_struct(out, schema, method->params, "Parameter");
    put_struct(out, schema, method->results, "Result");
    put_refusals(out, refusals);
}

/* ---------------------------------------------------------------------------
 * Pages */

void page_interface(FILE *out, const struct capnp_schema_info *schema,
                    const struct capnp_node_info *interface)
{
    fprintf(out, "%s# %s\n\n", head, interface->name);
    (void)put_doc(out, interface->doc);
    fprintf(out, "Interface id `0x%016" PRIx64 "`. Beside what is said here, a call may end in ",
            interface->id);
    fputs("[what any object may answer](README.md#what-any-object-may-answer).\n\n", out);
    for (uint32_t i = 0; i < interface->method_count; i++) {
        put_method(out, schema, &interface->methods[i], i);
    }
    for (const struct capnp_node_info *node = NULL;
         (node = next_of(schema, is_type, node)) != NULL;) {
        if (home_of(schema, node) == interface) {
            put_declaration(out, schema, node);
        }
    }
}

void page_types(FILE *out, const struct capnp_schema_info *schema)
{
    fprintf(out, "%s# Types\n\n", head);
    fputs("The structs and enums of `schema/capos.capnp` that belong to no one interface. Of "
          "members with an *or* before them one is set at a time.\n\n",
          out);
    for (const struct capnp_node_info *node = NULL;
         (node = next_of(schema, is_type, node)) != NULL;) {
        if (home_of(schema, node) == NULL) {
            put_declaration(out, schema, node);
        }
    }
}

void page_list(FILE *out, const struct capnp_schema_info *schema)
{
    fprintf(out, "%s# Interfaces\n\n", head);
    fputs("Every call of a capability, of the kernel's or of another process's, is one of a method "
          "of such an interface. These are the kernel's own; a program adds its own in a schema of "
          "its own. The other types are on [a page of their own](types.md).\n\n"
          "| Interface | Id | Methods | |\n|---|---|---:|---|\n",
          out);
    for (const struct capnp_node_info *node = NULL;
         (node = next_of(schema, is_interface, node)) != NULL;) {
        fprintf(out, "| [%s](%s.md) | `0x%016" PRIx64 "` | %u | ", node->name, node->name, node->id,
                node->method_count);
        put_line(out, node->doc, sentence_len(node->doc));
        fputs(" |\n", out);
    }
    fputs("\n## What any object may answer\n\n"
          "| Refused as | when |\n|---|---|\n"
          "| `unimplemented` | the interface has no method of that number |\n"
          "| `invalidArgument` | the parameters are not a valid message of the method's type |\n"
          "| `overloaded` | there are no slots for the capabilities of the answer, or no memory |\n"
          "\n"
          "What is wrong with the entry and not with the call is no exception but one of the "
          "[errors of the ring](../abi.md#errors-abierrorh).\n",
          out);
}
