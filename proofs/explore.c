// SPDX-License-Identifier: MIT
/*
 * The explorer. A view says, for each word, the store that its owner has seen last; a clock
 * says, for each thread, how many of its steps have happened before. Both travel with
 * stores that release. Runs are replayed from their choices: the last one that has a
 * further way takes it, and what came after it is forgotten.
 */
#include "explore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define THREADS     EXPLORE_THREADS_MAX
#define STACK_BYTES 65536u

/* What happened before: stores by number within their word, steps by thread. */
struct past {
    uint32_t seen[EXPLORE_WORDS_MAX];
    uint32_t clock[THREADS + 1];
};

struct store {
    uint32_t value;
    uint32_t place;   /* in modification order */
    bool has_rmw;     /* an exchange has read it, and lies directly behind */
    struct past past; /* what whoever acquires it knows from then on */
};

struct word {
    const uint32_t *address;
    uint32_t count;
    struct store stores[EXPLORE_STORES_MAX];
};

struct thread {
    ucontext_t context;
    struct past past;
    struct past acquired; /* by relaxed loads: an acquire fence makes it the past */
    struct past released; /* the past at the last release fence */
    const uint32_t *waits_for;
    uint32_t waits_while;
    bool started; /* it has made an access; to make the first it was chosen already */
    bool done;
};

struct datum {
    uint32_t write_by;
    uint32_t write_clock;
    uint32_t read_clock[THREADS + 1];
};

static struct {
    const struct explore_test *test;
    struct word words[EXPLORE_WORDS_MAX];
    uint32_t word_count;
    uintptr_t data_start;
    size_t data_bytes;
    struct datum data[EXPLORE_DATA_MAX];
    struct thread threads[THREADS + 1]; /* the last: setup and check */
    struct past fences;                 /* of seq_cst */
    uint32_t thread_count;
    uint32_t current;
    uint32_t preemptions;
    bool threads_run;
    const char *failure;
    ucontext_t main;
} run;

static _Alignas(16) uint8_t stacks[THREADS][STACK_BYTES];

static struct {
    uint32_t taken[EXPLORE_CHOICES_MAX];
    uint32_t ways[EXPLORE_CHOICES_MAX];
    uint32_t length;
    uint32_t next;
} choices;

static _Noreturn void give_up(const char *sentence)
{
    fprintf(stderr, "explore: %s: %s\n", run.test->name, sentence);
    abort();
}

/* One of 0…ways − 1: as in the run that is replayed, then the first. */
static uint32_t choose(uint32_t ways)
{
    if (ways <= 1) {
        return 0;
    }
    if (choices.next == choices.length) {
        if (choices.length == EXPLORE_CHOICES_MAX) {
            give_up("more choices than there is room for");
        }
        choices.taken[choices.length] = 0;
        choices.ways[choices.length] = ways;
        choices.length++;
    }
    if (choices.ways[choices.next] != ways) {
        give_up("a run does not repeat");
    }
    return choices.taken[choices.next++];
}

/* Makes the choices those of the next run. False: there is none. */
static bool next_choices(void)
{
    while (choices.length > 0) {
        uint32_t last = choices.length - 1;

        if (++choices.taken[last] < choices.ways[last]) {
            return true;
        }
        choices.length = last;
    }
    return false;
}

static struct thread *self(void)
{
    return &run.threads[run.current];
}

/* Back to the scheduler, for the last time in this run. */
static void fail(const char *sentence)
{
    if (run.failure == NULL) {
        run.failure = sentence;
    }
    if (run.threads_run) {
        (void)swapcontext(&self()->context, &run.main);
    }
}

void explore_require(bool condition, const char *sentence)
{
    if (!condition) {
        fail(sentence);
    }
}

static struct word *find_word(const void *address)
{
    for (uint32_t i = 0; i < run.word_count; i++) {
        if (run.words[i].address == address) {
            return &run.words[i];
        }
    }
    return NULL;
}

static uint32_t number(const struct word *w)
{
    return (uint32_t)(w - run.words);
}

/* Adds to what has happened before all that has happened before something else. */
static void join(struct past *past, const struct past *other)
{
    for (uint32_t i = 0; i < run.word_count; i++) {
        const struct word *w = &run.words[i];

        if (w->stores[past->seen[i]].place < w->stores[other->seen[i]].place) {
            past->seen[i] = other->seen[i];
        }
    }
    for (uint32_t i = 0; i <= THREADS; i++) {
        if (past->clock[i] < other->clock[i]) {
            past->clock[i] = other->clock[i];
        }
    }
}

/* ---------------------------------------------------------------------------
 * Who goes on */

static bool could_see_change(const struct thread *t)
{
    const struct word *w = find_word(t->waits_for);
    uint32_t from = w->stores[t->past.seen[number(w)]].place;

    for (uint32_t i = 0; i < w->count; i++) {
        if (w->stores[i].place >= from && w->stores[i].value != t->waits_while) {
            return true;
        }
    }
    return false;
}

static bool can_go_on(uint32_t i)
{
    const struct thread *t = &run.threads[i];

    return !t->done && (t->waits_for == NULL || could_see_change(t));
}

/* Chooses among the threads that can go on; first the one that does. None: THREADS. */
static uint32_t choose_thread(void)
{
    uint32_t able[THREADS] = {0};
    uint32_t count = 0;
    bool current_can = run.current < run.thread_count && can_go_on(run.current);
    bool may_preempt = run.test->preemptions == 0 || run.preemptions < run.test->preemptions;

    if (current_can) {
        able[count++] = run.current;
    }
    for (uint32_t i = 0; i < run.thread_count && (!current_can || may_preempt); i++) {
        if (i != run.current && can_go_on(i)) {
            able[count++] = i;
        }
    }
    if (count == 0) {
        return THREADS;
    }
    uint32_t chosen = able[choose(count)];
    run.preemptions += current_can && chosen != run.current ? 1 : 0;
    return chosen;
}

/* Before each atomic access of a thread. */
static void step(void)
{
    if (!run.threads_run) {
        return;
    }
    uint32_t was = run.current;
    bool chosen = !self()->started && self()->waits_for == NULL;
    self()->started = true;
    uint32_t next = chosen ? was : choose_thread();
    if (next == THREADS) {
        fail("nobody can go on");
        return;
    }
    if (next != was) {
        run.current = next;
        (void)swapcontext(&run.threads[was].context, &run.threads[next].context);
    }
    struct thread *t = self();
    t->past.clock[run.current]++;
}

static void start_thread(void)
{
    run.test->threads[run.current]();
    self()->done = true;
    uint32_t next = choose_thread();
    if (next == THREADS) {
        for (uint32_t i = 0; i < run.thread_count; i++) {
            if (!run.threads[i].done) {
                fail("nobody can go on");
            }
        }
        (void)setcontext(&run.main);
    }
    run.current = next;
    (void)setcontext(&run.threads[next].context);
}

/* ---------------------------------------------------------------------------
 * Atomic words */

static bool acquires(int order)
{
    return order == __ATOMIC_ACQUIRE || order == __ATOMIC_CONSUME || order == __ATOMIC_ACQ_REL;
}

static bool releases(int order)
{
    return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL;
}

static void check_order(int order)
{
    if (order == __ATOMIC_SEQ_CST) {
        give_up("seq_cst is known of fences alone");
    }
}

/* Sees this store. */
static uint32_t see(struct word *w, uint32_t which, int order)
{
    struct thread *t = self();
    const struct store *s = &w->stores[which];

    t->past.seen[number(w)] = which;
    join(&t->acquired, &s->past);
    if (acquires(order)) {
        join(&t->past, &s->past);
    }
    return s->value;
}

/* Any store that may be seen, and is not of this value, if that matters; the last one first. */
static uint32_t choose_store(const struct word *w, const uint32_t *but, bool for_exchange)
{
    uint32_t may[EXPLORE_STORES_MAX] = {0};
    uint32_t count = 0;
    uint32_t from = w->stores[self()->past.seen[number(w)]].place;

    for (uint32_t i = w->count; i > 0; i--) {
        const struct store *s = &w->stores[i - 1];

        if (s->place >= from && (but == NULL || s->value != *but) &&
            !(for_exchange && s->has_rmw)) {
            may[count++] = i - 1;
        }
    }
    return may[choose(count)];
}

/* Puts a store into the modification order, directly behind another. */
static void insert(struct word *w, uint32_t behind, uint32_t value, int order,
                   const struct past *inherited)
{
    struct thread *t = self();
    uint32_t place = w->stores[behind].place + 1;

    if (w->count == EXPLORE_STORES_MAX) {
        give_up("more stores to a word than there is room for");
    }
    for (uint32_t i = 0; i < w->count; i++) {
        w->stores[i].place += w->stores[i].place >= place ? 1 : 0;
    }
    struct store *s = &w->stores[w->count];
    *s = (struct store){.value = value, .place = place};
    t->past.seen[number(w)] = w->count++;
    s->past = releases(order) ? t->past : t->released;
    s->past.seen[number(w)] = w->count - 1;
    if (inherited != NULL) {
        join(&s->past, inherited);
    }
}

/* Any store that a new one may go behind, the last one first. */
static uint32_t choose_place(const struct word *w)
{
    uint32_t may[EXPLORE_STORES_MAX] = {0};
    uint32_t count = 0;
    uint32_t from = w->stores[self()->past.seen[number(w)]].place;

    for (uint32_t i = w->count; i > 0; i--) {
        if (w->stores[i - 1].place >= from && !w->stores[i - 1].has_rmw) {
            may[count++] = i - 1;
        }
    }
    return may[choose(count)];
}

static uint32_t load(struct word *w, int order)
{
    check_order(order);
    step();
    return see(w, choose_store(w, NULL, false), order);
}

static void store(struct word *w, uint32_t value, int order)
{
    check_order(order);
    step();
    insert(w, choose_place(w), value, order, NULL);
}

/* Reads a store and puts another directly behind it, which passes on what that released. */
static uint32_t exchange(struct word *w, uint32_t (*change)(uint32_t old, uint32_t by), uint32_t by,
                         int order)
{
    check_order(order);
    step();
    uint32_t which = choose_store(w, NULL, true);
    uint32_t old = see(w, which, order);
    w->stores[which].has_rmw = true;
    struct past inherited = w->stores[which].past;
    insert(w, which, change(old, by), order, &inherited);
    return old;
}

void explore_wait(const uint32_t *word, uint32_t value)
{
    struct thread *t = self();

    t->waits_for = word;
    t->waits_while = value;
    step();
    t->waits_for = NULL;
    struct word *w = find_word(word);
    (void)see(w, choose_store(w, &value, false), __ATOMIC_RELAXED);
}

uint32_t explore_last(const uint32_t *word)
{
    const struct word *w = find_word(word);
    uint32_t value = 0;

    for (uint32_t i = 0; i < w->count; i++) {
        if (w->stores[i].place == w->count - 1) {
            value = w->stores[i].value;
        }
    }
    return value;
}

/* ---------------------------------------------------------------------------
 * Data */

static bool is_data(const void *address)
{
    return (uintptr_t)address - run.data_start < run.data_bytes;
}

static void access_data(const void *address, size_t bytes, bool writes)
{
    if (!run.threads_run || !is_data(address)) {
        return;
    }
    struct thread *t = self();
    size_t first = ((uintptr_t)address - run.data_start) / 8u;
    size_t last = ((uintptr_t)address + bytes - 1u - run.data_start) / 8u;
    for (size_t i = first; i <= last; i++) {
        struct datum *d = &run.data[i];

        if (d->write_clock > t->past.clock[d->write_by]) {
            fail("a race: an access that does not know of a write");
        }
        for (uint32_t other = 0; writes && other < run.thread_count; other++) {
            if (other != run.current && d->read_clock[other] > t->past.clock[other]) {
                fail("a race: a write that does not know of a read");
            }
        }
        if (writes) {
            d->write_by = run.current;
            d->write_clock = t->past.clock[run.current];
        } else {
            d->read_clock[run.current] = t->past.clock[run.current];
        }
    }
}

/* ---------------------------------------------------------------------------
 * Runs */

void explore_atomic(const uint32_t *word)
{
    if (run.word_count == EXPLORE_WORDS_MAX) {
        give_up("too many words");
    }
    struct word *w = &run.words[run.word_count++];
    *w = (struct word){.address = word, .count = 1};
    w->stores[0].value = *word;
}

void explore_data(const void *data, size_t bytes)
{
    if (bytes > sizeof run.data / sizeof *run.data * 8u) {
        give_up("too much data");
    }
    run.data_start = (uintptr_t)data;
    run.data_bytes = bytes;
}

static void run_once(const struct explore_test *test)
{
    memset(&run, 0, sizeof run);
    run.test = test;
    run.current = THREADS;
    test->setup();
    while (run.thread_count < THREADS && test->threads[run.thread_count] != NULL) {
        struct thread *t = &run.threads[run.thread_count];

        (void)getcontext(&t->context);
        t->context.uc_stack.ss_sp = stacks[run.thread_count];
        t->context.uc_stack.ss_size = STACK_BYTES;
        makecontext(&t->context, start_thread, 0);
        t->past.clock[run.thread_count] = 1;
        run.thread_count++;
    }
    run.threads_run = true;
    run.current = choose_thread();
    (void)swapcontext(&run.main, &self()->context);
    run.threads_run = false;
    run.current = THREADS;
    if (run.failure == NULL && test->check != NULL) {
        test->check();
    }
}

struct explore_result explore(const struct explore_test *test)
{
    struct explore_result result = {.executions = 0};

    choices.length = 0;
    do {
        choices.next = 0;
        run_once(test);
        result.executions++;
        result.failure = run.failure;
    } while (result.failure == NULL && next_choices());
    return result;
}

/* ---------------------------------------------------------------------------
 * What the compiler calls, of code compiled with -fsanitize=thread. */

/* NOLINTBEGIN(readability-identifier-naming,bugprone-reserved-identifier) */
#define PLAIN(bytes)                                                                               \
    void __tsan_read##bytes(const void *p);                                                        \
    void __tsan_write##bytes(const void *p);                                                       \
    void __tsan_read##bytes(const void *p)                                                         \
    {                                                                                              \
        access_data(p, bytes, false);                                                              \
    }                                                                                              \
    void __tsan_write##bytes(const void *p)                                                        \
    {                                                                                              \
        access_data(p, bytes, true);                                                               \
    }
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

#define UNALIGNED(bytes)                                                                           \
    void __tsan_unaligned_read##bytes(const void *p);                                              \
    void __tsan_unaligned_write##bytes(const void *p);                                             \
    void __tsan_unaligned_read##bytes(const void *p)                                               \
    {                                                                                              \
        access_data(p, bytes, false);                                                              \
    }                                                                                              \
    void __tsan_unaligned_write##bytes(const void *p)                                              \
    {                                                                                              \
        access_data(p, bytes, true);                                                               \
    }
UNALIGNED(2)
UNALIGNED(4)
UNALIGNED(8)
UNALIGNED(16)

void __tsan_init(void);
void __tsan_func_entry(void *caller);
void __tsan_func_exit(void);
void __tsan_read_range(const void *p, size_t bytes);
void __tsan_write_range(const void *p, size_t bytes);
uint32_t __tsan_atomic32_load(const uint32_t *p, int order);
uint64_t __tsan_atomic64_load(const uint64_t *p, int order);
void __tsan_atomic32_store(uint32_t *p, uint32_t value, int order);
void __tsan_atomic64_store(uint64_t *p, uint64_t value, int order);
uint32_t __tsan_atomic32_exchange(uint32_t *p, uint32_t value, int order);
uint32_t __tsan_atomic32_fetch_add(uint32_t *p, uint32_t by, int order);
void __tsan_atomic_thread_fence(int order);

void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller)
{
    (void)caller;
}

void __tsan_func_exit(void)
{
}

void __tsan_read_range(const void *p, size_t bytes)
{
    access_data(p, bytes, false);
}

void __tsan_write_range(const void *p, size_t bytes)
{
    access_data(p, bytes, true);
}

uint32_t __tsan_atomic32_load(const uint32_t *p, int order)
{
    struct word *w = find_word(p);

    if (w != NULL) {
        return load(w, order);
    }
    access_data(p, sizeof *p, false);
    return *p;
}

uint64_t __tsan_atomic64_load(const uint64_t *p, int order)
{
    (void)order;
    access_data(p, sizeof *p, false);
    return *p;
}

void __tsan_atomic32_store(uint32_t *p, uint32_t value, int order)
{
    struct word *w = find_word(p);

    if (w != NULL) {
        store(w, value, order);
        return;
    }
    access_data(p, sizeof *p, true);
    *p = value;
}

/* Two atomic words in one store: as two stores, which can be seen in more orders. */
void __tsan_atomic64_store(uint64_t *p, uint64_t value, int order)
{
    struct word *low = find_word((const uint32_t *)p);
    struct word *high = find_word((const uint32_t *)p + 1);

    if (low != NULL && high != NULL) {
        store(low, (uint32_t)value, order);
        store(high, (uint32_t)(value >> 32), order);
        return;
    }
    access_data(p, sizeof *p, true);
    *p = value;
}

static uint32_t replace(uint32_t old, uint32_t by)
{
    (void)old;
    return by;
}

static uint32_t add(uint32_t old, uint32_t by)
{
    return old + by;
}

uint32_t __tsan_atomic32_exchange(uint32_t *p, uint32_t value, int order)
{
    return exchange(find_word(p), replace, value, order);
}

uint32_t __tsan_atomic32_fetch_add(uint32_t *p, uint32_t by, int order)
{
    return exchange(find_word(p), add, by, order);
}

/* An acquire fence knows what relaxed loads have seen; a release fence is known by those who
 * acquire what is stored after it; one of seq_cst is both, and all of them have an order. */
void __tsan_atomic_thread_fence(int order)
{
    struct thread *t = self();

    step();
    if (acquires(order) || order == __ATOMIC_SEQ_CST) {
        join(&t->past, &t->acquired);
    }
    if (order == __ATOMIC_SEQ_CST) {
        join(&t->past, &run.fences);
        run.fences = t->past;
        memset(run.fences.clock, 0, sizeof run.fences.clock); /* an order, and no more */
    }
    if (releases(order) || order == __ATOMIC_SEQ_CST) {
        t->released = t->past;
    }
}
/* NOLINTEND(readability-identifier-naming,bugprone-reserved-identifier) */
