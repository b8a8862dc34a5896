// SPDX-License-Identifier: MIT
/*
 * The x87 and SSE registers of user programs. The kernel uses none of them, but for one
 * that clear_page puts back. AVX stays off: its instructions are invalid opcodes, so
 * FXSAVE holds the whole state.
 *
 * A program that waits in cap_enter keeps only the two control words (abi/syscall.h);
 * a preempted one has everything saved.
 */
#pragma once

#include <stdint.h>

/* An FXSAVE image. */
struct fpu_area {
    _Alignas(16) uint8_t bytes[512];
};

/* Switches x87 and SSE on, AVX off, and clears the registers. Needs FXSR. */
void fpu_init(void);

/* Saves all registers; they keep their contents. */
static inline void fpu_save(struct fpu_area *area)
{
    __asm__ volatile("fxsave64 %0" : "=m"(*area));
}

/*
 * Loads all registers, which are from fpu_save, fpu_control_save or fpu_initial. Some processors
 * restore the addresses of the last x87 instruction only when an exception is pending, and
 * so would show those of another program. FNINIT clears them.
 */
static inline void fpu_restore(const struct fpu_area *area)
{
    __asm__ volatile("fninit");
    __asm__ volatile("fxrstor64 %0" : : "m"(*area));
}

/* The state of a program that has not run yet. */
extern struct fpu_area fpu_initial;

/* Clears all registers and sets the control words to their initial values. */
static inline void fpu_scrub(void)
{
    fpu_restore(&fpu_initial);
}

/* Where the image has the two control words (AMD64 manual, volume 2, section 11.4.4). */
#define FPU_IMAGE_X87_CONTROL 0u
#define FPU_IMAGE_MXCSR       24u

/*
 * Saves the two control words, in an image that was fpu_initial: all else in it stays as
 * clean as that, so fpu_restore of it clears all registers and sets the two.
 */
static inline void fpu_control_save(struct fpu_area *clean)
{
    __asm__ volatile("stmxcsr %0" : "=m"(clean->bytes[FPU_IMAGE_MXCSR]));
    __asm__ volatile("fnstcw %0" : "=m"(clean->bytes[FPU_IMAGE_X87_CONTROL]));
}
