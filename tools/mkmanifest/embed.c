// SPDX-License-Identifier: MIT
#define _GNU_SOURCE

#include "embed.h"

#include <abi/limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "file.h"

static bool read_image(struct report *report, const struct place *at, const char *directory,
                       const char *path, struct embed_image *out)
{
    char *joined = NULL;

    if (directory == NULL || path[0] == '/') {
        return file_read(report, at, path, MANIFEST_BYTES_MAX, &out->bytes, &out->len);
    }
    if (asprintf(&joined, "%s/%s", directory, path) < 0) {
        return report_io(report, at, "no memory for %s", path);
    }
    bool ok = file_read(report, at, joined, MANIFEST_BYTES_MAX, &out->bytes, &out->len);
    free(joined);
    return ok;
}

bool embed_read(struct report *report, const struct cue_manifest *manifest, const char *directory,
                struct embed *out)
{
    struct place binaries = place_field(NULL, "binaries");
    size_t room = MANIFEST_BYTES_MAX;

    out->count = manifest->binary_count;
    out->images = calloc(out->count == 0 ? 1 : out->count, sizeof *out->images);
    if (out->images == NULL) {
        out->count = 0;
        return report_io(report, NULL, "no memory for the programs");
    }
    for (size_t i = 0; i < out->count; i++) {
        struct place binary = place_element(&binaries, i);
        struct place at = place_field(&binary, "path");
        if (!read_image(report, &at, directory, manifest->binaries[i].path, &out->images[i])) {
            return false;
        }
        if (out->images[i].len > room) {
            return report_invalid(report, &at, "the programs together have more than %u bytes",
                                  MANIFEST_BYTES_MAX);
        }
        room -= out->images[i].len;
    }
    return true;
}

void embed_fini(struct embed *embed)
{
    for (size_t i = 0; i < embed->count; i++) {
        free(embed->images[i].bytes);
    }
    free(embed->images);
}
