// SPDX-License-Identifier: MIT
/*
 * The programs that a manifest names, read from the directory they are built in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cue.h"
#include "report.h"

struct embed_image {
    uint8_t *bytes;
    size_t len;
};

/* One image for each binary, in the same order. */
struct embed {
    struct embed_image *images;
    size_t count;
};

/*
 * Reads each binary's file, whose path is relative to `directory`, or to where we
 * are if that is NULL, unless it begins with a slash. Together they may have MANIFEST_BYTES_MAX
 * bytes. The caller gives *out back by embed_fini, also when this failed.
 */
bool embed_read(struct report *report, const struct cue_manifest *manifest, const char *directory,
                struct embed *out);

void embed_fini(struct embed *embed);
