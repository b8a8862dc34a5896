// SPDX-License-Identifier: MIT
/*
 * Following pointers of Cap'n Proto, in a message of two segments of any length and any
 * content; a word that is read twice is another one each time. From any reader that lies
 * inside its segment, each step gives one that does, and takes something of the budget;
 * so all readers that a program comes by are inside, and it comes by few.
 */
#include "proof.h"

static void copy(void *to, const uint8_t *from, size_t bytes);

/* How a word of the message is loaded. */
#define __builtin_memcpy(to, from, bytes) copy((to), (const uint8_t *)(from), (bytes))

#include "../lib/capnp/read.c"

#define SEGMENTS 2u

static struct capnp_message m;
static struct capnp_segment segments[SEGMENTS];

/* Whether so many bytes from p on lie inside the segment. */
static bool is_inside(const struct capnp_segment *s, const uint8_t *p, uint64_t bytes)
{
    uint64_t offset = (uint64_t)__CPROVER_POINTER_OFFSET(p);

    return __CPROVER_same_object(p, s->base) && offset <= s->bytes && bytes <= s->bytes - offset;
}

static void copy(void *to, const uint8_t *from, size_t bytes)
{
    PROVE(bytes == 8);
    PROVE(is_inside(&segments[0], from, 8) || is_inside(&segments[1], from, 8));
    *(uint64_t *)to = nondet_u64();
}

static void any_message(void)
{
    for (uint32_t i = 0; i < SEGMENTS; i++) {
        uint64_t bytes = nondet_u64();
        /* What capnp_message_open_segments takes. */
        ASSUME(bytes % 8u == 0 && bytes >> 32 <= 7u);
        segments[i].base = __CPROVER_allocate(bytes, 0);
        segments[i].bytes = bytes;
    }
    __CPROVER_havoc_object(&m);
    m.segments = segments;
    m.segment_count = SEGMENTS;
}

/* Any pointer slot inside the message, or none. */
static struct capnp_any any_pointer(void)
{
    struct capnp_any p = {.message = &m, .segment = &segments[any_below(SEGMENTS)]};
    uint64_t word = nondet_u64();

    p.depth = nondet_u16();
    ASSUME((p.depth & CAPNP_DEPTH_LEVELS) <= CAPNP_DEPTH_MAX + 1u);
    if (nondet_bool()) {
        ASSUME(word < p.segment->bytes / 8u);
        p.slot = p.segment->base + word * 8u;
    }
    return p;
}

static bool is_known(const struct capnp_segment *s)
{
    return s == &segments[0] || s == &segments[1];
}

/* CBMC: --unwind 3 */
void prove_struct(void)
{
    any_message();
    struct capnp_any p = any_pointer();
    uint64_t budget = m.budget;
    struct capnp_struct s = capnp_any_struct(p);
    uint64_t bytes = s.data_bytes + s.pointer_count * 8u;
    PROVE(s.message == &m && is_known(s.segment) && m.budget <= budget);
    if (bytes != 0) {
        PROVE(is_inside(s.segment, s.data, bytes));
        PROVE(budget - m.budget == bytes / 8u + 1u);
        PROVE(s.depth == depth_below(p));
        uint16_t index = nondet_u16();
        struct capnp_any next = capnp_get_any(s, index);
        PROVE(next.slot == NULL || is_inside(next.segment, next.slot, 8));
    }
}

/* CBMC: --unwind 3 */
void prove_list(void)
{
    enum capnp_element wanted = (enum capnp_element)any_below(CAPNP_ELEMENT_STRUCT + 1u);

    any_message();
    struct capnp_any p = any_pointer();
    uint64_t budget = m.budget;
    struct capnp_list l = capnp_any_list(p, wanted);
    PROVE(l.message == &m && is_known(l.segment) && m.budget <= budget);
    if (l.len == 0) {
        return;
    }
    PROVE(l.data_bytes + l.pointer_count * 8u <= l.step);
    PROVE(is_inside(l.segment, l.data, 0));
    PROVE(budget - m.budget >= (l.step == 0 ? 1u : 2u));
    /*
     * All of them, by the offset of the end. Elements of more than a word are left to tests:
     * that two products of the same numbers are the same, a solver of bits takes too long for.
     */
    uint64_t room = l.segment->bytes - (uint64_t)__CPROVER_POINTER_OFFSET(l.data);
    PROVE(l.step > 8u || (uint64_t)l.len * l.step <= room);
    if (wanted == CAPNP_ELEMENT_BIT) {
        PROVE(l.step == 0 && ((uint64_t)l.len + 7u) / 8u <= room);
    }
}

/* CBMC: --unwind 3 */
void prove_data(void)
{
    any_message();
    struct capnp_any p = any_pointer();
    uint64_t budget = m.budget;
    struct capnp_data d = capnp_data_any_shape(&m, p.segment, p.slot);
    PROVE(m.budget <= budget);
    if (d.len != 0) {
        PROVE(is_inside(&segments[0], d.ptr, d.len) || is_inside(&segments[1], d.ptr, d.len));
        PROVE(budget - m.budget > d.len / 8u);
    }
}

/* CBMC: --unwind 3 */
void prove_capability(void)
{
    any_message();
    struct capnp_capability c = capnp_any_capability(any_pointer());
    PROVE(!c.there || c.index < m.capabilities);
}

/* CBMC: --unwind 3 */
void prove_kind(void)
{
    any_message();
    struct capnp_any p = any_pointer();
    (void)capnp_any_kind(p);
    (void)capnp_any_list_element(p);
}
