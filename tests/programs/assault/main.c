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
 * an honest call must work, and every code that an entry can get today must have
 * been seen.
 *
 * What would only harm the program itself is left out: results over its own stack
 * or data, and releasing what it keeps. Results over its own ring are not left out;
 * a round with one of those is followed by asking the kernel where it stands.
 */
#include <abi/layout.h>
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/print.h>
#include <rt/string.h>
#include <support/check.h>

#define ENTRIES       300000u
#define PAGE          4096u
#define DECOY_BYTES   (20u * PAGE)
#define SLOT_BYTES    512u
#define SPARES_MAX    16u
#define KERNEL        0xffff800000001000ull
#define NON_CANONICAL 0x0000800000000000ull

/* Where entries may point to: between two pages that must stay as they are. */
static _Alignas(PAGE) uint8_t decoy[PAGE + DECOY_BYTES + PAGE];
#define DECOY ((uint64_t)(uintptr_t)decoy + PAGE)

/* ------------------------------------------------------------------------- */
/* Chance */

static uint64_t seed;

static uint64_t chance(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1dull;
}

static uint32_t below(uint32_t n)
{
    return (uint32_t)((chance() >> 32) * n >> 32);
}

static bool one_in(uint32_t n)
{
    return below(n) == 0;
}

static void scribble(void *at, size_t bytes)
{
    for (size_t i = 0; i + sizeof(uint64_t) <= bytes; i += sizeof(uint64_t)) {
        uint64_t word = chance();
        memcpy((uint8_t *)at + i, &word, sizeof word);
    }
}

static void flip(void *at, size_t bytes, uint32_t bits)
{
    for (uint32_t i = 0; i < bits; i++) {
        uint32_t bit = below((uint32_t)bytes * 8u);
        ((uint8_t *)at)[bit / 8u] ^= (uint8_t)(1u << bit % 8u);
    }
}

/* ------------------------------------------------------------------------- */
/* What the program has */

static struct {
    uint64_t id;
    uint64_t interface;
    bool kept;
    bool live;
} caps[SPARES_MAX + 2];

static uint32_t cap_count;

static void take_capset(void)
{
    const struct rt_capset *set = rt_capset();

    CHECK(set->count <= sizeof caps / sizeof *caps);
    for (cap_count = 0; cap_count < set->count; cap_count++) {
        const struct capset_entry *entry = &set->entries[cap_count];
        caps[cap_count].id = entry->cap_id;
        caps[cap_count].interface = entry->interface_id;
        caps[cap_count].kept = memcmp(entry->name, "spare-", 6) != 0;
        caps[cap_count].live = true;
    }
    CHECK(cap_count > 0 && caps[0].interface == CAPOS_NULL_CAP_ID);
    for (uint32_t i = 0; i < set->entries[0].name_len; i++) {
        seed = seed * 31u + (uint8_t)set->entries[0].name[i];
    }
    seed = seed * 2u + 1u;
}

/* Index of a capability that is still there; cap_count: there is none with this id. */
static uint32_t find_cap(uint64_t id)
{
    uint32_t i = 0;

    while (i < cap_count && (caps[i].id != id || !caps[i].live)) {
        i++;
    }
    return i;
}

/* The ring as the kernel must see it; counts run freely. */
static struct {
    struct cap_ring_header *header;
    struct cap_sqe *sq;
    const struct cap_cqe *cq;
    uint64_t end; /* address behind the region */
    uint32_t sq_entries;
    uint32_t cq_entries;
    uint32_t area_offset;
    uint32_t area_bytes;
    uint32_t sq_head;
    uint32_t cq_tail;
    uint32_t cq_known; /* cq_head as the kernel last accepted it */
    uint32_t cq_head;  /* the next completion to look at */
} ring;

static struct cap_ring_header original;

/* ------------------------------------------------------------------------- */
/* What the memory is like */

enum access { NO, YES, UNKNOWN };

struct region {
    uint64_t start;
    uint64_t end;
    enum access read;
    enum access write;
};

#define REGIONS 6u

static void list_regions(struct region regions[REGIONS])
{
    regions[0] = (struct region){USER_IMAGE_BASE, USER_IMAGE_BASE + PAGE, YES, NO};
    regions[1] = (struct region){USER_IMAGE_BASE + PAGE, (uintptr_t)decoy, UNKNOWN, UNKNOWN};
    regions[2] = (struct region){(uintptr_t)decoy, (uintptr_t)decoy + sizeof decoy, YES, YES};
    regions[3] = (struct region){USER_STACK_TOP - USER_STACK_BYTES, USER_STACK_TOP, YES, YES};
    regions[4] = (struct region){USER_CAPSET_VADDR, USER_CAPSET_VADDR + PAGE, YES, NO};
    regions[5] = (struct region){USER_RING_VADDR, ring.end, YES, YES};
}

/* Behind the decoy lies the rest of the image, of unknown length. */
static enum access access_of(uint64_t address, uint32_t len, bool write)
{
    struct region regions[REGIONS];
    enum access result = YES;
    uint64_t at = address;

    list_regions(regions);
    if (len == 0) {
        return YES;
    }
    if (address > USER_END || len > USER_END - address) {
        return NO;
    }
    while (at < address + len) {
        uint32_t i = 0;
        while (i < REGIONS && (at < regions[i].start || at >= regions[i].end)) {
            i++;
        }
        if (i == REGIONS) {
            bool image = at >= USER_IMAGE_BASE && at < USER_IMAGE_END;
            return image ? UNKNOWN : NO;
        }
        enum access here = write ? regions[i].write : regions[i].read;
        if (here == NO) {
            return NO;
        }
        result = here == UNKNOWN ? UNKNOWN : result;
        at = regions[i].end;
    }
    return result;
}

static bool touches(uint64_t address, uint32_t len, uint64_t start, uint64_t end)
{
    return len != 0 && address < end && address + len > start;
}

/* Whether a result there could harm the program itself, beyond its ring. */
static bool harms_program(const struct cap_sqe *sqe)
{
    uint64_t a = sqe->result_addr;
    uint32_t len = sqe->result_len;

    return touches(a, len, USER_IMAGE_BASE + PAGE, DECOY) ||
           touches(a, len, DECOY + DECOY_BYTES, USER_IMAGE_END) ||
           touches(a, len, USER_STACK_TOP - USER_STACK_BYTES, USER_STACK_TOP);
}

static bool harms_ring(const struct cap_sqe *sqe)
{
    return sqe->opcode == CAP_OP_CALL && touches(sqe->result_addr, sqe->result_len, USER_RING_VADDR,
                                                 USER_RING_VADDR + ring.area_offset);
}

/* ------------------------------------------------------------------------- */
/* What an entry may come to: a set of codes, bit n for −n, bit 0 for success */

#define MAY(code)  (1u << -(code))
#define SUCCESS    1u
#define BY_OBJECT  (SUCCESS | MAY(CAP_ERR_EXCEPTION) | MAY(CAP_ERR_BAD_RESULT))
#define ANYTHING   0x1ffu
#define CODES_SEEN 9u

static bool unused_are_zero(const struct cap_sqe *s)
{
    return s->cap_count == 0 && s->flags == 0 && s->method_id == 0 && s->pointer_index == 0 &&
           s->interface_id == 0 && s->params_addr == 0 && s->result_addr == 0 &&
           s->params_len == 0 && s->result_len == 0 && s->reserved == 0;
}

static bool misshapen(uint64_t address, uint32_t len)
{
    return address % 8u != 0 || len % 8u != 0 || len > CAP_MESSAGE_MAX;
}

/* Of the buffers; 0: nothing is wrong with them. */
static uint32_t buffers_verdict(const struct cap_sqe *s)
{
    uint32_t perhaps = 0;

    if (misshapen(s->params_addr, s->params_len)) {
        return MAY(CAP_ERR_BAD_PARAMS);
    }
    if (misshapen(s->result_addr, s->result_len)) {
        return MAY(CAP_ERR_BAD_RESULT);
    }
    switch (access_of(s->result_addr, s->result_len, true)) {
    case NO:
        return MAY(CAP_ERR_BAD_RESULT);
    case UNKNOWN:
        perhaps |= MAY(CAP_ERR_BAD_RESULT);
        break;
    case YES:
        break;
    }
    if (s->params_len > CAP_KERNEL_MESSAGE_MAX) {
        return perhaps | MAY(CAP_ERR_BAD_PARAMS);
    }
    switch (access_of(s->params_addr, s->params_len, false)) {
    case NO:
        return perhaps | MAY(CAP_ERR_BAD_PARAMS);
    case UNKNOWN:
        return perhaps | MAY(CAP_ERR_BAD_PARAMS) | BY_OBJECT;
    case YES:
        break;
    }
    return perhaps == 0 ? 0 : perhaps | BY_OBJECT;
}

static uint32_t call_verdict(const struct cap_sqe *s)
{
    if (s->flags == CAP_SQE_F_PIPELINE && s->reserved == 0) {
        return MAY(CAP_ERR_UNSUPPORTED_OPCODE);
    }
    if (s->flags != 0 || s->pointer_index != 0 || s->reserved != 0) {
        return MAY(CAP_ERR_INVALID_REQUEST);
    }
    uint32_t cap = find_cap(s->cap_id);
    if (cap == cap_count) {
        return MAY(CAP_ERR_INVOKE_FAILED);
    }
    if (s->interface_id != caps[cap].interface) {
        return MAY(CAP_ERR_WRONG_INTERFACE);
    }
    if (s->cap_count != 0) {
        return MAY(CAP_ERR_BAD_TRANSFER);
    }
    uint32_t buffers = buffers_verdict(s);
    if (buffers != 0) {
        return buffers;
    }
    bool console = caps[cap].interface == CAPOS_CONSOLE_ID;
    uint32_t methods = console ? CAPOS_CONSOLE_METHOD_COUNT : CAPOS_NULL_CAP_METHOD_COUNT;
    if (s->method_id >= methods) {
        return MAY(CAP_ERR_EXCEPTION);
    }
    bool silent = console || s->method_id == CAPOS_NULL_CAP_PING; /* no results to have room for */
    return s->params_len == 0 && silent ? SUCCESS : BY_OBJECT;
}

/* With the effect it has: a RELEASE that works takes the capability away. */
static uint32_t verdict(const struct cap_sqe *s)
{
    uint32_t cap;

    switch (s->opcode) {
    case CAP_OP_NOP:
        return unused_are_zero(s) && s->cap_id == 0 ? SUCCESS : MAY(CAP_ERR_INVALID_REQUEST);
    case CAP_OP_CALL:
        return call_verdict(s);
    case CAP_OP_RELEASE:
        if (!unused_are_zero(s)) {
            return MAY(CAP_ERR_INVALID_REQUEST);
        }
        cap = find_cap(s->cap_id);
        if (cap == cap_count) {
            return MAY(CAP_ERR_INVOKE_FAILED);
        }
        caps[cap].live = false;
        return SUCCESS;
    case CAP_OP_RECV:
    case CAP_OP_RETURN:
    case CAP_OP_CANCEL:
    case CAP_OP_FINISH:
        return MAY(CAP_ERR_UNSUPPORTED_OPCODE);
    default:
        return MAY(CAP_ERR_INVALID_REQUEST);
    }
}

/* ------------------------------------------------------------------------- */
/* Making entries */

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

static void make_templates(void)
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

/* A good place for a message: in the area, or outside the ring. */
static uint64_t good_place(void)
{
    if (one_in(2)) {
        return USER_RING_VADDR + ring.area_offset +
               below(ring.area_bytes / SLOT_BYTES) * SLOT_BYTES;
    }
    return DECOY + below(DECOY_BYTES / SLOT_BYTES) * SLOT_BYTES;
}

/* Boundaries of what is mapped and of what an address can be, and a little beside them. */
static uint64_t odd_place(void)
{
    const uint64_t edges[] = {
        0,
        USER_BASE,
        USER_IMAGE_BASE,
        USER_IMAGE_BASE + PAGE,
        USER_STACK_TOP - USER_STACK_BYTES,
        USER_STACK_TOP,
        USER_CAPSET_VADDR,
        USER_CAPSET_VADDR + PAGE,
        USER_RING_VADDR,
        USER_RING_VADDR + 64,
        USER_RING_VADDR + 128,
        USER_RING_VADDR + original.sq_offset,
        USER_RING_VADDR + original.cq_offset,
        USER_RING_VADDR + ring.area_offset,
        USER_RING_VADDR + ring.area_offset + ring.area_bytes,
        ring.end,
        USER_MAP_BASE,
        USER_END,
        NON_CANONICAL,
        0xffff800000000000ull,
        KERNEL,
        0xffffffff80000000ull,
        0xffffffff80200000ull,
        DECOY,
        DECOY + DECOY_BYTES,
    };
    uint64_t edge = edges[below(sizeof edges / sizeof *edges)];

    switch (below(4)) {
    case 0:
        return edge;
    case 1:
        return edge - 8u * (1u + below(64));
    case 2:
        return edge + 8u * below(64);
    default:
        return one_in(2) ? chance() : edge + below(64) - 32u;
    }
}

static uint32_t odd_length(void)
{
    static const uint32_t lengths[] = {0,     8,     16,    248,        256,        264,       4096,
                                       8184,  8192,  8200,  65528,      65536,      65544,     4,
                                       65535, 65537, 69632, 0x7ffffff8, 0x80000000, 0xfffffff8};

    if (one_in(4)) {
        return (uint32_t)chance();
    }
    return one_in(2) ? lengths[below(sizeof lengths / sizeof *lengths)] : 8u * below(40);
}

/* A call as it should be. */
static struct cap_sqe right_call(void)
{
    uint32_t which = below(one_in(24) ? template_count : 6); /* the Console's are the last two */
    uint64_t place = good_place();
    uint32_t cap = 0;

    while (one_in(4) || (caps[cap].interface == CAPOS_CONSOLE_ID) != templates[which].console) {
        cap = below(cap_count);
        if (one_in(8)) {
            break;
        }
    }
    uint32_t bytes = templates[which].bytes;
    memcpy((void *)(uintptr_t)place, templates[which].words, bytes);
    if (one_in(3)) {
        flip((void *)(uintptr_t)place, bytes, 1u + below(4));
    }
    return (struct cap_sqe){
        .opcode = CAP_OP_CALL,
        .method_id = templates[which].method,
        .cap_id = caps[cap].id,
        .interface_id = caps[cap].interface,
        .params_addr = place,
        .params_len = bytes,
        .result_addr = good_place(),
        .result_len = 8u * below(24),
    };
}

static uint64_t odd_cap(void)
{
    uint64_t id = caps[below(cap_count)].id;

    switch (below(5)) {
    case 0:
        return CAP_ID_NONE;
    case 1:
        return id + (1ull << CAP_ID_INDEX_BITS);
    case 2:
        return id + 1;
    case 3:
        return id ^ 1ull << below(64);
    default:
        return chance();
    }
}

static void spoil(struct cap_sqe *s)
{
    switch (below(11)) {
    case 0:
        s->flags = one_in(2) ? CAP_SQE_F_PIPELINE : (uint16_t)chance();
        return;
    case 1:
        s->reserved = 1ull << below(64);
        return;
    case 2:
        s->pointer_index = (uint16_t)chance();
        return;
    case 3:
        s->cap_id = odd_cap();
        return;
    case 4:
        s->interface_id = one_in(2) ? CAPOS_CONSOLE_ID : s->interface_id ^ 1ull << below(64);
        return;
    case 5:
        s->cap_count = (uint8_t)(1u + below(255));
        return;
    case 6:
        s->method_id = one_in(2) ? (uint16_t)below(5) : (uint16_t)chance();
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
    default:
        s->result_len = odd_length();
        return;
    }
}

static struct cap_sqe nearly_right(void)
{
    struct cap_sqe s = {.opcode = (uint8_t)below(8)};

    switch (below(10)) {
    case 0:
        return s;
    case 1:
        s.opcode = CAP_OP_RELEASE;
        s.cap_id = one_in(64) ? caps[below(cap_count)].id : odd_cap();
        return s;
    default:
        s = right_call();
        for (uint32_t n = below(3); n != 0; n--) {
            spoil(&s);
        }
        return s;
    }
}

static struct cap_sqe any_entry(void)
{
    struct cap_sqe s;

    switch (below(4)) {
    case 0:
        s = right_call();
        flip(&s, sizeof s, 1u + below(6));
        break;
    case 1:
        scribble(&s, sizeof s);
        s.opcode = one_in(2) ? s.opcode : (uint8_t)below(8);
        break;
    default:
        s = nearly_right();
        break;
    }
    if (harms_program(&s)) {
        s.result_addr = DECOY;
        s.result_len %= DECOY_BYTES;
    }
    uint32_t cap = find_cap(s.cap_id);
    if (s.opcode == CAP_OP_RELEASE && cap < cap_count && caps[cap].kept) {
        s.cap_id = CAP_ID_NONE;
    }
    s.user_data = chance();
    return s;
}

/* ------------------------------------------------------------------------- */
/* Rounds */

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
    const struct cap_cqe *c = &ring.cq[n & (ring.cq_entries - 1u)];
    uint32_t at = n & (ring.cq_entries - 1u);
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
    if (head - ring.cq_known > ring.cq_tail - ring.cq_known) {
        return false;
    }
    ring.cq_known = head;
    ring.cq_head = head;
    return true;
}

static bool queue_is_full(void)
{
    return ring.cq_tail - ring.cq_known == ring.cq_entries;
}

/*
 * What cap_enter must return with n entries published; notes what becomes due. The
 * kernel reads cq_head when by its own copy there is no room, and at the end.
 */
static int64_t predict(uint32_t n, uint32_t head)
{
    if (n > ring.sq_entries) {
        return SYS_ERR_RING_CORRUPT;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (queue_is_full() && !accept_head(head)) {
            return SYS_ERR_RING_CORRUPT;
        }
        if (queue_is_full()) {
            break;
        }
        uint32_t at = ring.cq_tail & (ring.cq_entries - 1u);
        due[at].user_data = batch[i].user_data;
        due[at].result_len = batch[i].result_len;
        due[at].may = verdict(&batch[i]);
        ring.cq_tail++;
        ring.sq_head++;
    }
    if (!accept_head(head)) {
        return SYS_ERR_RING_CORRUPT;
    }
    return (int64_t)(ring.cq_tail - head);
}

static void forget_what_is_due(void)
{
    for (uint32_t i = 0; i < ring.cq_entries; i++) {
        due[i].may = ANYTHING;
    }
}

/* Finds out from the kernel where it is, after results were written over the ring. */
static void ask(void)
{
    struct cap_ring_header *h = ring.header;

    forget_what_is_due();
    ring.sq_head = __atomic_load_n(&h->sq_head, __ATOMIC_ACQUIRE);
    ring.cq_tail = __atomic_load_n(&h->cq_tail, __ATOMIC_ACQUIRE);
    __atomic_store_n(&h->sq_tail, ring.sq_head, __ATOMIC_RELEASE);
    int64_t available = rt_cap_enter(0, CAP_TIMEOUT_POLL);
    if (available == SYS_ERR_RING_CORRUPT) {
        available = rt_cap_enter(0, CAP_TIMEOUT_POLL);
    }
    CHECK(available >= 0 && available <= ring.cq_entries);
    ring.cq_known = ring.cq_tail - (uint32_t)available;
    ring.cq_head = ring.cq_known;
}

/* Says whether results of these entries may be written over the ring. */
static bool write_batch(uint32_t n)
{
    bool harm_ring = one_in(8);
    bool ring_harmed = false;

    for (uint32_t i = 0; i < n; i++) {
        batch[i] = any_entry();
        if (harms_ring(&batch[i]) && !harm_ring) {
            batch[i].result_addr = DECOY;
            batch[i].result_len %= DECOY_BYTES;
        }
        ring_harmed |= harms_ring(&batch[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (ring_harmed && batch[i].opcode == CAP_OP_RELEASE) {
            batch[i] = (struct cap_sqe){.opcode = CAP_OP_NOP};
        }
        ring.sq[(ring.sq_head + i) & (ring.sq_entries - 1u)] = batch[i];
    }
    return ring_harmed;
}

/* Arguments that must be refused before anything is taken. */
static void bad_system_call(void)
{
    uint64_t least = ring.cq_entries + 1ull + (one_in(2) ? below(4) : chance() >> below(64));
    uint64_t timeout = CAP_TIMEOUT_MAX_NS + 1u + (one_in(2) ? 0 : chance() >> 8);
    uint64_t number = 2u + (chance() >> below(63) >> 1);

    if (least > ring.cq_entries) {
        CHECK_EQ(rt_cap_enter(least, one_in(2) ? CAP_TIMEOUT_FOREVER : 0), SYS_ERR_BAD_ARGUMENT);
    }
    CHECK_EQ(rt_cap_enter(one_in(2) ? 0 : 1, timeout), SYS_ERR_BAD_ARGUMENT);
    CHECK_EQ(rt_syscall2(number, chance(), chance()), SYS_ERR_BAD_NUMBER);
}

static uint32_t spoilt_count(uint32_t right)
{
    switch (below(4)) {
    case 0:
        return right + (uint32_t)chance();
    case 1:
        return right + below(2u * ring.cq_entries);
    case 2:
        return right - 1u - below(ring.cq_entries);
    default:
        return right ^ 1u << below(32);
    }
}

static uint32_t play_round(void)
{
    struct cap_ring_header *h = ring.header;
    uint32_t n = one_in(4) ? ring.sq_entries : below(ring.sq_entries + 1u);

    if (one_in(16)) {
        scribble(h, sizeof *h);
        scribble((void *)(uintptr_t)ring.cq, ring.cq_entries * sizeof *ring.cq);
        scribble(ring.sq, ring.sq_entries * sizeof *ring.sq);
        forget_what_is_due();
    }
    bool ring_harmed = write_batch(n);
    uint32_t head = ring.cq_head;
    uint32_t tail = ring.sq_head + n;
    if (!ring_harmed && one_in(16)) {
        head = spoilt_count(head);
    }
    if (!ring_harmed && one_in(16)) {
        uint32_t claimed = spoilt_count(tail) - ring.sq_head;
        n = claimed > ring.sq_entries || claimed < n ? claimed : n;
        tail = ring.sq_head + n;
    }
    __atomic_store_n(&h->cq_head, head, __ATOMIC_RELEASE);
    __atomic_store_n(&h->sq_tail, tail, __ATOMIC_RELEASE);
    if (one_in(8)) {
        bad_system_call();
    }

    uint32_t before = ring.sq_head;
    int64_t expected = ring_harmed ? 0 : predict(n, head);
    uint64_t least = expected >= 0 ? below((uint32_t)expected + 1u) : 0;
    int64_t result = rt_cap_enter(least, one_in(2) ? CAP_TIMEOUT_FOREVER : CAP_TIMEOUT_POLL);
    if (ring_harmed) {
        ask();
        return ring.sq_head - before;
    }
    CHECK_EQ(result, expected);
    corruptions += result == SYS_ERR_RING_CORRUPT;
    while (!one_in(2u * ring.cq_entries) && ring.cq_head != ring.cq_tail) {
        check_completion(ring.cq_head++);
    }
    return ring.sq_head - before;
}

/* Waits for what does not come, and is not given more than asked for. */
static void wait_a_moment(void)
{
    __atomic_store_n(&ring.header->sq_tail, ring.sq_head, __ATOMIC_RELEASE);
    __atomic_store_n(&ring.header->cq_head, ring.cq_tail, __ATOMIC_RELEASE);
    CHECK(accept_head(ring.cq_tail));
    CHECK_EQ(rt_cap_enter(1u + below(ring.cq_entries), 1u + below(5000000)), 0);
}

/* Puts the header back in order, for the runtime's client. */
static void restore(struct rt_ring *client)
{
    *ring.header = original;
    ring.header->sq_head = ring.sq_head;
    ring.header->sq_tail = ring.sq_head;
    ring.header->cq_tail = ring.cq_tail;
    ring.header->cq_head = ring.cq_tail;
    client->sq_tail = ring.sq_head;
    client->cq_head = ring.cq_tail;
}

static void check_honest_call(struct rt_ring *client)
{
    struct capos_null_cap null = {caps[0].id};
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

    original = *client->header;
    ring.header = client->header;
    ring.sq = client->sq;
    ring.cq = client->cq;
    ring.end = USER_RING_VADDR + original.region_bytes;
    ring.sq_entries = original.sq_entries;
    ring.cq_entries = original.cq_entries;
    ring.area_offset = original.area_offset;
    ring.area_bytes = original.area_bytes;
    ring.sq_head = client->sq_tail;
    ring.cq_tail = client->cq_head;
    ring.cq_known = client->cq_head;
    ring.cq_head = client->cq_head;
    take_capset();
    make_templates();
    memset(decoy, 0xa5, sizeof decoy);

    while (entries < ENTRIES) {
        entries += play_round();
        if (entries / (ENTRIES / 16) != waits) {
            waits = entries / (ENTRIES / 16);
            wait_a_moment();
        }
    }
    restore(client);
    check_honest_call(client);
    for (uint32_t i = 0; i < PAGE; i++) {
        CHECK_EQ(decoy[i], 0xa5);
        CHECK_EQ(decoy[PAGE + DECOY_BYTES + i], 0xa5);
    }
    rt_printf("assault: %u entries, %lu counts put back; succeeded %lu", entries, corruptions,
              seen[0]);
    for (uint32_t code = 1; code < CODES_SEEN; code++) {
        rt_printf(", -%u %lu", code, seen[code]);
    }
    rt_printf("\n");
    for (uint32_t code = 0; code < CODES_SEEN; code++) {
        CHECK(seen[code] != 0);
    }
    CHECK(corruptions != 0);
    return demo_end();
}
