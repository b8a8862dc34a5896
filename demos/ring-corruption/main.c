// SPDX-License-Identifier: MIT
/*
 * A program that writes nonsense into its own ring harms nobody, not even itself
 * for long: the kernel puts a bad index back, counts it, says so, and later work
 * completes. What the program writes over the kernel's side of the header is not
 * read at all.
 *
 * The program keeps its own copy of where each index really is, and does not use
 * the runtime's ring client until the end, since that trusts what it reads.
 */
#include <rt/print.h>
#include <rt/string.h>
#include <rt/syscall.h>
#include <support/check.h>

/* As the kernel has them. All free-running counts. */
static struct {
    struct cap_ring_header *header;
    struct cap_sqe *sq;
    const struct cap_cqe *cq;
    uint32_t sq_entries;
    uint32_t cq_entries;
    uint32_t sq_head; /* entries taken so far */
    uint32_t cq_tail; /* completions posted so far */
    uint32_t cq_head; /* completions given back so far */
    uint32_t corruptions;
    uint64_t next; /* user data of the next entry, and from `oldest` on what is to come */
    uint64_t oldest;
} ring;

/* The header as it was, to put back what was written over it. */
static struct cap_ring_header original;

static void store(uint32_t *index, uint32_t value)
{
    __atomic_store_n(index, value, __ATOMIC_RELEASE);
}

static uint32_t load(const uint32_t *index)
{
    return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static int64_t enter(void)
{
    return rt_cap_enter(0, CAP_TIMEOUT_POLL);
}

/* Writes n entries into the queue and publishes none of them. */
static void write_nops(uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        ring.sq[(ring.sq_head + i) & (ring.sq_entries - 1u)] =
            (struct cap_sqe){.opcode = CAP_OP_NOP, .user_data = ring.next + i};
    }
}

/* Publishes n entries that were written, and has them taken. Their completions stay. */
static void submit(uint32_t n)
{
    store(&ring.header->sq_tail, ring.sq_head + n);
    CHECK_EQ(enter(), ring.cq_tail - ring.cq_head + n);
    ring.sq_head += n;
    ring.cq_tail += n;
    ring.next += n;
    CHECK_EQ(load(&ring.header->sq_head), ring.sq_head);
    CHECK_EQ(load(&ring.header->cq_tail), ring.cq_tail);
}

/* Looks at every completion there is, in order, and gives them back. */
static void reap(void)
{
    for (; ring.cq_head != ring.cq_tail; ring.cq_head++) {
        const struct cap_cqe *cqe = &ring.cq[ring.cq_head & (ring.cq_entries - 1u)];
        CHECK_EQ(cqe->user_data, ring.oldest);
        CHECK_EQ(cqe->result, 0);
        ring.oldest++;
    }
    store(&ring.header->cq_head, ring.cq_head);
}

/* The kernel found one index out of range: it said so, put it back and counted, and did no more. */
static void check_repaired(void)
{
    CHECK_EQ(enter(), SYS_ERR_RING_CORRUPT);
    ring.corruptions++;
    CHECK_EQ(load(&ring.header->corruptions), ring.corruptions);
}

/* The ring works: a full batch, checked one by one. */
static void check_works(void)
{
    CHECK_EQ(enter(), ring.cq_tail - ring.cq_head);
    reap();
    write_nops(ring.sq_entries);
    submit(ring.sq_entries);
    reap();
    CHECK_EQ(enter(), 0);
    CHECK_EQ(load(&ring.header->corruptions), ring.corruptions);
}

/*
 * Steps from where an index is, of which up to `limit` are allowed: those that go
 * one too far, or back by one, or very much too far.
 */
#define BAD_STEPS 12u

static uint32_t bad_step(uint32_t i, uint32_t limit)
{
    const uint32_t steps[BAD_STEPS] = {
        limit + 1u,  limit + 2u,  2u * limit + 1u, 65536u,          0x7ffffffeu, 0x7fffffffu,
        0x80000000u, 0x80000001u, 0xffff0000u,     0u - limit - 1u, 0xfffffffeu, 0xffffffffu,
    };
    return steps[i];
}

static void check_bad_sq_tails(void)
{
    for (uint32_t i = 0; i < BAD_STEPS; i++) {
        write_nops(ring.sq_entries);
        store(&ring.header->sq_tail, ring.sq_head + bad_step(i, ring.sq_entries));
        check_repaired();
        CHECK_EQ(load(&ring.header->sq_tail), ring.sq_head); /* so nothing is pending */
        CHECK_EQ(load(&ring.header->sq_head), ring.sq_head);
        CHECK_EQ(load(&ring.header->cq_tail), ring.cq_tail);
        check_works();
    }
}

/* With this many completions not given back, every head outside of them is bad. */
static void check_bad_cq_heads(uint32_t waiting)
{
    for (uint32_t i = 0; i < BAD_STEPS; i++) {
        write_nops(waiting);
        submit(waiting);
        store(&ring.header->cq_head, ring.cq_head + bad_step(i, waiting));
        check_repaired();
        CHECK_EQ(load(&ring.header->cq_head), ring.cq_head);
        CHECK_EQ(enter(), waiting); /* all of them are there again */
        check_works();
    }
}

/* A bad head while entries wait: none is lost, none completes twice. */
static void check_bad_cq_head_with_entries(void)
{
    for (uint32_t i = 0; i < BAD_STEPS; i++) {
        uint32_t n = ring.sq_entries;
        write_nops(n);
        store(&ring.header->sq_tail, ring.sq_head + n);
        store(&ring.header->cq_head, ring.cq_head + bad_step(i, n));
        check_repaired();
        CHECK_EQ(load(&ring.header->cq_head), ring.cq_head);
        CHECK_EQ(enter(), n);
        ring.sq_head += n;
        ring.cq_tail += n;
        ring.next += n;
        check_works();
    }
}

/* Both at once: each is found, put back and counted. */
static void check_both(void)
{
    for (uint32_t i = 0; i < BAD_STEPS; i++) {
        for (uint32_t j = 0; j < BAD_STEPS; j++) {
            store(&ring.header->sq_tail, ring.sq_head + bad_step(i, ring.sq_entries));
            store(&ring.header->cq_head, ring.cq_head + bad_step(j, 0));
            check_repaired();
            check_repaired();
            CHECK_EQ(load(&ring.header->sq_tail), ring.sq_head);
            CHECK_EQ(load(&ring.header->cq_head), ring.cq_head);
            check_works();
        }
    }
}

/* A tail that moves back within what was not taken is no corruption: it withdraws entries. */
static void check_withdrawal(void)
{
    write_nops(ring.sq_entries);
    store(&ring.header->sq_tail, ring.sq_head + ring.sq_entries);
    store(&ring.header->sq_tail, ring.sq_head + 3u);
    CHECK_EQ(enter(), 3);
    ring.sq_head += 3u;
    ring.cq_tail += 3u;
    ring.next += 3u;
    check_works();
}

/* Each field the kernel wrote, overwritten, does not change what the kernel does. */
static void check_kernel_fields(void)
{
    static const size_t fields[] = {
        offsetof(struct cap_ring_header, magic),
        offsetof(struct cap_ring_header, abi_version),
        offsetof(struct cap_ring_header, features),
        offsetof(struct cap_ring_header, sq_entries),
        offsetof(struct cap_ring_header, cq_entries),
        offsetof(struct cap_ring_header, sq_offset),
        offsetof(struct cap_ring_header, cq_offset),
        offsetof(struct cap_ring_header, area_offset),
        offsetof(struct cap_ring_header, area_bytes),
        offsetof(struct cap_ring_header, region_bytes),
        offsetof(struct cap_ring_header, reserved0),
        offsetof(struct cap_ring_header, reserved1),
        offsetof(struct cap_ring_header, sq_head),
        offsetof(struct cap_ring_header, cq_tail),
        offsetof(struct cap_ring_header, reserved2),
    };
    static const uint32_t values[] = {0, 1, 3, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};

    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
        uint32_t *field = (uint32_t *)(void *)((uint8_t *)ring.header + fields[f]);
        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
            uint32_t good = *field;
            store(field, values[v]);
            write_nops(ring.sq_entries);
            submit(ring.sq_entries);
            reap();
            if (field != &ring.header->sq_head && field != &ring.header->cq_tail) {
                store(field, good);
            }
        }
    }
    CHECK_EQ(load(&ring.header->corruptions), ring.corruptions);

    /* The count is the kernel's own too: what was written over it is gone with the next one. */
    store(&ring.header->corruptions, 12345);
    store(&ring.header->sq_tail, ring.sq_head - 1u);
    check_repaired();
    check_works();
}

static uint64_t next_random(void)
{
    static uint64_t x = 0x2545f4914f6cdd1dull;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

static void scribble(void *at, size_t bytes)
{
    for (size_t i = 0; i < bytes / sizeof(uint64_t); i++) {
        uint64_t word = next_random();
        memcpy((uint8_t *)at + i * sizeof word, &word, sizeof word);
    }
}

/* Garbage everywhere: entries, header, completions. Every entry completes, and none succeeds. */
static void check_garbage(void)
{
    for (uint32_t round = 0; round < 500; round++) {
        uint32_t n = 1u + (uint32_t)(next_random() % ring.sq_entries);

        scribble(ring.sq, ring.sq_entries * sizeof *ring.sq);
        scribble(ring.header, sizeof *ring.header);
        store(&ring.header->cq_head, ring.cq_head);
        store(&ring.header->sq_tail, ring.sq_head + n);
        CHECK_EQ(enter(), n);
        ring.sq_head += n;
        ring.cq_tail += n;
        CHECK_EQ(load(&ring.header->sq_head), ring.sq_head);
        CHECK_EQ(load(&ring.header->cq_tail), ring.cq_tail);
        for (; ring.cq_head != ring.cq_tail; ring.cq_head++) {
            const struct cap_cqe *cqe = &ring.cq[ring.cq_head & (ring.cq_entries - 1u)];
            CHECK(cqe->result < 0);
            CHECK_EQ(cqe->reserved, 0);
        }
        store(&ring.header->cq_head, ring.cq_head);
    }
}

/* Puts the header back in order, for the runtime's client. */
static void restore(struct rt_ring *client)
{
    *ring.header = original;
    ring.header->corruptions = ring.corruptions;
    store(&ring.header->sq_head, ring.sq_head);
    store(&ring.header->sq_tail, ring.sq_head);
    store(&ring.header->cq_tail, ring.cq_tail);
    store(&ring.header->cq_head, ring.cq_head);
    rt_ring_go_on(client, ring.sq_head, ring.cq_head);
}

int main(void)
{
    struct rt_ring *client = demo_begin("ring-corruption");

    CHECK(rt_printf("ring-corruption: no damage yet\n"));
    rt_ring_publish(client);
    original = *client->header;
    ring.header = client->header;
    ring.sq = client->sq;
    ring.cq = client->cq;
    ring.sq_entries = client->sq_mask + 1u;
    ring.cq_entries = client->cq_mask + 1u;
    ring.sq_head = client->sq_tail;
    ring.cq_tail = client->cq_head;
    ring.cq_head = client->cq_head;
    CHECK_EQ(original.corruptions, 0);

    check_works();
    check_bad_sq_tails();
    check_bad_cq_heads(0);
    check_bad_cq_heads(1);
    check_bad_cq_heads(ring.sq_entries);
    check_bad_cq_head_with_entries();
    check_both();
    check_withdrawal();
    check_kernel_fields();
    check_garbage();

    restore(client);
    check_works();
    restore(client);
    CHECK(rt_printf("ring-corruption: %u indices put back, and this line still gets through\n",
                    ring.corruptions));
    return demo_end();
}
