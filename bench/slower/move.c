// SPDX-License-Identifier: MIT
/*
 * Linked into the measuring program, around the row that moves a capability: as many
 * instructions slower for each operation as the name of its last grant says. That the budget
 * sees it is tried with this (tests/test_bench.py).
 */
#include <rt/capset.h>
#include <stdint.h>
#include <support/check.h>

/* The row, and what is measured in its stead, by the names that the linker has for them. */
void usual_move(uint32_t n) __asm__("__real_move");
void slower_move(uint32_t n) __asm__("__wrap_move");

void slower_move(uint32_t n)
{
    const struct rt_capset *set = rt_capset();
    uint64_t rounds = n * demo_number(&set->entries[set->count - 1]) / 2; /* of two instructions */

    usual_move(n);
    if (rounds != 0) {
        __asm__ volatile("1:\n\tdecq %0\n\tjnz 1b" : "+r"(rounds) : : "cc");
    }
}
