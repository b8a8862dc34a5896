// SPDX-License-Identifier: MIT
/* The manifest's grants and exports: who is born with what, and where it comes from. */
#include "manifest_check.h"

#include <abi/capset.h>

_Static_assert(MANIFEST_CAPS_MAX <= CAPSET_ENTRIES_MAX, "grants do not fit a CapSet");

static bool find_export(struct capos_export_list exports, uint32_t count, struct capnp_text name,
                        uint32_t *index)
{
    for (uint32_t i = 0; i < count; i++) {
        if (capnp_text_equal(capos_export_get_name(capos_export_list_at(exports, i)), name)) {
            *index = i;
            return true;
        }
    }
    return false;
}

bool manifest_find_export(struct capos_service service, struct capnp_text name, uint32_t *index)
{
    struct capos_export_list exports = capos_service_get_exports(service);

    return find_export(exports, capos_export_list_len(exports), name, index);
}

static bool find_grant(struct capos_cap_grant_list caps, uint32_t count, struct capnp_text name,
                       uint32_t *index)
{
    for (uint32_t i = 0; i < count; i++) {
        if (capnp_text_equal(capos_cap_grant_get_name(capos_cap_grant_list_at(caps, i)), name)) {
            *index = i;
            return true;
        }
    }
    return false;
}

static bool check_interface(struct manifest_check *check, struct manifest_place at,
                            struct capos_cap_grant grant, uint64_t source_id)
{
    uint64_t id = capos_cap_grant_get_interface_id(grant);

    if (id != source_id) {
        return manifest_refuse(
            check, manifest_field(at, "interfaceId"), capos_cap_grant_get_name(grant),
            (struct manifest_fault){.error = MANIFEST_INTERFACE, .found = id, .least = source_id});
    }
    return true;
}

static bool check_kernel_source(struct manifest_check *check, struct manifest_place at,
                                struct capos_cap_grant grant)
{
    struct capnp_text name = capos_cap_grant_get_name(grant);
    struct capos_cap_grant_source source = capos_cap_grant_get_source(grant);
    unsigned object = (unsigned)capos_cap_grant_source_get_kernel(source);
    uint64_t badge = capos_cap_grant_get_badge(grant);
    uint64_t id;

    if (!manifest_object_interface(object, &id)) {
        return manifest_refuse(check, manifest_field(at, "source.kernel"), name,
                               (struct manifest_fault){.error = MANIFEST_NO_SUCH_OBJECT,
                                                       .found = object,
                                                       .most = CAPOS_KERNEL_OBJECT_COUNT - 1});
    }
    if (badge != 0) {
        return manifest_refuse(check, manifest_field(at, "badge"), name,
                               (struct manifest_fault){.error = MANIFEST_BADGE, .found = badge});
    }
    return check_interface(check, at, grant, id);
}

static bool check_service_source(struct manifest_check *check, struct manifest_place at,
                                 struct capos_cap_grant grant)
{
    struct capos_service importer = manifest_service_at(check->manifest, at.index);
    struct capos_cap_grant_source source = capos_cap_grant_get_source(grant);
    struct capos_service_export wanted = capos_cap_grant_source_get_service(source);
    struct capnp_text service_name = capos_service_export_get_service(wanted);
    struct capnp_text export_name = capos_service_export_get_export(wanted);
    uint32_t index;

    if (!manifest_find_service(check->manifest, service_name, &index)) {
        return manifest_refuse(check, manifest_field(at, "source.service"), service_name,
                               (struct manifest_fault){.error = MANIFEST_NO_SUCH_SERVICE});
    }
    struct capos_service service = manifest_service_at(check->manifest, index);
    if (!manifest_find_export(service, export_name, &index)) {
        return manifest_refuse(check, manifest_field(at, "source.export"), export_name,
                               (struct manifest_fault){.error = MANIFEST_NO_SUCH_EXPORT});
    }
    if (capos_service_get_starter(service) != capos_service_get_starter(importer)) {
        return manifest_refuse(check, manifest_field(at, "source.service"),
                               capos_cap_grant_get_name(grant),
                               (struct manifest_fault){.error = MANIFEST_OTHER_STARTER});
    }
    struct capos_export_list exports = capos_service_get_exports(service);
    uint64_t id = capos_export_get_interface_id(capos_export_list_at(exports, index));
    return check_interface(check, at, grant, id);
}

static bool check_grant(struct manifest_check *check, struct capos_cap_grant_list caps,
                        struct manifest_place at)
{
    struct capos_cap_grant grant = capos_cap_grant_list_at(caps, at.subindex);
    struct capnp_text name = capos_cap_grant_get_name(grant);
    uint32_t other;

    if (!manifest_check_name(check, manifest_field(at, "name"), name)) {
        return false;
    }
    if (find_grant(caps, at.subindex, name, &other)) {
        return manifest_refuse_taken(check, manifest_field(at, "name"), name, other);
    }
    unsigned kind = (unsigned)capos_cap_grant_source_which(capos_cap_grant_get_source(grant));
    switch (kind) {
    case CAPOS_CAP_GRANT_SOURCE_KERNEL:
        return check_kernel_source(check, at, grant);
    case CAPOS_CAP_GRANT_SOURCE_SERVICE:
        return check_service_source(check, at, grant);
    default:
        return manifest_refuse(check, manifest_field(at, "source"), name,
                               (struct manifest_fault){.error = MANIFEST_NO_SUCH_SOURCE,
                                                       .found = kind,
                                                       .most = CAPOS_CAP_GRANT_SOURCE_SERVICE});
    }
}

static bool check_export(struct manifest_check *check, struct capos_service service,
                         struct manifest_place at)
{
    struct capos_export_list exports = capos_service_get_exports(service);
    struct capos_cap_grant_list caps = capos_service_get_caps(service);
    struct capos_export one = capos_export_list_at(exports, at.subindex);
    struct capnp_text name = capos_export_get_name(one);
    uint32_t other;

    if (!manifest_check_name(check, manifest_field(at, "name"), name)) {
        return false;
    }
    if (find_export(exports, at.subindex, name, &other)) {
        return manifest_refuse_taken(check, manifest_field(at, "name"), name, other);
    }
    if (find_grant(caps, capos_cap_grant_list_len(caps), name, &other)) {
        return manifest_refuse(
            check, manifest_field(at, "name"), name,
            (struct manifest_fault){.error = MANIFEST_EXPORT_TAKEN, .found = other});
    }
    uint64_t id = capos_export_get_interface_id(one);
    if (id == 0) {
        return manifest_refuse(check, manifest_field(at, "interfaceId"), name,
                               (struct manifest_fault){.error = MANIFEST_NO_INTERFACE});
    }
    if (id == CAPOS_ENDPOINT_ID) {
        return manifest_refuse(
            check, manifest_field(at, "interfaceId"), name,
            (struct manifest_fault){.error = MANIFEST_OWNER_INTERFACE, .found = id});
    }
    return true;
}

bool manifest_check_authority(struct manifest_check *check, struct capos_service service,
                              struct manifest_place at)
{
    struct capos_cap_grant_list caps = capos_service_get_caps(service);
    uint32_t cap_count = capos_cap_grant_list_len(caps);
    uint32_t export_count = capos_export_list_len(capos_service_get_exports(service));

    if (!manifest_check_count(check, manifest_field(at, "caps"), cap_count, MANIFEST_CAPS_MAX) ||
        !manifest_check_count(check, manifest_field(at, "exports"), export_count,
                              MANIFEST_EXPORTS_MAX)) {
        return false;
    }
    if (cap_count + export_count > CAPSET_ENTRIES_MAX) {
        return manifest_refuse(check, at, capos_service_get_name(service),
                               (struct manifest_fault){.error = MANIFEST_CAPSET_FULL,
                                                       .found = cap_count + export_count,
                                                       .most = CAPSET_ENTRIES_MAX});
    }
    at.sublist = "caps";
    for (at.subindex = 0; at.subindex < cap_count; at.subindex++) {
        if (!check_grant(check, caps, at)) {
            return false;
        }
    }
    at.sublist = "exports";
    for (at.subindex = 0; at.subindex < export_count; at.subindex++) {
        if (!check_export(check, service, at)) {
            return false;
        }
    }
    return true;
}
