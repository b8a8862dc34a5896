// SPDX-License-Identifier: MIT
/*
 * Bytes as a boot manifest. What manifest_open accepts is read as the kernel reads
 * it, each service to its last grant; what it refuses has a sentence (T-20).
 */
#include <capos.capnp.h>
#include <lib/elf.h>
#include <lib/manifest.h>
#include <lib/ring.h>
#include <stdlib.h>
#include <string.h>

/* The name is the fuzzer's. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void read_grant(struct capos_manifest manifest, struct capos_service service,
                       struct capos_cap_grant grant)
{
    struct capos_cap_grant_source source = capos_cap_grant_get_source(grant);
    uint64_t id = capos_cap_grant_get_interface_id(grant);
    uint64_t source_id;
    uint32_t index;

    require(manifest_name_is_valid(capos_cap_grant_get_name(grant)));
    if (capos_cap_grant_source_which(source) == CAPOS_CAP_GRANT_SOURCE_KERNEL) {
        unsigned object = (unsigned)capos_cap_grant_source_get_kernel(source);
        require(manifest_object_interface(object, &source_id) && source_id == id);
        require(capos_cap_grant_get_badge(grant) == 0);
        return;
    }
    struct capos_service_export wanted = capos_cap_grant_source_get_service(source);
    require(manifest_find_service(manifest, capos_service_export_get_service(wanted), &index));
    struct capos_service server = manifest_service_at(manifest, index);
    require(manifest_find_export(server, capos_service_export_get_export(wanted), &index));
    struct capos_export_list exports = capos_service_get_exports(server);
    require(capos_export_get_interface_id(capos_export_list_at(exports, index)) == id);
    require(id != 0 && id != CAPOS_ENDPOINT_ID);
    require(manifest_kernel_starts(server) == manifest_kernel_starts(service));
}

static void read_service(struct capos_manifest manifest, struct capos_service service)
{
    struct capos_cap_grant_list caps = capos_service_get_caps(service);
    struct capos_ring_sizes ring = capos_service_get_ring(service);
    struct capos_binary binary;
    struct ring_layout layout;
    struct elf_image program;

    require(manifest_name_is_valid(capos_service_get_name(service)));
    require(manifest_find_binary(manifest, capos_service_get_binary(service), &binary));
    struct capnp_data image = capos_binary_get_image(binary);
    require(elf_parse(image.ptr, image.len, &program) == ELF_OK);
    require(capos_limits_get_frames(capos_service_get_limits(service)) > program.pages);
    require(ring_region_layout(capos_ring_sizes_get_sq_entries(ring),
                               capos_ring_sizes_get_cq_entries(ring),
                               capos_ring_sizes_get_area_bytes(ring), &layout) == ST_OK);
    require(capos_cap_grant_list_len(caps) +
                capos_export_list_len(capos_service_get_exports(service)) <=
            MANIFEST_CAPS_MAX);
    for (uint32_t i = 0; i < capos_cap_grant_list_len(caps); i++) {
        read_grant(manifest, service, capos_cap_grant_list_at(caps, i));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct capnp_message message;
    struct capos_manifest manifest;
    struct manifest_fault fault;
    char text[MANIFEST_FAULT_TEXT_ROOM];

    if (!manifest_open(data, size, &message, &manifest, &fault)) {
        size_t len = manifest_fault_text(&fault, text, sizeof text);
        require(len > 0 && len == strlen(text) && strchr(text, '\n') == NULL);
        return 0;
    }
    require(manifest_service_count(manifest) > 0);
    for (uint32_t i = 0; i < manifest_service_count(manifest); i++) {
        read_service(manifest, manifest_service_at(manifest, i));
    }
    require(capnp_message_error(&message) == CAPNP_ERROR_NONE);
    return 0;
}
