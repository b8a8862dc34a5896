// SPDX-License-Identifier: MIT
/*
 * Rendering messages as JSON.
 *
 * All is written twice: first to nowhere, to learn whether it can be said in JSON
 * and ends, so that nothing is written of what fails; then to the sink. In the pretty
 * style the members of an array or object stand on lines of their own if there are
 * several and one of them, in one line, has more than ITEM_MAX bytes. That is
 * found by writing them to nowhere up to that many bytes.
 */
#include <capnp/json.h>

#define ITEM_MAX 50u

/*
 * Members of unions that are null pointers to structs, and shown as structs of
 * defaults all the same. Such structs can hold such members in turn, without end.
 */
#define UNSET_MAX (1u << 20)

/* Output that is written or, where sink.write is NULL, counted. */
struct writer {
    struct capnp_sink sink;
    bool pretty;
    uint64_t left;       /* counting: bytes until it is too much */
    bool over;           /* counting: it was; or there is a problem */
    uint32_t unset;      /* structs of defaults so far */
    const char *problem; /* NULL if there is none */
};

/* How the members of one array or object are put apart. */
struct layout {
    bool lines;      /* each on a line of its own */
    bool bare;       /* the first may stay in the line of the bracket */
    unsigned indent; /* of those lines */
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

static void fail(struct writer *w, const char *problem)
{
    w->problem = problem;
    w->over = true;
}

static void begin_item(struct writer *w, struct layout *layout)
{
    if (layout->started) {
        put(w, ",", 1);
    }
    if (layout->lines && (layout->started || !layout->bare)) {
        put(w, "\n", 1);
        for (unsigned i = 0; i < layout->indent; i++) {
            put(w, "  ", 2);
        }
    } else if (layout->lines || (layout->started && w->pretty)) {
        put(w, " ", 1);
    }
    layout->started = true;
}

static void render_value(struct writer *w, const struct capnp_value *v, unsigned indent, bool bare);

/* ---------------------------------------------------------------------------
 * Scalars and strings */

static void render_string(struct writer *w, struct capnp_text text)
{
    static const char hex[] = "0123456789abcdef";
    static const char names[] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n',  ['\r'] = 'r',
        ['\t'] = 't', ['"'] = '"',  ['\\'] = '\\',
    };
    uint32_t from = 0;

    put(w, "\"", 1);
    for (uint32_t i = 0; i < text.len && !w->over; i++) {
        uint8_t c = (uint8_t)text.ptr[i];
        char name = c < sizeof names ? names[c] : '\0';
        if (name == '\0' && c >= 0x20u) {
            continue;
        }
        char code[6] = {'\\', 'u', '0', '0', hex[c >> 4 & 15u], hex[c & 15u]};
        char named[2] = {'\\', name};
        put(w, text.ptr + from, i - from);
        put(w, name != '\0' ? named : code, name != '\0' ? sizeof named : sizeof code);
        from = i + 1u;
    }
    if (from != text.len) {
        put(w, text.ptr + from, text.len - from);
    }
    put(w, "\"", 1);
}

static void render_float(struct writer *w, uint64_t bits)
{
    char number[CAPNP_NUMBER_MAX];

    if ((bits & CAPNP_F64_INF) != CAPNP_F64_INF) {
        put(w, number, capnp_format_f64(bits, number));
    } else if ((bits & ~CAPNP_F64_SIGN) != CAPNP_F64_INF) {
        put_string(w, "\"NaN\"");
    } else {
        put_string(w, bits == CAPNP_F64_INF ? "\"Infinity\"" : "\"-Infinity\"");
    }
}

static void render_enum(struct writer *w, const struct capnp_value *v)
{
    const struct capnp_node_info *node = v->type.info->node;
    char number[CAPNP_NUMBER_MAX];

    if (v->bits < node->enumerant_count) {
        render_string(w, capnp_text_from(node->enumerants[v->bits].name));
    } else {
        put(w, number, capnp_format_unsigned(v->bits, number));
    }
}

static void render_number(struct writer *w, const struct capnp_value *v, bool is_signed,
                          bool quoted)
{
    char number[CAPNP_NUMBER_MAX];
    uint32_t len = is_signed ? capnp_format_signed(capnp_value_signed(v), number)
                             : capnp_format_unsigned(v->bits, number);

    put(w, "\"", quoted);
    put(w, number, len);
    put(w, "\"", quoted);
}

/* ---------------------------------------------------------------------------
 * Arrays and objects */

/* A writer to nowhere, which is over behind ITEM_MAX bytes. */
static struct writer counting(const struct writer *w)
{
    return (struct writer){.pretty = w->pretty, .left = ITEM_MAX, .unset = w->unset};
}

/* Data is an array of numbers, which are short. */
static void render_data(struct writer *w, struct capnp_data data)
{
    struct layout layout = {.bare = true};
    char number[CAPNP_NUMBER_MAX];

    put(w, "[", 1);
    for (uint32_t i = 0; i < data.len && !w->over; i++) {
        begin_item(w, &layout);
        put(w, number, capnp_format_unsigned(data.ptr[i], number));
    }
    put(w, "]", 1);
}

static bool has_long_element(const struct writer *w, const struct capnp_sequence *sequence)
{
    for (uint32_t i = 0; i < sequence->list.len && sequence->list.len > 1u; i++) {
        struct writer count = counting(w);
        struct capnp_value v = capnp_sequence_at(sequence, i);
        render_value(&count, &v, 0, true);
        if (count.over) {
            return true;
        }
    }
    return false;
}

static void render_sequence(struct writer *w, const struct capnp_sequence *sequence,
                            unsigned indent, bool bare)
{
    unsigned below = indent + (sequence->list.len > 1u);
    struct layout layout = {
        .lines = w->sink.write != NULL && w->pretty && has_long_element(w, sequence),
        .bare = bare,
        .indent = indent + 1u,
    };

    put(w, "[", 1);
    for (uint32_t i = 0; i < sequence->list.len && !w->over; i++) {
        struct capnp_value v = capnp_sequence_at(sequence, i);
        begin_item(w, &layout);
        render_value(w, &v, below, true);
    }
    put(w, " ", layout.lines);
    put(w, "]", 1);
}

static void render_field(struct writer *w, const struct capnp_record *r,
                         const struct capnp_field_info *field, unsigned indent)
{
    struct capnp_value v = capnp_record_get(r, field);

    render_string(w, capnp_text_from(field->name));
    put(w, ": ", w->pretty ? 2 : 1);
    if (v.type.info->kind == CAPNP_TYPE_STRUCT && !capnp_record_is_set(r, field)) {
        /* A struct of defaults in a union. */
        if (r->s.depth == 0 || w->unset >= UNSET_MAX) {
            fail(w, "the member of a union that is not set holds such unions without end");
            return;
        }
        w->unset++;
    }
    render_value(w, &v, indent, false);
}

/* Member i of the object, for 0 <= i <= field_count: the union's member is the last. */
static const struct capnp_field_info *member(const struct capnp_record *r, uint32_t i)
{
    if (i == r->node->field_count) {
        return capnp_record_which(r);
    }
    const struct capnp_field_info *field = &r->node->fields[i];
    bool plain = field->discriminant == CAPNP_NO_DISCRIMINANT;
    return plain && capnp_record_is_set(r, field) ? field : NULL;
}

/* How many members the object has, and whether one of them is long. */
static uint32_t count_members(const struct writer *w, const struct capnp_record *r, bool *has_long)
{
    uint32_t members = 0;

    *has_long = false;
    for (uint32_t i = 0; i <= r->node->field_count; i++) {
        const struct capnp_field_info *field = member(r, i);
        if (field != NULL) {
            members++;
            if (w->pretty && w->sink.write != NULL && !*has_long) {
                struct writer count = counting(w);
                render_field(&count, r, field, 0);
                *has_long = count.over;
            }
        }
    }
    return members;
}

static void render_record(struct writer *w, const struct capnp_record *r, unsigned indent,
                          bool bare)
{
    bool has_long;
    uint32_t members = count_members(w, r, &has_long);
    unsigned below = indent + (members > 1u);
    struct layout layout = {
        .lines = members > 1u && has_long,
        .bare = bare,
        .indent = indent + 1u,
    };

    put(w, "{", 1);
    for (uint32_t i = 0; i <= r->node->field_count && !w->over; i++) {
        const struct capnp_field_info *field = member(r, i);
        if (field != NULL) {
            begin_item(w, &layout);
            render_field(w, r, field, below);
        }
    }
    put(w, " ", layout.lines);
    put(w, "}", 1);
}

/* Calls itself through arrays and objects; the depth of messages bounds how deep. */
static void render_value(struct writer *w, const struct capnp_value *v, unsigned indent, bool bare)
{
    switch (v->type.info->kind) {
    case CAPNP_TYPE_VOID:
        put_string(w, "null");
        return;
    case CAPNP_TYPE_BOOL:
        put_string(w, v->bits != 0 ? "true" : "false");
        return;
    case CAPNP_TYPE_INT8:
    case CAPNP_TYPE_INT16:
    case CAPNP_TYPE_INT32:
        render_number(w, v, true, false);
        return;
    case CAPNP_TYPE_INT64:
        render_number(w, v, true, true);
        return;
    case CAPNP_TYPE_UINT8:
    case CAPNP_TYPE_UINT16:
    case CAPNP_TYPE_UINT32:
        render_number(w, v, false, false);
        return;
    case CAPNP_TYPE_UINT64:
        render_number(w, v, false, true);
        return;
    case CAPNP_TYPE_FLOAT32:
        render_float(w, capnp_f64_from_f32((uint32_t)v->bits));
        return;
    case CAPNP_TYPE_FLOAT64:
        render_float(w, v->bits);
        return;
    case CAPNP_TYPE_TEXT:
        render_string(w, capnp_value_text(v));
        return;
    case CAPNP_TYPE_DATA:
        render_data(w, capnp_value_data(v));
        return;
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
        fail(w, "JSON has no form for capabilities");
        return;
    case CAPNP_TYPE_ANY:
    case CAPNP_TYPE_PARAMETER:
        fail(w, "JSON has no form for an AnyPointer");
        return;
    }
}

bool capnp_json_render(const struct capnp_record *r, enum capnp_style style, struct capnp_sink sink,
                       const char **problem)
{
    struct writer first = {.left = UINT64_MAX};
    struct writer w = {.sink = sink, .pretty = style == CAPNP_STYLE_PRETTY};

    if (!capnp_record_check(r)) {
        *problem = capnp_error_text(capnp_message_error(r->s.message));
        return false;
    }
    render_record(&first, r, 0, true);
    if (first.problem != NULL) {
        *problem = first.problem;
        return false;
    }
    render_record(&w, r, 0, true);
    return true;
}
