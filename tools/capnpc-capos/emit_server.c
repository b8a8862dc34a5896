// SPDX-License-Identifier: MIT
/*
 * Servers: the table of an interface's methods, and the dispatch of a call to it.
 */
#include "emit.h"

/* The members of a table: what a handler takes beyond `self` and the call. */
static size_t handler_args(const struct method *method, const char *args[4])
{
    size_t n = 0;

    args[n++] = "void *self";
    args[n++] = "struct capnp_call *call";
    if (model_field_count(method->params) != 0) {
        args[n++] = out_string("struct %s params", method->params->name);
    }
    if (model_field_count(method->results) != 0) {
        args[n++] = out_string("struct %s_builder results", method->results->name);
    }
    return n;
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
        const char *args[4];
        size_t count = handler_args(&method, args);
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
    uint32_t texts;

    if (model_is_bytes(model, params, &texts)) {
        out_line(out,
                 "    struct %s params = {capnp_open_bytes(&m, call->params, call->params_bytes, "
                 "%u, %u, 0x%x)};",
                 params->name, params->data_words, params->pointer_count, texts);
        out_print(out, "    if (params.s.message == NULL) {\n%s", malformed);
    } else if (params->pointer_count != 0) {
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

static void emit_method(const struct model *model, const struct decl *decl,
                        const struct method *method, struct out *out)
{
    const struct decl *params = method->params;
    const struct decl *results = method->results;
    bool has_params = model_field_count(params) != 0;
    bool has_results = model_field_count(results) != 0;
    const char *args[] = {out_string("const struct %s_server *server", decl->name), "void *self",
                          "struct capnp_call *call"};
    const char *member = name_identifier(method->name);

    out_function(out, "static inline enum capnp_answer ",
                 out_string("%s_dispatch_%s", decl->name, method->name), args, 3, 0);
    out_print(out, "\n{\n");
    if (params->pointer_count != 0) {
        out_print(out, "    struct capnp_message m;\n");
    } else if (has_params) {
        out_print(out, "    uint64_t scratch[%u];\n", params->data_words);
    }
    if (has_results) {
        out_print(out, "    struct capnp_arena arena;\n");
    }
    bool locals = has_params || has_results;
    out_print(out,
              "%s    if (server->%s == NULL) {\n"
              "        return capnp_call_unimplemented(call);\n    }\n",
              locals ? "\n" : "", member);
    emit_open_params(model, params, out);
    if (!has_results) {
        out_print(out, "    call->results_bytes = 0;\n    return server->%s(self, call%s);\n}\n\n",
                  member, has_params ? ", params" : "");
        return;
    }
    out_print(
        out,
        "    capnp_arena_init(&arena, call->results, call->results_room);\n"
        "    struct %s_builder results =\n        %s_build_root(&arena);\n"
        "    if (!capnp_arena_ok(&arena)) {\n        return CAPNP_NO_ROOM;\n    }\n"
        "    return capnp_call_built(call, &arena, server->%s(self, call%s, results));\n}\n\n",
        results->name, results->name, member, has_params ? ", params" : "");
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
    out_print(out, "/* Serves one call: checks it, calls the handler, measures the answer. */\n");
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
    emit_switch(decl, decl, &methods, 4, out);
    out_print(out, "}\n\n");
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
