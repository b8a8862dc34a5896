// SPDX-License-Identifier: MIT
/*
 * Explores what threads can do to each other under the memory orders of C11.
 *
 * The threads are ordinary C, compiled with -fsanitize=thread and linked with explore.c
 * in place of that sanitizer: the compiler turns each access to memory into a call, and so
 * code that is to be looked at is looked at as it is. A test is run again and again,
 * until each choice that there is has been made in each way: which thread goes on, before
 * each atomic access, and which of the values that the orders allow a load sees.
 *
 *   atomic words    named by explore_atomic(); each has all its stores, in modification
 *                   order, into which a store goes anywhere behind what its thread has seen;
 *                   a load sees any store from that on. Release and acquire, fences too,
 *                   pass on what has been seen
 *   data            named by explore_data(); two accesses of which one is a write, and that
 *                   nothing orders, are a race, which fails the test, even if both
 *                   are relaxed atomics
 *   anything else   is not looked at
 *
 * What is not explored: load buffering, where each of two loads sees what is stored after
 * the other; seq_cst is known of fences alone.
 * A wait is for a value to change, not a loop, so that each run ends: that a store is seen
 * at last is taken for given.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPLORE_THREADS_MAX 4u
#define EXPLORE_WORDS_MAX   16u
#define EXPLORE_STORES_MAX  32u /* of one word */
#define EXPLORE_CHOICES_MAX 512u
#define EXPLORE_DATA_MAX    256u /* words of 8 bytes */

struct explore_test {
    const char *name;
    void (*setup)(void); /* names words and data; before the threads, seen by all */
    void (*threads[EXPLORE_THREADS_MAX])(void);
    void (*check)(void);  /* after them; has seen everything. NULL: nothing */
    uint32_t preemptions; /* switches away from a thread that could go on, at most; 0: any number */
};

struct explore_result {
    uint64_t executions;
    const char *failure; /* NULL: none */
};

/* Explores until the first failure, or to the end. */
struct explore_result explore(const struct explore_test *test);

/* For setup: words and data by their place. */
void explore_atomic(const uint32_t *word);
void explore_data(const void *data, size_t bytes);

/* For threads: waits until the word is not `value`, and sees that. */
void explore_wait(const uint32_t *word, uint32_t value);

/* Fails the test. For threads and check. */
void explore_require(bool condition, const char *sentence);
#define REQUIRE(condition) explore_require((condition), #condition)

/* For check, and for whoever has seen all: the last store to a word. */
uint32_t explore_last(const uint32_t *word);
