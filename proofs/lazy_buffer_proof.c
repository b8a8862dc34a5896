// SPDX-License-Identifier: MIT
/*
 * The lazy buffer in any state that its check accepts, with an allocator that may refuse:
 * the buffer never holds more than one piece, nor forgets one, nor lends less than was asked.
 */
#include "proof.h"

#include "../lib/lazy_buffer.c"

#define BYTES_MOST 64u

_Noreturn void lib_assert_failed(const char *sentence, const char *file, int line)
{
    (void)file;
    (void)line;
    proof_assert_failed(sentence);
}

/* Pieces that are out, and the sum of their sizes. The allocator has two to give. */
static uint8_t pieces[2][BYTES_MOST];
static size_t out[2];

static void *alloc(void *context, size_t bytes)
{
    unsigned which = out[0] == 0 ? 0 : 1;

    PROVE(context == &out && bytes > 0 && bytes <= BYTES_MOST);
    PROVE(out[which] == 0);
    if (nondet_bool()) {
        return NULL;
    }
    out[which] = bytes;
    return pieces[which];
}

static void give_back(void *context, void *memory, size_t bytes)
{
    unsigned which = memory == pieces[0] ? 0 : 1;

    PROVE(context == &out && memory == pieces[which]);
    PROVE(bytes != 0 && bytes == out[which]);
    out[which] = 0;
}

static const struct lazy_buffer_source source = {alloc, give_back, &out};
static struct lazy_buffer buffer;

static void any_buffer(void)
{
    unsigned which = nondet_bool() ? 1 : 0;

    out[0] = 0;
    out[1] = 0;
    buffer.limit_bytes = nondet_u64();
    buffer.bytes = nondet_u64();
    ASSUME(buffer.limit_bytes <= BYTES_MOST && buffer.bytes <= buffer.limit_bytes);
    buffer.memory = buffer.bytes == 0 ? NULL : pieces[which];
    out[which] = buffer.bytes;
}

/* Whether exactly what the buffer holds is out. */
static bool in_step(void)
{
    bool first = buffer.memory == pieces[0];

    return lazy_buffer_check(&buffer) && out[first ? 0 : 1] == buffer.bytes &&
           out[first ? 1 : 0] == 0;
}

/* CBMC: --unwind 2 */
void prove_get(void)
{
    size_t bytes = nondet_u64();
    void *memory = NULL;

    any_buffer();
    PROVE(in_step());
    struct lazy_buffer before = buffer;
    enum status status = lazy_buffer_get(&buffer, &source, bytes, &memory);
    PROVE(in_step() && buffer.limit_bytes == before.limit_bytes);
    PROVE((status == ST_INVALID) == (bytes == 0));
    PROVE((status == ST_FULL) == (bytes > buffer.limit_bytes));
    if (status == ST_OK) {
        PROVE(memory != NULL && memory == buffer.memory && buffer.bytes >= bytes);
        ((uint8_t *)memory)[bytes - 1] = 1;
    } else {
        PROVE(memory == NULL && buffer.memory == before.memory && buffer.bytes == before.bytes);
    }
}

/* CBMC: --unwind 2 */
void prove_drop(void)
{
    any_buffer();
    lazy_buffer_drop(&buffer, &source);
    PROVE(buffer.memory == NULL && out[0] == 0 && out[1] == 0 && lazy_buffer_check(&buffer));
    lazy_buffer_drop(&buffer, &source);
}
