// SPDX-License-Identifier: MIT
/*
 * From values to the message that the kernel boots.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cue.h"
#include "embed.h"
#include "report.h"

/*
 * Builds the manifest as one flat message in fresh memory, which the caller frees,
 * and has the validator go over it. False: the report says what it found, by the
 * field names of the JSON file.
 */
bool encode_manifest(struct report *report, const struct cue_manifest *manifest,
                     const struct embed *embed, uint8_t **bytes, size_t *len);
