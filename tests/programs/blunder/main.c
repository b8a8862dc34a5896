// SPDX-License-Identifier: MIT
/*
 * Makes one mistake that the runtime must notice and say: which, the name of the
 * Console it was granted tells. Returning with 0 means that nobody noticed.
 */
#include <abi/error.h>
#include <abi/limits.h>
#include <capos.client.h>
#include <rt/alloc.h>
#include <rt/capset.h>
#include <rt/panic.h>
#include <rt/ring.h>
#include <rt/string.h>
#include <stddef.h>

/* The same pointer, of which the compiler and its kin no longer know whence it came. */
static void *laundered(void *p)
{
    __asm__("" : "+r"(p));
    return p;
}

static void free_twice(void)
{
    void *p = malloc(10);

    free(p);
    free(laundered(p)); // NOLINT(clang-analyzer-unix.Malloc): the blunder itself
}

static void free_foreign(void)
{
    static char not_from_the_heap[64];

    free(laundered(not_from_the_heap + 16));
}

static void write_past_the_end(void)
{
    char *p = malloc(16);

    memset(p, 'x', 20);
    free(p);
}

static void need_unknown(void)
{
    (void)rt_capset_need("no-such-name", CAPOS_CONSOLE_ID);
}

static void need_other_type(void)
{
    (void)rt_capset_need("need-other-type", CAPOS_NULL_CAP_ID);
}

static void assert_falsehood(void)
{
    RT_ASSERT(rt_capset()->count == 2);
}

/* The panic path must get its line through a ring that is in disorder. */
static void panic_in_disorder(void)
{
    struct rt_ring *ring = rt_ring_borrow();

    while (rt_ring_push(ring, &(struct cap_sqe){.opcode = CAP_OP_NOP})) {
    }
    for (uint32_t i = 0; i < ring->cq_mask; i++) {
        (void)rt_ring_enter(ring, 0, CAP_TIMEOUT_POLL);
        (void)rt_ring_push(ring, &(struct cap_sqe){.opcode = CAP_OP_NOP});
    }
    memset(ring->header, 0xff, sizeof *ring->header);
    memset(ring, 0xff, sizeof *ring);
    rt_panic("the ring is in disorder, and this line is not");
}

/* A sentence that is too long is cut. */
static void panic_at_length(void)
{
    rt_panic("%04000d", 7);
}

static const struct {
    const char *name;
    void (*blunder)(void);
} blunders[] = {
    {"free-twice", free_twice},
    {"free-foreign", free_foreign},
    {"write-past-the-end", write_past_the_end},
    {"need-unknown", need_unknown},
    {"need-other-type", need_other_type},
    {"assert-falsehood", assert_falsehood},
    {"panic-in-disorder", panic_in_disorder},
    {"panic-at-length", panic_at_length},
};

int main(void)
{
    for (size_t i = 0; i < sizeof blunders / sizeof *blunders; i++) {
        if (rt_capset_has(rt_capset(), blunders[i].name)) {
            blunders[i].blunder();
        }
    }
    return 0;
}
