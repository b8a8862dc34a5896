// SPDX-License-Identifier: MIT
/*
 * What C calls the schema's types.
 */
#include "emit.h"

#include <string.h>

const char *emit_capability(const struct type *type)
{
    return type->decl != NULL ? out_string("%s_cap", type->decl->name) : "capnp_capability";
}

const char *emit_value_type(const struct type *type)
{
    switch (type->kind) {
    case TYPE_BOOL:
        return "bool ";
    case TYPE_INT:
        return out_string("%sint%u_t ", type->is_signed ? "" : "u", type->bits);
    case TYPE_FLOAT:
        return type->bits == 32 ? "float " : "double ";
    case TYPE_ENUM:
        return out_string("enum %s ", type->decl->name);
    case TYPE_TEXT:
        return "struct capnp_text ";
    case TYPE_DATA:
        return "struct capnp_data ";
    case TYPE_CAP:
        return out_string("struct %s ", emit_capability(type));
    case TYPE_VOID:
    case TYPE_LIST:
    case TYPE_STRUCT:
    case TYPE_ANY:
    case TYPE_ANY_STRUCT:
    case TYPE_ANY_LIST:
        break;
    }
    return "void ";
}

const char *emit_list_name(const struct type *element)
{
    switch (element->kind) {
    case TYPE_VOID:
        return "capnp_void_list";
    case TYPE_BOOL:
        return "capnp_bool_list";
    case TYPE_INT:
        return out_string("capnp_%c%u_list", element->is_signed ? 'i' : 'u', element->bits);
    case TYPE_FLOAT:
        return out_string("capnp_f%u_list", element->bits);
    case TYPE_ENUM:
        return "capnp_u16_list";
    case TYPE_TEXT:
        return "capnp_text_list";
    case TYPE_DATA:
        return "capnp_data_list";
    case TYPE_STRUCT:
        return out_string("%s_list", element->decl->name);
    case TYPE_CAP:
        return out_string("%s_list", emit_capability(element));
    case TYPE_LIST:
    case TYPE_ANY:
    case TYPE_ANY_STRUCT:
    case TYPE_ANY_LIST:
        break;
    }
    return "capnp_any_list";
}

const char *emit_list_builder_name(const struct type *element)
{
    return element->kind == TYPE_STRUCT ? out_string("%s_list_builder", element->decl->name)
                                        : "capnp_list_builder";
}

const char *emit_list_builder(const struct type *element, const char *slot)
{
    if (element->kind == TYPE_STRUCT) {
        return out_string("(struct %s_list_builder){capnp_any_init_struct_list(%s, %u, %u, len)}",
                          element->decl->name, slot, element->decl->data_words,
                          element->decl->pointer_count);
    }
    return out_string("capnp_any_init_list(%s, %s, len)", slot, emit_element(element));
}

const char *emit_reader_type(const struct type *type)
{
    switch (type->kind) {
    case TYPE_LIST:
        return out_string("struct %s ", emit_list_name(type->element));
    case TYPE_STRUCT:
        return out_string("struct %s ", type->decl->name);
    case TYPE_ANY:
    case TYPE_ANY_STRUCT:
    case TYPE_ANY_LIST:
        return "struct capnp_any ";
    case TYPE_CAP:
    case TYPE_VOID:
    case TYPE_BOOL:
    case TYPE_INT:
    case TYPE_FLOAT:
    case TYPE_ENUM:
    case TYPE_TEXT:
    case TYPE_DATA:
        break;
    }
    return emit_value_type(type);
}

const char *emit_scalar(const struct type *type)
{
    return type->kind == TYPE_BOOL ? "bool" : out_string("u%u", type->bits);
}

const char *emit_element(const struct type *element)
{
    switch (element->kind) {
    case TYPE_VOID:
        return "CAPNP_ELEMENT_VOID";
    case TYPE_BOOL:
        return "CAPNP_ELEMENT_BIT";
    case TYPE_INT:
    case TYPE_FLOAT:
    case TYPE_ENUM:
        return element->bits == 8    ? "CAPNP_ELEMENT_BYTE"
               : element->bits == 16 ? "CAPNP_ELEMENT_TWO_BYTES"
               : element->bits == 32 ? "CAPNP_ELEMENT_FOUR_BYTES"
                                     : "CAPNP_ELEMENT_EIGHT_BYTES";
    case TYPE_STRUCT:
        return "CAPNP_ELEMENT_STRUCT";
    case TYPE_TEXT:
    case TYPE_DATA:
    case TYPE_LIST:
    case TYPE_CAP:
    case TYPE_ANY:
    case TYPE_ANY_STRUCT:
    case TYPE_ANY_LIST:
        break;
    }
    return "CAPNP_ELEMENT_POINTER";
}

/* The bits of a float, as an integer. */
static uint64_t float_bits(struct schema_value value)
{
    float f = schema_value_get_float32(value);
    double d = schema_value_get_float64(value);
    uint32_t bits32;
    uint64_t bits64;

    memcpy(&bits32, &f, sizeof bits32);
    memcpy(&bits64, &d, sizeof bits64);
    return schema_value_which(value) == SCHEMA_VALUE_FLOAT32 ? bits32 : bits64;
}

uint64_t emit_value_bits(struct schema_value value)
{
    switch (schema_value_which(value)) {
    case SCHEMA_VALUE_BOOL:
        return schema_value_get_bool(value);
    case SCHEMA_VALUE_INT8:
        return (uint8_t)schema_value_get_int8(value);
    case SCHEMA_VALUE_INT16:
        return (uint16_t)schema_value_get_int16(value);
    case SCHEMA_VALUE_INT32:
        return (uint32_t)schema_value_get_int32(value);
    case SCHEMA_VALUE_INT64:
        return (uint64_t)schema_value_get_int64(value);
    case SCHEMA_VALUE_UINT8:
        return schema_value_get_uint8(value);
    case SCHEMA_VALUE_UINT16:
        return schema_value_get_uint16(value);
    case SCHEMA_VALUE_UINT32:
        return schema_value_get_uint32(value);
    case SCHEMA_VALUE_UINT64:
        return schema_value_get_uint64(value);
    case SCHEMA_VALUE_FLOAT32:
    case SCHEMA_VALUE_FLOAT64:
        return float_bits(value);
    case SCHEMA_VALUE_ENUM:
        return schema_value_get_enum(value);
    case SCHEMA_VALUE_VOID:
    case SCHEMA_VALUE_TEXT:
    case SCHEMA_VALUE_DATA:
    case SCHEMA_VALUE_LIST:
    case SCHEMA_VALUE_STRUCT:
    case SCHEMA_VALUE_INTERFACE:
    case SCHEMA_VALUE_ANY_POINTER:
        break;
    }
    return 0;
}

uint64_t emit_default_bits(const struct field *field)
{
    struct schema_field_slot slot = schema_field_get_slot(field->field);
    uint64_t bits = emit_value_bits(schema_field_slot_get_default_value(slot));

    return field->type.bits >= 64 ? bits : bits & ((1ull << field->type.bits) - 1u);
}

struct schema_value emit_default_value(const struct field *field)
{
    return schema_field_slot_get_default_value(schema_field_get_slot(field->field));
}

struct capnp_any emit_value_pointer(struct schema_value value)
{
    switch (schema_value_which(value)) {
    case SCHEMA_VALUE_LIST:
        return schema_value_get_list(value);
    case SCHEMA_VALUE_STRUCT:
        return schema_value_get_struct(value);
    default:
        return schema_value_get_any_pointer(value);
    }
}

bool emit_has_default(const struct field *field)
{
    struct schema_value value = emit_default_value(field);

    switch (field->type.kind) {
    case TYPE_TEXT:
        return schema_value_get_text(value).len != 0;
    case TYPE_DATA:
        return schema_value_get_data(value).len != 0;
    case TYPE_LIST:
    case TYPE_STRUCT:
    case TYPE_ANY:
    case TYPE_ANY_STRUCT:
    case TYPE_ANY_LIST:
        return !capnp_any_is_null(emit_value_pointer(value));
    case TYPE_VOID:
    case TYPE_BOOL:
    case TYPE_INT:
    case TYPE_FLOAT:
    case TYPE_ENUM:
    case TYPE_CAP:
        break;
    }
    return false;
}

bool emit_has_default_words(const struct field *field)
{
    bool bytes = field->type.kind == TYPE_TEXT || field->type.kind == TYPE_DATA;

    return field->group == NULL && !bytes && emit_has_default(field);
}

uint32_t emit_offset(const struct field *field)
{
    return field->type.bits == 1 ? field->offset : field->offset * (field->type.bits / 8u);
}
