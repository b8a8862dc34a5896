// SPDX-License-Identifier: MIT
/*
 * The shadow, the checks that the compiler calls, and what it calls where behaviour is
 * undefined. Compiled without either sanitizer; the names and structs are the compilers'.
 * Each finding is a panic: nothing goes on.
 */
#include "sanitize.h"

#include <lib/bits.h>
#include <stdbool.h>

#include "mem/addr.h"
#include "mem/frame.h"
#include "panic.h"

#define UNIT 8u

static uint8_t *shadow;  /* NULL: not yet */
static uint64_t covered; /* bytes from DIRECT_MAP_BASE on */

static bool is_covered(uint64_t address)
{
    return shadow != NULL && address - DIRECT_MAP_BASE < covered;
}

static uint8_t *shadow_of(uint64_t address)
{
    return &shadow[(address - DIRECT_MAP_BASE) / UNIT];
}

void sanitize_init(void)
{
    uint64_t nframes = frame_total();
    uint64_t bytes = bits_round_up((nframes << FRAME_SHIFT) / UNIT, FRAME_BYTES);
    struct paddr first;

    if (frame_alloc_contiguous(NULL, bytes >> FRAME_SHIFT, &first) != ST_OK) {
        panic("there is no memory for the shadow of %lu frames", nframes);
    }
    uint8_t *made = phys_to_virt(first);
    for (uint64_t i = 0; i < bytes; i++) {
        made[i] = SANITIZE_NOTHING;
    }
    covered = nframes << FRAME_SHIFT;
    shadow = made;
    for (uint64_t i = 0; i < nframes; i++) {
        struct paddr frame = {i << FRAME_SHIFT};
        if (frame_is_free(frame)) {
            sanitize_mark(phys_to_virt(frame), FRAME_BYTES, SANITIZE_FREE_FRAME);
        }
    }
}

void sanitize_mark(const void *from, size_t bytes, enum sanitize_why why)
{
    uint64_t address = (uint64_t)from;

    if (!is_covered(address)) {
        return;
    }
    ASSERT(address % UNIT == 0 && bytes % UNIT == 0, "marking %zu bytes at %lx", bytes, address);
    for (size_t i = 0; i < bytes / UNIT; i++) {
        shadow_of(address)[i] = (uint8_t)why;
    }
}

void sanitize_open(const void *block, size_t bytes)
{
    sanitize_mark(block, bytes - bytes % UNIT, SANITIZE_NOTHING);
    if (bytes % UNIT != 0 && is_covered((uint64_t)block)) {
        *shadow_of((uint64_t)block + bytes) = (uint8_t)(bytes % UNIT);
    }
}

static const char *why_text(uint8_t why)
{
    switch (why) {
    case SANITIZE_FREE_FRAME:
        return "in a frame that is free";
    case SANITIZE_FREE_BLOCK:
        return "in a heap block that is free";
    case SANITIZE_BEHIND_BLOCK:
        return "behind a heap block";
    default:
        return "over the end of a heap block";
    }
}

static _Noreturn void report(uint64_t address, size_t bytes, const char *what, uint8_t why)
{
    shadow = NULL; /* a panic looks at anything */
    panic("sanitizer: %zu bytes %s at %lx, %s", bytes, what, address, why_text(why));
}

static inline void check(uint64_t address, size_t bytes, const char *what)
{
    if (bytes == 0 || !is_covered(address)) {
        return;
    }
    for (uint64_t at = address & ~(uint64_t)(UNIT - 1u); at < address + bytes; at += UNIT) {
        uint8_t why = is_covered(at) ? *shadow_of(at) : 0;
        uint64_t end = address + bytes - at; /* of what is touched of this unit */
        if (why != 0 && (why >= UNIT || (end < UNIT ? end : UNIT) > why)) {
            report(address, bytes, what, why);
        }
    }
}

void sanitize_check(uint64_t from, size_t bytes)
{
    check(from, bytes, "touched");
}

/* ---------------------------------------------------------------------------
 * The address sanitizer's calls */

#define CHECKS(n)                                                                                  \
    void __asan_load##n##_noabort(uint64_t address);                                               \
    void __asan_load##n##_noabort(uint64_t address)                                                \
    {                                                                                              \
        check(address, n, "read");                                                                 \
    }                                                                                              \
    void __asan_store##n##_noabort(uint64_t address);                                              \
    void __asan_store##n##_noabort(uint64_t address)                                               \
    {                                                                                              \
        check(address, n, "written");                                                              \
    }

CHECKS(1)
CHECKS(2)
CHECKS(4)
CHECKS(8)
CHECKS(16)

/* The compiler's names. NOLINTBEGIN(readability-identifier-naming) */
void __asan_loadN_noabort(uint64_t address, size_t bytes);
void __asan_storeN_noabort(uint64_t address, size_t bytes);
void __asan_handle_no_return(void);

void __asan_loadN_noabort(uint64_t address, size_t bytes)
{
    check(address, bytes, "read");
}

void __asan_storeN_noabort(uint64_t address, size_t bytes)
{
    check(address, bytes, "written");
}

void __asan_handle_no_return(void)
{
}

/* NOLINTEND(readability-identifier-naming) */

/* ---------------------------------------------------------------------------
 * Undefined behaviour: each handler is told where, first of all */

struct location {
    const char *file;
    uint32_t line;
    uint32_t column;
};

#define HANDLER(name, sentence)                                                                    \
    void __ubsan_handle_##name(const struct location *at);                                         \
    void __ubsan_handle_##name(const struct location *at)                                          \
    {                                                                                              \
        panic("sanitizer: %s (%s:%u)", sentence, at->file, at->line);                              \
    }

HANDLER(add_overflow, "a sum does not fit its type")
HANDLER(sub_overflow, "a difference does not fit its type")
HANDLER(mul_overflow, "a product does not fit its type")
HANDLER(negate_overflow, "a negative does not fit its type")
HANDLER(divrem_overflow, "a division by zero, or whose result does not fit")
HANDLER(shift_out_of_bounds, "a shift by more than the type has bits, or of a negative")
HANDLER(out_of_bounds, "an index behind the end of its array")
HANDLER(type_mismatch_v1, "a pointer that is null, misaligned, or to too little")
HANDLER(alignment_assumption, "a pointer that is less aligned than was promised")
HANDLER(pointer_overflow, "pointer arithmetic that wraps around")
HANDLER(load_invalid_value, "a value that its type does not have")
HANDLER(builtin_unreachable, "a place that cannot be reached")
HANDLER(invalid_builtin, "an argument that the builtin has no result for")
HANDLER(nonnull_arg, "a null argument where none may be")
HANDLER(vla_bound_not_positive, "an array of no or negative length")

/* The only one that is told where in its second argument. */
/* NOLINTBEGIN(readability-identifier-naming) */
void __ubsan_handle_nonnull_return_v1(const void *data, const struct location *at);
void __ubsan_handle_nonnull_return_v1(const void *data, const struct location *at)
{
    (void)data;
    panic("sanitizer: null returned where it may not be (%s:%u)", at->file, at->line);
}
/* NOLINTEND(readability-identifier-naming) */
