// SPDX-License-Identifier: MIT
/*
 * x.client.h: one function a method, which does the whole call, and the pieces of
 * it for programs that keep several in flight.
 *
 * A method whose parameters are scalars and bytes takes them as arguments; one
 * whose results are scalars gives them through pointers. The others hand out the
 * builder, or the reader.
 */
#include "emit.h"

#include <string.h>

/* Arguments of one generated function: at most those of a message, and a few more. */
struct args {
    const char **list;
    size_t count;
};

static struct args args_for(const struct decl *a, const struct decl *b)
{
    size_t most = model_field_count(a) + (b != NULL ? model_field_count(b) : 0) + 8u;

    return (struct args){.list = out_alloc(most * sizeof(const char *)), .count = 0};
}

static void add(struct args *args, const char *arg)
{
    args->list[args->count++] = arg;
}

/* Whether every field can be one argument. */
static bool is_flat(const struct model *model, const struct decl *decl)
{
    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        struct field field = model_field(model, decl, i);
        if (field.group != NULL || field.in_union || field.type.kind == TYPE_FLOAT) {
            return false;
        }
        switch (field.type.kind) {
        case TYPE_LIST:
        case TYPE_STRUCT:
        case TYPE_ANY:
        case TYPE_ANY_STRUCT:
        case TYPE_ANY_LIST:
        case TYPE_CAP:
            return false;
        case TYPE_VOID:
        case TYPE_BOOL:
        case TYPE_INT:
        case TYPE_FLOAT:
        case TYPE_ENUM:
        case TYPE_TEXT:
        case TYPE_DATA:
            break;
        }
    }
    return true;
}

/* Whether the results come back through pointers: scalars only, which need no message. */
static bool is_plain(const struct model *model, const struct decl *decl)
{
    return decl->pointer_count == 0 && is_flat(model, decl);
}

/* A parameter's name, apart from those that generated functions use themselves. */
static const char *arg_name(const struct field *field)
{
    static const char *const taken[] = {"call",   "ring", "target", "results_room", "arena",
                                        "params", "s",    "bytes",  "data_",        "scratch"};

    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        if (strcmp(field->name, taken[i]) == 0) {
            return out_string("%s_", field->name);
        }
    }
    return name_identifier(field->name);
}

static void add_values(const struct model *model, const struct decl *decl, bool types,
                       struct args *args)
{
    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        struct field field = model_field(model, decl, i);
        if (field.type.kind != TYPE_VOID) {
            add(args,
                out_string("%s%s", types ? emit_value_type(&field.type) : "", arg_name(&field)));
        }
    }
}

static void add_outs(const struct model *model, const struct decl *decl, bool types,
                     struct args *args)
{
    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        struct field field = model_field(model, decl, i);
        if (field.type.kind != TYPE_VOID) {
            add(args,
                out_string("%s%s_out", types ? out_string("%s*", emit_value_type(&field.type)) : "",
                           field.name));
        }
    }
}

static void add_target(const struct decl *decl, bool with_call, struct args *args)
{
    if (with_call) {
        add(args, "struct rt_call *call");
    }
    add(args, "struct rt_ring *ring");
    add(args, out_string("struct %s target", decl->name));
}

static void open_function(struct out *out, const char *name, const struct args *args)
{
    out_function(out, "static inline struct rt_status ", name, args->list, args->count, 0);
    out_print(out, "\n{\n");
}

/* The call of one generated function by another, as a statement. */
static void emit_forward(struct out *out, const char *result, const char *name,
                         const struct args *args)
{
    out_function(out, out_string("    %s", result), name, args->list, args->count, 1);
    out_print(out, ";\n");
}

/* The bytes of a message that is a struct of this shape and nothing else. */
static const char *root_bytes(const struct decl *decl)
{
    return out_string("%s_BYTES", decl->upper);
}

static bool has_results(const struct method *method)
{
    return model_field_count(method->results) != 0;
}

/* Bytes to ask for: a constant, or what the caller says. */
static const char *results_room(const struct model *model, const struct method *method)
{
    if (!has_results(method)) {
        return "0";
    }
    return is_plain(model, method->results) ? root_bytes(method->results) : "results_room";
}

/* The method's comment, and behind it what this function does of the call. */
static void comment(const struct method *method, const char *part, struct out *out)
{
    size_t len = strlen(method->doc);
    const char *gap = len == 0 ? "" : method->doc[len - 1u] == '\n' ? "\n" : "\n\n";

    out_comment(out, 0, out_string("%s%s%s", method->doc, gap, part));
}

/* ---------------------------------------------------------------------------
 * Sending */

static void emit_send(const struct model *model, const struct decl *decl,
                      const struct method *method, struct out *out)
{
    const struct decl *params = method->params;
    struct args args = args_for(params, NULL);
    bool bytes = params->pointer_count != 0;
    bool message = model_field_count(params) != 0;

    add_target(decl, true, &args);
    add_values(model, params, true, &args);
    if (strcmp(results_room(model, method), "results_room") == 0) {
        add(&args, "uint32_t results_room");
    }
    out_comment(out, 0, method->doc);
    open_function(out, out_string("%s_%s_send", decl->name, method->name), &args);
    if (message) {
        out_print(out, "    struct capnp_arena arena;\n");
    }
    if (bytes) {
        const char *sum = root_bytes(params);
        for (uint32_t i = 0; i < model_field_count(params); i++) {
            struct field field = model_field(model, params, i);
            if (model_is_pointer(&field.type)) {
                sum = out_string("%s + capnp_%s_bytes(%s)", sum,
                                 field.type.kind == TYPE_TEXT ? "text" : "data", arg_name(&field));
            }
        }
        out_line(out, "    uint64_t bytes = %s;", sum);
    }
    const char *room = bytes ? "capnp_room(bytes)" : message ? root_bytes(params) : "0";
    out_line(out, "    struct rt_status s = rt_call_begin(call, ring, %s, %s);", room,
             results_room(model, method));
    out_print(out, "    if (!rt_ok(s)) {\n        return s;\n    }\n");
    if (message) {
        out_line(out, "    capnp_arena_init(&arena, call->params, %s);",
                 bytes ? "call->params_room" : room);
        out_line(out, "    struct %s_builder params = %s_build_root(&arena);", params->name,
                 params->name);
    }
    for (uint32_t i = 0; i < model_field_count(params); i++) {
        struct field field = model_field(model, params, i);
        if (field.type.kind != TYPE_VOID) {
            out_print(out, "    %s_set_%s(params, %s);\n", params->name, field.name,
                      arg_name(&field));
        }
    }
    if (bytes) {
        out_print(out, "    if (!capnp_arena_ok(&arena)) {\n        rt_call_end(call);\n"
                       "        return (struct rt_status){.code = RT_ERR_BUILD};\n    }\n");
    }
    out_line(out, "    s = rt_call_submit(call, target.id, %s_ID, %s, %s);",
             method->interface->upper, method->number, message ? "capnp_arena_bytes(&arena)" : "0");
    out_print(out, "    if (!rt_ok(s)) {\n        rt_call_end(call);\n    }\n    return s;\n}\n\n");
}

/* For parameters that do not fit in arguments: begin, build, submit. */
static void emit_begin(const struct decl *decl, const struct method *method, struct out *out)
{
    const char *params = method->params->name;
    const char *begin[] = {
        "struct rt_call *call",      "struct rt_ring *ring",
        "uint32_t params_room",      "uint32_t results_room",
        "struct capnp_arena *arena", out_string("struct %s_builder *params", params),
    };
    const char *submit[] = {"struct rt_call *call", out_string("struct %s target", decl->name),
                            "const struct capnp_arena *arena"};

    comment(method, "Takes room for the call; its parameters are then built, and submitted.", out);
    struct args args = {.list = begin, .count = 6};
    open_function(out, out_string("%s_%s_begin", decl->name, method->name), &args);
    out_print(out,
              "    struct rt_status s = rt_call_begin(call, ring, params_room, results_room);\n"
              "    if (rt_ok(s)) {\n"
              "        capnp_arena_init(arena, call->params, call->params_room);\n"
              "        *params = %s_build_root(arena);\n    }\n    return s;\n}\n\n",
              params);
    args = (struct args){.list = submit, .count = 3};
    out_print(out, "/* Submits what was built. When that fails, the call has been ended. */\n");
    open_function(out, out_string("%s_%s_submit", decl->name, method->name), &args);
    out_print(out,
              "    struct rt_status s = {.code = RT_ERR_BUILD};\n"
              "    if (capnp_arena_ok(arena)) {\n"
              "        s = rt_call_submit(call, target.id, %s_ID, %s,\n"
              "                           capnp_arena_bytes(arena));\n    }\n"
              "    if (!rt_ok(s)) {\n        rt_call_end(call);\n    }\n    return s;\n}\n\n",
              method->interface->upper, method->number);
}

/* ---------------------------------------------------------------------------
 * Taking the results */

static void emit_plain_take(const struct model *model, const struct decl *decl,
                            const struct method *method, struct out *out)
{
    const struct decl *results = method->results;
    struct args args = args_for(results, NULL);

    add(&args, "const struct rt_call *call");
    add_outs(model, results, true, &args);
    out_print(out, "/* The results of a completed call. */\n");
    open_function(out, out_string("%s_%s_take", decl->name, method->name), &args);
    out_print(out, "    uint64_t scratch[%u];\n", results->data_words);
    out_line(out,
             "    const uint8_t *data_ = capnp_plain_root(call->results, "
             "rt_call_results_bytes(call), %u, scratch);",
             results->data_words);
    out_print(out, "\n    if (CAPNP_UNLIKELY(data_ == NULL)) {\n"
                   "        return (struct rt_status){.code = RT_ERR_MESSAGE};\n    }\n");
    out_line(out, "    struct %s results = {capnp_plain_struct(data_, %u)};", results->name,
             results->data_words);
    for (uint32_t i = 0; i < model_field_count(results); i++) {
        struct field field = model_field(model, results, i);
        if (field.type.kind != TYPE_VOID) {
            out_print(out, "    *%s_out = %s_get_%s(results);\n", field.name, results->name,
                      field.name);
        }
    }
    out_print(out, "    return (struct rt_status){.code = RT_OK};\n}\n\n");
}

static void emit_message_take(const struct decl *decl, const struct method *method, struct out *out)
{
    const char *results = method->results->name;
    const char *list[] = {"const struct rt_call *call", "struct capnp_message *m",
                          out_string("struct %s *out", results)};
    struct args args = {.list = list, .count = 3};

    out_print(out, "/* The results of a completed call, checked; good until rt_call_end. */\n");
    open_function(out, out_string("%s_%s_take", decl->name, method->name), &args);
    out_print(out, "    if (!capnp_message_open_flat(m, call->results, "
                   "rt_call_results_bytes(call))) {\n"
                   "        return (struct rt_status){.code = RT_ERR_MESSAGE};\n    }\n");
    out_line(out, "    *out = %s_read_root(m);", results);
    out_print(out, "    if (!%s_check(*out)) {\n", results);
    out_print(out, "        return (struct rt_status){.code = RT_ERR_MESSAGE};\n    }\n"
                   "    return (struct rt_status){.code = RT_OK};\n}\n\n");
}

/* ---------------------------------------------------------------------------
 * Whole calls */

static void emit_whole(const struct model *model, const struct decl *decl,
                       const struct method *method, struct out *out)
{
    struct args args = args_for(method->params, method->results);
    struct args send = args_for(method->params, NULL);
    struct args take = args_for(method->results, NULL);

    add_target(decl, false, &args);
    add_values(model, method->params, true, &args);
    add_outs(model, method->results, true, &args);
    add(&send, "&call");
    add(&send, "ring");
    add(&send, "target");
    add_values(model, method->params, false, &send);
    add(&take, "&call");
    add_outs(model, method->results, false, &take);

    out_comment(out, 0, method->doc);
    open_function(out, out_string("%s_%s", decl->name, method->name), &args);
    out_print(out, "    struct rt_call call;\n\n");
    emit_forward(out, "struct rt_status s = ", out_string("%s_%s_send", decl->name, method->name),
                 &send);
    out_print(out,
              "    if (!rt_ok(s)) {\n        return s;\n    }\n    s = rt_call_wait(&call);\n");
    if (has_results(method)) {
        out_print(out, "    if (rt_ok(s)) {\n");
        emit_forward(out, "    s = ", out_string("%s_%s_take", decl->name, method->name), &take);
        out_print(out, "    }\n");
    }
    out_print(out, "    rt_call_end_plain(&call);\n    return s;\n}\n\n");
}

static void emit_sent_and_waited(const struct model *model, const struct decl *decl,
                                 const struct method *method, struct out *out)
{
    struct args args = args_for(method->params, NULL);
    struct args send = args_for(method->params, NULL);

    add_target(decl, true, &args);
    add_values(model, method->params, true, &args);
    add(&args, "uint32_t results_room");
    add(&send, "call");
    add(&send, "ring");
    add(&send, "target");
    add_values(model, method->params, false, &send);
    add(&send, "results_room");

    comment(method, "Sends and waits. The caller ends the call; when this fails it has ended.",
            out);
    open_function(out, out_string("%s_%s_call", decl->name, method->name), &args);
    emit_forward(out, "struct rt_status s = ", out_string("%s_%s_send", decl->name, method->name),
                 &send);
    out_print(out, "    if (!rt_ok(s)) {\n        return s;\n    }\n    s = rt_call_wait(call);\n"
                   "    if (!rt_ok(s)) {\n        rt_call_end(call);\n    }\n    return s;\n}\n\n");
}

static void emit_method(const struct model *model, const struct decl *decl,
                        const struct method *method, struct out *out)
{
    bool plain = is_plain(model, method->results);
    bool flat = is_flat(model, method->params);

    if (flat) {
        emit_send(model, decl, method, out);
    } else {
        emit_begin(decl, method, out);
    }
    if (has_results(method) && plain) {
        emit_plain_take(model, decl, method, out);
    } else if (has_results(method)) {
        emit_message_take(decl, method, out);
    }
    if (flat && plain) {
        emit_whole(model, decl, method, out);
    } else if (flat) {
        emit_sent_and_waited(model, decl, method, out);
    }
}

void emit_client(const struct model *model, const struct model_file *file, struct out *out)
{
    const char *slash = strrchr(file->path, '/');
    bool any = false;

    for (size_t i = 0; i < file->count; i++) {
        const struct decl *decl = file->order[i];
        if (decl->kind != DECL_INTERFACE) {
            continue;
        }
        if (!any) {
            emit_top(
                file,
                " * Calls over the ring. X_send submits, X_take reads the results of a completed\n"
                " * call, X or X_call does all of it; <rt/ring.h> says how a call lives.\n",
                out);
            out_print(out, "#pragma once\n\n#include \"%s.h\"\n\n#include <rt/ring.h>\n\n",
                      slash != NULL ? slash + 1 : file->path);
        }
        any = true;
        out_print(out,
                  "/* ---------------------------------------------------------------------------\n"
                  " * %s */\n\n",
                  decl->label);
        out_comment(out, 0, model_doc(decl));
        out_print(out, "struct %s {\n    uint64_t id; /* in the own capability table */\n};\n\n",
                  decl->name);
        struct methods methods = model_methods(model, decl);
        for (uint32_t k = 0; k < methods.count; k++) {
            emit_method(model, decl, &methods.list[k], out);
        }
    }
    if (any) {
        out->len--; /* the blank line at the end */
    }
}
