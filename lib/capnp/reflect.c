// SPDX-License-Identifier: MIT
/*
 * Reading and building messages by the tables of their schema.
 */
#include <capnp/reflect.h>

/* What an unbound parameter is. */
static const struct capnp_type_info any_type = {.kind = CAPNP_TYPE_ANY};

const struct capnp_node_info *capnp_schema_find(const struct capnp_schema_info *schema, uint64_t id)
{
    size_t low = 0;
    size_t high = schema->node_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2u;
        if (schema->nodes[middle]->id < id) {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    return low < schema->node_count && schema->nodes[low]->id == id ? schema->nodes[low] : NULL;
}

const struct capnp_field_info *capnp_node_field(const struct capnp_node_info *node,
                                                struct capnp_text name)
{
    for (uint32_t i = 0; i < node->field_count; i++) {
        if (capnp_text_equal(capnp_text_from(node->fields[i].name), name)) {
            return &node->fields[i];
        }
    }
    return NULL;
}

int32_t capnp_node_enumerant(const struct capnp_node_info *node, struct capnp_text name)
{
    for (uint32_t i = 0; i < node->enumerant_count; i++) {
        if (capnp_text_equal(capnp_text_from(node->enumerants[i].name), name)) {
            return (int32_t)i;
        }
    }
    return -1;
}

/* ---------------------------------------------------------------------------
 * Types */

static const struct capnp_binding_info *find_binding(const struct capnp_brand_info *brand,
                                                     uint64_t scope_id)
{
    for (uint16_t i = 0; brand != NULL && i < brand->binding_count; i++) {
        if (brand->bindings[i].scope_id == scope_id) {
            return &brand->bindings[i];
        }
    }
    return NULL;
}

/* Each step goes outward, so there are no more of them than scopes. */
struct capnp_type capnp_type_in(const struct capnp_type_info *info, const struct capnp_scope *scope)
{
    while (info->kind == CAPNP_TYPE_PARAMETER) {
        const struct capnp_binding_info *binding =
            scope == NULL ? NULL : find_binding(scope->brand, info->scope_id);
        if (binding == NULL) {
            return (struct capnp_type){.info = &any_type};
        }
        scope = scope->outer;
        if (!binding->inherits) {
            bool bound = info->parameter < binding->param_count;
            info = bound ? &binding->params[info->parameter] : &any_type;
        }
    }
    return (struct capnp_type){.info = info, .scope = scope};
}

struct capnp_type capnp_type_element(struct capnp_type type)
{
    return capnp_type_in(type.info->element, type.scope);
}

unsigned capnp_type_bits(enum capnp_type_kind kind)
{
    switch (kind) {
    case CAPNP_TYPE_VOID:
        return 0;
    case CAPNP_TYPE_BOOL:
        return 1;
    case CAPNP_TYPE_INT8:
    case CAPNP_TYPE_UINT8:
        return 8;
    case CAPNP_TYPE_INT16:
    case CAPNP_TYPE_UINT16:
    case CAPNP_TYPE_ENUM:
        return 16;
    case CAPNP_TYPE_INT32:
    case CAPNP_TYPE_UINT32:
    case CAPNP_TYPE_FLOAT32:
        return 32;
    case CAPNP_TYPE_INT64:
    case CAPNP_TYPE_UINT64:
    case CAPNP_TYPE_FLOAT64:
    case CAPNP_TYPE_TEXT:
    case CAPNP_TYPE_DATA:
    case CAPNP_TYPE_LIST:
    case CAPNP_TYPE_STRUCT:
    case CAPNP_TYPE_INTERFACE:
    case CAPNP_TYPE_ANY:
    case CAPNP_TYPE_PARAMETER:
        return 64;
    }
    return 64;
}

bool capnp_type_is_pointer(enum capnp_type_kind kind)
{
    return kind >= CAPNP_TYPE_TEXT && kind != CAPNP_TYPE_ENUM;
}

enum capnp_element capnp_type_layout(struct capnp_type type)
{
    if (type.info->kind == CAPNP_TYPE_STRUCT) {
        return CAPNP_ELEMENT_STRUCT;
    }
    if (capnp_type_is_pointer(type.info->kind)) {
        return CAPNP_ELEMENT_POINTER;
    }
    switch (capnp_type_bits(type.info->kind)) {
    case 0:
        return CAPNP_ELEMENT_VOID;
    case 1:
        return CAPNP_ELEMENT_BIT;
    case 8:
        return CAPNP_ELEMENT_BYTE;
    case 16:
        return CAPNP_ELEMENT_TWO_BYTES;
    case 32:
        return CAPNP_ELEMENT_FOUR_BYTES;
    default:
        return CAPNP_ELEMENT_EIGHT_BYTES;
    }
}

/* The scope in which the fields of a struct type are read: a group is no scope of its own. */
static struct capnp_scope scope_of(struct capnp_type type)
{
    if (type.info->node->is_group && type.scope != NULL) {
        return *type.scope;
    }
    return (struct capnp_scope){.brand = type.info->brand, .outer = type.scope};
}

/* ---------------------------------------------------------------------------
 * Reading */

struct capnp_record capnp_record_root(const struct capnp_node_info *node,
                                      struct capnp_message *message)
{
    return (struct capnp_record){.node = node, .s = capnp_root_any_shape(message)};
}

bool capnp_record_has_turn(const struct capnp_record *r, const struct capnp_field_info *field)
{
    return field->discriminant == CAPNP_NO_DISCRIMINANT ||
           capnp_get_u16(r->s, r->node->union_offset * 2u) == field->discriminant;
}

bool capnp_record_is_set(const struct capnp_record *r, const struct capnp_field_info *field)
{
    if (!capnp_record_has_turn(r, field)) {
        return false;
    }
    struct capnp_type type = capnp_type_in(&field->type, &r->scope);
    return field->is_group || !capnp_type_is_pointer(type.info->kind) ||
           capnp_has(r->s, (uint16_t)field->offset);
}

const struct capnp_field_info *capnp_record_which(const struct capnp_record *r)
{
    for (uint32_t i = 0; r->node->union_count != 0 && i < r->node->field_count; i++) {
        const struct capnp_field_info *field = &r->node->fields[i];
        if (field->discriminant != CAPNP_NO_DISCRIMINANT && capnp_record_has_turn(r, field)) {
            return field;
        }
    }
    return NULL;
}

/* The number in unit `offset` of a data section. */
static uint64_t load_bits(struct capnp_struct s, enum capnp_type_kind kind, uint32_t offset)
{
    switch (capnp_type_bits(kind)) {
    case 0:
        return 0;
    case 1:
        return capnp_get_bool(s, offset);
    case 8:
        return capnp_get_u8(s, offset);
    case 16:
        return capnp_get_u16(s, offset * 2u);
    case 32:
        return capnp_get_u32(s, offset * 4u);
    default:
        return capnp_get_u64(s, offset * 8u);
    }
}

struct capnp_value capnp_record_get(const struct capnp_record *r,
                                    const struct capnp_field_info *field)
{
    struct capnp_value v = {.type = capnp_type_in(&field->type, &r->scope)};
    enum capnp_type_kind kind = v.type.info->kind;
    bool has_turn = capnp_record_has_turn(r, field);

    if (field->is_group) {
        v.s = r->s;
        return v;
    }
    if (!capnp_type_is_pointer(kind)) {
        v.bits = (has_turn ? load_bits(r->s, kind, field->offset) : 0) ^ field->default_bits;
        return v;
    }
    v.pointer = has_turn ? capnp_get_any(r->s, (uint16_t)field->offset) : capnp_no_any(r->s);
    if (field->default_value.base != NULL) {
        v.pointer = capnp_any_or_default(v.pointer, &field->default_value);
    }
    if (kind == CAPNP_TYPE_STRUCT) {
        v.s = capnp_any_struct(v.pointer);
    }
    return v;
}

struct capnp_record capnp_value_record(const struct capnp_value *v)
{
    return (struct capnp_record){
        .node = v->type.info->node,
        .s = v->s,
        .scope = scope_of(v->type),
    };
}

struct capnp_sequence capnp_value_sequence(const struct capnp_value *v)
{
    struct capnp_type element = capnp_type_element(v->type);

    return (struct capnp_sequence){
        .element = element,
        .list = capnp_any_list(v->pointer, capnp_type_layout(element)),
    };
}

struct capnp_text capnp_value_text(const struct capnp_value *v)
{
    return capnp_any_text(v->pointer);
}

struct capnp_data capnp_value_data(const struct capnp_value *v)
{
    return capnp_any_data(v->pointer);
}

struct capnp_value capnp_sequence_at(const struct capnp_sequence *sequence, uint32_t i)
{
    struct capnp_value v = {.type = sequence->element};
    enum capnp_type_kind kind = v.type.info->kind;

    if (kind == CAPNP_TYPE_STRUCT) {
        v.s = capnp_list_struct(sequence->list, i);
    } else if (capnp_type_is_pointer(kind)) {
        v.pointer = capnp_list_any(sequence->list, i);
    } else if (kind == CAPNP_TYPE_BOOL) {
        v.bits = capnp_list_has(sequence->list, i) && capnp_load_bit(sequence->list.data, i);
    } else {
        v.bits = load_bits(capnp_list_struct(sequence->list, i), kind, 0);
    }
    return v;
}

static void walk_record(const struct capnp_record *r);

/* Calls itself and walk_record: the depth of messages bounds how deep. */
static void walk_value(const struct capnp_value *v)
{
    switch (v->type.info->kind) {
    case CAPNP_TYPE_TEXT:
        (void)capnp_value_text(v);
        break;
    case CAPNP_TYPE_DATA:
        (void)capnp_value_data(v);
        break;
    case CAPNP_TYPE_INTERFACE:
        (void)capnp_any_capability(v->pointer);
        break;
    case CAPNP_TYPE_STRUCT: {
        struct capnp_record inner = capnp_value_record(v);
        walk_record(&inner);
        break;
    }
    case CAPNP_TYPE_LIST: {
        struct capnp_sequence sequence = capnp_value_sequence(v);
        if (!capnp_type_is_pointer(sequence.element.info->kind)) {
            break;
        }
        for (uint32_t i = 0; i < sequence.list.len; i++) {
            struct capnp_value element = capnp_sequence_at(&sequence, i);
            if (sequence.list.message->error != CAPNP_ERROR_NONE) {
                break;
            }
            walk_value(&element);
        }
        break;
    }
    default:
        break;
    }
}

static void walk_record(const struct capnp_record *r)
{
    /* Defaults may hold defaults without end: what ends it is the error, once it is too deep. */
    for (uint32_t i = 0; i < r->node->field_count; i++) {
        if (r->s.message->error != CAPNP_ERROR_NONE) {
            return;
        }
        const struct capnp_field_info *field = &r->node->fields[i];
        bool has_default = field->default_value.base != NULL && capnp_record_has_turn(r, field);
        if (has_default || capnp_record_is_set(r, field)) {
            struct capnp_value v = capnp_record_get(r, field);
            walk_value(&v);
        }
    }
}

bool capnp_record_check(const struct capnp_record *r)
{
    walk_record(r);
    return capnp_check_passed(r->s);
}

int64_t capnp_value_signed(const struct capnp_value *v)
{
    switch (capnp_type_bits(v->type.info->kind)) {
    case 8:
        return (int8_t)(uint8_t)v->bits;
    case 16:
        return (int16_t)(uint16_t)v->bits;
    case 32:
        return (int32_t)(uint32_t)v->bits;
    default:
        return (int64_t)v->bits;
    }
}

/* ---------------------------------------------------------------------------
 * Building */

struct capnp_draft capnp_draft_root(const struct capnp_node_info *node, struct capnp_arena *arena)
{
    return (struct capnp_draft){
        .node = node,
        .b = capnp_build_root(arena, node->data_words, node->pointer_count),
    };
}

struct capnp_target capnp_draft_target(const struct capnp_draft *d,
                                       const struct capnp_field_info *field)
{
    if (field->discriminant != CAPNP_NO_DISCRIMINANT) {
        capnp_set_u16(d->b, d->node->union_offset * 2u, field->discriminant);
    }
    return (struct capnp_target){
        .type = capnp_type_in(&field->type, &d->scope),
        .b = d->b,
        .owner = d->node,
        .field = field,
    };
}

struct capnp_target capnp_list_draft_target(const struct capnp_list_draft *l, uint32_t i)
{
    return (struct capnp_target){
        .type = l->element,
        .in_list = true,
        .list = l->list,
        .index = i,
    };
}

static void store_bits(struct capnp_struct_builder b, enum capnp_type_kind kind, uint32_t offset,
                       uint64_t bits)
{
    switch (capnp_type_bits(kind)) {
    case 0:
        break;
    case 1:
        capnp_set_bool(b, offset, (bits & 1u) != 0);
        break;
    case 8:
        capnp_set_u8(b, offset, (uint8_t)bits);
        break;
    case 16:
        capnp_set_u16(b, offset * 2u, (uint16_t)bits);
        break;
    case 32:
        capnp_set_u32(b, offset * 4u, (uint32_t)bits);
        break;
    default:
        capnp_set_u64(b, offset * 8u, bits);
        break;
    }
}

void capnp_target_set_bits(const struct capnp_target *t, uint64_t bits)
{
    enum capnp_type_kind kind = t->type.info->kind;

    if (!t->in_list) {
        store_bits(t->b, kind, t->field->offset, bits ^ t->field->default_bits);
    } else if (kind == CAPNP_TYPE_BOOL) {
        capnp_list_builder_set_bool(t->list, t->index, (bits & 1u) != 0);
    } else if (kind != CAPNP_TYPE_VOID) {
        store_bits(capnp_list_builder_struct(t->list, t->index), kind, 0, bits);
    }
}

/* The pointer field of number `index` of a struct of this schema. */
static struct capnp_any_builder pointer_field(struct capnp_struct_builder b,
                                              const struct capnp_node_info *node, uint32_t index)
{
    return capnp_slot(b, (node->data_words + index) * 8u);
}

struct capnp_any_builder capnp_target_pointer(const struct capnp_target *t)
{
    if (t->in_list) {
        return capnp_list_builder_any(t->list, t->index);
    }
    return pointer_field(t->b, t->owner, t->field->offset);
}

/* Gives the fields of a group their defaults; groups are nested as the schema nests them. */
static void clear_group(struct capnp_struct_builder b, const struct capnp_node_info *group)
{
    if (group->union_count != 0) {
        capnp_set_u16(b, group->union_offset * 2u, 0);
    }
    for (uint32_t i = 0; i < group->field_count; i++) {
        const struct capnp_field_info *field = &group->fields[i];
        if (field->is_group) {
            clear_group(b, field->type.node);
        } else if (capnp_type_is_pointer(field->type.kind)) {
            capnp_any_set_null(pointer_field(b, group, field->offset));
        } else {
            store_bits(b, field->type.kind, field->offset, 0);
        }
    }
}

struct capnp_draft capnp_target_struct(const struct capnp_target *t)
{
    const struct capnp_node_info *node = t->type.info->node;
    struct capnp_draft d = {.node = node, .scope = scope_of(t->type)};

    if (t->in_list) {
        d.b = capnp_list_builder_struct(t->list, t->index);
    } else if (t->field->is_group) {
        d.b = t->b;
        clear_group(d.b, node);
    } else {
        d.b = capnp_any_init_struct(capnp_target_pointer(t), node->data_words, node->pointer_count);
    }
    return d;
}

struct capnp_draft capnp_target_resume(const struct capnp_target *t, struct capnp_struct_builder b)
{
    return (struct capnp_draft){.node = t->type.info->node, .b = b, .scope = scope_of(t->type)};
}

struct capnp_list_draft capnp_target_list(const struct capnp_target *t, uint32_t len)
{
    struct capnp_any_builder p = capnp_target_pointer(t);
    struct capnp_list_draft l = {.element = capnp_type_element(t->type)};
    const struct capnp_node_info *node = l.element.info->node;

    if (l.element.info->kind == CAPNP_TYPE_STRUCT) {
        l.list = capnp_any_init_struct_list(p, node->data_words, node->pointer_count, len);
    } else {
        l.list = capnp_any_init_list(p, capnp_type_layout(l.element), len);
    }
    return l;
}
