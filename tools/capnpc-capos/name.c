// SPDX-License-Identifier: MIT
/*
 * What C calls the schema's declarations and members.
 *
 * A declaration's types take several tags at once (s, s_builder, s_list, ...). One
 * that would take a tag twice gets a number behind its name; $C.name settles it
 * otherwise. The first in the request's order keeps its name, groups come last.
 */
#include "model.h"
#include "out.h"

#include <string.h>

/* The annotations of schema/c.capnp. */
#define ANNOTATION_PREFIX 0xb2a6e1d47c90f385u
#define ANNOTATION_NAME   0xe4c87a1f5d3b6092u

/* Declarations of the same name that get a number each. */
#define NUMBERS_MAX 1000u

/* ---------------------------------------------------------------------------
 * Letters */

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool name_is_plain_char(char c)
{
    return is_upper(c) || is_lower(c) || is_digit(c);
}

const char *name_string(struct capnp_text text)
{
    return out_string("%.*s", (int)text.len, text.ptr);
}

static const char *in_capitals(const char *name)
{
    char *copy = out_alloc(strlen(name) + 1u);

    for (size_t i = 0; name[i] != '\0'; i++) {
        copy[i] = is_lower(name[i]) ? (char)(name[i] - 'a' + 'A') : name[i];
    }
    return copy;
}

/* camelCase to snake_case; a run of capitals is one word, with the last beginning the next. */
static const char *in_snake_case(const char *name)
{
    char *copy = out_alloc(strlen(name) * 2u + 1u);
    size_t n = 0;

    for (size_t i = 0; name[i] != '\0'; i++) {
        char c = name[i];
        bool after_word = i > 0 && (is_lower(name[i - 1u]) || is_digit(name[i - 1u]));
        bool before_word = i > 0 && is_upper(name[i - 1u]) && is_lower(name[i + 1u]);
        if (is_upper(c) && (after_word || before_word)) {
            copy[n++] = '_';
        }
        copy[n++] = is_upper(c) ? (char)(c - 'A' + 'a') : c;
    }
    return copy;
}

/* Whether the name can be part of a C identifier. */
static bool is_name(const char *name)
{
    if (!is_upper(name[0]) && !is_lower(name[0])) {
        return false;
    }
    for (size_t i = 0; name[i] != '\0'; i++) {
        if (!name_is_plain_char(name[i]) && name[i] != '_') {
            return false;
        }
    }
    return true;
}

static bool ends_in(const char *name, const char *end)
{
    size_t n = strlen(name);
    size_t k = strlen(end);

    return n >= k && strcmp(name + n - k, end) == 0;
}

static bool is_one_of(const char *name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, list[i]) == 0) {
            return true;
        }
    }
    return false;
}

const char *name_identifier(const char *name)
{
    /* Keywords, and what standard headers define as macros. */
    static const char *const taken[] = {
        "alignas",  "alignof",  "asm",           "assert", "auto",      "bool",     "break",
        "case",     "char",     "complex",       "const",  "constexpr", "continue", "default",
        "do",       "double",   "else",          "enum",   "errno",     "extern",   "false",
        "float",    "for",      "goto",          "if",     "inline",    "int",      "long",
        "nullptr",  "register", "restrict",      "return", "short",     "signed",   "sizeof",
        "static",   "stderr",   "stdin",         "stdout", "struct",    "switch",   "thread_local",
        "true",     "typedef",  "static_assert", "typeof", "union",     "unsigned", "void",
        "volatile", "while",
    };

    return is_one_of(name, taken, sizeof taken / sizeof *taken) ? out_string("%s_", name) : name;
}

/* ---------------------------------------------------------------------------
 * Annotations */

/* The text of an annotation, or NULL. */
static const char *annotation(struct schema_annotation_list list, uint64_t id)
{
    for (uint32_t i = 0; i < schema_annotation_list_len(list); i++) {
        struct schema_annotation a = schema_annotation_list_at(list, i);
        if (schema_annotation_get_id(a) == id) {
            return name_string(schema_value_get_text(schema_annotation_get_value(a)));
        }
    }
    return NULL;
}

/* Whether $C.prefix or $C.name is among the annotations, and is not empty. */
static bool is_given(struct schema_annotation_list annotations)
{
    return annotation(annotations, ANNOTATION_PREFIX) != NULL ||
           annotation(annotations, ANNOTATION_NAME) != NULL;
}

const char *name_member(const char *label, struct capnp_text text,
                        struct schema_annotation_list annotations)
{
    const char *given = annotation(annotations, ANNOTATION_NAME);
    const char *name = given != NULL ? given : name_string(text);

    if (!is_name(name)) {
        out_refuse(label, "the name %s cannot be one in C; give another with $C.name",
                   out_literal(name, strlen(name)));
    }
    return given != NULL ? given : in_snake_case(name);
}

/* Whether a generated macro of the declaration has this name behind the declaration's. */
static bool is_generated(const struct decl *scope, const char *name)
{
    static const char *const of_struct[] = {"data_words", "pointers", "bytes", "which_count"};
    static const char *const of_interface[] = {"id", "method_count"};
    static const char *const of_enum[] = {"count"};

    switch (scope->kind) {
    case DECL_STRUCT:
        return is_one_of(name, of_struct, 4);
    case DECL_INTERFACE:
        return is_one_of(name, of_interface, 2);
    case DECL_ENUM:
        return is_one_of(name, of_enum, 1);
    case DECL_FILE:
    case DECL_CONST:
    case DECL_ANNOTATION:
        break;
    }
    return false;
}

const char *name_constant(const struct decl *scope, const char *name)
{
    const char *number = is_generated(scope, name) ? "_2" : "";

    return in_capitals(out_string("%s_%s%s", scope->name, name, number));
}

/* ---------------------------------------------------------------------------
 * The tags that are taken: a set of strings, which grows by doubling. */

struct taken {
    const char *name;
    const struct decl *by;
};

struct names {
    struct taken *slots;
    size_t room; /* a power of two, more than twice the count */
    size_t count;
};

struct names *names_create(void)
{
    struct names *names = out_alloc(sizeof *names);

    names->room = 1024;
    names->slots = out_alloc(names->room * sizeof *names->slots);
    return names;
}

/* Where the name is, or would be. */
static struct taken *slot_of(const struct names *names, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; name[i] != '\0'; i++) {
        hash = (hash ^ (uint8_t)name[i]) * 0x100000001b3u;
    }
    for (size_t i = (size_t)(hash >> 20);; i++) {
        struct taken *slot = &names->slots[i & (names->room - 1u)];
        if (slot->name == NULL || strcmp(slot->name, name) == 0) {
            return slot;
        }
    }
}

static void names_add(struct names *names, const char *name, const struct decl *by)
{
    if (names->count * 2u >= names->room) {
        struct names larger = {.room = names->room * 2u, .count = names->count};
        larger.slots = out_alloc(larger.room * sizeof *larger.slots);
        for (size_t i = 0; i < names->room; i++) {
            if (names->slots[i].name != NULL) {
                *slot_of(&larger, names->slots[i].name) = names->slots[i];
            }
        }
        *names = larger;
    }
    struct taken *slot = slot_of(names, name);
    names->count += slot->name == NULL;
    *slot = (struct taken){.name = name, .by = by};
}

/* What is put behind a declaration's name to make the tags of its types. */
static size_t suffixes(const struct decl *decl, const char *list[6])
{
    size_t n = 0;

    list[n++] = "";
    if (decl->kind == DECL_STRUCT) {
        list[n++] = "_builder";
        list[n++] = "_list";
        list[n++] = "_list_builder";
        list[n++] = "_which";
    } else if (decl->kind == DECL_INTERFACE) {
        list[n++] = "_server";
        list[n++] = "_method";
        list[n++] = "_cap";
        list[n++] = "_cap_list";
    }
    return n;
}

/* Who has one of the tags that the declaration would have by this name; NULL: nobody. */
static const struct decl *holder(const struct names *names, const struct decl *decl,
                                 const char *name)
{
    const char *list[6];
    size_t count = suffixes(decl, list);

    for (size_t i = 0; i < count; i++) {
        const struct taken *slot = slot_of(names, out_string("%s%s", name, list[i]));
        if (slot->name != NULL) {
            return slot->by;
        }
    }
    return NULL;
}

/* Takes the first free of the name, name_2, name_3... */
static void take_name(const struct model *model, struct decl *decl, const char *wanted)
{
    const char *name = wanted;
    const char *list[6];

    for (unsigned number = 2;; number++) {
        const struct decl *by = holder(model->names, decl, name);
        if (by == NULL) {
            break;
        }
        if (by->file != decl->file || number > NUMBERS_MAX ||
            is_given(schema_node_get_annotations(decl->node))) {
            out_refuse(decl->label, "has the C name %s, and so has %s; rename one with $C.name",
                       name, by->label);
        }
        name = out_string("%s_%u", wanted, number);
    }
    decl->name = name;
    decl->upper = in_capitals(name);
    size_t count = suffixes(decl, list);
    for (size_t i = 0; i < count; i++) {
        names_add(model->names, out_string("%s%s", name, list[i]), decl);
    }
}

/* ---------------------------------------------------------------------------
 * Declarations */

/* The prefix of all names of a file. */
static const char *prefix_of(const struct decl *file)
{
    const char *given = annotation(schema_node_get_annotations(file->node), ANNOTATION_PREFIX);
    const char *slash = strrchr(file->label, '/');
    const char *base = slash != NULL ? slash + 1 : file->label;

    if (given != NULL) {
        return given;
    }
    char *prefix = out_alloc(strlen(base) + 1u);
    for (size_t i = 0; base[i] != '\0' && base[i] != '.'; i++) {
        bool plain = is_lower(base[i]) || is_digit(base[i]);
        prefix[i] = is_upper(base[i]) ? (char)(base[i] - 'A' + 'a') : plain ? base[i] : '_';
    }
    return prefix;
}

/* The declaration's name without its file's prefix. */
static const char *scoped_name(struct decl *decl, unsigned depth)
{
    const char *given = annotation(schema_node_get_annotations(decl->node), ANNOTATION_NAME);

    if (depth > SCOPES_MAX) {
        out_refuse(decl->label, "is declared inside itself");
    }
    if (given != NULL) {
        return given;
    }
    if (decl->parent == NULL) {
        out_refuse(decl->label, "is declared in nothing that the request contains");
    }
    const char *own = decl->is_message ? decl->name : in_snake_case(decl->schema_name);
    if (decl->parent->kind == DECL_FILE) {
        return own;
    }
    return out_string("%s_%s", scoped_name(decl->parent, depth + 1u), own);
}

static struct decl *file_of(struct decl *decl)
{
    struct decl *file = decl->parent;

    for (unsigned depth = 0; file != NULL && file->kind != DECL_FILE; depth++) {
        file = depth < SCOPES_MAX ? file->parent : NULL;
    }
    if (file == NULL) {
        out_refuse(decl->label, "is declared in no file of the request");
    }
    return file;
}

void name_decl(const struct model *model, struct decl *decl)
{
    if (decl->kind == DECL_FILE) {
        decl->name = prefix_of(decl);
        decl->upper = in_capitals(decl->name);
        decl->keeps_docs = is_given(schema_node_get_annotations(decl->node));
        if (!is_name(decl->name)) {
            out_refuse(decl->label, "its name cannot be one in C; give another with $C.prefix");
        }
        return;
    }
    const char *own = scoped_name(decl, 0);
    decl->file = file_of(decl);
    const char *name = out_string("%s_%s", prefix_of(decl->file), own);
    /* A type may have a list and builders by its name; they come first. */
    if (decl->kind == DECL_STRUCT && (ends_in(name, "_list") || ends_in(name, "_builder"))) {
        name = out_string("%s_%s", name, decl->is_group ? "group" : "type");
    }
    if (decl->kind == DECL_CONST && decl->parent->kind != DECL_FILE) {
        bool is_taken = is_generated(decl->parent, in_snake_case(decl->schema_name));
        name = is_taken ? out_string("%s_2", name) : name;
    }
    if (!is_name(name)) {
        out_refuse(decl->label, "its name cannot be one in C; give another with $C.name");
    }
    take_name(model, decl, name);
}

void name_instance(const struct model *model, struct decl *decl, const char *wanted)
{
    take_name(model, decl, wanted);
}

const char *name_inside(const struct decl *decl, const struct decl *file)
{
    const char *prefix = prefix_of(decl->file);
    size_t len = strlen(prefix);

    if (decl->file != file || strncmp(decl->name, prefix, len) != 0 || decl->name[len] != '_') {
        return decl->name;
    }
    return decl->name + len + 1u;
}
