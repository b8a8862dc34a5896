// SPDX-License-Identifier: MIT
#include <support/raw.h>

#include <capos.capnp.h>
#include <support/check.h>

/* Completions that came while another was awaited, oldest first. */
static struct cap_cqe kept[RAW_KEPT_MAX];
static uint32_t kept_count;

struct cap_cqe raw_complete(struct rt_ring *ring, const struct cap_sqe *sqe)
{
    struct cap_sqe copy = *sqe;
    struct cap_cqe cqe;
    struct cap_cqe another;

    copy.user_data = RAW_USER_DATA;
    CHECK(!rt_ring_take(ring, &cqe));
    CHECK(rt_ring_push(ring, &copy));
    CHECK_EQ(rt_ring_enter(ring, 1, CAP_TIMEOUT_FOREVER), 1);
    CHECK(rt_ring_take(ring, &cqe));
    CHECK(!rt_ring_take(ring, &another));
    CHECK_EQ(cqe.user_data, RAW_USER_DATA);
    CHECK_EQ(cqe.cap_count, 0);
    CHECK_EQ(cqe.reserved, 0);
    if (cqe.result != CAP_ERR_EXCEPTION) {
        CHECK_EQ(cqe.flags, 0);
        CHECK_EQ(cqe.detail, 0);
    }
    return cqe;
}

int32_t raw_result(struct rt_ring *ring, const struct cap_sqe *sqe)
{
    return raw_complete(ring, sqe).result;
}

uint32_t raw_exception(struct rt_ring *ring, const struct cap_sqe *sqe)
{
    struct cap_cqe cqe = raw_complete(ring, sqe);

    CHECK_EQ(cqe.result, CAP_ERR_EXCEPTION);
    return cqe.flags & CAP_CQE_F_EXC_MASK;
}

void raw_send(struct rt_ring *ring, const struct cap_sqe *sqe)
{
    CHECK(rt_ring_push(ring, sqe));
}

static void keep_all(struct rt_ring *ring)
{
    struct cap_cqe cqe;

    while (rt_ring_take(ring, &cqe)) {
        CHECK(kept_count < RAW_KEPT_MAX);
        kept[kept_count++] = cqe;
    }
}

/* Its place among those that were kept; kept_count if it is not there. */
static uint32_t find_kept(uint64_t user_data)
{
    uint32_t i = 0;

    while (i < kept_count && kept[i].user_data != user_data) {
        i++;
    }
    return i;
}

bool raw_has_completed(struct rt_ring *ring, uint64_t user_data)
{
    CHECK(rt_ring_enter(ring, 0, CAP_TIMEOUT_POLL) >= 0);
    keep_all(ring);
    return find_kept(user_data) < kept_count;
}

struct cap_cqe raw_await(struct rt_ring *ring, uint64_t user_data)
{
    uint32_t i;

    while (!raw_has_completed(ring, user_data)) {
        CHECK(rt_ring_enter(ring, 1, CAP_TIMEOUT_FOREVER) >= 0);
    }
    i = find_kept(user_data);
    struct cap_cqe cqe = kept[i];
    kept_count--;
    for (; i < kept_count; i++) {
        kept[i] = kept[i + 1];
    }
    CHECK_EQ(find_kept(user_data), kept_count); /* exactly one completion */
    CHECK_EQ(cqe.reserved, 0);
    return cqe;
}

uint32_t raw_kept(struct rt_ring *ring)
{
    CHECK(rt_ring_enter(ring, 0, CAP_TIMEOUT_POLL) >= 0);
    keep_all(ring);
    return kept_count;
}

/* The entry for a message that has been built. */
static struct cap_sqe console_call(uint64_t console, struct raw_message *message,
                                   const struct capnp_arena *arena, uint16_t method)
{
    CHECK(capnp_arena_ok(arena));
    message->bytes = (uint32_t)capnp_arena_bytes(arena);
    return (struct cap_sqe){
        .opcode = CAP_OP_CALL,
        .method_id = method,
        .cap_id = console,
        .interface_id = CAPOS_CONSOLE_ID,
        .params_addr = (uintptr_t)message->words,
        .params_len = message->bytes,
    };
}

struct cap_sqe raw_console_line(uint64_t console, struct raw_message *message, const char *text,
                                size_t n)
{
    struct capnp_arena arena;

    capnp_arena_init(&arena, message->words, sizeof message->words);
    struct capos_console_write_line_params_builder params =
        capos_console_write_line_params_build_root(&arena);
    capos_console_write_line_params_set_text(params,
                                             (struct capnp_text){.ptr = text, .len = (uint32_t)n});
    return console_call(console, message, &arena, CAPOS_CONSOLE_WRITE_LINE);
}

struct cap_sqe raw_console_write(uint64_t console, struct raw_message *message, const void *data,
                                 size_t n)
{
    struct capnp_arena arena;

    capnp_arena_init(&arena, message->words, sizeof message->words);
    struct capos_console_write_params_builder params =
        capos_console_write_params_build_root(&arena);
    capos_console_write_params_set_data(params,
                                        (struct capnp_data){.ptr = data, .len = (uint32_t)n});
    return console_call(console, message, &arena, CAPOS_CONSOLE_WRITE);
}
