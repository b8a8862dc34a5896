// SPDX-License-Identifier: MIT
/*
 * Entries that are malformed, ids that are not valid, and buffers at every kind of bad
 * place: tables, each row with its name and its code.
 */
#include "play.h"

#include <abi/layout.h>
#include <capos.capnp.h>
#include <rt/string.h>

#define PAGE     ((uint64_t)USER_PAGE_BYTES)
#define FIELD(f) offsetof(struct cap_sqe, f), sizeof(((struct cap_sqe *)0)->f)

/* One field of an entry set to one value. */
struct spoil {
    const char *name;
    size_t offset;
    size_t bytes;
    uint64_t value;
    int32_t code;
};

static struct cap_sqe spoilt(struct cap_sqe sqe, const struct spoil *spoil)
{
    memcpy((uint8_t *)&sqe + spoil->offset, &spoil->value, spoil->bytes); /* little endian */
    return sqe;
}

static void check_spoils(struct cap_sqe right, const struct spoil spoils[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        play_check_now(__LINE__, spoils[i].name, spoilt(right, &spoils[i]), spoils[i].code);
    }
}

/* Each bit of a field in turn is refused as a malformed entry. */
static void check_bits(struct cap_sqe right, size_t offset, size_t bytes, const char *name)
{
    for (size_t bit = 0; bit < 8u * bytes; bit++) {
        struct spoil spoil = {name, offset, bytes, 1ull << bit, CAP_ERR_INVALID_REQUEST};
        play_check_now(__LINE__, name, spoilt(right, &spoil), spoil.code);
    }
}

/* ---------------------------------------------------------------------------
 * Places */

struct place {
    const char *name;
    uint64_t address;
    uint32_t len;
};

static uint64_t region_end;
static uint64_t mapped;   /* one page, the next is not mapped */
static uint64_t readonly; /* one page */

/* Aligned and of a length that there may be, and yet no place for a result. */
static uint32_t list_unwritable(struct place places[])
{
    const struct place all[] = {
        {"null", 0, 64},
        {"first page", 8, 64},
        {"text", USER_IMAGE_BASE, 64},
        {"CapSet page", USER_CAPSET_VADDR, 64},
        {"into the CapSet page", USER_CAPSET_VADDR - 32, 64},
        {"behind the ring region", region_end, 64},
        {"straddling the region's end", region_end - 32, 64},
        {"below the stack", USER_STACK_TOP - USER_STACK_BYTES - 64, 64},
        {"straddling the stack's low end", USER_STACK_TOP - USER_STACK_BYTES - 32, 64},
        {"straddling the stack's high end", USER_STACK_TOP - 32, 64},
        {"page that was made read-only", readonly, 64},
        {"page behind a mapping", mapped + PAGE, 64},
        {"straddling a mapping's end", mapped + PAGE - 32, 64},
        {"the largest room from a small mapping", mapped, CAP_ROOM_MAX},
        {"unmapped", 0x7000000000ull, 64},
        {"last user address", USER_END - 64, 64},
        {"straddling the user's end", USER_END - 32, 64},
        {"behind the user's end", USER_END, 64},
        {"non-canonical", 0x0000800000000000ull, 64},
        {"direct map", 0xffff800000001000ull, 64},
        {"kernel image", 0xffffffff80200000ull, 64},
        {"last page", 0xfffffffffffff000ull, 64},
        {"wrapping round", 0xffffffffffffffe0ull, 64},
        {"wrapping round with the largest room", 0xfffffffffffffff8ull, CAP_ROOM_MAX},
    };

    memcpy(places, all, sizeof all);
    return sizeof all / sizeof *all;
}

#define PLACES_MAX 32u

/* Those of them that cannot be read either. */
static uint32_t list_unreadable(struct place places[])
{
    struct place all[PLACES_MAX];
    uint32_t n = list_unwritable(all);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < n; i++) {
        bool readable = all[i].address == USER_IMAGE_BASE || all[i].address == readonly ||
                        all[i].address == USER_CAPSET_VADDR;
        if (!readable) {
            places[kept] = all[i];
            places[kept].len = all[i].len > CAP_MESSAGE_MAX ? CAP_MESSAGE_MAX : all[i].len;
            kept++;
        }
    }
    return kept;
}

/* Shapes that no buffer may have: for results, and for parameters. */
static void check_shapes(struct cap_sqe right, size_t address, size_t len, uint64_t most,
                         int32_t code)
{
    const struct spoil spoils[] = {
        {"address off by one", address, 8, play_at(play_answer->bytes) + 1, code},
        {"address off by four", address, 8, play_at(play_answer->bytes) + 4, code},
        {"address off by four, in the area", address, 8, play_at(play_ring->area) + 4, code},
        {"length off by one", len, 4, 65, code},
        {"length off by four", len, 4, 68, code},
        {"length one word too large", len, 4, most + 8, code},
        {"length of 2^31", len, 4, 0x80000000u, code},
        {"length of 2^32 − 8", len, 4, 0xfffffff8u, code},
        {"length of 2^32 − 1", len, 4, 0xffffffffu, code},
    };

    check_spoils(right, spoils, sizeof spoils / sizeof *spoils);
}

#define RESULT FIELD(result_addr)

/* ---------------------------------------------------------------------------
 * Ids that no entry accepts where it wants one of another kind */

static uint64_t owner;
static uint64_t client;
static uint64_t stale;

static void check_ids(struct cap_sqe right)
{
    const struct spoil spoils[] = {
        {"null id", FIELD(cap_id), CAP_ID_NONE, CAP_ERR_INVOKE_FAILED},
        {"stale id", FIELD(cap_id), stale, CAP_ERR_INVOKE_FAILED},
        {"next generation", FIELD(cap_id), right.cap_id + (1ull << CAP_ID_INDEX_BITS),
         CAP_ERR_INVOKE_FAILED},
        {"generation before", FIELD(cap_id), right.cap_id - (1ull << CAP_ID_INDEX_BITS),
         CAP_ERR_INVOKE_FAILED},
        {"index alone", FIELD(cap_id), right.cap_id & ((1u << CAP_ID_INDEX_BITS) - 1u),
         CAP_ERR_INVOKE_FAILED},
        {"index behind the table", FIELD(cap_id), right.cap_id + CAP_SLOTS_MAX,
         CAP_ERR_INVOKE_FAILED},
        {"all ones", FIELD(cap_id), ~0ull, CAP_ERR_INVOKE_FAILED},
        {"another's, or nobody's", FIELD(cap_id), 0xfffff00000ull, CAP_ERR_INVOKE_FAILED},
    };

    check_spoils(right, spoils, sizeof spoils / sizeof *spoils);
}

/* ---------------------------------------------------------------------------
 * Opcode by opcode */

static void check_recv(void)
{
    struct cap_sqe right = play_recv(owner, 64, 1);
    struct place places[PLACES_MAX];

    check_bits(right, FIELD(cap_count), "RECV: cap_count");
    check_bits(right, FIELD(flags), "RECV: flags");
    check_bits(right, FIELD(method_id), "RECV: method_id");
    check_bits(right, FIELD(pointer_index), "RECV: pointer_index");
    check_bits(right, FIELD(interface_id), "RECV: interface_id");
    check_bits(right, FIELD(params_addr), "RECV: params_addr");
    check_bits(right, FIELD(params_len), "RECV: params_len");
    check_bits(right, FIELD(reserved), "RECV: reserved");
    check_ids(right);
    const struct spoil spoils[] = {
        {"RECV: cap_room of 65", FIELD(cap_room), CAP_TRANSFER_MAX + 1u, CAP_ERR_INVALID_REQUEST},
        {"RECV: cap_room of 2^32 − 1", FIELD(cap_room), ~0u, CAP_ERR_INVALID_REQUEST},
        {"RECV: of a client facet", FIELD(cap_id), client, CAP_ERR_WRONG_INTERFACE},
        {"RECV: of a Console", FIELD(cap_id), play_console, CAP_ERR_WRONG_INTERFACE},
        {"RECV: of an EndpointFactory", FIELD(cap_id), play_factory, CAP_ERR_WRONG_INTERFACE},
        {"RECV: no room", FIELD(result_len), 0, CAP_ERR_BAD_RESULT},
        {"RECV: room of a word", FIELD(result_len), 8, CAP_ERR_BAD_RESULT},
        {"RECV: room a word short of the header", FIELD(result_len), 24, CAP_ERR_BAD_RESULT},
    };
    check_spoils(right, spoils, sizeof spoils / sizeof *spoils);
    check_shapes(right, offsetof(struct cap_sqe, result_addr), offsetof(struct cap_sqe, result_len),
                 CAP_ROOM_MAX, CAP_ERR_BAD_RESULT);
    for (uint32_t i = list_unwritable(places); i-- != 0;) {
        struct cap_sqe sqe = right;
        sqe.result_addr = places[i].address;
        sqe.result_len = places[i].len;
        play_check_now(__LINE__, places[i].name, sqe, CAP_ERR_BAD_RESULT);
    }
    play_quiet();
}

/* An entry that is refused before its parameters are looked at. */
static void check_call_fields(void)
{
    struct cap_sqe right = play_call(client, 64, 64);
    struct place places[PLACES_MAX];

    check_bits(right, FIELD(pointer_index), "CALL: pointer_index");
    check_bits(right, FIELD(reserved), "CALL: reserved");
    check_ids(right);
    for (unsigned bit = 1; bit < 16; bit++) {
        struct spoil spoil = {"CALL: flags", FIELD(flags), 1u << bit, CAP_ERR_INVALID_REQUEST};
        play_check_now(__LINE__, spoil.name, spoilt(right, &spoil), spoil.code);
    }
    const struct spoil spoils[] = {
        {"CALL: pipelined", FIELD(flags), CAP_SQE_F_PIPELINE, CAP_ERR_UNSUPPORTED_OPCODE},
        {"CALL: cap_room of 65", FIELD(cap_room), CAP_TRANSFER_MAX + 1u, CAP_ERR_INVALID_REQUEST},
        {"CALL: cap_room of 2^32 − 1", FIELD(cap_room), ~0u, CAP_ERR_INVALID_REQUEST},
        {"CALL: the owner facet as a client", FIELD(cap_id), owner, CAP_ERR_WRONG_INTERFACE},
        {"CALL: a Console as a client", FIELD(cap_id), play_console, CAP_ERR_WRONG_INTERFACE},
        {"CALL: 65 descriptors", FIELD(cap_count), CAP_TRANSFER_MAX + 1u, CAP_ERR_BAD_TRANSFER},
        {"CALL: 255 descriptors", FIELD(cap_count), 255, CAP_ERR_BAD_TRANSFER},
    };
    check_spoils(right, spoils, sizeof spoils / sizeof *spoils);
    check_shapes(right, offsetof(struct cap_sqe, params_addr), offsetof(struct cap_sqe, params_len),
                 CAP_MESSAGE_MAX, CAP_ERR_BAD_PARAMS);
    check_shapes(right, offsetof(struct cap_sqe, result_addr), offsetof(struct cap_sqe, result_len),
                 CAP_ROOM_MAX, CAP_ERR_BAD_RESULT);
    for (uint32_t i = list_unwritable(places); i-- != 0;) {
        struct cap_sqe sqe = right;
        sqe.result_addr = places[i].address;
        sqe.result_len = places[i].len;
        play_check_now(__LINE__, places[i].name, sqe, CAP_ERR_BAD_RESULT);
    }
    play_quiet();
}

/* Where two rules are broken, the first in the order of docs/abi.md decides. */
static void check_order(void)
{
    struct cap_sqe sqe = play_call(client, 64, 64);

    sqe.cap_count = CAP_TRANSFER_MAX + 1u;
    sqe.result_addr = USER_CAPSET_VADDR;
    play_now(sqe, CAP_ERR_BAD_RESULT);
    sqe.params_addr = 4;
    play_now(sqe, CAP_ERR_BAD_PARAMS);
    sqe.cap_id = play_console;
    play_now(sqe, CAP_ERR_WRONG_INTERFACE);
    sqe.cap_id = stale;
    play_now(sqe, CAP_ERR_INVOKE_FAILED);
    sqe.cap_room = CAP_TRANSFER_MAX + 1u;
    play_now(sqe, CAP_ERR_INVALID_REQUEST);
}

/*
 * Parameters are read when the call is received: to whoever receives it nothing
 * happens, whether the receiver was there first or not.
 */
static void check_call_params(void)
{
    struct place places[PLACES_MAX];

    for (uint32_t i = list_unreadable(places); i-- != 0;) {
        struct cap_sqe sqe = play_call(client, places[i].len, 64);
        sqe.params_addr = places[i].address;
        play_push(play_recv(owner, CAP_ROOM_MAX, 0), 2);
        play_check_now(__LINE__, places[i].name, sqe, CAP_ERR_BAD_PARAMS);
        play_pending(2);
        play_now(play_cancel(2), 0);
        play_result(2, CAP_ERR_CANCELED);

        play_push(sqe, 1);
        play_pending(1);
        play_push(play_recv(owner, CAP_ROOM_MAX, 0), 2);
        play_result(1, CAP_ERR_BAD_PARAMS);
        play_pending(2);
        play_now(play_cancel(2), 0);
        play_result(2, CAP_ERR_CANCELED);

        if (places[i].len <= sizeof(struct cap_transfer) * 2u) {
            sqe.params_len = 0;
            sqe.cap_count = 2;
            play_check_now(__LINE__, places[i].name, sqe, CAP_ERR_BAD_PARAMS);
        }
    }
    play_quiet();
}

/* A call in service stays in service, whatever malformed answer there is to it. */
static void check_return(void)
{
    struct place places[PLACES_MAX];

    play_push(play_call(client, 64, 64), 1);
    play_push(play_recv(owner, 128, 0), 2);
    uint64_t id = play_received(2, 64, 0);
    struct cap_sqe right = play_return(id, 64);

    check_bits(right, FIELD(pointer_index), "RETURN: pointer_index");
    check_bits(right, FIELD(cap_id), "RETURN: cap_id");
    check_bits(right, FIELD(result_addr), "RETURN: result_addr");
    check_bits(right, FIELD(result_len), "RETURN: result_len");
    check_bits(right, FIELD(cap_room), "RETURN: cap_room");
    check_bits(right, FIELD(reserved), "RETURN: reserved");
    check_bits(right, FIELD(method_id), "RETURN: method_id without F_EXCEPTION");
    for (unsigned bit = 0; bit < 16; bit++) {
        uint16_t flag = (uint16_t)(1u << bit);
        if (flag != CAP_SQE_F_EXCEPTION && flag != CAP_SQE_F_AGAIN) {
            struct spoil spoil = {"RETURN: flags", FIELD(flags), flag, CAP_ERR_INVALID_REQUEST};
            play_check_now(__LINE__, spoil.name, spoilt(right, &spoil), spoil.code);
        }
    }
    struct cap_sqe exception = right;
    exception.flags = CAP_SQE_F_EXCEPTION;
    for (unsigned type = CAP_EXC_INVALID_ARGUMENT + 1u; type <= UINT16_MAX; type += 0xff3u) {
        exception.method_id = (uint16_t)type;
        play_check_now(__LINE__, "RETURN: exception type", exception, CAP_ERR_INVALID_REQUEST);
    }
    exception.method_id = CAP_EXC_FAILED;
    exception.cap_count = 1;
    play_check_now(__LINE__, "RETURN: exception with a capability", exception,
                   CAP_ERR_INVALID_REQUEST);

    const struct spoil spoils[] = {
        {"RETURN: null call id", FIELD(interface_id), 0, CAP_ERR_NOT_FOUND},
        {"RETURN: next generation", FIELD(interface_id), id + 0x10000u, CAP_ERR_NOT_FOUND},
        {"RETURN: generation before", FIELD(interface_id), id - 0x10000u, CAP_ERR_NOT_FOUND},
        {"RETURN: another record", FIELD(interface_id), id ^ 1u, CAP_ERR_NOT_FOUND},
        {"RETURN: no such record", FIELD(interface_id), id | 0xffffu, CAP_ERR_NOT_FOUND},
        {"RETURN: all ones", FIELD(interface_id), ~0ull, CAP_ERR_NOT_FOUND},
        {"RETURN: 65 descriptors", FIELD(cap_count), CAP_TRANSFER_MAX + 1u, CAP_ERR_BAD_TRANSFER},
        {"RETURN: 255 descriptors", FIELD(cap_count), 255, CAP_ERR_BAD_TRANSFER},
    };
    check_spoils(right, spoils, sizeof spoils / sizeof *spoils);
    check_shapes(right, offsetof(struct cap_sqe, params_addr), offsetof(struct cap_sqe, params_len),
                 CAP_MESSAGE_MAX, CAP_ERR_BAD_PARAMS);
    for (uint32_t i = list_unreadable(places); i-- != 0;) {
        struct cap_sqe sqe = right;
        if (places[i].len > sqe.params_len) {
            continue; /* the answer would not reach to where it is bad */
        }
        sqe.params_addr = places[i].address;
        play_check_now(__LINE__, places[i].name, sqe, CAP_ERR_BAD_PARAMS);
        sqe.flags = CAP_SQE_F_AGAIN;
        play_check_now(__LINE__, places[i].name, sqe, CAP_ERR_BAD_PARAMS);
        sqe.flags = CAP_SQE_F_EXCEPTION;
        play_check_now(__LINE__, places[i].name, sqe, CAP_ERR_BAD_PARAMS);
        sqe.flags = CAP_SQE_F_NONE;
        sqe.params_len = 0;
        sqe.cap_count = 2; /* as long as what is tried here */
        play_check_now(__LINE__, places[i].name, sqe, CAP_ERR_BAD_PARAMS);
    }
    play_pending(1);
    play_now(right, 0);
    play_result(1, 64);
    play_quiet();
}

static void check_cancel(void)
{
    struct cap_sqe right = play_cancel(99);

    check_bits(right, FIELD(cap_count), "CANCEL: cap_count");
    check_bits(right, FIELD(flags), "CANCEL: flags");
    check_bits(right, FIELD(method_id), "CANCEL: method_id");
    check_bits(right, FIELD(pointer_index), "CANCEL: pointer_index");
    check_bits(right, FIELD(cap_id), "CANCEL: cap_id");
    check_bits(right, FIELD(interface_id), "CANCEL: interface_id");
    check_bits(right, FIELD(result_addr), "CANCEL: result_addr");
    check_bits(right, FIELD(params_len), "CANCEL: params_len");
    check_bits(right, FIELD(result_len), "CANCEL: result_len");
    check_bits(right, FIELD(cap_room), "CANCEL: cap_room");
    check_bits(right, FIELD(reserved), "CANCEL: reserved");
    play_now(right, CAP_ERR_NOT_FOUND);
    play_now(play_cancel(0), CAP_ERR_NOT_FOUND);
    play_now(play_cancel(~0ull), CAP_ERR_NOT_FOUND);
}

/* The owner facet as an ordinary object, and the factory. */
static void check_objects(void)
{
    struct cap_sqe sqe = {.opcode = CAP_OP_CALL,
                          .cap_id = owner,
                          .interface_id = CAPOS_ENDPOINT_ID,
                          .method_id = CAPOS_ENDPOINT_METHOD_COUNT};

    play_push(sqe, 1);
    play_refused(1, CAP_EXC_UNIMPLEMENTED);
    sqe.cap_id = play_factory;
    play_now(sqe, CAP_ERR_WRONG_INTERFACE);
    sqe.interface_id = CAPOS_ENDPOINT_FACTORY_ID;
    play_push(sqe, 1);
    play_refused(1, CAP_EXC_UNIMPLEMENTED);
    sqe.method_id = CAPOS_ENDPOINT_FACTORY_CREATE;
    sqe.result_addr = play_at(play_answer->bytes);
    play_check_now(__LINE__, "create: no room at all", sqe, CAP_ERR_BAD_RESULT);
    sqe.result_len = 64;
    play_check_now(__LINE__, "create: no room for a capability", sqe, CAP_ERR_BAD_RESULT);
    sqe.cap_room = 1;
    sqe.result_len = 16;
    play_check_now(__LINE__, "create: no room for the record", sqe, CAP_ERR_BAD_RESULT);
    CHECK_EQ(play_mint(owner, 1, 0), CAP_ID_NONE);
    CHECK_EQ(play_mint(owner, 1, CAPOS_ENDPOINT_ID), CAP_ID_NONE);
}

void act_shapes(void)
{
    region_end = USER_RING_VADDR + play_ring->header->region_bytes;
    readonly = play_map(1);
    play_make_readonly(readonly, 1);
    mapped = play_map(2);
    play_unmap(mapped + PAGE, 1);
    owner = play_endpoint();
    client = play_client(owner);
    stale = play_client(owner);
    play_drop(stale);

    check_recv();
    check_call_fields();
    check_order();
    check_call_params();
    check_return();
    check_cancel();
    check_objects();

    play_drop(client);
    play_drop(owner);
    play_unmap(mapped, 1);
    play_unmap(readonly, 1);
    play_quiet();
}
