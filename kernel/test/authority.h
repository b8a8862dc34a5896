// SPDX-License-Identifier: MIT
/*
 * A small language of what processes do with capabilities, and its interpreter, which drives
 * the hosted kernel and a model of who may do what (authority_model.h) side by side. The unit
 * test gives it programs written by hand and by a random generator, the fuzz target gives it
 * bytes.
 *
 * An instruction is four bytes: what is done; who does it, and with AGAIN or buffers outside
 * the message area; and twice a capability, to act on or to send along, which may be of
 * somebody else, of the past or the future, or none. AUTHORITY() writes one.
 *
 * After each instruction, when all deferred work is done, the two must agree in everything:
 *
 *   A1  each object is held as often as slots, messages on their way and records hold it
 *   A2  each table has just what the model has in it; nobody else's changed
 *   A3  an id that comes was never seen in its table before, and finds one slot
 *       each entry has completed as the model says, or has not, and none twice
 *       each account is charged with what the model says that it pays for
 *       each word lies where the model says, and nothing where it says that nothing has come
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define AUTHORITY_ACTORS    3u
#define AUTHORITY_STEPS_MAX 400u /* what comes behind in a program is not run */

enum authority_op {
    AUTHORITY_START, /* a process, with an endpoint of its own, whose clients are all others too */
    AUTHORITY_DIE,
    AUTHORITY_CALL,    /* the first capability; a word and the second come along */
    AUTHORITY_RECV,    /* the first */
    AUTHORITY_RETURN,  /* the call that `first` counts to; a word and the second come along */
    AUTHORITY_RELEASE, /* the first */
    AUTHORITY_COPY_IT, /* the first, into another slot */
    AUTHORITY_CANCEL,  /* the entry in flight that `first` counts to */
    AUTHORITY_TWO,     /* CALL or RETURN as above, with both capabilities coming along */
    AUTHORITY_MAKE,    /* an endpoint, by the first, which may be a factory */
    AUTHORITY_SPEND,   /* all that is left of its heap; or gives that back */
    AUTHORITY_OPS
};

enum authority_who {
    AUTHORITY_AGAIN = AUTHORITY_ACTORS,
    AUTHORITY_FAR = 2 * AUTHORITY_ACTORS,
    AUTHORITY_ANSWER = 4 * AUTHORITY_ACTORS, /* of AUTHORITY_TWO: RETURN; above, which */
};

/* What is done with a capability that is sent along. */
enum authority_way {
    AUTHORITY_NONE,
    AUTHORITY_COPY,
    AUTHORITY_MOVE,
    AUTHORITY_MINT,
    AUTHORITY_NO_WAY, /* a mode that there is not */
    AUTHORITY_WAYS
};

/*
 * Whose id it is: the so many-th slot's of one's own, of those that make sense there if there
 * are any, or something else made of that.
 */
enum authority_id {
    AUTHORITY_OWN,
    AUTHORITY_EARLIER,
    AUTHORITY_LATER,
    AUTHORITY_OTHERS,
    AUTHORITY_IDS
};

#define AUTHORITY_CAP(way, id, slot) ((way) + AUTHORITY_WAYS * ((id) + AUTHORITY_IDS * (slot)))
#define AUTHORITY(op, who, first, second)                                                          \
    (uint8_t)(op), (uint8_t)(who), (uint8_t)(first), (uint8_t)(second)

/*
 * Runs a program, and ends all processes that are left behind it. Returns where kernel and
 * model differ, a sentence good until the next, or NULL: nowhere.
 */
const char *authority_play(const uint8_t *program, size_t bytes);
