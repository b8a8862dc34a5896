// SPDX-License-Identifier: MIT
/*
 * Both methods of the Console, and every way to get a call to it wrong, each with
 * its exact code. A refused call has no effect: the text of those that are refused
 * must never be seen.
 */
#include <abi/layout.h>
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <rt/string.h>
#include <support/check.h>
#include <support/raw.h>

#define UNSEEN        "console-paths: MUST NOT BE SEEN"

#define PAGE          ((uint64_t)USER_PAGE_BYTES)
#define UNMAPPED      (USER_MAP_BASE + 16 * PAGE)
#define KERNEL        0xffff800000001000ull
#define KERNEL_TOP    0xfffffffffffff000ull
#define NON_CANONICAL 0x0000800000000000ull
#define READ_ONLY     USER_CAPSET_VADDR

static struct rt_ring *ring;
static struct capos_console console;
static struct raw_message message;

/* A call that would succeed, and be seen, if a test did not spoil it. */
static struct cap_sqe unseen_line(void)
{
    return raw_console_line(console.id, &message, UNSEEN, sizeof UNSEEN - 1);
}

static void check_both_methods(void)
{
    static const char text[] = "console-paths: bytes as they are, \xc3\xa9 and \xff\n";

    CHECK(rt_ok(capos_console_write_line(ring, console, CAPNP_TEXT("console-paths: a line"))));
    CHECK(rt_ok(capos_console_write_line(ring, console,
                                         CAPNP_TEXT("console-paths: z\xc3\xbc \xe2\x86\x92 "
                                                    "\xf0\x9f\x98\x80"))));
    struct capnp_data data = {.ptr = (const uint8_t *)text, .len = sizeof text - 1};
    CHECK(rt_ok(capos_console_write(ring, console, data)));
}

static void check_lengths(void)
{
    static char blank[CAP_CONSOLE_WRITE_MAX + 1];
    struct cap_sqe sqe;

    memset(blank, '\r', sizeof blank); /* moves nothing on a terminal */
    sqe = raw_console_write(console.id, &message, blank, CAP_CONSOLE_WRITE_MAX);
    CHECK_EQ(raw_result(ring, &sqe), 0);
    sqe = raw_console_line(console.id, &message, blank, CAP_CONSOLE_WRITE_MAX);
    CHECK_EQ(raw_result(ring, &sqe), 0);

    sqe = raw_console_write(console.id, &message, blank, CAP_CONSOLE_WRITE_MAX + 1);
    CHECK_EQ(raw_exception(ring, &sqe), CAP_EXC_INVALID_ARGUMENT);
    sqe = raw_console_line(console.id, &message, blank, CAP_CONSOLE_WRITE_MAX + 1);
    CHECK_EQ(raw_exception(ring, &sqe), CAP_EXC_INVALID_ARGUMENT);

    sqe = raw_console_write(console.id, &message, NULL, 0);
    CHECK_EQ(raw_result(ring, &sqe), 0);
    sqe.params_len = 0; /* no message at all is a struct of defaults */
    CHECK_EQ(raw_result(ring, &sqe), 0);
    sqe.params_addr = 0;
    CHECK_EQ(raw_result(ring, &sqe), 0);

    sqe = raw_console_write(console.id, &message, NULL, 0);
    sqe.params_len = CAP_KERNEL_MESSAGE_MAX; /* what lies behind the message is not read */
    CHECK_EQ(raw_result(ring, &sqe), 0);
}

static void check_utf8(void)
{
    static const char *const bad[] = {
        "\x80",             /* a continuation alone */
        "a\xc3",            /* cut short */
        "\xc3\x28",         /* no continuation */
        "\xc0\xaf",         /* longer than need be */
        "\xe0\x80\xaf",     /* likewise */
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf8\x88\x80\x80\x80",
        "\xff",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cap_sqe sqe = raw_console_line(console.id, &message, bad[i], strlen(bad[i]));
        CHECK_EQ(raw_exception(ring, &sqe), CAP_EXC_INVALID_ARGUMENT);
    }
}

/* A place for a buffer of n bytes that no call may use. */
struct bad_buffer {
    uint64_t addr;
    uint32_t len;
};

static const struct bad_buffer unreachable[] = {
    {UNMAPPED, 64},
    {0, 64},
    {8, 8},
    {USER_BASE - 8, 64},
    {USER_STACK_TOP, 64},
    {USER_STACK_TOP - 8, 16},                    /* straddles the end of the stack */
    {USER_STACK_TOP - USER_STACK_BYTES - 8, 16}, /* and its beginning */
    {USER_RING_VADDR - 8, 16},
    {USER_END - 8, 8},
    {USER_END - 8, 16},
    {USER_END, 64},
    {NON_CANONICAL - 8, 16},
    {NON_CANONICAL, 64},
    {NON_CANONICAL + PAGE, 64},
    {0xffff7ffffffffff8, 16}, /* non-canonical into the kernel's half */
    {KERNEL, 64},
    {KERNEL_TOP, 64},
    {0xffffffff80000000, 64},
    {0xfffffffffffffff8, 8},
    {0xfffffffffffffff8, 16}, /* wraps around */
    {0xfffffffffffffff8, CAP_KERNEL_MESSAGE_MAX},
};

#define UNREACHABLE (sizeof unreachable / sizeof *unreachable)

static void check_params_places(void)
{
    for (size_t i = 0; i < UNREACHABLE; i++) {
        struct cap_sqe sqe = unseen_line();
        sqe.params_addr = unreachable[i].addr;
        sqe.params_len = unreachable[i].len;
        CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_PARAMS);
    }

    /* The last bytes of the ring region are there, what follows is not. */
    struct cap_sqe sqe = unseen_line();
    sqe.params_addr = USER_RING_VADDR + ring->header->region_bytes - 8u;
    sqe.params_len = 16;
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_PARAMS);

    /* Memory that can only be read will do for parameters: it is looked at, and is no message. */
    sqe.params_addr = READ_ONLY;
    sqe.params_len = 64;
    CHECK_EQ(raw_exception(ring, &sqe), CAP_EXC_INVALID_ARGUMENT);
}

static void check_params_shape(void)
{
    for (uint64_t skew = 1; skew < 8; skew++) {
        struct cap_sqe sqe = unseen_line();
        sqe.params_addr += skew;
        CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_PARAMS);
        sqe = unseen_line();
        sqe.params_len -= (uint32_t)skew;
        CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_PARAMS);
    }

    static const uint32_t too_long[] = {CAP_KERNEL_MESSAGE_MAX + 8,
                                        CAP_MESSAGE_MAX,
                                        CAP_MESSAGE_MAX + 8,
                                        0x7ffffff8,
                                        0x80000000,
                                        0xfffffff8};
    for (size_t i = 0; i < sizeof too_long / sizeof *too_long; i++) {
        struct cap_sqe sqe = unseen_line();
        sqe.params_len = too_long[i];
        CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_PARAMS);
    }
}

/*
 * Neither method has results; what is offered for them is checked all the same,
 * before any effect.
 */
static void check_result_buffers(void)
{
    static uint64_t writable[CAP_MESSAGE_MAX / 8u];
    struct cap_sqe sqe;

    for (size_t i = 0; i < UNREACHABLE; i++) {
        sqe = unseen_line();
        sqe.result_addr = unreachable[i].addr;
        sqe.result_len = unreachable[i].len;
        CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_RESULT);
    }
    static const uint64_t read_only[] = {READ_ONLY, USER_IMAGE_BASE};
    for (size_t i = 0; i < sizeof read_only / sizeof *read_only; i++) {
        sqe = unseen_line();
        sqe.result_addr = read_only[i];
        sqe.result_len = 64;
        CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_RESULT);
    }
    for (uint64_t skew = 1; skew < 8; skew++) {
        sqe = unseen_line();
        sqe.result_addr = (uintptr_t)writable + skew;
        sqe.result_len = 64;
        CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_RESULT);
        sqe.result_addr = (uintptr_t)writable;
        sqe.result_len = 64 + (uint32_t)skew;
        CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_RESULT);
    }
    sqe = unseen_line();
    sqe.result_addr = (uintptr_t)writable;
    sqe.result_len = CAP_ROOM_MAX + 8;
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_RESULT);

    sqe = raw_console_write(console.id, &message, NULL, 0);
    sqe.result_addr = (uintptr_t)writable;
    for (uint32_t len = 0; len <= CAP_KERNEL_MESSAGE_MAX + 8u; len += 8u * 37u) {
        sqe.result_len = len;
        CHECK_EQ(raw_result(ring, &sqe), 0);
    }
    sqe.result_len = CAP_MESSAGE_MAX;
    CHECK_EQ(raw_result(ring, &sqe), 0);
    CHECK_EQ(writable[0], 0); /* no result, so nothing was written */
}

static void check_targets(void)
{
    static const uint64_t interfaces[] = {CAPOS_NULL_CAP_ID, 0, ~0ull, CAPOS_CONSOLE_ID + 1};
    struct cap_sqe sqe;

    for (size_t i = 0; i < sizeof interfaces / sizeof *interfaces; i++) {
        sqe = unseen_line();
        sqe.interface_id = interfaces[i];
        CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_WRONG_INTERFACE);
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        sqe = unseen_line();
        sqe.cap_id ^= 1ull << bit;
        CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_INVOKE_FAILED);
    }
    sqe = unseen_line();
    sqe.cap_id = CAP_ID_NONE;
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_INVOKE_FAILED);

    sqe = unseen_line();
    sqe.cap_count = 1;
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_TRANSFER);
}

/* The exception travels in the flags, and its text in the buffer where there is room for it. */
static void check_exceptions(void)
{
    static const uint16_t methods[] = {CAPOS_CONSOLE_METHOD_COUNT, 7, 0x7fff, 0x8000, 0xffff};
    uint64_t text[32] = {0};

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct cap_sqe sqe = unseen_line();
        sqe.method_id = methods[i];
        struct cap_cqe cqe = raw_complete(ring, &sqe);
        CHECK_EQ(cqe.result, CAP_ERR_EXCEPTION);
        CHECK_EQ(cqe.flags, CAP_EXC_UNIMPLEMENTED | CAP_CQE_F_TRUNCATED);
        CHECK_EQ(cqe.detail, 0);

        sqe.result_addr = (uintptr_t)text;
        sqe.result_len = 8;
        cqe = raw_complete(ring, &sqe);
        CHECK_EQ(cqe.flags, CAP_EXC_UNIMPLEMENTED | CAP_CQE_F_TRUNCATED);
        CHECK_EQ(cqe.detail, 0);
        CHECK_EQ(text[0], 0);

        sqe.result_len = sizeof text;
        cqe = raw_complete(ring, &sqe);
        CHECK_EQ(cqe.result, CAP_ERR_EXCEPTION);
        CHECK_EQ(cqe.flags, CAP_EXC_UNIMPLEMENTED);
        CHECK(cqe.detail > 0 && cqe.detail <= sizeof text);

        struct capnp_message m;
        CHECK(capnp_message_open_flat(&m, text, cqe.detail));
        struct capos_exception e = capos_exception_read_root(&m);
        CHECK(capos_exception_check(e));
        CHECK_EQ(capos_exception_get_type(e), CAPOS_EXCEPTION_TYPE_UNIMPLEMENTED);
        CHECK(capos_exception_get_reason(e).len > 10);
        memset(text, 0, sizeof text);
    }
}

/*
 * Messages that are none. Word 0 of writeLine's is the pointer to the struct, word
 * 1 the pointer to the text, the bytes of the text follow.
 */
static void check_malformed(void)
{
    static const struct {
        uint32_t word;
        uint64_t value;
    } spoilt[] = {
        {0, 0x0001000000000001}, /* the root is a list */
        {0, 0x0000000000000002}, /* a far pointer, to itself */
        {0, 0x0000000700000002}, /* to a segment that is not there */
        {0, 0x0000000000000003}, /* a capability */
        {0, 0x0001000000000190}, /* a struct behind the end */
        {0, 0x00010000fffffff8}, /* a struct before the beginning */
        {0, 0xffff0000ffff0000}, /* larger than the message */
        {1, 0x0001000000000000}, /* the text is a struct */
        {1, 0x000000fa00000191}, /* behind the end */
        {1, 0x000000fafffffff1}, /* before the beginning */
        {1, 0xfffffffa00000001}, /* longer than the message */
        {1, 0x0000001a00000001}, /* cut before its NUL */
        {1, 0x0000000d00000001}, /* a list of words */
        {1, 0x0000001900000001}, /* a list of bits */
        {1, 0x0000000000000003}, /* a capability */
        {1, 0x0000000000000006}, /* a far pointer, to itself */
    };

    for (size_t i = 0; i < sizeof spoilt / sizeof *spoilt; i++) {
        struct cap_sqe sqe = unseen_line();
        message.words[spoilt[i].word] = spoilt[i].value;
        CHECK_EQ(raw_exception(ring, &sqe), CAP_EXC_INVALID_ARGUMENT);
    }
    struct cap_sqe sqe = unseen_line();
    for (uint32_t len = 8; len < message.bytes; len += 8) {
        sqe.params_len = len; /* the rest is missing */
        CHECK_EQ(raw_exception(ring, &sqe), CAP_EXC_INVALID_ARGUMENT);
    }
}

int main(void)
{
    ring = demo_begin("console-paths");
    console.id = rt_capset_need("console", CAPOS_CONSOLE_ID);

    check_both_methods();
    check_lengths();
    check_utf8();
    check_params_places();
    check_params_shape();
    check_result_buffers();
    check_targets();
    check_exceptions();
    check_malformed();
    return demo_end();
}
