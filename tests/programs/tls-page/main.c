// SPDX-License-Identifier: MIT
/*
 * Thread-local storage at both of its limits: the largest alignment, and as many
 * bytes as fit below the control block, which then has a page of its own.
 */
#include <abi/layout.h>
#include <support/check.h>

#define ALIGN 4096u
#define BYTES (PROC_TLS_MAX - ALIGN)
#define WORDS (BYTES / sizeof(uint64_t))

/* Initialised at both ends, so that the template is all there is. */
static _Thread_local _Alignas(ALIGN) volatile uint64_t words[WORDS] = {
    [0] = 0x1111,
    [1] = 0x2222,
    [WORDS / 2] = 0x3333,
    [WORDS - 1] = 0x4444,
};

static uint64_t expected(uint64_t i)
{
    switch (i) {
    case 0:
        return 0x1111;
    case 1:
        return 0x2222;
    case WORDS / 2:
        return 0x3333;
    case WORDS - 1:
        return 0x4444;
    default:
        return 0;
    }
}

int main(void)
{
    uint64_t self;

    CHECK(demo_begin("tls-page") != NULL);
    __asm__ volatile("movq %%fs:0, %0" : "=r"(self));
    CHECK_EQ(self, USER_TLS_TOP - ALIGN);
    CHECK_EQ((uintptr_t)words, USER_TLS_TOP - PROC_TLS_MAX);
    CHECK_EQ((uintptr_t)words + BYTES, self);
    for (uint64_t i = 0; i < WORDS; i++) {
        CHECK_EQ(words[i], expected(i));
        words[i] = ~i;
    }
    for (uint64_t i = 0; i < WORDS; i++) {
        CHECK_EQ(words[i], ~i);
    }
    return demo_end();
}
