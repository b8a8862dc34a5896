// SPDX-License-Identifier: MIT
#include "cue.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"

#define FIELDS(...) JSON_NAMES("fields", ((const char *const[]){__VA_ARGS__}))

/* More interfaces and enumerators than the schema will soon have. */
#define NAMES_MAX 64u

/* ---------------------------------------------------------------------------
 * Pieces */

/* A field that may be left out. */
static bool read_optional_u32(struct report *report, const struct place *at, json_t *object,
                              const char *field, struct cue_u32 *out)
{
    out->given = json_has(object, field);
    return !out->given || json_read_u32(report, at, object, field, &out->value);
}

/* The names of an enum's values in order, as the schema spells them. */
static struct json_names enum_names(const char *what, const char *(*name_of)(uint16_t),
                                    uint16_t count, const char *names[NAMES_MAX])
{
    for (uint16_t i = 0; i < count; i++) {
        names[i] = name_of(i);
    }
    return (struct json_names){.what = what, .names = names, .count = count};
}

static bool read_interface(struct report *report, const struct place *at, json_t *object,
                           uint64_t *out)
{
    const char *names[NAMES_MAX];
    size_t count = capos_interfaces_count < NAMES_MAX ? capos_interfaces_count : NAMES_MAX;
    const char *text;

    if (!json_read_text(report, at, object, "interface", &text)) {
        return false;
    }
    if (strncmp(text, "0x", 2) == 0) {
        return json_read_hex(report, at, object, "interface", out);
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = capos_interfaces[i].name;
    }
    size_t index;
    if (!json_read_name(report, at, object, "interface",
                        (struct json_names){"interfaces known by name", names, count}, &index)) {
        return false;
    }
    *out = capos_interfaces[index].id;
    return true;
}

static bool read_binary(struct report *report, const struct place *at, json_t *value,
                        struct cue_binary *out)
{
    return json_check_fields(report, at, value, FIELDS("name", "path")) &&
           json_read_text(report, at, value, "name", &out->name) &&
           json_read_text(report, at, value, "path", &out->path);
}

static bool read_source(struct report *report, const struct place *parent, json_t *grant,
                        struct cue_grant *out)
{
    struct place at = place_field(parent, "source");
    json_t *source = json_object_get(grant, "source");
    const char *names[NAMES_MAX];

    if (source == NULL) {
        return report_invalid(report, parent, "the field \"source\" is missing");
    }
    if (!json_check_fields(report, &at, source, FIELDS("kernel", "service", "export"))) {
        return false;
    }
    bool from_kernel = json_has(source, "kernel");
    if (json_object_size(source) == 0 || (from_kernel && json_object_size(source) != 1)) {
        return report_invalid(report, &at,
                              "a source is either \"kernel\", or \"service\" and \"export\"");
    }
    out->from_service = !from_kernel;
    if (out->from_service) {
        return json_read_text(report, &at, source, "service", &out->service) &&
               json_read_text(report, &at, source, "export", &out->export_name);
    }
    struct json_names objects =
        enum_names("kernel objects", capos_kernel_object_name, CAPOS_KERNEL_OBJECT_COUNT, names);
    size_t object;
    if (!json_read_name(report, &at, source, "kernel", objects, &object)) {
        return false;
    }
    out->object = (enum capos_kernel_object)object;
    return true;
}

static bool read_grant(struct report *report, const struct place *at, json_t *value,
                       struct cue_grant *out)
{
    return json_check_fields(report, at, value, FIELDS("name", "interface", "source", "badge")) &&
           json_read_text(report, at, value, "name", &out->name) &&
           read_interface(report, at, value, &out->interface_id) &&
           read_source(report, at, value, out) &&
           (!json_has(value, "badge") || json_read_u64(report, at, value, "badge", &out->badge));
}

static bool read_export(struct report *report, const struct place *at, json_t *value,
                        struct cue_export *out)
{
    return json_check_fields(report, at, value, FIELDS("name", "interface")) &&
           json_read_text(report, at, value, "name", &out->name) &&
           read_interface(report, at, value, &out->interface_id);
}

static bool read_restart(struct report *report, const struct place *parent, json_t *service,
                         struct cue_restart *out)
{
    struct place at = place_field(parent, "restart");
    json_t *value = json_object_get(service, "restart");
    const char *names[NAMES_MAX];
    size_t policy;

    out->given = value != NULL;
    if (!out->given) {
        return true;
    }
    if (!json_check_fields(report, &at, value, FIELDS("policy", "count")) ||
        !json_read_name(report, &at, value, "policy",
                        enum_names("restart policies", capos_restart_policy_name,
                                   CAPOS_RESTART_POLICY_COUNT, names),
                        &policy)) {
        return false;
    }
    out->policy = (enum capos_restart_policy)policy;
    return read_optional_u32(report, &at, value, "count", &out->count);
}

static bool read_ring(struct report *report, const struct place *parent, json_t *service,
                      struct cue_service *out)
{
    struct place at = place_field(parent, "ring");
    json_t *value = json_object_get(service, "ring");

    out->ring_given = value != NULL;
    return !out->ring_given ||
           (json_check_fields(report, &at, value, FIELDS("sqEntries", "cqEntries", "areaBytes")) &&
            read_optional_u32(report, &at, value, "sqEntries", &out->sq_entries) &&
            read_optional_u32(report, &at, value, "cqEntries", &out->cq_entries) &&
            read_optional_u32(report, &at, value, "areaBytes", &out->area_bytes));
}

static bool read_limits(struct report *report, const struct place *parent, json_t *service,
                        struct cue_service *out)
{
    struct place at = place_field(parent, "limits");
    json_t *value = json_object_get(service, "limits");

    out->limits_given = value != NULL;
    return !out->limits_given ||
           (json_check_fields(report, &at, value,
                              FIELDS("frames", "capSlots", "processes", "calls")) &&
            read_optional_u32(report, &at, value, "frames", &out->frames) &&
            read_optional_u32(report, &at, value, "capSlots", &out->cap_slots) &&
            read_optional_u32(report, &at, value, "processes", &out->processes) &&
            read_optional_u32(report, &at, value, "calls", &out->calls));
}

static bool read_fault(struct report *report, const struct place *parent, json_t *expect,
                       uint8_t *vector)
{
    struct place at = place_field(parent, "faulted");
    json_t *value = json_object_get(expect, "faulted");

    return json_check_fields(report, &at, value, FIELDS("vector")) &&
           json_read_u8(report, &at, value, "vector", vector);
}

static bool read_expect(struct report *report, const struct place *parent, json_t *service,
                        struct cue_expect *out)
{
    /* In the order of the ends in enum cue_end. */
    static const char *const ends[] = {"exited", "faulted", "killed", "failedToStart"};
    struct place at = place_field(parent, "expect");
    json_t *value = json_object_get(service, "expect");
    size_t index;

    if (value == NULL) {
        return true;
    }
    if (!json_check_choice(report, &at, value, JSON_NAMES("ends", ends), &index)) {
        return false;
    }
    out->end = (enum cue_end)(CUE_END_EXITED + index);
    switch (out->end) {
    case CUE_END_EXITED:
        return json_read_i64(report, &at, value, "exited", &out->code);
    case CUE_END_FAULTED:
        return read_fault(report, &at, value, &out->vector);
    case CUE_END_KILLED:
    case CUE_END_FAILED_TO_START:
        return json_read_text(report, &at, value, ends[index], &out->reason);
    case CUE_END_NOT_GIVEN:
        break;
    }
    return true;
}

static bool read_starter(struct report *report, const struct place *at, json_t *service,
                         enum capos_service_starter *out)
{
    const char *names[NAMES_MAX];
    size_t starter = CAPOS_SERVICE_STARTER_KERNEL;

    if (json_has(service, "starter") &&
        !json_read_name(
            report, at, service, "starter",
            enum_names("starters", capos_service_starter_name, CAPOS_SERVICE_STARTER_COUNT, names),
            &starter)) {
        return false;
    }
    *out = (enum capos_service_starter)starter;
    return true;
}

/* ---------------------------------------------------------------------------
 * Lists and the whole */

/* An owned list of zeroed elements for a JSON list; NULL, with the report written, on failure. */
static void *list_alloc(struct report *report, json_t *list, size_t element_bytes, size_t *count)
{
    *count = json_array_size(list);
    void *elements = calloc(*count == 0 ? 1 : *count, element_bytes);

    if (elements == NULL) {
        *count = 0;
        report_io(report, NULL, "no memory for a list");
    }
    return elements;
}

static bool read_grants(struct report *report, const struct place *parent, json_t *service,
                        struct cue_service *out)
{
    struct place at = place_field(parent, "caps");
    json_t *list;

    if (!json_read_array(report, parent, service, "caps", &list)) {
        return false;
    }
    out->grants = list_alloc(report, list, sizeof *out->grants, &out->grant_count);
    for (size_t i = 0; i < out->grant_count; i++) {
        struct place here = place_element(&at, i);
        if (!read_grant(report, &here, json_array_get(list, i), &out->grants[i])) {
            return false;
        }
    }
    return out->grants != NULL;
}

static bool read_exports(struct report *report, const struct place *parent, json_t *service,
                         struct cue_service *out)
{
    struct place at = place_field(parent, "exports");
    json_t *list;

    if (!json_has(service, "exports")) {
        return true;
    }
    if (!json_read_array(report, parent, service, "exports", &list)) {
        return false;
    }
    out->exports = list_alloc(report, list, sizeof *out->exports, &out->export_count);
    for (size_t i = 0; i < out->export_count; i++) {
        struct place here = place_element(&at, i);
        if (!read_export(report, &here, json_array_get(list, i), &out->exports[i])) {
            return false;
        }
    }
    return out->exports != NULL;
}

static bool read_service(struct report *report, const struct place *at, json_t *value,
                         struct cue_service *out)
{
    return json_check_fields(report, at, value,
                             FIELDS("name", "binary", "caps", "exports", "restart", "ring",
                                    "limits", "expect", "starter", "daemon")) &&
           json_read_text(report, at, value, "name", &out->name) &&
           json_read_text(report, at, value, "binary", &out->binary) &&
           read_grants(report, at, value, out) && read_exports(report, at, value, out) &&
           read_restart(report, at, value, &out->restart) && read_ring(report, at, value, out) &&
           read_limits(report, at, value, out) && read_expect(report, at, value, &out->expect) &&
           read_starter(report, at, value, &out->starter) &&
           (!json_has(value, "daemon") ||
            json_read_bool(report, at, value, "daemon", &out->daemon));
}

static bool read_binaries(struct report *report, json_t *document, struct cue_manifest *out)
{
    struct place at = place_field(NULL, "binaries");
    json_t *list;

    if (!json_read_array(report, NULL, document, "binaries", &list)) {
        return false;
    }
    out->binaries = list_alloc(report, list, sizeof *out->binaries, &out->binary_count);
    for (size_t i = 0; i < out->binary_count; i++) {
        struct place here = place_element(&at, i);
        if (!read_binary(report, &here, json_array_get(list, i), &out->binaries[i])) {
            return false;
        }
    }
    return out->binaries != NULL;
}

static bool read_services(struct report *report, json_t *document, struct cue_manifest *out)
{
    struct place at = place_field(NULL, "services");
    json_t *list;

    if (!json_read_array(report, NULL, document, "services", &list)) {
        return false;
    }
    out->services = list_alloc(report, list, sizeof *out->services, &out->service_count);
    for (size_t i = 0; i < out->service_count; i++) {
        struct place here = place_element(&at, i);
        if (!read_service(report, &here, json_array_get(list, i), &out->services[i])) {
            return false;
        }
    }
    return out->services != NULL;
}

static bool read_kernel_params(struct report *report, json_t *document,
                               struct cue_kernel_params *out)
{
    struct place at = place_field(NULL, "kernelParams");
    json_t *value = json_object_get(document, "kernelParams");
    const char *names[NAMES_MAX];
    size_t leak = 0;

    out->given = value != NULL;
    if (!out->given) {
        return true;
    }
    if (!json_check_fields(report, &at, value, FIELDS("tickHz", "plantLeak", "deadline")) ||
        !read_optional_u32(report, &at, value, "tickHz", &out->tick_hz) ||
        !read_optional_u32(report, &at, value, "deadline", &out->deadline)) {
        return false;
    }
    if (json_has(value, "plantLeak") &&
        !json_read_name(report, &at, value, "plantLeak",
                        enum_names("leaks", capos_kernel_params_leak_name,
                                   CAPOS_KERNEL_PARAMS_LEAK_COUNT, names),
                        &leak)) {
        return false;
    }
    out->plant_leak = (enum capos_kernel_params_leak)leak;
    return true;
}

bool cue_read(struct report *report, json_t *document, struct cue_manifest *out)
{
    *out = (struct cue_manifest){.binaries = NULL};
    return json_check_fields(report, NULL, document,
                             FIELDS("schemaVersion", "binaries", "services", "kernelParams")) &&
           json_read_u32(report, NULL, document, "schemaVersion", &out->schema_version) &&
           read_binaries(report, document, out) && read_services(report, document, out) &&
           read_kernel_params(report, document, &out->params);
}

void cue_fini(struct cue_manifest *manifest)
{
    for (size_t i = 0; i < manifest->service_count; i++) {
        free(manifest->services[i].grants);
        free(manifest->services[i].exports);
    }
    free(manifest->services);
    free(manifest->binaries);
}
