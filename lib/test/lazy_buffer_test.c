// SPDX-License-Identifier: MIT
/* The lazy buffer with an allocator that counts, and that fails when told to. */
#include "catch_assert.h"

#include <lib/lazy_buffer.h>
#include <string.h>

#define LIMIT 256u

struct counting_heap {
    size_t live_bytes;
    unsigned live_blocks;
    unsigned allocations;
    unsigned fail_at; /* the allocation of this number fails; 0: none */
};

static void *counting_alloc(void *context, size_t bytes)
{
    struct counting_heap *heap = context;

    heap->allocations++;
    if (heap->allocations == heap->fail_at) {
        return NULL;
    }
    heap->live_bytes += bytes;
    heap->live_blocks++;
    return malloc(bytes);
}

static void counting_free(void *context, void *memory, size_t bytes)
{
    struct counting_heap *heap = context;

    assert_non_null(memory);
    heap->live_bytes -= bytes;
    heap->live_blocks--;
    free(memory);
}

static struct lazy_buffer_source source_of(struct counting_heap *heap)
{
    return (struct lazy_buffer_source){counting_alloc, counting_free, heap};
}

/* Gets, and uses all of it, so that the sanitizer sees a piece that is too small. */
static void *get(struct lazy_buffer *buffer, const struct lazy_buffer_source *source, size_t bytes)
{
    void *memory = NULL;

    assert_int_equal(lazy_buffer_get(buffer, source, bytes, &memory), ST_OK);
    assert_non_null(memory);
    memset(memory, 0x5a, bytes);
    assert_true(lazy_buffer_check(buffer));
    return memory;
}

static void test_nothing_before_first_use(void **state)
{
    struct counting_heap heap = {0};
    struct lazy_buffer_source source = source_of(&heap);
    struct lazy_buffer buffer;

    (void)state;
    lazy_buffer_init(&buffer, LIMIT);
    assert_true(lazy_buffer_check(&buffer));
    lazy_buffer_drop(&buffer, &source);
    assert_int_equal(heap.allocations, 0);
}

static void test_kept_until_it_is_too_small(void **state)
{
    struct counting_heap heap = {0};
    struct lazy_buffer_source source = source_of(&heap);
    struct lazy_buffer buffer;
    void *first;

    (void)state;
    lazy_buffer_init(&buffer, LIMIT);
    first = get(&buffer, &source, 100);
    assert_ptr_equal(get(&buffer, &source, 1), first);
    assert_ptr_equal(get(&buffer, &source, 100), first);
    assert_int_equal(heap.allocations, 1);
    get(&buffer, &source, 101);
    assert_int_equal(heap.allocations, 2);
    assert_int_equal(heap.live_blocks, 1);
    assert_int_equal(heap.live_bytes, 101);
    lazy_buffer_drop(&buffer, &source);
    assert_int_equal(heap.live_blocks, 0);
    assert_int_equal(heap.live_bytes, 0);
    lazy_buffer_drop(&buffer, &source);
    get(&buffer, &source, 5);
    assert_int_equal(heap.live_bytes, 5);
    lazy_buffer_drop(&buffer, &source);
}

static void test_limits(void **state)
{
    static const size_t refused[] = {LIMIT + 1, LIMIT + 2, SIZE_MAX};
    struct counting_heap heap = {0};
    struct lazy_buffer_source source = source_of(&heap);
    struct lazy_buffer buffer;
    void *memory = &heap;

    (void)state;
    lazy_buffer_init(&buffer, LIMIT);
    assert_int_equal(lazy_buffer_get(&buffer, &source, 0, &memory), ST_INVALID);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_int_equal(lazy_buffer_get(&buffer, &source, refused[i], &memory), ST_FULL);
    }
    assert_ptr_equal(memory, &heap);
    assert_int_equal(heap.allocations, 0);
    get(&buffer, &source, LIMIT - 1);
    get(&buffer, &source, LIMIT);
    lazy_buffer_drop(&buffer, &source);
    lazy_buffer_init(&buffer, 0);
    assert_int_equal(lazy_buffer_get(&buffer, &source, 1, &memory), ST_FULL);
}

/* Each allocation of a sequence fails once; what was held is still held. */
static void test_each_allocation_fails_once(void **state)
{
    (void)state;
    for (unsigned fail_at = 1; fail_at <= 3; fail_at++) {
        struct counting_heap heap = {.fail_at = fail_at};
        struct lazy_buffer_source source = source_of(&heap);
        struct lazy_buffer buffer;
        unsigned failures = 0;

        lazy_buffer_init(&buffer, LIMIT);
        for (size_t bytes = 50; bytes <= 150; bytes += 50) {
            struct lazy_buffer before = buffer;
            void *memory = NULL;
            enum status status = lazy_buffer_get(&buffer, &source, bytes, &memory);

            if (status != ST_OK) {
                assert_int_equal(status, ST_NO_MEMORY);
                assert_memory_equal(&buffer, &before, sizeof(buffer));
                assert_null(memory);
                failures++;
            }
            assert_true(lazy_buffer_check(&buffer));
            assert_int_equal(heap.live_bytes, buffer.bytes);
        }
        assert_int_equal(failures, 1);
        lazy_buffer_drop(&buffer, &source);
        assert_int_equal(heap.live_blocks, 0);
    }
}

static void test_check_sees_damage(void **state)
{
    struct counting_heap heap = {0};
    struct lazy_buffer_source source = source_of(&heap);
    struct lazy_buffer buffer;

    (void)state;
    lazy_buffer_init(&buffer, LIMIT);
    buffer.bytes = 1;
    assert_false(lazy_buffer_check(&buffer));
    expect_assert_failure(lazy_buffer_drop(&buffer, &source));
    buffer.memory = &heap;
    buffer.bytes = LIMIT + 1;
    assert_false(lazy_buffer_check(&buffer));
    buffer.bytes = 0;
    assert_false(lazy_buffer_check(&buffer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_before_first_use),
        cmocka_unit_test(test_kept_until_it_is_too_small),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_each_allocation_fails_once),
        cmocka_unit_test(test_check_sees_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
