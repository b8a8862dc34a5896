// SPDX-License-Identifier: MIT
/* Every status has a sentence of its own, and a number that is none has one too. */
#include "catch_assert.h"

#include <lib/status.h>
#include <string.h>

static void test_sentences(void **state)
{
    static const char *const names[] = {
#define NAME(name, sentence) #name,
        STATUS_LIST(NAME)
#undef NAME
    };
    const unsigned count = sizeof(names) / sizeof(names[0]);

    (void)state;
    for (unsigned i = 0; i <= count; i++) {
        const char *text = status_text((enum status)i);

        assert_true(text != NULL && strlen(text) > 0);
        for (unsigned k = 0; k < i; k++) {
            assert_string_not_equal(text, status_text((enum status)k));
        }
    }
    assert_string_equal(status_text(ST_OK), "success");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentences),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
