// SPDX-License-Identifier: MIT
/*
 * The names that one object's members can have are listed and sorted, for each struct
 * that can be met. What is flattened is listed with the object that it is flattened into,
 * so a struct's names are listed as often as that happens, up to LISTED_MAX.
 */
#include "json_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Members of one object, levels of flattening, and structs and names that are listed in all. */
#define NAMES_MAX   (1u << 16)
#define FLATTEN_MAX 64u
#define LISTED_MAX  (1u << 22)

struct name {
    char *text;
    bool in_union; /* flattened out of a union, whose members may have the same */
};

struct names {
    struct name *list;
    size_t count;
    size_t room;
};

struct check {
    struct request *request;
    bool *met;       /* by node: its JSON was or will be checked */
    size_t *pending; /* nodes that will be */
    size_t pending_count;
    unsigned depth;
    uint32_t listed; /* so far */
    bool failed;
};

static void *allocate(size_t count, size_t size)
{
    void *p = calloc(count + 1u, size);

    if (p == NULL) {
        fputs("capos-capnp: out of memory\n", stderr);
        exit(1);
    }
    return p;
}

/* The first refusal counts. */
static void refuse(struct check *c, const struct capnp_node_info *node, const char *sentence,
                   const char *name)
{
    char *problem = c->request->problem;

    if (c->failed) {
        return;
    }
    c->failed = true;
    snprintf(problem, sizeof c->request->problem, "%s has no JSON: %s%s", node->display_name,
             sentence, name);
    for (; *problem != '\0'; problem++) {
        if ((unsigned char)*problem < ' ' || *problem == 0x7f) {
            *problem = '?';
        }
    }
}

/* ---------------------------------------------------------------------------
 * Names */

static void free_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->list[i].text);
    }
    free(names->list);
}

static void add_name(struct names *names, const char *prefix, const char *text, bool in_union)
{
    size_t len = strlen(prefix) + strlen(text) + 1u;

    if (names->count == names->room) {
        size_t room = names->room * 2u + 16u;
        struct name *larger = allocate(room, sizeof *larger);
        if (names->count != 0) {
            memcpy(larger, names->list, names->count * sizeof *larger);
        }
        free(names->list);
        names->list = larger;
        names->room = room;
    }
    char *copy = allocate(len, 1);
    snprintf(copy, len, "%s%s", prefix, text);
    names->list[names->count++] = (struct name){.text = copy, .in_union = in_union};
}

static int compare_names(const void *a, const void *b)
{
    const struct name *left = a;
    const struct name *right = b;

    return strcmp(left->text, right->text);
}

/* Sorts the names; members of one union may share one, which is kept once. */
static void settle_names(struct check *c, const struct capnp_node_info *node, struct names *names)
{
    size_t kept = 0;

    if (names->count == 0) {
        return;
    }
    qsort(names->list, names->count, sizeof *names->list, compare_names);
    for (size_t i = 0; i < names->count; i++) {
        struct name *last = kept == 0 ? NULL : &names->list[kept - 1u];
        if (last == NULL || strcmp(last->text, names->list[i].text) != 0) {
            names->list[kept++] = names->list[i];
            continue;
        }
        if (!last->in_union || !names->list[i].in_union) {
            refuse(c, node, "two members of one object are named ", names->list[i].text);
        }
        free(names->list[i].text);
    }
    names->count = kept;
}

static struct names list_names(struct check *c, const struct capnp_node_info *node);

static const char *field_name(const struct capnp_field_info *field)
{
    return field->json != NULL && field->json->name != NULL ? field->json->name : field->name;
}

static void list_field(struct check *c, const struct capnp_node_info *node,
                       const struct capnp_field_info *field, struct names *names)
{
    bool in_union = field->discriminant != CAPNP_NO_DISCRIMINANT;
    bool is_struct = field->type.kind == CAPNP_TYPE_STRUCT;
    bool flattened = is_struct && field->json != NULL && field->json->prefix != NULL;
    bool by_value = in_union && node->json_union != NULL && node->json_union->value != NULL;

    if (!flattened && !by_value) {
        add_name(names, "", field_name(field), false);
    }
    if (!flattened && !field->is_group) {
        return;
    }
    /* The stock tool makes no JSON of a group that its own struct is flattened into. */
    struct names inner = list_names(c, field->type.node);
    for (size_t i = 0; i < inner.count && flattened; i++) {
        add_name(names, field->json->prefix, inner.list[i].text, in_union);
    }
    free_names(&inner);
}

/* The names that tell members of a union apart. */
static void check_tags(struct check *c, const struct capnp_node_info *node)
{
    struct names tags = {.list = NULL};

    for (uint32_t i = 0; i < node->field_count; i++) {
        if (node->fields[i].discriminant != CAPNP_NO_DISCRIMINANT) {
            add_name(&tags, "", field_name(&node->fields[i]), false);
        }
    }
    settle_names(c, node, &tags);
    free_names(&tags);
}

/* Calls itself through what is flattened, FLATTEN_MAX deep. */
static struct names list_names(struct check *c, const struct capnp_node_info *node)
{
    struct names names = {.list = NULL};

    if (c->depth == FLATTEN_MAX || c->listed >= LISTED_MAX) {
        refuse(c, node, "it is flattened into itself, or too deeply", "");
        return names;
    }
    c->depth++;
    if (node->json_union != NULL && node->json_union->tag != NULL) {
        add_name(&names, "", node->json_union->tag, false);
    }
    if (node->json_union != NULL && node->json_union->value != NULL) {
        add_name(&names, "", node->json_union->value, false);
    }
    for (uint32_t i = 0; i < node->field_count && !c->failed; i++) {
        list_field(c, node, &node->fields[i], &names);
        if (names.count > NAMES_MAX) {
            refuse(c, node, "an object of it has too many members", "");
        }
    }
    settle_names(c, node, &names);
    c->listed += (uint32_t)names.count + 1u;
    c->depth--;
    return names;
}

/* ---------------------------------------------------------------------------
 * What can be met */

static void meet(struct check *c, const struct capnp_node_info *node)
{
    const struct capnp_node_info *const *nodes = c->request->schema.nodes;
    /* The tables of a request are one array, in the order of the index. */
    size_t i = (size_t)(node - nodes[0]);

    if (!c->met[i]) {
        c->met[i] = true;
        c->pending[c->pending_count++] = i;
    }
}

/* Calls itself through lists and brands, as a message nested them. */
static void meet_type(struct check *c, const struct capnp_type_info *type)
{
    while (type->kind == CAPNP_TYPE_LIST) {
        type = type->element;
    }
    if (type->kind == CAPNP_TYPE_STRUCT || type->kind == CAPNP_TYPE_ENUM) {
        meet(c, type->node);
    }
    for (uint16_t i = 0; type->brand != NULL && i < type->brand->binding_count; i++) {
        const struct capnp_binding_info *binding = &type->brand->bindings[i];
        for (uint16_t k = 0; k < binding->param_count; k++) {
            meet_type(c, &binding->params[k]);
        }
    }
}

static void check_enum(struct check *c, const struct capnp_node_info *node)
{
    struct names names = {.list = NULL};

    for (uint32_t i = 0; i < node->enumerant_count; i++) {
        const struct capnp_enumerant_info *e = &node->enumerants[i];
        add_name(&names, "", e->json_name != NULL ? e->json_name : e->name, false);
    }
    settle_names(c, node, &names);
    free_names(&names);
}

static void check_struct(struct check *c, const struct capnp_node_info *node, const char *misplaced)
{
    if (misplaced != NULL) {
        refuse(c, node, "an annotation does not go with the type of ", misplaced);
    }
    check_tags(c, node);
    struct names names = list_names(c, node);
    free_names(&names);
    for (uint32_t i = 0; i < node->field_count; i++) {
        meet_type(c, &node->fields[i].type);
    }
}

bool json_check(struct request *request, const struct capnp_node_info *type)
{
    size_t count = request->schema.node_count;
    struct check c = {
        .request = request,
        .met = allocate(count, sizeof *c.met),
        .pending = allocate(count, sizeof *c.pending),
    };

    meet(&c, type);
    while (c.pending_count != 0 && !c.failed) {
        size_t i = c.pending[--c.pending_count];
        const struct capnp_node_info *node = request->schema.nodes[i];
        if (node->kind == CAPNP_NODE_STRUCT) {
            check_struct(&c, node, request->json_misplaced[i]);
        } else {
            check_enum(&c, node);
        }
    }
    free(c.met);
    free(c.pending);
    return !c.failed;
}
