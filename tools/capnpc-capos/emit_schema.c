// SPDX-License-Identifier: MIT
/*
 * x.schema.h and x.schema.c: the tables of <capnp/reflect.h>, one node for each
 * declaration that a message or a program can meet.
 *
 * They are files of their own so that what does not use them does not get them.
 * Types are those of the schema: generic declarations are there once, and their
 * parameters are resolved by whoever reads the tables.
 */
#include "emit.h"
#include "json_annotation.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One file's tables being written. */
struct tables {
    const struct model *model;
    const struct model_file *file;
    struct out body;
    const char *owner; /* the node at hand; auxiliary tables take its name */
    unsigned number;   /* of auxiliary tables of it so far */
    const struct decl **others;
    size_t other_count; /* declarations of other files that are referred to, each once */
};

static bool is_node(const struct decl *decl)
{
    return decl->base == decl && decl->kind != DECL_FILE && decl->kind != DECL_ANNOTATION;
}

/*
 * Whether a declaration of another file is repeated here: a struct of nothing, so
 * that a method which streams takes no header for its results.
 */
static bool is_repeated(const struct decl *decl)
{
    return decl->kind == DECL_STRUCT && model_field_count(decl) == 0;
}

/* The address of a node. */
static const char *node_of(struct tables *t, const struct decl *decl)
{
    bool known = decl->file == t->file->decl;

    for (size_t i = 0; i < t->other_count && !known; i++) {
        known = t->others[i] == decl;
    }
    if (!known) {
        t->others[t->other_count++] = decl;
    }
    return out_string("&%s_schema", decl->name);
}

static const char *literal(const char *string)
{
    return out_literal(string, strlen(string));
}

/* ---------------------------------------------------------------------------
 * Types */

static const char *kind_name(struct schema_type type)
{
    static const char *const names[] = {
        "VOID",   "BOOL",   "INT8",   "INT16",     "INT32",   "INT64", "UINT8",
        "UINT16", "UINT32", "UINT64", "FLOAT32",   "FLOAT64", "TEXT",  "DATA",
        "LIST",   "ENUM",   "STRUCT", "INTERFACE", "ANY",
    };

    return names[schema_type_which(type)];
}

static const char *type_info(struct tables *t, struct schema_type type);

/* The types that one scope of a brand binds, as a table; the address of its first. */
static const char *params_info(struct tables *t, struct schema_brand_binding_list list)
{
    uint32_t count = schema_brand_binding_list_len(list);
    const char **types = out_alloc((count + 1u) * sizeof *types);

    for (uint32_t i = 0; i < count; i++) {
        struct schema_brand_binding b = schema_brand_binding_list_at(list, i);
        bool is_bound = schema_brand_binding_which(b) == SCHEMA_BRAND_BINDING_TYPE;
        types[i] =
            is_bound ? type_info(t, schema_brand_binding_get_type(b)) : "{.kind = CAPNP_TYPE_ANY}";
    }
    if (count == 0) {
        return "NULL";
    }
    const char *name = out_string("%s_params%u", t->owner, ++t->number);
    out_print(&t->body, "static const struct capnp_type_info %s[] = {\n", name);
    for (uint32_t i = 0; i < count; i++) {
        out_line(&t->body, "    %s,", types[i]);
    }
    out_print(&t->body, "};\n\n");
    return name;
}

/* The address of a brand's table; NULL for one that says nothing. */
static const char *brand_info(struct tables *t, struct schema_brand brand)
{
    struct schema_brand_scope_list scopes = schema_brand_get_scopes(brand);
    uint32_t count = schema_brand_scope_list_len(scopes);
    const char **params = out_alloc((count + 1u) * sizeof *params);

    if (count == 0) {
        return "NULL";
    }
    for (uint32_t i = 0; i < count; i++) {
        params[i] =
            params_info(t, schema_brand_scope_get_bind(schema_brand_scope_list_at(scopes, i)));
    }
    unsigned number = ++t->number;
    out_print(&t->body, "static const struct capnp_binding_info %s_bindings%u[] = {\n", t->owner,
              number);
    for (uint32_t i = 0; i < count; i++) {
        struct schema_brand_scope scope = schema_brand_scope_list_at(scopes, i);
        out_print(&t->body, "    {\n        .scope_id = 0x%016" PRIx64 "ull,\n",
                  schema_brand_scope_get_scope_id(scope));
        out_print(&t->body, "        .params = %s,\n        .param_count = %u,\n", params[i],
                  schema_brand_binding_list_len(schema_brand_scope_get_bind(scope)) & 0xffffu);
        out_print(&t->body, "        .inherits = %s,\n    },\n",
                  schema_brand_scope_which(scope) == SCHEMA_BRAND_SCOPE_INHERIT ? "true" : "false");
    }
    out_print(&t->body, "};\n\nstatic const struct capnp_brand_info %s_brand%u = {\n", t->owner,
              number);
    out_print(&t->body, "    .bindings = %s_bindings%u,\n    .binding_count = %u,\n};\n\n",
              t->owner, number, count & 0xffffu);
    return out_string("&%s_brand%u", t->owner, number);
}

static const char *node_type_info(struct tables *t, struct schema_type type, uint64_t id,
                                  enum decl_kind kind, struct schema_brand brand)
{
    const struct decl *decl = model_find_kind(t->model, id, kind, t->owner);

    return out_string("{.kind = CAPNP_TYPE_%s, .node = %s, .brand = %s}", kind_name(type),
                      node_of(t, decl), brand_info(t, brand));
}

/* The initializer of a type, behind the auxiliary tables that it takes. */
static const char *type_info(struct tables *t, struct schema_type type)
{
    switch (schema_type_which(type)) {
    case SCHEMA_TYPE_LIST: {
        struct schema_type_list_group list = schema_type_get_list(type);
        const char *inner = type_info(t, schema_type_list_group_get_element_type(list));
        unsigned number = ++t->number;
        out_line(&t->body, "static const struct capnp_type_info %s_element%u = %s;", t->owner,
                 number, inner);
        out_print(&t->body, "\n");
        return out_string("{.kind = CAPNP_TYPE_LIST, .element = &%s_element%u}", t->owner, number);
    }
    case SCHEMA_TYPE_ENUM: {
        struct schema_type_enum e = schema_type_get_enum(type);
        return node_type_info(t, type, schema_type_enum_get_type_id(e), DECL_ENUM,
                              schema_type_enum_get_brand(e));
    }
    case SCHEMA_TYPE_STRUCT: {
        struct schema_type_struct s = schema_type_get_struct(type);
        return node_type_info(t, type, schema_type_struct_get_type_id(s), DECL_STRUCT,
                              schema_type_struct_get_brand(s));
    }
    case SCHEMA_TYPE_INTERFACE: {
        struct schema_type_interface i = schema_type_get_interface(type);
        return node_type_info(t, type, schema_type_interface_get_type_id(i), DECL_INTERFACE,
                              schema_type_interface_get_brand(i));
    }
    case SCHEMA_TYPE_ANY_POINTER: {
        struct schema_type_any_pointer any = schema_type_get_any_pointer(type);
        if (schema_type_any_pointer_which(any) != SCHEMA_TYPE_ANY_POINTER_PARAMETER) {
            break;
        }
        struct schema_type_any_pointer_parameter p = schema_type_any_pointer_get_parameter(any);
        return out_string(
            "{.kind = CAPNP_TYPE_PARAMETER, .parameter = %u, .scope_id = 0x%016" PRIx64 "ull}",
            schema_type_any_pointer_parameter_get_parameter_index(p),
            schema_type_any_pointer_parameter_get_scope_id(p));
    }
    default:
        break;
    }
    return out_string("{.kind = CAPNP_TYPE_%s}", kind_name(type));
}

/* The words of a pointer's value, and the initializer of their segment. */
static const char *value_info(struct tables *t, struct schema_value value)
{
    unsigned number = ++t->number;
    const char *name = out_string("%s_value%u", t->owner, number);
    uint32_t bytes = emit_words(name, capnp_get_any(value.s, 0), t->owner, &t->body);

    return out_string("{.base = (const uint8_t *)%s, .bytes = %u}", name, bytes);
}

/* ---------------------------------------------------------------------------
 * Members */

/* The initializer of what a field has beyond its name; its auxiliary tables come first. */
static const char *field_info(struct tables *t, const struct field *field)
{
    if (field->group != NULL) {
        return out_string("        .type = {.kind = CAPNP_TYPE_STRUCT, .node = %s},\n"
                          "        .is_group = true,\n",
                          node_of(t, field->group));
    }
    struct schema_field_slot slot = schema_field_get_slot(field->field);
    const char *type = type_info(t, schema_field_slot_get_type(slot));
    const char *rest = out_string(
        "        .has_default = %s,\n        .offset = %u,\n",
        schema_field_slot_get_had_explicit_default(slot) ? "true" : "false", field->offset);
    if (!model_is_pointer(&field->type)) {
        rest = out_string("%s        .default_bits = 0x%" PRIx64 "ull,\n", rest,
                          emit_default_bits(field));
    } else if (emit_has_default(field)) {
        rest = out_string("%s        .default_value = %s,\n", rest,
                          value_info(t, emit_default_value(field)));
    }
    return out_string("        .type = %s,\n%s", type, rest);
}

/* What a field's table says of JSON, behind the table that it takes; empty if nothing. */
static const char *json_field_info(struct tables *t, struct schema_annotation_list list)
{
    static const char *const forms[] = {"BYTES", "BASE64", "HEX"};
    struct json_annotations a = json_annotations_of(list);

    if (!a.is_any) {
        return "";
    }
    const char *name = out_string("%s_json%u", t->owner, ++t->number);
    out_print(&t->body, "static const struct capnp_json_field %s = {\n", name);
    if (a.has_name) {
        out_print(&t->body, "    .name = %s,\n", literal(name_string(a.name)));
    }
    if (a.is_flattened) {
        out_print(&t->body, "    .prefix = %s,\n", literal(name_string(a.prefix)));
    }
    out_print(&t->body, "    .data = CAPNP_JSON_%s,\n};\n\n", forms[a.data]);
    return out_string("        .json = &%s,\n", name);
}

/* The annotations of a struct's union: those of its own or, for a group, of its field. */
static struct json_annotations union_annotations(struct tables *t, const struct decl *decl,
                                                 const char **own_name)
{
    *own_name = NULL;
    if (!decl->is_group) {
        return json_annotations_of(schema_node_get_annotations(decl->node));
    }
    const struct decl *outer =
        model_find_kind(t->model, schema_node_get_scope_id(decl->node), DECL_STRUCT, decl->label);
    for (uint32_t i = 0; i < model_field_count(outer); i++) {
        struct field field = model_field(t->model, outer, i);
        if (field.group == decl) {
            struct json_annotations a =
                json_annotations_of(schema_field_get_annotations(field.field));
            if (a.is_flattened) {
                *own_name = name_string(schema_field_get_name(field.field));
            }
            return a;
        }
    }
    return (struct json_annotations){.is_union = false};
}

/* What a struct's table says of its union in JSON; empty if nothing. */
static const char *json_union_info(struct tables *t, const struct decl *decl)
{
    const char *own_name;
    struct json_annotations a = union_annotations(t, decl, &own_name);

    if (!a.is_union) {
        return "";
    }
    const char *tag = a.has_tag ? name_string(a.tag) : own_name;
    out_print(&t->body, "static const struct capnp_json_union %s_json = {\n", t->owner);
    out_print(&t->body, "    .tag = %s,\n", tag != NULL ? literal(tag) : "NULL");
    out_print(&t->body, "    .value = %s,\n};\n\n",
              a.has_value ? literal(name_string(a.value)) : "NULL");
    return out_string("    .json_union = &%s_json,\n", t->owner);
}

static void fields_info(struct tables *t, const struct decl *decl)
{
    uint32_t count = model_field_count(decl);
    const char **infos = out_alloc((count + 1u) * sizeof *infos);

    for (uint32_t i = 0; i < count; i++) {
        struct field field = model_field(t->model, decl, i);
        const char *json = json_field_info(t, schema_field_get_annotations(field.field));
        infos[i] = out_string("%s%s", field_info(t, &field), json);
    }
    if (count == 0) {
        return;
    }
    out_print(&t->body, "static const struct capnp_field_info %s_schema_fields[] = {\n",
              decl->name);
    for (uint32_t i = 0; i < count; i++) {
        struct field field = model_field(t->model, decl, i);
        struct schema_field_ordinal ordinal = schema_field_get_ordinal(field.field);
        bool has = schema_field_ordinal_which(ordinal) == SCHEMA_FIELD_ORDINAL_EXPLICIT;
        out_print(&t->body, "    {\n        .name = %s,\n        .doc = %s,\n",
                  literal(name_string(schema_field_get_name(field.field))),
                  emit_doc_literal(field.doc, 15));
        out_print(&t->body, "%s        .ordinal = %s,\n        .code_order = %u,\n", infos[i],
                  has ? out_string("%u", schema_field_ordinal_get_explicit(ordinal))
                      : "CAPNP_NO_ORDINAL",
                  schema_field_get_code_order(field.field));
        out_print(&t->body, "        .discriminant = %s,\n    },\n",
                  field.in_union ? out_string("%u", field.discriminant) : "CAPNP_NO_DISCRIMINANT");
    }
    out_print(&t->body, "};\n\n");
}

static void enumerants_info(struct tables *t, const struct decl *decl)
{
    struct schema_enumerant_list list =
        schema_node_enum_get_enumerants(schema_node_get_enum(decl->node));
    uint32_t count = schema_enumerant_list_len(list);

    if (count == 0) {
        return;
    }
    out_print(&t->body, "static const struct capnp_enumerant_info %s_schema_enumerants[] = {\n",
              decl->name);
    for (uint32_t i = 0; i < count; i++) {
        struct schema_enumerant e = schema_enumerant_list_at(list, i);
        out_print(
            &t->body, "    {\n        .name = %s,\n        .doc = %s,\n        .code_order = %u,\n",
            literal(name_string(schema_enumerant_get_name(e))),
            emit_doc_literal(model_member_doc(decl, i), 15), schema_enumerant_get_code_order(e));
        struct json_annotations a = json_annotations_of(schema_enumerant_get_annotations(e));
        if (a.has_name) {
            out_print(&t->body, "        .json_name = %s,\n", literal(name_string(a.name)));
        }
        out_print(&t->body, "    },\n");
    }
    out_print(&t->body, "};\n\n");
}

/* A table of parameters' names; the name of the table, or NULL. */
static const char *names_info(struct tables *t, struct schema_node_parameter_list list)
{
    uint32_t count = schema_node_parameter_list_len(list);
    const char *name = out_string("%s_names%u", t->owner, ++t->number);

    if (count == 0) {
        return "NULL";
    }
    out_print(&t->body, "static const char *const %s[] = {\n", name);
    for (uint32_t i = 0; i < count; i++) {
        struct schema_node_parameter p = schema_node_parameter_list_at(list, i);
        out_print(&t->body, "    %s,\n", literal(name_string(schema_node_parameter_get_name(p))));
    }
    out_print(&t->body, "};\n\n");
    return name;
}

static const char *method_info(struct tables *t, const struct decl *decl, uint32_t i,
                               struct schema_method m)
{
    const char *params_brand = brand_info(t, schema_method_get_param_brand(m));
    const char *results_brand = brand_info(t, schema_method_get_result_brand(m));
    struct schema_node_parameter_list implicit = schema_method_get_implicit_parameters(m);
    const char *names = names_info(t, implicit);
    const struct decl *params =
        model_find_kind(t->model, schema_method_get_param_struct_type(m), DECL_STRUCT, decl->label);
    const struct decl *results = model_find_kind(t->model, schema_method_get_result_struct_type(m),
                                                 DECL_STRUCT, decl->label);

    return out_string("    {\n        .name = %s,\n        .doc = %s,\n        .code_order = %u,\n"
                      "        .params = %s,\n        .results = %s,\n        .params_brand = %s,\n"
                      "        .results_brand = %s,\n        .implicit_names = %s,\n"
                      "        .implicit_count = %u,\n    },\n",
                      literal(name_string(schema_method_get_name(m))),
                      emit_doc_literal(model_member_doc(decl, i), 15),
                      schema_method_get_code_order(m), node_of(t, params), node_of(t, results),
                      params_brand, results_brand, names,
                      schema_node_parameter_list_len(implicit) & 0xffffu);
}

static void methods_info(struct tables *t, const struct decl *decl)
{
    struct schema_node_interface node = schema_node_get_interface(decl->node);
    struct schema_method_list list = schema_node_interface_get_methods(node);
    struct schema_superclass_list supers = schema_node_interface_get_superclasses(node);
    uint32_t count = schema_method_list_len(list);
    uint32_t super_count = schema_superclass_list_len(supers);
    const char **infos = out_alloc((count + super_count + 1u) * sizeof *infos);

    for (uint32_t i = 0; i < count; i++) {
        infos[i] = method_info(t, decl, i, schema_method_list_at(list, i));
    }
    for (uint32_t i = 0; i < super_count; i++) {
        struct schema_superclass super = schema_superclass_list_at(supers, i);
        const char *brand = brand_info(t, schema_superclass_get_brand(super));
        const struct decl *above =
            model_find_kind(t->model, schema_superclass_get_id(super), DECL_INTERFACE, decl->label);
        infos[count + i] =
            out_string("    {.kind = CAPNP_TYPE_INTERFACE, .node = %s, .brand = %s},\n",
                       node_of(t, above), brand);
    }
    if (count != 0) {
        out_print(&t->body, "static const struct capnp_method_node %s_schema_methods[] = {\n",
                  decl->name);
        for (uint32_t i = 0; i < count; i++) {
            out_print(&t->body, "%s", infos[i]);
        }
        out_print(&t->body, "};\n\n");
    }
    if (super_count != 0) {
        out_print(&t->body, "static const struct capnp_type_info %s_schema_superclasses[] = {\n",
                  decl->name);
        for (uint32_t i = 0; i < super_count; i++) {
            out_print(&t->body, "%s", infos[count + i]);
        }
        out_print(&t->body, "};\n\n");
    }
}

/* ---------------------------------------------------------------------------
 * Nodes */

/* The name of a declaration's table, or NULL for one that is empty. */
static const char *table_of(const struct decl *decl, const char *table, uint32_t count)
{
    return count != 0 ? out_string("%s_schema_%s", decl->name, table) : "NULL";
}

static void struct_info(const struct decl *decl, struct out *out)
{
    out_print(out, "    .data_words = %u,\n    .pointer_count = %u,\n    .is_group = %s,\n",
              decl->data_words, decl->pointer_count, decl->is_group ? "true" : "false");
    out_print(out, "    .union_count = %u,\n    .union_offset = %u,\n",
              schema_node_struct_get_discriminant_count(decl->s),
              schema_node_struct_get_discriminant_offset(decl->s));
    out_print(out, "    .field_count = %u,\n    .fields = %s,\n", model_field_count(decl),
              table_of(decl, "fields", model_field_count(decl)));
}

static void interface_info(const struct decl *decl, struct out *out)
{
    struct schema_node_interface node = schema_node_get_interface(decl->node);
    uint32_t count = schema_method_list_len(schema_node_interface_get_methods(node));
    uint32_t supers = schema_superclass_list_len(schema_node_interface_get_superclasses(node));

    out_print(out, "    .method_count = %u,\n    .superclass_count = %u,\n", count, supers);
    out_print(out, "    .methods = %s,\n    .superclasses = %s,\n",
              table_of(decl, "methods", count), table_of(decl, "superclasses", supers));
}

/* What a constant's node says of its value; auxiliary tables come first. */
static const char *const_info(struct tables *t, const struct decl *decl)
{
    struct schema_node_const node = schema_node_get_const(decl->node);
    struct schema_value value = schema_node_const_get_value(node);
    struct type type = model_type(t->model, decl->file, &decl->bound,
                                  schema_node_const_get_type(node), decl->label);
    const char *info = type_info(t, schema_node_const_get_type(node));

    if (model_is_pointer(&type)) {
        return out_string("    .type = %s,\n    .value = %s,\n", info, value_info(t, value));
    }
    return out_string("    .type = %s,\n    .value_bits = 0x%" PRIx64 "ull,\n", info,
                      emit_value_bits(value));
}

static void node_info(struct tables *t, const struct decl *decl, bool is_static)
{
    static const char *const kinds[] = {"FILE",      "STRUCT", "ENUM",
                                        "INTERFACE", "CONST",  "ANNOTATION"};
    struct schema_node_parameter_list parameters = schema_node_get_parameters(decl->node);
    const char *rest = "";

    t->owner = out_string("%s_schema", decl->name);
    t->number = 0;
    const char *names = names_info(t, parameters);
    if (decl->kind == DECL_STRUCT) {
        rest = json_union_info(t, decl);
        fields_info(t, decl);
    } else if (decl->kind == DECL_ENUM) {
        enumerants_info(t, decl);
    } else if (decl->kind == DECL_INTERFACE) {
        methods_info(t, decl);
    } else {
        rest = const_info(t, decl);
    }
    out_print(&t->body, "%sconst struct capnp_node_info %s_schema = {\n",
              is_static ? "static " : "", decl->name);
    out_print(&t->body,
              "    .kind = CAPNP_NODE_%s,\n    .id = 0x%016" PRIx64 "ull,\n"
              "    .scope_id = 0x%016" PRIx64 "ull,\n",
              kinds[decl->kind], decl->id, schema_node_get_scope_id(decl->node));
    out_print(&t->body, "    .name = %s,\n    .display_name = %s,\n    .doc = %s,\n",
              literal(decl->schema_name), literal(decl->label),
              emit_doc_literal(model_doc(decl), 11));
    out_print(&t->body, "    .param_names = %s,\n    .param_count = %u,\n%s", names,
              schema_node_parameter_list_len(parameters) & 0xffffu, rest);
    if (decl->kind == DECL_STRUCT) {
        struct_info(decl, &t->body);
    } else if (decl->kind == DECL_ENUM) {
        uint32_t count = model_enumerant_count(decl);
        out_print(&t->body, "    .enumerant_count = %u,\n    .enumerants = %s,\n", count,
                  table_of(decl, "enumerants", count));
    } else if (decl->kind == DECL_INTERFACE) {
        interface_info(decl, &t->body);
    }
    out_print(&t->body, "};\n\n");
}

static int compare_ids(const void *a, const void *b)
{
    const struct decl *const *left = a;
    const struct decl *const *right = b;

    return (*left)->id < (*right)->id ? -1 : (*left)->id > (*right)->id;
}

/* All nodes of the file, sorted by id. */
static void schema_info(struct tables *t)
{
    const struct decl **sorted = out_alloc((t->file->count + 1u) * sizeof *sorted);
    size_t count = 0;

    for (size_t i = 0; i < t->file->count; i++) {
        if (is_node(t->file->order[i])) {
            sorted[count++] = t->file->order[i];
        }
    }
    if (count == 0) {
        out_print(&t->body, "const struct capnp_schema_info %s_schema_info = {.node_count = 0};\n",
                  t->file->prefix);
        return;
    }
    qsort(sorted, count, sizeof *sorted, compare_ids);
    out_print(&t->body, "static const struct capnp_node_info *const %s_schema_nodes[] = {\n",
              t->file->prefix);
    for (size_t i = 0; i < count; i++) {
        out_print(&t->body, "    &%s_schema,\n", sorted[i]->name);
    }
    out_print(&t->body,
              "};\n\nconst struct capnp_schema_info %s_schema_info = {\n"
              "    .nodes = %s_schema_nodes,\n    .node_count = %zu,\n};\n",
              t->file->prefix, t->file->prefix, count);
}

/* The headers of other files, each once, and what is repeated of them. */
static void emit_others(const struct tables *t, struct out *out)
{
    for (size_t i = 0; i < t->other_count; i++) {
        const struct decl *file = t->others[i]->file;
        bool known = is_repeated(t->others[i]);
        for (size_t k = 0; k < i && !known; k++) {
            known = t->others[k]->file == file && !is_repeated(t->others[k]);
        }
        if (!known) {
            out_print(out, "#include \"%s\"\n", emit_path(file->label, ".schema.h"));
        }
    }
    out_print(out, "\n#include <stddef.h>\n\n");
    for (size_t i = 0; i < t->other_count; i++) {
        if (is_repeated(t->others[i])) {
            out_print(out, "static const struct capnp_node_info %s_schema;\n\n",
                      t->others[i]->name);
        }
    }
}

void emit_schema_source(const struct model *model, const struct model_file *file, struct out *out)
{
    struct tables t = {
        .model = model,
        .file = file,
        .others = out_alloc((model->count + 1u) * sizeof(const struct decl *)),
    };

    for (size_t i = 0; i < file->count; i++) {
        if (is_node(file->order[i])) {
            node_info(&t, file->order[i], false);
        }
    }
    for (size_t i = 0; i < t.other_count; i++) {
        if (is_repeated(t.others[i])) {
            node_info(&t, t.others[i], true);
        }
    }
    schema_info(&t);

    emit_top(file, " * The tables that the header declares.\n", out);
    const char *path = emit_path(file->path, ".schema.h");
    const char *slash = strrchr(path, '/');
    out_print(out, "#include \"%s\"\n", slash != NULL ? slash + 1 : path);
    emit_others(&t, out);
    out_print(out, "%.*s", (int)t.body.len, t.body.text);
}

void emit_schema_header(const struct model_file *file, struct out *out)
{
    emit_top(file,
             " * What a program can know of the schema at run time; <capnp/reflect.h> says how.\n",
             out);
    out_print(out, "#pragma once\n\n#include <capnp/reflect.h>\n\n");
    for (size_t i = 0; i < file->count; i++) {
        if (is_node(file->order[i])) {
            out_print(out, "extern const struct capnp_node_info %s_schema;\n",
                      file->order[i]->name);
        }
    }
    out_print(out, "\n/* All of these. */\nextern const struct capnp_schema_info %s_schema_info;\n",
              file->prefix);
}
