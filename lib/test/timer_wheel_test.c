// SPDX-License-Identifier: MIT
/* The timer wheel: digits, boundaries and long jumps by hand, the rest beside an array. */
#include "catch_assert.h"

#include <abi/limits.h>
#include <lib/timer_wheel.h>
#include <string.h>

#define TIMERS 40u

static struct timer_wheel wheel;
static struct timer timers[TIMERS];

static void start(uint64_t now)
{
    timer_wheel_init(&wheel, now);
    for (unsigned i = 0; i < TIMERS; i++) {
        timer_init(&timers[i]);
    }
    assert_true(timer_wheel_check(&wheel));
    assert_true(timer_wheel_is_empty(&wheel));
}

static void test_the_longest_wait_of_a_program_fits(void **state)
{
    (void)state;
    assert_true(CAP_TIMEOUT_MAX_NS / 1000000 + 1 <= TIMER_WHEEL_DELAY_MAX);
}

/* One timer at each distance around each power of 64, from presents around them too. */
static void test_expires_at_its_tick_and_not_before(void **state)
{
    (void)state;
    for (unsigned at = 0; at < 44; at += 3) {
        for (uint64_t from = 0; from <= 2; from++) {
            for (unsigned shift = 0; shift < 36; shift++) {
                for (uint64_t offset = 0; offset <= 2; offset++) {
                    uint64_t now = (1ull << at) + from - 1;
                    uint64_t delay = (1ull << shift) + offset - 1;

                    if (delay > TIMER_WHEEL_DELAY_MAX) {
                        continue;
                    }
                    start(now);
                    timer_wheel_add(&wheel, &timers[0], now + delay);
                    assert_true(timer_wheel_check(&wheel));
                    if (delay > 0) {
                        assert_null(timer_wheel_expire(&wheel, now + delay - 1));
                        assert_true(timer_wheel_check(&wheel));
                        assert_true(timer_is_pending(&timers[0]));
                    }
                    assert_ptr_equal(timer_wheel_expire(&wheel, now + delay), &timers[0]);
                    assert_false(timer_is_pending(&timers[0]));
                    assert_null(timer_wheel_expire(&wheel, now + delay));
                    assert_true(timer_wheel_is_empty(&wheel));
                    assert_true(timer_wheel_check(&wheel));
                }
            }
        }
    }
}

static void test_past_deadlines_are_due_at_once(void **state)
{
    (void)state;
    start(1000);
    timer_wheel_add(&wheel, &timers[0], 1000);
    timer_wheel_add(&wheel, &timers[1], 0);
    assert_true(timer_wheel_check(&wheel));
    timer_wheel_cancel(&wheel, &timers[0]);
    assert_true(timer_wheel_check(&wheel));
    assert_ptr_equal(timer_wheel_expire(&wheel, 1000), &timers[1]);
    assert_null(timer_wheel_expire(&wheel, 1000));
    assert_true(timer_wheel_is_empty(&wheel));
}

/* After one long jump timers come out in the order of their deadlines. */
static void test_order_after_a_jump(void **state)
{
    static const uint64_t deadlines[] = {5,   70,     64,     63,       4096,     4095,
                                         6,   300000, 262144, 1u << 30, 1u << 24, 100,
                                         101, 66,     5000,   16777215};
    const unsigned n = sizeof(deadlines) / sizeof(deadlines[0]);
    uint64_t last = 0;

    (void)state;
    start(3);
    for (unsigned i = 0; i < n; i++) {
        timer_wheel_add(&wheel, &timers[i], deadlines[i]);
    }
    for (unsigned i = 0; i < n; i++) {
        struct timer *timer = timer_wheel_expire(&wheel, 1u << 31);

        assert_non_null(timer);
        assert_true(timer->deadline >= last);
        last = timer->deadline;
        assert_true(timer_wheel_check(&wheel));
    }
    assert_null(timer_wheel_expire(&wheel, 1u << 31));
    assert_int_equal(wheel.now, 1u << 31);
}

static void test_bugs_of_the_caller_are_asserted(void **state)
{
    (void)state;
    start(100);
    timer_wheel_add(&wheel, &timers[0], 100 + TIMER_WHEEL_DELAY_MAX);
    expect_assert_failure(timer_wheel_add(&wheel, &timers[0], 200));
    expect_assert_failure(timer_wheel_add(&wheel, &timers[1], 101 + TIMER_WHEEL_DELAY_MAX));
    expect_assert_failure(timer_wheel_add(&wheel, &timers[1], UINT64_MAX));
    expect_assert_failure((void)!timer_wheel_expire(&wheel, 99));
    timer_wheel_cancel(&wheel, &timers[0]);
    timer_wheel_cancel(&wheel, &timers[0]);
    assert_true(timer_wheel_check(&wheel));
    assert_true(timer_wheel_is_empty(&wheel));
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
    return *seed >> 20;
}

/* What the array says is due at `now`, and no more, comes out, in order. */
static void expire_all(const uint64_t *deadlines, bool *pending, uint64_t now)
{
    uint64_t last = 0;
    struct timer *timer;

    while ((timer = timer_wheel_expire(&wheel, now)) != NULL) {
        unsigned i = (unsigned)(timer - timers);

        assert_true(pending[i] && deadlines[i] <= now && deadlines[i] == timer->deadline);
        assert_true(deadlines[i] >= last);
        last = deadlines[i];
        pending[i] = false;
    }
    for (unsigned i = 0; i < TIMERS; i++) {
        assert_true(!pending[i] || deadlines[i] > now);
        assert_int_equal(timer_is_pending(&timers[i]), pending[i]);
    }
}

static void test_random(void **state)
{
    static const uint64_t starts[] = {0, 4000, (1ull << 36) - 5000, (1ull << 60) - 77};
    uint64_t seed = 9;

    (void)state;
    for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
        uint64_t deadlines[TIMERS];
        bool pending[TIMERS] = {false};
        uint64_t now = starts[s];

        start(now);
        for (unsigned step = 0; step < 4000; step++) {
            unsigned i = (unsigned)(next_random(&seed) % TIMERS);
            uint64_t delay = next_random(&seed) % (1ull << next_random(&seed) % 36);

            if (!pending[i]) {
                deadlines[i] = now + delay;
                timer_wheel_add(&wheel, &timers[i], deadlines[i]);
                pending[i] = true;
            } else if (step % 3 == 0) {
                timer_wheel_cancel(&wheel, &timers[i]);
                pending[i] = false;
            } else {
                now += step % 5 == 0 ? delay : delay % 100;
                expire_all(deadlines, pending, now);
            }
            assert_true(timer_wheel_check(&wheel));
        }
    }
}

static void test_check_sees_damage(void **state)
{
    (void)state;
    start(10);
    timer_wheel_add(&wheel, &timers[0], 20);
    timer_wheel_add(&wheel, &timers[1], 5000);
    timer_wheel_add(&wheel, &timers[2], 1);
#define SEES(place, value)                                                                         \
    do {                                                                                           \
        __typeof__(place) was = (place);                                                           \
        (place) = (value);                                                                         \
        assert_false(timer_wheel_check(&wheel));                                                   \
        (place) = was;                                                                             \
        assert_true(timer_wheel_check(&wheel));                                                    \
    } while (0)
    SEES(wheel.count, 2);
    SEES(wheel.count, 4);
    SEES(wheel.now, 20);
    SEES(wheel.now, 64);
    SEES(wheel.occupied[0], 0);
    SEES(wheel.occupied[1], 1);
    SEES(timers[0].deadline, 21);
    SEES(timers[0].level, 1);
    SEES(timers[0].slot, 21);
    SEES(timers[1].deadline, 5000 - 4096);
    SEES(timers[2].deadline, 11);
    SEES(timers[2].level, 0);
    SEES(timers[0].node.next, NULL);
    SEES(wheel.due.next->prev, &timers[1].node);
#undef SEES
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_longest_wait_of_a_program_fits),
        cmocka_unit_test(test_expires_at_its_tick_and_not_before),
        cmocka_unit_test(test_past_deadlines_are_due_at_once),
        cmocka_unit_test(test_order_after_a_jump),
        cmocka_unit_test(test_bugs_of_the_caller_are_asserted),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_check_sees_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
