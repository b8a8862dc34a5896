// SPDX-License-Identifier: MIT
#include "entries.h"

#include <capos.capnp.h>
#include <rt/string.h>
#include <support/check.h>

#include "model.h"
#include <support/chance.h>

#define SLOT_BYTES    512u
#define KERNEL        0xffff800000001000ull
#define NON_CANONICAL 0x0000800000000000ull

/* Messages that are right, to be spoilt or not. */
static struct {
    uint64_t words[80];
    uint32_t bytes;
    uint16_t method;
    bool console;
} templates[8];

static uint32_t template_count;

static void add_template(const struct capnp_arena *arena, bool console, uint16_t method)
{
    CHECK(capnp_arena_ok(arena));
    templates[template_count].bytes = capnp_arena_bytes(arena);
    templates[template_count].console = console;
    templates[template_count].method = method;
    template_count++;
}

static struct capnp_arena template_arena(void)
{
    struct capnp_arena arena;

    capnp_arena_init(&arena, templates[template_count].words, sizeof templates[0].words);
    return arena;
}

void entries_init(void)
{
    static const uint32_t lengths[] = {0, 5, 64, 72, 400};
    static uint8_t bytes[400];

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct capnp_arena arena = template_arena();
        struct capos_null_cap_echo_params_builder echo =
            capos_null_cap_echo_params_build_root(&arena);
        capos_null_cap_echo_params_set_value(echo, chance());
        capos_null_cap_echo_params_set_data(echo,
                                            (struct capnp_data){.ptr = bytes, .len = lengths[i]});
        add_template(&arena, false, CAPOS_NULL_CAP_ECHO);
    }
    struct capnp_arena arena = template_arena();
    struct capos_null_cap_add_params_builder add = capos_null_cap_add_params_build_root(&arena);
    capos_null_cap_add_params_set_a(add, ~0ull);
    capos_null_cap_add_params_set_b(add, 1);
    add_template(&arena, false, CAPOS_NULL_CAP_ADD);

    arena = template_arena();
    struct capos_console_write_params_builder write = capos_console_write_params_build_root(&arena);
    capos_console_write_params_set_data(write, (struct capnp_data){.ptr = bytes, .len = 3});
    add_template(&arena, true, CAPOS_CONSOLE_WRITE);

    arena = template_arena();
    struct capos_console_write_line_params_builder line =
        capos_console_write_line_params_build_root(&arena);
    capos_console_write_line_params_set_text(line, CAPNP_TEXT("\r"));
    add_template(&arena, true, CAPOS_CONSOLE_WRITE_LINE);
}

/* A good place for a message: in the area, or outside the model_ring. */
static uint64_t good_place(void)
{
    if (chance_one_in(2)) {
        return USER_RING_VADDR + model_ring.area_offset +
               chance_below(model_ring.area_bytes / SLOT_BYTES) * SLOT_BYTES;
    }
    return MODEL_DECOY + chance_below(MODEL_DECOY_BYTES / SLOT_BYTES) * SLOT_BYTES;
}

/* Boundaries of what is mapped and of what an address can be, and a little beside them. */
static uint64_t odd_place(void)
{
    const uint64_t edges[] = {
        0,
        USER_BASE,
        USER_IMAGE_BASE,
        USER_IMAGE_BASE + USER_PAGE_BYTES,
        USER_STACK_TOP - USER_STACK_BYTES,
        USER_STACK_TOP,
        USER_CAPSET_VADDR,
        USER_CAPSET_VADDR + USER_PAGE_BYTES,
        USER_RING_VADDR,
        USER_RING_VADDR + 64,
        USER_RING_VADDR + 128,
        USER_RING_VADDR + model_header.sq_offset,
        USER_RING_VADDR + model_header.cq_offset,
        USER_RING_VADDR + model_ring.area_offset,
        USER_RING_VADDR + model_ring.area_offset + model_ring.area_bytes,
        model_ring.end,
        USER_MAP_BASE,
        USER_END,
        NON_CANONICAL,
        0xffff800000000000ull,
        KERNEL,
        0xffffffff80000000ull,
        0xffffffff80200000ull,
        MODEL_DECOY,
        MODEL_DECOY + MODEL_DECOY_BYTES,
    };
    uint64_t edge = edges[chance_below(sizeof edges / sizeof *edges)];

    switch (chance_below(4)) {
    case 0:
        return edge;
    case 1:
        return edge - 8u * (1u + chance_below(64));
    case 2:
        return edge + 8u * chance_below(64);
    default:
        return chance_one_in(2) ? chance() : edge + chance_below(64) - 32u;
    }
}

static uint32_t odd_length(void)
{
    static const uint32_t lengths[] = {0,     8,     16,    248,        256,        264,       4096,
                                       8184,  8192,  8200,  65528,      65536,      65544,     4,
                                       65535, 65537, 69632, 0x7ffffff8, 0x80000000, 0xfffffff8};

    if (chance_one_in(4)) {
        return (uint32_t)chance();
    }
    return chance_one_in(2) ? lengths[chance_below(sizeof lengths / sizeof *lengths)]
                            : 8u * chance_below(40);
}

/* A call as it should be. */
static struct cap_sqe right_call(void)
{
    uint32_t which =
        chance_below(chance_one_in(24) ? template_count : 6); /* the Console's are the last two */
    uint64_t place = good_place();
    uint32_t cap = 0;

    while (chance_one_in(4) ||
           (model_caps[cap].interface == CAPOS_CONSOLE_ID) != templates[which].console) {
        cap = chance_below(model_cap_count);
        if (chance_one_in(8)) {
            break;
        }
    }
    uint32_t bytes = templates[which].bytes;
    memcpy((void *)(uintptr_t)place, templates[which].words, bytes);
    if (chance_one_in(3)) {
        chance_flip((void *)(uintptr_t)place, bytes, 1u + chance_below(4));
    }
    return (struct cap_sqe){
        .opcode = CAP_OP_CALL,
        .method_id = templates[which].method,
        .cap_id = model_caps[cap].id,
        .interface_id = model_caps[cap].interface,
        .params_addr = place,
        .params_len = bytes,
        .result_addr = good_place(),
        .result_len = 8u * chance_below(24),
    };
}

static uint64_t odd_cap(void)
{
    uint64_t id = model_caps[chance_below(model_cap_count)].id;

    switch (chance_below(5)) {
    case 0:
        return CAP_ID_NONE;
    case 1:
        return id + (1ull << CAP_ID_INDEX_BITS);
    case 2:
        return id + 1;
    case 3:
        return id ^ 1ull << chance_below(64);
    default:
        return chance();
    }
}

static void spoil(struct cap_sqe *s)
{
    switch (chance_below(12)) {
    case 0:
        s->flags = chance_one_in(2) ? CAP_SQE_F_PIPELINE : (uint16_t)chance();
        return;
    case 1:
        s->reserved = 1u << chance_below(32);
        return;
    case 2:
        s->pointer_index = (uint16_t)chance();
        return;
    case 3:
        s->cap_id = odd_cap();
        return;
    case 4:
        s->interface_id =
            chance_one_in(2) ? CAPOS_CONSOLE_ID : s->interface_id ^ 1ull << chance_below(64);
        return;
    case 5:
        s->cap_count = (uint8_t)(1u + chance_below(chance_one_in(2) ? 3 : 255));
        return;
    case 6:
        s->method_id = chance_one_in(2) ? (uint16_t)chance_below(5) : (uint16_t)chance();
        return;
    case 7:
        s->params_addr = odd_place();
        return;
    case 8:
        s->params_len = odd_length();
        return;
    case 9:
        s->result_addr = odd_place();
        return;
    case 10:
        s->cap_room = chance_one_in(2) ? chance_below(2u * CAP_TRANSFER_MAX) : (uint32_t)chance();
        return;
    default:
        s->result_len = odd_length();
        return;
    }
}

static struct cap_sqe nearly_right_release(void)
{
    uint64_t cap = chance_one_in(64) ? model_caps[chance_below(model_cap_count)].id : odd_cap();

    return (struct cap_sqe){.opcode = CAP_OP_RELEASE, .cap_id = cap};
}

static struct cap_sqe nearly_right_copy(void)
{
    return (struct cap_sqe){.opcode = CAP_OP_COPY, .cap_id = odd_cap()};
}

/* Of somebody who has no endpoint, and serves no call, and has none in flight. */
static struct cap_sqe nearly_right_service(void)
{
    switch (chance_below(3)) {
    case 0:
        return (struct cap_sqe){.opcode = CAP_OP_RECV,
                                .cap_id = model_caps[chance_below(model_cap_count)].id,
                                .result_addr = good_place(),
                                .result_len = 32u + 8u * chance_below(24),
                                .cap_room = chance_below(CAP_TRANSFER_MAX + 1u)};
    case 1:
        return (struct cap_sqe){.opcode = CAP_OP_RETURN,
                                .flags = chance_one_in(2) ? CAP_SQE_F_AGAIN : CAP_SQE_F_NONE,
                                .interface_id = chance_below(4) + ((uint64_t)chance_below(4) << 16),
                                .params_addr = good_place(),
                                .params_len = 8u * chance_below(24)};
    default:
        return (struct cap_sqe){.opcode = CAP_OP_CANCEL, .params_addr = chance()};
    }
}

static struct cap_sqe nearly_right(void)
{
    struct cap_sqe s;

    switch (chance_below(11)) {
    case 0:
        return (struct cap_sqe){.opcode = (uint8_t)chance_below(CAP_OP_COUNT + 1u)};
    case 1:
        return nearly_right_release();
    case 2:
        return nearly_right_copy();
    case 3:
        s = nearly_right_service();
        break;
    default:
        s = right_call();
        break;
    }
    for (uint32_t n = chance_below(3); n != 0; n--) {
        spoil(&s);
    }
    return s;
}

struct cap_sqe entries_any(void)
{
    struct cap_sqe s;

    switch (chance_below(4)) {
    case 0:
        s = right_call();
        chance_flip(&s, sizeof s, 1u + chance_below(6));
        break;
    case 1:
        chance_scribble(&s, sizeof s);
        s.opcode = chance_one_in(2) ? s.opcode : (uint8_t)chance_below(CAP_OP_COUNT + 1u);
        break;
    default:
        s = nearly_right();
        break;
    }
    if (model_harms_program(&s)) {
        s.result_addr = MODEL_DECOY;
        s.result_len %= MODEL_DECOY_BYTES;
    }
    uint32_t cap = model_find_cap(s.cap_id);
    bool is_there = cap < model_cap_count;
    if ((s.opcode == CAP_OP_RELEASE && is_there && model_caps[cap].kept) ||
        (s.opcode == CAP_OP_COPY && is_there)) { /* the model knows of no more than it had */
        s.cap_id = CAP_ID_NONE;
    }
    s.user_data = chance();
    return s;
}
