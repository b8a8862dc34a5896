// SPDX-License-Identifier: MIT
/* The intrusive list, beside an array. */
#include "catch_assert.h"

#include <lib/list.h>
#include <stdint.h>
#include <string.h>

#define ITEMS 6u

struct item {
    uint64_t before;
    struct list_node node;
    uint64_t after;
};

static struct item items[ITEMS];

static void items_init(void)
{
    for (unsigned i = 0; i < ITEMS; i++) {
        list_init(&items[i].node);
    }
}

/* The list holds exactly these items in this order. */
static void expect(const struct list_node *head, const unsigned *order, unsigned n)
{
    struct list_node *node = list_first(head);

    assert_true(list_check(head, n));
    assert_int_equal(list_is_empty(head), n == 0);
    for (unsigned i = 0; i < n; i++) {
        assert_non_null(node);
        assert_ptr_equal(LIST_OWNER(node, struct item, node), &items[order[i]]);
        assert_true(list_is_linked(node));
        node = list_next(head, node);
    }
    assert_null(node);
}

static void test_both_ends(void **state)
{
    struct list_node head;

    (void)state;
    items_init();
    list_init(&head);
    expect(&head, NULL, 0);
    assert_null(list_pop_front(&head));
    list_push_back(&head, &items[1].node);
    list_push_front(&head, &items[0].node);
    list_push_back(&head, &items[3].node);
    list_insert_after(&items[1].node, &items[2].node);
    expect(&head, (unsigned[]){0, 1, 2, 3}, 4);
    assert_ptr_equal(list_pop_front(&head), &items[0].node);
    assert_false(list_is_linked(&items[0].node));
    expect(&head, (unsigned[]){1, 2, 3}, 3);
}

static void test_remove_anywhere_and_twice(void **state)
{
    struct list_node head;

    (void)state;
    items_init();
    list_init(&head);
    for (unsigned i = 0; i < 4; i++) {
        list_push_back(&head, &items[i].node);
    }
    list_remove(&items[1].node);
    list_remove(&items[1].node);
    expect(&head, (unsigned[]){0, 2, 3}, 3);
    list_remove(&items[3].node);
    list_remove(&items[0].node);
    expect(&head, (unsigned[]){2}, 1);
    list_remove(&items[2].node);
    expect(&head, NULL, 0);
}

static void test_random(void **state)
{
    struct list_node head;
    unsigned order[ITEMS];
    unsigned n = 0;
    uint64_t seed = 1;

    (void)state;
    items_init();
    list_init(&head);
    for (unsigned step = 0; step < 5000; step++) {
        unsigned i, at = 0;

        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        i = (unsigned)(seed >> 40) % ITEMS;
        while (at < n && order[at] != i) {
            at++;
        }
        if (at < n) {
            list_remove(&items[i].node);
            memmove(&order[at], &order[at + 1], (n - at - 1) * sizeof(order[0]));
            n--;
        } else if (seed >> 63) {
            list_push_back(&head, &items[i].node);
            order[n++] = i;
        } else {
            list_push_front(&head, &items[i].node);
            memmove(&order[1], &order[0], n * sizeof(order[0]));
            order[0] = i;
            n++;
        }
        expect(&head, order, n);
    }
}

static void test_check_sees_damage(void **state)
{
    struct list_node head;

    (void)state;
    items_init();
    list_init(&head);
    for (unsigned i = 0; i < 3; i++) {
        list_push_back(&head, &items[i].node);
    }
    assert_true(list_check(&head, 3));
    assert_false(list_check(&head, 2));
    items[1].node.prev = &head;
    assert_false(list_check(&head, 3));
    items[1].node.prev = &items[0].node;
    items[1].node.next = NULL;
    assert_false(list_check(&head, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ends),
        cmocka_unit_test(test_remove_anywhere_and_twice),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_check_sees_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
