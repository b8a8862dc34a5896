// SPDX-License-Identifier: MIT
/*
 * Everything at once against the ring, at random: entries that are nearly right,
 * right ones with bits flipped, and pure noise; buffers at every kind of bad place;
 * noise over header and queues; bad counts; bad arguments to the system calls. The
 * kernel must do with each of them what docs/abi.md says, which this program works
 * out for itself: the result of every entry is compared with what it may be.
 *
 * The name of the first capability is the seed; it is a NullCap, which is kept, as
 * is "console". Capabilities called "spare-…" are there to be released. In the end
 * an honest call must work, and every code that such an entry can get must have been
 * seen; endpoints are tests/programs/endpoint's.
 *
 * What would only harm the program itself is left out: results over its own stack
 * or data, and releasing what it keeps. Results over its own ring are not left out;
 * a round with one of those is followed by asking the kernel where it stands.
 */
#include <capos.client.h>
#include <rt/print.h>
#include <rt/string.h>
#include <support/check.h>

#include "entries.h"
#include "model.h"
#include <support/chance.h>

#define ENTRIES 300000u

static struct cap_sqe batch[CAP_SQ_MAX];

/* For every completion that has been posted and not looked at. */
static struct {
    uint64_t user_data;
    uint32_t result_len;
    uint32_t may;
} due[CAP_CQ_MAX];

static uint64_t seen[CODES_SEEN];
static uint64_t corruptions;

static void check_completion(uint32_t n)
{
    const struct cap_cqe *c = &model_ring.cq[n & (model_ring.cq_entries - 1u)];
    uint32_t at = n & (model_ring.cq_entries - 1u);
    int32_t result = c->result;

    if (due[at].may == ANYTHING) {
        return; /* a result may have been written over it */
    }
    CHECK_EQ(c->user_data, due[at].user_data);
    CHECK(result > -(int32_t)CODES_SEEN);
    uint32_t code = result >= 0 ? 0 : (uint32_t)-result;
    if ((due[at].may >> code & 1u) == 0) {
        demo_fail_values(__FILE__, __LINE__, "result of an entry; codes that it may have", result,
                         due[at].may);
    }
    CHECK_EQ(c->cap_count, 0);
    CHECK_EQ(c->reserved, 0);
    if (result >= 0) {
        CHECK((uint32_t)result <= due[at].result_len && result % 8 == 0);
    }
    if (result == CAP_ERR_EXCEPTION) {
        CHECK((c->flags & CAP_CQE_F_EXC_MASK) <= CAP_EXC_INVALID_ARGUMENT);
        CHECK(c->flags <= (CAP_CQE_F_EXC_MASK | CAP_CQE_F_TRUNCATED));
        CHECK(c->detail <= due[at].result_len && c->detail % 8 == 0);
        CHECK_EQ(c->detail == 0, (c->flags & CAP_CQE_F_TRUNCATED) != 0);
    } else {
        CHECK_EQ(c->flags, 0);
        CHECK_EQ(c->detail, 0);
    }
    seen[code]++;
}

/* What the kernel does with a cq_head, whenever it reads it. False: it is out of range. */
static bool accept_head(uint32_t head)
{
    if (head - model_ring.cq_known > model_ring.cq_tail - model_ring.cq_known) {
        return false;
    }
    model_ring.cq_known = head;
    model_ring.cq_head = head;
    return true;
}

static bool queue_is_full(void)
{
    return model_ring.cq_tail - model_ring.cq_known == model_ring.cq_entries;
}

/*
 * What cap_enter must return with n entries published; notes what becomes due. The
 * kernel reads cq_head when by its own copy there is no room, and at the end.
 */
static int64_t predict(uint32_t n, uint32_t head)
{
    if (n > model_ring.sq_entries) {
        return SYS_ERR_RING_CORRUPT;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (queue_is_full() && !accept_head(head)) {
            return SYS_ERR_RING_CORRUPT;
        }
        if (queue_is_full()) {
            break;
        }
        uint32_t at = model_ring.cq_tail & (model_ring.cq_entries - 1u);
        due[at].user_data = batch[i].user_data;
        due[at].result_len = batch[i].result_len;
        due[at].may = model_verdict(&batch[i]);
        model_ring.cq_tail++;
        model_ring.sq_head++;
    }
    if (!accept_head(head)) {
        return SYS_ERR_RING_CORRUPT;
    }
    return (int64_t)(model_ring.cq_tail - head);
}

static void forget_what_is_due(void)
{
    for (uint32_t i = 0; i < model_ring.cq_entries; i++) {
        due[i].may = ANYTHING;
    }
}

/* Finds out from the kernel where it is, after results were written over the model_ring. */
static void ask(void)
{
    struct cap_ring_header *h = model_ring.header;

    forget_what_is_due();
    model_ring.sq_head = __atomic_load_n(&h->sq_head, __ATOMIC_ACQUIRE);
    model_ring.cq_tail = __atomic_load_n(&h->cq_tail, __ATOMIC_ACQUIRE);
    __atomic_store_n(&h->sq_tail, model_ring.sq_head, __ATOMIC_RELEASE);
    int64_t available = rt_cap_enter(0, CAP_TIMEOUT_POLL);
    if (available == SYS_ERR_RING_CORRUPT) {
        available = rt_cap_enter(0, CAP_TIMEOUT_POLL);
    }
    CHECK(available >= 0 && available <= model_ring.cq_entries);
    model_ring.cq_known = model_ring.cq_tail - (uint32_t)available;
    model_ring.cq_head = model_ring.cq_known;
}

/* Says whether results of these entries may be written over the model_ring. */
static bool write_batch(uint32_t n)
{
    bool harm_ring = chance_one_in(8);
    bool ring_harmed = false;

    for (uint32_t i = 0; i < n; i++) {
        batch[i] = entries_any();
        if (model_harms_ring(&batch[i]) && !harm_ring) {
            batch[i].result_addr = MODEL_DECOY;
            batch[i].result_len %= MODEL_DECOY_BYTES;
        }
        ring_harmed |= model_harms_ring(&batch[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (ring_harmed && batch[i].opcode == CAP_OP_RELEASE) {
            batch[i] = (struct cap_sqe){.opcode = CAP_OP_NOP};
        }
        model_ring.sq[(model_ring.sq_head + i) & (model_ring.sq_entries - 1u)] = batch[i];
    }
    return ring_harmed;
}

/* Arguments that must be refused before anything is taken. */
static void bad_system_call(void)
{
    uint64_t least = model_ring.cq_entries + 1ull +
                     (chance_one_in(2) ? chance_below(4) : chance() >> chance_below(64));
    uint64_t timeout = CAP_TIMEOUT_MAX_NS + 1u + (chance_one_in(2) ? 0 : chance() >> 8);
    uint64_t number = 2u + (chance() >> chance_below(63) >> 1);

    if (least > model_ring.cq_entries) {
        CHECK_EQ(rt_cap_enter(least, chance_one_in(2) ? CAP_TIMEOUT_FOREVER : 0),
                 SYS_ERR_BAD_ARGUMENT);
    }
    CHECK_EQ(rt_cap_enter(chance_one_in(2) ? 0 : 1, timeout), SYS_ERR_BAD_ARGUMENT);
    CHECK_EQ(rt_syscall2(number, chance(), chance()), SYS_ERR_BAD_NUMBER);
}

static uint32_t spoilt_count(uint32_t right)
{
    switch (chance_below(4)) {
    case 0:
        return right + (uint32_t)chance();
    case 1:
        return right + chance_below(2u * model_ring.cq_entries);
    case 2:
        return right - 1u - chance_below(model_ring.cq_entries);
    default:
        return right ^ 1u << chance_below(32);
    }
}

static uint32_t play_round(void)
{
    struct cap_ring_header *h = model_ring.header;
    uint32_t n =
        chance_one_in(4) ? model_ring.sq_entries : chance_below(model_ring.sq_entries + 1u);

    if (chance_one_in(16)) {
        chance_scribble(h, sizeof *h);
        chance_scribble((void *)(uintptr_t)model_ring.cq,
                        model_ring.cq_entries * sizeof *model_ring.cq);
        chance_scribble(model_ring.sq, model_ring.sq_entries * sizeof *model_ring.sq);
        forget_what_is_due();
    }
    bool ring_harmed = write_batch(n);
    uint32_t head = model_ring.cq_head;
    uint32_t tail = model_ring.sq_head + n;
    if (!ring_harmed && chance_one_in(16)) {
        head = spoilt_count(head);
    }
    if (!ring_harmed && chance_one_in(16)) {
        uint32_t claimed = spoilt_count(tail) - model_ring.sq_head;
        n = claimed > model_ring.sq_entries || claimed < n ? claimed : n;
        tail = model_ring.sq_head + n;
    }
    __atomic_store_n(&h->cq_head, head, __ATOMIC_RELEASE);
    __atomic_store_n(&h->sq_tail, tail, __ATOMIC_RELEASE);
    if (chance_one_in(8)) {
        bad_system_call();
    }

    uint32_t before = model_ring.sq_head;
    int64_t expected = ring_harmed ? 0 : predict(n, head);
    uint64_t least = expected >= 0 ? chance_below((uint32_t)expected + 1u) : 0;
    int64_t result = rt_cap_enter(least, chance_one_in(2) ? CAP_TIMEOUT_FOREVER : CAP_TIMEOUT_POLL);
    if (ring_harmed) {
        ask();
        return model_ring.sq_head - before;
    }
    CHECK_EQ(result, expected);
    corruptions += result == SYS_ERR_RING_CORRUPT;
    while (!chance_one_in(2u * model_ring.cq_entries) && model_ring.cq_head != model_ring.cq_tail) {
        check_completion(model_ring.cq_head++);
    }
    return model_ring.sq_head - before;
}

/* Waits for what does not come, and is not given more than asked for. */
static void wait_a_moment(void)
{
    __atomic_store_n(&model_ring.header->sq_tail, model_ring.sq_head, __ATOMIC_RELEASE);
    __atomic_store_n(&model_ring.header->cq_head, model_ring.cq_tail, __ATOMIC_RELEASE);
    CHECK(accept_head(model_ring.cq_tail));
    CHECK_EQ(rt_cap_enter(1u + chance_below(model_ring.cq_entries), 1u + chance_below(5000000)), 0);
}

/* Puts the header back in order, for the runtime's client. */
static void restore(struct rt_ring *client)
{
    *model_ring.header = model_header;
    model_ring.header->sq_head = model_ring.sq_head;
    model_ring.header->sq_tail = model_ring.sq_head;
    model_ring.header->cq_tail = model_ring.cq_tail;
    model_ring.header->cq_head = model_ring.cq_tail;
    rt_ring_go_on(client, model_ring.sq_head, model_ring.cq_tail);
}

static void check_honest_call(struct rt_ring *client)
{
    struct capos_null_cap null = {model_caps[0].id};
    uint64_t sum;
    uint64_t count;
    bool carry;

    CHECK(rt_ok(capos_null_cap_add(client, null, ~0ull, 2, 3, &sum, &carry, &count)));
    CHECK_EQ(sum, 4);
    CHECK(carry);
}

int main(void)
{
    struct rt_ring *client = demo_begin("assault");
    uint32_t entries = 0;
    uint32_t waits = 0;

    rt_ring_publish(client);
    model_header = *client->header;
    model_ring.header = client->header;
    model_ring.sq = client->sq;
    model_ring.cq = client->cq;
    model_ring.end = USER_RING_VADDR + model_header.region_bytes;
    model_ring.sq_entries = model_header.sq_entries;
    model_ring.cq_entries = model_header.cq_entries;
    model_ring.area_offset = model_header.area_offset;
    model_ring.area_bytes = model_header.area_bytes;
    model_ring.sq_head = client->sq_tail;
    model_ring.cq_tail = client->cq_head;
    model_ring.cq_known = client->cq_head;
    model_ring.cq_head = client->cq_head;
    chance_seed(model_take_capset());
    entries_init();
    memset(model_decoy, 0xa5, sizeof model_decoy);

    while (entries < ENTRIES) {
        entries += play_round();
        if (entries / (ENTRIES / 16) != waits) {
            waits = entries / (ENTRIES / 16);
            wait_a_moment();
        }
    }
    restore(client);
    check_honest_call(client);
    for (uint32_t i = 0; i < USER_PAGE_BYTES; i++) {
        CHECK_EQ(model_decoy[i], 0xa5);
        CHECK_EQ(model_decoy[USER_PAGE_BYTES + MODEL_DECOY_BYTES + i], 0xa5);
    }
    rt_printf("assault: %u entries, %lu counts put back; succeeded %lu", entries, corruptions,
              seen[0]);
    for (uint32_t code = 1; code < CODES_SEEN; code++) {
        rt_printf(", -%u %lu", code, seen[code]);
    }
    rt_printf("\n");
    for (uint32_t code = 0; code < CODES_SEEN; code++) {
        CHECK_EQ(seen[code] != 0, ALL_RESULTS >> code & 1u);
    }
    CHECK(corruptions != 0);
    return demo_end();
}
