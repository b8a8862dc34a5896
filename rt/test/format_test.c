// SPDX-License-Identifier: MIT
/*
 * Formatting against this machine's own snprintf, conversion by conversion and
 * flag by flag, at every length of buffer; then what is ours alone.
 */
#include <rt/format.h>

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Both write the same text, of the same length, however short the buffer is. */
static void agree_at(const char *file, int line, const char *format, ...)
{
    char theirs[256];
    char ours[256];
    va_list arguments;

    for (size_t room = 0; room <= 40; room++) {
        memset(theirs, '~', sizeof theirs);
        memset(ours, '~', sizeof ours);
        va_start(arguments, format);
        int expected = vsnprintf(theirs, room, format, arguments);
        va_end(arguments);
        va_start(arguments, format);
        size_t length = rt_vsnprintf(ours, room, format, arguments);
        va_end(arguments);
        _assert_int_equal(length, (size_t)expected, file, line);
        _assert_memory_equal(ours, theirs, room < 40 ? room : 40, file, line);
    }
}
#define AGREE(...) agree_at(__FILE__, __LINE__, __VA_ARGS__)

static void integers(void **state)
{
    static const char *const flags[] = {"", "-", "0", "+", " ", "#", "-+", "0+", "#0", "- ", "-0"};
    static const char *const fields[] = {"", "1", "9", "12", ".0", ".3", "9.3", ".12", "12.5"};
    static const long values[] = {0, 1, -1, 9, 255, 4096, INT_MAX, INT_MIN, LONG_MAX, LONG_MIN};
    char format[32];

    (void)state;
    for (size_t f = 0; f < sizeof flags / sizeof *flags; f++) {
        for (size_t w = 0; w < sizeof fields / sizeof *fields; w++) {
            for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
                for (const char *c = "diuxXo"; *c != '\0'; c++) {
                    if (*c == 'o' && strchr(flags[f], '#') != NULL) {
                        continue; /* see octal_prefix */
                    }
                    snprintf(format, sizeof format, "<%%%s%s%c>", flags[f], fields[w], *c);
                    AGREE(format, (int)values[v]);
                    snprintf(format, sizeof format, "<%%%s%sl%c>", flags[f], fields[w], *c);
                    AGREE(format, values[v]);
                }
            }
        }
    }
}

static void octal_prefix(void **state)
{
    (void)state;
    AGREE("%#o %#o %#lo", 0u, 8u, ULONG_MAX);
}

static void lengths(void **state)
{
    (void)state;
    AGREE("%hhd %hhu %hhx", 300, 300, 511);
    AGREE("%hd %hu %hx", 70000, 70000, 0x12345);
    AGREE("%lld %llu %llx", LLONG_MIN, ULLONG_MAX, ULLONG_MAX);
    AGREE("%zu %zd %zx", SIZE_MAX, (ptrdiff_t)-5, (size_t)77);
    AGREE("%td %ju %jd", (ptrdiff_t)-9, UINTMAX_MAX, INTMAX_MIN);
}

static void text(void **state)
{
    (void)state;
    AGREE("plain");
    AGREE("");
    AGREE("100%% of %s", "it");
    AGREE("<%s><%8s><%-8s><%.2s><%8.2s><%-8.2s>", "abc", "abc", "abc", "abc", "abc", "abc");
    AGREE("<%.*s><%*s><%*s>", 2, "abc", 6, "abc", -6, "abc");
    AGREE("<%.*s>", -1, "abc");
    AGREE("<%c><%3c><%-3c>", 'x', 'y', 'z');
    AGREE("%.3s", "no NUL behind"); /* reads three bytes */
}

static void precision_bounds_what_is_read(void **state)
{
    const char unterminated[3] = {'a', 'b', 'c'};
    char out[16];

    (void)state;
    assert_int_equal(rt_snprintf(out, sizeof out, "%.3s", unterminated), 3);
    assert_string_equal(out, "abc");
}

static void pointers(void **state)
{
    char out[32];

    (void)state;
    AGREE("<%p><%20p>", (void *)0x1234, (void *)0xffffffffffff);
    assert_int_equal(rt_snprintf(out, sizeof out, "%p", NULL), 3);
    assert_string_equal(out, "0x0");
}

static void what_is_unknown_ends_the_output(void **state)
{
    static const char *const bad[] = {"a%n", "a%", "a%f %d", "a%5", "a%y", "a%l", "a%-"};
    char out[32];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *format = bad[i];
        va_list none;
        memset(&none, 0, sizeof none);
        assert_int_equal(rt_vsnprintf(out, sizeof out, format, none), 3);
        assert_string_equal(out, "a%?");
    }
}

static void a_missing_string_is_said(void **state)
{
    const char *volatile nothing = NULL;
    char out[32];

    (void)state;
    rt_snprintf(out, sizeof out, "%s", nothing);
    assert_string_equal(out, "(null)");
}

static void huge_fields_are_bounded(void **state)
{
    static char out[8192];
    volatile int least = INT_MIN; /* kept from the compiler, which knows printf too well */
    volatile int most = INT_MAX;

    (void)state;
    assert_true(rt_snprintf(out, sizeof out, "%*d", least, 7) < sizeof out);
    assert_true(rt_snprintf(out, sizeof out, "%.*d", most, 7) < sizeof out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(octal_prefix),
        cmocka_unit_test(lengths),
        cmocka_unit_test(text),
        cmocka_unit_test(precision_bounds_what_is_read),
        cmocka_unit_test(pointers),
        cmocka_unit_test(what_is_unknown_ends_the_output),
        cmocka_unit_test(a_missing_string_is_said),
        cmocka_unit_test(huge_fields_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
