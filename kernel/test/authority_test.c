// SPDX-License-Identifier: MIT
/*
 * The kernel beside a model of who may do what (authority.h): programs written by hand, one
 * for each thing that authority can do, and many at random.
 *
 *   authority_test [SEED]     one of the random ones, the same every time
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/authority.h"

#define RUNS  400u
#define BYTES (4u * AUTHORITY_STEPS_MAX)

static uint64_t state;

static uint64_t chance(void)
{
    uint64_t z = (state += 0x9e3779b97f4a7c15ull);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

/* Nine in ten ids are good ones, and few processes die or let go of anything. */
static uint8_t any_capability(void)
{
    uint64_t word = chance();
    uint32_t id = word % 10 != 0 ? AUTHORITY_OWN : (uint32_t)(word >> 8) % AUTHORITY_IDS;

    return (uint8_t)AUTHORITY_CAP((word >> 16) % AUTHORITY_WAYS, id, (word >> 32) % 12);
}

static void any_program(uint8_t program[BYTES])
{
    static const uint8_t often[] = {AUTHORITY_CALL, AUTHORITY_RECV, AUTHORITY_RETURN,
                                    AUTHORITY_TWO};

    for (uint32_t i = 0; i < BYTES; i += 4) {
        uint64_t word = chance();
        bool is_any =
            (word >> 16) % 4 == 0 && (word % AUTHORITY_OPS != AUTHORITY_DIE || word >> 20 & 1);

        program[i] = is_any ? (uint8_t)(word % AUTHORITY_OPS) : often[word % sizeof often];
        program[i + 1] = (uint8_t)(word >> 8);
        program[i + 2] = any_capability();
        program[i + 3] = any_capability();
    }
}

static const char *play_seed(uint64_t seed)
{
    uint8_t program[BYTES];

    state = seed;
    any_program(program);
    return authority_play(program, sizeof program);
}

static void anything_at_all(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        const char *wrong = play_seed(seed);
        if (wrong != NULL) {
            fail_msg("%s; again: authority_test %lu", wrong, (unsigned long)seed);
        }
    }
}

/* ---------------------------------------------------------------------------
 * By hand */

#define OWN(way, n) AUTHORITY_CAP(AUTHORITY_##way, AUTHORITY_OWN, (n))
#define START(who)  AUTHORITY(AUTHORITY_START, (who), 0, 0)
#define DIE(who)    AUTHORITY(AUTHORITY_DIE, (who), 0, 0)

static void play(const uint8_t *program, size_t bytes)
{
    const char *wrong = authority_play(program, bytes);

    if (wrong != NULL) {
        fail_msg("%s", wrong);
    }
}

/* The clients of 1 are its own endpoint's and, as 2 comes later, the one of 2. */
static void what_is_sent_arrives_once(void **unused)
{
    static const uint8_t program[] = {
        START(1),
        START(2),
        AUTHORITY(AUTHORITY_RECV, 2, OWN(NONE, 0), 0),
        AUTHORITY(AUTHORITY_CALL, 1, OWN(NONE, 1), OWN(COPY, 0)),
        AUTHORITY(AUTHORITY_RETURN, 2 + AUTHORITY_AGAIN, 0, OWN(MINT, 0)),
        AUTHORITY(AUTHORITY_CALL, 1 + AUTHORITY_FAR, OWN(NONE, 1), OWN(MOVE, 2)),
        AUTHORITY(AUTHORITY_RETURN, 2, 0, OWN(MOVE, 3)),
        AUTHORITY(AUTHORITY_RETURN, 2, 0, OWN(MOVE, 3)),
    };

    (void)unused;
    play(program, sizeof program);
}

/* Three calls wait; the first is given up when it is served, and its answer goes nowhere. */
static void a_word_goes_where_it_is_sent(void **unused)
{
    static const uint8_t program[] = {
        START(1),
        START(2),
        AUTHORITY(AUTHORITY_CALL, 1, OWN(NONE, 1), 0),
        AUTHORITY(AUTHORITY_CALL, 1 + AUTHORITY_FAR, OWN(NONE, 1), 0),
        AUTHORITY(AUTHORITY_CALL, 1, OWN(NONE, 1), 0),
        AUTHORITY(AUTHORITY_RECV, 2, OWN(NONE, 0), 0),
        AUTHORITY(AUTHORITY_RECV, 2 + AUTHORITY_FAR, OWN(NONE, 0), 0),
        AUTHORITY(AUTHORITY_CANCEL, 1, 0, 0),
        AUTHORITY(AUTHORITY_CALL, 1, OWN(NONE, 1), 0),
        AUTHORITY(AUTHORITY_RETURN, 2, 0, 0),
        AUTHORITY(AUTHORITY_RETURN, 2 + AUTHORITY_AGAIN, 0, 0),
        AUTHORITY(AUTHORITY_RETURN, 2 + AUTHORITY_AGAIN + AUTHORITY_FAR, 0, 0),
    };

    (void)unused;
    play(program, sizeof program);
}

/* Locked while it is on its way: not to be released, copied or moved; and then given back. */
static void what_is_on_its_way_is_locked(void **unused)
{
    static const uint8_t program[] = {
        START(1),
        START(2),
        AUTHORITY(AUTHORITY_CALL, 1, OWN(NONE, 1), OWN(MOVE, 2)),
        AUTHORITY(AUTHORITY_RELEASE, 1, OWN(NONE, 2), 0),
        AUTHORITY(AUTHORITY_COPY_IT, 1, OWN(NONE, 2), 0),
        AUTHORITY(AUTHORITY_CALL, 1, OWN(NONE, 1), OWN(MOVE, 2)),
        AUTHORITY(AUTHORITY_CALL, 1, OWN(NONE, 1), OWN(COPY, 2)),
        AUTHORITY(AUTHORITY_TWO, 1, OWN(MOVE, 0), OWN(MOVE, 0)),
        AUTHORITY(AUTHORITY_CANCEL, 1, 0, 0),
        AUTHORITY(AUTHORITY_COPY_IT, 1, OWN(NONE, 2), 0),
        AUTHORITY(AUTHORITY_RELEASE, 1, OWN(NONE, 2), 0),
    };

    (void)unused;
    play(program, sizeof program);
}

/* An owner facet that only a message holds, and that ends with it; and one that is moved away. */
static void an_endpoint_closes_with_its_last_owner(void **unused)
{
    static const uint8_t program[] = {
        START(1),
        START(2),
        AUTHORITY(AUTHORITY_CALL, 1, OWN(NONE, 0), OWN(COPY, 0)),
        AUTHORITY(AUTHORITY_CALL, 2, OWN(NONE, 1), OWN(COPY, 2)),
        AUTHORITY(AUTHORITY_RELEASE, 1, OWN(NONE, 0), 0),
        AUTHORITY(AUTHORITY_CANCEL, 1, 0, 0),
        AUTHORITY(AUTHORITY_CALL, 2, OWN(NONE, 1), OWN(COPY, 2)),
        AUTHORITY(AUTHORITY_RECV, 2, OWN(NONE, 0), 0),
        AUTHORITY(AUTHORITY_CALL, 2, OWN(NONE, 0), OWN(MOVE, 0)),
        AUTHORITY(AUTHORITY_RETURN, 2 + AUTHORITY_AGAIN, 0, OWN(MINT, 0)),
    };

    (void)unused;
    play(program, sizeof program);
}

/* Both call 0, which comes last: 1 is served and dies, 2 is served when 0 dies. */
static void whoever_dies_the_others_are_told(void **unused)
{
    static const uint8_t program[] = {
        START(1),
        START(2),
        START(0),
        AUTHORITY(AUTHORITY_RECV, 0, OWN(NONE, 0), 0),
        AUTHORITY(AUTHORITY_CALL, 1, OWN(NONE, 2), OWN(MOVE, 0)),
        AUTHORITY(AUTHORITY_CALL, 2, OWN(NONE, 1), OWN(MOVE, 0)),
        DIE(1),
        AUTHORITY(AUTHORITY_RETURN, 0 + AUTHORITY_AGAIN, 0, OWN(COPY, 0)),
        AUTHORITY(AUTHORITY_RECV, 0, OWN(NONE, 0), 0),
        DIE(0),
        START(1),
        START(0),
    };

    (void)unused;
    play(program, sizeof program);
}

/* More than the table and the records have room for. */
static void what_there_is_no_room_for_is_refused(void **unused)
{
    uint8_t program[4u * 40u];

    (void)unused;
    for (uint32_t i = 0; i < sizeof program; i += 4) {
        const uint8_t rounds[3][4] = {
            {AUTHORITY(AUTHORITY_TWO, 0, OWN(MINT, 0), OWN(MINT, 0))},
            {AUTHORITY(AUTHORITY_RECV, 0, OWN(NONE, 0), 0)},
            {AUTHORITY(AUTHORITY_CALL, 0, OWN(NONE, 0), OWN(NONE, 0))},
        };
        const uint8_t begin[4] = {START(0)};

        memcpy(program + i, i == 0 ? begin : rounds[i / 4 % 3], 4);
    }
    play(program, sizeof program);
}

/*
 * Without heap: no endpoint, and no capabilities with a call that waits, though with one that is
 * received, and with answers. What is taken back can be spent once more, and no more than that.
 */
static void what_there_is_no_heap_for_is_refused(void **unused)
{
    static const uint8_t program[] = {
        START(1),
        START(2),
        AUTHORITY(AUTHORITY_SPEND, 1, 0, 0),
        AUTHORITY(AUTHORITY_MAKE, 1, OWN(NONE, 0), 0),
        AUTHORITY(AUTHORITY_CALL, 1, OWN(NONE, 1), OWN(COPY, 0)),
        AUTHORITY(AUTHORITY_CALL, 1, OWN(NONE, 1), OWN(MOVE, 2)),
        AUTHORITY(AUTHORITY_RECV, 2, OWN(NONE, 0), 0),
        AUTHORITY(AUTHORITY_CALL, 1, OWN(NONE, 1), OWN(MOVE, 2)),
        AUTHORITY(AUTHORITY_RETURN, 2, 0, OWN(MINT, 0)),
        AUTHORITY(AUTHORITY_SPEND, 1, 0, 0),
        AUTHORITY(AUTHORITY_CALL, 1, OWN(NONE, 1), OWN(COPY, 0)),
        AUTHORITY(AUTHORITY_MAKE, 1, OWN(NONE, 0), 0),
        AUTHORITY(AUTHORITY_SPEND, 1, 0, 0),
        AUTHORITY(AUTHORITY_CANCEL, 1, 0, 0),
        AUTHORITY(AUTHORITY_CALL, 1, OWN(NONE, 1), OWN(COPY, 0)),
        AUTHORITY(AUTHORITY_CALL, 1, OWN(NONE, 1), OWN(COPY, 0)),
        DIE(1),
    };

    (void)unused;
    play(program, sizeof program);
}

/* Ids of the past, the future, and of others are nobody's. */
static void an_id_is_good_in_its_own_table_and_once(void **unused)
{
    uint8_t program[4u * 90u] = {START(0), START(1)};

    (void)unused;
    for (uint32_t i = 8; i < sizeof program; i += 4) {
        uint32_t id = AUTHORITY_EARLIER + i / 4 % 3;
        uint32_t op = AUTHORITY_CALL + i / 12 % 5;
        const uint8_t step[4] = {AUTHORITY(op, i / 4 % 2, AUTHORITY_CAP(AUTHORITY_COPY, id, i / 16),
                                           AUTHORITY_CAP(AUTHORITY_MOVE, id, i / 16))};

        memcpy(program + i, step, sizeof step);
    }
    play(program, sizeof program);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent_arrives_once),
        cmocka_unit_test(a_word_goes_where_it_is_sent),
        cmocka_unit_test(what_is_on_its_way_is_locked),
        cmocka_unit_test(an_endpoint_closes_with_its_last_owner),
        cmocka_unit_test(whoever_dies_the_others_are_told),
        cmocka_unit_test(what_there_is_no_room_for_is_refused),
        cmocka_unit_test(what_there_is_no_heap_for_is_refused),
        cmocka_unit_test(an_id_is_good_in_its_own_table_and_once),
        cmocka_unit_test(anything_at_all),
    };

    if (argc > 1) {
        const char *wrong = play_seed(strtoull(argv[1], NULL, 0));
        printf("%s\n", wrong != NULL ? wrong : "kernel and model agree");
        return wrong != NULL ? 1 : 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
