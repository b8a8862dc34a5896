// SPDX-License-Identifier: MIT
/*
 * Numbers to and from decimal, against the C library, which rounds exactly too.
 */
#include <capnp/text.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 20000u

static uint64_t chance(void)
{
    static uint64_t state = 88172645463325252u;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x9e3779b97f4a7c15u;
}

static double f64(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static float f32(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static uint64_t bits_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static uint32_t bits_of_f32(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* Bits of all kinds: any, subnormal, near 1, few decimals. */
static uint64_t some_bits(unsigned i)
{
    uint64_t bits = chance();

    switch (i % 4u) {
    case 1:
        return bits & ~CAPNP_F64_INF;
    case 2:
        return (bits & ~CAPNP_F64_INF) | (1000u + bits % 60u) << 52;
    case 3:
        return bits_of((double)(bits % 1000000u) / 1000.0);
    default:
        return bits;
    }
}

static void expect_printf(const char *text, uint32_t len, int digits, double v)
{
    char wanted[64];

    snprintf(wanted, sizeof wanted, "%.*g", digits, v);
    char *plus = strchr(wanted, '+');
    if (plus != NULL) {
        memmove(plus, plus + 1, strlen(plus));
    }
    assert_int_equal(strlen(wanted), len);
    assert_memory_equal(wanted, text, len);
}

static void test_format_f64(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        char text[CAPNP_NUMBER_MAX];
        char few[64];
        double v = f64(some_bits(i));
        if (isfinite(v)) {
            snprintf(few, sizeof few, "%.15g", v);
            uint32_t len = capnp_format_f64(bits_of(v), text);
            expect_printf(text, len, strtod(few, NULL) == v ? 15 : 17, v);
        }
    }
}

static void test_format_f32(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        char text[CAPNP_NUMBER_MAX];
        char few[64];
        float v = f32((uint32_t)chance() & (i % 3u == 0 ? 0x807fffffu : UINT32_MAX));
        if (isfinite(v)) {
            snprintf(few, sizeof few, "%.6g", (double)v);
            bool enough = isnormal(v) && strtof(few, NULL) == v;
            uint32_t len = capnp_format_f32(bits_of_f32(v), text);
            expect_printf(text, len, enough || v == 0 ? 6 : 8, (double)v);
        }
    }
}

static void expect_parsed(const char *text)
{
    uint64_t bits = 1;

    assert_true(capnp_parse_f64(capnp_text_from(text), &bits));
    assert_int_equal(bits, bits_of(strtod(text, NULL)));
}

static void test_parse(void **state)
{
    static const char *const hard[] = {
        "2.2250738585072011e-308",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "9007199254740993",
        "1e-400",
        "1e400",
        "0e999999999999",
        "1.",
        "0.000",
        "123456789012345678901234567890e-20",
        "9007199254740992.999999999999999999999",
        "9007199254740993.00000000000000000001",
    };
    static const char *const wrong[] = {"", ".", "e5", "1e", "1e+", "1.5x", "-1", " 1", ".5e"};
    (void)state;

    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) {
        expect_parsed(hard[i]);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint64_t bits;
        assert_false(capnp_parse_f64(capnp_text_from(wrong[i]), &bits));
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        char text[64];
        double v = fabs(f64(some_bits(i)));
        if (isfinite(v)) {
            snprintf(text, sizeof text, "%.*e", (int)(chance() % 25u), v);
            expect_parsed(text);
        }
    }
}

/* More digits than are looked at, and halves that only the last of them decides. */
static void test_parse_long(void **state)
{
    static char text[4096];
    (void)state;

    for (unsigned i = 0; i < 60u; i++) {
        size_t len = 700u + i * 20u;
        text[0] = '1';
        for (size_t k = 1; k < len; k++) {
            text[k] = (char)('0' + chance() % 10u);
        }
        snprintf(text + len, 16, "e-%d", (int)len + (int)(chance() % 600u) - 300);
        expect_parsed(text);
    }
    for (unsigned last = 0; last < 2u; last++) {
        memset(text, '0', sizeof text);
        memcpy(text, "9007199254740993.", 17);
        text[1500] = (char)('0' + last);
        text[1501] = '\0';
        expect_parsed(text);
    }
}

static void test_convert(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t bits = some_bits(i);
        uint32_t narrow = (uint32_t)chance();
        uint64_t whole = chance() >> chance() % 64u;
        uint64_t magnitude;
        if (!isnan(f64(bits)) && isfinite((float)f64(bits))) {
            assert_int_equal(capnp_f32_from_f64(bits), bits_of_f32((float)f64(bits)));
        }
        if (!isnan(f32(narrow))) {
            assert_int_equal(capnp_f64_from_f32(narrow), bits_of((double)f32(narrow)));
        }
        assert_int_equal(capnp_f64_from_unsigned(whole), bits_of((double)whole));
        assert_int_equal(capnp_f32_from_unsigned(whole), bits_of_f32((float)whole));
        bool fits = (double)whole < 0x1p64;
        assert_int_equal(capnp_f64_whole(bits_of((double)whole), &magnitude), fits);
        assert_true(!fits || magnitude == (uint64_t)(double)whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format_f64), cmocka_unit_test(test_format_f32),
        cmocka_unit_test(test_parse),      cmocka_unit_test(test_parse_long),
        cmocka_unit_test(test_convert),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
