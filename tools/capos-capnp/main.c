// SPDX-License-Identifier: MIT
/*
 * capos-capnp: messages of any schema from one format into another.
 *
 *   capnp compile -o- x.capnp >x.request
 *   capos-capnp convert binary:json x.request TypeName <in >out
 *
 * The formats are those of the stock tool's `convert`, and so is what they look
 * like. The schema comes as the compiler's CodeGeneratorRequest. Nothing is written
 * before everything was converted: on an error there is a sentence, exit status 1
 * and no output. Exit status 2 is for a command line that makes no sense.
 */
#include "convert.h"
#include "json_check.h"
#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage(void)
{
    fputs("usage: capos-capnp convert FROM:TO REQUEST TYPE <input >output\n"
          "formats: binary packed flat flat-packed canonical text json\n",
          stderr);
    return 2;
}

/* A file to its end. */
static bool read_file(FILE *file, struct buffer *buffer)
{
    uint8_t piece[1 << 16];
    size_t n;

    while ((n = fread(piece, 1, sizeof piece, file)) != 0) {
        buffer_add(buffer, piece, n);
    }
    return ferror(file) == 0;
}

static bool read_request(const char *path, struct request *request)
{
    struct buffer bytes = {.bytes = NULL};
    FILE *file = fopen(path, "rb");

    *request = (struct request){.blocks = NULL};
    if (file == NULL || !read_file(file, &bytes)) {
        snprintf(request->problem, sizeof request->problem, "cannot be read");
    }
    bool ok = request->problem[0] == '\0' && request_read(request, bytes.bytes, bytes.len);
    if (file != NULL) {
        fclose(file);
    }
    free(bytes.bytes);
    return ok;
}

/* Converts standard input to standard output. */
static int run(struct conversion *c)
{
    struct buffer input = {.bytes = NULL};
    struct buffer output = {.bytes = NULL};
    int status = 1;

    if (!read_file(stdin, &input)) {
        fputs("capos-capnp: cannot read standard input\n", stderr);
    } else if (!convert(c, input.bytes, input.len, &output)) {
        fprintf(stderr, "capos-capnp: %s\n", c->problem);
    } else if (fwrite(output.bytes, 1, output.len, stdout) != output.len || fflush(stdout) != 0) {
        fputs("capos-capnp: cannot write standard output\n", stderr);
    } else {
        status = 0;
    }
    free(input.bytes);
    free(output.bytes);
    return status;
}

int main(int argc, char **argv)
{
    struct conversion c = {.from = FORMAT_COUNT, .to = FORMAT_COUNT};
    const char *colon = argc == 5 ? strchr(argv[2], ':') : NULL;
    struct request request;
    int status = 1;

    if (colon == NULL || strcmp(argv[1], "convert") != 0) {
        return usage();
    }
    c.from = format_named(argv[2], (size_t)(colon - argv[2]));
    c.to = format_named(colon + 1, strlen(colon + 1));
    if (c.from == FORMAT_COUNT || c.to == FORMAT_COUNT) {
        return usage();
    }
    if (!read_request(argv[3], &request)) {
        fprintf(stderr, "capos-capnp: %s: %s\n", argv[3], request.problem);
    } else if ((c.type = request_find(&request, argv[4])) == NULL) {
        fprintf(stderr, "capos-capnp: %s: declares no one struct named %s\n", argv[3], argv[4]);
    } else if ((c.from == FORMAT_JSON || c.to == FORMAT_JSON) && !json_check(&request, c.type)) {
        fprintf(stderr, "capos-capnp: %s: %s\n", argv[3], request.problem);
    } else {
        status = run(&c);
    }
    request_free(&request);
    return status;
}
