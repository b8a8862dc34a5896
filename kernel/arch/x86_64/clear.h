// SPDX-License-Identifier: MIT
/* Filling a page with zeros. */
#pragma once

#include <stdint.h>

#define CLEAR_BYTES 4096u

/*
 * Fills a page, which is aligned, with zeros, by stores of 16 bytes: half the instructions
 * of `rep stosq`. The register may be a program's, preempted just now, and is put back.
 * Needs fpu_init.
 */
static inline void clear_page(void *page)
{
    uint8_t kept[16];
    uint8_t *at = page;
    const uint8_t *end = at + CLEAR_BYTES;

    __asm__ volatile("movups %%xmm0, %[kept]\n\t"
                     "xorps %%xmm0, %%xmm0\n"
                     "1:\n\t"
                     ".set offset, 0\n\t"
                     ".rept 64\n\t"
                     "movaps %%xmm0, offset(%[at])\n\t"
                     ".set offset, offset + 16\n\t"
                     ".endr\n\t"
                     "add $1024, %[at]\n\t"
                     "cmp %[end], %[at]\n\t"
                     "jne 1b\n\t"
                     "movups %[kept], %%xmm0"
                     : [at] "+r"(at), [kept] "=m"(kept)
                     : [end] "r"(end)
                     : "memory", "cc");
}
