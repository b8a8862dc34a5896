// SPDX-License-Identifier: MIT
/*
 * The manifest's validator. It goes over the message once, in its own order:
 * version and list sizes; then binaries with their images; then services, each with
 * its name, starter, binary, grants, exports, ring, limits, restart and expectation;
 * then who starts them all; then kernel parameters. The first thing that is wrong ends
 * it.
 *
 * Names are compared each with each before it in its list, which the limits keep
 * affordable: the most a hostile manifest can cost is some millions of comparisons.
 */
#include <lib/manifest.h>

#include <lib/elf.h>

#include "manifest_check.h"

/* ---------------------------------------------------------------------------
 * Names and lookups */

bool manifest_name_is_valid(struct capnp_text name)
{
    if (name.len == 0 || name.len > CAP_NAME_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
              c == '.')) {
            return false;
        }
    }
    return true;
}

bool manifest_object_interface(unsigned object, uint64_t *interface_id)
{
    static const uint64_t interfaces[CAPOS_KERNEL_OBJECT_COUNT] = {
        [CAPOS_KERNEL_OBJECT_CONSOLE] = CAPOS_CONSOLE_ID,
        [CAPOS_KERNEL_OBJECT_NULL_CAP] = CAPOS_NULL_CAP_ID,
        [CAPOS_KERNEL_OBJECT_ENDPOINT_FACTORY] = CAPOS_ENDPOINT_FACTORY_ID,
        [CAPOS_KERNEL_OBJECT_FRAME_ALLOCATOR] = CAPOS_FRAME_ALLOCATOR_ID,
        [CAPOS_KERNEL_OBJECT_VIRTUAL_MEMORY] = CAPOS_VIRTUAL_MEMORY_ID,
        [CAPOS_KERNEL_OBJECT_PROCESS_SPAWNER] = CAPOS_PROCESS_SPAWNER_ID,
        [CAPOS_KERNEL_OBJECT_BOOT_PACKAGE] = CAPOS_BOOT_PACKAGE_ID,
        [CAPOS_KERNEL_OBJECT_CAPABILITY_MANAGER] = CAPOS_CAPABILITY_MANAGER_ID,
        [CAPOS_KERNEL_OBJECT_FAULT_INJECTOR] = CAPOS_FAULT_INJECTOR_ID,
    };
    if (object >= CAPOS_KERNEL_OBJECT_COUNT) {
        return false;
    }
    *interface_id = interfaces[object];
    return true;
}

bool manifest_find_binary(struct capos_manifest manifest, struct capnp_text name,
                          struct capos_binary *out)
{
    struct capos_binary_list binaries = capos_manifest_get_binaries(manifest);

    for (uint32_t i = 0; i < capos_binary_list_len(binaries); i++) {
        struct capos_binary binary = capos_binary_list_at(binaries, i);
        if (capnp_text_equal(capos_binary_get_name(binary), name)) {
            *out = binary;
            return true;
        }
    }
    return false;
}

/* Among the first `count` services only. */
static bool find_service(struct capos_manifest manifest, uint32_t count, struct capnp_text name,
                         uint32_t *index)
{
    for (uint32_t i = 0; i < count; i++) {
        if (capnp_text_equal(capos_service_get_name(manifest_service_at(manifest, i)), name)) {
            *index = i;
            return true;
        }
    }
    return false;
}

bool manifest_find_service(struct capos_manifest manifest, struct capnp_text name, uint32_t *index)
{
    return find_service(manifest, manifest_service_count(manifest), name, index);
}

bool manifest_check_name(struct manifest_check *check, struct manifest_place at,
                         struct capnp_text name)
{
    if (name.len == 0 || name.len > CAP_NAME_MAX) {
        return manifest_refuse(check, at, name,
                               (struct manifest_fault){.error = MANIFEST_NAME_LENGTH,
                                                       .found = name.len,
                                                       .most = CAP_NAME_MAX});
    }
    if (!manifest_name_is_valid(name)) {
        return manifest_refuse(check, at, name,
                               (struct manifest_fault){.error = MANIFEST_NAME_FORM});
    }
    return true;
}

bool manifest_refuse_taken(struct manifest_check *check, struct manifest_place at,
                           struct capnp_text name, uint32_t other)
{
    return manifest_refuse(check, at, name,
                           (struct manifest_fault){.error = MANIFEST_NAME_TAKEN, .found = other});
}

bool manifest_check_count(struct manifest_check *check, struct manifest_place at, uint32_t count,
                          uint32_t most)
{
    if (count > most) {
        return manifest_refuse(
            check, at, CAPNP_TEXT(""),
            (struct manifest_fault){.error = MANIFEST_TOO_MANY, .found = count, .most = most});
    }
    return true;
}

/* ---------------------------------------------------------------------------
 * Binaries */

static bool check_binary(struct manifest_check *check, struct capos_binary_list binaries,
                         uint32_t index)
{
    struct capos_binary binary = capos_binary_list_at(binaries, index);
    struct capnp_text name = capos_binary_get_name(binary);
    struct capnp_data image = capos_binary_get_image(binary);
    struct manifest_place at = {.list = "binaries", .index = index};

    if (!manifest_check_name(check, manifest_field(at, "name"), name)) {
        return false;
    }
    for (uint32_t i = 0; i < index; i++) {
        if (capnp_text_equal(capos_binary_get_name(capos_binary_list_at(binaries, i)), name)) {
            return manifest_refuse_taken(check, manifest_field(at, "name"), name, i);
        }
    }

    struct elf_image program;
    enum elf_error error = elf_parse(image.ptr, image.len, &program);
    if (error != ELF_OK) {
        return manifest_refuse(
            check, manifest_field(at, "image"), name,
            (struct manifest_fault){.error = MANIFEST_IMAGE, .detail = elf_error_text(error)});
    }
    return true;
}

static bool check_binaries(struct manifest_check *check)
{
    struct capos_binary_list binaries = capos_manifest_get_binaries(check->manifest);
    uint32_t count = capos_binary_list_len(binaries);

    if (!manifest_check_count(check, (struct manifest_place){.field = "binaries"}, count,
                              MANIFEST_BINARIES_MAX)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!check_binary(check, binaries, i)) {
            return false;
        }
    }
    return true;
}

/* ---------------------------------------------------------------------------
 * Services and the whole */

static bool check_service(struct manifest_check *check, uint32_t index)
{
    struct capos_service service = manifest_service_at(check->manifest, index);
    struct capnp_text name = capos_service_get_name(service);
    struct capnp_text binary_name = capos_service_get_binary(service);
    struct manifest_place at = {.list = "services", .index = index};
    uint32_t other;

    if (!manifest_check_name(check, manifest_field(at, "name"), name)) {
        return false;
    }
    if (find_service(check->manifest, index, name, &other)) {
        return manifest_refuse_taken(check, manifest_field(at, "name"), name, other);
    }
    unsigned starter = (unsigned)capos_service_get_starter(service);
    if (starter >= CAPOS_SERVICE_STARTER_COUNT) {
        return manifest_refuse(check, manifest_field(at, "starter"), name,
                               (struct manifest_fault){.error = MANIFEST_NO_SUCH_STARTER,
                                                       .found = starter,
                                                       .most = CAPOS_SERVICE_STARTER_COUNT - 1});
    }
    struct capos_binary binary;
    if (!manifest_find_binary(check->manifest, binary_name, &binary)) {
        return manifest_refuse(check, manifest_field(at, "binary"), binary_name,
                               (struct manifest_fault){.error = MANIFEST_NO_SUCH_BINARY});
    }
    return manifest_check_authority(check, service, at) &&
           manifest_check_needs(check, service, binary, at);
}

static bool is_granted(struct capos_service service, uint64_t interface_id)
{
    struct capos_cap_grant_list caps = capos_service_get_caps(service);

    for (uint32_t i = 0; i < capos_cap_grant_list_len(caps); i++) {
        struct capos_cap_grant grant = capos_cap_grant_list_at(caps, i);
        if (capos_cap_grant_source_which(capos_cap_grant_get_source(grant)) ==
                CAPOS_CAP_GRANT_SOURCE_KERNEL &&
            capos_cap_grant_get_interface_id(grant) == interface_id) {
            return true;
        }
    }
    return false;
}

/* Whether somebody can start each service, and the run can end. */
static bool check_starters(struct manifest_check *check)
{
    struct manifest_place at = {.field = "services"};
    uint32_t kernel = 0;
    uint32_t daemons = 0;
    bool init = false;

    for (uint32_t i = 0; i < manifest_service_count(check->manifest); i++) {
        struct capos_service service = manifest_service_at(check->manifest, i);
        if (manifest_kernel_starts(service)) {
            kernel++;
            daemons += capos_service_get_daemon(service) ? 1 : 0;
            init = init || (is_granted(service, CAPOS_BOOT_PACKAGE_ID) &&
                            is_granted(service, CAPOS_PROCESS_SPAWNER_ID));
        }
    }
    if (kernel == 0) {
        return manifest_refuse(check, at, CAPNP_TEXT(""),
                               (struct manifest_fault){.error = MANIFEST_NO_SERVICE});
    }
    if (daemons == kernel) {
        return manifest_refuse(check, at, CAPNP_TEXT(""),
                               (struct manifest_fault){.error = MANIFEST_ONLY_DAEMONS});
    }
    for (uint32_t i = 0; i < manifest_service_count(check->manifest) && !init; i++) {
        struct capos_service service = manifest_service_at(check->manifest, i);
        if (!manifest_kernel_starts(service)) {
            at = (struct manifest_place){.list = "services", .index = i, .field = "starter"};
            return manifest_refuse(check, at, capos_service_get_name(service),
                                   (struct manifest_fault){.error = MANIFEST_NO_INIT});
        }
    }
    return true;
}

static bool check_services(struct manifest_check *check)
{
    uint32_t count = manifest_service_count(check->manifest);

    if (!manifest_check_count(check, (struct manifest_place){.field = "services"}, count,
                              MANIFEST_SERVICES_MAX)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!check_service(check, i)) {
            return false;
        }
    }
    return check_starters(check);
}

static bool check_kernel_params(struct manifest_check *check)
{
    struct capos_kernel_params params = capos_manifest_get_kernel_params(check->manifest);
    uint32_t hz = capos_kernel_params_get_tick_hz(params);
    unsigned leak = (unsigned)capos_kernel_params_get_plant_leak(params);

    if (hz < MANIFEST_TICK_HZ_MIN || hz > MANIFEST_TICK_HZ_MAX) {
        return manifest_refuse(check, (struct manifest_place){.field = "kernelParams.tickHz"},
                               CAPNP_TEXT(""),
                               (struct manifest_fault){.error = MANIFEST_TICK_HZ,
                                                       .found = hz,
                                                       .least = MANIFEST_TICK_HZ_MIN,
                                                       .most = MANIFEST_TICK_HZ_MAX});
    }
    if (leak >= CAPOS_KERNEL_PARAMS_LEAK_COUNT) {
        return manifest_refuse(
            check, (struct manifest_place){.field = "kernelParams.plantLeak"}, CAPNP_TEXT(""),
            (struct manifest_fault){
                .error = MANIFEST_LEAK, .found = leak, .most = CAPOS_KERNEL_PARAMS_LEAK_COUNT - 1});
    }
    return true;
}

static bool check_version(struct manifest_check *check)
{
    uint32_t version = capos_manifest_get_schema_version(check->manifest);

    if (version != CAPOS_MANIFEST_VERSION) {
        return manifest_refuse(
            check, (struct manifest_place){.field = "schemaVersion"}, CAPNP_TEXT(""),
            (struct manifest_fault){
                .error = MANIFEST_VERSION, .found = version, .most = CAPOS_MANIFEST_VERSION});
    }
    return true;
}

bool manifest_open(const void *bytes, size_t len, struct capnp_message *message,
                   struct capos_manifest *out, struct manifest_fault *fault)
{
    struct manifest_check check = {.start = bytes, .fault = fault};
    struct manifest_place nowhere = {.field = NULL};

    if (len == 0 || len > MANIFEST_BYTES_MAX || len % 8 != 0) {
        return manifest_refuse(&check, nowhere, CAPNP_TEXT(""),
                               (struct manifest_fault){.error = MANIFEST_LENGTH,
                                                       .found = len,
                                                       .most = MANIFEST_BYTES_MAX});
    }
    capnp_message_open_flat(message, bytes, len);
    check.manifest = capos_manifest_read_root(message);
    if (!capos_manifest_check(check.manifest)) {
        return manifest_refuse(
            &check, nowhere, CAPNP_TEXT(""),
            (struct manifest_fault){.error = MANIFEST_MESSAGE,
                                    .detail = capnp_error_text(capnp_message_error(message))});
    }
    if (!check_version(&check) || !check_binaries(&check) || !check_services(&check) ||
        !check_kernel_params(&check)) {
        return false;
    }
    *out = check.manifest;
    return true;
}
