// SPDX-License-Identifier: MIT
#include "cap/boot_package.h"

#include <abi/limits.h>
#include <capos.capnp.h>

#include "cap/table.h"

/* Made by boot_package_init. */
static struct {
    struct cap_object object;
    const uint8_t *manifest;
    uint64_t bytes;
} package;

static enum capnp_answer
package_manifest_size(void *self, struct capnp_call *call,
                      struct capos_boot_package_manifest_size_results_builder results)
{
    (void)self;
    (void)call;
    capos_boot_package_manifest_size_results_set_bytes(results, package.bytes);
    return CAPNP_ANSWERED;
}

static enum capnp_answer
package_read_manifest(void *self, struct capnp_call *call,
                      struct capos_boot_package_read_manifest_params params,
                      struct capos_boot_package_read_manifest_results_builder results)
{
    (void)self;
    uint64_t offset = capos_boot_package_read_manifest_params_get_offset(params);
    uint32_t len = capos_boot_package_read_manifest_params_get_max_bytes(params);

    if (len > BOOT_READ_MAX) {
        return capnp_call_refuse(call, CAPNP_EXC_INVALID_ARGUMENT,
                                 "BootPackage.readManifest reads at most 4096 bytes at a time");
    }
    if (offset >= package.bytes) {
        return CAPNP_ANSWERED;
    }
    if (len > package.bytes - offset) {
        len = (uint32_t)(package.bytes - offset);
    }
    capos_boot_package_read_manifest_results_set_data(
        results, (struct capnp_data){.ptr = package.manifest + offset, .len = len});
    return CAPNP_ANSWERED;
}

_Static_assert(BOOT_READ_MAX == 4096, "the sentence says so");

static const struct capos_boot_package_server methods = {
    .manifest_size = package_manifest_size,
    .read_manifest = package_read_manifest,
};

static enum capnp_answer package_call(struct cap_object *object, struct capnp_call *call)
{
    return capos_boot_package_dispatch_own(&methods, object, call);
}

const struct cap_type boot_package_type = {
    .name = "BootPackage",
    .kind = CAP_PLAIN,
    .interface_id = CAPOS_BOOT_PACKAGE_ID,
    .call = package_call,
};

void boot_package_init(const void *manifest, uint64_t bytes)
{
    package.manifest = manifest;
    package.bytes = bytes;
    cap_object_init(&package.object, &boot_package_type);
    kernel_table_keep(&package.object);
}
