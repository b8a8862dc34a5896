// SPDX-License-Identifier: MIT
#include "request.h"

#include "json_annotation.h"
#include "schema.capnp.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENTS_MAX 4096u

struct request_block {
    struct request_block *next;
};

/* The work in hand. Once `failed`, everything goes on with nothing, to the end. */
struct reading {
    struct request *request;
    struct capnp_node_info *nodes; /* by id */
    size_t node_count;
    bool *placed; /* by node: it is a group that a field was found for */
    struct schema_code_generator_request source;
    bool failed;
};

/* The first refusal counts. Names in it are the request's, so it is made one printable line. */
static void __attribute__((format(printf, 2, 3))) refuse(struct reading *r, const char *format, ...)
{
    char *problem = r->request->problem;
    va_list args;

    if (r->failed) {
        return;
    }
    r->failed = true;
    va_start(args, format);
    vsnprintf(problem, sizeof r->request->problem, format, args);
    va_end(args);
    for (; *problem != '\0'; problem++) {
        if ((unsigned char)*problem < ' ' || *problem == 0x7f) {
            *problem = '?';
        }
    }
}

/* Zeroed memory that lives as long as the request. */
static void *take(struct reading *r, size_t count, size_t size)
{
    struct request_block *block = NULL;

    if (count <= (SIZE_MAX - 64u) / (size + 1u)) {
        block = calloc(1, sizeof *block + 8u + count * size);
    }
    if (block == NULL) {
        fputs("capos-capnp: out of memory\n", stderr);
        exit(1);
    }
    block->next = r->request->blocks;
    r->request->blocks = block;
    return block + 1;
}

/* A copy of the text without control characters, which no name has. */
static const char *take_text(struct reading *r, struct capnp_text text)
{
    char *copy = take(r, (size_t)text.len + 1u, 1);

    memcpy(copy, text.ptr, text.len);
    return copy;
}

/* ---------------------------------------------------------------------------
 * Types and values */

static int compare_nodes(const void *a, const void *b)
{
    const struct capnp_node_info *left = a;
    const struct capnp_node_info *right = b;

    return left->id < right->id ? -1 : left->id > right->id;
}

static struct capnp_node_info *find(struct reading *r, uint64_t id)
{
    struct capnp_node_info key = {.id = id};

    return bsearch(&key, r->nodes, r->node_count, sizeof key, compare_nodes);
}

static const struct capnp_node_info *find_kind(struct reading *r, uint64_t id,
                                               enum capnp_node_kind kind)
{
    const struct capnp_node_info *node = find(r, id);

    if (node == NULL || node->kind != kind) {
        refuse(r, "the request refers to 0x%016" PRIx64 ", which it does not declare as such", id);
        return NULL;
    }
    return node;
}

static void read_type(struct reading *r, struct schema_type type, struct capnp_type_info *out);

static const struct capnp_brand_info *read_brand(struct reading *r, struct schema_brand brand)
{
    struct schema_brand_scope_list scopes = schema_brand_get_scopes(brand);
    uint32_t count = schema_brand_scope_list_len(scopes);

    if (count == 0) {
        return NULL;
    }
    struct capnp_brand_info *info = take(r, 1, sizeof *info);
    struct capnp_binding_info *bindings = take(r, count, sizeof *bindings);
    *info = (struct capnp_brand_info){.bindings = bindings, .binding_count = (uint16_t)count};
    if (count > UINT16_MAX) {
        refuse(r, "a type has %u scopes", count);
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct schema_brand_scope scope = schema_brand_scope_list_at(scopes, i);
        bindings[i].scope_id = schema_brand_scope_get_scope_id(scope);
        bindings[i].inherits = schema_brand_scope_which(scope) == SCHEMA_BRAND_SCOPE_INHERIT;
        struct schema_brand_binding_list list = schema_brand_scope_get_bind(scope);
        uint32_t params = schema_brand_binding_list_len(list);
        struct capnp_type_info *types = take(r, params, sizeof *types);
        for (uint32_t k = 0; k < params; k++) {
            struct schema_brand_binding binding = schema_brand_binding_list_at(list, k);
            types[k].kind = CAPNP_TYPE_ANY;
            if (schema_brand_binding_which(binding) == SCHEMA_BRAND_BINDING_TYPE) {
                read_type(r, schema_brand_binding_get_type(binding), &types[k]);
            }
        }
        bindings[i].params = types;
        bindings[i].param_count = (uint16_t)(params <= UINT16_MAX ? params : UINT16_MAX);
    }
    return info;
}

static void read_any_type(struct schema_type_any_pointer any, struct capnp_type_info *out)
{
    struct schema_type_any_pointer_parameter p = schema_type_any_pointer_get_parameter(any);

    out->kind = CAPNP_TYPE_ANY;
    if (schema_type_any_pointer_which(any) == SCHEMA_TYPE_ANY_POINTER_PARAMETER) {
        out->kind = CAPNP_TYPE_PARAMETER;
        out->scope_id = schema_type_any_pointer_parameter_get_scope_id(p);
        out->parameter = schema_type_any_pointer_parameter_get_parameter_index(p);
    }
}

/* Calls itself through lists and brands; the depth of messages bounds how deep. */
static void read_type(struct reading *r, struct schema_type type, struct capnp_type_info *out)
{
    unsigned which = schema_type_which(type);
    struct capnp_type_info *element;

    *out = (struct capnp_type_info){.kind = (enum capnp_type_kind)which};
    switch (out->kind) {
    case CAPNP_TYPE_LIST:
        element = take(r, 1, sizeof *element);
        read_type(r, schema_type_list_group_get_element_type(schema_type_get_list(type)), element);
        out->element = element;
        break;
    case CAPNP_TYPE_ENUM:
        out->node =
            find_kind(r, schema_type_enum_get_type_id(schema_type_get_enum(type)), CAPNP_NODE_ENUM);
        break;
    case CAPNP_TYPE_STRUCT:
        out->node = find_kind(r, schema_type_struct_get_type_id(schema_type_get_struct(type)),
                              CAPNP_NODE_STRUCT);
        out->brand = read_brand(r, schema_type_struct_get_brand(schema_type_get_struct(type)));
        if (out->node != NULL && out->node->is_group) {
            refuse(r, "a type is the struct of the group %s", out->node->display_name);
        }
        break;
    case CAPNP_TYPE_INTERFACE:
        out->node = find_kind(r, schema_type_interface_get_type_id(schema_type_get_interface(type)),
                              CAPNP_NODE_INTERFACE);
        out->brand =
            read_brand(r, schema_type_interface_get_brand(schema_type_get_interface(type)));
        break;
    case CAPNP_TYPE_ANY:
        read_any_type(schema_type_get_any_pointer(type), out);
        break;
    default:
        if (which > CAPNP_TYPE_ANY) {
            refuse(r, "the request has a type of kind %u, which is not known here", which);
            out->kind = CAPNP_TYPE_VOID;
        }
        break;
    }
}

/* What a pointer of a value leads to, as a message of its own; nothing for null. */
static struct capnp_segment take_value(struct reading *r, struct capnp_any from)
{
    struct capnp_segment none = {.base = NULL};

    if (capnp_any_is_null(from)) {
        return none;
    }
    for (size_t room = 1024; room <= (size_t)1 << 30; room *= 4u) {
        uint8_t *buffer = take(r, room, 1);
        struct capnp_arena arena;
        capnp_arena_init(&arena, buffer, room);
        struct capnp_any_builder root = {.arena = &arena, .slot = capnp_arena_take(&arena, 1)};
        if (capnp_any_copy(root, from)) {
            return (struct capnp_segment){.base = buffer, .bytes = capnp_arena_bytes(&arena)};
        }
        if (capnp_arena_ok(&arena)) {
            break;
        }
    }
    refuse(r, "a default value is malformed or too large");
    return none;
}

/* The value's number, as it lies in a message, or its pointer. */
static uint64_t read_value(struct reading *r, const struct capnp_type_info *type,
                           struct schema_value value, struct capnp_segment *pointer)
{
    unsigned bits = capnp_type_bits(type->kind);
    unsigned which = schema_value_which(value);

    /* The kinds of values are those of types, by the same numbers; a generic one is any. */
    unsigned wanted = type->kind == CAPNP_TYPE_PARAMETER ? CAPNP_TYPE_ANY : type->kind;
    if (which != wanted) {
        if (value.s.data_bytes != 0) {
            refuse(r, "a value is of another kind than its type");
        }
        return 0;
    }
    if (capnp_type_is_pointer(type->kind)) {
        if (type->kind != CAPNP_TYPE_INTERFACE) {
            *pointer = take_value(r, capnp_get_any(value.s, 0));
        }
        return 0;
    }
    /* Every number of the union begins behind the discriminant, at its own alignment. */
    switch (bits) {
    case 0:
        return 0;
    case 1:
        return capnp_get_bool(value.s, 16);
    case 8:
        return capnp_get_u8(value.s, 2);
    case 16:
        return capnp_get_u16(value.s, 2);
    case 32:
        return capnp_get_u32(value.s, 4);
    default:
        return capnp_get_u64(value.s, 8);
    }
}

/* ---------------------------------------------------------------------------
 * Declarations */

static struct schema_node_source_info source_info(struct reading *r, uint64_t id)
{
    struct schema_node_source_info_list list =
        schema_code_generator_request_get_source_info(r->source);
    struct schema_node_source_info none = {.s = {.data = NULL}};

    for (uint32_t i = 0; i < schema_node_source_info_list_len(list); i++) {
        struct schema_node_source_info info = schema_node_source_info_list_at(list, i);
        if (schema_node_source_info_get_id(info) == id) {
            return info;
        }
    }
    none.s.message = r->source.s.message;
    return none;
}

static const char *member_doc(struct reading *r, struct schema_node_source_info info, uint32_t i)
{
    struct schema_node_source_info_member_list members = schema_node_source_info_get_members(info);

    if (i >= schema_node_source_info_member_list_len(members)) {
        return "";
    }
    return take_text(r, schema_node_source_info_member_get_doc_comment(
                            schema_node_source_info_member_list_at(members, i)));
}

/* A slot must lie in its struct: offset counts units of its size. */
static void check_slot(struct reading *r, const struct capnp_node_info *node,
                       const struct capnp_field_info *field)
{
    uint64_t end = ((uint64_t)field->offset + 1u) * capnp_type_bits(field->type.kind);
    uint64_t room = (capnp_type_is_pointer(field->type.kind) ? (uint64_t)node->pointer_count
                                                             : node->data_words) *
                    64u;

    if (field->type.kind != CAPNP_TYPE_VOID && end > room) {
        refuse(r, "%s.%s lies outside its struct", node->display_name, field->name);
    }
}

/* A group is a part of its struct, and of no other. */
static void read_group(struct reading *r, const struct capnp_node_info *node,
                       struct schema_field source, struct capnp_field_info *field)
{
    uint64_t id = schema_field_group_get_type_id(schema_field_get_group(source));
    const struct capnp_node_info *group = find_kind(r, id, CAPNP_NODE_STRUCT);

    field->is_group = true;
    field->type = (struct capnp_type_info){.kind = CAPNP_TYPE_STRUCT, .node = group};
    if (group == NULL) {
        return;
    }
    if (!group->is_group || group->scope_id != node->id || group->data_words != node->data_words ||
        group->pointer_count != node->pointer_count) {
        refuse(r, "%s.%s is no part of its struct", node->display_name, field->name);
    }
    if (r->placed[group - r->nodes]) {
        refuse(r, "%s.%s is another field's group", node->display_name, field->name);
    }
    r->placed[group - r->nodes] = true;
}

/* What a discriminator says; NULL if there is none. */
static const struct capnp_json_union *
read_union(struct reading *r, const struct json_annotations *a, const char *own_name)
{
    if (!a->is_union) {
        return NULL;
    }
    struct capnp_json_union *u = take(r, 1, sizeof *u);
    u->tag = a->has_tag ? take_text(r, a->tag) : own_name;
    u->value = a->has_value ? take_text(r, a->value) : NULL;
    return u;
}

/* Annotations of json.capnp; those that a field of its type cannot have refuse its struct's JSON.
 */
static void read_json(struct reading *r, struct capnp_node_info *node, struct schema_field source,
                      struct capnp_field_info *field)
{
    struct json_annotations a = json_annotations_of(schema_field_get_annotations(source));
    bool is_struct = field->type.kind == CAPNP_TYPE_STRUCT;
    bool is_data = field->type.kind == CAPNP_TYPE_DATA;
    const char *own_name = a.is_flattened ? field->name : NULL;

    if (!a.is_any) {
        return;
    }
    if ((a.is_flattened && !is_struct) || (a.is_union && !field->is_group) ||
        (a.data != CAPNP_JSON_BYTES && !is_data)) {
        r->request->json_misplaced[node - r->nodes] = field->name;
    }
    if (field->is_group && field->type.node != NULL) {
        r->nodes[field->type.node - r->nodes].json_union = read_union(r, &a, own_name);
    }
    struct capnp_json_field *json = take(r, 1, sizeof *json);
    json->name = a.has_name ? take_text(r, a.name) : NULL;
    json->prefix = a.is_flattened ? take_text(r, a.prefix) : NULL;
    json->data = a.data;
    field->json = json;
}

static void read_fields(struct reading *r, struct capnp_node_info *node, struct schema_node source,
                        struct schema_node_source_info info)
{
    struct schema_node_struct s = schema_node_get_struct(source);
    struct schema_field_list list = schema_node_struct_get_fields(s);
    uint32_t count = schema_field_list_len(list);
    struct capnp_field_info *fields = take(r, count, sizeof *fields);

    node->union_count = schema_node_struct_get_discriminant_count(s);
    node->union_offset = schema_node_struct_get_discriminant_offset(s);
    if (node->union_count != 0 && node->union_offset >= node->data_words * 4u) {
        refuse(r, "the union of %s lies outside its struct", node->display_name);
    }
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        struct schema_field from = schema_field_list_at(list, i);
        struct capnp_field_info *field = &fields[i];
        struct schema_field_ordinal ordinal = schema_field_get_ordinal(from);
        *field = (struct capnp_field_info){
            .name = take_text(r, schema_field_get_name(from)),
            .doc = member_doc(r, info, i),
            .ordinal = CAPNP_NO_ORDINAL,
            .code_order = schema_field_get_code_order(from),
            .discriminant = schema_field_get_discriminant_value(from),
        };
        if (field->discriminant != CAPNP_NO_DISCRIMINANT &&
            field->discriminant >= node->union_count) {
            refuse(r, "%s.%s is no member of its struct's union", node->display_name, field->name);
        }
        if (schema_field_ordinal_which(ordinal) == SCHEMA_FIELD_ORDINAL_EXPLICIT) {
            field->ordinal = schema_field_ordinal_get_explicit(ordinal);
        }
        if (schema_field_which(from) == SCHEMA_FIELD_GROUP) {
            read_group(r, node, from, field);
            read_json(r, node, from, field);
            continue;
        }
        struct schema_field_slot slot = schema_field_get_slot(from);
        field->offset = schema_field_slot_get_offset(slot);
        field->has_default = schema_field_slot_get_had_explicit_default(slot);
        read_type(r, schema_field_slot_get_type(slot), &field->type);
        field->default_bits = read_value(r, &field->type, schema_field_slot_get_default_value(slot),
                                         &field->default_value);
        check_slot(r, node, field);
        read_json(r, node, from, field);
    }
    node->fields = fields;
    node->field_count = count;
}

static void read_enumerants(struct reading *r, struct capnp_node_info *node,
                            struct schema_node source, struct schema_node_source_info info)
{
    struct schema_enumerant_list list =
        schema_node_enum_get_enumerants(schema_node_get_enum(source));
    uint32_t count = schema_enumerant_list_len(list);
    struct capnp_enumerant_info *enumerants = take(r, count, sizeof *enumerants);

    for (uint32_t i = 0; i < count; i++) {
        struct schema_enumerant from = schema_enumerant_list_at(list, i);
        enumerants[i] = (struct capnp_enumerant_info){
            .name = take_text(r, schema_enumerant_get_name(from)),
            .doc = member_doc(r, info, i),
            .code_order = schema_enumerant_get_code_order(from),
        };
        struct json_annotations a = json_annotations_of(schema_enumerant_get_annotations(from));
        enumerants[i].json_name = a.has_name ? take_text(r, a.name) : NULL;
    }
    node->enumerants = enumerants;
    node->enumerant_count = count;
}

/* The names of type parameters. */
static const char *const *read_parameters(struct reading *r, struct schema_node_parameter_list list,
                                          uint16_t *count)
{
    uint32_t len = schema_node_parameter_list_len(list);
    const char **names = take(r, len, sizeof *names);

    for (uint32_t i = 0; i < len; i++) {
        names[i] =
            take_text(r, schema_node_parameter_get_name(schema_node_parameter_list_at(list, i)));
    }
    *count = (uint16_t)(len <= UINT16_MAX ? len : UINT16_MAX);
    return names;
}

static void read_methods(struct reading *r, struct capnp_node_info *node, struct schema_node source,
                         struct schema_node_source_info info)
{
    struct schema_node_interface from = schema_node_get_interface(source);
    struct schema_method_list list = schema_node_interface_get_methods(from);
    struct schema_superclass_list bases = schema_node_interface_get_superclasses(from);
    uint32_t count = schema_method_list_len(list);
    uint32_t base_count = schema_superclass_list_len(bases);
    struct capnp_method_node *methods = take(r, count, sizeof *methods);
    struct capnp_type_info *superclasses = take(r, base_count, sizeof *superclasses);

    for (uint32_t i = 0; i < count; i++) {
        struct schema_method m = schema_method_list_at(list, i);
        methods[i] = (struct capnp_method_node){
            .name = take_text(r, schema_method_get_name(m)),
            .doc = member_doc(r, info, i),
            .code_order = schema_method_get_code_order(m),
            .params = find_kind(r, schema_method_get_param_struct_type(m), CAPNP_NODE_STRUCT),
            .results = find_kind(r, schema_method_get_result_struct_type(m), CAPNP_NODE_STRUCT),
            .params_brand = read_brand(r, schema_method_get_param_brand(m)),
            .results_brand = read_brand(r, schema_method_get_result_brand(m)),
        };
        methods[i].implicit_names = read_parameters(r, schema_method_get_implicit_parameters(m),
                                                    &methods[i].implicit_count);
    }
    for (uint32_t i = 0; i < base_count; i++) {
        struct schema_superclass base = schema_superclass_list_at(bases, i);
        superclasses[i] = (struct capnp_type_info){
            .kind = CAPNP_TYPE_INTERFACE,
            .node = find_kind(r, schema_superclass_get_id(base), CAPNP_NODE_INTERFACE),
            .brand = read_brand(r, schema_superclass_get_brand(base)),
        };
    }
    node->methods = methods;
    node->method_count = count;
    node->superclasses = superclasses;
    node->superclass_count = base_count;
}

/* What other declarations may ask of this one. */
static void read_head(struct reading *r, struct capnp_node_info *node, struct schema_node source)
{
    uint32_t prefix = schema_node_get_display_name_prefix_length(source);

    node->id = schema_node_get_id(source);
    node->kind = (enum capnp_node_kind)schema_node_which(source);
    node->scope_id = schema_node_get_scope_id(source);
    node->display_name = take_text(r, schema_node_get_display_name(source));
    node->name =
        prefix < strlen(node->display_name) ? node->display_name + prefix : node->display_name;
    if ((unsigned)node->kind > CAPNP_NODE_ANNOTATION) {
        refuse(r, "%s is a kind of declaration that is not known here", node->display_name);
    }
    if (node->kind == CAPNP_NODE_STRUCT) {
        struct schema_node_struct s = schema_node_get_struct(source);
        node->data_words = schema_node_struct_get_data_word_count(s);
        node->pointer_count = schema_node_struct_get_pointer_count(s);
        node->is_group = schema_node_struct_get_is_group(s);
    }
}

static void read_node(struct reading *r, struct capnp_node_info *node, struct schema_node source)
{
    struct schema_node_source_info info = source_info(r, node->id);

    node->doc = take_text(r, schema_node_source_info_get_doc_comment(info));
    node->param_names = read_parameters(r, schema_node_get_parameters(source), &node->param_count);
    switch (node->kind) {
    case CAPNP_NODE_STRUCT: {
        struct json_annotations a = json_annotations_of(schema_node_get_annotations(source));
        if (a.is_union) {
            node->json_union = read_union(r, &a, NULL);
        }
        read_fields(r, node, source, info);
        break;
    }
    case CAPNP_NODE_ENUM:
        read_enumerants(r, node, source, info);
        break;
    case CAPNP_NODE_INTERFACE:
        read_methods(r, node, source, info);
        break;
    case CAPNP_NODE_CONST:
        read_type(r, schema_node_const_get_type(schema_node_get_const(source)), &node->type);
        node->value_bits =
            read_value(r, &node->type, schema_node_const_get_value(schema_node_get_const(source)),
                       &node->value);
        break;
    case CAPNP_NODE_FILE:
    case CAPNP_NODE_ANNOTATION:
        break;
    }
}

static void read_nodes(struct reading *r)
{
    struct schema_node_list list = schema_code_generator_request_get_nodes(r->source);
    uint32_t count = schema_node_list_len(list);
    const struct capnp_node_info **index = take(r, count, sizeof *index);

    r->nodes = take(r, count, sizeof *r->nodes);
    r->node_count = count;
    r->placed = take(r, count, sizeof *r->placed);
    r->request->json_misplaced = take(r, count, sizeof *r->request->json_misplaced);
    for (uint32_t i = 0; i < count; i++) {
        read_head(r, &r->nodes[i], schema_node_list_at(list, i));
    }
    qsort(r->nodes, count, sizeof *r->nodes, compare_nodes);
    for (uint32_t i = 0; i < count; i++) {
        index[i] = &r->nodes[i];
        if (i > 0 && r->nodes[i - 1u].id == r->nodes[i].id) {
            refuse(r, "the request declares 0x%016" PRIx64 " twice", r->nodes[i].id);
        }
    }
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        struct schema_node source = schema_node_list_at(list, i);
        read_node(r, find(r, schema_node_get_id(source)), source);
    }
    r->request->schema = (struct capnp_schema_info){.nodes = index, .node_count = count};
}

bool request_read(struct request *request, const void *bytes, size_t len)
{
    struct reading r = {.request = request};
    struct capnp_segment segments[SEGMENTS_MAX];
    struct capnp_message m;

    *request = (struct request){.blocks = NULL};
    capnp_message_open_framed(&m, bytes, len, segments, SEGMENTS_MAX);
    r.source = schema_code_generator_request_read_root(&m);
    if (!schema_code_generator_request_check(r.source)) {
        refuse(&r, "this is no CodeGeneratorRequest: %s",
               capnp_error_text(capnp_message_error(&m)));
        return false;
    }
    read_nodes(&r);
    if (capnp_message_error(&m) != CAPNP_ERROR_NONE) {
        refuse(&r, "an annotation is malformed: %s", capnp_error_text(capnp_message_error(&m)));
    }
    return !r.failed;
}

const struct capnp_node_info *request_find(const struct request *request, const char *name)
{
    const struct capnp_node_info *found = NULL;

    for (size_t i = 0; i < request->schema.node_count; i++) {
        const struct capnp_node_info *node = request->schema.nodes[i];
        const char *colon = strrchr(node->display_name, ':');
        bool same = (colon != NULL && strcmp(colon + 1, name) == 0) ||
                    strcmp(node->display_name, name) == 0;
        if (node->kind == CAPNP_NODE_STRUCT && !node->is_group && same) {
            if (found != NULL) {
                return NULL;
            }
            found = node;
        }
    }
    return found;
}

void request_free(struct request *request)
{
    while (request->blocks != NULL) {
        struct request_block *next = request->blocks->next;
        free(request->blocks);
        request->blocks = next;
    }
}
