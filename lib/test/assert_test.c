// SPDX-License-Identifier: MIT
/* An assert that fails where nobody has put a better end in its place stops there. */
#define _GNU_SOURCE

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lib/assert.h>

static sigjmp_buf back;

static void trapped(int number)
{
    (void)number;
    siglongjmp(back, 1);
}

static void test_trap(void **state)
{
    volatile bool goes_on = false;

    (void)state;
    assert_ptr_not_equal(signal(SIGILL, trapped), SIG_ERR);
    if (sigsetjmp(back, 1) == 0) {
        LIB_ASSERT(1 + 1 == 3, "it fails");
        goes_on = true;
    } else {
        signal(SIGILL, SIG_DFL);
        assert_false(goes_on);
        return;
    }
    fail_msg("a failed assert went on: %d", goes_on);
}

static void test_holds(void **state)
{
    (void)state;
    LIB_ASSERT(1 + 1 == 2, "it holds");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trap),
        cmocka_unit_test(test_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
