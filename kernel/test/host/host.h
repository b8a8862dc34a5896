// SPDX-License-Identifier: MIT
/*
 * The machine on which the kernel's own files run as a program of this one: what
 * they need of hardware, memory and the console, in a few small replacements, with
 * three places where a test can interfere:
 *
 *   memory that programs write   each load is shown to `observe`, which counts it
 *                                or changes what lies there
 *   allocation                   the heap and the frames ask mem/fault.h, as the kernel's
 *                                own do
 *   the order of things          nothing runs by itself: a test says which thread is
 *                                current, how much it drains, when a slice of kernel
 *                                work is done and when a tick passes (world.h)
 *
 * GS base is this CPU's struct, as in the kernel. The instructions STI, CLI and HLT,
 * which a program may not execute, are stepped over; a halt lets a tick pass.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct host {
    /* Shown each load of memory that a program can write, before it is done. NULL: nobody. */
    void (*observe)(const void *address, size_t bytes);
    void (*panicked)(const char *sentence); /* a last word before the end; NULL: none */
    uint64_t frames;                        /* that there are */
};

extern struct host host;

/* Makes the machine. Once, before anything of the kernel is called. */
void host_start(void);
