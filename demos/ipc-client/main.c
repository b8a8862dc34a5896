// SPDX-License-Identifier: MIT
/*
 * What a client can expect of a server in another process (ipc-server), and what it
 * can do to it: calls arrive with the badge of the facet that was called and are
 * answered; capabilities go there and come back, copied and moved; a refusal
 * comes with its sentence; and neither a crooked call nor a client that dies keeps the server
 * from serving the next one. When the server dies, each call ends as disconnected.
 *
 * Two more services run this program; the name of a Console tells each its part. The
 * "dying" one ends while calls of its own wait and are served. The "bystander" wants the
 * processor all to itself while calls are handed over and back, and does not get between.
 */
#include <abi/layout.h>
#include <capos.client.h>
#include <depot.client.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <rt/string.h>
#include <support/check.h>
#include <support/raw.h>

/* The badges that the manifest gives to the parts, and one that is made on the way. */
#define BADGE_CLIENT    1u
#define BADGE_DYING     2u
#define BADGE_BYSTANDER 3u
#define BADGE_MADE      77u

#define WAITS_DYING     10u
#define HANDOFFS        200u
#define NAPS_MAX        50u
#define SLEEP_NS        10000000ull
#define UNKNOWN_KIND    0xdeadu

static struct rt_ring *ring;
static struct demo_depot depot;
static uint64_t luggage; /* a Console, to send about */
static unsigned proved;  /* hostile cases that have held */

static void hostile(const char *name)
{
    demo_case(name);
    proved++;
}

static uint64_t badge_of(struct demo_depot target)
{
    uint64_t badge = 0;

    CHECK_OK(demo_depot_who_calls(ring, target, &badge));
    return badge;
}

static uint32_t waiting(uint64_t badge)
{
    uint32_t count = 0;

    CHECK_OK(demo_depot_waiting(ring, depot, badge, &count));
    return count;
}

/* Has all who wait by this badge answered, and checks how many there are still. */
static void check_go(uint64_t badge, uint32_t told, uint32_t gone)
{
    uint32_t told_now = 0;
    uint32_t gone_now = 0;

    CHECK_OK(demo_depot_go(ring, depot, badge, &told_now, &gone_now));
    CHECK_EQ(told_now, told);
    CHECK_EQ(gone_now, gone);
}

static void nap(void)
{
    CHECK_EQ(rt_ring_enter(ring, 1, SLEEP_NS), 0);
}

static uint64_t fetch(void)
{
    uint64_t thing = CAP_ID_NONE;

    CHECK_OK(demo_depot_fetch(ring, depot, &thing));
    return thing;
}

static bool is_a_console(uint64_t cap_id)
{
    return rt_ok(capos_console_write(ring, (struct capos_console){cap_id},
                                     (struct capnp_data){.ptr = NULL, .len = 0}));
}

/* The server is there, and serves. */
static void check_works(void)
{
    CHECK_EQ(badge_of(depot), BADGE_CLIENT);
}

/* ---------------------------------------------------------------------------
 * Calls */

static void check_echo(const char *text, uint32_t times, size_t length)
{
    struct capnp_text echoed = CAPNP_TEXT("");
    struct rt_call call;

    CHECK_OK(demo_depot_echo_call(&call, ring, depot, capnp_text_from(text), times, 512));
    CHECK_OK(demo_depot_echo_take(&call, &echoed));
    CHECK_EQ(echoed.len, length);
    for (uint32_t i = 0; i < times; i++) {
        CHECK_EQ(memcmp(echoed.ptr + i * strlen(text), text, strlen(text)), 0);
    }
    rt_call_end(&call);
}

/*
 * Data that are built in the message. More than a message holds is refused before it goes,
 * and what the server does not like when it comes.
 */
static void check_in_place(void)
{
    struct capnp_data_room data = {.len = 136};
    struct capnp_data back;
    struct rt_call call;

    CHECK_OK(demo_depot_invert_begin(&call, ring, &data, true,
                                     DEMO_DEPOT_INVERT_RESULTS_BYTES + data.len));
    for (uint32_t i = 0; i < data.len; i++) {
        data.ptr[i] = (uint8_t)i;
    }
    CHECK_OK(demo_depot_invert_submit(&call, depot));
    CHECK_OK(rt_call_wait(&call));
    CHECK_OK(demo_depot_invert_take(&call, &back));
    CHECK_EQ(back.len, data.len);
    for (uint32_t i = 0; i < back.len; i++) {
        CHECK_EQ(back.ptr[i], (uint8_t)~i);
    }
    rt_call_end(&call);
    CHECK_REFUSED(
        demo_depot_invert_call(&call, ring, depot, (struct capnp_data){.len = 0}, true, 64),
        CAP_EXC_INVALID_ARGUMENT);
    data.len = CAP_MESSAGE_MAX;
    CHECK_EQ(demo_depot_invert_begin(&call, ring, &data, true, 0).code, RT_ERR_NO_AREA);
}

/* Several calls at once, waited for in another order. */
static void check_batch(void)
{
    struct rt_call calls[8];
    uint64_t badge;

    for (unsigned i = 0; i < 8; i++) {
        CHECK_OK(demo_depot_who_calls_send(&calls[i], ring, depot));
    }
    for (unsigned i = 8; i-- > 0;) {
        CHECK_OK(rt_call_wait(&calls[i]));
        CHECK_OK(demo_depot_who_calls_take(&calls[i], &badge));
        CHECK_EQ(badge, BADGE_CLIENT);
        rt_call_end(&calls[i]);
    }
}

static void check_calls(void)
{
    demo_case("the badge of the manifest is delivered");
    check_works();
    demo_case("messages go there and back");
    check_echo("", 0, 0);
    check_echo("depot ", 1, 6);
    check_echo("zü ", 60, 240);
    check_batch();
    demo_case("data are built where they go, there and back");
    check_in_place();
    demo_case("a facet that is made for the answer has its own badge");
    struct demo_depot made = {CAP_ID_NONE};
    CHECK_OK(demo_depot_open(ring, depot, BADGE_MADE, &made));
    CHECK_EQ(badge_of(made), BADGE_MADE);
    CHECK_EQ(badge_of(depot), BADGE_CLIENT);
    CHECK_OK(rt_release(ring, made.id));
    demo_case(NULL);
}

static struct cap_sqe call_entry(uint16_t method)
{
    return (struct cap_sqe){
        .opcode = CAP_OP_CALL,
        .method_id = method,
        .cap_id = depot.id,
        .interface_id = DEMO_DEPOT_ID,
    };
}

static void check_refused(void)
{
    static uint64_t words[256];
    struct rt_call call;
    uint64_t thing;
    struct cap_sqe sqe;

    hostile("the server refuses, with a sentence");
    CHECK_REFUSED(demo_depot_fetch(ring, depot, &thing), CAP_EXC_FAILED);
    CHECK_EQ(strcmp(rt_refusal(ring), "there is nothing in the depot"), 0);
    hostile("an argument that the server does not like");
    CHECK_REFUSED(demo_depot_echo_call(&call, ring, depot, CAPNP_TEXT("depot"), 1000, 512),
                  CAP_EXC_INVALID_ARGUMENT);
    hostile("a null capability");
    CHECK_REFUSED(demo_depot_store(ring, depot, rt_nothing()), CAP_EXC_INVALID_ARGUMENT);
    hostile("a method that there is not");
    sqe = call_entry(DEMO_DEPOT_METHOD_COUNT);
    CHECK_EQ(raw_exception(ring, &sqe), CAP_EXC_UNIMPLEMENTED);
    sqe.method_id = UINT16_MAX;
    CHECK_EQ(raw_exception(ring, &sqe), CAP_EXC_UNIMPLEMENTED);
    hostile("an interface that nobody serves here");
    sqe = call_entry(0);
    sqe.interface_id = UNKNOWN_KIND;
    CHECK_EQ(raw_exception(ring, &sqe), CAP_EXC_UNIMPLEMENTED);
    hostile("a client mints, as if it were the owner");
    sqe.interface_id = CAPOS_ENDPOINT_ID;
    sqe.method_id = CAPOS_ENDPOINT_MINT;
    CHECK_EQ(raw_exception(ring, &sqe), CAP_EXC_UNIMPLEMENTED);
    hostile("a client receives, as if it were the owner");
    sqe = (struct cap_sqe){.opcode = CAP_OP_RECV,
                           .cap_id = depot.id,
                           .result_addr = (uintptr_t)words,
                           .result_len = sizeof words};
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_WRONG_INTERFACE);
    hostile("a client answers what the server received");
    CHECK_OK(demo_depot_wait_send(&call, ring, depot));
    CHECK_EQ(waiting(BADGE_CLIENT), 1);
    for (uint64_t generation = 0; generation < 64; generation++) {
        for (uint64_t index = 0; index < 4; index++) {
            sqe =
                (struct cap_sqe){.opcode = CAP_OP_RETURN, .interface_id = generation << 16 | index};
            CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_NOT_FOUND);
        }
    }
    CHECK(!rt_call_wait_for(&call, CAP_TIMEOUT_POLL));
    hostile("the caller gives up what is being served");
    CHECK_OK(rt_call_cancel(&call));
    CHECK_EQ(rt_call_wait(&call).code, CAP_ERR_CANCELED);
    rt_call_end(&call);
    check_go(BADGE_CLIENT, 0, 1);

    hostile("parameters that are no message of the method's type");
    sqe = call_entry(DEMO_DEPOT_ECHO);
    memset(words, 0xff, sizeof words);
    sqe.params_addr = (uintptr_t)words;
    sqe.params_len = 64;
    CHECK_EQ(raw_exception(ring, &sqe), CAP_EXC_INVALID_ARGUMENT);
    hostile("parameters that are more than the server receives");
    sqe.params_len = sizeof words;
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_TOO_LARGE);
    hostile("parameters that are not there");
    sqe.params_addr = USER_STACK_TOP - USER_STACK_BYTES - USER_PAGE_BYTES;
    sqe.params_len = 64;
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_PARAMS);
    hostile("a result buffer that is too small");
    sqe = call_entry(DEMO_DEPOT_WHO_CALLS);
    sqe.result_addr = (uintptr_t)words;
    sqe.result_len = 8; /* of 16 */
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_RESULT);
    hostile("a result buffer that cannot be written");
    sqe.result_addr = USER_CAPSET_VADDR;
    sqe.result_len = 64;
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_RESULT);
    demo_case("and the server goes on");
    check_works();
    demo_case(NULL);
}

/* ---------------------------------------------------------------------------
 * Capabilities */

static void check_transfers(void)
{
    demo_case("copied there, moved back");
    CHECK_OK(demo_depot_store(ring, depot, rt_copy(luggage)));
    CHECK(is_a_console(luggage));
    uint64_t thing = fetch();
    CHECK(thing != luggage && is_a_console(thing));
    CHECK_OK(rt_release(ring, thing));
    CHECK(is_a_console(luggage));

    demo_case("moved there, copied back and moved back");
    CHECK_OK(demo_depot_store(ring, depot, rt_move(luggage)));
    CHECK(!is_a_console(luggage));
    uint64_t copy = CAP_ID_NONE;
    CHECK_OK(demo_depot_share(ring, depot, &copy));
    CHECK(is_a_console(copy));
    hostile("the server has no room for another, and has taken it all the same");
    CHECK_REFUSED(demo_depot_store(ring, depot, rt_move(copy)), CAP_EXC_FAILED);
    CHECK(!is_a_console(copy));

    hostile("a move back that the caller does not take: the server has kept it");
    static uint64_t words[16];
    struct cap_sqe sqe = call_entry(DEMO_DEPOT_FETCH);
    sqe.result_addr = (uintptr_t)words;
    sqe.result_len = sizeof words;
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_RESULT);
    hostile("a move back for whose record there is no room");
    sqe.cap_room = 1;
    sqe.result_len = 16;
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_BAD_RESULT);
    luggage = fetch();
    CHECK(is_a_console(luggage));
    CHECK_REFUSED(demo_depot_fetch(ring, depot, &copy), CAP_EXC_FAILED);

    hostile("a move of what was never there");
    CHECK_EQ(demo_depot_store(ring, depot, rt_move(luggage ^ 1ull << 60)).code,
             CAP_ERR_BAD_TRANSFER);
    hostile("a move of more than the server takes: all of it has stayed");
    const struct cap_transfer many[5] = {rt_copy(depot.id), rt_copy(depot.id), rt_copy(depot.id),
                                         rt_copy(depot.id), rt_move(luggage)};
    sqe = call_entry(DEMO_DEPOT_STORE);
    sqe.cap_count = 5;
    sqe.params_addr = (uintptr_t)many;
    CHECK_EQ(raw_result(ring, &sqe), CAP_ERR_TOO_LARGE);
    CHECK(is_a_console(luggage));
    hostile("the client facet itself is moved there, and comes back with its badge");
    struct demo_depot made = {CAP_ID_NONE};
    CHECK_OK(demo_depot_open(ring, depot, BADGE_MADE, &made));
    CHECK_OK(demo_depot_store(ring, made, rt_move(made.id)));
    made.id = fetch();
    CHECK_EQ(badge_of(made), BADGE_MADE);
    CHECK_OK(rt_release(ring, made.id));
    demo_case(NULL);
}

/* ---------------------------------------------------------------------------
 * Others */

/* Calls, and ends before the first is answered. The last call brings the facet itself. */
static int die(void)
{
    struct rt_call calls[WAITS_DYING - 1u];
    struct cap_transfer given = rt_move(depot.id);
    struct cap_sqe sqe = call_entry(DEMO_DEPOT_WAIT);

    CHECK_EQ(badge_of(depot), BADGE_DYING);
    CHECK_OK(demo_depot_wait_send(&calls[0], ring, depot));
    CHECK_EQ(waiting(BADGE_DYING), 1); /* so one is being served, whatever becomes of the rest */
    for (unsigned i = 1; i < WAITS_DYING - 1u; i++) {
        CHECK_OK(demo_depot_wait_send(&calls[i], ring, depot));
    }
    sqe.cap_count = 1;
    sqe.params_addr = (uintptr_t)&given;
    raw_send(ring, &sqe);
    CHECK_EQ(rt_ring_enter(ring, 0, CAP_TIMEOUT_POLL), 0);
    return 0;
}

/*
 * The dying one exports an endpoint at which it never receives. A call of it ends when
 * its process has.
 */
static void check_client_death(void)
{
    struct demo_depot pulse = {rt_capset_need("pulse", DEMO_DEPOT_ID)};
    struct rt_call mine;

    hostile("a client dies with calls queued and served");
    CHECK_REFUSED(demo_depot_leave(ring, pulse), CAP_EXC_DISCONNECTED);
    check_works();
    CHECK_OK(demo_depot_wait_send(&mine, ring, depot));
    CHECK_EQ(waiting(BADGE_CLIENT), 1);
    uint32_t received = waiting(BADGE_DYING);
    CHECK(received >= 1 && received <= WAITS_DYING);
    check_go(BADGE_DYING, 0, received);
    check_go(BADGE_CLIENT, 1, 0);
    CHECK_OK(rt_call_wait(&mine));
    rt_call_end(&mine);
    demo_case(NULL);
}

/* Waits to be told, and then runs without a break until it is told again. */
static int stand_by(void)
{
    struct rt_call call;

    CHECK_OK(demo_depot_wait(ring, depot));
    CHECK_OK(demo_depot_wait_send(&call, ring, depot));
    CHECK_EQ(rt_ring_enter(ring, 0, CAP_TIMEOUT_POLL), 0);
    while (__atomic_load_n(&ring->header->cq_tail, __ATOMIC_ACQUIRE) == ring->cq_head) {
        __builtin_ia32_pause();
    }
    CHECK_OK(rt_call_wait(&call));
    rt_call_end(&call);
    return 0;
}

static void wait_for_bystander(void)
{
    while (waiting(BADGE_BYSTANDER) != 1) {
        nap();
    }
}

/*
 * Without a hand-off, the bystander would have a tick of the processor, which is the
 * shortest nap, between each call and its answer.
 */
static void check_hand_off(void)
{
    demo_case("calls are handed over directly");
    wait_for_bystander();
    check_go(BADGE_BYSTANDER, 1, 0);
    wait_for_bystander(); /* runs, and has told so before */
    uint64_t start = __builtin_ia32_rdtsc();
    nap();
    uint64_t a_nap = __builtin_ia32_rdtsc() - start;
    start = __builtin_ia32_rdtsc();
    for (unsigned i = 0; i < HANDOFFS; i++) {
        check_works();
    }
    uint64_t taken = __builtin_ia32_rdtsc() - start;
    check_go(BADGE_BYSTANDER, 1, 0);
    CHECK(taken / a_nap < NAPS_MAX);
    demo_case(NULL);
}

/* The server leaves while it serves, and while calls that bring something wait for it. */
static void check_server_death(void)
{
    struct demo_depot made = {CAP_ID_NONE};
    struct rt_call served[2];
    struct rt_call last[10];

    hostile("the server dies with calls in service and in the queue");
    CHECK_OK(demo_depot_open(ring, depot, BADGE_MADE, &made));
    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(demo_depot_wait_send(&served[i], ring, made));
    }
    CHECK_EQ(waiting(BADGE_MADE), 2);
    CHECK_OK(demo_depot_leave_send(&last[0], ring, depot));
    for (unsigned i = 1; i < 9; i++) {
        CHECK_OK(demo_depot_wait_send(&last[i], ring, depot));
    }
    CHECK_OK(demo_depot_store_send(&last[9], ring, depot, rt_move(luggage)));
    for (unsigned i = 0; i < 10; i++) {
        CHECK_REFUSED(rt_call_wait(&last[i]), CAP_EXC_DISCONNECTED);
        rt_call_end(&last[i]);
    }
    for (unsigned i = 0; i < 2; i++) {
        CHECK_REFUSED(rt_call_wait(&served[i]), CAP_EXC_DISCONNECTED);
        rt_call_end(&served[i]);
    }
    demo_case("what was on its way there has stayed");
    CHECK(is_a_console(luggage));
    hostile("calls of what is gone, by either facet");
    CHECK_REFUSED(demo_depot_leave(ring, depot), CAP_EXC_DISCONNECTED);
    CHECK_REFUSED(demo_depot_leave(ring, made), CAP_EXC_DISCONNECTED);
    demo_case("and they can still be released");
    CHECK_OK(rt_release(ring, made.id));
    CHECK_OK(rt_release(ring, depot.id));
    CHECK_EQ(demo_depot_leave(ring, depot).code, CAP_ERR_INVOKE_FAILED);
    demo_case(NULL);
}

int main(void)
{
    ring = demo_begin("ipc-client");
    depot = (struct demo_depot){rt_capset_need("depot", DEMO_DEPOT_ID)};
    if (rt_capset_has(rt_capset(), "dying")) {
        return die();
    }
    if (rt_capset_has(rt_capset(), "bystander")) {
        return stand_by();
    }
    luggage = rt_capset_need("luggage", CAPOS_CONSOLE_ID);
    check_calls();
    check_client_death();
    check_refused();
    check_transfers();
    check_hand_off();
    check_server_death();
    rt_printf("ipc-client: %u hostile cases have had their one code each\n", proved);
    return demo_end();
}
