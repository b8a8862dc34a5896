// SPDX-License-Identifier: MIT
/*
 * Errors, one for each kind that the sanitized kernel finds, asked for by the boot option
 * capos.test. Compiled with the sanitizers, as the rest of it.
 */
#include <lib/cap_table.h>

#include "cap/cap.h"
#include "cap/null.h"
#include "kcheck.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "panic.h"
#include "sanitize.h"
#include "string.h"

/* Not a size that fills its class. */
#define BYTES 20u

/* What the compiler must not know. */
static uint64_t hidden(uint64_t value)
{
    __asm__("" : "+r"(value));
    return value;
}

static volatile uint8_t *block(void)
{
    volatile uint8_t *p = heap_alloc(NULL, BYTES);

    ASSERT(p != NULL, "no heap");
    return p;
}

static void test_heap_overflow(void)
{
    block()[hidden(BYTES)] = 1;
}

static void test_heap_underflow(void)
{
    (void)block();
    (void)block()[hidden(0) - 1u];
}

static void test_heap_next(void)
{
    volatile uint64_t *p = heap_alloc(NULL, 32);

    (void)heap_alloc(NULL, 32);
    p[hidden(4)] = 1;
}

static void test_use_after_free(void)
{
    volatile uint8_t *p = block();

    (void)block(); /* so that its page stays */
    heap_free(NULL, (void *)(uintptr_t)p);
    (void)p[hidden(0)];
}

static void test_free_frame(void)
{
    struct paddr frame;

    ASSERT(frame_alloc(NULL, &frame) == ST_OK, "no frame");
    frame_free(NULL, frame);
    *(volatile uint64_t *)phys_to_virt(frame) = 1;
}

static void test_copy_too_much(void)
{
    uint8_t here[64] = {0};

    memcpy((void *)(uintptr_t)block(), here, hidden(BYTES + 1u));
}

static void test_signed_overflow(void)
{
    volatile int64_t sum = (int64_t)hidden(INT64_MAX) + (int64_t)hidden(1);

    (void)sum;
}

static void test_bad_shift(void)
{
    volatile uint32_t shifted = (uint32_t)hidden(1) << hidden(32);

    (void)shifted;
}

static void test_bad_index(void)
{
    static volatile uint32_t numbers[4];

    numbers[hidden(4)] = 1;
    (void)numbers[0];
}

static void test_misaligned(void)
{
    volatile uint64_t *p = (volatile uint64_t *)((uint64_t)block() + hidden(4));

    (void)*p;
}

/* A hold that nothing has: the next check sees it. */
static void test_kcheck(void)
{
    struct cap_object *object;

    cap_init();
    ASSERT(null_cap_create(&object) == ST_OK, "no heap");
    cap_hold(object);
    kcheck_begin(NULL);
    for (uint32_t i = 0; i < UINT16_MAX; i++) {
        kcheck_count(1);
    }
}

void sanitize_selftest(const char *name, size_t len)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"heap-overflow", test_heap_overflow},
        {"heap-underflow", test_heap_underflow},
        {"heap-next", test_heap_next},
        {"use-after-free", test_use_after_free},
        {"free-frame", test_free_frame},
        {"copy-too-much", test_copy_too_much},
        {"signed-overflow", test_signed_overflow},
        {"bad-shift", test_bad_shift},
        {"bad-index", test_bad_index},
        {"misaligned", test_misaligned},
        {"kcheck", test_kcheck},
    };

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        if (strlen(tests[i].name) == len && memcmp(tests[i].name, name, len) == 0) {
            tests[i].run();
        }
    }
}
