// SPDX-License-Identifier: MIT
/*
 * What the processor can do, and what of it is switched on. Control-register bits
 * follow CPUID strictly: on some machines a bit that is not supported hangs.
 */
#pragma once

#include <stdbool.h>

struct cpu_features {
    /* Needed: the kernel does not run without. */
    bool nx;
    bool fxsr; /* FXSAVE, SSE and SSE2 */
    bool syscall;

    /* Used where present. */
    bool pge;
    bool smep;
    bool smap;
    bool umip;
    bool huge_pages; /* 1 GiB */
};

/*
 * Reads CPUID, and switches on NX and write protection, which page tables depend
 * on. Returns NULL, or a sentence naming what the processor lacks.
 */
const char *features_init(void);

/* Switches on global pages, SMEP, SMAP and UMIP where present. On the kernel's own page tables. */
void features_enable(void);

/* Valid after features_init(). Never changes again. */
const struct cpu_features *features_get(void);

/* One line saying what is on. */
void features_print(void);
