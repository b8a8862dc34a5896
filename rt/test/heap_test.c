// SPDX-License-Identifier: MIT
/*
 * The heap against a plain model: random programs of allocations and frees whose
 * payloads are painted, so that an overlap shows; then every fault it promises to
 * tell apart, and every length of exhaustion.
 */
#include <rt/heap.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAP_BYTES 8192u
#define SLOTS      64u

static unsigned char memory[HEAP_BYTES + RT_HEAP_ALIGN] __attribute__((aligned(16)));

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static bool painted(const unsigned char *p, unsigned char paint, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != paint) {
            return false;
        }
    }
    return true;
}

static void random_programs_agree_with_the_model(void **state)
{
    (void)state;
    for (uint32_t run = 1; run <= 50; run++) {
        struct rt_heap heap;
        struct {
            unsigned char *p;
            size_t n;
        } slots[SLOTS] = {0};
        uint32_t seed = run;
        uint32_t live = 0;

        assert_true(rt_heap_init(&heap, memory, HEAP_BYTES));
        for (uint32_t step = 0; step < 2000; step++) {
            uint32_t i = next_random(&seed) % SLOTS;
            if (slots[i].p != NULL) {
                assert_true(painted(slots[i].p, (unsigned char)i, slots[i].n));
                assert_int_equal(rt_heap_free(&heap, slots[i].p), RT_HEAP_OK);
                slots[i].p = NULL;
                live--;
            } else {
                size_t n = next_random(&seed) % 400u;
                slots[i].p = rt_heap_alloc(&heap, n);
                slots[i].n = n;
                if (slots[i].p != NULL) {
                    assert_int_equal((uintptr_t)slots[i].p % RT_HEAP_ALIGN, 0);
                    assert_true(rt_heap_usable(&heap, slots[i].p) >= n);
                    memset(slots[i].p, (int)i, n);
                    live++;
                }
            }
            assert_int_equal(heap.live_blocks, live);
            assert_true(rt_heap_check(&heap));
        }
        for (uint32_t i = 0; i < SLOTS; i++) {
            if (slots[i].p != NULL) {
                assert_int_equal(rt_heap_free(&heap, slots[i].p), RT_HEAP_OK);
            }
        }
        assert_true(rt_heap_check(&heap));
        assert_int_equal(heap.live_bytes, 0);
        assert_non_null(rt_heap_alloc(&heap, HEAP_BYTES - 16u));
    }
}

static void exhaustion_is_null_and_changes_nothing(void **state)
{
    (void)state;
    struct rt_heap heap;
    uint32_t count = 0;

    assert_true(rt_heap_init(&heap, memory, HEAP_BYTES));
    assert_null(rt_heap_alloc(&heap, SIZE_MAX));
    assert_null(rt_heap_alloc(&heap, UINT32_MAX));
    assert_null(rt_heap_alloc(&heap, HEAP_BYTES));
    assert_null(rt_heap_alloc(&heap, HEAP_BYTES - 15u));
    assert_true(rt_heap_check(&heap));
    while (rt_heap_alloc(&heap, 0) != NULL) {
        count++;
    }
    assert_int_equal(count, HEAP_BYTES / 32u);
    assert_true(rt_heap_check(&heap));
    assert_int_equal(heap.live_blocks, count);
}

static void neighbours_merge_in_every_order(void **state)
{
    static const unsigned char orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                               {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    (void)state;
    for (size_t o = 0; o < 6; o++) {
        struct rt_heap heap;
        void *p[3];

        assert_true(rt_heap_init(&heap, memory, 3u * 64u));
        for (size_t i = 0; i < 3; i++) {
            p[i] = rt_heap_alloc(&heap, 48);
            assert_non_null(p[i]);
        }
        assert_null(rt_heap_alloc(&heap, 0));
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(rt_heap_free(&heap, p[orders[o][i]]), RT_HEAP_OK);
            assert_true(rt_heap_check(&heap));
        }
        assert_non_null(rt_heap_alloc(&heap, 3u * 64u - 16u));
    }
}

static void faults_are_told_apart(void **state)
{
    (void)state;
    struct rt_heap heap;
    unsigned char elsewhere[64] = {0};

    assert_true(rt_heap_init(&heap, memory, HEAP_BYTES));
    unsigned char *a = rt_heap_alloc(&heap, 40);
    unsigned char *b = rt_heap_alloc(&heap, 40);
    unsigned char *c = rt_heap_alloc(&heap, 40);
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);

    assert_int_equal(rt_heap_free(&heap, elsewhere), RT_HEAP_NOT_OURS);
    assert_int_equal(rt_heap_free(&heap, memory), RT_HEAP_NOT_OURS);
    assert_int_equal(rt_heap_free(&heap, memory + HEAP_BYTES), RT_HEAP_NOT_OURS);
    assert_int_equal(rt_heap_free(&heap, a + 1), RT_HEAP_NOT_OURS);
    assert_int_equal(rt_heap_free(&heap, a + 16), RT_HEAP_NOT_OURS);
    assert_int_equal(rt_heap_usable(&heap, a + 16), 0);

    assert_int_equal(rt_heap_free(&heap, b), RT_HEAP_OK);
    assert_int_equal(rt_heap_free(&heap, b), RT_HEAP_FREED_TWICE);
    assert_int_equal(rt_heap_free(&heap, c), RT_HEAP_OK);
    assert_int_equal(rt_heap_free(&heap, c), RT_HEAP_FREED_TWICE); /* merged into b by now */
    assert_true(rt_heap_check(&heap));

    memset(a, 0x5a, rt_heap_usable(&heap, a) + 1u);
    assert_int_equal(rt_heap_free(&heap, a), RT_HEAP_OVERRUN);
    assert_false(rt_heap_check(&heap));
}

static void odd_memory_is_taken(void **state)
{
    (void)state;
    struct rt_heap heap;

    assert_false(rt_heap_init(&heap, memory, RT_HEAP_BYTES_MIN - 1u));
    for (size_t skip = 0; skip < RT_HEAP_ALIGN; skip++) {
        assert_true(rt_heap_init(&heap, memory + skip, RT_HEAP_BYTES_MIN));
        void *p = rt_heap_alloc(&heap, 1);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % RT_HEAP_ALIGN, 0);
        assert_true(rt_heap_check(&heap));
    }
}

static void every_fault_has_a_sentence(void **state)
{
    (void)state;
    for (int fault = RT_HEAP_OK; fault <= RT_HEAP_OVERRUN + 1; fault++) {
        assert_true(strlen(rt_heap_fault_text((enum rt_heap_fault)fault)) > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_programs_agree_with_the_model),
        cmocka_unit_test(exhaustion_is_null_and_changes_nothing),
        cmocka_unit_test(neighbours_merge_in_every_order),
        cmocka_unit_test(faults_are_told_apart),
        cmocka_unit_test(odd_memory_is_taken),
        cmocka_unit_test(every_fault_has_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
