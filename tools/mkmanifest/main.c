// SPDX-License-Identifier: MIT
/*
 * mkmanifest: from the evaluated manifest in JSON to the module that is booted.
 *
 *   mkmanifest [-o OUT] [--binaries DIR] [--check] INPUT.json
 *
 *   JSON ──json_parse──► document ──cue_read──► values ──┐
 *   programs ─────────────────────embed_read──► images ──┴─encode_manifest──► OUT
 *
 * Nothing is written unless the validator that the kernel uses accepts the result,
 * and then the whole file appears at once. Exit codes are those of enum outcome.
 */
#define _GNU_SOURCE

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "cue.h"
#include "embed.h"
#include "encode.h"
#include "file.h"
#include "json.h"

static const char usage_text[] =
    "usage: mkmanifest [-o OUT] [--binaries DIR] [--check] INPUT.json\n"
    "\n"
    "Packs a boot manifest, evaluated from CUE to JSON, with the programs it names.\n"
    "\n"
    "  -o OUT          the file to write, manifest.bin unless given\n"
    "  --binaries DIR  where the paths of binaries begin, here unless given\n"
    "  --check         check everything, say what it comes to, and write nothing\n"
    "\n"
    "Exit codes: 0 done, 1 invalid input, 2 usage, 3 a file cannot be read or written.\n";

struct options {
    const char *input;
    const char *output;
    const char *binaries; /* NULL: where we are */
    bool check;
};

/* OUTCOME_OK: go on with *out. */
static enum outcome parse_options(int argc, char **argv, struct options *out, bool *help)
{
    enum { OPTION_BINARIES = 256, OPTION_CHECK, OPTION_HELP };
    static const struct option longs[] = {
        {"binaries", required_argument, NULL, OPTION_BINARIES},
        {"check", no_argument, NULL, OPTION_CHECK},
        {"help", no_argument, NULL, OPTION_HELP},
        {NULL, 0, NULL, 0},
    };
    int option;

    *out = (struct options){.output = "manifest.bin"};
    while ((option = getopt_long(argc, argv, "o:", longs, NULL)) != -1) {
        switch (option) {
        case 'o':
            out->output = optarg;
            break;
        case OPTION_BINARIES:
            out->binaries = optarg;
            break;
        case OPTION_CHECK:
            out->check = true;
            break;
        case OPTION_HELP:
            *help = true;
            return OUTCOME_OK;
        default:
            return OUTCOME_USAGE;
        }
    }
    if (optind != argc - 1) {
        fprintf(stderr, "mkmanifest: exactly one input is needed\n");
        return OUTCOME_USAGE;
    }
    out->input = argv[optind];
    return OUTCOME_OK;
}

static bool finish(struct report *report, const struct options *options,
                   const struct cue_manifest *manifest, const uint8_t *bytes, size_t len)
{
    if (options->check) {
        printf("%s: valid: services %zu, binaries %zu, bytes %zu\n", options->input,
               manifest->service_count, manifest->binary_count, len);
        return true;
    }
    return file_replace(report, options->output, bytes, len);
}

static bool pack(struct report *report, const struct options *options, json_t *document)
{
    struct cue_manifest manifest;
    struct embed embed = {.images = NULL};
    uint8_t *bytes = NULL;
    size_t len;

    bool ok = cue_read(report, document, &manifest) &&
              embed_read(report, &manifest, options->binaries, &embed) &&
              encode_manifest(report, &manifest, &embed, &bytes, &len) &&
              finish(report, options, &manifest, bytes, len);
    free(bytes);
    embed_fini(&embed);
    cue_fini(&manifest);
    return ok;
}

static bool run(struct report *report, const struct options *options)
{
    uint8_t *text;
    size_t len;
    json_t *document;

    if (!file_read(report, NULL, options->input, JSON_BYTES_MAX, &text, &len)) {
        return false;
    }
    bool ok = json_parse(report, text, len, &document);
    free(text);
    if (ok) {
        ok = pack(report, options, document);
        json_decref(document);
    }
    return ok;
}

int main(int argc, char **argv)
{
    struct options options;
    bool help = false;
    enum outcome outcome = parse_options(argc, argv, &options, &help);

    if (help || outcome != OUTCOME_OK) {
        fputs(usage_text, help ? stdout : stderr);
        return (int)outcome;
    }
    struct report report = {.file = options.input};
    if (!run(&report, &options)) {
        fprintf(stderr, "mkmanifest: %s\n", report.text);
    }
    return (int)report.outcome;
}
