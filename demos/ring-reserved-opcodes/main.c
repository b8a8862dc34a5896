// SPDX-License-Identifier: MIT
/*
 * Every opcode there can be, and every field that an opcode does not use: what is
 * reserved, what is unknown and what is malformed are told apart, and none of it
 * is taken for something it is not.
 */
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/string.h>
#include <support/check.h>
#include <support/raw.h>

static struct rt_ring *ring;

/* What an otherwise empty entry of this opcode completes with. */
static int32_t expected_of(unsigned opcode)
{
    switch (opcode) {
    case CAP_OP_NOP:
        return 0;
    case CAP_OP_CALL:
    case CAP_OP_RECV:
    case CAP_OP_RELEASE:
    case CAP_OP_COPY:
        return CAP_ERR_INVOKE_FAILED; /* capability 0 is never valid */
    case CAP_OP_RETURN:
    case CAP_OP_CANCEL:
        return CAP_ERR_NOT_FOUND; /* nothing is in flight */
    case CAP_OP_FINISH:
        return CAP_ERR_UNSUPPORTED_OPCODE;
    default:
        return CAP_ERR_INVALID_REQUEST;
    }
}

static void check_every_opcode(void)
{
    for (unsigned opcode = 0; opcode <= UINT8_MAX; opcode++) {
        struct cap_sqe sqe = {.opcode = (uint8_t)opcode};
        CHECK_EQ(raw_result(ring, &sqe), expected_of(opcode));
    }
}

/* What is not served is said to be so, whatever else the entry holds. */
static void check_reserved_with_content(void)
{
    for (unsigned opcode = 0; opcode <= UINT8_MAX; opcode++) {
        int32_t expected = expected_of(opcode);
        if (expected != CAP_ERR_UNSUPPORTED_OPCODE && expected != CAP_ERR_INVALID_REQUEST) {
            continue;
        }
        struct cap_sqe sqe;
        memset(&sqe, 0xff, sizeof sqe);
        sqe.opcode = (uint8_t)opcode;
        CHECK_EQ(raw_result(ring, &sqe), expected);
    }
}

/* An entry of this opcode with one bit set that is none of the opcode's business. */
static void check_stray_bit(uint8_t opcode, size_t offset, unsigned bit)
{
    struct cap_sqe sqe = {.opcode = opcode};
    uint8_t bytes[sizeof sqe];

    memcpy(bytes, &sqe, sizeof sqe);
    bytes[offset] |= (uint8_t)(1u << bit);
    memcpy(&sqe, bytes, sizeof sqe);
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_INVALID_REQUEST);
}

/* Each bit of each byte but those from..to − 1, the opcode and the user data. */
static void check_stray_bits(uint8_t opcode, size_t from, size_t to)
{
    for (size_t offset = 1; offset < sizeof(struct cap_sqe); offset++) {
        bool is_user_data = offset >= offsetof(struct cap_sqe, user_data) &&
                            offset < offsetof(struct cap_sqe, cap_room);
        if (is_user_data || (offset >= from && offset < to)) {
            continue;
        }
        for (unsigned bit = 0; bit < 8; bit++) {
            check_stray_bit(opcode, offset, bit);
        }
    }
}

static void check_unused_fields(uint64_t console)
{
    size_t cap_id = offsetof(struct cap_sqe, cap_id);

    check_stray_bits(CAP_OP_NOP, 0, 0);
    check_stray_bits(CAP_OP_RELEASE, cap_id, cap_id + sizeof(uint64_t));
    check_stray_bits(CAP_OP_COPY, cap_id, cap_id + sizeof(uint64_t));
    for (unsigned bit = 0; bit < 64; bit++) {
        struct cap_sqe sqe = {.opcode = CAP_OP_RELEASE, .cap_id = console ^ 1ull << bit};
        CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_INVOKE_FAILED);
        sqe.opcode = CAP_OP_COPY;
        CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_INVOKE_FAILED);
    }
}

/* A call that would succeed, with one thing more than is served. */
static void check_call_fields(uint64_t console)
{
    static struct raw_message message;
    struct cap_sqe sqe;

    for (unsigned bit = 0; bit < 16; bit++) {
        sqe = raw_console_write(console, &message, NULL, 0);
        sqe.flags = (uint16_t)(1u << bit);
        CHECK_EQ(raw_result(ring, &sqe), sqe.flags == CAP_SQE_F_PIPELINE
                                             ? CAP_ERR_UNSUPPORTED_OPCODE
                                             : CAP_ERR_INVALID_REQUEST);
        sqe.flags = CAP_SQE_F_NONE;
        sqe.pointer_index = (uint16_t)(1u << bit);
        CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_INVALID_REQUEST);
        sqe.flags = CAP_SQE_F_PIPELINE;
        CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_UNSUPPORTED_OPCODE);
    }
    for (unsigned bit = 0; bit < 32; bit++) {
        sqe = raw_console_write(console, &message, NULL, 0);
        sqe.reserved = 1u << bit;
        CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_INVALID_REQUEST);
        sqe.reserved = 0;
        sqe.cap_room = CAP_TRANSFER_MAX + (1u << bit);
        CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_INVALID_REQUEST);
    }
    sqe = raw_console_write(console, &message, NULL, 0);
    sqe.flags = CAP_SQE_F_PIPELINE | 2u;
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_INVALID_REQUEST);
    sqe.flags = CAP_SQE_F_NONE;
    CHECK_EQ(raw_result(ring, &sqe), 0);
}

int main(void)
{
    ring = demo_begin("ring-reserved-opcodes");
    uint64_t console = rt_capset_need("console", CAPOS_CONSOLE_ID);

    check_every_opcode();
    check_reserved_with_content();
    check_unused_fields(console);
    check_call_fields(console);
    return demo_end();
}
