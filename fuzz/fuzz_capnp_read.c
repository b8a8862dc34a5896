// SPDX-License-Identifier: MIT
/*
 * Bytes as a message, framed or flat. All of it is walked, copied into one segment
 * and into small ones, and made canonical; what is made must be well-formed, the
 * same as what it was made from, and of one canonical form.
 */
#include <capnp/canonical.h>
#include <capnp/frame.h>
#include <capnp/grow.h>
#include <stdlib.h>
#include <string.h>

/* The name is the fuzzer's. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEGMENTS_MAX 16u
#define ROOM         65536u
#define PIECES       256u
#define PIECE        64u /* bytes of a small segment, unless it must be larger */

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static struct capnp_any root_of(struct capnp_message *m)
{
    return (struct capnp_any){
        .message = m,
        .segment = m->segments,
        .slot = m->segments[0].bytes == 0 ? NULL : m->segments[0].base,
        .depth = CAPNP_DEPTH_MAX + 1u,
    };
}

/* Small segments out of one block. */
struct pieces {
    uint8_t *next;
    uint8_t *end;
};

static void *next_piece(void *context, uint32_t at_least, uint32_t *bytes)
{
    struct pieces *pieces = context;
    uint8_t *piece = pieces->next;

    *bytes = at_least > PIECE ? at_least : PIECE;
    if (*bytes > (size_t)(pieces->end - piece)) {
        return NULL;
    }
    pieces->next += *bytes;
    return piece;
}

/* Opens the input anew, with its budget whole. */
static bool open(struct capnp_message *m, struct capnp_segment *segments, const uint8_t *data,
                 size_t size)
{
    bool opened = size % 2 != 0
                      ? capnp_message_open_framed(m, data + 1, size - 1, segments, SEGMENTS_MAX)
                      : capnp_message_open_flat(m, data, size);

    capnp_message_capabilities(m, 4);
    return opened;
}

/* A copy of all that a root holds must be well-formed and the same. */
static void require_same(struct capnp_message *copy, struct capnp_message *original)
{
    capnp_message_capabilities(copy, 4);
    capnp_message_limit(copy, UINT32_MAX);
    capnp_message_limit(original, UINT32_MAX);
    require(capnp_any_check(root_of(copy)));
    require(capnp_any_equal(root_of(copy), root_of(original)));
}

static void copy_to_pieces(struct capnp_message *m, uint8_t *block)
{
    struct pieces pieces = {.next = block + 8, .end = block + ROOM};
    struct capnp_segment table[PIECES];
    struct capnp_growth growth = {
        .next = next_piece, .context = &pieces, .segments = table, .segments_max = PIECES};
    struct capnp_message copy;
    struct capnp_arena arena;

    /* The first segment holds the root's pointer alone. */
    capnp_arena_init_growing(&arena, block, 8, &growth);
    uint8_t *slot = capnp_arena_take(&arena, 1);
    capnp_store_u64(slot, 0);
    struct capnp_any_builder to = {.arena = &arena, .slot = slot};
    bool copied = capnp_any_copy(to, root_of(m));
    require(copied || !capnp_arena_ok(&arena) || m->error != CAPNP_ERROR_NONE);
    uint32_t count = capnp_arena_segments(&arena);
    require(capnp_message_open_segments(&copy, table, count));
    capnp_message_capabilities(&copy, 4);
    require(capnp_any_check(root_of(&copy)) || copy.error == CAPNP_ERROR_BUDGET);
    if (copied) {
        capnp_message_open_segments(&copy, table, count);
        require_same(&copy, m);
    }
}

static void copy_flat(struct capnp_message *m, uint8_t *block)
{
    struct capnp_message copy;
    struct capnp_arena arena;

    capnp_arena_init(&arena, block, ROOM);
    uint8_t *slot = capnp_arena_take(&arena, 1);
    capnp_store_u64(slot, 0);
    if (capnp_any_copy((struct capnp_any_builder){.arena = &arena, .slot = slot}, root_of(m))) {
        require(capnp_message_open_flat(&copy, block, capnp_arena_bytes(&arena)));
        require_same(&copy, m);
    }
}

static void make_canonical(struct capnp_message *m, uint8_t *block, uint8_t *again)
{
    struct capnp_message form;
    size_t bytes = 0;
    size_t bytes_again = 0;
    bool recognised = capnp_is_canonical(m);

    if (!capnp_canonical(m, block, ROOM, &bytes)) {
        require(!recognised);
        return;
    }
    require(recognised == (m->segment_count == 1 && m->segments[0].bytes == bytes &&
                           memcmp(m->segments[0].base, block, bytes) == 0));
    capnp_message_open_flat(&form, block, bytes);
    capnp_message_limit(&form, UINT32_MAX);
    require(capnp_is_canonical(&form));
    require(capnp_canonical(&form, again, ROOM, &bytes_again));
    require(bytes_again == bytes && memcmp(block, again, bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t block[ROOM];
    static uint8_t again[ROOM];
    struct capnp_segment segments[SEGMENTS_MAX];
    struct capnp_message m;

    if (!open(&m, segments, data, size)) {
        return 0;
    }
    bool whole = capnp_any_check(root_of(&m));
    require(whole == (m.error == CAPNP_ERROR_NONE));
    open(&m, segments, data, size);
    copy_flat(&m, block);
    open(&m, segments, data, size);
    copy_to_pieces(&m, block);
    open(&m, segments, data, size);
    make_canonical(&m, block, again);
    return 0;
}
