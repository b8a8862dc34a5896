// SPDX-License-Identifier: MIT
/*
 * Declarations and files: what the request consists of.
 */
#include "model.h"

#include "out.h"

#include <inttypes.h>
#include <string.h>

/* ---------------------------------------------------------------------------
 * Declarations */

struct decl *model_find(const struct model *model, uint64_t id)
{
    for (size_t i = 0; i < model->count; i++) {
        if (model->decls[i].id == id) {
            return &model->decls[i];
        }
    }
    return NULL;
}

struct decl *model_find_kind(const struct model *model, uint64_t id, enum decl_kind kind,
                             const char *label)
{
    struct decl *decl = model_find(model, id);

    if (decl == NULL || decl->kind != kind) {
        out_refuse(label, "refers to 0x%016" PRIx64 ", which the request does not declare as such",
                   id);
    }
    return decl;
}

static enum decl_kind node_kind(struct schema_node node, const char *label)
{
    switch (schema_node_which(node)) {
    case SCHEMA_NODE_FILE:
        return DECL_FILE;
    case SCHEMA_NODE_STRUCT:
        return DECL_STRUCT;
    case SCHEMA_NODE_ENUM:
        return DECL_ENUM;
    case SCHEMA_NODE_INTERFACE:
        return DECL_INTERFACE;
    case SCHEMA_NODE_CONST:
        return DECL_CONST;
    case SCHEMA_NODE_ANNOTATION:
        return DECL_ANNOTATION;
    }
    out_refuse(label, "is a kind of declaration that capnpc-capos does not know");
}

static void read_node(struct decl *decl, struct schema_node node)
{
    uint32_t prefix = schema_node_get_display_name_prefix_length(node);

    decl->node = node;
    decl->base = decl;
    decl->id = schema_node_get_id(node);
    decl->label = name_string(schema_node_get_display_name(node));
    decl->kind = node_kind(node, decl->label);
    decl->schema_name = prefix < strlen(decl->label) ? decl->label + prefix : decl->label;
    if (decl->kind == DECL_STRUCT) {
        decl->s = schema_node_get_struct(node);
        decl->is_group = schema_node_struct_get_is_group(decl->s);
        decl->data_words = schema_node_struct_get_data_word_count(decl->s);
        decl->pointer_count = schema_node_struct_get_pointer_count(decl->s);
    }
}

/* What a declaration is declared in: its scope or, for a method's own structs, the interface. */
static void link_scopes(struct model *model)
{
    for (size_t i = 0; i < model->count; i++) {
        struct decl *decl = &model->decls[i];
        uint64_t scope = schema_node_get_scope_id(decl->node);
        if (decl->kind == DECL_FILE) {
            decl->file = decl;
        } else if (scope != 0) {
            decl->parent = model_find(model, scope);
        }
        if (decl->kind != DECL_INTERFACE) {
            continue;
        }
        struct schema_method_list methods =
            schema_node_interface_get_methods(schema_node_get_interface(decl->node));
        for (uint32_t k = 0; k < schema_method_list_len(methods); k++) {
            struct schema_method m = schema_method_list_at(methods, k);
            const char *name = name_member(decl->label, schema_method_get_name(m),
                                           schema_method_get_annotations(m));
            uint64_t ids[] = {schema_method_get_param_struct_type(m),
                              schema_method_get_result_struct_type(m)};
            for (size_t side = 0; side < 2; side++) {
                struct decl *message = model_find_kind(model, ids[side], DECL_STRUCT, decl->label);
                if (schema_node_get_scope_id(message->node) == 0) {
                    message->parent = decl;
                    message->is_message = true;
                    message->name = out_string("%s_%s", name, side == 0 ? "params" : "results");
                }
            }
        }
    }
}

/* Names files first, whose prefixes others take, and groups last. Annotations need none. */
static void name_all(const struct model *model)
{
    for (unsigned turn = 0; turn < 3; turn++) {
        for (size_t i = 0; i < model->count; i++) {
            struct decl *decl = &model->decls[i];
            unsigned when = decl->kind == DECL_FILE ? 0 : decl->is_group ? 2 : 1;
            if (when == turn && decl->kind != DECL_ANNOTATION) {
                name_decl(model, decl);
                model_name_members(decl);
            }
        }
    }
}

/* ---------------------------------------------------------------------------
 * Files */

/* Room for what a file declares and for all instances. */
static struct decl **order_create(const struct model *model)
{
    return out_alloc((model->count + INSTANCES_MAX) * sizeof(struct decl *));
}

static void place(const struct model *model, struct model_file *file, struct decl *decl);

/* Places what is declared in `parent`; scopes are at most SCOPES_MAX deep, and so is this. */
static void place_id(const struct model *model, struct model_file *file, const struct decl *parent,
                     uint64_t id)
{
    struct decl *decl = model_find(model, id);

    if (decl != NULL && decl->parent == parent) {
        place(model, file, decl);
    }
}

/* A declaration, and behind it what it is made of; each is placed once. */
static void place(const struct model *model, struct model_file *file, struct decl *decl)
{
    if (decl->placed) {
        return;
    }
    decl->placed = true;
    if (decl->kind != DECL_FILE && decl->kind != DECL_ANNOTATION) {
        file->order[file->count++] = decl;
    }
    struct schema_node_nested_node_list nested = schema_node_get_nested_nodes(decl->node);
    for (uint32_t i = 0; i < schema_node_nested_node_list_len(nested); i++) {
        place_id(model, file, decl,
                 schema_node_nested_node_get_id(schema_node_nested_node_list_at(nested, i)));
    }
    if (decl->kind == DECL_STRUCT) {
        for (uint32_t i = 0; i < model_field_count(decl); i++) {
            struct field field = model_field(model, decl, i);
            if (field.group != NULL) {
                place_id(model, file, decl, field.group->id);
            }
        }
    }
    if (decl->kind == DECL_INTERFACE) {
        struct methods methods = model_methods(model, decl);
        for (uint32_t i = 0; i < methods.own_count; i++) {
            place_id(model, file, decl, methods.list[i].params->id);
            place_id(model, file, decl, methods.list[i].results->id);
        }
    }
}

/*
 * Verifies what is placed, which reads all types and so finds the instances, and
 * places those, and what they take in turn.
 */
static void place_instances(const struct model *model, struct model_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        verify_decl(model, file->order[i]);
    }
    for (size_t i = 0; i < model->instances->count; i++) {
        struct decl *decl = model->instances->list[i];
        if (decl->file == file->decl && !decl->placed) {
            decl->placed = true;
            file->order[file->count++] = decl;
            verify_decl(model, decl);
        }
    }
}

/* Whether every pointer of the struct leads to bytes or is a capability, and it has no groups. */
static bool is_leaf(const struct model *model, const struct decl *decl)
{
    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        struct field field = model_field(model, decl, i);
        bool plain = field.type.kind == TYPE_TEXT || field.type.kind == TYPE_DATA ||
                     field.type.kind == TYPE_CAP;
        if (field.group != NULL || (model_is_pointer(&field.type) && !plain)) {
            return false;
        }
    }
    return true;
}

bool model_is_bytes(const struct model *model, const struct decl *decl, uint32_t *texts)
{
    uint32_t pointers = 0;

    *texts = 0;
    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        struct field field = model_field(model, decl, i);
        if (field.group != NULL) {
            return false;
        }
        if (!model_is_pointer(&field.type)) {
            continue;
        }
        bool is_text = field.type.kind == TYPE_TEXT;
        if (field.in_union || (!is_text && field.type.kind != TYPE_DATA)) {
            return false;
        }
        if (field.offset < 32u) {
            *texts |= (uint32_t)is_text << field.offset;
        }
        pointers++;
    }
    return pointers == decl->pointer_count && pointers != 0 && pointers <= CAPNP_BYTES_MAX;
}

void model_init(struct model *model, struct schema_code_generator_request request)
{
    struct schema_node_list nodes = schema_code_generator_request_get_nodes(request);
    struct schema_node_source_info_list infos =
        schema_code_generator_request_get_source_info(request);
    struct schema_code_generator_request_requested_file_list files =
        schema_code_generator_request_get_requested_files(request);

    *model = (struct model){
        .count = schema_node_list_len(nodes),
        .instances = out_alloc(sizeof *model->instances),
        .names = names_create(),
    };
    model->decls = out_alloc((model->count + 1u) * sizeof *model->decls);
    for (uint32_t i = 0; i < model->count; i++) {
        read_node(&model->decls[i], schema_node_list_at(nodes, i));
    }
    for (uint32_t i = 0; i < schema_node_source_info_list_len(infos); i++) {
        struct schema_node_source_info info = schema_node_source_info_list_at(infos, i);
        struct decl *decl = model_find(model, schema_node_source_info_get_id(info));
        if (decl != NULL) {
            decl->info = info;
        }
    }
    link_scopes(model);
    name_all(model);

    model->file_count = schema_code_generator_request_requested_file_list_len(files);
    if (model->file_count == 0) {
        out_refuse("capnpc-capos", "the request names no file");
    }
    model->files = out_alloc(model->file_count * sizeof *model->files);
    for (uint32_t i = 0; i < model->file_count; i++) {
        struct schema_code_generator_request_requested_file requested =
            schema_code_generator_request_requested_file_list_at(files, i);
        struct model_file *file = &model->files[i];
        file->path =
            name_string(schema_code_generator_request_requested_file_get_filename(requested));
        verify_path(file->path);
        struct decl *decl =
            model_find_kind(model, schema_code_generator_request_requested_file_get_id(requested),
                            DECL_FILE, file->path);
        file->decl = decl;
        file->prefix = decl->name;
        file->order = order_create(model);
        place(model, file, decl);
        place_instances(model, file);
        for (size_t k = 0; k < file->count; k++) {
            file->order[k]->is_leaf =
                file->order[k]->kind == DECL_STRUCT && is_leaf(model, file->order[k]);
        }
    }
}
