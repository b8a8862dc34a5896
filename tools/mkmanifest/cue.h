// SPDX-License-Identifier: MIT
/*
 * The manifest as CUE evaluates it: plain values, before any program is read.
 *
 * The types are those of tools/cue/manifest.cue. Reading checks types, field names
 * and the spelling of names; whether the values make a manifest that can boot is
 * for the validator (lib/manifest.h) to say. What is not given stays not given: the
 * defaults are the schema's.
 */
#pragma once

#include <capos.capnp.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report.h"

/* Strings are borrowed from the JSON document; lists are owned. */

struct cue_u32 {
    bool given;
    uint32_t value;
};

struct cue_binary {
    const char *name;
    const char *path;
};

struct cue_grant {
    const char *name;
    uint64_t interface_id;
    bool from_service;
    enum capos_kernel_object object; /* not from_service */
    const char *service;             /* from_service, as the next */
    const char *export_name;
    uint64_t badge;
};

struct cue_export {
    const char *name;
    uint64_t interface_id;
};

struct cue_restart {
    bool given;
    enum capos_restart_policy policy;
    struct cue_u32 count;
};

enum cue_end {
    CUE_END_NOT_GIVEN,
    CUE_END_EXITED,
    CUE_END_FAULTED,
    CUE_END_KILLED,
    CUE_END_FAILED_TO_START
};

struct cue_expect {
    enum cue_end end;
    int64_t code;       /* EXITED */
    uint8_t vector;     /* FAULTED */
    const char *reason; /* KILLED, FAILED_TO_START */
};

struct cue_service {
    const char *name;
    const char *binary;
    struct cue_grant *grants;
    size_t grant_count;
    struct cue_export *exports;
    size_t export_count;
    struct cue_restart restart;
    bool ring_given;
    struct cue_u32 sq_entries;
    struct cue_u32 cq_entries;
    struct cue_u32 area_bytes;
    bool limits_given;
    struct cue_u32 frames;
    struct cue_u32 cap_slots;
    struct cue_u32 processes;
    struct cue_u32 calls;
    struct cue_expect expect;
    enum capos_service_starter starter;
    bool daemon;
};

struct cue_kernel_params {
    bool given;
    struct cue_u32 tick_hz;
    struct cue_u32 deadline;
    enum capos_kernel_params_leak plant_leak;
};

struct cue_manifest {
    uint32_t schema_version;
    struct cue_binary *binaries;
    size_t binary_count;
    struct cue_service *services;
    size_t service_count;
    struct cue_kernel_params params;
};

/*
 * Reads a document, which must outlive *out. The caller gives *out back by
 * cue_fini, also when this failed.
 */
bool cue_read(struct report *report, json_t *document, struct cue_manifest *out);

void cue_fini(struct cue_manifest *manifest);
