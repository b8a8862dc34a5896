// SPDX-License-Identifier: MIT
#include "encode.h"

#include <abi/layout.h>
#include <capnp/build.h>
#include <capos.capnp.h>
#include <lib/bits.h>
#include <lib/manifest.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Room that is always enough, in words: more than each struct, with the structs that
 * hang on it alone, its list's tag and its pointer. Texts and images come on top.
 */
#define MANIFEST_WORDS 32u
#define BINARY_WORDS   (8u + USER_PAGE_BYTES / 8u)
#define SERVICE_WORDS  40u
#define GRANT_WORDS    16u
#define EXPORT_WORDS   8u

/* ---------------------------------------------------------------------------
 * How much room */

/* With the NUL byte, in whole words. */
static size_t text_words(const char *text)
{
    return text == NULL ? 0 : strlen(text) / 8 + 1;
}

static size_t service_words(const struct cue_service *service)
{
    size_t words = SERVICE_WORDS + text_words(service->name) + text_words(service->binary) +
                   text_words(service->expect.reason);

    for (size_t i = 0; i < service->grant_count; i++) {
        const struct cue_grant *grant = &service->grants[i];
        words += GRANT_WORDS + text_words(grant->name) + text_words(grant->service) +
                 text_words(grant->export_name);
    }
    for (size_t i = 0; i < service->export_count; i++) {
        words += EXPORT_WORDS + text_words(service->exports[i].name);
    }
    return words;
}

static size_t manifest_words(const struct cue_manifest *manifest, const struct embed *embed)
{
    size_t words = MANIFEST_WORDS;

    for (size_t i = 0; i < manifest->binary_count; i++) {
        words +=
            BINARY_WORDS + text_words(manifest->binaries[i].name) + (embed->images[i].len + 7) / 8;
    }
    for (size_t i = 0; i < manifest->service_count; i++) {
        words += service_words(&manifest->services[i]);
    }
    return words;
}

/* ---------------------------------------------------------------------------
 * Pieces */

/* Leaves out, as zeros, what is left of a page of the message. */
static void fill_page(struct capnp_arena *arena)
{
    size_t bytes =
        bits_round_up(capnp_arena_bytes(arena), USER_PAGE_BYTES) - capnp_arena_bytes(arena);
    uint8_t *at = capnp_arena_take(arena, bytes / 8);

    if (at != NULL) {
        memset(at, 0, bytes);
    }
}

/* The image begins a page, so that the kernel can map pages of it. */
static void encode_binary(struct capos_binary_builder b, const struct cue_binary *binary,
                          const struct embed_image *image, struct capnp_arena *arena)
{
    capos_binary_set_name(b, capnp_text_from(binary->name));
    fill_page(arena);
    capos_binary_set_image(b,
                           (struct capnp_data){.ptr = image->bytes, .len = (uint32_t)image->len});
}

static void encode_grant(struct capos_cap_grant_builder b, const struct cue_grant *grant)
{
    struct capos_cap_grant_source_builder source = capos_cap_grant_init_source(b);

    capos_cap_grant_set_name(b, capnp_text_from(grant->name));
    capos_cap_grant_set_interface_id(b, grant->interface_id);
    capos_cap_grant_set_badge(b, grant->badge);
    if (!grant->from_service) {
        capos_cap_grant_source_set_kernel(source, grant->object);
        return;
    }
    struct capos_service_export_builder service = capos_cap_grant_source_init_service(source);
    capos_service_export_set_service(service, capnp_text_from(grant->service));
    capos_service_export_set_export(service, capnp_text_from(grant->export_name));
}

static void encode_ring(struct capos_ring_sizes_builder b, const struct cue_service *service)
{
    if (service->sq_entries.given) {
        capos_ring_sizes_set_sq_entries(b, service->sq_entries.value);
    }
    if (service->cq_entries.given) {
        capos_ring_sizes_set_cq_entries(b, service->cq_entries.value);
    }
    if (service->area_bytes.given) {
        capos_ring_sizes_set_area_bytes(b, service->area_bytes.value);
    }
}

static void encode_limits(struct capos_limits_builder b, const struct cue_service *service)
{
    if (service->frames.given) {
        capos_limits_set_frames(b, service->frames.value);
    }
    if (service->cap_slots.given) {
        capos_limits_set_cap_slots(b, service->cap_slots.value);
    }
    if (service->processes.given) {
        capos_limits_set_processes(b, service->processes.value);
    }
    if (service->calls.given) {
        capos_limits_set_calls(b, service->calls.value);
    }
}

static void encode_expect(struct capos_process_status_builder b, const struct cue_expect *expect)
{
    switch (expect->end) {
    case CUE_END_EXITED:
        capos_process_status_set_exited(b, expect->code);
        break;
    case CUE_END_FAULTED:
        capos_fault_set_vector(capos_process_status_init_faulted(b), expect->vector);
        break;
    case CUE_END_KILLED:
        capos_process_status_set_killed(b, capnp_text_from(expect->reason));
        break;
    case CUE_END_FAILED_TO_START:
        capos_process_status_set_failed_to_start(b, capnp_text_from(expect->reason));
        break;
    case CUE_END_NOT_GIVEN:
        break;
    }
}

static void encode_service(struct capos_service_builder b, const struct cue_service *service)
{
    capos_service_set_name(b, capnp_text_from(service->name));
    capos_service_set_binary(b, capnp_text_from(service->binary));
    if (service->grant_count != 0) {
        struct capos_cap_grant_list_builder caps =
            capos_service_init_caps(b, (uint32_t)service->grant_count);
        for (uint32_t i = 0; i < service->grant_count; i++) {
            encode_grant(capos_cap_grant_list_builder_at(caps, i), &service->grants[i]);
        }
    }
    if (service->export_count != 0) {
        struct capos_export_list_builder exports =
            capos_service_init_exports(b, (uint32_t)service->export_count);
        for (uint32_t i = 0; i < service->export_count; i++) {
            struct capos_export_builder one = capos_export_list_builder_at(exports, i);
            capos_export_set_name(one, capnp_text_from(service->exports[i].name));
            capos_export_set_interface_id(one, service->exports[i].interface_id);
        }
    }
    if (service->restart.given) {
        struct capos_restart_builder restart = capos_service_init_restart(b);
        capos_restart_set_policy(restart, service->restart.policy);
        if (service->restart.count.given) {
            capos_restart_set_count(restart, service->restart.count.value);
        }
    }
    if (service->ring_given) {
        encode_ring(capos_service_init_ring(b), service);
    }
    if (service->limits_given) {
        encode_limits(capos_service_init_limits(b), service);
    }
    if (service->expect.end != CUE_END_NOT_GIVEN) {
        encode_expect(capos_service_init_expect(b), &service->expect);
    }
    capos_service_set_starter(b, service->starter);
    capos_service_set_daemon(b, service->daemon);
}

static void encode_kernel_params(struct capos_kernel_params_builder b,
                                 const struct cue_kernel_params *params)
{
    if (params->tick_hz.given) {
        capos_kernel_params_set_tick_hz(b, params->tick_hz.value);
    }
    if (params->deadline.given) {
        capos_kernel_params_set_deadline(b, params->deadline.value);
    }
    capos_kernel_params_set_plant_leak(b, params->plant_leak);
}

static void encode(struct capnp_arena *arena, const struct cue_manifest *manifest,
                   const struct embed *embed)
{
    struct capos_manifest_builder b = capos_manifest_build_root(arena);
    struct capos_service_list_builder services =
        capos_manifest_init_services(b, (uint32_t)manifest->service_count);

    capos_manifest_set_schema_version(b, manifest->schema_version);
    for (uint32_t i = 0; i < manifest->service_count; i++) {
        encode_service(capos_service_list_builder_at(services, i), &manifest->services[i]);
    }
    if (manifest->params.given) {
        encode_kernel_params(capos_manifest_init_kernel_params(b), &manifest->params);
    }
    /* The images last, so that what describes the system lies together at the start. */
    struct capos_binary_list_builder binaries =
        capos_manifest_init_binaries(b, (uint32_t)manifest->binary_count);
    for (uint32_t i = 0; i < manifest->binary_count; i++) {
        encode_binary(capos_binary_list_builder_at(binaries, i), &manifest->binaries[i],
                      &embed->images[i], arena);
    }
}

/* ---------------------------------------------------------------------------
 * The whole */

/* Two fields of the message have another name in the JSON file. */
static void rename_last(char *path, const char *from, const char *to)
{
    size_t len = strlen(path);

    if (len >= strlen(from) && strcmp(path + len - strlen(from), from) == 0) {
        snprintf(path + len - strlen(from), strlen(to) + 1, "%s", to);
    }
}

static bool validate(struct report *report, const uint8_t *bytes, size_t len)
{
    struct capnp_message message;
    struct capos_manifest manifest;
    struct manifest_fault fault;
    char text[MANIFEST_FAULT_TEXT_ROOM];

    if (manifest_open(bytes, len, &message, &manifest, &fault)) {
        return true;
    }
    rename_last(fault.path, ".interfaceId", ".interface");
    rename_last(fault.path, ".image", ".path");
    manifest_fault_text(&fault, text, sizeof text);
    return report_invalid(report, NULL, "%s", text);
}

bool encode_manifest(struct report *report, const struct cue_manifest *manifest,
                     const struct embed *embed, uint8_t **bytes, size_t *len)
{
    size_t room = manifest_words(manifest, embed) * 8;
    uint8_t *buffer = malloc(room);
    struct capnp_arena arena;

    if (buffer == NULL) {
        return report_io(report, NULL, "no memory for a manifest of %zu bytes", room);
    }
    capnp_arena_init(&arena, buffer, room);
    encode(&arena, manifest, embed);
    if (!capnp_arena_ok(&arena)) {
        free(buffer);
        return report_invalid(report, NULL, "the manifest does not fit one message");
    }
    if (!validate(report, buffer, capnp_arena_bytes(&arena))) {
        free(buffer);
        return false;
    }
    *bytes = buffer;
    *len = capnp_arena_bytes(&arena);
    return true;
}
