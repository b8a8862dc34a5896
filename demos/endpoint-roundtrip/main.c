// SPDX-License-Identifier: MIT
/*
 * Both sides of an endpoint in one process: a call is received, answered, and completes
 * once with that answer, and so it does when something goes wrong at any point between.
 * Wrong call ids, answers that do not fit, parties that give up, capabilities that are
 * locked, an owner that goes while calls wait: each has its one code, and whatever
 * was queued is cleaned up, at the latest by the end of the process, which leaves some
 * of everything behind.
 *
 * The kernel passes messages on unread, so they are mere words here.
 */
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <rt/string.h>
#include <support/check.h>
#include <support/raw.h>
#include <support/usage.h>

#define KIND        0xec40u /* the interface that clients are told they have */
#define METHOD      7u
#define GIVE_MAX    4u
#define ROOM_WORDS  32u
#define PARTIES_MAX 18u

/* One entry in flight that is a CALL or a RECV, with its memory. */
struct party {
    uint64_t sent[1 + GIVE_MAX * sizeof(struct cap_transfer) / 8];
    union {
        struct cap_message_header header; /* of what was received; a word follows it */
        uint64_t words[ROOM_WORDS];
    } room;
};

static struct rt_ring *ring;
static struct party callers[PARTIES_MAX];
static struct party receivers[PARTIES_MAX];
static unsigned proved; /* hostile cases that have held */

static void hostile(const char *name)
{
    demo_case(name);
    proved++;
}

static uint64_t name_of(const struct party *party)
{
    return (uintptr_t)party;
}

/* ---------------------------------------------------------------------------
 * Entries */

static struct cap_sqe call_entry(struct party *caller, uint64_t client, uint64_t word)
{
    caller->sent[0] = word;
    return (struct cap_sqe){
        .opcode = CAP_OP_CALL,
        .method_id = METHOD,
        .cap_id = client,
        .interface_id = KIND,
        .params_addr = (uintptr_t)caller->sent,
        .params_len = sizeof caller->sent[0],
        .result_addr = (uintptr_t)caller->room.words,
        .result_len = sizeof caller->room,
        .user_data = name_of(caller),
        .cap_room = GIVE_MAX,
    };
}

/* Queues a call with one word of parameters. */
static void call(struct party *caller, uint64_t client, uint64_t word)
{
    struct cap_sqe sqe = call_entry(caller, client, word);

    raw_send(ring, &sqe);
}

/* The same, with a capability. */
static void call_giving(struct party *caller, uint64_t client, uint64_t word,
                        struct cap_transfer give)
{
    struct cap_sqe sqe = call_entry(caller, client, word);

    memcpy(&caller->sent[1], &give, sizeof give);
    sqe.cap_count = 1;
    raw_send(ring, &sqe);
}

static struct cap_sqe receive_entry(struct party *receiver, uint64_t owner)
{
    return (struct cap_sqe){
        .opcode = CAP_OP_RECV,
        .cap_id = owner,
        .result_addr = (uintptr_t)receiver->room.words,
        .result_len = sizeof receiver->room,
        .user_data = name_of(receiver),
        .cap_room = GIVE_MAX,
    };
}

static void receive(struct party *receiver, uint64_t owner)
{
    struct cap_sqe sqe = receive_entry(receiver, owner);

    raw_send(ring, &sqe);
}

static struct cap_record *record_of(struct party *receiver)
{
    return (struct cap_record *)(void *)((uint8_t *)(&receiver->room.header + 1) +
                                         receiver->room.header.params_len);
}

/* Waits for a call with this word and badge and so many capabilities; gives its id. */
static uint64_t receive_done(struct party *receiver, uint64_t word, uint64_t badge, unsigned caps)
{
    struct cap_cqe cqe = raw_await(ring, name_of(receiver));
    const struct cap_message_header *header = &receiver->room.header;

    CHECK_EQ(cqe.result, sizeof *header + sizeof word);
    CHECK_EQ(cqe.flags, 0);
    CHECK_EQ(cqe.cap_count, caps);
    CHECK_EQ(header->interface_id, KIND);
    CHECK_EQ(header->method_id, METHOD);
    CHECK_EQ(header->badge, badge);
    CHECK_EQ(header->cap_count, caps);
    CHECK_EQ(header->params_len, sizeof word);
    CHECK_EQ(header->reserved, 0);
    CHECK_EQ(receiver->room.words[sizeof *header / 8], word);
    CHECK(cqe.detail != 0);
    return cqe.detail;
}

static struct cap_sqe return_entry(const uint64_t *word, uint64_t call_id)
{
    return (struct cap_sqe){
        .opcode = CAP_OP_RETURN,
        .interface_id = call_id,
        .params_addr = (uintptr_t)word,
        .params_len = sizeof *word,
        .user_data = RAW_USER_DATA,
    };
}

/* Submits an entry that completes at once, whatever else it completes. */
static int32_t submit(const struct cap_sqe *sqe)
{
    struct cap_sqe named = *sqe;

    named.user_data = RAW_USER_DATA;
    raw_send(ring, &named);
    return raw_await(ring, RAW_USER_DATA).result;
}

static int32_t answer(uint64_t call_id, uint64_t word)
{
    struct cap_sqe sqe = return_entry(&word, call_id);

    return submit(&sqe);
}

/* Answers with a capability. */
static int32_t answer_giving(uint64_t call_id, struct cap_transfer give)
{
    uint64_t words[1 + sizeof give / 8] = {0};
    struct cap_sqe sqe = return_entry(words, call_id);

    memcpy(&words[1], &give, sizeof give);
    sqe.cap_count = 1;
    return submit(&sqe);
}

static int32_t cancel(const struct party *party)
{
    return submit(&(struct cap_sqe){.opcode = CAP_OP_CANCEL, .params_addr = name_of(party)});
}

static void check_answered(struct party *caller, uint64_t word)
{
    struct cap_cqe cqe = raw_await(ring, name_of(caller));

    CHECK_EQ(cqe.result, sizeof word);
    CHECK_EQ(cqe.flags | cqe.cap_count, 0);
    CHECK_EQ(cqe.detail, 0);
    CHECK_EQ(caller->room.words[0], word);
}

static void check_failed(const struct party *party, int32_t error)
{
    struct cap_cqe cqe = raw_await(ring, name_of(party));

    CHECK_EQ(cqe.result, error);
    CHECK_EQ(cqe.flags | cqe.cap_count, 0);
    CHECK_EQ(cqe.detail, 0);
}

/* A capability that came with the answer. */
static uint64_t check_answered_giving(struct party *caller, uint64_t interface_id)
{
    struct cap_cqe cqe = raw_await(ring, name_of(caller));
    struct cap_record record;

    CHECK_EQ(cqe.result, sizeof(uint64_t));
    CHECK_EQ(cqe.cap_count, 1);
    memcpy(&record, &caller->room.words[1], sizeof record);
    CHECK_EQ(record.interface_id, interface_id);
    return record.cap_id;
}

static void check_excepted(const struct party *party, uint32_t exception)
{
    struct cap_cqe cqe = raw_await(ring, name_of(party));

    CHECK_EQ(cqe.result, CAP_ERR_EXCEPTION);
    CHECK_EQ(cqe.flags & CAP_CQE_F_EXC_MASK, exception);
    CHECK_EQ(cqe.cap_count, 0);
}

static void check_waits(const struct party *party)
{
    CHECK(!raw_has_completed(ring, name_of(party)));
}

static uint64_t make_endpoint(void)
{
    struct capos_endpoint_factory factory = {
        rt_capset_need("endpoints", CAPOS_ENDPOINT_FACTORY_ID)};
    struct capos_endpoint endpoint = {CAP_ID_NONE};

    CHECK_OK(capos_endpoint_factory_create(ring, factory, &endpoint));
    return endpoint.id;
}

static uint64_t mint(uint64_t owner, uint64_t badge)
{
    uint64_t client = CAP_ID_NONE;

    CHECK_OK(capos_endpoint_mint(ring, (struct capos_endpoint){owner}, badge, KIND, &client));
    return client;
}

static void release(uint64_t cap_id)
{
    CHECK_OK(rt_release(ring, cap_id));
}

/* A whole round trip through this client, to show that all is well. */
static void check_works(uint64_t owner, uint64_t client, uint64_t badge)
{
    receive(&receivers[0], owner);
    call(&callers[0], client, 0x1111);
    CHECK_EQ(answer(receive_done(&receivers[0], 0x1111, badge, 0), 0x2222), 0);
    check_answered(&callers[0], 0x2222);
    CHECK_EQ(raw_kept(ring), 0);
}

/* ---------------------------------------------------------------------------
 * Round trips */

static void check_round_trips(uint64_t owner, uint64_t client)
{
    check_works(owner, client, 5);

    demo_case("a call waits for its receiver");
    call(&callers[0], client, 1);
    check_waits(&callers[0]);
    receive(&receivers[0], owner);
    uint64_t id = receive_done(&receivers[0], 1, 5, 0);
    check_waits(&callers[0]);
    CHECK_EQ(answer(id, 2), 0);
    check_answered(&callers[0], 2);

    demo_case("calls are received in the order in which they came");
    for (unsigned i = 0; i < 6; i++) {
        call(&callers[i], client, 10 + i);
    }
    uint64_t ids[6];
    for (unsigned i = 0; i < 6; i++) {
        receive(&receivers[i], owner);
        ids[i] = receive_done(&receivers[i], 10 + i, 5, 0);
    }
    demo_case("and answered in any");
    for (unsigned i = 6; i-- > 0;) {
        CHECK_EQ(answer(ids[i], 20 + i), 0);
        check_answered(&callers[i], 20 + i);
    }

    demo_case("an answer and the next call in one entry");
    uint64_t word = 77;
    receive(&receivers[0], owner);
    call(&callers[0], client, 30);
    id = receive_done(&receivers[0], 30, 5, 0);
    call(&callers[1], client, 31);
    for (unsigned i = 0; i < 3; i++) {
        struct cap_sqe sqe = return_entry(&word, id);
        sqe.flags = CAP_SQE_F_AGAIN;
        sqe.user_data = name_of(&receivers[0]);
        raw_send(ring, &sqe);
        check_answered(&callers[i], 77);
        if (i == 2) {
            break;
        }
        uint64_t next = receive_done(&receivers[0], 31 + i, 5, 0);
        CHECK(next != id);
        CHECK_EQ(answer(id, 0), CAP_ERR_NOT_FOUND);
        id = next;
        call(&callers[i + 2], client, 32 + i);
    }
    CHECK_EQ(cancel(&receivers[0]), CAP_ERR_NOT_FOUND); /* it has received callers[3]'s */
    CHECK_EQ(answer(receive_done(&receivers[0], 33, 5, 0), 78), 0);
    check_answered(&callers[3], 78);
    demo_case(NULL);
}

/* ---------------------------------------------------------------------------
 * Answers that are none */

static void check_call_ids(uint64_t owner, uint64_t client)
{
    receive(&receivers[0], owner);
    call(&callers[0], client, 1);
    uint64_t id = receive_done(&receivers[0], 1, 5, 0);

    hostile("a RETURN to call id 0");
    CHECK_EQ(answer(0, 9), CAP_ERR_NOT_FOUND);
    hostile("a RETURN to an id with one other bit");
    for (unsigned bit = 0; bit < 64; bit++) {
        CHECK_EQ(answer(id ^ 1ull << bit, 9), CAP_ERR_NOT_FOUND);
    }
    hostile("a RETURN to a capability id");
    CHECK_EQ(answer(owner, 9), CAP_ERR_NOT_FOUND);
    check_waits(&callers[0]);
    CHECK_EQ(answer(id, 2), 0);
    check_answered(&callers[0], 2);
    hostile("a second RETURN");
    CHECK_EQ(answer(id, 3), CAP_ERR_NOT_FOUND);
    demo_case(NULL);
}

/* A RETURN that makes no sense leaves the call in service. */
static void check_malformed_returns(uint64_t owner, uint64_t client)
{
    uint64_t words[1 + sizeof(struct cap_transfer) / 8] = {9};

    receive(&receivers[0], owner);
    call(&callers[0], client, 1);
    uint64_t id = receive_done(&receivers[0], 1, 5, 0);
    const struct cap_sqe good = return_entry(words, id);
    struct cap_sqe sqe;

    hostile("a RETURN with flags that it does not know");
    for (unsigned bit = 0; bit < 16; bit++) {
        if ((1u << bit & (CAP_SQE_F_EXCEPTION | CAP_SQE_F_AGAIN)) == 0) {
            sqe = good;
            sqe.flags = (uint16_t)(1u << bit);
            CHECK_EQ(submit(&sqe), CAP_ERR_INVALID_REQUEST);
        }
    }
    hostile("a RETURN with an exception that there is not");
    sqe = good;
    sqe.flags = CAP_SQE_F_EXCEPTION;
    sqe.method_id = CAP_EXC_INVALID_ARGUMENT + 1;
    CHECK_EQ(submit(&sqe), CAP_ERR_INVALID_REQUEST);
    hostile("a RETURN with an exception's type and no exception");
    sqe = good;
    sqe.method_id = CAP_EXC_OVERLOADED;
    CHECK_EQ(submit(&sqe), CAP_ERR_INVALID_REQUEST);
    hostile("a RETURN that names a capability");
    sqe = good;
    sqe.cap_id = owner;
    CHECK_EQ(submit(&sqe), CAP_ERR_INVALID_REQUEST);
    hostile("a RETURN with a buffer for results");
    sqe = good;
    sqe.result_addr = (uintptr_t)words;
    sqe.result_len = 8;
    CHECK_EQ(submit(&sqe), CAP_ERR_INVALID_REQUEST);
    hostile("a RETURN from an odd address");
    sqe = good;
    sqe.params_addr++;
    CHECK_EQ(submit(&sqe), CAP_ERR_BAD_PARAMS);
    hostile("a RETURN from memory that is not there");
    sqe = good;
    sqe.params_addr = 8;
    CHECK_EQ(submit(&sqe), CAP_ERR_BAD_PARAMS);
    hostile("a RETURN from the kernel's memory");
    sqe.params_addr = 0xffffffff80200000ull;
    CHECK_EQ(submit(&sqe), CAP_ERR_BAD_PARAMS);
    hostile("a RETURN with a descriptor of nothing");
    memset(&words[1], 0, sizeof(struct cap_transfer));
    sqe = good;
    sqe.cap_count = 1;
    CHECK_EQ(submit(&sqe), CAP_ERR_BAD_TRANSFER);
    hostile("an exception that brings a capability");
    sqe.flags = CAP_SQE_F_EXCEPTION;
    CHECK_EQ(submit(&sqe), CAP_ERR_INVALID_REQUEST);

    demo_case("and then the answer");
    check_waits(&callers[0]);
    CHECK_EQ(answer(id, 2), 0);
    check_answered(&callers[0], 2);
    demo_case(NULL);
}

static void check_exceptions(uint64_t owner, uint64_t client)
{
    uint64_t message[3] = {0xabcd, 2, 3};

    demo_case("a server refuses, with each type there is");
    for (unsigned type = 0; type <= CAP_EXC_INVALID_ARGUMENT; type++) {
        receive(&receivers[0], owner);
        call(&callers[0], client, 1);
        struct cap_sqe sqe = return_entry(message, receive_done(&receivers[0], 1, 5, 0));
        sqe.params_len = sizeof message;
        sqe.flags = CAP_SQE_F_EXCEPTION;
        sqe.method_id = (uint16_t)type;
        CHECK_EQ(submit(&sqe), 0);
        struct cap_cqe cqe = raw_await(ring, name_of(&callers[0]));
        CHECK_EQ(cqe.result, CAP_ERR_EXCEPTION);
        CHECK_EQ(cqe.flags, type);
        CHECK_EQ(cqe.detail, sizeof message);
        CHECK_EQ(memcmp(callers[0].room.words, message, sizeof message), 0);
    }
    hostile("a refusal for which there is no room");
    receive(&receivers[0], owner);
    struct cap_sqe small = call_entry(&callers[0], client, 1);
    small.result_len = 16;
    raw_send(ring, &small);
    struct cap_sqe sqe = return_entry(message, receive_done(&receivers[0], 1, 5, 0));
    sqe.params_len = sizeof message;
    sqe.flags = CAP_SQE_F_EXCEPTION;
    sqe.method_id = CAP_EXC_FAILED;
    CHECK_EQ(submit(&sqe), 0);
    struct cap_cqe cqe = raw_await(ring, name_of(&callers[0]));
    CHECK_EQ(cqe.result, CAP_ERR_EXCEPTION);
    CHECK_EQ(cqe.flags, CAP_EXC_FAILED | CAP_CQE_F_TRUNCATED);
    CHECK_EQ(cqe.detail, 0);
    demo_case(NULL);
}

static void check_rooms(uint64_t owner, uint64_t client)
{
    struct cap_sqe sqe;

    hostile("an answer that the caller has no room for");
    sqe = call_entry(&callers[0], client, 1);
    sqe.result_len = 0;
    raw_send(ring, &sqe);
    receive(&receivers[0], owner);
    uint64_t id = receive_done(&receivers[0], 1, 5, 0);
    CHECK_EQ(answer(id, 2), CAP_ERR_NOT_DELIVERED);
    check_failed(&callers[0], CAP_ERR_BAD_RESULT);
    CHECK_EQ(answer(id, 2), CAP_ERR_NOT_FOUND);

    hostile("a capability that the caller does not take");
    sqe = call_entry(&callers[0], client, 1);
    sqe.cap_room = 0;
    raw_send(ring, &sqe);
    receive(&receivers[0], owner);
    id = receive_done(&receivers[0], 1, 5, 0);
    CHECK_EQ(answer_giving(id, rt_move(client)), CAP_ERR_NOT_DELIVERED);
    check_failed(&callers[0], CAP_ERR_BAD_RESULT);

    hostile("a receiver without room for a header");
    sqe = receive_entry(&receivers[0], owner);
    sqe.result_len = sizeof(struct cap_message_header) - 8;
    CHECK_EQ(submit(&sqe), CAP_ERR_BAD_RESULT);

    hostile("a call that is too long for the receiver");
    sqe = receive_entry(&receivers[0], owner);
    sqe.result_len = sizeof(struct cap_message_header);
    sqe.cap_room = 0;
    raw_send(ring, &sqe);
    call(&callers[0], client, 1);
    check_failed(&callers[0], CAP_ERR_TOO_LARGE);
    hostile("a call that brings more than the receiver takes");
    sqe = call_entry(&callers[0], client, 1);
    sqe.params_len = 0;
    sqe.cap_count = 1;
    const struct cap_transfer self = rt_move(client);
    memcpy(callers[0].sent, &self, sizeof self);
    raw_send(ring, &sqe);
    check_failed(&callers[0], CAP_ERR_TOO_LARGE);
    demo_case("and the receiver waits on");
    check_waits(&receivers[0]);
    sqe.cap_count = 0;
    raw_send(ring, &sqe);
    struct cap_cqe cqe = raw_await(ring, name_of(&receivers[0]));
    CHECK_EQ(cqe.result, sizeof(struct cap_message_header));
    CHECK_EQ(answer(cqe.detail, 2), 0);
    check_answered(&callers[0], 2);
    demo_case(NULL);
}

/* ---------------------------------------------------------------------------
 * Facets and badges */

static void check_badges(uint64_t owner)
{
    static const uint64_t badges[] = {0, 1, 1ull << 63, UINT64_MAX, 5};

    demo_case("each badge is delivered");
    for (size_t i = 0; i < sizeof badges / sizeof *badges; i++) {
        uint64_t client = mint(owner, badges[i]);
        check_works(owner, client, badges[i]);
        release(client);
    }
    demo_case("an answer brings a client facet that is made for it");
    uint64_t client = mint(owner, 1);
    receive(&receivers[0], owner);
    call(&callers[0], client, 1);
    uint64_t id = receive_done(&receivers[0], 1, 1, 0);
    CHECK_EQ(answer_giving(id, rt_mint(owner, 99, KIND)), 0);
    uint64_t made = check_answered_giving(&callers[0], KIND);
    check_works(owner, made, 99);

    demo_case("a badge stays when the facet moves");
    receive(&receivers[0], owner);
    call_giving(&callers[0], client, 1, rt_move(made));
    id = receive_done(&receivers[0], 1, 1, 1);
    CHECK_EQ(rt_release(ring, made).code, CAP_ERR_INVOKE_FAILED);
    made = record_of(&receivers[0])->cap_id;
    CHECK_EQ(record_of(&receivers[0])->interface_id, KIND);
    CHECK_EQ(answer(id, 2), 0);
    check_answered(&callers[0], 2);
    check_works(owner, made, 99);

    hostile("a badge is changed on the way");
    struct cap_transfer other = rt_copy(made);
    other.badge = 1;
    call_giving(&callers[0], client, 1, other);
    check_failed(&callers[0], CAP_ERR_BAD_TRANSFER);
    hostile("a client facet mints");
    call_giving(&callers[0], client, 1, rt_mint(made, 1, KIND));
    check_failed(&callers[0], CAP_ERR_BAD_TRANSFER);
    hostile("a Console mints");
    uint64_t console = rt_capset_need("console", CAPOS_CONSOLE_ID);
    call_giving(&callers[0], client, 1, rt_mint(console, 1, KIND));
    check_failed(&callers[0], CAP_ERR_BAD_TRANSFER);
    hostile("an owner facet is minted");
    call_giving(&callers[0], client, 1, rt_mint(owner, 1, CAPOS_ENDPOINT_ID));
    check_failed(&callers[0], CAP_ERR_BAD_TRANSFER);
    hostile("a facet of no interface is minted");
    call_giving(&callers[0], client, 1, rt_mint(owner, 1, 0));
    check_failed(&callers[0], CAP_ERR_BAD_TRANSFER);
    demo_case(NULL);
    release(client);
    release(made);
}

static void check_facets(uint64_t owner, uint64_t client)
{
    uint64_t console = rt_capset_need("console", CAPOS_CONSOLE_ID);
    struct capos_endpoint endpoint = {owner};
    uint64_t made;
    struct cap_sqe sqe;

    hostile("mint an owner facet by name");
    CHECK_REFUSED(capos_endpoint_mint(ring, endpoint, 1, CAPOS_ENDPOINT_ID, &made),
                  CAP_EXC_INVALID_ARGUMENT);
    hostile("mint a facet of no interface by name");
    CHECK_REFUSED(capos_endpoint_mint(ring, endpoint, 1, 0, &made), CAP_EXC_INVALID_ARGUMENT);
    hostile("receive by a client facet");
    sqe = receive_entry(&receivers[0], client);
    CHECK_EQ(submit(&sqe), CAP_ERR_WRONG_INTERFACE);
    hostile("receive by a Console");
    sqe = receive_entry(&receivers[0], console);
    CHECK_EQ(submit(&sqe), CAP_ERR_WRONG_INTERFACE);
    hostile("receive by a forged capability");
    sqe = receive_entry(&receivers[0], owner ^ 1ull << 60);
    CHECK_EQ(submit(&sqe), CAP_ERR_INVOKE_FAILED);
    hostile("call the owner facet as if it were a client's");
    sqe = call_entry(&callers[0], owner, 1);
    CHECK_EQ(submit(&sqe), CAP_ERR_WRONG_INTERFACE);
    hostile("a RECV with a stray field");
    sqe = receive_entry(&receivers[0], owner);
    sqe.params_len = 8;
    CHECK_EQ(submit(&sqe), CAP_ERR_INVALID_REQUEST);
    hostile("a RECV that would take too many capabilities");
    sqe = receive_entry(&receivers[0], owner);
    sqe.cap_room = CAP_TRANSFER_MAX + 1;
    CHECK_EQ(submit(&sqe), CAP_ERR_INVALID_REQUEST);

    demo_case("what the client names reaches the server as it is");
    sqe = call_entry(&callers[0], client, 1);
    sqe.interface_id = CAPOS_ENDPOINT_ID;
    sqe.method_id = CAPOS_ENDPOINT_MINT;
    raw_send(ring, &sqe);
    receive(&receivers[0], owner);
    struct cap_cqe cqe = raw_await(ring, name_of(&receivers[0]));
    CHECK_EQ(receivers[0].room.header.interface_id, CAPOS_ENDPOINT_ID);
    CHECK_EQ(receivers[0].room.header.method_id, CAPOS_ENDPOINT_MINT);
    CHECK_EQ(answer(cqe.detail, 2), 0);
    check_answered(&callers[0], 2);
    demo_case(NULL);
}

/* ---------------------------------------------------------------------------
 * Giving up */

static void check_cancel(uint64_t owner, uint64_t client)
{
    hostile("cancel what never was");
    CHECK_EQ(cancel(&callers[0]), CAP_ERR_NOT_FOUND);

    hostile("cancel a call that waits: it is not received");
    call(&callers[0], client, 1);
    call(&callers[1], client, 2);
    call(&callers[2], client, 3);
    CHECK_EQ(cancel(&callers[1]), 0);
    check_failed(&callers[1], CAP_ERR_CANCELED);
    hostile("cancel twice");
    CHECK_EQ(cancel(&callers[1]), CAP_ERR_NOT_FOUND);
    receive(&receivers[0], owner);
    uint64_t first = receive_done(&receivers[0], 1, 5, 0);
    receive(&receivers[1], owner);
    uint64_t second = receive_done(&receivers[1], 3, 5, 0);

    hostile("cancel a call that is being served: its RETURN is told so");
    CHECK_EQ(cancel(&callers[0]), 0);
    check_failed(&callers[0], CAP_ERR_CANCELED);
    CHECK_EQ(answer_giving(first, rt_move(client)), CAP_ERR_NOT_DELIVERED);
    CHECK_EQ(answer(first, 9), CAP_ERR_NOT_FOUND);
    CHECK_EQ(answer(second, 4), 0);
    check_answered(&callers[2], 4);

    hostile("cancel a call that was answered");
    CHECK_EQ(cancel(&callers[2]), CAP_ERR_NOT_FOUND);
    hostile("cancel a receiver: the call goes to the other");
    receive(&receivers[0], owner);
    receive(&receivers[1], owner);
    CHECK_EQ(cancel(&receivers[1]), 0);
    check_failed(&receivers[1], CAP_ERR_CANCELED);
    call(&callers[0], client, 5);
    CHECK_EQ(answer(receive_done(&receivers[0], 5, 5, 0), 6), 0);
    check_answered(&callers[0], 6);
    hostile("a CANCEL with a stray field");
    struct cap_sqe sqe = {
        .opcode = CAP_OP_CANCEL, .params_addr = name_of(&callers[0]), .params_len = 8};
    CHECK_EQ(submit(&sqe), CAP_ERR_INVALID_REQUEST);
    demo_case(NULL);
    check_works(owner, client, 5);
}

/* A capability that waits in the queue to be moved is locked, and not lost. */
static void check_queued_moves(uint64_t owner, uint64_t client)
{
    uint64_t other = make_endpoint();
    uint64_t luggage = mint(other, 3);

    hostile("release what is on its way");
    call_giving(&callers[0], client, 1, rt_move(luggage));
    check_waits(&callers[0]);
    CHECK_EQ(rt_release(ring, luggage).code, CAP_ERR_INVOKE_FAILED);
    hostile("move what is on its way");
    call_giving(&callers[1], client, 2, rt_move(luggage));
    check_failed(&callers[1], CAP_ERR_BAD_TRANSFER);
    hostile("copy what is on its way");
    call_giving(&callers[1], client, 2, rt_copy(luggage));
    check_failed(&callers[1], CAP_ERR_BAD_TRANSFER);
    demo_case("call through what is on its way");
    receive(&receivers[1], other);
    call(&callers[1], luggage, 4);
    CHECK_EQ(answer(receive_done(&receivers[1], 4, 3, 0), 5), 0);
    check_answered(&callers[1], 5);
    demo_case("a call that is given up leaves it here");
    CHECK_EQ(cancel(&callers[0]), 0);
    check_failed(&callers[0], CAP_ERR_CANCELED);
    call_giving(&callers[0], client, 1, rt_move(luggage));
    receive(&receivers[0], owner);
    uint64_t id = receive_done(&receivers[0], 1, 5, 1);
    CHECK_EQ(rt_release(ring, luggage).code, CAP_ERR_INVOKE_FAILED);
    luggage = record_of(&receivers[0])->cap_id;
    CHECK_EQ(answer(id, 2), 0);
    check_answered(&callers[0], 2);

    hostile("one capability twice in a message");
    struct cap_sqe sqe = call_entry(&callers[0], client, 1);
    const struct cap_transfer twice[] = {rt_move(luggage), rt_move(luggage)};
    memcpy(&callers[0].sent[1], twice, sizeof twice);
    sqe.cap_count = 2;
    raw_send(ring, &sqe);
    check_failed(&callers[0], CAP_ERR_BAD_TRANSFER);
    check_works(other, luggage, 3);
    release(luggage);
    release(other);
    demo_case(NULL);
}

/* ---------------------------------------------------------------------------
 * Ends */

/* The client facet goes; the calls that were made through it stay. */
static void check_client_released(uint64_t owner)
{
    uint64_t client = mint(owner, 8);

    hostile("release a client facet with calls queued");
    call(&callers[0], client, 1);
    call(&callers[1], client, 2);
    check_waits(&callers[0]);
    release(client);
    receive(&receivers[0], owner);
    CHECK_EQ(answer(receive_done(&receivers[0], 1, 8, 0), 3), 0);
    check_answered(&callers[0], 3);
    receive(&receivers[0], owner);
    CHECK_EQ(answer(receive_done(&receivers[0], 2, 8, 0), 4), 0);
    check_answered(&callers[1], 4);
    call(&callers[0], client, 1);
    check_failed(&callers[0], CAP_ERR_INVOKE_FAILED);
    demo_case(NULL);
}

static void check_owner_released(void)
{
    uint64_t owner = make_endpoint();
    uint64_t client = mint(owner, 5);
    uint64_t other = make_endpoint();
    uint64_t luggage = mint(other, 3);

    hostile("release the owner facet with calls queued and one in service");
    receive(&receivers[0], owner);
    call(&callers[0], client, 1);
    uint64_t id = receive_done(&receivers[0], 1, 5, 0);
    for (unsigned i = 1; i < 10; i++) {
        call(&callers[i], client, i);
    }
    call_giving(&callers[10], client, 10, rt_move(luggage));
    check_waits(&callers[10]);
    release(owner);
    for (unsigned i = 1; i <= 10; i++) {
        check_excepted(&callers[i], CAP_EXC_DISCONNECTED);
    }
    demo_case("what it would have moved has stayed");
    check_works(other, luggage, 3);
    demo_case("what is in service is answered");
    check_waits(&callers[0]);
    uint64_t word = 2;
    struct cap_sqe sqe = return_entry(&word, id);
    sqe.flags = CAP_SQE_F_AGAIN;
    sqe.user_data = name_of(&receivers[0]);
    raw_send(ring, &sqe);
    check_answered(&callers[0], 2);
    hostile("receive again when the endpoint is gone");
    check_excepted(&receivers[0], CAP_EXC_DISCONNECTED);
    hostile("call when the endpoint is gone");
    call(&callers[0], client, 1);
    check_excepted(&callers[0], CAP_EXC_DISCONNECTED);
    hostile("receive by the facet that was released");
    receive(&receivers[0], owner);
    check_failed(&receivers[0], CAP_ERR_INVOKE_FAILED);
    release(client);

    hostile("release the owner facet with receivers waiting");
    owner = make_endpoint();
    receive(&receivers[0], owner);
    receive(&receivers[1], owner);
    check_waits(&receivers[1]);
    release(owner);
    check_excepted(&receivers[0], CAP_EXC_DISCONNECTED);
    check_excepted(&receivers[1], CAP_EXC_DISCONNECTED);
    release(luggage);
    release(other);
    demo_case(NULL);
}

/* An owner facet that waits in its own endpoint's queue keeps that open, until the call is given
 * up. */
static void check_cycle(void)
{
    uint64_t owner = make_endpoint();
    uint64_t client = mint(owner, 5);

    hostile("an owner facet waits in its own queue, and nobody else has it");
    call_giving(&callers[0], client, 1, rt_copy(owner));
    check_waits(&callers[0]);
    release(owner);
    call(&callers[1], client, 2);
    check_waits(&callers[1]);
    CHECK_EQ(cancel(&callers[0]), 0);
    check_failed(&callers[0], CAP_ERR_CANCELED);
    check_excepted(&callers[1], CAP_EXC_DISCONNECTED);
    release(client);
    demo_case(NULL);
}

/* As many entries in flight as there can be completions; one more is refused, and nothing lost. */
static void check_overload(uint64_t owner, uint64_t client)
{
    unsigned most = ring->cq_mask - ring->sq_mask;

    hostile("one call in flight too many");
    CHECK(most + 1 < PARTIES_MAX);
    for (unsigned i = 0; i < most; i++) {
        call(&callers[i], client, i);
        check_waits(&callers[i]);
    }
    call(&callers[most], client, most);
    check_excepted(&callers[most], CAP_EXC_OVERLOADED);
    hostile("one receiver too many");
    receive(&receivers[0], owner);
    check_excepted(&receivers[0], CAP_EXC_OVERLOADED);
    demo_case("the others are given up, and all goes on");
    for (unsigned i = 0; i < most; i++) {
        CHECK_EQ(cancel(&callers[i]), 0);
        check_failed(&callers[i], CAP_ERR_CANCELED);
    }
    demo_case(NULL);
    check_works(owner, client, 5);
}

/* Some of everything, in flight when the process ends; the recount at the end of the run sees it.
 */
static void leave_some_behind(uint64_t owner, uint64_t client)
{
    uint64_t other = make_endpoint();
    uint64_t luggage = mint(other, 3);

    receive(&receivers[0], owner);
    call(&callers[0], client, 1);
    (void)receive_done(&receivers[0], 1, 5, 0); /* served, never answered */
    call(&callers[1], client, 2);
    call_giving(&callers[2], client, 3, rt_move(luggage));
    call_giving(&callers[3], client, 4, rt_copy(owner));
    call_giving(&callers[4], client, 5, rt_mint(owner, 6, KIND));
    receive(&receivers[1], other);
    check_waits(&callers[4]);
}

int main(void)
{
    ring = demo_begin("endpoint-roundtrip");
    uint64_t owner = make_endpoint();
    uint64_t client = mint(owner, 5);
    struct usage before = usage_now(ring);

    check_round_trips(owner, client);
    check_call_ids(owner, client);
    check_malformed_returns(owner, client);
    check_exceptions(owner, client);
    check_rooms(owner, client);
    check_badges(owner);
    check_facets(owner, client);
    check_cancel(owner, client);
    check_queued_moves(owner, client);
    check_client_released(owner);
    check_owner_released();
    check_cycle();
    check_overload(owner, client);
    check_works(owner, client, 5);
    CHECK(usage_equal(usage_now(ring), before));
    rt_printf("endpoint-roundtrip: %u hostile cases have had their one code each\n", proved);
    leave_some_behind(owner, client);
    return demo_end();
}
