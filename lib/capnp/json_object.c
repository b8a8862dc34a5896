// SPDX-License-Identifier: MIT
/*
 * Parsing the objects of JSON into structs.
 *
 * Mostly a member of the object is a field of the struct. But annotations can have
 * structs, groups and unions flattened, so that their members are the object's,
 * with prefixes; and then a union has a tag, a member that names the one of it which
 * is set. What belongs to such a union cannot be read before its tag, wherever in the
 * object that stands. So the object is gone through again, as long as that made tags
 * known which were not known before.
 *
 * A moment is a pass and a place in the input. A member is read at its first moment
 * at which all unions around it are known. That moment follows from those at which
 * the unions became known, so all that is remembered is the unions, and where the
 * flattened structs lie, for at most PLACES_MAX of them.
 */
#include "json_parse.h"

/* Unions with tags and structs that are flattened into one object. */
#define PLACES_MAX 32u

/* Names that one member of an object is compared with. */
#define NAMES_MAX (1u << 16)

/* A union whose tag was read, or a flattened struct that was laid down. */
struct place {
    const struct capnp_node_info *node; /* the struct that has the union; the flattened one */
    const uint8_t *at;                  /* the discriminant; the pointer */
    uint8_t *data;                      /* a struct: where it lies */
    uint64_t since;                     /* a union: the moment at which it became known */
    uint16_t discriminant;              /* a union: the member that is set */
};

struct object {
    struct capnp_scan *p;
    uint64_t moment; /* of the member at hand: the pass above bit 32, its place below */
    uint32_t tags;   /* unions that are known */
    bool waiting;    /* a member waits for a union to be known */
    uint32_t names;  /* that may still be compared with the member at hand */
    uint32_t count;
    struct place places[PLACES_MAX];
};

#define PASS ((uint64_t)1 << 32)

/* ---------------------------------------------------------------------------
 * Names */

/* The name of a member, byte by byte. A copy of it looks ahead. */
struct key {
    struct capnp_scan at;
    struct capnp_scan_character c;
    uint32_t used;
};

/* The next byte, or -1 at the end. */
static int next_byte(struct key *key)
{
    if (key->used == key->c.len) {
        key->used = 0;
        if (!capnp_scan_character(&key->at, &key->c) || key->c.len == 0) {
            return -1;
        }
    }
    return key->c.bytes[key->used++];
}

static bool begins_with(struct key *key, const char *text)
{
    while (*text != '\0') {
        if (next_byte(key) != (uint8_t)*text++) {
            return false;
        }
    }
    return true;
}

static bool is_name(const struct key *key, const char *name)
{
    struct key ahead = *key;

    return name != NULL && begins_with(&ahead, name) && next_byte(&ahead) < 0;
}

/* Whether a member that is not flattened goes by the name that its union gives to all. */
static bool goes_by_value(const struct capnp_node_info *node, const struct capnp_field_info *field)
{
    return field->discriminant != CAPNP_NO_DISCRIMINANT && node->json_union != NULL &&
           node->json_union->value != NULL;
}

/* The member of the union that has this number, or NULL. */
static const struct capnp_field_info *union_member(const struct capnp_node_info *node,
                                                   uint16_t discriminant)
{
    for (uint32_t i = 0; i < node->field_count; i++) {
        if (node->fields[i].discriminant == discriminant) {
            return &node->fields[i];
        }
    }
    return NULL;
}

/* Whether the struct, or what is flattened into it, has a member of this name. */
static bool has_name(struct object *o, const struct capnp_draft *d, const struct key *key)
{
    const struct capnp_json_union *u = d->node->json_union;

    if (u != NULL && (is_name(key, u->tag) || is_name(key, u->value))) {
        return true;
    }
    for (uint32_t i = 0; i < d->node->field_count && o->names > 0; i++) {
        const struct capnp_field_info *field = &d->node->fields[i];
        struct key rest = *key;
        o->names--;
        if (!capnp_json_is_flattened(field, &d->scope)) {
            if (!goes_by_value(d->node, field) && is_name(key, capnp_json_field_name(field))) {
                return true;
            }
        } else if (begins_with(&rest, field->json->prefix)) {
            struct capnp_target t = {.type = capnp_type_in(&field->type, &d->scope)};
            struct capnp_draft inner =
                capnp_target_resume(&t, (struct capnp_struct_builder){.data = NULL});
            if (has_name(o, &inner, &rest)) {
                return true;
            }
        }
    }
    return false;
}

/* ---------------------------------------------------------------------------
 * Places */

static struct place *find_place(struct object *o, const struct capnp_node_info *node,
                                const uint8_t *at)
{
    for (uint32_t i = 0; i < o->count; i++) {
        if (o->places[i].node == node && o->places[i].at == at) {
            return &o->places[i];
        }
    }
    return NULL;
}

static bool add_place(struct object *o, struct place place)
{
    if (o->count == PLACES_MAX) {
        return capnp_scan_refuse(o->p, "too much is flattened into one object");
    }
    o->places[o->count++] = place;
    return true;
}

static const uint8_t *discriminant_of(const struct capnp_draft *d)
{
    return d->b.data == NULL ? NULL : d->b.data + d->node->union_offset * 2u;
}

static struct place *find_union(struct object *o, const struct capnp_draft *d)
{
    return find_place(o, d->node, discriminant_of(d));
}

/* Sets the union to this member, and that to its default. */
static void select_member(const struct capnp_draft *d, const struct capnp_field_info *field)
{
    struct capnp_target t = capnp_draft_target(d, field);

    if (field->is_group) {
        (void)capnp_target_struct(&t);
    } else if (capnp_type_is_pointer(field->type.kind)) {
        capnp_any_set_null(capnp_target_pointer(&t));
    } else {
        capnp_target_set_bits(&t, field->default_bits);
    }
}

/* The struct of a flattened field, which is laid down when it is first wanted. */
static bool open_flattened(struct object *o, const struct capnp_draft *d,
                           const struct capnp_field_info *field, struct capnp_draft *inner)
{
    struct capnp_target t = capnp_draft_target(d, field);

    if (field->is_group) {
        *inner = capnp_target_resume(&t, d->b);
        return true;
    }
    const uint8_t *slot = capnp_target_pointer(&t).slot;
    const struct place *known = find_place(o, t.type.info->node, slot);
    if (known != NULL) {
        struct capnp_struct_builder b = {.arena = d->b.arena, .data = known->data};
        *inner = capnp_target_resume(&t, b);
        return true;
    }
    *inner = capnp_target_struct(&t);
    return inner->b.data == NULL ||
           add_place(o, (struct place){.node = inner->node, .at = slot, .data = inner->b.data});
}

/* ---------------------------------------------------------------------------
 * Members */

/* Whether a member that waited until that moment, 0 if it did not, has its turn now. */
static bool is_due(const struct object *o, uint64_t since)
{
    return o->moment < 2u * PASS || since >= o->moment - PASS;
}

static bool parse_field(struct object *o, const struct capnp_draft *d,
                        const struct capnp_field_info *field, uint64_t since)
{
    if (!is_due(o, since)) {
        return capnp_scan_skip_value(o->p);
    }
    struct capnp_target target = capnp_draft_target(d, field);
    if (field->discriminant != CAPNP_NO_DISCRIMINANT && d->node->json_union != NULL) {
        struct place *place = find_union(o, d);
        if (place != NULL) {
            place->discriminant = field->discriminant;
        }
    }
    return capnp_json_parse_value(o->p, &target);
}

/* The member of the union that the string names, from behind its opening quote; or NULL. */
static const struct capnp_field_info *tagged_member(const struct object *o,
                                                    const struct capnp_node_info *node)
{
    for (uint32_t i = 0; i < node->field_count; i++) {
        const struct capnp_field_info *field = &node->fields[i];
        if (field->discriminant != CAPNP_NO_DISCRIMINANT &&
            capnp_scan_string_is(o->p, capnp_json_field_name(field))) {
            return field;
        }
    }
    return NULL;
}

/* The name of the union's member that is set. A name that is none of them says nothing. */
static bool parse_tag(struct object *o, const struct capnp_draft *d, uint64_t since)
{
    uint32_t len;

    if (!is_due(o, since)) {
        return capnp_scan_skip_value(o->p);
    }
    if (!capnp_scan_expect(o->p, '"', "a string is wanted here")) {
        return false;
    }
    const struct capnp_field_info *field = tagged_member(o, d->node);
    if (field != NULL && find_union(o, d) != NULL) {
        return capnp_scan_refuse(o->p, "this union has a tag already");
    }
    if (field != NULL) {
        struct place place = {
            .node = d->node,
            .at = discriminant_of(d),
            .since = o->moment,
            .discriminant = field->discriminant,
        };
        o->tags++;
        select_member(d, field);
        if (!add_place(o, place)) {
            return false;
        }
    }
    return capnp_scan_string(o->p, NULL, &len);
}

static bool wait(struct object *o)
{
    o->waiting = true;
    return capnp_scan_skip_value(o->p);
}

/* The member that a union's own name for values stands for. */
static bool parse_union_value(struct object *o, const struct capnp_draft *d, uint64_t since)
{
    const struct place *place = find_union(o, d);
    const struct capnp_field_info *field;

    if (place == NULL) {
        return wait(o);
    }
    field = union_member(d->node, place->discriminant);
    since = place->since > since ? place->since : since;
    return field == NULL ? capnp_scan_skip_value(o->p) : parse_field(o, d, field, since);
}

static bool parse_named(struct object *o, const struct capnp_draft *d, const struct key *key,
                        uint64_t since);

/*
 * The field of this name, or what is flattened into a field and has it. Several members
 * of a union can, of which the one that is set is meant; if only others have it, it is
 * skipped.
 */
static bool parse_member_of(struct object *o, const struct capnp_draft *d, const struct key *key,
                            uint64_t since)
{
    for (uint32_t i = 0; i < d->node->field_count; i++) {
        const struct capnp_field_info *field = &d->node->fields[i];
        bool in_union = field->discriminant != CAPNP_NO_DISCRIMINANT;
        struct capnp_draft inner;
        struct key rest = *key;
        if (!capnp_json_is_flattened(field, &d->scope)) {
            if (!goes_by_value(d->node, field) && is_name(key, capnp_json_field_name(field))) {
                return parse_field(o, d, field, since);
            }
            continue;
        }
        struct capnp_target t = {.type = capnp_type_in(&field->type, &d->scope)};
        inner = capnp_target_resume(&t, (struct capnp_struct_builder){.data = NULL});
        if (!begins_with(&rest, field->json->prefix) || !has_name(o, &inner, &rest)) {
            continue;
        }
        const struct place *place = in_union ? find_union(o, d) : NULL;
        if (in_union && place == NULL) {
            return wait(o);
        }
        if (in_union && place->discriminant != field->discriminant) {
            const struct capnp_field_info *set = union_member(d->node, place->discriminant);
            if (set == NULL || !capnp_json_is_flattened(set, &d->scope)) {
                return capnp_scan_refuse(o->p,
                                         "this belongs to a member of a union that is not set");
            }
            continue;
        }
        since = in_union && place->since > since ? place->since : since;
        return open_flattened(o, d, field, &inner) && parse_named(o, &inner, &rest, since);
    }
    return capnp_scan_skip_value(o->p);
}

/*
 * The member of this name, which all unions around it are known for since that moment.
 * Calls itself through what is flattened, as the schema nests it.
 */
static bool parse_named(struct object *o, const struct capnp_draft *d, const struct key *key,
                        uint64_t since)
{
    const struct capnp_json_union *u = d->node->json_union;

    if (u != NULL && is_name(key, u->tag)) {
        return parse_tag(o, d, since);
    }
    if (u != NULL && is_name(key, u->value)) {
        return parse_union_value(o, d, since);
    }
    return parse_member_of(o, d, key, since);
}

/* Passes the name of a member and the colon. */
static bool take_name(struct capnp_scan *p, struct key *key)
{
    uint32_t len;

    if (!capnp_scan_expect(p, '"', "the name of a member is wanted here")) {
        return false;
    }
    *key = (struct key){.at = *p};
    return capnp_scan_string(p, NULL, &len) && capnp_scan_expect(p, ':', "a colon is wanted here");
}

/* Once through the object. */
static bool parse_pass(struct object *o, const struct capnp_draft *d)
{
    struct capnp_scan *p = o->p;
    struct key key;
    bool more;

    if (!capnp_scan_enter(p) || !capnp_scan_open(p, '{', '}', "an object is wanted here", &more)) {
        return false;
    }
    while (more) {
        if (!take_name(p, &key)) {
            return false;
        }
        o->moment = (o->moment & ~(PASS - 1u)) | p->at;
        o->names = NAMES_MAX;
        capnp_scan_skip_blanks(p);
        if (!parse_named(o, d, &key, 0) || !capnp_scan_comma(p, '}', &more)) {
            return false;
        }
    }
    p->depth--;
    return true;
}

/* An object of a struct into which something is flattened, or which has a tag. */
static bool parse_flattened(struct capnp_scan *p, const struct capnp_draft *d)
{
    struct capnp_scan start = *p;
    struct object o;
    uint32_t tags;

    o.p = p;
    o.moment = 0;
    o.tags = 0;
    o.count = 0;
    do {
        *p = start;
        tags = o.tags;
        o.waiting = false;
        o.moment += PASS;
        if (!parse_pass(&o, d)) {
            return false;
        }
    } while (o.waiting && o.tags > tags);
    return true;
}

/* The field that has this name, or NULL. */
static const struct capnp_field_info *find_field(const struct capnp_node_info *node,
                                                 const struct key *key)
{
    for (uint32_t i = 0; i < node->field_count; i++) {
        if (is_name(key, capnp_json_field_name(&node->fields[i]))) {
            return &node->fields[i];
        }
    }
    return NULL;
}

/* An object whose members are the struct's fields. */
static bool parse_plain(struct capnp_scan *p, const struct capnp_draft *d)
{
    struct key key;
    bool more;

    if (!capnp_scan_enter(p) || !capnp_scan_open(p, '{', '}', "an object is wanted here", &more)) {
        return false;
    }
    while (more) {
        if (!take_name(p, &key)) {
            return false;
        }
        const struct capnp_field_info *field = find_field(d->node, &key);
        bool ok;
        if (field == NULL) {
            ok = capnp_scan_skip_value(p);
        } else {
            struct capnp_target target = capnp_draft_target(d, field);
            ok = capnp_json_parse_value(p, &target);
        }
        if (!ok || !capnp_scan_comma(p, '}', &more)) {
            return false;
        }
    }
    p->depth--;
    return true;
}

/* A pointer that is null gets what it stands for: its default, or a struct of defaults. */
static void fill_pointer(const struct capnp_target *t)
{
    struct capnp_any_builder p = capnp_target_pointer(t);
    const struct capnp_segment *value = &t->field->default_value;
    struct capnp_message m;

    if (p.slot == NULL || capnp_load_u64(p.slot) != 0) {
        return;
    }
    if (value->base != NULL) {
        capnp_message_open_flat(&m, value->base, value->bytes);
        struct capnp_any root = {
            .message = &m, .segment = m.segments, .slot = value->base, .depth = CAPNP_DEPTH_MAX};
        (void)capnp_any_copy(p, root);
    } else if (t->type.info->kind == CAPNP_TYPE_STRUCT) {
        (void)capnp_target_struct(t);
    }
}

/* Calls itself through groups, as the schema nests them. */
void capnp_json_fill_unions(const struct capnp_draft *group)
{
    const struct capnp_node_info *node = group->node;
    uint16_t set = CAPNP_NO_DISCRIMINANT;

    if (group->b.data == NULL) {
        return;
    }
    if (node->union_count != 0) {
        set = capnp_load_u16(group->b.data + node->union_offset * 2u);
    }
    for (uint32_t i = 0; i < node->field_count; i++) {
        const struct capnp_field_info *field = &node->fields[i];
        bool in_union = field->discriminant != CAPNP_NO_DISCRIMINANT;
        if (in_union && field->discriminant != set) {
            continue;
        }
        struct capnp_target t = capnp_draft_target(group, field);
        if (field->is_group) {
            struct capnp_draft inner = capnp_target_resume(&t, group->b);
            capnp_json_fill_unions(&inner);
        } else if (in_union && capnp_type_is_pointer(t.type.info->kind)) {
            fill_pointer(&t);
        }
    }
}

bool capnp_json_parse_members(struct capnp_scan *p, const struct capnp_draft *d)
{
    bool plain = d->node->json_union == NULL;

    for (uint32_t i = 0; i < d->node->field_count && plain; i++) {
        plain = !capnp_json_is_flattened(&d->node->fields[i], &d->scope);
    }
    return plain ? parse_plain(p, d) : parse_flattened(p, d);
}
