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
#include "json_parse.h"

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

/* What stands between the quotes. */
static void render_characters(struct writer *w, struct capnp_text text)
{
    static const char hex[] = "0123456789abcdef";
    static const char names[] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n',  ['\r'] = 'r',
        ['\t'] = 't', ['"'] = '"',  ['\\'] = '\\',
    };
    uint32_t from = 0;

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
}

static void render_string(struct writer *w, struct capnp_text text)
{
    put(w, "\"", 1);
    render_characters(w, text);
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
        const char *name = capnp_json_enumerant_name(&node->enumerants[v->bits]);
        render_string(w, capnp_text_from(name));
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

/* Three bytes are four symbols, of which those that say nothing are =. */
static void render_base64(struct writer *w, struct capnp_data data)
{
    static const char symbols[] = CAPNP_JSON_BASE64_SYMBOLS;

    put(w, "\"", 1);
    for (uint32_t i = 0; i < data.len && !w->over; i += 3u) {
        uint32_t left = data.len - i;
        uint32_t bits = (uint32_t)data.ptr[i] << 16;
        bits |= left > 1u ? (uint32_t)data.ptr[i + 1u] << 8 : 0;
        bits |= left > 2u ? data.ptr[i + 2u] : 0;
        char group[4] = {symbols[bits >> 18], symbols[bits >> 12 & 63u],
                         left > 1u ? symbols[bits >> 6 & 63u] : '=',
                         left > 2u ? symbols[bits & 63u] : '='};
        put(w, group, sizeof group);
    }
    put(w, "\"", 1);
}

static void render_hex(struct writer *w, struct capnp_data data)
{
    static const char digits[] = "0123456789abcdef";

    put(w, "\"", 1);
    for (uint32_t i = 0; i < data.len && !w->over; i++) {
        char two[2] = {digits[data.ptr[i] >> 4], digits[data.ptr[i] & 15u]};
        put(w, two, sizeof two);
    }
    put(w, "\"", 1);
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

/* What the names of members begin with that are flattened into an object. */
struct prefix {
    const char *text;
    const struct prefix *outer; /* stands before it; may be NULL */
};

/* A member of an object. */
struct member {
    const struct capnp_record *r;
    const struct capnp_field_info *field;
    const struct prefix *prefix; /* may be NULL */
    const char *name;
    bool is_tag; /* its value is the field's name, and not the field's value */
};

/* An object, whose members are gone through twice. */
struct object {
    struct writer *w;
    uint32_t members; /* first they are counted ... */
    bool has_long;    /* one of them is long */
    bool writing;     /* ... and then written */
    struct layout layout;
    unsigned below;
};

/* A struct of defaults is shown that is not set, of which there may be so many. */
static bool allow_unset(struct writer *w, const struct capnp_record *r,
                        const struct capnp_field_info *field, const struct capnp_value *v)
{
    if (v->type.info->kind != CAPNP_TYPE_STRUCT || capnp_record_is_set(r, field)) {
        return true;
    }
    if (r->s.depth == 0 || w->unset >= UNSET_MAX) {
        fail(w, "the member of a union that is not set holds such unions without end");
        return false;
    }
    w->unset++;
    return true;
}

/* Calls itself through prefixes, the outermost of which comes first. */
static void render_prefix(struct writer *w, const struct prefix *prefix)
{
    if (prefix != NULL) {
        render_prefix(w, prefix->outer);
        render_characters(w, capnp_text_from(prefix->text));
    }
}

static void render_member(struct writer *w, const struct member *m, unsigned indent)
{
    put(w, "\"", 1);
    render_prefix(w, m->prefix);
    render_characters(w, capnp_text_from(m->name));
    put(w, "\": ", w->pretty ? 3 : 2);
    if (m->is_tag) {
        render_string(w, capnp_text_from(capnp_json_field_name(m->field)));
        return;
    }
    struct capnp_value v = capnp_record_get(m->r, m->field);
    enum capnp_json_data form = capnp_json_data_of(m->field);
    if (v.type.info->kind == CAPNP_TYPE_DATA && form == CAPNP_JSON_BASE64) {
        render_base64(w, capnp_value_data(&v));
    } else if (v.type.info->kind == CAPNP_TYPE_DATA && form == CAPNP_JSON_HEX) {
        render_hex(w, capnp_value_data(&v));
    } else if (allow_unset(w, m->r, m->field, &v)) {
        render_value(w, &v, indent, false);
    }
}

static void add_member(struct object *o, const struct member *m)
{
    struct writer *w = o->w;

    if (o->writing && !w->over) {
        begin_item(w, &o->layout);
        render_member(w, m, o->below);
    } else if (!o->writing) {
        o->members++;
        if (w->pretty && w->sink.write != NULL && !o->has_long) {
            struct writer count = counting(w);
            render_member(&count, m, 0);
            o->has_long = count.over;
        }
    }
}

static void add_record(struct object *o, const struct capnp_record *r, const struct prefix *prefix);

/* A field that is shown, or the members that it is flattened to. */
static void add_field(struct object *o, const struct capnp_record *r,
                      const struct capnp_field_info *field, const struct prefix *prefix)
{
    const struct capnp_json_union *u = r->node->json_union;
    bool by_value = field->discriminant != CAPNP_NO_DISCRIMINANT && u != NULL && u->value != NULL;

    if (!capnp_json_is_flattened(field, &r->scope)) {
        const char *name = by_value ? u->value : capnp_json_field_name(field);
        add_member(o, &(struct member){.r = r, .field = field, .prefix = prefix, .name = name});
        return;
    }
    struct capnp_value v = capnp_record_get(r, field);
    struct prefix longer = {.text = field->json->prefix, .outer = prefix};
    if (allow_unset(o->w, r, field, &v)) {
        struct capnp_record inner = capnp_value_record(&v);
        add_record(o, &inner, &longer);
    }
}

/* The members that a struct has: its fields, and last what is set of its union. */
static void add_record(struct object *o, const struct capnp_record *r, const struct prefix *prefix)
{
    const struct capnp_field_info *set = capnp_record_which(r);
    const struct capnp_json_union *u = r->node->json_union;
    bool has_tag = set != NULL && u != NULL && u->tag != NULL;

    for (uint32_t i = 0; i < r->node->field_count && !o->w->over; i++) {
        const struct capnp_field_info *field = &r->node->fields[i];
        if (field->discriminant == CAPNP_NO_DISCRIMINANT && capnp_record_is_set(r, field)) {
            add_field(o, r, field, prefix);
        }
    }
    if (has_tag) {
        add_member(o, &(struct member){
                          .r = r, .field = set, .prefix = prefix, .name = u->tag, .is_tag = true});
    }
    /* Beside the tag, a member without a value says no more. */
    if (set != NULL && !(has_tag && set->type.kind == CAPNP_TYPE_VOID)) {
        add_field(o, r, set, prefix);
    }
}

static void render_record(struct writer *w, const struct capnp_record *r, unsigned indent,
                          bool bare)
{
    struct object o = {.w = w};

    add_record(&o, r, NULL);
    o.writing = true;
    o.below = indent + (o.members > 1u);
    o.layout = (struct layout){
        .lines = o.members > 1u && o.has_long,
        .bare = bare,
        .indent = indent + 1u,
    };
    put(w, "{", 1);
    add_record(&o, r, NULL);
    put(w, " ", o.layout.lines);
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
