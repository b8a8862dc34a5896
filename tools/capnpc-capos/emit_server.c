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

/* What handlers take of the parameters: each value, or one reader, or nothing. */
struct handed {
    const char **args; /* as declared, and */
    size_t count;
    const char *names;  /* as passed on, each behind a comma; and as passed by who */
    const char *values; /* has opened them (emit_open) */
};

static struct handed handed_of(const struct model *model, const struct decl *params)
{
    struct handed handed = {.names = "", .values = ""};

    handed.args = out_alloc((model_field_count(params) + 1u) * sizeof(const char *));
    if (!emit_is_values(model, params)) {
        if (model_field_count(params) != 0) {
            handed.args[handed.count++] = out_string("struct %s params", params->name);
            handed.names = handed.values = ", params";
        }
        return handed;
    }
    for (uint32_t i = 0; i < model_field_count(params); i++) {
        struct field field = model_field(model, params, i);
        if (field.type.kind != TYPE_VOID) {
            const char *name = value_name(&field);
            handed.args[handed.count++] = out_string("%s%s", emit_value_type(&field.type), name);
            handed.names = out_string("%s, %s", handed.names, name);
            handed.values = out_string("%s, %s", handed.values, emit_value_of(params, &field));
        }
    }
    return handed;
}

/* The members of a table: what a handler takes beyond `self` and the call. */
static const char **handler_args(const struct model *model, const struct method *method,
                                 size_t *count)
{
    struct handed handed = handed_of(model, method->params);
    const char **args = out_alloc((handed.count + 3u) * sizeof(const char *));
    size_t n = 0;

    args[n++] = "void *self";
    args[n++] = "struct capnp_call *call";
    for (size_t i = 0; i < handed.count; i++) {
        args[n++] = handed.args[i];
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

/* ---------------------------------------------------------------------------
 * The dispatch of one method, in up to three functions:
 *
 *   dispatch ─► the parameters lie as their builder lays them down ─► answer
 *       └─────► dispatch_any: any other message of the type ────────────┘
 *
 * A few compares tell. dispatch_any is apart, and what dispatch does last where it is wanted: so
 * the likely way calls nothing but the handler, and with one that the compiler puts in its place
 * it saves no registers. Parameters with pointers to more than bytes have no such layout.
 */

static void open_form(const struct decl *decl, const struct method *method, const char *qualifiers,
                      const char *form, const struct handed *more, struct out *out)
{
    const char **args = out_alloc((more->count + 3u) * sizeof(const char *));

    args[0] = out_string("const struct %s_server *server", decl->name);
    args[1] = "void *self";
    args[2] = "struct capnp_call *call";
    for (size_t i = 0; i < more->count; i++) {
        args[3u + i] = more->args[i];
    }
    out_function(out, out_string("static %s enum capnp_answer ", qualifiers),
                 out_string("%s_%s_%s", decl->name, form, method->name), args, more->count + 3u, 0);
    out_print(out, "\n{\n");
}

/* The handler between the beginning of the results and their end. */
static void emit_answer(const struct decl *decl, const struct method *method,
                        const struct handed *handed, struct out *out)
{
    const struct decl *results = method->results;
    const char *member = name_identifier(method->name);

    open_form(decl, method, "inline CAPNP_INLINE", "answer", handed, out);
    if (model_field_count(results) == 0) {
        out_print(out, "    call->results_bytes = 0;\n");
        out_line(out, "    return server->%s(self, call%s);", member, handed->names);
        out_print(out, "}\n\n");
        return;
    }
    out_print(out,
              "    struct capnp_arena arena;\n    struct %s_builder results;\n\n"
              "    if (!capnp_call_build(call, &arena, %u, %u, &results.b)) {\n"
              "        return CAPNP_NO_ROOM;\n    }\n",
              results->name, results->data_words, results->pointer_count);
    out_line(out, "    return capnp_call_built(call, &arena, server->%s(self, call%s, results));",
             member, handed->names);
    out_print(out, "}\n\n");
}

/* Parameters of any type, by the general reader. */
static void emit_open_message(const struct model *model, const struct decl *params, struct out *out)
{
    const char *malformed = "        return capnp_call_malformed(call);\n    }\n";

    out_print(out,
              "    struct capnp_message m;\n\n"
              "    if (!capnp_message_open_flat(&m, call->params, call->params_bytes)) {\n%s%s"
              "    struct %s params = %s_read_root(&m);\n    if (!%s_check(params)) {\n%s",
              malformed,
              model_holds_capabilities(model, params)
                  ? "    capnp_message_capabilities(&m, call->params_capabilities);\n"
                  : "",
              params->name, params->name, params->name, malformed);
}

static void emit_method(const struct model *model, const struct decl *decl,
                        const struct method *method, struct out *out)
{
    static const struct handed none;
    const struct decl *params = method->params;
    struct handed handed = handed_of(model, params);
    const char *member = name_identifier(method->name);
    bool has_layout = params->pointer_count == 0 || emit_is_values(model, params);
    const char *answer = out_string("    return %s_answer_%s(server, self, call%s);", decl->name,
                                    method->name, handed.values);

    emit_answer(decl, method, &handed, out);
    if (has_layout) {
        open_form(decl, method, "CAPNP_APART", "dispatch_any", &none, out);
        emit_open_plain(model, params, "_any_shape", "call->params, call->params_bytes",
                        "capnp_call_malformed(call)", out);
        out_line(out, "%s", answer);
        out_print(out, "}\n\n");
    }
    open_form(decl, method, "inline CAPNP_INLINE", "dispatch", &none, out);
    out_print(out,
              "    if (server->%s == NULL) {\n"
              "        return capnp_call_unimplemented(call);\n    }\n",
              member);
    if (has_layout) {
        emit_open_plain(
            model, params, "_as_built", "call->params, call->params_bytes",
            out_string("%s_dispatch_any_%s(server, self, call)", decl->name, method->name), out);
    } else {
        emit_open_message(model, params, out);
    }
    out_line(out, "%s", answer);
    out_print(out, "}\n\n");
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
    out_function(out, "static inline CAPNP_INLINE enum capnp_answer ",
                 out_string("%s_dispatch_own", decl->name), args, 3, 0);
    out_print(out, "\n{\n");
    emit_switch(decl, decl, &methods, 4, out);
    out_print(out, "}\n\n/* The same for any call. */\n");
    out_function(out, "static inline CAPNP_INLINE enum capnp_answer ",
                 out_string("%s_dispatch", decl->name), args, 3, 0);
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
