// SPDX-License-Identifier: MIT
/*
 * A process that was granted nothing can do nothing (A2). It has no name for anything,
 * so it guesses: indices and generations of capability ids, interfaces, methods,
 * opcodes. Only the empty operation succeeds (T-06).
 *
 * With no Console to say it on, the exit code is the whole report: 0, or the line
 * of the check that did not hold.
 */
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/string.h>
#include <support/check.h>
#include <support/raw.h>

static struct rt_ring *ring;
static uint32_t in_batch;
static uint64_t guesses;

/* Takes what is complete. Nothing but the refusal of a capability may be among it. */
static void reap(void)
{
    struct cap_cqe cqe;

    CHECK_EQ(rt_ring_enter(ring, in_batch, CAP_TIMEOUT_FOREVER), in_batch);
    for (; in_batch != 0; in_batch--) {
        CHECK(rt_ring_take(ring, &cqe));
        CHECK_EQ(cqe.result, CAP_ERR_INVOKE_FAILED);
        CHECK_EQ(cqe.flags | cqe.cap_count, 0);
        CHECK_EQ(cqe.detail | cqe.reserved, 0);
    }
}

static void guess(const struct cap_sqe *sqe)
{
    if (rt_ring_room(ring) == 0) {
        reap();
    }
    CHECK(rt_ring_push(ring, sqe));
    in_batch++;
    guesses++;
}

/* Everything that could be done with one id, were it valid. */
static void guess_id(uint64_t cap_id)
{
    static const uint64_t interfaces[] = {CAPOS_CONSOLE_ID, CAPOS_NULL_CAP_ID, 0};

    guess(&(struct cap_sqe){.opcode = CAP_OP_RELEASE, .cap_id = cap_id});
    guess(&(struct cap_sqe){.opcode = CAP_OP_COPY, .cap_id = cap_id});
    for (size_t i = 0; i < sizeof interfaces / sizeof *interfaces; i++) {
        for (uint16_t method = 0; method < 3; method++) {
            guess(&(struct cap_sqe){.opcode = CAP_OP_CALL,
                                    .cap_id = cap_id,
                                    .interface_id = interfaces[i],
                                    .method_id = method});
        }
    }
}

/* Indices at which capabilities lie if they lie anywhere, with the generations they begin with. */
static void check_likely_ids(void)
{
    static const uint64_t generations[] = {
        0, 1, 2, 3, 4, 255, 256, 65535, 1ull << 31, 1ull << 32, (1ull << 40) - 1, (1ull << 44) - 1,
    };

    for (uint64_t index = 0; index < CAP_SLOTS_DEFAULT + 8u; index++) {
        for (size_t g = 0; g < sizeof generations / sizeof *generations; g++) {
            guess_id(generations[g] << CAP_ID_INDEX_BITS | index);
        }
    }
}

/* Each single bit, each pair of bits, and what is not them. */
static void check_bit_patterns(void)
{
    guess_id(CAP_ID_NONE);
    guess_id(~0ull);
    for (unsigned i = 0; i < 64; i++) {
        for (unsigned j = 0; j <= i; j++) {
            guess_id(1ull << i | 1ull << j);
            guess_id(~(1ull << i | 1ull << j));
        }
    }
}

static void check_random_ids(void)
{
    uint64_t x = 0x9e3779b97f4a7c15ull;

    for (uint32_t i = 0; i < 2000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        guess_id(x);
    }
}

/*
 * Every opcode with an id that somebody else might have. Reserved ones are not
 * served, and the rest are no opcodes.
 */
static void check_opcodes(void)
{
    for (unsigned opcode = 0; opcode <= UINT8_MAX; opcode++) {
        struct cap_sqe sqe = {.opcode = (uint8_t)opcode, .cap_id = 1ull << CAP_ID_INDEX_BITS};
        int32_t result = raw_result(ring, &sqe);
        bool takes_a_capability = opcode == CAP_OP_CALL || opcode == CAP_OP_RECV ||
                                  opcode == CAP_OP_RELEASE || opcode == CAP_OP_COPY;
        CHECK_EQ(result, takes_a_capability        ? CAP_ERR_INVOKE_FAILED
                         : opcode == CAP_OP_FINISH ? CAP_ERR_UNSUPPORTED_OPCODE
                                                   : CAP_ERR_INVALID_REQUEST);
    }
    struct cap_sqe nop = {.opcode = CAP_OP_NOP};
    CHECK_EQ(raw_result(ring, &nop), 0);
}

int main(void)
{
    ring = demo_begin("unprivileged-stranger");

    CHECK_EQ(rt_capset()->count, 0);
    check_opcodes();
    check_likely_ids();
    check_bit_patterns();
    check_random_ids();
    reap();
    CHECK(guesses > 80000);
    return 0;
}
