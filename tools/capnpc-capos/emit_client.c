// SPDX-License-Identifier: MIT
/*
 * x.client.h: one function a method, which does the whole call, and the pieces of
 * it for programs that keep several in flight.
 *
 * A method whose parameters are scalars, bytes and capabilities takes them as
 * arguments; if there are data among them, there is also a form for those that are built
 * in place. One whose results are scalars and bytes, or scalars and capabilities, gives
 * them through pointers. The others hand out the builder, or the reader; where
 * capabilities can be inside, the caller says how many at most.
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
            return false;
        case TYPE_VOID:
        case TYPE_BOOL:
        case TYPE_INT:
        case TYPE_FLOAT:
        case TYPE_ENUM:
        case TYPE_TEXT:
        case TYPE_DATA:
        case TYPE_CAP:
            break;
        }
    }
    return true;
}

/* How many of a struct's own fields are capabilities. */
static unsigned capability_count(const struct model *model, const struct decl *decl)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        n += model_field(model, decl, i).type.kind == TYPE_CAP;
    }
    return n;
}

/* Whether the results come back through pointers: nothing in them has a length. */
static bool is_plain(const struct model *model, const struct decl *decl)
{
    return is_flat(model, decl) && decl->pointer_count == capability_count(model, decl);
}

/* Whether a call of the method brings or carries capabilities, and which. */
struct traffic {
    bool gives;
    bool takes;
    const char *give_room; /* how many at most, or who says so */
    const char *take_room;
};

static struct traffic traffic_of(const struct model *model, const struct method *method)
{
    struct traffic t = {
        .gives = model_holds_capabilities(model, method->params),
        .takes = model_holds_capabilities(model, method->results),
        .give_room = "give_room",
        .take_room = "take_room",
    };

    if (is_flat(model, method->params)) {
        t.give_room = out_string("%u", capability_count(model, method->params));
    }
    if (is_plain(model, method->results)) {
        t.take_room = out_string("%u", capability_count(model, method->results));
    }
    return t;
}

static bool carries(const struct traffic *t)
{
    return t->gives || t->takes;
}

/* How a function ends a call of the method. */
static const char *end_of(const struct traffic *t)
{
    return carries(t) ? "rt_call_end_with" : "rt_call_end";
}

/* A parameter's name, apart from those that generated functions use themselves. */
static const char *arg_name(const struct field *field)
{
    static const char *const taken[] = {"call", "ring",    "target", "results_room", "take_room",
                                        "end",  "params",  "s",      "bytes",        "data_",
                                        "m",    "scratch", "message"};

    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        if (strcmp(field->name, taken[i]) == 0) {
            return out_string("%s_", field->name);
        }
    }
    return name_identifier(field->name);
}

/* How a call gets its data: copied from where they lie, or written where they go. */
enum delivery { COPIED, IN_PLACE };

/* What a parameter is as an argument. */
static const char *argument_type(const struct type *type, enum delivery delivery)
{
    if (type->kind == TYPE_DATA && delivery == IN_PLACE) {
        return "struct capnp_data_room *";
    }
    return type->kind == TYPE_CAP ? "struct cap_transfer " : emit_value_type(type);
}

/* What a result is where the caller wants it; a capability is a handle. */
static const char *out_type(const struct type *type)
{
    if (type->kind != TYPE_CAP) {
        return emit_value_type(type);
    }
    return type->decl != NULL ? out_string("struct %s ", type->decl->name) : "uint64_t ";
}

static void add_values(const struct model *model, const struct decl *decl, bool types,
                       enum delivery delivery, struct args *args)
{
    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        struct field field = model_field(model, decl, i);
        if (field.type.kind != TYPE_VOID) {
            add(args, out_string("%s%s", types ? argument_type(&field.type, delivery) : "",
                                 arg_name(&field)));
        }
    }
}

static void add_outs(const struct model *model, const struct decl *decl, bool types,
                     struct args *args)
{
    for (uint32_t i = 0; i < model_field_count(decl); i++) {
        struct field field = model_field(model, decl, i);
        if (field.type.kind != TYPE_VOID) {
            add(args, out_string("%s%s_out", types ? out_string("%s*", out_type(&field.type)) : "",
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
        return "RT_REFUSAL_BYTES";
    }
    return is_plain(model, method->results)
               ? out_string("RT_RESULTS_ROOM(%s)", root_bytes(method->results))
               : "results_room";
}

/* The arguments by which the caller says how much may come back. */
static void add_results_room(const struct model *model, const struct method *method, bool types,
                             struct args *args)
{
    const char *type = types ? "uint32_t " : "";

    if (has_results(method) && !is_plain(model, method->results)) {
        add(args, out_string("%sresults_room", type));
        if (model_holds_capabilities(model, method->results)) {
            add(args, out_string("%stake_room", type));
        }
    }
}

/* Takes room for a call, as a statement that declares `s`. */
static void emit_call_begin(const struct model *model, const struct method *method,
                            const char *params_room, struct out *out)
{
    struct traffic t = traffic_of(model, method);

    if (carries(&t)) {
        out_line(out, "    struct rt_status s = rt_call_begin_with(call, ring, %s, %s, %s, %s);",
                 params_room, results_room(model, method), t.gives ? t.give_room : "0",
                 t.takes ? t.take_room : "0");
    } else {
        out_line(out, "    struct rt_status s = rt_call_begin(call, ring, %s, %s);", params_room,
                 results_room(model, method));
    }
}

/* Whether there are parameters that lie in the struct itself, capabilities among them. */
static bool has_own_values(const struct model *model, const struct decl *params)
{
    for (uint32_t i = 0; i < model_field_count(params); i++) {
        enum type_kind kind = model_field(model, params, i).type.kind;
        if (kind != TYPE_VOID && kind != TYPE_TEXT && kind != TYPE_DATA) {
            return true;
        }
    }
    return false;
}

/* How many texts and data a flat struct has. */
static unsigned bytes_count(const struct model *model, const struct decl *decl)
{
    return decl->pointer_count - capability_count(model, decl);
}

/* The line that lays down a text or data; `end` is how that of the one before ended, if any. */
static void emit_set_bytes(const struct decl *params, const struct field *field, const char *assign,
                           const char *end, enum delivery delivery, struct out *out)
{
    const char *what = field->type.kind == TYPE_TEXT ? "text"
                       : delivery == IN_PLACE        ? "room"
                                                     : "data";

    out_line(out, "    %scapnp_flat_%s(message, %u, %s, %s);", assign, what,
             8u * (1u + params->data_words + field->offset), end, arg_name(field));
}

/* Builds the arguments' message. */
static void emit_set_params(const struct model *model, const struct decl *params,
                            enum delivery delivery, struct out *out)
{
    const char *root =
        out_string("capnp_flat_root(message, %u, %u)", params->data_words, params->pointer_count);
    unsigned bytes_left = bytes_count(model, params);
    bool any = false;

    if (has_own_values(model, params)) {
        out_line(out, "    struct %s_builder params = {%s};", params->name, root);
    } else {
        out_line(out, "    %s;", root);
    }
    for (uint32_t i = 0; i < model_field_count(params); i++) {
        struct field field = model_field(model, params, i);
        const char *value = arg_name(&field);
        if (field.type.kind == TYPE_VOID) {
            continue;
        }
        if (field.type.kind == TYPE_TEXT || field.type.kind == TYPE_DATA) {
            emit_set_bytes(params, &field,
                           --bytes_left == 0 ? ""
                           : any             ? "end = "
                                             : "uint32_t end = ",
                           any ? "end" : root_bytes(params), delivery, out);
            any = true;
            continue;
        }
        if (field.type.kind == TYPE_CAP) {
            value = out_string("rt_call_give(call, %s)", value);
            if (field.type.decl != NULL) {
                value = out_string("(struct %s){%s}", emit_capability(&field.type), value);
            }
        }
        out_line(out, "    %s_set_%s(params, %s);", params->name, field.name, value);
    }
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

/* The bytes that the message of a flat struct takes, as an expression. */
static const char *message_bytes(const struct model *model, const struct decl *params,
                                 enum delivery delivery)
{
    const char *sum = root_bytes(params);

    for (uint32_t i = 0; i < model_field_count(params); i++) {
        struct field field = model_field(model, params, i);
        if (field.type.kind == TYPE_TEXT) {
            sum = out_string("%s + capnp_text_bytes(%s)", sum, arg_name(&field));
        } else if (field.type.kind == TYPE_DATA) {
            sum = out_string(delivery == IN_PLACE ? "%s + capnp_bytes(%s->len)"
                                                  : "%s + capnp_data_bytes(%s)",
                             sum, arg_name(&field));
        }
    }
    return sum;
}

/* How many bytes that are, in `bytes`. */
static void emit_bytes(const struct model *model, const struct decl *params, enum delivery delivery,
                       struct out *out)
{
    out_line(out, "    uint64_t bytes = %s;", message_bytes(model, params, delivery));
}

/* Takes room for the arguments, whose `message` is built there. */
static void emit_take_room(const struct model *model, const struct method *method, const char *room,
                           enum delivery delivery, struct out *out)
{
    const struct decl *params = method->params;

    if (bytes_count(model, params) != 0) {
        emit_bytes(model, params, delivery, out);
    }
    emit_call_begin(model, method, room, out);
    out_print(out, "    if (!rt_ok(s)) {\n        return s;\n    }\n");
    if (model_field_count(params) != 0) {
        out_print(out, "    uint8_t *message = call->params;\n");
    }
}

/* Submits what was built, so long. When that fails, the call has been ended. */
static void emit_submit(const struct model *model, const struct method *method, const char *type,
                        const char *len, struct out *out)
{
    struct traffic t = traffic_of(model, method);

    out_line(out, "    %ss = rt_call_submit%s(call, target.id, %s_ID, %s, %s);", type,
             carries(&t) ? "_with" : "", method->interface->upper, method->number, len);
    out_print(out, "    if (!rt_ok(s)) {\n        %s(call);\n    }\n    return s;\n}\n\n",
              end_of(&t));
}

/* The bytes of the arguments' message; `bytes` where emit_bytes says how many. */
static const char *params_len(const struct model *model, const struct decl *params)
{
    return bytes_count(model, params) != 0  ? "capnp_room(bytes)"
           : model_field_count(params) != 0 ? root_bytes(params)
                                            : "0";
}

/* Where no capabilities are: a function that builds the arguments' message in its room. */
static void emit_build(const struct model *model, const struct decl *decl,
                       const struct method *method, struct out *out)
{
    struct args args = args_for(method->params, NULL);

    add(&args, "uint8_t *message");
    add_values(model, method->params, true, COPIED, &args);
    out_print(out, "/* Builds the parameters where there is room for them. */\n");
    out_function(out, "static inline void ", out_string("%s_%s_build", decl->name, method->name),
                 args.list, args.count, 0);
    out_print(out, "\n{\n");
    emit_set_params(model, method->params, COPIED, out);
    out_print(out, "}\n\n");
}

/* Has that function build them, as a statement. */
static void emit_build_here(const struct model *model, const struct decl *decl,
                            const struct method *method, const char *indent, struct out *out)
{
    struct args args = args_for(method->params, NULL);

    add(&args, "message");
    add_values(model, method->params, false, COPIED, &args);
    emit_forward(out, indent, out_string("%s_%s_build", decl->name, method->name), &args);
}

/*
 * Where no capabilities are: submits what is so long, and builds it then. In this order the
 * entry is made of what is known, and need not be read back from the call.
 */
static void emit_send_and_build(const struct model *model, const struct decl *decl,
                                const struct method *method, struct out *out)
{
    bool message = model_field_count(method->params) != 0;

    out_line(out, "    %srt_call_send(call, ring, %s, %s, target.id, %s_ID, %s);",
             message ? "struct rt_status s = " : "return ", params_len(model, method->params),
             results_room(model, method), method->interface->upper, method->number);
    if (message) {
        out_print(out, "    if (!rt_ok(s)) {\n        return s;\n    }\n"
                       "    uint8_t *message = call->params;\n");
        emit_build_here(model, decl, method, "", out);
        out_print(out, "    return s;\n");
    }
    out_print(out, "}\n\n");
}

static void emit_send(const struct model *model, const struct decl *decl,
                      const struct method *method, struct out *out)
{
    const struct decl *params = method->params;
    struct args args = args_for(params, NULL);
    bool bytes = bytes_count(model, params) != 0;
    bool message = model_field_count(params) != 0;
    struct traffic t = traffic_of(model, method);

    add_target(decl, true, &args);
    add_values(model, params, true, COPIED, &args);
    add_results_room(model, method, true, &args);
    if (!carries(&t) && message) {
        emit_build(model, decl, method, out);
    }
    out_comment(out, 0, method->doc);
    open_function(out, out_string("%s_%s_send", decl->name, method->name), &args);
    if (!carries(&t)) {
        if (bytes) {
            emit_bytes(model, params, COPIED, out);
        }
        emit_send_and_build(model, decl, method, out);
        return;
    }
    const char *len = params_len(model, params);
    emit_take_room(model, method, len, COPIED, out);
    if (message) {
        emit_set_params(model, params, COPIED, out);
    }
    emit_submit(model, method, "", bytes ? "(uint32_t)bytes" : len, out);
}

static bool has_data(const struct model *model, const struct decl *params)
{
    for (uint32_t i = 0; i < model_field_count(params); i++) {
        if (model_field(model, params, i).type.kind == TYPE_DATA) {
            return true;
        }
    }
    return false;
}

/* For data among the arguments that are built in place: begin, write, submit. */
static void emit_begin_in_place(const struct model *model, const struct decl *decl,
                                const struct method *method, struct out *out)
{
    const char *list[] = {"struct rt_call *call", out_string("struct %s target", decl->name)};
    struct args submit = {.list = list, .count = 2};
    struct args args = args_for(method->params, NULL);

    add(&args, "struct rt_call *call");
    add(&args, "struct rt_ring *ring");
    add_values(model, method->params, true, IN_PLACE, &args);
    add_results_room(model, method, true, &args);
    comment(method,
            "Takes room for the call, and says where data of the lengths that were set go; they\n"
            "are then written, and submitted. What is not written is sent as it lies there.",
            out);
    open_function(out, out_string("%s_%s_begin", decl->name, method->name), &args);
    emit_take_room(model, method, "capnp_room(bytes)", IN_PLACE, out);
    emit_set_params(model, method->params, IN_PLACE, out);
    out_print(out, "    return s;\n}\n\n"
                   "/* Submits what was built. When that fails, the call has been ended. */\n");
    open_function(out, out_string("%s_%s_submit", decl->name, method->name), &submit);
    emit_submit(model, method, "struct rt_status ", "call->params_room", out);
}

/* For parameters that do not fit in arguments: begin, build, submit. */
static void emit_begin(const struct model *model, const struct decl *decl,
                       const struct method *method, struct out *out)
{
    const char *params = method->params->name;
    const char *submit[] = {"struct rt_call *call", out_string("struct %s target", decl->name),
                            "const struct capnp_arena *arena"};
    struct traffic t = traffic_of(model, method);
    struct args args = args_for(method->params, NULL);

    add(&args, "struct rt_call *call");
    add(&args, "struct rt_ring *ring");
    add(&args, "uint32_t params_room");
    if (t.gives) {
        add(&args, "uint32_t give_room");
    }
    add_results_room(model, method, true, &args);
    add(&args, "struct capnp_arena *arena");
    add(&args, out_string("struct %s_builder *params", params));
    comment(method, "Takes room for the call; its parameters are then built, and submitted.", out);
    open_function(out, out_string("%s_%s_begin", decl->name, method->name), &args);
    emit_call_begin(model, method, "params_room", out);
    out_print(out,
              "    if (rt_ok(s)) {\n"
              "        capnp_arena_init(arena, call->params, call->params_room);\n"
              "        *params = %s_build_root(arena);\n    }\n    return s;\n}\n\n",
              params);
    args = (struct args){.list = submit, .count = 3};
    out_print(out, "/* Submits what was built. When that fails, the call has been ended. */\n");
    open_function(out, out_string("%s_%s_submit", decl->name, method->name), &args);
    out_print(out, "    struct rt_status s = {.code = RT_ERR_BUILD};\n"
                   "    if (capnp_arena_ok(arena)) {\n");
    out_line(out,
             "        s = rt_call_submit%s(call, target.id, %s_ID, %s, capnp_arena_bytes(arena));",
             carries(&t) ? "_with" : "", method->interface->upper, method->number);
    out_print(out, "    }\n    if (!rt_ok(s)) {\n        %s(call);\n    }\n    return s;\n}\n\n",
              end_of(&t));
}

/* ---------------------------------------------------------------------------
 * Taking the results */

/* Opens the results into the message and the reader, or says that they are malformed. */
static void emit_open_results(const struct model *model, const struct decl *results, const char *m,
                              const char *type, const char *reader, struct out *out)
{
    const char *malformed = "        return (struct rt_status){.code = RT_ERR_MESSAGE};\n    }\n";

    out_line(out,
             "    if (!capnp_message_open_flat(%s, call->results, rt_call_results_bytes(call))) {",
             m);
    out_print(out, "%s", malformed);
    if (model_holds_capabilities(model, results)) {
        out_print(out, "    capnp_message_capabilities(%s, call->cqe.cap_count);\n", m);
    }
    out_line(out, "    %s%s = %s_read_root(%s);", type, reader, results->name, m);
    out_print(out, "    if (!%s_check(%s)) {\n%s", results->name, reader, malformed);
}

/* Scalars and capabilities. */
static void emit_capability_take(const struct model *model, const struct decl *decl,
                                 const struct method *method, struct out *out)
{
    const struct decl *results = method->results;
    struct args args = args_for(results, NULL);

    add(&args, "struct rt_call *call");
    add_outs(model, results, true, &args);
    out_print(out, "/* The results of a completed call; what came is the caller's. */\n");
    open_function(out, out_string("%s_%s_take", decl->name, method->name), &args);
    out_print(out, "    struct capnp_message m;\n\n");
    emit_open_results(model, results, "&m", out_string("struct %s ", results->name), "results",
                      out);
    for (uint32_t i = 0; i < model_field_count(results); i++) {
        struct field field = model_field(model, results, i);
        const char *value = out_string("%s_get_%s(results)", results->name, field.name);
        if (field.type.kind == TYPE_CAP && field.type.decl != NULL) {
            value =
                out_string("(struct %s){rt_call_take(call, %s.c)}", field.type.decl->name, value);
        } else if (field.type.kind == TYPE_CAP) {
            value = out_string("rt_call_take(call, %s)", value);
        }
        if (field.type.kind != TYPE_VOID) {
            out_line(out, "    *%s_out = %s;", field.name, value);
        }
    }
    out_print(out, "    return (struct rt_status){.code = RT_OK};\n}\n\n");
}

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

/* Scalars, and bytes that stay where they came. */
static void emit_values_take(const struct model *model, const struct decl *decl,
                             const struct method *method, struct out *out)
{
    const struct decl *results = method->results;
    struct args args = args_for(results, NULL);

    add(&args, "const struct rt_call *call");
    add_outs(model, results, true, &args);
    out_print(
        out, "/* The results of a completed call, checked; bytes are good until rt_call_end. */\n");
    open_function(out, out_string("%s_%s_take", decl->name, method->name), &args);
    emit_open_plain(model, results, "", "call->results, rt_call_results_bytes(call)",
                    "(struct rt_status){.code = RT_ERR_MESSAGE}", out);
    for (uint32_t i = 0; i < model_field_count(results); i++) {
        struct field field = model_field(model, results, i);
        if (field.type.kind != TYPE_VOID) {
            out_line(out, "    *%s_out = %s;", field.name, emit_value_of(results, &field));
        }
    }
    out_print(out, "    return (struct rt_status){.code = RT_OK};\n}\n\n");
}

static void emit_message_take(const struct model *model, const struct decl *decl,
                              const struct method *method, struct out *out)
{
    const char *results = method->results->name;
    const char *list[] = {"const struct rt_call *call", "struct capnp_message *m",
                          out_string("struct %s *out", results)};
    struct args args = {.list = list, .count = 3};

    out_print(out, "/* The results of a completed call, checked; good until rt_call_end. */\n");
    open_function(out, out_string("%s_%s_take", decl->name, method->name), &args);
    emit_open_results(model, method->results, "m", "", "*out", out);
    out_print(out, "    return (struct rt_status){.code = RT_OK};\n}\n\n");
}

/* ---------------------------------------------------------------------------
 * Whole calls */

/* Where capabilities are: sends as others do, and waits. */
static void emit_whole_by_send(const char *send, const struct args *args, struct out *out)
{
    emit_forward(out, "struct rt_status s = ", send, args);
    out_print(out,
              "    if (!rt_ok(s)) {\n        return s;\n    }\n    s = rt_call_finish(&call);\n");
}

/*
 * Where none are: as a rule the call is queued, built, and read in a chunk that it does not
 * take. When it comes out of this it has begun.
 */
static void emit_whole_in_chunk(const struct model *model, const struct decl *decl,
                                const struct method *method, const char *send,
                                const struct args *send_args, const char *take,
                                const struct args *take_args, struct out *out)
{
    const char *len = params_len(model, method->params);
    const char *room = results_room(model, method);

    if (bytes_count(model, method->params) != 0) {
        emit_bytes(model, method->params, COPIED, out);
    }
    out_line(out,
             "    uint8_t *message = rt_call_queue(&call, ring, %s, %s, target.id, %s_ID, %s);",
             len, room, method->interface->upper, method->number);
    out_print(out, "    struct rt_status s = {.code = RT_OK};\n"
                   "    if (CAPNP_LIKELY(message != NULL)) {\n");
    if (model_field_count(method->params) != 0) {
        emit_build_here(model, decl, method, "    ", out);
    }
    out_line(out,
             "        if (CAPNP_LIKELY(rt_call_finish_queued(&call, ring, message, %s, %s))) {",
             len, room);
    if (has_results(method)) {
        emit_forward(out, "        return ", take, take_args);
    } else {
        out_print(out, "            return s;\n");
    }
    out_print(out, "        }\n    } else {\n");
    emit_forward(out, "    s = ", send, send_args);
    out_print(out, "        if (!rt_ok(s)) {\n            return s;\n        }\n    }\n"
                   "    s = rt_call_wait(&call);\n");
}

static void emit_whole(const struct model *model, const struct decl *decl,
                       const struct method *method, struct out *out)
{
    struct args args = args_for(method->params, method->results);
    struct args send = args_for(method->params, NULL);
    struct args take = args_for(method->results, NULL);

    add_target(decl, false, &args);
    add_values(model, method->params, true, COPIED, &args);
    add_outs(model, method->results, true, &args);
    add(&send, "&call");
    add(&send, "ring");
    add(&send, "target");
    add_values(model, method->params, false, COPIED, &send);
    add(&take, "&call");
    add_outs(model, method->results, false, &take);

    out_comment(out, 0, method->doc);
    open_function(out, out_string("%s_%s", decl->name, method->name), &args);
    out_print(out, "    struct rt_call call;\n\n");
    const char *send_name = out_string("%s_%s_send", decl->name, method->name);
    const char *take_name = out_string("%s_%s_take", decl->name, method->name);
    struct traffic t = traffic_of(model, method);
    if (carries(&t)) {
        emit_whole_by_send(send_name, &send, out);
    } else {
        emit_whole_in_chunk(model, decl, method, send_name, &send, take_name, &take, out);
    }
    if (has_results(method)) {
        /* So that compilers see that the results are set wherever it succeeds. */
        out_print(out, "    if (!rt_ok(s)) {\n        %s(&call);\n        return s;\n    }\n",
                  end_of(&t));
        emit_forward(out, "s = ", take_name, &take);
    }
    out_print(out, "    %s(&call);\n    return s;\n}\n\n", end_of(&t));
}

static void emit_sent_and_waited(const struct model *model, const struct decl *decl,
                                 const struct method *method, struct out *out)
{
    struct args args = args_for(method->params, NULL);
    struct args send = args_for(method->params, NULL);

    add_target(decl, true, &args);
    add_values(model, method->params, true, COPIED, &args);
    add_results_room(model, method, true, &args);
    add(&send, "call");
    add(&send, "ring");
    add(&send, "target");
    add_values(model, method->params, false, COPIED, &send);
    add_results_room(model, method, false, &send);

    comment(method, "Sends and waits. The caller ends the call; when this fails it has ended.",
            out);
    open_function(out, out_string("%s_%s_call", decl->name, method->name), &args);
    emit_forward(out, "struct rt_status s = ", out_string("%s_%s_send", decl->name, method->name),
                 &send);
    out_print(out, "    if (!rt_ok(s)) {\n        return s;\n    }\n    s = rt_call_finish(call);\n"
                   "    if (!rt_ok(s)) {\n        rt_call_end(call);\n    }\n    return s;\n}\n\n");
}

static void emit_method(const struct model *model, const struct decl *decl,
                        const struct method *method, struct out *out)
{
    bool plain = is_plain(model, method->results);
    bool flat = is_flat(model, method->params);

    if (flat) {
        emit_send(model, decl, method, out);
        if (has_data(model, method->params)) {
            emit_begin_in_place(model, decl, method, out);
        }
    } else {
        emit_begin(model, decl, method, out);
    }
    if (has_results(method) && emit_is_values(model, method->results)) {
        emit_values_take(model, decl, method, out);
    } else if (has_results(method) && !plain) {
        emit_message_take(model, decl, method, out);
    } else if (method->results->pointer_count != 0) {
        emit_capability_take(model, decl, method, out);
    } else if (has_results(method)) {
        emit_plain_take(model, decl, method, out);
    }
    if (flat && plain) {
        emit_whole(model, decl, method, out);
    } else if (flat) {
        emit_sent_and_waited(model, decl, method, out);
    }
}

/* ---------------------------------------------------------------------------
 * The file */

/* Whether results of the file's methods are capabilities of interfaces of `other`. */
static bool has_handles_of(const struct model *model, const struct model_file *file,
                           const struct decl *other)
{
    for (size_t i = 0; i < file->count; i++) {
        const struct decl *decl = file->order[i];
        if (decl->kind != DECL_INTERFACE) {
            continue;
        }
        struct methods methods = model_methods(model, decl);
        for (uint32_t k = 0; k < methods.count; k++) {
            const struct decl *results = methods.list[k].results;
            if (!is_plain(model, results)) {
                continue;
            }
            for (uint32_t f = 0; f < model_field_count(results); f++) {
                struct type type = model_field(model, results, f).type;
                if (type.kind == TYPE_CAP && type.decl != NULL && type.decl->file == other) {
                    return true;
                }
            }
        }
    }
    return false;
}

static void emit_includes(const struct model *model, const struct model_file *file, struct out *out)
{
    const char *slash = strrchr(file->path, '/');
    const char *gap = "";

    out_print(
        out,
        "#pragma once\n\n#include \"%s.h\"\n\n#include <rt/capset.h>\n#include <rt/ring.h>\n\n",
        slash != NULL ? slash + 1 : file->path);
    for (size_t i = 0; i < model->count; i++) {
        const struct decl *other = &model->decls[i];
        if (other->kind == DECL_FILE && other != file->decl && has_handles_of(model, file, other)) {
            out_print(out, "#include \"%s\"\n", emit_path(other->label, ".client.h"));
            gap = "\n";
        }
    }
    out_print(out, "%s", gap);
}

/* All handles stand before all calls, which may give any of them. */
static void emit_handles(const struct model_file *file, struct out *out)
{
    const char *name[] = {"const char *name"};

    for (size_t i = 0; i < file->count; i++) {
        const struct decl *decl = file->order[i];
        if (decl->kind == DECL_INTERFACE) {
            out_comment(out, 0, model_doc(decl));
            out_print(out,
                      "struct %s {\n    uint64_t id; /* in the own capability table */\n};\n\n",
                      decl->name);
            out_print(out, "/* The one of this name in the CapSet; panics if there is none. */\n");
            out_function(out, out_string("static inline struct %s ", decl->name),
                         out_string("%s_need", decl->name), name, 1, 0);
            out_line(out, "\n{\n    return (struct %s){rt_capset_need(name, %s_ID)};", decl->name,
                     decl->upper);
            out_print(out, "}\n\n");
        }
    }
}

void emit_client(const struct model *model, const struct model_file *file, struct out *out)
{
    bool any = false;

    for (size_t i = 0; i < file->count; i++) {
        any = any || file->order[i]->kind == DECL_INTERFACE;
    }
    if (!any) {
        return;
    }
    emit_top(file,
             " * Calls over the ring. X_send submits, X_take reads the results of a completed\n"
             " * call, X or X_call does all of it; <rt/ring.h> says how a call lives, and\n"
             " * <rt/transfer.h> how capabilities are given. Those that come are handles.\n",
             out);
    emit_includes(model, file, out);
    emit_handles(file, out);
    for (size_t i = 0; i < file->count; i++) {
        const struct decl *decl = file->order[i];
        if (decl->kind != DECL_INTERFACE) {
            continue;
        }
        struct methods methods = model_methods(model, decl);
        if (methods.count != 0) {
            out_print(
                out,
                "/* ---------------------------------------------------------------------------\n"
                " * %s */\n\n",
                decl->label);
        }
        for (uint32_t k = 0; k < methods.count; k++) {
            emit_method(model, decl, &methods.list[k], out);
        }
    }
    out->len--; /* the blank line at the end */
}
