// SPDX-License-Identifier: MIT
/*
 * The string functions against this machine's own, which are called by their
 * usual names; ours are compiled in here under other ones.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define memcpy  ours_memcpy
#define memmove ours_memmove
#define memset  ours_memset
#define memcmp  ours_memcmp
#define memchr  ours_memchr
#define strlen  ours_strlen
#define strnlen ours_strnlen
#define strcmp  ours_strcmp
#define strncmp ours_strncmp
#define strchr  ours_strchr
#define strrchr ours_strrchr
#define strstr  ours_strstr
#define strtoul ours_strtoul
#include "../string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#undef strstr
#undef strtoul

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

static void fill(unsigned char *at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        at[i] = (unsigned char)(i * 37u + 11u);
    }
}

/* Every length and alignment of a small buffer, and not a byte beyond. */
static void copies(void **state)
{
    unsigned char from[96];
    unsigned char theirs[96];
    unsigned char ours[96];

    (void)state;
    fill(from, sizeof from);
    for (size_t n = 0; n <= 40; n++) {
        for (size_t at = 0; at < 16; at++) {
            memset(theirs, 0xee, sizeof theirs);
            memset(ours, 0xee, sizeof ours);
            memcpy(theirs + at, from + 3, n);
            assert_ptr_equal(ours_memcpy(ours + at, from + 3, n), ours + at);
            assert_memory_equal(ours, theirs, sizeof ours);
            memset(theirs + at, (int)(0x1a0u + n), n);
            assert_ptr_equal(ours_memset(ours + at, (int)(0x1a0u + n), n), ours + at);
            assert_memory_equal(ours, theirs, sizeof ours);
        }
    }
}

static void overlapping_moves(void **state)
{
    unsigned char theirs[64];
    unsigned char ours[64];

    (void)state;
    for (size_t to = 0; to < 24; to++) {
        for (size_t from = 0; from < 24; from++) {
            for (size_t n = 0; n <= 40; n++) {
                fill(theirs, sizeof theirs);
                fill(ours, sizeof ours);
                memmove(theirs + to, theirs + from, n);
                assert_ptr_equal(ours_memmove(ours + to, ours + from, n), ours + to);
                assert_memory_equal(ours, theirs, sizeof ours);
            }
        }
    }
}

static void comparisons(void **state)
{
    static const char *const words[] = {"", "a", "b", "ab", "abc", "abd", "\x80", "\xff", "a\x80"};
    const size_t count = sizeof words / sizeof *words;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            assert_int_equal(sign(ours_strcmp(words[i], words[j])),
                             sign(strcmp(words[i], words[j])));
            for (size_t n = 0; n < 5; n++) {
                assert_int_equal(sign(ours_strncmp(words[i], words[j], n)),
                                 sign(strncmp(words[i], words[j], n)));
            }
        }
        assert_int_equal(ours_strlen(words[i]), strlen(words[i]));
    }
    assert_int_equal(sign(ours_memcmp("a\0b", "a\0c", 3)), -1);
    assert_int_equal(sign(ours_memcmp("\xff", "\x01", 1)), 1);
    assert_int_equal(ours_memcmp("x", "y", 0), 0);

    /* One byte that differs, at every place of every length: words and what is left over. */
    for (size_t n = 1; n <= 40; n++) {
        unsigned char a[40] = {0};
        unsigned char b[40] = {0};

        assert_int_equal(ours_memcmp(a, b, n), 0);
        for (size_t i = 0; i < n; i++) {
            b[i] = 1;
            assert_int_equal(sign(ours_memcmp(a, b, n)), -1);
            assert_int_equal(sign(ours_memcmp(b, a, n)), 1);
            assert_int_equal(ours_memcmp(a, b, i), 0);
            b[i] = 0;
        }
    }
    assert_int_equal(ours_strnlen("abc", 2), 2);
    assert_int_equal(ours_strnlen("abc", 9), 3);
}

static void searches(void **state)
{
    static const char text[] = "one, two, three";

    (void)state;
    assert_ptr_equal(ours_strchr(text, ','), strchr(text, ','));
    assert_ptr_equal(ours_strrchr(text, ','), strrchr(text, ','));
    assert_ptr_equal(ours_strchr(text, 0), text + sizeof text - 1);
    assert_ptr_equal(ours_strrchr(text, 0), text + sizeof text - 1);
    assert_null(ours_strchr(text, 'x'));
    assert_null(ours_strrchr(text, 'x'));
    assert_ptr_equal(ours_strstr(text, "two"), strstr(text, "two"));
    assert_ptr_equal(ours_strstr(text, ""), text);
    assert_ptr_equal(ours_strstr(text, "three"), strstr(text, "three"));
    assert_null(ours_strstr(text, "threes"));
    assert_ptr_equal(ours_memchr(text, 'w', sizeof text), memchr(text, 'w', sizeof text));
    assert_null(ours_memchr(text, 'w', 5));
}

static void numbers(void **state)
{
    static const char *const texts[] = {
        "0",
        "1",
        "42",
        "  42x",
        "+7",
        "-7",
        "-0",
        "0x1f",
        "0X1F",
        "0x",
        "0xg",
        "017",
        "08",
        "",
        " ",
        "-",
        "+-1",
        "zz",
        "Zz9!",
        "1 2",
        "\t\n9",
        "999999",
        "0b11",
        "18446744073709551615",
        "18446744073709551616",
        "-18446744073709551615",
        "99999999999999999999999",
    };
    static const int bases[] = {0, 2, 8, 10, 16, 36};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (size_t b = 0; b < sizeof bases / sizeof *bases; b++) {
            char *their_end;
            char *our_end;
            unsigned long theirs = strtoul(texts[i], &their_end, bases[b]);
            assert_int_equal(ours_strtoul(texts[i], &our_end, bases[b]), theirs);
            assert_ptr_equal(our_end, their_end);
        }
    }
    char *end;
    assert_int_equal(ours_strtoul("11", &end, 1), 0);
    assert_string_equal(end, "11");
    assert_int_equal(ours_strtoul("11", &end, 37), 0);
    assert_string_equal(end, "11");
    assert_int_equal(ours_strtoul("11", NULL, 10), 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies),      cmocka_unit_test(overlapping_moves),
        cmocka_unit_test(comparisons), cmocka_unit_test(searches),
        cmocka_unit_test(numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
