// SPDX-License-Identifier: MIT
/*
 * Servers: the table of an interface's methods, and the dispatch of a call to it.
 */
#include "emit.h"

#include <string.h>

/* A parameter's name, apart from those of the arguments that every handler has. */
static const char *value_name(const struct field *field)
{
    static const char *const taken[] = {"self", "call", "results"};

    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        if (strcmp(field->name, taken[i]) == 0) {
            return out_string("%s_", field->name);
        }
    }
    return name_identifier(field->name);
}

/* The members of a table: what a handler takes beyond `self` and the call. */
static const char **handler_args(const struct model *model, const struct method *method,
                                 size_t *count)
{
    const char **args = out_alloc((model_field_count(method->params) + 4u) * sizeof(const char *));
    size_t n = 0;

    args[n++] = "void *self";
    args[n++] = "struct capnp_call *call";
    if (emit_is_values(model, method->params)) {
        for (uint32_t i = 0; i < model_field_count(method->params); i++) {
            struct field field = model_field(model, method->params, i);
            if (field.type.kind != TYPE_VOID) {
                args[n++] = out_string("%s%s", emit_value_type(&field.type), value_name(&field));
            }
        }
    } else if (model_field_count(method->params) != 0) {
        args[n++] = out_string("struct %s params", method->params->name);
    }
    if (model_field_count(method->results) != 0) {
        args[n++] = out_string("struct %s_builder results", method->results->name);
    }
    *count = n;
    return args;
}

static void emit_table(const struct model *model, const struct decl *decl, struct out *out)
{
    struct methods methods = model_methods(model, decl);

    out_comment(out, 0, model_doc(decl));
    out_print(
        out,
        "/* What serves it: one handler a method; NULL answers that it is unimplemented. */\n");
    out_print(out, "struct %s_server {\n", decl->name);
    for (uint32_t i = 0; i < methods.count; i++) {
        struct method method = methods.list[i];
        size_t count;
        const char **args = handler_args(model, &method, &count);
        out_comment(out, 4, method.doc);
        out_function(out, "    enum capnp_answer ",
                     out_string("(*%s)", name_identifier(method.name)), args, count, 1);
        out_print(out, ";\n");
    }
    out_print(out, "};\n\n");
}

/* Opens the parameters into a reader `params`, or says that they are malformed. */
static void emit_open_params(const struct model *model, const struct decl *params, struct out *out)
{
    const char *malformed = "        return capnp_call_malformed(call);\n    }\n";

    if (params->pointer_count != 0) {
        out_print(out,
                  "    if (!capnp_message_open_flat(&m, call->params, call->params_bytes)) {\n%s%s"
                  "    struct %s params = %s_read_root(&m);\n    if (!%s_check(params)) {\n%s",
                  malformed,
                  model_holds_capabilities(model, params)
                      ? "    capnp_message_capabilities(&m, call->params_capabilities);\n"
                      : "",
                  params->name, params->name, params->name, malformed);
    } else if (model_field_count(params) != 0) {
        out_line(out,
                 "    const uint8_t *data = capnp_plain_root(call->params, call->params_bytes, %u, "
                 "scratch);",
                 params->data_words);
        out_print(out, "    if (data == NULL) {\n%s", malformed);
        out_line(out, "    struct %s params = {capnp_plain_struct(data, %u)};", params->name,
                 params->data_words);
    } else {
        out_print(out, "    if (!capnp_plain_empty(call->params, call->params_bytes)) {\n%s",
                  malformed);
    }
}

/* The call of the handler, and before it the answer's beginning. */
static void emit_answer(const struct method *method, const char *member, const char *params,
                        struct out *out)
{
    const struct decl *results = method->results;

    if (model_field_count(results) == 0) {
        out_print(out, "    call->results_bytes = 0;\n");
        out_line(out, "    return server->%s(self, call%s);", member, params);
        out_print(out, "}\n\n");
        return;
    }
    out_print(out,
              "    struct %s_builder results;\n"
              "    if (!capnp_call_build(call, &arena, %u, %u, &results.b)) {\n"
              "        return CAPNP_NO_ROOM;\n    }\n",
              results->name, results->data_words, results->pointer_count);
    out_line(out, "    return capnp_call_built(call, &arena, server->%s(self, call%s, results));",
             member, params);
    out_print(out, "}\n\n");
}

static void emit_method(const struct model *model, const struct decl *decl,
                        const struct method *method, struct out *out)
{
    const struct decl *params = method->params;
    bool has_params = model_field_count(params) != 0;
    bool has_results = model_field_count(method->results) != 0;
    bool values = emit_is_values(model, params);
    const char *args[] = {out_string("const struct %s_server *server", decl->name), "void *self",
                          "struct capnp_call *call"};
    const char *member = name_identifier(method->name);
    const char *handed = has_params ? ", params" : "";

    out_function(out, "static inline enum capnp_answer ",
                 out_string("%s_dispatch_%s", decl->name, method->name), args, 3, 0);
    out_print(out, "\n{\n");
    if (!values && params->pointer_count != 0) {
        out_print(out, "    struct capnp_message m;\n");
    } else if (!values && has_params) {
        out_print(out, "    uint64_t scratch[%u];\n", params->data_words);
    }
    if (has_results) {
        out_print(out, "    struct capnp_arena arena;\n");
    }
    out_print(out,
              "%s    if (server->%s == NULL) {\n"
              "        return capnp_call_unimplemented(call);\n    }\n",
              (!values && has_params) || has_results ? "\n" : "", member);
    if (values) {
        emit_open_values(model, params, "call->params, call->params_bytes",
                         "capnp_call_malformed(call)", out);
        handed = "";
        for (uint32_t i = 0; i < model_field_count(params); i++) {
            struct field field = model_field(model, params, i);
            if (field.type.kind != TYPE_VOID) {
                handed = out_string("%s, %s", handed, emit_value_of(params, &field));
            }
        }
    } else {
        emit_open_params(model, params, out);
    }
    emit_answer(method, member, handed, out);
}

/* Takes a call to one interface apart, as the body of a block. */
static void emit_switch(const struct decl *decl, const struct decl *interface,
                        const struct methods *methods, int indent, struct out *out)
{
    out_print(out, "%*sswitch (call->method) {\n", indent, "");
    for (uint32_t i = 0; i < methods->count; i++) {
        const struct method *method = &methods->list[i];
        if (method->interface == interface) {
            out_print(out, "%*scase %s:\n%*s    return %s_dispatch_%s(server, self, call);\n",
                      indent, "", method->number, indent, "", decl->name, method->name);
        }
    }
    out_print(out, "%*sdefault:\n%*s    return capnp_call_unimplemented(call);\n%*s}\n", indent, "",
              indent, "", indent, "");
}

/* The server as a value: which calls it serves, and the dispatch without its types. */
static void emit_service(const struct decl *decl, const struct decl *const ancestors[],
                         size_t count, struct out *out)
{
    const char *id[] = {"uint64_t interface_id"};
    const char *any[] = {"const void *server", "void *self", "struct capnp_call *call"};
    const char *args[] = {out_string("const struct %s_server *server", decl->name), "void *self"};
    const char *name = decl->name;

    out_print(
        out,
        "/* Whether calls to an interface are calls to this: itself, or what it inherits. */\n");
    out_function(out, "static inline bool ", out_string("%s_serves", name), id, 1, 0);
    out_print(out, "\n{\n");
    out_print(out, "    return interface_id == %s_ID", decl->upper);
    for (size_t i = 1; i < count; i++) {
        out_print(out, " ||\n           interface_id == %s_ID", ancestors[i]->upper);
    }
    out_print(out, ";\n}\n\n");
    out_function(out, "static inline enum capnp_answer ", out_string("%s_serve", name), any, 3, 0);
    out_print(out, "\n{\n    return %s_dispatch(server, self, call);\n", name);
    out_print(out, "}\n\n/* The server as a value; keeps both. */\n");
    out_function(out, "static inline struct capnp_service ", out_string("%s_service", name), args,
                 2, 0);
    out_print(out,
              "\n{\n    return (struct capnp_service){\n        .serves = %s_serves,\n"
              "        .dispatch = %s_serve,\n        .server = server,\n"
              "        .self = self,\n    };\n}\n\n",
              name, name);
}

void emit_server(const struct model *model, const struct decl *decl, struct out *out)
{
    const char *args[] = {out_string("const struct %s_server *server", decl->name), "void *self",
                          "struct capnp_call *call"};
    const struct decl *ancestors[ANCESTORS_MAX];
    size_t count = model_ancestors(model, decl, ancestors, ANCESTORS_MAX);
    struct methods methods = model_methods(model, decl);

    emit_table(model, decl, out);
    for (uint32_t i = 0; i < methods.count; i++) {
        emit_method(model, decl, &methods.list[i], out);
    }
    out_print(out,
              "/* Serves one call that is known to be of this interface itself: checks it, calls\n"
              " * the handler, measures the answer. */\n");
    out_function(out, "static inline enum capnp_answer ", out_string("%s_dispatch_own", decl->name),
                 args, 3, 0);
    out_print(out, "\n{\n");
    emit_switch(decl, decl, &methods, 4, out);
    out_print(out, "}\n\n/* The same for any call. */\n");
    out_function(out, "static inline enum capnp_answer ", out_string("%s_dispatch", decl->name),
                 args, 3, 0);
    out_print(out, "\n{\n");
    for (size_t i = 1; i < count; i++) {
        out_print(out, "    if (call->interface_id == %s_ID) {\n", ancestors[i]->upper);
        emit_switch(decl, ancestors[i], &methods, 8, out);
        out_print(out, "    }\n");
    }
    out_print(out,
              "    if (call->interface_id != %s_ID) {\n"
              "        return capnp_call_unimplemented(call);\n    }\n",
              decl->upper);
    out_print(out, "    return %s_dispatch_own(server, self, call);\n}\n\n", decl->name);
    emit_service(decl, ancestors, count, out);
}

/* Capabilities of the interface, as they stand in messages. */
void emit_capability_type(const struct decl *decl, struct out *out)
{
    const char *name = out_string("%s_cap", decl->name);
    const char *len[] = {out_string("struct %s_list list", name)};
    const char *at[] = {len[0], "uint32_t i"};

    out_comment(out, 0,
                out_string("A capability that serves %s, in a message.", decl->schema_name));
    out_print(out, "struct %s {\n    struct capnp_capability c;\n};\n", name);
    out_print(out, "struct %s_list {\n    struct capnp_list l;\n};\n\n", name);
    out_function(out, "static inline uint32_t ", out_string("%s_list_len", name), len, 1, 0);
    out_print(out, "\n{\n    return list.l.len;\n}\n\n");
    out_function(out, out_string("static inline struct %s ", name), out_string("%s_list_at", name),
                 at, 2, 0);
    out_line(out, "\n{\n    return (struct %s){capnp_any_capability(capnp_list_any(list.l, i))};",
             name);
    out_print(out, "}\n\n");
}
