// SPDX-License-Identifier: MIT
/*
 * Copying without a schema: structs and lists as they come, each to its own size.
 * The functions call each other; the original's depth limit bounds how deep, and
 * its budget how much.
 */
#include <capnp/build.h>

/* Copies the pointers of one struct into the slots from `slots` on. */
static bool copy_pointers(struct capnp_arena *arena, uint8_t *slots, struct capnp_struct from)
{
    for (uint16_t i = 0; i < from.pointer_count; i++) {
        struct capnp_any_builder slot = {.arena = arena, .slot = slots + i * 8u};
        if (!capnp_any_copy(slot, capnp_get_any(from, i))) {
            return false;
        }
    }
    return true;
}

static bool copy_struct(struct capnp_any_builder to, struct capnp_any from)
{
    struct capnp_struct s = capnp_any_struct(from);

    if (s.message->error != CAPNP_ERROR_NONE) {
        return false;
    }
    uint16_t data_words = (uint16_t)(s.data_bytes / 8u);
    struct capnp_struct_builder b = capnp_any_init_struct(to, data_words, s.pointer_count);
    if (b.data == NULL) {
        return false;
    }
    if (s.data_bytes != 0) {
        __builtin_memcpy(b.data, s.data, s.data_bytes);
    }
    return copy_pointers(to.arena, b.data + s.data_bytes, s);
}

static bool copy_list(struct capnp_any_builder to, struct capnp_any from)
{
    enum capnp_element found = capnp_any_list_element(from);
    struct capnp_list l = capnp_any_list(from, CAPNP_ELEMENT_VOID);
    struct capnp_list_builder b;

    if (l.message->error != CAPNP_ERROR_NONE) {
        return false;
    }
    if (found == CAPNP_ELEMENT_STRUCT) {
        uint16_t data_words = (uint16_t)(l.data_bytes / 8u);
        b = capnp_any_init_struct_list(to, data_words, l.pointer_count, l.len);
    } else {
        b = capnp_any_init_list(to, found, l.len);
    }
    if (b.data == NULL) {
        return false;
    }
    if (found == CAPNP_ELEMENT_BIT) {
        for (uint32_t i = 0; i < l.len; i++) {
            capnp_list_builder_set_bool(b, i, capnp_load_bit(l.data, i));
        }
        return true;
    }
    for (uint32_t i = 0; i < l.len && l.step != 0; i++) {
        struct capnp_struct element = capnp_list_struct(l, i);
        uint8_t *copy = b.data + (uint64_t)i * b.step;
        __builtin_memcpy(copy, element.data, element.data_bytes);
        if (!copy_pointers(to.arena, copy + element.data_bytes, element)) {
            return false;
        }
    }
    return true;
}

/* The index as it is: the copy goes with the same table. */
static bool copy_capability(struct capnp_any_builder to, struct capnp_any from)
{
    struct capnp_capability c = capnp_any_capability(from);

    if (c.there) {
        capnp_any_set_capability(to, c.index);
    }
    return c.there;
}

bool capnp_any_copy(struct capnp_any_builder to, struct capnp_any from)
{
    if (to.slot == NULL) {
        return false;
    }
    switch (capnp_any_kind(from)) {
    case CAPNP_KIND_NULL:
        capnp_any_set_null(to);
        return true;
    case CAPNP_KIND_STRUCT:
        return copy_struct(to, from);
    case CAPNP_KIND_LIST:
        return copy_list(to, from);
    case CAPNP_KIND_CAPABILITY:
        return copy_capability(to, from);
    case CAPNP_KIND_BROKEN:
        break;
    }
    capnp_message_fail(from.message, CAPNP_ERROR_KIND);
    return false;
}
