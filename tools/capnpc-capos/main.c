// SPDX-License-Identifier: MIT
/*
 * capnpc-capos: the plugin of `capnp compile` that writes C for capOS.
 *
 *   capnp compile -I schema --src-prefix=schema -o build/host/capnpc-capos:schema/gen
 *       schema/capos.capnp
 *
 * Reads a CodeGeneratorRequest from standard input and writes, for each schema
 * file named on the compiler's command line, x.capnp.h, x.capnp.c and, when it
 * declares interfaces, x.client.h to the current directory. Nothing is written
 * before everything has been generated. The output depends on the request alone.
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

/* capos.capnp → capos.client.h */
static const char *client_path(const char *path)
{
    size_t len = strlen(path);
    size_t suffix = strlen(".capnp");

    if (len > suffix && strcmp(path + len - suffix, ".capnp") == 0) {
        len -= suffix;
    }
    return out_string("%.*s.client.h", (int)len, path);
}

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

    struct out *texts = out_alloc(model.file_count * 3u * sizeof *texts);
    for (size_t i = 0; i < model.file_count; i++) {
        emit_header(&model, &model.files[i], &texts[3u * i]);
        emit_source(&model, &model.files[i], &texts[3u * i + 1u]);
        emit_client(&model, &model.files[i], &texts[3u * i + 2u]);
    }
    for (size_t i = 0; i < model.file_count; i++) {
        const char *path = model.files[i].path;
        out_write(&texts[3u * i], out_string("%s.h", path));
        out_write(&texts[3u * i + 1u], out_string("%s.c", path));
        if (texts[3u * i + 2u].len != 0) {
            out_write(&texts[3u * i + 2u], client_path(path));
        }
    }
    return 0;
}
