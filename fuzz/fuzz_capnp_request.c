// SPDX-License-Identifier: MIT
/*
 * Bytes as the schema compiler's request, which capos-capnp reads. What is refused
 * is refused in one sentence; by the tables of what is taken, messages of nothing
 * and of everything set are rendered, parsed and rendered again.
 */
#include "../tools/capos-capnp/convert.h"
#include "../tools/capos-capnp/json_check.h"
#include "../tools/capos-capnp/request.h"

#include <stdlib.h>
#include <string.h>

/* The name is the fuzzer's. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A flat message whose root is a struct of ones, as large as four words and four nulls. */
static const uint64_t ones[] = {
    (uint64_t)4 << 32 | (uint64_t)4 << 48,
    UINT64_MAX,
    UINT64_MAX,
    UINT64_MAX,
    UINT64_MAX,
    0,
    0,
    0,
    0,
};

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static bool try(const struct capnp_node_info *type, enum format from, enum format to,
                const void *input, size_t len, struct buffer *output)
{
    struct conversion c = {.from = from, .to = to, .type = type};
    bool ok = convert(&c, input, len, output);

    require(ok || c.problem[0] != '\0');
    return ok;
}

/* Renders a message, parses that, and renders the result. */
static void round_trip(const struct capnp_node_info *type, const void *input, size_t len,
                       enum format format)
{
    struct buffer once = {.bytes = NULL};
    struct buffer words = {.bytes = NULL};
    struct buffer twice = {.bytes = NULL};

    if (try(type, FORMAT_FLAT, format, input, len, &once) &&
        try(type, format, FORMAT_FLAT, once.bytes, once.len, &words)) {
        (void)try(type, FORMAT_FLAT, format, words.bytes, words.len, &twice);
    }
    free(once.bytes);
    free(words.bytes);
    free(twice.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request request;

    if (!request_read(&request, data, size)) {
        require(request.problem[0] != '\0' && strchr(request.problem, '\n') == NULL);
    } else {
        for (size_t i = 0; i < request.schema.node_count && i < 64u; i++) {
            const struct capnp_node_info *type = request.schema.nodes[i];
            if (type->kind == CAPNP_NODE_STRUCT && !type->is_group) {
                round_trip(type, ones, 8, FORMAT_TEXT);
                round_trip(type, ones, sizeof ones, FORMAT_TEXT);
                if (json_check(&request, type)) {
                    round_trip(type, ones, 8, FORMAT_JSON);
                    round_trip(type, ones, sizeof ones, FORMAT_JSON);
                }
            }
        }
    }
    request_free(&request);
    return 0;
}
