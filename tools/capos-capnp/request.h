// SPDX-License-Identifier: MIT
/*
 * The tables of <capnp/reflect.h>, made of a CodeGeneratorRequest.
 *
 * The request comes from the schema compiler, but is read as if it came from
 * anybody: what the tables promise is checked here, and whatever breaks a promise
 * is refused with a sentence.
 */
#pragma once

#include <capnp/reflect.h>

struct request_block; /* memory of the tables */

struct request {
    struct capnp_schema_info schema;
    const char *
        *json_misplaced; /* by node: a field whose annotations of json.capnp it cannot have */
    struct request_block *blocks;
    char problem[256]; /* why it was refused, without a line break */
};

/*
 * Reads a request in stream framing. The tables are copies: `bytes` need not be kept.
 * False, with the reason in `problem`: it is malformed. request_free in any case.
 */
bool request_read(struct request *request, const void *bytes, size_t len);

/* The struct that is declared with this name, as in Outer.Inner; NULL: none, or several. */
const struct capnp_node_info *request_find(const struct request *request, const char *name);

void request_free(struct request *request);
