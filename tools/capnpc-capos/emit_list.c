// SPDX-License-Identifier: MIT
/*
 * Lists of lists: the functions that take an element for the list that it is.
 */
#include "emit.h"

const char *emit_nested_name(const struct decl *owner, const char *verb, unsigned level,
                             const char *field)
{
    return level == 1 ? out_string("%s_%s_%s", owner->name, verb, field)
                      : out_string("%s_%s%u_%s", owner->name, verb, level, field);
}

void emit_nested_at(const struct field *field, struct out *out)
{
    unsigned level = 1;
    const char *args[] = {"struct capnp_any_list list", "uint32_t i"};

    if (field->group != NULL) {
        return;
    }
    for (const struct type *type = &field->type;
         type->kind == TYPE_LIST && type->element->kind == TYPE_LIST; type = type->element) {
        const struct type *inner = type->element->element;
        const char *name = emit_nested_name(field->owner, "at", level, field->name);
        out_function(out, out_string("static inline struct %s ", emit_list_name(inner)), name, args,
                     2, 0);
        out_print(out, "\n{\n");
        out_line(out, "    return (struct %s){capnp_any_list(capnp_any_list_at(list, i), %s)};",
                 emit_list_name(inner), emit_element(inner));
        out_print(out, "}\n\n");
        level++;
    }
}

void emit_nested_init(const struct field *field, struct out *out)
{
    unsigned level = 1;
    const char *args[] = {"struct capnp_list_builder list", "uint32_t i", "uint32_t len"};

    if (field->group != NULL) {
        return;
    }
    for (const struct type *type = &field->type;
         type->kind == TYPE_LIST && type->element->kind == TYPE_LIST; type = type->element) {
        const struct type *inner = type->element->element;
        const char *name = emit_nested_name(field->owner, "nest", level, field->name);
        out_function(out, out_string("static inline struct %s ", emit_list_builder_name(inner)),
                     name, args, 3, 0);
        out_print(out, "\n{\n");
        out_line(out, "    return %s;",
                 emit_list_builder(inner, "capnp_list_builder_any(list, i)"));
        out_print(out, "}\n\n");
        level++;
    }
}
