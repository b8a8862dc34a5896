// SPDX-License-Identifier: MIT
/*
 * Rendering messages as text.
 *
 * The pretty style puts the members of a struct or list on lines of their own
 * unless each of them, in one line, has at most ITEM_MAX bytes and, in a struct,
 * all of them together RECORD_MAX. To know that, what is to be written is written
 * to nowhere first, with a count that stops when it is too much: so each byte of
 * output is visited a bounded number of times, however deep things are nested.
 */
#include <capnp/text.h>

#define ITEM_MAX   24u
#define RECORD_MAX 64u

/* Output that is written or, where sink.write is NULL, counted. */
struct writer {
    struct capnp_sink sink;
    uint32_t left; /* counting: bytes until it is too much */
    bool over;     /* counting: it was */
};

/* How the members of one struct or list are put apart. */
struct layout {
    bool lines;      /* each on a line of its own, indented by so many steps */
    bool bare;       /* the first may stay in the line of the bracket */
    unsigned indent; /* 0: short style, everything in one line */
    bool started;
};

static void put(struct writer *w, const char *bytes, uint32_t len)
{
    if (w->sink.write != NULL) {
        w->sink.write(w->sink.self, bytes, len);
    } else if (len > w->left) {
        w->over = true;
    } else {
        w->left -= len;
    }
}

static void put_string(struct writer *w, const char *string)
{
    put(w, string, capnp_text_from(string).len);
}

static void put_line(struct writer *w, unsigned indent)
{
    put(w, "\n", 1);
    for (unsigned i = 0; i < indent; i++) {
        put(w, "  ", 2);
    }
}

static void begin_item(struct writer *w, struct layout *layout)
{
    if (layout->started) {
        put(w, layout->lines ? "," : ", ", layout->lines ? 1 : 2);
    }
    if (layout->lines && (layout->started || !layout->bare)) {
        put_line(w, layout->indent);
    } else if (layout->lines) {
        put(w, " ", 1);
    }
    layout->started = true;
}

static void end_items(struct writer *w, const struct layout *layout)
{
    if (layout->lines) {
        put(w, " ", 1);
    }
}

static void render_value(struct writer *w, const struct capnp_value *v, unsigned indent, bool bare);

/* ---------------------------------------------------------------------------
 * Scalars and strings */

/* A string as in C, where only Data has its upper bytes escaped. */
static void render_string(struct writer *w, const char *bytes, uint32_t len, bool is_data)
{
    static const char names[] = {
        ['\a'] = 'a', ['\b'] = 'b', ['\f'] = 'f',  ['\n'] = 'n',  ['\r'] = 'r',
        ['\t'] = 't', ['\v'] = 'v', ['\''] = '\'', ['\"'] = '\"', ['\\'] = '\\',
    };
    uint32_t from = 0;

    put(w, "\"", 1);
    for (uint32_t i = 0; i < len && !w->over; i++) {
        uint8_t c = (uint8_t)bytes[i];
        char name = c < sizeof names ? names[c] : '\0';
        if (name == '\0' && c >= 0x20u && c != 0x7fu && (c < 0x80u || !is_data)) {
            continue;
        }
        char octal[4] = {'\\', (char)('0' + (c >> 6)), (char)('0' + (c >> 3 & 7u)),
                         (char)('0' + (c & 7u))};
        char named[2] = {'\\', name};
        put(w, bytes + from, i - from);
        put(w, name != '\0' ? named : octal, name != '\0' ? sizeof named : sizeof octal);
        from = i + 1u;
    }
    if (from != len) {
        put(w, bytes + from, len - from);
    }
    put(w, "\"", 1);
}

static void render_enum(struct writer *w, const struct capnp_value *v)
{
    const struct capnp_node_info *node = v->type.info->node;
    char number[CAPNP_NUMBER_MAX];

    if (v->bits < node->enumerant_count) {
        put_string(w, node->enumerants[v->bits].name);
        return;
    }
    put(w, "(", 1);
    put(w, number, capnp_format_unsigned(v->bits, number));
    put(w, ")", 1);
}

/* ---------------------------------------------------------------------------
 * Structs and lists */

/* Whether the struct's text shows the field; a union's first member only if it is set. */
static bool shows(const struct capnp_record *r, const struct capnp_field_info *field)
{
    if (field->discriminant != CAPNP_NO_DISCRIMINANT && field->discriminant != 0) {
        return capnp_record_has_turn(r, field);
    }
    return capnp_record_is_set(r, field);
}

static void render_field(struct writer *w, const struct capnp_record *r,
                         const struct capnp_field_info *field, unsigned indent)
{
    struct capnp_value v = capnp_record_get(r, field);

    put_string(w, field->name);
    put(w, " = ", 3);
    render_value(w, &v, indent, false);
}

static bool record_fits(const struct capnp_record *r)
{
    uint32_t left = RECORD_MAX;

    for (uint32_t i = 0; i < r->node->field_count; i++) {
        if (shows(r, &r->node->fields[i])) {
            uint32_t room = left < ITEM_MAX ? left : ITEM_MAX;
            struct writer count = {.left = room};
            render_field(&count, r, &r->node->fields[i], 0);
            if (count.over) {
                return false;
            }
            left -= room - count.left;
        }
    }
    return true;
}

static void render_record(struct writer *w, const struct capnp_record *r, unsigned indent,
                          bool bare)
{
    struct layout layout = {
        .lines = indent != 0 && !record_fits(r),
        .bare = bare,
        .indent = indent,
    };

    put(w, "(", 1);
    for (uint32_t i = 0; i < r->node->field_count && !w->over; i++) {
        if (shows(r, &r->node->fields[i])) {
            begin_item(w, &layout);
            render_field(w, r, &r->node->fields[i], layout.lines ? indent + 1u : 0);
        }
    }
    end_items(w, &layout);
    put(w, ")", 1);
}

static bool sequence_fits(const struct capnp_sequence *sequence)
{
    for (uint32_t i = 0; i < sequence->list.len; i++) {
        struct writer count = {.left = ITEM_MAX};
        struct capnp_value v = capnp_sequence_at(sequence, i);
        render_value(&count, &v, 0, true);
        if (count.over) {
            return false;
        }
    }
    return true;
}

static void render_sequence(struct writer *w, const struct capnp_sequence *sequence,
                            unsigned indent, bool bare)
{
    struct layout layout = {
        .lines = indent != 0 && !sequence_fits(sequence),
        .bare = bare,
        .indent = indent,
    };

    put(w, "[", 1);
    for (uint32_t i = 0; i < sequence->list.len && !w->over; i++) {
        struct capnp_value v = capnp_sequence_at(sequence, i);
        begin_item(w, &layout);
        render_value(w, &v, layout.lines ? indent + 1u : 0, true);
    }
    end_items(w, &layout);
    put(w, "]", 1);
}

/* Calls itself through structs and lists; the depth of messages bounds how deep. */
static void render_value(struct writer *w, const struct capnp_value *v, unsigned indent, bool bare)
{
    char number[CAPNP_NUMBER_MAX];

    switch (v->type.info->kind) {
    case CAPNP_TYPE_VOID:
        put_string(w, "void");
        return;
    case CAPNP_TYPE_BOOL:
        put_string(w, v->bits != 0 ? "true" : "false");
        return;
    case CAPNP_TYPE_INT8:
    case CAPNP_TYPE_INT16:
    case CAPNP_TYPE_INT32:
    case CAPNP_TYPE_INT64:
        put(w, number, capnp_format_signed(capnp_value_signed(v), number));
        return;
    case CAPNP_TYPE_UINT8:
    case CAPNP_TYPE_UINT16:
    case CAPNP_TYPE_UINT32:
    case CAPNP_TYPE_UINT64:
        put(w, number, capnp_format_unsigned(v->bits, number));
        return;
    case CAPNP_TYPE_FLOAT32:
        put(w, number, capnp_format_f32((uint32_t)v->bits, number));
        return;
    case CAPNP_TYPE_FLOAT64:
        put(w, number, capnp_format_f64(v->bits, number));
        return;
    case CAPNP_TYPE_TEXT: {
        struct capnp_text text = capnp_value_text(v);
        render_string(w, text.ptr, text.len, false);
        return;
    }
    case CAPNP_TYPE_DATA: {
        struct capnp_data data = capnp_value_data(v);
        render_string(w, (const char *)data.ptr, data.len, true);
        return;
    }
    case CAPNP_TYPE_LIST: {
        struct capnp_sequence sequence = capnp_value_sequence(v);
        render_sequence(w, &sequence, indent, bare);
        return;
    }
    case CAPNP_TYPE_ENUM:
        render_enum(w, v);
        return;
    case CAPNP_TYPE_STRUCT: {
        struct capnp_record r = capnp_value_record(v);
        render_record(w, &r, indent, bare);
        return;
    }
    case CAPNP_TYPE_INTERFACE:
        put_string(w, "<external capability>");
        return;
    case CAPNP_TYPE_ANY:
    case CAPNP_TYPE_PARAMETER:
        put_string(w, "<opaque pointer>");
        return;
    }
}

bool capnp_text_render(const struct capnp_record *r, enum capnp_style style, struct capnp_sink sink)
{
    struct writer w = {.sink = sink};

    if (!capnp_record_check(r)) {
        return false;
    }
    render_record(&w, r, style == CAPNP_STYLE_PRETTY, true);
    return true;
}
