// SPDX-License-Identifier: MIT
#include "cap/cap.h"

#include "cap/boot_package.h"
#include "cap/capability_manager.h"
#include "cap/console.h"
#include "cap/endpoint.h"
#include "cap/endpoint_factory.h"
#include "cap/fault_injector.h"
#include "cap/frame_alloc.h"
#include "cap/memory_object.h"
#include "cap/null.h"
#include "cap/process_handle.h"
#include "cap/process_spawner.h"
#include "cap/table.h"
#include "cap/virtual_memory.h"
#include "panic.h"

/* Every kind of kernel object. To add one: docs/adding.md. */
// clang-format off
static const struct cap_type *const types[] = {
    &boot_package_type,
    &capability_manager_type,
    &console_type,
    &endpoint_type,
    &endpoint_client_type,
    &endpoint_factory_type,
    &fault_injector_type,
    &frame_allocator_type,
    &memory_object_type,
    &memory_reader_type,
    &null_cap_type,
    &process_handle_type,
    &process_spawner_type,
    &virtual_memory_type,
};
// clang-format on

static struct list_node objects;

static bool type_is_listed(const struct cap_type *type)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i] == type) {
            return true;
        }
    }
    return false;
}

void cap_object_init(struct cap_object *object, const struct cap_type *type)
{
    ASSERT(type_is_listed(type), "object of type %s, which cap.c does not list", type->name);
    object->type = type;
    object->kind = type->kind;
    object->holds = 1;
    list_init(&object->node);
    list_push_back(&objects, &object->node);
}

void cap_end(struct cap_object *object)
{
    ASSERT(object->type->destroy != NULL, "%s dropped, though the kernel holds it for good",
           object->type->name);
    list_remove(&object->node);
    object->type->destroy(object);
}

void cap_init(void)
{
    list_init(&objects);
    kernel_table_init();
    console_init();
    endpoint_factory_init();
    memory_object_init();
    frame_allocator_init();
    fault_injector_init();

    struct cap_object *null_cap;
    enum status status = null_cap_create(&null_cap);
    ASSERT(status == ST_OK, "NullCap: %s", status_text(status));
    kernel_table_keep(null_cap);
}

uint64_t cap_object_count(void)
{
    uint64_t count = 0;

    for (struct list_node *n = list_first(&objects); n != NULL; n = list_next(&objects, n)) {
        count++;
    }
    return count;
}

void cap_object_each_hold(void (*visit)(struct cap_object *held))
{
    for (struct list_node *n = list_first(&objects); n != NULL; n = list_next(&objects, n)) {
        LIST_OWNER(n, struct cap_object, node)->counted = 0;
    }
    for (struct list_node *n = list_first(&objects); n != NULL; n = list_next(&objects, n)) {
        struct cap_object *object = LIST_OWNER(n, struct cap_object, node);

        if (object->type->each_hold != NULL) {
            object->type->each_hold(object, visit);
        }
    }
}

void cap_object_each(void (*visit)(const struct cap_object *object, void *context), void *context)
{
    for (struct list_node *n = list_first(&objects); n != NULL; n = list_next(&objects, n)) {
        visit(LIST_OWNER(n, struct cap_object, node), context);
    }
}
