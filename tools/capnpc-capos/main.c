// SPDX-License-Identifier: MIT
/*
 * capnpc-capos: the plugin of `capnp compile` that writes C for capOS.
 *
 *   capnp compile -I schema --src-prefix=schema -o build/host/capnpc-capos:schema/gen
 *       schema/capos.capnp
 *
 * Reads a CodeGeneratorRequest from standard input and writes, for each schema
 * file named on the compiler's command line, x.capnp.h, x.capnp.c, x.schema.h,
 * x.schema.c and, when it declares interfaces, x.client.h to the current directory. Nothing is
 * written before everything has been generated. The output depends on the request alone.
 *
 * The request is read with code that this program generated from the compiler's
 * own schema.capnp, in gen/.
 */
#include "emit.h"

#include <stdio.h>
#include <string.h>

#define SEGMENTS_MAX      4096u
#define REQUEST_BYTES_MAX ((size_t)256 << 20)

/* Standard input to its end. */
static uint8_t *read_request(size_t *len)
{
    size_t room = 1u << 16;
    uint8_t *bytes = out_alloc(room);

    *len = 0;
    for (;;) {
        *len += fread(bytes + *len, 1, room - *len, stdin);
        if (*len < room) {
            break;
        }
        if (room >= REQUEST_BYTES_MAX) {
            out_refuse("capnpc-capos", "the request is longer than %zu bytes", REQUEST_BYTES_MAX);
        }
        uint8_t *larger = out_alloc(room * 2u);
        memcpy(larger, bytes, room);
        bytes = larger;
        room *= 2u;
    }
    if (ferror(stdin)) {
        out_refuse("capnpc-capos", "cannot read the request");
    }
    return bytes;
}

/* The files that one schema file becomes; those that are empty are not written. */
enum { HEADER, SOURCE, CLIENT, SCHEMA_HEADER, SCHEMA_SOURCE, OUTPUTS };

int main(void)
{
    struct capnp_segment segments[SEGMENTS_MAX];
    struct capnp_message m;
    struct model model;
    size_t len;

    const uint8_t *bytes = read_request(&len);
    capnp_message_open_framed(&m, bytes, len, segments, SEGMENTS_MAX);
    struct schema_code_generator_request request = schema_code_generator_request_read_root(&m);
    if (!schema_code_generator_request_check(request)) {
        out_refuse("capnpc-capos", "standard input is not a CodeGeneratorRequest: %s",
                   capnp_error_text(capnp_message_error(&m)));
    }
    model_init(&model, request);

    struct out(*texts)[OUTPUTS] = out_alloc(model.file_count * sizeof *texts);
    for (size_t i = 0; i < model.file_count; i++) {
        const struct model_file *file = &model.files[i];
        emit_header(&model, file, &texts[i][HEADER]);
        emit_source(&model, file, &texts[i][SOURCE]);
        emit_client(&model, file, &texts[i][CLIENT]);
        emit_schema_header(file, &texts[i][SCHEMA_HEADER]);
        emit_schema_source(&model, file, &texts[i][SCHEMA_SOURCE]);
    }
    for (size_t i = 0; i < model.file_count; i++) {
        const char *path = model.files[i].path;
        const char *paths[OUTPUTS] = {
            [HEADER] = out_string("%s.h", path),
            [SOURCE] = out_string("%s.c", path),
            [CLIENT] = emit_path(path, ".client.h"),
            [SCHEMA_HEADER] = emit_path(path, ".schema.h"),
            [SCHEMA_SOURCE] = emit_path(path, ".schema.c"),
        };
        for (size_t k = 0; k < OUTPUTS; k++) {
            if (texts[i][k].len != 0) {
                out_write(&texts[i][k], paths[k]);
            }
        }
    }
    return 0;
}
